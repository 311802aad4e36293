-- Owns: what is asked before a refresh: whether there is work, whether the role may, who keeps the tables locked.

CREATE OR REPLACE FUNCTION tally_internal._all_due(rollups int[]) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- One mark of each is looked for by the key. A join might read all marks.
    RETURN ARRAY(SELECT r.id FROM tally.rollups r
                  WHERE r.id = ANY (rollups) AND ((SELECT true FROM tally.dirty d WHERE d.rollup_id = r.id LIMIT 1)
                     OR (SELECT true FROM tally.dirty_ranges g WHERE g.rollup_id = r.id LIMIT 1) OR (r.key IS NOT NULL AND tally_internal._keys_due(r))));
END $$;
COMMENT ON FUNCTION tally_internal._all_due(int[]) IS 'Those of some rollups that have marks, asked once for all.';

CREATE OR REPLACE FUNCTION tally_internal._due(rollup_id int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._all_due(ARRAY[rollup_id]) <> '{}';
END $$;
COMMENT ON FUNCTION tally_internal._due(int) IS 'Whether a rollup has marks.';

CREATE OR REPLACE FUNCTION tally_internal._may_refresh(role regrole, rollup_id int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- These roles may: its owner, the owners of rollups that stand on it, and whoever may run the schedules.
    SELECT tally_internal._may_operate(role, 'tally.refresh_scheduled(text)'::regprocedure)
        OR EXISTS (SELECT FROM tally.rollups r WHERE r.id = ANY (tally_internal._with_descendants(rollup_id)) AND tally_internal._has_rights(role, r.owner))
$$;
COMMENT ON FUNCTION tally_internal._may_refresh(regrole, int) IS 'Whether a role may refresh a rollup, which takes time and the lock of the rollup.';

CREATE OR REPLACE FUNCTION tally_internal._check_refresh(role regrole, rollup_id int) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    -- The owner's own right is asked first: a new session plans nothing else then.
    IF tally_internal._has_rights(role, r.owner) THEN RETURN; END IF;
    IF tally_internal._may_refresh(role, rollup_id) THEN RETURN; END IF;
    PERFORM tally_internal._refuse('insufficient_privilege', format('rollup %L can only be refreshed by its owner %s, got %s', r.name, r.owner, role),
                          'A refresh runs the definition and holds the rollup''s lock.',
        format('GRANT EXECUTE ON PROCEDURE tally.refresh_scheduled(text) TO %s;  -- for the role that refreshes all', role));
END $$;
COMMENT ON FUNCTION tally_internal._check_refresh(regrole, int) IS 'An error where a role may not refresh a rollup.';

CREATE OR REPLACE FUNCTION tally_internal._who_locks(r tally.rollups) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN COALESCE('It is locked by ' || tally_internal._holders(
            -- Not pg_partition_tree(), which waits for the partitions' locks: one open ALTER TABLE kept everybody's refresh waiting without end.
            ARRAY(SELECT t.member FROM unnest(ARRAY[r.source, r.relation, r.live_view]) x, tally_internal._tree(x) t),
            '{ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}') || '.', 'What locked it has ended since.');
END $$;
COMMENT ON FUNCTION tally_internal._who_locks(tally.rollups) IS 'Who keeps a refresh of a rollup waiting, as the detail of an error.';
