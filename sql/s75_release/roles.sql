-- Owns: create_roles: the three groups of people that the reference names. Roles belong to the cluster, so CREATE EXTENSION makes none: it must not fail
-- where they exist, or where they may not be made.

CREATE OR REPLACE FUNCTION tally.create_roles() RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    groups CONSTANT text[] := '{tally_viewer,tally_editor,tally_admin}';
    words  CONSTANT text[] := '{"sees releases and boards","also handles incidents and changes how thresholds judge","also reads rollups and exports them"}';
    result text[] := '{}';
BEGIN
    FOR i IN 1 .. 3 LOOP
        IF to_regrole(groups[i]) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', groups[i]);
            EXECUTE format('COMMENT ON ROLE %I IS %L', groups[i], format('pg_tally: %s, where an owner lets it by tally.grant_access().', words[i]));
            result := result || groups[i];
        END IF;
        IF i > 1 AND NOT pg_has_role(groups[i], groups[i - 1], 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', groups[i - 1], groups[i]);
        END IF;
    END LOOP;
    RETURN result;
EXCEPTION WHEN insufficient_privilege THEN
    PERFORM tally_internal._refuse('insufficient_privilege', format('roles are made by a role that may make roles, got %I', current_user),
        SQLERRM || '. Roles are common to all databases of a server.',
        'CREATE ROLE tally_viewer NOLOGIN; CREATE ROLE tally_editor NOLOGIN IN ROLE tally_viewer; CREATE ROLE tally_admin NOLOGIN IN ROLE tally_editor;');
END $$;
COMMENT ON FUNCTION tally.create_roles() IS
'Makes the groups tally_viewer, tally_editor (a member of it) and tally_admin (a member of that), which cannot log in, and says which it has made; those '
'that exist stay as they are. An owner lets them in by grant_access(), and you put people into them: GRANT tally_viewer TO ann. Roles belong to the server.';
