-- Owns: pictures with an axis of values, in SQL: lines, areas, bars over time, a histogram. core/src/page/picture/time.rs says what holds.
--
-- The frame that data is drawn in is 160 pixels high and begins 10 from the top. Data is drawn in a square of 1000 units, which the frame stretches.

CREATE FUNCTION tally_internal._line_paths(panel jsonb, series_ int, axis float8[], class text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH given AS (SELECT COALESCE((panel ->> 'step')::float8, 0) * 1.7::float8 + 1 AS gap,
                          tally_internal._at(1000 * (1 - tally_internal._axis_share(axis, greatest(least(0, axis[2]), axis[1])))) AS floor),
    -- A bucket without a row is a gap, not a slope.
    near AS (SELECT p.n, p.second, p.value, lag(p.value) OVER w IS NOT NULL AND p.second - lag(p.second) OVER w < g.gap AS from_before,
                    lead(p.value) OVER w IS NOT NULL AND lead(p.second) OVER w - p.second < g.gap AS to_next
               FROM tally_internal._points(panel) p, given g WHERE p.series = series_ WINDOW w AS (ORDER BY p.n)),
    placed AS (SELECT n.n, n.from_before, n.to_next, count(*) FILTER (WHERE NOT n.from_before) OVER (ORDER BY n.n) AS piece,
                      tally_internal._at(1000 * tally_internal._time_share(panel, n.second)) AS x,
                      tally_internal._at(1000 * (1 - tally_internal._axis_share(axis, n.value))) AS y
                 FROM near n WHERE n.value IS NOT NULL),
    drawn AS (SELECT string_agg(CASE WHEN p.from_before THEN format('L%s %s', p.x, p.y) WHEN p.to_next THEN format('M%s %s', p.x, p.y) END, ''
                                ORDER BY p.n) AS path,
                     -- The line of no length is a dot, for a point that has no neighbour.
                     string_agg(CASE WHEN NOT p.from_before AND NOT p.to_next THEN format('M%1$s %2$sL%1$s %2$s', p.x, p.y) END, '' ORDER BY p.n) AS dots,
                     string_agg(format('%s%s %s%s', CASE WHEN p.from_before THEN 'L' ELSE 'M' END, p.x, p.y,
                                       CASE WHEN NOT p.to_next THEN format('L%s %sL%s %sZ', p.x, g.floor, p.start, g.floor) END), '' ORDER BY p.n) AS area
                FROM (SELECT q.*, first_value(q.x) OVER (PARTITION BY q.piece ORDER BY q.n) AS start FROM placed q) p, given g)
    SELECT CASE WHEN panel ->> 'picture' = 'area' OR jsonb_array_length(panel -> 'series') = 1
                THEN COALESCE(tally_internal._tag('path', 'class', 'area ' || class, 'd', d.area) || '/>', '') ELSE '' END
        || CASE WHEN d.path <> '' THEN tally_internal._tag('path', 'class', 'line ' || class, 'd', d.path) || '/>' ELSE '' END
        || CASE WHEN d.dots <> '' THEN tally_internal._tag('path', 'class', 'line dot ' || class, 'd', d.dots) || '/>' ELSE '' END
      FROM drawn d WHERE d.area IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._line_paths(jsonb, int, float8[], text) IS 'The line of one series, and the area below it where there is one.';

CREATE FUNCTION tally_internal._bucket_units(panel jsonb) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(1000 * (panel ->> 'step')::float8 / NULLIF((panel ->> 'until')::float8 - (panel ->> 'since')::float8, 0), 0)
$$;
COMMENT ON FUNCTION tally_internal._bucket_units(jsonb) IS 'The width of a bucket in a frame.';

CREATE FUNCTION tally_internal._column_path(panel jsonb, series_ int, axis float8[], class text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._tag('path', 'class', 'column ' || class, 'd', COALESCE(string_agg(format('M%s %sh%sV%sh-%sz',
               tally_internal._at(1000 * tally_internal._time_share(panel, p.second) + g.width * 0.1::float8 + g.part * (series_ - 1)), g.zero, f.part,
               tally_internal._at(1000 * (1 - tally_internal._axis_share(axis, p.value))), f.part), '' ORDER BY p.n), '')) || '/>'
      FROM (SELECT w.width, w.width * 0.8::float8 / jsonb_array_length(panel -> 'series') AS part,
                   tally_internal._at(1000 * (1 - tally_internal._axis_share(axis, 0))) AS zero
              FROM (SELECT tally_internal._bucket_units(panel) AS width) w) g
      CROSS JOIN LATERAL (SELECT tally_internal._fixed(g.part, 2) AS part) f
      LEFT JOIN LATERAL (SELECT q.* FROM tally_internal._points(panel) q WHERE q.series = series_ AND q.value IS NOT NULL) p ON true
$$;
COMMENT ON FUNCTION tally_internal._column_path(jsonb, int, float8[], text) IS 'The bars of one series over time.';

CREATE FUNCTION tally_internal._bin_rects(panel jsonb, series_ int, axis float8[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(string_agg(format('<rect class="column s0" x="%s" y="%s" width="%s" height="%s"/>', tally_internal._at(b.part * (b.n - 1 + 0.05::float8)),
                   tally_internal._at(1000 * (1 - b.share)), tally_internal._at(b.part * 0.9::float8), tally_internal._at(1000 * b.share)), ''
                   ORDER BY b.n), '')
      FROM (SELECT p.n, 1000 / (count(*) OVER ())::float8 AS part, COALESCE(tally_internal._axis_share(axis, p.value), 0) AS share
              FROM tally_internal._points(panel) p WHERE p.series = series_) b
$$;
COMMENT ON FUNCTION tally_internal._bin_rects(jsonb, int, float8[]) IS 'The bars of a histogram.';

CREATE FUNCTION tally_internal._bin_marks(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(string_agg(tally_internal._element('text', tally_internal._short_number(b.second, panel ->> 'unit'),
               'class', CASE WHEN b.n / b.every % 2 = 0 THEN 'mark' ELSE 'mark odd' END, 'x', tally_internal._at_percent(b.n / b.many::float8), 'y', '178',
               'text-anchor', CASE WHEN b.n = 0 THEN 'start' ELSE 'middle' END), '' ORDER BY b.n), '')
      FROM (SELECT p.n - 1 AS n, p.second, count(*) OVER () AS many, (count(*) OVER () + 5) / 6 AS every
              FROM tally_internal._points(panel) p WHERE p.series = 1) b WHERE b.n % b.every = 0
$$;
COMMENT ON FUNCTION tally_internal._bin_marks(jsonb) IS 'Words of the axis of a histogram.';

CREATE FUNCTION tally_internal._hits(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH point AS MATERIALIZED (SELECT p.* FROM tally_internal._points(panel) p),
    -- More bars than 400 are narrower than a mouse can tell apart, and only make the page larger.
    bar AS (SELECT s.second, s.n, greatest((count(*) OVER () + 399) / 400, 1) AS every
              FROM (SELECT x.second, row_number() OVER (ORDER BY x.second) - 1 AS n FROM (SELECT DISTINCT second FROM point) x) s),
    said AS (SELECT b.n, b.second, b.every, COALESCE(string_agg(format(E'\n%s %s', p.name, tally_internal._short_number(p.value, panel ->> 'unit')), ''
                                                               ORDER BY p.series) FILTER (WHERE p.series IS NOT NULL), '') AS words
               FROM bar b LEFT JOIN point p ON p.second = b.second AND p.value IS NOT NULL WHERE b.n % b.every = 0 GROUP BY b.n, b.second, b.every)
    SELECT COALESCE(string_agg(format('<rect class="hit" x="%s" y="0" width="%s" height="1000">',
                   tally_internal._at(greatest(1000 * tally_internal._time_share(panel, s.second) - g.lead, 0)), tally_internal._at(g.width * s.every))
               || tally_internal._element('title', tally_internal._moment_words(panel, s.second) || s.words) || '</rect>', '' ORDER BY s.n), '')
      FROM said s, (SELECT w.width, CASE panel ->> 'picture' WHEN 'bars' THEN 0 ELSE w.width / 2 END AS lead
                      FROM (SELECT tally_internal._bucket_units(panel) AS width) w) g
$$;
COMMENT ON FUNCTION tally_internal._hits(jsonb) IS
'A bar that nobody sees over each bucket, which says the bucket''s numbers where a mouse rests.';

CREATE FUNCTION tally_internal._drawn_limits(panel jsonb) RETURNS TABLE (n int, value float8, label text, class text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Those near enough to the data that it is still to be seen beside them, each value once: the first, or the last that is critical.
    SELECT x.place::int, x.value, x.label, CASE x.severity WHEN 'critical' THEN 'limit critical' ELSE 'limit' END
      FROM (SELECT DISTINCT ON (y.value) y.value, y.label, y.severity, y.place
              FROM (SELECT (l ->> 'value')::float8 AS value, l ->> 'label' AS label, l ->> 'severity' AS severity, u.n,
                           min(u.n) OVER (PARTITION BY (l ->> 'value')::float8) AS place
                      FROM jsonb_array_elements(COALESCE(panel -> 'limits', '[]')) WITH ORDINALITY u(l, n)) y
             ORDER BY y.value, y.severity = 'critical' AND y.n > y.place DESC, CASE WHEN y.severity = 'critical' THEN -y.n ELSE y.n END) x
     WHERE abs(x.value) <= 5 * (SELECT least(COALESCE(max(abs(p.value)), 0), 1e307) FROM tally_internal._points(panel) p)
$$;
COMMENT ON FUNCTION tally_internal._drawn_limits(jsonb) IS 'The limits to draw.';

CREATE FUNCTION tally_internal._chart(panel jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    framed  CONSTANT text := '<svg class="frame" y="10" width="100%" height="160"';
    unit    text := panel ->> 'unit';
    picture text := panel ->> 'picture';
    axis    float8[];
    colours int[] := tally_internal._series_colours(panel);
BEGIN
    -- Marks are round in the unit that they are written in.
    SELECT tally_internal._value_axis(min(v.value), max(v.value), tally_internal._unit_scale(COALESCE(max(abs(v.value)), 0), unit)) INTO axis
      FROM (SELECT p.value FROM tally_internal._points(panel) p WHERE p.value IS NOT NULL
            UNION ALL SELECT l.value FROM tally_internal._drawn_limits(panel) l) v;
    RETURN tally_internal._picture_begins(panel, 'chart') || '<svg class="side" width="60" height="198">'
        || (SELECT string_agg(tally_internal._element('text', CASE picture WHEN 'histogram' THEN tally_internal._compact_number(m)
                                                                          ELSE tally_internal._short_number(m, unit) END,
                       'class', 'mark', 'x', '52', 'y', tally_internal._at(10 + 160 * (1 - tally_internal._axis_share(axis, m)) + 4), 'text-anchor', 'end'),
                   '' ORDER BY n) FROM unnest(axis[3:]) WITH ORDINALITY u(m, n))
        || '</svg><svg width="100%" height="198">' || framed || '>'
        || (SELECT string_agg(format('<line class="%1$s" x1="0" x2="100%%" y1="%2$s" y2="%2$s"/>', CASE m WHEN 0 THEN 'base' ELSE 'rule' END,
                       tally_internal._at(160 * (1 - tally_internal._axis_share(axis, m)))), '' ORDER BY n) FROM unnest(axis[3:]) WITH ORDINALITY u(m, n))
        || CASE picture WHEN 'histogram' THEN tally_internal._bin_marks(panel) ELSE tally_internal._time_marks(panel, 178) END
        || '</svg>' || framed || ' viewBox="0 0 1000 1000" preserveAspectRatio="none">'
        || COALESCE((SELECT string_agg(CASE picture WHEN 'bars' THEN tally_internal._column_path(panel, n, axis, 's' || colours[n])
                                                    WHEN 'histogram' THEN tally_internal._bin_rects(panel, n, axis)
                                                    ELSE tally_internal._line_paths(panel, n, axis, 's' || colours[n]) END, '' ORDER BY n)
                       FROM generate_series(1, cardinality(colours)) n), '')
        || CASE picture WHEN 'histogram' THEN '' ELSE tally_internal._hits(panel) END
        || '</svg>' || framed || '>'
        || COALESCE((SELECT string_agg(tally_internal._tag('line', 'class', l.class, 'x1', '0', 'x2', '100%', 'y1', tally_internal._at(l.y),
                                                           'y2', tally_internal._at(l.y)) || '/>'
                       || tally_internal._element('text', format('%s %s', l.label, tally_internal._short_number(l.value, unit)), 'class', l.class, 'x', '100%',
                              'y', tally_internal._at(CASE WHEN l.y < 14 THEN l.y + 12 ELSE l.y - 4 END), 'text-anchor', 'end'), '' ORDER BY l.n)
                       FROM (SELECT d.*, 160 * (1 - tally_internal._axis_share(axis, d.value)) AS y FROM tally_internal._drawn_limits(panel) d) l), '')
        || '</svg></svg></div>';
END $$;
COMMENT ON FUNCTION tally_internal._chart(jsonb) IS 'Lines, areas, bars over time, or a histogram.';
