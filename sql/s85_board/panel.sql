-- Owns: the checks of a panel when a board is made: its keys are known, its metrics and relations exist, they have its dimensions, and
-- its picture fits.

CREATE OR REPLACE FUNCTION tally_internal._panel_fault(board text, n bigint, panel jsonb, message text, detail text, hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse('invalid_parameter_value',
        format('panel %s%s of board %L %s', n, COALESCE(' (' || (panel ->> 'title') || ')', ''), board, message), detail,
        COALESCE(hint, format('SELECT tally.create_board(%L, ''A title'', ''[{"title": "…", "metric": "…", "picture": "line"}]'');', board)));
END $$;
COMMENT ON FUNCTION tally_internal._panel_fault(text, bigint, jsonb, text, text, text) IS 'Raises the error, in four parts, for JSON that is not a panel.';

CREATE OR REPLACE FUNCTION tally_internal._panel_source(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT k FROM unnest('{metrics,relation,funnel,retention,incidents,slo,status,experiment,experiments}'::text[]) WITH ORDINALITY u(k, n)
     WHERE panel ? k ORDER BY n LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._panel_source(jsonb) IS
'What a panel reads: metrics, relation, funnel, retention, incidents, slo, status, experiment or experiments.';

CREATE OR REPLACE FUNCTION tally_internal._panel_metrics(panel jsonb) RETURNS SETOF tally.metrics
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
    m    tally.metrics;
BEGIN
    FOR item IN SELECT a.name, (panel -> 'metric_ids' ->> (a.n - 1)::int)::int AS id
                  FROM jsonb_array_elements_text(panel -> 'metrics') WITH ORDINALITY a(name, n) ORDER BY a.n LOOP
        -- By number first, so that a metric may be renamed; by name where it was dropped and made again.
        SELECT * INTO m FROM tally.metrics x WHERE x.id = item.id;
        IF m.id IS NULL THEN m := tally_internal._metric(item.name); END IF;
        RETURN NEXT m;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._panel_metrics(jsonb) IS 'The metrics of a panel in order, under their present names; an error for one that is gone.';

CREATE OR REPLACE FUNCTION tally_internal._column_units(panel jsonb) RETURNS TABLE (name text, unit text)
LANGUAGE sql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.name, m.unit FROM tally_internal._panel_metrics(panel) m UNION ALL SELECT u.key, u.value FROM jsonb_each_text(panel -> 'units') u
    UNION ALL SELECT 'share', 'share' WHERE panel ? 'retention'
$$;
COMMENT ON FUNCTION tally_internal._column_units(jsonb) IS
'The units of a table''s columns: those of its metrics, or those that the panel gives; the share of a retention.';

CREATE OR REPLACE FUNCTION tally_internal._cell_units(panel jsonb) RETURNS TABLE (name text, unit text)
LANGUAGE sql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.name, c.unit FROM tally_internal._column_units(panel) c
    UNION SELECT x, panel ->> 'unit' FROM jsonb_array_elements_text(panel -> 'columns') x WHERE panel ? 'unit' AND NOT COALESCE(panel -> 'units' ? x, false)
$$;
COMMENT ON FUNCTION tally_internal._cell_units(jsonb) IS
'The units of columns where a program shows a tile, a line or a ranking of a relation as a table too: the panel''s unit is that of each.';

CREATE OR REPLACE FUNCTION tally_internal._is_share(unit text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT COALESCE(unit, '') IN ('ratio', 'share') $$;
COMMENT ON FUNCTION tally_internal._is_share(text) IS 'Whether numbers of a unit are parts of one, which people read in percent.';

CREATE OR REPLACE FUNCTION tally_internal._unit_beside(unit text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT CASE WHEN tally_internal._is_share(unit) THEN '' ELSE COALESCE(unit, '') END $$;
COMMENT ON FUNCTION tally_internal._unit_beside(text) IS 'What stands beside numbers of a unit, in programs that write shares in percent.';

CREATE OR REPLACE FUNCTION tally_internal._panel_behaviour_of(panel jsonb) RETURNS tally.behaviours
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source text := tally_internal._panel_source(panel);
    found_ tally.behaviours;
BEGIN
    -- By number first, as with metrics.
    SELECT * INTO found_ FROM tally.behaviours b WHERE b.counts = (panel ->> (source || '_id'))::int;
    RETURN CASE WHEN found_.counts IS NULL THEN tally_internal._behaviour(panel ->> source, source) ELSE found_ END;
END $$;
COMMENT ON FUNCTION tally_internal._panel_behaviour_of(jsonb) IS 'The funnel or retention of a panel; an error for one that is gone.';

CREATE OR REPLACE FUNCTION tally_internal._tool_panel(panel jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT CASE WHEN panel ? 'retention' THEN panel || '{"picture": "table"}' ELSE panel END $$;
COMMENT ON FUNCTION tally_internal._tool_panel(jsonb) IS 'A panel as other programs draw it: a retention is a table of its periods there.';

CREATE OR REPLACE FUNCTION tally_internal._panel_experiment_of(panel jsonb) RETURNS tally.experiments
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ tally.experiments;
BEGIN
    SELECT * INTO found_ FROM tally.experiments e WHERE e.id = (panel ->> 'experiment_id')::int;
    RETURN CASE WHEN found_.id IS NULL THEN tally_internal._experiment(panel ->> 'experiment') ELSE found_ END;
END $$;
COMMENT ON FUNCTION tally_internal._panel_experiment_of(jsonb) IS 'The experiment of a panel; an error for one that is gone.';

CREATE OR REPLACE FUNCTION tally_internal._check_panel_keys(board text, n bigint, panel jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known CONSTANT text[] := '{title,metrics,metric,relation,funnel,retention,incidents,slo,status,experiment,experiments,picture,by,where,bucket,width,'
        'description,why,do,board,runbook,thresholds,columns,time,order,limit,area,unit,units,metric_ids,funnel_id,retention_id,experiment_id}';
    wrong text;
BEGIN
    IF jsonb_typeof(panel) IS DISTINCT FROM 'object' THEN
        PERFORM tally_internal._panel_fault(board, n, NULL, format('must be an object, got %s', COALESCE(panel::text, 'NULL')), NULL);
    END IF;
    SELECT k INTO wrong FROM jsonb_object_keys(panel) k WHERE k <> ALL (known) LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._panel_fault(board, n, panel, format('has the unknown key %L', wrong),
                                            format('Keys most like it: %s.', tally_internal._closest_names(wrong, known)));
    END IF;
    SELECT k INTO wrong
      FROM unnest('{title,picture,description,why,do,board,runbook,time,order,area,unit,bucket,relation,funnel,retention,experiment}'::text[]) k
     WHERE panel ? k AND jsonb_typeof(panel -> k) NOT IN ('string', 'null') LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._panel_fault(board, n, panel, format('must have a text for %s, got %s', wrong, panel -> wrong), NULL);
    END IF;
    IF COALESCE(btrim(panel ->> 'title'), '') = '' THEN
        PERFORM tally_internal._panel_fault(board, n, panel, 'must have a title', 'It is the heading over the picture, and how people speak of it.');
    END IF;
    SELECT k INTO wrong FROM unnest('{metrics,by,thresholds,columns}'::text[]) k
     WHERE panel ? k AND (jsonb_typeof(panel -> k) <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(panel -> k) WHEN 'array'
                          THEN panel -> k ELSE '[]' END) e WHERE jsonb_typeof(e) <> 'string')) LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._panel_fault(board, n, panel, format('must have an array of texts for %s, got %s', wrong, panel -> wrong), NULL);
    END IF;
    IF panel ? 'units' AND NOT COALESCE(panel ? 'relation' AND jsonb_typeof(panel -> 'units') = 'object'
                                        AND NOT jsonb_path_exists(panel -> 'units', '$.* ? (@.type() != "string")'), false) THEN
        PERFORM tally_internal._panel_fault(board, n, panel, format('must have an object of texts for units, beside a relation, got %s', panel -> 'units'),
            'It gives columns of a table their units, such as {"rate": "ratio"}. A metric has its own.');
    END IF;
    FOR wrong IN SELECT k FROM unnest('{width,limit}'::text[]) k WHERE panel ? k LOOP
        IF jsonb_typeof(panel -> wrong) <> 'number' OR (panel ->> wrong) !~ '^\d{1,3}$' OR (panel ->> wrong)::int < 1
           OR (panel ->> wrong)::int > (CASE wrong WHEN 'width' THEN 12 ELSE 200 END) THEN
            PERFORM tally_internal._panel_fault(board, n, panel, format('must have a %s of 1 to %s, got %s', wrong,
                CASE wrong WHEN 'width' THEN 12 ELSE 200 END, panel -> wrong),
                CASE wrong WHEN 'width' THEN 'A board is twelve columns wide.' ELSE 'It is how many rows or series are shown at most.' END);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._check_panel_keys(text, bigint, jsonb) IS 'An error where a panel is no object of known keys and fitting types.';

CREATE OR REPLACE FUNCTION tally_internal._check_panel_picture(board text, n bigint, panel jsonb, metrics tally.metrics[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source  text := tally_internal._panel_source(panel);
    picture text := panel ->> 'picture';
    fits    text[] := CASE source WHEN 'metrics' THEN '{line,area,bars,stat,table,heatmap,states,ranking,funnel,histogram}'
                                  WHEN 'relation' THEN '{table,ranking,stat,line,area,bars}' WHEN 'funnel' THEN '{funnel,table}'
                                  WHEN 'retention' THEN '{heatmap,table}' ELSE '{table}' END;
    several int := cardinality(metrics);
    split   int := jsonb_array_length(COALESCE(panel -> 'by', '[]'));
    needs   text;
BEGIN
    IF picture <> ALL (fits) THEN
        PERFORM tally_internal._panel_fault(board, n, panel, format('cannot be drawn as %L', picture),
            format('What reads %s can be drawn as %s.', source, (SELECT string_agg(f, ', ') FROM unnest(fits) f)));
    ELSIF source = 'metrics' THEN
        needs := CASE
            WHEN picture IN ('stat', 'histogram') AND (several <> 1 OR split > 0) THEN 'one metric, and no dimensions in by'
            WHEN picture IN ('heatmap') AND (several <> 1 OR split NOT BETWEEN 1 AND 2) THEN 'one metric, and one dimension (against time) or two in by'
            WHEN picture = 'ranking' AND (several <> 1 OR split <> 1) THEN 'one metric, and one dimension in by'
            WHEN picture = 'states' AND several <> 1 THEN 'one metric'
            WHEN picture = 'funnel' AND (several < 2 OR split > 0) THEN 'two metrics or more, which count the steps in order, and no dimensions in by'
            WHEN picture IN ('line', 'area', 'bars', 'funnel') AND (SELECT count(DISTINCT COALESCE(m.unit, '')) FROM unnest(metrics) m) > 1
                THEN 'metrics of one unit, since they share an axis' END;
        IF needs IS NULL AND picture = 'histogram' AND NOT EXISTS (SELECT FROM tally.measures x WHERE x.rollup_id = metrics[1].rollup_id
                AND x.name = ANY (metrics[1].measures) AND x.type = 'tally.tdigest') THEN
            needs := 'a metric over a measure that is a tally.tdigest';
        END IF;
        IF needs IS NOT NULL THEN
            PERFORM tally_internal._panel_fault(board, n, panel, format('cannot be drawn as %L: that needs %s', picture, needs),
                format('It names %s and splits by %s.',
                       (SELECT string_agg(format('%s (%s)', m.name, COALESCE(m.unit, 'no unit')), ', ') FROM unnest(metrics) m),
                       COALESCE(panel ->> 'by', 'nothing')));
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_panel_picture(text, bigint, jsonb, tally.metrics[]) IS 'An error where a picture does not fit what a panel reads.';

CREATE OR REPLACE FUNCTION tally_internal._check_panel_relation(board text, n bigint, panel jsonb, variables text[], search_path text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass;
    columns  text[];
    wanted   text[];
    numbers  text[];
    split    text[] := ARRAY(SELECT jsonb_array_elements_text(panel -> 'by'));
    lines    boolean := panel ->> 'picture' IN ('line', 'area', 'bars');
    wrong    text;
BEGIN
    PERFORM pg_catalog.set_config('search_path', tally_internal._bound_path(search_path), true);
    relation := pg_catalog.to_regclass(panel OPERATOR(pg_catalog.->>) 'relation');
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF relation IS NULL THEN
        PERFORM tally_internal._panel_fault(board, n, panel, format('must read a table or view that exists, got %L', panel ->> 'relation'), NULL,
                                            'SELECT oid::regclass FROM pg_class WHERE relkind IN (''r'', ''v'', ''m'', ''p'');');
    END IF;
    columns := ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum);
    numbers := ARRAY(SELECT a.attname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                      WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND t.typcategory = 'N' ORDER BY a.attnum);
    wanted := ARRAY(SELECT jsonb_array_elements_text(panel -> 'columns'));
    IF wanted = '{}' THEN wanted := CASE WHEN lines THEN numbers ELSE columns END; END IF;
    SELECT c INTO wrong FROM unnest(wanted || split || (panel ->> 'time') || regexp_replace(panel ->> 'order', ' +(asc|desc)$', '', 'i') || variables
                                    || ARRAY(SELECT jsonb_object_keys(panel -> 'units'))) c
     WHERE c IS NOT NULL AND c <> ALL (columns) LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._panel_fault(board, n, panel, format('reads a column that %s lacks: %L', relation, wrong),
            format('Columns most like it: %s. Every variable of a board must be a column, so that all panels obey it.',
                   tally_internal._closest_names(wrong, columns)));
    END IF;
    IF panel ->> 'picture' = 'ranking' AND cardinality(wanted) <> 2 THEN
        PERFORM tally_internal._panel_fault(board, n, panel, 'is a ranking, which needs two columns, a name and a number', format('It has %s.', wanted));
    END IF;
    IF panel ->> 'picture' = 'stat' AND cardinality(wanted) > 2 THEN
        PERFORM tally_internal._panel_fault(board, n, panel, 'is a tile, which needs one column, or a name and a value', format('It has %s.', wanted));
    ELSIF lines AND NOT (wanted <> '{}' AND wanted <@ numbers AND EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = relation AND a.attname = panel ->> 'time' AND t.typcategory = 'D')) THEN
        PERFORM tally_internal._panel_fault(board, n, panel, format('is drawn as %L, which needs a time, and columns that are numbers', panel ->> 'picture'),
            format('It has time %s and columns %s; numbers are %s.', COALESCE(quote_literal(panel ->> 'time'), 'NULL'), wanted, numbers));
    END IF;
    RETURN panel || jsonb_build_object('columns', wanted, 'relation', (SELECT format('%I.%I', s.nspname, c.relname) FROM pg_class c
        JOIN pg_namespace s ON s.oid = c.relnamespace WHERE c.oid = relation));
END $$;
COMMENT ON FUNCTION tally_internal._check_panel_relation(text, bigint, jsonb, text[], text) IS
'The panel with its relation under its full name and its columns listed; an error where relation, columns or variables are not there.';

CREATE OR REPLACE FUNCTION tally_internal._checked_panel(board text, n bigint, given jsonb, variables text[], search_path text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    panel   jsonb := jsonb_strip_nulls(given);
    source  text;
    metrics tally.metrics[] := '{}';
    r       tally.rollups;
    f       tally.behaviours;
    e       tally.experiments;
BEGIN
    PERFORM tally_internal._check_panel_keys(board, n, panel);
    IF panel ? 'metric' THEN panel := panel - 'metric' || jsonb_build_object('metrics', jsonb_build_array(panel ->> 'metric')); END IF;
    source := tally_internal._panel_source(panel);
    IF source IS NULL OR source = 'metrics' AND panel -> 'metrics' = '[]' THEN
        PERFORM tally_internal._panel_fault(board, n, panel, 'must say what it shows',
            'It is metric, metrics, relation, funnel, retention, incidents, slo, status, experiment or experiments.');
    END IF;
    panel := jsonb_build_object('picture', CASE source WHEN 'metrics' THEN 'line' WHEN 'funnel' THEN 'funnel' WHEN 'retention' THEN 'heatmap'
            ELSE 'table' END, 'width', 6) || panel - '{metric_ids,funnel_id,retention_id,experiment_id}'::text[];
    IF source = 'metrics' THEN
        metrics := ARRAY(SELECT m FROM tally_internal._panel_metrics(panel) m);
        panel := panel || (SELECT jsonb_build_object('metrics', jsonb_agg(q.name ORDER BY q.n), 'metric_ids', jsonb_agg(q.id ORDER BY q.n))
                             FROM (SELECT m.name, m.id, row_number() OVER () AS n FROM unnest(metrics) m) q);
        FOR r IN SELECT DISTINCT x.* FROM unnest(metrics) m JOIN tally.rollups x ON x.id = m.rollup_id LOOP
            PERFORM tally_internal._check_dimensions(r, ARRAY(SELECT jsonb_array_elements_text(panel -> 'by')), 'by');
            PERFORM tally_internal._check_dimensions(r, variables, format('variables of board %L, which panel %L must obey,', board, panel ->> 'title'));
            PERFORM tally_internal._where_sql(r, COALESCE(panel -> 'where', '{}'));
            PERFORM tally_internal._grain(r, (panel ->> 'bucket')::interval, NULL, NULL);
        END LOOP;
    ELSIF source = 'relation' THEN
        panel := tally_internal._check_panel_relation(board, n, panel, variables, search_path);
    ELSIF source IN ('funnel', 'retention') THEN
        f := tally_internal._panel_behaviour_of(panel);
        panel := panel || jsonb_build_object(source, f.name, source || '_id', f.counts);
        SELECT x.* INTO r FROM tally.rollups x WHERE x.id = f.counts;
        PERFORM tally_internal._check_dimensions(r, variables, format('variables of board %L, which panel %L must obey,', board, panel ->> 'title'));
    ELSIF source = 'experiment' THEN
        e := tally_internal._panel_experiment_of(panel);
        panel := panel || jsonb_build_object('experiment', e.name, 'experiment_id', e.id);
    END IF;
    PERFORM tally_internal._threshold(t) FROM jsonb_array_elements_text(COALESCE(panel -> 'thresholds', '[]')) t;
    PERFORM tally_internal._check_panel_picture(board, n, panel, metrics);
    RETURN panel;
END $$;
COMMENT ON FUNCTION tally_internal._checked_panel(text, bigint, jsonb, text[], text) IS 'A panel as it is stored, or an error in four parts.';
