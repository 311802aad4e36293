-- Owns: the only functions that write experiments and their metrics into the catalogue. They serve the owner of the rollups alone.

CREATE OR REPLACE FUNCTION tally_internal._store_experiment_metric(name text, source regclass, kind text, direction text, definition jsonb, description text,
                                                                   who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
BEGIN
    -- It is text until an experiment measures it, whose rollups run it with their maker's rights.
    INSERT INTO tally.experiment_metrics (name, owner, source, kind, direction, definition, description)
    VALUES (name, tally_internal._caller(who), source, kind, direction, definition, description);
END $$;
COMMENT ON FUNCTION tally_internal._store_experiment_metric(text, regclass, text, text, jsonb, text, bigint) IS
'Writes a metric of experiments into the catalogue, as its caller''s.';

CREATE OR REPLACE FUNCTION tally_internal._forget_experiment_metric(name text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    holder tally.role := (SELECT m.owner FROM tally.experiment_metrics m WHERE m.name = name);
BEGIN
    IF NOT COALESCE(tally_internal._has_rights(caller, holder), false) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('experiment metric %L can only be dropped by its owner %s, got %s', name, holder,
            caller), NULL,
                                       format('SET ROLE %s;', holder));
    END IF;
    DELETE FROM tally.experiment_metrics m WHERE m.name = name;
END $$;
COMMENT ON FUNCTION tally_internal._forget_experiment_metric(text, bigint) IS 'Removes a metric of experiments from the catalogue. Only its owner may call it.';

CREATE OR REPLACE FUNCTION tally_internal._store_experiment(made tally.experiments, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := tally_internal._owned_rollup(made.arrivals, caller);
BEGIN
    PERFORM tally_internal._owned_rollup(made.units, caller);
    made.owner := r.owner;
    made.created_at := now();
    made.exposures := (SELECT x.source FROM tally.rollups x WHERE x.id = made.units);
    INSERT INTO tally.experiments SELECT made.*;
END $$;
COMMENT ON FUNCTION tally_internal._store_experiment(tally.experiments, bigint) IS
'Writes an experiment into the catalogue. For the owner of the rollups of its units.';

CREATE OR REPLACE FUNCTION tally_internal._store_experiment_cells(made tally.experiment_cells, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    PERFORM tally_internal._owned_rollup(e.units, caller) FROM tally.experiments e WHERE e.name = made.experiment;
    PERFORM tally_internal._owned_rollup(made.unit_values, caller), tally_internal._owned_rollup(made.cells, caller);
    INSERT INTO tally.experiment_cells SELECT made.*;
END $$;
COMMENT ON FUNCTION tally_internal._store_experiment_cells(tally.experiment_cells, bigint) IS
'Writes into the catalogue which rollups hold a metric of an experiment. For the owner of all of them.';

CREATE OR REPLACE FUNCTION tally_internal._forget_experiment(name text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
BEGIN
    PERFORM tally_internal._owned_rollup(e.units, tally_internal._caller(who)) FROM tally.experiments e WHERE e.name = name;
    DELETE FROM tally.experiments e WHERE e.name = name;
END $$;
COMMENT ON FUNCTION tally_internal._forget_experiment(text, bigint) IS
'Takes an experiment out of the catalogue. For the owner; drop_experiment() drops the rest.';
