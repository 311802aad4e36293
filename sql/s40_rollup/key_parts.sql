-- Owns: computing all keys of a rollup per key: a whole is marked as one range, and taken in parts by a hash of the key.
--
-- Each part scans the source, so there are few of them. Marking all keys and searching each by index took ten times as long
-- (docs/architecture.md has the figures).

CREATE OR REPLACE FUNCTION tally_internal._source_rows(source regclass) RETURNS float8
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- If nobody has counted yet, a row is taken to have a hundred bytes.
    SELECT sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE pg_relation_size(c.oid) / 100.0 END)
      FROM pg_class c WHERE c.oid = source OR c.oid IN (SELECT t.member FROM tally_internal._tree(source) t) AND c.relkind <> 'p'
$$;
COMMENT ON FUNCTION tally_internal._source_rows(regclass) IS 'About how many rows a source has, by the planner''s count.';

CREATE OR REPLACE FUNCTION tally_internal._key_parts(source regclass, most_rows bigint) RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Powers of two, so that a mask of the hash tells the part. Each part reads the whole source, so a part is as large as eight
    -- batches over time.
    SELECT CASE WHEN most_rows IS NULL OR x.rows <= most_rows THEN 1
        ELSE (2 ^ LEAST(GREATEST(ceil(log(2, (x.rows / (8.0 * GREATEST(most_rows, 1)))::numeric)), 0), 4))::int END
      FROM (SELECT GREATEST(tally_internal._source_rows(source), 1) AS rows) x
$$;
COMMENT ON FUNCTION tally_internal._key_parts(regclass, bigint) IS
'In how many parts the keys of a source are computed: each of at most eight times most_rows of its rows, but no more than 16; 1 where most_rows is null.';

CREATE OR REPLACE FUNCTION tally_internal._take_part(r tally.rollups, most_rows bigint, OUT part int, OUT parts int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.part IS NULL) THEN
        -- The whole is marked, for the first time or again, so it starts from the beginning. Marks of single keys are part of it.
        WITH gone AS (DELETE FROM tally.dirty_ranges g WHERE g.rollup_id = r.id RETURNING g.reason, g.marked_at)
        INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason, part, parts, marked_at)
        SELECT r.id, '-infinity', 'infinity', (SELECT string_agg(DISTINCT g.reason, ', ') FROM gone g), p, n, (SELECT min(g.marked_at) FROM gone g)
          FROM tally_internal._key_parts(r.source, most_rows) n, generate_series(0, n - 1) p;
        EXECUTE format('DELETE FROM tally.%I', tally_internal._marks_table(r.id));
    END IF;
    DELETE FROM tally.dirty_ranges g WHERE g.id = (SELECT min(x.id) FROM tally.dirty_ranges x WHERE x.rollup_id = r.id)
    RETURNING g.part, g.parts INTO part, parts;
END $$;
COMMENT ON FUNCTION tally_internal._take_part(tally.rollups, bigint) IS
'Takes the mark of the next part of a rollup per key that is marked as a whole; nulls where it is not.';

CREATE OR REPLACE FUNCTION tally_internal._key_share_sql(columns text[], part int, parts int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hash text := '0';
BEGIN
    IF parts = 1 THEN RETURN 'true'; END IF;
    FOR i IN 1 .. cardinality(columns) LOOP
        hash := format('pg_catalog.hashtextextended((%s)::text COLLATE "C", %s)', columns[i], hash);
    END LOOP;
    -- The CASE is for the planner. It expects half of the rows from CASE, and a two-hundredth from =, and would then join 900,000 keys one by one.
    RETURN format('CASE WHEN %s OPERATOR(pg_catalog.&) %s = %s THEN true ELSE false END', hash, parts - 1, part);
END $$;
COMMENT ON FUNCTION tally_internal._key_share_sql(text[], int, int) IS
'SQL text of the condition that a key, given as SQL texts, belongs to one part of all keys. The number of parts is a power of two.';

CREATE OR REPLACE FUNCTION tally_internal._source_share_sql(r tally.rollups, part int, parts int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._key_share_sql(ARRAY(SELECT x.expression FROM tally.dimensions x WHERE x.rollup_id = r.id AND x.ordinal <= cardinality(r.key)
                                               ORDER BY x.ordinal), part, parts)
$$;
COMMENT ON FUNCTION tally_internal._source_share_sql(tally.rollups, int, int) IS 'SQL text of the condition that a source row''s key is of a part.';

CREATE OR REPLACE FUNCTION tally_internal._stored_share_sql(r tally.rollups, part int, parts int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._key_share_sql(ARRAY(SELECT format('t.%I', k) FROM unnest(r.key) WITH ORDINALITY x(k, n) ORDER BY n), part, parts)
$$;
COMMENT ON FUNCTION tally_internal._stored_share_sql(tally.rollups, int, int) IS 'SQL text of the condition that the key of a stored row t is of a part.';

CREATE OR REPLACE FUNCTION tally_internal._apply_part(r tally.rollups, part int, parts int) RETURNS jsonb
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._apply_wide(r, d,
        tally_internal._unpacked_sql(d, tally_internal._key_query(tally_internal._packed_form(d), tally_internal._source_share_sql(r, part, parts))),
        tally_internal._stored_share_sql(r, part, parts))
      FROM tally_internal._resolved(r) d
$$;
COMMENT ON FUNCTION tally_internal._apply_part(tally.rollups, int, int) IS 'Recomputes a part of all keys of a rollup, as its owner; counts of rows written.';
