-- Owns: tally.role, the type of a definition's owner. It is what regrole is, but for a name that no role has: a restore on a
-- cluster that lacks one role keeps all definitions, those of that role as nobody's.

CREATE TYPE tally.role;
CREATE OR REPLACE FUNCTION tally_internal._role_in(cstring) RETURNS tally.role
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_role_in';
CREATE OR REPLACE FUNCTION tally_internal._role_out(tally.role) RETURNS cstring
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_role_out';
CREATE OR REPLACE FUNCTION tally_internal._role_recv(internal) RETURNS tally.role
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_role_recv';
CREATE OR REPLACE FUNCTION tally_internal._role_send(tally.role) RETURNS bytea
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_role_send';
CREATE TYPE tally.role (
    INPUT = tally_internal._role_in, OUTPUT = tally_internal._role_out, RECEIVE = tally_internal._role_recv, SEND = tally_internal._role_send,
    INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4
);
COMMENT ON TYPE tally.role IS
'A role by its number, which a rename does not change, written by its name; - is nobody: a role that is gone, or that was not there when a dump was restored.';
COMMENT ON FUNCTION tally_internal._role_in(cstring) IS 'Input of tally.role: a role''s name; a WARNING and nobody where there is no such role.';
COMMENT ON FUNCTION tally_internal._role_out(tally.role) IS 'Output of tally.role: the role''s name as SQL writes it, - where it is gone.';
COMMENT ON FUNCTION tally_internal._role_recv(internal) IS 'Binary input of tally.role: the name.';
COMMENT ON FUNCTION tally_internal._role_send(tally.role) IS 'Binary output of tally.role: the name.';

-- The number is the same, so that what takes a role by number or by regrole takes it.
CREATE CAST (tally.role AS oid) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (tally.role AS regrole) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (regrole AS tally.role) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (oid AS tally.role) WITHOUT FUNCTION AS ASSIGNMENT;
