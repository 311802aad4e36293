-- Owns: grant_access and revoke_access. One statement grants exactly what a reader, somebody on call or a clock needs.

CREATE OR REPLACE FUNCTION tally_internal._change_clock(verb text, preposition text, role regrole) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry  regprocedure;
    result text[] := '{}';
BEGIN
    FOREACH entry IN ARRAY tally_internal._clock_entries() LOOP
        EXECUTE format('%s EXECUTE ON ROUTINE %s %s %s', verb, entry, preposition, role);
        result := result || format('EXECUTE on %s', entry);
    END LOOP;
    EXECUTE format('%s INSERT, DELETE ON tally.jobs %s %s', verb, preposition, role);
    result := result || 'INSERT, DELETE on tally.jobs'::text;
    IF tally_internal._has_cron() THEN
        EXECUTE format('%s USAGE ON SCHEMA cron %s %s', verb, preposition, role);
        result := result || 'USAGE on schema cron'::text;
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._change_clock(text, text, regrole) IS
'Grants (GRANT, TO) or revokes (REVOKE, FROM) what a role needs to run the jobs and to start and stop the clock, and says what.';

CREATE OR REPLACE FUNCTION tally.grant_access(role text, "to" regrole, "on" text DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item   record;
    given  text[] := '{}';
    wanted int;
BEGIN
    IF role IS NULL OR role NOT IN ('viewer', 'editor', 'clock') OR "to" IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('access must be that of a viewer, an editor or a clock, to a role, got %L to %s', role,
                                                                         COALESCE("to"::text, 'NULL')),
            'A viewer reads releases. An editor also sees, acknowledges, silences and closes your incidents. A clock runs the jobs.',
            format('SELECT tally.grant_access(''viewer'', %L);', COALESCE("to"::text, 'some_role')));
    END IF;
    IF role = 'clock' THEN
        IF NOT tally_internal._has_rights_of((SELECT p.proowner FROM pg_proc p WHERE p.oid = (tally_internal._clock_entries())[1])) THEN
            PERFORM tally_internal._refuse('insufficient_privilege', format('the clock''s rights are given by a superuser, got %I', current_user),
                'A clock runs the definitions of every owner.', 'SELECT * FROM tally.health;  -- says whether the clock runs');
        END IF;
        RETURN tally_internal._change_clock('GRANT', 'TO', "to");
    END IF;
    wanted := (SELECT tally_internal._choose('release', "on", array_agg(x.id), array_agg(COALESCE(tally_internal._schema_of(x.relation), '')),
                                             array_agg(x.name))
                 FROM tally.releases x WHERE tally_internal._has_rights_of(x.owner) AND x.name IN (SELECT w.name FROM tally_internal._readings("on") w));
    FOR item IN SELECT x.relation, n.nspname FROM tally.releases x JOIN pg_class c ON c.oid = x.relation JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE tally_internal._has_rights_of(x.owner) AND ("on" IS NULL OR "on" = n.nspname OR x.id = wanted) ORDER BY x.id LOOP
        IF NOT has_schema_privilege("to"::oid, item.nspname, 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', item.nspname, "to");
        END IF;
        EXECUTE format('GRANT SELECT ON %s TO %s', item.relation, "to");
        given := given || format('SELECT on %s', item.relation);
    END LOOP;
    IF "on" IS NOT NULL AND given = '{}' THEN
        PERFORM tally_internal._refuse('undefined_object', format('access must be on a release of yours or a schema with one, got %L', "on"),
            'Without on it is to all releases of yours.', 'SELECT name, relation FROM tally.releases;');
    END IF;
    IF role = 'editor' THEN
        PERFORM tally_internal._store_access("to", true);
        given := given || 'your incidents'::text;
    END IF;
    RETURN given;
END $$;
COMMENT ON FUNCTION tally.grant_access(text, regrole, text) IS
'Gives a role what a viewer needs (SELECT on your releases, or those of a name or schema), an editor (that, and to see, acknowledge, silence, comment on '
'and close the incidents of your thresholds without being a member of your role) or, from a superuser, a clock (to run the jobs, start and stop them). '
'It says what was given.';

CREATE OR REPLACE FUNCTION tally.revoke_access("from" regrole) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item  regclass;
    taken text[] := '{}';
BEGIN
    FOR item IN SELECT x.relation FROM tally.releases x WHERE tally_internal._has_rights_of(x.owner)
                   AND EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = x.relation AND a.grantee = "from"::oid) ORDER BY x.id LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', item, "from");
        taken := taken || format('SELECT on %s', item);
    END LOOP;
    IF tally_internal._store_access("from", false) THEN
        taken := taken || 'your incidents'::text;
    END IF;
    IF EXISTS (SELECT FROM pg_proc p, aclexplode(p.proacl) a WHERE p.oid = ANY (tally_internal._clock_entries()::oid[]) AND a.grantee = "from"::oid
                 AND a.grantee <> p.proowner AND tally_internal._has_rights_of(p.proowner)) THEN
        taken := taken || tally_internal._change_clock('REVOKE', 'FROM', "from");
    END IF;
    RETURN taken;
END $$;
COMMENT ON FUNCTION tally.revoke_access(regrole) IS
'Takes back what grant_access() gave a role on your releases and incidents; from a superuser, also the rights of a clock. The role keeps USAGE on the '
'schema. It says what was taken.';
