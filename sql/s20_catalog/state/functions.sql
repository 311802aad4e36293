-- Owns: what the functions that definitions call did when they were last looked at. PostgreSQL replaces a function without a word to those
-- who call it.

CREATE TABLE tally.functions (
    function text PRIMARY KEY,
    meaning  text NOT NULL
);
COMMENT ON TABLE tally.functions IS
'Functions of users that definitions call, also through operators, aggregates and other functions, with what they were when they were last looked at: a '
    'function that is replaced changes values without a write.';
COMMENT ON COLUMN tally.functions.function IS 'The function, as SQL writes it.';
COMMENT ON COLUMN tally.functions.meaning IS 'A hash of its body, settings and parts.';
