-- Owns: making what a rollup consists of: catalogue rows, table, live view, statistics, capture.

CREATE OR REPLACE FUNCTION tally_internal._new_dimension(made tally.rollups, target text, place int, name text, expression text) RETURNS tally.dimensions
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    kind    record;
    written text;
BEGIN
    SELECT * INTO kind FROM tally_internal._analyse(expression, made, target, 'dimension', name);
    IF kind.has_aggregate THEN
        PERFORM tally_internal._refuse('grouping_error',
            format('dimension %L must be an expression per source row, got an aggregate: %s', name, expression), NULL,
            format('Give it as a measure: measures => ''{"%s": "%s"}''.', name, expression));
    END IF;
    written := tally_internal._fixed_text_sql(expression, to_regtype(kind.type));
    PERFORM tally_internal._refuse('feature_not_supported',
        format('dimension %L expected of a type whose equal values have one text, got text under the collation %s', name, c.oid::regcollation),
        'Under this collation different texts are equal. A rollup keeps one text for each group, and no text stands for all of them.',
        format('Group by the text as it is, or by one form of it: dimensions => ''[{%1$s: "lower((%2$s) COLLATE \"default\")"}]''.', to_json(name), expression))
      FROM pg_collation c WHERE c.oid = kind."collation" AND NOT c.collisdeterministic AND kind.type <> 'citext';
    IF written IS NULL THEN
        -- The engine adds this cast. It may depend on the session even if the expression does not.
        written := format('(%s)::text', expression);
        PERFORM tally_internal._analyse(written, made, target, 'dimension', name);
        IF tally_internal._equals_look_different(to_regtype(kind.type)) THEN
            PERFORM tally_internal._refuse('feature_not_supported',
                format('dimension %L must be of a type whose equal values have one text, got %s', name, kind.type),
                'Equal values of this type are written in several ways, and a rollup keeps one text for each group.',
                format('Group by the text as it is: dimensions => ''[{%s: "(%s)::text"}]''.', to_json(name), expression));
        END IF;
    END IF;
    RETURN ROW(made.id, place, name, expression, tally_internal._dimension_sql(written))::tally.dimensions;
END $$;
COMMENT ON FUNCTION tally_internal._new_dimension(tally.rollups, text, int, text, text) IS
'The catalogue row of a dimension, of its expression over the source; errors say what is wrong with it.';

CREATE OR REPLACE FUNCTION tally_internal._new_measure(made tally.rollups, target text, place int, name text, expression text) RETURNS tally.measures
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    kind  record;
    merge text;
BEGIN
    SELECT * INTO kind FROM tally_internal._analyse(expression, made, target, 'measure', name);
    BEGIN
        merge := tally_internal._merge_of(kind.aggregate, kind.type, kind.has_distinct, name, expression);
    EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
        -- A key is always computed as a whole, so its measures need not merge.
        IF made.key IS NULL OR NOT kind.has_aggregate THEN RAISE; END IF;
    END;
    RETURN ROW(made.id, place, name, expression, kind.type, merge)::tally.measures;
END $$;
COMMENT ON FUNCTION tally_internal._new_measure(tally.rollups, text, int, text, text) IS
'The catalogue row of a measure, of its aggregate over the source; errors say what is wrong with it.';

CREATE OR REPLACE FUNCTION tally_internal._build_rollup(made tally.rollups, wanted jsonb, target text, with_data boolean) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item    record;
    columns text := CASE WHEN made.key IS NULL THEN ', bucket timestamptz NOT NULL' ELSE '' END;
    dims    tally.dimensions[] := '{}';
    nums    tally.measures[] := '{}';
