-- Owns: the stored forms of sketches as JSON, as the library writes and reads them (sql/s10_kernel/forms.sql): how a database moves from one edition to
-- the other. It is the only place that knows how the library stores registers and exact sums.

CREATE FUNCTION tally_internal._hexadecimal(value numeric) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rest  numeric := trunc(abs(value));
    below numeric := abs(value) - trunc(abs(value));
    whole text := '';
    digits text := '';
BEGIN
    WHILE rest > 0 LOOP
        whole := to_hex(mod(rest, 16)::int) || whole;
        rest := div(rest, 16);
    END LOOP;
    FOR i IN 1 .. 24 LOOP
        EXIT WHEN below = 0;
        below := below * 16;
        digits := digits || to_hex(trunc(below)::int);
        below := below - trunc(below);
    END LOOP;
    digits := rtrim(digits, '0');
    RETURN CASE WHEN value < 0 THEN '-' ELSE '' END || '0x' || COALESCE(NULLIF(whole, ''), '0') || CASE digits WHEN '' THEN '' ELSE '.' || digits END;
END $$;
COMMENT ON FUNCTION tally_internal._hexadecimal(numeric) IS 'A number as the library writes exact sums: 0x1f.8; of a fraction the first 24 digits.';

CREATE FUNCTION tally_internal._of_hexadecimal(value text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result numeric := 0;
    digits text := split_part(split_part(value, '0x', 2), '.', 1);
    below  text := split_part(value, '.', 2);
    place  numeric := 1;
BEGIN
    FOR i IN 1 .. length(digits) LOOP result := result * 16 + position(substr(digits, i, 1) IN '0123456789abcdef') - 1; END LOOP;
    FOR i IN 1 .. length(below) LOOP
        place := place / 16.0;
        result := result + place * (position(substr(below, i, 1) IN '0123456789abcdef') - 1);
    END LOOP;
    RETURN CASE WHEN value LIKE '-%' THEN -result ELSE result END;
END $$;
COMMENT ON FUNCTION tally_internal._of_hexadecimal(text) IS 'The number of such a text.';

CREATE FUNCTION tally_internal._numbers(list jsonb) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(array_agg((e.v #>> '{}')::float8 ORDER BY e.n), '{}') FROM jsonb_array_elements(list) WITH ORDINALITY e(v, n)
$$;
COMMENT ON FUNCTION tally_internal._numbers(jsonb) IS 'The numbers of a JSON array.';

-- Percentiles. Infinities and NaN are counted beside the centroids there, and are centroids here.
CREATE FUNCTION tally_internal._form(given tally.tdigest) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT jsonb_build_object('compression', (value).compression)
        || CASE WHEN (value).q >= 0 THEN jsonb_build_object('asked', (value).q) ELSE '{}' END
        || CASE (value).weights WHEN '{}' THEN jsonb_build_object('values', to_jsonb((value).means)) ELSE (
               SELECT jsonb_build_object('outside', jsonb_build_array(COALESCE(sum(u.w) FILTER (WHERE u.m = '-Infinity'), 0)::bigint,
                                                                      COALESCE(sum(u.w) FILTER (WHERE u.m = 'Infinity'), 0)::bigint,
                                                                      COALESCE(sum(u.w) FILTER (WHERE u.m = 'NaN'), 0)::bigint),
                          'min', CASE WHEN count(*) FILTER (WHERE u.m = '-Infinity') = 0 THEN (value).least ELSE min(u.m) FILTER (WHERE u.plain) END,
                          'max', CASE WHEN bool_and(u.plain) THEN (value).greatest ELSE max(u.m) FILTER (WHERE u.plain) END,
                          'sum', CASE WHEN bool_and(u.plain) THEN (value).total ELSE sum(u.m * u.w) FILTER (WHERE u.plain) END,
                          'centroids', COALESCE(jsonb_agg(CASE WHEN u.w = 1 THEN jsonb_build_array(u.m, 1)
                                                               ELSE jsonb_build_array(u.m, u.w::bigint, 'mixed') END ORDER BY u.o)
                                                FILTER (WHERE u.plain), '[]'))
                 FROM (SELECT c.*, c.m NOT IN ('Infinity', '-Infinity', 'NaN') AS plain 
                         FROM unnest((value).means, (value).weights) WITH ORDINALITY c(m, w, o)) u)
           END
      -- Parts that were merged may have twice as many centroids here.
      FROM (SELECT CASE WHEN cardinality((given).weights) > (given).compression THEN tally_internal._tdigest_pressed(given) ELSE given END AS value) p
$$;
COMMENT ON FUNCTION tally_internal._form(tally.tdigest) IS 'The stored form of percentiles, as JSON.';

CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.tdigest) RETURNS tally.tdigest
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n     bigint[] := tally_internal._numbers(form -> 'outside')::bigint[];
    means float8[];
    counts float8[];
    pure  float8[];
    total float8 := CASE WHEN n[3] > 0 OR n[1] > 0 AND n[2] > 0 THEN 'NaN' WHEN n[2] > 0 THEN 'Infinity' WHEN n[1] > 0 THEN '-Infinity'
                         ELSE (form ->> 'sum')::float8 END;
BEGIN
    IF form ? 'values' OR form IS NULL THEN
        RETURN tally_internal._tdigest_made(tally_internal._numbers(form -> 'values'), (form ->> 'compression')::int, COALESCE((form ->> 'asked')::float8, -1));
    END IF;
    SELECT array_agg(c.m ORDER BY c.o), array_agg(c.w ORDER BY c.o), array_agg(c.m) FILTER (WHERE c.pure) INTO means, counts, pure
      FROM (SELECT (e.v ->> 0)::float8 AS m, (e.v ->> 1)::float8 AS w, e.v ->> 2 IS NULL AS pure, e.n AS o
              FROM jsonb_array_elements(form -> 'centroids') WITH ORDINALITY e(v, n)
            UNION ALL SELECT '-Infinity', n[1], false, 0 WHERE n[1] > 0
            UNION ALL SELECT 'Infinity', n[2], false, 1e9 WHERE n[2] > 0
            UNION ALL SELECT 'NaN', n[3], false, 1e9 + 1 WHERE n[3] > 0) c;
    RETURN ROW((form ->> 'compression')::int, means, counts, CASE WHEN n[1] > 0 THEN means[1] ELSE (form ->> 'min')::float8 END,
        CASE WHEN n[2] > 0 OR n[3] > 0 THEN means[cardinality(means)] ELSE (form ->> 'max')::float8 END, total,
        tally_internal._all_whole(pure || (form ->> 'min')::float8 || (form ->> 'max')::float8, total),
        COALESCE((form ->> 'asked')::float8, -1))::tally.tdigest;
END $$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.tdigest) IS 'Percentiles of their stored form.';

-- Distinct counts. The library keeps fewer hashes, and two registers a byte: each as the distance from the least, 15 for more, with the rest behind.
CREATE FUNCTION tally_internal._form(value tally.hll) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p      int := value."precision";
    form   jsonb := jsonb_build_object('precision', p)
                 || CASE value.key WHEN 0 THEN '{}' ELSE jsonb_build_object('key', lpad(to_hex(value.key), 4, '0')) END;
    ranks  bytea := value.registers;
    packed text;
BEGIN
    IF ranks = '' THEN
        IF cardinality(value.hashes) <= greatest(least((1 << p) / 8, 1024) * 3 / 4 - 2, 30) THEN
            RETURN form || jsonb_build_object('hashes', (SELECT jsonb_agg(lpad(to_hex(h), 16, '0')) FROM unnest(value.hashes) h));
        END IF;
        ranks := tally_internal._hll_registers(value.hashes, p);
    END IF;
    WITH each AS (SELECT i, get_byte(ranks, i) AS rank FROM generate_series(0, octet_length(ranks) - 1) i),
         base AS (SELECT min(e.rank) AS least FROM each e)
    SELECT lpad(to_hex(b.least), 2, '0') || string_agg(to_hex(least(e.rank - b.least, 15)), '' ORDER BY e.i / 2, e.i % 2 DESC)
               || COALESCE(string_agg(lpad(to_hex(e.rank - b.least - 15), 2, '0'), '' ORDER BY e.i) FILTER (WHERE e.rank - b.least >= 15), '')
      INTO packed FROM each e, base b GROUP BY b.least;
    RETURN form || jsonb_build_object('registers', packed);
END $$;
COMMENT ON FUNCTION tally_internal._form(tally.hll) IS 'The stored form of a distinct count, as JSON.';

CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.hll) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p      int := COALESCE((form ->> 'precision')::int, 13);
    key    int := COALESCE(('x' || lpad(form ->> 'key', 8, '0'))::bit(32)::int, 0);
    packed bytea := decode(form ->> 'registers', 'hex');
    behind int := 1 + (1 << p) / 2;
    ranks  bytea := decode(repeat('00', 1 << p), 'hex');
    far    int;
BEGIN
    IF form IS NULL THEN RETURN NULL; END IF;
    IF form ? 'hashes' THEN
        RETURN tally_internal._hll_made(ARRAY(SELECT ('x' || h)::bit(64)::bigint FROM jsonb_array_elements_text(form -> 'hashes') h), p, key);
    END IF;
    FOR i IN 0 .. (1 << p) - 1 LOOP
        far := (get_byte(packed, 1 + i / 2) >> (i % 2 * 4)) & 15;
        IF far = 15 THEN
            far := 15 + get_byte(packed, behind);
            behind := behind + 1;
        END IF;
        ranks := set_byte(ranks, i, get_byte(packed, 0) + far);
    END LOOP;
    RETURN ROW(p, '{}'::bigint[], ranks, key)::tally.hll;
END $$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.hll) IS 'A distinct count of its stored form.';

