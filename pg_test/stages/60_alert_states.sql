-- Owns: the alert state machine through SQL: each row of its table, tick by tick, and what fails alone.
-- Samples come from a table the test writes, through query thresholds; the clock is the test's.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE TABLE feed (world text, value float8, samples int);
CREATE FUNCTION app.at(minute int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00Z'::timestamptz + minute * interval '1 minute'$$;
-- Sets what is seen, evaluates at a minute, and says state and number of open incidents of w1.
CREATE FUNCTION app.see(minute int, VARIADIC v float8[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM app.feed;
    INSERT INTO app.feed SELECT 'w' || n, x, 100 FROM unnest(v) WITH ORDINALITY u(x, n) WHERE x IS DISTINCT FROM -1;
    PERFORM tally.evaluate(app.at(minute));
    RETURN COALESCE((SELECT s.state FROM tally.threshold_states s WHERE s.labels = '{"world": "w1"}'), 'inactive') || ' '
        || (SELECT count(*) FROM tally.incidents i WHERE i.labels = '{"world": "w1"}' AND i.status IN ('new', 'acknowledged') AND i.recovered_at IS NULL);
END $$;
SELECT tally.create_threshold('t', query => 'SELECT world, value, samples FROM app.feed', condition => '> 10', "for" => '2 minutes',
    keep_firing_for => '2 minutes', recovery_condition => '< 5', reopen_within => '10 minutes');

-- -1 stands for a world that does not report, NULL for one without a value.
SELECT is(app.see(0, 1, 1), 'inactive 0', 'no breach: inactive');
SELECT is(app.see(1, 20, 1), 'pending 0', 'breach: pending');
SELECT is(app.see(2, 1, 1), 'inactive 0', 'no breach: pending is dropped');
SELECT is(app.see(3, 20, 1), 'pending 0', 'breach: pending anew');
SELECT is(app.see(4, NULL, 1), 'pending 0', 'no data: frozen');
SELECT is(app.see(5, 20, 1), 'pending 0', 'two minutes after, one of them without data: not yet');
SELECT is(app.see(6, 20, 1), 'firing 1', 'two minutes with data: fires');
SELECT is(app.see(7, NULL, 1), 'firing 1', 'no data: a gap is not a recovery');
SELECT is(app.see(8, 7, 1), 'firing 1', 'between recovery condition and condition: still firing');
SELECT is(app.see(9, 1, 1), 'firing 1', 'recovered, for keep_firing_for');
SELECT is(app.see(10, 20, 1), 'firing 1', 'a breach in between starts that over');
SELECT is(app.see(11, 1, 1), 'firing 1', 'recovered again');
SELECT is(app.see(12, NULL, 1), 'firing 1', 'no data: frozen');
SELECT is(app.see(13, 1, 1), 'firing 1', 'one minute counted');
SELECT is(app.see(14, 1, 1), 'inactive 0', 'two: recovered');
SELECT is((SELECT count(*) FROM tally.incidents), 1::bigint, 'one incident in all');
SELECT is(app.see(15, 20, 1) || ', ' || app.see(17, 20, 1), 'pending 0, firing 1', 'it fires again before it is closed');
SELECT is((SELECT count(*) FROM tally.incidents), 1::bigint, 'as the same incident');
SELECT results_eq('SELECT event FROM tally.incident_timeline(1)', $$VALUES ('opened'), ('recovered'), ('refired')$$, 'its timeline says refired');
SELECT is(app.see(18, -1, 1), 'firing 1', 'missing once while others report: stays');
SELECT is(app.see(19, -1, 1), 'inactive 0', 'twice: resolved');
SELECT is((SELECT recovery FROM tally.incidents), 'missing_series', 'with the reason');
SELECT lives_ok($$SELECT tally.resolve(1, 'a', 'b', 'c', app.at(20))$$, 'closed');
SELECT is(app.see(20, 20, 1) || ', ' || app.see(22, 20, 1), 'pending 0, firing 1', 'fires within the reopen window');
SELECT results_eq('SELECT id, status, reopened FROM tally.incidents', $$VALUES (1::bigint, 'new', 1)$$, 'the incident is reopened');
SELECT lives_ok($$SELECT tally.resolve(1, 'a', 'b', 'c', app.at(22))$$, 'closed while it fires');
SELECT is(app.see(40, 20, 1) || ', ' || app.see(42, 20, 1), 'pending 0, firing 1', 'fires after the reopen window');
SELECT is((SELECT max(id) FROM tally.incidents), 2::bigint, 'as another incident');

-- All at once: no data of the whole threshold, then an error, each with a meta-incident of its own.
SELECT is(app.see(43, VARIADIC '{}'), 'firing 1', 'nobody reports: no data, a gap is not a recovery');
SELECT is((SELECT count(*) FROM tally.incidents WHERE kind = 'no_data'), 0::bigint, 'once is an accident');
SELECT is(app.see(44, VARIADIC '{}'), 'firing 1', 'still nobody');
SELECT results_eq($$SELECT kind, status, severity FROM tally.incidents WHERE kind = 'no_data'$$, $$VALUES ('no_data', 'new', 'warning')$$,
    'twice is a meta-incident');
SELECT is(app.see(45, 20, 1), 'firing 1', 'data is back');
SELECT results_eq($$SELECT status FROM tally.incidents WHERE kind = 'no_data'$$, $$VALUES ('resolved')$$, 'and the meta-incident closes itself');
ALTER TABLE feed RENAME TO feed_gone;
SELECT tally.create_threshold('other', query => 'SELECT 1 AS value', condition => '> 10');
SELECT results_eq($$SELECT threshold, error FROM tally.evaluate(app.at(46))$$, $$VALUES ('t', '42P01: relation "app.feed" does not exist'), ('other', NULL)$$,
    'one failing threshold stops no other');
SELECT is((SELECT sqlstate FROM tally.evaluations JOIN tally.thresholds t ON t.id = threshold_id WHERE t.name = 't' ORDER BY tick DESC LIMIT 1), '42P01',
    'its SQLSTATE is kept');
SELECT is((SELECT state FROM tally.threshold_states WHERE kind = 'breach'), 'firing', 'an error is not a recovery');
SELECT is((SELECT opened FROM tally.evaluate(app.at(47)) WHERE threshold = 't'), 0, 'nor a breach');
SELECT is((SELECT status FROM tally.health(app.at(47)) WHERE "check" = 'failing thresholds'), 'failing', 'health says so');
SELECT results_eq($$SELECT kind, impact FROM tally.incidents WHERE status = 'new' AND kind = 'error'$$,
    $$VALUES ('error', 't: 42P01: relation "app.feed" does not exist')$$, 'and a meta-incident is filed');
ALTER TABLE feed_gone RENAME TO feed;
SELECT is(app.see(48, 20, 1), 'firing 1', 'it works again, same incident');
SELECT is((SELECT count(*) FROM tally.incidents WHERE kind = 'error' AND status = 'resolved'), 1::bigint, 'the meta-incident closes itself');

-- Duplicate label sets are an error of the threshold.
INSERT INTO feed VALUES ('w1', 3, 1);
SELECT matches((SELECT error FROM tally.evaluate(app.at(49)) WHERE threshold = 't'), '^23505: threshold ''t'' yields the label set \{"world": "w1"\} twice',
    'a duplicate label set');
SELECT lives_ok($$SELECT tally.drop_threshold('t'), tally.drop_threshold('other')$$, 'dropped');

-- Policies.
SELECT tally.create_threshold('t', query => 'SELECT world, value, samples FROM app.feed', condition => '> 10', no_data => 'breach');
SELECT is(app.see(60, NULL), 'firing 1', 'no data may count as a breach, and fires at once without for');
SELECT tally.create_threshold('t', query => 'SELECT world, value, samples FROM app.feed', condition => '> 10', no_data => 'ok', auto_resolve => true);
SELECT is(app.see(61, NULL), 'inactive 0', 'or as none; the edited rule holds from the next tick');
SELECT is((SELECT resolved_by FROM tally.incidents ORDER BY id DESC LIMIT 1), 'pg_tally', 'auto_resolve records itself as the author');
SELECT tally.create_threshold('t', query => 'SELECT world, value, samples FROM app.feed', condition => '> 10', min_samples => 101);
SELECT is(app.see(62, 20), 'inactive 0', 'fewer observations than min_samples: no data');
SELECT tally.create_threshold('t', query => 'SELECT world, value, samples FROM app.feed', condition => '= 0.3');
SELECT is(app.see(63, 0.1 + 0.2 + 1e-12), 'firing 1', '= compares at the threshold''s own precision');

-- The clock.
SELECT is_empty($$SELECT * FROM tally.evaluate(app.at(62))$$, 'an earlier tick does nothing');
SELECT is_empty($$SELECT * FROM tally.evaluate(app.at(63))$$, 'nor the same');
SELECT is(app.see(125, 5), 'inactive 0', 'ticks missed for an hour: the next one counts as it is');
SELECT throws_ok($$SELECT * FROM tally.evaluate('infinity')$$, '22023', NULL, 'as_of must be a moment');
-- Ticks in the future of the real clock: it was set back. Evaluation goes on, with the timers moved.
SELECT tally.create_threshold('t', query => 'SELECT world, value, samples FROM app.feed', condition => '> 10', "for" => '10 minutes');
UPDATE feed SET value = 20;
SELECT count(*) FROM tally.evaluate(date_trunc('minute', now()) + interval '3 hours');
SELECT count(*) FROM tally.evaluate(date_trunc('minute', now()) + interval '3 hours 4 minutes');
SELECT results_eq($$SELECT threshold, series FROM tally.evaluate(now())$$, $$VALUES ('t', 1)$$, 'the present is evaluated though the future was');
SELECT is((SELECT date_trunc('minute', now()) - active_at FROM tally.threshold_states), interval '4 minutes', 'four minutes have been served, as before');
SELECT is_empty('SELECT * FROM tally.evaluate(now())', 'once');

-- Rules are tested without data, and replayed over the past.
SELECT tally.create_threshold('t', query => 'SELECT world, value, samples FROM app.feed', condition => '> 10', "for" => '2 minutes',
    recovery_condition => '< 5');
SELECT is_empty($$SELECT * FROM tally.test_threshold('t', '[1, 20, null, 20, 20, 7, {"error": true}, 4]',
    '{inactive,pending,pending,pending,firing,firing,firing,inactive}') WHERE NOT ok$$, 'test_threshold');
SELECT results_eq($$SELECT n, transition FROM tally.test_threshold('t', '[20, 20, 20, 1]') WHERE transition <> 'none'$$,
    $$VALUES (1, 'pending'), (3, 'fired'), (4, 'recovered')$$, 'and what changes when');
CREATE TABLE log (at timestamptz, world text, value float8);
INSERT INTO log SELECT app.at(m), 'w1', CASE WHEN m BETWEEN 10 AND 20 THEN 99 ELSE 1 END FROM generate_series(0, 30) m;
SELECT tally.create_threshold('past', query => 'SELECT world, value FROM app.log WHERE at = :as_of', condition => '> 10', "for" => '5 minutes');
SELECT results_eq($$SELECT tick, transition, value FROM tally.replay('past', '2026-03-01 12:00Z', '2026-03-01 12:30Z')$$,
    $$VALUES (app.at(10), 'pending', 99::float8), (app.at(15), 'fired', 99), (app.at(21), 'recovered', 1)$$, 'replay says when it would have fired');
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 'past'), 0::bigint, 'and files nothing');
SELECT * FROM finish();
