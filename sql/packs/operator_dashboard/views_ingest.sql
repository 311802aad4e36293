-- Owns: the ranges of the dashboard and panel 1, ingest. A row per range and environment that had any upload within 7 days, so that
-- a quiet hour is a row of zeros and not a hole.

-- step: view operator_ranges
CREATE OR REPLACE VIEW operator_ranges AS
SELECT r.range, CASE WHEN r.width IS NULL THEN date_trunc('day', c.present) ELSE c.present - r.width END AS since, c.present AS until
  FROM (SELECT coalesce(nullif(current_setting('tally.as_of', true), '')::timestamptz, now()) AS present) c
 CROSS JOIN (VALUES ('today', NULL::interval), ('1h', interval '1 hour'), ('6h', interval '6 hours'), ('24h', interval '24 hours'),
             ('7d', interval '168 hours')) r(range, width)
 -- In hours, because seven days of a session's calendar may have 167.
 -- Keeps the panels from computing the bounds anew for each row that they compare.
 OFFSET 0;
COMMENT ON VIEW operator_ranges IS
'The time ranges of every panel. A range holds the 5-minute buckets that begin in it, as tally.metric_value() counts. The present is now(), or what SET '
'tally.as_of says, to look at the panels as of an earlier moment.';
COMMENT ON COLUMN operator_ranges.range IS 'today (since midnight in the session''s TimeZone), 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_ranges.since IS 'Its start.';
COMMENT ON COLUMN operator_ranges.until IS 'Its end: the present.';

-- step: view operator_ingest
CREATE OR REPLACE VIEW operator_ingest AS
SELECT r.range, u.environment,
       coalesce(sum(u.uploads) FILTER (WHERE u.bucket >= r.since), 0)::bigint AS uploads,
       coalesce(sum(u.rejected) FILTER (WHERE u.bucket >= r.since), 0)::bigint AS rejected,
       round(sum(u.rejected) FILTER (WHERE u.bucket >= r.since) / nullif(sum(u.uploads) FILTER (WHERE u.bucket >= r.since), 0), 4) AS rejection_rate
  FROM operator_uploads_5m_live u CROSS JOIN operator_ranges r
 WHERE u.bucket >= (SELECT x.since FROM operator_ranges x WHERE x.range = '7d') AND u.bucket < (SELECT x.until FROM operator_ranges x WHERE x.range = '7d')
 GROUP BY r.range, u.environment;
COMMENT ON VIEW operator_ingest IS 'Panel 1, ingest overview: uploads and rejections per range, exact at this moment.';
COMMENT ON COLUMN operator_ingest.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_ingest.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_ingest.uploads IS 'Uploads that arrived in the range.';
COMMENT ON COLUMN operator_ingest.rejected IS 'Of them, those that were rejected.';
COMMENT ON COLUMN operator_ingest.rejection_rate IS 'Rejected ÷ uploads; null where there was none.';

-- step: view operator_rejection_reasons
CREATE OR REPLACE VIEW operator_rejection_reasons AS
SELECT x.range, x.environment, x.reason, x.rejected,
       round(x.rejected / sum(x.rejected) OVER (PARTITION BY x.range, x.environment), 4) AS share,
       row_number() OVER (PARTITION BY x.range, x.environment ORDER BY x.rejected DESC, x.reason)::int AS place
  FROM (SELECT r.range, u.environment, u.reason, sum(u.rejected)::bigint AS rejected
          FROM operator_uploads_5m_live u JOIN operator_ranges r ON u.bucket >= r.since
         WHERE u.bucket >= (SELECT y.since FROM operator_ranges y WHERE y.range = '7d')
             AND u.bucket < (SELECT y.until FROM operator_ranges y WHERE y.range = '7d')
           AND u.rejected > 0
         GROUP BY r.range, u.environment, u.reason) x;
COMMENT ON VIEW operator_rejection_reasons IS 'Panel 1: why uploads were rejected, most frequent first.';
COMMENT ON COLUMN operator_rejection_reasons.range IS 'today, 1h, 6h, 24h or 7d.';
COMMENT ON COLUMN operator_rejection_reasons.environment IS 'prod, staging or what else there is; (none) where it is not said.';
COMMENT ON COLUMN operator_rejection_reasons.reason IS 'The reason; unknown where none was given.';
COMMENT ON COLUMN operator_rejection_reasons.rejected IS 'Uploads rejected for it.';
COMMENT ON COLUMN operator_rejection_reasons.share IS 'Of all rejections of the range.';
COMMENT ON COLUMN operator_rejection_reasons.place IS '1 is the most frequent.';
