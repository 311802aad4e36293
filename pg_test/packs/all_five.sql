-- Owns: every pack that comes with the extension, installed in one database, each in a schema of its own (awf and product_analytics both call
-- their source analytics_events): all their jobs at work, installed again, and dropped in any order without a trace.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
SELECT format('CREATE SCHEMA %I', name) FROM tally.pack_list \gexec
-- A pack comes to source tables that are there, or makes them: each second pack finds its rows.
CREATE TABLE packs AS SELECT l.name, row_number() OVER (ORDER BY l.name) % 2 = 0 AS rows_first FROM tally.pack_list l;
CREATE FUNCTION filled(pack text) RETURNS text LANGUAGE sql AS $$
    SELECT lives_ok(format('SELECT tally.generate_%s(2000, until => now(), target_schema => %L)', pack, pack), pack || ' has rows')
$$;
SELECT filled(name) FROM packs WHERE rows_first ORDER BY name;
SELECT lives_ok(format('SELECT tally.install_pack(%L, %1$L)', name), name || ' is installed beside the others') FROM packs ORDER BY name;
SELECT is((SELECT count(*) FROM tally.packs WHERE target_schema::text = name), (SELECT count(*) FROM tally.pack_list), 'all are listed');
SELECT filled(name) FROM packs WHERE NOT rows_first ORDER BY name;
-- A generator that leaves a source empty leaves a panel of the demo empty: downloads, messages and broadcasts once were.
SELECT is_empty($$SELECT t.pack, t.relation FROM tally.pack_tables t
                   WHERE (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM (SELECT FROM %I.%I LIMIT 1) x', t.pack, t.relation),
                                                              false, true, '')))[1]::text = '0'$$, 'every source table has rows');
SELECT ok((SELECT count(revenue) > 0 AND count(inventory_threshold) > 0 FROM operator_control_center.control_shopify), 'shops have revenue and thresholds');
CALL tally.backfill();
SELECT is_empty('SELECT rollup, error FROM tally.refresh() WHERE error IS NOT NULL', 'all are refreshed');
SELECT is_empty('SELECT rollup, dirty_buckets FROM tally.status WHERE dirty_buckets > 0', 'every rollup of every pack is built');
SELECT is((SELECT string_agg(DISTINCT state, ',') FROM tally.status), 'fresh', 'and fresh');
SELECT is_empty('SELECT threshold, error FROM tally.evaluate() WHERE error IS NOT NULL', 'every threshold can be told');
SELECT is_empty('SELECT task, error FROM tally.run_tasks() WHERE error IS NOT NULL', 'every task runs');
SELECT is_empty('SELECT name, message FROM tally.probes WHERE sqlstate IS NOT NULL', 'every probe sees');
SELECT is((SELECT count(DISTINCT command) FROM tally_internal._wanted_jobs('* * * * *')), (SELECT count(*) FROM tally_internal._wanted_jobs('* * * * *')),
    'each job is there once');
SELECT lives_ok(format('SELECT tally.install_pack(%L, %1$L)', name), name || ' is installed again') FROM packs ORDER BY name;
SELECT lives_ok(format('SELECT tally.drop_pack(%L)', name), name || ' is dropped') FROM packs ORDER BY md5(name);
SELECT is((SELECT count(*) FROM tally.rollups) + (SELECT count(*) FROM tally.thresholds) + (SELECT count(*) FROM tally.probes) + (SELECT count(*)
    FROM tally.tasks) + (SELECT count(*) FROM tally.metrics), 0::bigint, 'no definition is left');
SELECT bag_eq('SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN tally.pack_list l ON l.name = '
    'n.nspname WHERE c.relkind IN (''r'', ''v'')',
    'SELECT pack, relation FROM tally.pack_tables', 'and of relations the source tables alone');
SELECT * FROM finish();
