-- Owns: every number that Superset showed, against SQL. seen_in_superset holds what each chart asked and got; the questions are put again, to
-- timeseries() and report() for metrics, and to the relation itself for rows.
\set QUIET on
\set ON_ERROR_STOP on
SET timezone = 'UTC';
SELECT no_plan();
CREATE TEMP TABLE answer AS
SELECT row_number() OVER () AS id, s.name, s.answer AS a, ARRAY(SELECT json_array_elements_text(s.answer -> 'metrics')) AS metrics,
       ARRAY(SELECT json_array_elements_text(s.answer -> 'by')) AS by, r.result -> 'rows' AS rows,
       to_timestamp((r.result ->> 'since')::float8 / 1000) AS since, to_timestamp((r.result ->> 'until')::float8 / 1000) AS until
  FROM seen_in_superset s LEFT JOIN LATERAL json_array_elements(s.answer -> 'result') r(result) ON true
 WHERE s.answer ->> 'status' IS NOT NULL;

-- The whole.
SELECT ok(answer ->> 'faults' = '[]', format('%s: no chart is in error: %s', name, answer ->> 'faults')) FROM seen_in_superset WHERE answer ->> 'faults' IS
    NOT NULL;
SELECT bag_eq(format($$SELECT json_array_elements_text(answer -> 'charts') FROM seen_in_superset WHERE name = %L AND answer ->> 'slug' IS NOT NULL$$, s.name),
    format($$SELECT p.panel ->> 'title' FROM tally.boards b, tally_internal._tool_panels(b) p WHERE tally_internal._grafana_uid(b.name) = %L$$, s.answer ->>
        'slug'),
    s.name || ': all panels are there') FROM seen_in_superset s WHERE s.answer ->> 'slug' IS NOT NULL;
SELECT is_empty($$SELECT name, a ->> 'status', a ->> 'message' FROM answer WHERE a ->> 'status' <> '200' OR rows IS NULL$$, 'every question had an answer');
SELECT ok((SELECT count(DISTINCT a ->> 'chart') FROM answer WHERE a ->> 'filter' IS NULL)
       >= (SELECT count(*) FROM tally.boards b, tally_internal._tool_panels(b)), 'every chart asked');

-- Charts of metrics, put again as report() and timeseries() take it.
CREATE TEMP TABLE asked AS
SELECT a.*, COALESCE((SELECT jsonb_object_agg(f ->> 'col', f -> 'val') FROM json_array_elements(a.a -> 'filters') f WHERE f ->> 'op' = 'IN'), '{}') AS scope,
       CASE a.a ->> 'grain' WHEN 'PT1H' THEN '1 hour' WHEN 'P1D' THEN '1 day' WHEN 'P1W' THEN '7 days' WHEN 'PT5M' THEN '5 minutes' WHEN 'PT15M' THEN
           '15 minutes'
            WHEN 'PT30M' THEN '30 minutes' WHEN 'P1M' THEN '1 month' END::interval AS bucket
  FROM answer a
 WHERE a.metrics <> '{}' AND NOT EXISTS (SELECT FROM unnest(a.metrics) m WHERE NOT EXISTS (SELECT FROM tally.metrics x WHERE x.name = m))
   AND NOT 'step name' = ANY (a.by);
-- A chart over time gets a column for each series, named after its values, or after metric and values where there are several metrics.
CREATE TEMP TABLE got AS
SELECT a.id, m AS metric, CASE WHEN a.a ->> 'axis' = 'bucket' THEN to_timestamp((r ->> 'bucket')::float8 / 1000) END AS bucket,
       COALESCE((SELECT string_agg(r ->> d, ', ' ORDER BY o) FROM unnest(a.by) WITH ORDINALITY u(d, o)), '') AS series, (r ->> m)::float8 AS value
  FROM asked a, json_array_elements(a.rows) r, unnest(a.metrics) m WHERE r::jsonb ? m
