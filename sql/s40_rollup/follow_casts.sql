-- Owns: definitions that follow casts and text search. A cast that comes or goes, or a configuration of text search that changes, gives an expression
-- another value, and no object that the live view stands on is another.

CREATE OR REPLACE FUNCTION tally_internal._follow_unseen(class regclass, object oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
