-- Owns: which tables are copies of what other servers hold, and by which relation one reads those servers now.

CREATE TABLE tally.faces (
    source  regclass PRIMARY KEY,
    face    regclass NOT NULL,
    rule    text NOT NULL,
    members regclass[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE tally.faces IS 'Tables with copies of rows of other servers. The live views of rollups on such a table read its face instead.';
COMMENT ON COLUMN tally.faces.source IS 'The table with the copies, as of the last pull.';
COMMENT ON COLUMN tally.faces.face IS 'The view with the same columns that reads the other servers now.';
COMMENT ON COLUMN tally.faces.rule IS 'The bucket rule by which the copies have their column bucket.';
COMMENT ON COLUMN tally.faces.members IS 'The foreign tables that the face unites, one of each server.';
