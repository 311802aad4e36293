-- Owns: saved views of boards: save, find, drop.

CREATE OR REPLACE FUNCTION tally.save_view(
    board        text,
    name         text,
    filters      jsonb DEFAULT '{}',
    since        text DEFAULT NULL,
    shared       boolean DEFAULT false,
    make_default boolean DEFAULT false,
    by           text DEFAULT NULL,
    layout       jsonb DEFAULT NULL
) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b    tally.boards := tally_internal._board(board);
    made tally.board_views;
BEGIN
    PERFORM tally_internal._check_name(name, 'a saved view'), tally_internal._check_filters(b, filters), tally_internal._check_layout(b, name, layout);
    IF since IS NOT NULL AND NOT isfinite(tally_internal._parse_since(since, now(), 'since', 'UTC')) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('since of view %L must be a finite range, got %L', name, since), NULL,
                                       format('SELECT tally.save_view(%L, %L, since => %L);', tally_internal._called(b), name, b.since));
    END IF;
    made.schema := b.schema;
    made.board := b.name;
    made.name := name;
    made.person := by;
    made.filters := filters;
    made.since := since;
    made.shared := COALESCE(shared, false);
    made.is_default := COALESCE(make_default, false);
    made.layout := layout;
    RETURN tally_internal._store_view(made);
END $$;
COMMENT ON FUNCTION tally.save_view(text, text, jsonb, text, boolean, boolean, text, jsonb) IS
'Saves filters, range and layout of a board under a name, or changes them. shared: everybody sees it; make_default: the board opens with it for the role that '
    'saved it; by: the person on whose behalf the role acts; layout: the titles of the panels to show, in order, ["Turns", {"title": "Latency", "width": 12}], '
    'null for all. Gives its number.';

CREATE OR REPLACE FUNCTION tally_internal._view(b tally.boards, name text) RETURNS tally.board_views
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.board_views;
BEGIN
    SELECT * INTO found_ FROM tally.board_views v WHERE v.schema = b.schema AND v.board = b.name AND v.name = name;
    IF found_.id IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('board %L has no saved view %L that you can see', b.name, name),
            COALESCE('Views most like it: ' || tally_internal._closest_names(name, (SELECT array_agg(v.name) FROM tally.board_views v
                                                                             WHERE v.schema = b.schema AND v.board = b.name)) || '.', 'None is saved.'),
            'SELECT board, name, filters, since FROM tally.board_views;');
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._view(tally.boards, text) IS 'The saved view of a board by name, or an error that lists near ones.';

CREATE OR REPLACE FUNCTION tally_internal._chosen_view(b tally.boards, name text, fallback boolean) RETURNS tally.board_views
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result tally.board_views;
BEGIN
    IF name IS NOT NULL THEN RETURN tally_internal._view(b, name); END IF;
    IF fallback THEN
        SELECT * INTO result FROM tally.board_views v WHERE v.schema = b.schema AND v.board = b.name AND v.is_default
           AND v.owner::oid = tally_internal._current_role()::oid;
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._chosen_view(tally.boards, text, boolean) IS
'The saved view of a name; without one, where nothing else was asked for, the current role''s default, if it has one.';

CREATE OR REPLACE FUNCTION tally_internal._views_listed(b tally.boards) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg(jsonb_build_object('name', v.name, 'since', COALESCE(v.since, b.since), 'filters', tally_internal._filter_words(v.filters),
                                                 'arranged', v.layout IS NOT NULL)
                              ORDER BY v.name), '[]')
      FROM tally.board_views v WHERE v.schema = b.schema AND v.board = b.name
$$;
COMMENT ON FUNCTION tally_internal._views_listed(tally.boards) IS 'The saved views of a board that the reader sees, for its page.';

CREATE OR REPLACE FUNCTION tally.drop_view(board text, name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v tally.board_views := tally_internal._view(tally_internal._board(board), name);
BEGIN
    PERFORM tally_internal._forget_view(v.id);
END $$;
COMMENT ON FUNCTION tally.drop_view(text, text) IS 'Drops a saved view of a board.';
