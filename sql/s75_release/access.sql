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

CREATE OR REPLACE FUNCTION tally_internal._readable_of(rollup_id int) RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.oid::regclass
      FROM (SELECT r.relation, 1 AS n FROM tally.rollups r WHERE r.id = $1 UNION ALL SELECT r.live_view, 2 FROM tally.rollups r WHERE r.id = $1
            UNION ALL SELECT v.view, 3 FROM tally.metric_views v WHERE v.rollup_id = $1) k(relation, n)
      JOIN pg_class x ON x.oid = k.relation ORDER BY k.n
$$;
COMMENT ON FUNCTION tally_internal._readable_of(int) IS
'What a reader of a rollup reads: its table, its live view and the flat view of its metrics, as far as they are there.';

CREATE OR REPLACE FUNCTION tally_internal._granted_on(relations regclass[], "to" regrole) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass;
    place    text;
BEGIN
    FOREACH relation IN ARRAY relations LOOP
        place := tally_internal._schema_of(relation);
        IF NOT has_schema_privilege("to"::oid, place, 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', place, "to");
        END IF;
        EXECUTE format('GRANT SELECT ON %s TO %s', relation, "to");
    END LOOP;
    RETURN ARRAY(SELECT format('SELECT on %s', r) FROM unnest(relations) WITH ORDINALITY u(r, n) ORDER BY n);
END $$;
COMMENT ON FUNCTION tally_internal._granted_on(regclass[], regrole) IS 'Grants SELECT on relations, and USAGE on their schemas where it lacks, and says what.';

CREATE OR REPLACE FUNCTION tally_internal._grant_to_let_in(relation regclass) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._granted_on(ARRAY[relation], a.grantee) FROM tally.access a
     WHERE a.owner::oid = tally_internal._current_role()::oid AND a.grantee::oid IN (SELECT o.oid FROM pg_roles o)
       AND a.schema IN ('', tally_internal._schema_of(relation)) ORDER BY a.id
$$;
COMMENT ON FUNCTION tally_internal._grant_to_let_in(regclass) IS
'Grants SELECT on a new release of the current role to the roles that it has let in by grant_access(). For create_release().';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_readable_s75(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._granted_on(ARRAY(SELECT v FROM tally_internal._readable_of(r.id) WITH ORDINALITY u(v, n)
                                              WHERE tally_internal._holds(r.owner, v) ORDER BY n), a.grantee)
       FROM tally.rollups r JOIN tally.access a ON a.role = 'admin' AND a.owner::oid = r.owner::oid AND a.schema IN ('', tally_internal._schema_of(r.relation))
      WHERE r.id = $1 AND a.grantee::oid IN (SELECT o.oid FROM pg_roles o);
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_readable_s75(int, jsonb) IS
'Listener: what is made of a rollup, and made anew, is granted to the admins that its owner has let in.';

CREATE OR REPLACE FUNCTION tally.grant_access(role text, "to" regrole DEFAULT NULL, "on" text DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    given  text[] := '{}';
    wanted int;
    place  text;
BEGIN
    "to" := COALESCE("to", to_regrole(CASE WHEN role IN ('viewer', 'editor', 'admin') THEN 'tally_' || role END));
    IF role IN ('viewer', 'editor', 'admin') AND "to" IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object',
            format('access that names no role goes to the group tally_%s, which is not there', role),
            'A superuser, or a role that may make roles, makes the groups.', 'SELECT tally.create_roles();');
    ELSIF role IS NULL OR role NOT IN ('viewer', 'editor', 'admin', 'clock') OR "to" IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('access must be that of a viewer, an editor, an admin or a clock, to a role, got %L to %s', role, COALESCE("to"::text, 'NULL')),
            'A viewer reads releases. An editor also handles your incidents and changes how your thresholds judge. An admin also reads your rollups and '
            'exports them. A clock runs the jobs.',
            format('SELECT tally.grant_access(''viewer'', %L);', COALESCE("to"::text, 'some_role')));
    END IF;
    PERFORM tally_internal._check_role("to", format('SELECT tally.grant_access(%L, ''%I'');', role, current_user));
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
    given := tally_internal._granted_on(ARRAY(SELECT x.relation FROM tally.releases x JOIN pg_class c ON c.oid = x.relation
        WHERE tally_internal._has_rights_of(x.owner) AND tally_internal._holds(x.owner, x.relation)
          AND ("on" IS NULL OR "on" = tally_internal._schema_of(x.relation) OR x.id = wanted) ORDER BY x.id), "to");
    IF role = 'admin' THEN
        given := given || tally_internal._granted_on(ARRAY(SELECT v FROM tally.rollups r, tally_internal._readable_of(r.id) WITH ORDINALITY u(v, n)
            WHERE tally_internal._has_rights_of(r.owner) AND tally_internal._holds(r.owner, v)
              AND ("on" IS NULL OR "on" = tally_internal._schema_of(r.relation)) ORDER BY r.id, n), "to");
    END IF;
    IF "on" IS NOT NULL AND given = '{}' THEN
        PERFORM tally_internal._refuse('undefined_object', format('access must be on a release of yours or a schema with one, got %L', "on"),
            'Without on it is to all releases of yours.', 'SELECT name, relation FROM tally.releases;');
    END IF;
    -- The schema of a single release is whose incidents an editor handles. A viewer of one release is let in to no other.
    place := CASE WHEN "on" IS NULL THEN '' ELSE COALESCE((SELECT tally_internal._schema_of(x.relation) FROM tally.releases x WHERE x.id = wanted), "on") END;
    IF role <> 'viewer' OR wanted IS NULL THEN PERFORM tally_internal._store_access("to", role, place); END IF;
    IF role IN ('editor', 'admin') THEN
        given := given || concat('your incidents', ' in schema ' || NULLIF(place, ''));
        IF role = 'admin' THEN given := given || 'exports'::text; END IF;
    END IF;
    RETURN given;
END $$;
COMMENT ON FUNCTION tally.grant_access(text, regrole, text) IS
'Gives a role the rights of a viewer, an editor, an admin or a clock. A viewer reads your releases, those that you make later too. An editor also handles '
    'the incidents of your thresholds and changes how they judge, without being a member of your role. An admin also reads your rollups, those that you make '
    'later too, and exports them. A clock, which only a superuser can give, runs, starts and stops the jobs. on limits it to a release or a schema. Without '
    'to it goes to the group tally_viewer, tally_editor or tally_admin, which create_roles() makes. It returns what was given.';

CREATE OR REPLACE FUNCTION tally.revoke_access("from" regrole) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item  regclass;
    taken text[] := '{}';
BEGIN
    FOR item IN SELECT k.relation FROM (SELECT x.relation, 1 AS n, x.id, x.owner FROM tally.releases x WHERE tally_internal._has_rights_of(x.owner)
                   UNION ALL SELECT v, 2, r.id, r.owner FROM tally.rollups r, tally_internal._readable_of(r.id) v
                       WHERE tally_internal._has_rights_of(r.owner)) k
                 WHERE tally_internal._holds(k.owner, k.relation)
                   AND EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = k.relation AND a.grantee = "from"::oid) ORDER BY k.n, k.id LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', item, "from");
        taken := taken || format('SELECT on %s', item);
    END LOOP;
    IF tally_internal._store_access("from", NULL, NULL) THEN
        taken := taken || 'your incidents'::text;
    END IF;
    IF EXISTS (SELECT FROM pg_proc p, aclexplode(p.proacl) a WHERE p.oid = ANY (tally_internal._clock_entries()::oid[]) AND a.grantee = "from"::oid
                 AND a.grantee <> p.proowner AND tally_internal._has_rights_of(p.proowner)) THEN
        taken := taken || tally_internal._change_clock('REVOKE', 'FROM', "from");
    END IF;
    RETURN taken;
END $$;
COMMENT ON FUNCTION tally.revoke_access(regrole) IS
'Takes back what grant_access() gave a role on your releases, rollups and incidents, exports too; from a superuser, also the rights of a clock. '
'The role keeps USAGE on the schema. It says what was taken.';
