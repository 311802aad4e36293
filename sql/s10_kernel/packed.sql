-- Owns: packed keys. PostgreSQL hashes and compares each column of GROUP BY by itself, for each row; a packed key is hashed and compared once for all of them.

CREATE OR REPLACE FUNCTION tally_internal._packs_keys() RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT true $$;
COMMENT ON FUNCTION tally_internal._packs_keys() IS
'Whether the engine groups by packed keys, because this kernel packs them faster than PostgreSQL hashes and compares the texts one by one.';

CREATE OR REPLACE FUNCTION tally_internal._packed(a text, b text DEFAULT NULL, c text DEFAULT NULL, d text DEFAULT NULL, e text DEFAULT NULL,
                                                  f text DEFAULT NULL, g text DEFAULT NULL, h text DEFAULT NULL) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_packed';
COMMENT ON FUNCTION tally_internal._packed(text, text, text, text, text, text, text, text) IS
'Up to eight texts as one value. Two of them are equal where all texts are equal byte by byte, as text is under every deterministic collation; NULL is equal '
'to NULL alone. _unpacked() gives the texts again.';

CREATE OR REPLACE FUNCTION tally_internal._unpacked(key bytea, n int) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_unpacked';
COMMENT ON FUNCTION tally_internal._unpacked(bytea, int) IS 'The text of that number (from 1) in a value of _packed(). Other bytes are an error (22023).';
