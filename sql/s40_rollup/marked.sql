-- Owns: what is marked in a chain of rollups, as functions that live views call. As text within each part of each view that stands on another, the
-- same question was planned again hundreds of times: a year over months, days and hours took 80 ms before it read a row.
--
-- A chain is written as arrays, from the lowest rollup to the one that asks: numbers, bucket rules, and how many buckets a bucket is computed of. The
-- functions are STABLE, so they see what the query around them sees, in one snapshot. They read with the engine's rights, because who reads a view
-- may have none in schema tally (docs/install.md: Supabase).

CREATE OR REPLACE FUNCTION tally_internal._marked_buckets(ids int[], rules text[], reach int[]) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result timestamptz[] := '{}';
BEGIN
    -- As a rule nothing is marked.
    IF NOT EXISTS (SELECT FROM tally.dirty d WHERE d.rollup_id = ANY (ids)) AND NOT EXISTS (SELECT FROM tally.broken_buckets x WHERE x.rollup_id = ANY (ids))
        THEN RETURN; END IF;
    FOR i IN 1 .. cardinality(ids) LOOP
        -- A mark names any instant of its bucket. A bucket that cannot be computed is shown as it was stored last. One that can be computed, and not
        -- stored, counts as marked.
        result := ARRAY(
            SELECT q.start FROM (
                SELECT w.start
                  FROM (SELECT d.bucket FROM tally.dirty d WHERE d.rollup_id = ids[i] UNION SELECT u.bucket FROM unnest(result) u(bucket)) m
                  JOIN tally.rollups r ON r.id = ids[i] AND m.bucket >= r.frozen_before
                 CROSS JOIN LATERAL tally_internal._bucket_start(rules[i], m.bucket) s(start)
                 CROSS JOIN LATERAL unnest(CASE WHEN reach[i] = 1 THEN ARRAY[s.start] ELSE tally_internal._buckets_reached(rules[i], s.start, reach[i]) END)
                       w(start)
                UNION SELECT x.bucket FROM tally.broken_buckets x WHERE x.rollup_id = ids[i] AND x.computable) q
             WHERE NOT EXISTS (SELECT FROM tally.broken_buckets x WHERE x.rollup_id = ids[i] AND x.bucket = q.start AND NOT x.computable));
    END LOOP;
    RETURN QUERY SELECT unnest(result);
END $$;
COMMENT ON FUNCTION tally_internal._marked_buckets(int[], text[], int[]) IS
'The buckets of a rollup that are dirty by its own marks or by those of the rollups it stands on, bucket by bucket. Each once.';

CREATE OR REPLACE FUNCTION tally_internal._marked_hull(ids int[], rules text[], reach int[], OUT since timestamptz, OUT until timestamptz) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    sinces timestamptz[] := '{}';
    untils timestamptz[] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = ANY (ids)) THEN RETURN; END IF;
    FOR i IN 1 .. cardinality(ids) LOOP
        -- Rows of a range reach beyond it where a bucket looks back.
        SELECT COALESCE(array_agg(h.since), '{}'),
               COALESCE(array_agg(CASE WHEN reach[i] = 1 THEN h.until
                                       ELSE tally_internal._bucket_shifted(rules[i], tally_internal._bucket_start(rules[i], h.until), reach[i]) END), '{}')
          INTO sinces, untils
          FROM (SELECT GREATEST(g.since, r.frozen_before) AS since, g.until
                  FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE g.rollup_id = ids[i] AND g.until > r.frozen_before
                UNION ALL
                -- A row of a key may belong to any partition above it.
                SELECT CASE WHEN rules[i] IS NULL THEN r.frozen_before ELSE GREATEST(tally_internal._bucket_start(rules[i], u.since), r.frozen_before) END,
                       CASE WHEN rules[i] IS NULL THEN 'infinity' ELSE tally_internal._bucket_end(rules[i], tally_internal._bucket_start(rules[i], u.until)) END
                  FROM unnest(sinces, untils) u(since, until) JOIN tally.rollups r ON r.id = ids[i]
                 WHERE rules[i] IS NULL OR u.since < u.until AND u.until > r.frozen_before) h;
    END LOOP;
    RETURN QUERY SELECT min(u.since), max(u.until) FROM unnest(sinces, untils) u(since, until) HAVING count(*) > 0;
END $$;
COMMENT ON FUNCTION tally_internal._marked_hull(int[], text[], int[]) IS
'The range (one row, or none) around all ranges of a rollup that are dirty as a whole, its own and those of the rollups it stands on. A rule is null where '
    'any range below may change any partition.';

CREATE OR REPLACE FUNCTION tally_internal._marks_chain(d jsonb, wide boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    up        int := (d ->> 'source_rollup')::int;
    by_bucket boolean := up IS NULL OR COALESCE((d ->> 'by_bucket')::boolean, false);
    below     jsonb := '{"ids": [], "rules": [], "reach": []}';
BEGIN
    -- Buckets of rows that lie at some time of a key are found by looking at the rows; what is read beside a source has marks of its own.
    IF NOT wide AND (d ? 'key' OR NOT by_bucket) OR wide AND NOT by_bucket AND d ->> 'lookback' IS NOT NULL
        OR wide AND EXISTS (SELECT FROM tally.beside b WHERE b.rollup_id = (d ->> 'id')::int) THEN
        RETURN NULL;
    END IF;
    IF up IS NOT NULL THEN
        below := tally_internal._marks_chain(tally_internal._resolved(up), wide);
        IF below IS NULL THEN RETURN NULL; END IF;
    END IF;
    RETURN jsonb_build_object('ids', below -> 'ids' || (d -> 'id'), 'rules', below -> 'rules' || CASE WHEN by_bucket THEN COALESCE(d -> 'rule', 'null')
            ELSE 'null' END, 'reach', below -> 'reach' || to_jsonb(COALESCE((d ->> 'lookback')::int, 1)));
END $$;
COMMENT ON FUNCTION tally_internal._marks_chain(jsonb, boolean) IS
'The rollups that decide which buckets (or, wide, ranges) of a resolved rollup are marked: numbers, rules and reach, the lowest first; null where marks '
    'alone do not tell.';

CREATE OR REPLACE FUNCTION tally_internal._chain_call(d jsonb, asks text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('tally_internal.%I(%L::int[], %L::text[], %L::int[])', asks,
                  ARRAY(SELECT x::int FROM jsonb_array_elements_text(c -> 'ids') WITH ORDINALITY u(x, n) ORDER BY n),
                  ARRAY(SELECT x FROM jsonb_array_elements_text(c -> 'rules') WITH ORDINALITY u(x, n) ORDER BY n),
                  ARRAY(SELECT x::int FROM jsonb_array_elements_text(c -> 'reach') WITH ORDINALITY u(x, n) ORDER BY n))
      FROM tally_internal._marks_chain(d, asks <> '_marked_buckets') c WHERE c IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._chain_call(jsonb, text) IS
'SQL text of the call of one of the functions above for a resolved rollup; null where marks alone do not tell what is dirty.';
