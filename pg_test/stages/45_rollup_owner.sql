-- Owners come and go: after each way of changing an owner status says what is wrong, the statement it gives is run here as it stands, and mends.
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS tally_test_maker, tally_test_heir, "Tally heir 2";
CREATE ROLE tally_test_maker; CREATE ROLE tally_test_heir; CREATE ROLE "Tally heir 2";
CREATE SCHEMA app; GRANT USAGE, CREATE ON SCHEMA app TO tally_test_maker, tally_test_heir, "Tally heir 2";
CREATE TABLE app.events (at timestamptz NOT NULL, who text, kind text, ms int);
CREATE INDEX ON app.events (at); CREATE INDEX ON app.events (who);
INSERT INTO app.events SELECT timestamptz '2026-01-01 00:00Z' + i * interval '7 minutes', 'w' || i % 5, (ARRAY['a', 'b'])[1 + i % 2], i
    FROM generate_series(1, 400) i;

CREATE FUNCTION make(tag text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT, TRIGGER ON app.events TO tally_test_maker');
    SET ROLE tally_test_maker;
    PERFORM tally.create_rollup('app.' || tag, 'app.events', 'at', bucket => '1 hour', dimensions => '["kind"]',
        measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
    PERFORM tally.create_rollup('app.' || tag || '_keys', 'app.events', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
    PERFORM tally.create_metric(tag || ' metric', tag, 'n');
    RESET ROLE;
END $$;
-- Runs what status says until it has nothing to say, three times at most, and compares with plain SQL both ways.
CREATE FUNCTION mends(tag text, what text, wanted_sqlstate text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    INSERT INTO app.events VALUES ('2026-01-03 12:00Z', 'w1', 'a', 7), ('2026-01-05 12:00Z', 'w9', 'c', 8);
    RETURN QUERY SELECT is((SELECT s.sqlstate FROM tally.status s WHERE s.rollup = tag), wanted_sqlstate, what || ': status says so at once');
    RETURN QUERY SELECT unalike((SELECT concat(s.message, s.hint) FROM tally.status s WHERE s.rollup = tag), '%[0-9]{4,}%', what || ': in names');
    RETURN QUERY SELECT throws_ok(format('SELECT tally.refresh(%L)', tag), wanted_sqlstate, NULL, what || ': a refresh refuses');
    FOR i IN 1..3 LOOP
        FOR statement IN SELECT s.hint FROM tally.status s WHERE s.rollup IN (tag, tag || '_keys') AND s.sqlstate IS NOT NULL LOOP
            EXECUTE statement;
        END LOOP;
        PERFORM tally.refresh();
    END LOOP;
    RETURN QUERY SELECT results_eq(format('SELECT rollup, state FROM tally.status WHERE rollup IN (%L, %L) ORDER BY 1', tag, tag || '_keys'),
        format('VALUES (%L, ''fresh''), (%L, ''fresh'')', tag, tag || '_keys'), what || ': the statements mend');
    RETURN QUERY SELECT is_empty(format('(TABLE app.%1$I EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL TABLE app.%1$I)', tag,
        'SELECT date_trunc(''hour'', at, ''UTC''), kind, count(*), sum(ms) FROM app.events GROUP BY 1, 2'), what || ': exact');
    RETURN QUERY SELECT is_empty(format('(TABLE app.%1$I EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL TABLE app.%1$I)', tag || '_keys_live',
        'SELECT who, count(*) FROM app.events GROUP BY 1'), what || ': and live, per key');
    RETURN QUERY SELECT lives_ok(format('SELECT tally.create_metric(%L, %L, %L)', tag || ' more', tag, 'total'), what || ': a further metric');
END $$;

SELECT make('reassigned');
REASSIGN OWNED BY tally_test_maker TO tally_test_heir; GRANT SELECT, TRIGGER ON app.events TO tally_test_heir;
SELECT mends('reassigned', 'REASSIGN OWNED', '42501');
SELECT is((SELECT string_agg(DISTINCT owner::text, ', ')
    FROM (SELECT owner FROM tally.rollups WHERE name LIKE 'reassigned%' UNION ALL SELECT owner FROM tally.metrics WHERE name LIKE 'reassigned%') o),
    'tally_test_heir', 'rollups and metrics have the new owner');

SELECT make('altered');
ALTER TABLE app.altered OWNER TO "Tally heir 2"; ALTER TABLE app.altered_keys OWNER TO "Tally heir 2"; GRANT SELECT, TRIGGER ON app.events TO "Tally heir 2";
SELECT mends('altered', 'ALTER TABLE … OWNER TO', '42501');

SELECT make('revoked');
REVOKE ALL ON app.events FROM tally_test_maker;
SELECT mends('revoked', 'the source''s owner takes its rights back', '42501');

SELECT make('gone');
REASSIGN OWNED BY tally_test_maker TO postgres;
DROP OWNED BY tally_test_maker;
DROP ROLE tally_test_maker;
SELECT is((SELECT owner::text FROM tally.rollups WHERE name = 'gone'), '-', 'nobody, and no number');
SELECT mends('gone', 'DROP ROLE', '42704');
SELECT is((SELECT owner::text FROM tally.rollups WHERE name = 'gone'), 'postgres', 'the owner of its table has it');

-- Who may give.
SET ROLE tally_test_heir;
SELECT throws_ok($$SELECT tally.set_owner('gone', 'tally_test_heir')$$, '42501', NULL, 'nobody takes what is another''s');
SELECT throws_ok($$SELECT tally.set_owner('reassigned', 'postgres')$$, '42501', NULL, 'nobody has his SQL run with the rights of a role that he is not');
RESET ROLE;
UPDATE tally.rollups SET owner = '-'::tally.role WHERE name = 'gone';
SET ROLE tally_test_heir;
SELECT throws_ok($$SELECT tally.set_owner('gone', 'tally_test_heir')$$, '42501', NULL, 'nor what is nobody''s');
RESET ROLE;
SELECT lives_ok($$SELECT tally.set_owner('gone', '"Tally heir 2"')$$, 'a superuser disposes of it, also to a role with a name in quotes');
CREATE ROLE tally_test_maker; GRANT USAGE, CREATE ON SCHEMA app TO tally_test_maker;
GRANT SELECT, TRIGGER ON app.events TO tally_test_maker;
SET ROLE tally_test_maker;
SELECT tally.create_funnel('app."Funnel"', 'app.events', 'at', 'who', '{"a": "kind = ''a''", "b": "kind = ''b''"}', with_data => true);
RESET ROLE;
SELECT lives_ok($$SELECT tally.set_owner('Funnel', 'tally_test_heir')$$, 'a funnel goes as a whole');
SELECT is((SELECT string_agg(DISTINCT c.relowner::regrole::text, ', ') FROM pg_class c
    WHERE c.relnamespace = 'app'::regnamespace AND c.relname LIKE 'Funnel%' AND c.relkind IN ('r', 'v')), 'tally_test_heir',
    'tables and views of both rollups');
SELECT is((SELECT error FROM tally.refresh() WHERE rollup = 'Funnel'), NULL, 'and is refreshed as that role');
GRANT tally_test_heir, tally_test_maker TO "Tally heir 2";
SET ROLE "Tally heir 2";
SELECT lives_ok($$SELECT tally.set_owner('Funnel', 'tally_test_maker')$$, 'who is both roles gives from one to the other');
SELECT is((SELECT string_agg(DISTINCT owner::text, ', ') FROM tally.rollups WHERE name LIKE 'Funnel%'), 'tally_test_maker', 'and it is given');
RESET ROLE;
SELECT throws_like($$SELECT tally.set_owner('Funnel', 'pg_monitor')$$, '%needs SELECT and TRIGGER%', 'to nobody without the rights that it takes');
SELECT is((SELECT string_agg(error, ' ') FROM tally.refresh() WHERE rollup LIKE 'Funnel%'), NULL, 'refreshes go on');
-- Bug: the hint of a name that is taken dropped somebody else's rollup.
SET ROLE tally_test_maker;
SELECT throws_like($$SELECT tally.create_rollup('app.reassigned', 'app.events', 'at', measures => '{"x": "count(*)"}')$$, '%exists already%',
    'a name is of the whole database');
DO $$
DECLARE
    advice text;
BEGIN
    PERFORM tally.create_rollup('app.reassigned', 'app.events', 'at', measures => '{"x": "count(*)"}');
EXCEPTION WHEN duplicate_object THEN
    GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
    PERFORM set_config('test.advice', advice, false);
END $$;
SELECT unalike(current_setting('test.advice'), '%drop_rollup%', 'the hint is never to drop what is somebody else''s');
RESET ROLE;
SELECT tally.drop_funnel('Funnel');
SELECT tally.drop_rollup(name) FROM tally.rollups ORDER BY id DESC;
SELECT is_empty('SELECT name FROM tally.rollups', 'all can be dropped');
DROP SCHEMA app CASCADE;
DROP OWNED BY tally_test_maker, tally_test_heir, "Tally heir 2";
DROP ROLE tally_test_maker, tally_test_heir, "Tally heir 2";
SELECT * FROM finish();
