-- Owns: key partitions as SQL text: which columns a key has, how a marked key (text) finds its source rows by index, and the
-- definition, dirty partitions and live view of a rollup per key. Beside bucket.sql and definition.sql, which own time.
--
-- A key's columns are the first dimensions of its rollup, as text. Marks hold that text, so a mark names exactly the stored rows. The
-- source is searched by the column's own type, so that its index serves. A key must have a type with one text for each value. Text becomes
-- that type by expressions that never fail, because a forged mark must not break a refresh.

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
'SQL text that turns a key''s text (SQL text too) into its column''s type; that text gives NULL for what is no value of the type. NULL for types that '
    'cannot be keys.';

CREATE OR REPLACE FUNCTION tally_internal._key_list(width int) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- One array per column: the planner takes its length for the number of keys.
    SELECT format('ROWS FROM (%s)', string_agg(format('pg_catalog.unnest(($1)[:][%s:%s])', i, i), ', ' ORDER BY i)) FROM generate_series(1, width) i
$$;
COMMENT ON FUNCTION tally_internal._key_list(int) IS
'SQL text of keys of so many columns as a relation of text columns; the parameter $1 holds them, an array of arrays.';

CREATE OR REPLACE FUNCTION tally_internal._key_query(d jsonb, condition text DEFAULT 'true') RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._render('SELECT {definition_dimensions}{definition_measures} FROM {source}{expand} WHERE ({filter}) AND ({condition}) '
                                  'GROUP BY {groups}',
                                  d || jsonb_build_object('condition', condition))
$$;
COMMENT ON FUNCTION tally_internal._key_query(jsonb, text) IS
'The definition of a resolved rollup per key over the source rows of a condition (SQL text).';

CREATE OR REPLACE FUNCTION tally_internal._seldom_source_sql(d jsonb, wanted text, rows text DEFAULT 'true') RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- The planner cannot know that these rows are seldom asked for. It takes an unknown LIMIT for a tenth of the rows. Two of them make this
    -- part, which is hardly ever run, so cheap that the query is not compiled (JIT took 12 s of a query of 0.1 s). Only the columns that are read
    -- are listed, so that the source may lose or change the others. The item has the source's own name, because the definition may use it.
    SELECT CASE WHEN x.names IS NULL THEN d ->> 'source' ELSE tally_internal._render(
               '(SELECT * FROM (SELECT {read_columns} FROM {source} WHERE {rows} LIMIT (SELECT CASE WHEN NOT {wanted} THEN 0 END)) a '
               'LIMIT (SELECT CASE WHEN NOT {wanted} THEN 0 END)) {own_name}',
               d || jsonb_build_object('read_columns', x.names, 'wanted', wanted, 'rows', rows,
                                       'own_name', (SELECT quote_ident(c.relname) FROM pg_class c WHERE c.oid = (d ->> 'source')::regclass))) END
      FROM (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.place) AS names FROM tally.reads c WHERE c.rollup_id = (d ->> 'id')::int) x
$$;
COMMENT ON FUNCTION tally_internal._seldom_source_sql(jsonb, text, text) IS
'SQL text of some rows of the source of a rollup per key for a part of its live view that is seldom run, in a form that is cheap where wanted (SQL text) '
    'is false; the source itself as long as nobody knows which columns are read.';

CREATE OR REPLACE FUNCTION tally_internal._keys_query(d jsonb, keys text, gate text DEFAULT 'true') RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- A varchar and a text have no = of their own, so a schema of the search_path could bring one; the operator is named in full.
    -- There are two parts, because '(none)' stands for NULL, and a search by = does not find NULL. No key is in both. Which rows those can
    -- be is said once more, in a way that an index serves. A dimension of a rollup is never NULL, so a key of them needs one part.
    SELECT tally_internal._key_query(d, tally_internal._render(
               '{keys_gate} AND ({key_columns}) OPERATOR(pg_catalog.=) ANY (SELECT {key_values} FROM {keys} AS _tally({key_names})'
               || CASE WHEN (d ->> 'key_is_never_null')::boolean THEN ')' ELSE ' WHERE ''(none)'' <> ALL (ARRAY[{marked_key}]))' END, slots))
        || CASE WHEN (d ->> 'key_is_never_null')::boolean THEN '' ELSE ' UNION ALL ' || tally_internal._key_query(
               CASE WHEN d ? 'live' THEN d || jsonb_build_object('source', tally_internal._seldom_source_sql(d, asked, d ->> 'key_may_be_none')) ELSE d END,
               tally_internal._render('{keys_gate} AND (SELECT {none}) AND ({key_expressions}) IN (SELECT {marked_key} FROM {keys} AS _tally({key_names}) '
               'WHERE ''(none)'' = ANY (ARRAY[{marked_key}])) AND ({key_may_be_none})', slots || jsonb_build_object('none', asked))) END
      FROM (SELECT d || jsonb_build_object('keys', keys, 'keys_gate', gate)) x(slots),
           tally_internal._render('EXISTS (SELECT FROM {keys} AS _tally({key_names}) WHERE ''(none)'' = ANY (ARRAY[{marked_key}]))', slots) asked
