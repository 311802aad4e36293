-- Owns: tally.uninstall(): it lists what pg_tally has made outside its own schema, and takes it away. DROP EXTENSION … CASCADE alone leaves
-- jobs of pg_cron that fail, statistics on sources, and tables of rollups without their sketches.

CREATE OR REPLACE FUNCTION tally_internal._made() RETURNS TABLE (place int, what text, name text, statement text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tally_internal._has_cron() THEN
        RETURN QUERY EXECUTE 'SELECT 1, ''cron job'', j.jobname::text, format(''SELECT cron.unschedule(%s);'', j.jobid) FROM cron.job j WHERE j.jobname '
            'LIKE ''tally %'' AND j.database = current_database()';
    END IF;
    RETURN QUERY
    WITH RECURSIVE stands(view) AS (
        SELECT w.ev_class FROM tally.rollups r JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.relation
            AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite w ON w.oid = d.objid
        UNION SELECT w.ev_class FROM stands s JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.view
            AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite w ON w.oid = d.objid
    )
    SELECT 2, 'view', c.oid::regclass::text, format('DROP %s IF EXISTS %s CASCADE;', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW'
                                                    ELSE 'VIEW' END, c.oid::regclass)
      FROM pg_class c WHERE c.relkind IN ('v', 'm') AND c.relnamespace <> 'tally'::regnamespace AND c.oid IN (SELECT s.view FROM stands s)
    UNION ALL
    SELECT 3, 'trigger', format('%s on %s', t.tgname, t.tgrelid::regclass), format('DROP TRIGGER IF EXISTS %I ON %s;', t.tgname, t.tgrelid::regclass)
      FROM pg_trigger t WHERE t.tgparentid = 0 AND t.tgfoid IN ('tally.capture'::regproc, 'tally.capture_truncate'::regproc, 'tally.rollup_written'::regproc,
                                                            'tally.feed_written'::regproc)
    UNION ALL
    SELECT CASE c.relkind WHEN 'v' THEN 6 ELSE 7 END, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'f' THEN 'foreign table' ELSE 'table' END, c.oid::regclass::text,
           format('DROP %s IF EXISTS %s;', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, c.oid::regclass)
      FROM (SELECT x.face FROM tally.clusters x UNION ALL SELECT n.live FROM tally.cluster_nodes n UNION ALL SELECT x.parts FROM tally.clusters x) k(relation)
      JOIN pg_class c ON c.oid = k.relation
    UNION ALL
    SELECT 4, 'statistics', s.name, format('DROP STATISTICS IF EXISTS %s;', s.name)
      FROM tally.rollups r CROSS
          JOIN LATERAL unnest(ARRAY[tally_internal._statistics_of(r, '_tally_groups'), tally_internal._statistics_of(r, '_tally_build')]) s(name)
          WHERE s.name IS NOT NULL
    UNION ALL
    SELECT 5, 'table', c.oid::regclass::text, format('DROP TABLE IF EXISTS %s;', c.oid::regclass) FROM tally.rollups r JOIN pg_class c ON c.oid = r.relation
        AND c.relkind = 'r';
END $$;
COMMENT ON FUNCTION tally_internal._made() IS
'What pg_tally has made outside its schema, and what stands on it, with the statements that take it away, in their order.';

CREATE OR REPLACE FUNCTION tally.uninstall(really boolean DEFAULT false, keep_tables boolean DEFAULT false) RETURNS TABLE (what text, name text, statement text,
        done boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    items jsonb;
    item  record;
BEGIN
    IF NOT (SELECT o.rolsuper FROM pg_roles o WHERE o.rolname = current_user)
        AND NOT tally_internal._has_rights_of((SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'tally')) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('pg_tally is taken out of a database by a superuser, got %I', current_user),
            'It has jobs, triggers and statistics of every role.',
            'SELECT name, owner FROM tally.rollups;  -- each owner drops his own: SELECT tally.drop_rollup(…);');
    END IF;
    SELECT jsonb_agg(to_jsonb(m) ORDER BY m.place, m.name) INTO items FROM tally_internal._made() m WHERE NOT (keep_tables AND m.what = 'table');
    FOR item IN SELECT * FROM jsonb_to_recordset(COALESCE(items, '[]')) i(place int, what text, name text, statement text) LOOP
        what := item.what; name := item.name; statement := item.statement; done := really;
        IF really THEN EXECUTE item.statement; END IF;
        RETURN NEXT;
    END LOOP;
    done := false;
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_tally') THEN
        what := 'extension'; name := 'pg_tally'; statement := 'DROP EXTENSION pg_tally CASCADE;';
        RETURN NEXT;
        what := 'schema'; name := 'tally'; statement := 'DROP SCHEMA IF EXISTS tally;';
        RETURN NEXT;
    ELSE
        -- The hosted edition is no extension.
        what := 'schema'; name := 'tally'; statement := 'DROP SCHEMA tally, tally_internal CASCADE;';
        RETURN NEXT;
    END IF;
    -- They belong to the server, and other databases may use them.
    FOR item IN SELECT r.rolname AS name FROM pg_roles r WHERE r.rolname IN ('tally_viewer', 'tally_editor', 'tally_admin') ORDER BY r.rolname LOOP
        what := 'role'; name := item.name; statement := format('DROP OWNED BY %1$I; DROP ROLE %1$I;  -- where no other database uses it', item.name);
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.uninstall(boolean, boolean) IS
'Lists what pg_tally has made in this database outside its schema: jobs of pg_cron, views, triggers, statistics and tables of rollups, each with the '
'statement that removes it. really => true removes all of it. keep_tables leaves the tables; their sketches go with the extension all the same. Run the '
'last statements, whose done is false, by hand afterwards. For a superuser.';
