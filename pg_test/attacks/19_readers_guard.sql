-- Attack 19: code of the attacker's that runs with a reader's rights, past the look at what a query calls.
--   * Parsing reads constants. '{1}'::d[] runs the checks of domain d, and looking at a query parses it.
--   * openmetrics() reads flat views to time them, and anybody may say which view of his is the flat view of his rollup.
--   * A threshold reads a metric that it watches with the rights of its owner, and the metric may be another's, and another one than it was.
--   * A measure's type is written into statements as it is stored: a text in its place ends the statement and begins another one.
--   * A board lists the values of its variables, and a release is read, from a table whose owner has put an index on it: planning computes what is
--     constant in the index.
--   * Between the look and the query the owner puts another view in place of a harmless one.
-- As it was (commit 3cc0e5d) openmetrics() made the attacker a superuser, metric_value() and timeseries() ran his check as a superuser before they
-- refused, his function ran as the victim at each evaluation, and the text was stored: all seen there.
\ir prelude.psql
-- A sequence keeps what a transaction that fails has done: who ran the code.
CREATE SEQUENCE evil.ran MINVALUE 0 MAXVALUE 4294967295 START 0;
GRANT ALL ON evil.ran TO PUBLIC;
CREATE FUNCTION evil.check_it(int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'tally_attacker' THEN PERFORM setval('evil.ran',
        (SELECT r.oid::bigint FROM pg_roles r WHERE r.rolname = current_user)); PERFORM evil.pwn(); END IF;
    RETURN true;
END $$;
CREATE FUNCTION evil.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM evil.check_it($1); RETURN $1; END $$;
CREATE FUNCTION evil.settled(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN PERFORM evil.check_it($1); RETURN $1; END $$;
CREATE FUNCTION evil.inlined(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT evil.f($1) $$;
CREATE FUNCTION evil.as_owner(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS $$ BEGIN PERFORM evil.pwn(); RETURN $1; END $$;
CREATE DOMAIN evil.d AS int CHECK (evil.check_it(VALUE));
CREATE TYPE evil.pair AS (x evil.d);
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON evil.events (at);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 5);
SELECT tally.create_rollup('evil.bait', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('evil.other', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
CREATE TABLE evil.metrics (name text, expression text);
INSERT INTO evil.metrics VALUES ('m_array', 'n + cardinality(''{1}''::evil.d[])'), ('m_row', 'n + ((''(1)''::evil.pair).x)'), ('m_call', 'n + evil.f(1)'),
    ('m_settled', 'n + evil.settled(1)'), ('m_inlined', 'n + evil.inlined(1)'), ('m_as_owner', 'n + evil.as_owner(1)');
GRANT SELECT ON evil.metrics TO PUBLIC;
SELECT tally.create_metric('m_good', 'other', 'n');
SELECT tally.create_metric('m_later', 'other', 'n');
-- create_metric() refuses functions of ordinary roles. Who writes the catalogue by hand is not asked.
CREATE FUNCTION evil.store(label text, of_rollup text, text_ text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    m tally.metrics;
BEGIN
    SELECT * INTO m FROM tally.metrics WHERE name = 'm_good';
    m.name := label;
    m.rollup_id := (SELECT r.id FROM tally.rollups r WHERE r.name = of_rollup);
    m.expression := text_;
    m.resolved := text_;
    RETURN tally_internal._store_metric(m);
END $$;
SELECT evil.store(name, 'bait', expression) FROM evil.metrics;
-- His flat view is any view of his.
CREATE VIEW evil.trap AS SELECT e.at AS bucket FROM evil.events e WHERE evil.inlined(1) > 0 AND evil.f(2) > 0;
SELECT tally_internal._store_metric_view((SELECT id FROM tally.rollups WHERE name = 'bait'), 'evil.trap');
-- Planning any query on the table computes what is constant in the index.
CREATE TABLE evil.shops (at timestamptz NOT NULL, world text, person text);
CREATE INDEX ON evil.shops (at);
INSERT INTO evil.shops SELECT '2026-03-01 10:00+00', 'w1', 'p' || i FROM generate_series(1, 50) i;
SELECT tally.create_rollup('evil.by_world', 'evil.shops', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "people": "tally.hll(person)"}',
    with_data => true);
SELECT tally.create_metric('m_world', 'by_world', 'n');
SELECT tally.create_board('listed', 'Listed', '[{"title": "n", "metric": "m_world", "picture": "stat"}]', variables => '{world}');
SELECT evil.try('release', $$SELECT tally.create_release('evil.shown', 'by_world', '{world}', '{n}', people => 'people')$$);
CREATE INDEX ON evil.by_world ((n + evil.f(1)));
DO $$ BEGIN IF to_regclass('evil.shown') IS NOT NULL THEN CREATE INDEX ON evil.shown ((cell + evil.f(1))); END IF; END $$;
CREATE TABLE evil.stored AS SELECT evil.try('a type that ends the statement', $try$DO $do$
DECLARE
    r tally.rollups;
    m tally.measures;
BEGIN
    SELECT * INTO r FROM tally.rollups WHERE name = 'bait';
    SELECT * INTO m FROM tally.measures WHERE rollup_id = r.id;
    m.type := 'bigint AS n FROM evil.bait) merged) metric; UPDATE pg_authid SET rolsuper = true WHERE rolname = ''tally_attacker'' RETURNING 1; '
        'SELECT 1 FROM (SELECT value FROM (SELECT 1::bigint';
    m.merge := 'pg_catalog.sum(%1$I)::' || m.type;
    PERFORM tally_internal._store_change(r, '{}', ARRAY[m]);
END $do$$try$) AS outcome;
GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
\connect - tally_victim
SET client_min_messages = error;
SELECT tally.create_threshold('victim on good', 'm_good', '> 0');
SELECT tally.create_threshold('victim on later', 'm_later', '> 0');
\connect - tally_attacker
SET client_min_messages = error;
-- The metric becomes another one when somebody stands on it.
SELECT evil.store('m_later', 'other', 'n + evil.f(1)');
\connect - :superuser
SET client_min_messages = error;
UPDATE public.before SET state = public.state();
CREATE TABLE public.met_with AS SELECT m.name, r.reader, public.met(format(r.statement, m.name)) AS outcome,
    'free' || COALESCE(current_setting('tally.guard', true), '') AS guard
  FROM evil.metrics m, (VALUES
    ('value', 'SELECT tally.metric_value(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')'),
    ('series', 'SELECT sum(value) FROM tally.timeseries(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')'),
    ('stored', 'SELECT sum(value) FROM tally.timeseries(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'', live => false)'),
    ('report', 'SELECT j FROM tally.report(ARRAY[%L], since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'') j')) r(reader, statement);
CREATE TABLE public.good AS SELECT public.met('SELECT tally.metric_value(''m_good'', since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')')
    AS outcome;
CREATE TABLE public.paged AS SELECT public.met('SELECT tally.board_text(''listed'', since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')')
    AS outcome;
CREATE TABLE public.shown AS SELECT public.met('SELECT count(*) FROM tally.released(''shown'')') AS outcome;
-- A reader whom a row level policy lets in, by a function of a role that is no superuser's: the policy runs, and the metric's code does not.
CREATE ROLE attack19_guest;
GRANT USAGE ON SCHEMA app TO attack19_guest;
CREATE FUNCTION app.lets_in() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN app.lets_in_too(); END';
CREATE FUNCTION app.lets_in_too() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';
ALTER FUNCTION app.lets_in() OWNER TO tally_victim;
ALTER FUNCTION app.lets_in_too() OWNER TO tally_victim;
ALTER TABLE evil.other ENABLE ROW LEVEL SECURITY;
CREATE POLICY guests ON evil.other USING (app.lets_in());
GRANT SELECT ON ALL TABLES IN SCHEMA evil TO attack19_guest;
GRANT CREATE ON SCHEMA public TO attack19_guest;
SET ROLE attack19_guest;
CREATE TABLE public.guest AS SELECT m.name,
    public.met(format('SELECT tally.metric_value(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')', m.name)) AS outcome
    FROM (VALUES ('m_good'), ('m_later'), ('m_array')) m(name);
RESET ROLE;
DROP POLICY guests ON evil.other;
ALTER TABLE evil.other DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.guest OWNER TO CURRENT_USER;
DROP OWNED BY attack19_guest;
DROP ROLE attack19_guest;
CREATE TABLE public.scraped AS SELECT tally.openmetrics('2026-03-02 12:00+00') AS text;
CREATE TABLE public.judged AS SELECT threshold, left(error, 5) AS error FROM tally.evaluate('2026-03-01 11:00+00');
CREATE TABLE public.two AS SELECT public.met(format('SELECT tally_internal._unsafe_function(%L)', s)) AS outcome
    FROM unnest('{SELECT 1; ALTER ROLE tally_attacker SUPERUSER,ALTER ROLE tally_attacker SUPERUSER,WITH x AS (DELETE FROM public.treasure RETURNING 1) SELECT '
    '1 FROM x,DELETE FROM public.treasure RETURNING 1}'::text[]) s;
-- The view changes when it has been looked at: the guard is there all the same.
ALTER FUNCTION public.met(text) STABLE;
BEGIN;
SELECT tally_internal._guard('postgres'::regrole);
CREATE TABLE public.changed AS SELECT public.met('SELECT count(*) FROM evil.trap') AS outcome;
COMMIT;
CREATE TABLE public.ended AS SELECT 'free' || COALESCE(current_setting('tally.guard', true), '') AS guard;
UPDATE public.before SET state = state || jsonb_build_object('incidents', public.state() -> 'incidents');
\ir verdict.psql
SELECT is((SELECT last_value FROM evil.ran), 0::bigint,
    'his checks and functions have run with nobody''s rights but his own, not even in a transaction that failed');
SELECT is_empty($$SELECT * FROM public.met_with WHERE outcome IS DISTINCT FROM '42501'$$, 'six metrics that call his code, four readers: each is refused');
SELECT is((SELECT count(*) FROM public.met_with), 24::bigint, 'and all were tried');
SELECT is_empty($$SELECT * FROM public.met_with WHERE guard <> 'free'$$, 'the guard ends with the reader, also where that fails');
SELECT is((SELECT outcome FROM public.good), '1', 'a metric of his that calls nothing of his is read');
SELECT matches((SELECT outcome FROM public.paged), 'Listed', 'a board of his is shown, and lists no values');
SELECT is((SELECT outcome FROM public.shown), '42501', 'a release with such an index is not read');
SELECT results_eq('SELECT name, outcome FROM public.guest ORDER BY 1', $$VALUES ('m_array', '42501'), ('m_good', '1'), ('m_later', '42501')$$,
    'a policy''s function runs for who reads past it, and no other code');
SELECT is((SELECT outcome FROM evil.stored), '42704', 'a text is no type of a measure');
SELECT matches((SELECT text FROM public.scraped), 'awf_dashboard_load_time_ms{view="root_hourly_metrics"}', 'a scrape times the views that are safe to read');
SELECT doesnt_match((SELECT text FROM public.scraped), 'view="trap"', 'and leaves his out');
SELECT results_eq($$SELECT threshold, error FROM public.judged WHERE threshold LIKE 'victim on%' ORDER BY 1$$,
    $$VALUES ('victim on good', NULL::text), ('victim on later', '42501')$$, 'a threshold does not run what the metric it watches has become');
SELECT is_empty($$SELECT * FROM public.two WHERE outcome IS DISTINCT FROM '42501'$$, 'what is read is one SELECT');
SELECT is((SELECT outcome FROM public.changed), '42501', 'a view that was looked at before it changed runs nothing either');
SELECT is((SELECT guard FROM public.ended), 'free', 'no guard outlives its transaction');
SELECT * FROM finish();
