-- Owns: the state of packs: which there are, what they are made of, and where they are installed. The rows of packs that come with the extension
-- are made anew by every version (sql/packs/packs.sql); those that somebody has registered are that role's.

CREATE TABLE tally.pack_list (
    name        text PRIMARY KEY CHECK (name <> ''),
    description text NOT NULL,
    owner       tally.role
);
COMMENT ON TABLE tally.pack_list IS 'The packs that there are: those that come with this version of pg_tally, and those that were registered.';
COMMENT ON COLUMN tally.pack_list.name IS 'Name, as install_pack() takes it.';
COMMENT ON COLUMN tally.pack_list.description IS 'What the pack answers.';
COMMENT ON COLUMN tally.pack_list.owner IS 'Role that registered it; null: it comes with pg_tally.';

CREATE TABLE tally.pack_columns (
    pack       text NOT NULL REFERENCES tally.pack_list ON DELETE CASCADE,
    relation   text NOT NULL,
    ordinal    int NOT NULL,
    name       text NOT NULL,
    type       text NOT NULL,
    identifier boolean NOT NULL DEFAULT false,
    PRIMARY KEY (pack, relation, name)
);
COMMENT ON TABLE tally.pack_columns IS 'Columns that a pack needs in its source tables: those of its steps of kind source, but for identity columns.';
COMMENT ON COLUMN tally.pack_columns.pack IS 'The pack.';
COMMENT ON COLUMN tally.pack_columns.relation IS 'The source table.';
COMMENT ON COLUMN tally.pack_columns.ordinal IS 'Place in a table that the pack makes.';
COMMENT ON COLUMN tally.pack_columns.name IS 'Name of the column.';
COMMENT ON COLUMN tally.pack_columns.type IS 'Type of the column where the pack makes it; in a table found there another type of the same kind will do.';
COMMENT ON COLUMN tally.pack_columns.identifier IS 'Whether it only names something, so that any integer, uuid or text will do.';

CREATE TABLE tally.pack_steps (
    pack      text NOT NULL REFERENCES tally.pack_list ON DELETE CASCADE,
    ordinal   int NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('source', 'index', 'table', 'rows', 'rollup', 'metric', 'probe', 'threshold', 'task', 'board', 'view',
                                            'function', 'trigger')),
    name      text NOT NULL,
    statement text NOT NULL,
    file      text NOT NULL,
    PRIMARY KEY (pack, ordinal)
);
COMMENT ON TABLE tally.pack_steps IS
'Statements that install each pack, in order; each may run twice. drop_pack() takes them back in reverse, by kind and name.';
COMMENT ON COLUMN tally.pack_steps.pack IS 'The pack.';
COMMENT ON COLUMN tally.pack_steps.ordinal IS 'Place in the order of installation.';
COMMENT ON COLUMN tally.pack_steps.kind IS
'source (a table that may be there already), index (of a source), table, rows (of a table of the pack), rollup, metric, probe, threshold, task or board '
    '(a tally.create_… call), view, function or trigger.';
COMMENT ON COLUMN tally.pack_steps.name IS
'Name of what the step makes; for a function its name and argument types, for an index or trigger "name ON table".';
COMMENT ON COLUMN tally.pack_steps.statement IS 'The SQL, run by the installing role with the target schema as search_path.';
COMMENT ON COLUMN tally.pack_steps.file IS 'The file of the pack that the step stands in.';

CREATE TABLE tally.installed_packs (
    pack          text NOT NULL,
    owner         tally.role NOT NULL DEFAULT tally_internal._current_role(),
    target_schema name NOT NULL,
    version       text NOT NULL,
    installed_at  timestamptz NOT NULL DEFAULT now(),
    zone          text,
    fingerprint   text,
    made          jsonb,
    PRIMARY KEY (pack, target_schema)
);
COMMENT ON TABLE tally.installed_packs IS 'Packs installed in this database, each once in a schema.';
COMMENT ON COLUMN tally.installed_packs.pack IS 'The pack.';
COMMENT ON COLUMN tally.installed_packs.owner IS 'Role that installed it and owns what it made.';
COMMENT ON COLUMN tally.installed_packs.target_schema IS 'Schema of its source tables, rollups and views.';
COMMENT ON COLUMN tally.installed_packs.version IS 'Version of pg_tally that it was installed by.';
COMMENT ON COLUMN tally.installed_packs.installed_at IS 'When it was last installed.';
COMMENT ON COLUMN tally.installed_packs.zone IS 'Time zone of its days and weeks; null where 0.1.0 installed it: that of its rollups.';
COMMENT ON COLUMN tally.installed_packs.fingerprint IS 'Hash of the steps it was installed by; null: by 0.1.0.';
COMMENT ON COLUMN tally.installed_packs.made IS 'What the installation made: a list of [kind, name] in order; null: what the steps say.';
