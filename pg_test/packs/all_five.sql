-- Owns: all packs side by side in one database: installed, refreshed without an error, dropped without a trace.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
SELECT format('CREATE SCHEMA %I', name) FROM tally.pack_list \gexec
SELECT format('SELECT tally.generate_%s(1000, target_schema => %L)', l.name, l.name) FROM tally.pack_list l \gexec
SELECT lives_ok(format('SELECT tally.install_pack(%L, %1$L)', name), name || ' is installed beside the others') FROM tally.pack_list ORDER BY name;
SELECT is((SELECT count(*) FROM tally.packs WHERE target_schema IS NOT NULL), (SELECT count(*) FROM tally.pack_list), 'all are there');
SELECT is_empty('SELECT rollup, error FROM tally.refresh() WHERE error IS NOT NULL', 'all are refreshed');
SELECT is((SELECT string_agg(DISTINCT state, ',') FROM tally.status), 'fresh', 'and fresh');
SELECT lives_ok('SELECT * FROM tally.evaluate()', 'thresholds are evaluated');
SELECT lives_ok(format('SELECT tally.install_pack(%L, %1$L)', name), name || ' is installed again') FROM tally.pack_list ORDER BY name;
SELECT lives_ok(format('SELECT tally.drop_pack(%L)', name), name || ' is dropped') FROM tally.pack_list ORDER BY name;
SELECT is((SELECT count(*) FROM tally.rollups) + (SELECT count(*) FROM tally.metrics) + (SELECT count(*) FROM tally.probes), 0::bigint,
    'no definition is left');
SELECT bag_eq('SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN tally.pack_list l ON l.name = '
    'n.nspname WHERE c.relkind IN (''r'', ''v'')',
    'SELECT pack, relation FROM tally.pack_tables', 'and of relations the source tables alone');
SELECT * FROM finish();
