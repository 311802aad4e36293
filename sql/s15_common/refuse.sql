-- Owns the one way to refuse: an error in four parts, and the names that a person may have meant. And the notice for what changes nothing.

CREATE OR REPLACE FUNCTION tally_internal._refuse(condition_name text, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The calling statement makes the message, at length. The context would repeat it. RAISE takes no NULL, and shows an empty text as an
    -- empty line.
    IF NOT tally_internal._short_context() THEN RETURN; END IF;
    -- An error that is caught leaves nothing, and one that is not undoes what its transaction has written. The server's log keeps this, on a standby too.
    IF condition_name = 'insufficient_privilege' THEN
        RAISE LOG USING MESSAGE = format('pg_tally refused %s in a session of %s: %s', current_user, session_user, message);
    END IF;
    IF detail IS NOT NULL AND hint IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = condition_name, MESSAGE = message, DETAIL = detail, HINT = hint;
    ELSIF hint IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = condition_name, MESSAGE = message, HINT = hint;
    ELSIF detail IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = condition_name, MESSAGE = message, DETAIL = detail;
    END IF;
    RAISE EXCEPTION USING ERRCODE = condition_name, MESSAGE = message;
END $$;
COMMENT ON FUNCTION tally_internal._refuse(text, text, text, text) IS
'Raises an error in four parts: SQLSTATE or the name of its condition, message, detail, and the statement to run. A part that is null is left out.';

CREATE OR REPLACE FUNCTION tally_internal._note_unchanged(what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE NOTICE '% is defined just so already; nothing changed', what;
END $$;
COMMENT ON FUNCTION tally_internal._note_unchanged(text) IS 'The notice of a definition that is given again as it is.';

CREATE OR REPLACE FUNCTION tally_internal._closest_names(name text, known text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Names that share most pairs of letters come first; ten are enough to see the one that was meant.
    SELECT string_agg(quote_literal(k.k), ', ' ORDER BY k.likeness DESC, k.k) FROM (
        SELECT u.k, (SELECT count(*) FROM generate_series(1, length(n.wanted) - 1) i WHERE strpos(n.known, substr(n.wanted, i, 2)) > 0)::float8
                    / GREATEST(length(n.known), length(n.wanted)) AS likeness
          -- A text of a megabyte would take an hour. No name is longer than 64 bytes, and two with their schemas are no longer than this.
          FROM unnest(known) u(k), LATERAL (SELECT lower(left(u.k, 140)) AS known, lower(left(name, 140)) AS wanted) n ORDER BY 2 DESC, 1 LIMIT 10) k
$$;
COMMENT ON FUNCTION tally_internal._closest_names(text, text[]) IS 'Up to ten known names, those most like the wanted one first, for error messages.';
