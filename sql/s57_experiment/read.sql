-- Owns: other ways to read a report: day by day, arms by a parameter, for people, CSV and JSON.

CREATE OR REPLACE FUNCTION tally.experiment_timeseries(
    name    text,
    metrics text[] DEFAULT NULL,
    as_of   timestamptz DEFAULT now(),
    matured boolean DEFAULT true,
    k       int DEFAULT 10
) RETURNS TABLE (day timestamptz, metric text, arm text, units bigint, value float8, lift float8, low float8, high float8, sequential_low float8,
    sequential_high float8,
                 adjusted_p float8, sequential_p float8, badge text, reason text)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_column
DECLARE
    e     tally.experiments := tally_internal._experiment(name);
    range record;
    since timestamptz;
    zone_ CONSTANT text := e.definition ->> 'zone';
    one   record;
BEGIN
    PERFORM tally_internal._check_as_of($3, format('SELECT * FROM tally.experiment_timeseries(%L);', tally_internal._called(e)));
    metrics := CASE WHEN metrics IS NOT NULL THEN ARRAY(SELECT (tally_internal._experiment_cell(e, m)).metric FROM unnest(metrics) m) END;
    SELECT * INTO range FROM tally_internal._experiment_days(e, $3, NULL);
    EXECUTE format('SELECT min(bucket) FROM (%s) a', tally_internal._arrivals_sql(e, '{}', range.first, range.last)) INTO since USING range.first, range.last;
    -- By the dates of the zone, because a day need not begin at midnight; it ends where the next one begins. The last 400 are enough for a picture.
    FOR one IN SELECT tally_internal._instant_of(d::date, zone_) AS begins, x.ends
                 FROM generate_series(GREATEST((since AT TIME ZONE zone_)::date, ($3 AT TIME ZONE zone_)::date - 400)::timestamp,
                                      ($3 AT TIME ZONE zone_)::date - 1, interval '1 day') d,
                      LATERAL (SELECT tally_internal._past_day(d::date, zone_) AS ends) x
                WHERE x.ends <= $3 ORDER BY d LOOP
        RETURN QUERY SELECT one.begins, r.metric, r.arm, r.units, r.value, r.lift, r.low, r.high, r.sequential_low, r.sequential_high, r.adjusted_p,
            r.sequential_p, r.badge, r.reason
          FROM tally.experiment_report(tally_internal._with_schema(e.schema, e.name), one.ends, $4, '{}', $5) r
         WHERE r.metric = ANY ($2) OR $2 IS NULL;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.experiment_timeseries(text, text[], timestamptz, boolean, int) IS
'The report as it stood at the end of each day up to as_of, of some metrics or all; late rows count where they belong. Arguments as in experiment_report().';

CREATE OR REPLACE FUNCTION tally_internal._experiment_cell(e tally.experiments, metric text) RETURNS tally.experiment_cells
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.experiment_cells;
BEGIN
    SELECT * INTO found_ FROM tally.experiment_cells c WHERE c.experiment_id = e.id AND (c.metric = metric OR c.place = (
        SELECT tally_internal._choose('experiment metric', metric, array_agg(x.place), array_agg(m.schema), array_agg(m.name))
          FROM tally.experiment_cells x JOIN tally.experiment_metrics m ON m.id = x.metric_id
         WHERE x.experiment_id = e.id AND NOT EXISTS (SELECT FROM tally.experiment_cells y WHERE y.experiment_id = e.id AND y.metric = metric)));
    IF found_.metric IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('experiment %L does not measure %L', e.name, metric),
            format('It measures %s.', (SELECT string_agg(quote_literal(c.metric), ', ' ORDER BY c.place) FROM tally.experiment_cells c
                WHERE c.experiment_id = e.id)),
            format('SELECT metric FROM tally.experiment_cells WHERE experiment_id = %s;', e.id));
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._experiment_cell(tally.experiments, text) IS
'A metric that the experiment measures; an error that lists its metrics where it does not measure this one.';

CREATE OR REPLACE FUNCTION tally.experiment_overlay(
    name      text,
    parameter text,
    as_of     timestamptz DEFAULT now(),
    matured   boolean DEFAULT true,
    by        text[] DEFAULT '{}',
    k         int DEFAULT 10
) RETURNS TABLE (metric text, labels jsonb, setting text, arm text, units bigint, value float8, lift float8, low float8, high float8, badge text, reason text)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    e     tally.experiments := tally_internal._experiment(name);
    known text[] := ARRAY(SELECT DISTINCT p FROM jsonb_array_elements(e.definition -> 'arms') a, jsonb_object_keys(a -> 'parameters') p ORDER BY 1);
