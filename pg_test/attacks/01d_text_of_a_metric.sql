-- Attack 1g: code in what a superuser reads. The attacker's dimension, measure, view, domain, index or metric calls his function; the rollup
-- is dirty, so a reader computes it. As it was (commit 9f5e76d): timeseries(), metric_value() and report() ran it as the reader: seen there.
\ir prelude.psql
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Only where a superuser runs it: what an immutable function writes when its owner computes is nobody's loss.
    IF current_user <> 'tally_attacker' THEN PERFORM evil.pwn(); END IF;
    RETURN $1;
END $$;
CREATE DOMAIN evil.d AS int CHECK (evil.f(VALUE) >= 0);
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
CREATE TABLE evil.plain (at timestamptz NOT NULL, ms int);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 5);
INSERT INTO evil.plain VALUES ('2026-03-01 10:00+00', 5);
SELECT tally.create_rollup('evil.by_measure', 'evil.events', 'at', measures => '{"n": "sum(evil.f(ms))"}', with_data => true);
SELECT tally.create_rollup('evil.by_filter', 'evil.events', 'at', measures => '{"n": "count(*)"}', "where" => 'evil.f(ms) > 0', with_data => true);
SELECT tally.create_rollup('evil.by_view', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('evil.by_domain', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('evil.by_xml', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('evil.by_reader', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('evil.by_index', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('evil.good', 'evil.plain', 'at', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
SELECT tally.create_metric('m_' || x, x, 'n') FROM unnest('{by_measure,by_filter,by_view,by_domain,by_xml,by_reader,by_index,good}'::text[]) x;
CREATE VIEW evil.inner AS SELECT evil.f(1) AS n;
CREATE OR REPLACE VIEW evil.by_view_live AS SELECT '2026-03-01 10:00+00'::timestamptz AS bucket, i.n::bigint AS n FROM evil.inner i;
CREATE OR REPLACE VIEW evil.by_domain_live AS SELECT '2026-03-01 10:00+00'::timestamptz AS bucket, (e.ms::text::evil.d)::bigint AS n FROM evil.events e;
CREATE OR REPLACE VIEW evil.by_xml_live AS SELECT '2026-03-01 10:00+00'::timestamptz AS bucket,
    length(table_to_xml('evil.inner', true, false, '')::text)::bigint AS n;
CREATE OR REPLACE VIEW evil.by_reader_live AS SELECT '2026-03-01 10:00+00'::timestamptz AS bucket,
    (SELECT count(*) FROM tally_internal._filled('x', 'SELECT now(), ''x'', NULL::jsonb, evil.f(1)::float8 WHERE $1 < $2',
        tally_internal._bucket_rule('1 hour', 'UTC'), now(), now() + interval '1 hour', 'null', true)) AS n;
CREATE INDEX ON evil.by_index ((n + evil.f(1)));
INSERT INTO evil.events VALUES ('2026-03-01 10:30+00', 7);
INSERT INTO evil.plain VALUES ('2026-03-01 10:30+00', 7);
GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.reads(metric text) RETURNS TABLE (reader text, statement text) LANGUAGE sql AS $$
    SELECT n, format(s, metric) FROM (VALUES
        ('timeseries', 'SELECT sum(value) FROM tally.timeseries(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')'),
        ('filled', 'SELECT sum(value) FROM tally.timeseries(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'', fill => ''previous'')'),
        ('value', 'SELECT tally.metric_value(%L, since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'')'),
        ('report', 'SELECT (r ->> 0)::float8 FROM (SELECT jsonb_path_query_array(to_jsonb(j), ''$.*'') r FROM tally.report(ARRAY[%L], '
            'since => ''2026-03-01 00:00+00'', until => ''2026-03-02 00:00+00'') j) x')) v(n, s)
$$;
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.met_with AS SELECT m, s.reader, public.met(s.statement) AS outcome
  FROM unnest('{by_measure,by_filter,by_view,by_domain,by_xml,by_reader,by_index}'::text[]) m,
       LATERAL (SELECT x.reader, x.statement FROM evil.reads('m_' || m) x) s;
CREATE TABLE public.good AS SELECT s.reader, public.met(s.statement) AS outcome FROM evil.reads('m_good') s;
CREATE TABLE public.as_owner (outcome text);
GRANT INSERT, SELECT ON public.as_owner TO PUBLIC;
SET ROLE tally_attacker;
INSERT INTO public.as_owner SELECT tally.metric_value('m_by_measure', since => '2026-03-01 00:00+00', until => '2026-03-02 00:00+00')::text;
RESET ROLE;
\ir verdict.psql
SELECT is((SELECT count(*) FROM public.met_with), 28::bigint, 'seven places for a function, four readers');
SELECT is_empty('SELECT * FROM public.met_with WHERE outcome IS DISTINCT FROM ''42501''', 'no reader runs it: each is refused');
SELECT is_empty('SELECT * FROM public.good WHERE outcome IS DISTINCT FROM CASE reader WHEN ''filled'' THEN ''28'' ELSE ''2'' END',
    'a dirty rollup of the attacker that calls nothing of his is read, and is exact: 2 rows, carried on over 14 hours where gaps are filled');
SELECT is((SELECT string_agg(outcome, ' ') FROM public.as_owner), '12', 'after SET ROLE, which the hint says, the number is there');
SELECT * FROM tally.refresh('by_measure');
SELECT is(public.met(statement), '12', 'once it is clean, its rows are read: ' || reader) FROM evil.reads('m_by_measure') WHERE reader <> 'filled';
SELECT * FROM finish();
