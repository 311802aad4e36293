-- Owns: row security. A rollup computes with its owner's rights, and a live view reads with them. So a policy that hides source rows from
-- the owner would give partial numbers; it is refused. And a policy on the rollup's own table would not hold for readers of a view on it;
-- they get an error that says where to read instead.

CREATE OR REPLACE FUNCTION tally_internal._row_security(reader oid, relation regclass) RETURNS boolean
-- Thresholds and dashboards ask it for every answer, so it is PL/pgSQL, which keeps its plan, and looks at the table first.
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relrowsecurity) THEN RETURN false; END IF;
    -- The same as row_security_active(), for any role.
    RETURN EXISTS (SELECT FROM pg_class c JOIN pg_roles o ON o.oid = reader
                    WHERE c.oid = relation AND NOT o.rolsuper AND NOT o.rolbypassrls
                        AND (c.relforcerowsecurity OR NOT tally_internal._has_rights(reader, c.relowner)));
END $$;
COMMENT ON FUNCTION tally_internal._row_security(oid, regclass) IS 'Whether the row security of a table applies to a role.';

CREATE OR REPLACE FUNCTION tally_internal._hides_rows(reader oid, relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Every row is seen where one permissive policy says true and each restrictive one does. Any other policy may depend on the
    -- session, the clock or another table, or change tomorrow without a mark on what it hid.
    SELECT tally_internal._row_security(reader, relation)
       AND NOT (SELECT COALESCE(bool_or(p.polpermissive), false)
                AND COALESCE(bool_and(pg_get_expr(p.polqual, p.polrelid) = 'true') FILTER (WHERE NOT p.polpermissive), true)
                       AND bool_or(p.polpermissive AND pg_get_expr(p.polqual, p.polrelid) = 'true')
                  FROM pg_policy p WHERE p.polrelid = relation AND p.polcmd IN ('r', '*')
                   AND EXISTS (SELECT FROM unnest(p.polroles) g WHERE g = 0 OR tally_internal._has_rights(reader, g)))
$$;
COMMENT ON FUNCTION tally_internal._hides_rows(oid, regclass) IS
'Whether the row security of a table may hide rows from a role: it applies, and the policies for reading are not plainly true.';

CREATE OR REPLACE FUNCTION tally_internal._row_security_fault(r tally.rollups, OUT sqlstate text, OUT message text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Status asks this of every rollup, so the quick check comes first. As a rule it is enough.
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid IN (r.source, r.relation) AND c.relrowsecurity) THEN RETURN; END IF;
    IF tally_internal._hides_rows(r.owner, r.source) THEN
        sqlstate := '42501';
        message := format('row security of %s may hide rows from %s, the owner of rollup %L, so its numbers would be partial', r.source, r.owner, r.name);
        hint := format('CREATE POLICY %I ON %s FOR SELECT TO %s USING (true);', left(r.name, 40) || '_reads_all', r.source, r.owner);
    ELSIF tally_internal._row_security(r.owner, r.relation) THEN
        sqlstate := '42501';
        message := format('row security is forced on %s for its owner too, so a refresh would not see the rows that it has to change', r.relation);
        hint := format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY;', r.relation);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._row_security_fault(tally.rollups) IS
'The fault of a rollup whose owner does not see all rows of its source or of its own table; nulls where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._live_gate(relation regclass, source regclass, defined boolean) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF defined AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid IN (relation, source) AND c.relrowsecurity) THEN
        -- As a rule no table has row security, and a page asks this a hundred times.
        RETURN true;
    ELSIF row_security_active(relation) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('row security of %s applies to %I, and a view with the rights of its owner cannot apply it', relation, current_user),
            'The table itself applies it: it holds the rows as of the last refresh.',
            format('SELECT * FROM %s;', relation));
    ELSIF NOT defined THEN
        PERFORM tally_internal._refuse('undefined_object',
            format('the definition behind the live view of %s is gone, so nothing says which of its rows are current', relation),
            'tally.rollups has no rollup with this table. This is so after a restore without the data of schema tally.',
            format('SELECT * FROM %s;  -- the rows as they were last computed; then create the rollup anew', relation));
    ELSIF source IS NOT NULL AND tally_internal._hides_rows((SELECT c.relowner FROM pg_class c WHERE c.oid = relation), source) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('row security of %s may hide rows from the owner of %s, so its numbers would be partial', source, relation),
            'Row security came to the source after the rollup was defined.',
            format('CREATE POLICY reads_all ON %s FOR SELECT TO %s USING (true);', source,
                          (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = relation)));
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._live_gate(regclass, regclass, boolean) IS
'Always true, or an error: for the reader of a view on a rollup''s table to whom the table''s row security applies, for a live view whose definition is '
    'gone, and for one whose owner does not see all of the source. Views call it once per part of the query, not per row.';

