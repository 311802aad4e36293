-- Owns: what packs are made of, as data. A pack is rows in these tables (sql/packs/<name>/), and sql/packs/install.sql runs them. A pack's
-- functions and triggers are steps among these rows. Only tally.installed_packs is state of the database; the rest comes with the extension.

CREATE TABLE tally.pack_list (
    name        text PRIMARY KEY,
    description text NOT NULL
);
COMMENT ON TABLE tally.pack_list IS 'The packs that come with this version of pg_tally.';
COMMENT ON COLUMN tally.pack_list.name IS 'Name, as install_pack() takes it.';
COMMENT ON COLUMN tally.pack_list.description IS 'What the pack answers.';

CREATE TABLE tally.pack_tables (
    pack        text NOT NULL REFERENCES tally.pack_list,
    relation    text NOT NULL,
    description text NOT NULL,
    indexes     text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (pack, relation)
);
COMMENT ON TABLE tally.pack_tables IS 'Source tables of each pack; made only where they are missing.';
COMMENT ON COLUMN tally.pack_tables.pack IS 'The pack.';
COMMENT ON COLUMN tally.pack_tables.relation IS 'Name of the table in the target schema.';
COMMENT ON COLUMN tally.pack_tables.description IS 'Becomes the COMMENT of a table that the pack makes.';
COMMENT ON COLUMN tally.pack_tables.indexes IS 'Statements that index a table that the pack makes; a table found there is left as it is.';

CREATE TABLE tally.pack_columns (
    pack        text NOT NULL,
    relation    text NOT NULL,
    ordinal     int NOT NULL,
    name        text NOT NULL,
    type        text NOT NULL,
    constraints text NOT NULL DEFAULT '',
    description text NOT NULL,
    identifier  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (pack, relation, name),
    FOREIGN KEY (pack, relation) REFERENCES tally.pack_tables
);
COMMENT ON TABLE tally.pack_columns IS 'Columns that a pack needs in its source tables.';
COMMENT ON COLUMN tally.pack_columns.pack IS 'The pack.';
COMMENT ON COLUMN tally.pack_columns.relation IS 'The source table.';
COMMENT ON COLUMN tally.pack_columns.ordinal IS 'Place in a table that the pack makes.';
COMMENT ON COLUMN tally.pack_columns.name IS 'Name of the column.';
COMMENT ON COLUMN tally.pack_columns.type IS 'Type of the column where the pack makes it; in a table found there another type of the same kind will do.';
COMMENT ON COLUMN tally.pack_columns.constraints IS 'What follows the type in CREATE TABLE, NOT NULL for example.';
COMMENT ON COLUMN tally.pack_columns.description IS 'Becomes the COMMENT of the column.';
COMMENT ON COLUMN tally.pack_columns.identifier IS 'Whether it only names something, so that any integer, uuid or text will do.';

CREATE TABLE tally.pack_steps (
    pack      text NOT NULL REFERENCES tally.pack_list,
    ordinal   int NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('rollup', 'metric', 'probe', 'threshold', 'task', 'view', 'table', 'function', 'trigger', 'rows',
                                            'board')),
    name      text NOT NULL,
    statement text NOT NULL,
    PRIMARY KEY (pack, ordinal)
);
COMMENT ON TABLE tally.pack_steps IS
'Statements that install each pack, in order; each may run twice. drop_pack() takes them back in reverse, by kind and name.';
COMMENT ON COLUMN tally.pack_steps.pack IS 'The pack.';
COMMENT ON COLUMN tally.pack_steps.ordinal IS 'Place in the order of installation.';
COMMENT ON COLUMN tally.pack_steps.kind IS
'rollup, metric, probe, threshold, task or board (a tally.create_… call), view, table, function, trigger, or rows (of a table of the pack).';
COMMENT ON COLUMN tally.pack_steps.name IS 'Name of what the step makes; for a function its name and argument types, for a trigger "name ON table".';
COMMENT ON COLUMN tally.pack_steps.statement IS 'The SQL, run by the installing role with the target schema as search_path.';

CREATE TABLE tally.installed_packs (
    pack          text PRIMARY KEY,
    owner         tally.role NOT NULL DEFAULT tally_internal._current_role(),
    target_schema name NOT NULL,
    version       text NOT NULL,
    installed_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tally.installed_packs IS 'Packs installed in this database, each once.';
COMMENT ON COLUMN tally.installed_packs.pack IS 'The pack.';
COMMENT ON COLUMN tally.installed_packs.owner IS 'Role that installed it and owns what it made.';
COMMENT ON COLUMN tally.installed_packs.target_schema IS 'Schema of its source tables, rollups and views.';
COMMENT ON COLUMN tally.installed_packs.version IS 'Version of pg_tally that it was installed by.';
COMMENT ON COLUMN tally.installed_packs.installed_at IS 'When it was last installed.';
