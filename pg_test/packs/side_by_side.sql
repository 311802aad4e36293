-- Owns: every pack that comes with the extension, installed in one database, each in a schema of its own (awf and product_analytics both call
-- their source analytics_events), all their jobs at work, and taken back in any order.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
SELECT format('CREATE SCHEMA side_%s', name) FROM tally.pack_list \gexec
SELECT lives_ok(format('SELECT tally.install_pack(%L, %L)', name, 'side_' || name), name || ' is installed beside the others') FROM tally.pack_list
    ORDER BY name;
SELECT is((SELECT count(*) FROM tally.packs WHERE target_schema::text = 'side_' || name), (SELECT count(*) FROM tally.pack_list), 'all are listed');
SELECT lives_ok(format('SELECT tally.generate_%s(2000, until => now(), target_schema => %L)', name, 'side_' || name), name || ' has rows')
  FROM tally.pack_list WHERE to_regproc('tally.generate_' || name) IS NOT NULL ORDER BY name;
CALL tally.backfill();
SELECT is_empty('SELECT rollup, dirty_buckets FROM tally.status WHERE dirty_buckets > 0', 'every rollup of every pack is built');
SELECT is_empty('SELECT threshold, error FROM tally.evaluate() WHERE error IS NOT NULL', 'every threshold can be told');
SELECT is_empty('SELECT task, error FROM tally.run_tasks() WHERE error IS NOT NULL', 'every task runs');
SELECT is_empty('SELECT name, message FROM tally.probes WHERE sqlstate IS NOT NULL', 'every probe sees');
SELECT is((SELECT count(DISTINCT command) FROM tally_internal._wanted_jobs('* * * * *')), (SELECT count(*) FROM tally_internal._wanted_jobs('* * * * *')),
    'each job is there once');
SELECT lives_ok(format('SELECT tally.drop_pack(%L)', name), name || ' is dropped') FROM tally.pack_list ORDER BY md5(name);
SELECT is((SELECT count(*) FROM tally.rollups) + (SELECT count(*) FROM tally.thresholds) + (SELECT count(*) FROM tally.probes) + (SELECT count(*)
    FROM tally.tasks) + (SELECT count(*) FROM tally.metrics), 0::bigint, 'and nothing of them is left');
SELECT * FROM finish();
