-- Owns: keeping a failure to its key, as isolate.sql does for buckets. Keys that fail are set aside in the rollup's own table of marks, because a
-- key is data that only the owner may read.

CREATE OR REPLACE FUNCTION tally_internal._key_expressions(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(x.expression, ', ' ORDER BY x.ordinal) FROM tally.dimensions x WHERE x.rollup_id = r.id AND x.ordinal <= cardinality(r.key)
$$;
COMMENT ON FUNCTION tally_internal._key_expressions(tally.rollups) IS 'The columns of a source row''s key as text, as SQL text of a list.';

CREATE OR REPLACE FUNCTION tally_internal._set_key_aside(r tally.rollups, failed text[], state text, message text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    marks text := format('tally.%I', tally_internal._marks_table(r.id));
    place text;
    many  boolean;
BEGIN
    EXECUTE format('DELETE FROM %s d WHERE d.sqlstate IS NOT NULL AND d.key = $1', marks) USING failed;
    -- So many failures come from the definition, not from a row. Then the refresh fails as a whole.
    EXECUTE format('SELECT count(*) >= 100 FROM %s d WHERE d.sqlstate IS NOT NULL', marks) INTO many;
    IF many THEN
        PERFORM tally_internal._refuse(state, message, format('More than 100 keys of rollup %L fail in this way.', r.name),
                                       format('SELECT * FROM tally.alter_rollup(%L, …);', tally_internal._called(r)));
    END IF;
    place := tally_internal._failing_row(r, failed, NULL, NULL);
    EXECUTE format('INSERT INTO %s (key, sqlstate, message, source_row, computable) VALUES ($1, $2, $3, $4, $5)', marks)
      USING failed, state, message, place, NOT tally_internal._fails(r, failed, NULL, NULL, NULL, false);
    RAISE WARNING USING MESSAGE = format('a key of rollup %L is set aside: %s', r.name, state),
        DETAIL = COALESCE('The row is ' || place || '.', 'No single row of it fails by itself.') || ' The other keys go on.',
        HINT = format('SELECT key, message FROM %s WHERE sqlstate IS NOT NULL;', marks);
END $$;
COMMENT ON FUNCTION tally_internal._set_key_aside(tally.rollups, text[], text, text) IS
'Notes that a key cannot be computed or stored, with the row that does it where there is one.';

CREATE OR REPLACE FUNCTION tally_internal._apply_keys_isolated(r tally.rollups, keys text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrote jsonb;
    half  int := array_length(keys, 1) / 2;
BEGIN
    wrote := tally_internal._apply_keys(r, keys);
    EXECUTE format('DELETE FROM tally.%I d WHERE d.sqlstate IS NOT NULL AND d.key IN (SELECT ARRAY[%s] FROM %s AS _tally(%s))',
                   tally_internal._marks_table(r.id), tally_internal._key_names(r.key, '_tally.k%s'), tally_internal._key_list(cardinality(r.key)),
                   tally_internal._key_names(r.key)) USING keys;
    RETURN wrote;
EXCEPTION WHEN OTHERS THEN
    IF NOT tally_internal._fault_of_a_row(SQLSTATE) THEN RAISE; END IF;
    IF half = 0 THEN
        PERFORM tally_internal._set_key_aside(r, ARRAY(SELECT unnest(keys)), SQLSTATE, SQLERRM);
        RETURN '{"inserted": 0, "updated": 0, "deleted": 0}';
    END IF;
    RETURN tally_internal._sum_of_counts(tally_internal._apply_keys_isolated(r, keys[:half]), tally_internal._apply_keys_isolated(r, keys[half + 1:]));
END $$;
COMMENT ON FUNCTION tally_internal._apply_keys_isolated(tally.rollups, text[]) IS
'Recomputes chosen keys of a rollup; those that fail by a row are set aside, all others written.';

CREATE OR REPLACE FUNCTION tally_internal._keys_of_part(r tally.rollups, part int, parts int, most int) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- Those of the source and those that are stored.
    SELECT array_agg(ARRAY(SELECT jsonb_array_elements_text(x -> 'key')))
      FROM tally.run_as(r.owner, r.search_path, format('SELECT pg_catalog.to_jsonb(k.key) AS key FROM (SELECT ARRAY[%s] AS key FROM %s WHERE %s '
          'UNION SELECT ARRAY[%s] FROM %s t WHERE %s LIMIT %s) k', tally_internal._key_expressions(r), r.source,
          tally_internal._source_share_sql(r, part, parts), tally_internal._key_names(r.key, 't.%2$I'), r.relation,
          tally_internal._stored_share_sql(r, part, parts), most), 0, r.zone) x
$$;
COMMENT ON FUNCTION tally_internal._keys_of_part(tally.rollups, int, int, int) IS
'The keys of a part of a rollup per key, at most as many as the last argument says.';

CREATE OR REPLACE FUNCTION tally_internal._apply_part_isolated(r tally.rollups, part int, parts int) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most  CONSTANT int := 20000;
    wrote jsonb;
    keys  text[];
BEGIN
    wrote := tally_internal._apply_part(r, part, parts);
    EXECUTE format('DELETE FROM tally.%I d WHERE d.sqlstate IS NOT NULL AND %s', tally_internal._marks_table(r.id),
                   tally_internal._key_share_sql(ARRAY(SELECT format('d.key[%s]', n) FROM generate_series(1, cardinality(r.key)) n ORDER BY n), part, parts));
    RETURN wrote;
EXCEPTION WHEN OTHERS THEN
    IF NOT tally_internal._fault_of_a_row(SQLSTATE) THEN RAISE; END IF;
    keys := tally_internal._keys_of_part(r, part, parts, most + 1);
    IF COALESCE(array_length(keys, 1), 0) <= most OR parts >= 1 << 20 THEN
        RETURN tally_internal._apply_keys_isolated(r, keys);
    END IF;
    -- A mask of the hash tells the part, so one more bit of it halves the part.
    RETURN tally_internal._sum_of_counts(tally_internal._apply_part_isolated(r, part, 2 * parts),
                                         tally_internal._apply_part_isolated(r, part + parts, 2 * parts));
END $$;
COMMENT ON FUNCTION tally_internal._apply_part_isolated(tally.rollups, int, int) IS
'Recomputes a part of all keys of a rollup; keys that fail by a row are set aside, all others written.';

CREATE OR REPLACE FUNCTION tally_internal._computable_aside(rollup_id int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result boolean := EXISTS (SELECT b.rollup_id FROM tally.broken_buckets b WHERE b.rollup_id = $1 AND b.computable);
BEGIN
    IF NOT result AND EXISTS (SELECT r.id FROM tally.rollups r WHERE r.id = $1 AND r.key IS NOT NULL) THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM tally.%I d WHERE d.computable)', tally_internal._marks_table(rollup_id)) INTO result;
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._computable_aside(int) IS
'Whether buckets or keys of a rollup are set aside that its live view computes, so that what is stored on it is not exact.';
