-- Owns: the numbers behind a picture, in SQL: the table below it and its CSV. core/src/page/table.rs says what holds.

CREATE FUNCTION tally_internal._panel_table(panel jsonb, OUT columns jsonb, OUT rows jsonb, OUT floats boolean)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    series  jsonb := COALESCE(panel -> 'series', '[]');
    heads   jsonb := (SELECT COALESCE(jsonb_agg(tally_internal._named(c) ORDER BY n), '[]')
                        FROM jsonb_array_elements_text(COALESCE(panel -> 'columns', '[]')) WITH ORDINALITY u(c, n));
    picture text := panel ->> 'picture';
BEGIN
    rows := COALESCE(panel -> 'rows', '[]');
    columns := heads;
    floats := rows = '[]' AND series <> '[]';
    IF NOT floats THEN RETURN; END IF;
    IF heads <> '[]' AND picture = 'heatmap' THEN
        columns := '["name"]' || heads;
        rows := (SELECT jsonb_agg(jsonb_build_array(tally_internal._named(s ->> 'name')) || (
                            SELECT jsonb_agg((SELECT p -> 1 FROM jsonb_array_elements(s -> 'points') WITH ORDINALITY q(p, k)
                                               WHERE trunc((p ->> 0)::float8) = c - 1 AND p -> 1 <> 'null' ORDER BY k DESC LIMIT 1) ORDER BY c)
                              FROM generate_series(1, jsonb_array_length(heads)) c) ORDER BY n)
                   FROM jsonb_array_elements(series) WITH ORDINALITY u(s, n));
        RETURN;
    END IF;
    columns := jsonb_build_array(CASE picture WHEN 'histogram' THEN 'from' || COALESCE(format(' (%s)', panel ->> 'unit'), '')
                                              ELSE format('time (%s)', COALESCE(panel ->> 'zone', '')) END)
        || (SELECT jsonb_agg(tally_internal._named(s ->> 'name') ORDER BY n) FROM jsonb_array_elements(series) WITH ORDINALITY u(s, n));
    WITH point AS MATERIALIZED (
        SELECT p.series AS k, p.second,
               CASE picture WHEN 'states' THEN to_jsonb(tally_internal._state_words(p.value)) ELSE to_jsonb(p.value) END AS v
          FROM tally_internal._points(panel) p),
    place AS (SELECT DISTINCT second FROM point)
    SELECT jsonb_agg(jsonb_build_array(CASE picture WHEN 'histogram' THEN to_jsonb(x.second) ELSE to_jsonb(tally_internal._moment_words(panel, x.second)) END)
                     || x.cells ORDER BY x.second)
      INTO rows
      FROM (SELECT a.second, jsonb_agg(COALESCE(b.v, 'null') ORDER BY s.k) AS cells
              FROM place a CROSS JOIN generate_series(1, jsonb_array_length(series)) s(k)
              LEFT JOIN point b ON b.second = a.second AND b.k = s.k
             GROUP BY a.second) x;
    rows := COALESCE(rows, '[]');
END $$;
COMMENT ON FUNCTION tally_internal._panel_table(jsonb) IS
'The numbers of a panel: its own rows, or its series side by side, whose numbers are written as those that need not be whole.';

