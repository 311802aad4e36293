-- Owns: names of version 0.1.0 that scripts outside may call, each with where it is now. They go with 0.3.0.

CREATE OR REPLACE FUNCTION tally._in_window(s tally.silences, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._in_window(s, at) $$;
COMMENT ON FUNCTION tally._in_window(tally.silences, timestamptz) IS
'Former name of tally_internal._in_window(): whether a silence covers a moment. It goes with 0.3.0.';
