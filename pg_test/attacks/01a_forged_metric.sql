-- Attack 1a: a row of tally.metrics written by hand on the victim's rollup, with code for an expression. The victim's next create_metric
-- put it into his flat view; a superuser's SELECT of that, or anybody's timeseries(), ran it with the reader's rights.
-- As it was (commit 382f689) the INSERT was done, and evil.pwn() ran as the superuser: seen by running this file there.
\ir prelude.psql
SELECT evil.try('insert', $$INSERT INTO tally.metrics (name, rollup_id, owner, expression, resolved, measures, type)
    SELECT 'forged', r.id, 'tally_attacker'::regrole, 'n', 'evil.pwn()', '{n}', 'double precision' FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('store', $$SELECT tally_internal._store_metric(jsonb_populate_record(m,
    '{"name": "forged", "resolved": "evil.pwn()", "expression": "evil.pwn()"}')) FROM tally.metrics m WHERE m.name = 'victim_mean'$$);
SELECT evil.try('change', $$UPDATE tally.metrics SET resolved = 'evil.pwn()'$$);
SELECT evil.try('create', $$SELECT tally.create_metric('forged', 'victim_hourly', 'n')$$);
SELECT evil.try('rename', $$SELECT tally_internal._store_metric_name(m.id, 'mine') FROM tally.metrics m WHERE m.name = 'victim_mean'$$);
SELECT evil.try('drop', $$SELECT tally_internal._forget_metric(m.id) FROM tally.metrics m WHERE m.name = 'victim_mean'$$);
-- A statement in the place of an expression, on a rollup of his own, for the superuser who comes by.
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 5);
SELECT tally.create_rollup('evil.bait', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT evil.try('statement', $$SELECT tally_internal._store_metric(jsonb_populate_record(NULL::tally.metrics,
    jsonb_build_object('name', 'bait_metric', 'rollup_id', r.id, 'search_path', 'evil', 'expression', 'n',
    'resolved', '1)::float8 AS x FROM pg_class; ALTER ROLE tally_attacker SUPERUSER; SELECT (1', 'measures', '{n}'::text[], 'type', 'double precision',
        'direction', 'neutral'))) FROM tally.rollups r WHERE r.name = 'bait'$$);
\connect - tally_victim
SET client_min_messages = error;
SELECT tally.create_metric('victim_count', 'victim_hourly', 'n');
SELECT tally.drop_metric('victim_count');
\connect - :superuser
SET client_min_messages = error;
SELECT count(*) FROM app.victim_hourly_metrics;
SELECT count(*) FROM tally.timeseries('victim_mean', since => '2026-03-01 00:00+00', as_of => '2026-03-03 00:00+00');
SELECT count(*) FROM tally.metrics m, tally.timeseries(m.name, since => '2026-03-01 00:00+00', as_of => '2026-03-03 00:00+00') WHERE m.name = 'forged';
SELECT tally.create_metric('bait_count', 'bait', 'n');
SELECT tally.drop_rollup('bait');
UPDATE public.before SET state = jsonb_set(jsonb_set(state, '{audit}', public.state() -> 'audit'), '{views}', public.state() -> 'views');
\ir verdict.psql
SELECT is((SELECT string_agg(what || ' ' || outcome, ', ' ORDER BY n) FROM evil.log WHERE what <> 'pwn'),
    'insert 42501, store 42501, change 42501, create 42501, rename 42501, drop 42501, statement 42601', 'each way is refused');
SELECT is_empty($$SELECT FROM tally.metrics WHERE name IN ('forged', 'bait_metric', 'mine')$$, 'and leaves nothing');
SELECT * FROM finish();
