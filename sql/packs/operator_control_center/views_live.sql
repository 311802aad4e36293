-- Owns: the views of views.sql over the live views: exact at every moment, whichever table a late row comes to. They are those views word for
-- word, with the names of what they read; pg_test/packs/files.sh compares the two.

-- step: view control_shops_live
CREATE OR REPLACE VIEW control_shops_live AS
SELECT x.shop_domain, x.first_session_at, x.decided_at, coalesce(x.decided_at < x.first_session_at + interval '168 hours', false) AS activated,
       x.first_session_at + interval '168 hours' <= c.present AS finished
  -- A query with WITH stays a query of its own: what it computes is computed once for all columns that are made of it, and conditions still reach its indexes.
  FROM (WITH approval AS (
            -- Names are compared by their bytes (C), which sorts them faster than any other collation, and tells the same ones apart.
            -- Each shop is there once. DISTINCT says so to the planner, which else expected ten times the rows and had the query compiled, for seconds.
            SELECT DISTINCT ON (1) shop_domain COLLATE "C" AS shop_domain, first_decision_at, last_decision_at FROM control_approvals_live)
        SELECT s.shop_domain, s.first_session_at,
               -- The first decision from the first session on. Where the shop decided before it, its first of all is no help.
               CASE WHEN a.first_decision_at >= s.first_session_at THEN a.first_decision_at
                    WHEN a.last_decision_at >= s.first_session_at THEN
                        (SELECT min(d.created_at) FROM decision_log d WHERE d.scope = 'ops' AND d.shop_domain = s.shop_domain
                         AND d.created_at >= s.first_session_at) END AS decided_at
          FROM control_sessions_live s LEFT JOIN approval a ON a.shop_domain = s.shop_domain
         -- A session or decision of no shop activates none.
         WHERE s.shop_domain <> '(none)') x CROSS JOIN control_clock c;
COMMENT ON VIEW control_shops_live IS
'Exact at this moment: Each shop: when it first opened the dashboard, and whether an ops decision followed within seven days (168 hours).';
COMMENT ON COLUMN control_shops_live.shop_domain IS 'The shop.';
COMMENT ON COLUMN control_shops_live.first_session_at IS 'Its first dashboard.session.opened.';
COMMENT ON COLUMN control_shops_live.decided_at IS 'Its first ops decision from then on; null while there is none.';
COMMENT ON COLUMN control_shops_live.activated IS 'Whether that was within seven days of the first session.';
COMMENT ON COLUMN control_shops_live.finished IS 'Whether the seven days are over, so that nothing but a late row changes the answer.';

-- step: view control_conversations_live
CREATE OR REPLACE VIEW control_conversations_live AS
SELECT x.conversation, x.breached_at, x.resolved_at, date_part('epoch', x.resolved_at - x.breached_at) / 60 AS minutes
  FROM (WITH reply AS (
            -- As with approvals: each conversation is there once.
            SELECT DISTINCT ON (1) external_ref COLLATE "C" AS external_ref, first_reply_at, last_reply_at FROM control_replies_live)
        SELECT b.conversation, b.breached_at,
               -- A reply from before the breach resolves nothing.
               CASE WHEN r.first_reply_at >= b.breached_at THEN r.first_reply_at
                    WHEN r.last_reply_at >= b.breached_at THEN
                        (SELECT min(l.created_at) FROM decision_log l WHERE l.action LIKE 'chatwoot.reply.%' AND l.external_ref = b.conversation
                         AND l.created_at >= b.breached_at) END AS resolved_at
          FROM control_breaches_live b LEFT JOIN reply r ON r.external_ref = b.conversation
         WHERE b.conversation <> '(none)' AND b.breached_at IS NOT NULL) x;
