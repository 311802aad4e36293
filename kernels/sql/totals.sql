-- Owns: tally.totals and tally.topk in SQL: sums of JSON numbers by key, and heavy items.

CREATE FUNCTION tally_internal._leaves(value jsonb) RETURNS TABLE (key text, leaf jsonb)
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- Nested keys are joined by dots. Dots and backslashes within a key have a backslash in front, so no two leaves have one name.
    WITH RECURSIVE down(key, v, depth) AS (
        SELECT regexp_replace(e.key, '([.\\])', '\\\1', 'g'), e.value, 1 FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END) e
        UNION ALL SELECT d.key || '.' || regexp_replace(e.key, '([.\\])', '\\\1', 'g'), e.value, d.depth + 1
          FROM down d, LATERAL jsonb_each(CASE jsonb_typeof(d.v) WHEN 'object' THEN d.v ELSE '{}' END) e
    )
    SELECT d.key, d.v FROM down d WHERE jsonb_typeof(d.v) <> 'object'
$$;
COMMENT ON FUNCTION tally_internal._leaves(jsonb) IS 'The leaves of a JSON object with their keys.';

CREATE OR REPLACE FUNCTION tally_internal._totals_merge(state tally.totals, sketch tally.totals) RETURNS tally.totals
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN sketch; END IF;
    IF sketch IS NULL THEN RETURN state; END IF;
    RETURN ROW(state.n + sketch.n, state.ignored + sketch.ignored,
        state.sums || COALESCE((SELECT jsonb_object_agg(e.key, trim_scale(COALESCE((state.sums ->> e.key)::numeric, 0) + (e.value #>> '{}')::numeric))
                                  FROM jsonb_each(sketch.sums) e), '{}'))::tally.totals;
END $$;
-- How the engine computes it where it refreshes: no PL/pgSQL runs per row.
CREATE FUNCTION tally_internal._totals_of(given jsonb[]) RETURNS tally.totals
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (WITH RECURSIVE down(key, v) AS (
            SELECT replace(replace(e.key, '\', '\\'), '.', '\.'), e.value
              FROM (SELECT unnest(given) AS v) u, LATERAL jsonb_each(CASE jsonb_typeof(u.v) WHEN 'object' THEN u.v END) e
            UNION ALL SELECT d.key || '.' || replace(replace(e.key, '\', '\\'), '.', '\.'), e.value
              FROM down d, LATERAL jsonb_each(d.v) e WHERE jsonb_typeof(d.v) = 'object'),
        sums AS (
            SELECT d.key, count(d.number) AS n, sum(d.number) AS sum, count(*) FILTER (WHERE d.kind NOT IN ('number', 'object')) AS ignored
              FROM (SELECT key COLLATE "C" AS key, kind, CASE kind WHEN 'number' THEN v::numeric END AS number
                      FROM (SELECT key, v, jsonb_typeof(v) AS kind FROM down) x) d GROUP BY d.key)
        SELECT ROW(t.n, t.odd + COALESCE(sum(s.ignored), 0), COALESCE(jsonb_object_agg(s.key, trim_scale(s.sum)) FILTER (WHERE s.n > 0), '{}'))::tally.totals
          FROM (SELECT count(v) AS n, count(v) FILTER (WHERE jsonb_typeof(v) <> 'object') AS odd FROM unnest(given) v) t LEFT JOIN sums s ON true
         WHERE t.n > 0 GROUP BY t.n, t.odd);
END $$;
COMMENT ON FUNCTION tally_internal._totals_of(jsonb[]) IS 'The sums of all JSON values of a group; NULL of nothing.';

CREATE OR REPLACE FUNCTION tally.merge(a tally.totals, b tally.totals) RETURNS tally.totals
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._totals_merge(a, b);
CREATE OR REPLACE FUNCTION tally.count(sketch tally.totals) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.n';
CREATE OR REPLACE FUNCTION tally.ignored(sketch tally.totals) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.ignored';
CREATE FUNCTION tally_internal._plain_key(key text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$ SELECT regexp_replace(key, '\\(.)', '\1', 'g') $$;
COMMENT ON FUNCTION tally_internal._plain_key(text) IS 'The name of a sum without backslashes, as people read it.';
CREATE OR REPLACE FUNCTION tally.total(sketch tally.totals, key text) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(sketch.sums ->> $2, (SELECT e.value FROM jsonb_each_text(sketch.sums) e WHERE tally_internal._plain_key(e.key) = $2 LIMIT 1))::float8
$$;
CREATE OR REPLACE FUNCTION tally_internal._totals_jsonb(sketch tally.totals) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_object_agg(CASE WHEN x.alike = 1 THEN x.plain ELSE x.key END, x.value), '{}')
      FROM (SELECT e.key, e.value, tally_internal._plain_key(e.key) AS plain, count(*) OVER (PARTITION BY tally_internal._plain_key(e.key)) AS alike
              FROM jsonb_each(sketch.sums) e) x
$$;
CREATE OR REPLACE FUNCTION tally.jsonb_ratio(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT COALESCE(jsonb_object_agg(x.key, (x.value #>> '{}')::float8 / NULLIF((y.value #>> '{}')::float8, 0)), '{}')
      FROM jsonb_each(CASE jsonb_typeof(a) WHEN 'object' THEN a ELSE '{}' END) x JOIN jsonb_each(CASE jsonb_typeof(b) WHEN 'object' THEN b ELSE '{}' END) y
        ON y.key = x.key WHERE jsonb_typeof(x.value) = 'number' AND jsonb_typeof(y.value) = 'number'
$$;

CREATE FUNCTION tally_internal._topk_kept(k int, n bigint, lost bigint, counts jsonb) RETURNS tally.topk
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    -- Exact up to 16 k items; of more, the heavier half stays, and what the others weighed at most is remembered.
    IF (SELECT count(*) FROM jsonb_object_keys(counts)) <= 16 * k THEN RETURN ROW(k, n, lost, counts)::tally.topk; END IF;
    SELECT max(x.c) FILTER (WHERE x.place > 8 * k), jsonb_object_agg(x.item, x.c) FILTER (WHERE x.place <= 8 * k) INTO gone, counts
      FROM (SELECT e.key AS item, e.value::bigint AS c, row_number() OVER (ORDER BY e.value::bigint DESC, e.key COLLATE "C") AS place
              FROM jsonb_each(counts) e) x;
    RETURN ROW(k, n, lost + gone, counts)::tally.topk;
END $$;
COMMENT ON FUNCTION tally_internal._topk_kept(int, bigint, bigint, jsonb) IS 'Counts with no more items than may be kept.';

CREATE FUNCTION tally_internal._topk_check(k int, weight bigint) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF k NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('k expected in 1 to 1000, got %s', k),
            HINT = 'SELECT tally.topk(item, 10) FROM …';
    ELSIF weight < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('weight expected to be 0 or more, got %s', weight),
            HINT = 'SELECT tally.topk(item, 10, weight) FROM …';
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._topk_check(int, bigint) IS 'Refuses numbers of items and weights that cannot be.';

CREATE FUNCTION tally_internal._topk_taken(state tally.topk, item text, k int, weight bigint) RETURNS tally.topk
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._topk_check(k, weight);
    IF item IS NULL OR weight IS NULL OR weight = 0 THEN RETURN state; END IF;
    IF state IS NULL THEN RETURN ROW(COALESCE(k, 10), weight, 0, jsonb_build_object(item, weight))::tally.topk; END IF;
    RETURN tally_internal._topk_kept(state.k, state.n + weight, state.lost,
                                     state.counts || jsonb_build_object(item, COALESCE((state.counts ->> item)::bigint, 0) + weight));
END $$;
COMMENT ON FUNCTION tally_internal._topk_taken(tally.topk, text, int, bigint) IS 'Takes an item into the state of an aggregate.';
CREATE OR REPLACE FUNCTION tally_internal._topk_trans(state tally.topk, item text, k int) RETURNS tally.topk
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._topk_taken(state, item, k, 1);
CREATE OR REPLACE FUNCTION tally_internal._topk_trans(state tally.topk, item text, k int, weight bigint) RETURNS tally.topk
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._topk_taken(state, item, k, weight);
CREATE OR REPLACE FUNCTION tally_internal._topk_merge(state tally.topk, sketch tally.topk) RETURNS tally.topk
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN sketch; END IF;
    IF sketch IS NULL THEN RETURN state; END IF;
    RETURN tally_internal._topk_kept(least(state.k, sketch.k), state.n + sketch.n, state.lost + sketch.lost,
        state.counts || (SELECT jsonb_object_agg(e.key, COALESCE((state.counts ->> e.key)::bigint, 0) + e.value::bigint) FROM jsonb_each(sketch.counts) e));
END $$;
-- How the engine computes it where it refreshes: no PL/pgSQL runs per row.
CREATE FUNCTION tally_internal._topk_of(items text[], k int, weights bigint[] DEFAULT NULL) RETURNS tally.topk
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n      bigint;
    lost   bigint;
    counts jsonb;
BEGIN
    IF items IS NULL THEN RETURN NULL; END IF;
    PERFORM tally_internal._topk_check(k, (SELECT min(w) FROM unnest(weights) w));
    SELECT sum(p.c), max(p.c) FILTER (WHERE p.place > 8 * k AND p.many > 16 * k),
           jsonb_object_agg(p.item, p.c) FILTER (WHERE p.place <= 8 * k OR p.many <= 16 * k) INTO n, lost, counts
      FROM (SELECT g.item, g.c, row_number() OVER (ORDER BY g.c DESC, g.item) AS place, count(*) OVER () AS many
              FROM (SELECT x.item COLLATE "C" AS item, COALESCE(sum(x.weight)::bigint, count(*)) AS c
                      FROM (SELECT unnest(items) AS item, unnest(weights) AS weight) x
                     WHERE x.item IS NOT NULL AND (weights IS NULL OR x.weight > 0) GROUP BY 1) g) p;
    RETURN CASE WHEN n IS NOT NULL THEN ROW(k, n, COALESCE(lost, 0), counts)::tally.topk END;
END $$;
COMMENT ON FUNCTION tally_internal._topk_of(text[], int, bigint[]) IS 'The heaviest items of a group, counted or weighed; NULL of nothing.';

CREATE OR REPLACE FUNCTION tally_internal._topk_final(state tally.topk) RETURNS tally.topk
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT state';
CREATE OR REPLACE FUNCTION tally.merge(a tally.topk, b tally.topk) RETURNS tally.topk
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._topk_merge(a, b);
CREATE OR REPLACE FUNCTION tally.count(sketch tally.topk) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT sketch.n';
CREATE OR REPLACE FUNCTION tally.top(sketch tally.topk, n int) RETURNS TABLE (item text, count bigint, lower bigint, upper bigint)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.key, e.value::bigint, e.value::bigint, e.value::bigint + sketch.lost FROM jsonb_each(sketch.counts) e
     ORDER BY e.value::bigint DESC, e.key COLLATE "C" LIMIT greatest(n, 0)
$$;
CREATE OR REPLACE FUNCTION tally.top(sketch tally.topk) RETURNS TABLE (item text, count bigint, lower bigint, upper bigint)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT * FROM tally.top(sketch, sketch.k) $$;
CREATE OR REPLACE FUNCTION tally_internal._topk_jsonb(sketch tally.topk) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('k', sketch.k, 'total', sketch.n, 'counts', sketch.counts, 'lower', sketch.counts)
$$;

CREATE OR REPLACE FUNCTION tally.entropy(counts jsonb) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Shannon 1948: H = -sum p log2 p. A key that is not counted adds nothing, nor does a share that rounds to 0. Shares are numeric, because counts may be
    -- larger than any float8; their logarithms are not, because those of numeric take five times as long.
    SELECT 0 - sum(share * ln(share)) / ln(2::float8)
      FROM (SELECT (CASE WHEN n / total > 1e-300 THEN n / total END)::float8 AS share
              FROM (SELECT (value #>> '{}')::numeric AS n, sum((value #>> '{}')::numeric) OVER () AS total
                      FROM jsonb_each(counts) WHERE jsonb_typeof(value) = 'number' AND (value #>> '{}')::numeric > 0) x) s
$$;
CREATE OR REPLACE FUNCTION tally.entropy(counts tally.totals) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT tally.entropy(counts::pg_catalog.jsonb)';
