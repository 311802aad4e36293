-- Funnels as definitions against nested SQL over the source: counts per step, bucket and dimension, live and stored, after late,
-- changed and deleted rows; chains that reach into the next days.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (id int PRIMARY KEY, at timestamptz, who text, kind text, device text);
CREATE INDEX ON events (who);
CREATE FUNCTION dice(seed text, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT (('x' || substr(md5(seed), 1, 7))::bit(28)::int % sides) $$;
-- 300 actors over 10 days; every moment differs, so that of two starts of equal length there is one earliest end.
INSERT INTO events SELECT i, timestamptz '2026-03-01 00:00+00' + (i * 7919 % 3000) * interval '4.8 minutes',
    CASE WHEN i % 97 > 0 THEN 'u' || dice('w' || i, 300) END,
       (ARRAY['visit', 'cart', 'pay', 'other'])[dice('k' || i, 4) + 1], (ARRAY['phone', 'desk', NULL])[i % 3 + 1] FROM generate_series(1, 3000) i;

SELECT tally.create_funnel('buying', 'events', 'at', 'who', '{"visit": "kind = ''visit''", "cart": "kind = ''cart''", "pay": "kind = ''pay''"}',
    "window" => '2 days', dimensions => '["device"]');

-- For every start the earliest cart after it and the earliest pay after that; of the starts the longest chain, then the
-- earliest end, then the latest start.
CREATE VIEW chains AS
SELECT DISTINCT ON (who) who, v, c, p, CASE WHEN p IS NOT NULL THEN 3 WHEN c IS NOT NULL THEN 2 ELSE 1 END AS level
  FROM (SELECT a.who, a.at AS v, CASE WHEN cart.at <= a.at + interval '2 days' THEN cart.at END AS c,
      CASE WHEN pay.at <= a.at + interval '2 days' THEN pay.at END AS p
          FROM events a
          LEFT JOIN LATERAL (SELECT min(e.at) AS at FROM events e WHERE e.who = a.who AND e.kind = 'cart' AND e.at >= a.at) cart ON true
          LEFT JOIN LATERAL (SELECT min(e.at) AS at FROM events e WHERE e.who = a.who AND e.kind = 'pay' AND e.at >= cart.at) pay ON true
         WHERE a.kind = 'visit' AND a.who IS NOT NULL AND a.at IS NOT NULL) x
 ORDER BY who, CASE WHEN p IS NOT NULL THEN 3 WHEN c IS NOT NULL THEN 2 ELSE 1 END DESC, COALESCE(p, c, v), v DESC;
CREATE VIEW expected AS
WITH people AS (
    SELECT date_trunc('day', v, 'UTC') AS bucket, level, c - v AS t2, p - c AS t3,
           coalesce((SELECT e.device FROM events e WHERE e.who = h.who AND e.kind <> 'other' AND e.device IS NOT NULL AND e.at IS NOT NULL ORDER BY e.at,
               e.device LIMIT 1), '(none)') AS device
      FROM chains h)
SELECT bucket, device, s.n AS step, (ARRAY['visit', 'cart', 'pay'])[s.n] AS name, count(*) FILTER (WHERE level >= s.n) AS actors,
       round((avg(extract(epoch FROM CASE s.n WHEN 2 THEN t2 WHEN 3 THEN t3 END)) FILTER (WHERE level >= s.n))::numeric, 3) AS mean,
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch
           FROM CASE s.n WHEN 2 THEN t2 WHEN 3 THEN t3 END)) FILTER (WHERE level >= s.n))::numeric, 3) AS p50,
       round((percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch
           FROM CASE s.n WHEN 2 THEN t2 WHEN 3 THEN t3 END)) FILTER (WHERE level >= s.n))::numeric, 3) AS p90
  FROM people, generate_series(1, 3) s(n) GROUP BY bucket, device, s.n;
CREATE FUNCTION same(suffix text, what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT bucket, device, step, name, actors, round(seconds_mean::numeric, 3) AS mean, round(seconds_p50::numeric, 3) AS p50, '
        'round(seconds_p90::numeric, 3) AS p90 FROM buying_steps%s', suffix),
                  'SELECT * FROM expected', what || ': steps' || suffix)
