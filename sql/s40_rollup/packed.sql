-- Owns: grouping by packed keys, where a refresh writes. What a live view or a verification reads is grouped by each dimension, so that conditions reach
-- the source, and verification checks one way of grouping by the other.
--
-- Two thirds of a first build of seven dimensions were PostgreSQL's hashing and comparing of eight columns (docs/performance.md). Every dimension is a text
-- that is never NULL, under a deterministic collation, so its bytes are its value.

CREATE OR REPLACE FUNCTION tally_internal._packs(d jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Packing three costs what it saves. Up to three also have statistics of their groups, which the planner finds by the expressions of GROUP BY.
    SELECT tally_internal._packs_keys() AND jsonb_array_length(d #> '{columns,dimensions}') > 3
$$;
COMMENT ON FUNCTION tally_internal._packs(jsonb) IS 'Whether a resolved rollup is computed by packed keys.';

CREATE OR REPLACE FUNCTION tally_internal._packed_form(d jsonb) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- A packed key bears the name of its first dimension, which no other column has.
    SELECT CASE WHEN tally_internal._packs(d) THEN d || (
        SELECT jsonb_build_object('definition_dimensions', string_agg(format('tally_internal._packed(%s) AS %I, ', p.texts, p.name), '' ORDER BY p.place),
                                  'range_groups', string_agg(', ' || p.place + 1, '' ORDER BY p.place),
                                  'bucket_groups', 'GROUP BY ' || string_agg(p.place::text, ', ' ORDER BY p.place),
                                  'groups', string_agg(p.place::text, ', ' ORDER BY p.place))
          FROM (SELECT (x.ordinal - 1) / 8 + 1 AS place, string_agg(x.expression, ', ' ORDER BY x.ordinal) AS texts,
                       (array_agg(x.name ORDER BY x.ordinal))[1] AS name
                  FROM tally.dimensions x WHERE x.rollup_id = (d ->> 'id')::int GROUP BY 1) p) ELSE d END
$$;
COMMENT ON FUNCTION tally_internal._packed_form(jsonb) IS
'A resolved rollup whose definition groups by packed keys of eight dimensions each, where that pays; else the same. _unpacked_sql() makes its rows again.';

CREATE OR REPLACE FUNCTION tally_internal._unpacked_sql(d jsonb, query text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN tally_internal._packs(d) THEN format('SELECT %s FROM (%s) _tally_packed', string_agg(CASE WHEN x.n IS NULL
               THEN format('_tally_packed.%I', c.name)
               ELSE format('tally_internal._unpacked(_tally_packed.%I, %s) AS %I', d #>> ARRAY['columns', 'dimensions', ((x.n - 1) / 8 * 8)::text],
                           (x.n - 1) % 8 + 1, c.name) END, ', ' ORDER BY c.n), query) ELSE query END
      FROM jsonb_array_elements_text(d #> '{columns,all}') WITH ORDINALITY c(name, n)
      LEFT JOIN jsonb_array_elements_text(d #> '{columns,dimensions}') WITH ORDINALITY x(name, n) ON x.name = c.name
$$;
COMMENT ON FUNCTION tally_internal._unpacked_sql(jsonb, text) IS
'SQL text of the rows of a query of _packed_form() with a column for each dimension, in the order in which the definition has them.';
