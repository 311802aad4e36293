-- Owns: tally.hll in SQL. The hash of a value is PostgreSQL's own for its type, so values are one when the type's = says so. Its sketches do not
-- merge with those of the library.

CREATE FUNCTION tally_internal._hll_check("precision" int) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF "precision" NOT BETWEEN 4 AND 18 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('precision expected in 4 to 18, got %s', "precision"),
            HINT = 'SELECT tally.hll(value, 13) FROM …';
    END IF;
    RETURN COALESCE("precision", 13);
END $$;
COMMENT ON FUNCTION tally_internal._hll_check(int) IS 'The precision, 13 unless given.';

CREATE FUNCTION tally_internal._hll_registers(hashes bigint[], "precision" int) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Each register as two hexadecimal digits. Only those that a hash falls into are written.
    digits text[] := array_fill('00'::text, ARRAY[1 << "precision"]);
    behind int := 64 - "precision";
    -- A number of the bits behind has as many digits as there are powers of two that it reaches. Only the first 53 bits are looked at, which a float8 holds.
    powers float8[] := ARRAY(SELECT 2::float8 ^ i FROM generate_series(0, behind - 1) i);
    kept   bigint := ((1::bigint << behind) - 1) & ~((1::bigint << greatest(behind - 53, 0)) - 1);
    -- What a register holds where the number has no digits, one, two …
    held   text[] := ARRAY(SELECT lpad(to_hex(behind + 1 - i), 2, '0') FROM generate_series(0, behind) i ORDER BY i);
    places int[];
    ranks  text[];
BEGIN
    -- The first bits of a hash say which register; where the first 1 stands in the others is what the register keeps the greatest of: that of the least number.
    SELECT array_agg((k.i & ((1 << "precision") - 1))::int + 1),
           array_agg(held[1 + CASE WHEN k.least & kept = 0 THEN length(ltrim(k.least::bit(64)::text, '0'))
                                   ELSE width_bucket((k.least & kept)::float8, powers) END])
      INTO places, ranks
      FROM (SELECT h >> behind AS i, min(h & ((1::bigint << behind) - 1)) AS least FROM (SELECT unnest(hashes) AS h) u WHERE h IS NOT NULL GROUP BY 1) k;
    FOR n IN 1 .. COALESCE(cardinality(places), 0) LOOP digits[places[n]] := ranks[n]; END LOOP;
    RETURN decode(array_to_string(digits, ''), 'hex');
END $$;
COMMENT ON FUNCTION tally_internal._hll_registers(bigint[], int) IS 'The registers of a set of hashes, a byte each.';

