-- Owns: what becomes of experiments when the rollups that they are made of change (sql/s15_common/listen.sql).

CREATE OR REPLACE FUNCTION tally_internal._experiments_of(rollup_id int) RETURNS SETOF tally.experiments
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.* FROM tally.experiments e
     WHERE $1 IN (e.units, e.arrivals) OR EXISTS (SELECT FROM tally.experiment_cells c WHERE c.experiment_id = e.id AND $1 IN (c.unit_values, c.cells))
$$;
COMMENT ON FUNCTION tally_internal._experiments_of(int) IS 'The experiments that a rollup belongs to.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_drops_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    users text := (SELECT string_agg(format('SELECT tally.drop_experiment(%L);', tally_internal._called(e)), ' ' ORDER BY e.schema, e.name)
                     FROM tally_internal._experiments_of($1) e);
BEGIN
    IF users IS NOT NULL THEN
        PERFORM tally_internal._refuse('dependent_objects_still_exist',
            format('rollup %L cannot be dropped: an experiment is made of it', (SELECT r.name FROM tally.rollups r WHERE r.id = $1)),
            'The rollups of an experiment are dropped together.', users);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_drops_s57(int, jsonb) IS 'Listener: refuses to drop a rollup that an experiment is made of.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_paired_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Experiments that share units have one owner.
    RETURN QUERY SELECT DISTINCT x.x::text FROM tally_internal._experiments_of($1) o JOIN tally.experiments e ON e.units = o.units
        LEFT JOIN tally.experiment_cells c ON c.experiment_id = e.id, LATERAL unnest(ARRAY[e.units, e.arrivals, c.unit_values, c.cells]) x(x)
            WHERE x.x IS NOT NULL;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_paired_s57(int, jsonb) IS
'Listener: all rollups of an experiment, and of those that share its units, given one of them.';

CREATE OR REPLACE FUNCTION tally_internal._when_whole_asked_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT format('SELECT tally.drop_experiment(%L);', tally_internal._called(e)) FROM tally_internal._experiments_of($1) e;
END $$;
COMMENT ON FUNCTION tally_internal._when_whole_asked_s57(int, jsonb) IS 'Listener: the statements that drop the experiments that a rollup is a part of.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_given_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taker regrole := (detail ->> 'taker')::oid::regrole;
BEGIN
    PERFORM tally_internal._give_relation(c.oid, taker, (detail ->> 'giver')::oid::regrole)
       FROM tally.experiments e JOIN pg_class c ON c.oid = tally_internal._relation_named(tally_internal._experiment_view(e))
      WHERE e.units = $1 AND c.relkind = 'v';
    UPDATE tally.experiments x SET owner = taker WHERE x.units = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_given_s57(int, jsonb) IS
'Listener: experiments and their views go to the role that the rollup of their units is given to.';

CREATE OR REPLACE FUNCTION tally_internal._metric_changed(definition jsonb, changes jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._definition_changed(definition, '{expression,denominator,where,condition}', changes)
$$;
COMMENT ON FUNCTION tally_internal._metric_changed(jsonb, jsonb) IS 'The definition of a metric of experiments after a list of changes of names.';

CREATE OR REPLACE FUNCTION tally_internal._given_changed(definition jsonb, changes jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- An arm has its name under the key under which the experiment has an expression.
    SELECT tally_internal._definition_changed(definition - 'arms', '{arm,where,expression}', changes) || jsonb_build_object('arms', definition -> 'arms')
$$;
COMMENT ON FUNCTION tally_internal._given_changed(jsonb, jsonb) IS 'The definition of an experiment after a list of changes of names.';

CREATE OR REPLACE FUNCTION tally_internal._when_definition_follows_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changes CONSTANT jsonb := detail -> 'changes';
BEGIN
    UPDATE tally.experiments e SET definition = tally_internal._given_changed(e.definition, changes) WHERE e.units = $1;
    UPDATE tally.experiment_cells c SET definition = tally_internal._metric_changed(c.definition, changes) WHERE c.unit_values = $1;
    -- Several experiments may measure it. Nothing is left to change for the second one.
    UPDATE tally.experiment_metrics m
       SET definition = tally_internal._metric_changed(m.definition, changes),
           search_path = tally_internal._path_changed(m.search_path, changes,
                                                      (detail -> 'reach_moved')::boolean AND tally_internal._may_reach(m.owner, changes))
     WHERE m.id IN (SELECT c.metric_id FROM tally.experiment_cells c WHERE c.unit_values = $1);
    RETURN;
END $$;
COMMENT ON FUNCTION tally_internal._when_definition_follows_s57(int, jsonb) IS
'Listener: the texts of experiments and of the metrics that they measure follow what is renamed, where their rollups do.';
REVOKE ALL ON FUNCTION tally_internal._when_definition_follows_s57(int, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_schema_renamed_s57(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was     text := detail ->> 'was';
    becomes text := detail ->> 'becomes';
    e       tally.experiments;
    view    text;
BEGIN
    UPDATE tally.experiment_metrics m SET schema = CASE WHEN m.schema = was THEN becomes ELSE m.schema END,
        search_path = tally_internal._path_renamed(m.search_path, was, becomes)
     WHERE m.schema = was OR tally_internal._path_renamed(m.search_path, was, becomes) <> m.search_path;
    PERFORM tally_internal._follow_unmeasured(jsonb_build_array(detail || '{"kind": "schema"}'));
    FOR e IN UPDATE tally.experiments x SET schema = becomes WHERE x.schema = was RETURNING x.* LOOP
        -- The view names its experiment in a text. Where it is somebody's own by now, it stays as it is.
        view := tally_internal._experiment_view(e);
        IF EXISTS (SELECT FROM pg_class c WHERE c.oid = tally_internal._relation_named(view) AND c.relkind = 'v' AND c.relowner = e.owner::oid
                   AND pg_get_viewdef(c.oid) LIKE '%tally.experiment_report(%') THEN
            EXECUTE format('CREATE OR REPLACE VIEW %s %s AS %s', view, tally_internal._view_options(to_regclass(view)), tally_internal._experiment_query(e));
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._when_schema_renamed_s57(int, jsonb) IS
'Listener: experiments, their views and their metrics follow a schema that is renamed.';
REVOKE ALL ON FUNCTION tally_internal._when_schema_renamed_s57(int, jsonb) FROM PUBLIC;
