-- Owns: tally.point, a row of a time series.

-- A type of its own, because PL/pgSQL does not let an argument and a result column both be named bucket.
CREATE TYPE tally.point AS (bucket timestamptz, series text, labels jsonb, value float8);
COMMENT ON TYPE tally.point IS 'A point of a time series: start of the bucket, name of the series, its labels, the value.';
