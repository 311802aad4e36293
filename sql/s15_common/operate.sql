-- Owns: who may run what acts for every owner: refreshes by schedule, evaluation, tasks, delivery, upkeep. Everybody may call these
-- entries, so that who may not is told in words. The right is a GRANT of the entry to a role; the one to PUBLIC gives no more than the words.

CREATE OR REPLACE FUNCTION tally_internal._may_operate(role regrole, VARIADIC entries regprocedure[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_proc p WHERE p.oid = ANY (entries::oid[])
                      AND (tally_internal._has_rights(role, p.proowner)
                           OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> 0
                                         AND tally_internal._has_rights(role, a.grantee))));
END $$;
COMMENT ON FUNCTION tally_internal._may_operate(regrole, regprocedure[]) IS
'Whether a role may run one of the entries that act for every owner: it has the rights of their owner, or of a role to which one was granted.';

CREATE OR REPLACE FUNCTION tally_internal._check_operator(role regrole, VARIADIC entries regprocedure[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tally_internal._may_operate(role, VARIADIC entries) THEN RETURN; END IF;
    PERFORM tally_internal._refuse('insufficient_privilege',
        format('%s acts for every owner, so only a superuser and roles to which it was granted may call it, got %s',
               split_part(entries[1]::text, '(', 1), role),
        format('Those are %s, and their members.', (SELECT string_agg(DISTINCT g::regrole::text, ', ') FROM pg_proc p, LATERAL (
                    SELECT p.proowner UNION SELECT a.grantee FROM aclexplode(p.proacl) a WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> 0) x(g)
                WHERE p.oid = entries[1])),
        format('GRANT EXECUTE ON ROUTINE %s TO %s;  -- by a superuser', entries[1], role));
END $$;
COMMENT ON FUNCTION tally_internal._check_operator(regrole, regprocedure[]) IS
'An error where a role may run none of the entries; it names the first, and who may.';

CREATE OR REPLACE FUNCTION tally_internal._check_role(role regrole, again text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = role::oid) THEN
        PERFORM tally_internal._refuse('undefined_object', format('rights can only be given to a role that exists, got %s', COALESCE(role::text, 'NULL')),
            'A name of digits alone is read as a number of a role, and one with capitals or signs is folded or not read: such names stand in double quotes.',
            again);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_role(regrole, text) IS 'An error where a number or NULL stands for no role; again is the statement to run instead.';