COMMENT ON VIEW control_conversations_live IS
'Exact at this moment: Each conversation that breached its SLA, and the first chatwoot.reply.… decision after that.';
COMMENT ON COLUMN control_conversations_live.conversation IS 'Number of the conversation.';
COMMENT ON COLUMN control_conversations_live.breached_at IS 'When it breached, by the escalations that report it; the earliest, where they differ.';
COMMENT ON COLUMN control_conversations_live.resolved_at IS 'The first reply from then on; null while there is none.';
COMMENT ON COLUMN control_conversations_live.minutes IS 'From breach to reply.';

-- step: view control_anomalies_live
CREATE OR REPLACE VIEW control_anomalies_live AS
SELECT p.shop_domain, p.property, p.landing_page, p.range_end, p.wow_delta, p.seen_at,
       -- Any assignment within [seen_at, seen_at + 24 hours]. That touches two days at most; of the first the latest assignment tells, of
       -- the second the earliest.
       CASE WHEN a.last_at >= p.seen_at THEN a.bucket WHEN b.first_at <= p.seen_at + interval '24 hours' THEN b.bucket END AS responded_on,
       coalesce(a.last_at >= p.seen_at, false) OR coalesce(b.first_at <= p.seen_at + interval '24 hours', false) AS responded,
       p.seen_at + interval '24 hours' <= c.present AS finished
  FROM (SELECT *, date_bin('24 hours', x.seen_at, '2000-01-03 00:00:00+00') AS day FROM control_anomaly_pages_live x) p CROSS JOIN control_clock c
  -- Both joins take the anomalies in one order, so that they are sorted once; hence the day of b is moved, and not theirs.
  LEFT JOIN control_assignments_daily_live a ON a.bucket = p.day AND a.shop_domain COLLATE "C" = p.shop_domain COLLATE "C"
      AND a.landing_page COLLATE "C" = p.landing_page COLLATE "C" AND a.landing_page <> '(none)'
  LEFT JOIN control_assignments_daily_live b ON b.bucket - interval '24 hours' = p.day AND b.shop_domain COLLATE "C" = p.shop_domain COLLATE "C"
      AND b.landing_page COLLATE "C" = p.landing_page COLLATE "C" AND b.landing_page <> '(none)';
COMMENT ON VIEW control_anomalies_live IS
'Exact at this moment: Each anomaly of a landing page (GA), and whether a seo.assignment.… decision of the same shop and page followed within 24 hours.';
COMMENT ON COLUMN control_anomalies_live.shop_domain IS 'The shop; (none) where the fact names none.';
COMMENT ON COLUMN control_anomalies_live.property IS 'The GA property.';
COMMENT ON COLUMN control_anomalies_live.landing_page IS 'The landing page.';
COMMENT ON COLUMN control_anomalies_live.range_end IS 'End of the date range that it was found in.';
COMMENT ON COLUMN control_anomalies_live.wow_delta IS 'Its change week over week; the worst, where facts differ.';
COMMENT ON COLUMN control_anomalies_live.seen_at IS 'When it was first ingested.';
COMMENT ON COLUMN control_anomalies_live.responded_on IS 'Day (UTC) of the response.';
COMMENT ON COLUMN control_anomalies_live.responded IS 'Whether an assignment followed within 24 hours.';
COMMENT ON COLUMN control_anomalies_live.finished IS 'Whether the 24 hours are over.';

