-- Owns: what the catalogue's own triggers do in a session whose session_replication_role is replica: the same as everywhere. Else what such a session
-- drops would leave its parts behind, which keep others from being dropped.

DO $$
DECLARE
    item text;
BEGIN
    -- Only a superuser may set that role, and only he may say this of triggers of foreign keys.
    FOR item IN SELECT format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.tgrelid::pg_catalog.regclass, t.tgname)
                  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
                 WHERE c.relnamespace = 'tally'::pg_catalog.regnamespace AND t.tgenabled = 'O'
                   AND (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) LOOP
        EXECUTE item;
    END LOOP;
END $$;