-- Moments. The library keeps means as distances from an origin.
CREATE FUNCTION tally_internal._form(value tally.stats) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._stats_jsonb(value) $$;
COMMENT ON FUNCTION tally_internal._form(tally.stats) IS 'The stored form of moments, as JSON.';
CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.stats) RETURNS tally.stats
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW(form ? 'co', (form ->> 'count')::bigint,
               ARRAY[(form ->> 'origin')::float8 + (form ->> 'mean')::float8, (form ->> 'm2')::float8, (form ->> 'm3')::float8, (form ->> 'm4')::float8]
               || CASE WHEN form ? 'co' THEN ARRAY[(form ->> 'origin_x')::float8 + (form ->> 'mean_x')::float8, (form ->> 'm2_x')::float8,
                                                   (form ->> 'co')::float8] ELSE '{}' END)::tally.stats
     WHERE form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.stats) IS 'Moments of their stored form.';

CREATE FUNCTION tally_internal._form(value tally.moments) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT jsonb_build_object('count', (value).n, 'origin', to_jsonb(array_fill(0, ARRAY[cardinality((value).means)])), 'mean', (value).means,
                              'co', (SELECT jsonb_agg((value).products[(a - 1) * n + b] ORDER BY a, b)
                                       FROM (SELECT cardinality((value).means)) k(n), generate_series(1, n) a, generate_series(a, n) b))