CREATE OR REPLACE FUNCTION tally_internal._gate_sql(r tally.rollups) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The catalogue is read here, with the rights of the view's owner: its readers may have none in schema tally.
    RETURN format('(SELECT tally_internal._live_gate(%1$L::pg_catalog.regclass, %2$L::pg_catalog.regclass, EXISTS (SELECT FROM tally.rollups x WHERE x.id = '
        '%3$s AND x.relation = %1$L::pg_catalog.regclass)))', r.relation::text, r.source::text, r.id);
END $$;
COMMENT ON FUNCTION tally_internal._gate_sql(tally.rollups) IS
'SQL text of the condition that each part of a live view begins with: tally_internal._live_gate(), once per query.';

CREATE OR REPLACE FUNCTION tally_internal._flat_gate_sql(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('(SELECT tally_internal._live_gate(%L::pg_catalog.regclass, NULL, true))', relation::text)
$$;
COMMENT ON FUNCTION tally_internal._flat_gate_sql(regclass) IS
'SQL text of the condition of a view on a rollup''s stored rows: an error for a reader to whom the table''s row security applies.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_lost_live(r tally.rollups) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view) THEN
        PERFORM tally_internal._refuse('undefined_table', format('the live view of rollup %L is gone, so there are no exact numbers now', r.name),
            'You can read the stored rows with live => false.',
            format('SELECT tally.repair(%L);', tally_internal._called(r)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_lost_live(tally.rollups) IS 'An error with the statement to run where a rollup has no live view any more.';

CREATE OR REPLACE FUNCTION tally_internal._live_for_reader(r tally.rollups) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A policy holds for the table only, so a reader to whom one applies reads the table.
    IF row_security_active(r.relation) THEN RETURN r.relation; END IF;
    PERFORM tally_internal._refuse_lost_live(r);
    RETURN r.live_view;
END $$;
COMMENT ON FUNCTION tally_internal._live_for_reader(tally.rollups) IS
'What the current role reads of a rollup for exact numbers: its live view, or its table where row security applies to the role.';

CREATE OR REPLACE FUNCTION tally_internal._taken_away(relation regclass) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The sequence of an identity column has rights of its own.
    SELECT DISTINCT format('REVOKE ALL ON %s%s FROM %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END, c.oid::regclass,
                           COALESCE(quote_ident(g.rolname), 'PUBLIC'))
      FROM pg_class c, aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
     WHERE a.grantee <> c.relowner AND (c.oid = relation OR c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d
           WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
             AND d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.deptype IN ('a', 'i')))
$$;
COMMENT ON FUNCTION tally_internal._taken_away(regclass) IS
'The statements that take from everybody but the owner what is granted on a relation and its sequences.';

CREATE OR REPLACE FUNCTION tally_internal._owner_only(made text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item text;
BEGIN
    -- A platform's default privileges may grant every new object in a schema to many roles, who could then read, change and empty it.
    FOR item IN SELECT x FROM tally_internal._taken_away(made::regclass) x LOOP
        EXECUTE item;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._owner_only(text) IS
'Takes from everybody but the owner what default privileges have granted on a relation that was made this moment; with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._plain_calls(made regprocedure) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item text;
BEGIN
    -- PUBLIC stays: PostgreSQL asks each reader of a view for the right to call what is in it, and such functions have the caller's rights, or
    -- ask who calls.
    FOR item IN SELECT DISTINCT format('REVOKE ALL ON FUNCTION %s FROM %I', made, g.rolname)
                  FROM pg_proc p, aclexplode(p.proacl) a JOIN pg_roles g ON g.oid = a.grantee WHERE p.oid = made AND a.grantee <> p.proowner LOOP
        EXECUTE item;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._plain_calls(regprocedure) IS
'Takes from every role but the owner what default privileges have granted on a function that was made this moment; with the caller''s rights.';
