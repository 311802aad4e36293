-- Owner's rights: a definition runs as its maker, whoever refreshes or writes; writers need no rights in tally.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_test_owner, tally_test_writer, tally_test_reader;
CREATE ROLE tally_test_owner; CREATE ROLE tally_test_writer; CREATE ROLE tally_test_reader;
CREATE SCHEMA app AUTHORIZATION tally_test_owner;
CREATE TABLE secret (word text); INSERT INTO secret VALUES ('x');
GRANT USAGE ON SCHEMA public TO tally_test_owner;

SET ROLE tally_test_owner;
SET search_path = app;
CREATE TABLE events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON events (at);
GRANT USAGE ON SCHEMA app TO tally_test_writer, tally_test_reader;
GRANT INSERT ON events TO tally_test_writer;
-- A function of the owner's own that says who runs it, and one that would reach for what is not the owner's.
CREATE FUNCTION app.who(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = app, pg_catalog AS $$
BEGIN
    IF current_user <> 'tally_test_owner' THEN RAISE EXCEPTION 'run as %', current_user; END IF;
    RETURN n;
END $$;
CREATE FUNCTION app.steal(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = app, pg_catalog AS $$
BEGIN
    RETURN (SELECT count(*) FROM public.secret);
END $$;
SELECT tally.create_rollup('owned', 'events', 'at', measures => '{"total": "sum(who(ms))"}');
SELECT tally.create_rollup('thief', 'events', 'at', measures => '{"total": "sum(steal(ms))"}');
RESET search_path;
RESET ROLE;

SELECT is((SELECT owner::regrole FROM tally.rollups WHERE name = 'owned'), 'tally_test_owner'::regrole, 'the maker owns it');
SET ROLE tally_test_writer;
SELECT lives_ok('INSERT INTO app.events VALUES (''2026-01-01+00'', 5)', 'a writer needs no rights in tally');
SELECT throws_ok('SELECT * FROM app.owned', '42501', NULL, 'nor gets any on the rollup');
SELECT throws_ok('DELETE FROM tally.dirty', '42501', NULL, 'nobody unmarks by hand');
SELECT throws_ok('SELECT tally.run_as(10::oid::regrole, '''', ''SELECT 1'')', '42501', NULL, 'nobody runs as another');
SELECT throws_ok($$INSERT INTO tally.rollups (name, owner, relation, live_view, source, time_column, time_type, bucket)
    VALUES ('forged', 10::oid::regrole, 'pg_class', 'pg_class', 'pg_class', 'x', 'timestamptz', '1 hour')$$, '42501', NULL,
        'nobody defines in another''s name');
SELECT throws_like('SELECT * FROM tally.verify(''owned'')', 'rollup ''owned'' must exist and belong to%', 'nobody reads another''s rollup through verify');
SELECT throws_like('SELECT tally.repair(''owned'')', 'rollup ''owned'' must exist and belong to%', 'nor has it computed anew');
SELECT throws_like('SELECT tally.drop_rollup(''owned'')', 'rollup ''owned'' can only be dropped by its owner%', 'nor drops it');
SELECT throws_like('SELECT tally.start()', 'the clock is started by%', 'nor starts the clock');
SELECT throws_like('SELECT tally.stop()', 'the clock is stopped by%', 'nor stops it');
SELECT lives_ok('SELECT * FROM tally.status', 'everybody reads status');
SELECT lives_ok('SELECT * FROM tally.health', 'and health');
RESET ROLE;

SELECT is((SELECT error FROM tally.refresh() WHERE rollup = 'owned'), NULL, 'the superuser''s refresh runs the definition as its owner');
SELECT is((SELECT total FROM app.owned), 5::bigint, 'and writes');
SELECT isnt_empty('TABLE tally.runs', 'the refresh is in the run log');
SET ROLE tally_test_writer;
SELECT is_empty('TABLE tally.runs', 'nobody reads another''s run log');
RESET ROLE;
SELECT alike((SELECT error FROM tally.refresh() WHERE rollup = 'thief'), '42501: permission denied for table secret',
    'a definition reaches no further than its owner, even when the superuser refreshes');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'thief'), 'error', 'status says so');
SELECT is((SELECT sqlstate FROM tally.status WHERE rollup = 'thief'), '42501', 'with its SQLSTATE');
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'thief'), 'SELECT tally.refresh(''thief'');', 'and what to run');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'owned'), 'fresh', 'while the other is fresh: one broken rollup stops no other');

SET ROLE tally_test_owner;
SET search_path = app, public;
GRANT SELECT ON owned, owned_live TO tally_test_reader;
-- Bug: the owner could neither verify nor repair what is his own.
SELECT lives_ok('SELECT * FROM tally.verify(''owned'')', 'the owner verifies');
SELECT lives_ok('SELECT tally.repair(''owned'')', 'repairs');
SELECT lives_ok('SELECT tally.refresh(''owned'')', 'and refreshes');
\ir ../hosted.psql
SELECT throws_ok('UPDATE tally.rollups SET owner = 10::oid::regrole', :'refused', NULL, 'no definition is given away');
RESET search_path;
RESET ROLE;
INSERT INTO app.events VALUES ('2026-01-02+00', 7);
SET ROLE tally_test_reader;
SELECT results_eq('SELECT sum(total) FROM app.owned', 'VALUES (5::numeric)', 'a reader with SELECT reads the stored rows');
SELECT throws_like('SELECT sum(total) FROM app.owned_live', '%run as tally_test_reader%', 'a live view runs functions as its reader, as every view does');
RESET ROLE;
SELECT tally.drop_rollup('owned'); SELECT tally.drop_rollup('thief');
DROP SCHEMA app CASCADE; DROP OWNED BY tally_test_owner, tally_test_writer, tally_test_reader;
DROP ROLE tally_test_owner, tally_test_writer, tally_test_reader;
SELECT * FROM finish();
