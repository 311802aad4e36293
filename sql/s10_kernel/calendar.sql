-- Owns: the calendar as SQL sees it. What a bucket is, where it starts and ends, and whether buckets fit into others is computed in
-- Rust (core/src/calendar/) and nowhere else. A rule is text, as tally_internal._bucket_rule() writes it.
--
-- A bucket of days or months holds the rows whose local time lies in it. Its start is what date_trunc(…, zone) gives. These functions
-- are IMMUTABLE because the rule names the zone, as date_trunc and AT TIME ZONE are. They do not fail on any time: what PostgreSQL
-- cannot hold is infinite.

CREATE OR REPLACE FUNCTION tally.bucket(width interval, "time" timestamptz, zone text DEFAULT 'UTC',
                             origin timestamptz DEFAULT '2000-01-03 00:00:00+00') RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket';
COMMENT ON FUNCTION tally.bucket(interval, timestamptz, text, timestamptz) IS
'Start of the bucket that a time is in. Widths of hours and less are fixed and counted from origin, as date_bin does. Days, weeks (from Mondays), months, '
    'quarters and years follow the calendar of the zone, as date_trunc(…, zone) does. A bucket begins at a given origin: it moves the day or month that '
    'several are counted from, the time of day, and the day of the month.';

CREATE OR REPLACE FUNCTION tally_internal._zone_known(zone text) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_zone_known';
COMMENT ON FUNCTION tally_internal._zone_known(text) IS 'Whether the time zone database knows a zone. Abbreviations, which a session may redefine, are none.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_rule(width interval, zone text, origin timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_rule';
COMMENT ON FUNCTION tally_internal._bucket_rule(interval, text, timestamptz) IS
'How a time becomes the start of its bucket: ''fixed <microseconds> [<microseconds after Monday 2000-01-03 00:00 UTC>]'' or ''calendar <unit> <zone>'', the '
    'unit a name that date_trunc knows or <n>days@<days after 2000-01-03>, <n>months@<months after January 2000>, these also with +<microseconds by which a '
    'bucket begins later than midnight, or the first of the month>. Errors say which widths and origins there are.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_rule_or_null(width interval, zone text, origin timestamptz) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_rule_or_null';
COMMENT ON FUNCTION tally_internal._bucket_rule_or_null(interval, text, timestamptz) IS 'As _bucket_rule(), NULL where that raises an error.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_start(rule text, instant timestamptz) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_start';
COMMENT ON FUNCTION tally_internal._bucket_start(text, timestamptz) IS
'Start of the bucket that holds an instant; -infinity where PostgreSQL cannot hold that start. An infinite instant is its own bucket.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_end(rule text, instant timestamptz) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_end';
COMMENT ON FUNCTION tally_internal._bucket_end(text, timestamptz) IS 'End of the bucket that holds an instant: the start of the next one.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_shifted(rule text, instant timestamptz, n int) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_shifted';
COMMENT ON FUNCTION tally_internal._bucket_shifted(text, timestamptz, int) IS
'Start of the bucket n after (before, if negative) the one that holds an instant.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_at_or_after(rule text, instant timestamptz) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_at_or_after';
COMMENT ON FUNCTION tally_internal._bucket_at_or_after(text, timestamptz) IS 'The first start of a bucket that is not before an instant.';

CREATE OR REPLACE FUNCTION tally_internal._rows_from(rule text, instant timestamptz) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_rows_from';
COMMENT ON FUNCTION tally_internal._rows_from(text, timestamptz) IS
'The first time whose bucket begins at or after an instant. It lies before the bucket''s start where a clock is set back over midnight.';

CREATE OR REPLACE FUNCTION tally_internal._rows_past(rule text, instant timestamptz) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_rows_past';
COMMENT ON FUNCTION tally_internal._rows_past(text, timestamptz) IS
'The time from which on the buckets of all times begin at or after an instant. Between _rows_from() and this one some do.';

CREATE OR REPLACE FUNCTION tally_internal._buckets_reached(rule text, instant timestamptz, n int) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_buckets_reached';
COMMENT ON FUNCTION tally_internal._buckets_reached(text, timestamptz, int) IS
'Starts of the bucket that holds an instant and of the n - 1 after it: those that look back over n buckets and see this one.';

CREATE OR REPLACE FUNCTION tally_internal._buckets_between(rule text, first timestamptz, last timestamptz) RETURNS timestamptz[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_buckets_between';
COMMENT ON FUNCTION tally_internal._buckets_between(text, timestamptz, timestamptz) IS
'Starts of all buckets in [first, last), a million at most. A day that a zone leaves out is none.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_width(rule text) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_width';
COMMENT ON FUNCTION tally_internal._bucket_width(text) IS 'Width of a rule''s bucket; days and months are those of the zone''s clock.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_length(rule text) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_length';
COMMENT ON FUNCTION tally_internal._bucket_length(text) IS 'About how many microseconds a rule''s bucket has: to sort by, not to compute with.';

CREATE OR REPLACE FUNCTION tally_internal._bucket_is_finer(rule text, than text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bucket_is_finer';
COMMENT ON FUNCTION tally_internal._bucket_is_finer(text, text) IS 'Whether the longest bucket of a rule is no longer than the shortest of another.';

CREATE OR REPLACE FUNCTION tally_internal._buckets_in(rule text, width interval) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_buckets_in';
COMMENT ON FUNCTION tally_internal._buckets_in(text, interval) IS 'How many buckets of a rule a width covers; NULL where they are not whole.';

CREATE OR REPLACE FUNCTION tally_internal._buckets_nest(own text, outer_rule text, since timestamptz, until timestamptz) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_buckets_nest';
COMMENT ON FUNCTION tally_internal._buckets_nest(text, text, timestamptz, timestamptz) IS
'Whether each bucket of a rule (own) lies within one bucket of another: for all time where the rules say so, else by the clocks in [since, until), because '
    'zones may be off by half an hour, and change.';

CREATE OR REPLACE FUNCTION tally_internal._buckets_nest(own text, outer_rule text) RETURNS boolean
    LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._buckets_nest(own, outer_rule, now() - interval '3 years', now() + interval '1 year')
$$;
COMMENT ON FUNCTION tally_internal._buckets_nest(text, text) IS 'The same by the clocks of the years around now.';

CREATE OR REPLACE FUNCTION tally_internal._instant_of(local timestamp, zone text) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_instant_of_timestamp';
COMMENT ON FUNCTION tally_internal._instant_of(timestamp, text) IS 'local AT TIME ZONE zone, infinite where PostgreSQL cannot hold the instant.';

CREATE OR REPLACE FUNCTION tally_internal._instant_of(day date, zone text) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_instant_of_date';
COMMENT ON FUNCTION tally_internal._instant_of(date, text) IS 'The midnight of a day in a zone, infinite where PostgreSQL cannot hold the instant.';

CREATE OR REPLACE FUNCTION tally_internal._local_from(zone text, instant timestamptz) RETURNS timestamp
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_local_from';
COMMENT ON FUNCTION tally_internal._local_from(text, timestamptz) IS 'A local time before which no local time is an instant at or after the given one.';

CREATE OR REPLACE FUNCTION tally_internal._local_until(zone text, instant timestamptz) RETURNS timestamp
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_local_until';
COMMENT ON FUNCTION tally_internal._local_until(text, timestamptz) IS 'A local time from which on no local time is an instant before the given one.';
