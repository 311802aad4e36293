-- A metric whose control is below 0, as a loss in money. The lift is (b - a) / a, so a smaller loss has a lift below 0. It is better all the same: the
-- badge said loss, and the guardrail filed an incident.
SELECT no_plan();
CREATE TABLE exposures (unit int, arm text, at timestamptz);
CREATE TABLE events (unit int, at timestamptz, money float8);
CREATE INDEX ON exposures (unit);
CREATE INDEX ON events (unit);
INSERT INTO exposures SELECT i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END, '2026-01-05 00:00Z' FROM generate_series(1, 2000) i;
-- The control loses 100 to 106, the other arm 5 less.
INSERT INTO events SELECT i, '2026-01-05 12:00Z', -100 - i / 2 % 7 + 5 * (i % 2) FROM generate_series(1, 2000) i;
SELECT tally.create_experiment_metric('money', 'events', expression => 'money');
SELECT tally.create_experiment_metric('cost', 'events', expression => 'money', direction => 'down_is_good');
SELECT tally.create_experiment('x', 'exposures', 'unit', '{"control": 1, "new": 1}', '{money,cost}', "window" => '1 day', starts => '2026-01-05',
    ends => '2026-01-06');
SELECT is(array_agg(ROW(r.metric, r.badge)::text ORDER BY r.metric), '{"(cost,loss)","(money,win)"}', 'a smaller loss is a win where up is good')
  FROM tally.experiment_report('x', '2026-01-08 00:00Z') r WHERE r.arm = 'new';
SELECT ok(abs(r.lift - (b.v - a.v) / a.v) < 1e-12, 'the lift is (b - a) / a, below 0')
  FROM tally.experiment_report('x', '2026-01-08 00:00Z') r, (SELECT avg(money) AS v FROM events WHERE unit % 2 = 0) a,
       (SELECT avg(money) AS v FROM events WHERE unit % 2 = 1) b WHERE r.arm = 'new' AND r.metric = 'money' AND r.lift < 0;
SELECT tally.create_experiment_threshold('x', 'guardrail');
SELECT tally.evaluate('2026-01-08 00:00Z');
SELECT is(array_agg(i.labels ->> 'metric' ORDER BY i.labels ->> 'metric'), '{cost}', 'the guardrail: only the metric that got worse has an incident')
  FROM tally.incidents i;
UPDATE events SET money = money - 10 WHERE unit % 2 = 1;
SELECT is(array_agg(ROW(r.metric, r.badge)::text ORDER BY r.metric), '{"(cost,win)","(money,loss)"}', 'a greater loss is a loss')
  FROM tally.experiment_report('x', '2026-01-08 00:00Z') r WHERE r.arm = 'new';
SELECT is((SELECT v.message FROM tally.evaluations v WHERE v.message IS NOT NULL LIMIT 1), NULL, 'no threshold failed');
SELECT * FROM finish();