BEGIN
    PERFORM tally_internal._check_column_count(made.name, jsonb_array_length(wanted -> 'dimensions'), jsonb_array_length(wanted -> 'measures'));
    made.owner := tally_internal._current_role();
    PERFORM tally_internal._refuse_fault(made);
    IF made.expand IS NOT NULL THEN
        PERFORM tally_internal._analyse('true', made, target, 'expand of rollup', made.name);
    END IF;
    FOR item IN SELECT d.d ->> 'name' AS name, d.d ->> 'expression' AS expression, d.n
        FROM jsonb_array_elements(wanted -> 'dimensions') WITH ORDINALITY d(d, n) LOOP
        dims := dims || tally_internal._new_dimension(made, target, item.n::int, item.name, item.expression);
        columns := columns || format(', %I text NOT NULL', item.name);
    END LOOP;
    FOR item IN SELECT m.m ->> 'name' AS name, m.m ->> 'expression' AS expression, m.m ->> 'type' AS type, m.m ->> 'merge' AS merge, m.n
        FROM jsonb_array_elements(wanted -> 'measures') WITH ORDINALITY m(m, n) LOOP
        nums := nums || CASE WHEN item.type IS NULL THEN tally_internal._new_measure(made, target, item.n::int, item.name, item.expression)
                             ELSE ROW(made.id, item.n, item.name, item.expression, item.type, item.merge)::tally.measures END;
        columns := columns || format(', %I %s', item.name, nums[cardinality(nums)].type);
    END LOOP;
    IF made.filter IS NOT NULL THEN
        PERFORM tally_internal._analyse(format('(%s)::boolean', made.filter), made, target, 'where of rollup', made.name);
    END IF;
    PERFORM tally_internal._check_columns(made.name, dims, nums);

    EXECUTE format('CREATE TABLE %I.%I (%s, PRIMARY KEY (%s)) WITH (fillfactor = 90)', target, made.name, substr(columns, 3),
        concat_ws(', ', CASE WHEN made.key IS NULL THEN 'bucket' END, (SELECT string_agg(quote_ident(d.name), ', ' ORDER BY d.ordinal) FROM unnest(dims) d)));
    made.relation := to_regclass(format('%I.%I', target, made.name));
    PERFORM tally_internal._owner_only(made.relation::text);
    made.id := tally_internal._store_rollup(made, dims, nums);
    made.live_view := tally_internal._begin_live(made.id);
    PERFORM tally_internal._comment_rollup(made.id);
    -- Capture takes its lock first: it waits for it longer than others would, and its error says who holds it.
    PERFORM tally_internal._begin_capture(made.id);
    PERFORM tally_internal._add_statistics(made.id);
    PERFORM tally_internal._announce('schedules_change'), tally_internal._announce('rollup_readable', made.id);
    IF made.key IS NULL THEN
        PERFORM tally_internal._advise_index(made);
        PERFORM tally_internal._advise_dimensions(made);
    ELSE
        PERFORM tally_internal._advise_key_index(made);
    END IF;
    IF with_data THEN
        PERFORM tally.refresh(tally_internal._called(made));
    ELSE
        RAISE NOTICE USING MESSAGE = format('rollup %L is defined; its history is not computed yet', made.name),
            DETAIL = format('%s is exact already.', made.live_view),
            HINT = format('CALL tally.backfill(%L);', tally_internal._called(made));
    END IF;
    RETURN made.relation;
END $$;
COMMENT ON FUNCTION tally_internal._build_rollup(tally.rollups, jsonb, text, boolean) IS
'Makes a rollup of a checked definition, in the caller''s transaction: all of it or nothing.';

CREATE OR REPLACE FUNCTION tally_internal._check_column_count(label text, dimensions int, measures int) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- PostgreSQL's own limits, in words: 32 columns of an index (bucket or key and dimensions are the primary key), 1,600 of a table.
    IF dimensions > 31 OR dimensions + measures > 1500 THEN
        PERFORM tally_internal._refuse('program_limit_exceeded',
            format('rollup %L must have at most 31 dimensions and 1500 columns, got %s and %s', label, dimensions, dimensions + measures),
            'Bucket and dimensions are the primary key, of which PostgreSQL takes 32 columns; a table has at most 1,600.',
            format('SELECT tally.create_rollup(%L, …);  -- several rollups, each with the dimensions that are looked at together', label || '_1'));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_column_count(text, int, int) IS 'An error if a new rollup would have more columns than PostgreSQL takes.';

