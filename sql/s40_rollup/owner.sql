-- Owns: whose a rollup is: what is wrong with its owner, and giving it to another role.

CREATE OR REPLACE FUNCTION tally_internal._owner_fault(r tally.rollups, OUT sqlstate text, OUT message text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder regrole := (SELECT c.relowner FROM pg_class c WHERE c.oid = r.relation);
    place  text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = r.owner) THEN
        SELECT '42704', format('the owner of the rollup is gone, so its definition runs with nobody''s rights; its table belongs to %s', holder),
               format('SELECT tally.set_owner(%L, %L);', tally_internal._called(r), holder) INTO sqlstate, message, hint;
        RETURN;
    END IF;
    SELECT c.oid::regclass::text, c.relowner INTO place, holder FROM pg_class c
     WHERE c.oid IN (r.relation, r.live_view) AND c.relowner <> r.owner::oid ORDER BY c.oid = r.relation DESC LIMIT 1;
    IF place IS NOT NULL THEN
        SELECT '42501', format('%s belongs to %s, and the rollup to %s, with whose rights it is refreshed', place, holder, r.owner),
               format('SELECT tally.set_owner(%L, %L);', tally_internal._called(r), holder) INTO sqlstate, message, hint;
        RETURN;
    END IF;
    IF NOT has_table_privilege(r.owner::oid, 'tally.identity_key', 'SELECT') AND EXISTS (SELECT FROM tally.keyed_rollups k WHERE k.rollup_id = r.id) THEN
        SELECT '42501', format('%s, the owner of the rollup, may not use the identity key, under which it counts people', r.owner),
               format('GRANT SELECT ON tally.identity_key TO %s;', r.owner) INTO sqlstate, message, hint;
        RETURN;
    END IF;
    SELECT string_agg(p, ', ' ORDER BY p) INTO place FROM unnest('{SELECT,TRIGGER}'::text[]) p
     WHERE NOT has_table_privilege(r.owner, r.source, p) AND NOT (p = 'SELECT' AND has_any_column_privilege(r.owner, r.source, p));
    IF place IS NOT NULL THEN
        SELECT '42501', format('%s, the owner of the rollup, lacks %s on %s', r.owner, place, r.source),
            format('GRANT %s ON %s TO %s;', place, r.source, r.owner) INTO sqlstate, message, hint;
        RETURN;
    END IF;
    SELECT n.nspname INTO place FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid IN (r.source, r.relation) AND NOT has_schema_privilege(r.owner, n.oid, 'USAGE') LIMIT 1;
    IF place IS NOT NULL THEN
        SELECT '42501', format('%s, the owner of the rollup, lacks USAGE on schema %I', r.owner, place),
            format('GRANT USAGE ON SCHEMA %I TO %s;', place, r.owner) INTO sqlstate, message, hint;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._owner_fault(tally.rollups) IS
'What is wrong with a rollup''s owner: it is gone, does not own its table and live view any more, or lacks rights. Nulls where nothing is wrong.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_fault(r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) THEN
        PERFORM tally_internal._refuse('undefined_table', format('rollup %L cannot be computed: its source is gone', r.name), 'What is stored stands as it is.',
            format('SELECT tally.drop_rollup(%L);', tally_internal._called(r)));
    END IF;
    SELECT * INTO fault FROM tally_internal._owner_fault(r) f WHERE f.sqlstate IS NOT NULL UNION ALL SELECT * FROM tally_internal._lost_column_fault(r) f
        WHERE f.sqlstate IS NOT NULL
    UNION ALL SELECT * FROM tally_internal._table_fault(r) f WHERE f.sqlstate IS NOT NULL
    UNION ALL SELECT * FROM tally_internal._row_security_fault(r) f WHERE f.sqlstate IS NOT NULL
    UNION ALL SELECT * FROM tally_internal._strange_source_fault(r) f WHERE f.sqlstate IS NOT NULL LIMIT 1;
    IF fault.sqlstate IS NOT NULL THEN
        PERFORM tally_internal._refuse(fault.sqlstate, format('rollup %L cannot be computed: %s', r.name, fault.message),
            'Nothing was changed; its marks wait.',
            fault.hint);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_fault(tally.rollups) IS
'An error with the statement to run where computing a rollup would fail, give partial numbers or read a stranger''s server: by its owner, its source, '
    'lost columns, what was done to its table, or row security.';

CREATE OR REPLACE FUNCTION tally_internal._lacking_statistics() RETURNS SETOF regclass
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT c.oid::regclass FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid
     WHERE s.stxname LIKE '%\_tally\_groups' AND c.reltuples > 0 AND s.oid NOT IN (SELECT tally_internal._statistics_filled())
       AND c.oid IN (SELECT r.source FROM tally.rollups r)
$$;
COMMENT ON FUNCTION tally_internal._lacking_statistics() IS
'Sources whose statistics on groups are empty although they have rows: pg_upgrade keeps none of that kind, and only ANALYZE fills them.';

