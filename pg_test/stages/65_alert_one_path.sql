-- Owns: test_threshold(), replay() and evaluate() are one path: the same samples give the same states in all three.
-- test_threshold took a NULL for an observation, so that an absent rule was inactive there and fired in the others.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE log (run int, n int, sample jsonb);
CREATE FUNCTION app.at(n int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00Z'::timestamptz + n * interval '1 minute'$$;
-- What the query of run k sees at a tick: its sample as a row, no row at all, or an error.
CREATE FUNCTION app.seen(k int, as_of timestamptz) RETURNS TABLE (value float8, samples float8) LANGUAGE plpgsql STABLE AS $$
DECLARE
    s jsonb := (SELECT l.sample FROM app.log l WHERE l.run = k AND app.at(l.n) = as_of);
BEGIN
    IF s ? 'error' THEN RAISE EXCEPTION 'no such thing'; END IF;
    RETURN QUERY SELECT (s ->> 'value')::float8, (s ->> 'samples')::float8 WHERE s <> '{}';
END $$;

SELECT setseed(0.42);
-- 40 random rules, 30 random samples each: values, infinities, NaN, NULL, too few observations, errors, nothing at all.
INSERT INTO log SELECT k, n, CASE floor(random() * 12)
        WHEN 0 THEN '{"value": null}' WHEN 1 THEN '{"value": "NaN", "samples": 9}' WHEN 2 THEN '{"value": "Infinity", "samples": 9}'
        WHEN 3 THEN '{"value": "-Infinity", "samples": 9}' WHEN 4 THEN '{"error": true}' WHEN 5 THEN '{}' WHEN 6 THEN '{"value": 99, "samples": 1}'
        ELSE jsonb_build_object('value', floor(random() * 20), 'samples', 9) END
  FROM generate_series(1, 40) k, generate_series(1, 30) n;
SELECT tally.create_threshold('r' || k, query => format('SELECT value, samples FROM app.seen(%s, :as_of)', k),
    condition => (ARRAY['> 10', '< 5', '= 7', '!= 7'])[1 + k % 4],
        "for" => make_interval(mins => k % 3), keep_firing_for => make_interval(mins => k / 3 % 3), recovery_condition => CASE WHEN k % 5 = 0 THEN '< 3' END,
        min_samples => CASE WHEN k % 2 = 0 THEN 5 END, no_data => (ARRAY['keep_last', 'breach', 'ok'])[1 + k / 2 % 3],
            on_error => (ARRAY['keep_last', 'breach', 'ok'])[1 + k / 6 % 3])
  FROM generate_series(1, 40) k;
CREATE TABLE evaluated (run int, n int, state text);
CREATE PROCEDURE app.evaluate_all() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..30 LOOP
        PERFORM tally.evaluate(app.at(i));
        INSERT INTO app.evaluated SELECT k, i, COALESCE((SELECT s.state FROM tally.threshold_states s JOIN tally.thresholds t ON t.id = s.threshold_id
                                                          WHERE t.name = 'r' || k AND s.kind = 'breach' AND s.labels = '{}'), 'inactive')
                                                              FROM generate_series(1, 40) k;
    END LOOP;
END $$;
CALL app.evaluate_all();
CREATE TABLE tested AS SELECT k AS run, x.n, x.state
  FROM generate_series(1, 40) k, LATERAL tally.test_threshold('r' || k, (SELECT jsonb_agg(l.sample ORDER BY l.n) FROM log l WHERE l.run = k)) x;
SELECT is((SELECT count(*) FROM evaluated), 1200::bigint, '40 rules, 30 ticks');
SELECT cmp_ok((SELECT count(*) FROM evaluated e WHERE e.state = s), '>', 50::bigint, 'many are ' || s) FROM unnest('{inactive,pending,firing}'::text[]) s;
SELECT is_empty('(TABLE evaluated EXCEPT ALL TABLE tested) UNION ALL (TABLE tested EXCEPT ALL TABLE evaluated)', 'test_threshold and evaluate agree');
-- A replay says what changed; the state holds until the next change.
CREATE TABLE replayed AS SELECT k AS run, x.tick, x.state FROM generate_series(1, 40) k,
    LATERAL tally.replay('r' || k, '2026-03-01 12:01Z', '2026-03-01 12:30Z') x;
SELECT is_empty($$SELECT e.* FROM evaluated e
    WHERE e.state <> COALESCE((SELECT r.state FROM replayed r WHERE r.run = e.run AND r.tick <= app.at(e.n) ORDER BY r.tick DESC LIMIT 1), 'inactive')$$,
        'replay and evaluate agree');

-- By hand.
CREATE TABLE calls (at timestamptz NOT NULL, host text NOT NULL);
CREATE INDEX ON calls (at);
INSERT INTO calls VALUES ('2026-03-01 12:00Z', 'a'), ('2026-03-01 12:00Z', 'b'), ('2026-03-01 12:05Z', 'b'), ('2026-03-01 12:10Z', 'a'),
    ('2026-03-01 12:10Z', 'b');
SELECT tally.create_rollup('calls_5m', 'calls', 'at', '5 minutes', '["host"]', '{"calls": "count(*)"}', with_data => true);
SELECT tally.create_metric('calls', 'calls_5m', 'calls');
SELECT tally.create_threshold('gone', 'calls', 'absent', per => '{host}', every => '5 minutes');
SELECT results_eq($$SELECT state FROM tally.test_threshold('gone', '[1, null, 1]', step => '5 minutes')$$, $$VALUES ('inactive'), ('firing'), ('inactive')$$,
    'absent: NULL is no observation');
SELECT results_eq($$SELECT tick, labels, transition FROM tally.replay('gone', '2026-03-01 12:05Z', '2026-03-01 12:15Z')$$,
    $$VALUES ('2026-03-01 12:10Z'::timestamptz, '{"host": "a"}'::jsonb, 'fired'), ('2026-03-01 12:15Z', '{"host": "a"}', 'recovered')$$, 'absent in replay');
SELECT results_eq($$SELECT opened, recovered FROM unnest('{2026-03-01 12:05Z,2026-03-01 12:10Z,2026-03-01 12:15Z}'::timestamptz[]) WITH ORDINALITY a(a, n),
    tally.evaluate(a, 'gone') ORDER BY n$$,
    'VALUES (0, 0), (1, 0), (0, 1)', 'absent in evaluate');
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 'gone'), 1::bigint, 'one host was absent');