UNION ALL
SELECT a.id, m, to_timestamp((r ->> 'bucket')::float8 / 1000), CASE WHEN cardinality(a.metrics) > 1 THEN substr(c.key, length(m) + 3) ELSE c.key END,
    (c.value #>> '{}')::float8
  FROM asked a, json_array_elements(a.rows) r, unnest(a.metrics) m, json_each(r) c
 WHERE NOT r::jsonb ? m AND c.key <> 'bucket' AND (cardinality(a.metrics) = 1 OR starts_with(c.key, m || ', '));
CREATE TEMP TABLE expected AS
SELECT a.id, m AS metric, p.bucket, CASE WHEN a.by = '{}' THEN '' ELSE p.series END AS series, p.value
  FROM asked a, unnest(a.metrics) m, tally.timeseries(m, a.since::text, a.until::text, a.bucket, a.by, a.scope) p WHERE a.a ->> 'axis' = 'bucket'
UNION ALL
SELECT a.id, m, NULL, COALESCE((SELECT string_agg(l.line ->> d, ', ' ORDER BY o) FROM unnest(a.by) WITH ORDINALITY u(d, o)), ''), (l.line ->> m)::float8
  FROM asked a, tally.report(a.metrics, a.since::text, a.until::text, NULL, a.by, a.scope, max_range => '100 years') l(line), unnest(a.metrics) m
 WHERE a.a ->> 'axis' IS DISTINCT FROM 'bucket';
-- The first bucket of a longer grain is cut by the range, where timeseries() takes whole ones alone.
CREATE TEMP TABLE compared AS
SELECT COALESCE(g.id, e.id) AS id, COALESCE(g.metric, e.metric) AS metric, COALESCE(g.bucket, e.bucket) AS bucket, COALESCE(g.series, e.series) AS series,
       g.id IS NOT NULL AS got, e.id IS NOT NULL AS expected, g.value AS value, e.value AS right_value,
       -- Merged another way, a digest differs within its own error.
       CASE WHEN EXISTS (SELECT FROM tally.metrics m JOIN tally.measures x ON x.rollup_id = m.rollup_id AND x.name = ANY (m.measures)
                          WHERE m.name = COALESCE(g.metric, e.metric) AND x.type ~ '(tdigest|hll)') THEN 0.03 ELSE 1e-9 END AS error
  FROM (SELECT g.* FROM got g JOIN asked a USING (id) WHERE g.bucket IS NULL OR g.bucket >= a.since) g
  FULL JOIN expected e ON e.id = g.id AND e.metric = g.metric AND e.bucket IS NOT DISTINCT FROM g.bucket AND e.series = g.series;
SELECT ok(NOT EXISTS (SELECT FROM compared c WHERE c.id = a.id AND (NOT c.expected AND c.value IS NOT NULL
            OR c.got AND c.expected AND NOT COALESCE(c.value IS NOT DISTINCT FROM c.right_value OR abs(c.value - c.right_value) <= c.error *
                abs(c.right_value), false))),
    format('%s, chart %s: %s by %s, %s numbers, are those of SQL%s', a.name, a.a ->> 'chart', a.metrics, a.by, (SELECT count(*) FROM got g WHERE g.id = a.id),
           (SELECT string_agg(format(E'\n# %s %s: %s, expected %s', c.bucket, c.series, c.value, c.right_value), '') FROM (SELECT * FROM compared c WHERE
               c.id = a.id
             AND (NOT c.expected AND c.value IS NOT NULL OR c.got AND c.expected AND NOT COALESCE(c.value IS NOT DISTINCT FROM c.right_value
                  OR abs(c.value - c.right_value) <= c.error * abs(c.right_value), false)) LIMIT 5) c))) FROM asked a ORDER BY id;
-- What no limit of series or rows left out is all there.
SELECT ok(NOT EXISTS (SELECT FROM compared c WHERE c.id = a.id AND c.expected AND NOT c.got AND c.right_value IS NOT NULL
              AND (c.series IN (SELECT g.series FROM got g WHERE g.id = a.id)
                   OR NOT (a.a ->> 'limited')::boolean AND (SELECT count(*) FROM json_array_elements(a.rows)) < (a.a ->> 'most')::int)),
    format('%s, chart %s: nothing is missing', a.name, a.a ->> 'chart')) FROM asked a ORDER BY id;
-- Beyond a few packs without a number in the range there is something to compare.
SELECT cmp_ok((SELECT count(*) FROM got WHERE value IS NOT NULL), '>', 0::bigint, 'there are numbers') WHERE EXISTS (SELECT FROM asked);

-- Rows of relations: as many, and the same values of columns that are neither times nor change with the clock.
CREATE FUNCTION pg_temp.rows_of(relation text, columns text[], condition text) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT jsonb_build_array(%s) FROM %s WHERE %s', (SELECT string_agg(
        CASE WHEN t.typcategory = 'N' THEN format('%I::float8', c) ELSE format('%I::text', c) END, ', ' ORDER BY o)
          FROM unnest(columns) WITH ORDINALITY u(c, o) JOIN pg_attribute a ON a.attrelid = relation::regclass AND a.attname = c JOIN pg_type t ON t.oid =
              a.atttypid),
        relation, condition);
