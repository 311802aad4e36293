-- Owns: the refusal of what this kernel has not, and the form of the tables that an installation has. scripts/lib/hosted.pl gives each function that is
-- missing this body, under its own signature.

CREATE FUNCTION tally_internal._missing(what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = format('%s() is not in the hosted edition of pg_tally', what),
        DETAIL = 'This edition runs where no shared library can be loaded. It has not yet all functions of the library edition.',
        HINT = 'SELECT name, instead FROM tally.hosted_missing;';
END $$;
COMMENT ON FUNCTION tally_internal._missing(text) IS 'Refuses a function that this edition has not.';

CREATE FUNCTION tally_internal._hosted_state() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '@STATE@' $$;
COMMENT ON FUNCTION tally_internal._hosted_state() IS 'The form of the tables of this installation, by which an upgrade knows whether it may go over it.';
