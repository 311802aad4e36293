-- Attacks 1c to 1f: rows of the catalogue that name what belongs to others. c: a metric_views row, so that a superuser's create_metric
-- drops another role's view. d: a threshold on another's probe, which yields its samples. e: a rollup that receives another's late rows.
-- f: the marks of the next rollup made before it, readable by the attacker and not by the owner.
-- As it was (commit 382f689), seen there: the row of metric_views was taken, and a superuser's create_metric() then dropped app.victim_hourly_live; the
-- threshold on the victim's probe and the forged rollup were taken, _create_marks() made a table, anybody refreshed the victim's rollup. The rows of
-- dirty_ranges and source_retentions were refused then too. That late rows of others arrive (e) is taken from the list of attacks.
\ir prelude.psql
CREATE TABLE evil.mine (bucket timestamptz NOT NULL, n bigint, PRIMARY KEY (bucket));
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
SELECT tally.create_rollup('evil.bait', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
-- What is another's is named by its number: by its name it would be refused for want of the schema app.
SELECT evil.try('c view', $$INSERT INTO tally.metric_views SELECT r.id, 'tally_attacker'::regrole, v.live_view FROM tally.rollups r,
    tally.rollups v WHERE r.name = 'bait' AND v.name = 'victim_hourly'$$);
SELECT evil.try('c store', $$SELECT tally_internal._store_metric_view(r.id, v.live_view) FROM tally.rollups r,
    tally.rollups v WHERE r.name = 'bait' AND v.name = 'victim_hourly'$$);
SELECT evil.try('d insert', $$INSERT INTO tally.thresholds (name, owner, probe_id, condition, rule) VALUES ('spy', 'tally_attacker'::regrole, 1, '> 1',
    '{}')$$);
SELECT evil.try('d store', $$SELECT tally_internal._store_threshold(jsonb_populate_record(NULL::tally.thresholds,
    '{"name": "spy", "search_path": "evil", "probe_id": 1, "condition": "> 1"}'))$$);
SELECT evil.try('d metric', $$SELECT tally_internal._store_threshold(jsonb_populate_record(NULL::tally.thresholds,
    jsonb_build_object('name', 'spy', 'search_path', 'evil', 'metric_id', m.id, 'condition', '> 1'))) FROM tally.metrics m WHERE m.name = 'victim_mean'$$);
SELECT evil.try('e insert', $$INSERT INTO tally.rollups (name, relation, live_view, source, time_column, time_type, bucket) SELECT 'late', 'evil.mine',
    'evil.mine', r.source, 'at', 'timestamptz', '1 hour' FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('e retention',
    $$INSERT INTO tally.source_retentions (source, owner, time_column, horizon) SELECT r.source, 'tally_attacker'::regrole, 'at',
        '2026-03-02 00:00+00' FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('e store', $$SELECT tally_internal._store_horizon(r.source, '2026-03-02 00:00+00') FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('e apply', $$SELECT * FROM tally_internal._apply_late((SELECT r.source FROM tally.rollups r WHERE r.name = 'victim_hourly'), NULL)$$);
SELECT evil.try('f marks', $$SELECT tally_internal._create_marks((SELECT max(id) + 1 FROM tally.rollups))$$);
SELECT evil.try('f forged marks',
    $$INSERT INTO tally.rollups (id, name, relation, live_view, source, key) SELECT max(r.id) + 1, 'next', 'evil.mine', 'evil.mine', 'evil.events',
        '{ms}' FROM tally.rollups r$$);
SELECT evil.try('f range', $$INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason) SELECT r.id, '-infinity', 'infinity',
    'evil' FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('f mark store',
    $$SELECT tally_internal._mark_range(r.id, '-infinity', 'infinity', 'evil') FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('f drop', $$SELECT tally_internal._forget_rollup(r.id) FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('f change', $$SELECT tally_internal._store_change(jsonb_populate_record(r, '{"filter": "false"}'), NULL, NULL) FROM tally.rollups r
    WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('f conform', $$SELECT tally_internal._conform(r.id, '{}') FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('f keys', format('SELECT * FROM tally.dirty_keys_%s', (SELECT id FROM tally.rollups WHERE name = 'victim_keys')));
SELECT evil.try('f refresh', $$SELECT * FROM tally.refresh('victim_hourly')$$);
SELECT evil.try('f unit', $$SELECT * FROM tally_internal._refresh_isolated((SELECT id FROM tally.rollups WHERE name = 'victim_hourly'), true, NULL, NULL)$$);
\ir verdict.psql
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE outcome <> '42501'$$, 'each try is refused for want of the right');
SELECT is((SELECT count(*) FROM evil.log WHERE outcome = '42501'), 19::bigint, 'all nineteen');
SELECT * FROM finish();
