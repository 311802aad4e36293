-- Owns: the panels of a board as tools take them that read one relation for each chart.

CREATE OR REPLACE FUNCTION tally_internal._tool_panels(b tally.boards) RETURNS TABLE (n bigint, place int, panel jsonb, dataset jsonb)
LANGUAGE sql STABLE ROWS 12 SET search_path = pg_catalog, pg_temp AS $$
    -- Metrics of several rollups are several charts.
    WITH part AS (
        SELECT p.n, p.panel AS whole, g.rollup_id, g.ids, g.names, count(*) OVER (PARTITION BY p.n) AS parts, row_number() OVER (PARTITION BY p.n ORDER BY
            g.o) AS part
          FROM jsonb_array_elements(b.panels) WITH ORDINALITY p(panel, n)
          LEFT JOIN LATERAL (
              SELECT m.rollup_id, min(m.o) AS o, jsonb_agg(m.id ORDER BY m.o) AS ids, jsonb_agg(m.name ORDER BY m.o) AS names
                FROM (SELECT x.id, x.rollup_id, tally_internal._called(x) AS name, row_number() OVER () AS o FROM tally_internal._panel_metrics(p.panel) x) m
               WHERE p.panel ? 'metrics' GROUP BY m.rollup_id) g ON true
    ), panel AS (
        SELECT t.n, t.part, CASE WHEN t.ids IS NULL THEN t.whole ELSE t.whole || jsonb_build_object('metric_ids', t.ids, 'metrics', t.names,
                   'title', (t.whole ->> 'title') || CASE WHEN t.parts > 1 THEN format(' (%s)', t.part) ELSE '' END) END AS panel
          FROM part t
    )
    SELECT row_number() OVER (ORDER BY x.n, x.part), x.n::int, p.p, tally_internal._panel_dataset(b, p.p)
      FROM panel x CROSS JOIN LATERAL tally_internal._tool_panel(x.panel) p(p) ORDER BY 1
$$;
COMMENT ON FUNCTION tally_internal._tool_panels(tally.boards) IS
'The charts of a board in order, each with what it reads. place: the panel that it is of.';
