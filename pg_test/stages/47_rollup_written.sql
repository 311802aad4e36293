-- Bug: default privileges let anybody read, change and empty what pg_tally makes, and status stayed fresh. Taking pg_tally out, and in again.
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS tally_written_anon;
CREATE ROLE tally_written_anon ROLE CURRENT_USER;
CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO tally_written_anon;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT ALL ON TABLES TO tally_written_anon, PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA tally GRANT ALL ON TABLES TO tally_written_anon;
CREATE TABLE app.events (at timestamptz NOT NULL, who text, ms int);
CREATE INDEX ON app.events (at); CREATE INDEX ON app.events (who);
INSERT INTO app.events SELECT timestamptz '2026-01-01Z' + i * interval '1 hour', 'w' || i % 3, i FROM generate_series(1, 100) i;
SELECT tally.create_rollup('app.days', 'app.events', 'at', bucket => '1 day', dimensions => '["who"]',
    measures => '{"n": "count(*)", "spread": "tally.tdigest(ms)"}', with_data => true);
SELECT tally.create_rollup('app.people', 'app.events', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('visits', 'days', 'n');
SELECT tally.create_funnel('app.way', 'app.events', 'at', 'who', '{"a": "true", "b": "true"}', with_data => true);
SELECT * FROM tally.alter_rollup('days', add_measures => '{"most": "max(ms)"}', add_dimensions => '[{"odd": "(ms % 2)::text"}]');
CREATE FUNCTION granted() RETURNS TABLE (relation regclass, grantee text) LANGUAGE sql AS $$
    SELECT c.oid::regclass, COALESCE(g.rolname, 'PUBLIC') FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
     WHERE a.grantee <> c.relowner AND (c.relnamespace = 'app'::regnamespace AND c.relname <> 'events' OR c.relname LIKE 'dirty_keys%') AND c.relkind IN ('r',
         'v') $$;
SELECT is_empty('SELECT * FROM granted()', 'nothing that pg_tally makes is granted to anybody but its owner');
DROP VIEW app.days_live CASCADE; SELECT tally.repair('days');
SELECT is_empty('SELECT * FROM granted()', 'nor what it makes anew');
SELECT tally.refresh();

-- Who has the rights all the same is seen.
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON app.days, app.people TO tally_written_anon;
CREATE FUNCTION right_again(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT is((SELECT s.state FROM tally.status s WHERE s.rollup = 'days'), 'backfill', what || ': status says so at once');
    RETURN QUERY SELECT is_empty('(SELECT bucket, who, odd, n, most FROM app.days_live EXCEPT ALL SELECT date_trunc(''day'', at, ''UTC''), who, '
        '(ms % 2)::text, count(*), max(ms) FROM app.events GROUP BY 1, 2, 3)
        UNION ALL (SELECT date_trunc(''day'', at, ''UTC''), who, (ms % 2)::text, count(*), max(ms) FROM app.events GROUP BY 1, 2, 3 EXCEPT ALL SELECT bucket, '
            'who, odd, n, most FROM app.days_live)', what || ': the live view is exact at once');
    EXECUTE replace((SELECT s.hint FROM tally.status s WHERE s.rollup = 'days'), 'CALL tally.backfill', 'SELECT tally.refresh');
    RETURN QUERY SELECT is_empty('(SELECT bucket, who, odd, n, most FROM app.days EXCEPT ALL SELECT date_trunc(''day'', at, ''UTC''), who, (ms % 2)::text, '
        'count(*), max(ms) FROM app.events GROUP BY 1, 2, 3)
        UNION ALL (SELECT date_trunc(''day'', at, ''UTC''), who, (ms % 2)::text, count(*), max(ms) FROM app.events GROUP BY 1, 2, 3 EXCEPT ALL SELECT bucket, '
            'who, odd, n, most FROM app.days)', what || ': and undone by the next refresh');
    RETURN QUERY SELECT is((SELECT s.state FROM tally.status s WHERE s.rollup = 'days'), 'fresh', what || ': then fresh');
END $$;
SET ROLE tally_written_anon; DELETE FROM app.days WHERE n > 1; RESET ROLE;
SELECT right_again('DELETE');
SET ROLE tally_written_anon; UPDATE app.days SET n = 7; RESET ROLE;
SELECT right_again('UPDATE');
SET ROLE tally_written_anon; INSERT INTO app.days (bucket, who, odd, n) VALUES ('2026-05-01Z', 'forged', '0', 5); RESET ROLE;
SELECT right_again('INSERT');
SET ROLE tally_written_anon; TRUNCATE app.days; RESET ROLE;
SELECT right_again('TRUNCATE');
SET ROLE tally_written_anon; DELETE FROM app.people; RESET ROLE;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'people'), 'backfill', 'per key too');
SELECT tally.refresh();
SELECT is((SELECT sum(n) FROM app.people), 100::numeric, 'and undone');
-- History that could not be computed again.
SELECT tally.freeze_source('app.events', '2026-01-03Z') FROM (SELECT tally.drop_rollup('people'), tally.drop_funnel('way')) gone;
SET SESSION AUTHORIZATION tally_written_anon;
SELECT throws_ok('DELETE FROM app.days', '42501', NULL, 'where history is frozen it is refused');
-- Bug: whether a superuser wrote was asked of session_user, which names the scheduler, and whoever said SET ROLE in his session.
RESET SESSION AUTHORIZATION;
SET ROLE tally_written_anon;
SELECT throws_ok('DELETE FROM app.days', '42501', NULL, 'a superuser who has said SET ROLE is that role');
RESET ROLE;
CREATE FUNCTION app.of_anon() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'DELETE FROM app.days';
ALTER FUNCTION app.of_anon() OWNER TO tally_written_anon;
SELECT throws_ok('SELECT app.of_anon()', '42501', NULL, 'a function with the role''s rights has the role''s, whoever calls it');
SET ROLE tally_written_anon;
SELECT tally.create_task('wipe', '0 2 * * *', 'DELETE FROM app.days');
RESET ROLE;
SELECT results_eq($$SELECT left(error, 5) FROM tally.run_tasks('0 2 * * *')$$, $$VALUES ('42501')$$, 'so does his task on the superuser''s schedule');
SELECT is((SELECT count(DISTINCT bucket) FROM app.days), 5::bigint, 'and is there');
SELECT tally.drop_task('wipe');
-- Bug: what a task or a function within somebody's own refresh wrote there was taken for the engine's.
CREATE TABLE app.more (at timestamptz NOT NULL); CREATE INDEX ON app.more (at);
SELECT tally.create_rollup('app.more_days', 'app.more', 'at', bucket => '1 day', measures => '{"n": "count(*)"}', with_data => true);
GRANT SELECT, INSERT ON app.more_days TO tally_written_anon;
SET ROLE tally_written_anon;
SELECT tally.create_task('forge', '0 2 * * *', $$INSERT INTO app.more_days (bucket, n) VALUES ('2026-05-01Z', 5)$$);
RESET ROLE;
SELECT results_eq($$SELECT error FROM tally.run_tasks('0 2 * * *')$$, $$VALUES (NULL::text)$$, 'a task writes where its owner may');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'more_days'), 'backfill', 'status says so at once');
SELECT is_empty('SELECT * FROM app.more_days_live', 'the live view passes over it');
SELECT tally.refresh('more_days');
SELECT is_empty('SELECT * FROM app.more_days', 'and the refresh undoes it');
SELECT tally.drop_task('forge');
CREATE SCHEMA anon AUTHORIZATION tally_written_anon;
SET ROLE tally_written_anon;
CREATE TABLE anon.events (at timestamptz NOT NULL, ms int); CREATE INDEX ON anon.events (at);
CREATE FUNCTION anon.writes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.more_days (bucket, n) VALUES ('2026-05-02Z', 5); END $$;
CREATE FUNCTION anon.says_immutable(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN PERFORM anon.writes(); RETURN $1; END $$;
SELECT tally.create_rollup('anon.own', 'anon.events', 'at', measures => '{"n": "sum(anon.says_immutable(ms))"}', with_data => true);
INSERT INTO anon.events VALUES ('2026-01-01Z', 3);
RESET ROLE;
SELECT tally.refresh('own');
SELECT is((SELECT count(*) FROM app.more_days), 1::bigint, 'a function within his own refresh has written');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'more_days'), 'backfill', 'and that is seen');
DROP SCHEMA anon CASCADE;
SELECT tally.drop_rollup('own'), tally.drop_rollup('more_days');
DROP TABLE app.more;

