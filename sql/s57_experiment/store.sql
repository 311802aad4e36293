-- Owns: the only functions that write experiments and their metrics into the catalogue. They serve the owner of the rollups alone.

CREATE OR REPLACE FUNCTION tally_internal._store_experiment_metric(made tally.experiment_metrics, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    PERFORM tally_internal._check_size(made::text, format('experiment metric %L', made.name));
    PERFORM tally_internal._check_home(format('experiment metric %L', made.name), made.schema, caller);
    -- It is text until an experiment measures it, whose rollups run it with their maker's rights.
    INSERT INTO tally.experiment_metrics (schema, name, owner, source, kind, direction, definition, search_path, description)
    VALUES (made.schema, made.name, caller, made.source, made.kind, made.direction, made.definition, made.search_path, made.description);
END $$;
COMMENT ON FUNCTION tally_internal._store_experiment_metric(tally.experiment_metrics, bigint) IS
'Writes a metric of experiments into the catalogue, as its caller''s.';

CREATE OR REPLACE FUNCTION tally_internal._forget_experiment_metric(metric_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    name   text;
    holder tally.role;
BEGIN
    SELECT m.name, m.owner INTO name, holder FROM tally.experiment_metrics m WHERE m.id = metric_id;
    IF NOT COALESCE(tally_internal._has_rights(caller, holder), false) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('experiment metric %L can only be dropped by its owner %s, got %s', name, holder,
            caller), NULL,
                                       format('SET ROLE %s;', holder));
    END IF;
    DELETE FROM tally.experiment_metrics m WHERE m.id = metric_id;
END $$;
COMMENT ON FUNCTION tally_internal._forget_experiment_metric(int, bigint) IS 'Removes a metric of experiments from the catalogue. Only its owner may call it.';

CREATE OR REPLACE FUNCTION tally_internal._store_experiment(made tally.experiments, who bigint DEFAULT tally_internal._me()) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := tally_internal._owned_rollup(made.arrivals, caller);
BEGIN
    PERFORM tally_internal._check_size(made::text, format('experiment %L', made.name)), tally_internal._owned_rollup(made.units, caller);
    -- Whose schema it is may have names of others kept out of it.
    IF NOT COALESCE(has_schema_privilege(caller::oid, to_regnamespace(quote_ident(made.schema))::oid, 'CREATE'), false) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('experiment %L must be of a schema in which %s may create, got %L', made.name, caller,
                                                                         made.schema), NULL, format('GRANT CREATE ON SCHEMA %I TO %s;', made.schema, caller));
    END IF;
    made.id := nextval(pg_get_serial_sequence('tally.experiments', 'id'));
    made.owner := r.owner;
    made.created_at := now();
    made.exposures := (SELECT x.source FROM tally.rollups x WHERE x.id = made.units);
    INSERT INTO tally.experiments SELECT made.*;
    RETURN made.id;
END $$;
COMMENT ON FUNCTION tally_internal._store_experiment(tally.experiments, bigint) IS
'Writes an experiment into the catalogue, and gives its number. For the owner of the rollups of its units.';

CREATE OR REPLACE FUNCTION tally_internal._store_experiment_cells(made tally.experiment_cells, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    PERFORM tally_internal._owned_rollup(e.units, caller) FROM tally.experiments e WHERE e.id = made.experiment_id;
    PERFORM tally_internal._owned_rollup(made.unit_values, caller), tally_internal._owned_rollup(made.cells, caller);
    PERFORM tally_internal._check_measurable(m, caller) FROM tally.experiment_metrics m WHERE m.id = made.metric_id;
    INSERT INTO tally.experiment_cells SELECT made.*;
END $$;
COMMENT ON FUNCTION tally_internal._store_experiment_cells(tally.experiment_cells, bigint) IS
'Writes into the catalogue which rollups hold a metric of an experiment. For the owner of all of them.';

CREATE OR REPLACE FUNCTION tally_internal._store_experiment_cap(experiment_id int, metric text, cap text, who bigint DEFAULT tally_internal._me())
    RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
BEGIN
    PERFORM tally_internal._owned_rollup(c.cells, tally_internal._caller(who)) FROM tally.experiment_cells c
      WHERE c.experiment_id = experiment_id AND c.metric = metric;
    UPDATE tally.experiment_cells c SET definition = c.definition || jsonb_build_object('cap', cap)
     WHERE c.experiment_id = experiment_id AND c.metric = metric AND c.definition ? 'cap_level';
END $$;
COMMENT ON FUNCTION tally_internal._store_experiment_cap(int, text, text, bigint) IS
'Writes the cap that a metric of an experiment has from now on. For the owner of its cells.';

CREATE OR REPLACE FUNCTION tally_internal._forget_experiment(experiment_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
BEGIN
    PERFORM tally_internal._owned_rollup(e.units, tally_internal._caller(who)) FROM tally.experiments e WHERE e.id = experiment_id;
    DELETE FROM tally.experiments e WHERE e.id = experiment_id;
END $$;
COMMENT ON FUNCTION tally_internal._forget_experiment(int, bigint) IS
'Takes an experiment out of the catalogue. For the owner; drop_experiment() drops the rest.';
