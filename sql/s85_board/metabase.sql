-- Owns: tally.metabase_files, boards as a collection of Metabase. A file of Metabase is YAML, and JSON is YAML.

CREATE OR REPLACE FUNCTION tally_internal._metabase_id(VARIADIC names text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT left(translate(encode(sha256(convert_to(string_agg(format('%s:%s', length(n), n), '/' ORDER BY o), 'UTF8')), 'base64'), '+/', '-_'), 21)
      FROM unnest('{pg_tally}' || names) WITH ORDINALITY u(n, o)
$$;
COMMENT ON FUNCTION tally_internal._metabase_id(text[]) IS 'An entity id of Metabase for names: always the same for the same ones.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_since(since text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    start  text := tally_internal._grafana_since(since);
    length text[] := regexp_match(start, '^now-(\d+)([dhms])$');
BEGIN
    -- The tilde takes the present hour or day in, which Metabase leaves out.
    RETURN CASE WHEN length IS NULL THEN left(start, 10) || '~'
                WHEN length[2] = 's' THEN format('past%sminutes~', GREATEST(length[1]::int / 60, 1))
                ELSE format('past%s%s~', length[1], '{"d": "days", "h": "hours", "m": "minutes"}'::jsonb ->> length[2]) END;
END $$;
COMMENT ON FUNCTION tally_internal._metabase_since(text) IS 'The range of a board as Metabase writes it, the present hour or day included.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_tag(name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN name ~ '^[a-z][a-z0-9_]*$' AND name <> 'the_range' THEN name ELSE 'v_' || left(encode(sha256(convert_to(name, 'UTF8')), 'hex'), 8) END
$$;
COMMENT ON FUNCTION tally_internal._metabase_tag(text) IS 'What a filter is called in Metabase''s queries.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_filters(b tally.boards, dataset jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A filter of Metabase is one on a column of a table or view that it knows.
    SELECT COALESCE(jsonb_agg(x.f ORDER BY x.o), '[]') FROM (
        SELECT 0 AS o, jsonb_build_object('tag', 'the_range', 'name', 'Range', 'column', dataset -> 'time', 'type', 'date/all-options') AS f
         WHERE dataset ->> 'time' IS NOT NULL AND dataset ? 'relation'
        UNION ALL
        SELECT v.o, jsonb_build_object('tag', tally_internal._metabase_tag(v.name), 'name', v.name, 'column', v.name, 'type', 'string/=')
          FROM unnest(b.variables) WITH ORDINALITY v(name, o)
         WHERE dataset ? 'relation' AND jsonb_path_exists(dataset, '$.columns[*] ? (@.name == $v)', jsonb_build_object('v', v.name))) x
$$;
COMMENT ON FUNCTION tally_internal._metabase_filters(tally.boards, jsonb) IS
    'The filters that a card obeys: its range, and the variables that are columns of what it reads.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_where(panel jsonb, filters jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ' WHERE true' || COALESCE((SELECT string_agg(format(' [[AND {{%s}}]]', f ->> 'tag'), '' ORDER BY n)
                                        FROM jsonb_array_elements(filters) WITH ORDINALITY u(f, n)), '')
        || COALESCE(' AND ' || tally_internal._metabase_sql(tally_internal._filter_sql(panel -> 'where')), '')
$$;
COMMENT ON FUNCTION tally_internal._metabase_where(jsonb, jsonb) IS
    'SQL text of a card''s filters, each left out where nothing is chosen, and of its panel''s fixed filter.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_bucket(r tally.rollups, wanted interval) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule text;
BEGIN
    IF wanted IS NULL THEN RETURN 'bucket'; END IF;
    rule := tally_internal._grain(r, wanted, NULL, NULL);
    RETURN CASE WHEN rule = tally_internal._bucket_rule_of(r) THEN 'bucket'
                WHEN rule ~ '^fixed \d+$' THEN format('pg_catalog.date_bin(interval ''%s microseconds'', bucket, ''1970-01-01 00:00:00+00'')',
                    split_part(rule, ' ', 2))
                ELSE tally_internal._bucket_start_sql(rule, 'bucket') END;
END $$;
COMMENT ON FUNCTION tally_internal._metabase_bucket(tally.rollups, interval) IS 'SQL text of the bucket that a card shows.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_metric_query(panel jsonb, dataset jsonb, conditions text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    picture text := panel ->> 'picture';
    metrics tally.metrics[] := ARRAY(SELECT m FROM tally_internal._panel_metrics(panel) m);
    r       tally.rollups := (SELECT x FROM tally.rollups x WHERE x.id = metrics[1].rollup_id);
    split   text[] := ARRAY(SELECT quote_ident(x) FROM jsonb_array_elements_text(panel -> 'by') WITH ORDINALITY u(x, n) ORDER BY n);
    timed   boolean := picture IN ('line', 'area', 'bars', 'states') OR picture = 'heatmap' AND cardinality(split) = 1;
    groups  int := CASE WHEN picture IN ('funnel', 'histogram') THEN 2 ELSE cardinality(split) + timed::int END;
