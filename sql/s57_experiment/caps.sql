-- Owns: caps that are a quantile of the units' values. Each is a number in the definition of the cells; where it moves, all cells are computed anew.

CREATE OR REPLACE FUNCTION tally_internal._with_cap(m jsonb, cap float8) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
    -- Before there are units there is no cap.
    SELECT CASE WHEN m ? 'cap_level' THEN m || jsonb_build_object('cap', COALESCE(cap, 'infinity')::text) ELSE m END
$$;
COMMENT ON FUNCTION tally_internal._with_cap(jsonb, float8) IS 'A metric of an experiment with this cap, where its cap is a quantile of the units.';

CREATE OR REPLACE FUNCTION tally_internal._cap_now(given jsonb, m jsonb, units int, unit_values int, as_of timestamptz) RETURNS float8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    u     tally.rollups;
    v     tally.rollups;
    e     tally.experiments;
    range record;
    cap   float8;
BEGIN
    SELECT * INTO u FROM tally.rollups r WHERE r.id = units;
    SELECT * INTO v FROM tally.rollups r WHERE r.id = unit_values;
    e.definition := given;
    SELECT * INTO range FROM tally_internal._experiment_days(e, as_of, (m ->> 'delay')::interval + (m ->> 'window')::interval);
    -- Of the units that a report counts; those without events are zeros. A value that is not finite is no cap.
    EXECUTE tally_internal._refuse_unsafe(v, format(
        'SELECT percentile_disc($1) WITHIN GROUP (ORDER BY COALESCE(v.u_%s, 0)) FROM %s u LEFT JOIN %s v ON v.%I = u.%I '
        'WHERE %6$s >= $2 AND %6$s < $3 AND ($4 OR NOT u.mixed) AND u.arm = ANY ($5)%s',
        m ->> 'place', tally_internal._live_for_reader(u), tally_internal._live_for_reader(v), v.key[1], given ->> 'unit',
        tally_internal._day_of_exposure(given),
        COALESCE(' AND u.' || quote_ident(given ->> 'experiment_column') || ' = ' || quote_literal(given ->> 'experiment_key'), '')))
       INTO cap USING (m ->> 'cap_level')::float8, range.first, range.last, given ->> 'twice' = 'first',
            ARRAY(SELECT a ->> 'arm' FROM jsonb_array_elements(given -> 'arms') a);
    RETURN CASE WHEN abs(cap) < 'infinity' THEN cap END;
END $$;
COMMENT ON FUNCTION tally_internal._cap_now(jsonb, jsonb, int, int, timestamptz) IS
'The quantile of a metric''s values, over the units of all arms whose window is wholly past; NULL without such units.';

CREATE OR REPLACE FUNCTION tally.move_experiment_caps(name text, as_of timestamptz DEFAULT now()) RETURNS TABLE (metric text, was float8, cap float8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    e tally.experiments := tally_internal._experiment($1);
    c tally.experiment_cells;
    r tally.rollups;
    m jsonb;
BEGIN
    IF NOT tally_internal._has_rights_of(e.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('caps of experiment %L can only be moved by its owner %s, got %I', e.name, e.owner, current_user),
            'Its rollups are changed with the owner''s rights.', format('SET ROLE %s;', e.owner));
    END IF;
    PERFORM tally_internal._check_as_of($2, format('SELECT * FROM tally.move_experiment_caps(%L);', tally_internal._called(e)));
    FOR c IN SELECT x.* FROM tally.experiment_cells x WHERE x.experiment_id = e.id AND x.definition ? 'cap_level' ORDER BY x.place LOOP
        SELECT * INTO r FROM tally.rollups x WHERE x.id = c.cells;
        m := tally_internal._with_cap(c.definition, tally_internal._cap_now(e.definition, c.definition, e.units, c.unit_values, $2));
        metric := c.metric;
        was := NULLIF((c.definition ->> 'cap')::float8, 'infinity');
        cap := NULLIF((m ->> 'cap')::float8, 'infinity');
        IF cap IS DISTINCT FROM was THEN
            PERFORM tally_internal._change_rollup(r, tally_internal._cell_measures(m, c.place) - ('u_' || c.place), ARRAY['m_' || c.place], '[]', '{}',
                                                  NULL, NULL, NULL, NULL, NULL);
            PERFORM tally_internal._store_experiment_cap(e.id, c.metric, m ->> 'cap');
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.move_experiment_caps(text, timestamptz) IS
'Moves the caps of an experiment''s metrics that were given as cap_level to the quantile of the units as of a moment: of all arms together, units without '
'events as zeros, only units whose window is wholly past. Returns each such metric with its cap before and now (NULL: none yet). If a cap moves, its cells '
'are marked and the report is exact at once. For the owner.';
