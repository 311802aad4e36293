-- Owns: panels over any table or view: its rows, a tile of its values, lines over its time. Panels of a board that ask the same rows share one query.
-- They read with the rights of the person who looks, and run no function that belongs to somebody he does not trust.

CREATE OR REPLACE FUNCTION tally_internal._filter_sql(filters jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- (none) is how rollups write NULL.
    SELECT string_agg(format('COALESCE(%I::pg_catalog.text, ''(none)'') = ANY (%L::pg_catalog.text[])', f.key,
                             CASE jsonb_typeof(f.value) WHEN 'array' THEN ARRAY(SELECT COALESCE(e, '(none)') FROM jsonb_array_elements_text(f.value) e)
                             ELSE ARRAY[COALESCE(f.value #>> '{}', '(none)')] END), ' AND ' ORDER BY f.key) FROM jsonb_each(filters) f
$$;
COMMENT ON FUNCTION tally_internal._filter_sql(jsonb) IS 'SQL text of filters on the columns of any relation.';

CREATE OR REPLACE FUNCTION tally_internal._relation_columns(panel jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN panel ->> 'picture' IN ('line', 'area', 'bars') THEN ARRAY[panel ->> 'time'] || ARRAY(SELECT jsonb_array_elements_text(panel -> 'by'))
                ELSE '{}' END || ARRAY(SELECT jsonb_array_elements_text(panel -> 'columns'))
$$;
COMMENT ON FUNCTION tally_internal._relation_columns(jsonb) IS
'The columns that a panel reads of its relation: those it shows; before them, where it draws lines, the time and what names the series.';

CREATE OR REPLACE FUNCTION tally_internal._draws_lines(panel jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT panel ->> 'picture' IN ('line', 'area', 'bars') $$;
COMMENT ON FUNCTION tally_internal._draws_lines(jsonb) IS 'Whether a panel draws lines over time, and not rows.';

CREATE OR REPLACE FUNCTION tally_internal._relation_conditions(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(' AND ', tally_internal._filter_sql(filters || COALESCE(panel -> 'where', '{}')), CASE WHEN panel ? 'time' THEN
        format('%1$I >= %2$s AND %1$I < %3$s', panel ->> 'time',
               tally_internal._utc_literal(tally_internal._parse_since(since, as_of, 'since', 'UTC')),
               tally_internal._utc_literal(tally_internal._parse_since(until, as_of, 'until', 'UTC'))) END)
$$;
COMMENT ON FUNCTION tally_internal._relation_conditions(jsonb, jsonb, text, text, timestamptz) IS
'SQL text of what rows of its relation a panel takes: filters and range; empty for all.';

CREATE OR REPLACE FUNCTION tally_internal._relation_order(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN tally_internal._draws_lines(panel) THEN quote_ident(panel ->> 'time') || ' DESC'
                ELSE quote_ident(c.name) || CASE WHEN NOT c.down THEN ''
                     -- The range leaves no NULL of the time, so an index on it gives the order.
                     WHEN c.name = panel ->> 'time' THEN ' DESC' ELSE ' DESC NULLS LAST' END END
      FROM (SELECT COALESCE(regexp_replace(panel ->> 'order', ' +(asc|desc)$', '', 'i'), panel #>> '{columns,0}') AS name,
                   COALESCE(panel ->> 'order' ~* ' desc$', false) AS down) c
$$;
COMMENT ON FUNCTION tally_internal._relation_order(jsonb) IS 'SQL text of the order in which a panel takes rows: that of the panel, else of its first column.';

CREATE OR REPLACE FUNCTION tally_internal._relation_limit(panel jsonb) RETURNS int
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Of lines the limit is how many are drawn; this many points are what a picture can show, and the newest are those that matter.
    SELECT CASE WHEN tally_internal._draws_lines(panel) THEN 5000
                ELSE COALESCE((panel ->> 'limit')::int, CASE panel ->> 'picture' WHEN 'stat' THEN 6 ELSE 20 END) END
$$;
COMMENT ON FUNCTION tally_internal._relation_limit(jsonb) IS 'How many rows of its relation a panel takes at most.';

CREATE OR REPLACE FUNCTION tally_internal._shared_query(panels jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first  jsonb := panels -> 0;
    source regclass := tally_internal._relation_named(first ->> 'relation');
    made   text := format('SELECT %s FROM %s%s ORDER BY %s LIMIT %s',
        (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.o)
           FROM (SELECT u.name, min(p.o * 1000 + u.o) AS o FROM jsonb_array_elements(panels) WITH ORDINALITY p(panel, o)
                  CROSS JOIN LATERAL unnest(tally_internal._relation_columns(p.panel)) WITH ORDINALITY u(name, o) GROUP BY u.name) c),
        first ->> 'relation', COALESCE(' WHERE ' || NULLIF(tally_internal._relation_conditions(first, filters, since, until, as_of), ''), ''),
        tally_internal._relation_order(first), (SELECT max(tally_internal._relation_limit(p)) FROM jsonb_array_elements(panels) p));
    unsafe regprocedure;
BEGIN
    -- An owner gains by trapping a reader who has more rights than he has, a superuser first of all.
    IF (SELECT c.relowner FROM pg_class c WHERE c.oid = source) IS DISTINCT FROM tally_internal._current_role()::oid THEN
        -- Both callers have the clause SET tally.guard = ''.
        PERFORM tally_internal._guard(tally_internal._current_role(),
                                      tally_internal._policy_owners(tally_internal._current_role(), ARRAY[source]));
        unsafe := tally_internal._unsafe_function(made);
        IF unsafe IS NOT NULL THEN
            PERFORM tally_internal._refuse('insufficient_privilege', format('%I would run %s to read %s, expected functions of PostgreSQL, pg_tally or a '
                'superuser that do not write', current_user, unsafe, first ->> 'relation'),
                'A board never runs a stranger''s code with its reader''s rights.', made || ';  -- at your own risk');
        END IF;
    END IF;
    RETURN made;
END $$;
COMMENT ON FUNCTION tally_internal._shared_query(jsonb, jsonb, text, text, timestamptz) IS
'SQL text of the rows that panels of one relation share, with filters and range; an error where it would run a stranger''s function.';

CREATE OR REPLACE FUNCTION tally_internal._relation_cells_sql(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(%s)) FROM (SELECT * FROM shared LIMIT %s) q',
        string_agg(format('tally_internal._cell(q.%I)', c), ', ' ORDER BY n), tally_internal._relation_limit(panel))
      FROM jsonb_array_elements_text(panel -> 'columns') WITH ORDINALITY u(c, n)
$$;
COMMENT ON FUNCTION tally_internal._relation_cells_sql(jsonb) IS 'SQL text of a panel''s rows, out of the rows that panels share.';

CREATE OR REPLACE FUNCTION tally_internal._relation_lines_sql(panel jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A column without values of by is named after itself; of one column the values name the series alone. A line has one value at a moment: of rows that
    -- share one, the greatest, as in Superset.
    SELECT format($q$
        WITH point AS MATERIALIZED (
            SELECT v.o, pg_catalog.concat_ws(', ', %s) AS series, extract(epoch FROM (q.%I)::pg_catalog.timestamp)::pg_catalog.float8 AS at,
                   pg_catalog.max(tally_internal._finite(v.value::pg_catalog.float8)) AS value, pg_catalog.count(*) AS rows
              FROM shared q CROSS JOIN LATERAL (VALUES %s) v(o, name, value) GROUP BY 1, 2, 3
        ), series AS (
            SELECT p.o, p.series, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(p.at, p.value) ORDER BY p.at) AS points,
                   pg_catalog.row_number() OVER (ORDER BY pg_catalog.max(pg_catalog.abs(p.value)) DESC NULLS LAST, p.series) AS rank
              FROM point p GROUP BY p.o, p.series
        )
        SELECT pg_catalog.jsonb_build_object(
            'series', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', s.series, 'points', s.points) ORDER BY s.o, s.series)
                         FROM series s WHERE s.rank <= %s), 'of', (SELECT pg_catalog.count(*) FROM series s),
            'step', (SELECT pg_catalog.min(d.gap) FROM (SELECT p.at - pg_catalog.lag(p.at) OVER (ORDER BY p.at) AS gap
                                                          FROM (SELECT DISTINCT x.at FROM point x) p) d),
            'rows', (SELECT pg_catalog.sum(p.rows) FROM point p WHERE p.o = 1))$q$,
        concat_ws(', ', CASE WHEN panel -> 'by' IS NULL OR panel -> 'by' = '[]' OR jsonb_array_length(panel -> 'columns') > 1 THEN 'v.name' END,
                  (SELECT string_agg(format('COALESCE(q.%I::pg_catalog.text, ''(none)'')', x), ', ' ORDER BY o)
                     FROM jsonb_array_elements_text(panel -> 'by') WITH ORDINALITY u(x, o))),
        panel ->> 'time', (SELECT string_agg(format('(%s, %L, q.%I::pg_catalog.float8)', o, replace(x, '_', ' '), x), ', ' ORDER BY o)
                             FROM jsonb_array_elements_text(panel -> 'columns') WITH ORDINALITY u(x, o)), COALESCE((panel ->> 'limit')::int, 8))
$$;
COMMENT ON FUNCTION tally_internal._relation_lines_sql(jsonb) IS
'SQL text of a panel''s lines, out of the rows that panels share: a series for each column, and each combination of values in by.';

CREATE OR REPLACE FUNCTION tally_internal._panel_relations(panels jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET timezone = 'UTC' AS $$
DECLARE
    made  jsonb;
    panel jsonb;
    n     bigint;
BEGIN
    EXECUTE format('WITH shared AS (%s) SELECT pg_catalog.jsonb_build_array(%s)', tally_internal._shared_query(panels, filters, since, until, as_of),
        (SELECT string_agg(format('(%s)', CASE WHEN tally_internal._draws_lines(p) THEN tally_internal._relation_lines_sql(p)
                                               ELSE tally_internal._relation_cells_sql(p) END), ', ' ORDER BY o)
           FROM jsonb_array_elements(panels) WITH ORDINALITY u(p, o))) INTO made;
    FOR panel, n IN SELECT p, o - 1 FROM jsonb_array_elements(panels) WITH ORDINALITY u(p, o) ORDER BY o LOOP
        RETURN NEXT CASE WHEN tally_internal._draws_lines(panel) THEN tally_internal._relation_lines(panel, made -> n::int, filters, since, until, as_of)
            ELSE jsonb_build_object('columns', panel -> 'columns', 'rows', COALESCE(NULLIF(made -> n::int, 'null'), '[]'),
                'units', (SELECT jsonb_agg(panel -> 'units' -> c ORDER BY o) FROM jsonb_array_elements_text(panel -> 'columns') WITH ORDINALITY u(c, o)
                           WHERE panel ? 'units'),
                'nothing', CASE WHEN NOT panel ? 'time' THEN 'No rows here.' END) END;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._panel_relations(jsonb, jsonb, text, text, timestamptz) IS
'What panels of one relation show that take the same rows in the same order, in the order of the panels: one query for all of them.';

CREATE OR REPLACE FUNCTION tally_internal._relation_lines(panel jsonb, made jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('series', COALESCE(NULLIF(made -> 'series', 'null'), '[]'), 'zone', 'UTC', 'step', COALESCE((made ->> 'step')::float8, 0),
        'since', extract(epoch FROM tally_internal._parse_since(since, as_of, 'since', 'UTC'))::float8,
        'until', extract(epoch FROM tally_internal._parse_since(until, as_of, 'until', 'UTC'))::float8,
        'limits', tally_internal._panel_limits(panel, filters),
        'note', NULLIF(concat_ws(' ', CASE WHEN (made ->> 'of')::bigint > COALESCE((panel ->> 'limit')::int, 8) THEN
            format('The %s series with the greatest values, of %s.', COALESCE((panel ->> 'limit')::int, 8), made ->> 'of') END,
            CASE WHEN (made ->> 'rows')::bigint >= 5000 THEN 'Only the newest 5,000 rows.' END), ''))
$$;
COMMENT ON FUNCTION tally_internal._relation_lines(jsonb, jsonb, jsonb, text, text, timestamptz) IS
'The lines of a relation with what belongs to the axes.';

CREATE OR REPLACE FUNCTION tally_internal._board_relations(b tally.boards, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    alike  record;
    result jsonb := '{}';
BEGIN
    FOR alike IN
        SELECT array_agg(p.n ORDER BY p.n) AS places, jsonb_agg(p.panel ORDER BY p.n) AS panels FROM jsonb_array_elements(b.panels) WITH ORDINALITY p(panel, n)
         WHERE p.panel ? 'relation' GROUP BY p.panel -> 'relation', p.panel -> 'time', p.panel -> 'where', tally_internal._relation_order(p.panel)
        HAVING count(*) > 1
    LOOP
        BEGIN
            result := result || (SELECT jsonb_object_agg(alike.places[x.o], x.made)
                                   FROM tally_internal._panel_relations(alike.panels, filters, since, until, as_of) WITH ORDINALITY x(made, o));
        EXCEPTION WHEN OTHERS THEN
            -- Each of them is then read alone: one column that cannot be read leaves the panels of the others standing.
            NULL;
        END;
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._board_relations(tally.boards, jsonb, text, text, timestamptz) IS
'What those panels of a board show that take the same rows of a relation as another one, by the number of the panel: each such relation is read once.';
