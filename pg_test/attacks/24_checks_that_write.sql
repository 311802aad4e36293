-- Attack 24: a reader who parses the attacker's constants. '{1}'::d[] runs the checks of domain d when it is parsed, and looking at a query parses it.
-- The guard refused the attacker's own functions there, but a check may call PostgreSQL's and a superuser's:
--   * dblink_exec() as a superuser is a session of a superuser.
--   * set_config() ends the guard, and the attacker's function is called by the next check.
--   * setval(), pg_notify() and the like write; tally.create_task() makes a task of the reader's.
-- The check is added when the metric is there, or between the look and the query.
-- As it was (commit 10cf7a1) metric_value() gave the attacker a superuser's rights by each of the first two: seen there.
\ir prelude.psql
CREATE SEQUENCE evil.ran MINVALUE 0 MAXVALUE 4294967295 START 0;
GRANT ALL ON evil.ran TO PUBLIC;
CREATE DOMAIN evil.far AS int;
CREATE DOMAIN evil.open AS int;
CREATE DOMAIN evil.then AS int;
CREATE DOMAIN evil.writes AS int;
CREATE DOMAIN evil.defines AS int;
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON evil.events (at);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 5);
SELECT tally.create_rollup('evil.bait', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('m_far', 'bait', 'n + cardinality(''{1}''::evil.far[])'),
       tally.create_metric('m_open', 'bait', 'n + cardinality(''{1}''::evil.open[]) + cardinality(''{1}''::evil.then[])'),
       tally.create_metric('m_writes', 'bait', 'n + cardinality(''{1}''::evil.writes[])'),
       tally.create_metric('m_defines', 'bait', 'n + cardinality(''{1}''::evil.defines[])');
SELECT tally.create_board('checked', 'Checked', '[{"title": "n", "metrics": ["m_far", "m_open", "m_writes", "m_defines"]}]');
CREATE FUNCTION evil.check_it() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'tally_attacker' THEN PERFORM setval('evil.ran', (SELECT r.oid::bigint FROM pg_roles r WHERE r.rolname = current_user));
        PERFORM evil.pwn(); END IF;
    RETURN true;
END $$;
GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
\connect - tally_victim
SET client_min_messages = error;
SELECT tally.create_threshold('victim on writes', 'm_writes', '> 0');
\connect - :superuser
SET client_min_messages = error;
CREATE EXTENSION dblink;
SELECT format('host=%s port=%s dbname=%s user=%s', trim(BOTH '"' FROM split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'),
    current_database(), current_user) AS superusers_session \gset
GRANT EXECUTE ON FUNCTION dblink_exec(text, text) TO tally_attacker;
UPDATE public.before SET state = public.state();
\connect - tally_attacker
SET client_min_messages = error;
-- NOT VALID, because a view has the type; the attacker is who he is in each check, so that his own readings go on.
SELECT evil.try('far', format($$ALTER DOMAIN evil.far ADD CHECK (current_user = 'tally_attacker' OR dblink_exec(%L,
    'ALTER ROLE tally_attacker SUPERUSER') <> '') NOT VALID$$,
    :'superusers_session'));
SELECT evil.try('open', $$ALTER DOMAIN evil.open ADD CHECK (current_user = 'tally_attacker' OR set_config('tally.guard', '', false) IS NOT NULL) NOT VALID$$),
       evil.try('then', 'ALTER DOMAIN evil.then ADD CHECK (evil.check_it()) NOT VALID'),
       evil.try('writes', $$ALTER DOMAIN evil.writes ADD CHECK (current_user = 'tally_attacker' OR setval('evil.ran', 1) > 0) NOT VALID$$),
       evil.try('defines', $$ALTER DOMAIN evil.defines ADD CHECK (current_user = 'tally_attacker' OR tally.create_task('his', '0 2 * * *',
           'ALTER ROLE tally_attacker SUPERUSER') <> '') NOT VALID$$);
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.met_with AS SELECT m.name, r.reader, public.met(format(r.statement, m.name)) AS outcome
  FROM (VALUES ('m_far'), ('m_open'), ('m_writes'), ('m_defines')) m(name), (VALUES
    ('value', 'SELECT tally.metric_value(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')'),
    ('series', 'SELECT sum(value) FROM tally.timeseries(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')'),
    ('filled', 'SELECT sum(value) FROM tally.timeseries(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'', fill => ''zero'')'),
    ('report', 'SELECT j FROM tally.report(ARRAY[%L], since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'') j')) r(reader, statement);
CREATE TABLE public.paged AS SELECT public.met('SELECT tally.board_text(''checked'', since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')')
    AS outcome,
    public.met('SELECT count(*) FROM tally.page(''checked'', since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'') p') AS page,
        public.met('SELECT length(tally.openmetrics())') AS scraped;
CREATE TABLE public.judged AS SELECT left(error, 5) AS error FROM tally.evaluate('2026-03-02 13:00+00') WHERE threshold = 'victim on writes';
-- Between the look and the query: what the guard refuses by itself.
CREATE FUNCTION public.settled() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM set_config('work_mem', '4MB', true); RETURN 7; END $$;
CREATE FUNCTION public.guarded(query text) RETURNS text LANGUAGE plpgsql SET tally.guard = '' AS $$
DECLARE
    result text;
BEGIN
    PERFORM tally_internal._guard('tally_victim'::regrole);
    EXECUTE query INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
CREATE TABLE public.late AS SELECT x.what, public.guarded(x.query) AS outcome FROM (VALUES
    ('constant', 'SELECT cardinality(''{1}''::evil.writes[])'), ('value', 'SELECT (n::text)::evil.writes FROM evil.bait'), ('setting',
        'SELECT set_config(''tally.guard'', '''', false)'),
    ('task', 'SELECT tally.create_task(''his'', ''0 2 * * *'', ''SELECT 1'')'), ('text',
        'SELECT x FROM tally.run_as(''tally_victim'', ''public'', ''SELECT 1'') x'), ('xml', 'SELECT table_to_xml(''evil.bait'', false, false, '''')'),
    ('clock', 'SELECT clock_timestamp() > now() - interval ''1 day'''), ('trusted', 'SELECT public.settled()'), ('after',
        'SELECT (n + 1)::text FROM evil.bait')) x(what, query);
CREATE TABLE public.free AS SELECT current_setting('tally.guard', true) AS guard, set_config('work_mem', '4MB', true) AS outcome,
    cardinality('{1}'::evil.open[]) AS cells;
UPDATE public.before SET state = state || jsonb_build_object('audit', public.state() -> 'audit');
DROP FUNCTION public.met(text);
\ir verdict.psql
SELECT is_empty($$SELECT * FROM evil.log WHERE outcome <> 'done' AND what <> 'pwn'$$, 'he may add checks to domains of his own');
SELECT is_empty($$SELECT * FROM public.met_with WHERE outcome IS DISTINCT FROM '42501'$$, 'each reader is refused');
SELECT is((SELECT last_value FROM evil.ran), 0::bigint, 'nothing was written, and his function has not run');
SELECT ok((SELECT outcome ~ 'Checked' AND page = '1' AND scraped::int > 100 FROM public.paged), 'board, page and metrics for Prometheus are made without it');
SELECT results_eq('SELECT * FROM public.judged', $$VALUES ('42501')$$, 'so is the owner of a threshold on it');
SELECT results_eq('SELECT * FROM public.late', $$VALUES ('constant', '42501'), ('value', '42501'), ('setting', '42501'), ('task', '42501'), ('text',
    '42501'), ('xml', '42501'), ('clock', 'true'), ('trusted', '7'), ('after', '2')$$,
    'the guard refuses what writes, sets or runs text, whoever owns it; not what reads the clock, nor what a trusted function does');
SELECT is((SELECT cells FROM public.free), 1, 'who is not guarded calls what he calls');
SELECT is_empty($$SELECT * FROM tally.tasks WHERE name = 'his'$$, 'no task was made');
SELECT * FROM finish();
