-- Owns: the edges of calendar buckets within a live view. They are computed once for a range, not for each row that is looked at: without an index on the
-- time, and with the kernel in SQL, a live view of 950 rows took 24 s.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'America/New_York';

CREATE TABLE bare (at timestamptz, local timestamp, day date, who int);
-- Around 2026-03-29 and 2026-10-25, when Berlin's days have 23 and 25 hours.
INSERT INTO bare SELECT t, t AT TIME ZONE 'Europe/Berlin', (t AT TIME ZONE 'Europe/Berlin')::date, 1
  FROM unnest(ARRAY[timestamptz '2026-03-27 00:00Z', '2026-10-23 00:00Z']) s, generate_series(s, s + interval '5 days', interval '30 minutes') t;
CREATE TABLE indexed (LIKE bare);
CREATE INDEX ON indexed (at);
CREATE INDEX ON indexed (local);
CREATE INDEX ON indexed (day);
INSERT INTO indexed SELECT * FROM bare;

CREATE TABLE made (name text, source text, at text, expected text);
INSERT INTO made SELECT s || '_' || c.name, s, c.at, format(c.expected, s)
  FROM unnest('{bare,indexed}'::text[]) s, (VALUES
    ('instant', 'at', 'SELECT date_trunc(''day'', at, ''Europe/Berlin''), count(*) FROM %s GROUP BY 1'),
    ('local', 'local', 'SELECT date_trunc(''day'', local) AT TIME ZONE ''Europe/Berlin'', count(*) FROM %s GROUP BY 1'),
    ('date', 'day', 'SELECT day::timestamp AT TIME ZONE ''Europe/Berlin'', count(*) FROM %s GROUP BY 1'),
    ('back', 'at', 'SELECT d::timestamp AT TIME ZONE ''Europe/Berlin'', count(*) FROM (SELECT DISTINCT day + n AS d FROM %1$s, generate_series(0, 2) n) d '
        'JOIN %1$s ON day BETWEEN d - 2 AND d GROUP BY 1'),
    ('kept', 'at', 'SELECT date_trunc(''day'', at, ''Europe/Berlin''), count(*) FROM %s GROUP BY 1')) c(name, at, expected);
SELECT tally.create_rollup(name, source => source, time_column => at, bucket => '1 day', zone => 'Europe/Berlin', measures => '{"n": "count(*)"}',
    lookback => CASE WHEN name LIKE '%back' THEN interval '3 days' END, emptied => CASE WHEN name LIKE '%kept' THEN 'keep' ELSE 'follow' END) FROM made;

CREATE FUNCTION per_row(live text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT * FROM %I', live) LOOP
        IF line ~ '(Cond|Filter):' AND line ~ '_rows_(from|past)|_local_(from|until)|_bucket_shifted' THEN
            RETURN NEXT btrim(line);
        END IF;
    END LOOP;
END $$;
SELECT is_empty(format('SELECT per_row(%L)', name || '_live'), 'the edges are computed once: ' || name) FROM made;
SELECT bag_eq(format('SELECT bucket, n FROM %I', name || '_live'), expected, 'and are right before anything is stored: ' || name) FROM made;
CALL tally.backfill();
SELECT bag_eq(format('SELECT bucket, n FROM %I', name), expected, 'stored: ' || name) FROM made;
-- The last half hour before a midnight and the first one behind it, of the days with 23 and 25 hours.
INSERT INTO bare SELECT t, t AT TIME ZONE 'Europe/Berlin', (t AT TIME ZONE 'Europe/Berlin')::date, 2
  FROM unnest(ARRAY[timestamptz '2026-03-28 22:59:59Z', '2026-03-28 23:00Z', '2026-03-29 21:59:59Z', '2026-03-29 22:00Z', '2026-10-24 21:59:59Z',
                    '2026-10-24 22:00Z', '2026-10-25 22:59:59Z', '2026-10-25 23:00Z']) t;
INSERT INTO indexed SELECT * FROM bare WHERE who = 2;
SELECT bag_eq(format('SELECT bucket, n FROM %I', name || '_live'), expected, 'with marked buckets: ' || name) FROM made;
-- A day whose rows are gone stays where the rollup keeps it.
DELETE FROM bare WHERE day = '2026-10-25';
DELETE FROM indexed WHERE day = '2026-10-25';
SELECT is((SELECT n FROM bare_kept_live WHERE bucket = '2026-10-25 00:00+02'), 50::bigint, 'a kept day without rows is shown as it was stored');
SELECT is((SELECT n FROM indexed_kept_live WHERE bucket = '2026-10-25 00:00+02'), 50::bigint, 'with an index, too');
SELECT bag_eq(format('SELECT bucket, n FROM %I', name || '_live'), expected, 'and is gone elsewhere: ' || name) FROM made WHERE name NOT LIKE '%kept';
SET client_min_messages = error;
SELECT tally.refresh(name) FROM made;
SELECT bag_eq(format('SELECT bucket, n FROM %I', name), expected, 'refreshed: ' || name) FROM made WHERE name NOT LIKE '%kept';
SELECT is_empty(format('SELECT * FROM tally.verify(%L)', name), 'verified: ' || name) FROM made;

-- A rollup of a zone's days on one per key. Where the planner expected one stored row in the range, the marks were read anew for each: 948 times.
CREATE TABLE acts (person int, at timestamptz);
INSERT INTO acts SELECT i, timestamptz '2026-03-27 00:00Z' + i * interval '10 minutes' FROM generate_series(1, 500) i;
CREATE INDEX ON acts (person);
SELECT tally.create_rollup('people', source => 'acts', key => '["person"]', measures => '{"began": "min(at)"}');
SELECT tally.create_rollup('starts', source => 'people', time_column => 'began', bucket => '1 day', zone => 'Europe/Berlin', dimensions => '[]',
    measures => '{"n": "count(*)"}');
CALL tally.backfill();
ANALYZE people;
UPDATE acts SET at = at + interval '1 day' WHERE person % 2 = 0;
CREATE FUNCTION loops(query text) RETURNS SETOF int LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line ~ ' on dirty_keys_\d+ d' THEN RETURN NEXT substring(line FROM 'loops=(\d+)')::int; END IF;
    END LOOP;
END $$;
SELECT bag_eq('SELECT bucket, n FROM starts_live', $$SELECT date_trunc('day', began, 'Europe/Berlin'), count(*) FROM (SELECT min(at) AS began FROM acts
    GROUP BY person) x GROUP BY 1$$, 'days on people of whom half are marked');
SELECT is((SELECT max(l) FROM loops('SELECT * FROM starts_live') l), 1, 'the marks of people are read once for all that is stored');
SELECT * FROM finish();
