-- Owns: the audit: who changed which definition, right or limit. Triggers write it, and nobody changes what is written.

CREATE OR REPLACE FUNCTION tally_internal._actor() RETURNS regrole
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The role that has proved to call the writing function. Without one, a superuser writes by hand, or the engine does.
    SELECT COALESCE(NULLIF(current_setting('tally.actor', true), '')::oid::regrole, tally_internal._current_role())
$$;
COMMENT ON FUNCTION tally_internal._actor() IS 'The role that the audit names. For triggers on the engine''s tables.';

CREATE OR REPLACE FUNCTION tally_internal._audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was  jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - 'updated_at' - 'rule' - 'windows' END;
    now_ jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - 'updated_at' - 'rule' - 'windows' END;
    whole jsonb := COALESCE(now_, was);
BEGIN
    -- pg_dump's script turns this setting off, because a restore brings the audit along and is no change of its own. A role cannot use the
    -- setting to stay out of the audit: what a role does goes through a function that says who calls, and a restore has no caller.
    IF current_setting('check_function_bodies') = 'off' AND COALESCE(current_setting('tally.actor', true), '') = '' THEN RETURN NULL; END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, now_ -> o.key) INTO was, now_
          FROM jsonb_each(was) o WHERE o.value IS DISTINCT FROM now_ -> o.key;
        IF was IS NULL THEN RETURN NULL; END IF;
    END IF;
    -- The audit says that a secret changed, and does not hold it.
    SELECT jsonb_object_agg(e.key, CASE WHEN e.key IN ('secret', 'headers', 'url') AND e.value <> 'null' THEN '"***"' ELSE e.value END) INTO was
        FROM jsonb_each(was) e;
    SELECT jsonb_object_agg(e.key, CASE WHEN e.key IN ('secret', 'headers', 'url') AND e.value <> 'null' THEN '"***"' ELSE e.value END) INTO now_
        FROM jsonb_each(now_) e;
    -- The person behind an application's role, as that role says.
    IF COALESCE(current_setting('tally.person', true), '') <> '' THEN
        now_ := COALESCE(now_, '{}') || jsonb_build_object('by', left(current_setting('tally.person'), 200));
    END IF;
    INSERT INTO tally.audit (actor, owner, kind, name, action, old, new)
    VALUES (tally_internal._actor()::text, COALESCE((whole ->> 'owner')::tally.role, tally_internal._actor()::tally.role), TG_TABLE_NAME,
            COALESCE(whole ->> 'name', whole ->> 'release', whole ->> 'pack', whole ->> 'id'),
            CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'drop' END, was, now_);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._audit() IS 'AFTER ROW trigger that writes the audit.';
-- If somebody else could make a trigger of it, that would write entries of things that never happened.
REVOKE ALL ON FUNCTION tally_internal._audit() FROM PUBLIC;
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.thresholds FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.metrics FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.ratios FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OF query, unit, description, direction, every, keep, enabled
    OR DELETE ON tally.probes FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();

CREATE OR REPLACE FUNCTION tally_internal._append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse('object_not_in_prerequisite_state', format('tally.%s only takes new entries, got %s', TG_TABLE_NAME, TG_OP),
        'It is the record of what happened.',
        'SELECT tally.comment_incident(id, ''what should be known''); adds to an incident''s timeline.');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._append_only() IS 'Trigger that refuses to change or remove entries of a record.';
REVOKE ALL ON FUNCTION tally_internal._append_only() FROM PUBLIC;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tally.audit FOR EACH STATEMENT EXECUTE FUNCTION tally_internal._append_only();
