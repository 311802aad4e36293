-- Owns: the rows of panels that are no metrics: a relation, a funnel, incidents, thresholds, the state of rollups. With the rights of who
-- looks, and of what is run for him nothing is a stranger's.

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

CREATE OR REPLACE FUNCTION tally_internal._filter_sql(filters jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- (none) is how rollups write NULL.
    SELECT string_agg(format('COALESCE(%I::pg_catalog.text, ''(none)'') = ANY (%L::pg_catalog.text[])', f.key,
                             CASE jsonb_typeof(f.value) WHEN 'array' THEN ARRAY(SELECT COALESCE(e, '(none)') FROM jsonb_array_elements_text(f.value) e)
                             ELSE ARRAY[COALESCE(f.value #>> '{}', '(none)')] END), ' AND ' ORDER BY f.key) FROM jsonb_each(filters) f
$$;
COMMENT ON FUNCTION tally_internal._filter_sql(jsonb) IS 'SQL text of filters on the columns of any relation.';

CREATE OR REPLACE FUNCTION tally_internal._relation_sql(panel jsonb, conditions text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s FROM %s%s%s LIMIT %s',
        (SELECT string_agg(quote_ident(c), ', ' ORDER BY n) FROM jsonb_array_elements_text(panel -> 'columns') WITH ORDINALITY u(c, n)),
        panel ->> 'relation',
        COALESCE(' WHERE ' || NULLIF(conditions, ''), ''),
        COALESCE(' ORDER BY ' || quote_ident(regexp_replace(panel ->> 'order', ' +(asc|desc)$', '', 'i')) ||
                 CASE WHEN panel ->> 'order' ~* ' desc$' THEN ' DESC NULLS LAST' ELSE '' END, ' ORDER BY 1'), COALESCE((panel ->> 'limit')::int, 20))
$$;
COMMENT ON FUNCTION tally_internal._relation_sql(jsonb, text) IS 'SQL text that reads the columns of a panel''s relation, in order, as many rows as are shown.';

CREATE OR REPLACE FUNCTION tally_internal._panel_relation(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    query   text;
    unsafe  regprocedure;
    made    jsonb;
BEGIN
    query := tally_internal._relation_sql(panel, concat_ws(' AND ', tally_internal._filter_sql(filters || COALESCE(panel -> 'where', '{}')),
        CASE WHEN panel ? 'time' THEN format('%1$I >= %2$s AND %1$I < %3$s', panel ->> 'time',
            tally_internal._utc_literal(tally_internal._parse_since(since, as_of, 'since', 'UTC')),
            tally_internal._utc_literal(tally_internal._parse_since(until, as_of, 'until', 'UTC'))) END));
    -- Who could take the owner's rights, a superuser first of all, is whom it would be worth to trap.
    IF (SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass(panel ->> 'relation')) IS DISTINCT FROM tally_internal._current_role()::oid THEN
        unsafe := tally_internal._unsafe_function(query);
        IF unsafe IS NOT NULL THEN
            PERFORM tally_internal._refuse('insufficient_privilege', format('%I would run %s to read %s, expected functions of PostgreSQL, pg_tally or a '
                'superuser that do not write', current_user, unsafe, panel ->> 'relation'), 'A board never runs a stranger''s code with its reader''s rights.',
                query || ';  -- at your own risk');
        END IF;
    END IF;
    EXECUTE format('SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(%s)) FROM (%s) q',
        (SELECT string_agg(format('tally_internal._cell(q.%I)', c), ', ' ORDER BY n)
           FROM jsonb_array_elements_text(panel -> 'columns') WITH ORDINALITY u(c, n)), query) INTO made;
    RETURN jsonb_build_object('columns', panel -> 'columns', 'rows', COALESCE(made, '[]'));
END $$;
COMMENT ON FUNCTION tally_internal._panel_relation(jsonb, jsonb, text, text, timestamptz) IS 'Columns and rows of a panel that reads a table or view.';

CREATE OR REPLACE FUNCTION tally_internal._panel_funnel(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made jsonb;
BEGIN
    IF panel ? 'funnel' THEN
        SELECT jsonb_agg(jsonb_build_array(f.step_name, f.actors) ORDER BY f.step) INTO made
          FROM tally.funnel(panel ->> 'funnel', since, COALESCE(until, 'now'), "where" => filters || COALESCE(panel -> 'where', '{}'), as_of => as_of) f;
    ELSE
        SELECT jsonb_agg(jsonb_build_array(replace(m.name, '_', ' '), tally_internal._finite(tally.metric_value(m.name, since, until,
                         tally_internal._panel_where(panel, filters), true, as_of))) ORDER BY m.n) INTO made
          FROM (SELECT x.name, row_number() OVER () AS n FROM tally_internal._panel_metrics(panel) x) m;
    END IF;
    RETURN jsonb_build_object('columns', '{step,count}'::text[], 'rows', COALESCE(made, '[]'));
END $$;
COMMENT ON FUNCTION tally_internal._panel_funnel(jsonb, jsonb, text, text, timestamptz) IS
'Steps of a funnel with how many came so far: those of a defined funnel, or metrics that count them.';

CREATE OR REPLACE FUNCTION tally_internal._panel_incidents(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('columns', '{opened,severity,status,impact,who,try first,link}'::text[],
                              'rows', COALESCE(jsonb_agg(x.cells ORDER BY x.n), '[]'))
      FROM (SELECT jsonb_build_array(tally_internal._cell(i.opened_at), i.severity,
                       CASE WHEN i.status IN ('new', 'acknowledged') AND i.recovered_at IS NOT NULL THEN 'recovered' ELSE i.status END,
                       i.impact, i.responsible, i.suggested_actions ->> 0, COALESCE(i.link, i.runbook)) AS cells,
                   row_number() OVER (ORDER BY i.opened_at DESC, i.id DESC) AS n
              FROM tally.incidents i
             WHERE (panel ->> 'area' IS NULL OR i.area = panel ->> 'area')
               AND i.opened_at < tally_internal._parse_since(until, as_of, 'until', 'UTC')
               AND (i.opened_at >= tally_internal._parse_since(since, as_of, 'since', 'UTC') OR i.status IN ('new', 'acknowledged'))
               -- An incident of one world says nothing of another; one of all worlds says something of each.
               AND NOT EXISTS (SELECT FROM jsonb_each(filters) f WHERE i.labels ? f.key AND NOT CASE jsonb_typeof(f.value) WHEN 'array' THEN f.value
                               ELSE jsonb_build_array(f.value) END @> jsonb_build_array(i.labels -> f.key))
             ORDER BY n LIMIT COALESCE((panel ->> 'limit')::int, 20)) x
$$;
COMMENT ON FUNCTION tally_internal._panel_incidents(jsonb, jsonb, text, text, timestamptz) IS
'Incidents that opened in the range or are open still, newest first, as far as the reader sees them.';

CREATE OR REPLACE FUNCTION tally_internal._panel_slo(panel jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('columns', '{threshold,state,where,value,condition,severity,who}'::text[],
                              'rows', COALESCE(jsonb_agg(x.cells ORDER BY x.n), '[]'))
      FROM (SELECT jsonb_build_array(t.name, CASE WHEN NOT t.enabled THEN 'off' ELSE COALESCE(s.state, 'ok') END,
                       NULLIF((SELECT string_agg(l.value, ', ' ORDER BY l.key) FROM jsonb_each_text(s.labels) l), ''),
                       CASE WHEN tally_internal._finite(s.value) IS NULL THEN 'null'::jsonb ELSE to_jsonb(s.value) END, t.condition, t.severity,
                       t.responsible) AS cells,
                   row_number() OVER (ORDER BY COALESCE(s.state, 'z'), t.severity, t.name, s.labels) AS n
              FROM tally.thresholds t LEFT JOIN tally.threshold_states s ON s.threshold_id = t.id AND s.kind = 'breach'
             WHERE panel ->> 'area' IS NULL OR t.area = panel ->> 'area'
             ORDER BY n LIMIT COALESCE((panel ->> 'limit')::int, 20)) x
$$;
COMMENT ON FUNCTION tally_internal._panel_slo(jsonb) IS 'Thresholds with their present states, firing ones first, as far as the reader sees them.';

CREATE OR REPLACE FUNCTION tally_internal._panel_status(board tally.boards) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('columns', '{rollup,state,dirty buckets,last run,reason}'::text[],
        'rows', COALESCE(jsonb_agg(jsonb_build_array(s.rollup, s.state, s.dirty_buckets, tally_internal._cell(s.last_run), NULLIF(s.reason, ''))
                                   ORDER BY s.rollup), '[]'))
      FROM tally.status s
     WHERE s.rollup IN (SELECT r.name FROM jsonb_array_elements(board.panels) p, jsonb_array_elements_text(p -> 'metric_ids') i
                        JOIN tally.metrics m ON m.id = i::int JOIN tally.rollups r ON r.id = m.rollup_id)
$$;
COMMENT ON FUNCTION tally_internal._panel_status(tally.boards) IS 'How fresh the rollups are that a board''s metrics stand on.';
