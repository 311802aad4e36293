-- Owns: panels over any table or view: its rows, a tile of its values, lines over its time. They read with the rights of the person who
-- looks, and run no function that belongs to somebody he does not trust.

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

CREATE OR REPLACE FUNCTION tally_internal._relation_sql(panel jsonb, conditions text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %s FROM %s%s%s LIMIT %s',
        (SELECT string_agg(quote_ident(c), ', ') FROM unnest(tally_internal._relation_columns(panel)) c),
        panel ->> 'relation',
        COALESCE(' WHERE ' || NULLIF(conditions, ''), ''),
        CASE WHEN panel ->> 'picture' IN ('line', 'area', 'bars') THEN ' ORDER BY 1 DESC'
             ELSE COALESCE(' ORDER BY ' || quote_ident(regexp_replace(panel ->> 'order', ' +(asc|desc)$', '', 'i')) ||
                           CASE WHEN panel ->> 'order' ~* ' desc$' THEN ' DESC NULLS LAST' ELSE '' END, ' ORDER BY 1') END,
        -- Of lines the limit is how many are drawn; this many points are what a picture can show, and the newest are those that matter.
        CASE WHEN panel ->> 'picture' IN ('line', 'area', 'bars') THEN 5000
             ELSE COALESCE((panel ->> 'limit')::int, CASE panel ->> 'picture' WHEN 'stat' THEN 6 ELSE 20 END) END)
$$;
COMMENT ON FUNCTION tally_internal._relation_sql(jsonb, text) IS 'SQL text that reads the columns of a panel''s relation, in order, as many rows as are shown.';

CREATE OR REPLACE FUNCTION tally_internal._relation_query(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source regclass := tally_internal._relation_named(panel ->> 'relation');
    made   text := tally_internal._relation_sql(panel, concat_ws(' AND ', tally_internal._filter_sql(filters || COALESCE(panel -> 'where', '{}')),
        CASE WHEN panel ? 'time' THEN format('%1$I >= %2$s AND %1$I < %3$s', panel ->> 'time',
            tally_internal._utc_literal(tally_internal._parse_since(since, as_of, 'since', 'UTC')),
            tally_internal._utc_literal(tally_internal._parse_since(until, as_of, 'until', 'UTC'))) END));
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
                'superuser that do not write', current_user, unsafe, panel ->> 'relation'), 'A board never runs a stranger''s code with its reader''s rights.',
                made || ';  -- at your own risk');
        END IF;
    END IF;
    RETURN made;
END $$;
COMMENT ON FUNCTION tally_internal._relation_query(jsonb, jsonb, text, text, timestamptz) IS
'SQL text of a panel''s relation with filters and range; an error where it would run a stranger''s function.';

CREATE OR REPLACE FUNCTION tally_internal._panel_relation(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
DECLARE
    made jsonb;
BEGIN
    IF panel ->> 'picture' IN ('line', 'area', 'bars') THEN RETURN tally_internal._panel_relation_lines(panel, filters, since, until, as_of); END IF;
    EXECUTE format('SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(%s)) FROM (%s) q',
        (SELECT string_agg(format('tally_internal._cell(q.%I)', c), ', ' ORDER BY n)
           FROM jsonb_array_elements_text(panel -> 'columns') WITH ORDINALITY u(c, n)),
        tally_internal._relation_query(panel, filters, since, until, as_of)) INTO made;
    RETURN jsonb_build_object('columns', panel -> 'columns', 'rows', COALESCE(made, '[]'),
        'units', (SELECT jsonb_agg(panel -> 'units' -> c ORDER BY n) FROM jsonb_array_elements_text(panel -> 'columns') WITH ORDINALITY u(c, n)
                   WHERE panel ? 'units'),
                              'nothing', CASE WHEN NOT panel ? 'time' THEN 'No rows here.' END);
END $$;
COMMENT ON FUNCTION tally_internal._panel_relation(jsonb, jsonb, text, text, timestamptz) IS 'Columns and rows of a panel that reads a table or view.';

CREATE OR REPLACE FUNCTION tally_internal._panel_relation_lines(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET timezone = 'UTC' AS $$
DECLARE
    most  int := COALESCE((panel ->> 'limit')::int, 8);
    names text[] := ARRAY(SELECT jsonb_array_elements_text(panel -> 'by'));
    cells text[] := ARRAY(SELECT jsonb_array_elements_text(panel -> 'columns'));
    made  jsonb;
    n     bigint;
    step  float8;
    rows  bigint;
BEGIN
    -- A column without values of by is named after itself; of one column the values name the series alone. A line has one value at a moment: of rows that
    -- share one, the greatest, as in Superset.
    EXECUTE format($q$
        WITH point AS MATERIALIZED (
            SELECT v.o, pg_catalog.concat_ws(', ', %s) AS series, extract(epoch FROM (q.%I)::pg_catalog.timestamp)::pg_catalog.float8 AS at,
                   pg_catalog.max(tally_internal._finite(v.value::pg_catalog.float8)) AS value, pg_catalog.count(*) AS rows
              FROM (%s) q CROSS JOIN LATERAL (VALUES %s) v(o, name, value) GROUP BY 1, 2, 3
        ), series AS (
            SELECT p.o, p.series, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(p.at, p.value) ORDER BY p.at) AS points,
                   pg_catalog.row_number() OVER (ORDER BY pg_catalog.max(pg_catalog.abs(p.value)) DESC NULLS LAST, p.series) AS rank
              FROM point p GROUP BY p.o, p.series
        )
        SELECT (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', s.series, 'points', s.points) ORDER BY s.o, s.series)
                       FILTER (WHERE s.rank <= $1) FROM series s), (SELECT pg_catalog.count(*) FROM series s),
               (SELECT pg_catalog.min(d.gap) FROM (SELECT p.at - pg_catalog.lag(p.at) OVER (ORDER BY p.at) AS gap
                                                     FROM (SELECT DISTINCT x.at FROM point x) p) d),
               (SELECT pg_catalog.sum(p.rows) FROM point p WHERE p.o = 1)$q$,
        concat_ws(', ', CASE WHEN names = '{}' OR cardinality(cells) > 1 THEN 'v.name' END,
                  (SELECT string_agg(format('COALESCE(q.%I::pg_catalog.text, ''(none)'')', x), ', ' ORDER BY o) FROM unnest(names) WITH ORDINALITY u(x, o))),
        panel ->> 'time', tally_internal._relation_query(panel, filters, since, until, as_of),
        (SELECT string_agg(format('(%s, %L, q.%I::pg_catalog.float8)', o, replace(x, '_', ' '), x), ', ' ORDER BY o)
           FROM unnest(cells) WITH ORDINALITY u(x, o)))
        INTO made, n, step, rows USING most;
    RETURN jsonb_build_object('series', COALESCE(made, '[]'), 'zone', 'UTC', 'step', COALESCE(step, 0),
        'since', extract(epoch FROM tally_internal._parse_since(since, as_of, 'since', 'UTC'))::float8,
        'until', extract(epoch FROM tally_internal._parse_since(until, as_of, 'until', 'UTC'))::float8,
        'limits', tally_internal._panel_limits(panel, filters),
        'note', NULLIF(concat_ws(' ', CASE WHEN n > most THEN format('The %s series with the greatest values, of %s.', most, n) END,
                                 CASE WHEN rows >= 5000 THEN 'Only the newest 5,000 rows.' END), ''));
END $$;
COMMENT ON FUNCTION tally_internal._panel_relation_lines(jsonb, jsonb, text, text, timestamptz) IS
'The numbers of a relation over its time: a series for each column, and each combination of values in by.';
