-- Owns: what becomes of experiments when the rollups that they are made of change (sql/s15_common/listen.sql).

CREATE OR REPLACE FUNCTION tally_internal._experiments_of(rollup_id int) RETURNS SETOF tally.experiments
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.* FROM tally.experiments e
     WHERE $1 IN (e.units, e.arrivals) OR EXISTS (SELECT FROM tally.experiment_cells c WHERE c.experiment = e.name AND $1 IN (c.unit_values, c.cells))
$$;
COMMENT ON FUNCTION tally_internal._experiments_of(int) IS 'The experiments that a rollup belongs to.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_drops_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    users text := (SELECT string_agg(format('SELECT tally.drop_experiment(%L);', e.name), ' ' ORDER BY e.name) FROM tally_internal._experiments_of($1) e);
BEGIN
    IF users IS NOT NULL THEN
        PERFORM tally_internal._refuse('dependent_objects_still_exist',
            format('rollup %L cannot be dropped: an experiment is made of it', (SELECT r.name FROM tally.rollups r WHERE r.id = $1)),
            'An experiment goes as a whole.', users);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_drops_s57(int, jsonb) IS 'Listener: refuses to drop a rollup that an experiment is made of.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_paired_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Experiments that share units have one owner.
    RETURN QUERY SELECT DISTINCT x.x::text FROM tally_internal._experiments_of($1) o JOIN tally.experiments e ON e.units = o.units
        LEFT JOIN tally.experiment_cells c ON c.experiment = e.name, LATERAL unnest(ARRAY[e.units, e.arrivals, c.unit_values, c.cells]) x(x)
            WHERE x.x IS NOT NULL;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_paired_s57(int, jsonb) IS
'Listener: all rollups of an experiment, and of those that share its units, given one of them.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_given_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taker regrole := (detail #>> '{}')::oid::regrole;
    view  regclass;
BEGIN
    FOR view IN SELECT c.oid FROM tally.experiments e JOIN pg_class c ON c.oid = to_regclass(tally_internal._experiment_view(e))
                 WHERE e.units = $1 AND c.relkind = 'v' AND c.relowner <> taker::oid LOOP
        EXECUTE format('ALTER VIEW %s OWNER TO %s', view, taker);
    END LOOP;
    UPDATE tally.experiments x SET owner = taker WHERE x.units = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_given_s57(int, jsonb) IS
'Listener: experiments and their views go to the role that the rollup of their units is given to.';