$$;
COMMENT ON FUNCTION tally_internal._keys_query(jsonb, text, text) IS
'The definition of a resolved rollup over chosen keys. keys is SQL text of a relation of the key''s text columns, gate of a condition that is the same for '
    'all rows.';

CREATE OR REPLACE FUNCTION tally_internal._changed_rows_query(d jsonb, columns text[]) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- A view depends on each column that it names. So this names only those that somebody asks for, and the others can go.
    SELECT tally_internal._render('WITH _tally_changed AS MATERIALIZED ({dirty}) SELECT {some_stored} FROM {table} t WHERE ({partition}) IN (SELECT * FROM '
                                  '_tally_changed) UNION ALL SELECT {some_fresh} FROM ({fresh}) _tally_fresh',
        d || jsonb_build_object('partition', COALESCE(d ->> 'stored_key', 't.bucket'), 'dirty',
                CASE WHEN d ? 'key' THEN tally_internal._dirty_query(d) ELSE tally_internal._few_sql(tally_internal._dirty_query(d)) END,
            'some_stored', (SELECT string_agg(DISTINCT format('t.%I', c), ', ') FROM unnest(columns) c),
            'some_fresh', (SELECT string_agg(DISTINCT format('_tally_fresh.%I', c), ', ') FROM unnest(columns) c),
            'fresh', CASE WHEN d ? 'key' THEN tally_internal._keys_query(live, '_tally_changed')
                          ELSE tally_internal._bucket_query(live, '_tally_changed') END))
      FROM tally_internal._live_form(d) live
$$;
COMMENT ON FUNCTION tally_internal._changed_rows_query(jsonb, text[]) IS
'SQL text of some columns of the rows of a resolved rollup whose partitions are dirty, as stored and as defined: what rollups on it see change when it is '
    'refreshed.';

CREATE OR REPLACE FUNCTION tally_internal._dirty_keys_among(d jsonb, changed text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A key that cannot be computed is shown as it was stored last. One that can be computed, and not stored, counts as marked.
    SELECT tally_internal._render('SELECT _tally.* FROM ({marked}) _tally({key_names}) WHERE NOT EXISTS (SELECT FROM {marks} x '
                                  'WHERE NOT x.computable AND x.key = ARRAY[{marked_key}])', d || jsonb_build_object('marked',
        tally_internal._render('SELECT {mark_key} FROM {marks} d WHERE pg_catalog.cardinality(d.key) = {key_width}', d)
        || COALESCE(' UNION SELECT ' || (d ->> 'key_expressions') || ' FROM (' || changed || ') _tally_up', '')
        || COALESCE(' UNION ' || tally_internal._beside_keys_query((d ->> 'id')::int), '')))
$$;
COMMENT ON FUNCTION tally_internal._dirty_keys_among(jsonb, text) IS
'SQL text of the dirty keys of a resolved rollup, by its own marks and by rows (SQL text) that change in the rollup it stands on, or null.';

CREATE OR REPLACE FUNCTION tally_internal._dirty_keys_query(d jsonb) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._dirty_keys_among(d, CASE WHEN d ->> 'source_rollup' IS NOT NULL THEN
        tally_internal._changed_rows_query(tally_internal._resolved((d ->> 'source_rollup')::int), ARRAY(SELECT jsonb_array_elements_text(d -> 'key'))) END)
$$;
COMMENT ON FUNCTION tally_internal._dirty_keys_query(jsonb) IS
'SQL text of the keys of a resolved rollup that are dirty by its own marks or by those of the rollups it stands on.';

CREATE OR REPLACE FUNCTION tally_internal._live_keys_query(d jsonb) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    d := d || jsonb_build_object('stored_columns', tally_internal._columns_sql(d, 't.%I'), 'dirty', tally_internal._dirty_keys_query(d),
        'any_range', format('EXISTS (%s)', COALESCE('SELECT FROM ' || tally_internal._chain_call(d, '_marked_hull'), tally_internal._dirty_ranges_query(d))));
    RETURN tally_internal._render(
        -- Which keys are dirty is asked once for all stored rows, also where the planner expects one row and means to ask for each; and once for all that is
        -- made of them. To ask it may mean to look through other rollups.
        'SELECT {stored_columns} FROM {table} t WHERE {gate} AND NOT (SELECT {any_range}) AND NOT EXISTS (SELECT FROM (WITH _tally_marked AS MATERIALIZED '
        '({dirty}) SELECT * FROM _tally_marked) _tally({key_names}) WHERE {key_is_marked}) UNION ALL '
        'SELECT _tally_due.* FROM (WITH _tally_keys AS MATERIALIZED (SELECT * FROM ({dirty}) _tally({key_names}) WHERE {gate} '
        'AND NOT (SELECT {any_range})) {fresh}) _tally_due UNION ALL {whole}',
        d || jsonb_build_object(
            'fresh', tally_internal._keys_query(d, '_tally_keys'),
            'whole', tally_internal._key_query(d || jsonb_build_object('source', tally_internal._seldom_source_sql(d, d ->> 'any_range')),
                                               tally_internal._render('{gate} AND (SELECT {any_range})', d))));
END $$;
COMMENT ON FUNCTION tally_internal._live_keys_query(jsonb) IS
'SQL text of the live view of a resolved rollup per key: stored rows of clean keys, the definition for dirty ones, or for all while a whole is marked.';
