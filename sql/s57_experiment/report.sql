-- Owns: experiment_report: each arm against the control, with intervals, p and badge, from the cells.

CREATE OR REPLACE FUNCTION tally_internal._experiment_value(m jsonb, sketch tally.moments, digest tally.tdigest) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN x.value = 'NaN' OR abs(x.value) = 'infinity' THEN NULL ELSE x.value END
      FROM (SELECT CASE m ->> 'kind' WHEN 'quantile' THEN tally.percentile(digest, (m ->> 'level')::float8)
                        WHEN 'ratio' THEN tally.mean(sketch, 1) / NULLIF(tally.mean(sketch, 2), 0) ELSE tally.mean(sketch, 1) END) x(value)
$$;
COMMENT ON FUNCTION tally_internal._experiment_value(jsonb, tally.moments, tally.tdigest) IS
'The plain value of an arm: mean, share, ratio of sums or quantile; null where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_effect(m jsonb, a tally.moments, b tally.moments, digest_a tally.tdigest, digest_b tally.tdigest,
    valued_a bigint,
    valued_b bigint, factor_a float8, factor_b float8, alpha float8, planned float8) RETURNS tally.effect
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result tally.effect;
    before int := CASE m ->> 'kind' WHEN 'ratio' THEN 3 ELSE 2 END;
BEGIN
    CASE m ->> 'kind'
        WHEN 'quantile' THEN
            RETURN tally.compare_quantiles(digest_a, digest_b, (m ->> 'level')::float8, true, alpha, planned, COALESCE(factor_a, 1), COALESCE(factor_b, 1),
                valued_a, valued_b);
        WHEN 'proportion', 'retention', 'funnel' THEN
            RETURN tally.compare_proportions(COALESCE(round(tally.sum(a, 1)), 0)::bigint, COALESCE(tally.count(a), 0),
                COALESCE(round(tally.sum(b, 1)), 0)::bigint,
                                             COALESCE(tally.count(b), 0), true, alpha, planned);
        ELSE
            -- A covariate that does not vary explains nothing.
            IF m ->> 'covariate_days' <> '0' AND (COALESCE(tally.variance(a, before), 0) > 0 OR COALESCE(tally.variance(b, before), 0) > 0) THEN
                result := CASE m ->> 'kind' WHEN 'ratio' THEN tally.compare_ratios_cuped(a, b, true, alpha, planned)
                    ELSE tally.compare_cuped(a, b, true, alpha, planned) END;
                IF result.reason IS NULL THEN RETURN result; END IF;
            END IF;
            RETURN CASE m ->> 'kind' WHEN 'ratio' THEN tally.compare_ratios(a, b, true, alpha, planned)
                ELSE tally.compare_means(a, b, true, alpha, planned) END;
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._experiment_effect(jsonb, tally.moments, tally.moments, tally.tdigest, tally.tdigest, bigint, bigint, float8, float8,
    float8, float8) IS
'The lift of an arm (b) over the control (a) in a metric, by the comparison of its kind, with the covariate where that gives a number.';

