-- Owns: create_board, alter_board, drop_board, and finding a board by its name.

CREATE OR REPLACE FUNCTION tally_internal._board(name text) RETURNS tally.boards
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.boards;
BEGIN
    SELECT b.* INTO found_ FROM (SELECT array_agg(x.schema ORDER BY x.schema, x.name) AS schemas, array_agg(x.name ORDER BY x.schema, x.name) AS names
                                   FROM tally.boards x WHERE x.name IN (SELECT w.name FROM tally_internal._readings(name) w)) c
     CROSS JOIN LATERAL tally_internal._choose('board', name, ARRAY(SELECT generate_subscripts(c.names, 1)), c.schemas, c.names) i
      JOIN tally.boards b ON b.schema = c.schemas[i] AND b.name = c.names[i];
    IF found_.name IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('board %L does not exist', name),
            COALESCE('Boards most like it: ' || tally_internal._closest_names(name, (SELECT array_agg(b.name) FROM tally.boards b)) || '.',
                     'There is no board yet.'), 'SELECT name, title FROM tally.boards ORDER BY place, name;');
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._board(text) IS 'The board of a name, or an error that lists near ones.';

CREATE OR REPLACE FUNCTION tally_internal._chosen_boards(names text[]) RETURNS SETOF tally.boards
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.* FROM tally.boards b WHERE names IS NULL
    UNION ALL SELECT b.* FROM unnest(names) n CROSS JOIN LATERAL tally_internal._board(n) b
$$;
COMMENT ON FUNCTION tally_internal._chosen_boards(text[]) IS
'The boards of these names, or all where there are none (null); an error for a name that no board has.';

CREATE OR REPLACE FUNCTION tally_internal._checked_board(made tally.boards, search_path text) RETURNS tally.boards
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._check_name(made.name, 'a board'), tally_internal._check_name(made.title, format('board %L', made.name));
    IF jsonb_typeof(made.panels) IS DISTINCT FROM 'array' OR jsonb_array_length(made.panels) NOT BETWEEN 1 AND 24 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('panels of board %L must be an array of 1 to 24 objects, got %s', made.name,
            CASE jsonb_typeof(made.panels) WHEN 'array' THEN jsonb_array_length(made.panels)::text ELSE COALESCE(left(made.panels::text, 60), 'NULL') END),
            'A board that does not fit a screen is better made two, with a link from one to the other.',
            format('SELECT tally.create_board(%L, %L, ''[{"title": "…", "metric": "…"}]'');', made.name, made.title));
    ELSIF made.variables IS NULL OR array_position(made.variables, NULL) IS NOT NULL OR cardinality(made.variables) > 8
       OR (SELECT count(DISTINCT v) < count(*) FROM unnest(made.variables) v) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('variables of board %L must be up to 8 different dimensions, got %s', made.name,
            COALESCE(made.variables::text, 'NULL')), NULL, format('SELECT tally.alter_board(%L, variables => ''{world}'');', made.name));
    ELSIF tally_internal._no_length(made.refresh, '5 seconds', '1 day', false) OR made.refresh IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('refresh of board %L must be 5 seconds to 1 day, got %s', made.name,
            COALESCE(made.refresh::text, 'NULL')), NULL, format('SELECT tally.alter_board(%L, refresh => ''1 minute'');', made.name));
    END IF;
    IF NOT isfinite(tally_internal._parse_since(made.since, now(), 'since', 'UTC')) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('since of board %L must be a finite range, got %L', made.name, made.since), NULL,
            format('SELECT tally.alter_board(%L, since => ''24 hours'');', made.name));
    END IF;
    made.panels := (SELECT jsonb_agg(tally_internal._checked_panel(made.name, p.n, p.panel, made.variables, search_path) ORDER BY p.n)
                      FROM jsonb_array_elements(made.panels) WITH ORDINALITY p(panel, n));
    RETURN made;
END $$;
COMMENT ON FUNCTION tally_internal._checked_board(tally.boards, text) IS 'A board as it is stored, its panels checked one by one, or an error in four parts.';

