-- Owns what must be as it was after an attack: one line for everything that is not the attacker's, in the engine's tables, in the tables of others
-- and in PostgreSQL's catalogue. Left out is what anybody may leave: marks, and how many of them were ignored.
CREATE SCHEMA judge;
CREATE FUNCTION judge.state() RETURNS TABLE (what text, line text) LANGUAGE plpgsql AS $$
DECLARE
    attacker oid := 'tally_attacker'::regrole;
    rel      record;
    mine     text;
BEGIN
    FOR rel IN SELECT c.oid::regclass AS name, c.relname, c.relnamespace::regnamespace::text AS nsp,
                      ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
                 FROM pg_class c
                WHERE c.relkind = 'r' AND c.relowner <> attacker AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
                  AND c.relnamespace::regnamespace::text NOT LIKE 'pg\_t%' AND c.relnamespace <> 'judge'::regnamespace
                  AND c.relname NOT IN ('dirty', 'dirty_ranges', 'key_marks', 'notification_groups', 'jobs')
                  AND NOT (c.relnamespace = 'tally'::regnamespace AND c.relname LIKE 'dirty\_keys\_%') LOOP
        mine := CASE WHEN rel.nsp <> 'tally' THEN 'false'
            WHEN 'owner' = ANY (rel.columns) THEN 'x.owner::oid = $1'
            WHEN 'rollup_id' = ANY (rel.columns) THEN 'x.rollup_id IN (SELECT y.id FROM tally.rollups y WHERE y.owner::oid = $1)'
            WHEN 'threshold_id' = ANY (rel.columns) THEN 'x.threshold_id IN (SELECT y.id FROM tally.thresholds y WHERE y.owner::oid = $1)'
            WHEN 'incident_id' = ANY (rel.columns) THEN 'x.incident_id IN (SELECT y.id FROM tally.incidents y WHERE y.owner::oid = $1)'
            WHEN 'probe_id' = ANY (rel.columns) THEN 'x.probe_id IN (SELECT y.id FROM tally.probes y WHERE y.owner::oid = $1)'
            WHEN 'channel_id' = ANY (rel.columns) THEN 'x.channel_id IN (SELECT y.id FROM tally.channels y WHERE y.owner::oid = $1)'
            WHEN 'release_id' = ANY (rel.columns) THEN 'x.release_id IN (SELECT y.id FROM tally.releases y WHERE y.owner::oid = $1)'
            WHEN 'silence_id' = ANY (rel.columns) THEN 'x.silence_id IN (SELECT y.id FROM tally.silences y WHERE y.owner::oid = $1)'
            WHEN 'experiment_id' = ANY (rel.columns) THEN 'x.experiment_id IN (SELECT y.id FROM tally.experiments y WHERE y.owner::oid = $1)'
            WHEN 'source' = ANY (rel.columns) THEN 'x.source::oid IN (SELECT c.oid FROM pg_class c WHERE c.relowner = $1)'
            WHEN rel.relname = 'functions' THEN 'x.function LIKE ''evil.%'''
            WHEN rel.relname = 'enums' THEN 'EXISTS (SELECT FROM pg_type t WHERE t.oid = x.type::oid AND t.typowner = $1)'
            ELSE 'false' END;
        RETURN QUERY EXECUTE format('SELECT %L, (to_jsonb(x) - ''ignored_marks'')::text FROM %s x WHERE NOT COALESCE(%s, false)', rel.name::text,
            rel.name, mine) USING attacker;
    END LOOP;
    -- Tables of marks of the attacker's own rollups are the engine's.
    RETURN QUERY SELECT 'relation', concat_ws(' ', c.oid::regclass, c.relowner::regrole, c.relacl, c.relkind, c.relhasrules, c.relrowsecurity,
        c.reloptions)
      FROM pg_class c WHERE c.relowner <> attacker AND c.relnamespace <> 'judge'::regnamespace
          AND c.relnamespace::regnamespace::text NOT LIKE 'pg\_t%' AND c.relname NOT LIKE 'dirty\_keys\_%';
    RETURN QUERY SELECT 'column', concat_ws(' ', c.oid::regclass, a.attname, a.atttypid::regtype, a.attacl, a.attstattarget)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relowner <> attacker AND c.relnamespace::regnamespace::text IN ('tally', 'app', 'root', 'public') AND a.attnum > 0
         AND c.relname NOT LIKE 'dirty\_keys\_%';
    RETURN QUERY SELECT 'function', concat_ws(' ', p.oid::regprocedure, p.proowner::regrole, p.proacl, p.proconfig, md5(p.prosrc))
        FROM pg_proc p WHERE p.proowner <> attacker;
    RETURN QUERY SELECT 'trigger', concat_ws(' ', c.oid::regclass, t.tgname, t.tgenabled, t.tgfoid::regprocedure)
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relowner <> attacker;
    RETURN QUERY SELECT 'policy', to_jsonb(p)::text FROM pg_policies p WHERE p.schemaname <> 'evil';
    RETURN QUERY SELECT 'role', to_jsonb(r)::text FROM pg_roles r;
    RETURN QUERY SELECT 'member', to_jsonb(m)::text FROM pg_auth_members m;
    -- A role may set what its own sessions begin with.
    RETURN QUERY SELECT 'setting', to_jsonb(s)::text FROM pg_db_role_setting s WHERE s.setrole <> attacker;
    RETURN QUERY SELECT 'default', to_jsonb(d)::text FROM pg_default_acl d WHERE d.defaclrole <> attacker;
    RETURN QUERY SELECT 'schema', concat_ws(' ', n.nspname, n.nspowner::regrole, n.nspacl) FROM pg_namespace n WHERE n.nspowner <> attacker
        AND n.nspname NOT LIKE 'pg\_t%';
    RETURN QUERY SELECT 'extension', concat_ws(' ', e.extname, e.extversion, e.extowner::regrole) FROM pg_extension e;
    RETURN QUERY SELECT 'event trigger', concat_ws(' ', e.evtname, e.evtenabled, e.evtowner::regrole) FROM pg_event_trigger e;
    RETURN QUERY SELECT 'comment', concat_ws(' ', d.objoid, d.classoid::regclass, md5(d.description))
        FROM pg_description d JOIN pg_class c ON c.oid = d.objoid WHERE c.relowner <> attacker;
END $$;
REVOKE ALL ON SCHEMA judge FROM PUBLIC;
