-- Owns: the numbers of panels over metrics. They are those of timeseries(), metric_value() and report() for the same arguments, read with
-- the rights of who looks.

CREATE OR REPLACE FUNCTION tally_internal._finite(value float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value OPERATOR(pg_catalog.=) ANY ('{NaN,Infinity,-Infinity}'::float8[]) THEN NULL ELSE value END;
COMMENT ON FUNCTION tally_internal._finite(float8) IS 'A number that can be drawn; null for NaN and the infinities.';

CREATE OR REPLACE FUNCTION tally_internal._clock_shifts(first timestamptz, last timestamptz, zone text, moments timestamptz[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The moments are those that are shown, so the clock of each is right. The ones between them are for the marks of the axis.
    WITH moment AS (
        SELECT x.at FROM unnest(moments) x(at) UNION SELECT first UNION
        SELECT g FROM generate_series(first, last, CASE WHEN last - first > interval '40 days' THEN interval '1 day' ELSE interval '30 minutes' END) g
         WHERE zone <> 'UTC'
    ), shift AS (
        SELECT extract(epoch FROM m.at)::float8 AS at, extract(epoch FROM m.at AT TIME ZONE zone)::float8 - extract(epoch FROM m.at)::float8 AS shift
          FROM moment m WHERE isfinite(m.at) AND (zone <> 'UTC' OR m.at = first)
    ), change AS (SELECT s.at, s.shift, s.shift IS DISTINCT FROM lag(s.shift) OVER (ORDER BY s.at) AS changes FROM shift s)
    SELECT COALESCE(jsonb_agg(jsonb_build_array(c.at, c.shift) ORDER BY c.at), '[]') FROM change c WHERE c.changes
$$;
COMMENT ON FUNCTION tally_internal._clock_shifts(timestamptz, timestamptz, text, timestamptz[]) IS
'From which moment on the zone''s clock is how many seconds ahead of UTC, within a range. An hour that comes twice is two buckets, so a picture is drawn by '
    'moments, and only its words are of the clock.';

CREATE OR REPLACE FUNCTION tally_internal._panel_bucket(r tally.rollups, wanted interval, first timestamptz, last timestamptz) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most CONSTANT int := 120;
    span float8 := extract(epoch FROM last - first);
    own  float8 := extract(epoch FROM tally_internal._bucket_width(tally_internal._bucket_rule_of(r)));
    each interval;
BEGIN
    -- Where a bucket holds what others hold too, nothing merges them.
    IF r.lookback IS NOT NULL OR span / GREATEST(own, extract(epoch FROM wanted)) <= most THEN RETURN wanted; END IF;
    FOR each IN SELECT x FROM unnest('{1 minute,5 minutes,15 minutes,30 minutes,1 hour,2 hours,3 hours,6 hours,12 hours,1 day,7 days,1 month,3 months,1 year}'
                                     ::interval[]) x WHERE extract(epoch FROM x) > own AND span / extract(epoch FROM x) <= most LOOP
        BEGIN
            PERFORM tally_internal._grain(r, each, first, last);
            RETURN each;
        EXCEPTION WHEN invalid_parameter_value THEN
            -- A width that would split the rollup's own buckets; a longer one may not.
            NULL;
        END;
    END LOOP;
    RETURN wanted;
END $$;
COMMENT ON FUNCTION tally_internal._panel_bucket(tally.rollups, interval, timestamptz, timestamptz) IS
'The bucket in which a picture shows a range: the wanted one or the rollup''s own (null), or a longer one where that would be more than 120 points.';

CREATE OR REPLACE FUNCTION tally_internal._panel_where(panel jsonb, filters jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT filters || COALESCE(panel -> 'where', '{}') $$;
COMMENT ON FUNCTION tally_internal._panel_where(jsonb, jsonb) IS 'What a panel is filtered by: the page''s filters, and its own, which come first.';

CREATE OR REPLACE FUNCTION tally_internal._panel_series(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    metrics tally.metrics[] := ARRAY(SELECT m FROM tally_internal._panel_metrics(panel) m);
    r       tally.rollups;
    split   text[] := ARRAY(SELECT jsonb_array_elements_text(panel -> 'by'));
    most    int := CASE WHEN panel ->> 'picture' IN ('heatmap', 'states') THEN 16 ELSE 8 END;
    first   timestamptz;
    last    timestamptz;
    width   interval;
    made    jsonb;
    n       bigint;
    moments timestamptz[];
BEGIN
    most := LEAST(most, (panel ->> 'limit')::int);
    SELECT x.* INTO r FROM tally.rollups x WHERE x.id = metrics[1].rollup_id;
    first := tally_internal._parse_since(since, as_of, 'since', r.zone);
    last := tally_internal._parse_since(until, as_of, 'until', r.zone);
    width := tally_internal._panel_bucket(r, (panel ->> 'bucket')::interval, first, last);
    -- A board draws a few series; of more the greatest, and it says how many there are.
    WITH point AS MATERIALIZED (
        SELECT m.o, p.bucket, CASE WHEN cardinality(metrics) > 1 THEN concat_ws(', ', m.name, NULLIF(p.series, m.name)) ELSE p.series END AS series,
               tally_internal._finite(p.value) AS value
          FROM (SELECT u.name, tally_internal._called(u) AS called, row_number() OVER () AS o FROM unnest(metrics) u) m
         CROSS JOIN LATERAL tally.timeseries(m.called, since, until, width, split, tally_internal._panel_where(panel, filters), true, as_of) p
    ), series AS (
        SELECT p.o, p.series, jsonb_agg(jsonb_build_array(extract(epoch FROM p.bucket)::float8, p.value) ORDER BY p.bucket) AS points,
               row_number() OVER (ORDER BY max(abs(p.value)) DESC NULLS LAST, p.series) AS rank
          FROM point p GROUP BY p.o, p.series
    )
    SELECT jsonb_agg(jsonb_build_object('name', s.series, 'points', s.points) ORDER BY s.o, s.series) FILTER (WHERE s.rank <= most), count(*),
           ARRAY(SELECT DISTINCT p.bucket FROM point p)
      INTO made, n, moments FROM series s;
    RETURN jsonb_build_object('series', COALESCE(made, '[]'), 'unit', COALESCE(panel ->> 'unit', metrics[1].unit), 'direction', metrics[1].direction,
        'description', COALESCE(panel ->> 'description', CASE WHEN cardinality(metrics) = 1 THEN metrics[1].description END), 'zone', r.zone,
        'since', extract(epoch FROM first)::float8, 'until', extract(epoch FROM last)::float8,
        'clock', tally_internal._clock_shifts(first, last, r.zone, moments),
        'step', extract(epoch FROM COALESCE(width, r.bucket))::float8,
        'note', CASE WHEN n > most THEN format('The %s series with the greatest values, of %s.', most, n) END);
END $$;
COMMENT ON FUNCTION tally_internal._panel_series(jsonb, jsonb, text, text, timestamptz) IS
'The series of a panel over time with what belongs to the axes: at most 8 (16 in cells), those with the greatest values.';

CREATE OR REPLACE FUNCTION tally_internal._panel_limits(panel jsonb, filters jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Only conditions that compare with a number are a line; only those a reader may see.
    SELECT COALESCE(jsonb_agg(jsonb_build_object('value', x.value, 'above', x.op IN ('>', '>='), 'label', t.name, 'severity', t.severity)
                              ORDER BY t.name), '[]')
      FROM tally.thresholds t
     CROSS JOIN LATERAL (SELECT (t.rule #>> '{condition,limit}')::float8 AS value, t.rule #>> '{condition,op}' AS op) x
     WHERE t.rule #>> '{condition,kind}' = 'compare' AND x.op IN ('>', '>=', '<', '<=') AND t.enabled
       AND (t.metric_id IN (SELECT (i)::int FROM jsonb_array_elements_text(panel -> 'metric_ids') i) OR panel -> 'thresholds' ? t.name)
       AND (t.filter = '{}' OR t.filter <@ tally_internal._panel_where(panel, filters))
$$;
COMMENT ON FUNCTION tally_internal._panel_limits(jsonb, jsonb) IS
'Limits that thresholds hold the metrics of a panel against, as far as the reader sees them.';

CREATE OR REPLACE FUNCTION tally_internal._panel_states(series jsonb, limits jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(jsonb_agg(jsonb_build_object('name', s.s ->> 'name', 'points', (
        SELECT jsonb_agg(jsonb_build_array(p.p -> 0, CASE WHEN p.p -> 1 <> 'null' THEN COALESCE((
                   SELECT max(CASE l.l ->> 'severity' WHEN 'critical' THEN 2 ELSE 1 END) FROM jsonb_array_elements(limits) l(l)
                    WHERE CASE WHEN (l.l ->> 'above')::boolean THEN (p.p ->> 1)::float8 > (l.l ->> 'value')::float8
                               ELSE (p.p ->> 1)::float8 < (l.l ->> 'value')::float8 END), 0) END) ORDER BY p.n)
          FROM jsonb_array_elements(s.s -> 'points') WITH ORDINALITY p(p, n))) ORDER BY s.n), '[]')
      FROM jsonb_array_elements(series) WITH ORDINALITY s(s, n)
$$;
COMMENT ON FUNCTION tally_internal._panel_states(jsonb, jsonb) IS 'Values as states: 0 within limits, 1 beyond one, 2 beyond a critical one.';

CREATE OR REPLACE FUNCTION tally_internal._panel_stat(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    m     tally.metrics;
    r     tally.rollups;
    first timestamptz;
    last  timestamptz;
    scope jsonb := tally_internal._panel_where(panel, filters);
BEGIN
    SELECT x.* INTO m FROM tally_internal._panel_metrics(panel) x LIMIT 1;
    SELECT x.* INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    first := tally_internal._parse_since(since, as_of, 'since', r.zone);
    last := tally_internal._parse_since(until, as_of, 'until', r.zone);
    RETURN jsonb_build_object('value', tally_internal._finite(tally.metric_value(tally_internal._called(m), since, until, scope, true, as_of)),
        'before', tally_internal._finite(tally.metric_value(tally_internal._called(m), (first - (last - first))::text, first::text, scope, true, as_of)));
END $$;
COMMENT ON FUNCTION tally_internal._panel_stat(jsonb, jsonb, text, text, timestamptz) IS
'The one number of a tile over the range, and over the range of the same length before it.';

CREATE OR REPLACE FUNCTION tally_internal._panel_report(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    metrics tally.metrics[] := ARRAY(SELECT m FROM tally_internal._panel_metrics(panel) m);
    names   text[] := ARRAY(SELECT tally_internal._called(m) FROM unnest(metrics) m);
    split   text[] := ARRAY(SELECT jsonb_array_elements_text(panel -> 'by'));
    most    int := COALESCE((panel ->> 'limit')::int, CASE panel ->> 'picture' WHEN 'ranking' THEN 8 WHEN 'heatmap' THEN 400 ELSE 20 END);
    made    jsonb;
    n       bigint;
BEGIN
    SELECT jsonb_agg(x.cells ORDER BY x.rank) FILTER (WHERE x.rank <= most), count(*) INTO made, n FROM (
        SELECT (SELECT jsonb_agg(COALESCE(j.row -> k, 'null') ORDER BY o) FROM unnest(split || names) WITH ORDINALITY u(k, o)) AS cells,
               row_number() OVER (ORDER BY CASE jsonb_typeof(j.row -> names[1]) WHEN 'number' THEN (j.row ->> names[1])::numeric END DESC NULLS LAST,
                                  j.row::text) AS rank
          FROM tally.report(names, since, until, NULL, split, tally_internal._panel_where(panel, filters), max_range => '100 years', as_of => as_of) f(line)
         CROSS JOIN LATERAL (SELECT f.line::jsonb AS row) j) x;
    RETURN jsonb_build_object('columns', split || names, 'rows', COALESCE(made, '[]'),
        'units', array_fill(NULL::text, ARRAY[cardinality(split)]) || ARRAY(SELECT m.unit FROM unnest(metrics) m),
        'unit', COALESCE(panel ->> 'unit', CASE WHEN cardinality(metrics) = 1 THEN metrics[1].unit END), 'direction', metrics[1].direction,
        'description', COALESCE(panel ->> 'description', CASE WHEN cardinality(metrics) = 1 THEN metrics[1].description END),
        'note', CASE WHEN n > most THEN format('The first %s of %s.', most, n) END);
END $$;
COMMENT ON FUNCTION tally_internal._panel_report(jsonb, jsonb, text, text, timestamptz) IS
'The rows of a table or ranking of metrics by dimensions over the whole range, the greatest of the first metric first.';

CREATE OR REPLACE FUNCTION tally_internal._panel_matrix(panel jsonb, report jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Of more rows or columns than can be drawn, those with the greatest values.
    WITH cell AS (SELECT c.c ->> 0 AS r, c.c ->> 1 AS k, CASE jsonb_typeof(c.c -> 2) WHEN 'number' THEN (c.c ->> 2)::float8 END AS v
                    FROM jsonb_array_elements(report -> 'rows') c(c)),
         across AS (SELECT d.k, row_number() OVER (ORDER BY d.k) - 1 AS x, d.n
                      FROM (SELECT k, row_number() OVER (ORDER BY max(abs(v)) DESC NULLS LAST, k) AS rank, count(*) OVER () AS n FROM cell GROUP BY k) d
                     WHERE d.rank <= 24),
         down AS (SELECT d.r, d.n
                    FROM (SELECT r, row_number() OVER (ORDER BY max(abs(v)) DESC NULLS LAST, r) AS rank, count(*) OVER () AS n FROM cell GROUP BY r) d
                   WHERE d.rank <= 24)
    SELECT report || jsonb_build_object('rows', '[]'::jsonb, 'columns', COALESCE((SELECT jsonb_agg(a.k ORDER BY a.x) FROM across a), '[]'),
        'note', NULLIF(concat_ws(' ', report ->> 'note',
            (SELECT format('The 24 rows with the greatest values, of %s.', max(d.n)) FROM down d HAVING max(d.n) > 24),
            (SELECT format('The 24 columns with the greatest values, of %s.', max(a.n)) FROM across a HAVING max(a.n) > 24)), ''),
        'series', COALESCE((SELECT jsonb_agg(jsonb_build_object('name', s.r, 'points', s.points) ORDER BY s.r)
            FROM (SELECT c.r, jsonb_agg(jsonb_build_array(a.x, c.v) ORDER BY a.x) AS points FROM cell c JOIN across a USING (k) JOIN down d USING (r)
                   GROUP BY c.r) s), '[]'))
$$;
COMMENT ON FUNCTION tally_internal._panel_matrix(jsonb, jsonb) IS 'A report by two dimensions as rows of the first and columns of the second.';

CREATE OR REPLACE FUNCTION tally_internal._panel_histogram(panel jsonb, filters jsonb, since text, until text, as_of timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
DECLARE
    m     tally.metrics;
    r     tally.rollups;
    digest text;
    first timestamptz;
    last  timestamptz;
    made  jsonb;
    scope jsonb := tally_internal._panel_where(panel, filters);
BEGIN
    SELECT x.* INTO m FROM tally_internal._panel_metrics(panel) x LIMIT 1;
    SELECT x.* INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    SELECT x.name INTO digest FROM tally.measures x WHERE x.rollup_id = r.id AND x.name = ANY (m.measures) AND x.type = 'tally.tdigest' ORDER BY x.ordinal;
    first := tally_internal._parse_since(since, as_of, 'since', r.zone);
    last := tally_internal._parse_since(until, as_of, 'until', r.zone);
    -- The digest is merged from where the metric is.
    EXECUTE tally_internal._refuse_unsafe(r, format(
        'SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(h.low, h."values") ORDER BY h.low) FROM (SELECT tally.rollup(%I) AS digest FROM %s WHERE '
        'bucket >= $1 AND bucket < $2%s) d CROSS JOIN LATERAL tally.histogram_text(d.digest, 16, 1) h', digest,
        tally_internal._answer_source(tally_internal._current_role(), r, ARRAY[digest], '{}', scope, NULL, first, last),
            COALESCE(' AND ' || tally_internal._where_sql(r, scope), '')))
        INTO made USING first, last;
    RETURN jsonb_build_object('series', CASE WHEN made IS NULL THEN '[]'
            ELSE jsonb_build_array(jsonb_build_object('name', 'observations', 'points', made)) END,
        'unit', COALESCE(panel ->> 'unit', m.unit), 'description', panel ->> 'description', 'zone', r.zone);
END $$;
COMMENT ON FUNCTION tally_internal._panel_histogram(jsonb, jsonb, text, text, timestamptz) IS
'How the values behind a metric are distributed over the range: its digest, merged, as about 16 bins with round edges.';
