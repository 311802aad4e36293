-- Owns: the resolved rollup: a definition with all that its SQL text needs, resolved once and passed on as a JSON object of named slots.
-- _render() fills them into templates, so a template says what stands where, and nobody reads a rule, a name or a list of columns again.

CREATE OR REPLACE FUNCTION tally_internal._expand_sql(r tally.rollups, live boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN COALESCE(' CROSS JOIN LATERAL ' || tally_internal._expand_item(r, live), '');
END $$;
COMMENT ON FUNCTION tally_internal._expand_sql(tally.rollups, boolean) IS
'What follows the source in a definition''s FROM: the join that makes several rows of each, where there is one; live: as the live view reads it.';

CREATE OR REPLACE FUNCTION tally_internal._column_slots(r tally.rollups) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A row of a bucket query begins with the dimensions, one of a range query with the bucket.
    RETURN (SELECT jsonb_build_object('columns', jsonb_build_object('all', b.names || d.names || m.names, 'key', b.names || d.names, 'dimensions', d.names,
                                                            'measures', m.names),
        'definition_dimensions', d.texts, 'definition_measures', m.texts, 'range_groups', d.range_groups,
        -- Without dimensions an empty bucket would still give one row; the definition gives none.
        'bucket_groups', COALESCE('GROUP BY ' || d.groups, 'HAVING pg_catalog.count(*) > 0'), 'groups', d.groups,
        'key_expressions', d.key_expressions)
      FROM (SELECT CASE WHEN r.key IS NULL THEN '["bucket"]'::jsonb ELSE '[]' END AS names) b,
           (SELECT COALESCE(jsonb_agg(x.name ORDER BY x.ordinal), '[]') AS names,
                   COALESCE(string_agg(format('%s AS %I, ', x.expression, x.name), '' ORDER BY x.ordinal), '') AS texts,
                   COALESCE(string_agg(', ' || x.ordinal + 1, '' ORDER BY x.ordinal), '') AS range_groups,
                   string_agg(x.ordinal::text, ', ' ORDER BY x.ordinal) AS groups,
                   string_agg(x.expression, ', ' ORDER BY x.ordinal) FILTER (WHERE x.ordinal <= cardinality(r.key)) AS key_expressions
              FROM tally.dimensions x WHERE x.rollup_id = r.id) d,
           (SELECT COALESCE(jsonb_agg(x.name ORDER BY x.ordinal), '[]') AS names,
                   string_agg(format('%s AS %I', tally_internal._computed_sql(CASE WHEN x.type = 'tally.hll' AND k.rollup_id IS NOT NULL
                       THEN tally_internal._keyed_sql(x.expression) ELSE x.expression END), x.name), ', ' ORDER BY x.ordinal) AS texts
              FROM tally.measures x LEFT JOIN tally.keyed_rollups k USING (rollup_id) WHERE x.rollup_id = r.id) m);
END $$;
COMMENT ON FUNCTION tally_internal._column_slots(tally.rollups) IS 'The slots of a resolved rollup that its dimensions and measures give.';

CREATE OR REPLACE FUNCTION tally_internal._time_slots(r tally.rollups) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('rule', x.rule, 'time_column', r.time_column, 'time_type', r.time_type, 'time', x.instant,
        'first_row', tally_internal._first_row_sql(x.rule), 'frozen', tally_internal._frozen_sql(r.id),
        -- How many buckets a bucket is computed of; with lookback a row is counted in several, which are joined to it.
        'lookback', CASE WHEN r.lookback IS NOT NULL THEN x.reach END,
        'row_bucket', CASE WHEN r.lookback IS NULL THEN tally_internal._bucket_start_sql(x.rule, x.instant) ELSE '_tally_window.start' END,
        'window', CASE WHEN r.lookback IS NULL THEN '' ELSE format(' CROSS JOIN LATERAL %s _tally_window(start)',
            tally_internal._affected_buckets_sql(x.rule, x.reach, tally_internal._bucket_start_sql(x.rule, x.instant))) END,
        -- Whether its buckets are made of buckets of the rollup it stands on, so that one tells the other.
        'by_bucket', r.time_column = 'bucket' AND EXISTS (SELECT FROM tally.rollups p WHERE p.id = r.source_rollup AND p.key IS NULL))
      FROM (SELECT rule, tally_internal._time_as_timestamptz_sql(quote_ident(r.time_column), r.time_type, r.zone) AS instant,
                   tally_internal._lookback_buckets(rule, r.lookback) AS reach FROM tally_internal._bucket_rule_of(r) rule) x);
