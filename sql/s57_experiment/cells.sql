-- Owns: what the cells of an experiment hold, summed: units, moments and sketches of each arm, in one snapshot.

CREATE OR REPLACE FUNCTION tally_internal._experiment(name text) RETURNS tally.experiments
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.experiments;
BEGIN
    SELECT * INTO found_ FROM tally.experiments e WHERE e.id = (
        SELECT tally_internal._choose('experiment', name, array_agg(x.id), array_agg(x.schema), array_agg(x.name))
          FROM tally.experiments x WHERE x.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    IF found_.name IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('experiment %L does not exist', name),
            COALESCE('Known: ' || tally_internal._closest_names(name, ARRAY(SELECT e.name FROM tally.experiments e)) || '.', 'None is known.'),
            'SELECT name, exposures FROM tally.experiments;');
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._experiment(text) IS 'The experiment with this name; an error that lists the known names where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._called(e tally.experiments) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by(e.schema, e.name, EXISTS (SELECT FROM tally.experiments x WHERE x.name = e.name AND x.id <> e.id))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.experiments) IS
'The name by which an experiment is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally_internal._with_zeros(sketch tally.moments, units bigint, m jsonb) RETURNS tally.moments
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A unit without events near its exposure has no row of values. It counts as 0, or as the cap where that is below 0.
    SELECT tally.merge(sketch, tally_internal._alike(units - COALESCE(tally.count(sketch), 0),
        (SELECT array_agg(CASE WHEN v.capped THEN LEAST(0::float8, (m ->> 'cap')::float8) ELSE 0 END ORDER BY v.n) FROM tally_internal._moments_of(m) v)))
$$;
COMMENT ON FUNCTION tally_internal._with_zeros(tally.moments, bigint, jsonb) IS
'Moments of the units with values, and of all others, up to so many units, as units without events.';

CREATE OR REPLACE FUNCTION tally_internal._past_day(day date, zone text) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Of two midnights the first, and where a clock is set back over midnight into the day again, the end of the last piece.
    SELECT CASE WHEN isfinite(x.next) THEN tally_internal._rows_past(tally_internal._bucket_rule('1 day', zone), x.next) ELSE x.next END
      FROM (SELECT tally_internal._instant_of(day + 1, zone)) x(next)
$$;
COMMENT ON FUNCTION tally_internal._past_day(date, text) IS 'The moment from which on a day of a zone is wholly past.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_days(e tally.experiments, as_of timestamptz, matured interval, OUT first timestamptz,
    OUT last timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone   CONSTANT text := e.definition ->> 'zone';
    rule   CONSTANT text := tally_internal._bucket_rule('1 day', zone);
    moment CONSTANT timestamptz := as_of - make_interval(secs => COALESCE(extract(epoch FROM matured), 0)::float8);
    after  timestamptz;
BEGIN
    -- By the starts of days, as the cells have them. A start need not be the day's first moment: where a clock is set back over midnight, rows of the day
    -- lie before it, and rows of the day before may lie behind it. A day counts as soon as it has begun; matured, when it is wholly past for so long.
    first := COALESCE(tally_internal._instant_of((e.definition ->> 'starts')::date, zone), '-infinity');
    last := moment;
    IF isfinite(moment) THEN
        FOR n IN -1 .. 2 LOOP
            after := tally_internal._bucket_shifted(rule, moment, n);
            EXIT WHEN n > -1 AND matured IS NOT NULL AND tally_internal._rows_past(rule, after) > moment;
            last := after;
            EXIT WHEN matured IS NULL AND tally_internal._rows_from(rule, after) >= moment;
        END LOOP;
    END IF;
    last := LEAST(COALESCE(tally_internal._instant_of((e.definition ->> 'ends')::date + 1, zone), 'infinity'), last);
END $$;
COMMENT ON FUNCTION tally_internal._experiment_days(tally.experiments, timestamptz, interval) IS
'The days of first exposure that count at a moment, [first, last); matured: only those whose units were all exposed so long ago.';

