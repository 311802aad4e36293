-- Owns: the SQL that merges measures over buckets and labels and computes a metric from them. Readers and thresholds use the same
-- text, so from the same rows they get the same number. A dashboard may merge a coarser rollup where that answers alike; a threshold always
-- reads the metric's own rollup. Functions that run once per threshold are PL/pgSQL, because an SQL function is planned anew at every call.

CREATE OR REPLACE FUNCTION tally_internal._grouped_value(r tally.rollups, dimension text, given jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d      tally.dimensions := (SELECT x FROM tally.dimensions x WHERE x.rollup_id = r.id AND x.name = dimension);
    result text := given #>> '{}';
BEGIN
    -- A rollup on a rollup groups by the text that is there already.
    WHILE EXISTS (SELECT FROM tally.dimensions x WHERE x.rollup_id = r.source_rollup AND quote_ident(x.name) = d.given) LOOP
        SELECT x.* INTO d FROM tally.dimensions x WHERE x.rollup_id = r.source_rollup AND quote_ident(x.name) = d.given;
        SELECT x.* INTO r FROM tally.rollups x WHERE x.id = d.rollup_id;
    END LOOP;
    RETURN CASE
        WHEN result IS NULL THEN '(none)'
        WHEN starts_with(d.expression, 'COALESCE((pg_catalog.trim_scale(') THEN trim_scale(result::numeric)::text
        WHEN starts_with(d.expression, 'COALESCE(tally_internal._float_text(') THEN tally_internal._float_text(result::float8)
        WHEN starts_with(d.expression, 'COALESCE(tally_internal._jsonb_text(') THEN tally_internal._jsonb_text(result::jsonb)
        WHEN starts_with(d.expression, 'COALESCE(pg_catalog.lower((') AND d.expression LIKE '% COLLATE pg_catalog."default"), ''(none)'')' THEN lower(result)
        ELSE result END;
EXCEPTION WHEN data_exception THEN
    -- It is no value of that type, so no row has it.
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._grouped_value(tally.rollups, text, jsonb) IS
'A value that somebody asks for, as the text under which a dimension groups it: 1.0 is 1, citext is in lower case; JSON null is (none).';

CREATE OR REPLACE FUNCTION tally_internal._where_sql(r tally.rollups, "where" jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof("where") <> 'object' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('"where" must be an object of dimensions and values, got %s', "where"), NULL,
            'Use "where" => ''{"world": "w1"}'' or "where" => ''{"world": ["w1", "w2"]}''.');
    END IF;
    PERFORM tally_internal._check_dimensions(r, (SELECT array_agg(k) FROM jsonb_object_keys("where") k), '"where"');
    RETURN (SELECT string_agg(CASE jsonb_typeof(w.value)
                WHEN 'array' THEN format('%I = ANY (%L::text[])', w.key,
                                         ARRAY(SELECT tally_internal._grouped_value(r, w.key, e) FROM jsonb_array_elements(w.value) e))
                ELSE format('%I = %L', w.key, tally_internal._grouped_value(r, w.key, w.value)) END, ' AND ' ORDER BY w.key)
              FROM jsonb_each("where") w);
END $$;
COMMENT ON FUNCTION tally_internal._where_sql(tally.rollups, jsonb) IS
'SQL text of a filter such as {"world": "w1", "model": ["a", "b"]}; JSON null stands for a value that was NULL. Null where nothing is filtered.';

CREATE OR REPLACE FUNCTION tally_internal._merges_sql(m tally.metrics, r tally.rollups) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._merged_columns(r.id, m.measures || m.samples);
END $$;
COMMENT ON FUNCTION tally_internal._merges_sql(tally.metrics, tally.rollups) IS
'SQL text that merges the measures a metric stands on, each under its own name.';

CREATE OR REPLACE FUNCTION tally_internal._merged_sql(m tally.metrics, r tally.rollups, source text, bucket text, by text[], "where" jsonb, since text,
                                           until text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Measures first, then the expression: the ratio of sums, never the mean of ratios.
    RETURN (
    SELECT format('SELECT %1$s%2$s(%3$s)::pg_catalog.float8 AS "the value", %4$s AS "the samples" FROM (SELECT %5$s%6$s%7$s FROM %8$s '
                  'WHERE %9$s%10$s%11$s) merged',
        CASE WHEN bucket IS NOT NULL THEN '"the bucket", ' ELSE '' END,
        (SELECT COALESCE(string_agg(format('%I, ', d), '' ORDER BY n), '') FROM unnest(by) WITH ORDINALITY b(d, n)),
        m.resolved,
        CASE WHEN m.samples IS NULL THEN 'NULL::pg_catalog.float8' ELSE format('%I::pg_catalog.float8', m.samples) END,
        CASE WHEN bucket IS NOT NULL THEN format('%s AS "the bucket", ', bucket) ELSE '' END,
        (SELECT COALESCE(string_agg(format('%I, ', d), '' ORDER BY n), '') FROM unnest(by) WITH ORDINALITY b(d, n)),
        tally_internal._merges_sql(m, r),
        source, CASE WHEN until IS NULL THEN format('bucket = %s', since) ELSE format('bucket >= %s AND bucket < %s', since, until) END,
        COALESCE(' AND ' || tally_internal._where_sql(r, "where"), ''),
        COALESCE(' GROUP BY '
                 || NULLIF(array_to_string(CASE WHEN bucket IS NOT NULL THEN ARRAY['1']
                                           ELSE '{}' END || ARRAY(SELECT quote_ident(d) FROM unnest(by) d), ', '), ''), '')));
END $$;
COMMENT ON FUNCTION tally_internal._merged_sql(tally.metrics, tally.rollups, text, text, text[], jsonb, text, text) IS
'SQL text that yields a metric: ["the bucket",] dimensions of by, "the value", "the samples", since a dimension may be called value; source is SQL text of '
    'the rollup''s table, its live view, or what holds the same (_answer_source), bucket an SQL expression or null for one value over the whole range '
    '[since, until) (SQL expressions; until null: the one bucket since, which is a lookup by key).';
