-- Owns: a release whose people are counted by a dimension that names them. Behind it lies a table with a row for each person; a reader looks for names in
-- it, by the release's own functions, by metrics, by plans, statistics, errors and orders, and subtracts.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
-- The secret: three people, caller7100 to caller7102, with six calls of world w1, kind b.
CREATE TABLE app.calls AS SELECT at, 'caller' || 7000 + person AS caller, world, kind FROM app.visits;
ALTER TABLE app.calls ALTER at SET NOT NULL;
CREATE INDEX ON app.calls (at);
SELECT tally.create_rollup('calls_hourly', 'app.calls', 'at', '1 hour', dimensions => '["world", "kind"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.exact_count('callers', 'calls_hourly', 'caller', with_data => true);
SELECT tally.create_metric('calls', 'callers_actors', 'rows'), tally.create_metric('calls each', 'callers_actors', 'rows::float8 / nullif(distinct_actor, 0)'),
       tally.create_metric('worlds', 'callers_actors', 'distinct_world');
SELECT tally.create_release('called', 'callers_actors', '{world,kind}', '{rows}', people => 'actor', bucket => '1 day');
SELECT is((SELECT state FROM tally.refresh_release('called', '2026-01-02 01:00Z')), 'released', 'the owner publishes a day');
INSERT INTO app.calls SELECT timestamptz '2026-01-02 10:00Z', 'caller' || 7000 + i, 'w1', 'a' FROM generate_series(1, 30) i;
SELECT is((SELECT state FROM tally.refresh_release('called', '2026-01-03 01:00Z')), 'released', 'and another');
ANALYZE app.callers_actors;
GRANT SELECT ON app.called TO tally_reader;
-- What people make instead.
CREATE VIEW app.naive_callers AS SELECT world, kind, count(*) AS rows, count(DISTINCT caller) AS people, array_agg(DISTINCT caller) AS who FROM app.calls
    WHERE at < '2026-01-02 00:00Z' GROUP BY CUBE (world, kind) HAVING count(DISTINCT caller) >= 10;
GRANT SELECT ON app.naive_callers TO tally_reader;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SET search_path = evil, public;
-- Subtraction, of people and rows.
CREATE VIEW evil.first AS SELECT * FROM app.called WHERE bucket = '2026-01-01';
CREATE TEMP TABLE attack (label text, naive text, release text, secret bigint);
INSERT INTO attack
SELECT format('%s of world w1 less its published kinds', m),
       format($$SELECT (SELECT %1$I FROM app.naive_callers WHERE world = 'w1' AND kind IS NULL) - (SELECT sum(%1$I) FROM app.naive_callers WHERE world = 'w1'
              AND kind IS NOT NULL)$$, m),
       format($$SELECT (SELECT %1$I FROM evil.first WHERE world = 'w1' AND kind IS NULL) - (SELECT sum(%1$I) FROM evil.first WHERE world = 'w1'
              AND kind IS NOT NULL)$$, m), s FROM (VALUES ('people', 3), ('rows', 6)) x(m, s)
UNION ALL SELECT 'the same by metrics', $$SELECT (SELECT people FROM app.naive_callers WHERE world IS NULL AND kind = 'b')
              - (SELECT sum(people) FROM app.naive_callers WHERE world IS NOT NULL AND kind = 'b')$$,
       $$SELECT tally.metric_value('callers', '2026-01-01', '2026-01-02', '{"kind": "b"}')
              - (SELECT sum(value) FROM tally.timeseries('callers', '2026-01-01', '2026-01-02', '1 day', '{world}', '{"kind": "b"}'))$$, 3;
SELECT is(evil.guess(a.naive), a.secret, a.label || ': found in a view') FROM attack a;
SELECT isnt(evil.guess(a.release), a.secret, a.label || ': not in the release') FROM attack a;
-- Metrics that count people are answered from what is published.
SELECT bag_eq($$SELECT labels, value FROM tally.timeseries('callers', '2026-01-01', '2026-01-02', '1 day', '{world,kind}')$$,
    $$SELECT jsonb_build_object('world', world, 'kind', kind), people::float8 FROM evil.first WHERE world IS NOT NULL AND kind IS NOT NULL$$,
    'people by world and kind are those of the release');
SELECT is(tally.metric_value('calls each', '2026-01-01', '2026-01-02'), 2::float8, 'so is a quotient of rows and people');
SELECT is(tally.metric_value('calls', '2026-01-01', '2026-01-02'), (SELECT rows::float8 FROM evil.first WHERE world IS NULL AND kind IS NULL), 'and rows');
SELECT is(tally.metric_value('calls', '2026-01-01', '2026-01-03'), (SELECT sum(rows) FROM app.called WHERE world IS NULL AND kind IS NULL)::float8,
    'rows of two days add up');
SELECT matches((evil.parts($$SELECT tally.metric_value('callers', '2026-01-01', '2026-01-03')$$))[1:2]::text, '42501.*with people of several buckets together',
    'people of two days do not');
SELECT is((SELECT count(*) FROM tally.timeseries('callers', '2026-01-01', '2026-01-02', '1 day', '{world}', '{"kind": "b"}') WHERE value IS NULL), 2::bigint,
    'hidden ones are NULL');
-- Whoever asks by person is refused, in words that tell of nobody.
SELECT ok(p[1] = '42501' AND array_to_string(p, ' ') !~ 'caller7\d{3}', format('refused: %s', q)) FROM unnest(ARRAY[
    'SELECT * FROM app.calls', 'SELECT * FROM app.callers_actors', 'SELECT * FROM app.callers_actors_live', 'SELECT * FROM app.callers_actors_metrics',
    $$SELECT * FROM tally.released('called', by => '{actor}')$$, $$SELECT * FROM tally.released('called', "where" => '{"actor": "caller7101"}')$$,
    $$SELECT tally.metric_value('callers', '2026-01-01', '2026-01-02', '{"actor": "caller7101"}')$$,
    $$SELECT * FROM tally.timeseries('calls', '2026-01-01', '2026-01-02', '1 day', '{actor}')$$,
    $$SELECT * FROM tally.report('{calls,callers}', '2026-01-01', '2026-01-02', by => '{world,actor}')$$,
    $$SELECT tally.metric_value('worlds', '2026-01-01', '2026-01-02')$$,
    $$SELECT tally.metric_value('callers', '2026-01-01 10:00Z', '2026-01-01 11:00Z')$$,
    $$SELECT * FROM tally.verify('callers_actors')$$, $$SELECT tally.create_release('evil.mine', 'callers_actors', '{world}', '{rows}', people => 'actor')$$,
    $$SELECT tally.create_rollup('evil.mine', 'app.callers_actors', 'bucket', '1 day', dimensions => '["actor"]', measures => '{"n": "count(*)"}')$$,
    $$SELECT tally.create_metric('evil.mine', 'callers_actors', 'max(actor)')$$,
    $$SELECT tally_internal._release_cells(x, r, '2026-01-01', '2026-01-02') FROM tally.releases x JOIN tally.rollups r ON r.id = x.rollup_id
      WHERE x.name = 'called'$$]) q, LATERAL (SELECT evil.parts(q) AS p) e;
-- Names lie nowhere that a reader can look: the catalogue of pg_tally and of PostgreSQL, statistics, the release itself.
CREATE FUNCTION evil.look(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT string_agg(t::text, '' '') FROM %s t', relation) INTO result;
    RETURN result;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN NULL;
END $$;
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c WHERE (c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'v')
    OR c.oid IN ('app.called'::regclass, 'pg_stats'::regclass, 'pg_stats_ext'::regclass, 'pg_stat_all_tables'::regclass, 'pg_description'::regclass))
    AND has_table_privilege(c.oid, 'SELECT') AND evil.look(c.oid) ~ 'caller7\d{3}'$$, 'no table or view that a reader may read holds a name');
