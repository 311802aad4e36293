-- A rollup per key that reads another rollup beside its source is exact whichever of the two sources changes, stored and live, and so is what
-- stands on it. The right answer is plain SQL over the raw tables.
SELECT no_plan();
CREATE TABLE exposures (experiment text, unit int, arm text, at timestamptz);
CREATE TABLE events (unit int, at timestamptz, amount int);
CREATE INDEX ON exposures (unit);
CREATE INDEX ON events (unit);
INSERT INTO exposures SELECT (ARRAY['x', 'y'])[i % 2 + 1], i / 2 % 60, (ARRAY['a', 'b'])[i / 2 % 2 + 1], timestamptz '2026-01-01 00:00Z' + i * interval '1 hour'
  FROM generate_series(0, 239) i;
INSERT INTO events SELECT i % 70, timestamptz '2026-01-01 00:30Z' + i * interval '17 minutes', i % 13 FROM generate_series(0, 999) i;
SELECT lives_ok($$SELECT tally.create_rollup('seen', 'exposures', key => '["experiment", "unit"]', measures =>
    '{"first_at": "min(at)", "arm": "(array_agg(arm ORDER BY at, arm))[1]"}')$$, 'the rollup that is read');
SELECT lives_ok($$SELECT tally.create_rollup('spent', 'events', key => 'unit',
    measures => '{"first_at": "min(_at)", "arm": "min(_arm)", "amount": "sum(amount)"}',
    expand => '(SELECT s.first_at AS _at, s.arm AS _arm FROM seen s WHERE s.experiment = ''x'' AND s.unit = events.unit::text
     AND events.at >= s.first_at) s')$$,
    'the rollup that reads it');
