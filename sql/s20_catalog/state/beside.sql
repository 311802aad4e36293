-- Owns: which rollups per key read another rollup beside their source. State only.

CREATE TABLE tally.beside (
    rollup_id    int PRIMARY KEY REFERENCES tally.rollups ON DELETE CASCADE,
    beside_id    int NOT NULL REFERENCES tally.rollups ON DELETE RESTRICT,
    keys         text[] NOT NULL,
    only_column  text,
    only_value   text
);
COMMENT ON TABLE tally.beside IS
'Rollups per key whose definition reads, beside its source, another rollup per key: a change of a row there marks the key that the row names here.';
COMMENT ON COLUMN tally.beside.rollup_id IS 'The rollup that reads.';
COMMENT ON COLUMN tally.beside.beside_id IS 'The rollup that is read. In the definition it is called {beside}.';
COMMENT ON COLUMN tally.beside.keys IS 'The columns of the rollup that is read whose values are the key of the one that reads.';
COMMENT ON COLUMN tally.beside.only_column IS 'The dimension by which the definition chooses its rows there; null: it reads all.';
COMMENT ON COLUMN tally.beside.only_value IS 'The value of that dimension.';
