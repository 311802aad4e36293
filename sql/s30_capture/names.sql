-- Owns: what objects were called before an ALTER, and what they are called after it. PostgreSQL tells an event trigger which object was altered, and not
-- what its name was. So the names of all that definitions use are noted before.

CREATE OR REPLACE FUNCTION tally_internal._named(class oid, object oid, OUT schema text, OUT name text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT n.nspname, x.name INTO schema, name
      FROM (SELECT c.relnamespace, c.relname::text FROM pg_class c WHERE $1 = 'pg_class'::regclass AND c.oid = $2
            UNION ALL SELECT p.pronamespace, p.proname FROM pg_proc p WHERE $1 = 'pg_proc'::regclass AND p.oid = $2
            UNION ALL SELECT o.oprnamespace, o.oprname FROM pg_operator o WHERE $1 = 'pg_operator'::regclass AND o.oid = $2
            UNION ALL SELECT t.typnamespace, t.typname FROM pg_type t WHERE $1 = 'pg_type'::regclass AND t.oid = $2
            UNION ALL SELECT l.collnamespace, l.collname FROM pg_collation l WHERE $1 = 'pg_collation'::regclass AND l.oid = $2) x(place, name)
      JOIN pg_namespace n ON n.oid = x.place;
END $$;
COMMENT ON FUNCTION tally_internal._named(oid, oid) IS 'The schema and name of an object that SQL text can name.';

CREATE OR REPLACE FUNCTION tally_internal._noted(classes oid[], objects oid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN (SELECT jsonb_build_object(
        'names', (SELECT COALESCE(jsonb_agg(jsonb_build_array(o.class::bigint, o.object::bigint, n.schema, n.name)), '[]')
                    FROM unnest(classes, objects) o(class, object), tally_internal._named(o.class, o.object) n
                   WHERE n.schema NOT IN ('pg_catalog', 'tally', 'tally_internal')),
        'labels', (SELECT COALESCE(jsonb_object_agg(e.oid, e.enumlabel), '{}') FROM pg_enum e
                    WHERE e.enumtypid IN (SELECT o.object FROM unnest(classes, objects) o(class, object) WHERE o.class = 'pg_type'::regclass))));
END $$;
COMMENT ON FUNCTION tally_internal._noted(oid[], oid[]) IS
'Objects with schemas and names as they are now, and the labels of enums among them; without what PostgreSQL and pg_tally own, which nobody renames.';

CREATE OR REPLACE FUNCTION tally_internal._note_names() RETURNS jsonb
-- Compiling it would take longer than running it, and so would planning it anew for each ALTER of a session.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN (WITH RECURSIVE used(class, object) AS (
        SELECT 'pg_class'::regclass::oid, r.source::oid FROM tally.rollups r
        UNION SELECT d.refclassid, d.refobjid
          FROM tally_internal._announce('views_asked') v JOIN pg_rewrite w ON w.ev_class = v::oid
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
           AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_collation'::regclass)
        -- An array is written by the type of its elements, and a cast to a type may be known by its function alone.
        UNION SELECT x.class, x.object FROM used u
              CROSS JOIN LATERAL (SELECT d.refclassid, d.refobjid FROM pg_depend d WHERE u.class = 'pg_type'::regclass AND d.classid = u.class
                                     AND d.objid = u.object AND d.refclassid = 'pg_type'::regclass
                                  UNION ALL SELECT 'pg_type'::regclass, p.prorettype FROM pg_proc p WHERE u.class = 'pg_proc'::regclass AND p.oid = u.object
                                     AND p.prorettype >= 16384) x(class, object)
    )
    SELECT tally_internal._noted(array_agg(u.class), array_agg(u.object)) FROM used u);
END $$;
COMMENT ON FUNCTION tally_internal._note_names() IS
'What definitions use, with schemas and names as they are now (sources, functions, operators, types, collations), and the labels of enums among it.';

CREATE OR REPLACE FUNCTION tally_internal._note_asked() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN (WITH asked AS MATERIALIZED (SELECT DISTINCT (a::jsonb ->> 'class')::oid AS class, (a::jsonb ->> 'object')::oid AS object
                                          FROM tally_internal._announce('names_asked') a)
    SELECT (SELECT tally_internal._noted(array_agg(a.class), array_agg(a.object)) FROM asked a) || jsonb_build_object(
        'columns', (SELECT COALESCE(jsonb_agg(jsonb_build_array(a.object::bigint, c.attnum, c.attname)), '[]')
                      FROM asked a JOIN pg_attribute c ON a.class = 'pg_class'::regclass AND c.attrelid = a.object AND c.attnum > 0 AND NOT c.attisdropped))
      WHERE EXISTS (SELECT FROM asked));
END $$;
COMMENT ON FUNCTION tally_internal._note_asked() IS
'What texts may mean that no view is made of, with the names as they are now: objects, labels of enums and columns; null where there are no such texts.';

CREATE OR REPLACE FUNCTION tally_internal._names_changed(noted jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('class', x.class, 'object', x.object, 'kind', x.kind, 'was', x.was, 'becomes', x.becomes,
                                        'name', x.name, 'schema', x.schema))
      FROM (SELECT (o ->> 0)::oid::bigint AS class, (o ->> 1)::oid::bigint AS object, o ->> 2 AS schema, n.name, c.*
              FROM jsonb_array_elements(noted -> 'names') o
              CROSS JOIN LATERAL tally_internal._named((o ->> 0)::oid, (o ->> 1)::oid) n
              CROSS JOIN LATERAL (VALUES ('object', o ->> 3, n.name), ('moved', o ->> 2, n.schema)) c(kind, was, becomes)
             WHERE c.was <> c.becomes
            UNION ALL
            SELECT 'pg_type'::regclass::oid::bigint, e.enumtypid::bigint, NULL, NULL, 'label', l.value, e.enumlabel
              FROM jsonb_each_text(noted -> 'labels') l JOIN pg_enum e ON e.oid = l.key::oid WHERE e.enumlabel <> l.value
            UNION ALL
            SELECT 'pg_class'::regclass::oid::bigint, a.attrelid::bigint, NULL, NULL, 'column', o ->> 2, a.attname
              FROM jsonb_array_elements(noted -> 'columns') o
              JOIN pg_attribute a ON a.attrelid = (o ->> 0)::oid AND a.attnum = (o ->> 1)::smallint AND NOT a.attisdropped AND a.attname <> o ->> 2) x);
END $$;
COMMENT ON FUNCTION tally_internal._names_changed(jsonb) IS
'What has another name, schema or label than was noted, as changes: class, object, kind (object, moved, label, column), was, becomes; null where nothing has.';
REVOKE ALL ON FUNCTION tally_internal._named(oid, oid), tally_internal._noted(oid[], oid[]), tally_internal._note_names(), tally_internal._note_asked(),
    tally_internal._names_changed(jsonb) FROM PUBLIC;
