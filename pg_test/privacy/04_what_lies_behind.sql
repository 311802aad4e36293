-- Owns: ways around the release: sketches, the rollup, metrics, proofs, functions of the engine, notifications, exports. A reader of a
-- release gets nothing from them.
SELECT no_plan();
\ir prelude.psql
-- Sketches: a guessed person is tested by adding it.
SELECT is(evil.guess($$SELECT tally.distinct_count(tally.add(people, 101)) - tally.distinct_count(people) FROM app.naive_sketch$$), 0::bigint,
    'a sketch in a view tells that person 101 is in it');
SELECT is(evil.guess($$SELECT tally.distinct_count(tally.add(people, 1010101)) - tally.distinct_count(people) FROM app.naive_sketch$$), 1::bigint,
    'and that another is not');
SELECT is((SELECT count(*) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = 'app.seen'::regclass AND a.attnum > 0
    AND t.typname NOT IN ('timestamptz', 'int4', 'int8', 'bool', 'text')), 0::bigint, 'a release has no column of a sketch, only numbers');
-- The rollup and all that reads it.
SELECT is(evil.refused(q), '42501', q) FROM unnest(ARRAY[
    'SELECT * FROM app.visits', 'SELECT * FROM app.by_hour', 'SELECT * FROM app.by_hour_live', 'SELECT * FROM app.by_hour_metrics',
    -- Metrics are answered from the release (05_metrics_of_releases.sql), and by nothing else.
    'SELECT * FROM tally.timeseries(''visits'', ''2026-01-01'', ''2026-01-02'', by => ''{world,kind}'', fill => ''zero'')',
    'SELECT tally.metric_value(''visits'', ''2026-01-01 10:00Z'', ''2026-01-01 11:00Z'')',
    'SELECT * FROM tally.report(''{visits}'', ''2026-01-01'', ''2026-01-08'')',
    'SELECT * FROM tally.verify(''by_hour'')',
    'SELECT * FROM tally.check_release(''seen'')', 'SELECT * FROM tally.refresh_release(''seen'')', 'SELECT tally.drop_release(''seen'')',
    'SELECT tally.create_release(''evil.mine'', ''by_hour'', ''{world}'', ''{n}'')',
    'SELECT * FROM tally.released(''seen'', by => ''{hour}'')', 'SELECT * FROM tally.released(''seen'', "where" => ''{"person": "101"}'')',
    'SELECT tally_internal._release_cells(x, r, ''2026-01-01'', ''2026-01-02'') FROM tally.releases x JOIN tally.rollups r ON r.id = x.rollup_id',
    'SELECT tally_internal._publish(x, r, ''2026-01-01'', ''2026-01-02'', ''{}'', ''[]'') FROM tally.releases x JOIN tally.rollups r ON r.id = x.rollup_id',
    'INSERT INTO app.seen (bucket, cell, hidden) VALUES (now(), 1, false)', 'UPDATE app.seen SET n = 0', 'DELETE FROM app.seen', 'TRUNCATE app.seen',
    'CREATE STATISTICS evil.s ON world, kind FROM app.seen', 'CREATE TRIGGER t BEFORE INSERT ON app.seen EXECUTE FUNCTION tally.capture()']) q;
-- Every table and view of tally: nothing in it is a hidden number of the owner's.
SELECT is((SELECT count(*) FROM tally.release_proofs) + (SELECT count(*) FROM tally.release_witnesses) + (SELECT count(*) FROM tally.released_buckets)
    + (SELECT count(*) FROM tally.runs), 0::bigint, 'proofs, possible tables, reasons of refusal and the log of runs are their owner''s');
CREATE FUNCTION evil.look(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT string_agg(to_jsonb(t)::text, '' '') FROM %s t', relation) INTO result;
    RETURN result;
END $$;
CREATE TEMP TABLE looked AS SELECT c.relname::text AS name, evil.look(c.oid) AS content
  FROM pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege(c.oid, 'SELECT');
SELECT cmp_ok((SELECT count(*) FROM looked), '>', 20::bigint, 'there are tables to look into');
SELECT is_empty($$SELECT name FROM looked WHERE content ~ '"(people|n|value|low|high)": (3|4|6|8)[,}]'$$, 'no table of tally shows a number of few people');
-- What is refused leaves no trace of the numbers in an error.
CREATE FUNCTION evil.told(attack text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail_ text;
    hint_ text;
BEGIN
    EXECUTE attack;
    RETURN '';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail_ = PG_EXCEPTION_DETAIL, hint_ = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLERRM, detail_, hint_);
END $$;
SELECT matches(evil.told($$SELECT * FROM tally.released('seen', by => '{hour}')$$),
    'does not answer by hour.*not computed from the rollup.*SELECT \* FROM app.seen',
    'what the release does not hold is refused in four parts');
-- Listening. A refresh sends nothing; a channel has no access control.
LISTEN tally_incidents; LISTEN tally; LISTEN tally_release;
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.proname ~ 'release' AND p.oid <> 'tally_internal._release(timestamptz)'::regprocedure
    AND p.pronamespace::regnamespace::text ~ '^tally' AND p.prosrc ~* 'notify'$$,
    'nothing that publishes a release notifies');
-- A guess of who is there: existence of a cell is published, its size is not.
SELECT is((SELECT array_agg(DISTINCT hidden) FROM app.seen WHERE world = 'w4'), '{t}', 'that somebody was in w4 is published; how many is not');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SELECT is((SELECT array_agg(proved) FROM tally.check_release('seen')), '{t}', 'the owner proves it');
\ir epilogue.psql
SELECT * FROM finish();