$$;
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM same('_live', what);
    PERFORM tally.refresh('buying_actors');
    RETURN QUERY SELECT * FROM same('_live', what || ', actors refreshed');
    PERFORM tally.refresh('buying');
    RETURN QUERY SELECT * FROM same('', what);
END $$;
SELECT cmp_ok((SELECT count(DISTINCT level) FROM chains), '=', 3::bigint, 'the sample has all levels');
SELECT cmp_ok((SELECT count(*) FROM chains WHERE date_trunc('day', p, 'UTC') > date_trunc('day', v, 'UTC')), '>', 20::bigint,
    'many chains reach into another day');
SELECT exact('history');
-- One late event of the second day moves an actor of the first.
CREATE TEMP TABLE one AS SELECT who, v FROM chains WHERE level = 1 ORDER BY who LIMIT 1;
INSERT INTO events SELECT 10001, v + interval '25 hours', who, 'cart', 'phone' FROM one;
SELECT is((SELECT level FROM chains JOIN one USING (who)), 2, 'the late event matters');
SELECT exact('late step on the next day');
INSERT INTO events SELECT 10002, v + interval '26 hours', who, 'pay', 'phone' FROM one;
SELECT exact('late last step');
INSERT INTO events SELECT 20000 + row_number() OVER (), c.v - interval '12 hours', c.who, 'visit', 'desk' FROM chains c WHERE level = 3 LIMIT 20;
SELECT exact('earlier starts, other first touch');
UPDATE events SET at = at + interval '1 day' WHERE id % 10 = 0;
SELECT exact('moved in time');
UPDATE events SET who = 'u' || id % 50 WHERE id % 11 = 0;
SELECT exact('moved to other actors');
UPDATE events SET who = NULL WHERE id % 12 = 0;
SELECT exact('moved to nobody');
UPDATE events SET kind = 'other' WHERE id % 13 = 0;
SELECT exact('no step any more');
DELETE FROM events WHERE kind = 'visit' AND id % 3 = 0;
SELECT exact('starts deleted');
UPDATE events SET at = NULL WHERE id % 71 = 0;
SELECT exact('no time');
SELECT is_empty('SELECT * FROM tally.verify(''buying_actors'')', 'actors verified');

-- Reading it over a range.
SELECT results_eq('SELECT step, step_name, actors FROM tally.funnel(''buying'', since => ''2026-03-02 00:00+00'', until => ''2026-03-05 00:00+00'')',
    'SELECT n, (ARRAY[''visit'', ''cart'', ''pay''])[n], count(*) FILTER (WHERE level >= n) FROM chains, generate_series(1, '
        '3) n WHERE v >= ''2026-03-02 00:00+00'' AND v < ''2026-03-05 00:00+00'' GROUP BY n ORDER BY n',
    'tally.funnel() over a range');
SELECT bag_eq('SELECT labels ->> ''device'', step, actors FROM tally.funnel(''buying'', since => ''-infinity'', until => ''infinity'', by => ''{device}'', '
    '"where" => ''{"device": ["phone", "desk"]}'')',
    'SELECT device, step, sum(actors)::bigint FROM expected WHERE device <> ''(none)'' GROUP BY 1, 2', 'tally.funnel() by a dimension');
SELECT is((SELECT sum(of_first) FROM tally.funnel('buying', since => '-infinity', until => 'infinity') WHERE step = 3),
    (SELECT count(*) FILTER (WHERE level = 3)::float8 / count(*) FROM chains), 'conversion from the first step');

-- Other attributions and modes. For two steps a chain is a pair: the pay that ends earliest among those with a visit at most seven
-- days before, and the latest such visit; without one, the first visit alone.
CREATE VIEW pairs AS
SELECT DISTINCT ON (v.who) v.who, CASE WHEN p.at IS NULL THEN ARRAY[v.at] ELSE ARRAY[v.at, p.at] END AS path
  FROM events v LEFT JOIN events p ON p.who = v.who AND p.kind = 'pay' AND p.at BETWEEN v.at AND v.at + interval '7 days'
 WHERE v.kind = 'visit' AND v.at IS NOT NULL AND v.who IS NOT NULL
 ORDER BY v.who, p.at IS NULL, COALESCE(p.at, v.at), v.at DESC;