SELECT matches(evil.answer($$SELECT to_json(who) FROM app.naive_callers WHERE world = 'w1' AND kind IS NULL$$), 'caller7101',
    'a view that lists them shows them');
SELECT unalike(evil.answer('EXPLAIN (ANALYZE, VERBOSE, FORMAT json) SELECT * FROM app.called WHERE people IS NULL ORDER BY people'), '%actor%',
    'nor does a plan read what lies behind');
-- Orders and functions in WHERE see NULL where a number is hidden.
CREATE TABLE evil.seen (people bigint, rows bigint);
CREATE FUNCTION evil.leak(p bigint, r bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN INSERT INTO evil.seen VALUES (p, r); RETURN true; END$$;
SELECT count(*) FROM app.called WHERE evil.leak(people, rows) AND hidden;
SELECT is_empty($$SELECT * FROM evil.seen WHERE people < 10 OR rows < 10$$, 'a function in WHERE sees no small number');
SELECT is((SELECT count(DISTINCT world || kind) FROM app.called WHERE hidden AND world IS NOT NULL AND kind IS NOT NULL
    AND people_low < coalesce(people_high, 10) AND coalesce(people_high, 10) >= 10), (SELECT count(*) FROM app.called WHERE hidden AND world IS NOT NULL
    AND kind IS NOT NULL), 'each hidden number may be k, and is not known');
\ir epilogue.psql
SELECT * FROM finish();
