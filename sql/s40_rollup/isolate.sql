-- Owns: keeping a failure to its bucket. A row may not be computable, or a dimension too long for an index row. A range that fails is halved
-- until single buckets fail. These are set aside, with the row that causes it, and all others are written.

CREATE OR REPLACE FUNCTION tally_internal._fault_of_a_row(sqlstate text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Data exceptions, an index row too long, a subquery with several rows, a check, an error that a function of the owner's raises.
    SELECT sqlstate LIKE '22%' OR sqlstate IN ('54000', '21000', '23514', '23502', 'P0001')
$$;
COMMENT ON FUNCTION tally_internal._fault_of_a_row(text) IS 'Whether an error may be the doing of one row, so that other buckets can be computed without it.';

CREATE OR REPLACE FUNCTION tally_internal._fails(r tally.rollups, key text[], since timestamptz, until timestamptz, rows tid[], storing boolean)
    RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d      jsonb := tally_internal._resolved(r);
    keys   text := tally_internal._key_list(cardinality(key));
    chosen text := CASE WHEN rows IS NULL THEN 'true' ELSE format('%I.ctid = ANY ($4)', (SELECT c.relname FROM pg_class c WHERE c.oid = r.source)) END;
    fresh  text := CASE WHEN key IS NULL THEN tally_internal._range_query(d, '$2', '$3', chosen) ELSE tally_internal._keys_query(d, keys, chosen) END;
    scope  text := CASE WHEN key IS NULL THEN 't.bucket >= $2 AND t.bucket < $3' ELSE format('(%s) IN (SELECT _tally.* FROM %s _tally)', d ->> 'stored_key',
                                                                                            keys) END;
BEGIN
    PERFORM tally.run_as(r.owner, r.search_path, CASE WHEN storing THEN tally_internal._apply_query(r, d, fresh, scope)
        ELSE format('SELECT pg_catalog.count(x::pg_catalog.text) FROM (%s) x', fresh) END, 0, r.zone, ARRAY[key], since, until, rows);
    -- It only tries. Nothing of it stays.
    PERFORM tally_internal._refuse('TL000', 'it does not fail', NULL, NULL);
EXCEPTION
    WHEN SQLSTATE 'TL000' THEN RETURN false;
    WHEN OTHERS THEN
        IF NOT tally_internal._fault_of_a_row(SQLSTATE) THEN RAISE; END IF;
        RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._fails(tally.rollups, text[], timestamptz, timestamptz, tid[], boolean) IS
'Whether computing (or storing too) a key of a rollup, or a range where key is null, from chosen source rows (null: all) fails by a row; nothing is written.';

CREATE OR REPLACE FUNCTION tally_internal._failing_row(r tally.rollups, key text[], since timestamptz, until timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most  CONSTANT int := 50000;
    place text := (SELECT format('%I', c.relname) FROM pg_class c WHERE c.oid = r.source);
    rows  tid[];
    half  tid[];
BEGIN
    SELECT array_agg((x ->> 'place')::tid) INTO rows FROM tally.run_as(r.owner, r.search_path,
            format('SELECT %s.ctid::pg_catalog.text AS place FROM %s WHERE %s LIMIT %s', place, r.source, CASE WHEN key IS NULL
        THEN tally_internal._range_sql(r.time_column, r.time_type, r.zone, tally_internal._bucket_rule_of(r), '$2', '$3')
        ELSE format('ARRAY[%s] = $1', tally_internal._key_expressions(r)) END, most + 1), 0, r.zone, key, since, until) x;
    IF rows IS NULL OR cardinality(rows) > most OR NOT tally_internal._fails(r, key, since, until, rows, true) THEN RETURN NULL; END IF;
    WHILE cardinality(rows) > 1 LOOP
        half := rows[:cardinality(rows) / 2];
        IF NOT tally_internal._fails(r, key, since, until, half, true) THEN
            half := rows[cardinality(rows) / 2 + 1:];
            -- Neither half fails alone, so it takes several rows.
            IF NOT tally_internal._fails(r, key, since, until, half, true) THEN RETURN NULL; END IF;
        END IF;
        rows := half;
    END LOOP;
    RETURN format('%s %s', r.source, rows[1]);
END $$;
COMMENT ON FUNCTION tally_internal._failing_row(tally.rollups, text[], timestamptz, timestamptz) IS
'A source row of a key, or of a range where key is null, that fails by itself, as table and ctid; null where none does or there are more than 50,000.';

CREATE OR REPLACE FUNCTION tally_internal._set_bucket_aside(r tally.rollups, failed timestamptz, state text, message text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until timestamptz := tally_internal._bucket_end(tally_internal._bucket_rule_of(r), failed);
    place text;
BEGIN
    -- So many failures come from the definition, not from a row. Then the refresh fails as a whole.
    IF (SELECT count(*) FROM tally.broken_buckets x WHERE x.rollup_id = r.id AND x.bucket <> failed) >= 100 THEN
        PERFORM tally_internal._refuse(state, message,
            format('More than 100 buckets of rollup %L fail in this way.', r.name),
            format('SELECT * FROM tally.alter_rollup(%L, …);', tally_internal._called(r)));
    END IF;
    place := tally_internal._failing_row(r, NULL, failed, until);
    INSERT INTO tally.broken_buckets AS b (rollup_id, bucket, computable, sqlstate, message, source_row)
    VALUES (r.id, failed, NOT tally_internal._fails(r, NULL, failed, until, NULL, false), state, message, place)
        ON CONFLICT ON CONSTRAINT broken_buckets_pkey DO UPDATE
            SET computable = EXCLUDED.computable, sqlstate = EXCLUDED.sqlstate, message = EXCLUDED.message, source_row = EXCLUDED.source_row;
    RAISE WARNING USING MESSAGE = format('bucket %s of rollup %L is set aside: %s', failed, r.name, state),
        DETAIL = COALESCE('The row is ' || place || '.', 'No single row of it fails by itself.') || ' The other buckets go on.',
        HINT = 'SELECT rollup, reason, hint FROM tally.status WHERE sqlstate IS NOT NULL;';
END $$;
COMMENT ON FUNCTION tally_internal._set_bucket_aside(tally.rollups, timestamptz, text, text) IS
'Notes that a bucket cannot be computed or stored, with the row that does it where there is one.';

CREATE OR REPLACE FUNCTION tally_internal._sum_of_counts(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_object_agg(k, COALESCE((a ->> k)::bigint, 0) + COALESCE((b ->> k)::bigint, 0))
        FROM (SELECT jsonb_object_keys(a) UNION SELECT jsonb_object_keys(b)) x(k)
$$;
COMMENT ON FUNCTION tally_internal._sum_of_counts(jsonb, jsonb) IS 'Counts of rows written, added up.';

CREATE OR REPLACE FUNCTION tally_internal._apply_buckets_isolated(r tally.rollups, buckets timestamptz[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wrote jsonb;
    half  int := cardinality(buckets) / 2;
BEGIN
    wrote := tally_internal._apply_buckets(r, buckets);
    DELETE FROM tally.broken_buckets x WHERE x.rollup_id = r.id AND x.bucket = ANY (buckets);
    RETURN wrote;
EXCEPTION WHEN OTHERS THEN
    IF NOT tally_internal._fault_of_a_row(SQLSTATE) THEN RAISE; END IF;
    IF half = 0 THEN
        PERFORM tally_internal._set_bucket_aside(r, buckets[1], SQLSTATE, SQLERRM);
        RETURN '{"inserted": 0, "updated": 0, "deleted": 0}';
    END IF;
    RETURN tally_internal._sum_of_counts(tally_internal._apply_buckets_isolated(r, buckets[:half]),
                                         tally_internal._apply_buckets_isolated(r, buckets[half + 1:]));
END $$;
COMMENT ON FUNCTION tally_internal._apply_buckets_isolated(tally.rollups, timestamptz[]) IS
'Recomputes chosen buckets of a rollup; those that fail by a row are set aside, all others written.';

CREATE OR REPLACE FUNCTION tally_internal._apply_range_isolated(r tally.rollups, since timestamptz, until timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    rule   text := tally_internal._bucket_rule_of(r);
    first  timestamptz := tally_internal._bucket_end(rule, since);
    middle timestamptz;
    wrote  jsonb;
BEGIN
    wrote := tally_internal._apply_range(r, since, until);
    DELETE FROM tally.broken_buckets x WHERE x.rollup_id = r.id AND x.bucket >= since AND x.bucket < until;
    RETURN wrote;
EXCEPTION WHEN OTHERS THEN
    IF NOT tally_internal._fault_of_a_row(SQLSTATE) THEN RAISE; END IF;
    IF first >= until THEN
        PERFORM tally_internal._set_bucket_aside(r, since, SQLSTATE, SQLERRM);
        RETURN '{"inserted": 0, "updated": 0, "deleted": 0}';
    END IF;
    middle := GREATEST(tally_internal._bucket_start(rule, since + tally_internal._time_between(since, until) / 2), first);
    RETURN tally_internal._sum_of_counts(tally_internal._apply_range_isolated(r, since, middle), tally_internal._apply_range_isolated(r, middle, until));
END $$;
COMMENT ON FUNCTION tally_internal._apply_range_isolated(tally.rollups, timestamptz, timestamptz) IS
'Recomputes all buckets of [since, until), where buckets begin, of a rollup; those that fail by a row are set aside, all others written.';
