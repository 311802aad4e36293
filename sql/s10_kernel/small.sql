-- Owns: small functions that the pipeline and people share: comparing, text pictures, pseudonyms, suppression.

CREATE OR REPLACE FUNCTION tally.breaches(value float8, operator text, threshold float8) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_breaches';
COMMENT ON FUNCTION tally.breaches(float8, text, float8) IS
'Whether value operator threshold holds, for >, >=, <, <=, = and != (<>). = and != compare at the threshold''s own decimals: 99.6 = 100 holds, 99.6 = 100.5 '
'does not. NULL or NaN gives NULL.';

CREATE OR REPLACE FUNCTION tally_internal._add_size(sum float8, value float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_add_size';
COMMENT ON FUNCTION tally_internal._add_size(float8, float8) IS 'Step of _sizes: a sum and the absolute value of a number.';

CREATE OR REPLACE AGGREGATE tally_internal._sizes(value float8)
    (SFUNC = tally_internal._add_size, STYPE = float8, INITCOND = '0', COMBINEFUNC = tally_internal._add_size, PARALLEL = SAFE);
COMMENT ON AGGREGATE tally_internal._sizes(float8) IS
'Sum of absolute values: times the number of rows and the machine''s precision it bounds what the order of rows may change in a sum.';

CREATE OR REPLACE FUNCTION tally.sparkline(points float8[]) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_sparkline';
COMMENT ON FUNCTION tally.sparkline(float8[]) IS
'The numbers as a line of text, ▁ for the least to █ for the greatest; a space for NULL, NaN and the infinities.';

CREATE OR REPLACE FUNCTION tally.bar(share float8, width int) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bar_share';
COMMENT ON FUNCTION tally.bar(float8, int) IS 'A bar of text for a share of 1, width characters at 1; drawn in eighths of a character.';

CREATE OR REPLACE FUNCTION tally.bar(value float8, max float8, width int) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bar';
COMMENT ON FUNCTION tally.bar(float8, float8, int) IS
'A bar of text for value where max is width characters long; drawn in eighths of a character. NULL where both are 0.';

CREATE OR REPLACE FUNCTION tally.pseudonym(value text, key text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_pseudonym';
COMMENT ON FUNCTION tally.pseudonym(text, text) IS
'HMAC-SHA-256 of value under key, in hexadecimal (64 characters). Keep the key (16 random bytes or more) where readers cannot reach it.';

CREATE OR REPLACE FUNCTION tally.pseudonym_uuid(value text, key text) RETURNS uuid
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_pseudonym_uuid';
COMMENT ON FUNCTION tally.pseudonym_uuid(text, text) IS 'The first 122 bits of tally.pseudonym(value, key) as a uuid of version 8: a quarter of the space.';

CREATE OR REPLACE FUNCTION tally.suppress_below(value anyelement, people bigint, k int DEFAULT 10) RETURNS anyelement
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    'SELECT CASE WHEN people OPERATOR(pg_catalog.>=) k OR people OPERATOR(pg_catalog.=) 0 AND k IS NOT NULL '
        'AND (value)::pg_catalog.text OPERATOR(pg_catalog.~) ''^-?0(\.0*)?$'' THEN value END';
COMMENT ON FUNCTION tally.suppress_below(anyelement, bigint, int) IS
'value where it stands for k or more distinct people, else NULL; for numbers, arrays and sketches alike. A zero of nobody is shown. NULL people or k '
'hides. It hides one cell and is no protection against a role that may read the source or run EXPLAIN.';

CREATE OR REPLACE FUNCTION tally.instant(value text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text[] := regexp_match(value,
                                '^(?!0000)(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[T '
        ']([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-](0\d|1[0-5]):?[0-5]\d)$');
BEGIN
    -- The offset makes it the same instant in every session. The check of the day makes sure that the cast cannot fail.
    IF part[3]::int > 28 AND part[3]::int > extract(day FROM make_date(part[1]::int, part[2]::int, 1) + interval '1 month' - interval '1 day') THEN
        RETURN NULL;
    END IF;
    RETURN CASE WHEN part IS NOT NULL THEN value::timestamptz END;
END $$;
COMMENT ON FUNCTION tally.instant(text) IS
'An ISO 8601 instant with its offset (2026-01-31T12:00:00Z), as JSON carries it; NULL for anything else, so that one bad payload stops no refresh.';

CREATE OR REPLACE FUNCTION tally_internal._float_text(value float8) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_float8_text';
COMMENT ON FUNCTION tally_internal._float_text(float8) IS
'The shortest text that reads back as the number, under every extra_float_digits; -0 is 0, so that equal numbers have one text.';
CREATE OR REPLACE FUNCTION tally_internal._float_text(value float4) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_float4_text';
COMMENT ON FUNCTION tally_internal._float_text(float4) IS
'The shortest text that reads back as the number, under every extra_float_digits; -0 is 0, so that equal numbers have one text.';
CREATE OR REPLACE FUNCTION tally_internal._jsonb_text(value jsonb) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_jsonb_text';
COMMENT ON FUNCTION tally_internal._jsonb_text(jsonb) IS 'A jsonb as text, its numbers without trailing zeros, so that equal values have one text.';

CREATE OR REPLACE FUNCTION tally_internal._sent(value anyelement) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_sent';
COMMENT ON FUNCTION tally_internal._sent(anyelement) IS 'The binary form of a value in base 64: what a sketch travels in between servers.';

CREATE OR REPLACE FUNCTION tally_internal._received(sent text, kind anyelement) RETURNS anyelement
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_received';
COMMENT ON FUNCTION tally_internal._received(text, anyelement) IS
'The value that _sent() gave, of the type of kind, whose own value does not matter; an error where the bytes are none of that type.';
