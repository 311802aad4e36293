-- Owns: a slow threshold, probe or both keep nobody waiting: their queries have a limit, and the scheduled job commits on the way.
SELECT no_plan();
CREATE SCHEMA app;
CREATE TABLE app.feed (value float8);
INSERT INTO app.feed VALUES (99);
SELECT tally.create_threshold('a slow one', query => 'SELECT 1 AS value FROM pg_sleep(20)', condition => '> 0');
SELECT tally.create_threshold('b', query => 'SELECT value FROM app.feed', condition => '> 10');
SELECT tally.create_probe('slow probe', 'SELECT 1 AS value FROM pg_sleep(20)');

SET tally.query_timeout = '200 ms';
CREATE TEMP TABLE clock AS SELECT clock_timestamp() AS began;
SELECT results_eq($$SELECT threshold, opened, left(error, 60) FROM tally.evaluate('2026-03-01 12:00Z')$$,
    $$VALUES ('a slow one', 0, '54000: the query took longer than 200 ms and was ended'), ('b', 1, NULL)$$,
        'the slow query is ended as an error of its threshold, the other one fires');
SELECT cmp_ok(clock_timestamp() - began, '<', '10 seconds'::interval, 'long before it would have ended by itself') FROM clock;
SELECT results_eq($$SELECT sqlstate, message FROM tally.probes$$, $$VALUES ('54000', 'the query took longer than 200 ms and was ended')$$,
    'so is a slow probe');
SELECT is((SELECT count(*) FROM pg_sleep(0.3)), 1::bigint, 'the limit ends with the query: what follows may take longer');

-- A statement_timeout of the caller's own that ends sooner is not caught, one that ends later still holds afterwards.
\set ON_ERROR_STOP off
SET statement_timeout = '100 ms';
SELECT tally.evaluate('2026-03-01 12:01Z', 'a slow one');
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'the caller''s own shorter limit cancels the statement');
SET statement_timeout = '1 s';
SELECT tally.evaluate('2026-03-01 12:01Z', 'a slow one'), pg_sleep(5);
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '57014', 'the caller''s longer limit is armed again after the query');
RESET statement_timeout;
\set ON_ERROR_STOP on

SET tally.query_timeout = 'soon';
SELECT results_eq($$SELECT left(error, 57) FROM tally.evaluate('2026-03-01 12:02Z', 'b')$$,
    $$VALUES ('22007: tally.query_timeout must be an interval, got ''soon')$$, 'a setting that is no interval is named');
SELECT tally.drop_probe('slow probe');
SET tally.query_timeout = '0';
SELECT results_eq($$SELECT error FROM tally.evaluate('2026-03-01 12:03Z', 'b')$$, 'VALUES (NULL::text)', '0 is no limit');

-- The scheduled job: each quarter of a second is a transaction; what was slow the last time comes last.
SELECT tally.drop_threshold('a slow one'), tally.drop_threshold('b');
-- Each says in which transaction it was evaluated.
SELECT tally.create_threshold('a slow one', query => 'SELECT pg_current_xact_id()::text::float8 AS value FROM pg_sleep(1.2)', condition => '> 0');
SELECT tally.create_threshold('b', query => 'SELECT pg_current_xact_id()::text::float8 AS value', condition => '> 0');
SELECT tally.create_threshold('c', query => 'SELECT pg_current_xact_id()::text::float8 AS value', condition => '> 0');
SET tally.query_timeout = '10 s';
CALL tally.evaluate_scheduled();
SELECT results_eq($$SELECT t.name, s.value = first_value(s.value) OVER (ORDER BY t.name) FROM tally.threshold_states s
    JOIN tally.thresholds t ON t.id = s.threshold_id ORDER BY t.name$$,
    $$VALUES ('a slow one', true), ('b', false), ('c', false)$$, 'after the slow one its transaction is over');
SELECT is((SELECT count(DISTINCT s.value) FROM tally.threshold_states s), 2::bigint, 'quick ones share a transaction');
UPDATE tally.evaluations SET tick = tick - interval '1 hour';
CALL tally.evaluate_scheduled();
SELECT results_eq($$SELECT t.name FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id WHERE e.tick > now() - interval '30 minutes'
    ORDER BY e.evaluated_at$$,
    $$VALUES ('b'), ('c'), ('a slow one')$$, 'the slow one comes last');
SELECT is((SELECT count(*) FROM tally.incidents i WHERE i.threshold = 'c'), 1::bigint, 'c has one incident');
-- The minute may turn between the two calls: a tick that the first call did not have may then be judged, but no tick twice.
CREATE TEMP TABLE judged AS SELECT e.threshold_id, e.tick, e.evaluated_at FROM tally.evaluations e;
CALL tally.evaluate_scheduled();
SELECT isnt_empty('TABLE judged', 'there are ticks that were judged');
SELECT is_empty('SELECT threshold_id, tick, evaluated_at FROM judged EXCEPT ALL SELECT e.threshold_id, e.tick, e.evaluated_at FROM tally.evaluations e',
    'a second call leaves every judged tick as it was');
SELECT * FROM finish();