SELECT tally.create_funnel('last_touch', 'events', 'at', 'who', '[{"visit": "kind = ''visit''"}, {"pay": "kind = ''pay''"}]', attribution => 'last',
    dimensions => '[{"on": "upper(device)"}]', with_data => true);
SELECT bag_eq('SELECT bucket, "on", step, actors FROM last_touch_steps', $$
    WITH h AS (SELECT e.who, e.path,
                      coalesce((SELECT upper(l.device) FROM events l WHERE l.who = e.who AND l.kind IN ('visit', 'pay') AND l.device IS NOT NULL AND l.at
                          IS NOT NULL ORDER BY l.at DESC, upper(l.device) LIMIT 1), '(none)') AS touch
                 FROM pairs e)
    SELECT date_trunc('day', path[1], 'UTC') AS bucket, touch, n, count(*) FILTER (WHERE cardinality(path) >= n) FROM h, generate_series(1, 2) n GROUP BY 1, 2,
        3$$, 'last touch');
SELECT tally.create_funnel('at_step', 'events', 'at', 'who', '{"visit": "kind = ''visit''", "pay": "kind = ''pay''"}', attribution => 'step 2',
    dimensions => '["device"]', with_data => true);
SELECT bag_eq('SELECT bucket, device, step, actors FROM at_step_steps', $$
    WITH d AS (SELECT h.*, coalesce((SELECT min(e.device) FROM events e WHERE e.who = h.who AND e.at = path[2] AND kind = 'pay'), '(none)') AS device
        FROM pairs h)
    SELECT date_trunc('day', path[1], 'UTC'), device, n, count(*) FILTER (WHERE cardinality(path) >= n) FROM d, generate_series(1, 2) n GROUP BY 1, 2, 3$$,
        'value at step 2');
SELECT tally.create_funnel('strictly', 'events', 'at', 'who', '{"visit": "kind = ''visit''", "pay": "kind = ''pay''"}', options => 'strict',
    bucket => '1 week', zone => 'Europe/Berlin', with_data => true);
SELECT bag_eq('SELECT bucket, step, actors FROM strictly_steps', $$
    WITH line AS (SELECT who, at, kind, lag(kind) OVER w AS before, lag(at) OVER w AS before_at FROM events WHERE who IS NOT NULL AND at IS NOT NULL WINDOW w
        AS (PARTITION BY who ORDER BY at)),
         -- In strict order a pay ends a chain only where nothing lies between it and a visit.
         h AS (SELECT DISTINCT ON (who) CASE kind WHEN 'pay' THEN ARRAY[before_at, at] ELSE ARRAY[at] END AS path FROM line
                WHERE kind = 'visit' OR kind = 'pay' AND before = 'visit' AND at - before_at <= interval '7 days' ORDER BY who, kind <> 'pay', at)
    SELECT date_trunc('week', path[1], 'Europe/Berlin') AS bucket, n, count(*) FILTER (WHERE cardinality(path) >= n) FROM h, generate_series(1, 2) n GROUP BY 1,
        2$$, 'strict order sees foreign events; weeks of a zone');
SELECT tally.create_funnel('clean', 'events', 'at', 'who', '{"visit": "kind = ''visit''", "pay": "kind = ''pay''"}',
    exclude => '[{"after": "visit", "before": "pay", "when": "kind = ''cart''", "remove": true}]', with_data => true);
SELECT bag_eq('SELECT bucket, step, actors FROM clean_steps', $$
    WITH h AS (SELECT tally.funnel_path('7 days', at, kind, '{visit,pay,cart}', 'exclude 1-2 remove') AS path FROM events WHERE who IS NOT NULL GROUP BY who)
    SELECT date_trunc('day', path[1], 'UTC'), n, count(*) FILTER (WHERE cardinality(path) >= n) FROM h, generate_series(1, 2) n WHERE path <> '{}' GROUP BY 1,
        2$$, 'an exclusion that removes');