BEGIN
    RETURN concat(tally_internal._metabase_sql(concat('SELECT ', array_to_string(
            CASE WHEN timed THEN ARRAY[tally_internal._metabase_bucket(r, (panel ->> 'bucket')::interval) || ' AS bucket']
                                                  WHEN picture IN ('funnel', 'histogram') THEN '{"\"step no\"","\"step name\""}' ELSE '{}' END || split
            || CASE WHEN dataset ? 'metrics' THEN ARRAY[format('%s AS %I', dataset #>> '{metrics,0,expression}', dataset #>> '{metrics,0,name}')]
                    ELSE ARRAY(SELECT format('%s AS %I', tally_internal._aggregate_sql(m), tally_internal._called(m)) FROM unnest(metrics) m) END, ', '),
        ' FROM ', tally_internal._full_name(r.live_view), dataset ->> 'steps')), conditions,
        CASE WHEN groups > 0 THEN ' GROUP BY ' || (SELECT string_agg(n::text, ', ') FROM generate_series(1, groups) n) END,
        -- Without a group there is one row, and no metric where nothing was counted.
        CASE WHEN timed OR picture IN ('funnel', 'histogram') THEN ' ORDER BY 1' || CASE WHEN groups > 1 THEN ', 2' ELSE '' END || ' LIMIT 10000'
             WHEN groups > 0 THEN format(' ORDER BY %s DESC NULLS LAST, 1 LIMIT %s', groups + 1,
                 COALESCE(panel ->> 'limit', CASE picture WHEN 'ranking' THEN '8' WHEN 'heatmap' THEN '400' ELSE '20' END)) END);
END $$;
COMMENT ON FUNCTION tally_internal._metabase_metric_query(jsonb, jsonb, text) IS 'SQL text of a card over metrics: it merges the measures of the live view.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_query(b tally.boards, panel jsonb, dataset jsonb, filters jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    conditions text := tally_internal._metabase_where(panel, filters);
    lines      boolean := panel ->> 'picture' IN ('line', 'area', 'bars');
    area       text := COALESCE(' WHERE area = ' || quote_literal(panel ->> 'area'), ' WHERE true');
    most       text := COALESCE(panel ->> 'limit', CASE panel ->> 'picture' WHEN 'stat' THEN '6' ELSE '20' END);
BEGIN
    CASE tally_internal._panel_source(panel)
    WHEN 'metrics' THEN
        RETURN tally_internal._metabase_metric_query(panel, dataset, conditions);
    WHEN 'relation' THEN
        RETURN concat(tally_internal._metabase_sql(concat('SELECT ', (SELECT string_agg(quote_ident(c), ', ')
                FROM unnest(tally_internal._relation_columns(panel)) c), ' FROM ', dataset ->> 'relation')), conditions, ' ORDER BY ', CASE WHEN lines THEN '1'
            ELSE COALESCE(tally_internal._metabase_sql(quote_ident(regexp_replace(panel ->> 'order', ' +(asc|desc)$', '', 'i')))
                || CASE WHEN panel ->> 'order' ~* ' desc$' THEN ' DESC NULLS LAST' ELSE '' END, '1') END, ' LIMIT ', CASE WHEN lines THEN '5000' ELSE most
                    END);
    WHEN 'funnel' THEN
        RETURN tally_internal._metabase_sql(dataset ->> 'sql') || ' ORDER BY f.step';
    WHEN 'retention' THEN
        RETURN tally_internal._metabase_sql(dataset ->> 'sql') || ' ORDER BY f.period';
    WHEN 'experiment', 'experiments' THEN
        RETURN concat(tally_internal._metabase_sql(concat(dataset ->> 'sql', ' AND e.name = ' || quote_literal(panel ->> 'experiment'))),
                      ' ORDER BY e.created_at DESC, e.name LIMIT ', COALESCE(panel ->> 'limit', '60'));
    WHEN 'incidents' THEN
        RETURN concat(tally_internal._metabase_sql(dataset ->> 'sql' || area), ' AND (status IN (''new'', ''acknowledged'')', CASE WHEN filters <> '[]' THEN
            ' OR (true [[AND {{the_range}}]])' END,
                      ') ORDER BY opened_at DESC, id DESC LIMIT ', most);
    WHEN 'slo' THEN
        RETURN concat(tally_internal._metabase_sql(dataset ->> 'sql' || regexp_replace(area, 'area', 't.area')),
                      ' ORDER BY COALESCE(s.state, ''z''), t.severity, t.name, s.labels LIMIT ', most);
    ELSE
        RETURN tally_internal._metabase_sql(format('%s WHERE s.rollup = ANY (ARRAY[%s]::pg_catalog.text[]) ORDER BY s.rollup', dataset ->> 'sql',
            (SELECT string_agg(DISTINCT quote_literal(r.name), ', ') FROM jsonb_array_elements(b.panels) p, jsonb_array_elements_text(p -> 'metric_ids') i
               JOIN tally.metrics m ON m.id = i::int JOIN tally.rollups r ON r.id = m.rollup_id)));
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._metabase_query(tally.boards, jsonb, jsonb, jsonb) IS 'SQL text of a card, with Metabase''s tags for the filters.';