$$;
COMMENT ON FUNCTION tally_internal._form(tally.moments) IS 'The stored form of moments of several variables, as JSON.';
CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.moments) RETURNS tally.moments
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW((form ->> 'count')::bigint, (SELECT array_agg(u.a + u.b ORDER BY u.n)
                  FROM unnest(tally_internal._numbers(form -> 'origin'), tally_internal._numbers(form -> 'mean')) WITH ORDINALITY u(a, b, n)),
               -- The library keeps a sum of products once, above the diagonal.
               (SELECT array_agg((form -> 'co' ->> ((least(a, b) - 1) * n - (least(a, b) - 1) * (least(a, b) - 2) / 2 + abs(a - b)))::float8 ORDER BY a, b)
                  FROM (SELECT jsonb_array_length(form -> 'mean')) k(n), generate_series(1, n) a, generate_series(1, n) b))::tally.moments
     WHERE form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.moments) IS 'Moments of several variables of their stored form.';

CREATE FUNCTION tally_internal._form(value tally.totals) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('version', 2, 'rows', (value).n, 'ignored', (value).ignored, 'sums', (value).sums)
$$;
COMMENT ON FUNCTION tally_internal._form(tally.totals) IS 'The stored form of sums by key, as JSON.';
CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.totals) RETURNS tally.totals
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A sum of 0.1 joins the one that has its name now.
    SELECT tally_internal._totals_merge(ROW((form ->> 'rows')::bigint, (form ->> 'ignored')::bigint, form -> 'sums')::tally.totals,
                                        ROW(0, 0, COALESCE(form -> 'sums_of_0.1', '{}'))::tally.totals)
     WHERE form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.totals) IS 'Sums by key of their stored form.';

CREATE FUNCTION tally_internal._form(value tally.topk) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('k', (value).k, 'total', (value).n, 'error', (value).lost, 'counts', (value).counts)
$$;
COMMENT ON FUNCTION tally_internal._form(tally.topk) IS 'The stored form of heavy items, as JSON.';
CREATE FUNCTION tally_internal._of_form(form jsonb, kind tally.topk) RETURNS tally.topk
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ROW((form ->> 'k')::int, (form ->> 'total')::bigint, (form ->> 'error')::bigint, form -> 'counts')::tally.topk WHERE form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._of_form(jsonb, tally.topk) IS 'Heavy items of their stored form.';
