-- What gives an expression another value while everything that the live view stands on is the same: a cast that comes or goes, text search that
-- changes, a function that a body of text finds by its name and that is dropped, renamed or moved.
-- Bug: rollups stayed fresh with what the expression gave before (seen at commit 9f79d3f).
SELECT no_plan();
SET client_min_messages = error;
CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
CREATE TYPE old_colour AS ENUM ('red', 'green', 'blue');
CREATE TABLE e (at timestamptz NOT NULL, c text, o old_colour, body text, n int);
CREATE INDEX ON e (at);
CREATE INDEX ON e (c);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '5 hours', x.c, x.c::old_colour, x.body, i
  FROM generate_series(1, 30) i, LATERAL (SELECT (ARRAY['red', 'green', 'blue'])[i % 3 + 1] AS c,
                                                 (ARRAY['the cats run', 'a dog', 'one cat'])[i % 3 + 1] AS body) x;
-- The state, what is marked, and live and stored rows against plain SQL in this session.
CREATE FUNCTION follows(rollup text, query text, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT is((SELECT s.state FROM tally.status s WHERE s.rollup = $1), 'backfill', what || ': not fresh any more');
    RETURN NEXT bag_eq(format('TABLE %I', $1 || '_live'), query, what || ': live');
    PERFORM tally.refresh($1);
    RETURN NEXT bag_eq(format('TABLE %I', $1), query, what || ': stored');
    RETURN NEXT is_empty(format('SELECT * FROM tally.verify(%L)', $1), what || ': verified');
END $$;
CREATE FUNCTION always_red(text) RETURNS colour LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT 'red'::public.colour $$;
CREATE FUNCTION reds(old_colour) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT 'red' $$;
SELECT tally.create_rollup('red', 'e', 'at', bucket => '1 day', measures => '{"n": "count(*) FILTER (WHERE c::colour = ''red'')"}', with_data => true);
SELECT tally.create_rollup('red_of_old', 'e', 'at', bucket => '1 day', measures => '{"n": "count(*) FILTER (WHERE o::text = ''red'')"}', with_data => true);
SELECT tally.create_rollup('red_keys', 'e', key => 'c', measures => '{"n": "count(*) FILTER (WHERE c::colour = ''red'')"}', with_data => true);
SELECT tally.create_rollup('other', 'e', 'at', bucket => '1 day', measures => '{"n": "count(*)"}', with_data => true);
CREATE CAST (text AS colour) WITH FUNCTION always_red(text);
SELECT follows('red', $$SELECT date_trunc('day', at, 'UTC'), count(*) FILTER (WHERE c::colour = 'red') FROM e GROUP BY 1$$, 'a cast that comes');
SELECT follows('red_keys', $$SELECT c, count(*) FILTER (WHERE c::colour = 'red') FROM e GROUP BY 1$$, 'a cast that comes, by key');
SELECT is((SELECT sum(n) FROM red), 30::numeric, 'each row is red by that cast');
CREATE CAST (old_colour AS text) WITH FUNCTION reds(old_colour);
SELECT follows('red_of_old', $$SELECT date_trunc('day', at, 'UTC'), count(*) FILTER (WHERE o::text = 'red') FROM e GROUP BY 1$$,
    'a cast of a column''s own type comes');
DROP CAST (text AS colour);
SELECT follows('red', $$SELECT date_trunc('day', at, 'UTC'), count(*) FILTER (WHERE c::colour = 'red') FROM e GROUP BY 1$$, 'a cast that goes');
SELECT is((SELECT sum(n) FROM red), 10::numeric, 'a third of the rows is red without it');
CREATE TYPE nothing AS (a int);
CREATE FUNCTION to_nothing(text) RETURNS nothing LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT ROW(1)::public.nothing $$;
CREATE CAST (text AS nothing) WITH FUNCTION to_nothing(text);
SELECT is((SELECT string_agg(rollup, ' ') FROM tally.status WHERE state <> 'fresh' AND rollup <> 'red_keys'), NULL,
    'a cast that no definition means marks nothing');
-- Text search.
CREATE TEXT SEARCH DICTIONARY plain_words (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH plain_words;
CREATE TEXT SEARCH CONFIGURATION others (COPY = simple);
SELECT tally.create_rollup('cats', 'e', 'at', bucket => '1 day',
    measures => '{"n": "count(*) FILTER (WHERE to_tsvector(''public.words'', body) @@ ''the|cat''::tsquery)"}', with_data => true);
ALTER TEXT SEARCH CONFIGURATION others ALTER MAPPING FOR asciiword WITH english_stem;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'cats'), 'fresh', 'another configuration changes: nothing is marked');
ALTER TEXT SEARCH DICTIONARY plain_words (STOPWORDS = english);
SELECT is((SELECT state FROM tally.status WHERE rollup = 'cats'), 'backfill', 'a dictionary of a configuration changes: not fresh any more');
SELECT tally.refresh('cats');
ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH english_stem;
SELECT follows('cats',
    $$SELECT date_trunc('day', at, 'UTC'), count(*) FILTER (WHERE to_tsvector('public.words', body) @@ 'the|cat'::tsquery) FROM e GROUP BY 1$$,
    'a configuration of text search changes');
SELECT is((SELECT sum(n) FROM cats), 20::numeric, 'cats are a cat by their stem');
-- Functions that a body of text finds by their names.
CREATE SCHEMA early;
CREATE SCHEMA later;
CREATE FUNCTION early.g(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x';
CREATE FUNCTION later.g(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 100 * x';
CREATE FUNCTION early.f(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = early, later AS 'BEGIN RETURN g(x); END';
SELECT tally.create_rollup('called', 'e', 'at', bucket => '1 day', measures => '{"n": "sum(early.f(n))"}', with_data => true);
SELECT is((SELECT sum(n) FROM called), (SELECT sum(n) FROM e)::numeric, 'the first function of that name is called');
ALTER FUNCTION early.g(int) RENAME TO h;
SELECT is((SELECT string_agg(g.reason, ' ') FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = 'called'),
    'function early.g(integer) dropped or renamed', 'a function called in PL/pgSQL renamed: marked');
DISCARD PLANS;
SELECT follows('called', $$SELECT date_trunc('day', at, 'UTC'), sum(100 * n) FROM e GROUP BY 1$$, 'a function called in PL/pgSQL renamed');
ALTER FUNCTION early.h(int) RENAME TO g;
DISCARD PLANS;
SELECT follows('called', $$SELECT date_trunc('day', at, 'UTC'), sum(n) FROM e GROUP BY 1$$, 'and named so again');
DROP FUNCTION early.g(int);
DISCARD PLANS;
SELECT follows('called', $$SELECT date_trunc('day', at, 'UTC'), sum(100 * n) FROM e GROUP BY 1$$, 'a function called in PL/pgSQL dropped');
ALTER FUNCTION later.g(int) SET SCHEMA public;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'called'), 'backfill', 'a function called in PL/pgSQL moved: not fresh any more');
SELECT * FROM finish();
