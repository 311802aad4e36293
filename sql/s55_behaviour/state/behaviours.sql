-- Owns: what is defined of behaviour: funnels and retentions, each a pair of rollups (a row per actor, and counts over time on
-- it) with views, and sessions (a row per actor, and a row per session on it). State only.

CREATE TABLE tally.behaviours (
    name       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('funnel', 'retention', 'sessions')),
    owner      tally.role NOT NULL DEFAULT tally_internal._current_role(),
    actors     int NOT NULL UNIQUE REFERENCES tally.rollups ON DELETE RESTRICT,
    counts     int PRIMARY KEY REFERENCES tally.rollups ON DELETE RESTRICT,
    definition jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX behaviours_name ON tally.behaviours (name);
COMMENT ON TABLE tally.behaviours IS 'One row per funnel, retention or sessions.';
COMMENT ON COLUMN tally.behaviours.name IS 'Its name, which is also that of the rollup with its counts. It is unique within the schema of that rollup.';
COMMENT ON COLUMN tally.behaviours.kind IS 'funnel, retention or sessions.';
COMMENT ON COLUMN tally.behaviours.owner IS 'Role that made it; its SQL runs with this role''s rights.';
COMMENT ON COLUMN tally.behaviours.actors IS 'Rollup per actor: the chain, the activity or the sessions of each.';
COMMENT ON COLUMN tally.behaviours.counts IS 'Rollup on it: over time, how many actors did what; or a row per session.';
COMMENT ON COLUMN tally.behaviours.definition IS 'What it was made of, as it was given.';
COMMENT ON COLUMN tally.behaviours.created_at IS 'When it was defined.';
