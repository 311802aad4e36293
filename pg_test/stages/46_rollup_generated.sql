-- What a new expression of a generated column, or a rewrite by a computed default, does to stored rows. No row trigger sees either.
SELECT no_plan();
SET client_min_messages = warning;
SELECT current_setting('server_version_num')::int >= 170000 AS at_least_17, current_setting('server_version_num')::int >= 180000 AS at_least_18 \gset

-- Rows of a rollup and of plain SQL, as bags, both ways.
CREATE FUNCTION difference(stored text, plain text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT (SELECT count(*) FROM ((%1$s) EXCEPT ALL (%2$s)) a) + (SELECT count(*) FROM ((%2$s) EXCEPT ALL (%1$s)) b)', stored, plain) INTO n;
    RETURN n;
END $$;

-- A computed default writes every row anew, by the same event as a generated column with another expression.
CREATE TABLE plain (at timestamptz NOT NULL, v int NOT NULL);
INSERT INTO plain SELECT timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes', i FROM generate_series(0, 20) i;
SELECT tally.create_rollup('plain_hourly', 'plain', 'at', measures => '{"v": "sum(v)"}');
CALL tally.backfill('plain_hourly');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'plain_hourly'), 'fresh', 'built');
ALTER TABLE plain ADD COLUMN made timestamptz DEFAULT clock_timestamp();
SELECT isnt((SELECT state FROM tally.status WHERE rollup = 'plain_hourly'), 'fresh', 'all rows written anew: not fresh any more');
SELECT tally.refresh('plain_hourly');
SELECT is(difference('SELECT bucket, v FROM plain_hourly', 'SELECT date_trunc(''hour'', at, ''UTC''), sum(v) FROM plain GROUP BY 1'), 0::bigint,
          'and equal to plain SQL after the refresh');

\if :at_least_17
-- Bug: SET EXPRESSION on a stored generated column left stale rows marked fresh.
CREATE TABLE stored (at timestamptz NOT NULL, v int NOT NULL, w int GENERATED ALWAYS AS (v * 2) STORED);
INSERT INTO stored (at, v) SELECT timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes', i FROM generate_series(0, 20) i;
SELECT tally.create_rollup('stored_hourly', 'stored', 'at', measures => '{"w": "sum(w)"}');
CALL tally.backfill('stored_hourly');
CREATE FUNCTION plain_stored(factor int) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT date_trunc(''hour'', at, ''UTC''), sum(v * %s) FROM stored GROUP BY 1', factor)
$$;
SELECT is(difference('SELECT bucket, w FROM stored_hourly', plain_stored(2)), 0::bigint, 'stored: built');
ALTER TABLE stored ALTER COLUMN w SET EXPRESSION AS (v * 3);
SELECT isnt((SELECT state FROM tally.status WHERE rollup = 'stored_hourly'), 'fresh', 'stored: with another expression it is not fresh any more');
SELECT is(difference('SELECT bucket, w FROM stored_hourly_live', plain_stored(3)), 0::bigint, 'stored: the live view is exact at once');
SELECT tally.refresh('stored_hourly');
SELECT is(difference('SELECT bucket, w FROM stored_hourly', plain_stored(3)), 0::bigint, 'stored: and the table after the refresh');
-- The time column itself, as a generated one: rows move to other buckets.
-- (Of timestamp, because timestamptz + interval is not immutable.)
CREATE TABLE moved (raw timestamp NOT NULL, at timestamp GENERATED ALWAYS AS (raw) STORED);
INSERT INTO moved (raw) SELECT timestamp '2026-01-01 00:00' + i * interval '10 minutes' FROM generate_series(0, 20) i;
SELECT tally.create_rollup('moved_hourly', 'moved', 'at', measures => '{"n": "count(*)"}');
CALL tally.backfill('moved_hourly');
ALTER TABLE moved ALTER COLUMN at SET EXPRESSION AS (raw + interval '7 hours');
SELECT tally.refresh('moved_hourly');
SELECT is(difference('SELECT bucket, n FROM moved_hourly',
    'SELECT date_trunc(''hour'', raw + interval ''7 hours'') AT TIME ZONE ''UTC'', count(*) FROM moved GROUP BY 1'), 0::bigint,
          'a generated time column: rows are where their new time says');