-- step: view control_rolling_live
CREATE OR REPLACE VIEW control_rolling_live AS
WITH period AS MATERIALIZED (
    SELECT m.until - interval '168 hours' AS since, m.until, m.live
      FROM control_clock c CROSS JOIN LATERAL (
        SELECT c.present AS until, true AS live
        UNION ALL SELECT date_bin('24 hours', c.present, '2000-01-03 00:00:00+00') - interval '24 hours' * n, false FROM generate_series(0, 6) n) m
), bound AS (SELECT min(p.since) AS since FROM period p),
-- Each part has no limit, and PostgreSQL does not know it: it takes a tenth of the rows for all, and does not compile the query (JIT).
shop AS (
    SELECT p.until, count(*) AS new_shops, count(*) FILTER (WHERE s.activated AND s.decided_at < p.until) AS activated_shops
      FROM (SELECT * FROM control_shops_live x WHERE x.first_session_at >= (SELECT since FROM bound) LIMIT (SELECT NULL::bigint)) s
           JOIN period p ON s.first_session_at >= p.since AND s.first_session_at < p.until
     GROUP BY p.until
), conversation AS (
    SELECT p.until, count(*) AS breaches, count(v.resolved_at) FILTER (WHERE v.resolved_at < p.until) AS resolved,
           percentile_cont('{0.5,0.9}'::float8[]) WITHIN GROUP (ORDER BY v.minutes) FILTER (WHERE v.resolved_at < p.until) AS minutes
      FROM (SELECT * FROM control_conversations_live x WHERE x.breached_at >= (SELECT since FROM bound) LIMIT (SELECT NULL::bigint)) v
           JOIN period p ON v.breached_at >= p.since AND v.breached_at < p.until
     GROUP BY p.until
), anomaly AS (
    SELECT p.until, count(*) AS anomalies, count(*) FILTER (WHERE a.responded_on < p.until) AS responded
      FROM (SELECT * FROM control_anomalies_live x WHERE x.seen_at >= (SELECT since FROM bound) LIMIT (SELECT NULL::bigint)) a
           JOIN period p ON a.seen_at >= p.since AND a.seen_at < p.until
     GROUP BY p.until
)
SELECT p.since, p.until, p.live, coalesce(s.new_shops, 0) AS new_shops, coalesce(s.activated_shops, 0) AS activated_shops,
    round(s.activated_shops::numeric / nullif(s.new_shops, 0), 4) AS activation_rate,
       coalesce(v.breaches, 0) AS breaches, coalesce(v.resolved, 0) AS resolved, round((v.minutes[1])::numeric, 2) AS median_minutes,
           round((v.minutes[2])::numeric, 2) AS p90_minutes,
       coalesce(a.anomalies, 0) AS anomalies, coalesce(a.responded, 0) AS responded, round(a.responded::numeric / nullif(a.anomalies, 0), 4) AS response_rate
  FROM period p LEFT JOIN shop s USING (until) LEFT JOIN conversation v USING (until) LEFT JOIN anomaly a USING (until);
COMMENT ON VIEW control_rolling_live IS
'Exact at this moment: The three metrics over rolling seven days (168 hours): up to this moment, and up to each of the last seven midnights (UTC), which '
'are what the nightly task publishes. Only what had happened by the end of the period counts.';
COMMENT ON COLUMN control_rolling_live.since IS 'Start of the seven days.';
COMMENT ON COLUMN control_rolling_live.until IS 'Their end.';
COMMENT ON COLUMN control_rolling_live.live IS 'Whether they end now.';
COMMENT ON COLUMN control_rolling_live.new_shops IS 'Shops whose first session fell in them.';
COMMENT ON COLUMN control_rolling_live.activated_shops IS 'Of them, those with an ops decision within seven days of it, and before the end.';
COMMENT ON COLUMN control_rolling_live.activation_rate IS 'activated_shops ÷ new_shops; null where there was none.';
COMMENT ON COLUMN control_rolling_live.breaches IS 'Conversations that breached their SLA in them.';
COMMENT ON COLUMN control_rolling_live.resolved IS 'Of them, those replied to before the end.';
COMMENT ON COLUMN control_rolling_live.median_minutes IS 'Median minutes from breach to the first reply, of those resolved.';
COMMENT ON COLUMN control_rolling_live.p90_minutes IS '90th percentile of it.';
COMMENT ON COLUMN control_rolling_live.anomalies IS 'Anomalies first seen in them.';
COMMENT ON COLUMN control_rolling_live.responded IS 'Of them, those followed up within 24 hours; at midnights on a day before the end.';
COMMENT ON COLUMN control_rolling_live.response_rate IS 'responded ÷ anomalies; null where there was none.';

