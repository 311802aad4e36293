-- Owns: the layout of a saved view: which panels of the board it shows, in which order and how wide.

CREATE OR REPLACE FUNCTION tally_internal._layout_entries(layout jsonb, OUT n bigint, OUT title text, OUT width jsonb, OUT more jsonb) RETURNS SETOF record
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o, CASE jsonb_typeof(e) WHEN 'string' THEN e #>> '{}' WHEN 'object' THEN e ->> 'title' END, e -> 'width',
           CASE jsonb_typeof(e) WHEN 'object' THEN e - '{title,width}'::text[] END
      FROM jsonb_array_elements(layout) WITH ORDINALITY u(e, o)
$$;
COMMENT ON FUNCTION tally_internal._layout_entries(jsonb) IS
'The panels that a layout names, in order, with the width that it gives them, and what else it says.';

CREATE OR REPLACE FUNCTION tally_internal._layout_fault(b tally.boards, name text, message text, detail text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse('invalid_parameter_value', format('layout of view %L %s', name, message), detail,
        format('SELECT tally.save_view(%L, %L, layout => %L);', tally_internal._called(b), name,
               (SELECT jsonb_agg(t.title ORDER BY t.n) FROM (SELECT p ->> 'title' AS title, min(o) AS n
                                                               FROM jsonb_array_elements(b.panels) WITH ORDINALITY u(p, o) GROUP BY 1) t)));
END $$;
COMMENT ON FUNCTION tally_internal._layout_fault(tally.boards, text, text, text) IS
'Raises what is wrong with a layout; the hint names all panels of the board.';

CREATE OR REPLACE FUNCTION tally_internal._check_layout(b tally.boards, name text, layout jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    titles CONSTANT text[] := ARRAY(SELECT p ->> 'title' FROM jsonb_array_elements(b.panels) p);
    wrong  text;
BEGIN
    IF layout IS NULL THEN RETURN NULL; END IF;
    IF jsonb_typeof(layout) <> 'array' OR layout = '[]' THEN
        PERFORM tally_internal._layout_fault(b, name, format('must be an array of panels, got %s', left(layout::text, 60)),
                                             'It names the panels to show, in order. Without a layout a view shows all panels of the board.');
    END IF;
    SELECT left((layout -> (e.n - 1)::int)::text, 60) INTO wrong FROM tally_internal._layout_entries(layout) e
     WHERE e.title IS NULL OR e.more <> '{}' ORDER BY e.n LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._layout_fault(b, name, format('must name each panel by its title, or by title and width, got %s', wrong),
                                             'For example: ["Turns", {"title": "Latency", "width": 12}].');
    END IF;
    SELECT left(e.title, 60) INTO wrong FROM tally_internal._layout_entries(layout) e WHERE e.title <> ALL (titles) ORDER BY e.n LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._layout_fault(b, name, format('must name panels of board %L, got %L', b.name, wrong),
                                             'Panels most like it: ' || tally_internal._closest_names(wrong, titles) || '.');
    END IF;
    SELECT e.title INTO wrong FROM tally_internal._layout_entries(layout) e GROUP BY e.title HAVING count(*) > 1 ORDER BY min(e.n) LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._layout_fault(b, name, format('must name each panel once, got %L twice', wrong), NULL);
    END IF;
    SELECT left(e.width::text, 60) INTO wrong FROM tally_internal._layout_entries(layout) e
     WHERE e.width::text !~ '^([1-9]|1[0-2])$' ORDER BY e.n LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._layout_fault(b, name, format('must have widths of 1 to 12, got %s', wrong), 'A board is twelve columns wide.');
    END IF;
    RETURN layout;
END $$;
COMMENT ON FUNCTION tally_internal._check_layout(tally.boards, text, jsonb) IS
'The layout of a saved view, or an error that says what does not fit the board.';

CREATE OR REPLACE FUNCTION tally_internal._arranged(b tally.boards, layout jsonb) RETURNS tally.boards
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF layout IS NOT NULL THEN
        -- A panel that the board lost since is left out. If it lost all of them, there is nothing left to choose from.
        b.panels := COALESCE((SELECT jsonb_agg(p.panel || jsonb_strip_nulls(jsonb_build_object('width', e.width)) ORDER BY e.n, p.n)
                                FROM tally_internal._layout_entries(layout) e
                                JOIN jsonb_array_elements(b.panels) WITH ORDINALITY p(panel, n) ON p.panel ->> 'title' = e.title), b.panels);
    END IF;
    RETURN b;
END $$;
COMMENT ON FUNCTION tally_internal._arranged(tally.boards, jsonb) IS 'A board with the panels that a layout names, in its order.';