SELECT lives_ok($$SELECT tally_internal._stand_beside((SELECT id FROM tally.rollups WHERE name = 'spent'), (SELECT id FROM tally.rollups WHERE name = 'seen'),
    '{unit}', 'experiment', 'x', '(SELECT s.first_at AS _at, s.arm AS _arm FROM {beside} s WHERE s.experiment = ''x'' AND s.unit = events.unit::text
     AND events.at >= s.first_at) s')$$, 'stands beside it');
SELECT lives_ok($$SELECT tally.create_rollup('daily', 'spent', time_column => 'first_at', bucket => '1 day', dimensions => '["arm"]',
    measures => '{"units": "count(*)", "amount": "sum(amount)"}')$$, 'a rollup over time on that');

CREATE VIEW want AS SELECT e.unit::text, min(s.first_at) AS first_at, min(s.arm) AS arm, sum(e.amount) AS amount
  FROM events e JOIN (SELECT unit, min(at) AS first_at, (array_agg(arm ORDER BY at, arm))[1] AS arm FROM exposures WHERE experiment = 'x' GROUP BY unit) s
    ON s.unit = e.unit AND e.at >= s.first_at GROUP BY e.unit;
CREATE VIEW want_daily AS SELECT date_bin('1 day', first_at, '2000-01-01 00:00Z') AS bucket, arm, count(*) AS units, sum(amount)::numeric AS amount
  FROM want GROUP BY 1, 2;
CREATE FUNCTION exact(moment text, stored boolean DEFAULT false) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT bag_eq('SELECT unit, first_at, arm, amount FROM spent_live', 'SELECT * FROM want', moment || ': live');
    RETURN NEXT bag_eq('SELECT bucket, arm, units, amount FROM daily_live', 'SELECT * FROM want_daily', moment || ': live, on it');
    IF stored THEN
        PERFORM tally.refresh();
        RETURN NEXT bag_eq('SELECT unit, first_at, arm, amount FROM spent', 'SELECT * FROM want', moment || ': refreshed');
        RETURN NEXT bag_eq('SELECT bucket, arm, units, amount FROM daily', 'SELECT * FROM want_daily', moment || ': refreshed, on it');
        RETURN NEXT is_empty('SELECT * FROM tally.verify(''spent'')', moment || ': verified');
    END IF;
END $$;
SELECT cmp_ok((SELECT count(*) FROM want), '>', 20::bigint, 'there is something to compare');
SELECT exact('before it is built');
SELECT tally.refresh('seen');
-- All of the reader is to be computed anyway. Its keys are not marked one by one when the other rollup is built.
SELECT set_config('keys.spent', tally_internal._marks_table(id), false) FROM tally.rollups WHERE name = 'spent';
SELECT is_empty(format('SELECT * FROM tally.%I', current_setting('keys.spent')), 'a rollup that is marked as a whole gets no marks of keys');
SELECT cmp_ok((SELECT count(*) FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = 'spent'), '>', 1::bigint,
    'but one more mark of the whole');
SELECT exact('the rollup beside is built first');
SELECT exact('built', true);
INSERT INTO exposures VALUES ('x', 5, 'b', '2025-12-31 12:00Z');
SELECT exact('an earlier exposure');
SELECT tally.refresh('seen');
SELECT exact('the rollup beside is refreshed first');
SELECT exact('an earlier exposure', true);
UPDATE exposures SET at = at + interval '9 days' WHERE unit % 7 = 0;
DELETE FROM exposures WHERE experiment = 'x' AND unit IN (1, 3);
SELECT exact('exposures moved and deleted', true);
UPDATE exposures SET experiment = CASE experiment WHEN 'x' THEN 'y' ELSE 'x' END WHERE unit BETWEEN 20 AND 25;
SELECT exact('exposures of another experiment become ours', true);
INSERT INTO events VALUES (8, '2026-03-01 00:00Z', 1000), (NULL, '2026-03-01 00:00Z', 1), (300, '2026-03-01 00:00Z', 1);
UPDATE events SET unit = unit + 1 WHERE amount = 4;
DELETE FROM events WHERE amount = 7;
SELECT exact('events', true);
UPDATE exposures SET arm = 'c' WHERE unit = 10;
UPDATE events SET amount = amount + 1 WHERE unit = 10;
SELECT exact('both at once', true);
BEGIN;
DELETE FROM exposures WHERE unit = 12;
INSERT INTO events VALUES (14, '2026-03-02 00:00Z', 5);
SELECT exact('within a transaction');
ROLLBACK;
SELECT exact('rolled back', true);
TRUNCATE exposures;
SELECT exact('truncated', true);
INSERT INTO exposures SELECT 'x', i, 'a', '2026-01-02 00:00Z' FROM generate_series(1, 40) i;
TRUNCATE events;
SELECT exact('both truncated');
INSERT INTO events SELECT i % 70, timestamptz '2026-01-01 00:30Z' + i * interval '17 minutes', i % 13 FROM generate_series(0, 499) i;
SELECT exact('filled again', true);
-- What somebody writes to the table of the rollup beside is undone, here too.
UPDATE seen SET arm = 'forged' WHERE unit = '9';
SELECT exact('a forged row', true);

ALTER TABLE events RENAME COLUMN amount TO cents;
CREATE OR REPLACE VIEW want AS SELECT e.unit::text, min(s.first_at) AS first_at, min(s.arm) AS arm, sum(e.cents) AS amount
  FROM events e JOIN (SELECT unit, min(at) AS first_at, (array_agg(arm ORDER BY at, arm))[1] AS arm FROM exposures WHERE experiment = 'x' GROUP BY unit) s
    ON s.unit = e.unit AND e.at >= s.first_at GROUP BY e.unit;
INSERT INTO events VALUES (9, '2026-03-03 00:00Z', 77);
SELECT exact('a column of the source is renamed', true);
ALTER TABLE seen RENAME TO seen_units;
DELETE FROM exposures WHERE unit = 11;
SELECT exact('the table beside is renamed', true);
ALTER TABLE seen_units RENAME TO seen;

SELECT throws_like($$SELECT tally.drop_rollup('seen')$$, '%other rollups stand on it', 'what is read is not dropped alone');
SELECT throws_like($$SELECT tally_internal._stand_beside((SELECT id FROM tally.rollups WHERE name = 'seen'),
    (SELECT id FROM tally.rollups WHERE name = 'spent'),
    '{unit}', NULL, NULL, '(SELECT FROM {beside}) s')$$, '%cannot read%', 'nor does the first read the second');
SELECT lives_ok($$SELECT tally.drop_rollup('daily'), tally.drop_rollup('spent')$$, 'the reader is dropped');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'seen'::regclass AND tgname LIKE 'tally_capture%'), 0::bigint, 'and so are its triggers');
SELECT lives_ok($$INSERT INTO exposures VALUES ('x', 1, 'a', '2026-01-01 00:00Z'); SELECT tally.refresh();$$, 'what was read goes on');
SELECT lives_ok($$SELECT tally.drop_rollup('seen')$$, 'and is dropped');
SELECT is((SELECT count(*) FROM tally.beside), 0::bigint, 'nothing is left');
SELECT * FROM finish();
