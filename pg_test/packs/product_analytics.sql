-- Owns: the pack product_analytics against its reference document: every view and reader equals the document's own SQL (word for word, :start and
-- :end as written) on generated data, on the edges, and after random edits of the past, live and after the refresh; in a zone with DST.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
SET timezone = 'Europe/Berlin';
SELECT is((SELECT target_schema IS NULL AND rollups > 0 FROM tally.packs WHERE name = 'product_analytics'), true, 'the pack is listed');

-- The document's queries, verbatim but for the schema.
CREATE FUNCTION doc(what text, a text DEFAULT '-infinity', b text DEFAULT 'infinity') RETURNS text LANGUAGE sql AS $$
SELECT replace(replace(q, ':start', quote_literal(a)), ':end', quote_literal(b)) FROM (VALUES
('event_volume', $q$select
  date_trunc('day', event_time) as day,
  event_type,
  count(*) as events
from public.analytics_events
where event_time >= :start and event_time < :end
group by 1, 2
order by 1 desc, 3 desc$q$),
('wau', $q$select
  date_trunc('week', event_time) as week,
  count(distinct user_id) as wau
from public.analytics_events
where user_id is not null
  and event_time >= :start and event_time < :end
  and event_type in (
    'assignment_list_view',
    'assignment_view',
    'assignment_apply_click',
    'preferences_update'
  )
group by 1
order by 1 desc$q$),
('preference_tuning', $q$with w as (
  select date_trunc('week', event_time) as week, user_id
  from public.analytics_events
  where event_type = 'preferences_update'
    and user_id is not null
    and event_time >= :start and event_time < :end
  group by 1, 2
),
active as (
  select date_trunc('week', event_time) as week, user_id
  from public.analytics_events
  where user_id is not null
    and event_time >= :start and event_time < :end
    and event_type in ('assignment_list_view','assignment_view','assignment_apply_click')
  group by 1, 2
)
select
  active.week,
  count(distinct w.user_id) as users_who_tuned,
  count(distinct active.user_id) as active_users,
  round(count(distinct w.user_id)::numeric / nullif(count(distinct active.user_id), 0), 4) as tune_rate
from active
left join w on w.week = active.week and w.user_id = active.user_id
group by 1
order by 1 desc$q$),
('apply_rate', $q$with base as (
  select
    date_trunc('week', event_time) as week,
    event_type,
    count(*) as c
  from public.analytics_events
  where event_time >= :start and event_time < :end
    and event_type in ('assignment_view','assignment_apply_click')
  group by 1, 2
)
select
  week,
  sum(c) filter (where event_type = 'assignment_view') as views,
  sum(c) filter (where event_type = 'assignment_apply_click') as apply_clicks,
  round(
    (sum(c) filter (where event_type = 'assignment_apply_click'))::numeric /
    nullif(sum(c) filter (where event_type = 'assignment_view'), 0),
    4
  ) as apply_rate
from base
group by 1
order by 1 desc$q$),
('dead_end_rate', $q$with w as (
  select date_trunc('week', event_time) as week, event_type, count(*) as c
  from public.analytics_events
  where event_time >= :start and event_time < :end
    and event_type in (
      'assignment_apply_click',
      'assignment_no_reply',
      'assignment_scam_report',
      'assignment_filled_report'
    )
  group by 1, 2
)
select
  week,
  sum(c) filter (where event_type = 'assignment_apply_click') as applies,
  sum(c) filter (where event_type = 'assignment_no_reply') as no_reply,
  sum(c) filter (where event_type = 'assignment_scam_report') as scams,
  sum(c) filter (where event_type = 'assignment_filled_report') as filled_reports,
  round(
    (sum(c) filter (where event_type in ('assignment_no_reply','assignment_scam_report','assignment_filled_report')))::numeric /
    nullif(sum(c) filter (where event_type = 'assignment_apply_click'), 0),
    4
  ) as dead_end_rate
from w
group by 1
order by 1 desc$q$),
('market_supply', $q$select
  date_trunc('day', created_at) as day,
  count(*) as created,
  count(*) filter (where status = 'open') as open,
  count(*) filter (where status <> 'open') as not_open
from public.assignments
where created_at >= :start and created_at < :end
group by 1
order by 1 desc$q$),
('time_to_fill', $q$select
  date_trunc('week', a.created_at) as week,
  percentile_cont(0.5) within group (order by extract(epoch from (e.event_time - a.created_at))/3600.0) as p50_hours_to_filled_report,
  percentile_cont(0.9) within group (order by extract(epoch from (e.event_time - a.created_at))/3600.0) as p90_hours_to_filled_report,
  count(*) as n
from public.analytics_events e
join public.assignments a on a.id = e.assignment_id
where e.event_type = 'assignment_filled_report'
  and e.assignment_id is not null
  and a.created_at >= :start and a.created_at < :end
group by 1
order by 1 desc$q$),
('extraction_outcomes', $q$select
  date_trunc('day', created_at) as day,
  status,
  count(*) as n
from public.telegram_extractions
where created_at >= :start and created_at < :end
group by 1, 2
order by 1 desc, 3 desc$q$),
('ingestion_runs', $q$select
  date_trunc('day', ir.started_at) as day,
  count(*) as runs,
  count(*) filter (where ir.status = 'ok') as ok_runs,
  count(*) filter (where ir.status <> 'ok') as bad_runs,
  sum(rp.error_count) as errors,
  sum(rp.scanned_count) as scanned,
  sum(rp.inserted_count) as inserted,
  sum(rp.updated_count) as updated
from public.ingestion_runs ir
left join public.ingestion_run_progress rp on rp.run_id = ir.id
where ir.started_at >= :start and ir.started_at < :end
group by 1
order by 1 desc$q$),
('click_through', $q$select
  date_trunc('day', last_click_at) as day,
  count(*) as assignments_with_clicks,
  sum(clicks) as total_clicks
from public.assignment_clicks
where last_click_at >= :start and last_click_at < :end
group by 1
order by 1 desc$q$)) d(name, q) WHERE d.name = what
$$;

