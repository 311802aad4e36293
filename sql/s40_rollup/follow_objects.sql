-- Owns: rollups that follow an object when it is renamed or moves to another schema: a function, an operator, a type, a collation, the source, a
-- label of an enum. The live view holds all of them by their numbers. The definition is text, and a refresh finds them in it by their names.

CREATE OR REPLACE FUNCTION tally_internal._when_views_asked_s40(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT r.live_view::oid::text FROM tally.rollups r;
END $$;
COMMENT ON FUNCTION tally_internal._when_views_asked_s40(int, jsonb) IS 'Listener: the live views.';

CREATE OR REPLACE FUNCTION tally_internal._undone(changes jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(DISTINCT CASE c ->> 'kind'
               WHEN 'label' THEN format('ALTER TYPE %s RENAME VALUE %L TO %L;', (c ->> 'object')::oid::regtype, c ->> 'becomes', c ->> 'was')
               WHEN 'moved' THEN COALESCE((SELECT format('ALTER EXTENSION %I SET SCHEMA %I;', e.extname, c ->> 'was')
                                             FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
                                            WHERE d.classid = x.class AND d.objid = x.object AND d.deptype = 'e'),
                                          format('ALTER %s %s SET SCHEMA %I;', i.type, i.identity, c ->> 'was'))
               ELSE format('ALTER %s %s RENAME TO %I;', i.type, i.identity, c ->> 'was') END, ' ')
      FROM jsonb_array_elements(changes) c
      CROSS JOIN LATERAL (SELECT (c ->> 'class')::oid AS class, (c ->> 'object')::oid AS object) x
      LEFT JOIN LATERAL (SELECT upper(p.type) AS type, p.identity FROM pg_identify_object(x.class, x.object, 0) p WHERE c ->> 'kind' <> 'label') i ON true
$$;
COMMENT ON FUNCTION tally_internal._undone(jsonb) IS 'The statements that give objects the names and schemas again that they had before.';

CREATE OR REPLACE FUNCTION tally_internal._may_reach(owner regrole, changes jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Whoever may create there could have the definition's text call a function of his own, with the rights of its owner.
    SELECT NOT EXISTS (
        SELECT FROM jsonb_array_elements(changes) c JOIN pg_namespace n ON n.nspname = c ->> 'becomes'
          CROSS JOIN LATERAL aclexplode(COALESCE(n.nspacl, acldefault('n', n.nspowner))) a
         WHERE c ->> 'kind' = 'moved' AND a.privilege_type = 'CREATE' AND a.grantee <> 'pg_database_owner'::regrole
           AND (a.grantee = 0 OR NOT tally_internal._has_rights(a.grantee::regrole, owner)))
$$;
COMMENT ON FUNCTION tally_internal._may_reach(regrole, jsonb) IS
'Whether the search_path of an owner''s definition may reach the schemas that objects moved to: nobody without the owner''s rights may create in them.';

CREATE OR REPLACE FUNCTION tally_internal._follow_changes(r tally.rollups, changes jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    way    record;
    reason text;
BEGIN
    -- The text as it is may still say the same: the object may stand behind another, or be in every schema's reach. Then names follow, and last of all
    -- the search_path.
    FOR way IN SELECT * FROM (VALUES ('[]'::jsonb, false), (changes, false), (changes, true)) v
                WHERE NOT v.column2 OR tally_internal._may_reach(r.owner, changes) LOOP
        BEGIN
            PERFORM tally_internal._rename_in(r, way.column1, way.column2);
            RETURN;
        EXCEPTION WHEN OTHERS THEN
            reason := SQLERRM;
        END;
    END LOOP;
    RAISE WARNING USING MESSAGE = format('the definition of rollup %L does not follow what was renamed or moved: %s', r.name, reason),
        DETAIL = 'Its live view goes on with what it was made of. A refresh looks for everything under the old names.',
        HINT = tally_internal._undone(changes);
END $$;
COMMENT ON FUNCTION tally_internal._follow_changes(tally.rollups, jsonb) IS
'Makes a rollup''s definition follow objects that were renamed or moved, in the first way in which it reads the same as before; a WARNING where there is none.';
REVOKE ALL ON FUNCTION tally_internal._follow_changes(tally.rollups, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_objects_renamed_s40(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
    r    tally.rollups;
BEGIN
    -- All changes of a command at once, because one text may name several objects of an extension that moved.
    FOR item IN SELECT x.id, jsonb_agg(c.c ORDER BY c.n) AS changes
                  FROM jsonb_array_elements(detail) WITH ORDINALITY c(c, n)
                  CROSS JOIN LATERAL (SELECT s.id FROM tally.rollups s
                                       WHERE (c.c ->> 'class')::oid = 'pg_class'::regclass AND s.source = (c.c ->> 'object')::oid
                                      UNION SELECT u FROM tally_internal._users_of((c.c ->> 'class')::oid, (c.c ->> 'object')::oid) u) u
                  JOIN tally.rollups x ON x.id = u.id
                 -- A source that the text does not name is known by its number alone.
                 WHERE (c.c ->> 'class')::oid <> 'pg_class'::regclass OR tally_internal._mentions(x, c.c ->> 'was')
                 GROUP BY x.id ORDER BY x.id LOOP
        SELECT * INTO r FROM tally.rollups x WHERE x.id = item.id;
        PERFORM tally_internal._follow_changes(r, item.changes);
        PERFORM tally_internal._note_functions(r, r.live_view);
    END LOOP;
    PERFORM tally_internal._forget_functions();
END $$;
COMMENT ON FUNCTION tally_internal._when_objects_renamed_s40(int, jsonb) IS
'Listener: rollups follow functions, operators, types, collations, sources and labels of enums that were renamed or moved to another schema.';
REVOKE ALL ON FUNCTION tally_internal._when_objects_renamed_s40(int, jsonb) FROM PUBLIC;
