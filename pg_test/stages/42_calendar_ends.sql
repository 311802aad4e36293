-- Rows at the ends of time, in every type and on both sides: they stop no writer, no live view, no refresh, and spoil no good row.
-- What PostgreSQL can name a bucket for is in it; the rest is counted apart.
SELECT no_plan();
SET client_min_messages = warning;

CREATE TABLE ends (id int GENERATED ALWAYS AS IDENTITY, at timestamptz, local timestamp, day date);
CREATE INDEX ON ends (at);
CREATE INDEX ON ends (local);
CREATE INDEX ON ends (day);
INSERT INTO ends (at, local, day) VALUES ('2026-01-01 12:00Z', '2026-01-01 12:00', '2026-01-01');
CREATE TABLE ended (name text, time_column text, bucket interval, zone text, lookback interval);
INSERT INTO ended SELECT format('%s_%s_%s', c, replace(b, ' ', ''), lower(left(split_part(z, '/', 2), 4))), c, b::interval, z, NULL
  FROM unnest('{at,local,day}'::text[]) c, unnest('{1 hour,1 day,1 week,1 month,5 days}'::text[]) b,
      unnest('{Europe/Berlin,Pacific/Kiritimati,Pacific/Pago_Pago}'::text[]) z
 WHERE b <> '1 hour' OR z = 'Pacific/Kiritimati';
INSERT INTO ended VALUES ('back', 'at', '1 day', 'Europe/Berlin', '7 days'), ('back_day', 'day', '1 day', 'Asia/Tokyo', '7 days');
SELECT tally.create_rollup(name, 'ends', time_column, bucket => bucket, zone => zone, lookback => lookback, measures => '{"n": "count(*)"}',
    with_data => i % 2 = 0)
  FROM (SELECT *, row_number() OVER () AS i FROM ended) e;
SELECT lives_ok(format('INSERT INTO ends (at, local, day) VALUES (%L, %L, %L)', at, local, day), format('writers write %s, %s, %s', at, local, day))
  FROM (VALUES ('294276-12-31 23:59:59.999999Z', '294276-12-31 23:59:59.999999', '5874897-12-31'),
      ('294276-12-31 12:00Z', '294276-12-31 00:00', '294276-12-31'), ('4714-11-24 00:00Z BC', '4714-11-24 00:00 BC', '4714-11-24 BC'),
               ('4714-11-26 13:00Z BC', '4714-11-26 13:00 BC', '4714-11-25 BC'), ('4713-01-02 00:00Z BC', '4713-01-02 00:00 BC', '4713-01-01 BC'),
                   ('infinity', '-infinity', 'infinity'), ('294276-06-01Z', '294276-06-01', '294277-01-01')) v(at, local, day);
