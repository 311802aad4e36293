-- Owns: what the session of a caller may not decide in a function that runs in it. Definitions run under the settings of run_as()
-- (PINNED in src/pg/run_as.rs); the functions around them, and those of packs, get these.
--
-- Numbers and intervals that become text: JSON of a float8 follows extra_float_digits, and a threshold compares what is in that JSON.
-- Backslashes: PL/pgSQL and SQL bodies are parsed in the session that calls them first. With standard_conforming_strings off, a
-- backslash in one would begin an escape.

CREATE OR REPLACE FUNCTION tally_internal._pin_session(function regprocedure, whole boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- TimeZone and DateStyle are not in it. Moments travel as parameters, and what a person reads is in the person's own zone.
    pinned CONSTANT text[] := '{standard_conforming_strings = on, extra_float_digits = 1, intervalstyle = postgres, bytea_output = hex, array_nulls = on,
                                quote_all_identifiers = off, transform_null_equals = off, backslash_quote = safe_encoding}';
BEGIN
    -- One statement: at each ALTER FUNCTION event triggers look at what definitions use.
    EXECUTE format('ALTER FUNCTION %s SET %s', function, array_to_string(CASE WHEN whole THEN pinned ELSE pinned[1:1] END, ' SET '));
END $$;
COMMENT ON FUNCTION tally_internal._pin_session(regprocedure, boolean) IS
'Makes a function run under settings of the engine instead of those of the caller; whole false: pins only how its own text is read.';
