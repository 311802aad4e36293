-- Owns: the schema of what is internal. `tally` holds what people use; `tally_internal` holds what its functions, views and types need.
-- CREATE SCHEMA fails where the schema is there already, so nobody can lay objects of his own into it beforehand.

CREATE SCHEMA tally_internal;
COMMENT ON SCHEMA tally_internal IS 'Functions that pg_tally itself calls. They may change with every version; what you may use is in the schema tally.';
