-- Owns: for which columns of sources definitions need a pseudonym. State only.

CREATE TABLE tally.pseudonyms (
    source      regclass NOT NULL,
    column_name text NOT NULL,
    owner       tally.role NOT NULL DEFAULT tally_internal._current_role(),
    required_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, column_name)
);
COMMENT ON TABLE tally.pseudonyms IS
'Columns that name people: no definition on their table may keep their values (as a dimension, a key, in topk) but by tally.pseudonym(). require_pseudonym().';
COMMENT ON COLUMN tally.pseudonyms.source IS 'The table.';
COMMENT ON COLUMN tally.pseudonyms.column_name IS 'Its column.';
COMMENT ON COLUMN tally.pseudonyms.owner IS 'Role that asks for it.';
COMMENT ON COLUMN tally.pseudonyms.required_at IS 'Since when. What was defined before stays.';
