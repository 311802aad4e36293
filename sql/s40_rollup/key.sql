-- Owns: key partitions as SQL text: which columns a key has, how a marked key (text) finds its source rows by index, and the
-- definition, dirty partitions and live view of a rollup per key. Beside bucket.sql and definition.sql, which own time.
--
-- A key's columns are the first dimensions of its rollup, as text. Marks hold that text, so a mark names exactly the stored
-- rows; the source is searched by the column's own type, so that its index serves. Only types whose text is one to one
-- are taken, and text is turned into them by expressions that never fail: a forged mark must not break a refresh.

CREATE OR REPLACE FUNCTION tally_internal._key_value_sql(value text, column_type regtype) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN column_type IN ('text'::regtype, 'varchar'::regtype) THEN value
        WHEN column_type IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN format(
            'CASE WHEN %1$s !~ ''^-?[0-9]{1,19}$'' THEN NULL WHEN %1$s::numeric NOT BETWEEN %2$s THEN NULL ELSE %1$s::%3$s END', value,
            CASE column_type WHEN 'int2'::regtype THEN '-32768 AND 32767' WHEN 'int4'::regtype THEN '-2147483648 AND 2147483647'
                             ELSE '-9223372036854775808 AND 9223372036854775807' END, column_type)
        WHEN column_type = 'uuid'::regtype THEN
            format('CASE WHEN %1$s ~ ''^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'' THEN %1$s::uuid END', value)
        WHEN column_type = 'bool'::regtype THEN format('CASE %s WHEN ''true'' THEN true WHEN ''false'' THEN false END', value)
        WHEN (SELECT t.typtype FROM pg_type t WHERE t.oid = column_type) = 'e' THEN
            format('CASE WHEN %1$s = ANY (pg_catalog.enum_range(NULL::%2$s)::text[]) THEN %1$s::%2$s END', value, column_type)
    END
$$;
COMMENT ON FUNCTION tally_internal._key_value_sql(text, regtype) IS
'SQL text that turns a key''s text (SQL text too) into its column''s type, NULL where it is none of its values; null for types that cannot be keys.';

CREATE OR REPLACE FUNCTION tally_internal._key_list(width int) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- One array per column: the planner takes its length for the number of keys.
    SELECT format('ROWS FROM (%s)', string_agg(format('pg_catalog.unnest(($1)[:][%s:%s])', i, i), ', ' ORDER BY i)) FROM generate_series(1, width) i
$$;
COMMENT ON FUNCTION tally_internal._key_list(int) IS
'SQL text of keys of so many columns as a relation of text columns; the parameter $1 holds them, an array of arrays.';

CREATE OR REPLACE FUNCTION tally_internal._key_query(rollup_id int, source text, condition text DEFAULT 'true',
                                                     live boolean DEFAULT false, sized boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s, %s FROM %s%s WHERE (%s) AND (%s) GROUP BY %s', a.keys, a.columns, $2, tally_internal._expand_sql(r, $4),
                  COALESCE(r.filter, 'true'),
                  condition, a.ordinals)
      FROM tally.rollups r, tally_internal._aggregates_sql(r.id, sized) a WHERE r.id = $1
$$;
COMMENT ON FUNCTION tally_internal._key_query(int, text, text, boolean, boolean) IS
'The definition of a rollup per key over the source rows of a condition (SQL text); live: what it reads beside them by its live view; sized: with what '
    '_differs_sql() asks for.';

CREATE OR REPLACE FUNCTION tally_internal._keys_query(rollup_id int, source text, keys text, gate text DEFAULT 'true',
                                                      live boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Two parts, because '(none)' stands for NULL, which no index search by = finds. Their keys are different ones.
    SELECT tally_internal._key_query(r.id, $2, format('%s AND (%s) IN (SELECT %s FROM %s AS _tally(%s) WHERE ''(none)'' <> ALL (ARRAY[%s]))', gate,
               tally_internal._key_names(r.key, '%2$I'),
               (SELECT string_agg(tally_internal._key_value_sql('_tally.k' || c.place, c.type), ', ' ORDER BY c.place)
                FROM tally_internal._key_columns(r.source, r.key) c),
               keys, tally_internal._key_names(r.key), tally_internal._key_names(r.key, '_tally.k%s')), $5)
        || ' UNION ALL ' ||
           tally_internal._key_query(r.id, $2,
                                     format('%s AND (SELECT EXISTS (SELECT FROM %s AS _tally(%s) WHERE ''(none)'' = ANY (ARRAY[%s]))) AND (%5$s) IN (SELECT '
               '%4$s FROM %2$s AS _tally(%3$s) WHERE ''(none)'' = ANY (ARRAY[%4$s])) AND (%6$s)',
               gate, keys, tally_internal._key_names(r.key), tally_internal._key_names(r.key, '_tally.k%s'),
               (SELECT string_agg(d.expression, ', ' ORDER BY d.ordinal) FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.ordinal <= cardinality(r.key)),
               -- Which rows those can be is said once more, in a way that an index serves.
               (SELECT string_agg(format(CASE WHEN c.type IN ('text'::regtype, 'varchar'::regtype) THEN '%1$I IS NULL OR %1$I = ''(none)'''
                                         ELSE '%1$I IS NULL' END, c.name), ' OR ' ORDER BY c.place)
                  FROM tally_internal._key_columns(r.source, r.key) c)), $5)
      FROM tally.rollups r WHERE r.id = $1
$$;
COMMENT ON FUNCTION tally_internal._keys_query(int, text, text, text, boolean) IS
'The definition over chosen keys. keys is SQL text of a relation of the key''s text columns, gate of a condition that is the same for all rows; live: as '
    'in _key_query().';

CREATE OR REPLACE FUNCTION tally_internal._changed_rows_query(rollup_id int) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s FROM %s t WHERE (%s) IN (SELECT * FROM (%s) _tally_dirty) UNION ALL %s',
                  tally_internal._columns_sql(r.id, 't.%I'), r.relation, CASE WHEN r.key IS NULL THEN 't.bucket'
                      ELSE tally_internal._key_names(r.key, 't.%2$I') END, dirty,
                  CASE WHEN r.key IS NULL THEN tally_internal._bucket_query(r.id, origin, format('(%s)', dirty))
                      ELSE tally_internal._keys_query(r.id, origin, format('(%s)', dirty), live => true) END)
      FROM tally.rollups r, tally_internal._dirty_query(r.id) dirty, tally_internal._definition_source(r) origin WHERE r.id = $1
