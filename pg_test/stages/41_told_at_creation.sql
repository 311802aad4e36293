-- What create_rollup says. It was silent about a dimension of three million ids; said that history was not computed where it just had been; and
-- told somebody whose name was taken to drop the other one's rollup.
SELECT no_plan();
\ir ../hosted.psql
SET client_min_messages = warning;
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME
CREATE TABLE visits (at timestamptz, "who's" text, page text);
CREATE INDEX ON visits (at);
INSERT INTO visits SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 second', 'id' || i, 'p' || i % 20 FROM generate_series(1, 150000) i;
ANALYZE visits;

-- A dimension of very many values.
\setenv PGOPTIONS '-c client_min_messages=notice'
\set said `psql -XAtq -c "SELECT tally.create_rollup('by_visitor', 'visits', 'at', '1 day', '[\"who''s\", \"page\"]', '{\"n\": \"count(*)\"}')" 2>&1`
SELECT matches(:'said'::text, E'WARNING:  dimension \'who\'\'s\' of rollup \'by_visitor\' has about 1[3-6]\\d{4} values',
    'a dimension of as many values as there are rows is told');
SELECT unalike(:'said'::text, '%''page''%', 'one of twenty is not');
-- The hint is the statement to run, and it works.
SELECT regexp_replace(:'said'::text, E'.*HINT:  (SELECT tally.alter_rollup\\([^\n]*\\);).*', E'\\1') AS hint \gset
SELECT lives_ok(:'hint'::text, 'the hint runs: ' || :'hint');
SELECT tally.refresh('by_visitor');
SELECT is((SELECT count(*) FROM by_visitor), (SELECT count(*) FROM (SELECT DISTINCT date_trunc('day', at, 'UTC'), page FROM visits) x),
    'and the rollup is small');
SELECT cmp_ok((SELECT sum(tally.distinct_count("who's_count")) FROM by_visitor), '>', 140000::numeric, 'and counts them');
SELECT bag_eq($$SELECT dimension FROM tally.rollups r, tally_internal._many_values(r)$$, $$SELECT NULL::text WHERE false$$, 'nothing is left to be told');

-- With its history computed, it does not say that it is not.
\set said `psql -XAtq -c "SELECT tally.create_rollup('computed', 'visits', 'at', measures => '{\"n\": \"count(*)\"}', with_data => true)" 2>&1`
SELECT is(:'said'::text, 'computed', 'with_data => true says nothing about history');
SELECT is((SELECT sum(n) FROM computed), 150000::numeric, 'and has it');
\set said `psql -XAtq -c "SELECT tally.create_rollup('later', 'visits', 'at', measures => '{\"n\": \"count(*)\"}')" 2>&1`
SELECT alike(:'said'::text, '%its history is not computed yet%CALL tally.backfill(''later'');%', 'without it the statement to run is told');

-- A name that another role has taken: its own rollup is not proposed for dropping, and the statement that is works.
DROP ROLE IF EXISTS told_other;
CREATE ROLE told_other ROLE CURRENT_USER;
GRANT SELECT, TRIGGER ON visits TO told_other;
CREATE SCHEMA theirs AUTHORIZATION told_other;
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    h text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN duplicate_object THEN
    GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
    RETURN h;
END $$;
GRANT CREATE ON SCHEMA public TO told_other;
\if :hosted
SELECT skip('rollups are the installing role''s', 4);
\else
SET ROLE told_other;
SET search_path = theirs, public;
SELECT unalike(hint_of($$SELECT tally.create_rollup('public.computed', 'public.visits', 'at', measures => '{"x": "count(*)"}')$$), '%drop%',
    'nobody is told to drop another''s rollup');
SELECT alike(hint_of($$SELECT tally.create_rollup('public.computed', 'public.visits', 'at', measures => '{"x": "count(*)"}')$$), '%''told_other_computed''%',
    'but to take another name');
SELECT lives_ok($$SELECT tally.create_rollup('told_other_computed', 'public.visits', 'at', measures => '{"x": "count(*)"}')$$, 'which works');
SELECT tally.drop_rollup('told_other_computed');
SELECT lives_ok($$SELECT tally.create_rollup('computed', 'public.visits', 'at', measures => '{"x": "count(*)"}')$$,
    'and in a schema of its own, the same name is free');
SELECT tally.drop_rollup('theirs.computed');
RESET ROLE;
RESET search_path;
\endif
DROP OWNED BY told_other;
DROP ROLE told_other;
SELECT * FROM finish();