END $$;
CREATE TEMP TABLE raw AS
SELECT a.*, p.panel ->> 'relation' AS relation, COALESCE((SELECT string_agg(format('%I::text = ANY (%L)', f ->> 'col', ARRAY(SELECT
    json_array_elements_text(f -> 'val'))), ' AND ')
           FROM json_array_elements(a.a -> 'filters') f WHERE f ->> 'op' = 'IN'), 'true') ||
       CASE WHEN p.panel ? 'time' THEN format(' AND %1$I >= %2$L::timestamptz AND %1$I < %3$L::timestamptz', p.panel ->> 'time', a.since, a.until) ELSE ''
           END || COALESCE(' AND ' || tally_internal._filter_sql(p.panel -> 'where'), '') AS condition,
       ARRAY(SELECT c FROM json_array_elements_text(a.a -> 'columns') WITH ORDINALITY u(c, o) JOIN pg_attribute t ON t.attrelid = (p.panel ->>
           'relation')::regclass
                AND t.attname = c JOIN pg_type y ON y.oid = t.atttypid WHERE y.typcategory IN ('N', 'S') AND c !~ '(age|oldest|actual|met|24h)' ORDER BY o) AS
                    shown
  FROM answer a JOIN (SELECT DISTINCT p.panel, p.dataset -> 'columns' FROM tally.boards b, tally_internal._tool_panels(b) p WHERE p.panel ? 'relation'
                         AND p.panel ->> 'picture' IN ('table', 'stat')) p
    ON a.a ->> 'columns' IS NOT NULL AND (a.a -> 'columns')::jsonb = p.panel -> 'columns';
WITH got AS (SELECT r.id, (SELECT jsonb_agg(CASE json_typeof(l -> c) WHEN 'null' THEN 'null'::jsonb WHEN 'number' THEN to_jsonb((l ->> c)::float8) ELSE
    to_jsonb(l ->> c) END ORDER BY o)
                             FROM unnest(r.shown) WITH ORDINALITY u(c, o)) AS g FROM raw r, json_array_elements(r.rows) l),
     expected AS (SELECT r.id, e AS g FROM raw r, pg_temp.rows_of(r.relation, r.shown, r.condition) e)
SELECT ok(NOT EXISTS (SELECT g.g FROM got g WHERE g.id = r.id EXCEPT ALL SELECT e.g FROM expected e WHERE e.id = r.id)
          AND (json_array_length(r.rows) >= (r.a ->> 'most')::int
               OR NOT EXISTS (SELECT e.g FROM expected e WHERE e.id = r.id EXCEPT ALL SELECT g.g FROM got g WHERE g.id = r.id)),
    format('%s, chart %s: %s rows are those of %s', r.name, r.a ->> 'chart', json_array_length(r.rows), r.relation)) FROM raw r ORDER BY id;

