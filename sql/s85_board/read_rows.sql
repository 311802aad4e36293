-- Owns: the rows of panels that are neither metrics nor a relation: a funnel, a retention, incidents, thresholds, the state of rollups, experiments.
-- They read with the rights of the person who looks.

CREATE OR REPLACE FUNCTION tally_internal._cell(value anyelement) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT CASE WHEN value IS NULL THEN 'null'::jsonb
                WHEN pg_typeof(value) IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'float4'::regtype, 'float8'::regtype,
                                          'text'::regtype) THEN to_jsonb(value)
                WHEN pg_typeof(value) IN ('timestamptz'::regtype, 'timestamp'::regtype)
                    THEN to_jsonb(rtrim(left(replace(to_jsonb(value) #>> '{}', 'T', ' '), 16)))
                WHEN jsonb_typeof(to_jsonb(value)) IN ('string', 'boolean') THEN to_jsonb(value)
                WHEN jsonb_typeof(to_jsonb(value)) = 'array' THEN to_jsonb((SELECT string_agg(e #>> '{}', '; ') FROM jsonb_array_elements(to_jsonb(value)) e))
                ELSE to_jsonb(to_jsonb(value)::text) END
$$;
COMMENT ON FUNCTION tally_internal._cell(anyelement) IS 'A value as a cell of a table: a number or a short text; times to the minute, in UTC.';

CREATE OR REPLACE FUNCTION tally_internal._panel_funnel(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made jsonb;
BEGIN
    IF panel ? 'funnel' THEN
        SELECT jsonb_agg(jsonb_build_array(f.step_name, f.actors) ORDER BY f.step) INTO made
          FROM tally.funnel(tally_internal._called(tally_internal._panel_behaviour_of(panel)), since, COALESCE(until, 'now'),
                            "where" => filters || COALESCE(panel -> 'where', '{}'), as_of => as_of) f;
    ELSE
        SELECT jsonb_agg(jsonb_build_array(replace(m.name, '_', ' '), tally_internal._finite(tally.metric_value(m.called, since, until,
                         tally_internal._panel_where(panel, filters), true, as_of))) ORDER BY m.n) INTO made
          FROM (SELECT x.name, tally_internal._called(x) AS called, row_number() OVER () AS n FROM tally_internal._panel_metrics(panel) x) m;
    END IF;
    RETURN jsonb_build_object('columns', '{step,count}'::text[], 'rows', COALESCE(made, '[]'));
END $$;
COMMENT ON FUNCTION tally_internal._panel_funnel(jsonb, jsonb, text, text, timestamptz) IS
'Steps of a funnel with how many came so far: those of a defined funnel, or metrics that count them.';

CREATE OR REPLACE FUNCTION tally_internal._panel_retention(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET timezone = 'UTC' AS $$
DECLARE
    most   CONSTANT int := 24;
    asked  tally.behaviours := tally_internal._panel_behaviour_of(panel);
    r      tally.rollups;
    result jsonb;
    n      bigint;
BEGIN
    SELECT x.* INTO r FROM tally.rollups x WHERE x.id = asked.counts;
    IF panel ->> 'picture' = 'table' THEN
        RETURN jsonb_build_object('columns', '{period,eligible,retained,share}'::text[], 'units', '[null, null, null, "share"]'::jsonb, 'rows',
            COALESCE((SELECT jsonb_agg(jsonb_build_array(f.period, f.eligible, f.retained, f.share) ORDER BY f.period)
                        FROM tally.retention(tally_internal._called(asked), since, COALESCE(until, 'now'),
                                             "where" => filters || COALESCE(panel -> 'where', '{}'), as_of => as_of) f), '[]'));
    END IF;
    -- A row for each cohort, in the order of time: with more of them than can be drawn, the newest.
    EXECUTE format($q$
        WITH cell AS (
            SELECT q.bucket, q.period, pg_catalog.sum(q.retained)::pg_catalog.float8 / pg_catalog.sum(q.actors)::pg_catalog.float8 AS share,
                   pg_catalog.dense_rank() OVER (ORDER BY q.bucket DESC) AS age
              FROM (%s) q GROUP BY q.bucket, q.period
        ), drawn AS (
            SELECT c.*, pg_catalog.dense_rank() OVER (ORDER BY c.period) - 1 AS place,
                   pg_catalog.regexp_replace(pg_catalog.to_char(c.bucket AT TIME ZONE $1, 'YYYY-MM-DD HH24:MI'), ' 00:00$', '') AS cohort
              FROM cell c WHERE c.age <= $2
        )
        SELECT pg_catalog.jsonb_build_object(
            'columns', (SELECT pg_catalog.jsonb_agg(p.period::pg_catalog.text ORDER BY p.period) FROM (SELECT DISTINCT d.period FROM drawn d) p),
            'series', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', s.cohort, 'points', s.points) ORDER BY s.bucket)
                         FROM (SELECT d.bucket, d.cohort, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(d.place, d.share) ORDER BY d.place) AS points
                                 FROM drawn d GROUP BY d.bucket, d.cohort) s)), (SELECT pg_catalog.max(c.age) FROM cell c)$q$,
        tally_internal._shared_query(jsonb_build_array(jsonb_build_object('picture', 'table', 'columns', '["bucket", "period", "retained", "actors"]'::jsonb,
            'relation', format('%I.%I', tally_internal._schema_of(r.relation), asked.name || '_cohorts_live'), 'time', 'bucket', 'order', 'bucket desc',
            'limit', 100000, 'where', COALESCE(panel -> 'where', '{}'))), filters, since, until, as_of))
        INTO result, n USING COALESCE(r.zone, 'UTC'), most;
    RETURN jsonb_strip_nulls(result) || jsonb_build_object('unit', 'share', 'note', CASE WHEN n > most THEN
        format('The newest %s cohorts, of %s.', most, n) END);
END $$;
COMMENT ON FUNCTION tally_internal._panel_retention(jsonb, jsonb, text, text, timestamptz) IS
'A retention: the periods of all cohorts that began in the range, or a row of cells for each cohort. Cohorts as of the present moment.';

CREATE OR REPLACE FUNCTION tally_internal._speaks_of(labels jsonb, filters jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What is of one world says nothing of another; what is of all worlds says something of each.
    SELECT NOT EXISTS (SELECT FROM jsonb_each(filters) f
                        WHERE labels ? f.key AND NOT tally_internal._filter_values(labels -> f.key) && tally_internal._filter_values(f.value))
$$;
COMMENT ON FUNCTION tally_internal._speaks_of(jsonb, jsonb) IS 'Whether an incident or the state of a threshold with such labels says something under filters.';

CREATE OR REPLACE FUNCTION tally_internal._panel_incidents(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('columns', '{opened,severity,status,impact,who,try first,link}'::text[],
                              'rows', COALESCE(jsonb_agg(x.cells ORDER BY x.n), '[]'))
      FROM (SELECT jsonb_build_array(jsonb_build_object('text', tally_internal._cell(i.opened_at), 'address', 'page_incident?id=' || i.id), i.severity,
                       tally_internal._shown_status(i.status, i.recovered_at),
                       i.impact, i.responsible, i.suggested_actions ->> 0, COALESCE(i.link, i.runbook)) AS cells,
                   row_number() OVER (ORDER BY i.opened_at DESC, i.id DESC) AS n
              FROM tally.incidents i
             WHERE (panel ->> 'area' IS NULL OR i.area = panel ->> 'area')
               AND i.opened_at < tally_internal._parse_since(until, as_of, 'until', 'UTC')
               AND (i.opened_at >= tally_internal._parse_since(since, as_of, 'since', 'UTC') OR i.status IN ('new', 'acknowledged'))
               AND tally_internal._speaks_of(COALESCE((SELECT t.filter FROM tally.thresholds t WHERE t.id = i.threshold_id), '{}') || i.labels, filters)
             ORDER BY n LIMIT COALESCE((panel ->> 'limit')::int, 20)) x
$$;
COMMENT ON FUNCTION tally_internal._panel_incidents(jsonb, jsonb, text, text, timestamptz) IS
'Incidents that opened in the range or are open still, newest first, as far as the reader sees them; each leads to its page.';

CREATE OR REPLACE FUNCTION tally_internal._panel_slo(panel jsonb, filters jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('columns', '{threshold,state,where,value,condition,severity,who}'::text[], 'nothing', 'No limits here.',
                              'rows', COALESCE(jsonb_agg(x.cells ORDER BY x.n), '[]'))
      FROM (SELECT jsonb_build_array(t.name, CASE WHEN NOT t.enabled THEN 'off' ELSE COALESCE(s.state, 'ok') END,
                       NULLIF((SELECT string_agg(l.value, ', ' ORDER BY l.key) FROM jsonb_each_text(s.labels) l), ''),
                       CASE WHEN tally_internal._finite(s.value) IS NULL THEN 'null'::jsonb ELSE to_jsonb(s.value) END, t.condition, t.severity,
                       t.responsible) AS cells,
                   row_number() OVER (ORDER BY COALESCE(s.state, 'z'), t.severity, t.name, s.labels) AS n
              FROM tally.thresholds t LEFT JOIN tally.threshold_states s ON s.threshold_id = t.id AND s.kind = 'breach'
             WHERE (panel ->> 'area' IS NULL OR t.area = panel ->> 'area')
               AND tally_internal._speaks_of(COALESCE(t.filter, '{}') || COALESCE(s.labels, '{}'), filters)
             ORDER BY n LIMIT COALESCE((panel ->> 'limit')::int, 20)) x
$$;
COMMENT ON FUNCTION tally_internal._panel_slo(jsonb, jsonb) IS
'Thresholds with their present states, firing ones first, as far as the reader sees them and as they say something under the filters.';

CREATE OR REPLACE FUNCTION tally_internal._panel_status(board tally.boards) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('columns', '{rollup,state,dirty buckets,last run,reason}'::text[], 'nothing', 'No rollups here.',
        'rows', COALESCE(jsonb_agg(jsonb_build_array(s.rollup, s.state, s.dirty_buckets, tally_internal._cell(s.last_run), NULLIF(s.reason, ''))
                                   ORDER BY s.rollup), '[]'))
      FROM tally.status s
     WHERE s.rollup IN (SELECT r.name FROM jsonb_array_elements(board.panels) p, jsonb_array_elements_text(p -> 'metric_ids') i
                        JOIN tally.metrics m ON m.id = i::int JOIN tally.rollups r ON r.id = m.rollup_id)
$$;
COMMENT ON FUNCTION tally_internal._panel_status(tally.boards) IS 'How fresh the rollups are that a board''s metrics stand on.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_lines(name text, as_of timestamptz) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT jsonb_build_array(s.metric, s.arm, s.units, s.value, s.change, s.verdict) FROM tally.experiment_summary(name, as_of) s;
EXCEPTION WHEN insufficient_privilege THEN
    -- One that the reader may not read leaves the others standing.
    RETURN NEXT jsonb_build_array(NULL, NULL, NULL, NULL, NULL, SQLERRM);
END $$;
COMMENT ON FUNCTION tally_internal._experiment_lines(text, timestamptz) IS
'The metrics and arms of an experiment as rows, or one row that says what right is missing.';

CREATE OR REPLACE FUNCTION tally_internal._panel_experiments(panel jsonb, filters jsonb, as_of timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('columns', CASE WHEN panel ? 'experiment' THEN '{}'::text[] ELSE '{experiment}' END
                                                        || '{metric,arm,units,value,change,verdict}'::text[], 'nothing', 'No experiments here.',
                              'rows', COALESCE(jsonb_agg(x.cells ORDER BY x.n), '[]'),
                              'note', CASE WHEN filters - 'experiment' - ARRAY(SELECT e.definition ->> 'arm' FROM tally.experiments e) <> '{}' THEN
                                  'An experiment is judged as a whole: of the filters only experiment and the column of its arms count here.' END)
      FROM (SELECT CASE WHEN panel ? 'experiment' THEN l ELSE jsonb_build_array(tally_internal._called(e)) || l END AS cells,
                   row_number() OVER (ORDER BY e.created_at DESC, e.name, o) AS n
              FROM tally.experiments e
             CROSS JOIN LATERAL tally_internal._experiment_lines(tally_internal._with_schema(e.schema, e.name), as_of) WITH ORDINALITY u(l, o)
             WHERE (NOT panel ? 'experiment' OR e.id = (tally_internal._panel_experiment_of(panel)).id)
               -- A board that is filtered by experiment means the key that events carry.
               AND (NOT filters ? 'experiment'
                    OR COALESCE(e.definition ->> 'experiment_key', e.name) = ANY (tally_internal._filter_values(filters -> 'experiment')))
               AND (l ->> 1 IS NULL OR NOT filters ? (e.definition ->> 'arm')
                    OR l ->> 1 = ANY (tally_internal._filter_values(filters -> (e.definition ->> 'arm'))))
             ORDER BY n LIMIT COALESCE((panel ->> 'limit')::int, 60)) x
$$;
COMMENT ON FUNCTION tally_internal._panel_experiments(jsonb, jsonb, timestamptz) IS
'An experiment, or all of them, newest first: each metric and arm with its difference and verdict.';