END $$;
COMMENT ON FUNCTION tally_internal._time_slots(tally.rollups) IS 'The slots of a resolved rollup over time that its bucket rule and its time column give.';

CREATE OR REPLACE FUNCTION tally_internal._key_slots(r tally.rollups) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('key', r.key, 'key_width', cardinality(r.key), 'marks', format('tally.%I', tally_internal._marks_table(r.id)),
        'key_names', tally_internal._key_names(r.key), 'marked_key', tally_internal._key_names(r.key, '_tally.k%s'),
        'mark_key', tally_internal._key_names(r.key, 'd.key[%s]'),
        'key_columns', tally_internal._key_names(r.key, '%2$I'), 'stored_key', tally_internal._key_names(r.key, 't.%2$I'),
        'key_is_marked', tally_internal._key_names(r.key, '_tally.k%s = t.%I', ' AND '),
        'key_values', string_agg(tally_internal._key_value_sql('_tally.k' || c.place, c.type), ', ' ORDER BY c.place),
        'key_is_never_null', r.source_rollup IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(r.key) k(name) WHERE k.name NOT IN (
            SELECT x.name FROM tally.dimensions x WHERE x.rollup_id = r.source_rollup)),
        -- Which rows may have the key '(none)', in a way that an index serves.
        'key_may_be_none', string_agg(format(CASE WHEN c.type IN ('text'::regtype, 'varchar'::regtype)
                                             THEN '%1$I IS NULL OR %1$I OPERATOR(pg_catalog.=) ''(none)'''
                                             ELSE '%1$I IS NULL' END, c.name), ' OR ' ORDER BY c.place))
      FROM tally_internal._key_columns(r.source, r.key) c
$$;
COMMENT ON FUNCTION tally_internal._key_slots(tally.rollups) IS 'The slots of a resolved rollup per key that its key gives.';

CREATE OR REPLACE FUNCTION tally_internal._resolved(r tally.rollups) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('id', r.id, 'table', r.relation, 'source', r.source, 'source_rollup', r.source_rollup, 'zone', r.zone,
        -- What a live view reads: the source, its live view where it is a rollup, or its face where it is a copy.
        'live_source', COALESCE((SELECT p.live_view FROM tally.rollups p WHERE p.id = r.source_rollup), tally_internal._face_of(r), r.source),
        'expand', tally_internal._expand_sql(r), 'live_expand', tally_internal._expand_sql(r, true), 'filter', COALESCE(r.filter, 'true'),
        'gate', tally_internal._gate_sql(r), 'emptied', r.emptied)
        || tally_internal._column_slots(r) || CASE WHEN r.key IS NULL THEN tally_internal._time_slots(r) ELSE tally_internal._key_slots(r) END;
END $$;
COMMENT ON FUNCTION tally_internal._resolved(tally.rollups) IS 'A rollup resolved for its SQL text: named slots.';

CREATE OR REPLACE FUNCTION tally_internal._resolved(rollup_id int) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._resolved(r) FROM tally.rollups r WHERE r.id = $1 $$;
COMMENT ON FUNCTION tally_internal._resolved(int) IS 'The resolved rollup of a number.';

CREATE OR REPLACE FUNCTION tally_internal._live_form(d jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT d || jsonb_build_object('source', d -> 'live_source', 'expand', d -> 'live_expand', 'live', true)
$$;
COMMENT ON FUNCTION tally_internal._live_form(jsonb) IS 'A resolved rollup as its live view reads it: from live views instead of tables.';

CREATE OR REPLACE FUNCTION tally_internal._sized_form(d jsonb) RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT d || jsonb_build_object('definition_measures', (d ->> 'definition_measures') || tally_internal._sizes_sql((d ->> 'id')::int))
$$;
COMMENT ON FUNCTION tally_internal._sized_form(jsonb) IS 'A resolved rollup whose definition also computes what _differs_sql() asks for.';

CREATE OR REPLACE FUNCTION tally_internal._columns_sql(d jsonb, template text, separator text DEFAULT ', ', which text DEFAULT 'all') RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT COALESCE(string_agg(format(template, c.name), separator ORDER BY c.n), '')
      FROM jsonb_array_elements_text(d -> 'columns' -> which) WITH ORDINALITY c(name, n));
END $$;
COMMENT ON FUNCTION tally_internal._columns_sql(jsonb, text, text, text) IS
'The columns of a resolved rollup through a format template, joined: which is all, key (bucket, if it has one, and dimensions), dimensions or measures.';
