-- Owns: the forms on the page of a board that save what is shown as a view and drop one, and what they do, with the rights of who sends them.

CREATE OR REPLACE FUNCTION tally_internal._view_forms(shown tally.boards, v tally.board_views, filters jsonb, since text, until text, theme text,
                                                      refresh boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entries jsonb;
    words   text;
    mine    text[];
    hidden  jsonb;
BEGIN
    -- A page in a file has nowhere to send a form that writes.
    IF NOT tally_internal._is_served() THEN RETURN '[]'; END IF;
    -- A layout names each title once: panels of one title stand together.
    SELECT jsonb_agg(jsonb_build_object('title', p.title, 'width', p.width) ORDER BY p.n), string_agg(format('%s %s', p.place, p.title), ', ' ORDER BY p.n)
      INTO entries, words
      FROM (SELECT u.title, min(u.n) AS n, (array_agg(u.width ORDER BY u.n))[1] AS width, row_number() OVER (ORDER BY min(u.n)) AS place
              FROM (SELECT e ->> 'title' AS title, e -> 'width' AS width, n FROM jsonb_array_elements(shown.panels) WITH ORDINALITY x(e, n)) u GROUP BY 1) p;
    SELECT array_agg(x.name ORDER BY x.name) INTO mine FROM tally.board_views x
     WHERE x.schema = shown.schema AND x.board = shown.name AND tally_internal._has_rights_of(x.owner);
    SELECT jsonb_agg(tally_internal._field(f.name, '', 'hidden', f.value) ORDER BY f.n) INTO hidden
      FROM (VALUES (1, 'board', tally_internal._called(shown)), (2, 'since', since), (3, 'until', until), (4, 'theme', theme),
                   (5, 'refresh', CASE WHEN refresh THEN 'on' ELSE 'off' END), (6, 'view', CASE WHEN v.layout IS NOT NULL THEN v.name END),
                   (7, 'filters', filters::text)) f(n, name, value);
    RETURN jsonb_build_array(jsonb_build_object('title', 'Saved views', 'picture', 'forms', 'width', 12,
        'description', 'A saved view keeps the range, the filters and the panels that you see. Under a name of your own it takes the place of the old one.'
            || CASE WHEN until IS NOT NULL THEN ' It does not keep where the range ends.' ELSE '' END,
        'note', format('The panels by their numbers: %s.', words),
        'forms', jsonb_build_array(tally_internal._form('Save this view', 'page_view_do',
            hidden || jsonb_build_array(tally_internal._field('shown', '', 'hidden', entries::text), tally_internal._field('name', 'Name', required => true),
                tally_internal._field('panels', 'Panels, such as 3 1 or 3:12 1, where the 12 is a width; empty: as now'),
                tally_internal._field('shared', 'Everybody sees it', 'choice', 'no', '{no,yes}'),
                tally_internal._field('make_default', 'The board opens with it for my role', 'choice', 'no', '{no,yes}'),
                tally_internal._field('person', 'Your name')), 'save=Save'))
            || CASE WHEN mine IS NULL THEN '[]' ELSE jsonb_build_array(tally_internal._form('Drop one', 'page_view_do',
                hidden || tally_internal._field('name', 'View', 'choice', COALESCE(v.name, ''), mine), 'drop=Drop')) END));
END $$;
COMMENT ON FUNCTION tally_internal._view_forms(tally.boards, tally.board_views, jsonb, text, text, text, boolean) IS
'The forms that save a view and drop one, as a panel of a page that a web server asked for; shown: the board as it is arranged.';

CREATE OR REPLACE FUNCTION tally_internal._picked_layout(shown jsonb, panels text, board text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong  text;
    result jsonb;
BEGIN
    SELECT u.word INTO wrong FROM regexp_split_to_table(panels, '[\s,]+') WITH ORDINALITY u(word, n)
     WHERE u.word <> '' AND (u.word !~ '^[0-9]{1,4}(:[0-9]{1,4})?$' OR shown -> (split_part(u.word, ':', 1)::int - 1) IS NULL OR u.word ~ '^0+(:|$)')
     ORDER BY u.n LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('panels must be numbers from 1 to %s, each with a width or without, got %s',
            jsonb_array_length(shown), quote_literal(left(wrong, 60))), 'For example: 3 1 2:12, where 2:12 is the second panel in a width of 12.',
            format('SELECT tally.save_view(%L, ''mine'', layout => %L);', board, shown));
    END IF;
    SELECT jsonb_agg(shown -> (split_part(u.word, ':', 1)::int - 1)
                     || CASE WHEN u.word LIKE '%:%' THEN jsonb_build_object('width', split_part(u.word, ':', 2)::int) ELSE '{}' END ORDER BY u.n) INTO result
      FROM regexp_split_to_table(panels, '[\s,]+') WITH ORDINALITY u(word, n) WHERE u.word <> '';
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._picked_layout(jsonb, text, text) IS
'A layout of the panels that a form showed, by their numbers as people write them, 3 1 2:12; null where none is named.';

CREATE OR REPLACE FUNCTION tally_internal._said_panel(title text, words text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('title', title, 'picture', 'forms', 'width', 12, 'description', words)
$$;
COMMENT ON FUNCTION tally_internal._said_panel(text, text) IS 'What a form did, on top of the page.';

CREATE OR REPLACE FUNCTION tally.page_view_do(
    board        text,
    action       text,
    name         text,
    panels       text DEFAULT NULL,
    shared       text DEFAULT NULL,
    make_default text DEFAULT NULL,
    person       text DEFAULT NULL,
    shown        text DEFAULT NULL,
    filters      text DEFAULT NULL,
    since        text DEFAULT NULL,
    until        text DEFAULT NULL,
    view         text DEFAULT NULL,
    theme        text DEFAULT 'auto',
    refresh      text DEFAULT NULL
) RETURNS tally."text/html"
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    b        tally.boards := tally_internal._board(board);
    looks    tally.board_views;
    narrowed jsonb := COALESCE(NULLIF(filters, ''), '{}');
    said     jsonb;
    detail   text;
    hint     text;
BEGIN
    PERFORM tally_internal._refuse_other_site(format('SELECT tally.page(%L);', board));
    since := COALESCE(NULLIF(since, ''), b.since);
    name := btrim(name);
    -- The panels that are shown now: those of a view that may be gone.
    SELECT * INTO looks FROM tally.board_views v WHERE v.schema = b.schema AND v.board = b.name AND v.name = view;
    BEGIN
        CASE action
            WHEN 'save' THEN
                PERFORM tally.save_view(board, name, narrowed, since, shared = 'yes', make_default = 'yes', NULLIF(btrim(person), ''),
                    COALESCE(tally_internal._picked_layout(COALESCE(NULLIF(shown, ''), '[]')::jsonb, COALESCE(panels, ''), board), looks.layout));
                looks := tally_internal._view(b, name);
                said := tally_internal._said_panel('Saved', format('The view %s stands in the list above.', name));
            WHEN 'drop' THEN
                PERFORM tally.drop_view(board, name);
                IF looks.name = name THEN looks := NULL; END IF;
                said := tally_internal._said_panel('Dropped', format('The view %s is gone.', name));
            ELSE
                PERFORM tally_internal._refuse('invalid_parameter_value', format('action must be save or drop, got %s',
                    COALESCE(quote_literal(action), 'NULL')), NULL, format('SELECT tally.page_view_do(%L, ''save'', ''mine'');', board));
        END CASE;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        said := tally_internal._fault_panel(SQLERRM, detail, hint);
    END;
    RETURN tally_internal._board_page(b, looks, narrowed, since, NULLIF(until, ''), COALESCE(NULLIF(theme, ''), 'auto'), refresh = 'on', now(),
                                      jsonb_build_array(said));
END $$;
COMMENT ON FUNCTION tally.page_view_do(text, text, text, text, text, text, text, text, text, text, text, text, text, text) IS
'What the forms of saved views on the page of a board send: action is save or drop; panels: numbers of the panels that were shown (shown), 3 1 2:12, empty '
    'for all; shared and make_default are yes or no; filters is the text of an object. Runs save_view() or drop_view() with the caller''s rights and gives '
    'the page. If it is refused, the page says so on top.';
