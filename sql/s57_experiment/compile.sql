-- Owns: an experiment as definitions of rollups: which aggregates hold a unit's exposure, its values and the cells.
--
-- A unit's values are computed from its events in one window around its own first exposure: before it for the covariate, after it for the value.
-- Units without such events have no row there and count as zeros: the cells of arrivals know how many units there are.

CREATE OR REPLACE FUNCTION tally_internal._seconds_sql(length interval) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- In seconds, so that a day has 24 hours in every zone.
    SELECT format('''%s seconds''::pg_catalog.interval', trim_scale(extract(epoch FROM length)::numeric))
$$;
COMMENT ON FUNCTION tally_internal._seconds_sql(interval) IS 'SQL text of a length of time, in seconds.';

CREATE OR REPLACE FUNCTION tally_internal._units_measures(given jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Of two arms at one time the first by its bytes is taken, so that the answer depends on no row order. No aggregate here sorts: where one does
    -- (ORDER BY, DISTINCT), PostgreSQL neither hashes the units nor goes parallel. A dimension is that of the exposure whose arm counts. So it is
    -- compared after time and arm, in one text: two bytes of 1 end the arm, and a byte of 1 within an arm has a 2 behind it.
    SELECT jsonb_build_object(
        'first_at', format('pg_catalog.min(%s) FILTER (WHERE %s)', x.at, x.counts),
        'arm', format('tally.value_text(tally.first(%s, %s))', x.arm, x.at),
        'mixed', format('COALESCE(pg_catalog.min(%1$s COLLATE "C") FILTER (WHERE %2$s) <> pg_catalog.max(%1$s COLLATE "C") FILTER (WHERE %2$s), false)',
            x.arm, x.counts),
        'exposures', 'pg_catalog.count(*)',
        'without_arm', format('pg_catalog.count(*) FILTER (WHERE %s IS NULL)', x.arm),
        'without_time', format('pg_catalog.count(*) FILTER (WHERE pg_catalog.isfinite(%s) IS NOT TRUE)', x.at))
        || COALESCE((SELECT jsonb_object_agg(d ->> 'name', format('pg_catalog.substring(tally.value_text(tally.first(pg_catalog.replace(%1$s, '
               'pg_catalog.chr(1), pg_catalog.chr(1) || pg_catalog.chr(2)) || pg_catalog.chr(1) || pg_catalog.chr(1) || COALESCE(''1'' || (%2$s)::text, '
               '''2''), %3$s)), pg_catalog.chr(1) || pg_catalog.chr(1) || ''1(.*)'')', x.arm, d ->> 'expression', x.at))
                       FROM jsonb_array_elements(given -> 'dimensions') d), '{}')
      FROM (SELECT y.at, y.arm, format('%s IS NOT NULL AND pg_catalog.isfinite(%s)', y.arm, y.at) AS counts
              FROM (SELECT format('(%s)::text', given ->> 'arm') AS arm,
                           tally_internal._time_as_timestamptz_sql(quote_ident(given ->> 'time_column'), (given ->> 'time_type')::regtype,
                               given ->> 'zone') AS at) y) x
$$;
COMMENT ON FUNCTION tally_internal._units_measures(jsonb) IS 'Measures of the rollup per unit: first exposure, its arm and dimensions, and what is odd about '
    'it.';