CREATE FUNCTION tally_internal._hll_most("precision" int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN "precision" > 13 THEN 4096 WHEN "precision" < 11 THEN 766 ELSE 1 << ("precision" - 1) END';
COMMENT ON FUNCTION tally_internal._hll_most(int) IS
'How many hashes a sketch keeps: half as many as it has registers, 766 to 4,096. To sort hashes is the work of PostgreSQL; registers are made by PL/pgSQL.';

CREATE FUNCTION tally_internal._hll_made(given bigint[], "precision" int, key int DEFAULT 0) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most    int := tally_internal._hll_most("precision");
    crowded boolean := false;
    kept    bigint[];
BEGIN
    -- A statement takes longer than all the rest where groups are small.
    IF cardinality(given) = 1 AND given[1] IS NOT NULL THEN RETURN ROW("precision", given, ''::bytea, key)::tally.hll; END IF;
    -- Where the first ones have too many different ones, so have all.
    IF cardinality(given) > 2 * most THEN crowded := (SELECT count(DISTINCT h) > most FROM unnest(given[:most + most / 4]) h); END IF;
    IF NOT crowded THEN
        SELECT array_agg(DISTINCT u.h) INTO kept FROM (SELECT unnest(array_remove(given, NULL)) AS h) u;
        IF kept IS NULL THEN RETURN NULL; END IF;
        IF cardinality(kept) <= most THEN RETURN ROW("precision", kept, ''::bytea, key)::tally.hll; END IF;
        given := kept;
    END IF;
    RETURN ROW("precision", '{}'::bigint[], tally_internal._hll_registers(given, "precision"), key)::tally.hll;
END $$;
COMMENT ON FUNCTION tally_internal._hll_made(bigint[], int, int) IS 'A sketch of hashes, and the number of the key that they are under; NULL of none.';

CREATE FUNCTION tally_internal._hll_of(given bigint[]) RETURNS tally.hll
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._hll_made(given, 13, 0);
COMMENT ON FUNCTION tally_internal._hll_of(bigint[]) IS
'tally.hll(value) as a function of array_agg(hash of value): how the engine computes that measure, without PL/pgSQL per row.';
CREATE FUNCTION tally_internal._hll_of(given bigint[], "precision" int) RETURNS tally.hll
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._hll_made(given, tally_internal._hll_check("precision"), 0);
COMMENT ON FUNCTION tally_internal._hll_of(bigint[], int) IS 'The same of tally.hll(value, precision).';

CREATE FUNCTION tally_internal._hll_hash(value anyelement) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN value IS NOT NULL THEN pg_catalog.hash_array_extended(ARRAY[value], 7) END';
COMMENT ON FUNCTION tally_internal._hll_hash(anyelement) IS 'The hash of a value, by its type.';
-- The same for integers, and faster: the hash of an array of one is that of the value and 31. PostgreSQL hashes an integer of any width as one of 32 bits, by
-- the exclusive or of its halves. The greatest of all 2^32 hashes is 9223372036443659132, so the sum is always a bigint.
CREATE FUNCTION tally_internal._hll_hash(value int) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN hashint4extended(value, 7) + 31;
COMMENT ON FUNCTION tally_internal._hll_hash(int) IS 'The hash of an integer: that of integers of any width.';
-- (1, 2) and (2, 1), each written as one number of 64 bits, have one hash of PostgreSQL. So beyond 32 bits the upper half is also the seed.
CREATE FUNCTION tally_internal._hll_hash(value bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN value BETWEEN -2147483648 AND 2147483647 THEN hashint8extended(value, 7) + 31
         ELSE hashint8extended(value, hashint4extended((value >> 32)::int, 7)) END;
COMMENT ON FUNCTION tally_internal._hll_hash(bigint) IS 'The hash of an integer: that of integers of any width.';
CREATE FUNCTION tally_internal._hll_hash(value smallint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN tally_internal._hll_hash(value::int);
COMMENT ON FUNCTION tally_internal._hll_hash(smallint) IS 'The hash of an integer: that of integers of any width.';

CREATE FUNCTION tally_internal._hll_agree(a int, b int) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF a = b THEN RETURN a; END IF;
    RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch', MESSAGE = format('expected distinct counts under one identity key, got keys %s and %s',
            CASE a WHEN 0 THEN 'none' ELSE lpad(to_hex(a), 4, '0') END, CASE b WHEN 0 THEN 'none' ELSE lpad(to_hex(b), 4, '0') END),
        DETAIL = 'Under another key a value has another hash, so it would count twice, and nobody can test a guess.',
        HINT = 'SELECT * FROM tally.keyed_rollups;  -- under which keys they count; tally.repair(''<rollup>'') computes one anew under the key of now';
END $$;
COMMENT ON FUNCTION tally_internal._hll_agree(int, int) IS 'The number of the key of two sketches; an error where they have two.';

CREATE FUNCTION tally_internal._hll_joined(a tally.hll, b tally.hll) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p int := least(a."precision", b."precision");
    x bytea; y bytea;
BEGIN
    IF a IS NULL THEN RETURN b; END IF;
    IF b IS NULL THEN RETURN a; END IF;
    PERFORM tally_internal._hll_agree(a.key, b.key);
    IF a.registers = '' AND b.registers = '' THEN RETURN tally_internal._hll_made(a.hashes || b.hashes, p, a.key); END IF;
    x := tally_internal._hll_folded(a, p);
    y := tally_internal._hll_folded(b, p);
    RETURN ROW(p, '{}'::bigint[], (SELECT decode(string_agg(lpad(to_hex(greatest(get_byte(x, i), get_byte(y, i))), 2, '0'), '' ORDER BY i), 'hex')
                                     FROM generate_series(0, (1 << p) - 1) i), a.key)::tally.hll;
END $$;
COMMENT ON FUNCTION tally_internal._hll_joined(tally.hll, tally.hll) IS 'The union of both.';

CREATE FUNCTION tally_internal._hll_folded(s tally.hll, p int) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    less int := s."precision" - p;
BEGIN
    IF s.registers = '' THEN RETURN tally_internal._hll_registers(s.hashes, p); END IF;
    IF less = 0 THEN RETURN s.registers; END IF;
    -- A register of the smaller sketch stands for several. The bits that tell them apart come before the others.
    RETURN (SELECT decode(string_agg(lpad(to_hex(r.rank), 2, '0'), '' ORDER BY r.i), 'hex')
              FROM (SELECT g >> less AS i, max(CASE WHEN get_byte(s.registers, g) = 0 THEN 0
                                                    WHEN g & ((1 << less) - 1) = 0 THEN get_byte(s.registers, g) + less
                                                    ELSE position('1' IN (g & ((1 << less) - 1))::bit(32)::text) - (32 - less) END) AS rank
                      FROM generate_series(0, (1 << s."precision") - 1) g GROUP BY 1) r);
END $$;
COMMENT ON FUNCTION tally_internal._hll_folded(tally.hll, int) IS 'The registers of a sketch at a smaller precision.';

CREATE FUNCTION tally_internal._hll_taken(state tally.hll, hash bigint, "precision" int, key int DEFAULT 0) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i int; rank int;
BEGIN
    IF hash IS NULL THEN RETURN state; END IF;
    IF state IS NULL THEN RETURN ROW(tally_internal._hll_check("precision"), ARRAY[hash], ''::bytea, key)::tally.hll; END IF;
    IF state.key <> key THEN PERFORM tally_internal._hll_agree(state.key, key); END IF;
    IF state.registers = '' THEN
        state.hashes := state.hashes || hash;
        RETURN CASE WHEN cardinality(state.hashes) < 2 * tally_internal._hll_most(state."precision") THEN state
                    ELSE tally_internal._hll_made(state.hashes, state."precision", key) END;
    END IF;
    i := ((hash >> (64 - state."precision")) & ((1 << state."precision") - 1))::int;
    rank := CASE WHEN hash << state."precision" = 0 THEN 65 - state."precision" ELSE position('1' IN (hash << state."precision")::bit(64)::text) END;
    IF get_byte(state.registers, i) < rank THEN state.registers := set_byte(state.registers, i, rank); END IF;
    RETURN state;
END $$;
COMMENT ON FUNCTION tally_internal._hll_taken(tally.hll, bigint, int, int) IS 'Takes a hash into the state of an aggregate.';

CREATE OR REPLACE FUNCTION tally_internal._hll_trans(state tally.hll, value anyelement) RETURNS tally.hll
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT tally_internal._hll_taken(state, tally_internal._hll_hash(value), 13)';
CREATE OR REPLACE FUNCTION tally_internal._hll_trans(state tally.hll, value anyelement, "precision" int) RETURNS tally.hll
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT tally_internal._hll_taken(state, tally_internal._hll_hash(value), "precision")';
CREATE OR REPLACE FUNCTION tally.add(sketch tally.hll, value anyelement) RETURNS tally.hll
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT tally_internal._hll_final(tally_internal._hll_taken(sketch, tally_internal._hll_hash(value), 13))';
CREATE OR REPLACE FUNCTION tally_internal._hll_merge(state tally.hll, sketch tally.hll) RETURNS tally.hll
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 RETURN tally_internal._hll_joined(state, sketch);
CREATE OR REPLACE FUNCTION tally.merge(a tally.hll, b tally.hll) RETURNS tally.hll
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 20 RETURN tally_internal._hll_final(tally_internal._hll_joined(a, b));
CREATE OR REPLACE FUNCTION tally_internal._hll_final(state tally.hll) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF state IS NULL THEN RETURN NULL; END IF;
    RETURN CASE state.registers WHEN '' THEN tally_internal._hll_made(state.hashes, state."precision", state.key) ELSE state END;
END $$;
CREATE OR REPLACE FUNCTION tally_internal._hll_final_distinct(state tally.hll) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally.distinct_count(tally_internal._hll_final(state));
END $$;

CREATE FUNCTION tally_internal._hll_estimate(registers bytea) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Ertl's improved raw estimator (arXiv 1702.01284, section 2).
    m      float8 := octet_length(registers);
    q      int := 64 - round(log(2, octet_length(registers)))::int;
    counts float8[];
    z float8; x float8; y float8; s float8; before float8;
BEGIN
    SELECT array_agg(COALESCE(c.n, 0) ORDER BY k) INTO counts
      FROM generate_series(0, q + 1) k LEFT JOIN (SELECT least(get_byte(registers, i), q + 1) AS r, count(*) AS n
                                                    FROM generate_series(0, octet_length(registers) - 1) i GROUP BY 1) c ON c.r = k;
    x := 1 - counts[q + 2] / m;
    s := 0;
    IF x NOT IN (0, 1) THEN
        y := 1; s := 1 - x;
        LOOP
            x := sqrt(x); before := s; y := y / 2; s := s - (1 - x) * (1 - x) * y;
            EXIT WHEN s = before;
        END LOOP;
        s := s / 3;
    END IF;
    z := m * s;
    FOR k IN REVERSE q .. 1 LOOP z := 0.5 * (z + counts[k + 1]); END LOOP;
    x := counts[1] / m;
    IF x = 1 THEN RETURN 0; END IF;
    y := 1; s := x;
    LOOP
        x := x * x; before := s; s := s + x * y; y := y + y;
        EXIT WHEN s = before OR x < 1e-150;
    END LOOP;
    RETURN m * m / (2 * ln(2::float8) * (z + m * s));
END $$;
COMMENT ON FUNCTION tally_internal._hll_estimate(bytea) IS 'How many distinct hashes stand behind the registers, about.';

CREATE OR REPLACE FUNCTION tally.distinct_count(sketch tally.hll) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE sketch.registers WHEN '' THEN cardinality(sketch.hashes) ELSE round(tally_internal._hll_estimate(sketch.registers)) END::bigint
$$;
CREATE OR REPLACE FUNCTION tally.relative_error(sketch tally.hll) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE sketch.registers WHEN '' THEN 0 ELSE 1.04 / sqrt((1 << sketch."precision")::float8) END
$$;
CREATE OR REPLACE FUNCTION tally_internal._hll_jsonb(sketch tally.hll) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('precision', sketch."precision", 'distinct', tally.distinct_count(sketch))
        || CASE sketch.registers WHEN '' THEN jsonb_build_object('hashes', (SELECT jsonb_agg(lpad(to_hex(h), 16, '0')) FROM unnest(sketch.hashes) h))
                ELSE jsonb_build_object('registers', encode(sketch.registers, 'hex')) END
        || CASE sketch.key WHEN 0 THEN '{}' ELSE jsonb_build_object('key', lpad(to_hex(sketch.key), 4, '0')) END
$$;