CREATE FUNCTION tally_internal._unit_cell(cell jsonb, unit text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(cell) = 'number' AND unit IS NOT NULL AND tally_internal._unit_suffix(unit) = '' THEN
        RETURN tally_internal._short_number(cell::text::float8, unit);
    END IF;
    RETURN tally_internal._cell_words(cell);
END $$;
COMMENT ON FUNCTION tally_internal._unit_cell(jsonb, text) IS 'A cell of a table as text, with the unit of its column where that is a part of the number.';

CREATE FUNCTION tally_internal._csv_cell(cell jsonb, floats boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words text := cell::text;
BEGIN
    IF words = 'null' THEN RETURN ''; END IF;
    IF jsonb_typeof(cell) = 'number' THEN
        -- Most numbers stand as they are.
        IF words ~ '^-?[0-9]{1,9}(\.[0-9]{0,4}[1-9])?$' THEN RETURN CASE WHEN floats AND words NOT LIKE '%.%' THEN words || '.0' ELSE words END; END IF;
        RETURN CASE WHEN floats THEN tally_internal._json_float(words::float8) ELSE tally_internal._json_number(cell) END;
    END IF;
    words := tally_internal._cell_words(cell);
    -- A spreadsheet would run it as a formula.
    IF jsonb_typeof(cell) = 'string' AND words ~ '^[=+@\t\r-]' THEN words := '''' || words; END IF;
    RETURN CASE WHEN words ~ '[,"\r\n'']' THEN '"' || replace(words, '"', '""') || '"' ELSE words END;
END $$;
COMMENT ON FUNCTION tally_internal._csv_cell(jsonb, boolean) IS
'A cell as CSV by RFC 4180. Text that a spreadsheet would run as a formula stands behind an apostrophe.';

CREATE FUNCTION tally_internal._csv_link(columns jsonb, rows jsonb, floats boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'data:text/csv;charset=utf-8,' || tally_internal._percent_encoded(string_agg(x.line || E'\r\n', '' ORDER BY x.n))
      FROM (SELECT u.n, (SELECT COALESCE(string_agg(tally_internal._csv_cell(c, floats), ',' ORDER BY k), '')
                           FROM jsonb_array_elements(u.r) WITH ORDINALITY q(c, k)) AS line
              FROM jsonb_array_elements(jsonb_build_array(columns) || rows) WITH ORDINALITY u(r, n)) x
$$;
COMMENT ON FUNCTION tally_internal._csv_link(jsonb, jsonb, boolean) IS
'The address of the numbers as a file: the file itself, so that a page that was saved still has it.';

CREATE FUNCTION tally_internal._table_cell(cell jsonb, unit text, is_number boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind  text := jsonb_typeof(cell);
    words text := cell #>> '{}';
BEGIN
    IF kind IN ('number', 'null') THEN
        RETURN CASE WHEN is_number THEN '<td class="n">' ELSE '<td>' END || tally_internal._unit_cell(cell, unit) || '</td>';
    ELSIF kind = 'string' AND tally_internal._is_link(words) THEN
        RETURN '<td>' || tally_internal._element('a', words, 'href', words, 'rel', 'noreferrer') || '</td>';
    ELSIF kind = 'object' AND jsonb_typeof(cell -> 'address') = 'string' AND tally_internal._is_page(cell ->> 'address') THEN
        RETURN '<td>' || tally_internal._element('a', tally_internal._cell_words(cell), 'href', cell ->> 'address') || '</td>';
    ELSIF kind = 'string' AND words IN ('critical', 'firing', 'error', 'failing', 'stopped') THEN
        RETURN '<td><span class="tag bad">' || words || '</span></td>';
    ELSIF kind = 'string' AND words IN ('warning', 'pending', 'new', 'late', 'slow') THEN
        RETURN '<td><span class="tag mid">' || words || '</span></td>';
    ELSIF kind = 'string' AND words IN ('ok', 'fresh', 'resolved', 'recovered') THEN
        RETURN '<td><span class="tag good">' || words || '</span></td>';
    END IF;
    RETURN tally_internal._element('td', tally_internal._cell_words(cell));
END $$;
COMMENT ON FUNCTION tally_internal._table_cell(jsonb, text, boolean) IS 'A cell of a table on a page; is_number: whether its column holds numbers alone.';

CREATE FUNCTION tally_internal._table_html(panel jsonb, columns jsonb, rows jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH cell AS MATERIALIZED (SELECT u.n, q.k, q.c FROM jsonb_array_elements(rows) WITH ORDINALITY u(r, n), jsonb_array_elements(u.r) WITH ORDINALITY q(c, k)),
    -- A column of numbers stands to the right, with its head over it. Numbers among words stand where the words do.
    head AS MATERIALIZED (
        SELECT h.k, h.name, COALESCE((SELECT bool_and(jsonb_typeof(c.c) = 'number') FROM cell c WHERE c.k = h.k AND c.c <> 'null'), false) AS numbers,
               CASE WHEN panel -> 'rows' <> '[]' THEN panel -> 'units' ->> (h.k - 1)::int END AS unit
          FROM jsonb_array_elements_text(columns) WITH ORDINALITY h(name, k))
    SELECT tally_internal._tag('section', 'class', 'scroll', 'tabindex', '0', 'aria-label', 'Numbers of ' || (panel ->> 'title'))
        || '><table><thead><tr>'
        || COALESCE((SELECT string_agg(tally_internal._element('th', h.name, 'scope', 'col', 'class', CASE WHEN h.numbers THEN 'n' END), '' ORDER BY h.k)
                       FROM head h), '')
        || '</tr></thead><tbody>'
        -- Rows of time end with the newest.
        || COALESCE((SELECT string_agg('<tr>' || COALESCE(x.cells, '') || '</tr>', '' ORDER BY x.n)
                       FROM (SELECT n.n, (SELECT string_agg(tally_internal._table_cell(c.c, h.unit, COALESCE(h.numbers, false)), '' ORDER BY c.k)
                                             FILTER (WHERE c.k IS NOT NULL)) AS cells
                               FROM generate_series(greatest(jsonb_array_length(rows) - 500, 0) + 1, jsonb_array_length(rows)) n(n)
                               LEFT JOIN cell c ON c.n = n.n LEFT JOIN head h ON h.k = c.k GROUP BY n.n) x), '')
        || '</tbody></table></section>'
        || CASE WHEN jsonb_array_length(rows) > 500
                THEN tally_internal._element('p', format('The last 500 rows of %s. The CSV has all.', jsonb_array_length(rows)), 'class', 'about') ELSE '' END
$$;
COMMENT ON FUNCTION tally_internal._table_html(jsonb, jsonb, jsonb) IS 'A table on a page, in a region of its own that scrolls.';
