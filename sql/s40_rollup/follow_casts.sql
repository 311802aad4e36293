-- Owns: definitions that follow what changes while everything that their live view stands on is the same: a cast that comes or goes, a configuration of
-- text search that changes, a function that is gone under the name by which a body of text calls it.

CREATE OR REPLACE FUNCTION tally_internal._forget_functions() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    gone  text;
    parts text[];
BEGIN
    -- to_regprocedure() of a function raises an error where a type of its arguments is gone.
    FOR gone IN DELETE FROM tally.functions f WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid >= 16384 AND p.oid::regprocedure::text = f.function)
                RETURNING f.function LOOP
        parts := parse_ident(gone, false);
        -- A body that is text finds another by that name now, or none.
        CONTINUE WHEN cardinality(parts) <> 2 OR NOT EXISTS (
            SELECT FROM pg_proc p JOIN tally.functions f ON f.function = p.oid::regprocedure::text
             WHERE p.oid >= 16384 AND strpos(lower(p.prosrc), lower(parts[2])) > 0);
        PERFORM tally_internal._mark_whole(ARRAY(
            SELECT r.id FROM tally.rollups r WHERE EXISTS (
                SELECT FROM tally_internal._calls_of(r, r.live_view) c JOIN pg_proc p ON p.oid = c.function
                 WHERE strpos(lower(p.prosrc), lower(parts[2])) > 0 AND tally_internal._may_name(c.function, c.path, parts[1], parts[2]))),
            format('function %s dropped or renamed', gone));
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._forget_functions() IS
'Forgets functions that have another name now, or are gone, and marks the definitions that called them by their name.';
REVOKE ALL ON FUNCTION tally_internal._forget_functions() FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_functions_go_s40(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    PERFORM tally_internal._forget_functions();
    RETURN;
END $$;
COMMENT ON FUNCTION tally_internal._when_functions_go_s40(int, jsonb) IS
'Listener: what calls functions by their names follows those that are dropped, renamed or moved.';
REVOKE ALL ON FUNCTION tally_internal._when_functions_go_s40(int, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._follow_unseen(class regclass, object oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    IF class = 'pg_cast'::regclass THEN
        -- The object is the type that is cast. An expression of that type, or of arrays of it, says so in the tree of the view.
        PERFORM tally_internal._bind_again(r.id, true)
           FROM tally.rollups r JOIN pg_rewrite w ON w.ev_class = r.live_view JOIN pg_type t ON t.oid = object
          WHERE w.ev_action::text ~ format('type(id)? (%s|%s) ', t.oid, t.typarray);
        RETURN;
    END IF;
    -- What PostgreSQL brings is pinned: of that pg_depend says nothing, and any constant that names a configuration or dictionary may mean it.
    PERFORM tally_internal._mark_whole(ARRAY(
        SELECT u FROM tally_internal._users_of(class, object) u
        UNION SELECT r.id FROM tally.rollups r JOIN pg_rewrite w ON w.ev_class = r.live_view
               WHERE object < 16384 AND w.ev_action::text ~ ':consttype (3734|3769) '), 'text search changed');
END $$;
COMMENT ON FUNCTION tally_internal._follow_unseen(regclass, oid) IS
'Makes definitions follow a cast of a type that came or went, and marks those that use a configuration or dictionary of text search that changed.';
REVOKE ALL ON FUNCTION tally_internal._follow_unseen(regclass, oid) FROM PUBLIC;
