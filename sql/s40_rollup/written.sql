-- Owns: who writes a rollup's table. Only the engine should. What somebody else writes there is marked in the same transaction. So status
-- shows it, live views pass over it and the next refresh undoes it. A write that could not be undone is refused.

CREATE OR REPLACE FUNCTION tally_internal._by_hand(relation regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The engine writes as the table's owner, within a refresh. What somebody's function writes within his own refresh is by hand.
    RETURN (SELECT NOT (tally_internal._at_work() AND c.relowner = tally_internal._current_role()::oid) AND tally_internal._note_writer(c.oid)
      FROM pg_class c WHERE c.oid = relation);
END $$;
COMMENT ON FUNCTION tally_internal._by_hand(regclass) IS
'Whether somebody but the engine writes to a rollup''s table; then it notes who. The condition of the table''s trigger, evaluated as the one who writes.';

CREATE OR REPLACE FUNCTION tally.rollup_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r      tally.rollups;
    writer regrole := tally_internal._writer(TG_RELID);
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.relation = TG_RELID;
    -- No definition yet: a dump is being restored.
    IF r.id IS NULL THEN RETURN NULL; END IF;
    IF (isfinite(r.frozen_before) OR r.emptied = 'keep') AND NOT COALESCE((SELECT o.rolsuper FROM pg_roles o WHERE o.oid = writer), false) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('%s of %s is refused: rollup %L holds history that cannot be computed again', TG_OP, TG_RELID::regclass, r.name),
            CASE WHEN r.emptied = 'keep' THEN 'It keeps buckets of which no source row is left.'
                ELSE format('Its buckets before %s are frozen.', r.frozen_before) END || ' Nothing was changed.',
            format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM PUBLIC, %s;', TG_RELID::regclass, writer));
    END IF;
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, r.frozen_before, 'infinity', format('%s of its table by %s', lower(TG_OP), writer)
     WHERE NOT EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.since <= r.frozen_before AND g.until = 'infinity' AND g.batch IS NULL
                       AND g.part IS NULL AND g.marked_at = now());
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally.rollup_written() IS
'Statement trigger of a rollup''s table: marks all of it when somebody but the engine has written there, or refuses where history could be lost.';
REVOKE ALL ON FUNCTION tally.rollup_written() FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._watch_table(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER tally_written AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT WHEN '
        '(tally_internal._by_hand(%L::regclass)) EXECUTE FUNCTION tally.rollup_written()', relation, relation::text);
END $$;
COMMENT ON FUNCTION tally_internal._watch_table(regclass) IS 'Makes the trigger by which writes to a rollup''s table are noticed.';
REVOKE ALL ON FUNCTION tally_internal._watch_table(regclass) FROM PUBLIC;