CREATE OR REPLACE FUNCTION tally_internal._adjusted(p float8[], correction text) RETURNS float8[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE correction WHEN 'holm' THEN tally.adjust_holm(p) WHEN 'benjamini_hochberg' THEN tally.adjust_benjamini_hochberg(p) ELSE p END
$$;
COMMENT ON FUNCTION tally_internal._adjusted(float8[], text) IS 'The p values, corrected for several questions by the method that the experiment chose.';

CREATE OR REPLACE FUNCTION tally_internal._split(e tally.experiments, as_of timestamptz) RETURNS TABLE (arm text, weight float8, place bigint, units bigint,
    mixed bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
#variable_conflict use_column
DECLARE
    range record;
BEGIN
    SELECT * INTO range FROM tally_internal._experiment_days(e, as_of, NULL);
    RETURN QUERY EXECUTE format(
        'SELECT COALESCE(d.arm, n.arm), d.weight, d.place, COALESCE(n.units, 0), COALESCE(n.mixed, 0) FROM (SELECT x ->> ''arm'' AS arm, (x '
            '->> ''weight'')::float8 AS weight, place '
        'FROM jsonb_array_elements($3) WITH ORDINALITY l(x, place)) d FULL JOIN (SELECT arm, sum(units) FILTER (WHERE mixed = ''false'' OR $4)::bigint AS '
            'units, '
        'sum(units) FILTER (WHERE mixed = ''true'')::bigint AS mixed FROM (%s) a GROUP BY 1) n ON n.arm = d.arm ORDER BY 3, 1',
            tally_internal._arrivals_sql(e, '{}', range.first, range.last))
        USING range.first, range.last, e.definition -> 'arms', e.definition ->> 'twice' = 'first';
END $$;
COMMENT ON FUNCTION tally_internal._split(tally.experiments, timestamptz) IS
'Units of each arm, declared or not (place null), and those of it that were seen in another arm too.';

CREATE OR REPLACE FUNCTION tally.experiment_report(
    name    text,
    as_of   timestamptz DEFAULT now(),
    matured boolean DEFAULT true,
    by      text[] DEFAULT '{}',
    k       int DEFAULT 10
) RETURNS TABLE (metric text, labels jsonb, arm text, units bigint, value float8, lift float8, low float8, high float8, sequential_low float8,
    sequential_high float8,
                 p float8, adjusted_p float8, sequential_p float8, badge text, reason text, method text, uncapped float8)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    e     tally.experiments := tally_internal._experiment(name);
    d     jsonb := e.definition;
    srm   float8;
    reads boolean := tally_internal._reads_units(e);
    ended boolean := COALESCE($2 >= tally_internal._past_day((d ->> 'ends')::date, d ->> 'zone'), false);
BEGIN
    PERFORM tally_internal._check_as_of($2, format('SELECT * FROM tally.experiment_report(%L);', tally_internal._called(e)));
    PERFORM tally_internal._check_segments(e, $4);
    k := tally_internal._experiment_least_k(e, $5);
    srm := tally_internal._sample_ratio_p(e, $2);
    RETURN QUERY
    WITH cells AS MATERIALIZED (
        SELECT s.* FROM (SELECT DISTINCT c.cells FROM tally.experiment_cells c WHERE c.experiment_id = e.id) c,
               LATERAL tally_internal._experiment_sums(e, c.cells, $2, $3, $4) s WHERE reads
        UNION ALL SELECT s.* FROM tally_internal._experiment_shares(e, $2, $4) s WHERE NOT reads
    ), grid AS MATERIALIZED (
        SELECT m.place, m.metric, m.definition AS m, l.labels, a.x ->> 'arm' AS arm, a.n, COALESCE(s.units, 0) AS units, s.sketch, s.digest, s.uncapped,
            s.valued, s.factor,
               s.arm IS NOT NULL AND s.units IS NULL OR COALESCE(s.units, 0) BETWEEN 1 AND $5 - 1 AS few
          FROM tally.experiment_cells m
         CROSS JOIN (SELECT DISTINCT x.labels FROM cells x UNION SELECT '{}'::jsonb WHERE $4 = '{}') l
         CROSS JOIN jsonb_array_elements(d -> 'arms') WITH ORDINALITY a(x, n)
          LEFT JOIN cells s ON s.place = m.place AND s.labels = l.labels AND s.arm = a.x ->> 'arm'
         WHERE m.experiment_id = e.id AND (reads OR m.place IN (SELECT x.place FROM cells x))
    ), pairs AS MATERIALIZED (
        SELECT b.*, a.units AS control_units, b.arm = d ->> 'control' AS is_control, a.few OR b.few AS hidden,
               -- What is derived from a hidden cell is hidden too.
               CASE WHEN b.arm <> d ->> 'control' AND NOT a.few AND NOT b.few THEN
                   tally_internal._experiment_effect(b.m, a.sketch, b.sketch, a.digest, b.digest, a.valued, b.valued, a.factor, b.factor,
                       (d ->> 'alpha')::float8,
                                                     COALESCE((d ->> 'planned_units')::float8, 5000)) END AS effect
          FROM grid b JOIN grid a ON a.place = b.place AND a.labels = b.labels AND a.arm = d ->> 'control'
    ), corrected AS MATERIALIZED (
        SELECT x.labels, x.place, x.n, y.p, y.sequential_p
          FROM (SELECT q.labels, array_agg(q.place ORDER BY q.place, q.n) AS places, array_agg(q.n ORDER BY q.place, q.n) AS arms,
                       tally_internal._adjusted(array_agg((q.effect).p ORDER BY q.place, q.n), d ->> 'correction') AS p,
                       tally_internal._adjusted(array_agg((q.effect).sequential_p ORDER BY q.place, q.n), d ->> 'correction') AS sequential_p
                  FROM pairs q WHERE NOT q.is_control GROUP BY 1) g,
               LATERAL unnest(g.places, g.arms, g.p, g.sequential_p) y(place, n, p, sequential_p),
               LATERAL (SELECT g.labels, y.place, y.n) x(labels, place, n)
    )
    SELECT q.metric, q.labels, q.arm, CASE WHEN NOT q.few THEN q.units END, CASE WHEN NOT q.few
        THEN tally_internal._experiment_value(q.m, q.sketch, q.digest) END,
           (q.effect).effect, (q.effect).low, (q.effect).high, (q.effect).sequential_low, (q.effect).sequential_high, (q.effect).p, c.p, c.sequential_p,
           CASE WHEN NOT q.is_control AND NOT q.hidden THEN
               -- Over a control below 0 a lift of less than 0 is a rise.
               tally.experiment_badge(srm, q.control_units, q.units, CASE WHEN (q.effect).value_a < 0 THEN -1 ELSE 1 END * (q.effect).effect, c.p,
                   q.m ->> 'direction', c.sequential_p, ended,
                   (d ->> 'alpha')::float8) END,
           CASE WHEN q.hidden AND (q.few OR NOT q.is_control) THEN 'hidden' WHEN q.is_control AND q.units = 0 THEN 'empty_arm' ELSE (q.effect).reason END,
               (q.effect).method,
           CASE WHEN NOT q.few AND abs(q.uncapped) < 'infinity' THEN q.uncapped / NULLIF(q.units, 0) END
      FROM pairs q LEFT JOIN corrected c ON c.labels = q.labels AND c.place = q.place AND c.n = q.n AND NOT q.is_control
     ORDER BY q.place, q.labels, NOT q.is_control, q.n;
END $$;
COMMENT ON FUNCTION tally.experiment_report(text, timestamptz, boolean, text[], int) IS
'An experiment as of a moment: a row per metric and arm (and values of the dimensions in by): units, value, lift over the control with its interval for one '
    'look and the one that holds at every look, p, p adjusted for all metrics and arms, badge, or the reason why there is no number. matured: only units whose '
    'window is wholly past. An arm with fewer than k units is hidden, with all that is derived from it. Exact now; runs with the caller''s rights. Whoever may '
    'read a release of the experiment and not its units gets the shares that are published.';

CREATE OR REPLACE FUNCTION tally_internal._check_segments(e tally.experiments, by text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known text[] := ARRAY(SELECT x ->> 'name' FROM jsonb_array_elements(e.definition -> 'dimensions') x);
    wrong text := (SELECT string_agg(quote_literal(b), ', ') FROM unnest(by) b WHERE NOT b = ANY (known));
BEGIN
    IF wrong IS NOT NULL OR by IS NULL THEN
        PERFORM tally_internal._refuse('undefined_column', format('experiment %L has no dimension %s', e.name, COALESCE(wrong, 'NULL')),
            COALESCE('It has ' || (SELECT string_agg(quote_literal(x), ', ') FROM unnest(known) x) || '.', 'It was defined without dimensions.'),
            format('SELECT * FROM tally.experiment_report(%L%s);', tally_internal._called(e), COALESCE(format(', by => ''{%s}''', known[1]), '')));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_segments(tally.experiments, text[]) IS 'Refuses a name in the argument by that is not a dimension of the experiment.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_view(e tally.experiments) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I', n.nspname, e.name || '_report') FROM tally.experiment_cells c JOIN tally.rollups r ON r.id = c.cells
      JOIN pg_class k ON k.oid = r.relation JOIN pg_namespace n ON n.oid = k.relnamespace WHERE c.experiment_id = e.id LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._experiment_view(tally.experiments) IS 'Schema and name of an experiment''s flat view.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_query(e tally.experiments) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT r.* FROM tally.experiment_report(%L) r', tally_internal._with_schema(e.schema, e.name))
$$;
COMMENT ON FUNCTION tally_internal._experiment_query(tally.experiments) IS 'The SELECT behind the flat view of an experiment.';

CREATE OR REPLACE FUNCTION tally_internal._make_experiment_view(e tally.experiments, target text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text := format('%I.%I', target, e.name || '_report');
    item  record;
BEGIN
    EXECUTE format('CREATE VIEW %s AS %s', place, tally_internal._experiment_query(e));
    PERFORM tally_internal._owner_only(place);
    EXECUTE format('COMMENT ON VIEW %s IS %L', place, format('Experiment %s: each metric and arm, exact now. Made by pg_tally.', e.name));
    FOR item IN SELECT * FROM (VALUES ('metric', 'The metric.'), ('labels', 'Values of the dimensions asked by; none here.'),
        ('arm', 'The arm; the control comes first.'),
        ('units', 'Units whose window is wholly past; null under 10.'), ('value', 'Mean, share, ratio or quantile of the arm.'),
            ('lift', 'Share by which it exceeds the control.'),
        ('low', 'Lower end of the lift''s interval, for one look.'), ('high', 'Upper end of it.'),
            ('sequential_low', 'Lower end of the interval that holds at every look.'),
        ('sequential_high', 'Upper end of it.'), ('p', 'p of no effect, for one look.'), ('adjusted_p', 'p adjusted for all metrics and arms.'),
        ('sequential_p', 'p that holds at every look, adjusted.'), ('badge', 'What it comes to, in one word.'), ('reason', 'Why there is no number.'),
        ('method', 'How it was compared.'), ('uncapped', 'Mean without the cap, where there is one.')) c(name, words) LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', place, item.name, item.words);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._make_experiment_view(tally.experiments, text) IS 'Makes the flat view of an experiment.';