CREATE OR REPLACE FUNCTION tally_internal._beside_unit_sql(m jsonb, given jsonb, unit_column text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Named with the source's own name: the columns of the units may have the same names.
    SELECT format('(SELECT _tally_u.first_at AS _exposure_at, _tally_u.arm AS _exposure_arm, _tally_u.mixed AS _exposure_mixed%s FROM {beside} '
        '_tally_u '
                  'WHERE %s_tally_u.%I = %s::text AND %s >= _tally_u.first_at - %s AND %5$s < _tally_u.first_at + %7$s) _tally_exposure',
        (SELECT string_agg(format(', _tally_u.%I AS %I', d ->> 'name', '_exposure_' || (d ->> 'name')), '' ORDER BY d ->> 'name')
           FROM jsonb_array_elements(given -> 'dimensions') d),
        COALESCE('_tally_u.' || quote_ident(given ->> 'experiment_column') || ' = ' || quote_literal(given ->> 'experiment_key') || ' AND ', ''),
            given ->> 'unit',
        format('%I.%I', c.relname, unit_column), x.at, tally_internal._seconds_sql((m ->> 'before')::interval),
            tally_internal._seconds_sql((m ->> 'after')::interval))
      FROM pg_class c, LATERAL (SELECT tally_internal._time_as_timestamptz_sql(format('%I.%I', c.relname, m ->> 'time_column'), (m ->> 'time_type')::regtype,
                                                                               given ->> 'zone') AS at) x
     WHERE c.oid = (m ->> 'source')::regclass
$$;
COMMENT ON FUNCTION tally_internal._beside_unit_sql(jsonb, jsonb, text) IS
'The item of FROM that joins to each event the exposure of its unit, where the event lies near enough to it.';

CREATE OR REPLACE FUNCTION tally_internal._value_measures(m jsonb, place int, zone text, near jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at     text := tally_internal._time_as_timestamptz_sql(quote_ident(m ->> 'time_column'), (m ->> 'time_type')::regtype, zone);
    wait   text := tally_internal._seconds_sql((m ->> 'delay')::interval);
    ends   text := tally_internal._seconds_sql((m ->> 'delay')::interval + (m ->> 'window')::interval);
    days   text := tally_internal._seconds_sql(make_interval(days => (m ->> 'covariate_days')::int));
    -- Every condition is computed for every event and measure. What the item of FROM has asked already is left out.
    after  text := format('%s >= _exposure_at%s%s', at, CASE WHEN (m ->> 'delay')::interval <> '0' THEN ' + ' || wait ELSE '' END,
        CASE WHEN ends <> tally_internal._seconds_sql((near ->> 'after')::interval) THEN format(' AND %s < _exposure_at + %s', at, ends) ELSE '' END);
    before text := format('%s%s < _exposure_at',
        CASE WHEN days <> tally_internal._seconds_sql((near ->> 'before')::interval) THEN format('%s >= _exposure_at - %s AND ', at, days) ELSE '' END, at);
    own    text := COALESCE(' AND (' || tally_internal._closed(m ->> 'where') || ')', '');
    value  text := tally_internal._closed(m ->> 'expression');
    -- A cap that may move is put on in the cells, so that units need not be computed anew.
    moves  boolean := m ? 'cap_level';
    low    text := CASE WHEN m ? 'cap' AND NOT moves THEN format('LEAST(%%s, %L::float8)', m ->> 'cap') ELSE '%s' END;
    result jsonb;
BEGIN
    CASE m ->> 'kind'
        WHEN 'quantile' THEN
            RETURN jsonb_build_object('q_' || place, format('tally.tdigest((%s)::float8) FILTER (WHERE %s%s)', value, after, own));
        WHEN 'funnel' THEN
            RETURN jsonb_build_object('y_' || place,
                format('(COALESCE(tally.window_funnel(%s, %s, VARIADIC ARRAY[%s]::boolean[]) FILTER (WHERE %s%s), 0) >= %s)::int::float8',
                tally_internal._seconds_sql((m ->> 'window')::interval), at,
                (SELECT string_agg(format('(%s)', tally_internal._closed(s ->> 'condition')), ', ' ORDER BY n)
                    FROM jsonb_array_elements(m -> 'steps') WITH ORDINALITY e(s, n)),
                after, own, jsonb_array_length(m -> 'steps')));
        WHEN 'proportion', 'retention' THEN
            RETURN jsonb_build_object('y_' || place, format('(pg_catalog.count(*) FILTER (WHERE %s%s AND (%s)) > 0)::int::float8', after, own, value));
        ELSE
            -- By the type of the expression: whole and decimal numbers are summed exactly, in any order.
            SELECT jsonb_object_agg(x.name || place, CASE WHEN x.name = 'u_' THEN x.total
                ELSE format(CASE WHEN x.name IN ('y_', 'x_') THEN low ELSE '%s' END, x.total) END) INTO result
              FROM (SELECT v.name, format('COALESCE(pg_catalog.sum((%s)) FILTER (WHERE %s%s)::float8, 0::float8)', v.given, v.period, own) AS total
                      FROM (VALUES ('y_', CASE WHEN NOT moves THEN value END, after), ('u_', CASE WHEN moves OR m ? 'cap' THEN value END, after),
                          ('d_', tally_internal._closed(m ->> 'denominator'), after),
                                   ('x_', CASE WHEN m ->> 'covariate_days' <> '0' THEN value END, before),
                                   ('e_', CASE WHEN m ->> 'covariate_days' <> '0' THEN tally_internal._closed(m ->> 'denominator') END, before)) v(name,
                                       given, period)
                     WHERE v.given IS NOT NULL) x;
            RETURN result;
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._value_measures(jsonb, int, text, jsonb) IS
'Measures of a metric per unit: y after exposure (u without its cap), d its denominator, x and e the same from before exposure, q the sketch of a '
    'quantile. near: the longest times before and after exposure, between which _beside_unit_sql() lets events through.';

CREATE OR REPLACE FUNCTION tally_internal._moments_of(m jsonb) RETURNS TABLE (n int, name text, capped boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.n, v.name, v.capped
      FROM (VALUES (1, CASE WHEN m ? 'cap_level' THEN 'u_' ELSE 'y_' END, true, true), (2, 'd_', m ->> 'kind' = 'ratio', false),
                   (3, 'x_', m ->> 'covariate_days' <> '0' AND m ->> 'kind' IN ('mean', 'ratio'), true),
                   (4, 'e_', m ->> 'covariate_days' <> '0' AND m ->> 'kind' = 'ratio', false)) v(n, name, there, capped) WHERE v.there
$$;
COMMENT ON FUNCTION tally_internal._moments_of(jsonb) IS
'The variables of a metric''s moments in their order: the measures per unit that they are of, and whether a cap holds for them.';

CREATE OR REPLACE FUNCTION tally_internal._cell_measures(m jsonb, place int) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN m ->> 'kind' = 'quantile' THEN jsonb_build_object('m_' || place, format('tally.rollup(q_%s)', place))
        ELSE jsonb_build_object('m_' || place, format('tally.moments(%s)', (
                 SELECT string_agg(CASE WHEN v.capped AND m ? 'cap_level' THEN format('LEAST(%s, %L::float8)', v.name || place, m ->> 'cap')
                                        ELSE v.name || place END, ', ' ORDER BY v.n) FROM tally_internal._moments_of(m) v)))
            || CASE WHEN m ? 'cap' THEN jsonb_build_object('u_' || place, format('pg_catalog.sum(u_%s)', place)) ELSE '{}' END END
$$;
COMMENT ON FUNCTION tally_internal._cell_measures(jsonb, int) IS
'Measures of a metric per cell: moments of value, denominator and the same before exposure; the merged sketch of a quantile; the sum without a cap.';
