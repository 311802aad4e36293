-- Owns the text of docs/reference.md: every public object of the schema tally, from the catalogue and its COMMENTs.
-- Run with psql -XAtq in a database that has pg_tally.
SET search_path = pg_catalog;
SELECT '# Reference

Every public function, procedure, aggregate, type, table and view of the schema `tally`, with what its COMMENT says. This page is made from the
catalogue by `make reference`; a test checks that it is current. `docs/kernel.md` tells the functions that Rust computes from the others.
';
WITH object AS (
    SELECT CASE p.prokind WHEN 'a' THEN 3 WHEN 'p' THEN 2 ELSE 1 END AS chapter, p.proname::text AS name,
           format('%s(%s)%s', p.proname, pg_get_function_arguments(p.oid),
                  CASE WHEN p.prokind <> 'p' AND pg_get_function_result(p.oid) <> 'record'
                       THEN ' → ' || pg_get_function_result(p.oid) ELSE '' END) AS signature,
           obj_description(p.oid, 'pg_proc') AS words, NULL::text AS columns
      FROM pg_proc p
     WHERE p.pronamespace = 'tally'::regnamespace AND p.proname !~ '^_' AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
       -- What a type needs for itself: input, output and the like, and the steps of aggregates. A person calls none of them.
       AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout))
       AND NOT EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn))
       AND NOT EXISTS (SELECT FROM pg_operator o WHERE o.oprcode = p.oid) AND NOT EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
    UNION ALL
    SELECT CASE c.relkind WHEN 'v' THEN 4 ELSE 5 END, c.relname, c.relname, obj_description(c.oid, 'pg_class'),
           (SELECT string_agg(format(E'- `%s` %s: %s', a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)), E'\n'
                              ORDER BY a.attnum)
              FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
      FROM pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname !~ '^_'
       AND EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                    WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND e.extname = 'pg_tally')
    UNION ALL
    SELECT 6, t.typname, t.typname, obj_description(t.oid, 'pg_type'), NULL FROM pg_type t
     WHERE t.typnamespace = 'tally'::regnamespace AND t.typtype IN ('b', 'd', 'e') AND t.typelem = 0 AND t.typname !~ '^_'
), chapter AS (SELECT * FROM (VALUES (1, 'Functions'), (2, 'Procedures'), (3, 'Aggregates'), (4, 'Views'), (5, 'Tables'), (6, 'Types')) c(number, title))
SELECT string_agg(text, E'\n\n' ORDER BY number)
  FROM (SELECT c.number, format(E'## %s\n\n', c.title) || string_agg(concat_ws(E'\n\n', format('**`%s`**', o.signature), o.words, o.columns), E'\n\n'
               ORDER BY o.name COLLATE "C", o.signature COLLATE "C") AS text
          FROM chapter c JOIN object o ON o.chapter = c.number GROUP BY c.number, c.title) s;
