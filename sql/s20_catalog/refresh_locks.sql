-- Owns: the lock of one rollup's refresh. It is a row that only the engine may lock, because anybody can take an advisory lock
-- and hold it. tally_internal._refreshers() says who has locked it.

CREATE OR REPLACE FUNCTION tally_internal._give_lock() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tally.refresh_locks (rollup_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._give_lock() IS 'AFTER ROW trigger: a new rollup has a row to lock.';
REVOKE ALL ON FUNCTION tally_internal._give_lock() FROM PUBLIC;
CREATE OR REPLACE TRIGGER lock AFTER INSERT ON tally.rollups FOR EACH ROW EXECUTE FUNCTION tally_internal._give_lock();

CREATE OR REPLACE FUNCTION tally_internal._lock_row(rollup_id int, wait boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    -- A restore with disabled triggers makes rollups, and no rows to lock.
    IF NOT EXISTS (SELECT FROM tally.refresh_locks l WHERE l.rollup_id = rollup_id) THEN
        INSERT INTO tally.refresh_locks (rollup_id) SELECT r.id FROM tally.rollups r WHERE r.id = rollup_id ON CONFLICT DO NOTHING;
    END IF;
    IF wait THEN
        PERFORM FROM tally.refresh_locks l WHERE l.rollup_id = rollup_id FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM tally.refresh_locks l WHERE l.rollup_id = rollup_id FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND AND EXISTS (SELECT FROM tally.refresh_locks l WHERE l.rollup_id = rollup_id) THEN RETURN false; END IF;
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._lock_row(int, boolean) IS '_lock(), for those who may lock the row.';

CREATE OR REPLACE FUNCTION tally_internal._lock_family(rollup_id int, wait boolean, who bigint DEFAULT tally_internal._me()) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    IF NOT EXISTS (SELECT FROM tally.rollups r WHERE r.id = ANY (tally_internal._with_ancestors(rollup_id) || tally_internal._with_descendants(rollup_id))
                   AND tally_internal._has_rights(caller, r.owner)) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('rollup %s can only be locked by roles that have the rights of its owner, got %s',
            rollup_id,
                caller),
                              NULL,
            'SELECT rollup, state FROM tally.status;');
    END IF;
    RETURN tally_internal._lock_row(rollup_id, wait);
END $$;
COMMENT ON FUNCTION tally_internal._lock_family(int, boolean, bigint) IS
'_lock(), for an owner who changes the rollup, or one that it stands on or that stands on it.';

CREATE OR REPLACE FUNCTION tally_internal._lock(rollup_id int, wait boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has_table_privilege('tally.refresh_locks', 'UPDATE') THEN RETURN tally_internal._lock_row(rollup_id, wait); END IF;
    RETURN tally_internal._lock_family(rollup_id, wait);
END $$;
COMMENT ON FUNCTION tally_internal._lock(int, boolean) IS
'Takes the lock of one rollup''s refresh until the transaction ends. False where another session has it and wait is false.';

CREATE OR REPLACE FUNCTION tally_internal._lock_soon(rollup_id int, OUT got boolean, OUT why text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
BEGIN
    got := tally_internal._lock(rollup_id, true);
EXCEPTION WHEN lock_not_available THEN
    -- Its owner may keep a transaction open in which he has refreshed or changed it.
    got := false;
    why := format('rollup %L is refreshed or changed by a transaction that is open',
                  (SELECT tally_internal._called(r) FROM tally.rollups r WHERE r.id = rollup_id));
END $$;
COMMENT ON FUNCTION tally_internal._lock_soon(int) IS
'_lock(), or false and why where another session keeps it for longer than five seconds. For work on all rollups, where one keeps no other waiting.';
