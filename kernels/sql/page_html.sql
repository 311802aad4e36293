-- Owns: the page in SQL: a whole HTML document of a board, without script and without any other file. core/src/page/document.rs says what holds.

CREATE FUNCTION tally_internal._board_address(model jsonb, board text, filters text[], since text, view text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- It names every argument of tally.page_form(): PostgreSQL takes no defaults where the last argument is an array of any length.
    SELECT format('page_form?board=%s&since=%s&until=%s&theme=%s&refresh=%s&view=%s&filter=', tally_internal._percent_encoded(board),
               tally_internal._percent_encoded(since), tally_internal._percent_encoded(model ->> 'until'), tally_internal._percent_encoded(model ->> 'theme'),
               CASE WHEN (model ->> 'refreshing')::boolean THEN 'on' ELSE 'off' END, tally_internal._percent_encoded(view))
        || COALESCE((SELECT string_agg('&filter=' || tally_internal._percent_encoded(f), '' ORDER BY n) FROM unnest(filters) WITH ORDINALITY u(f, n)), '')
$$;
COMMENT ON FUNCTION tally_internal._board_address(jsonb, text, text[], text, text) IS
'The address of a board with the present looks, and the panels of a saved view where it has any (view, else empty).';

CREATE FUNCTION tally_internal._kept_filters(model jsonb, board text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT format('%s=%s', v ->> 'name', c)
                   FROM jsonb_array_elements(model -> 'variables') WITH ORDINALITY u(v, n), jsonb_array_elements_text(v -> 'chosen') WITH ORDINALITY q(c, k)
                  WHERE v ->> 'name' IN (SELECT jsonb_array_elements_text(o.known)
                                           FROM (SELECT COALESCE(b -> 'variables', '[]') AS known
                                                   FROM jsonb_array_elements(model -> 'boards') WITH ORDINALITY w(b, m)
                                                  WHERE b ->> 'name' = board ORDER BY m LIMIT 1) o)
                  ORDER BY n, k)
$$;
COMMENT ON FUNCTION tally_internal._kept_filters(jsonb, text) IS 'The chosen filters that another board knows too; it would refuse the others.';

CREATE FUNCTION tally_internal._page_header(model jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    boards jsonb := COALESCE(NULLIF(model -> 'boards', 'null'), '[]');
    pages  jsonb := COALESCE(NULLIF(model -> 'pages', 'null'), '[]');
    views  jsonb := COALESCE(NULLIF(model -> 'views', 'null'), '[]');
    bare   boolean := COALESCE((model ->> 'bare')::boolean, false);
    made   text := '<header>';
BEGIN
    IF jsonb_array_length(boards) + jsonb_array_length(pages) > 1 THEN
        made := made || '<nav aria-label="Boards and pages"><ol>'
            || COALESCE((SELECT string_agg('<li>' || tally_internal._element('a', b ->> 'title', 'href',
                                tally_internal._board_address(model, b ->> 'name', tally_internal._kept_filters(model, b ->> 'name'), model ->> 'since'),
                                'aria-current', CASE WHEN b ->> 'name' = model ->> 'name' AND NOT bare THEN 'page' END) || '</li>', '' ORDER BY n)
                           FROM jsonb_array_elements(boards) WITH ORDINALITY u(b, n)), '')
            || COALESCE((SELECT string_agg('<li>' || tally_internal._element('a', p ->> 'title', 'href', p ->> 'address',
                                'aria-current', CASE WHEN (p ->> 'current')::boolean THEN 'page' END) || '</li>', '' ORDER BY n)
                           FROM jsonb_array_elements(pages) WITH ORDINALITY u(p, n) WHERE tally_internal._is_page(p ->> 'address')), '')
            || '</ol></nav>';
    END IF;
    made := made || tally_internal._element('h1', model ->> 'title') || COALESCE(tally_internal._element('p', model ->> 'description', 'class', 'lead'), '');
    IF bare THEN RETURN made || tally_internal._element('p', format('Exact as of %s.', model ->> 'as_of'), 'class', 'fresh') || '</header>'; END IF;
    made := made || tally_internal._element('p', format('%s to %s. Exact as of %s.%s', model ->> 'since_text', model ->> 'until_text', model ->> 'as_of',
                CASE WHEN (model ->> 'refreshing')::boolean THEN format(' Loads itself again every %s seconds.', model ->> 'refresh') END), 'class', 'fresh')
        || tally_internal._filter_form(model);
    IF views <> '[]' THEN
        made := made || '<p class="views">Saved views:' || (SELECT string_agg(' ' || tally_internal._element('a', v ->> 'name', 'href',
                    tally_internal._board_address(model, model ->> 'name', ARRAY(SELECT f FROM jsonb_array_elements_text(v -> 'filters') WITH ORDINALITY q(f, k)
                                                                                  ORDER BY k), v ->> 'since',
                                                  CASE WHEN (v ->> 'arranged')::boolean THEN v ->> 'name' ELSE '' END),
                    'aria-current', CASE WHEN v ->> 'name' = model ->> 'view' THEN 'true' END), '' ORDER BY n)
                FROM jsonb_array_elements(views) WITH ORDINALITY u(v, n)) || '</p>';
    END IF;
    RETURN made || '</header>';
END $$;
COMMENT ON FUNCTION tally_internal._page_header(jsonb) IS 'The head of a page: where else one can go, its title, its range, its filters.';

CREATE FUNCTION tally_internal._legend(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '<ul class="legend">' || string_agg(
                  format('<li><svg class="key s%s" width="12" height="12" aria-hidden="true"><rect width="12" height="12" rx="3"/></svg>', o.colours[n])
               || tally_internal._element('span', tally_internal._named(s ->> 'name'))
               || COALESCE((SELECT tally_internal._element('b', tally_internal._short_number((p ->> 1)::float8, panel ->> 'unit'))
                              FROM jsonb_array_elements(s -> 'points') WITH ORDINALITY q(p, k) WHERE p ->> 1 IS NOT NULL ORDER BY k DESC LIMIT 1), '')
               || '</li>', '' ORDER BY n) || '</ul>'
      FROM jsonb_array_elements(panel -> 'series') WITH ORDINALITY u(s, n), (SELECT tally_internal._series_colours(panel) AS colours) o
$$;
COMMENT ON FUNCTION tally_internal._legend(jsonb) IS 'The names of series with their colours and last values.';

CREATE FUNCTION tally_internal._panel_foot(model jsonb, panel jsonb, columns jsonb, rows jsonb, floats boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    title text := panel ->> 'title';
    made  text := '<div class="panel-foot">';
BEGIN
    IF panel ->> 'board' IS NOT NULL THEN
        made := made || tally_internal._element('a', 'In detail', 'href', tally_internal._board_address(model, panel ->> 'board',
            tally_internal._kept_filters(model, panel ->> 'board'), model ->> 'since'));
    END IF;
    IF tally_internal._is_link(panel ->> 'runbook') THEN
        made := made || tally_internal._element('a', 'Runbook', 'href', panel ->> 'runbook', 'rel', 'noreferrer');
    END IF;
    IF rows <> '[]' THEN
        made := made || tally_internal._element('a', 'CSV', 'href', tally_internal._csv_link(columns, rows, floats),
            'download', lower(regexp_replace(title, '[^A-Za-z0-9]', '-', 'g') COLLATE "C") || '.csv', 'aria-label', 'CSV of ' || title);
    END IF;
    IF panel ->> 'why' IS NOT NULL OR panel ->> 'do' IS NOT NULL OR panel ->> 'picture' = 'stat' AND panel ->> 'description' IS NOT NULL THEN
        made := made || '<details class="help"><summary>What this says</summary><dl>'
            || (SELECT string_agg('<dt>' || v.head || '</dt>' || tally_internal._element('dd', v.words), '' ORDER BY v.n)
                  FROM (VALUES (1, 'What it shows', panel ->> 'description'), (2, 'Why it matters', panel ->> 'why'), (3, 'What to do', panel ->> 'do'))
                       v(n, head, words)
                 WHERE v.words IS NOT NULL)
            || '</dl></details>';
    END IF;
    IF panel ->> 'picture' <> 'table' AND rows <> '[]' THEN
        made := made || '<details><summary>Numbers</summary>' || tally_internal._table_html(panel, columns, rows) || '</details>';
    END IF;
    RETURN made || '</div>';
END $$;
COMMENT ON FUNCTION tally_internal._panel_foot(jsonb, jsonb, jsonb, jsonb, boolean) IS
'What stands below a picture: links, the numbers as a file, what they say.';

CREATE FUNCTION tally_internal._panel_html(model jsonb, panel jsonb, place int) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    picture text := panel ->> 'picture';
    unit    text := CASE WHEN panel ->> 'unit' IN ('ratio', 'share') THEN '%' ELSE COALESCE(panel ->> 'unit', '') END;
    zone    text := COALESCE(panel ->> 'zone', '');
    said    text := panel ->> 'description';
    made    text;
    drawn   text;
    shown   record;
BEGIN
    made := tally_internal._tag('section', 'class', 'w' || greatest(least((panel ->> 'width')::int, 12), 1), 'aria-labelledby', format('p%s-t', place)) || '>'
        || tally_internal._element('h2', panel ->> 'title', 'id', format('p%s-t', place));
    IF jsonb_typeof(panel -> 'error') = 'object' THEN
        RETURN made || '<div class="fault">' || tally_internal._element('p', panel #>> '{error,message}')
            || COALESCE(tally_internal._element('p', NULLIF(panel #>> '{error,detail}', ''), 'class', 'about'), '')
            || COALESCE(tally_internal._element('code', NULLIF(panel #>> '{error,hint}', '')), '') || '</div></section>';
    END IF;
    IF unit <> '' THEN said := COALESCE(said || ' ', '') || format('In %s.', unit); END IF;
    -- Whose clock it is, where that is not clear by itself.
    IF picture IN ('line', 'area', 'bars', 'states', 'heatmap') AND COALESCE(panel -> 'columns', '[]') = '[]' AND zone NOT IN ('', 'UTC') THEN
        said := COALESCE(NULLIF(said, '') || ' ', '') || format('Times of %s.', zone);
    END IF;
    IF said <> '' AND picture <> 'stat' THEN made := made || tally_internal._element('p', said, 'class', 'about'); END IF;
    shown := tally_internal._panel_table(panel);
    drawn := tally_internal._picture(panel);
    IF drawn IS NOT NULL THEN
        made := made || drawn
            || CASE WHEN picture IN ('line', 'area', 'bars') AND jsonb_array_length(panel -> 'series') > 1 THEN tally_internal._legend(panel) ELSE '' END;
    ELSIF picture = 'table' AND shown.rows <> '[]' THEN
        made := made || tally_internal._table_html(panel, shown.columns, shown.rows);
    ELSIF picture <> 'forms' THEN
        made := made || tally_internal._element('p', COALESCE(panel ->> 'nothing', 'Nothing in this range.'), 'class', 'nothing');
    END IF;
    RETURN made || COALESCE(tally_internal._element('p', panel ->> 'note', 'class', 'about'), '') || tally_internal._forms_html(panel, place)
        || tally_internal._panel_foot(model, panel, shown.columns, shown.rows, shown.floats) || '</section>';
END $$;
COMMENT ON FUNCTION tally_internal._panel_html(jsonb, jsonb, int) IS 'A panel on a page.';

CREATE OR REPLACE FUNCTION tally_internal._page_html(model jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    style text := tally_internal._page_style();
    theme text := model ->> 'theme';
BEGIN
    RETURN E'<!DOCTYPE html>\n' || tally_internal._tag('html', 'lang', 'en', 'class', CASE WHEN theme IN ('dark', 'light') THEN theme ELSE '' END)
        || '><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        -- Nothing may be loaded or run; the one style sheet is known by its hash; the form goes to where the page came from.
        || tally_internal._tag('meta', 'http-equiv', 'Content-Security-Policy', 'content',
               format('default-src ''none''; style-src ''sha256-%s''; form-action ''self''; base-uri ''none''',
                      encode(sha256(convert_to(style, 'UTF8')), 'base64'))) || '/>'
        -- Other sites hear of no address. Our own site does: without that a browser would not say where a form comes from.
        || '<meta name="referrer" content="same-origin">'
        || CASE WHEN (model ->> 'refreshing')::boolean THEN tally_internal._tag('meta', 'http-equiv', 'refresh', 'content', model ->> 'refresh') || '/>'
                ELSE '' END
        || tally_internal._element('title', model ->> 'title') || '<style>' || style || '</style></head><body>'
        || '<a class="skip" href="#panels">To the panels</a>' || tally_internal._page_header(model) || '<main id="panels">'
        || COALESCE((SELECT string_agg(tally_internal._panel_html(model, p, n::int), '' ORDER BY n)
                       FROM jsonb_array_elements(model -> 'panels') WITH ORDINALITY u(p, n)), '')
        || '</main><footer><p>Made by pg_tally in the database that holds the numbers. Each number is exact at the moment above.</p></footer></body></html>'
        || E'\n';
END $$;
