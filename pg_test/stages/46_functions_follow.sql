-- What a definition uses, and PostgreSQL lets change without a write: functions, operators, types, columns of whole rows.
SELECT no_plan();
SET client_min_messages = error;
CREATE SCHEMA early;
CREATE SCHEMA later;
CREATE FUNCTION later.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 2; END;
CREATE FUNCTION later.fourfold(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT later.twice(x) * 2; END;
CREATE FUNCTION later.plus(x int, y int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN x + y; END $$;
CREATE FUNCTION later.counted(x bigint, y int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN x + y; END $$;
CREATE OPERATOR later.<+> (LEFTARG = int, RIGHTARG = int, FUNCTION = later.plus);
CREATE TYPE pair AS (a int, b int);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE e (at timestamptz NOT NULL, k text, q int, p pair, m mood, t text);
CREATE INDEX ON e (at);
CREATE INDEX ON e (k);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '7 hours', 'k' || i % 3, i, ROW(i % 2, i % 3)::pair, 'good', 'bad'
    FROM generate_series(1, 20) i;
SELECT set_config('search_path', 'public, early, later', false);
SELECT tally.create_rollup('days', 'e', 'at', bucket => '1 day', dimensions => '["k"]',
    measures => '{"two": "sum(twice(q))", "four": "sum(fourfold(q))", "n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('sums', 'e', key => 'k', measures => '{"s": "sum(q <+> 1)"}', with_data => true);
SELECT tally.create_rollup('weeks', 'days', bucket => '1 week', with_data => true);
-- The answers, from plain SQL in this session at this moment.
CREATE FUNCTION checks(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    days text := $q$SELECT date_trunc('day', at, 'UTC'), k, sum(twice(q)) AS a, sum(fourfold(q)) AS b, count(*) AS c FROM e GROUP BY 1, 2$q$;
    sums text := 'SELECT k, sum(q <+> 1) FROM e GROUP BY 1';
    weeks text := $q$SELECT date_trunc('week', at, 'UTC'), k, sum(twice(q))::numeric AS a, sum(fourfold(q))::numeric AS b,
        count(*)::numeric AS c FROM e GROUP BY 1, 2$q$;
BEGIN
    RETURN NEXT bag_eq('SELECT bucket, k, two, four, n FROM days_live', days, what || ': live');
    RETURN NEXT bag_eq('TABLE sums_live', sums, what || ': live by key');
    RETURN NEXT bag_eq('SELECT bucket, k, two::numeric, four::numeric, n::numeric FROM weeks_live', weeks, what || ': live, on it');
    RETURN NEXT is((SELECT string_agg(r.error, ' ') FROM tally.refresh() r), NULL, what || ': refreshes go on');
    RETURN NEXT bag_eq('SELECT bucket, k, two, four, n FROM days', days, what || ': stored');
    RETURN NEXT bag_eq('TABLE sums', sums, what || ': stored by key');
    RETURN NEXT bag_eq('SELECT bucket, k, two::numeric, four::numeric, n::numeric FROM weeks', weeks, what || ': stored, on it');
    RETURN NEXT is((SELECT count(*) FROM tally.dirty_ranges), 0::bigint, what || ': nothing stays marked');
END $$;

-- Bug: rollups stayed fresh with what a function gave before it was replaced, itself or within another function or an operator.
CREATE OR REPLACE FUNCTION later.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 2 + 1; END;
SELECT checks('a function replaced');
CREATE OR REPLACE FUNCTION later.plus(x int, y int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN RETURN x - y; END $$;
SELECT checks('the function of an operator replaced');
CREATE OR REPLACE FUNCTION later.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 2 + 1; END;
ALTER FUNCTION later.twice(int) COST 7;
SELECT is((SELECT count(*) FROM tally.dirty_ranges), 0::bigint, 'the same function again marks nothing');

-- Bug: a refresh found a new function of that name, in a schema that comes earlier, and the live view did not.
CREATE FUNCTION early.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 100; END;
SELECT checks('a namesake that comes earlier');
CREATE FUNCTION early.plus(x int, y int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN x + 50 * y; END $$;
CREATE OPERATOR early.<+> (LEFTARG = int, RIGHTARG = int, FUNCTION = early.plus);
SELECT checks('an operator that comes earlier');
CREATE SCHEMA elsewhere;
CREATE FUNCTION elsewhere.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT 0; END;
SELECT is((SELECT count(*) FROM tally.dirty_ranges), 0::bigint, 'one that the search_path does not reach marks nothing');

-- Bug: a function renamed stopped the refresh, and status did not know.
ALTER FUNCTION early.twice(int) RENAME TO "Doppelt gemoppelt";
SELECT is((SELECT expression FROM tally.measures WHERE name = 'two' AND expression ~ 'q\)'), 'sum("Doppelt gemoppelt"(q))',
    'a function renamed: the definition follows');
INSERT INTO e VALUES ('2026-01-02 05:00+00', 'k1', 1, '(1,1)', 'good', 'bad');
SELECT is((SELECT string_agg(error, ' ') FROM tally.refresh()), NULL, 'a function renamed: refreshes go on');
SELECT bag_eq('SELECT bucket, k, two, four, n FROM days',
    $q$SELECT date_trunc('day', at, 'UTC'), k, sum("Doppelt gemoppelt"(q)) AS a, sum(fourfold(q)) AS b, count(*) AS c FROM e GROUP BY 1, 2$q$,
    'a function renamed: stored');

-- Bug: an attribute that comes changes the text of a row without a write.
SELECT tally.create_rollup('pairs', 'e', 'at', bucket => '1 day', dimensions => '["p"]', measures => '{"n": "count(*)"}', with_data => true);
ALTER TYPE pair ADD ATTRIBUTE c text CASCADE;
SELECT bag_eq('TABLE pairs_live', $q$SELECT date_trunc('day', at, 'UTC'), p::text, count(*) FROM e GROUP BY 1, 2$q$, 'an attribute comes: live');
SELECT tally.refresh('pairs');
SELECT bag_eq('TABLE pairs', $q$SELECT date_trunc('day', at, 'UTC'), p::text, count(*) FROM e GROUP BY 1, 2$q$, 'an attribute comes: stored');
ALTER TYPE pair DROP ATTRIBUTE a CASCADE;
SELECT bag_eq('TABLE pairs_live', $q$SELECT date_trunc('day', at, 'UTC'), p::text, count(*) FROM e GROUP BY 1, 2$q$, 'an attribute goes: live');

-- Bug: a definition that speaks of the whole row kept the row of before.
CREATE TABLE whole (k text, n int);
CREATE INDEX ON whole (k);
INSERT INTO whole SELECT 'k' || i % 2, i FROM generate_series(1, 5) i;
SELECT tally.create_rollup('wholes', 'whole', key => 'k',
    measures => '{"full": "count(*) FILTER (WHERE whole IS NOT NULL)", "rows": "jsonb_agg(whole ORDER BY n)"}');
CREATE FUNCTION wholes() RETURNS text
    LANGUAGE sql AS $$ SELECT 'SELECT k, count(*) FILTER (WHERE whole IS NOT NULL), jsonb_agg(whole ORDER BY n) FROM whole GROUP BY 1' $$;
SELECT bag_eq('TABLE wholes_live', wholes(), 'whole rows: live, all marked');
SELECT tally.refresh('wholes');
ALTER TABLE whole ADD COLUMN extra int, ADD COLUMN more int DEFAULT 5;
SELECT bag_eq('TABLE wholes_live', wholes(), 'whole rows: live, when columns came');
SELECT tally.refresh('wholes');
SELECT bag_eq('TABLE wholes', wholes(), 'whole rows: stored, when columns came');
ALTER TABLE whole RENAME COLUMN more TO most;
SELECT bag_eq('TABLE wholes_live', wholes(), 'whole rows: live, when a column was renamed');
SELECT tally.refresh('wholes');
CREATE TABLE rows_of (at timestamptz NOT NULL, n int, extra int);
CREATE INDEX ON rows_of (at);
INSERT INTO rows_of VALUES ('2026-01-01 00:00+00', 1, NULL), ('2026-01-01 00:00+00', 2, 2);
SELECT tally.create_rollup('full_days', 'rows_of', 'at', bucket => '1 day', measures => '{"full": "count(*) FILTER (WHERE rows_of IS NOT NULL)"}',
    with_data => true);
ALTER TABLE rows_of DROP COLUMN extra;
SELECT is((SELECT sum("full") FROM full_days_live), 2::numeric, 'whole rows: live, when a column went');
SELECT is((SELECT string_agg(error, ' ') FROM tally.refresh()), NULL, 'whole rows: refreshes go on');
SELECT is((SELECT sum("full") FROM full_days), 2::numeric, 'whole rows: stored, when a column went');
-- Bug: a function that is called in a body of text (PL/pgSQL, or SQL in quotes) was replaced, and rollups stayed fresh with what it gave before.
CREATE FUNCTION later.inner_one(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + 1';
CREATE FUNCTION later."Outer one"(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = early, later, pg_catalog,
    pg_temp AS $$ BEGIN RETURN Inner_One(x); END $$;
SELECT tally.create_rollup('within', 'e', 'at', bucket => '1 day', measures => '{"s": "sum(\"Outer one\"(q))"}', with_data => true);
CREATE OR REPLACE FUNCTION later.inner_one(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + 1000';
SELECT bag_eq('TABLE within_live', $q$SELECT date_trunc('day', at, 'UTC'), sum(q + 1000) FROM e GROUP BY 1$q$, 'a function called in PL/pgSQL replaced: live');
SELECT tally.refresh('within');
SELECT bag_eq('TABLE within', $q$SELECT date_trunc('day', at, 'UTC'), sum(q + 1000) FROM e GROUP BY 1$q$, 'a function called in PL/pgSQL replaced: stored');
CREATE FUNCTION early.inner_one(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x * 2';
-- This session has planned the body, and PostgreSQL keeps such a plan. Other sessions find the new function.
SELECT bag_eq('SELECT r.name, g.reason FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id',
    $$VALUES ('within', 'function early.inner_one(integer) replaced')$$,
              'a namesake that a body of text may find first marks');
SELECT * FROM finish();