CREATE OR REPLACE FUNCTION tally_internal._define_board(made tally.boards, search_path text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old tally.boards;
BEGIN
    made := tally_internal._checked_board(made, search_path);
    SELECT * INTO old FROM tally.boards b WHERE b.schema = made.schema AND b.name = made.name;
    IF (old.title, old.panels, old.variables, old.since, old.refresh, old.description, old.place)
       IS NOT DISTINCT FROM (made.title, made.panels, made.variables, made.since, made.refresh, made.description, made.place) THEN
        PERFORM tally_internal._note_unchanged(format('board %L', made.name));
    ELSE
        PERFORM tally_internal._store_board(made);
    END IF;
    RETURN made.name;
END $$;
COMMENT ON FUNCTION tally_internal._define_board(tally.boards, text) IS 'Checks and stores a board, new or changed.';

CREATE OR REPLACE FUNCTION tally_internal._called(b tally.boards) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by(b.schema, b.name, EXISTS (SELECT FROM tally.boards x WHERE x.name = b.name AND x.schema <> b.schema))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.boards) IS
'The name by which a board is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally_internal._board_beside(b tally.boards, name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((SELECT tally_internal._called(x) FROM tally.boards x WHERE x.schema = b.schema AND x.name = $2), $2)
$$;
COMMENT ON FUNCTION tally_internal._board_beside(tally.boards, text) IS
'The board that a panel leads to: that of the same schema, where there is one of the name.';

CREATE OR REPLACE FUNCTION tally.create_board(
    name        text,
    title       text,
    panels      jsonb,
    variables   text[] DEFAULT '{}',
    since       text DEFAULT '24 hours',
    refresh     interval DEFAULT '1 minute',
    description text DEFAULT NULL,
    place       int DEFAULT 100,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    made tally.boards;
BEGIN
    made.name := name;
    made.title := title;
    made.panels := panels;
    made.variables := variables;
    made.since := since;
    made.refresh := refresh;
    made.description := description;
    made.place := COALESCE(place, 100);
    made.schema := tally_internal._home(search_path, tally_internal._current_role());
    RETURN tally_internal._define_board(made, search_path);
END $$;
COMMENT ON FUNCTION tally.create_board(text, text, jsonb, text[], text, interval, text, int, text) IS
'Defines a board, or replaces one of the same owner. panels: an array of objects. Each has a title and what it shows: metric or metrics, relation (with '
    'columns, time, order, by), funnel, retention, experiment (one by its name), incidents, slo, status or experiments (true). '
    'picture: line, area, bars, stat, table, heatmap, states, ranking, funnel, histogram. by: dimensions to split by; '
    'where: a fixed filter; bucket; limit: most rows or series; width: columns of 12; thresholds: whose limits to draw besides those '
    'on the metric; area: of incidents and slo; description, why, do: what it says, why it matters, what to do; board: one level down; runbook. '
    'variables: dimensions to filter by, which all panels must have. since: the range it opens with. place: in the list of boards. Nothing is read but '
    'definitions.';

CREATE OR REPLACE FUNCTION tally_internal._present_panels(panels jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(CASE WHEN p ? 'metrics' THEN p || jsonb_build_object('metrics', (SELECT jsonb_agg(tally_internal._called(m))
                                                                                       FROM tally_internal._panel_metrics(p) m))
                     ELSE p END ORDER BY n) FROM jsonb_array_elements(panels) WITH ORDINALITY u(p, n)
$$;
COMMENT ON FUNCTION tally_internal._present_panels(jsonb) IS 'Stored panels with their metrics under their present names.';

CREATE OR REPLACE FUNCTION tally.alter_board(
    name        text,
    title       text DEFAULT NULL,
    panels      jsonb DEFAULT NULL,
    variables   text[] DEFAULT NULL,
    since       text DEFAULT NULL,
    refresh     interval DEFAULT NULL,
    description text DEFAULT NULL,
    place       int DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    b tally.boards := tally_internal._board(name);
BEGIN
    b.panels := COALESCE(panels, tally_internal._present_panels(b.panels));
    b.title := COALESCE(title, b.title);
    b.variables := COALESCE(variables, b.variables);
    b.since := COALESCE(since, b.since);
    b.refresh := COALESCE(refresh, b.refresh);
    b.description := COALESCE(description, b.description);
    b.place := COALESCE(place, b.place);
    RETURN tally_internal._define_board(b, search_path);
END $$;
COMMENT ON FUNCTION tally.alter_board(text, text, jsonb, text[], text, interval, text, int, text) IS
'Changes the given arguments of a board and leaves the others. The board is checked as a whole, as create_board() does.';

CREATE OR REPLACE FUNCTION tally.drop_board(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    b tally.boards := tally_internal._board(name);
BEGIN
    PERFORM tally_internal._forget_board(b.schema, b.name);
END $$;
COMMENT ON FUNCTION tally.drop_board(text) IS 'Drops a board and its saved views. What it showed stays.';
