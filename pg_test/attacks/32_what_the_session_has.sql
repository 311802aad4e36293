-- Attack 32: what the session of a scheduler or of a person has, reached by the text of a definition. Large objects that are open are numbers from nought
-- on, so text reads and writes a superuser's. Advisory locks of the session are ended by pg_advisory_unlock_all(), and new ones outlive the text. It reads
-- what the client has sent and prepared, and sets what random() gives next.
-- And rows: a task that gives a hundred million of them took memory until the machine ended the server.
-- As it was (commit 108f9a1) the task read 'secret of the superuser', wrote behind it, and left a lock in place of the session's: seen there.
\ir prelude.psql
CREATE TABLE evil.open (what text); GRANT ALL ON evil.open TO PUBLIC;
CREATE FUNCTION evil.reaches(statement text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    found_ text;
BEGIN
    EXECUTE statement INTO found_;
    INSERT INTO evil.open VALUES (COALESCE(found_, 'done') || ' by ' || statement);
    RETURN 0;
EXCEPTION WHEN insufficient_privilege THEN
    INSERT INTO evil.log (what, outcome) VALUES ('refused', statement);
    RETURN 0;
END $$;
-- By a name of his own, too: the operator calls PostgreSQL's function.
CREATE OPERATOR evil.!! (FUNCTION = pg_catalog.pg_advisory_lock, RIGHTARG = bigint);
CREATE TABLE evil.ways (n int GENERATED ALWAYS AS IDENTITY, statement text);
INSERT INTO evil.ways (statement) VALUES ('SELECT convert_from(loread(0, 100), ''UTF8'')'), ('SELECT lowrite(0, ''evil'')'), ('SELECT lo_lseek(0, 0, 0)'),
    ('SELECT lo_truncate(0, 0)'), ('SELECT lo_close(0)'), ('SELECT pg_advisory_unlock_all()'), ('SELECT pg_advisory_unlock(1)'),
    ('SELECT pg_advisory_lock(2)'), ('SELECT pg_try_advisory_lock_shared(3, 3)'), ('SELECT OPERATOR(evil.!!) 4::bigint'), ('SELECT current_query()'),
    ('SELECT statement FROM pg_prepared_statements'), ('SELECT setseed(0.5)');
SELECT count(tally.create_task('way ' || n, '0 2 * * *', format('SELECT evil.reaches(%L)', statement))) FROM evil.ways;
SELECT tally.create_probe('way', 'SELECT evil.reaches(''SELECT pg_advisory_unlock_all()'') AS value');
SELECT tally.create_threshold('way', query => 'SELECT evil.reaches(''SELECT pg_advisory_unlock_all()'') AS value', condition => '> 10');
-- 280 MB.
SELECT tally.create_task('rows', '0 2 * * *', 'SELECT repeat(''x'', 1000000) FROM generate_series(1, 280)');
\connect - :superuser
SET client_min_messages = error;
-- What the client has sent before and what it has prepared.
SELECT lo_from_bytea(0, 'secret of the superuser') AS thing \gset
PREPARE root_plan AS SELECT word FROM public.treasure;
SELECT pg_advisory_lock(1);
BEGIN;
SELECT lo_open(:thing, 393216);
CREATE TABLE public.tasks_run AS SELECT task, returned, error FROM tally.run_tasks('0 2 * * *', '2026-03-02 02:00+00');
SELECT count(*) FROM tally.evaluate('2026-03-02 13:00+00');
SELECT lo_lseek(0, 0, 1) AS place \gset
COMMIT;
SELECT string_agg(objid::text, ' ') AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() \gset
SELECT convert_from(lo_get(:thing), 'UTF8') AS words \gset
SELECT pg_advisory_unlock_all();
\ir verdict.psql
SELECT is_empty('SELECT what FROM evil.open', 'no text has reached what the session has');
SELECT is((SELECT count(DISTINCT outcome) FROM evil.log WHERE what = 'refused'), 13::bigint, 'each way was refused');
SELECT is((SELECT count(*) FROM tally.probes WHERE name = 'way' AND last_tick IS NOT NULL AND sqlstate IS NULL), 1::bigint, 'the probe was sampled');
SELECT is(:'words'::text, 'secret of the superuser', 'the large object is as it was');
SELECT is(:place, 0, 'and so is the place where it is read next');
SELECT is(:'locks'::text, '1', 'the session has its lock, and no other');
SELECT is((SELECT left(error, 5) FROM public.tasks_run WHERE task = 'rows'), '54000', 'a task that gives rows without end is ended');
SELECT is((SELECT count(*) FROM public.tasks_run WHERE error IS NULL), 14::bigint, 'the other tasks have run');
SELECT lo_unlink(:thing);
SELECT * FROM finish();
