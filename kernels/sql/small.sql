-- Owns: small functions that the pipeline and people share, in SQL.

CREATE OR REPLACE FUNCTION tally.breaches(value float8, operator text, threshold float8) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value = 'NaN' OR threshold = 'NaN' THEN RETURN NULL; END IF;
    RETURN tally_internal._holds(operator, value, threshold,
        COALESCE(length(substring(tally_internal._plain_number(threshold) FROM '\.(\d+)')), 0));
END $$;

CREATE FUNCTION tally_internal._plain_number(value float8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT CASE WHEN value IN ('Infinity', '-Infinity', 'NaN') THEN value::text ELSE value::text::numeric::text END
$$;
COMMENT ON FUNCTION tally_internal._plain_number(float8) IS 'The shortest text of a number, without an exponent.';

CREATE FUNCTION tally_internal._holds(operator text, value float8, "limit" float8, decimals int) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    infinite CONSTANT float8[] := '{Infinity,-Infinity}';
    equal    boolean;
BEGIN
    CASE operator
        WHEN '>' THEN RETURN value > "limit";
        WHEN '>=' THEN RETURN value >= "limit";
        WHEN '<' THEN RETURN value < "limit";
        WHEN '<=' THEN RETURN value <= "limit";
        WHEN '=', '!=', '<>' THEN
            equal := value = "limit" OR CASE WHEN value = ANY (infinite) OR "limit" = ANY (infinite) OR abs(value) > 1e290 OR abs("limit") > 1e290 THEN false
                -- Both are rounded in the same way, half away from zero.
                ELSE sign(value) * floor(abs(value * 10 ^ decimals) + 0.5) = sign("limit") * floor(abs("limit" * 10 ^ decimals) + 0.5) END;
            RETURN CASE operator WHEN '=' THEN equal ELSE NOT equal END;
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('operator expected to be one of > >= < <= = !=, got "%s"', operator),
                HINT = 'SELECT tally.breaches(3, ''>'', 2);';
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._holds(text, float8, float8, int) IS 'Whether a comparison holds; = and != of both numbers rounded to so many decimals.';

CREATE OR REPLACE FUNCTION tally_internal._add_size(sum float8, value float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
-- PostgreSQL refuses a sum beyond the largest number, which is infinity here.
RETURN CASE WHEN sum OPERATOR(pg_catalog.>) (1.7976931348623157e308::pg_catalog.float8 OPERATOR(pg_catalog.-) pg_catalog.abs(value))
                 AND sum OPERATOR(pg_catalog.<=) 'Infinity'::pg_catalog.float8 THEN 'Infinity'::pg_catalog.float8
            ELSE sum OPERATOR(pg_catalog.+) pg_catalog.abs(value) END;

CREATE OR REPLACE FUNCTION tally_internal._float_text(value float8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN value = 0 THEN '0' ELSE value::text END
$$;
CREATE OR REPLACE FUNCTION tally_internal._float_text(value float4) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN value = 0 THEN '0' ELSE value::text END
$$;

CREATE FUNCTION tally_internal._trimmed(value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'number' THEN to_jsonb(trim_scale((value #>> '{}')::numeric))
        WHEN 'array' THEN COALESCE((SELECT jsonb_agg(tally_internal._trimmed(e) ORDER BY n) FROM jsonb_array_elements(value) WITH ORDINALITY x(e, n)), '[]')
        WHEN 'object' THEN COALESCE((SELECT jsonb_object_agg(e.key, tally_internal._trimmed(e.value)) FROM jsonb_each(value) e), '{}')
        ELSE value END;
END $$;
COMMENT ON FUNCTION tally_internal._trimmed(jsonb) IS 'A jsonb whose numbers have no trailing zeros.';
CREATE OR REPLACE FUNCTION tally_internal._jsonb_text(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN tally_internal._trimmed(value)::text; END $$;

CREATE OR REPLACE FUNCTION tally.sparkline(points float8[]) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Halved first: the difference of two finite numbers may be infinite.
    SELECT COALESCE(string_agg(CASE WHEN p IS NULL OR p IN ('NaN', 'Infinity', '-Infinity') THEN ' '
                                    WHEN e.high = e.low THEN '▄'
                                    ELSE substr('▁▂▃▄▅▆▇█', 1 + floor((p / 2 - e.low / 2) / (e.high / 2 - e.low / 2) * 7 + 0.5)::int, 1)
                               END, '' ORDER BY n), '')
      FROM unnest(points) WITH ORDINALITY u(p, n),
           (SELECT min(x) AS low, max(x) AS high FROM unnest(points) x WHERE x NOT IN ('NaN', 'Infinity', '-Infinity')) e
$$;

CREATE OR REPLACE FUNCTION tally.bar(share float8, width int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    eighths int;
BEGIN
    IF width NOT BETWEEN 0 AND 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('width of a bar expected in 0 to 1000, got %s', width),
            HINT = 'SELECT tally.bar(0.5, 40)';
    END IF;
    IF share = 'NaN' THEN RETURN NULL; END IF;
    eighths := floor(least(greatest(share, 0), 1) * width * 8 + 0.5);
    RETURN repeat('█', eighths / 8) || CASE eighths % 8 WHEN 0 THEN '' ELSE substr('▏▎▍▌▋▊▉', eighths % 8, 1) END;
END $$;
CREATE OR REPLACE FUNCTION tally.bar(value float8, max float8, width int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN max <> 0 THEN tally.bar(value / max, width) WHEN value = 0 THEN NULL ELSE tally.bar(sign(value), width) END
$$;

-- HMAC-SHA-256 (RFC 2104) over PostgreSQL's own sha256().
CREATE FUNCTION tally_internal._hmac(value text, key text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    block bytea := convert_to(key, 'UTF8');
    inner_ bytea := decode(repeat('36', 64), 'hex');
    outer_ bytea := decode(repeat('5c', 64), 'hex');
BEGIN
    IF octet_length(block) > 64 THEN block := sha256(block); END IF;
    FOR i IN 0 .. octet_length(block) - 1 LOOP
        inner_ := set_byte(inner_, i, get_byte(block, i) # 54);
        outer_ := set_byte(outer_, i, get_byte(block, i) # 92);
    END LOOP;
    RETURN sha256(outer_ || sha256(inner_ || convert_to(value, 'UTF8')));
END $$;
COMMENT ON FUNCTION tally_internal._hmac(text, text) IS 'HMAC-SHA-256 of a text under a key.';
CREATE OR REPLACE FUNCTION tally.pseudonym(value text, key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN encode(tally_internal._hmac(value, tally_internal._checked_key(key)), 'hex');
END $$;
CREATE OR REPLACE FUNCTION tally.pseudonym_uuid(value text, key text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bytes bytea := substr(tally_internal._hmac(value, tally_internal._checked_key(key)), 1, 16);
BEGIN
    -- Version 8, and the variant of RFC 9562.
    RETURN encode(set_byte(set_byte(bytes, 6, get_byte(bytes, 6) & 15 | 128), 8, get_byte(bytes, 8) & 63 | 128), 'hex')::uuid;
END $$;

CREATE FUNCTION tally_internal._checked_key(key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF key = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'key of a pseudonym expected, got the empty text',
            DETAIL = 'Without a key every pseudonym can be undone by guessing names; 16 random bytes or more are a good key.',
            HINT = 'SELECT tally.pseudonym(name, gen_random_uuid()::text || gen_random_uuid()::text)';
    END IF;
    RETURN key;
END $$;
COMMENT ON FUNCTION tally_internal._checked_key(text) IS 'The key of a pseudonym, which is not empty. An error never shows it.';