CREATE OR REPLACE FUNCTION tally_internal._check_columns(label text, dims tally.dimensions[], nums tally.measures[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    twice text;
BEGIN
    PERFORM tally_internal._check_column_count(label, cardinality(dims), cardinality(nums));
    SELECT n.name INTO twice FROM (SELECT d.name FROM unnest(dims) d UNION ALL SELECT m.name FROM unnest(nums) m) n WHERE octet_length(n.name) > 63 LIMIT 1;
    IF twice IS NOT NULL THEN
        PERFORM tally_internal._refuse('name_too_long',
            format('the name of a dimension or measure of rollup %L must have at most 63 bytes, got %s: %L', label, octet_length(twice), twice),
            'It is the name of a column, which PostgreSQL would cut off.',
            format('Name it for example "%s".', left(twice, 30)));
    END IF;
    SELECT n.name INTO twice FROM (SELECT 'bucket' AS name UNION ALL SELECT d.name FROM unnest(dims) d UNION ALL SELECT m.name FROM unnest(nums) m) n
     GROUP BY n.name HAVING count(*) > 1 LIMIT 1;
    IF twice IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_column', format('rollup %L would have the column %L twice', label, twice),
            'Its columns are bucket, the dimensions and the measures.',
            format('Name an expression otherwise, for example dimensions => ''[{"%s_name": "%s"}]''.', twice, twice));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_columns(text, tally.dimensions[], tally.measures[]) IS
'An error if a new rollup would have two columns of one name, a column whose name PostgreSQL does not take, or too many columns.';

CREATE OR REPLACE FUNCTION tally_internal._comment_rollup(rollup_id int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r    tally.rollups;
    item record;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    FOR item IN SELECT 'TABLE' AS kind, r.relation AS target, 'as of its last refresh' AS state
                UNION ALL SELECT 'VIEW', r.live_view, 'exact at every moment' LOOP
        EXECUTE format('COMMENT ON %s %s IS %L', item.kind, item.target,
            format('%sRollup of %s per %s, %s. Managed by pg_tally: do not write to it.', r.description || E'\n', r.source,
                   COALESCE(tally_internal._key_names(r.key, '%2$s'), format('%s (%s)', r.bucket, r.zone)), item.state));
    END LOOP;
    FOR item IN SELECT x.relation, c.name, c.words FROM (VALUES (r.relation), (r.live_view)) x(relation)
                 CROSS JOIN LATERAL (
                    SELECT 'bucket' AS name, format('Start of the bucket of %s.', r.bucket) AS words WHERE r.key IS NULL
                    UNION ALL SELECT d.name, format('Dimension: %s; ''(none)'' where that is NULL.', d.given) FROM tally.dimensions d WHERE d.rollup_id = r.id
                    UNION ALL SELECT m.name, format('Measure: %s.', m.expression)
                        || COALESCE(' Merge with ' || format(m.merge, m.name) || '.', ' Does not merge.') FROM tally.measures m WHERE m.rollup_id = r.id) c LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', item.relation, item.name, item.words);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._comment_rollup(int) IS 'COMMENTs on a rollup''s table, live view and their columns, from the definition.';

CREATE OR REPLACE FUNCTION tally_internal._advise_index(made tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT tally_internal._time_index(made.source, made.time_column) THEN
        RAISE NOTICE USING MESSAGE = format('no index of %s leads with %I, so each refresh of rollup %L scans it all', made.source, made.time_column,
                                            made.name),
            HINT = format('CREATE INDEX ON %s USING brin (%I);  -- or btree, where rows do not arrive in order of time', made.source, made.time_column);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._advise_index(tally.rollups) IS 'A NOTICE with the statement to run where the source''s time column has no index.';

CREATE OR REPLACE FUNCTION tally_internal._many_values(made tally.rollups) RETURNS TABLE (dimension text, of_column text, values_ bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What ANALYZE has estimated: a share of the rows where it is negative. An expression has no estimate of its own.
    SELECT d.name, a.attname::text, n.n
      FROM tally.dimensions d
      JOIN pg_attribute a ON a.attrelid = made.source AND a.attnum > 0 AND NOT a.attisdropped AND d.given = quote_ident(a.attname)
      JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace s ON s.oid = c.relnamespace
      CROSS JOIN LATERAL (SELECT max(CASE WHEN x.n_distinct < 0 THEN -x.n_distinct * greatest(c.reltuples, 0) ELSE x.n_distinct END)::bigint AS n
                            FROM pg_stats x WHERE x.schemaname = s.nspname AND x.tablename = c.relname AND x.attname = a.attname) n
     WHERE d.rollup_id = made.id AND n.n > 100000 ORDER BY d.ordinal
$$;
COMMENT ON FUNCTION tally_internal._many_values(tally.rollups) IS
'Dimensions of a rollup that are columns of more than 100,000 values, by the planner''s statistics: it would hold about as many rows as its source.';

CREATE OR REPLACE FUNCTION tally_internal._advise_dimensions(made tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    many record;
BEGIN
    FOR many IN SELECT * FROM tally_internal._many_values(made) LOOP
        RAISE WARNING USING MESSAGE = format('dimension %L of rollup %L has about %s values, and the rollup a row for each of them and bucket', many.dimension,
                                             made.name, many.values_),
            DETAIL = 'A rollup is worth its refreshes where it is much smaller than its source. Identifiers are better counted, or made the key of a rollup.',
            HINT = format('SELECT tally.alter_rollup(%L, drop_dimensions => ARRAY[%L], add_measures => %L);', made.name, many.dimension,
                          json_build_object(left(many.dimension, 20) || '_count', format('tally.hll(%I)', many.of_column)));
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._advise_dimensions(tally.rollups) IS 'A WARNING with the statement to run where a dimension has very many values.';