CREATE FUNCTION own(what text) RETURNS text LANGUAGE sql AS $$
SELECT 'SELECT ' || CASE what WHEN 'time_to_fill' THEN 'week, p50_hours_to_filled_report, p90_hours_to_filled_report, n'
                              WHEN 'ingestion_runs' THEN 'day, runs, ok_runs, bad_runs, errors, scanned, inserted, updated'
                                  ELSE '*' END || ' FROM product_' || what
$$;
CREATE FUNCTION same(what text, refreshed boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    q text;
BEGIN
    FOREACH q IN ARRAY '{event_volume,wau,preference_tuning,apply_rate,dead_end_rate,market_supply,time_to_fill,extraction_outcomes,
                             ingestion_runs,click_through}'::text[] LOOP
        RETURN NEXT bag_eq(own(q), doc(q), what || ': ' || q);
    END LOOP;
    RETURN NEXT results_eq('SELECT * FROM product_wau(''2025-03-26'', ''2025-04-02'')', doc('wau', '2025-03-26', '2025-04-02'),
        what || ': wau of parts of weeks');
    RETURN NEXT results_eq('SELECT * FROM product_preference_tuning(''2025-03-26'', ''2025-04-02'')', doc('preference_tuning', '2025-03-26', '2025-04-02'),
        what || ': tuning of parts of weeks');
    -- The funnel is shown as of the last refresh; its live view is exact at once.
    RETURN NEXT bag_eq('SELECT bucket, sent, clicked, viewed, applied FROM pa_notification_funnel_live', 'SELECT * FROM expected_funnel',
        what || ': notification funnel, live');
    RETURN NEXT bag_eq('SELECT * FROM product_time_to_first_fill',
        'SELECT date_trunc(''week'', created_at), percentile_cont(0.5) WITHIN GROUP (ORDER BY h) AS p50, '
        'percentile_cont(0.9) WITHIN GROUP (ORDER BY h) AS p90, count(*) AS n
        FROM (SELECT a.created_at, (SELECT extract(epoch FROM e.event_time - a.created_at) / 3600.0 FROM analytics_events e WHERE e.assignment_id = a.id AND '
            'e.event_type = ''assignment_filled_report'' ORDER BY e.event_time LIMIT 1) AS h FROM assignments a) x
        WHERE h IS NOT NULL GROUP BY 1', what || ': time to first fill');
    IF refreshed THEN
        RETURN NEXT bag_eq('SELECT * FROM product_event_problems', 'SELECT * FROM expected_problems', what || ': problems');
        RETURN NEXT bag_eq('SELECT day, sent, clicked, viewed, applied FROM product_notification_funnel', 'SELECT * FROM expected_funnel',
            what || ': notification funnel');
    END IF;
END $$;
CREATE FUNCTION ranges(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    q text;
    r record;
BEGIN
    FOR r IN SELECT * FROM (VALUES ('2025-03-05', '2025-04-02'), ('2025-03-26', '2025-03-28'), ('2025-03-24', '2025-03-31'), ('2025-03-24', '2025-03-27'),
        ('2025-03-20', '2025-03-24'), ('2025-03-30', '2025-03-31'),
                                   ('2025-03-29', '2025-03-29'), ('-infinity', '2025-03-20'), ('2025-03-20', 'infinity')) v(a, b) LOOP
        FOREACH q IN ARRAY '{wau,preference_tuning,apply_rate,dead_end_rate,time_to_fill}'::text[] LOOP
            RETURN NEXT results_eq(format('SELECT * FROM product_%s(%L, %L)', q, r.a, r.b), doc(q, r.a, r.b),
                format('%s: %s from %s to %s', what, q, r.a, r.b));
            RETURN NEXT results_eq(format('SELECT * FROM product_%s(%L, %L, exact => true)', q, r.a, r.b), doc(q, r.a, r.b),
                format('%s: %s from %s to %s, exact', what, q, r.a, r.b));
        END LOOP;
        FOREACH q IN ARRAY '{event_volume,market_supply,extraction_outcomes,ingestion_runs,click_through}'::text[] LOOP
            RETURN NEXT bag_eq(format('%s WHERE day >= %L AND day < %L', own(q), r.a, r.b), doc(q, r.a, r.b),
                format('%s: %s from %s to %s', what, q, r.a, r.b));
        END LOOP;
    END LOOP;
END $$;

SELECT tally.install_pack('product_analytics');
-- What the document has no SQL for, written out apart from the pack: pair by pair, event by event.
CREATE VIEW expected_funnel AS
SELECT date_trunc('day', s.at) AS day, count(*) AS sent, count(*) FILTER (WHERE level >= 1) AS clicked, count(*) FILTER (WHERE level >= 2) AS viewed,
    count(*) FILTER (WHERE level >= 3) AS applied
  FROM (SELECT DISTINCT ON (user_id, assignment_id) user_id AS u, assignment_id AS a, event_time AS at FROM analytics_events
         WHERE event_type = 'notify_sent' AND user_id IS NOT NULL AND assignment_id IS NOT NULL ORDER BY 1, 2, 3) s
  LEFT JOIN LATERAL (SELECT event_time AS at FROM analytics_events WHERE (user_id, assignment_id) = (u, a) AND event_type = 'notify_click'
      ORDER BY event_time LIMIT 1) c ON c.at >= s.at
 CROSS JOIN LATERAL (SELECT CASE WHEN c.at IS NULL THEN 0 WHEN NOT EXISTS (SELECT FROM analytics_events WHERE (user_id, assignment_id) = (u, a)
     AND event_type = 'assignment_view' AND event_time >= c.at) THEN 1
        WHEN NOT EXISTS (SELECT FROM analytics_events WHERE (user_id, assignment_id) = (u, a) AND event_type = 'assignment_apply_click' AND event_time >= c.at)
            THEN 2 ELSE 3 END AS level) l
 GROUP BY 1;
CREATE VIEW expected_problems AS
WITH known AS (SELECT e.*, t.event_type IS NOT NULL AS known, t.needs_user, t.needs_assignment FROM analytics_events e LEFT JOIN analytics_event_types t
    USING (event_type)),
     spec AS (SELECT DISTINCT ON (t.event_type, k.key) t.event_type, k.key, k.required, k.kind,
         k.allowed FROM analytics_event_types t JOIN analytics_event_keys k ON k.event_type IN (t.event_type, '*') ORDER BY 1, 2, k.event_type = '*'),
     latest AS (SELECT event_type, max(event_time) AS last_seen FROM analytics_events GROUP BY 1)
SELECT event_type, 'unknown type' AS problem, NULL AS key, NULL AS value, count(*) AS events, max(event_time) AS last_seen FROM known WHERE NOT known GROUP BY 1
UNION ALL SELECT event_type, 'no user', NULL, NULL, count(*), (SELECT last_seen FROM latest l WHERE l.event_type = k.event_type) FROM known k WHERE needs_user
    AND user_id IS NULL GROUP BY 1
UNION ALL SELECT event_type, 'no assignment', NULL, NULL, count(*), (SELECT last_seen FROM latest l WHERE l.event_type = k.event_type) FROM known k
    WHERE needs_assignment AND assignment_id IS NULL GROUP BY 1
UNION ALL SELECT e.event_type, 'missing key', s.key, NULL, count(*), (SELECT last_seen FROM latest l WHERE l.event_type = e.event_type)
  FROM analytics_events e JOIN spec s USING (event_type) WHERE s.required AND e.meta ->> s.key IS NULL GROUP BY 1, 3
UNION ALL SELECT x.event_type, CASE WHEN s.key IS NULL THEN 'unknown key' WHEN jsonb_typeof(x.v) <> s.kind THEN 'wrong kind' ELSE 'value not allowed' END, x.k,
       CASE WHEN x.v #>> '{}' ~ '^[a-z][a-z_]{0,39}$' AND jsonb_typeof(x.v) = 'string' THEN x.v #>> '{}' ELSE '<' || jsonb_typeof(x.v) || '>' END, count(*),
           max(x.event_time)
  FROM (SELECT e.event_type, e.event_time, j.k, j.v FROM known e, jsonb_each(CASE jsonb_typeof(meta) WHEN 'object' THEN meta ELSE '{}' END) j(k, v)
      WHERE known) x
  LEFT JOIN spec s ON s.event_type = x.event_type AND s.key = x.k
 WHERE s.key IS NULL OR x.v <> 'null' AND (jsonb_typeof(x.v) <> s.kind OR s.allowed IS NOT NULL AND NOT x.v #>> '{}' = ANY (s.allowed)) GROUP BY 1, 2, 3, 4;

SELECT same('no events', true);
INSERT INTO analytics_events (event_time, event_type, user_id, assignment_id) VALUES ('2025-03-30 02:30+01', 'assignment_view', 1, 1);
SELECT same('one event, in the hour that the clock skips', false);
SELECT tally.generate_product_analytics(12000, seed => 4, until => '2025-04-06 00:00', span => '40 days');
CALL tally.backfill();
SELECT same('generated', true);
SELECT ranges('generated');

-- Edges: ties, NULL keys and times at their ends, types alone in their week, reports of no assignment, runs without status, numbers that are NULL.
INSERT INTO analytics_events (event_time, event_type, user_id, assignment_id, meta) VALUES
    ('2025-03-30 01:59:59.999999+01', 'assignment_filled_report', 7, 20, '{"source": "tutor"}'),
        ('2025-03-30 03:00+02', 'assignment_filled_report', 7, 20, '{"source": "tutor"}'),
    ('2025-03-30 03:00+02', 'assignment_filled_report', 8, 20, '{"source": "tutor"}'),
        ('2025-03-30 03:00+02', 'assignment_filled_report', NULL, 20, '{"source": "the cat"}'),
    ('2025-03-30 03:00+02', 'assignment_filled_report', 7, NULL, '[]'), ('2025-03-30 03:00+02', 'assignment_filled_report', 7, 99999999, '"x"'),
    ('2024-01-01 00:00+01', 'assignment_scam_report', 7, 20, '{"category": null, "notes": "nobody", "colour": "red"}'),
        ('2023-12-31 23:59:59.999999+01', 'assignment_apply_click', NULL, 20, '{"surface": 5}'),
    ('2023-01-05 00:00+01', 'preferences_update', 7, NULL, '{"changed": "levels"}'), ('2022-10-30 02:30+02', 'assignment_view', 9, 3, '{"surface": "website"}'),
        ('2022-10-30 02:30+01', 'assignment_view', 9, 3, NULL),
    ('2022-10-30 02:30+02', 'notify_sent', 9, 3, NULL), ('2022-10-30 02:30+02', 'notify_click', 9, 3, NULL),
        ('2022-10-30 02:30+02', 'assignment_apply_click', 9, 3, NULL),
    ('2025-03-31 10:00+02', 'notify_sent', 2, 4, NULL), ('2025-03-31 09:00+02', 'notify_click', 2, 4, NULL),
        ('2025-03-31 11:00+02', 'notify_click', 2, 4, NULL),
    ('2025-03-31 10:00+02', 'notify_sent', NULL, 4, NULL), ('2025-03-31 10:00+02', '', 3, 4, '{"surface": "<string>", "x": {}}'),
        ('2021-01-01', '(none)', 3, 4, '{}');
INSERT INTO ingestion_runs VALUES (9001, '2025-03-30 02:30+01', NULL), (9002, '2025-03-30 00:00+01', 'ok'), (9003, '2020-02-29', 'error'),
    (9004, '2020-02-28', NULL);
INSERT INTO ingestion_run_progress VALUES (9001, NULL, NULL, NULL, NULL), (9002, 5, NULL, 1, 0), (9002, 0, 0, 0, 0), (NULL, 1, 1, 1, 1), (123456, 1, 1, 1, 1);
INSERT INTO assignments VALUES (50001, '2025-03-30 02:30+01', NULL), (50002, '2019-01-01', 'open');
INSERT INTO assignment_clicks (clicks, last_click_at) VALUES (NULL, '2025-03-30 02:30+01'), (5, NULL), (NULL, '2020-01-01');
INSERT INTO analytics_events (event_time, event_type, user_id, meta) VALUES ('2025-03-30', repeat('x', 450), 7,
    jsonb_build_object('surface', repeat('long', 900)));
INSERT INTO telegram_extractions (created_at, status) VALUES ('2025-03-30 02:30+01', NULL);
SELECT same('edges', false);
SELECT count(*) FROM tally.refresh();
SELECT same('edges, refreshed', true);
SELECT ranges('edges');

-- Random edits of the past, on both sides of each join.
SELECT setseed(0.42);
DO $$
BEGIN
    FOR i IN 1 .. 4 LOOP
        UPDATE analytics_events SET event_time = event_time + (random() - 0.5) * interval '20 days' WHERE random() < 0.02;
        UPDATE analytics_events SET assignment_id = nullif((random() * 200)::int, 0), user_id = nullif((random() * 60)::int, 0) WHERE random() < 0.02;
        UPDATE analytics_events SET event_type = (ARRAY['notify_click', 'assignment_filled_report', 'assignment_view', 'preferences_update',
            'notify_sent'])[1 + (random() * 4)::int] WHERE random() < 0.02;
        DELETE FROM analytics_events WHERE random() < 0.01;
        UPDATE assignments SET created_at = created_at - random() * interval '9 days', status = (ARRAY['open', 'filled', NULL])[1 + (random() * 2)::int]
            WHERE random() < 0.1;
        DELETE FROM assignments WHERE random() < 0.02;
        UPDATE ingestion_runs SET started_at = started_at + random() * interval '3 days', status = 'ok' WHERE random() < 0.3;
        UPDATE ingestion_run_progress SET error_count = error_count + 1, run_id = run_id + (random() < 0.2)::int WHERE random() < 0.3;
        DELETE FROM ingestion_run_progress WHERE random() < 0.1;
        UPDATE assignment_clicks SET clicks = clicks + 1, last_click_at = last_click_at + interval '1 day' WHERE random() < 0.2;
        UPDATE telegram_extractions SET status = 'failed' WHERE random() < 0.1;
    END LOOP;
END $$;
SELECT same('edits', false);
SELECT count(*) FROM tally.refresh();
SELECT same('edits, refreshed', true);
SELECT ranges('edits');
-- A taxonomy that changes is true of all history at once.
UPDATE analytics_event_keys SET allowed = '{app}' WHERE event_type = 'assignment_view' AND key = 'surface';
DELETE FROM analytics_event_types WHERE event_type = 'assignment_hide';
INSERT INTO analytics_event_keys VALUES ('*', 'version', true, 'string', NULL) ON CONFLICT (event_type, key) DO UPDATE SET required = true;
SELECT bag_eq('SELECT * FROM product_event_problems', 'SELECT * FROM expected_problems', 'another taxonomy: problems');

-- Metrics: the same figures, over a range.
SELECT is(round(tally.metric_value('product_apply_rate', '2025-03-10', '2025-03-24')::numeric, 6),
    (SELECT round(count(*) FILTER (WHERE event_type = 'assignment_apply_click')::numeric / count(*) FILTER (WHERE event_type = 'assignment_view'), 6)
        FROM analytics_events WHERE event_time >= '2025-03-10' AND event_time < '2025-03-24'), 'metric: apply rate of two weeks');
SELECT is(tally.metric_value('product_tutors', '2025-03-10', '2025-03-31')::bigint,
    (SELECT count(DISTINCT user_id) FROM analytics_events WHERE event_time >= '2025-03-10' AND event_time < '2025-03-31' AND event_type IN
    ('assignment_list_view', 'assignment_view', 'assignment_apply_click', 'preferences_update')), 'metric: tutors of three weeks, each once (few, so exact)');
SELECT is(tally.metric_value('product_notify_click_rate', '2025-03-10', '2025-03-31')::numeric(9, 6),
    (SELECT (sum(clicked) / sum(sent))::numeric(9, 6) FROM expected_funnel WHERE day >= '2025-03-10' AND day < '2025-03-31'),
    'metric: click rate of notifications');
SELECT * FROM finish();
