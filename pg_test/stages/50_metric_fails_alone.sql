-- A metric that fails on ordinary values is refused: once it was taken, and the flat view of all the others failed with it.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz, ms float8, k text);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 minutes', i, 'k' || i % 3 FROM generate_series(1, 300) i;
SELECT tally.create_rollup('de_h', 'e', 'at',
    measures => '{"n": "count(*)", "slow": "count(*) FILTER (WHERE ms > 250)", "total": "sum(ms)", "d": "tally.tdigest(ms)", "st": "tally.stats(ms)"}',
    with_data => true);
SELECT tally.create_metric('p50', 'de_h', 'tally.percentile(d, 0.5)');
CREATE FUNCTION refused(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    m text; d text; h text;
BEGIN
    BEGIN
        PERFORM tally.create_metric('x', 'de_h', expression);
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
        GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
        RETURN CASE WHEN m LIKE 'metric %fails on values%' AND d <> '' AND h <> '' THEN 'refused' ELSE m END;
    END;
    RETURN 'taken';
END $$;
SELECT is(refused(x), 'refused', x)
    FROM unnest(ARRAY['tally.percentile(d, 95)', 'n::float8 / slow', 'ln(slow)', '1 / (total - 1)', 'power(10, n * n)', 'sqrt(slow - 5.0)',
    'log(total::numeric)', 'tally.percentile(d, -1)',
    'n::float8 / (n - 6)']) x;
SELECT is((SELECT count(*) FROM tally.metrics WHERE name = 'x'), 0::bigint, 'nothing of it is left');
SELECT is((SELECT count(p50) FROM de_h_metrics), 51::bigint, 'the flat view of the others answers');
SELECT is(refused(x), 'taken', x)
    FROM unnest(ARRAY['n::float8 / nullif(slow, 0)', 'ln(nullif(slow, 0))', 'tally.mean(st)', 'tally.percentile(d, 0.99)', 'sqrt(GREATEST(total, 0))']) x;
SELECT * FROM finish();
