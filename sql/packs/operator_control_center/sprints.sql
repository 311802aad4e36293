-- Owns: the evidence of sprints: what a sprint did to the three metrics, each with the statement that shows the rows behind it.

-- step: table control_sprints
CREATE TABLE IF NOT EXISTS control_sprints (
    name      text PRIMARY KEY,
    starts_on date NOT NULL,
    ends_on   date NOT NULL CHECK (ends_on >= starts_on),
    link      text
);
COMMENT ON TABLE control_sprints IS 'Sprints, which you INSERT; control_evidence shows what each did.';
COMMENT ON COLUMN control_sprints.name IS 'Name of the sprint.';
COMMENT ON COLUMN control_sprints.starts_on IS 'Its first day (UTC).';
COMMENT ON COLUMN control_sprints.ends_on IS 'Its last day, inclusive.';
COMMENT ON COLUMN control_sprints.link IS 'Its plan or review, if anywhere.';

-- step: view control_evidence
CREATE OR REPLACE VIEW control_evidence AS
SELECT s.name AS sprint, s.starts_on, s.ends_on, s.link, m.metric, m.value, m.met, m.total,
       format('SELECT * FROM %s WHERE %s >= %L AND %s < %L;', m.rows, m.at, p.since, m.at, p.until) AS evidence
  FROM control_sprints s
 CROSS JOIN LATERAL (SELECT s.starts_on::timestamp AT TIME ZONE 'UTC' AS since, (s.ends_on + 1)::timestamp AT TIME ZONE 'UTC' AS until) p
 CROSS JOIN LATERAL (
    SELECT 'activation' AS metric, round(count(*) FILTER (WHERE x.activated)::numeric / nullif(count(*), 0), 4) AS value,
           count(*) FILTER (WHERE x.activated) AS met, count(*) AS total, 'control_shops_live' AS rows, 'first_session_at' AS at
      FROM control_shops_live x WHERE x.first_session_at >= p.since AND x.first_session_at < p.until
    UNION ALL
    SELECT 'sla_resolution', round((percentile_cont(0.5) WITHIN GROUP (ORDER BY x.minutes))::numeric, 2), count(x.resolved_at), count(*),
           'control_conversations_live', 'breached_at'
      FROM control_conversations_live x WHERE x.breached_at >= p.since AND x.breached_at < p.until
    UNION ALL
    SELECT 'anomaly_response', round(count(*) FILTER (WHERE x.responded)::numeric / nullif(count(*), 0), 4), count(*) FILTER (WHERE x.responded), count(*),
           'control_anomalies_live', 'seen_at'
      FROM control_anomalies_live x WHERE x.seen_at >= p.since AND x.seen_at < p.until) m;
COMMENT ON VIEW control_evidence IS
'Per sprint and metric: its number, what stands behind it, and the statement that shows those rows. Exact at every moment.';
COMMENT ON COLUMN control_evidence.sprint IS 'The sprint.';
COMMENT ON COLUMN control_evidence.starts_on IS 'Its first day (UTC).';
COMMENT ON COLUMN control_evidence.ends_on IS 'Its last day.';
COMMENT ON COLUMN control_evidence.link IS 'Its plan or review.';
COMMENT ON COLUMN control_evidence.metric IS 'activation, sla_resolution or anomaly_response, of what began in the sprint, whenever the answer came.';
COMMENT ON COLUMN control_evidence.value IS 'Share of shops activated, median minutes to a reply, share of anomalies followed up.';
COMMENT ON COLUMN control_evidence.met IS 'Shops activated, conversations replied to, anomalies followed up.';
COMMENT ON COLUMN control_evidence.total IS 'Of how many.';
COMMENT ON COLUMN control_evidence.evidence IS 'The statement that shows the shops, conversations or anomalies themselves.';
