-- Owns: who may run what acts for every owner. As it was, evaluate, run_tasks, maintain, expire, deliver and the procedures of the jobs answered
-- "permission denied for function", and evaluate_scheduled could not be granted to anybody, because its parts were the superuser's alone.
SELECT no_plan();
SET client_min_messages = error;
CREATE ROLE tally_operated;
CREATE ROLE tally_clock;
CREATE ROLE tally_member IN ROLE tally_clock;
CREATE ROLE tally_nobody;
CREATE SCHEMA app AUTHORIZATION tally_operated;
SET ROLE tally_operated;
CREATE TABLE app.events (at timestamptz NOT NULL, v int);
CREATE INDEX ON app.events (at);
CREATE TABLE app.published (n bigint);
INSERT INTO app.events SELECT now() - i * interval '1 minute', i FROM generate_series(1, 300) i;
SELECT tally.create_rollup('app.r', 'app.events', 'at', measures => '{"n": "count(*)"}', schedule => '*/5 * * * *');
SELECT tally.create_probe('p', 'SELECT 5 AS value');
SELECT tally.create_threshold('t', metric => 'p', condition => '> 1');
SELECT tally.create_task('publish', '0 2 * * *', 'INSERT INTO app.published SELECT count(*) FROM app.events');
SELECT tally.create_channel('c', kind => 'table');
RESET ROLE;
CREATE TABLE entries (entry text PRIMARY KEY, call text);
INSERT INTO entries VALUES ('tally.refresh_scheduled', 'CALL tally.refresh_scheduled(''*/5 * * * *'')'), ('tally.run_tasks', 'SELECT * FROM tally.run_tasks()'),
    ('tally.evaluate_scheduled', 'CALL tally.evaluate_scheduled()'), ('tally.evaluate', 'SELECT * FROM tally.evaluate()'),
        ('tally.sample_probes', 'SELECT * FROM tally.sample_probes()'),
    ('tally.deliver', 'SELECT * FROM tally.deliver()'), ('tally.expire', 'CALL tally.expire()'), ('tally.maintain', 'SELECT tally.maintain()');
GRANT SELECT ON entries TO PUBLIC;
SELECT bag_eq('SELECT entry FROM entries', $$SELECT DISTINCT split_part(e::text, '(', 1) FROM unnest(tally_internal._clock_entries()) e$$,
    'the list of entries is whole');
-- What a refusal says.
\ir ../message_of.psql
SET ROLE tally_nobody;
CREATE TEMP TABLE told AS SELECT e.entry, m.* FROM entries e, message_of(e.call) m;
RESET ROLE;
SELECT bag_eq('SELECT entry, state FROM told', $$SELECT entry, '42501' FROM entries$$, 'a role without the right is refused by each');
SELECT is_empty($$SELECT * FROM told
    WHERE message NOT LIKE 'tally.%acts for every owner, so only a superuser and roles to which it was granted may call it, got tally_nobody'
    OR message LIKE '%permission denied%'
    OR detail NOT LIKE 'Those are %, and their members.' OR hint NOT LIKE 'GRANT EXECUTE ON ROUTINE tally.%) TO tally_nobody;  -- by a superuser'$$,
        'in four parts, which say who may');
SELECT is((SELECT count(*) FROM tally.evaluations) + (SELECT count(*) FROM tally.probe_samples) + (SELECT count(*) FROM app.published) + (SELECT count(*)
    FROM app.r), 0::numeric::bigint, 'and nothing was done');
-- Its parts are no way around it.
SET ROLE tally_nobody;
SELECT throws_ok(call, '42501', NULL, call)
    FROM unnest(ARRAY['SELECT tally_internal._evaluate(now(), NULL)', 'SELECT tally_internal._scheduled_probes(now())',
    'SELECT tally_internal._scheduled_part(now(), ''{}'')',
    'SELECT tally_internal._scheduled_end(now(), ''{}'')', 'SELECT tally_internal._run_tasks(NULL, now())', 'SELECT tally_internal._sample_probes(now())',
        'SELECT tally_internal._deliver(now(), 1)', 'SELECT tally_internal._maintain(''0'')',
    'SELECT tally_internal._expirable(NULL)', 'SELECT tally_internal._expire_isolated(''app.events''::regclass, 1, now())',
        'SELECT tally_internal._lock_to_expire(''app.events''::regclass)', 'SELECT tally_internal._begin_refresh()',
    'SELECT tally_internal._evaluate_part(now(), true, NULL, NULL, ''{}'')', 'SELECT tally_internal._follow_up(now())']) call;
