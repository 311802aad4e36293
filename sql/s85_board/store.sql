-- Owns: the only functions that write boards and saved views, for their owners. A board reads with the rights of the person who looks, so
-- nothing that is stored here lets anybody see more.

CREATE OR REPLACE FUNCTION tally_internal._store_board(made tally.boards, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    old    tally.boards;
BEGIN
    PERFORM tally_internal._check_size(made::text, format('board %L', made.name));
    -- It waits for whoever takes the name just now, and then sees whose it is.
    INSERT INTO tally.boards (schema, name, title, owner, description, panels, variables, since, refresh, place)
    VALUES (made.schema, made.name, made.title, caller, made.description, made.panels, made.variables, made.since, made.refresh, made.place)
    ON CONFLICT ON CONSTRAINT boards_pkey DO NOTHING;
    IF FOUND THEN
        PERFORM tally_internal._check_home(format('board %L', made.name), made.schema, caller);
        RETURN;
    END IF;
    SELECT * INTO old FROM tally.boards b WHERE b.schema = made.schema AND b.name = made.name FOR UPDATE;
    IF NOT tally_internal._has_rights(caller, old.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('board %L is changed by its owner %s, got %s', old.name, old.owner, caller),
                                       'A board belongs to the role that made it.', format('SET ROLE %s;', old.owner));
    END IF;
    UPDATE tally.boards b SET title = made.title, description = made.description, panels = made.panels, variables = made.variables, since = made.since,
        refresh = made.refresh, place = made.place, updated_at = now() WHERE b.schema = made.schema AND b.name = made.name;
END $$;
COMMENT ON FUNCTION tally_internal._store_board(tally.boards, bigint) IS 'Writes a board, new or changed. For create_board() and alter_board().';

CREATE OR REPLACE FUNCTION tally_internal._forget_board(schema text, name text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    owner  tally.role;
BEGIN
    SELECT b.owner INTO owner FROM tally.boards b WHERE b.schema = schema AND b.name = name FOR UPDATE;
    IF NOT tally_internal._has_rights(caller, owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('board %L is dropped by its owner %s, got %s', name, owner, caller), NULL,
                                       format('SET ROLE %s;', owner));
    END IF;
    DELETE FROM tally.boards b WHERE b.schema = schema AND b.name = name;
END $$;
COMMENT ON FUNCTION tally_internal._forget_board(text, text, bigint) IS 'Deletes a board with its saved views. For its owner; drop_board() calls it.';

CREATE OR REPLACE FUNCTION tally_internal._store_view(made tally.board_views, who bigint DEFAULT tally_internal._me()) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    old    tally.board_views;
    result int;
BEGIN
    PERFORM tally_internal._check_size(made::text, format('view %L of board %L', made.name, made.board));
    -- It waits for whoever takes the name just now, and then sees whose it is.
    INSERT INTO tally.board_views (schema, board, name, owner) VALUES (made.schema, made.board, made.name, caller)
    ON CONFLICT (schema, board, name) DO NOTHING;
    SELECT * INTO old FROM tally.board_views v WHERE v.schema = made.schema AND v.board = made.board AND v.name = made.name FOR UPDATE;
    IF NOT tally_internal._has_rights(caller, old.owner) THEN
        -- Whose it is and what it holds is not said: it may be one that the caller does not see.
        PERFORM tally_internal._refuse('duplicate_object', format('the name %L of a view of board %L is taken by another role', made.name, made.board), NULL,
                                       format('SELECT tally.save_view(%L, %L);', made.board, made.name || ' (' || caller || ')'));
    END IF;
    IF made.is_default THEN
        UPDATE tally.board_views v SET is_default = false
         WHERE v.schema = made.schema AND v.board = made.board AND v.owner::oid = old.owner::oid AND v.is_default;
    END IF;
    UPDATE tally.board_views v SET person = made.person, filters = made.filters, since = made.since, shared = made.shared, is_default = made.is_default,
        layout = made.layout, updated_at = now() WHERE v.id = old.id RETURNING v.id INTO result;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._store_view(tally.board_views, bigint) IS 'Writes a saved view, new or changed. For save_view().';

CREATE OR REPLACE FUNCTION tally_internal._forget_view(id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.board_views v WHERE v.id = id AND tally_internal._has_rights(caller, v.owner);
    IF NOT FOUND THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('a saved view is dropped by the role that saved it, got %s', caller), NULL,
                                       'SELECT board, name, owner FROM tally.board_views;');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._forget_view(int, bigint) IS 'Deletes a saved view. For its owner; drop_view() calls it.';
