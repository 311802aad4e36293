-- An attacker without privileges defines rollups whose every part is his own code, and a superuser schedules, writes, refreshes,
-- verifies and drops. Nothing of it may ever run as anybody but him, nor leave behind what would.
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS tally_test_attacker, tally_test_victim;
CREATE ROLE tally_test_attacker; CREATE ROLE tally_test_victim;
CREATE SCHEMA app AUTHORIZATION tally_test_attacker;
CREATE TABLE secret (word text); INSERT INTO secret VALUES ('x');
CREATE TABLE precious (bucket timestamptz, n bigint); INSERT INTO precious VALUES (now(), 1);

SET ROLE tally_test_attacker;
SET search_path = app;
CREATE TABLE events (at timestamptz NOT NULL, kind text, ms int);
CREATE INDEX ON events (at);
CREATE TABLE log (what text, as_user name DEFAULT current_user, outcome text);
-- Tries one statement and notes as whom it ran and how it ended.
CREATE FUNCTION attempt(what text, statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    INSERT INTO app.log VALUES (what, current_user, 'done');
EXCEPTION WHEN OTHERS THEN
    INSERT INTO app.log VALUES (what, current_user, SQLSTATE);
END $$;
CREATE FUNCTION evil(place text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.attempt(place, 'SELECT 1');
    PERFORM app.attempt(place || ': SET ROLE', 'SET ROLE postgres');
    PERFORM app.attempt(place || ': RESET ROLE', 'RESET ROLE');
    PERFORM app.attempt(place || ': SET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION postgres');
    PERFORM app.attempt(place || ': RESET SESSION AUTHORIZATION', 'RESET SESSION AUTHORIZATION');
    PERFORM app.attempt(place || ': set_config role', 'SELECT pg_catalog.set_config(''role'', ''postgres'', false)');
    PERFORM app.attempt(place || ': read', 'SELECT * FROM public.secret');
    PERFORM app.attempt(place || ': superuser', 'ALTER ROLE tally_test_attacker SUPERUSER');
    PERFORM app.attempt(place || ': run_as', 'SELECT * FROM tally.run_as(10::oid::regrole, '''', ''SELECT 1'')');
    PERFORM app.attempt(place || ': unmark', 'DELETE FROM tally.dirty');
    PERFORM app.attempt(place || ': members', 'UPDATE tally.members SET condition = ''app.evil()''');
    PERFORM app.attempt(place || ': log of runs', 'DELETE FROM tally.runs');
    PERFORM app.attempt(place || ': trap', 'CREATE TEMP TABLE rollups (id int)');
    PERFORM app.attempt(place || ': prepare', 'PREPARE trap AS SELECT 1');
    PERFORM app.attempt(place || ': cursor', 'DECLARE trap CURSOR WITH HOLD FOR SELECT 1');
    PERFORM app.attempt(place || ': definer', 'CREATE OR REPLACE FUNCTION app.definer() RETURNS int LANGUAGE sql SECURITY DEFINER AS ''SELECT 1''');
    RETURN 1;
END $$;
-- He lies about how volatile they are.
CREATE FUNCTION evil_of(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = app, pg_catalog AS $$ BEGIN RETURN app.evil('measure'); END $$;
CREATE FUNCTION evil_text(text) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = app,
    pg_catalog AS $$ BEGIN PERFORM app.evil('dimension'); RETURN $1; END $$;
CREATE FUNCTION evil_filter() RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = app,
    pg_catalog AS $$ BEGIN PERFORM app.evil('filter'); RETURN true; END $$;
-- Operators and casts of his. One that stands before PostgreSQL's own on his search_path has to be named in full (41_names_that_shadow.sql).
CREATE FUNCTION evil_eq(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = app,
    pg_catalog AS $$ BEGIN PERFORM app.evil('operator'); RETURN pg_catalog.texteq($1, $2); END $$;
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = evil_eq);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE FUNCTION evil_cast(mood) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = app,
    pg_catalog AS $$ BEGIN PERFORM app.evil('cast'); RETURN 'm'; END $$;
CREATE CAST (mood AS text) WITH FUNCTION evil_cast(mood);
ALTER TABLE events ADD COLUMN m mood;
SET search_path = app, pg_catalog;
SELECT tally.create_rollup('owned', 'events', 'at', dimensions => '[{"k": "evil_text(kind)"}, "m"]',
    measures => '{"total": "sum(evil_of(ms))", "n": "count(*)"}', "where" => 'evil_filter() AND kind OPERATOR(app.=) kind');
-- What he can put on the table that the engine writes to.
CREATE FUNCTION evil_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM app.evil('row trigger'); RETURN NEW; END $$;
CREATE FUNCTION evil_statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM app.evil('statement trigger'); RETURN NULL; END $$;
CREATE TRIGGER evil AFTER INSERT OR UPDATE ON owned FOR EACH ROW EXECUTE FUNCTION evil_row();
CREATE TRIGGER evil_after AFTER INSERT OR UPDATE OR DELETE ON owned FOR EACH STATEMENT EXECUTE FUNCTION evil_statement();
CREATE FUNCTION evil_index(bigint) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN app.evil('index'); END $$;
CREATE INDEX ON owned (evil_index(n));
CREATE FUNCTION evil_check(bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM app.evil('check'); RETURN true; END $$;
ALTER TABLE owned ADD CHECK (evil_check(n));
CREATE FUNCTION evil_policy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM app.evil('policy'); RETURN true; END $$;
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY evil ON owned USING (evil_policy()) WITH CHECK (evil_policy());
TRUNCATE log;
RESET search_path;
RESET ROLE;

INSERT INTO app.events VALUES ('2026-01-01+00', 'a', 5, 'good');
SELECT is((SELECT error FROM tally.refresh() WHERE rollup = 'owned'), NULL, 'the superuser''s refresh runs it all');
UPDATE app.events SET ms = 7;
SELECT is((SELECT error FROM tally.refresh() WHERE rollup = 'owned'), NULL, 'and again, with rows to update');
SELECT lives_ok($$SELECT * FROM tally.verify('owned')$$, 'verifies');
UPDATE app.events SET ms = 8;
CALL tally.refresh_scheduled('*/5 * * * *');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'owned'), 'fresh', 'and refreshes by schedule');
SELECT is_empty($$SELECT place FROM unnest('{measure,dimension,filter,operator,cast,row trigger,statement trigger,index,check}'::text[]) place
    WHERE NOT EXISTS (SELECT FROM app.log l WHERE l.what = place)$$, 'every trap went off');
SELECT is_empty($$SELECT DISTINCT what, as_user FROM app.log WHERE as_user <> 'tally_test_attacker'$$, 'and as nobody but the attacker');
SELECT is_empty($$SELECT DISTINCT what FROM app.log WHERE outcome = 'done' AND what LIKE '%:%' AND what NOT LIKE '%: definer'$$,
    'nothing of what it tried was done');
SELECT is(current_user, 'postgres'::name, 'the caller is who he was');
SELECT is((SELECT rolsuper FROM pg_roles WHERE rolname = 'tally_test_attacker'), false, 'and the attacker');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.prosecdef AND p.proname = 'definer' AND p.proowner <> 'tally_test_attacker'::regrole$$,
    'a function made on the way is its maker''s');
SELECT is_empty('SELECT name FROM pg_prepared_statements WHERE name = ''trap''', 'nothing is left in the session');

-- Code that would only run when the superuser commits.
SET ROLE tally_test_attacker;
CREATE CONSTRAINT TRIGGER evil_late AFTER INSERT OR UPDATE ON app.owned DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.evil_statement();
TRUNCATE app.log;
RESET ROLE;
INSERT INTO app.events VALUES ('2026-01-02+00', 'a', 5);
SELECT matches((SELECT error FROM tally.refresh() WHERE rollup = 'owned'), 'cannot fire deferred trigger within security-restricted operation',
    'a deferred trigger is refused, and the rollup in error');
SELECT is_empty($$SELECT DISTINCT what, as_user FROM app.log WHERE as_user <> 'tally_test_attacker'$$, 'it ran as nobody else');
SET ROLE tally_test_attacker; DROP TRIGGER evil_late ON app.owned; RESET ROLE;

-- Rules instead of triggers: the rollup waits until they are gone, the others go on.
SET ROLE tally_test_attacker;
CREATE RULE evil AS ON INSERT TO app.owned DO ALSO SELECT app.evil('rule');
TRUNCATE app.log;
RESET ROLE;
SELECT lives_ok('SELECT tally.refresh()', 'a rule on the rollup''s table is no error of the refresh of all');
SELECT is_empty($$SELECT DISTINCT what, as_user FROM app.log WHERE as_user <> 'tally_test_attacker'$$, 'and runs as nobody else');
SET ROLE tally_test_attacker; DROP RULE evil ON app.owned; RESET ROLE;

-- Triggers of capture are the engine's to make: they fire in replication's apply too, as another role.
SET ROLE tally_test_attacker;
SELECT throws_ok($$CREATE TRIGGER tally_capture_truncate_9 AFTER TRUNCATE ON app.events EXECUTE FUNCTION tally.capture_truncate()$$, '42501', NULL,
    'nobody makes a trigger of what marks');
-- Whoever adds a partition to a source must be able to execute the function of the row triggers, so anybody can make one of it.
CREATE TRIGGER tally_capture_insert_9 AFTER INSERT ON app.events FOR EACH ROW WHEN (app.evil('when') = 1) EXECUTE FUNCTION tally.capture();
RESET ROLE;
SELECT tally_internal._attach_capture('app.events');
ALTER TABLE app.events ADD COLUMN another int;
SELECT is((SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'app.events'::regclass AND tgname = 'tally_capture_insert_9'), 'O',
    'a trigger that is not the engine''s own is not made to fire always');
SET ROLE tally_test_attacker;
DROP TRIGGER tally_capture_insert_9 ON app.events;
RESET ROLE;
GRANT USAGE ON SCHEMA public TO tally_test_attacker;
CREATE TABLE others (at timestamptz NOT NULL);
GRANT SELECT ON others TO tally_test_attacker;
SET ROLE tally_test_attacker;
SELECT throws_ok($$SELECT tally.create_rollup('app.on_others', 'others', 'at', measures => '{"n": "count(*)"}')$$, '42501', NULL,
    'without TRIGGER on the source there is no rollup');
SELECT throws_ok($$SELECT tally_internal._attach_capture('public.others')$$, '42501', NULL, 'nor are triggers made for who has no rollup there');
SELECT throws_ok($$SELECT tally_internal._attach('public.others')$$, '42501', NULL, 'by whichever function');
-- Past create_rollup(): the catalogue is the engine's to write. What names a relation in it is looked up.
SELECT throws_ok($$INSERT INTO tally.rollups (name, relation, live_view, source, time_column, time_type, bucket) VALUES ('forged', 'public.precious',
    'public.precious', 'public.others', 'at', 'timestamptz', '1 hour')$$,
    '42501', NULL, 'no row of the catalogue is written by hand');
CREATE FUNCTION app.forged(relation regclass, source regclass) RETURNS tally.rollups LANGUAGE sql AS $$
    SELECT jsonb_populate_record(r,
        jsonb_build_object('id', NULL, 'name', 'forged', 'relation', $1::oid, 'live_view', $1::oid, 'source', $2::oid, 'source_rollup', NULL, 'filter', NULL,
        'owner', 10)) FROM tally.rollups r WHERE r.name = 'owned'
$$;
CREATE TABLE app.forged (LIKE app.owned INCLUDING ALL);
SELECT throws_ok(format($$SELECT tally_internal._store_rollup(app.forged(%L, %L),
    ARRAY(SELECT d FROM tally.dimensions d JOIN tally.rollups r ON r.id = d.rollup_id WHERE r.name = 'owned'),
    ARRAY(SELECT m FROM tally.measures m JOIN tally.rollups r ON r.id = m.rollup_id WHERE r.name = 'owned'))$$, relation, source), '42501', NULL,
        'nor stored: ' || why)
  FROM (VALUES ('public.precious', 'app.events', 'another''s table'), ('app.forged', 'public.others', 'a source without the right to it'),
      ('app.owned', 'app.events', 'the table of another rollup'), ('pg_class', 'app.events', 'a catalogue')) x(relation, source, why);
RESET ROLE;
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.others'::regclass$$, 'there is no trigger on the table of another');
SELECT is((SELECT count(*) FROM precious), 1::bigint, 'and nothing is written');

-- A schedule is a line of somebody else's crontab.
SET ROLE tally_test_attacker;
SELECT throws_ok(format($$SELECT tally.create_rollup('app.cron', 'app.events', 'at', measures => '{"n": "count(*)"}', schedule => %L)$$, x), '22023', NULL,
    'no schedule: ' || quote_literal(x))
  FROM unnest(ARRAY['* * * * * rm -rf /', E'* * * * *\n* * * * * rm', '60 * * * *', '* 24 * * *', '* * * * rm', '* * * *', 'rubbish', '', '*/0 * * * *',
      '5-1 * * * *', '0 seconds', '60 seconds', '@reboot']) x;
SELECT throws_ok($$SELECT tally_internal._store_change(jsonb_populate_record(r, '{"schedule": "* * * * * rm"}'), NULL, NULL) FROM tally.rollups r
    WHERE r.name = 'owned'$$, '22023', NULL, 'nor past create_rollup()');
SELECT lives_ok(format($$SELECT tally_internal._store_change(jsonb_populate_record(r, jsonb_build_object('schedule', %L::text)), NULL, NULL)
    FROM tally.rollups r WHERE r.name = 'owned'$$, x), 'a schedule: ' || x)
  FROM unnest(ARRAY['*/5 * * * *', '0,30 8-18/2 1 jan-mar mon-fri', '59 23 31 12 7', '30 seconds', '17  3 * * *', '*/5 * * * *']) x;
RESET ROLE;

-- Tables of his own in the way of the engine's, in his session.
SET ROLE tally_test_attacker;
CREATE TEMP TABLE rollups (LIKE tally.rollups); CREATE TEMP TABLE dirty (LIKE tally.dirty); CREATE TEMP TABLE dirty_ranges (LIKE tally.dirty_ranges); CREATE
    TEMP TABLE members (LIKE tally.members);
-- Without app: its = would run in this very session, whose authenticated user is a superuser, and RESET ROLE.
SET search_path = pg_temp, public, tally, pg_catalog;
SELECT public.lives_ok($$SELECT tally.refresh('owned')$$, 'temporary tables and a hostile search_path do not reach the engine');
SELECT public.lives_ok($$ALTER TABLE app.events ADD COLUMN more int$$, 'nor its event triggers');
SELECT public.throws_ok($$DROP EVENT TRIGGER tally_after_ddl$$, '42501', NULL, 'which are not his to drop');
SELECT public.throws_ok($$ALTER EVENT TRIGGER tally_after_ddl DISABLE$$, '42501', NULL, 'or to disable');
RESET search_path;
RESET ROLE;

SELECT lives_ok($$SELECT tally.drop_rollup('owned')$$, 'the superuser drops it all');
SELECT is_empty($$SELECT DISTINCT what, as_user FROM app.log WHERE as_user <> 'tally_test_attacker'$$, 'to the end nothing ran as another');
DROP SCHEMA app CASCADE; DROP TABLE others; DROP OWNED BY tally_test_attacker; DROP ROLE tally_test_attacker, tally_test_victim;
SELECT * FROM finish();
