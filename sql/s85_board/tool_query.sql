-- Owns: what boards read when another tool writes the queries itself, by columns and aggregates. Such a tool cannot pass its filters to a function,
-- so it reads a rollup's live view and merges the measures as timeseries() does.

CREATE OR REPLACE FUNCTION tally_internal._board_uuid(VARIADIC names text[]) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Version 8 is for ids by a rule of one's own. Each name with its length, so that no two lists of names are one text.
    SELECT overlay(overlay(h PLACING '8' FROM 13 FOR 1) PLACING 'a' FROM 17 FOR 1)::uuid
      FROM (SELECT left(encode(sha256(convert_to(string_agg(format('%s:%s', length(n), n), '/' ORDER BY o), 'UTF8')), 'hex'), 32)
              FROM unnest('{pg_tally}' || names) WITH ORDINALITY u(n, o)) x(h)
$$;
COMMENT ON FUNCTION tally_internal._board_uuid(text[]) IS 'A UUID of names: always the same for the same ones.';

CREATE OR REPLACE FUNCTION tally_internal._aggregate_sql(m tally.metrics) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- An aggregate over columns of an outer query belongs to that query. So this is an aggregate of the live view, whatever the grouping.
    SELECT format('(SELECT (%s)::pg_catalog.float8 FROM (SELECT %s) merged)', m.resolved, tally_internal._merges_sql(m, r))
      FROM tally.rollups r WHERE r.id = m.rollup_id
$$;
COMMENT ON FUNCTION tally_internal._aggregate_sql(tally.metrics) IS
'A metric as an aggregate of its rollup''s live view: measures are merged first, so it is right under any filter and grouping.';

CREATE OR REPLACE FUNCTION tally_internal._relation_fields(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg(jsonb_build_object('name', a.attname, 'type', upper(format_type(a.atttypid, a.atttypmod)), 'is_time', t.typcategory = 'D',
                                                 'description', col_description(a.attrelid, a.attnum)) ORDER BY a.attnum), '[]')
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     -- Sketches are no values that a tool can show; the metrics read them.
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND t.typnamespace = 'pg_catalog'::regnamespace
$$;
COMMENT ON FUNCTION tally_internal._relation_fields(regclass) IS 'Columns of a relation that a tool can show, with their types.';

