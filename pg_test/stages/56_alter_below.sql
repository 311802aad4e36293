-- A rollup can lose and change what the rollups on it do not read. Once a rollup per key on another, and one over time on one per key, held all of
-- its columns: the change was refused, or went through with WARNINGs that columns are gone which nobody reads.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (at timestamptz, k text, w text, n int);
CREATE INDEX ON e (at);
CREATE INDEX ON e (k);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '5 minutes', 'k' || i % 30, 'w' || i % 2, i FROM generate_series(1, 2000) i;
SELECT tally.create_rollup('h', 'e', 'at', dimensions => '["k","w"]', measures => '{"n": "sum(n)", "c": "count(*)"}', with_data => true);
SELECT tally.create_rollup('d', 'h', 'bucket', bucket => '1 day', dimensions => '["k"]', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('kh', 'h', key => 'k', dimensions => '[]', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('ke', 'e', key => 'k', measures => '{"began": "min(at)", "n": "sum(n)", "c": "count(*)", "last": "max(at)"}', with_data => true);
SELECT tally.create_rollup('births', 'ke', 'began', bucket => '1 day', dimensions => '[]', measures => '{"n": "sum(n)"}', with_data => true);
CREATE VIEW reads AS SELECT r.name AS rollup, string_agg(x.name, ' ' ORDER BY x.name) AS columns FROM tally.reads x JOIN tally.rollups r ON r.id = x.rollup_id
    WHERE r.source_rollup IS NOT NULL GROUP BY 1;
SELECT bag_eq('SELECT * FROM reads', $$VALUES ('d', 'bucket k n'), ('kh', 'bucket k n'), ('births', 'began k n')$$,
    'rollups on rollups read what their definitions name and where it lies, and no more');
CREATE FUNCTION all_exact(when_ text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT bag_eq('SELECT bucket, k, n FROM d_live', 'SELECT date_trunc(''day'', at, ''UTC'') AS bucket, k, sum(n) AS n FROM e GROUP BY 1, 2',
        when_ || ': days');
    RETURN NEXT bag_eq('SELECT k, n FROM kh_live', 'SELECT k, sum(n) AS n FROM e GROUP BY 1', when_ || ': keys of hours');
    RETURN NEXT bag_eq('SELECT bucket, n FROM births_live',
        'SELECT date_trunc(''day'', began, ''UTC'') AS bucket, sum(n) AS n FROM (SELECT min(at) AS began, sum(n) AS n FROM e GROUP BY k) x GROUP BY 1',
        when_ || ': days of keys');
    RETURN NEXT is((SELECT string_agg(rollup || ' ' || reason, ', ') FROM tally.status WHERE sqlstate IS NOT NULL), NULL,
        when_ || ': status sees nothing wrong');
END $$;
SELECT lives_ok($$SELECT tally.alter_rollup('h', drop_dimensions => '{w}')$$, 'a dimension that nobody above reads goes');
SELECT all_exact('w is gone');
SELECT lives_ok($$SELECT tally.alter_rollup('h', drop_measures => '{c}', add_dimensions => '[{"c": "upper(w)"}]')$$,
    'a measure becomes a dimension of the same name');
UPDATE e SET n = n + 1 WHERE k = 'k3';
SELECT all_exact('c is another');
SELECT lives_ok($$SELECT tally.alter_rollup('ke', drop_measures => '{c,last}', add_measures => '{"c": "max(n)"}')$$, 'measures of keys go and come again');
DELETE FROM e WHERE n < 50;
SELECT all_exact('keys changed');
SELECT tally.refresh();
SELECT all_exact('refreshed');
-- Under the same name, another meaning and type. Once the column kept its type, and each refresh failed; or its values, in history that is frozen.
SELECT tally.create_rollup('f', 'e', 'at', dimensions => '["k"]', measures => '{"n": "sum(n)", "x": "count(*)", "y": "min(n)"}', with_data => true);
SELECT tally.drop_rollup('births'), tally.drop_rollup('ke');
SELECT tally.freeze_source('e', '2026-01-04 00:00+00');
SELECT lives_ok($$SELECT tally.alter_rollup('f', drop_measures => '{x,y}', add_measures => '{"x": "tally.stats(n)", "y": "max(n)"}')$$,
    'measures come again with other meanings');
SELECT lives_ok($$SELECT tally.refresh('f')$$, 'and are computed');
SELECT bag_eq('SELECT bucket, k, n, tally.mean(x) AS x, y FROM f',
    $$SELECT date_trunc('hour', at, 'UTC') AS bucket, k, sum(n) AS n, CASE WHEN at >= '2026-01-04' THEN avg(n)::float8 END AS x,
        CASE WHEN at >= '2026-01-04' THEN max(n) END AS y
    FROM e GROUP BY 1, 2, at >= '2026-01-04'$$, 'history that is frozen has none of them');
SELECT lives_ok($$SELECT tally.alter_rollup('f', drop_dimensions => '{k}', drop_measures => '{y}', add_measures => '{"y": "max(k)"}')$$,
    'also while a dimension goes');
SELECT throws_ok($$SELECT tally.alter_rollup('f', drop_measures => '{n}', add_measures => '{"n": "nonsense(n)"}')$$, NULL, NULL,
    'and nothing is changed by half');
SELECT lives_ok($$SELECT tally.refresh('f')$$, 'which is computed too');
SELECT bag_eq('SELECT bucket, n, y FROM f',
    $$SELECT date_trunc('hour', at, 'UTC') AS bucket, sum(n) AS n, CASE WHEN at >= '2026-01-04' THEN max(k) END AS y FROM e GROUP BY 1, at >= '2026-01-04'$$,
    'with the right values');
SELECT throws_ok($$SELECT tally.alter_rollup('d', drop_measures => '{}', add_measures => '{"n": "sum(n)"}')$$, '42701', NULL,
    'a name that is taken is refused');
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_dimensions => '{k}')$$, '2BP01', NULL, 'what one above reads stays');
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_measures => '{n}', add_measures => '{"n": "sum(n + 1)"}')$$, '2BP01', NULL,
    'also where it would come again with another meaning');
-- As intervals 30 days equal a month. Only another rollup makes one of the other.
SELECT tally.create_rollup('monthly', 'e', 'at', bucket => '1 month', dimensions => '[]', measures => '{"n": "sum(n)"}');
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    h text;
BEGIN
    EXECUTE statement;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
    RETURN h;
END $$;
SELECT unalike(hint_of($$SELECT tally.create_rollup('monthly', 'e', 'at', bucket => '30 days', dimensions => '[]',
    measures => '{"n": "sum(n)", "c": "count(*)"}')$$), '%alter_rollup%', 'months do not become 30 days by alter_rollup');
SELECT * FROM finish();
