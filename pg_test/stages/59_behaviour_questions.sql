-- The questions of docs/guide-behaviour.md over its rows, each beside plain SQL over the source: rows per key, rolling actives, funnels, retention, patterns,
-- paths, sessions, lifecycle, attribution, frequent values, percentiles. The late rows come at the end, so live views and readers are asked before any refresh.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TABLE events (at timestamptz NOT NULL, session text, kind text NOT NULL, device text, amount numeric,
    person text GENERATED ALWAYS AS (session) STORED);
CREATE INDEX ON events (session);
CREATE INDEX ON events (person);
CREATE INDEX ON events (at);
INSERT INTO events VALUES
 ('2026-03-01 10:00+00', 'ann', 'visit', 'phone', NULL), ('2026-03-01 10:05+00', 'ann', 'cart', 'phone', NULL),
 ('2026-03-02 09:00+00', 'ann', 'pay', 'desk', 30),
 ('2026-03-01 11:00+00', 'bob', 'visit', 'desk', NULL), ('2026-03-01 12:00+00', 'bob', 'cart', 'desk', NULL),
 ('2026-03-02 08:00+00', 'cid', 'visit', 'phone', NULL), ('2026-03-04 08:00+00', 'cid', 'visit', 'phone', NULL);
SELECT tally.create_rollup('touches', 'events', key => 'session', measures => '{"first_seen": "min(at)", "spent": "sum(amount)",
    "first_device": "(array_agg(device ORDER BY at, kind))[1]", "last_device": "(array_agg(device ORDER BY at DESC, kind DESC))[1]"}', with_data => true);
SELECT tally.create_rollup('newcomers', 'touches', time_column => 'first_seen', bucket => '1 day',
    measures => '{"sessions": "count(*)", "spent": "sum(spent)"}', with_data => true);
SELECT tally.create_rollup('actives', 'events', 'at', bucket => '1 day', lookback => '2 days',
    measures => '{"sessions": "tally.hll(session)"}', with_data => true);
SELECT tally.create_rollup('visitors', 'events', 'at', bucket => '1 day', with_data => true,
    measures => '{"people": "tally.hll(session)", "kinds": "tally.topk(kind)", "amounts": "tally.tdigest(amount::float8)"}');
SELECT tally.create_metric('people', 'visitors', 'tally.distinct_count(people)'), tally.exact_count('people_exactly', 'visitors', 'session', with_data => true);
SELECT tally.create_metric('p50', 'visitors', 'tally.percentile(amounts, 0.5)');
SELECT tally.create_funnel('buying', 'events', 'at', 'session', '{"visit": "kind = ''visit''", "cart": "kind = ''cart''", "pay": "kind = ''pay''"}',
    "window" => '2 days', with_data => true);
SELECT tally.create_retention('coming_back', 'events', 'at', 'session', "start" => 'kind = ''visit''', return => 'true', periods => 3, with_data => true);
SELECT tally.create_rollup('actions', 'events', 'at', bucket => '1 day', dimensions => '["session"]',
    measures => '{"events": "tally.sequence_events(at, kind = ''visit'', kind = ''cart'', kind = ''pay'')"}', with_data => true);
SELECT tally.create_rollup('walks', 'events', key => 'session',
    measures => '{"times": "array_agg(at ORDER BY at, kind)", "events": "array_agg(kind ORDER BY at, kind)"}', with_data => true);
SELECT tally.create_sessions('visits', 'events', 'at', 'person', gap => '30 minutes', page => 'kind', with_data => true);

CREATE FUNCTION answers(step text) RETURNS SETOF text LANGUAGE plpgsql AS $f$
DECLARE
    range CONSTANT text := $$since => '2026-02-27', until => '2026-03-06'$$;
    day   CONSTANT text := $$date_trunc('day', at, 'UTC')$$;
