-- What every object of the extension owes its reader and its owner: a comment, a pinned search_path, no more rights than needed.
SELECT no_plan();
CREATE TEMP VIEW members AS
SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_tally';

SELECT cmp_ok((SELECT count(*) FROM members WHERE classid = 'pg_proc'::regclass), '>', 100::bigint, 'the inventory sees the extension''s functions');
SELECT is_empty($$SELECT p.oid::regprocedure FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    WHERE obj_description(p.oid, 'pg_proc') IS NULL$$, 'every function, procedure and aggregate has a comment');
SELECT is_empty($$SELECT c.oid::regclass FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
    WHERE c.relkind IN ('r', 'v', 'p') AND obj_description(c.oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT c.oid::regclass, a.attname FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'v', 'p') AND col_description(c.oid, a.attnum) IS NULL$$, 'every column has a comment');
SELECT is_empty($$SELECT t.oid::regtype FROM members m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typtype IN ('b', 'c', 'd', 'e', 'r') AND t.typelem = 0 AND (c.oid IS NULL OR c.relkind = 'c') AND obj_description(t.oid, 'pg_type') IS NULL$$,
        'every type has a comment');
SELECT is_empty($$SELECT c.oid::regclass FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
    WHERE c.relnamespace NOT IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
    UNION ALL SELECT p.oid::regprocedure::text::regclass FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
        WHERE p.pronamespace NOT IN ('tally'::regnamespace, 'tally_internal'::regnamespace)$$,
    'everything is in the schemas tally and tally_internal');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'tally'::regnamespace AND p.proname LIKE '\_%'
    AND p.proname <> '_in_window'$$, 'what begins with _ is in tally_internal');
SELECT is_empty($$SELECT p.oid::regprocedure FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    JOIN pg_language l ON l.oid = p.prolang
    WHERE p.prosecdef AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%')$$,
        'every SECURITY DEFINER function pins its search_path');
-- A procedure that commits may have no SET clause; _rows runs a query of its caller's by its caller's search_path. SQL one-liners are
-- qualified by hand so that they can be inlined.
SELECT is_empty($$SELECT p.oid::regprocedure FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    JOIN pg_language l ON l.oid = p.prolang
    WHERE l.lanname = 'plpgsql' AND p.prokind = 'f' AND p.proname NOT IN ('_rows', '_finish_relation')
      AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%')$$, 'every PL/pgSQL function pins its search_path');
SELECT is_empty($$SELECT c.oid::regclass FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
    WHERE c.relkind = 'r' AND NOT c.relrowsecurity AND (has_table_privilege('public', c.oid, 'INSERT') OR has_table_privilege('public', c.oid, 'UPDATE')
        OR has_table_privilege('public', c.oid, 'DELETE'))$$,
    'nobody writes a table that has no row level security');
SELECT is_empty($$SELECT c.oid::regclass FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
    JOIN pg_extension e ON e.extname = 'pg_tally' WHERE c.relkind IN ('r', 'S') AND NOT c.oid = ANY (e.extconfig)
      AND c.relname NOT IN ('refresh_locks', 'silence_anchors', 'feed_marks')$$,
    'pg_dump keeps every table and sequence, but for what CREATE EXTENSION or a trigger fills, and marks that name transactions of this server');
SELECT ok(NOT has_function_privilege('public', 'tally.run_as(regrole, text, text, int, text)', 'EXECUTE') AND NOT has_function_privilege('public',
    'tally.run_as(regrole, text, text, int, text, "any")', 'EXECUTE'), 'run_as is for the engine only');
SELECT * FROM finish();