-- Lines of relations: for each column, moment and combination of by the greatest value.
CREATE FUNCTION pg_temp.lines_of(relation text, columns text[], at text, by text[], condition text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$SELECT concat_ws('|', extract(epoch FROM q.at::timestamptz)::bigint, CASE WHEN %s = 1 AND %L <> '{}' THEN NULL ELSE
        q.name END,
        NULLIF(q.series, ''), round(q.value::numeric, 6)) FROM (SELECT %I AS at, v.name, concat_ws(', ' %s) AS series, max(v.value) AS value FROM %s
        CROSS JOIN LATERAL (VALUES %s) v(name, value) WHERE %s GROUP BY 1, 2, 3) q WHERE q.value IS NOT NULL$q$, cardinality(columns), by, at,
        (SELECT string_agg(format(', %I', b), '') FROM unnest(by) b), relation, (SELECT string_agg(format('(%L, %I::float8)', c, c), ', ') FROM
            unnest(columns) c), condition);
END $$;
SELECT bag_eq(format($q$SELECT concat_ws('|', ((r ->> %1$L)::float8 / 1000)::bigint, replace(c.key, ', ', '|'), round((c.value #>> '{}')::numeric, 6))
        FROM answer a, json_array_elements(a.rows) r, json_each(r) c WHERE a.id = %2$s AND c.key <> %1$L AND c.value #>> '{}' IS NOT NULL$q$, a.a ->>
            'axis', a.id),
    format('SELECT replace(pg_temp.lines_of(%L, %L, %L, %L, %L), '', '', ''|'')', p.panel ->> 'relation', a.metrics, p.panel ->> 'time', a.by,
        format('%1$I >= %2$L::timestamptz AND %1$I < %3$L::timestamptz', p.panel ->> 'time', a.since, a.until)),
    format('%s, chart %s: lines of %s by %s are its rows', a.name, a.a ->> 'chart', a.metrics, a.by))
  FROM answer a JOIN (SELECT DISTINCT p.panel FROM tally.boards b, tally_internal._tool_panels(b) p WHERE p.panel ? 'relation'
                         AND p.panel ->> 'picture' IN ('line', 'area', 'bars')) p
    ON a.metrics = ARRAY(SELECT jsonb_array_elements_text(p.panel -> 'columns')) AND a.a ->> 'axis' = p.panel ->> 'time'
       AND a.by = ARRAY(SELECT jsonb_array_elements_text(COALESCE(p.panel -> 'by', '[]')))
 WHERE NOT (a.a ->> 'limited')::boolean AND NOT EXISTS (SELECT FROM json_array_elements(a.a -> 'filters') f WHERE f ->> 'op' = 'IN');

-- The steps of a funnel: metric_value() for each.
SELECT ok(NOT EXISTS (SELECT FROM json_array_elements(a.rows) l, regexp_match(l ->> 'step name', '^\d+\. (.*)$') s JOIN tally.metrics m ON replace(m.name,
    '_', ' ') = s[1]
              WHERE tally.metric_value(m.name, a.since::text, a.until::text) IS DISTINCT FROM (l ->> 'count')::float8) AND json_array_length(a.rows) > 1,
    format('%s, chart %s: the steps are those of metric_value()', a.name, a.a ->> 'chart'))
  FROM answer a WHERE a.a ->> 'picture' = 'funnel' AND a.metrics = '{count}' AND a.a ->> 'filters' !~ '"IN"';

-- The filter: every chart of metrics was asked with it.
SELECT ok((SELECT count(*) FROM asked a WHERE a.a ->> 'filter' IS NULL AND a.name = f.name AND a.scope ? f.variable)
        = (SELECT count(*) FROM asked a WHERE a.a ->> 'filter' IS NULL AND a.name = f.name) AND (SELECT count(*) FROM asked a WHERE a.name = f.name) > 1,
    format('%s: all charts of metrics obey the filter', f.name))
  FROM (SELECT DISTINCT s.name, x.variable FROM seen_in_superset s JOIN (SELECT tally_internal._grafana_uid(b.name) AS slug, b.variables[1] AS variable
            FROM tally.boards b WHERE b.variables <> '{}') x ON s.name LIKE x.slug || '-' || x.variable || '-%') f;
SELECT * FROM finish();
