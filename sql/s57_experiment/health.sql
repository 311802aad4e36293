-- Owns: experiment_health: may the report be believed at all?

CREATE OR REPLACE FUNCTION tally_internal._odd_exposures(e tally.experiments, OUT without_arm bigint, OUT without_time bigint, OUT early bigint,
    OUT late bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
DECLARE
    u     tally.rollups;
    days  tally.rollups;
    range record;
BEGIN
    SELECT * INTO u FROM tally.rollups x WHERE x.id = e.units;
    SELECT * INTO days FROM tally.rollups x WHERE x.id = e.arrivals;
    SELECT * INTO range FROM tally_internal._experiment_days(e, 'infinity', NULL);
    -- The units are clean where the days that stand on them are.
    EXECUTE tally_internal._refuse_unsafe(u, format(
        'SELECT COALESCE(sum(without_arm), 0), COALESCE(sum(without_time), 0), count(*) FILTER (WHERE %s < $1), '
        'count(*) FILTER (WHERE %1$s >= $2) FROM %s u%s',
        tally_internal._day_of_exposure(e.definition),
        CASE WHEN tally_internal._exact_source(tally_internal._current_role(), days, '-infinity', 'infinity') = days.relation THEN u.relation
            ELSE tally_internal._live_for_reader(u) END,
        COALESCE(' WHERE ' || quote_ident(e.definition ->> 'experiment_column') || ' = ' || quote_literal(e.definition ->> 'experiment_key'), '')))
       INTO without_arm, without_time, early, late USING range.first, range.last;
END $$;
COMMENT ON FUNCTION tally_internal._odd_exposures(tally.experiments) IS
'Exposures of an experiment without an arm or a time, and units whose first exposure lies before its days or after them.';

CREATE OR REPLACE FUNCTION tally.experiment_health(name text, as_of timestamptz DEFAULT now())
    RETURNS TABLE ("check" text, state text, value float8, message text, hint text)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    e     tally.experiments := tally_internal._experiment(name);
    split record;
    odd   record;
    srm   record;
BEGIN
    PERFORM tally_internal._check_as_of($2, format('SELECT * FROM tally.experiment_health(%L);', tally_internal._called(e)));
    SELECT array_agg(s.units ORDER BY s.place) FILTER (WHERE s.place IS NOT NULL) AS units,
        array_agg(s.weight ORDER BY s.place) FILTER (WHERE s.place IS NOT NULL) AS weights,
           string_agg(format('%s %s (%spromised %s %%)', s.arm, s.units, round(100.0 * s.units / NULLIF(s.declared, 0), 1) || ' %, ',
               round((100 * s.weight)::numeric, 1)), ', ' ORDER BY s.place) FILTER (WHERE s.place IS NOT NULL) AS words,
           COALESCE(sum(s.units), 0) AS counted, COALESCE(sum(s.mixed), 0) AS mixed, COALESCE(sum(s.units) FILTER (WHERE s.place IS NULL), 0) AS strange,
           string_agg(s.arm, ', ' ORDER BY s.arm) FILTER (WHERE s.place IS NULL) AS strangers, min(s.units) FILTER (WHERE s.weight > 0) AS least
      INTO split FROM (SELECT x.*, sum(x.units) FILTER (WHERE x.place IS NOT NULL) OVER () AS declared FROM tally_internal._split(e, $2) x) s;
    SELECT * INTO odd FROM tally_internal._odd_exposures(e);
    SELECT * INTO srm FROM tally.sample_ratio(split.units, split.weights);
    RETURN QUERY SELECT 'sample_ratio', CASE WHEN srm.mismatch OR srm.misplaced > 0 THEN 'error' WHEN srm.p IS NULL THEN 'no_data' ELSE 'ok' END, srm.p,
        COALESCE(NULLIF(concat_ws(', and ', CASE WHEN srm.mismatch THEN 'the arms do not have the units that their weights promise' END,
            CASE WHEN srm.misplaced > 0 THEN tally_internal._numbered(srm.misplaced, 'unit is', 'units are') || ' in an arm of weight 0' END),
            ''), 'units by arm') || ': ' || split.words,
        CASE WHEN srm.mismatch OR srm.misplaced > 0 THEN 'Find out why before reading any number: who is exposed, and is that the same in every arm?' END;
    RETURN QUERY SELECT 'units_seen_twice', CASE WHEN split.mixed > 0.01 * GREATEST(split.counted, split.mixed) THEN 'warning' ELSE 'ok' END,
        split.mixed::float8, CASE e.definition ->> 'twice'
            WHEN 'first' THEN tally_internal._numbered(split.mixed, 'unit was seen in more than one arm and counts in its first',
                                                       'units were seen in more than one arm and count in their first')
            ELSE tally_internal._numbered(split.mixed, 'unit was seen in more than one arm and is left out',
                                          'units were seen in more than one arm and are left out') END,
        CASE WHEN split.mixed > 0.01 * GREATEST(split.counted, split.mixed) THEN 'More than 1 %: the assignment is not kept for each unit.' END;
    RETURN QUERY SELECT 'undeclared_arms', CASE WHEN split.strange > 0 THEN 'error' ELSE 'ok' END, split.strange::float8,
        CASE WHEN split.strange > 0 THEN format('%s in arms that are not declared: %s',
                 tally_internal._numbered(split.strange, 'unit is', 'units are'), split.strangers)
             ELSE 'every arm is declared' END,
        CASE WHEN split.strange > 0 THEN format('SELECT tally.drop_experiment(%L);  -- and create_experiment() with these arms', tally_internal._called(e)) END;
    RETURN QUERY SELECT x.c, CASE WHEN x.n > 0 THEN 'warning' ELSE 'ok' END, x.n::float8, tally_internal._numbered(x.n, x.one, x.many),
        CASE WHEN x.n > 0 THEN x.hint END
      FROM (VALUES ('exposures_without_arm', odd.without_arm, 'exposure has no arm and is left out', 'exposures have no arm and are left out',
          format('SELECT * FROM %s WHERE (%s) IS NULL;', e.exposures, e.definition ->> 'arm')),
                   ('exposures_without_time', odd.without_time, 'exposure has no finite time and is left out',
                    'exposures have no finite time and are left out',
                    format('SELECT * FROM %s WHERE isfinite(%I) IS NOT TRUE;', e.exposures, e.definition ->> 'time_column')),
                   ('exposures_outside', odd.early + odd.late,
                    format('unit was first exposed outside its days and is left out: %s too early, %s late', odd.early, odd.late),
                    format('units were first exposed outside its days and are left out: %s too early, %s late', odd.early, odd.late),
                    format('SELECT * FROM %s ORDER BY %I;', e.exposures, e.definition ->> 'time_column'))) x(c, n, one, many, hint);
    RETURN QUERY SELECT 'metric_without_data', CASE WHEN x.n > 0 THEN 'ok' ELSE 'warning' END, x.n::float8,
        format(CASE WHEN x.n > 0 THEN 'metric %L has values other than 0' ELSE 'metric %L has no event in any window' END, x.metric),
        CASE WHEN x.n = 0 THEN format('SELECT definition FROM tally.experiment_cells WHERE experiment_id = %s AND metric = %L;', e.id, x.metric) END
      FROM (SELECT c.place, c.metric, COALESCE(sum(CASE WHEN s.digest IS NOT NULL THEN tally.count(s.digest)
                                                        WHEN tally.mean(s.sketch, 1) <> 0 OR tally.variance(s.sketch, 1) > 0 THEN 1 ELSE 0 END), 0) AS n
              FROM tally.experiment_cells c
              LEFT JOIN (SELECT y.* FROM (SELECT DISTINCT z.cells FROM tally.experiment_cells z WHERE z.experiment_id = e.id) z,
                                LATERAL tally_internal._experiment_sums(e, z.cells, $2, false, '{}') y) s ON s.place = c.place
             WHERE c.experiment_id = e.id GROUP BY 1, 2) x ORDER BY x.place;
    RETURN QUERY SELECT 'planned_units', CASE WHEN e.definition ->> 'planned_units' IS NULL THEN 'no_data'
        WHEN split.counted >= (e.definition ->> 'planned_units')::bigint THEN 'reached'
        ELSE 'ok' END, split.counted::float8, tally_internal._numbered(split.counted, 'unit', 'units')
            || COALESCE(' of ' || (e.definition ->> 'planned_units') || ' planned', ''),
            NULL::text;
END $$;
COMMENT ON FUNCTION tally.experiment_health(text, timestamptz) IS
'Reasons not to believe an experiment: the split of the arms (sample ratio), units seen in two arms (a warning above 1 %), arms that are not declared, '
'exposures without arm or time or outside its days, metrics without data; and how many of the planned units there are. state: ok, warning, error, '
'no_data, reached.';