CREATE OR REPLACE FUNCTION tally_internal._day_of_exposure(definition jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- As the arrivals and the cells have it: a day counts as a whole, also where a report asks for a moment within it.
    SELECT format('pg_catalog.date_trunc(''day'', u.first_at, %L)', definition ->> 'zone')
$$;
COMMENT ON FUNCTION tally_internal._day_of_exposure(jsonb) IS 'SQL text of the day in which a unit u of an experiment with this definition was first exposed.';

CREATE OR REPLACE FUNCTION tally_internal._arrivals_sql(e tally.experiments, by text[], first timestamptz, last timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = e.arrivals;
    IF NOT tally_internal._reads_units(e) THEN
        PERFORM tally_internal._refuse_experiment(e);
    END IF;
    RETURN tally_internal._refuse_unsafe(r, format('SELECT %s AS labels, arm, mixed, bucket, units FROM %s WHERE bucket >= $1 AND bucket < $2%s',
        tally_internal._labels_sql(by),
        tally_internal._exact_source(tally_internal._current_role(), r, first, last),
        COALESCE(' AND experiment = ' || quote_literal(e.definition ->> 'experiment_key'), '')));
END $$;
COMMENT ON FUNCTION tally_internal._arrivals_sql(tally.experiments, text[], timestamptz, timestamptz) IS
'SQL text of the units of an experiment by day of first exposure, arm and dimensions, in [$1, $2).';

CREATE OR REPLACE FUNCTION tally_internal._by_place(places int[], forms text[], type text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('(CASE w.place %s END)::%s', COALESCE(string_agg(format('WHEN %s THEN %s', x.place, x.form), ' '), 'WHEN 0 THEN NULL'), type)
      FROM unnest(places, forms) x(place, form) WHERE x.form IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._by_place(int[], text[], text) IS
'SQL text of the one of several forms that belongs to the metric w.place, for the query of _experiment_sums(); null for metrics without a form.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_sums(e tally.experiments, cells int, as_of timestamptz, matured boolean, by text[])
    RETURNS TABLE (place int, labels jsonb, arm text, units bigint, sketch tally.moments, digest tally.tdigest, uncapped float8, valued bigint, factor float8)
-- A live view costs so much by the planner's count that it would be compiled: 17 s for a query of half a second.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
#variable_conflict use_column
DECLARE
    r      tally.rollups;
    first  timestamptz;
    last   timestamptz;
    places int[];
    lasts  timestamptz[];
    slots  jsonb;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = $2;
    SELECT d.first, d.last INTO first, last FROM tally_internal._experiment_days(e, as_of, NULL) d;
    SELECT array_agg(c.place ORDER BY c.place), array_agg(d.last ORDER BY c.place),
           jsonb_build_object(
               'merged', string_agg(format('tally.rollup(m_%1$s) FILTER (WHERE bucket < ($5::timestamptz[])[%2$s]) AS m_%1$s', c.place, c.n)
                   -- The quantile here, once for each arm, and not for each unit.
                   || CASE WHEN c.definition ->> 'kind' = 'quantile' THEN
                          format(', tally.percentile(tally.rollup(m_%1$s) FILTER (WHERE bucket < ($5::timestamptz[])[%2$s]), %3$s) AS edge_%1$s',
                                 c.place, c.n,
                                 (c.definition ->> 'level')::float8) ELSE '' END
                   || CASE WHEN c.definition ? 'cap' THEN
                          format(', sum(u_%1$s) FILTER (WHERE bucket < ($5::timestamptz[])[%2$s]) AS u_%1$s', c.place, c.n) ELSE '' END, ', '),
               -- Of each row only the metric that it is of: each of these calls costs as much as merging hundreds of cells.
               'm', tally_internal._by_place(array_agg(c.place), array_agg(CASE WHEN c.definition ->> 'kind' <> 'quantile' THEN
                   format('tally_internal._with_zeros(c.m_%s, n.units, %L)', c.place, (SELECT jsonb_object_agg(g.key, g.value)
                       FROM jsonb_each(c.definition) g WHERE g.key IN ('kind', 'cap', 'cap_level', 'covariate_days'))) END), 'tally.moments'),
               'q', tally_internal._by_place(array_agg(c.place), array_agg(CASE WHEN c.definition ->> 'kind' = 'quantile' THEN 'c.m_' || c.place END),
                   'tally.tdigest'),
               'u', tally_internal._by_place(array_agg(c.place), array_agg(CASE WHEN c.definition ? 'cap' THEN format('COALESCE(c.u_%s, 0)', c.place) END),
                   'float8'))
      INTO places, lasts, slots
      FROM (SELECT x.*, row_number() OVER (ORDER BY x.place) AS n FROM tally.experiment_cells x WHERE x.experiment_id = e.id AND x.cells = $2) c,
           LATERAL tally_internal._experiment_days(e, as_of, CASE WHEN matured
               THEN (c.definition ->> 'delay')::interval + (c.definition ->> 'window')::interval END) d;
    slots := slots || jsonb_build_object('arrivals', tally_internal._arrivals_sql(e, by, first, last), 'labels', tally_internal._labels_sql(by),
        'source', tally_internal._exact_source(tally_internal._current_role(), r, first, last)::text);
    slots := slots || jsonb_build_object('factors', COALESCE((
        SELECT string_agg(tally_internal._factor_sql(e, c, (slots ->> 'source')::regclass = r.relation, by), ' UNION ALL ') FROM tally.experiment_cells c
         WHERE c.experiment_id = e.id AND c.cells = $2 AND c.definition ->> 'kind' = 'quantile'),
             'SELECT NULL::bigint AS valued, NULL::float8 AS factor WHERE false'));
    -- One query for all metrics: a live view is planned and read once.
    RETURN QUERY EXECUTE tally_internal._refuse_unsafe(r, tally_internal._render(
        'WITH a AS MATERIALIZED (SELECT labels, arm, bucket, sum(units)::bigint AS units FROM ({arrivals}) a WHERE mixed = ''false'' OR $3 GROUP BY 1, 2, 3), '
        'c AS MATERIALIZED (SELECT {labels} AS labels, arm, {merged} FROM {source} WHERE bucket >= $1 AND bucket < $2 AND (mixed = ''false'' OR $3) GROUP BY '
            '1, 2) '
        'SELECT w.place, n.labels, n.arm, n.units, {m}, {q}, {u}, f.valued, f.factor FROM unnest($4::int[], $5::timestamptz[]) w(place, last) '
        'CROSS JOIN LATERAL (SELECT a.labels, a.arm, sum(a.units)::bigint AS units FROM a WHERE a.bucket < w.last GROUP BY 1, 2) n '
        'LEFT JOIN c ON c.labels = n.labels AND c.arm = n.arm LEFT JOIN LATERAL ({factors}) f ON true', slots))
        USING first, last, e.definition ->> 'twice' = 'first', places, lasts;
END $$;
COMMENT ON FUNCTION tally_internal._experiment_sums(tally.experiments, int, timestamptz, boolean, text[]) IS
'Of each metric in one rollup of cells and each arm (and labels): units, moments of their values with zeros for units without events, the sketch of a '
    'quantile, '
    'the sum without a cap.';

CREATE OR REPLACE FUNCTION tally_internal._factor_sql(e tally.experiments, c tally.experiment_cells, stored boolean, by text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- How values of one unit go together is seen only unit by unit: those at or under the arm's quantile, and all.
    SELECT format('SELECT count(*) AS valued, tally.cluster_factor(%1$s, tally.stats(x.under, x.n)) AS factor FROM (SELECT tally.count(u.q) AS n, '
                  '(tally.histogram(u.q, ARRAY[b.edge + abs(b.edge) * 4e-16 + 1e-300]))[1] AS under FROM (SELECT q_%2$s AS q, first_at, arm, mixed, %3$s AS '
                      'labels '
                  'FROM %4$s) u, (SELECT c.edge_%2$s AS edge) b WHERE w.place = %2$s AND %5$s >= $1 AND %5$s < w.last '
                  'AND (NOT u.mixed OR $3) AND u.arm = n.arm AND u.labels = n.labels AND tally.count(u.q) > 0) x HAVING w.place = %2$s',
                      (c.definition ->> 'level')::float8, c.place,
                  (SELECT COALESCE('jsonb_build_object(' || string_agg(format('%L, COALESCE(%I, ''(none)'')', b, b), ', ') || ')', '''{}''::jsonb')
                      FROM unnest(by) b),
                  CASE WHEN stored THEN v.relation ELSE v.live_view END, tally_internal._day_of_exposure(e.definition))
      FROM tally.rollups v WHERE v.id = c.unit_values
$$;
COMMENT ON FUNCTION tally_internal._factor_sql(tally.experiments, tally.experiment_cells, boolean, text[]) IS
'SQL text of the units with values of one arm and the cluster factor of a quantile metric, within the query of _experiment_sums().';