-- The whole time to convert, from the first step to the last.
SELECT bag_eq($$SELECT labels ->> 'device' AS device, actors, round(seconds_mean::numeric, 3) AS mean, round(seconds_p50::numeric, 3) AS p50,
          round(seconds_p90::numeric, 3) AS p90 FROM tally.funnel_time('buying', since => '2026-03-02', until => '2026-03-08', by => '{device}')$$,
    $$SELECT device, count(*) AS actors, round(avg(took), 3) AS mean, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY took))::numeric, 3) AS p50,
             round((percentile_cont(0.9) WITHIN GROUP (ORDER BY took))::numeric, 3) AS p90
        FROM (SELECT extract(epoch FROM p - v) AS took, coalesce((SELECT e.device FROM events e WHERE e.who = h.who AND e.kind <> 'other'
                  AND e.device IS NOT NULL AND e.at IS NOT NULL ORDER BY e.at, e.device LIMIT 1), '(none)') AS device
                FROM chains h WHERE level = 3 AND v >= '2026-03-02Z' AND v < '2026-03-08Z') x GROUP BY 1$$, 'how long the whole funnel took, by device');
SELECT results_eq($$SELECT actors, labels FROM tally.funnel_time('buying', since => '2026-02-01', until => '2026-04-01', "where" => '{"device": "desk"}')$$,
    $$SELECT actors, '{}'::jsonb FROM tally.funnel('buying', since => '2026-02-01', until => '2026-04-01', "where" => '{"device": "desk"}') WHERE step = 3$$,
    'of as many actors as came to the last step');
SELECT ok((SELECT actors FROM tally.funnel_time('buying', since => '2026-02-01', until => '2026-04-01')) > 20, 'which are some');

-- Definitions again, bad ones, and dropping.
SELECT lives_ok($$SELECT tally.create_funnel('buying', 'events', 'at', 'who',
    '{"visit": "kind = ''visit''", "cart": "kind = ''cart''", "pay": "kind = ''pay''"}', "window" => '2 days', dimensions => '["device"]')$$, 'the same again');
SELECT throws_ok($$SELECT tally.create_funnel('buying', 'events', 'at', 'who', '{"visit": "kind = ''visit''"}', "window" => '2 days',
    dimensions => '["device"]')$$, '42710', NULL, 'another definition');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'at', 'who', '{}')$$, '22023', NULL, 'no steps');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'at', 'who', '{"a": "true", "a": "false"}')$$, '22023', NULL, 'a step twice');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'at', 'who', '["a"]')$$, '22023', NULL, 'a step without condition');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'at', 'who', '{"a": "nothing = 1"}')$$, '42703', NULL, 'a condition on what is not there');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'at', 'nobody', '{"a": "true"}')$$, '42703', NULL, 'no such actor');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'when', 'who', '{"a": "true"}')$$, '42703', NULL, 'no such time');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'at', 'who', '{"a": "true"}', attribution => 'step 2')$$, '22023', NULL, 'no such step');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'at', 'who', '{"a": "true"}', exclude => '[{"after": "a"}]')$$, '22023', NULL,
    'half an exclusion');
SELECT throws_ok($$SELECT tally.create_funnel('bad', 'events', 'at', 'who', '{"a": "true"}', options => 'sometimes', with_data => true)$$, '22023', NULL,
    'no such option');
SELECT throws_ok($$SELECT tally.funnel('nothing')$$, '42704', NULL, 'no such funnel');
SELECT throws_ok($$SELECT tally.funnel('buying', by => '{nothing}')$$, '42703', NULL, 'no such dimension');
SELECT is((SELECT count(*) FROM pg_class WHERE relname LIKE 'bad%'), 0::bigint, 'nothing half made');
SELECT tally.drop_funnel(name) FROM tally.behaviours;
SELECT is((SELECT count(*) FROM pg_class WHERE relname ~ '^(buying|last_touch|at_step|strictly|clean|dirty_keys)'), 0::bigint, 'nothing is left');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'tally%'), 0::bigint, 'nor any trigger');
SELECT * FROM finish();
