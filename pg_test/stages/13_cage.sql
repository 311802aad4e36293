-- Owns: run_as() is a cage: what a definition runs gets no other rights, leaves nothing behind, ends in time, and fails alone.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_13_caged;
CREATE ROLE tally_13_caged;
CREATE SCHEMA app AUTHORIZATION tally_13_caged;
SET ROLE tally_13_caged;
CREATE FUNCTION app.does(statement text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE statement; RETURN 1; END';
CREATE TABLE app.log (who name DEFAULT current_user);
CREATE FUNCTION app.later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO app.log VALUES (DEFAULT); RETURN NULL; END';
CREATE TABLE app.box (n int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app.box DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.later();
-- Queries that catch their cancellation: once, for ever, from within the handler, and one that then returns as if nothing had been.
CREATE FUNCTION app.stubborn() RETURNS int
    LANGUAGE plpgsql AS $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
CREATE FUNCTION app.nested() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        BEGIN
            LOOP BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN PERFORM app.nested(); END; END LOOP;
        EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(60);
        END;
    END LOOP;
END $$;
CREATE FUNCTION app.calm() RETURNS int LANGUAGE plpgsql AS $$ BEGIN BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; RETURN 1; END $$;
CREATE FUNCTION app.forged() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stop everything' USING ERRCODE = 'query_canceled'; END $$;
CREATE FUNCTION app.asserts() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ASSERT false, 'stop everything'; RETURN 1; END $$;
CREATE FUNCTION app.deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN app.deep(n + 1); END $$;
CREATE FUNCTION app.big() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN length(repeat('x', 1000000000) || repeat('x', 1000000000)); END $$;
RESET ROLE;

-- Ways out.
SELECT throws_ok(format('SELECT * FROM tally.run_as(''tally_13_caged'', '''', %L)', format('SELECT app.does(%L)', s)), code, NULL, 'refused: ' || s)
  FROM (VALUES ('SET ROLE postgres', '42501'), ('RESET ROLE', '42501'), ('SET SESSION AUTHORIZATION postgres', '42501'),
      ('RESET SESSION AUTHORIZATION', '42501'),
               ('SELECT set_config(''role'', ''postgres'', false)', '42501'), ('SELECT set_config(''session_authorization'', ''postgres'', true)', '42501'),
               ('CREATE TEMP TABLE trap (n int)', '42501'), ('CREATE TEMP VIEW trap AS SELECT 1', '42501'),
                   ('DECLARE trap CURSOR WITH HOLD FOR SELECT 1', '42501'), ('PREPARE trap AS SELECT 1', '42501'),
               ('LISTEN tally_incident', '42501'), ('INSERT INTO app.box VALUES (1)', '42501')) x(s, code);
SELECT is(current_user, 'postgres'::name, 'the caller is who he was');
SELECT is_empty('SELECT name FROM pg_prepared_statements', 'no prepared statement is left');
SELECT is_empty('SELECT name FROM pg_cursors WHERE is_holdable', 'no cursor');
SELECT is_empty('SELECT pg_listening_channels()', 'nobody listens');
SELECT is_empty('SELECT who FROM app.log', 'no trigger of the cage has run');
SET work_mem = '5MB';
SELECT lives_ok($$SELECT * FROM tally.run_as('tally_13_caged', '',
    'SELECT set_config(''work_mem'', ''1MB'', false), set_config(''search_path'', ''app'', false)')$$, 'settings may change inside');
SELECT is(current_setting('work_mem') || current_setting('search_path'), '5MB"$user", public', 'and are what they were outside');

-- Time. The limit is a small part of what each of them sleeps, so that a test that does not end shows a limit that does not hold.
SET statement_timeout = '50s';
SELECT throws_ok(format('SELECT * FROM tally.run_as(''tally_13_caged'', '''', ''SELECT app.%s()'', 200)', f), '54000', NULL, 'ended in time: ' || f)
    FROM unnest('{stubborn,nested,calm}'::text[]) f;
SET tally.refresh_timeout = '200 ms';
SELECT throws_ok($$SELECT * FROM tally.run_as('tally_13_caged', '', 'SELECT app.stubborn()')$$, '54000', NULL,
    'what a refresh runs has the limit tally.refresh_timeout');
RESET tally.refresh_timeout;
-- pgTAP's throws_ok cannot catch a cancelled statement, so a block of PL/pgSQL does.
CREATE FUNCTION pg_temp.state_of(statement text) RETURNS text
    LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; RETURN 'ended well'; EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN RETURN SQLSTATE; END $$;
SET statement_timeout = '1s';
SELECT is(pg_temp.state_of($$SELECT * FROM tally.run_as('tally_13_caged', '', 'SELECT app.stubborn()', 30000)$$), '57014',
    'the client''s own statement_timeout ends it too');
RESET statement_timeout;

-- Errors. What WHEN OTHERS does not catch would end everybody's evaluation.
SELECT is(pg_temp.state_of(format('SELECT * FROM tally.run_as(''tally_13_caged'', '''', ''SELECT app.%s'')', f)), code, format('%s is an ordinary error', f))
  FROM (VALUES ('forged()', 'P0001'), ('asserts()', 'P0001'), ('deep(1)', '54001'), ('big()', 'XX000')) x(f, code);
SELECT throws_ok('SELECT * FROM tally.run_as(4294967295::oid::regrole, '''', ''SELECT 1'')', '42704', NULL,
    'an owner that is no role is an error that says so');
SELECT is((SELECT x ->> 'n' FROM tally.run_as('tally_13_caged', '', 'SELECT 1 AS n') x), '1', 'after all that it runs what it is given');

DROP SCHEMA app CASCADE; DROP OWNED BY tally_13_caged; DROP ROLE tally_13_caged;
SELECT * FROM finish();
