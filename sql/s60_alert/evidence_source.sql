-- Owns: contributors out of the source of a rollup, where no rollup has a dimension that the scope leaves open: by columns with few values, over the rows of
-- the tested window and of the same window a week before.

CREATE OR REPLACE FUNCTION tally_internal._telling_columns(m tally.metrics, r tally.rollups, scope jsonb) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A column of many values names people or sessions, not causes; nobody but the owner should see those. Statistics say how many there are.
    SELECT COALESCE(array_agg(c.name ORDER BY c.ordinal), '{}') FROM (
        SELECT a.attname::text AS name, a.attnum AS ordinal FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
          JOIN pg_class k ON k.oid = a.attrelid JOIN pg_namespace h ON h.oid = k.relnamespace
          LEFT JOIN LATERAL (SELECT max(s.n_distinct) AS n FROM pg_stats s
                              WHERE s.schemaname = h.nspname AND s.tablename = k.relname AND s.attname = a.attname) s ON true
         WHERE a.attrelid = r.source AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> r.time_column
           AND (t.oid = 'bool'::regtype OR t.typtype = 'e' OR (t.oid IN ('text'::regtype, 'varchar'::regtype, 'int2'::regtype) AND s.n BETWEEN 2 AND 100))
           -- What the scope fixes says nothing, and what the measures test for says only what is known already.
           AND NOT EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND scope ? d.name AND d.given = quote_ident(a.attname))
           AND NOT EXISTS (SELECT FROM tally.measures x WHERE x.rollup_id = r.id AND (x.name = ANY (m.measures) OR x.name = m.samples)
                              AND x.expression ~ ('\m' || regexp_replace(a.attname, '([^[:alnum:]_])', '\\\1', 'g') || '\M'))
         ORDER BY a.attnum LIMIT 8) c
$$;
COMMENT ON FUNCTION tally_internal._telling_columns(tally.metrics, tally.rollups, jsonb) IS
'Up to eight columns of a rollup''s source that may tell what is behind a metric in a scope: booleans, enums, and others with 2 to 100 values.';

CREATE OR REPLACE FUNCTION tally_internal._source_groups_sql(m tally.metrics, r tally.rollups, scope jsonb, labels text[], since text, until text)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d jsonb := tally_internal._live_form(tally_internal._resolved(r));
BEGIN
    RETURN format('SELECT ''{}''::pg_catalog.jsonb AS "the labels", GROUPING(%1$s) AS "the set", COALESCE(%1$s) AS "the label", %2$s FROM %3$s%4$s '
        'WHERE %5$s AND (%6$s)%7$s GROUP BY GROUPING SETS (%8$s)',
        array_to_string(labels, ', '),
        (SELECT string_agg(format('%s AS %I', tally_internal._computed_sql(x.expression), x.name), ', ' ORDER BY x.ordinal) FROM tally.measures x
          WHERE x.rollup_id = r.id AND (x.name = ANY (m.measures) OR x.name = m.samples)),
        d ->> 'source', d ->> 'expand', tally_internal._definition_range_sql(d, since, until), d ->> 'filter',
        (SELECT string_agg(format(' AND %s OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.text[])', x.expression, CASE jsonb_typeof(s.value)
                    WHEN 'array' THEN ARRAY(SELECT tally_internal._grouped_value(r, s.key, e) FROM jsonb_array_elements(s.value) e)
                    ELSE ARRAY[tally_internal._grouped_value(r, s.key, s.value)] END), '' ORDER BY s.key)
           FROM jsonb_each(scope) s JOIN tally.dimensions x ON x.rollup_id = r.id AND x.name = s.key),
        (SELECT string_agg(format('(%s)', l), ', ' ORDER BY n) FROM unnest(labels) WITH ORDINALITY u(l, n)));
END $$;
COMMENT ON FUNCTION tally_internal._source_groups_sql(tally.metrics, tally.rollups, jsonb, text[], text, text) IS
'SQL text that groups the source rows of [since, until) (SQL texts) in a scope by each of some labels, with the measures of a metric as they are defined.';

CREATE OR REPLACE FUNCTION tally_internal._source_contributors(t tally.thresholds, m tally.metrics, r tally.rollups, scope jsonb, since timestamptz,
                                                    until timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
DECLARE
    names  text[] := tally_internal._telling_columns(m, r, scope);
    labels text[] := ARRAY(SELECT format('COALESCE(%I::pg_catalog.text, ''(none)'')', n) FROM unnest(names) WITH ORDINALITY x(n, o) ORDER BY o);
    before timestamptz := tally_internal._minus_by_zone(since, '7 days', r.zone);
    past   timestamptz := tally_internal._minus_by_zone(until, '7 days', r.zone);
    sql    text;
BEGIN
    IF names = '{}' OR r.key IS NOT NULL OR r.lookback IS NOT NULL OR tally_internal._counted_among(r.id, m.measures) <> '{}'
       OR NOT has_table_privilege(t.owner::oid, r.source::oid, 'SELECT') THEN RETURN '{}'; END IF;
    sql := tally_internal._compared_sql(m, names, tally_internal._source_groups_sql(m, r, scope, labels, '$1', '$2'),
                                        tally_internal._source_groups_sql(m, r, scope, labels, '$3', '$4'));
    PERFORM tally_internal._guard_watcher(t, m, r, r.search_path, sql);
    RETURN (SELECT COALESCE(jsonb_object_agg(c.dimension, c.top), '{}') FROM (
        SELECT x ->> 'dimension' AS dimension, jsonb_agg(tally_internal._contributor(x) ORDER BY (x ->> 'place')::int) AS top
          -- A question like this may take as long as the source is wide. The other thresholds of the tick wait for it.
          FROM tally.run_as(t.owner, r.search_path, sql, LEAST(tally_internal._limit('tally.query_timeout'), 2000), r.zone, since, until, before, past) x
         GROUP BY 1) c);
END $$;
COMMENT ON FUNCTION tally_internal._source_contributors(tally.thresholds, tally.metrics, tally.rollups, jsonb, timestamptz, timestamptz) IS
'Per telling column of a rollup''s source the five labels with most observations; with the rights of the threshold''s owner, and none without the right to '
    'read the source. It takes two seconds at most.';
