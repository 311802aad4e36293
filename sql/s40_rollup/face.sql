-- Owns: rollups on copies of what other servers hold. A change there leaves no mark here until it is pulled. So stored rows are exact as of the last pull,
-- and no mark says where they are not exact now. The live view of such a rollup reads the other servers, whole, and whatever stands on it does too.

CREATE OR REPLACE FUNCTION tally_internal._face_of(r tally.rollups) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Whoever reads the live view runs what the face calls. So it must be the rollup's owner that has made it.
    RETURN (SELECT f.face FROM tally.faces f JOIN pg_class c ON c.oid = f.face WHERE f.source = r.source AND c.relowner = r.owner::oid);
END $$;
COMMENT ON FUNCTION tally_internal._face_of(tally.rollups) IS 'What the live view of a rollup reads instead of its source; null where the source is no copy.';

CREATE OR REPLACE FUNCTION tally_internal._is_faced(rollup_id int) RETURNS boolean
-- PL/pgSQL, because each question asks it, and the first look is enough as a rule.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tally.faces) THEN RETURN false; END IF;
    RETURN EXISTS (SELECT FROM tally.rollups r WHERE r.id = ANY (tally_internal._with_ancestors(rollup_id)) AND tally_internal._face_of(r) IS NOT NULL);
END $$;
COMMENT ON FUNCTION tally_internal._is_faced(int) IS 'Whether a rollup, or one that it stands on, holds copies of what other servers have.';

CREATE OR REPLACE FUNCTION tally_internal._faced_query(r tally.rollups, d jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Merged bucket by bucket under the bucket's own name: then a server gets the reader's range of buckets as a condition, and sends no others.
    plain boolean := tally_internal._face_of(r) IS NOT NULL AND r.time_column = 'bucket' AND r.filter IS NULL AND r.expand IS NULL AND r.lookback IS NULL
        AND EXISTS (SELECT FROM tally.faces f WHERE f.source = r.source AND f.rule = tally_internal._bucket_rule_of(r))
        AND NOT EXISTS (SELECT FROM tally.dimensions x WHERE x.rollup_id = r.id AND x.given <> quote_ident(x.name));
BEGIN
    RETURN tally_internal._render('SELECT {stored_columns} FROM {table} t WHERE {gate} AND t.bucket < {frozen} UNION ALL ', d)
        || CASE WHEN plain THEN tally_internal._render(
                    'SELECT {columns}, {definition_measures} FROM {source} WHERE {gate} AND bucket >= {frozen} GROUP BY {columns}',
                    d || jsonb_build_object('columns', tally_internal._columns_sql(d, '%I', ', ', 'key')))
                ELSE tally_internal._range_query(d, d ->> 'frozen', '''infinity''::pg_catalog.timestamptz', d ->> 'gate') END;
END $$;
COMMENT ON FUNCTION tally_internal._faced_query(tally.rollups, jsonb) IS
'SQL text of the live view of a rollup on copies: its definition over what the other servers hold now, and frozen history as it is stored.';

CREATE OR REPLACE FUNCTION tally_internal._check_faced(made tally.rollups, parent tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    made.owner := tally_internal._current_role();
    IF (made.key IS NOT NULL OR made.emptied = 'keep') AND (tally_internal._face_of(made) IS NOT NULL OR tally_internal._is_faced(parent.id)) THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('rollup %L on a cluster rollup must be over time and follow emptied buckets, got %s',
                made.name, CASE WHEN made.key IS NULL THEN 'emptied => ''keep''' ELSE 'a key' END),
            'Its live view reads the nodes now. It cannot know rows that the nodes no longer have, nor keys of which several nodes hold parts.',
            format('SELECT tally.create_rollup(%L, %L, bucket => ''1 day'');', made.name, made.source::text));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_faced(tally.rollups, tally.rollups) IS
'An error where a rollup in the making on copies, or on a rollup on them, could not be exact at every moment.';
