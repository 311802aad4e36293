-- Owns: a number with its noun, in the singular or the plural.

CREATE OR REPLACE FUNCTION tally_internal._numbered(n numeric, one text, many text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n || ' ' || CASE n WHEN 1 THEN one ELSE many END
$$;
COMMENT ON FUNCTION tally_internal._numbered(numeric, text, text) IS 'n with its noun and its verb, such as "1 unit is" and "2 units are".';
