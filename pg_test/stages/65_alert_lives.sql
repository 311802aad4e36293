-- Owns: what an incident is after it was closed: its lives, the bucket that was judged, and the person behind a role.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE feed (value float8);
INSERT INTO feed VALUES (20);
CREATE FUNCTION app.at(minute int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 00:00Z'::timestamptz + minute * interval '1 minute'$$;
CREATE FUNCTION app.see(minute int, v float8) RETURNS void
    LANGUAGE sql AS $$UPDATE app.feed SET value = v; SELECT count(*) FROM tally.evaluate(app.at(minute))$$;

-- A reopened incident kept the stamps of its last life: the second acknowledgement was lost.
SELECT tally.create_threshold('t', query => 'SELECT value FROM app.feed', condition => '> 10', auto_resolve => true, reopen_within => '1 hour',
    response_target => '30 minutes');
SELECT see(0, 20);
SELECT tally.acknowledge(1, as_of => app.at(1), by => 'ann');
SELECT see(10, 1);
SELECT results_eq('SELECT status, resolved_by FROM tally.incidents', $$VALUES ('resolved', 'pg_tally')$$, 'it closed itself');
SELECT see(13, 20);
SELECT results_eq('SELECT status, reopened, opened_at, life_since, respond_by, acknowledged_at, acknowledged_by, acknowledged_person, recovered_at, recovery, '
    'resolved_at, resolved_by, root_cause FROM tally.incidents',
    $$VALUES ('new', 1, app.at(0), app.at(13), app.at(43), NULL::timestamptz, NULL, NULL, NULL::timestamptz, NULL, NULL::timestamptz, NULL, NULL)$$,
        'a reopened incident is new: no stamp of its last life is left');
SELECT tally.acknowledge(1, as_of => app.at(18), by => 'bob');
SELECT results_eq('SELECT acknowledged_at, acknowledged_person FROM tally.incidents', $$VALUES (app.at(18), 'bob')$$, 'the second acknowledgement counts');
SELECT tally.resolve(1, 'a', 'b', 'c', app.at(23), by => 'bob');
SELECT results_eq('SELECT life, began_at, acknowledged_at, recovered_at, resolved_at FROM tally.incident_lives ORDER BY life',
    $$VALUES (1::bigint, app.at(0), app.at(1), app.at(10), app.at(10)), (2, app.at(13), app.at(18), NULL, app.at(23))$$, 'the timeline keeps every life');
SELECT is((SELECT value FROM tally.health(app.at(24)) WHERE "check" = 'time to acknowledge'), 180::float8, 'response times are of lives: 1 and 5 minutes');
SELECT is((SELECT value FROM tally.health(app.at(24)) WHERE "check" = 'time to resolve'), 600::float8, 'so are closing times: 10 and 10 minutes');

-- The person behind an application's role.
SELECT results_eq($$SELECT event, author, person FROM tally.incident_timeline(1) WHERE author <> 'pg_tally'$$,
    format($$VALUES ('acknowledged', %1$L, 'ann'), ('acknowledged', %1$L, 'bob'), ('resolved', %1$L, 'bob')$$, current_user),
        'who it was is recorded beside the role');
SELECT throws_ok($$SELECT tally.review(1, by => ' ')$$, '22023', NULL, 'a person has a name');
SELECT lives_ok($$SELECT tally.review(1, by => 'eve')$$, 'reviewed');
SELECT results_eq('SELECT resolved_by, resolved_person, reviewed_by, reviewed_person FROM tally.incidents',
    format($$VALUES (%1$L, 'bob', %1$L, 'eve')$$, current_user),
    'in the incident too');

-- An incident that recovered and fires again had its response target behind it already, and escalated in the same tick.
SELECT tally.create_threshold('again', query => 'SELECT value FROM app.feed', condition => '> 10', response_target => '10 minutes');
SELECT see(100, 20), see(102, 1), see(200, 20), see(205, 20);
SELECT results_eq($$SELECT escalation_level, respond_by FROM tally.incidents WHERE threshold = 'again'$$, $$VALUES (0, app.at(210))$$,
    'nobody had to respond while it was over');

-- Closed by hand at 00:28:49, it paged again at 00:29 from the same bucket.
CREATE TABLE events (at timestamptz NOT NULL);
CREATE INDEX ON events (at);
SELECT tally.create_rollup('ten', 'events', 'at', '10 minutes', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('n', 'ten', 'n');
SELECT tally.create_threshold('busy', 'n', '> 3');
INSERT INTO events SELECT app.at(1000 + b) + i * interval '1 second' FROM unnest('{0,10,20,40}'::int[]) b, generate_series(1, 5) i;
SELECT results_eq($$SELECT opened FROM tally.evaluate(app.at(1010), 'busy')$$, 'VALUES (1)', 'fires from the bucket that ended');
CREATE FUNCTION app.busy() RETURNS bigint LANGUAGE sql AS $$SELECT max(id) FROM tally.incidents WHERE threshold = 'busy'$$;
CREATE TABLE first AS SELECT busy() AS id;
SELECT count(*) FROM tally.evaluate(app.at(1028), 'busy');
SELECT lives_ok('SELECT tally.resolve(busy(), ''a'', ''b'', ''c'', app.at(1028) + interval ''49 seconds'')', 'closed while it fires, a bucket later');
SELECT results_eq($$SELECT breaches, opened FROM tally.evaluate(app.at(1029), 'busy')$$, 'VALUES (1, 0)', 'the same bucket does not page again');
SELECT is((SELECT count(*) FROM tally.threshold_states s JOIN tally.thresholds t ON t.id = s.threshold_id WHERE t.name = 'busy'), 0::bigint,
    'nor does it begin to');
SELECT is((SELECT told FROM tally.evaluations e JOIN tally.thresholds t ON t.id = e.threshold_id WHERE t.name = 'busy' ORDER BY tick DESC LIMIT 1), 1,
    'which is no want of data');
SELECT results_eq($$SELECT opened FROM tally.evaluate(app.at(1030), 'busy')$$, 'VALUES (1)', 'a newer bucket does');
SELECT isnt(busy(), (SELECT id FROM first), 'as another incident');
-- Recovered, closed by hand, and then a late row breaches the bucket that was judged.
INSERT INTO events VALUES (app.at(1035));
SELECT results_eq($$SELECT recovered FROM tally.evaluate(app.at(1040), 'busy')$$, 'VALUES (1)', 'over');
SELECT lives_ok('SELECT tally.resolve(busy(), ''a'', ''b'', ''c'', app.at(1041))', 'closed');
INSERT INTO events SELECT app.at(1030) + i * interval '1 second' FROM generate_series(1, 5) i;
SELECT results_eq($$SELECT breaches, opened FROM tally.evaluate(app.at(1042), 'busy')$$, 'VALUES (1, 0)',
    'late rows do not page from a bucket that was judged');
SELECT results_eq($$SELECT opened FROM tally.evaluate(app.at(1050), 'busy')$$, 'VALUES (1)', 'the next bucket does');
-- What a probe saw once is judged once as well.
SELECT tally.create_probe('queue', 'SELECT 9 AS value', every => '10 minutes');
SELECT tally.create_threshold('queue long', metric => 'queue', condition => '> 3');
SELECT tally.evaluate(app.at(1100));
SELECT tally.resolve(max(id), 'a', 'b', 'c', app.at(1100)) FROM tally.incidents WHERE threshold = 'queue long';
SELECT is((SELECT opened FROM tally.evaluate(app.at(1101), 'queue long')), 0, 'the same sample of a probe does not page again');
SELECT is((SELECT opened FROM tally.evaluate(app.at(1110), 'queue long')), 1, 'the next one does');
SELECT * FROM finish();
