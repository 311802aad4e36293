-- Owns: who is calling, in SQL. A ticket is a row that only the caller could write: the column "role" takes the current user by default, and nobody may
-- write that column himself. Where nothing can be written (a read-only transaction) the ticket is the caller's number, and counts only where the session
-- itself speaks as that role.

CREATE UNLOGGED TABLE IF NOT EXISTS tally_internal.tickets (
    ticket  bigint PRIMARY KEY,
    role    name NOT NULL DEFAULT current_user,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE tally_internal.tickets IS 'Tickets that prove who calls a function. Each is redeemed in the transaction that drew it.';
COMMENT ON COLUMN tally_internal.tickets.ticket IS 'A random number.';
COMMENT ON COLUMN tally_internal.tickets.role IS 'Who drew it. PostgreSQL writes it; nobody may.';
COMMENT ON COLUMN tally_internal.tickets.made_at IS 'When.';
REVOKE ALL ON tally_internal.tickets FROM PUBLIC;
GRANT INSERT (ticket) ON tally_internal.tickets TO PUBLIC;
ALTER TABLE tally_internal.tickets ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS everyone_draws ON tally_internal.tickets;
CREATE POLICY everyone_draws ON tally_internal.tickets FOR INSERT WITH CHECK (role = current_user);

CREATE OR REPLACE FUNCTION tally_internal._current_role() RETURNS regrole
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT r.oid::regrole FROM pg_roles r WHERE r.rolname = current_user $$;

CREATE OR REPLACE FUNCTION tally_internal._outer_role() RETURNS regrole
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.oid::regrole FROM pg_roles r WHERE r.rolname = COALESCE(NULLIF(current_setting('role'), 'none'), session_user)
$$;
COMMENT ON FUNCTION tally_internal._outer_role() IS 'The role that the session speaks as, whatever functions run in between.';

CREATE OR REPLACE FUNCTION tally_internal._me() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
DECLARE
    -- 60 bits of chance; 0 and less mean a role's number.
    drawn bigint := ('x' || left(replace(gen_random_uuid()::text, '-', ''), 8))::bit(32)::bigint * 268435456
                    + ('x' || right(gen_random_uuid()::text, 7))::bit(28)::int + 1;
BEGIN
    IF current_setting('transaction_read_only') = 'on' THEN RETURN -tally_internal._current_role()::oid::bigint; END IF;
    INSERT INTO tally_internal.tickets (ticket) VALUES (drawn);
    RETURN drawn;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._redeem(ticket bigint) RETURNS regrole
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    drawer regrole;
BEGIN
    IF ticket <= 0 AND current_setting('transaction_read_only') = 'on' THEN
        drawer := tally_internal._outer_role();
        IF -ticket = drawer::oid::bigint THEN RETURN drawer; END IF;
    ELSE
        DELETE FROM tally_internal.tickets t WHERE t.ticket = $1 RETURNING (SELECT r.oid::regrole FROM pg_roles r WHERE r.rolname = t.role) INTO drawer;
        IF drawer IS NOT NULL THEN RETURN drawer; END IF;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'the ticket proves nobody',
        DETAIL = 'A ticket is good once, in the transaction that drew it.', HINT = 'Leave the argument who out.';
END $$;

CREATE OR REPLACE FUNCTION tally_internal._caller_path() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What search_path was outside of the engine's functions, which pin their own, nobody can ask. So there is a setting of our own.
    RETURN COALESCE(NULLIF(current_setting('tally.search_path', true), ''), (SELECT s.reset_val FROM pg_settings s WHERE s.name = 'search_path'));
END $$;

CREATE OR REPLACE FUNCTION tally_internal._path_said(schema text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- The setting holds text: a name in quotes keeps them.
    SELECT 'tally.search_path = ' || CASE quote_ident(schema) WHEN schema THEN schema ELSE quote_literal(quote_ident(schema)) END
$$;

CREATE OR REPLACE FUNCTION tally_internal._look_along(path text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text := COALESCE(current_setting('tally.search_path', true), '');
BEGIN
    PERFORM set_config('tally.search_path', COALESCE(path, ''), true);
    RETURN was;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._is_part(class oid, object oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE class
        WHEN 'pg_proc'::regclass THEN EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                                               WHERE p.oid = object AND n.nspname IN ('tally', 'tally_internal') AND p.proowner = n.nspowner)
        WHEN 'pg_operator'::regclass THEN EXISTS (SELECT FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
                                                   WHERE o.oid = object AND n.nspname IN ('tally', 'tally_internal') AND o.oprowner = n.nspowner)
        WHEN 'pg_type'::regclass THEN EXISTS (SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
                                               WHERE t.oid = object AND n.nspname IN ('tally', 'tally_internal') AND t.typowner = n.nspowner AND NOT EXISTS (
                                                     SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c'))
        ELSE false END
$$;

CREATE OR REPLACE FUNCTION tally_internal._is_trusted(role oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- Whoever calls pg_tally runs functions of the role that installed it, which can replace them. One more of its functions gives it no more.
    SELECT EXISTS (SELECT FROM pg_roles o WHERE o.oid = role AND o.rolsuper)
        OR EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = 'tally' AND n.nspowner = role)
$$;

CREATE OR REPLACE FUNCTION tally_internal._installed_version() RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT '@VERSION@'::text $$;