\endif

\if :at_least_18
-- Bug: virtual generated columns change without a rewrite, and nothing was marked.
CREATE TABLE virtual (at timestamptz NOT NULL, v int NOT NULL, w int GENERATED ALWAYS AS (v * 2) VIRTUAL,
                      kind text GENERATED ALWAYS AS (CASE WHEN v % 2 = 0 THEN 'even' ELSE 'odd' END));
INSERT INTO virtual (at, v) SELECT timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes', i FROM generate_series(0, 20) i;
-- Bug: statistics on virtual columns are refused by PostgreSQL, and so was the rollup.
SELECT lives_ok($$SELECT tally.create_rollup('virtual_hourly', 'virtual', 'at', dimensions => '["kind"]', measures => '{"w": "sum(w)"}')$$,
                'virtual: a dimension that has no statistics');
CALL tally.backfill('virtual_hourly');
CREATE FUNCTION plain_virtual(factor int) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT date_trunc(''hour'', at, ''UTC''), CASE WHEN v %% 2 = 0 THEN ''even'' ELSE ''odd'' END, sum(v * %s) FROM virtual GROUP BY 1, 2',
        factor)
$$;
SELECT is(difference('SELECT bucket, kind, w FROM virtual_hourly', plain_virtual(2)), 0::bigint, 'virtual: built');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'virtual_hourly'), 'fresh', 'virtual: fresh');
ALTER TABLE virtual ALTER COLUMN w SET EXPRESSION AS (v * 5);
SELECT isnt((SELECT state FROM tally.status WHERE rollup = 'virtual_hourly'), 'fresh', 'virtual: with another expression it is not fresh any more');
SELECT is(difference('SELECT bucket, kind, w FROM virtual_hourly_live', plain_virtual(5)), 0::bigint, 'virtual: the live view is exact at once');
SELECT tally.refresh('virtual_hourly');
SELECT is(difference('SELECT bucket, kind, w FROM virtual_hourly', plain_virtual(5)), 0::bigint, 'virtual: and the table after the refresh');
ALTER TABLE virtual RENAME COLUMN w TO x;
ALTER TABLE virtual RENAME COLUMN x TO w;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'virtual_hourly'), 'fresh', 'virtual: the same expression again marks nothing');
UPDATE virtual SET v = v + 1;
DELETE FROM virtual WHERE v = 7;
INSERT INTO virtual (at, v) VALUES ('2026-01-02 12:00Z', 1);
SELECT tally.refresh('virtual_hourly');
SELECT is(difference('SELECT bucket, kind, w FROM virtual_hourly', plain_virtual(5)), 0::bigint, 'virtual: writes are captured as before');
-- A rolled-back change of expression marks nothing.
BEGIN;
ALTER TABLE virtual ALTER COLUMN w SET EXPRESSION AS (v * 6);
ROLLBACK;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'virtual_hourly'), 'fresh', 'virtual: a change that is undone leaves it fresh');
-- The time column itself.
CREATE TABLE moment (raw timestamp NOT NULL, at timestamp GENERATED ALWAYS AS (raw) VIRTUAL);
INSERT INTO moment (raw) SELECT timestamp '2026-01-01 00:00' + i * interval '10 minutes' FROM generate_series(0, 20) i;
SELECT lives_ok($$SELECT tally.create_rollup('moment_hourly', 'moment', 'at', measures => '{"n": "count(*)"}')$$, 'virtual: a time column');
CALL tally.backfill('moment_hourly');
ALTER TABLE moment ALTER COLUMN at SET EXPRESSION AS (raw + interval '7 hours');
INSERT INTO moment (raw) VALUES ('2026-01-01 05:30');
SELECT tally.refresh('moment_hourly');
SELECT is(difference('SELECT bucket, n FROM moment_hourly',
    'SELECT date_trunc(''hour'', raw + interval ''7 hours'') AT TIME ZONE ''UTC'', count(*) FROM moment GROUP BY 1'), 0::bigint,
          'virtual: rows are where their new time says');
\endif
SELECT * FROM finish();
