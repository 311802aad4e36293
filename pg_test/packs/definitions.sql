-- Owns one promise: what packs define, and what was changed and added to it since, survives tally.definitions(): in an empty catalogue
-- its statements make the same definitions again.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
SELECT format('CREATE SCHEMA %I', name) FROM tally.pack_list \gexec
SELECT format('SELECT tally.generate_%s(100, target_schema => %L)', l.name, l.name) FROM tally.pack_list l \gexec
SELECT format('SELECT tally.install_pack(%L, %1$L)', name) FROM tally.pack_list ORDER BY name \gexec
SELECT tally.create_threshold(t.name, m.name, '> 12345', severity => 'info') FROM tally.thresholds t JOIN tally.metrics m ON m.id = t.metric_id
    ORDER BY t.id LIMIT 1;
SELECT tally.create_metric('one of mine', r.name,
    (SELECT m.name FROM tally.measures m WHERE m.rollup_id = r.id AND m.type = 'bigint' ORDER BY m.ordinal LIMIT 1)) FROM tally.rollups r
    WHERE r.name = 'awf_hourly';
CREATE TEMP TABLE before AS SELECT * FROM tally.definitions();
SELECT is((SELECT count(*) FROM before WHERE kind = 'pack'), (SELECT count(*) FROM tally.pack_list), 'each pack is a statement');
SELECT bag_eq($$SELECT kind, count(*) FROM before WHERE kind IN ('rollup', 'metric', 'threshold', 'probe', 'funnel', 'retention') GROUP BY kind$$,
    $$SELECT kind, n FROM (VALUES ('rollup', (SELECT count(*) FROM tally.rollups) - 2 * (SELECT count(*) FROM tally.behaviours)),
        ('metric', (SELECT count(*) FROM tally.metrics)), ('threshold', (SELECT count(*) FROM tally.thresholds)),
        ('probe', (SELECT count(*) FROM tally.probes)), ('funnel', (SELECT count(*) FROM tally.behaviours WHERE kind = 'funnel')),
            ('retention', (SELECT count(*) FROM tally.behaviours WHERE kind = 'retention'))) k(kind, n) WHERE n > 0$$,
    'and each definition');
SELECT cmp_ok((SELECT count(*) FROM before), '>', 100::bigint, 'more than a hundred');

SELECT is((SELECT count(*) FROM before WHERE statement LIKE '%> 12345%' OR name = 'one of mine'), 2::bigint, 'what was changed and added is among them');

SELECT tally.drop_metric('one of mine');
SELECT format('SELECT tally.drop_pack(%L)', name) FROM tally.pack_list ORDER BY name \gexec
SELECT is_empty('SELECT * FROM tally.definitions()', 'all is dropped');
SELECT statement FROM before ORDER BY ordinal \gexec
SELECT bag_eq('SELECT kind, name, owner, statement FROM tally.definitions()', 'SELECT kind, name, owner, statement FROM before',
    'the statements make the same again');
SELECT is_empty('SELECT rollup, error FROM tally.refresh() WHERE error IS NOT NULL', 'and all are refreshed');
SELECT * FROM finish();
