-- Owns the way to refuse: an error in four parts, and the names that a person may have meant.

CREATE OR REPLACE FUNCTION tally_internal._refuse(condition_name text, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = condition_name, MESSAGE = message, DETAIL = COALESCE(detail, ''), HINT = COALESCE(hint, '');
END $$;
COMMENT ON FUNCTION tally_internal._refuse(text, text, text, text) IS 'Raises an error in four parts.';

CREATE OR REPLACE FUNCTION tally_internal._closest_names(name text, known text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Names that share most pairs of letters come first; ten are enough to see the one that was meant.
    SELECT string_agg(quote_literal(k.k), ', ' ORDER BY k.likeness DESC, k.k) FROM (
        SELECT u.k, (SELECT count(*) FROM generate_series(1, length(name) - 1) i WHERE strpos(lower(u.k), substr(lower(name), i, 2)) > 0)::float8
                    / GREATEST(length(u.k), length(name)) AS likeness
          FROM unnest(known) u(k) ORDER BY 2 DESC, 1 LIMIT 10) k
$$;
COMMENT ON FUNCTION tally_internal._closest_names(text, text[]) IS 'Up to ten known names, those most like the wanted one first, for error messages.';
