-- A column that cannot be a key, a time or a zone as it is: the hint is a statement that works as it stands, and what it makes can be used.
SELECT no_plan();
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE DOMAIN day_of AS date;
CREATE DOMAIN moment AS timestamptz;
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE calls (at timestamptz NOT NULL, day date, sum numeric, given day_of, raw bytea, name text COLLATE no_case, seconds bigint, millis bigint,
    small int, exact numeric, heard moment, zone text);
INSERT INTO calls VALUES
    ('2026-03-01 23:30Z', '2026-03-01', 1.0, '2026-03-01', '\x01', 'A', 1772407800, 1772407800000, 1772407800, 1772407800.5, '2026-03-01 23:30Z', 'Asia/Tokyo'),
    ('2026-03-01 14:30Z', '2026-03-01', 1.00, 'infinity', '\x01', 'A', 1772375400, 1772375400000, 1772375400, 1772375400, '2026-03-01 14:30Z', 'Asia/Tokyo'),
    ('2026-03-02 04:59Z', '12026-03-02', 2, '-infinity', '\x0102', 'b', 1772427540, 1772427540000, 1772427540, 1772427540, '2026-03-02 04:59Z',
     'America/New_York'),
    ('2026-03-02 05:00Z', '1202-06-03', NULL, NULL, NULL, NULL, 1772427600, 1772427600000, 1772427600, 1772427600, '2026-03-02 05:00Z', 'America/New_York');
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN datatype_mismatch OR invalid_parameter_value OR undefined_column THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    EXECUTE hint;
    RETURN hint;
END $$;

-- Keys.
SELECT matches(hint_of(format('SELECT tally.create_rollup(%L, %L, key => %L, measures => %L)', 'by_' || k, 'calls', k, '{"n": "count(*)"}')),
               format('^ALTER TABLE public.calls ADD COLUMN %s_key text GENERATED ', k), k || ' as a key')
  FROM unnest('{day,sum,given,raw,at,name}'::text[]) k;
SELECT tally.create_rollup('by_' || k, 'calls', key => k || '_key', measures => '{"n": "count(*)"}', with_data => true)
  FROM unnest('{day,sum,given,raw,at,name}'::text[]) k;
SELECT bag_eq('SELECT day_key, n FROM by_day', $$VALUES ('2026-03-01', 2::bigint), ('12026-03-02', 1), ('1202-06-03', 1)$$, 'dates of any length');
SELECT bag_eq('SELECT sum_key, n FROM by_sum', $$VALUES ('1', 2::bigint), ('2', 1), ('(none)', 1)$$, 'equal numbers are one key');
SELECT bag_eq('SELECT given_key, n FROM by_given', $$VALUES ('2026-03-01', 1::bigint), ('Infinity', 1), ('-Infinity', 1), ('(none)', 1)$$,
              'a domain, and dates without an end');
SELECT bag_eq('SELECT raw_key, n FROM by_raw', $$VALUES ('01', 2::bigint), ('0102', 1), ('(none)', 1)$$, 'bytes');
SELECT is((SELECT count(*) FROM by_at), 4::bigint, 'times');
SELECT bag_eq('SELECT name_key, n FROM by_name', $$VALUES ('A', 2::bigint), ('b', 1), ('(none)', 1)$$, 'texts under a collation in which others are equal');
UPDATE calls SET sum = 2.000 WHERE sum = 1;
SELECT bag_eq('SELECT sum_key, n FROM by_sum_live', $$VALUES ('2', 3::bigint), ('(none)', 1)$$, 'and the key follows its column');

-- Times. Without a usable column the hint makes one.
CREATE TABLE epochs AS SELECT seconds, millis, small, exact, heard FROM calls;
SELECT matches(hint_of(format('SELECT tally.create_rollup(%L, %L, %L, measures => %L)', 'of_' || k, 'epochs', k, '{"n": "count(*)"}')),
               '^ALTER TABLE public.epochs ADD COLUMN millis_time timestamptz GENERATED ', k || ' as a time') FROM unnest('{millis}'::text[]) k;
SELECT bag_eq('SELECT millis_time FROM epochs', 'SELECT at FROM calls', 'milliseconds');
SELECT tally_internal._add_time_column('epochs', c.name, c.type) FROM (VALUES ('seconds', 'int8'::regtype), ('small', 'int4'), ('exact', 'numeric'),
    ('heard', 'moment')) c(name, type) \gexec
SELECT bag_eq('SELECT seconds_time, small_time, heard_time FROM epochs', 'SELECT at AS a, at AS b, at AS c FROM calls', 'seconds, of two widths, and a domain');
SELECT bag_eq('SELECT exact_time FROM epochs', 'SELECT to_timestamp(exact::float8) FROM calls', 'seconds with a part');
-- Bug: an expression of the time was answered with a column that is filled with the present.
SELECT is(hint_of($$SELECT tally.create_rollup('of_expression', 'epochs', 'to_timestamp(seconds / 1.0)', measures => '{"n": "count(*)"}')$$),
    $$ALTER TABLE public.epochs ADD COLUMN event_time timestamptz GENERATED ALWAYS AS (to_timestamp(seconds / 1.0)) STORED;  $$
        || $$-- then time_column => 'event_time'$$,
    'an expression as a time');
SELECT bag_eq('SELECT event_time FROM epochs', 'SELECT at FROM calls', 'is one by that statement');
SELECT matches(hint_of($$SELECT tally.create_rollup('of_expression', 'epochs', 'to_timestamp(exact::float8)', measures => '{"n": "count(*)"}')$$),
    'ADD COLUMN computed_time timestamptz GENERATED ', 'and has a name of its own where the first is taken');
SELECT tally.create_rollup('of_millis', 'epochs', 'millis_time', measures => '{"n": "count(*)"}', with_data => true);
SELECT bag_eq('SELECT bucket, n FROM of_millis', $$SELECT date_trunc('hour', at), count(*) FROM calls GROUP BY 1$$, 'a rollup over milliseconds');
-- The hint named another column of the table, although a number was given as the time.
CREATE TABLE two_times (made_at timestamptz, heard_ms bigint);
SELECT matches(hint_of($$SELECT tally.create_rollup('of_two', 'two_times', 'heard_ms', measures => '{"n": "count(*)"}')$$),
               '^ALTER TABLE public.two_times ADD COLUMN heard_ms_time timestamptz GENERATED ', 'a number as a time beside a time');

SELECT * FROM finish();
