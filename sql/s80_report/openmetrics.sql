-- Owns: what the system watches about itself, as OpenMetrics text for Prometheus and its kin. tally.health() and tally.status count;
-- this file gives their numbers a form.

CREATE OR REPLACE FUNCTION tally_internal._openmetrics_line(sample tally_internal._metric_sample) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT sample.family || sample.suffix
           || COALESCE('{' || (SELECT string_agg(format('%s="%s"', l.key, replace(replace(replace(l.value, '\', '\\'), '"', '\"'), E'\n', '\n')), ','
                                                 ORDER BY l.key) FROM jsonb_each_text(sample.labels) l) || '}', '')
           || ' ' || CASE sample.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf' ELSE sample.value::text END
$$;
COMMENT ON FUNCTION tally_internal._openmetrics_line(tally_internal._metric_sample) IS 'A sample as OpenMetrics writes it.';

CREATE OR REPLACE FUNCTION tally_internal._sample(family text, kind text, help text, labels jsonb, value float8,
                                       suffix text DEFAULT '') RETURNS tally_internal._metric_sample
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(family, kind, help, suffix, labels, value)::tally_internal._metric_sample
$$;
COMMENT ON FUNCTION tally_internal._sample(text, text, text, jsonb, float8, text) IS 'A sample of its parts.';

CREATE OR REPLACE FUNCTION tally_internal._rollup_samples(as_of timestamptz) RETURNS SETOF tally_internal._metric_sample
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.sample
      FROM (SELECT t.*, jsonb_build_object('rollup', t.rollup) AS label FROM tally.status t) s,
           LATERAL (VALUES
               (tally_internal._sample('tally_rollup_rows', 'gauge', 'Rows stored, as of the last ANALYZE.', s.label, CASE WHEN s.rows >= 0 THEN s.rows END)),
               (tally_internal._sample('tally_rollup_dirty_buckets', 'gauge', 'Marked buckets, or keys of a rollup per key.', s.label, s.dirty_buckets)),
               (tally_internal._sample('tally_rollup_lag_seconds', 'gauge', 'Age of the oldest mark; 0 when there is none.', s.label,
                              GREATEST(COALESCE(extract(epoch FROM as_of - s.oldest_mark), 0), 0)::float8)),
               (tally_internal._sample('tally_rollup_last_run_timestamp_seconds', 'gauge', 'When the last unit of refresh work began.', s.label,
                              extract(epoch FROM s.last_run)::float8)),
               (tally_internal._sample('tally_rollup_late_rows', 'gauge', 'Rows that came too late and wait in tally.late_rows.', s.label, s.late_rows)),
               (tally_internal._sample('awf_rollup_duration_ms', 'gauge',
                                       'awf.rollup.duration_ms: how long the last unit of refresh work took, in milliseconds.',
                              s.label, s.last_ms))) m(sample)
     WHERE (m.sample).value IS NOT NULL
    UNION ALL
    SELECT tally_internal._sample('tally_rollup_state', 'stateset', 'Whether the rollup equals its definition, and what it waits for if not.',
                         jsonb_build_object('rollup', s.rollup, 'tally_rollup_state', x.state), (s.state = x.state)::int)
      FROM tally.status s, unnest('{fresh,dirty,backfill,running,waiting,error}'::text[]) x(state)
    UNION ALL
    -- Rows written to the members of a source, by the server's own counters: what refreshes have to take up.
    SELECT tally_internal._sample('awf_rollup_events_processed', 'counter',
                         'awf.rollup.events_processed: rows inserted, updated and deleted in the source, by the server''s counters.',
                         jsonb_build_object('rollup', r.name), w.n::float8, '_total')
      FROM tally.rollups r,
           LATERAL (SELECT sum(pg_stat_get_tuples_inserted(m.member) + pg_stat_get_tuples_updated(m.member) + pg_stat_get_tuples_deleted(m.member)) AS n
                      FROM tally.members m WHERE m.source = r.source) w
     WHERE w.n IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._rollup_samples(timestamptz) IS 'OpenMetrics of the rollups.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_samples(as_of timestamptz) RETURNS SETOF tally_internal._metric_sample
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.sample
      FROM (SELECT jsonb_build_object('threshold', t.name) AS label, l.*
              FROM tally.thresholds t
              JOIN LATERAL (SELECT * FROM tally.evaluations v WHERE v.threshold_id = t.id ORDER BY v.tick DESC LIMIT 1) l ON true
             WHERE t.enabled) e,
           LATERAL (VALUES
               (tally_internal._sample('tally_evaluation_lag_seconds', 'gauge', 'Since the last evaluation.', e.label,
                              GREATEST(extract(epoch FROM as_of - e.evaluated_at), 0)::float8)),
               (tally_internal._sample('tally_evaluation_duration_ms', 'gauge', 'How long the last evaluation took, in milliseconds.', e.label, e.duration_ms)),
               (tally_internal._sample('tally_evaluation_failed', 'gauge', '1 where the last evaluation ended in an error.', e.label,
                              (e.sqlstate IS NOT NULL)::int))) m(sample)
     WHERE (m.sample).value IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._threshold_samples(timestamptz) IS 'OpenMetrics of the thresholds'' last evaluations.';

CREATE OR REPLACE FUNCTION tally_internal._incident_samples(as_of timestamptz) RETURNS SETOF tally_internal._metric_sample
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._sample('awf_alerts_incidents_created', 'counter', 'awf.alerts.incidents_created: incidents opened since the beginning.',
                         jsonb_build_object('threshold', i.threshold, 'severity', i.severity), count(*), '_total')
      FROM tally.incidents i GROUP BY i.threshold, i.severity
    UNION ALL
    SELECT tally_internal._sample('tally_incidents', 'gauge', 'Incidents by status.', jsonb_build_object('status', x.status), COALESCE(c.n, 0))
      FROM unnest('{new,acknowledged,resolved,reviewed}'::text[]) x(status)
      LEFT JOIN (SELECT i.status, count(*) AS n FROM tally.incidents i GROUP BY i.status) c USING (status)
    UNION ALL
    -- Without values there is no quantile.
    SELECT tally_internal._sample('awf_alerts_resolution_time_ms', 'summary',
                         'awf.alerts.resolution_time_ms: from opening to resolution, of the last 30 days, in milliseconds.', m.labels, m.value, m.suffix)
      FROM (SELECT percentile_cont('{0.5,0.95}'::float8[]) WITHIN GROUP (ORDER BY x.ms) AS quantiles, count(*) AS n, sum(x.ms) AS total
              FROM (SELECT extract(epoch FROM i.resolved_at - i.opened_at)::float8 * 1000 AS ms
                      FROM tally.incidents i WHERE i.resolved_at > as_of - interval '30 days') x) r,
           LATERAL (VALUES ('{"quantile": "0.5"}'::jsonb, COALESCE(r.quantiles[1], 'NaN'), ''), ('{"quantile": "0.95"}', COALESCE(r.quantiles[2], 'NaN'), ''),
                           ('{}', r.n, '_count'), ('{}', COALESCE(r.total, 0), '_sum')) m(labels, value, suffix)
    UNION ALL
    SELECT tally_internal._sample('tally_outbox', 'gauge', 'Notifications by status.', jsonb_build_object('status', x.status), COALESCE(c.n, 0))
      FROM unnest('{pending,leased,dead}'::text[]) x(status)
      LEFT JOIN (SELECT n.status, count(*) AS n FROM tally.notifications n WHERE n.status IN ('pending', 'leased', 'dead') GROUP BY n.status) c USING (status)
    UNION ALL
    SELECT tally_internal._sample('tally_outbox_lag_seconds', 'gauge', 'How long the oldest notification has been due; 0 when none is.', '{}',
                         GREATEST(COALESCE(extract(epoch FROM as_of - min(n.not_before)), 0), 0)::float8)
      FROM tally.notifications n WHERE n.status IN ('pending', 'leased')
$$;
COMMENT ON FUNCTION tally_internal._incident_samples(timestamptz) IS 'OpenMetrics of incidents and notifications.';

CREATE OR REPLACE FUNCTION tally_internal._view_ms(view regclass) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
DECLARE
    began timestamptz := clock_timestamp();
    query text := format('SELECT count(*) FROM (SELECT * FROM %s WHERE bucket > $1) x', view);
BEGIN
    -- Who scrapes need not trust who made the view.
    IF (SELECT c.relowner FROM pg_class c WHERE c.oid = view) IS DISTINCT FROM tally_internal._current_role()::oid THEN
        PERFORM tally_internal._guard(tally_internal._current_role(), tally_internal._policy_owners(tally_internal._current_role(), ARRAY[view]));
        IF tally_internal._unsafe_function(query) IS NOT NULL THEN RETURN NULL; END IF;
    END IF;
    EXECUTE query USING now() - interval '1 day';
    RETURN extract(epoch FROM clock_timestamp() - began)::float8 * 1000;
EXCEPTION WHEN OTHERS THEN
    -- A view that cannot be read has no time; tally.status says why.
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._view_ms(regclass) IS
'How many milliseconds the last day of a flat view took to read just now, with the rights of who asks; null where it is not read.';

CREATE OR REPLACE FUNCTION tally_internal._view_samples() RETURNS SETOF tally_internal._metric_sample
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._sample('awf_dashboard_load_time_ms', 'gauge',
               'awf.dashboard.load_time_ms: how long the last day of a flat view took to read just now, in milliseconds.',
               jsonb_build_object('view', v.relname), v.ms)
      FROM (SELECT c.relname, tally_internal._view_ms(x.view) AS ms FROM tally.metric_views x JOIN pg_class c ON c.oid = x.view
             WHERE has_table_privilege(x.view, 'SELECT') ORDER BY c.relname OFFSET 0) v
     WHERE v.ms IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._view_samples() IS 'OpenMetrics of the flat views that the caller may read: each is read.';

CREATE OR REPLACE FUNCTION tally_internal._query_samples() RETURNS SETOF tally_internal._metric_sample
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The server counts calls only while track_functions says so.
    SELECT tally_internal._sample('awf_dashboard_queries', 'counter',
               'awf.dashboard.queries_per_second, by rate(): calls of functions that dashboards read; needs track_functions = all.',
               jsonb_build_object('function', f.funcname), sum(f.calls)::float8, '_total')
      FROM pg_stat_user_functions f
     WHERE f.schemaname = 'tally' AND f.funcname IN ('page', 'board_text', 'timeseries', 'report', 'metric_value')
     GROUP BY f.funcname ORDER BY f.funcname
$$;
COMMENT ON FUNCTION tally_internal._query_samples() IS 'OpenMetrics of the calls of readers, by the server''s counters.';

CREATE OR REPLACE FUNCTION tally.openmetrics(as_of timestamptz DEFAULT now(), dashboards boolean DEFAULT true) RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._check_as_of(as_of, 'SELECT tally.openmetrics(now());');
    WITH samples AS MATERIALIZED (
        SELECT x.s, row_number() OVER () AS place
          FROM (SELECT tally_internal._sample('tally', 'info', 'Versions.',
                                     jsonb_build_object('version', tally_internal._installed_version(),
                                                        'postgresql', current_setting('server_version')), 1, '_info') AS s
                UNION ALL SELECT s FROM tally_internal._rollup_samples(as_of) s
                UNION ALL SELECT s FROM tally_internal._threshold_samples(as_of) s
                UNION ALL SELECT s FROM tally_internal._incident_samples(as_of) s
                UNION ALL SELECT s FROM tally_internal._query_samples() s
                UNION ALL SELECT s FROM tally_internal._view_samples() s WHERE dashboards) x
    ), families AS (
        SELECT (x.s).family, min(x.place) AS place,
               format(E'# TYPE %1$s %2$s\n# HELP %1$s %3$s\n', (x.s).family, min((x.s).kind), replace(replace(min((x.s).help), '\', '\\'), '"', '\"'))
               -- The states of one rollup, and the quantiles of one summary, stand together.
               || string_agg(tally_internal._openmetrics_line(x.s), E'\n' ORDER BY ((x.s).labels - 'quantile' - (x.s).family)::text, x.place) AS text
          FROM samples x GROUP BY (x.s).family
    )
    SELECT string_agg(f.text, E'\n' ORDER BY f.place) || E'\n# EOF\n' FROM families f
$$;
COMMENT ON FUNCTION tally.openmetrics(timestamptz, boolean) IS
'The state of rollups, thresholds, incidents and notifications as OpenMetrics text, for Prometheus. dashboards: flat views are read and timed.';
