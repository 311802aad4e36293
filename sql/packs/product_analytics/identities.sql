-- Owns: tutors under pseudonyms. The pack counts by tutor, so it keeps user_id; a trigger, off by default, keeps a keyed hash in its place from the moment
-- that an event is written. Two rows of one tutor have one pseudonym, so every figure is the same.

-- step: function analytics_events_key_users()
CREATE OR REPLACE FUNCTION analytics_events_key_users() RETURNS trigger
-- Whoever writes an event has no right to the key; the pack's owner has.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
    key   text;
    keyed text;
BEGIN
    -- An id that is written back as it was is a pseudonym already.
    IF NEW.user_id IS NULL OR TG_OP = 'UPDATE' AND NEW.user_id IS NOT DISTINCT FROM OLD.user_id THEN RETURN NEW; END IF;
    IF has_table_privilege('tally.identity_key', 'SELECT') THEN
        key := (SELECT encode(k.key, 'hex') FROM tally.identity_key k);
    END IF;
    IF key IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('tutors of %s need an identity key that %I may use, got none', TG_RELID::regclass, current_user),
            DETAIL = 'The trigger keyed_users writes a pseudonym in place of user_id.',
            HINT = format('GRANT SELECT ON tally.identity_key TO %I;  -- and where there is no key yet: SELECT tally.rotate_identity_key();', current_user);
    END IF;
    IF pg_typeof(NEW.user_id) IN ('smallint'::regtype, 'integer'::regtype) THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
            MESSAGE = format('user_id of %s must be bigint, uuid or text to hold a pseudonym, got %s', TG_RELID::regclass, pg_typeof(NEW.user_id)),
            DETAIL = 'In fewer bits two tutors would soon have the same one.',
            HINT = format('ALTER TABLE %s DISABLE TRIGGER keyed_users;', TG_RELID::regclass);
    END IF;
    keyed := tally.pseudonym(NEW.user_id::text, key);
    NEW.user_id := CASE pg_typeof(NEW.user_id)::text
                       WHEN 'bigint' THEN ('x0' || left(keyed, 15))::bit(64)::bigint::text
                       WHEN 'uuid' THEN tally.pseudonym_uuid(NEW.user_id::text, key)::text
                       ELSE keyed END;
    RETURN NEW;
END $f$;
COMMENT ON FUNCTION analytics_events_key_users() IS
'Trigger: writes a pseudonym under the identity key in place of user_id: 60 bits of it where that is a bigint. Switched on by ALTER TABLE analytics_events '
'ENABLE TRIGGER keyed_users.';
-- On a table of his own anybody could try ids with it.
REVOKE ALL ON FUNCTION analytics_events_key_users() FROM PUBLIC;

-- step: trigger keyed_users ON analytics_events
DO $do$
BEGIN
    -- Off until its owner says otherwise, and as it is when the pack is installed again. Only the owner of a table can switch it.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = 'analytics_events'::regclass AND tgname = 'keyed_users')
       AND pg_catalog.pg_has_role((SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'analytics_events'::regclass), 'USAGE') THEN
        CREATE OR REPLACE TRIGGER keyed_users BEFORE INSERT OR UPDATE OF user_id ON analytics_events
            FOR EACH ROW EXECUTE FUNCTION analytics_events_key_users();
        COMMENT ON TRIGGER keyed_users ON analytics_events IS 'Writes pseudonyms in place of user_id. Off until: ALTER TABLE analytics_events ENABLE TRIGGER '
            'keyed_users;';
        ALTER TABLE analytics_events DISABLE TRIGGER keyed_users;
    END IF;
END $do$;