-- step: view control_present_live
CREATE OR REPLACE VIEW control_present_live AS
SELECT c.present - interval '168 hours' AS since, c.present AS until, true AS live, s.new_shops, s.activated_shops,
       round(s.activated_shops::numeric / nullif(s.new_shops, 0), 4) AS activation_rate, v.breaches, v.resolved,
       round((v.minutes[1])::numeric, 2) AS median_minutes, round((v.minutes[2])::numeric, 2) AS p90_minutes, a.anomalies, a.responded,
       round(a.responded::numeric / nullif(a.anomalies, 0), 4) AS response_rate
  FROM control_clock c
 CROSS JOIN LATERAL (
    SELECT count(*) AS new_shops, count(*) FILTER (WHERE x.activated AND x.decided_at < c.present) AS activated_shops
      FROM control_shops_live x WHERE x.first_session_at >= c.present - interval '168 hours' AND x.first_session_at < c.present) s
 CROSS JOIN LATERAL (
    SELECT count(*) AS breaches, count(x.resolved_at) FILTER (WHERE x.resolved_at < c.present) AS resolved,
           percentile_cont('{0.5,0.9}'::float8[]) WITHIN GROUP (ORDER BY x.minutes) FILTER (WHERE x.resolved_at < c.present) AS minutes
      FROM control_conversations_live x WHERE x.breached_at >= c.present - interval '168 hours' AND x.breached_at < c.present) v
 CROSS JOIN LATERAL (
    SELECT count(*) AS anomalies, count(*) FILTER (WHERE x.responded_on < c.present) AS responded
      FROM control_anomalies_live x WHERE x.seen_at >= c.present - interval '168 hours' AND x.seen_at < c.present) a;
COMMENT ON VIEW control_present_live IS
'Exact at this moment: The line of control_rolling_live that ends at this moment, at a fraction of the cost of all eight.';
COMMENT ON COLUMN control_present_live.since IS 'Start of the seven days.';
COMMENT ON COLUMN control_present_live.until IS 'Their end.';
COMMENT ON COLUMN control_present_live.live IS 'Whether they end now: they do.';
COMMENT ON COLUMN control_present_live.new_shops IS 'Shops whose first session fell in them.';
COMMENT ON COLUMN control_present_live.activated_shops IS 'Of them, those with an ops decision since.';
COMMENT ON COLUMN control_present_live.activation_rate IS 'activated_shops ÷ new_shops; null where there was none.';
COMMENT ON COLUMN control_present_live.breaches IS 'Conversations that breached their SLA in them.';
COMMENT ON COLUMN control_present_live.resolved IS 'Of them, those replied to.';
COMMENT ON COLUMN control_present_live.median_minutes IS 'Median minutes from breach to the first reply, of those resolved.';
COMMENT ON COLUMN control_present_live.p90_minutes IS '90th percentile of it.';
COMMENT ON COLUMN control_present_live.anomalies IS 'Anomalies first seen in them.';
COMMENT ON COLUMN control_present_live.responded IS 'Of them, those followed up within 24 hours.';
COMMENT ON COLUMN control_present_live.response_rate IS 'responded ÷ anomalies; null where there was none.';

