-- Owns: a board at a moment: the model, the page made of it, and the text at the prompt.

CREATE OR REPLACE FUNCTION tally_internal._panel_numbers(b tally.boards, panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    picture text := panel ->> 'picture';
    result  jsonb;
BEGIN
    CASE tally_internal._panel_source(panel)
        WHEN 'relation' THEN RETURN (SELECT x FROM tally_internal._panel_relations(jsonb_build_array(panel), filters, since, until, as_of) x);
        WHEN 'funnel' THEN RETURN tally_internal._panel_funnel(panel, filters, since, until, as_of);
        WHEN 'retention' THEN RETURN tally_internal._panel_retention(panel, filters, since, until, as_of);
        WHEN 'incidents' THEN RETURN tally_internal._panel_incidents(panel, filters, since, until, as_of);
        WHEN 'slo' THEN RETURN tally_internal._panel_slo(panel, filters);
        WHEN 'status' THEN RETURN tally_internal._panel_status(b);
        WHEN 'experiment', 'experiments' THEN RETURN tally_internal._panel_experiments(panel, filters, as_of);
        ELSE NULL;
    END CASE;
    IF picture IN ('table', 'ranking') THEN
        RETURN tally_internal._panel_report(panel, filters, since, until, as_of);
    ELSIF picture = 'funnel' THEN
        RETURN tally_internal._panel_funnel(panel, filters, since, until, as_of);
    ELSIF picture = 'histogram' THEN
        RETURN tally_internal._panel_histogram(panel, filters, since, until, as_of);
    ELSIF picture = 'heatmap' AND jsonb_array_length(panel -> 'by') = 2 THEN
        RETURN tally_internal._panel_matrix(panel, tally_internal._panel_report(panel, filters, since, until, as_of));
    END IF;
    result := tally_internal._panel_series(panel, filters, since, until, as_of)
        || jsonb_build_object('limits', tally_internal._panel_limits(panel, filters));
    IF picture = 'states' THEN
        result := result || jsonb_build_object('series', tally_internal._panel_states(result -> 'series', result -> 'limits'));
    ELSIF picture = 'stat' THEN
        result := result || tally_internal._panel_stat(panel, filters, since, until, as_of);
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._panel_numbers(tally.boards, jsonb, jsonb, text, text, timestamptz) IS 'What a panel shows, by its source and picture.';

CREATE OR REPLACE FUNCTION tally_internal._panel_isolated(b tally.boards, panel jsonb, filters jsonb, since text, until text, as_of timestamptz,
                                                          made jsonb DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result jsonb;
    detail text;
    hint   text;
BEGIN
    BEGIN
        result := COALESCE(made, tally_internal._panel_numbers(b, panel, filters, since, until, as_of));
    EXCEPTION WHEN OTHERS THEN
        -- One panel that cannot be read, a metric dropped or a right that lacks, leaves the others standing.
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        result := jsonb_build_object('error', jsonb_build_object('message', SQLERRM, 'detail', detail, 'hint', hint));
    END;
    -- What the board says of a panel comes before what the metric says of itself.
    RETURN jsonb_build_object('title', panel -> 'title', 'picture', panel -> 'picture', 'width', panel -> 'width', 'why', panel -> 'why', 'do', panel -> 'do',
        'board', tally_internal._board_beside(b, panel ->> 'board'),
        'runbook', panel -> 'runbook', 'description', panel -> 'description', 'unit', panel -> 'unit')
        || jsonb_strip_nulls(result - 'series') || jsonb_build_object('series', COALESCE(result -> 'series', '[]'), 'rows', COALESCE(result -> 'rows', '[]'));
END $$;
COMMENT ON FUNCTION tally_internal._panel_isolated(tally.boards, jsonb, jsonb, text, text, timestamptz, jsonb) IS
'A panel with its numbers (made: where they were read already), or with the error that reading them raised.';

CREATE OR REPLACE FUNCTION tally_internal._board_values(b tally.boards, variable text, since timestamptz, until timestamptz) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
DECLARE
    r      tally.rollups;
    query  text;
    result text[];
BEGIN
    -- Of the rollups behind the board the one with the longest buckets: it has the fewest rows.
    SELECT x.* INTO r FROM jsonb_array_elements(b.panels) p, jsonb_array_elements_text(p -> 'metric_ids') i JOIN tally.metrics m ON m.id = i::int
      JOIN tally.rollups x ON x.id = m.rollup_id ORDER BY tally_internal._bucket_length(tally_internal._bucket_rule_of(x)) DESC, x.id LIMIT 1;
    IF r.id IS NULL THEN RETURN '{}'; END IF;
    query := format('SELECT pg_catalog.array_agg(v ORDER BY v) '
                    'FROM (SELECT DISTINCT %I AS v FROM %s WHERE bucket >= $1 AND bucket < $2 ORDER BY v LIMIT 201) d', variable, r.relation);
    EXECUTE tally_internal._refuse_unsafe(r, query) INTO result USING tally_internal._bucket_start(tally_internal._bucket_rule_of(r), since), until;
    RETURN COALESCE(result, '{}');
EXCEPTION WHEN insufficient_privilege THEN
    -- Who reads live views alone sees no list, and may still write a value into the address.
    RETURN '{}';
END $$;
COMMENT ON FUNCTION tally_internal._board_values(tally.boards, text, timestamptz, timestamptz) IS
'Values that a variable of a board has in a range, in order, at most 201.';

CREATE OR REPLACE FUNCTION tally_internal._check_filters(b tally.boards, filters jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(filters) IS DISTINCT FROM 'object' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('filters must be an object of variables and values, got %s',
            COALESCE(left(filters::text, 80), 'NULL')), NULL, format('SELECT tally.page(%L, filters => ''{"world": "w1"}'');', tally_internal._called(b)));
    END IF;
    SELECT f.key INTO wrong FROM jsonb_each(filters) f WHERE f.key <> ALL (b.variables) OR jsonb_typeof(f.value) = 'object' LIMIT 1;
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('filters must name variables of board %L with values, got %L', b.name, wrong),
            COALESCE(format('Its variables are %s.', (SELECT string_agg(v, ', ') FROM unnest(b.variables) v HAVING count(*) > 0)), 'It has no variables.'),
            format('SELECT tally.alter_board(%L, variables => %L);', tally_internal._called(b), b.variables || wrong));
    END IF;
    RETURN filters;
END $$;
COMMENT ON FUNCTION tally_internal._check_filters(tally.boards, jsonb) IS 'The filters, or an error where they name what is no variable of the board.';

CREATE OR REPLACE FUNCTION tally_internal._filter_values(chosen jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- JSON null stands for a value that was NULL, which rollups write so.
    SELECT COALESCE(array_agg(COALESCE(v, '(none)') ORDER BY n), '{}')
      FROM jsonb_array_elements_text(CASE jsonb_typeof(chosen) WHEN 'array' THEN chosen ELSE COALESCE(NULLIF(jsonb_build_array(chosen), '[null]'), '[]') END)
           WITH ORDINALITY u(v, n)
$$;
COMMENT ON FUNCTION tally_internal._filter_values(jsonb) IS 'The values that a filter lets through, as texts: of an array or of one value.';

CREATE OR REPLACE FUNCTION tally_internal._filter_words(filters jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(array_agg(f.key || '=' || v ORDER BY f.key, v), '{}') FROM jsonb_each(filters) f, unnest(tally_internal._filter_values(f.value)) v
$$;
COMMENT ON FUNCTION tally_internal._filter_words(jsonb) IS 'Filters as the form of a page writes them: {world=w1,world=w2}.';

CREATE OR REPLACE FUNCTION tally_internal._board_zone(b tally.boards) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((SELECT min(r.zone) FROM jsonb_array_elements(b.panels) p, jsonb_array_elements_text(p -> 'metric_ids') i
                       JOIN tally.metrics m ON m.id = i::int JOIN tally.rollups r ON r.id = m.rollup_id HAVING count(DISTINCT r.zone) = 1), 'UTC')
$$;
COMMENT ON FUNCTION tally_internal._board_zone(tally.boards) IS
'The zone whose clock a board shows, whoever looks: that of the rollups behind it where they have one in common, else UTC.';

CREATE OR REPLACE FUNCTION tally_internal._board_model(b tally.boards, filters jsonb, since text, until text, theme text, refreshing boolean,
                                                       as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET jit = off AS $$
DECLARE
    zone   text := tally_internal._board_zone(b);
    first  timestamptz := tally_internal._parse_since(since, as_of, 'since', zone);
    last   timestamptz := tally_internal._parse_since(until, as_of, 'until', zone);
    listed jsonb;
    shared jsonb;
BEGIN
    PERFORM tally_internal._check_filters(b, filters);
    -- A page that may not be asked for is refused as a whole, and not panel by panel.
    PERFORM tally_internal._may_ask(r.owner, r.relation) FROM tally.rollups r WHERE r.id IN (SELECT m.rollup_id FROM jsonb_array_elements(b.panels) p,
        jsonb_array_elements_text(p -> 'metric_ids') i JOIN tally.metrics m ON m.id = i::int);
    IF NOT isfinite(first) OR NOT isfinite(last) OR first >= last THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('a page needs a finite range with since before until, got %s to %s', first, last), NULL,
            format('SELECT tally.page(%L, since => %L);', tally_internal._called(b), b.since));
    ELSIF theme IS NULL OR theme NOT IN ('auto', 'light', 'dark') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('theme must be auto, light or dark, got %s', COALESCE(quote_literal(theme), 'NULL')), NULL,
            format('SELECT tally.page(%L, theme => ''dark'');', tally_internal._called(b)));
    END IF;
    SELECT jsonb_agg(jsonb_build_object('name', v.name, 'values', v.listed[:200], 'more', cardinality(v.listed) > 200,
                                        'chosen', tally_internal._filter_values(filters -> v.name)) ORDER BY v.n) INTO listed
      FROM (SELECT u.name, u.n, tally_internal._board_values(b, u.name, first, last) AS listed FROM unnest(b.variables) WITH ORDINALITY u(name, n)) v;
    shared := tally_internal._board_relations(b, filters, since, until, as_of);
    RETURN jsonb_build_object('name', tally_internal._called(b), 'title', b.title, 'description', b.description,
        'as_of', to_char(as_of, 'YYYY-MM-DD HH24:MI:SS "UTC"'), 'since_text', to_char(first AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'),
        'until_text', format('%s %s', to_char(last AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI'), zone), 'since', since, 'until', until,
        'refresh', extract(epoch FROM b.refresh)::int,
        'refreshing', COALESCE(refreshing, false), 'theme', theme,
        'ranges', '["1 hour", "6 hours", "24 hours", "7 days", "30 days", "90 days"]'::jsonb,
        'boards', (SELECT jsonb_agg(jsonb_build_object('name', tally_internal._called(x), 'title', x.title, 'variables', x.variables)
                                    ORDER BY x.place, x.name, x.schema)
                     FROM tally.boards x),
        'pages', tally_internal._pages(NULL, theme),
        'views', tally_internal._views_listed(b),
        'variables', COALESCE(listed, '[]'),
        'panels', (SELECT jsonb_agg(tally_internal._panel_isolated(b, p.panel, filters, since, until, as_of, shared -> p.n::text) ORDER BY p.n)
                     FROM jsonb_array_elements(b.panels) WITH ORDINALITY p(panel, n)));
END $$;
COMMENT ON FUNCTION tally_internal._board_model(tally.boards, jsonb, text, text, text, boolean, timestamptz) IS
'A board with the numbers of its panels, as the kernel draws it.';

CREATE OR REPLACE FUNCTION tally_internal._board_page(b tally.boards, v tally.board_views, filters jsonb, since text, until text, theme text, refresh boolean,
                                                      as_of timestamptz, said jsonb DEFAULT '[]') RETURNS tally."text/html"
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shown tally.boards := tally_internal._arranged(b, v.layout);
    model jsonb := tally_internal._board_model(shown, filters, since, until, theme, refresh, as_of);
BEGIN
    PERFORM tally_internal._page_headers();
    RETURN tally_internal._page_html(model || jsonb_build_object(
        -- What the form and other ranges keep is which panels are shown.
        'view', CASE WHEN v.layout IS NOT NULL THEN v.name END,
        'panels', said || (model -> 'panels') || tally_internal._view_forms(shown, v, filters, since, until, theme, refresh)));
END $$;
COMMENT ON FUNCTION tally_internal._board_page(tally.boards, tally.board_views, jsonb, text, text, text, boolean, timestamptz, jsonb) IS
'The page of a board with the panels of a saved view; said: panels before the others, such as why a form was refused.';

CREATE OR REPLACE FUNCTION tally.page(
    board   text,
    filters jsonb DEFAULT NULL,
    since   text DEFAULT NULL,
    until   text DEFAULT NULL,
    theme   text DEFAULT 'auto',
    refresh boolean DEFAULT false,
    view    text DEFAULT NULL,
    as_of   timestamptz DEFAULT now()
) RETURNS tally."text/html"
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b tally.boards := tally_internal._board(board);
    v tally.board_views := tally_internal._chosen_view(b, view, filters IS NULL AND since IS NULL);
BEGIN
    RETURN tally_internal._board_page(b, v, COALESCE(filters, v.filters, '{}'), COALESCE(since, v.since, b.since), until, theme, refresh, as_of);
END $$;
COMMENT ON FUNCTION tally.page(text, jsonb, text, text, text, boolean, text, timestamptz) IS
'A board as a page: one HTML document, without script or other files. filters: values of its variables, {"world": ["w1", "w2"]}; since and until as in '
    'timeseries(); theme: auto, light or dark; refresh: whether it loads itself again; view: a saved view, else the reader''s default one. With the '
    'reader''s rights: a panel that he may not read says so. In psql: \t \a \o page.html SELECT tally.page(''x'');';

CREATE OR REPLACE FUNCTION tally.page_form(
    board   text,
    since   text DEFAULT NULL,
    until   text DEFAULT NULL,
    theme   text DEFAULT 'auto',
    refresh text DEFAULT NULL,
    view    text DEFAULT NULL,
    VARIADIC filter text[] DEFAULT '{}'
) RETURNS tally."text/html"
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- A choice of all is an empty text. What names no variable is refused by page().
    filters jsonb := (SELECT jsonb_object_agg(x.key, x.chosen)
                        FROM (SELECT split_part(f, '=', 1) AS key, jsonb_agg(substr(f, strpos(f, '=') + 1)) AS chosen
                                FROM unnest(filter) f WHERE f <> '' GROUP BY 1) x);
BEGIN
    RETURN tally.page(board, CASE WHEN cardinality(filter) > 0 THEN COALESCE(filters, '{}') ELSE filters END, NULLIF(since, ''), NULLIF(until, ''),
                      COALESCE(NULLIF(theme, ''), 'auto'), refresh = 'on', NULLIF(view, ''));
END $$;
COMMENT ON FUNCTION tally.page_form(text, text, text, text, text, text, text[]) IS
'A page by what its own form and links send: filter is given once for each chosen value, world=w1; refresh is on or off. With PostgREST begin at '
    '/rpc/page?board=x; its form and links lead here.';

CREATE OR REPLACE FUNCTION tally.board_text(
    board   text,
    filters jsonb DEFAULT NULL,
    since   text DEFAULT NULL,
    until   text DEFAULT NULL,
    view    text DEFAULT NULL,
    as_of   timestamptz DEFAULT now()
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b tally.boards := tally_internal._board(board);
    v tally.board_views := tally_internal._chosen_view(b, view, filters IS NULL AND since IS NULL);
BEGIN
    RETURN tally_internal._page_text(tally_internal._board_model(tally_internal._arranged(b, v.layout), COALESCE(filters, v.filters, '{}'),
                                                                 COALESCE(since, v.since, b.since), until, 'auto', false, as_of));
END $$;
COMMENT ON FUNCTION tally.board_text(text, jsonb, text, text, text, timestamptz) IS
'A board at the prompt: sparklines, bars and tables of text. Arguments as in page().';