SELECT throws_ok($$SELECT tally.grant_access('clock', 'tally_nobody')$$, '42501', 'the clock''s rights are given by a superuser, got tally_nobody',
    'nor does one give oneself the right');
SELECT throws_ok('SELECT * FROM tally.start()', '42501', 'the clock is started by a superuser, or by who may write tally.jobs; got tally_nobody', 'start');
SELECT throws_ok('SELECT * FROM tally.stop()', '42501', 'the clock is stopped by a superuser, or by who may write tally.jobs; got tally_nobody', 'stop');
RESET ROLE;

-- The hint of a refusal works, as it stands, and for that entry alone.
SELECT lives_ok((SELECT hint FROM told WHERE entry = 'tally.maintain'), 'the hint can be run');
SET ROLE tally_nobody;
SELECT lives_ok('SELECT tally.maintain()', 'then the call works');
SELECT throws_ok('SELECT * FROM tally.evaluate()', '42501', NULL, 'and no other');
RESET ROLE;

-- One statement makes a clock, and a member of it is one.
SELECT cmp_ok(cardinality(tally.grant_access('clock', 'tally_clock')), '>=', 9, 'what was given is said');
SET ROLE tally_member;
CALL tally.refresh_scheduled('*/5 * * * *');
CALL tally.evaluate_scheduled();
SELECT is((SELECT array_agg(returned || COALESCE(error, '')) FROM tally.run_tasks('0 2 * * *')), '{0}', 'the task ran');
CALL tally.expire();
SELECT lives_ok(e.call, e.entry) FROM entries e WHERE e.call LIKE 'SELECT%';
SELECT is((SELECT count(*) FROM tally.thresholds) + (SELECT count(*) FROM tally.incidents) + (SELECT count(*) FROM tally.probes) + (SELECT count(*)
    FROM tally.tasks), 0::bigint, 'a clock sees no definition of others');
SELECT throws_ok('SELECT * FROM app.r', '42501', NULL, 'nor what it computed');
SELECT throws_ok($$SELECT tally.drop_rollup('r')$$, '42501', NULL, 'nor drops it');
RESET ROLE;
SELECT is((SELECT sum(n) FROM app.r), 300::numeric, 'the rollup was computed, as its owner');
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 't'), 1::bigint, 'the threshold fired');
SELECT is((SELECT array_agg(n) FROM app.published), '{300,300}', 'the task was run, by schedule and by hand');
\ir ../hosted.psql
SET ROLE tally_operated;
\if :hosted
SELECT skip('its owner is pg_tally''s own');
SELECT count(*) FROM tally.watch_itself();
\else
SELECT throws_ok('SELECT * FROM tally.evaluate()', '42501',
    'tally.evaluate acts for every owner, so only a superuser and roles to which it was granted may call it, got tally_operated',
    'an owner of definitions is no clock');
RESET ROLE;
-- It starts the clock also where a superuser's built-in thresholds are there, which it does not see.
SELECT count(*) FROM tally.watch_itself();
\endif
SET ROLE tally_member;
SELECT lives_ok('SELECT * FROM tally.start()', 'a clock starts the jobs');
SELECT bag_eq('SELECT name FROM tally.jobs', $$VALUES ('tally refresh */5 * * * *'), ('tally tasks 0 2 * * *'), ('tally evaluate'), ('tally maintain')$$,
    'all of them, also those of tasks that it does not see');
SELECT lives_ok('SELECT * FROM tally.stop()', 'and stops them');
RESET ROLE;
-- And one takes it back.
SELECT cmp_ok(cardinality(tally.revoke_access('tally_clock')), '>=', 9, 'what was taken is said');
SET ROLE tally_clock;
SELECT is((SELECT count(*) FROM entries e, message_of(e.call) m WHERE m.state = '42501'), 8::bigint, 'each refuses again');
SELECT throws_ok('SELECT * FROM tally.start()', '42501', NULL, 'start too');
RESET ROLE;
SELECT * FROM finish();
\if :hosted
\else
DROP EXTENSION pg_tally CASCADE;
\endif
DROP SCHEMA app CASCADE;
DROP TABLE entries, told;
\if :hosted
DROP OWNED BY tally_member, tally_clock, tally_nobody;
\endif
DROP ROLE tally_operated, tally_member, tally_clock, tally_nobody;
