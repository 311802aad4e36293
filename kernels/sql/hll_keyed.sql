-- Owns: distinct counts under a secret key. A hash of a value is hashed again behind the key, by SHA-256, of which 64 bits are kept. So who has not the key
-- cannot test a guessed value against a sketch. The library hashes by SipHash instead, so sketches of the two kernels do not merge here either.

CREATE FUNCTION tally_internal._key_number(key bytea) RETURNS int
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF octet_length(key) = 18 AND get_byte(key, 1) <> 0 THEN RETURN get_byte(key, 1) * 256 + get_byte(key, 0); END IF;
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
        MESSAGE = format('expected an identity key of 18 bytes, got %s', COALESCE(octet_length(key), 0)),
        DETAIL = 'The definition''s people are counted under a secret key of this database, and there is none.',
        HINT = 'SELECT tally.rotate_identity_key();  -- as the role that installed pg_tally';
END $$;
COMMENT ON FUNCTION tally_internal._key_number(bytea) IS 'The number of an identity key; an error where it is none.';

CREATE FUNCTION tally_internal._keyed_hash(hash bigint, key bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT ('x' || pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(key || pg_catalog.int8send(hash)), 'hex'), 1, 16))
                   ::pg_catalog.bit(64)::pg_catalog.int8 $$;
COMMENT ON FUNCTION tally_internal._keyed_hash(bigint, bytea) IS 'A hash under a key.';

CREATE FUNCTION tally_internal._keyed_hll_of(key bytea, given bigint[]) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hashes bigint[];
BEGIN
    SELECT array_agg(tally_internal._keyed_hash(u.h, key)) INTO hashes FROM (SELECT DISTINCT unnest(array_remove(given, NULL)) AS h) u;
    RETURN CASE WHEN hashes IS NOT NULL THEN tally_internal._hll_made(hashes, 13, tally_internal._key_number(key)) END;
END $$;
COMMENT ON FUNCTION tally_internal._keyed_hll_of(bytea, bigint[]) IS
'tally_internal._keyed_hll(key, value) as a function of array_agg(hash of value): how the engine computes that measure, without PL/pgSQL per row.';

CREATE OR REPLACE FUNCTION tally_internal._keyed_hll_trans(state tally.hll, key bytea, value anyelement) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL THEN RETURN state; END IF;
    RETURN tally_internal._hll_taken(state, tally_internal._keyed_hash(tally_internal._hll_hash(value), key), 13, tally_internal._key_number(key));
END $$;
CREATE OR REPLACE FUNCTION tally_internal._keyed_hll_trans(state tally.hll, key bytea, value anyelement, "precision" int) RETURNS tally.hll
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL THEN RETURN state; END IF;
    RETURN tally_internal._hll_taken(state, tally_internal._keyed_hash(tally_internal._hll_hash(value), key), "precision", tally_internal._key_number(key));
END $$;
