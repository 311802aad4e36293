-- Owns: rotate_identity_key(), and which rollups count under the key. docs/guide-privacy.md says what a key protects from.

CREATE OR REPLACE FUNCTION tally_internal._store_key(rollup_id int, who bigint DEFAULT tally_internal._me()) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    r   tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
    was boolean := EXISTS (SELECT FROM tally.keyed_rollups k WHERE k.rollup_id = r.id);
BEGIN
    IF NOT tally_internal._note_key(r, r.frozen_before) THEN RETURN false; END IF;
    -- The view reads the key when it runs, so another key changes nothing in its text.
    IF was <> EXISTS (SELECT FROM tally.keyed_rollups k WHERE k.rollup_id = r.id)
        AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v') THEN
        PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
        PERFORM tally_internal._put_above(r.id);
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._store_key(int, bigint) IS
'Has a rollup that is about to be computed anew count under the key of now, if its owner may use it; whether that is a change. For repair().';

CREATE OR REPLACE FUNCTION tally.rotate_identity_key(secret bytea DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    made   bytea := secret;
    number int;
    number_id text;
    r      tally.rollups;
BEGIN
    IF octet_length(secret) <> 16 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('an identity key must be of 16 bytes, got %s', octet_length(secret)),
            'Without secret a new one is made.', 'SELECT tally.rotate_identity_key();');
    END IF;
    -- A kernel that has no keyed counts refuses here, before anything is written.
    PERFORM tally_internal._keyed_hll('\x0001'::bytea || sha256(''), NULL::int);
    LOCK TABLE tally.identity_keys IN EXCLUSIVE MODE;
    LOOP
        -- Two random UUIDs have 244 bits that nobody can foresee. The number follows from the key, so the same key has one number on each server.
        made := COALESCE(secret, substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16));
        number := 256 + (get_byte(sha256(made), 0) * 256 + get_byte(sha256(made), 1)) % 65280;
        number_id := lpad(to_hex(number), 4, '0');
        EXIT WHEN NOT EXISTS (SELECT FROM tally.identity_keys k WHERE k.id = number_id AND k.secret <> made);
        IF secret IS NOT NULL THEN
            PERFORM tally_internal._refuse('unique_violation',
                format('an identity key must have a number of its own, got %s, which another key has', number_id),
                'The number follows from the key.', 'SELECT tally.rotate_identity_key();  -- makes another one');
        END IF;
    END LOOP;
    UPDATE tally.identity_keys k SET retired_at = now() WHERE k.retired_at IS NULL AND k.id <> number_id;
    INSERT INTO tally.identity_keys (id, secret) VALUES (number_id, made) ON CONFLICT (id) DO UPDATE SET retired_at = NULL;
    FOR r IN SELECT x.* FROM tally.rollups x WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = x.source) AND EXISTS (SELECT FROM pg_roles o
                  WHERE o.oid = x.owner::oid) AND (x.id IN (SELECT k.rollup_id FROM tally.keyed_rollups k)
                  OR tally_internal._counts_people(x.id) AND has_table_privilege(x.owner::oid, 'tally.identity_key', 'SELECT')) ORDER BY x.id LOOP
        PERFORM tally.repair(tally_internal._called(r));
    END LOOP;
    RETURN number_id;
END $$;
COMMENT ON FUNCTION tally.rotate_identity_key(bytea) IS
'Makes a new secret key for the people in distinct counts, or takes the one given (16 bytes, from another server of the same cluster rollups), and returns '
'its number. Rollups whose owners may use it (GRANT SELECT ON tally.identity_key) are marked and computed anew under it. For the role that installed pg_tally.';
REVOKE ALL ON FUNCTION tally.rotate_identity_key(bytea) FROM PUBLIC;