BEGIN
    IF NOT COALESCE($2 = ANY (known), false) THEN
        PERFORM tally_internal._refuse('undefined_object', format('no arm of experiment %L has a parameter %L', e.name, $2),
            COALESCE('There are ' || (SELECT string_agg(quote_literal(x), ', ') FROM unnest(known) x) || '.', 'No arm was given parameters.'),
            format('SELECT * FROM tally.experiment_overlay(%L, %L);', tally_internal._called(e), COALESCE(known[1], 'budget')));
    END IF;
    RETURN QUERY SELECT r.metric, r.labels, a.parameter, r.arm, r.units, r.value, r.lift, r.low, r.high, r.badge, r.reason
      FROM tally.experiment_report(tally_internal._with_schema(e.schema, e.name), $3, $4, $5, $6) r
      JOIN (SELECT x ->> 'arm' AS arm, x -> 'parameters' ->> $2 AS parameter, x -> 'parameters' -> $2 AS given, n
              FROM jsonb_array_elements(e.definition -> 'arms') WITH ORDINALITY l(x, n)) a ON a.arm = r.arm
      JOIN tally.experiment_cells c ON c.experiment_id = e.id AND c.metric = r.metric
     ORDER BY c.place, r.labels, CASE jsonb_typeof(a.given) WHEN 'number' THEN (a.given #>> '{}')::numeric END, a.parameter, a.n;
END $$;
COMMENT ON FUNCTION tally.experiment_overlay(text, text, timestamptz, boolean, text[], int) IS
'The report with its arms in the order of one of their parameters (a budget, a quota), so that you see how the outcome depends on it. Arguments as in '
'experiment_report().';

CREATE OR REPLACE FUNCTION tally_internal._percent(share float8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN share >= 0 THEN '+' ELSE '' END || CASE WHEN abs(share) < 1000 THEN round((100 * share)::numeric, 1)::text
        ELSE round((100 * share)::numeric)::text END || ' %'
$$;
COMMENT ON FUNCTION tally_internal._percent(float8) IS 'A share as a percentage with its sign.';

CREATE OR REPLACE FUNCTION tally_internal._figure(value float8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    -- A column of them is read from top to bottom: so many digits as one compares, thousands apart.
    SELECT CASE WHEN value = 0 THEN '0' WHEN abs(value) >= 1e15 OR abs(value) < 1e-6 THEN value::text
        WHEN value = round(value) AND abs(value) < 1000 THEN value::int::text
        WHEN abs(value) >= 1000 THEN to_char(round(value::numeric), 'FM999,999,999,999,999,999')
        WHEN abs(value) >= 1 THEN round(value::numeric, 2)::text
        ELSE round(value::numeric, 3 - floor(log(abs(value)::numeric))::int)::text END
$$;
COMMENT ON FUNCTION tally_internal._figure(float8) IS 'A number for people: whole from 1,000 on and where it is whole, two places from 1 on, else four digits.';

CREATE OR REPLACE FUNCTION tally_internal._interval_picture(low float8, middle float8, high float8, span float8, width int DEFAULT 31) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE WHEN i = m THEN '●' WHEN i = l THEN CASE WHEN low < -span THEN '◄' ELSE '├' END WHEN i = h THEN CASE WHEN high > span THEN '►'
        ELSE '┤' END
                           WHEN i > l AND i < h THEN '─' WHEN i = (width + 1) / 2 THEN '│' ELSE '·' END, '' ORDER BY i)
      FROM generate_series(1, width) i,
           LATERAL (SELECT x[1] AS l, x[2] AS m, x[3] AS h FROM (SELECT array_agg(GREATEST(1,
               LEAST(width, 1 + round(((GREATEST(-span, LEAST(span, v)) + span) / (2 * span)) * (width - 1))::int)) ORDER BY n)
                      FROM unnest(ARRAY[low, middle, high]) WITH ORDINALITY u(v, n)) y(x)) p
     WHERE span > 0 AND low IS NOT NULL AND middle IS NOT NULL AND high IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._interval_picture(float8, float8, float8, float8, int) IS
'An interval as a picture of text from -span to span, no change in the middle; null where there is no interval.';

CREATE OR REPLACE FUNCTION tally_internal._verdict(badge text, reason text, ended boolean, apart boolean DEFAULT false) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN badge = 'invalid_srm' THEN 'not to be believed: the arms do not have the units they should have'
        WHEN reason = 'hidden' THEN 'hidden: too few people'
        WHEN badge = 'no_data' THEN 'no result: ' || COALESCE(CASE reason WHEN 'empty_arm' THEN 'an arm has no units' WHEN 'too_few_units'
            THEN 'too few units' WHEN 'zero_variance' THEN 'every unit has the same value'
            WHEN 'zero_baseline' THEN 'the control is at 0' WHEN 'zero_denominator' THEN 'nothing to divide by' ELSE 'a value is not finite' END, 'no data')
        WHEN badge = 'not_enough_data' THEN 'too early: fewer than 150 units in an arm'
        WHEN badge = 'suspicious' THEN 'suspicious: so large a change is mostly an error of measuring'
        WHEN badge = 'practically_equal' THEN 'no difference that matters'
        WHEN badge = 'win' THEN 'better' WHEN badge = 'loss' THEN 'worse'
        WHEN badge = 'not_significant' THEN CASE WHEN ended THEN 'no clear difference' ELSE 'no clear difference yet' END
            || CASE WHEN apart THEN ': one of so many comparisons may look so by chance' ELSE '' END END
$$;
COMMENT ON FUNCTION tally_internal._verdict(text, text, boolean, boolean) IS
'A badge in words. apart: the interval of this comparison alone is without 0, and only with the correction for several questions it says nothing.';

CREATE OR REPLACE FUNCTION tally.experiment_summary(name text, as_of timestamptz DEFAULT now(), by text[] DEFAULT '{}', k int DEFAULT 10)
    RETURNS TABLE (metric text, labels jsonb, arm text, units bigint, value text, change text, picture text, verdict text)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    e     tally.experiments := tally_internal._experiment(name);
    ended boolean := COALESCE($2 >= tally_internal._past_day((e.definition ->> 'ends')::date, e.definition ->> 'zone'), false);
BEGIN
    RETURN QUERY
    WITH r AS MATERIALIZED (
        -- The interval is the one by which the badge was given.
        SELECT x.*, CASE WHEN ended THEN x.low ELSE x.sequential_low END AS l, CASE WHEN ended THEN x.high ELSE x.sequential_high END AS h,
            row_number() OVER () AS n
          FROM tally.experiment_report(tally_internal._with_schema(e.schema, e.name), $2, true, $3, $4) x
    ), s AS (SELECT LEAST(1, GREATEST(0.001, max(GREATEST(abs(l), abs(h))))) AS span FROM r WHERE l IS NOT NULL)
    SELECT r.metric, r.labels, r.arm, r.units,
           CASE WHEN tally_internal._is_share_kind(c.definition ->> 'kind') THEN round((100 * r.value)::numeric, 2) || ' %'
                ELSE tally_internal._figure(r.value) END,
           tally_internal._percent(r.lift) || format(' (%s to %s)', tally_internal._percent(r.l), tally_internal._percent(r.h)),
           tally_internal._interval_picture(r.l, r.lift, r.h, s.span), CASE WHEN r.arm = e.definition ->> 'control'
               THEN COALESCE(tally_internal._verdict(NULL, r.reason, ended), 'control')
               ELSE tally_internal._verdict(r.badge, r.reason, ended, (r.l > 0 OR r.h < 0) AND e.definition ->> 'correction' <> 'none') END
      FROM r JOIN tally.experiment_cells c ON c.experiment_id = e.id AND c.metric = r.metric LEFT JOIN s ON true ORDER BY r.n;
END $$;
COMMENT ON FUNCTION tally.experiment_summary(text, timestamptz, text[], int) IS
'The report in words: the change with the interval that decides (until the planned end the one that holds at every look, then the one for a single '
'look), the interval as a picture whose middle is no change, and the badge as a sentence.';

CREATE OR REPLACE FUNCTION tally.experiment_json(name text, as_of timestamptz DEFAULT now(), matured boolean DEFAULT true, by text[] DEFAULT '{}',
    k int DEFAULT 10) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('experiment', $1, 'as_of', to_jsonb($2), 'report', COALESCE(jsonb_agg(to_jsonb(r) - 'n' ORDER BY r.n), '[]'))
      FROM (SELECT x.*, row_number() OVER () AS n FROM tally.experiment_report($1, $2, $3, $4, $5) x) r
$$;
COMMENT ON FUNCTION tally.experiment_json(text, timestamptz, boolean, text[], int) IS 'The report as JSON. Arguments as in experiment_report().';

CREATE OR REPLACE FUNCTION tally.experiment_csv(name text, as_of timestamptz DEFAULT now(), matured boolean DEFAULT true, by text[] DEFAULT '{}',
    k int DEFAULT 10) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    SELECT string_agg(line, E'\r\n' ORDER BY n) || E'\r\n'
      FROM (SELECT 0::bigint AS n, 'metric,arm,labels,units,value,lift,low,high,sequential_low,sequential_high,p,adjusted_p,sequential_p,badge,reason' AS line
            UNION ALL
            SELECT row_number() OVER (), (SELECT string_agg(CASE WHEN f ~ '[",\r\n]' THEN '"' || replace(f, '"', '""') || '"' ELSE COALESCE(f, '') END,
                ',' ORDER BY i)
                     FROM unnest(ARRAY[x.metric, x.arm, CASE WHEN x.labels <> '{}' THEN x.labels::text END, x.units::text, x.value::text, x.lift::text,
                         x.low::text, x.high::text,
                                       x.sequential_low::text, x.sequential_high::text, x.p::text, x.adjusted_p::text, x.sequential_p::text, x.badge,
                                           x.reason]) WITH ORDINALITY u(f, i))
              FROM tally.experiment_report($1, $2, $3, $4, $5) x) l
$$;
COMMENT ON FUNCTION tally.experiment_csv(text, timestamptz, boolean, text[], int) IS
'The report as comma-separated values (RFC 4180) with a line of names. Arguments as in experiment_report().';