-- step: view control_weekly_live
CREATE OR REPLACE VIEW control_weekly_live AS
WITH week AS MATERIALIZED (
    SELECT date_bin('168 hours', c.present, '2000-01-03 00:00:00+00') - interval '168 hours' * n AS week FROM control_clock c CROSS
        JOIN generate_series(0, 12) n
), bound AS (SELECT min(w.week) AS since FROM week w),
-- No limit, as in the rolling view.
shop AS (
    SELECT date_bin('168 hours', s.first_session_at, '2000-01-03 00:00:00+00') AS week, count(*) AS new_shops,
        count(*) FILTER (WHERE s.activated) AS activated_shops, bool_and(s.finished) AS finished
      FROM (SELECT * FROM control_shops_live x WHERE x.first_session_at >= (SELECT since FROM bound) LIMIT (SELECT NULL::bigint)) s GROUP BY 1
), conversation AS (
    SELECT date_bin('168 hours', v.breached_at, '2000-01-03 00:00:00+00') AS week, count(*) AS breaches, count(v.resolved_at) AS resolved,
        percentile_cont('{0.5,0.9}'::float8[]) WITHIN GROUP (ORDER BY v.minutes) AS minutes
      FROM (SELECT * FROM control_conversations_live x WHERE x.breached_at >= (SELECT since FROM bound) LIMIT (SELECT NULL::bigint)) v GROUP BY 1
), anomaly AS (
    SELECT date_bin('168 hours', a.seen_at, '2000-01-03 00:00:00+00') AS week, count(*) AS anomalies, count(*) FILTER (WHERE a.responded) AS responded,
        bool_and(a.finished) AS finished
      FROM (SELECT * FROM control_anomalies_live x WHERE x.seen_at >= (SELECT since FROM bound) LIMIT (SELECT NULL::bigint)) a GROUP BY 1
)
SELECT (w.week AT TIME ZONE 'UTC')::date AS week, coalesce(s.new_shops, 0) AS new_shops, coalesce(s.activated_shops, 0) AS activated_shops,
    round(s.activated_shops::numeric / nullif(s.new_shops, 0), 4) AS activation_rate,
       coalesce(v.breaches, 0) AS breaches, coalesce(v.resolved, 0) AS resolved, round((v.minutes[1])::numeric, 2) AS median_minutes,
           round((v.minutes[2])::numeric, 2) AS p90_minutes,
       coalesce(a.anomalies, 0) AS anomalies, coalesce(a.responded, 0) AS responded, round(a.responded::numeric / nullif(a.anomalies, 0), 4) AS response_rate,
       w.week + interval '168 hours' <= c.present AND coalesce(s.finished, true) AND coalesce(a.finished, true) AS finished
  FROM week w CROSS JOIN control_clock c
  -- Each week is there once, which PostgreSQL does not see in GROUP BY: it expected a million rows of thirteen weeks, and compiled the query (JIT).
  LEFT JOIN (SELECT DISTINCT ON (week) * FROM shop) s USING (week) LEFT JOIN (SELECT DISTINCT ON (week) * FROM conversation) v USING (week)
  LEFT JOIN (SELECT DISTINCT ON (week) * FROM anomaly) a USING (week);
COMMENT ON VIEW control_weekly_live IS
'Exact at this moment: The weekly dashboard: the three metrics by the week (Monday, UTC) in which a shop came, a conversation breached or an anomaly was seen, '
'whenever the answer came; 13 weeks.';
COMMENT ON COLUMN control_weekly_live.week IS 'Monday of the week, in UTC.';
COMMENT ON COLUMN control_weekly_live.new_shops IS 'Shops whose first session fell in the week.';
COMMENT ON COLUMN control_weekly_live.activated_shops IS 'Of them, those with an ops decision within seven days of it.';
COMMENT ON COLUMN control_weekly_live.activation_rate IS 'activated_shops ÷ new_shops; null where there was none.';
COMMENT ON COLUMN control_weekly_live.breaches IS 'Conversations that breached their SLA in the week.';
COMMENT ON COLUMN control_weekly_live.resolved IS 'Of them, those replied to since.';
COMMENT ON COLUMN control_weekly_live.median_minutes IS 'Median minutes from breach to the first reply, of those resolved.';
COMMENT ON COLUMN control_weekly_live.p90_minutes IS '90th percentile of it.';
COMMENT ON COLUMN control_weekly_live.anomalies IS 'Anomalies first seen in the week.';
COMMENT ON COLUMN control_weekly_live.responded IS 'Of them, those followed up within 24 hours.';
COMMENT ON COLUMN control_weekly_live.response_rate IS 'responded ÷ anomalies; null where there was none.';
COMMENT ON COLUMN control_weekly_live.finished IS 'Whether week, seven days and 24 hours are over for all of it; until then rates can only rise.';
