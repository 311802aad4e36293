-- Owns: what is defined of experiments and of their metrics, and the rollups each is compiled to. State only.

CREATE TABLE tally.experiment_metrics (
    name        text PRIMARY KEY,
    owner       tally.role NOT NULL DEFAULT tally_internal._current_role(),
    source      regclass NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('mean', 'proportion', 'ratio', 'quantile', 'retention', 'funnel')),
    direction   text NOT NULL CHECK (direction IN ('up_is_good', 'down_is_good')),
    definition  jsonb NOT NULL,
    description text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tally.experiment_metrics IS 'One row per metric of experiments: what is measured of a unit after its exposure.';
COMMENT ON COLUMN tally.experiment_metrics.name IS 'Its name.';
COMMENT ON COLUMN tally.experiment_metrics.owner IS 'Role that made it.';
COMMENT ON COLUMN tally.experiment_metrics.source IS 'Table with the events that it measures.';
COMMENT ON COLUMN tally.experiment_metrics.kind IS 'mean, proportion, ratio, quantile, retention or funnel.';
COMMENT ON COLUMN tally.experiment_metrics.direction IS 'up_is_good or down_is_good.';
COMMENT ON COLUMN tally.experiment_metrics.definition IS 'Expressions, columns, cap, level, steps, window and delay, as they were given.';
COMMENT ON COLUMN tally.experiment_metrics.description IS 'What it means.';
COMMENT ON COLUMN tally.experiment_metrics.created_at IS 'When it was defined.';

CREATE TABLE tally.experiments (
    name        text PRIMARY KEY,
    owner       tally.role NOT NULL DEFAULT tally_internal._current_role(),
    exposures   regclass NOT NULL,
    units       int NOT NULL REFERENCES tally.rollups ON DELETE RESTRICT,
    arrivals    int NOT NULL REFERENCES tally.rollups ON DELETE RESTRICT,
    definition  jsonb NOT NULL,
    description text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tally.experiments IS 'One row per experiment.';
COMMENT ON COLUMN tally.experiments.name IS 'Its name.';
COMMENT ON COLUMN tally.experiments.owner IS 'Role that made it; its SQL runs with this role''s rights.';
COMMENT ON COLUMN tally.experiments.exposures IS 'Table with a row per exposure.';
COMMENT ON COLUMN tally.experiments.units IS 'Rollup per unit: its first exposure and arm. Experiments on the same exposures share it.';
COMMENT ON COLUMN tally.experiments.arrivals IS 'Rollup over days on it: units by the day of their first exposure, arm and dimensions. Shared too.';
COMMENT ON COLUMN tally.experiments.definition IS 'Arms, columns, windows and dates, as they were given.';
COMMENT ON COLUMN tally.experiments.description IS 'What is tried.';
COMMENT ON COLUMN tally.experiments.created_at IS 'When it was defined.';

CREATE TABLE tally.experiment_cells (
    experiment text NOT NULL REFERENCES tally.experiments ON DELETE CASCADE,
    metric     text NOT NULL REFERENCES tally.experiment_metrics ON DELETE RESTRICT,
    place      int NOT NULL,
    unit_values int NOT NULL REFERENCES tally.rollups ON DELETE RESTRICT,
    cells      int NOT NULL REFERENCES tally.rollups ON DELETE RESTRICT,
    definition jsonb NOT NULL,
    PRIMARY KEY (experiment, metric)
);
COMMENT ON TABLE tally.experiment_cells IS 'The metrics of each experiment, and the rollups that hold their values. Metrics on one table share them.';
COMMENT ON COLUMN tally.experiment_cells.experiment IS 'The experiment.';
COMMENT ON COLUMN tally.experiment_cells.metric IS 'The metric.';
COMMENT ON COLUMN tally.experiment_cells.place IS 'Its number within the experiment, which ends the names of its columns (y_1, m_1).';
COMMENT ON COLUMN tally.experiment_cells.unit_values IS 'Rollup per unit with events near its exposure: its values after and before.';
COMMENT ON COLUMN tally.experiment_cells.cells IS 'Rollup over days on it: moments of those values by the day of first exposure, arm and dimensions.';
COMMENT ON COLUMN tally.experiment_cells.definition IS 'The metric as this experiment measures it, with window, delay and days of the covariate.';
