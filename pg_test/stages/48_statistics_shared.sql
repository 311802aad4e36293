-- Rollups with the same groups share one statistics object: ANALYZE of a source cost a statistics object for each rollup on it.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz NOT NULL, a text, b text, c text, d text);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute', i % 2, i % 3, i % 5, i % 7 FROM generate_series(1, 2000) i;
CREATE FUNCTION make(name text, dimensions jsonb, bucket interval DEFAULT '1 hour', source text DEFAULT 'e') RETURNS void LANGUAGE sql AS $$
    SELECT tally.create_rollup($1, $4, 'at', $3, $2, '{"n": "count(*)"}')
$$;
-- What PostgreSQL has, and the rollup that it was made for.
CREATE VIEW counted AS SELECT stxname::text AS name, pg_get_statisticsobjdef_columns(oid) ~ '\ma\M' AS has_a FROM pg_statistic_ext
    WHERE stxrelid::regclass::text !~ '_of_2026$';
-- The planner's number of groups, which the choice of a hash or a sort depends on.
CREATE FUNCTION groups_expected(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
CREATE FUNCTION hours_of(source text, terms text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT tally_internal._bucket_start(%L, at)%s FROM %s GROUP BY 1%s', tally_internal._bucket_rule('1 hour', 'UTC', NULL), terms, source,
                  regexp_replace(terms, '\w+', (2)::text))
$$;

SELECT make('many', '["a", "b", "c", "d"]'), make('more', '["a", "b", "c", "d", {"e": "a || b"}]'), make('most', '["a", "b", {"x": "c"}, {"y": "d"}]');
SELECT bag_eq('SELECT name FROM counted', '{many_tally_groups}'::text[], 'rollups with many dimensions share the bucket''s');
SELECT make('few', '["a"]'), make('few_too', '[{"kind": "a"}]'), make('other', '["b"]'), make('pair', '["b", "a"]'), make('swapped', '["a", "b"]'),
       make('daily', '["a"]', '1 day'), make('day_of_24', '["a"]', '24 hours');
SELECT bag_eq('SELECT name FROM counted', '{many_tally_groups,few_tally_groups,other_tally_groups,pair_tally_groups,'
    'daily_tally_groups}'::text[],
    'those with few share with the same dimensions, under any name and in any order; another bucket is another, 24 hours are a day');
SELECT tally.create_rollup('berlin', 'e', 'at', '1 day', '["a"]', '{"n": "count(*)"}', zone => 'Europe/Berlin');
SELECT bag_eq('SELECT count(*) FROM counted WHERE name = ''berlin_tally_groups''', '{1}'::bigint[], 'another zone is another');
SELECT tally.drop_rollup('berlin');

CALL tally.backfill();
SELECT cmp_ok(groups_expected(hours_of('e')), '<=', 40::float8, 'the planner knows the 34 hours');
SELECT cmp_ok(groups_expected(hours_of('e', ', a')), '<=', 80::float8, 'and the 68 groups of hours and a');
SELECT is((SELECT count(*) FROM tally_internal._lacking_statistics()), 0::bigint, 'nothing is empty after the builds');

-- The rollup goes that they were made for.
SELECT tally.drop_rollup('many');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^(many|mor|mos)'$$, '{more_tally_groups}'::text[], 'dropped: the next one has them');
SELECT is((SELECT count(*) FROM tally_internal._lacking_statistics()), 0::bigint, 'with all that was counted');
SELECT tally.drop_rollup('most');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^mor'$$, '{more_tally_groups}'::text[], 'one that had none itself goes without a trace');
SELECT tally.drop_rollup('more');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^mor'$$, '{}'::text[], 'the last one takes them along');

-- A change of dimensions leaves and joins.
SELECT tally.alter_rollup('few', add_dimensions => '["c"]');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^few'$$, '{few_tally_groups,few_too_tally_groups}'::text[],
    'dimension added: it has its own, and the other keeps what was counted');
SELECT tally.alter_rollup('few', drop_dimensions => '{c}');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^few'$$, '{few_too_tally_groups}'::text[], 'dimension dropped: it shares again');
SELECT tally.alter_rollup('few', add_dimensions => '["b", "c", "d"]');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^few'$$, '{few_tally_groups,few_too_tally_groups}'::text[], 'many dimensions now: the bucket''s own');
SELECT tally.drop_rollup('few');

-- Somebody has taken them away.
SELECT make('few', '["a"]');
DROP STATISTICS few_too_tally_groups;
INSERT INTO e SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute', i % 2, i % 3, i % 5, i % 7 FROM generate_series(1, 2000) i;
CALL tally.backfill('few');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^few'$$, '{few_tally_groups}'::text[], 'dropped by hand: the next build makes them anew');
SELECT is((SELECT count(*) FROM tally_internal._lacking_statistics()), 0::bigint, 'and fills them');

-- The name of the next one is taken.
CREATE STATISTICS few_too_tally_groups ON a, b FROM e;
SELECT tally.drop_rollup('few_too');
SELECT make('again', '["a"]');
CREATE TABLE else_ (x int, y int);
CREATE STATISTICS again_tally_groups ON x, y FROM else_;
SELECT lives_ok($$SELECT tally.drop_rollup('few')$$, 'a name that is taken stops no drop');
SELECT bag_eq($$SELECT stxrelid::regclass::text, stxname::text FROM pg_statistic_ext WHERE stxname ~ '^(few|again)'$$,
    $$VALUES ('else_', 'again_tally_groups')$$, 'and nobody else''s go');
SELECT tally.drop_rollup('again');
DROP TABLE else_;

-- A partitioned source.
CREATE TABLE parts (at timestamptz NOT NULL, a text) PARTITION BY RANGE (at);
CREATE TABLE parts_of_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01Z') TO ('2027-01-01Z');
INSERT INTO parts SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute', i % 2 FROM generate_series(1, 2000) i;
SELECT make('p1', '["a"]', source => 'parts'), make('p2', '["a"]', source => 'parts');
CALL tally.backfill('p1');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^p\d'$$, '{p1_tally_groups}'::text[], 'partitioned: one object, of the parent');
SELECT cmp_ok(groups_expected(hours_of('parts')), '<=', 40::float8, 'the planner knows the hours of all partitions');
SELECT tally.drop_rollup('p1');
SELECT cmp_ok(groups_expected(hours_of('parts')), '<=', 40::float8, 'and when they are the other''s');

SELECT tally.drop_rollup('p2');
-- Rows that came since the last ANALYZE are counted before a build, though the statistics were filled.
CREATE TABLE grown (at timestamptz NOT NULL, a text);
INSERT INTO grown VALUES ('2026-01-01 00:30Z', 'x');
SELECT make('g1', '["a"]', source => 'grown');
CALL tally.backfill('g1');
INSERT INTO grown SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute', i % 2 FROM generate_series(1, 5000) i;
SELECT make('g2', '["a"]', source => 'grown');
SELECT pg_stat_force_next_flush();
CALL tally.backfill('g2');
SELECT cmp_ok(groups_expected(hours_of('grown', ', a')), '>=', 100::float8, 'a source that has grown is counted before a build');
SELECT * FROM finish();
