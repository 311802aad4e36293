-- Compiling (jit): PostgreSQL compiled a query on a stack of live views for 42 seconds that ran for 0.2. Health says so, and its hint ends it.
SELECT no_plan();
SET client_min_messages = warning;
\ir ../superuser.psql
-- What health says in a new session with these settings.
CREATE FUNCTION said(settings text) RETURNS text LANGUAGE sql AS $$
    SELECT x.answer FROM dblink(format('%s options=%L', here(), settings),
        $q$SELECT concat_ws(' ', status, value, hint) FROM tally.health WHERE "check" = 'compiling'$q$) x(answer text)
$$;

SELECT is(said('-c jit=on'), 'ok 0', 'without a live view there is nothing to compile');
CREATE TABLE events (at timestamptz NOT NULL);
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"n": "count(*)"}');
SELECT is(said('-c jit=off'), 'ok 1', 'jit is off');
SELECT is(said('-c jit=on -c jit_above_cost=-1'), 'ok 1', 'jit is on, and no query is dear enough');
SELECT is(said('-c jit=on'), format('slow 1 ALTER DATABASE %I SET jit = off;', current_database()), 'jit is on');
SELECT by_superuser(replace(said('-c jit=on'), 'slow 1 ', ''));
SELECT is(said(''), 'ok 1', 'after the statement of the hint it is off in new sessions');
SELECT * FROM finish();
