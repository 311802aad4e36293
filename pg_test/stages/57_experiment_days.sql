-- The days of an experiment where a clock is set back over midnight, with numbers by hand.
SELECT no_plan();

-- A day is past after its last minute: the minutes of a zone's calendar, one by one.
SELECT is(tally_internal._past_day(d, z), (
              SELECT max(i) + interval '1 minute' FROM generate_series(d - interval '2 days', d + interval '3 days', interval '1 minute') l(t),
                     LATERAL (SELECT t AT TIME ZONE 'UTC') u(i) WHERE (i AT TIME ZONE z)::date = d), format('%s in %s is past after its last minute', d, z))
  FROM (VALUES (date '2026-10-31', 'America/Havana'), ('2026-11-01', 'America/Havana'), ('2026-03-07', 'America/Havana'), ('2026-03-08', 'America/Havana'),
               ('2010-11-06', 'America/St_Johns'), ('2010-11-07', 'America/St_Johns'), ('2026-04-23', 'Africa/Cairo'), ('2026-04-24', 'Africa/Cairo'),
               ('2026-10-24', 'Atlantic/Azores'), ('2026-04-04', 'America/Santiago'), ('2026-03-29', 'Europe/Berlin'), ('2026-03-29', 'UTC')) v(d, z);

-- Havana's clocks went back from 01:00 to 00:00 on 2 November 2025: midnights at 04:00 and 05:00 UTC. A year that is past: Debian 13 knows of a Havana that
-- does not set its clocks back in 2026.
CREATE TABLE exposures (unit text, arm text, at timestamptz);
CREATE TABLE events (unit text, at timestamptz, amount float8);
CREATE INDEX ON events (unit);
INSERT INTO exposures VALUES ('a', 'control', '2025-11-01 12:00Z'), ('b', 'control', '2025-11-02 04:10Z'), ('c', 'control', '2025-11-02 04:50Z'),
    ('d', 'control', '2025-11-02 12:00Z'), ('e', 'control', '2025-11-03 12:00Z');
SELECT lives_ok($$
    SELECT tally.create_experiment_metric('revenue', 'events', expression => 'amount');
    SELECT tally.create_experiment('x', 'exposures', 'unit', '{"control": 1, "new": 1}', '{revenue}', "window" => '1 hour', zone => 'America/Havana')
$$, 'an experiment by the days of Havana');
SELECT is((SELECT r.units FROM tally.experiment_report('x', t, m, k => 1) r WHERE r.arm = 'control'), want,
          format('as of %s, the first of two midnights or near it: %s units %s', t AT TIME ZONE 'UTC', want, CASE WHEN m THEN 'matured' ELSE 'in all' END))
  FROM (VALUES (timestamptz '2025-11-02 04:00Z', false, 1::bigint), ('2025-11-02 04:00:01Z', false, 4), ('2025-11-02 04:30Z', false, 4),
               ('2025-11-02 05:00Z', false, 4), ('2025-11-03 05:00Z', false, 4), ('2025-11-03 05:00:01Z', false, 5),
               ('2025-11-02 04:59:59Z', true, 0), ('2025-11-02 05:00Z', true, 1), ('2025-11-02 05:30Z', true, 1), ('2025-11-02 06:00Z', true, 1),
               ('2025-11-03 05:59:59Z', true, 1), ('2025-11-03 06:00Z', true, 4)) v(t, m, want);
SELECT is((SELECT array_agg(s.units ORDER BY s.day) FROM tally.experiment_timeseries('x', matured => false, as_of => '2025-11-04 05:00Z', k => 1) s
            WHERE s.arm = 'control'), '{1,4,5}'::bigint[], 'day by day: a day ends at the first of two midnights');

-- St. John's clocks went back from 00:01 to 23:01 on 7 November 2010: the first minute of the day is over before the day before is.
INSERT INTO exposures VALUES ('f', 'control', '2010-11-06 12:00Z'), ('g', 'control', '2010-11-07 02:30:30Z'), ('h', 'control', '2010-11-07 02:45Z');
SELECT lives_ok($$
    SELECT tally.create_experiment('y', 'exposures', 'unit', '{"control": 1, "new": 1}', '{revenue}', "window" => '1 hour', zone => 'America/St_Johns')
$$, 'an experiment by the days of St. John''s');
SELECT is((SELECT r.units FROM tally.experiment_report('y', t, m, k => 1) r WHERE r.arm = 'control'), want,
          format('as of %s, where a day comes again: %s units %s', t AT TIME ZONE 'UTC', want, CASE WHEN m THEN 'matured' ELSE 'in all' END))
  FROM (VALUES (timestamptz '2010-11-07 02:30Z', false, 2::bigint), ('2010-11-07 02:30:01Z', false, 3), ('2010-11-07 03:00Z', false, 3),
               ('2010-11-07 03:30:30Z', true, 0), ('2010-11-07 04:29:59Z', true, 0), ('2010-11-07 04:30Z', true, 2), ('2010-11-08 04:30Z', true, 3))
       v(t, m, want);
SELECT * FROM finish();