CREATE OR REPLACE FUNCTION tally.set_owner(rollup text, owner regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r   tally.rollups := tally_internal._rollup(rollup);
    one int;
BEGIN
    PERFORM tally_internal._check_role(owner, format('SELECT tally.set_owner(%L, ''%I'');', tally_internal._called(r), current_user));
    -- A funnel or a retention is a pair of rollups, and one definition.
    FOR one IN SELECT x.id FROM tally.rollups x WHERE x.id = r.id
        OR x.id::text IN (SELECT p FROM tally_internal._announce('rollup_paired', r.id) p) ORDER BY x.id LOOP
        PERFORM tally_internal._give(one, owner);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.set_owner(text, regrole) IS
'Gives a rollup, with its table, views, statistics, metrics and marks, to another role. Its SQL runs with that role''s rights from now on. It repairs '
'what REASSIGN OWNED, ALTER TABLE … OWNER TO, DROP ROLE or a restore without the role leave behind. You need the rights of both roles; if the old owner '
'is gone, you need to be a superuser.';

CREATE OR REPLACE FUNCTION tally_internal._check_gift(r tally.rollups, taker regrole, caller regrole) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The rule is that of ALTER TABLE … OWNER TO: the giver must have the rights of the owner and of the taker. From now on the SQL runs with
    -- the new owner's rights.
    IF NOT (tally_internal._has_rights(caller, r.owner) AND tally_internal._has_rights(caller, taker)
            AND (EXISTS (SELECT FROM pg_roles o WHERE o.oid = r.owner) OR (SELECT o.rolsuper FROM pg_roles o WHERE o.oid = caller))) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('rollup %L can only be given from %s to %s by a role with the rights of both, or by a superuser; got %s', r.name, r.owner, taker, caller),
            'The definition''s SQL runs with the rights of its owner, so nobody gives it to a role without having that role''s rights.',
            format('GRANT %s TO %s;  -- or ask a superuser', taker, caller));
    END IF;
    PERFORM tally_internal._check_source_rights(r.source, taker, r.name);
END $$;
COMMENT ON FUNCTION tally_internal._check_gift(tally.rollups, regrole, regrole) IS
'An error where a caller may not give a rollup to a role, or that role lacks the rights that an owner needs.';

CREATE OR REPLACE FUNCTION tally_internal._holds(owner regrole, relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND (c.relowner = owner::oid OR NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = owner::oid)))
$$;
COMMENT ON FUNCTION tally_internal._holds(regrole, regclass) IS
'Whether a relation is still that of a definition''s owner: what the catalogue names by its name or number may be another role''s by now.';

CREATE OR REPLACE FUNCTION tally_internal._give_relation(relation regclass, taker regrole, giver regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind   "char";
    holder regrole;
BEGIN
    SELECT c.relkind, c.relowner INTO kind, holder FROM pg_class c WHERE c.oid = relation;
    IF holder = taker OR holder IS NULL THEN RETURN; END IF;
    -- The engine may change every owner, so it asks as ALTER TABLE … OWNER TO asks. That the catalogue names a relation is no right to it.
    IF NOT tally_internal._has_rights(giver, holder) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('%s belongs to %s, and %s, who gives it to %s, lacks the rights of that role', relation,
                holder, giver, taker),
            'The catalogue names it as a part of what is given.', format('ALTER %s %s OWNER TO %s;  -- by %s',
                CASE kind WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relation, taker, holder));
    END IF;
    EXECUTE format('ALTER %s %s OWNER TO %s', CASE kind WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relation, taker);
END $$;
COMMENT ON FUNCTION tally_internal._give_relation(regclass, regrole, regrole) IS
'Makes a relation another role''s, where the giver has the rights of the one that it belongs to; an error where not.';
REVOKE ALL ON FUNCTION tally_internal._give_relation(regclass, regrole, regrole) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._give(rollup_id int, taker regrole, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups;
BEGIN
    -- What a transaction that is still open stores for the rollup (FOR UPDATE waits for its foreign key) is given away with it.
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id FOR UPDATE;
    PERFORM tally_internal._check_gift(r, taker, caller);
    PERFORM tally_internal._lock(r.id, true);
    PERFORM tally_internal._give_relation(c.oid, taker, caller) FROM pg_class c WHERE c.relkind IN ('r', 'v') AND c.oid IN (r.relation, r.live_view);
    PERFORM tally_internal._give_statistics(r, taker, caller);
    UPDATE tally.rollups x SET owner = taker WHERE x.id = r.id;
    PERFORM tally_internal._announce('rollup_given', r.id, jsonb_build_object('taker', taker::oid::bigint, 'giver', caller::oid::bigint));
    UPDATE tally.source_retentions x SET owner = taker WHERE x.source = r.relation;
    IF r.key IS NOT NULL THEN
        EXECUTE format('GRANT SELECT ON tally.%I TO %s', tally_internal._marks_table(r.id), taker);
        IF EXISTS (SELECT FROM pg_roles o WHERE o.oid = r.owner AND o.oid <> taker::oid) THEN
            EXECUTE format('REVOKE ALL ON tally.%I FROM %s', tally_internal._marks_table(r.id), r.owner);
        END IF;
    END IF;
    PERFORM tally_internal._attach(r.source);
    -- Another role may see other rows of the source.
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason) VALUES (r.id, r.frozen_before, 'infinity', format('given to %s', taker));
END $$;
COMMENT ON FUNCTION tally_internal._give(int, regrole, bigint) IS
'Gives a rollup and what belongs to it to another role. The caller needs the rights of both. All history is marked, so that it is computed with the new '
'owner''s rights.';
