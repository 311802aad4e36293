-- Owns: the beginning of the upgrade of the hosted edition: what must be there, and the mark on each function and view, by which the end finds what is no part
-- of this version.
-- pg_tally @VERSION@, hosted edition, over an installation of it: made by scripts/hosted.sh. Run it as the role that owns pg_tally, in one transaction:
--     psql -1 -v ON_ERROR_STOP=1 -f pg_tally-hosted--@VERSION@--again.sql
-- Definitions, stored rows, marks, incidents and logs stay. You can run it any number of times.

DO $$
DECLARE
    state text;
    item  text;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('timezone', 'UTC', true),
        pg_catalog.set_config('datestyle', 'ISO, MDY', true), pg_catalog.set_config('intervalstyle', 'postgres', true),
        pg_catalog.set_config('check_function_bodies', 'off', true), pg_catalog.set_config('client_min_messages', 'warning', true);
    IF to_regprocedure('tally_internal._installed_version()') IS NULL
        OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = to_regnamespace('tally_internal') AND d.deptype = 'e') THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the hosted edition of pg_tally expected in this database, got none, or an extension',
            DETAIL = 'This file brings an installation that is there to version @VERSION@. Nothing was changed.',
            HINT = 'SELECT nspname FROM pg_namespace WHERE nspname ~ ''^tally'';  -- where it gives nothing, run pg_tally-hosted--@VERSION@.sql';
    ELSIF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = 'tally_internal' AND n.nspowner = (SELECT r.oid FROM pg_roles r
                                                                                                       WHERE r.rolname = current_user)) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('the owner of pg_tally expected, got %I', current_user), DETAIL = 'Nothing was changed.',
            HINT = (SELECT format('SET ROLE %s;', n.nspowner::regrole) FROM pg_namespace n WHERE n.nspname = 'tally_internal');
    END IF;
    IF to_regprocedure('tally_internal._hosted_state()') IS NOT NULL THEN EXECUTE 'SELECT tally_internal._hosted_state()' INTO state; END IF;
    IF state IS DISTINCT FROM '@STATE@' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('tables of the form @STATE@ expected, got %s', COALESCE(state, 'an older form')),
            DETAIL = 'This file changes functions and views, and no tables. Nothing was changed.',
            HINT = 'SELECT * FROM tally.definitions();  -- save what it gives, then SELECT * FROM tally.uninstall();';
    END IF;
    FOR item IN SELECT evtname FROM pg_event_trigger WHERE evtname ~ '^tally_' ORDER BY 1 LOOP
        BEGIN
            EXECUTE format('DROP EVENT TRIGGER %I', item);
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END LOOP;
    FOR item IN SELECT format('COMMENT ON ROUTINE %s IS ''of an earlier version''', p.oid::regprocedure) FROM pg_proc p
                 WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
                UNION ALL SELECT format('COMMENT ON VIEW %s IS ''of an earlier version''', c.oid::regclass) FROM pg_class c
                 WHERE c.relnamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND c.relkind = 'v' LOOP
        EXECUTE item;
    END LOOP;
END $$;

CREATE FUNCTION pg_temp.shape(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
      FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped WHERE t.oid = name::regtype
$$;
CREATE FUNCTION pg_temp.same_shape(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_temp.shape(name) IS DISTINCT FROM pg_temp.shape('pg_temp.' || split_part(name, '.', 2)) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('type %s expected as (%s), got (%s)', name, pg_temp.shape('pg_temp.' || split_part(name, '.', 2)), pg_temp.shape(name)),
            DETAIL = 'This file changes functions and views, and no types. Nothing was changed.',
            HINT = 'SELECT * FROM tally.definitions();  -- save what it gives, then SELECT * FROM tally.uninstall();';
    END IF;
END $$;
