-- Owns: pictures made of cells and of bars by row, and the tile, in SQL: heatmap, course of states, ranking, funnel, stat. core/src/page/picture/grid.rs,
-- rows.rs and tile.rs say what holds.

CREATE FUNCTION tally_internal._grid(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Rows are series, 24 pixels each; columns are buckets of time or, where the panel names columns, those.
    WITH given AS (SELECT panel ->> 'unit' AS unit, panel ->> 'picture' = 'heatmap' AS shaded, COALESCE(jsonb_array_length(panel -> 'columns'), 0) AS columns,
                          COALESCE(jsonb_array_length(panel -> 'series'), 0) * 24 AS bottom, (panel ->> 'step')::float8 AS step,
                          NULLIF((panel ->> 'until')::float8 - (panel ->> 'since')::float8, 0) AS span),
    point AS MATERIALIZED (SELECT p.*, min(p.value) OVER () AS low, max(p.value) OVER () AS high FROM tally_internal._points(panel) p),
    shade AS (SELECT p.*, g.unit, g.shaded, g.columns, g.step, g.span, CASE WHEN p.high > p.low THEN (p.value - p.low) / (p.high - p.low) ELSE 0.5 END AS share,
                     CASE WHEN g.columns > 0 THEN p.second / g.columns + 0.002::float8 ELSE tally_internal._time_share(panel, p.second) END AS left_
                FROM point p, given g),
    cell AS (SELECT s.*, (s.series - 1) * 24 AS y,
                    CASE WHEN s.columns > 0 THEN 1 / s.columns::float8 - 0.004::float8 ELSE least(COALESCE(s.step / s.span, 0), 1 - s.left_) END AS width,
                    format('%s, %s: %s', s.name, CASE WHEN s.columns > 0 THEN tally_internal._named(panel -> 'columns' ->> trunc(s.second)::int)
                                                      ELSE tally_internal._moment_words(panel, s.second) END,
                           CASE WHEN NOT s.shaded THEN tally_internal._state_words(s.value)
                                ELSE COALESCE(tally_internal._short_number(s.value, s.unit), 'no value') END)
                        AS words,
                    CASE WHEN s.value IS NULL THEN 'h none'
                         WHEN NOT s.shaded THEN CASE WHEN s.value < 1 THEN 'st ok' WHEN s.value < 2 THEN 'st warn' ELSE 'st crit' END
                         ELSE 'h h' || least(floor(s.share * 7), 6) END AS class
               FROM shade s)
    SELECT tally_internal._picture_begins(panel, 'cells') || format('<svg class="side" width="132" height="%s">', g.bottom + 24)
        || COALESCE((SELECT string_agg(tally_internal._element('text', tally_internal._shortened(tally_internal._named(s ->> 'name'), 18), 'class', 'label',
                                  'x', '0', 'y', ((n - 1) * 24 + 16)::text), '' ORDER BY n)
                       FROM jsonb_array_elements(panel -> 'series') WITH ORDINALITY u(s, n)), '')
        || format('</svg><svg width="100%%" height="%s">', g.bottom + 24)
        || COALESCE((SELECT string_agg(tally_internal._tag('rect', 'class', c.class, 'x', tally_internal._at_percent(c.left_), 'y', (c.y + 1)::text,
                                  'width', tally_internal._at_percent(c.width), 'height', '22') || '>' || tally_internal._element('title', c.words) || '</rect>'
                   -- Where columns are few, their numbers fit in.
                   || CASE WHEN c.shaded AND c.columns BETWEEN 1 AND 8 AND c.value IS NOT NULL
                           THEN tally_internal._element('text', tally_internal._short_number(c.value, c.unit), 'class',
                                    CASE WHEN c.share * 7 >= 4 THEN 'cell dark' ELSE 'cell' END, 'x', tally_internal._at_percent(c.left_ + c.width / 2),
                                    'y', (c.y + 16)::text, 'text-anchor', 'middle') ELSE '' END, '' ORDER BY c.series, c.n) FROM cell c), '')
        || CASE WHEN g.columns = 0 THEN tally_internal._time_marks(panel, g.bottom + 18)
                ELSE (SELECT string_agg(tally_internal._element('text', tally_internal._shortened(tally_internal._named(x.name), 80 / least(g.columns, 8)),
                                 'class', CASE WHEN x.n / x.every % 2 = 0 THEN 'mark' ELSE 'mark odd' END,
                                 'x', tally_internal._at_percent((x.n + 0.5::float8) / g.columns), 'y', (g.bottom + 18)::text, 'text-anchor', 'middle'), ''
                                 ORDER BY x.n)
                        FROM (SELECT name, n - 1 AS n, (g.columns + 7) / 8 AS every
                                FROM jsonb_array_elements_text(panel -> 'columns') WITH ORDINALITY u(name, n)) x
                       WHERE x.n % x.every = 0) END
        || '</svg></div>'
        || CASE WHEN NOT g.shaded THEN '<ul class="legend">' || (SELECT string_agg(format(
                        '<li><svg class="key" width="12" height="12" aria-hidden="true"><rect class="%s" width="12" height="12"/></svg>%s</li>',
                        class, word), '' ORDER BY n)
                    FROM (VALUES (1, 'st ok', 'within limits'), (2, 'st warn', 'warning'), (3, 'st crit', 'critical'), (4, 'h none', 'no data'))
                         v(n, class, word)) || '</ul>'
                ELSE COALESCE((SELECT '<p class="scale">' || tally_internal._escaped(tally_internal._short_number(min(p.value), g.unit))
                                   || ' <svg class="steps" width="112" height="12" aria-hidden="true">'
                                   || (SELECT string_agg(format('<rect class="h h%s" x="%s" y="0" width="16" height="12"/>', i, i * 16), '' ORDER BY i)
                                         FROM generate_series(0, 6) i)
                                   || '</svg> ' || tally_internal._escaped(tally_internal._short_number(max(p.value), g.unit)) || '</p>'
                                 FROM point p HAVING count(p.value) > 0), '') END
      FROM given g
$$;
COMMENT ON FUNCTION tally_internal._grid(jsonb) IS
'A heatmap, or the course of states: a value of 0 is well, 1 a warning, 2 critical.';

CREATE FUNCTION tally_internal._row_bars(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- What a funnel says of a step stands below its bar, where there is room for it on a narrow screen too.
    WITH item AS (SELECT u.n, tally_internal._named(CASE WHEN r = '[]' THEN '' ELSE tally_internal._cell_words(r -> 0) END) AS name,
                         CASE WHEN jsonb_typeof(r -> 1) = 'number' THEN (r ->> 1)::float8 END AS value,
                         (u.n - 1) * CASE panel ->> 'picture' WHEN 'funnel' THEN 54 ELSE 38 END AS y
                    FROM jsonb_array_elements(panel -> 'rows') WITH ORDINALITY u(r, n)),
    told AS (SELECT i.*, max(abs(i.value)) OVER () AS most,
                    CASE WHEN panel ->> 'picture' = 'funnel' AND i.value IS NOT NULL AND first_value(i.value) OVER w IS NOT NULL THEN concat_ws(' · ',
                        CASE WHEN first_value(i.value) OVER w > 0
                             THEN tally_internal._short_number(i.value / first_value(i.value) OVER w, 'ratio') || ' of all' END,
                        CASE WHEN i.n > 2 AND lag(i.value) OVER w > 0
                             THEN tally_internal._short_number(i.value / lag(i.value) OVER w, 'ratio') || ' of the step before' END) END AS shares
               FROM item i WINDOW w AS (ORDER BY i.n))
    SELECT tally_internal._picture_begins(panel, 'rows')
        || format('<svg width="100%%" height="%s">', jsonb_array_length(panel -> 'rows') * CASE panel ->> 'picture' WHEN 'funnel' THEN 54 ELSE 38 END)
        || COALESCE((SELECT string_agg(
               tally_internal._element('text', tally_internal._shortened(t.name, 28), 'class', 'label', 'x', '0', 'y', (t.y + 14)::text)
            || tally_internal._element('text', COALESCE(tally_internal._short_number(t.value, panel ->> 'unit'), 'no value'),
                                       'class', 'mark', 'x', '100%', 'y', (t.y + 14)::text, 'text-anchor', 'end')
            || format('<rect class="track" x="0" y="%1$s" width="100%%" height="10" rx="3"/>'
                      -- The length of a bar says how great a number is, its colour whether it is below 0.
                      '<rect class="column %2$s" x="0" y="%1$s" width="%3$s" height="10" rx="3"/>', t.y + 20, CASE WHEN t.value < 0 THEN 's1' ELSE 's0' END,
                      tally_internal._at_percent(CASE WHEN t.most > 0 THEN abs(COALESCE(t.value, 0)) / t.most ELSE 0 END))
            || CASE WHEN t.shares <> '' THEN tally_internal._element('text', t.shares, 'class', 'mark', 'x', '0', 'y', (t.y + 44)::text) ELSE '' END,
            '' ORDER BY t.n) FROM told t), '') || '</svg></div>'
$$;
COMMENT ON FUNCTION tally_internal._row_bars(jsonb) IS
'A row of the panel is a name and a number, longest first in a ranking, in the order of steps in a funnel.';

CREATE FUNCTION tally_internal._tile(panel jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unit    text := panel ->> 'unit';
    beside  text := COALESCE(' ' || tally_internal._element('small', NULLIF(tally_internal._unit_suffix(unit), '')), '');
    value   float8 := (panel ->> 'value')::float8;
    before  float8 := (panel ->> 'before')::float8;
    change  text := tally_internal._change_words(value, before);
    better  boolean := CASE panel ->> 'direction' WHEN 'up_is_good' THEN value > before WHEN 'down_is_good' THEN value < before END;
    breach  jsonb;
    made    text;
    axis    float8[];
BEGIN
    IF COALESCE(panel -> 'rows', '[]') <> '[]' THEN
        -- Of each row the last cell in large, and what it is of, where the row says that.
        RETURN '<ul class="answers">' || COALESCE((SELECT string_agg('<li><span class="value">'
                   || tally_internal._escaped(CASE jsonb_typeof(r -> -1) WHEN 'number' THEN tally_internal._short_number((r ->> -1)::float8, unit)
                                                                         WHEN 'null' THEN 'no value' ELSE tally_internal._cell_words(r -> -1) END)
                   || CASE jsonb_typeof(r -> -1) WHEN 'number' THEN beside ELSE '' END || '</span>'
                   || CASE WHEN jsonb_array_length(r) > 1 THEN tally_internal._element('span', tally_internal._cell_words(r -> 0), 'class', 'about') ELSE '' END
                   || '</li>', '' ORDER BY n) FROM jsonb_array_elements(panel -> 'rows') WITH ORDINALITY u(r, n) WHERE r <> '[]'), '') || '</ul>';
    END IF;
    breach := (SELECT l FROM jsonb_array_elements(COALESCE(panel -> 'limits', '[]')) WITH ORDINALITY u(l, n)
                WHERE CASE WHEN (l ->> 'above')::boolean THEN value > (l ->> 'value')::float8 ELSE value < (l ->> 'value')::float8 END
                ORDER BY l ->> 'severity' = 'critical' DESC, n DESC LIMIT 1);
    made := format('<p class="value%s">', CASE WHEN breach IS NOT NULL THEN ' breach' END)
        || COALESCE(tally_internal._escaped(tally_internal._short_number(value, unit)) || beside, 'no value') || '</p>';
    IF value IS NOT NULL AND before IS NOT NULL THEN
        IF change = 'unchanged' THEN better := NULL; END IF;
        made := made || tally_internal._element('p', CASE WHEN change IS NULL THEN tally_internal._short_number(before, unit) || ' in the range before'
                ELSE format('%s against the range before%s', change, CASE better WHEN true THEN ', better' WHEN false THEN ', worse' END) END,
            'class', CASE WHEN change IS NULL OR better IS NULL THEN 'change' WHEN better THEN 'change good' ELSE 'change bad' END);
    END IF;
    IF breach IS NOT NULL THEN
        made := made || tally_internal._element('p', format('beyond the limit of %s (%s)', tally_internal._short_number((breach ->> 'value')::float8, unit),
                                                            breach ->> 'severity'), 'class', 'change bad');
    END IF;
    IF EXISTS (SELECT FROM tally_internal._points(panel) p WHERE p.value IS NOT NULL GROUP BY p.series HAVING count(*) > 1) THEN
        SELECT tally_internal._value_axis(min(p.value), max(p.value), 1) INTO axis FROM tally_internal._points(panel) p;
        made := made || tally_internal._picture_begins(panel, 'spark') || '<svg width="100%" height="40" viewBox="0 0 1000 1000" preserveAspectRatio="none">'
            || COALESCE(tally_internal._line_paths(panel, 1, axis, 's0'), '') || tally_internal._hits(panel) || '</svg></div>';
    END IF;
    RETURN made;
END $$;
COMMENT ON FUNCTION tally_internal._tile(jsonb) IS 'The tile of one number: the number, how it changed, and its course; or the tile over rows.';

CREATE FUNCTION tally_internal._picture(panel jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF COALESCE(panel -> 'rows', '[]') = '[]' AND panel ->> 'value' IS NULL
            AND NOT EXISTS (SELECT FROM tally_internal._points(panel) p WHERE p.value IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    RETURN CASE WHEN panel ->> 'picture' IN ('line', 'area', 'bars', 'histogram') THEN tally_internal._chart(panel)
                WHEN panel ->> 'picture' = 'stat' THEN tally_internal._tile(panel)
                WHEN panel ->> 'picture' IN ('heatmap', 'states') THEN tally_internal._grid(panel)
                WHEN panel ->> 'picture' IN ('ranking', 'funnel') THEN tally_internal._row_bars(panel) END;
END $$;
COMMENT ON FUNCTION tally_internal._picture(jsonb) IS 'The picture of a panel, or NULL where its numbers are best read as a table.';
