-- Owns: metrics that count the different labels of a dimension. For each dimension d, a metric's expression may use distinct_d. It is a count over stored rows,
-- not a sketch, so it is exact over any range of buckets, under any filter and after late rows.

CREATE OR REPLACE FUNCTION tally_internal._counted_dimensions(rollup_id int) RETURNS TABLE (name text, dimension text, ordinal int)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A measure or a dimension of that name is meant first. A longer name would be cut off.
    SELECT 'distinct_' || d.name, d.name, d.ordinal::int FROM tally.dimensions d
     WHERE d.rollup_id = $1 AND octet_length(d.name) <= 54
       AND NOT EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = d.rollup_id AND m.name = 'distinct_' || d.name)
       AND NOT EXISTS (SELECT FROM tally.dimensions x WHERE x.rollup_id = d.rollup_id AND x.name = 'distinct_' || d.name)
$$;
COMMENT ON FUNCTION tally_internal._counted_dimensions(int) IS
'Dimensions of a rollup whose different labels a metric may count, each with the name that stands for the count in the metric''s expression.';

CREATE OR REPLACE FUNCTION tally_internal._counted_among(rollup_id int, names text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Most metrics count no labels, and dashboards and thresholds ask for each of them.
    IF NOT EXISTS (SELECT FROM unnest($2) n WHERE starts_with(n, 'distinct_')) THEN RETURN '{}'; END IF;
    RETURN ARRAY(SELECT c.dimension FROM tally_internal._counted_dimensions($1) c WHERE c.name = ANY ($2) ORDER BY c.ordinal);
END $$;
COMMENT ON FUNCTION tally_internal._counted_among(int, text[]) IS 'The dimensions that some names of a metric''s measures count the labels of.';

CREATE OR REPLACE FUNCTION tally_internal._counted_sql(dimension text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Labels are compared by their bytes: equal ones are equal in every collation that a dimension may have, and it is several times faster.
    SELECT format('pg_catalog.count(DISTINCT %1$I COLLATE pg_catalog."C") FILTER (WHERE %1$I OPERATOR(pg_catalog.<>) ''(none)'')', dimension)
$$;
COMMENT ON FUNCTION tally_internal._counted_sql(text) IS
'SQL text that counts the different labels of a dimension. NULL, which is the label (none), is nobody.';

CREATE OR REPLACE FUNCTION tally_internal._merged_columns(rollup_id int, names text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted text[] := tally_internal._counted_among(rollup_id, names);
BEGIN
    RETURN concat_ws(', ',
        (SELECT string_agg(format('%s AS %I', format(x.merge, x.name), x.name), ', ' ORDER BY x.ordinal) FROM tally.measures x
          WHERE x.rollup_id = $1 AND x.name = ANY ($2)),
        (SELECT string_agg(format('%s AS %I', tally_internal._counted_sql(d), 'distinct_' || d), ', ' ORDER BY n)
           FROM unnest(counted) WITH ORDINALITY u(d, n)));
END $$;
COMMENT ON FUNCTION tally_internal._merged_columns(int, text[]) IS
'SQL text that merges measures of a rollup and counts labels, each under its own name. It is empty where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._row_sql(m tally.metrics, r tally.rollups) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted text[] := tally_internal._counted_among(r.id, m.measures);
BEGIN
    IF counted = '{}' THEN RETURN m.resolved; END IF;
    RETURN format('(SELECT (%s) FROM (SELECT %s) counted)', m.resolved,
        (SELECT string_agg(format('CASE WHEN %1$I OPERATOR(pg_catalog.=) ''(none)'' THEN 0 ELSE 1 END::pg_catalog.int8 AS %2$I', d, 'distinct_' || d), ', '
                           ORDER BY n) FROM unnest(counted) WITH ORDINALITY u(d, n)));
END $$;
COMMENT ON FUNCTION tally_internal._row_sql(tally.metrics, tally.rollups) IS
'SQL text of a metric for one stored row, which has one label of each dimension. As it is resolved, where it counts no labels.';

CREATE OR REPLACE FUNCTION tally_internal._counted_text(m tally.metrics, r tally.rollups) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted text[] := tally_internal._counted_among(r.id, m.measures);
BEGIN
    IF counted = '{}' THEN RETURN quote_literal(m.resolved); END IF;
    RETURN format('pg_catalog.concat(%L, %s, %L)', format('(SELECT (%s) FROM (SELECT ', m.resolved),
        (SELECT string_agg(format('%1$I, %2$L', 'distinct_' || d, format('::pg_catalog.int8 AS %I', 'distinct_' || d)), ', '', '', ' ORDER BY n)
           FROM unnest(counted) WITH ORDINALITY u(d, n)), ') counted)');
END $$;
COMMENT ON FUNCTION tally_internal._counted_text(tally.metrics, tally.rollups) IS
'SQL text of the text of a metric''s expression, for _value_or_null(): the labels that a query has counted stand in it as numbers.';

CREATE OR REPLACE FUNCTION tally.exact_count(
    metric      text,
    rollup      text,
    actor       text,
    unit        text DEFAULT NULL,
    description text DEFAULT NULL,
    direction   text DEFAULT 'up_is_good',
    schedule    text DEFAULT '*/5 * * * *',
    with_data   boolean DEFAULT false,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r     tally.rollups := tally_internal._rollup(rollup);
    label text := metric || '_actors';
    made  regclass;
BEGIN
    actor := tally_internal._one_expression(actor, format('actor of metric %L', metric));
    IF r.key IS NOT NULL OR r.lookback IS NOT NULL OR actor IS NULL THEN
        PERFORM tally_internal._refuse('wrong_object_type',
            format('metric %L needs an actor, and a rollup over time without lookback, got %s and %L', metric, COALESCE(quote_literal(actor), 'NULL'), r.name),
            'It counts the actors of any range of buckets, so a window over several buckets is a question: tally.rolling().',
            format('SELECT tally.create_rollup(%L, %L, …);', r.name || '_2', r.source::text));
    ELSIF EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.name IN ('actor', 'distinct_actor')) THEN
        PERFORM tally_internal._refuse('duplicate_column',
            format('metric %L needs the name actor for a dimension, but rollup %L has it already', metric, r.name), NULL,
            format('SELECT tally.create_metric(%L, %L, ''distinct_actor'');', metric, r.name));
    END IF;
    made := tally.create_rollup(format('%I.%I', tally_internal._schema_of(r.relation), label), r.source, r.time_column, r.bucket,
        dimensions => (SELECT COALESCE(jsonb_agg(jsonb_build_object(d.name, d.given) ORDER BY d.ordinal), '[]') FROM tally.dimensions d
                        WHERE d.rollup_id = r.id) || jsonb_build_array(jsonb_build_object('actor', actor)),
        measures => '{"rows": "count(*)"}', "where" => r.filter, schedule => schedule, zone => r.zone, with_data => with_data,
        search_path => r.search_path, expand => r.expand, origin => r.bucket_origin, emptied => r.emptied,
        description => format('A row for each bucket, labels and actor (%s): metric %s counts actors exactly.', actor, metric));
    PERFORM tally.create_metric(metric, tally_internal._called((SELECT x FROM tally.rollups x WHERE x.relation = made)), 'distinct_actor', unit => unit,
                                description => description, direction => direction, search_path => search_path);
    RETURN made;
END $$;
COMMENT ON FUNCTION tally.exact_count(text, text, text, text, text, text, text, boolean, text) IS
'Makes a metric that counts different actors (a column or an expression of the source) without error, where a sketch estimates them: a rollup '
    '<metric>_actors with the source, buckets, zone, dimensions and filter of a rollup and the dimension actor, and the metric distinct_actor on it. NULL '
    'is nobody. It stores a row for each bucket, labels and actor.';
