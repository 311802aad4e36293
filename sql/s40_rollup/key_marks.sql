-- Owns: the marks of rollups per key: a table for each, taking them, and recomputing the keys they name.
--
-- Each has its own table, because a mark holds a key's value. Only the rollup's owner may read it, and the live view with the owner's
-- rights. Writers need no right to it, because capture writes below the executor.

CREATE OR REPLACE FUNCTION tally_internal._marks_table(rollup_id int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT 'dirty_keys_' || rollup_id $$;
COMMENT ON FUNCTION tally_internal._marks_table(int) IS 'Name of the table, in schema tally, that holds the marks of a rollup per key.';

CREATE OR REPLACE FUNCTION tally_internal._create_marks(rollup_id int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    marks text := format('tally.%I', tally_internal._marks_table(rollup_id));
    maker tally.role := (SELECT r.owner FROM tally.rollups r WHERE r.id = rollup_id AND r.key IS NOT NULL);
    item  record;
BEGIN
    -- A rollup over time has none.
    IF maker IS NULL OR to_regclass(marks) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE %s () INHERITS (tally.key_marks) WITH (autovacuum_vacuum_scale_factor = 0, '
                   'autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000)', marks);
    -- It has no index. An index over values of any length could make the writer fail, and every use reads all marks.
    PERFORM tally_internal._owner_only(marks);
    EXECUTE format('GRANT SELECT ON %s TO %s', marks, maker);
    -- As the table that it inherits from: in the hosted edition that has row security, and the maker owns both.
    IF (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = 'tally.key_marks'::regclass) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', marks);
        EXECUTE format('CREATE POLICY owner_alone ON %s USING (false)', marks);
    END IF;
    EXECUTE format('COMMENT ON TABLE %s IS %L', marks,
                   'Dirty marks of a rollup per key: keys whose source rows changed since they were last computed. Written by capture in the writer''s own '
        'transaction. Rows with an sqlstate are keys that a refresh has set aside.');
    FOR item IN SELECT a.attname AS name, col_description(a.attrelid, a.attnum) AS words FROM pg_attribute a
                 WHERE a.attrelid = 'tally.key_marks'::regclass AND a.attnum > 0 AND NOT a.attisdropped LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', marks, item.name, item.words);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._create_marks(int) IS 'Makes the table of marks of a rollup per key.';

CREATE OR REPLACE FUNCTION tally_internal._drop_marks(r tally.rollups, caller regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder regrole := (SELECT c.relowner FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v');
BEGIN
    IF NOT tally_internal._has_rights(caller, holder) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('rollup %L cannot be dropped: its live view belongs to %s, got %s', r.name, holder,
                caller), 'The view belongs to another role, so it must not go with the rollup.',
            format('SELECT tally.set_owner(%L, %L);', tally_internal._called(r), holder));
    END IF;
    -- The live view of a rollup per key reads its marks, so it goes first. Others' views on that are an error, as with DROP VIEW.
    IF holder IS NOT NULL THEN
        EXECUTE format('DROP VIEW %s', r.live_view);
    END IF;
    IF to_regclass('tally.' || tally_internal._marks_table(r.id)) IS NOT NULL THEN
        EXECUTE format('DROP TABLE tally.%I', tally_internal._marks_table(r.id));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._drop_marks(tally.rollups, regrole) IS
'Drops the live view of a rollup that _forget_rollup() takes out of the catalogue, and its table of marks.';

CREATE OR REPLACE FUNCTION tally_internal._marked_keys(rollup_id int, OUT keys bigint, OUT oldest timestamptz, OUT aside bigint, OUT sqlstate text,
                                                       OUT places text, OUT hint text)
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    keys := 0;
    IF EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND r.key IS NOT NULL)
        AND to_regclass('tally.' || tally_internal._marks_table(rollup_id)) IS NOT NULL THEN
        EXECUTE format('SELECT count(DISTINCT d.key) FILTER (WHERE d.sqlstate IS NULL), min(d.marked_at) FILTER (WHERE d.sqlstate IS NULL), '
            'count(*) FILTER (WHERE d.sqlstate IS NOT NULL), min(d.sqlstate), string_agg(d.sqlstate || COALESCE('', row '' || d.source_row, ''''), ''; '' '
            'ORDER BY d.source_row), min(format(''SELECT * FROM %%s WHERE ctid = %%L;  -- once it is changed, the next refresh computes its key'', '
            'split_part(d.source_row, '' '', 1), split_part(d.source_row, '' '', 2))) FILTER (WHERE d.source_row IS NOT NULL) FROM tally.%I d',
            tally_internal._marks_table(rollup_id)) INTO keys, oldest, aside, sqlstate, places, hint;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._marked_keys(int) IS
'How many keys of a rollup per key are marked and since when, and how many are set aside and by which rows, without saying which keys.';

CREATE OR REPLACE FUNCTION tally_internal._keys_due(r tally.rollups) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result boolean := false;
BEGIN
    IF r.key IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM tally.%I d WHERE d.sqlstate IS NULL)', tally_internal._marks_table(r.id)) INTO result;
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._keys_due(tally.rollups) IS 'Whether a rollup has marked keys.';

CREATE OR REPLACE FUNCTION tally_internal._take_keys(r tally.rollups, most int, OUT keys text[], OUT marks bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('WITH seen AS MATERIALIZED (SELECT d.key FROM tally.%1$I d WHERE d.sqlstate IS NULL LIMIT $1), '
                   'taken AS (DELETE FROM tally.%1$I d USING (SELECT DISTINCT s.key FROM seen s) c WHERE d.key = c.key AND d.sqlstate IS NULL '
                       'RETURNING d.key) '
                   -- A forged mark may have any shape.
                   'SELECT (SELECT array_agg(DISTINCT t.key) FROM taken t WHERE array_dims(t.key) = format(''[1:%%s]'', $2) AND array_position(t.key, NULL) '
                       'IS NULL), (SELECT count(*) FROM seen)', tally_internal._marks_table(r.id))
       INTO keys, marks USING most, cardinality(r.key);
END $$;
COMMENT ON FUNCTION tally_internal._take_keys(tally.rollups, int) IS
'Takes at most that many marks. Deletes all visible marks of their keys, and returns those keys (null where there are none) and how many marks it looked at.';

CREATE OR REPLACE FUNCTION tally_internal._apply_keys(r tally.rollups, keys text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    d      jsonb := tally_internal._resolved(r);
    list   text := tally_internal._key_list(cardinality(r.key));
    result jsonb;
BEGIN
    SELECT x INTO result FROM tally.run_as(r.owner, r.search_path, tally_internal._apply_query(r, d,
        tally_internal._unpacked_sql(d, tally_internal._keys_query(tally_internal._packed_form(d), list)),
        format('(%s) IN (SELECT _tally.* FROM %s _tally)', d ->> 'stored_key', list)), 0, r.zone, keys) x;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._apply_keys(tally.rollups, text[]) IS 'Recomputes chosen keys of a rollup in full, as its owner; counts of rows written.';

CREATE OR REPLACE FUNCTION tally_internal._key_index(source regclass, key text[]) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
                     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                    WHERE i.indrelid = source AND i.indisvalid AND i.indpred IS NULL AND m.amname IN ('btree', 'hash') AND a.attname = ANY (key))
$$;
COMMENT ON FUNCTION tally_internal._key_index(regclass, text[]) IS
'Whether an index of the source leads with a column of the key, so that a key can be read without a scan of all.';

CREATE OR REPLACE FUNCTION tally_internal._refresh_keys(r tally.rollups, most int, most_rows bigint, OUT more boolean, OUT keys bigint, OUT wrote jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    run   tally.runs;
    part  record;
    list  text[];
    marks float8;
BEGIN
    more := false;
    keys := 0;
    wrote := '{"inserted": 0, "updated": 0, "deleted": 0}';
    run.rollup_id := r.id;
    run.started_at := clock_timestamp();
    SELECT * INTO part FROM tally_internal._take_part(r, most_rows);
    IF part.parts IS NOT NULL THEN
        run.source_rows := tally_internal._source_rows(r.source) / part.parts;
        wrote := tally_internal._apply_part_isolated(r, part.part, part.parts);
        PERFORM tally_internal._log_run(run, wrote);
        more := tally_internal._due(r.id);
        RETURN;
    END IF;
    -- The number is bounded, so that a unit of work is.
    most := LEAST(most, 20000);
    IF most_rows IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM tally.%I', tally_internal._marks_table(r.id)) INTO marks;
        most := LEAST(most, GREATEST(100, most_rows * marks / GREATEST(tally_internal._source_rows(r.source), 1))::int);
    END IF;
    SELECT t.keys, COALESCE(t.marks >= most, false) INTO list, more FROM tally_internal._take_keys(r, most) t;
    IF list IS NULL THEN RETURN; END IF;
    keys := array_length(list, 1);
    run.buckets := keys;
    wrote := tally_internal._apply_keys_isolated(r, list);
    PERFORM tally_internal._log_run(run, wrote);
END $$;
COMMENT ON FUNCTION tally_internal._refresh_keys(tally.rollups, int, bigint) IS
'One unit of refresh of a rollup per key, under the lock the caller holds: a part of it where it is marked as a whole (all of it where most_rows is null or '
    'the source has no more), else up to so many marked keys.';

CREATE OR REPLACE FUNCTION tally_internal._parse_key(key text, label text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    list jsonb;
BEGIN
    IF key !~ '^\s*\[' THEN RETURN ARRAY[key]; END IF;
    list := key::jsonb;
    IF list = '[]' OR EXISTS (SELECT FROM jsonb_array_elements(list) e WHERE jsonb_typeof(e) <> 'string' OR e = '""') THEN
        RAISE invalid_parameter_value;
    END IF;
    RETURN ARRAY(SELECT e #>> '{}' FROM jsonb_array_elements(list) WITH ORDINALITY l(e, n) ORDER BY n);
EXCEPTION WHEN invalid_text_representation OR invalid_parameter_value THEN
    PERFORM tally_internal._refuse('invalid_parameter_value',
        format('key of rollup %L must be a column or a JSON array of columns, got %s', label, key), NULL,
        'Use for example key => ''session_id'' or key => ''["shop", "session_id"]''.');
END $$;
COMMENT ON FUNCTION tally_internal._parse_key(text, text) IS 'The columns of a key as it is given: one name, or a JSON array of names.';

CREATE OR REPLACE FUNCTION tally_internal._check_key(key text[], source regclass, label text) RETURNS void
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    bad record;
BEGIN
    PERFORM tally_internal._time_type(source, NULL, label, true);
    IF EXISTS (SELECT FROM tally.source_retentions s WHERE s.source = $2) THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('rollup %L per key needs all rows of %s, which keeps them for a time only', label, source),
            'A key is computed anew from all its rows, so that what is deleted would be missing from it.',
            format('SELECT * FROM tally.source_retentions WHERE source = %L::regclass;', source));
    END IF;
    SELECT c.name, c.type, CASE WHEN c.type IS NULL THEN 'which does not exist' ELSE 'of type ' || c.type END AS words INTO bad
      FROM tally_internal._key_columns(source, key) c
      LEFT JOIN pg_attribute a ON a.attrelid = source AND a.attname = c.name
      LEFT JOIN pg_collation l ON l.oid = a.attcollation
     WHERE c.type IS NULL OR tally_internal._key_value_sql('x', c.type) IS NULL OR l.collisdeterministic = false LIMIT 1;
    IF bad.name IS NOT NULL THEN
        PERFORM tally_internal._refuse(CASE WHEN bad.type IS NULL THEN 'undefined_column' ELSE 'datatype_mismatch' END,
            format('key of rollup %L must be columns of %s with one text for each value, got %L, %s', label, source, bad.name, bad.words),
            'A key is of type text, varchar, smallint, integer, bigint, uuid, boolean or an enum, with a deterministic collation.',
            CASE WHEN bad.type IS NULL THEN format('SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = %L::regclass AND attnum > '
                '0;', source)
                        ELSE tally_internal._add_key_column(source, bad.name, bad.type) END);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_key(text[], regclass, text) IS 'An error where a key''s columns are not there or are of a type that cannot be a key.';

CREATE OR REPLACE FUNCTION tally_internal._advise_key_index(made tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT tally_internal._key_index(made.source, made.key) THEN
        RAISE NOTICE USING MESSAGE = format('no index of %s leads with %s, so each refresh of rollup %L scans it all', made.source,
                                            tally_internal._key_names(made.key, '%2$I', ' or '), made.name),
            HINT = format('CREATE INDEX ON %s (%s);', made.source, tally_internal._key_names(made.key, '%2$I'));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._advise_key_index(tally.rollups) IS
'A NOTICE with the statement to run where no index of the source leads with a column of the key.';

CREATE OR REPLACE FUNCTION tally_internal._verify_keys(r tally.rollups, OUT labels jsonb, OUT stored jsonb, OUT definition jsonb, OUT dirty boolean)
    RETURNS SETOF record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d jsonb := tally_internal._sized_form(tally_internal._resolved(r));
BEGIN
    RETURN QUERY SELECT x -> 'labels', NULLIF(x -> 'stored', 'null'), NULLIF(x -> 'definition', 'null'), (x ->> 'dirty')::boolean
      FROM tally.run_as(r.owner, r.search_path, tally_internal._render(
        'SELECT pg_catalog.jsonb_build_object({labels}) AS labels, CASE WHEN t.{first} IS NOT NULL THEN pg_catalog.jsonb_build_object({stored}) END AS stored, '
        'CASE WHEN f.{first} IS NOT NULL THEN pg_catalog.jsonb_build_object({computed}) END AS definition, '
        '(EXISTS ({dirty_ranges})) OR EXISTS (SELECT FROM ({dirty}) _tally({key_names}) WHERE {key_is_marked}) AS dirty '
        'FROM ({fresh}) f FULL JOIN {table} t ON {same_key} WHERE f.{first} IS NULL OR t.{first} IS NULL OR {differs} ORDER BY 1',
        d || jsonb_build_object('labels', tally_internal._columns_sql(d, '%1$L, COALESCE(f.%1$I, t.%1$I)', ', ', 'dimensions'), 'first', quote_ident(r.key[1]),
            'stored', tally_internal._columns_sql(d, '%1$L, t.%1$I', ', ', 'measures'),
            'computed', tally_internal._columns_sql(d, '%1$L, f.%1$I', ', ', 'measures'),
            'dirty_ranges', tally_internal._dirty_ranges_query(d), 'dirty', tally_internal._dirty_keys_query(d), 'fresh', tally_internal._key_query(d),
            'key_is_marked', tally_internal._key_names(r.key, '_tally.k%1$s = COALESCE(f.%2$I, t.%2$I)', ' AND '),
            'same_key', tally_internal._columns_sql(d, 'f.%1$I = t.%1$I', ' AND ', 'key'),
            'differs', tally_internal._differs_sql(r.id, 'f', 't'))), 0, r.zone) x;
END $$;
COMMENT ON FUNCTION tally_internal._verify_keys(tally.rollups) IS
'Where the stored rows of a rollup per key differ from its definition, computed as its owner; for verify().';
