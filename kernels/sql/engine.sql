-- Owns: running a definition, and what the engine asks about its own work, in SQL.

CREATE OR REPLACE FUNCTION tally_internal._bound_path(search_path text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schemas text := (SELECT string_agg(quote_ident(CASE WHEN p.part[1] LIKE '"%' THEN replace(substr(p.part[1], 2, length(p.part[1]) - 2), '""', '"')
                                                        ELSE lower(p.part[1]) END), ', ' ORDER BY p.n)
                       FROM regexp_matches(search_path, '\s*("(?:[^"]|"")*"|[^,\s"]+)\s*(?:,|$)', 'g') WITH ORDINALITY p(part, n)
                      WHERE lower(btrim(p.part[1], '"')) NOT IN ('pg_catalog', 'pg_temp'));
BEGIN
    RETURN concat_ws(', ', 'pg_catalog', schemas, 'pg_temp');
END $$;

CREATE OR REPLACE FUNCTION tally_internal._check_owner(owner regrole) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = owner) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = 'the owner of this definition is gone, so its SQL runs as nobody',
            DETAIL = 'A definition runs with the rights of the role that owns it, and with no other''s.',
            HINT = 'SELECT tally.set_owner(''<rollup>'', ''<role>'');';
    ELSIF owner <> tally_internal._current_role() THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('in the hosted edition a definition runs as the role that installed pg_tally, expected %s, got one of %s',
                             tally_internal._current_role(), owner),
            DETAIL = 'No role but a superuser can switch to another within a function.',
            HINT = format('SET ROLE %s;  -- and define it anew', tally_internal._current_role());
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_owner(regrole) IS 'An error where a definition''s owner is not who runs it.';

CREATE OR REPLACE FUNCTION tally_internal._at_work() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT current_setting('tally.at_work', true) = 'on' $$;

CREATE OR REPLACE FUNCTION tally_internal._short_context() RETURNS boolean
LANGUAGE sql VOLATILE AS $$ SELECT true $$;

CREATE OR REPLACE FUNCTION tally_internal._note_writer(relation oid) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('tally.writer', relation::text || ' ' || tally_internal._current_role()::oid::text, true);
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._writer(relation oid) RETURNS regrole
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted text := current_setting('tally.writer', true);
BEGIN
    RETURN CASE WHEN split_part(noted, ' ', 1) = relation::text THEN split_part(noted, ' ', 2)::oid ELSE 0::oid END::regrole;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._statistics_filled() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Only a superuser reads the data; the view shows those of the role's own tables.
    SELECT s.oid FROM pg_stats_ext x JOIN pg_namespace n ON n.nspname = x.statistics_schemaname
      JOIN pg_statistic_ext s ON s.stxnamespace = n.oid AND s.stxname = x.statistics_name
$$;

CREATE OR REPLACE FUNCTION tally_internal._guard(reader regrole, trusted text DEFAULT '', in_text boolean DEFAULT false) RETURNS void
LANGUAGE sql VOLATILE AS '';

CREATE OR REPLACE FUNCTION tally_internal._packs_keys() RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT false $$;

-- What Supabase advises: eight jobs at most, with evaluation, maintain and expire, and ten minutes each.
CREATE OR REPLACE FUNCTION tally_internal._job_limits(OUT refreshes int, OUT tasks int, OUT longest interval)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 3, 2, '10 minutes'::pg_catalog.interval $$;

CREATE FUNCTION tally_internal._refuse_long_job() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    longest interval := (SELECT o.most FROM tally_internal._overdue_jobs() o WHERE o.pid = pg_backend_pid());
BEGIN
    IF longest IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = format('the job lasted longer than %s and was ended', longest),
            DETAIL = 'What a definition runs has a limit, so that none keeps the others waiting.',
            HINT = 'Run by hand, it may last as long as it needs: CALL tally.backfill(); SELECT * FROM tally.run_tasks();';
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_long_job() IS
'An error of what a job of pg_cron runs, where the job was cancelled because it lasted too long: it is logged, and stops no other. Any other '
    'cancellation stays what it is.';
