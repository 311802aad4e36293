-- Owns: drop_rollup.

CREATE OR REPLACE FUNCTION tally.drop_rollup(name text, "cascade" boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r     tally.rollups := tally_internal._rollup(name);
    holder regrole;
    above text;
    child tally.rollups;
    heir  text;
BEGIN
    IF NOT tally_internal._has_rights_of(r.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('rollup %L can only be dropped by its owner %s, got %I', r.name, r.owner, current_user),
            'Its table goes with it.',
            format('SET ROLE %s;', r.owner));
    END IF;
    SELECT c.relowner INTO holder FROM pg_class c WHERE c.oid = r.relation AND c.relowner <> r.owner::oid
        AND EXISTS (SELECT FROM pg_roles o WHERE o.oid = r.owner);
    IF holder IS NOT NULL AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v') THEN
        -- The catalogue row is the owner's word. Nobody may use it to drop what belongs to another.
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('rollup %L cannot be dropped: it belongs to %s, and its table to %s', r.name, r.owner, holder),
            'The table belongs to another role, so it must not go with the rollup.',
            format('SELECT tally.set_owner(%L, %L);', tally_internal._called(r), holder));
    END IF;
    SELECT string_agg(quote_literal(c.name), ', ' ORDER BY c.id) INTO above FROM tally.rollups c
     WHERE c.source_rollup = r.id OR c.id IN (SELECT b.rollup_id FROM tally.beside b WHERE b.beside_id = r.id);
    IF above IS NOT NULL AND NOT "cascade" THEN
        PERFORM tally_internal._refuse('dependent_objects_still_exist', format('rollup %L cannot be dropped: other rollups stand on it', r.name),
            format('Those are %s.', above),
            format('SELECT tally.drop_rollup(%L, "cascade" => true);', tally_internal._called(r)));
    END IF;
    -- It locks out refreshes, in their own order. Rollups underneath are locked too, because triggers on their tables go.
    PERFORM tally_internal._lock(x.id, true) FROM unnest(tally_internal._with_ancestors(r.id) || tally_internal._with_descendants(r.id)) x(id) GROUP BY x.id
        ORDER BY x.id;
    FOR child IN SELECT c.* FROM tally.rollups c WHERE c.source_rollup = r.id OR c.id IN (SELECT b.rollup_id FROM tally.beside b
                                                                                             WHERE b.beside_id = r.id) ORDER BY c.id DESC LOOP
        -- A rollup that stands on two of these is gone already.
        CONTINUE WHEN NOT EXISTS (SELECT FROM tally.rollups c WHERE c.id = child.id);
        PERFORM tally.drop_rollup(tally_internal._called(child), "cascade" => true);
    END LOOP;
    PERFORM tally_internal._announce('rollup_drops', r.id);
    -- Known while the catalogue has the groups; done when the source is locked, which waits as tally.lock_timeout says and names who holds it.
    heir := tally_internal._heir_of_statistics(r);
    PERFORM tally_internal._forget_rollup(r.id);
    PERFORM tally_internal._leave_statistics(r, heir);
    IF holder IS NULL AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation AND c.relkind = 'r') THEN
        EXECUTE format('DROP TABLE %s', r.relation);
    END IF;
    PERFORM tally_internal._announce('schedules_change');
EXCEPTION WHEN dependent_objects_still_exist THEN
    DECLARE
        detail_ text;
        hint_   text;
    BEGIN
        GET STACKED DIAGNOSTICS detail_ = PG_EXCEPTION_DETAIL, hint_ = PG_EXCEPTION_HINT;
        IF hint_ ~ 'tally\.' THEN RAISE; END IF;
        PERFORM tally_internal._refuse('dependent_objects_still_exist',
            format('rollup %L cannot be dropped: what others have made stands on it', r.name),
            detail_,
            format('DROP VIEW %s;', COALESCE((regexp_match(detail_, 'view (.+?) depends on'))[1], '…')));
    END;
END $$;
COMMENT ON FUNCTION tally.drop_rollup(text, boolean) IS
'Drops a rollup: its table, views, metrics, statistics and marks, and the triggers of its source if no other rollup needs them. Source rows stay. '
'"cascade" also drops the rollups that stand on it.';