CREATE OR REPLACE FUNCTION tally_internal._query_fields(columns text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(jsonb_build_object('name', split_part(c, '=', 1), 'type', split_part(c, '=', 2),
                                        'is_time', split_part(c, '=', 2) LIKE 'TIMESTAMP%', 'description', NULL) ORDER BY n)
      FROM unnest(columns) WITH ORDINALITY u(c, n)
$$;
COMMENT ON FUNCTION tally_internal._query_fields(text[]) IS 'Columns of a query, each given as name=TYPE, in the form of _relation_fields().';

CREATE OR REPLACE FUNCTION tally_internal._experiments_query() RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Boards are filtered by the key that events carry. Only experiments that the reader may read.
    SELECT 'SELECT COALESCE(e.definition ->> ''experiment_key'', e.name) AS experiment, e.name, s.metric, s.arm, s.units, s.value, s.change, s.verdict '
           'FROM tally.experiments e CROSS JOIN LATERAL tally.experiment_summary(e.name) s WHERE (SELECT pg_catalog.bool_and('
           'pg_catalog.has_table_privilege(r.relation, ''SELECT'')) FROM tally.experiment_cells c JOIN tally.rollups r ON r.id = c.cells '
           'WHERE c.experiment_id = e.id)'
$$;
COMMENT ON FUNCTION tally_internal._experiments_query() IS 'SQL text of the experiments with their metrics and arms, as far as the reader may read them.';

CREATE OR REPLACE FUNCTION tally_internal._incidents_query() RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- An open incident is of every range that ends now, so the time by which a range takes it is the present one.
    SELECT 'SELECT CASE WHEN status IN (''new'', ''acknowledged'') THEN GREATEST(opened_at, pg_catalog.now() - interval ''1 minute'') ELSE opened_at END '
           'AS "in range", opened_at AS opened, severity, CASE WHEN status IN (''new'', ''acknowledged'') AND recovered_at IS NOT NULL THEN ''recovered'' '
           'ELSE status END AS status, impact, responsible AS who, suggested_actions ->> 0 AS "try first", COALESCE(link, runbook) AS link, area '
           'FROM tally.incidents'
$$;
COMMENT ON FUNCTION tally_internal._incidents_query() IS 'SQL text of incidents as rows, with the time by which a range takes them.';

CREATE OR REPLACE FUNCTION tally_internal._thresholds_query() RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'SELECT t.name AS threshold, CASE WHEN NOT t.enabled THEN ''off'' ELSE COALESCE(s.state, ''ok'') END AS state, (SELECT '
           'pg_catalog.string_agg(l.value, '', '' ORDER BY l.key) FROM pg_catalog.jsonb_each_text(s.labels) l) AS "where", s.value, t.condition, t.severity, '
           't.responsible AS who, t.area FROM tally.thresholds t LEFT JOIN tally.threshold_states s ON s.threshold_id = t.id AND s.kind = ''breach'''
$$;
COMMENT ON FUNCTION tally_internal._thresholds_query() IS 'SQL text of thresholds with their present states as rows.';

CREATE OR REPLACE FUNCTION tally_internal._stepped_dataset(b tally.boards, panel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    metrics tally.metrics[] := ARRAY(SELECT m FROM tally_internal._panel_metrics(panel) m);
    r       tally.rollups := (SELECT x FROM tally.rollups x WHERE x.id = metrics[1].rollup_id);
    -- The levels at which a spread is looked at.
    levels  CONSTANT float8[] := '{0.05,0.1,0.25,0.5,0.75,0.9,0.95,0.99}';
    spread  boolean := panel ->> 'picture' = 'histogram';
    digest  text := (SELECT x.name FROM tally.measures x WHERE x.rollup_id = r.id AND x.name = ANY (metrics[1].measures) AND x.type = 'tally.tdigest'
                      ORDER BY x.ordinal LIMIT 1);
    dims    text[] := ARRAY(SELECT d.name FROM tally.dimensions d WHERE d.rollup_id = r.id ORDER BY d.ordinal);
    steps   text[];
    value   text;
    joined  text;
BEGIN
    steps := CASE WHEN spread THEN ARRAY(SELECT format('%s %%', lpad((l * 100)::text, 2)) FROM unnest(levels) l)
                  ELSE ARRAY(SELECT format('%s. %s', row_number() OVER (), replace(m.name, '_', ' ')) FROM unnest(metrics) m) END;
    -- Each row is there once for each step, and what a step counts is told by the step of its group.
    value := CASE WHEN spread THEN format('tally.percentile(tally.rollup(%I), pg_catalog.max("step share"))', digest)
                  ELSE format('CASE pg_catalog.max("step no") %s END', (SELECT string_agg(format('WHEN %s THEN %s', o, tally_internal._aggregate_sql(m)),
                      ' ' ORDER BY o)
                                                       FROM (SELECT x AS m, row_number() OVER () AS o FROM unnest(metrics) x) q)) END;
    joined := format(' CROSS JOIN (VALUES %s) s("step no", "step name"%s)', (SELECT string_agg(format('(%s, %L%s)', n, s, CASE WHEN spread THEN
        format(', %s::pg_catalog.float8', levels[n]) ELSE '' END), ', ' ORDER BY n) FROM unnest(steps) WITH ORDINALITY u(s, n)),
        CASE WHEN spread THEN ', "step share"' END);
    RETURN (SELECT jsonb_build_object('name', format('%s: %s', tally_internal._called(b), panel ->> 'title'), 'time', CASE WHEN r.bucket IS NOT NULL THEN
        'bucket' END,
        'rollup', NULL, 'columns', tally_internal._query_fields(CASE WHEN r.bucket IS NOT NULL THEN '{bucket=TIMESTAMP WITH TIME ZONE}' ELSE '{}' END::text[]
            || ARRAY(SELECT d || '=TEXT' FROM unnest(dims) d) || '{step no=BIGINT,step name=TEXT}'::text[]),
        'metrics', jsonb_build_array(jsonb_build_object('name', CASE WHEN spread THEN metrics[1].name ELSE 'count' END, 'expression', value,
            'unit', metrics[1].unit, 'description', CASE WHEN spread THEN 'The value that this share of all does not exceed.' END)),
        'table', c.relname, 'table_schema', n.nspname, 'steps', joined, 'sql', format('SELECT %s, s."step no", s."step name"%s FROM %s l%s',
            (SELECT string_agg(format('l.%I', x), ', ') FROM (SELECT unnest(CASE WHEN r.bucket IS NOT NULL THEN '{bucket}' ELSE '{}' END::text[] || dims)
                    UNION ALL SELECT x.name FROM tally.measures x WHERE x.rollup_id = r.id
                       AND x.name IN (SELECT unnest(m.measures || m.samples) FROM unnest(metrics) m)) u(x)),
            CASE WHEN spread THEN ', s."step share"' END, tally_internal._full_name(r.live_view), joined))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = r.live_view);
END $$;
COMMENT ON FUNCTION tally_internal._stepped_dataset(tally.boards, jsonb) IS
'What a funnel of metrics, or the spread of one, reads: rows of the live view once for each step or share, and one metric that knows its step.';

CREATE OR REPLACE FUNCTION tally_internal._panel_dataset(b tally.boards, panel jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r        tally.rollups;
    relation regclass;
    dims     text[];
BEGIN
    CASE tally_internal._panel_source(panel)
    WHEN 'metrics' THEN
        IF panel ->> 'picture' IN ('funnel', 'histogram') THEN RETURN tally_internal._stepped_dataset(b, panel); END IF;
        SELECT x.* INTO r FROM tally.metrics m JOIN tally.rollups x ON x.id = m.rollup_id WHERE m.id = (panel #>> '{metric_ids,0}')::int;
        relation := r.live_view;
        dims := ARRAY(SELECT d.name FROM tally.dimensions d WHERE d.rollup_id = r.id ORDER BY d.ordinal);
    WHEN 'relation' THEN
        relation := tally_internal._relation_named(panel ->> 'relation');
    WHEN 'experiment', 'experiments' THEN
        RETURN jsonb_build_object('name', 'tally experiments', 'sql', tally_internal._experiments_query(), 'columns', tally_internal._query_fields(
            '{experiment=TEXT,name=TEXT,metric=TEXT,arm=TEXT,units=BIGINT,value=TEXT,change=TEXT,verdict=TEXT}'));
    WHEN 'incidents' THEN
        RETURN jsonb_build_object('name', 'tally incidents', 'sql', tally_internal._incidents_query(), 'time', 'in range', 'columns',
            tally_internal._query_fields('{in range=TIMESTAMP WITH TIME ZONE,opened=TIMESTAMP WITH TIME ZONE,severity=TEXT,status=TEXT,impact=TEXT,who=TEXT,'
                                         'try first=TEXT,link=TEXT,area=TEXT}'));
    WHEN 'slo' THEN
        RETURN jsonb_build_object('name', 'tally thresholds', 'sql', tally_internal._thresholds_query(), 'columns', tally_internal._query_fields(
            '{threshold=TEXT,state=TEXT,where=TEXT,value=DOUBLE PRECISION,condition=TEXT,severity=TEXT,who=TEXT,area=TEXT}'));
    WHEN 'funnel' THEN
        RETURN jsonb_build_object('name', format('funnel %s, %s', panel ->> 'funnel', b.since), 'sql',
            format('SELECT f.step, f.step_name, f.actors FROM tally.funnel(%L, %L) f', panel ->> 'funnel', b.since),
            'columns', tally_internal._query_fields('{step=BIGINT,step_name=TEXT,actors=BIGINT}'));
    WHEN 'retention' THEN
        RETURN jsonb_build_object('name', format('retention %s, %s', panel ->> 'retention', b.since), 'sql',
            format('SELECT f.period, f.eligible, f.retained, f.share FROM tally.retention(%L, %L) f',
                   tally_internal._called(tally_internal._panel_behaviour_of(panel)), b.since),
            'columns', tally_internal._query_fields('{period=BIGINT,eligible=BIGINT,retained=BIGINT,share=DOUBLE PRECISION}'));
    ELSE
        RETURN jsonb_build_object('name', 'tally status', 'sql', 'SELECT s.rollup, s.state, s.dirty_buckets AS "dirty buckets", s.last_run AS "last run", '
                's.reason FROM tally.status s', 'columns', tally_internal._query_fields(
            '{rollup=TEXT,state=TEXT,dirty buckets=BIGINT,last run=TIMESTAMP WITH TIME ZONE,reason=TEXT}'));
    END CASE;
    RETURN (SELECT jsonb_build_object('schema', n.nspname, 'name', c.relname, 'relation', format('%I.%I', n.nspname, c.relname),
                'rollup', r.id, 'description', obj_description(c.oid, 'pg_class'),
                'time', CASE WHEN r.id IS NULL THEN panel ->> 'time' WHEN r.bucket IS NOT NULL THEN 'bucket' END,
                'columns', (SELECT COALESCE(jsonb_agg(f ORDER BY o), '[]') FROM jsonb_array_elements(tally_internal._relation_fields(relation))
                                WITH ORDINALITY u(f, o) WHERE dims IS NULL OR f ->> 'name' = 'bucket' OR f ->> 'name' = ANY (dims)))
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation);
END $$;
COMMENT ON FUNCTION tally_internal._panel_dataset(tally.boards, jsonb) IS
'What a panel reads, as a relation or a query with its columns and the column of its time: a rollup''s live view for metrics, else the relation itself.';