$$;
COMMENT ON FUNCTION tally_internal._changed_rows_query(int) IS
'SQL text of the rows of a rollup whose partitions are dirty, as stored and as defined: what rollups on it see change when it is refreshed.';

CREATE OR REPLACE FUNCTION tally_internal._definition_source(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((SELECT p.live_view FROM tally.rollups p WHERE p.id = r.source_rollup), r.source)::text
$$;
COMMENT ON FUNCTION tally_internal._definition_source(tally.rollups) IS 'What a live view reads of: the source, or its live view where it is a rollup.';

CREATE OR REPLACE FUNCTION tally_internal._dirty_keys_query(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s FROM tally.%I d WHERE pg_catalog.cardinality(d.key) = %s', tally_internal._key_names(r.key, 'd.key[%s]'),
                  tally_internal._marks_table(r.id),
                  cardinality(r.key))
        || CASE WHEN r.source_rollup IS NULL THEN ''
                ELSE format(' UNION SELECT %s FROM (%s) _tally_up', (SELECT string_agg(d.expression, ', ' ORDER BY d.ordinal) FROM tally.dimensions d
                                                                   WHERE d.rollup_id = r.id AND d.ordinal <= cardinality(r.key)),
                                                                       tally_internal._changed_rows_query(r.source_rollup)) END
        || COALESCE(' UNION ' || tally_internal._beside_keys_query(r.id), '')
$$;
COMMENT ON FUNCTION tally_internal._dirty_keys_query(tally.rollups) IS
'SQL text of the keys of a rollup that are dirty by its own marks or by those of the rollups it stands on.';

CREATE OR REPLACE FUNCTION tally_internal._whole_source_sql(r tally.rollups, source text, wide text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- That all is marked is rare, and the planner cannot know. It takes a LIMIT that it cannot see for a tenth of the rows; two of them keep
    -- this part, which is not run, from costing so much that the whole is compiled (JIT took 12 s of a query of 0.1 s). Only the columns that are
    -- read, or the source could lose and change no other. Under the source's own name, by which the definition may call it.
    SELECT CASE WHEN x.names IS NULL THEN source
           ELSE format('(SELECT * FROM (SELECT %1$s FROM %2$s LIMIT (SELECT CASE WHEN NOT %3$s THEN 0 END)) a LIMIT (SELECT CASE WHEN NOT %3$s THEN 0 END)) '
               '%4$I', x.names, source, wide,
                       (SELECT c.relname FROM pg_class c WHERE c.oid = source::regclass)) END
      FROM (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place) AS names FROM tally.reads c WHERE c.rollup_id = r.id) x
$$;
COMMENT ON FUNCTION tally_internal._whole_source_sql(tally.rollups, text, text) IS
'SQL text of the source of a rollup per key for the part of its live view that reads all of it, in a form that is cheap where wide (SQL text) is false; the '
    'source itself as long as nobody knows which columns are read.';

CREATE OR REPLACE FUNCTION tally_internal._live_keys_query(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s FROM %s t WHERE %s AND NOT (SELECT %s) AND NOT EXISTS (SELECT FROM (%s) _tally(%s) WHERE %s) UNION ALL %s UNION ALL %s',
        tally_internal._columns_sql(r.id, 't.%I'), r.relation, gate, wide, dirty, tally_internal._key_names(r.key),
            tally_internal._key_names(r.key, '_tally.k%s = t.%I', ' AND '),
        tally_internal._keys_query(r.id, source, format('(%s)', dirty), format('%s AND NOT (SELECT %s)', gate, wide), true),
        tally_internal._key_query(r.id, tally_internal._whole_source_sql(r, source, wide), format('%s AND (SELECT %s)', gate, wide), true))
      FROM tally_internal._dirty_keys_query(r) dirty, tally_internal._definition_source(r) source, tally_internal._gate_sql(r) gate,
           format('EXISTS (%s)', tally_internal._dirty_ranges_query(r.id)) wide
$$;
COMMENT ON FUNCTION tally_internal._live_keys_query(tally.rollups) IS
'SQL text of the live view of a rollup per key: stored rows of clean keys, the definition for dirty ones, or for all while a whole is marked.';