CREATE FUNCTION bearable(step text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is((xpath('//n/text()',
        query_to_xml(format('SELECT sum(n) AS n FROM %I%s WHERE bucket >= ''2025-12-01Z'' AND bucket < ''2026-02-01Z''', name,
        CASE WHEN bucket > '31 days' THEN '_live' ELSE l.live END), true, false, '')))[1]::text,
              CASE WHEN bucket > '31 days' THEN NULL WHEN lookback IS NULL THEN '1' ELSE '7' END, format('%s%s: the good row stands, %s', name, l.live, step))
      FROM ended, (VALUES ('_live'), ('')) l(live) WHERE bucket < '31 days' AND (l.live = '_live' OR step NOT LIKE 'before%')
$$;
SELECT bearable('before a refresh');
SELECT is((SELECT string_agg(rollup || ': ' || error, '; ') FROM tally.refresh()), NULL, 'no refresh fails on them');
SELECT bearable('refreshed');
CREATE FUNCTION places(name text, time_column text, zone text, live text, unit text) RETURNS text LANGUAGE sql AS $$
    -- Row by row, because plain SQL fails on those whose bucket has no name.
    SELECT bag_eq(format('SELECT bucket, n FROM %I%s', name, live),
        format('SELECT b, count(*) FROM (SELECT start_of(%L, %L, to_jsonb(e)) AS b FROM ends e) s WHERE isfinite(b) GROUP BY 1', time_column || ' ' || unit,
        zone), name || live || ': all that have a place')
$$;
CREATE FUNCTION start_of(what text, zone text, e jsonb) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE result timestamptz;
BEGIN
    EXECUTE format(CASE split_part(what,
        ' ', 2) WHEN 'hour' THEN 'SELECT date_bin(''1 hour'', %2$s, ''2000-01-03 00:00Z'')' ELSE 'SELECT date_trunc(%1$L, %2$s, %3$L)' END,
        split_part(what, ' ', 2), CASE split_part(what, ' ', 1) WHEN 'at' THEN '($1).at' WHEN 'local' THEN format('($1).local AT TIME ZONE %L',
        zone) ELSE format('($1).day::timestamp AT TIME ZONE %L', zone) END, zone)
        INTO result USING (SELECT x FROM ends x WHERE x.id = (e ->> 'id')::int);
    RETURN result;
EXCEPTION WHEN datetime_field_overflow THEN RETURN NULL;
END $$;
SELECT places(name, time_column, zone, live, split_part(unit, ' ', 2)) FROM ended
    JOIN unnest('{1 hour,1 day,1 week,1 month,1 year}'::text[]) unit ON unit::interval = bucket, (VALUES ('_live'), ('')) l(live)
 WHERE lookback IS NULL;
SELECT is((SELECT no_time + too_early + too_late FROM tally.odd_rows o WHERE o.rollup_id = r.id),
    (SELECT count(*) FROM ends) - (xpath('//n/text()', query_to_xml(format('SELECT sum(n) AS n FROM %I', r.name), true, false, '')))[1]::text::bigint,
    r.name || ': what is in no bucket is counted') FROM tally.rollups r JOIN ended USING (name) WHERE r.lookback IS NULL;
SELECT lives_ok('ANALYZE ends', 'statistics of bucket expressions bear them');
SELECT lives_ok($$UPDATE ends SET id = DEFAULT$$, 'an UPDATE bears them');
SELECT tally.repair(name) FROM ended;
-- Built again in batches; an error ends this test.
SELECT format('CALL tally.backfill(%L, batch_rows => 2)', name) FROM ended WHERE bucket = '1 day' \gexec
SELECT is((SELECT string_agg(rollup || ': ' || error, '; ') FROM tally.refresh()), NULL, 'nor by a range');
SELECT bearable('built again');
SELECT is_empty(format('SELECT * FROM tally.verify(%L)', name), name || ' equals its definition') FROM ended WHERE bucket = '1 day';
SELECT is_empty($$SELECT rollup, state FROM tally.status WHERE rollup IN (SELECT name FROM ended) AND state <> 'fresh'$$, 'all are fresh');
SELECT lives_ok('DELETE FROM ends WHERE at <> ''2026-01-01 12:00Z''', 'and they go');
SELECT tally.refresh();
SELECT bearable('without them');
-- A partition of the far future joins and leaves.
CREATE TABLE parted (at timestamptz, day date) PARTITION BY RANGE (day);
CREATE TABLE parted_now PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT tally.create_rollup('by_part', 'parted', 'day', bucket => '1 day', zone => 'Europe/Berlin', measures => '{"n": "count(*)"}', with_data => true);
INSERT INTO parted VALUES (NULL, '2026-05-05');
SELECT lives_ok($$CREATE TABLE parted_far PARTITION OF parted FOR VALUES FROM ('300000-01-01') TO ('5000000-01-01')$$,
    'a partition after the end of timestamps');
SELECT lives_ok($$INSERT INTO parted VALUES (NULL, '400000-01-01')$$, 'a row in it');
SELECT lives_ok('TRUNCATE parted_far', 'it is truncated');
SELECT lives_ok('DROP TABLE parted_far', 'and dropped');
SELECT tally.refresh();
SELECT results_eq('SELECT n FROM by_part', 'VALUES (1::bigint)', 'the rollup goes on');

-- All of time is longer than an interval's microseconds count: PostgreSQL 15 gave a negative span for it, 17 refuses it.
SELECT is(round(extract(epoch FROM tally_internal._time_between('-infinity', 'infinity'))), (date '294276-12-31' - date '4714-11-24 BC' + 1) * 86400::numeric,
    'all of time as one span');
SELECT is(tally_internal._time_between(a, b), w, format('from %s to %s', a, b))
    FROM (VALUES ('2026-01-01Z'::timestamptz, '2026-01-03 01:00Z'::timestamptz, '2 days 01:00'::interval), ('1990-01-01Z', '1990-01-02Z', '1 day'),
    ('1999-12-31Z', '2000-01-02Z', '2 days'), ('2026-01-03Z', '2026-01-01Z', '-2 days')) v(a, b, w);
SELECT * FROM finish();