BEGIN
    RETURN NEXT bag_eq('SELECT session, first_seen, spent, first_device, last_device FROM touches_live',
        'SELECT session, min(at), sum(amount), (array_agg(device ORDER BY at))[1] AS first, (array_agg(device ORDER BY at DESC))[1] AS last '
            'FROM events GROUP BY 1',
        step || 'a row per key, first and last touch');
    RETURN NEXT bag_eq('SELECT bucket, sessions, spent FROM newcomers_live',
        $$SELECT date_trunc('day', a, 'UTC') AS day, count(*), sum(s) FROM (SELECT min(at) AS a, sum(amount) AS s FROM events GROUP BY session) x GROUP BY 1$$,
        step || 'newcomers by day');
    RETURN NEXT bag_eq('SELECT bucket, tally.distinct_count(sessions) FROM actives_live',
        format('SELECT d, count(DISTINCT session)::float8 FROM (SELECT DISTINCT %1$s + n * interval ''1 day'' AS d FROM events, generate_series(0, 1) n) x '
            'JOIN events ON %1$s IN (d, d - interval ''1 day'') GROUP BY d', day), step || 'actives of two days');
    RETURN NEXT bag_eq(format('SELECT bucket, value FROM tally.rolling(''people'', ''7 days'', %s)', range),
        $$SELECT d, count(DISTINCT session)::float8 FROM generate_series(timestamptz '2026-02-27Z', '2026-03-05Z', '1 day') d
            JOIN events ON at >= d - interval '6 days' AND at < d + interval '1 day' GROUP BY d$$, step || 'weekly actives on each day');
    RETURN NEXT bag_eq(format('SELECT bucket, value FROM tally.cumulative(''people_exactly'', %s)', range),
        $$SELECT d, count(DISTINCT session)::float8 FROM generate_series(timestamptz '2026-02-27Z', '2026-03-05Z', '1 day') d
            LEFT JOIN events ON at >= '2026-02-27Z' AND at < d + interval '1 day' GROUP BY d$$, step || 'people so far, exactly');
    RETURN NEXT bag_eq(format('SELECT bucket, value FROM tally.timeseries(''p50'', %s)', range),
        format('SELECT %s AS day, percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM events GROUP BY 1', day),
        step || 'median by day');
    RETURN NEXT bag_eq(format('SELECT item, count FROM tally.top_items(''visitors'', ''kinds'', %s)', range),
        'SELECT kind, count(*) FROM events GROUP BY 1', step || 'frequent values');
    -- Somebody has come to a step if an event of it follows one of the step before, within two days of a visit.
    RETURN NEXT bag_eq(format('SELECT step_name, actors FROM tally.funnel(''buying'', %s)', range),
        $$SELECT s, count(DISTINCT session) FROM (
            SELECT 'visit' AS s, v.session FROM events v WHERE v.kind = 'visit'
            UNION ALL SELECT 'cart', v.session FROM events v JOIN events c USING (session)
                       WHERE v.kind = 'visit' AND c.kind = 'cart' AND c.at BETWEEN v.at AND v.at + interval '2 days'
            UNION ALL SELECT 'pay', v.session FROM events v JOIN events c USING (session) JOIN events p USING (session)
                       WHERE v.kind = 'visit' AND c.kind = 'cart' AND p.kind = 'pay' AND c.at BETWEEN v.at AND p.at
                           AND p.at <= v.at + interval '2 days') x GROUP BY 1$$, step || 'funnel');
    RETURN NEXT bag_eq($$SELECT period, eligible, retained FROM tally.retention('coming_back', as_of => '2026-03-04 12:00+00')$$,
        $$SELECT n, count(*) AS eligible, count(*) FILTER (WHERE EXISTS (SELECT FROM events e WHERE e.session = s.session AND e.at >= s.first
                                                                AND e.at >= s.day + n * interval '1 day'
                                                                AND e.at < s.day + (n + 1) * interval '1 day')) AS retained
            FROM (SELECT session, min(at) AS first, date_trunc('day', min(at), 'UTC') AS day FROM events WHERE kind = 'visit' GROUP BY 1) s,
                 generate_series(0, 3) n
           WHERE s.day + (n + 1) * interval '1 day' <= '2026-03-04 12:00+00' GROUP BY 1$$, step || 'retention');
    RETURN NEXT bag_eq($$SELECT session, tally.sequence_match(e, '(?1)(?t<=3600)(?2)'), tally.sequence_count(e, '(?1)')::bigint
            FROM (SELECT session, tally.rollup(events) AS e FROM actions_live GROUP BY 1) x$$,
        $$SELECT session, bool_or(EXISTS (SELECT FROM events c WHERE c.session = v.session AND c.kind = 'cart' AND v.kind = 'visit'
                                             AND c.at BETWEEN v.at AND v.at + interval '1 hour')), count(*) FILTER (WHERE kind = 'visit')
            FROM events v GROUP BY 1$$, step || 'patterns');
    RETURN NEXT bag_eq($$SELECT path, actors FROM tally.paths('walks', 'visit', steps => 2)$$,
        $$SELECT path, count(*) FROM (SELECT (array_agg(e.kind ORDER BY e.at))[:3] AS path
                                        FROM events e JOIN (SELECT session, min(at) AS first FROM events WHERE kind = 'visit' GROUP BY 1) v USING (session)
                                       WHERE e.at >= v.first GROUP BY session) x GROUP BY 1$$, step || 'paths after the first visit');
    RETURN NEXT bag_eq('SELECT person, started_at, ended_at, events, entry, exit FROM visits_live',
        $$SELECT session, min(at), max(at), count(*), (array_agg(kind ORDER BY at))[1] AS entry, (array_agg(kind ORDER BY at DESC))[1] AS exit
            FROM (SELECT *, sum(opens) OVER (PARTITION BY session ORDER BY at) AS n
                    FROM (SELECT *, CASE WHEN at - lag(at) OVER (PARTITION BY session ORDER BY at) <= interval '30 minutes' THEN 0 ELSE 1 END AS opens
                            FROM events) o) s GROUP BY session, n$$, step || 'sessions');
    RETURN NEXT bag_eq($$SELECT bucket, count(*) FILTER (WHERE before IS NULL) AS new, count(*) FILTER (WHERE before = bucket - interval '1 day') AS retained,
                                count(*) FILTER (WHERE before < bucket - interval '1 day') AS back
            FROM (SELECT bucket, lag(bucket) OVER (PARTITION BY actor ORDER BY bucket) AS before FROM people_exactly_actors_live) x GROUP BY 1$$,
        format($$WITH d AS (SELECT DISTINCT session, %s AS day FROM events), was AS (
                SELECT d.*, (SELECT max(e.day) FROM d e WHERE e.session = d.session AND e.day < d.day) AS last FROM d)
            SELECT day, count(*) FILTER (WHERE last IS NULL) AS new, count(*) FILTER (WHERE day - last = interval '1 day') AS retained,
                   count(*) FILTER (WHERE day - last > interval '1 day') AS back FROM was GROUP BY 1$$, day), step || 'lifecycle');
END $f$;
SELECT answers('');
INSERT INTO events VALUES ('2026-02-28 23:00+00', 'bob', 'visit', 'phone', NULL), ('2026-03-02 10:30+00', 'bob', 'pay', 'desk', 12);
SELECT answers('late rows: ');
UPDATE events SET at = at - interval '3 days' WHERE session = 'cid' AND at > '2026-03-03';
DELETE FROM events WHERE kind = 'cart' AND session = 'ann';
SELECT answers('an event that moves and one that goes: ');
SELECT tally.refresh();
SELECT answers('refreshed: ');
SELECT * FROM finish();
