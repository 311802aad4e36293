-- Owns: drop_rollup, and finding a rollup by its name.

CREATE OR REPLACE FUNCTION tally_internal._last_name(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT p[array_upper(p, 1)] FROM parse_ident(name) p);
EXCEPTION WHEN invalid_parameter_value THEN
    -- No identifier: then it is the name itself.
    RETURN name;
END $$;
COMMENT ON FUNCTION tally_internal._last_name(text) IS 'The name in an identifier as SQL writes it, without its schema and quotes; anything else as it is.';

CREATE OR REPLACE FUNCTION tally_internal._rollup(name text) RETURNS tally.rollups
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.rollups;
    label  text := name;
    known  text;
BEGIN
    -- The name as it is in the catalogue and in every hint; else as SQL writes it, quoted or with a schema.
    SELECT * INTO found_ FROM tally.rollups r WHERE r.name = label;
    IF found_.id IS NULL THEN
        label := tally_internal._last_name(name);
        SELECT * INTO found_ FROM tally.rollups r WHERE r.name = label;
    END IF;
    IF found_.id IS NULL THEN
        SELECT string_agg(quote_literal(r.name), ', ' ORDER BY r.name) INTO known FROM tally.rollups r;
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('rollup %L does not exist', label),
            DETAIL = COALESCE('Known to this role: ' || known || '.', 'This role knows of no rollup yet.'),
            HINT = 'SELECT name, source FROM tally.rollups;';
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._rollup(text) IS 'The rollup of a name, or an error that lists the known ones.';

CREATE OR REPLACE FUNCTION tally.drop_rollup(name text, "cascade" boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r     tally.rollups := tally_internal._rollup(name);
    holder regrole;
    above text;
    child text;
BEGIN
    IF NOT pg_has_role(r.owner::oid, 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('rollup %L is dropped by its owner %s, got %I', r.name, r.owner, current_user),
            DETAIL = 'Its table goes with it.', HINT = format('SET ROLE %s;', r.owner);
    END IF;
    SELECT c.relowner INTO holder FROM pg_class c WHERE c.oid = r.relation AND c.relowner <> r.owner::oid
        AND EXISTS (SELECT FROM pg_roles o WHERE o.oid = r.owner);
    IF holder IS NOT NULL AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v') THEN
        -- What the catalogue row names is its owner's word: nobody drops with it what is not that owner's.
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('rollup %L cannot be dropped: it belongs to %s, and its table to %s', r.name, r.owner, holder),
            DETAIL = 'Nobody''s table goes with what is another''s.',
            HINT = format('SELECT tally.set_owner(%L, %L);', r.name, holder);
    END IF;
    SELECT string_agg(quote_literal(c.name), ', ' ORDER BY c.id) INTO above FROM tally.rollups c WHERE c.source_rollup = r.id;
    IF above IS NOT NULL AND NOT "cascade" THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('rollup %L cannot be dropped: other rollups stand on it', r.name),
            DETAIL = format('Those are %s.', above),
            HINT = format('SELECT tally.drop_rollup(%L, "cascade" => true);', r.name);
    END IF;
    -- Against refreshes, in their order. Those underneath too: a refresh of one holds its table, from which triggers go.
    PERFORM tally_internal._lock(x.id, true) FROM unnest(tally_internal._with_ancestors(r.id) || tally_internal._with_descendants(r.id)) x(id) GROUP BY x.id
        ORDER BY x.id;
    FOR child IN SELECT c.name FROM tally.rollups c WHERE c.source_rollup = r.id ORDER BY c.id DESC LOOP
        PERFORM tally.drop_rollup(quote_ident(child), "cascade" => true);
    END LOOP;
    PERFORM tally_internal._drop_metrics_of(r.id);
    PERFORM tally_internal._forget_rollup(r.id);
    PERFORM tally_internal._drop_statistics(r, '_tally_groups');
    PERFORM tally_internal._drop_statistics(r, '_tally_build');
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v') THEN
        EXECUTE format('DROP VIEW %s', r.live_view);
    END IF;
    IF holder IS NULL AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation AND c.relkind = 'r') THEN
        EXECUTE format('DROP TABLE %s', r.relation);
    END IF;
    PERFORM tally_internal._drop_marks(r.id);
    PERFORM tally_internal._sync_jobs();
EXCEPTION WHEN dependent_objects_still_exist THEN
    DECLARE
        detail_ text;
        hint_   text;
    BEGIN
        GET STACKED DIAGNOSTICS detail_ = PG_EXCEPTION_DETAIL, hint_ = PG_EXCEPTION_HINT;
        IF hint_ ~ 'tally\.' THEN RAISE; END IF;
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('rollup %L cannot be dropped: what others have made stands on it', r.name),
            DETAIL = detail_,
            HINT = format('DROP VIEW %s;', COALESCE((regexp_match(detail_, 'view (.+?) depends on'))[1], '…'));
    END;
END $$;
COMMENT ON FUNCTION tally.drop_rollup(text, boolean) IS
'Drops a rollup: its table, views, metrics, statistics and marks, and the triggers of its source where no other rollup needs them. Source rows stay. With '
    '"cascade", also the rollups that stand on it.';
