-- What has the name of something of PostgreSQL's, in a schema of the search_path or among the session's temporary objects, takes its place
-- neither in the text of a definition nor in the engine's around it.
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz NOT NULL, k varchar(9), n numeric, j jsonb);
CREATE INDEX ON e (at);
CREATE INDEX ON e (k);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 hours', 'k' || i % 3, i, jsonb_build_object('a', 'long' || i % 2)
    FROM generate_series(1, 40) i;

-- Bug: operators of a schema that the search_path names before pg_catalog (or, of a varchar and a text, anywhere) compared buckets and keys.
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.yes(varchar, text) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT true; END;
CREATE FUNCTION shadow.yes(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT true; END;
CREATE FUNCTION shadow.yes(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT true; END;
CREATE FUNCTION shadow.yes(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT true; END;
CREATE FUNCTION shadow.now() RETURNS timestamptz LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT timestamptz '2000-01-01 00:00+00'; END;
SELECT format('CREATE OPERATOR shadow.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = shadow.yes)', o, types[1], types[2])
  FROM unnest('{=,<,>=}'::text[]) o, (VALUES ('{varchar,text}'::text[]), ('{varchar,varchar}'), ('{text,text}'), ('{timestamptz,timestamptz}')) t(types) \gexec
CREATE DOMAIN shadow.text AS varchar(1);
CREATE TYPE shadow.numeric AS (x int);
CREATE TABLE paths (n int, path text);
INSERT INTO paths VALUES (1, 'shadow, pg_catalog, public'), (2, 'shadow, public'), (3, 'public, shadow, pg_catalog');
SELECT tally.create_rollup('public.days' || n, 'e', 'at', bucket => '1 day', dimensions => '["k", {"a": "(j ->> ''a'')::text"}]',
    measures => '{"n": "sum(n::numeric)"}',
    "where" => 'at >= timestamptz ''2026-01-02 00:00+00''', search_path => path, with_data => true) FROM paths;
SELECT tally.create_rollup('public.keys' || n, 'e', key => 'k', measures => '{"n": "sum(n)"}', search_path => path, with_data => true) FROM paths;

-- Bug: PostgreSQL looks for types among temporary objects first; those of the session that refreshed took the place of text and numeric.
CREATE DOMAIN pg_temp.text AS varchar(2);
CREATE DOMAIN pg_temp.numeric AS int4;
CREATE DOMAIN pg_temp.timestamptz AS date;
CREATE TEMPORARY TABLE e (at pg_catalog.timestamptz, k varchar(9), n int, j jsonb);
SELECT tally.create_rollup('public.temp_days', 'public.e', 'at', bucket => '1 day', dimensions => '["k", {"a": "(j ->> ''a'')::text"}]',
    measures => '{"n": "sum(n::numeric)"}',
    "where" => 'at >= timestamptz ''2026-01-02 00:00+00''', search_path => 'public', with_data => true);
SELECT tally.create_rollup('public.temp_keys', 'public.e', key => 'k', measures => '{"n": "sum(n)"}', search_path => 'public', with_data => true);
INSERT INTO public.e VALUES ('2026-01-03 05:00+00', 'k1', 0.5, '{"a": "long1"}'), ('2026-01-03 05:00+00', NULL, 0.25, '{"a": "new"}');
DELETE FROM public.e WHERE k = 'k2';
UPDATE public.e SET n = n + 0.125 WHERE at < '2026-01-05 00:00+00';

CREATE TABLE public.days_wanted AS SELECT date_trunc('day', at, 'UTC') AS bucket, COALESCE(k, '(none)')::pg_catalog.text AS k, j ->> 'a' AS a, sum(n) AS n
    FROM public.e
    WHERE at >= '2026-01-02 00:00+00' GROUP BY 1, 2, 3;
CREATE TABLE public.keys_wanted AS SELECT COALESCE(k, '(none)')::pg_catalog.text AS k, sum(n) AS n FROM public.e GROUP BY 1;
CREATE TABLE public.checked AS SELECT relname::pg_catalog.text AS name FROM pg_class WHERE relname ~ '^(temp_)?(days|keys)\d?$';
-- What is seen and done in that session; pgTAP itself cannot run beside such types.
SELECT format('CREATE TABLE public.%I AS TABLE public.%I', 'seen_' || name, name || '_live') FROM public.checked \gexec
CREATE TABLE public.said AS SELECT r.error FROM tally.refresh() r;
DISCARD TEMP;
SELECT no_plan();
SELECT is(count(*), 8::bigint, 'all are made') FROM checked;
SELECT bag_eq(format('TABLE %I', 'seen_' || name), CASE WHEN name ~ 'days' THEN 'TABLE days_wanted' ELSE 'TABLE keys_wanted' END, name || ', live')
    FROM checked;
SELECT is(string_agg(error, ' '), NULL, 'they can be refreshed in a session with such types') FROM said;
SELECT bag_eq(format('TABLE %I', name), CASE WHEN name ~ 'days' THEN 'TABLE days_wanted' ELSE 'TABLE keys_wanted' END, name || ', stored') FROM checked;
SELECT is_empty(format('SELECT * FROM tally.verify(%L)', name), name || ', verified') FROM checked;
-- A schema's own function is used under its name where PostgreSQL has none of it.
SELECT is(tally_internal._bound_path('"$user", "Odd, one", PG_CATALOG, pg_temp, public'), 'pg_catalog, "$user", "Odd, one", public, pg_temp',
    'PostgreSQL first, temporary objects last');
SELECT is(tally_internal._bound_path(''), 'pg_catalog, pg_temp', 'an empty path');
SELECT * FROM finish();
