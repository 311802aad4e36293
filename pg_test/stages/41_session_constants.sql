-- Constants in a definition, read as its text is read: under settings of the engine, whatever the session has that defines, refreshes or reads.
-- With PINNED of src/pg/run_as.rs left out, no test failed before this one.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (at timestamptz NOT NULL, k text, i interval);
CREATE INDEX ON e (at);
CREATE INDEX ON e (k);
INSERT INTO e VALUES ('2003-04-04 12:00+00', '7', '-1 day +1 hour'), ('2003-04-06 12:00+00', 'd', '-1 day -1 hour'),
                     ('2005-04-02 12:00+00', NULL, '-1 day -3 hours'), ('2005-04-10 12:00+00', 'NULL', '3 days');
-- Each text, and what it means: days of years that come first, the sign for the days alone, backslashes as they stand, NULL equal to nothing.
CREATE TABLE texts (name text, given text, means text);
INSERT INTO texts VALUES
    ('datestyle', $$at < '03/04/05 00:00+00'$$, $$at < timestamptz '2003-04-05 00:00+00'$$),
    ('datestyle_cast', $$at < CAST('03/04/05 00:00+00' AS timestamptz)$$, $$at < timestamptz '2003-04-05 00:00+00'$$),
    ('intervalstyle', $$i < '-1 2:00:00'$$, $$i < interval '-1 day +2 hours'$$),
    ('backslashes', $$k ~ '^\d$'$$, $$k ~ '^[0-9]$'$$),
    ('null_equals', $$(k = NULL) IS NULL$$, 'true'),
    ('array_nulls', $$k = ANY ('{NULL,d}'::text[])$$, $$k = 'd'$$);
CREATE TABLE wanted AS SELECT t.name, t.means, 0::bigint AS n FROM texts t;
CREATE FUNCTION count_them() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN TABLE texts LOOP
        EXECUTE format('UPDATE wanted SET n = (SELECT count(*) FROM e WHERE %s) WHERE name = %L', one.means, one.name);
    END LOOP;
END $$;
SELECT count_them();
CREATE FUNCTION checks(what text, suffix text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    w   wanted;
    got bigint;
BEGIN
    FOR w IN SELECT x.* FROM wanted x WHERE to_regclass('m_' || x.name) IS NOT NULL LOOP
        EXECUTE format('SELECT sum(n) FROM %I', 'm_' || w.name || suffix) INTO got;
        RETURN NEXT is(got, w.n, format('%s: a measure with a constant, %s', what, w.name));
        EXECUTE format('SELECT COALESCE(sum(n), 0) FROM %I', 'f_' || w.name || suffix) INTO got;
        RETURN NEXT is(got, w.n, format('%s: a filter with a constant, %s', what, w.name));
    END LOOP;
END $$;
CREATE FUNCTION define() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    t texts;
BEGIN
    FOR t IN TABLE texts LOOP
        PERFORM tally.create_rollup('m_' || t.name, 'e', 'at', bucket => '1 day', with_data => true,
                                    measures => jsonb_build_object('n', format('count(*) FILTER (WHERE %s)', t.given)));
        PERFORM tally.create_rollup('f_' || t.name, 'e', key => 'k', measures => '{"n": "count(*)"}', "where" => t.given, with_data => true);
        RETURN NEXT pass(t.name || ' is taken');
    END LOOP;
END $$;
CREATE FUNCTION elsewhere(on_ boolean) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('datestyle', CASE WHEN on_ THEN 'SQL, DMY' ELSE 'ISO, MDY' END, false),
           set_config('intervalstyle', CASE WHEN on_ THEN 'sql_standard' ELSE 'postgres' END, false),
           set_config('standard_conforming_strings', CASE WHEN on_ THEN 'off' ELSE 'on' END, false),
           set_config('transform_null_equals', on_::text, false),
           set_config('array_nulls', (NOT on_)::text, false), set_config('escape_string_warning', 'off', false) $$;
SELECT elsewhere(true);
SELECT define();
SELECT checks('defined under odd settings', '');
SELECT checks('read under odd settings', '_live');
SELECT elsewhere(false);
SELECT checks('read under usual settings', '_live');
INSERT INTO e SELECT at, k, i FROM e;
SELECT count_them();
SELECT checks('before the refresh', '_live');
SELECT elsewhere(true);
SELECT checks('before the refresh, under odd settings', '_live');
SELECT count(*) FROM (SELECT tally.refresh()) r;
SELECT checks('refreshed under odd settings', '');
SELECT elsewhere(false);
SELECT is((SELECT count(*) FROM tally.rollups r CROSS JOIN LATERAL tally.verify(r.name) v), 0::bigint, 'verify finds nothing');
SELECT * FROM finish();
