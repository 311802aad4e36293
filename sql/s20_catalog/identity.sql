-- Owns: the key of now, as definitions read it. A live view reads it with the rights of its owner, as it reads the source, so its readers need no right to it.

CREATE OR REPLACE VIEW tally.identity_key AS
SELECT pg_catalog.decode(pg_catalog.substr(k.id, 3, 2) || pg_catalog.substr(k.id, 1, 2), 'hex') || k.secret AS key
  FROM tally.identity_keys k WHERE k.retired_at IS NULL;
COMMENT ON VIEW tally.identity_key IS
'The identity key of now. GRANT SELECT on it to a role whose rollups are to count people under it; to nobody who is to read only numbers.';
COMMENT ON COLUMN tally.identity_key.key IS 'Number and secret of the key, 2 and 16 bytes.';
-- Nobody has a right to them by default, whatever the default privileges say.
REVOKE ALL ON tally.identity_keys FROM PUBLIC;
ALTER TABLE tally.keyed_rollups DISABLE ROW LEVEL SECURITY;
GRANT SELECT ON tally.keyed_rollups TO PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._keyed_sql(measure text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- It is a measure of type tally.hll, so what is called hll there is tally.hll(), with its schema or without.
    SELECT regexp_replace(measure, '^((?:\s|\(|--[^\n]*\n|/\*.*?\*/)*)(?:"?tally"?\s*\.\s*)?"?hll"?\s*\(',
                          '\1tally_internal._keyed_hll((SELECT "the key".key FROM tally.identity_key "the key"), ', 'i')
$$;
COMMENT ON FUNCTION tally_internal._keyed_sql(text) IS
'A measure of type tally.hll as a keyed rollup computes it: under the key of now. What is no call of tally.hll() stays as it is.';

CREATE OR REPLACE FUNCTION tally_internal._counts_people(rollup_id int) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = $1 AND m.type = 'tally.hll' AND tally_internal._keyed_sql(m.expression) <> m.expression)
$$;
COMMENT ON FUNCTION tally_internal._counts_people(int) IS 'Whether a rollup has a measure that can be keyed.';

CREATE OR REPLACE FUNCTION tally_internal._note_key(r tally.rollups, older_before timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    was  text;
    now_ text;
BEGIN
    -- A rotation that is under way ends first, so that its key is the one of now.
    PERFORM FROM tally.identity_keys k FOR KEY SHARE;
    SELECT k.key INTO was FROM tally.keyed_rollups k WHERE k.rollup_id = r.id;
    SELECT k.id INTO now_ FROM tally.identity_keys k
     WHERE k.retired_at IS NULL AND tally_internal._counts_people(r.id) AND has_table_privilege(r.owner::oid, 'tally.identity_key', 'SELECT');
    IF now_ IS NOT DISTINCT FROM was THEN
        RETURN false;
    ELSIF now_ IS NULL THEN
        DELETE FROM tally.keyed_rollups k WHERE k.rollup_id = r.id;
    ELSE
        INSERT INTO tally.keyed_rollups (rollup_id, key, older_before) VALUES (r.id, now_, older_before)
        ON CONFLICT (rollup_id) DO UPDATE SET key = excluded.key, since = now(), older_before = excluded.older_before;
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._note_key(tally.rollups, timestamptz) IS
'Notes that a rollup counts under the key of now if its owner may use it, else under none; whether that is a change. older_before: as in keyed_rollups.';
REVOKE ALL ON FUNCTION tally_internal._note_key(tally.rollups, timestamptz) FROM PUBLIC;