-- Out and in again.
CREATE TABLE app.others (at timestamptz NOT NULL, who text); CREATE INDEX ON app.others (at);
SELECT tally.create_rollup('app.keys', 'app.others', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
CREATE VIEW app.mine AS SELECT sum(n) FROM app.days;
SET ROLE tally_written_anon;
SELECT throws_like('SELECT * FROM tally.uninstall()', '%superuser%', 'for superusers');
RESET ROLE;
SELECT results_eq('SELECT what, name FROM tally.uninstall() WHERE what IN (''table'', ''statistics'', ''extension'', ''schema'') ORDER BY 1, 2',
    $$VALUES ('extension', 'pg_tally'), ('schema', 'tally'), ('statistics', 'app.days_tally_groups'), ('table', 'app.days'), ('table', 'app.keys')$$,
    'uninstall() lists what there is');
SELECT ok(EXISTS (SELECT FROM tally.uninstall() WHERE name = 'app.mine'), 'and what stands on it');
SELECT ok(to_regclass('app.days') IS NOT NULL, 'and takes nothing away yet');
SELECT lives_ok('SELECT * FROM tally.uninstall(really => true)', 'then it does');
DROP EXTENSION pg_tally CASCADE;
DROP SCHEMA tally;
SELECT is_empty($$SELECT oid::regclass FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'v') AND relname NOT IN ('events', 'others')
    UNION ALL SELECT stxrelid FROM pg_statistic_ext
    UNION ALL SELECT tgrelid FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'app.events'::regclass$$, 'nothing is left');
CREATE EXTENSION pg_tally;
SELECT lives_ok($$SELECT tally.create_rollup('app.keys', 'app.others', key => 'who', measures => '{"n": "count(*)"}', with_data => true)$$,
    'and it can be installed again');
-- Without uninstall().
DROP EXTENSION pg_tally CASCADE;
SELECT lives_ok('CREATE EXTENSION pg_tally', 'bug: after DROP EXTENSION … CASCADE it could not be installed again');
DROP TABLE app.keys;
SELECT lives_ok($$SELECT tally.create_rollup('app.keys', 'app.others', key => 'who', measures => '{"n": "count(*)"}', with_data => true)$$,
    'and defines as ever');
DROP EXTENSION pg_tally CASCADE; DROP SCHEMA app CASCADE; DROP OWNED BY tally_written_anon; DROP ROLE tally_written_anon;
SELECT * FROM finish();