-- An infinity was no data.
SELECT tally.create_threshold('endless', query => 'SELECT ''Infinity''::float8 AS value', condition => '> 100');
SELECT is((SELECT opened FROM tally.evaluate(app.at(100), 'endless')), 1, 'an infinite value breaches');
SELECT results_eq($$SELECT value, last_value, evidence -> 'observed' FROM tally.incidents WHERE threshold = 'endless'$$,
    $$VALUES ('Infinity'::float8, 'Infinity'::float8, '"Infinity"'::jsonb)$$, 'and is kept as it is');
SELECT is(tally.breaches('Infinity', '>', 100), true, 'breaches() as well');
SELECT is(tally.breaches('-Infinity', '=', 100), false, 'in both directions');
SELECT tally.create_probe('endless probe', 'SELECT ''-Infinity''::float8 AS value');
SELECT tally.create_threshold('endless below', metric => 'endless probe', condition => '< 0');
SELECT is((SELECT opened FROM tally.evaluate(app.at(101), 'endless below')), 1, 'through a probe');

-- An error or the want of data counted as a breach only where something was known already.
SELECT tally.create_threshold('broken', query => 'SELECT 1 / (random() * 0)::int AS value', condition => '> 0', on_error => 'breach');
SELECT tally.create_threshold('empty', query => 'SELECT 1 AS value WHERE false', condition => '> 0', no_data => 'breach');
SELECT results_eq($$SELECT opened FROM unnest('{broken,empty}'::text[]) n, tally.evaluate(app.at(102), n)$$, 'VALUES (1), (1)',
    'both fire when that is asked for');

-- replay said "recovered" at 0.06 > 0.05 without a word why.
CREATE TABLE rates (at timestamptz, value float8, samples int);
INSERT INTO rates VALUES (app.at(201), 0.0638, 90), (app.at(202), 0.0638, 47);
SELECT tally.create_threshold('rate', query => 'SELECT value, samples FROM app.rates WHERE at = :as_of', condition => '> 0.05', min_samples => 50,
    no_data => 'ok');
SELECT results_eq($$SELECT transition, reason FROM tally.replay('rate', '2026-03-01 15:21Z', '2026-03-01 15:22Z')$$,
    $$VALUES ('fired', NULL), ('recovered', 'no data (47 samples, min_samples is 50) counts as ok')$$, 'replay says why it recovered');
SELECT count(*) FROM tally.evaluate(app.at(201), 'rate');
SELECT count(*) FROM tally.evaluate(app.at(202), 'rate');
SELECT is((SELECT e.note FROM tally.incident_events e JOIN tally.incidents i ON i.id = e.incident_id WHERE i.threshold = 'rate' AND e.event = 'recovered'),
    'no data (47 samples, min_samples is 50) counts as ok', 'so does the timeline');
SELECT * FROM finish();
