-- Owns: retention: whether an actor who started is seen again, and what many actors add up to.

CREATE OR REPLACE FUNCTION tally.retention(starts timestamptz[], returns timestamptz[], width interval, periods int, as_of timestamptz DEFAULT now(),
                                zone text DEFAULT 'UTC', mode text DEFAULT 'on')
    RETURNS boolean[] LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'tally_retention';
COMMENT ON FUNCTION tally.retention(timestamptz[], timestamptz[], interval, int, timestamptz, text, text) IS
'Whether an actor was seen again 0, 1, … periods after the first start (element 1 is period 0), on that period or, with mode on_or_after, on it or later. '
'Periods follow the calendar of the zone; with zone NULL they are whole widths from the start''s moment. A period that is not wholly past at as_of is NULL, '
'never a loss; without a start the array is empty.';

CREATE OR REPLACE FUNCTION tally.retention(starts timestamptz[], returns timestamptz[], width interval, periods int, as_of timestamptz, zone text, mode text,
                                           later int)
    RETURNS boolean[] LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'tally_retention';
COMMENT ON FUNCTION tally.retention(timestamptz[], timestamptz[], interval, int, timestamptz, text, text, int) IS
'The same by periods of the calendar that begin so many days later: weeks on Sundays (6), months on the 15th (14).';

CREATE OR REPLACE FUNCTION tally.retention_every(starts timestamptz[], returns timestamptz[], width interval, periods int, as_of timestamptz DEFAULT now(),
                                      zone text DEFAULT 'UTC', mode text DEFAULT 'on')
    RETURNS TABLE (start timestamptz, retained boolean[]) LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 ROWS 10 AS 'MODULE_PATHNAME', 'tally_retention_every';
COMMENT ON FUNCTION tally.retention_every(timestamptz[], timestamptz[], interval, int, timestamptz, text, text) IS
'Retention with every start: a row per period of the calendar in which the actor started, with the first start in it; with zone NULL a row per start. The '
'array is that of tally.retention from that start. GROUP BY tally.bucket(width, start, zone) gives cohorts.';

CREATE OR REPLACE FUNCTION tally_internal._retention_counts_trans(state tally.retention_counts, retained boolean[]) RETURNS tally.retention_counts
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_retention_counts_trans';
COMMENT ON FUNCTION tally_internal._retention_counts_trans(tally.retention_counts, boolean[]) IS 'Transition of tally.retention_counts.';

CREATE OR REPLACE FUNCTION tally_internal._retention_counts_merge(state tally.retention_counts, counts tally.retention_counts) RETURNS tally.retention_counts
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_retention_counts_merge';
COMMENT ON FUNCTION tally_internal._retention_counts_merge(tally.retention_counts, tally.retention_counts) IS
'Combines partial states, and merges counts for tally.rollup.';

CREATE OR REPLACE AGGREGATE tally.retention_counts(retained boolean[]) (
    SFUNC = tally_internal._retention_counts_trans, STYPE = tally.retention_counts, COMBINEFUNC = tally_internal._retention_counts_merge,
    SSPACE = 144, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.retention_counts(boolean[]) IS 'Eligible and retained actors per period, from the array of each actor (tally.retention).';

CREATE OR REPLACE AGGREGATE tally.rollup(counts tally.retention_counts) (
    SFUNC = tally_internal._retention_counts_merge, STYPE = tally.retention_counts, COMBINEFUNC = tally_internal._retention_counts_merge,
    SSPACE = 144, PARALLEL = SAFE
);
COMMENT ON AGGREGATE tally.rollup(tally.retention_counts) IS 'Adds up retention counts.';

CREATE OR REPLACE FUNCTION tally.retention_periods(counts tally.retention_counts)
    RETURNS TABLE (period int, eligible bigint, retained bigint, share float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 30 AS 'MODULE_PATHNAME', 'tally_retention_periods';
COMMENT ON FUNCTION tally.retention_periods(tally.retention_counts) IS
'A row per period, from 0: actors for whom it is wholly past, those of them seen again, and the share.';
