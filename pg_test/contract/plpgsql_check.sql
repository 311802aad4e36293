-- Owns one promise: plpgsql_check finds no error in any PL/pgSQL function of the extension. One test for each function.
SELECT no_plan();

-- A trigger function is checked as if it stood on this table.
CREATE TABLE any_source (event_time timestamptz, id bigint);

CREATE TEMP VIEW our_functions AS
SELECT p.oid, p.prorettype
  FROM pg_proc AS p
  JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
  JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'pg_tally' AND p.prorettype <> 'event_trigger'::regtype;

SELECT isnt_empty('SELECT * FROM our_functions', 'there are PL/pgSQL functions to check');

SELECT is(
        (SELECT string_agg(format('line %s: %s [%s]', c.lineno, c.message, c.sqlstate), E'\n')
           FROM plpgsql_check_function_tb(f.oid, relid => CASE WHEN f.prorettype = 'trigger'::regtype
                                                               THEN 'any_source'::regclass ELSE 0 END) AS c
          WHERE c.level = 'error'),
        NULL,
        format('plpgsql_check: %s', f.oid::regprocedure))
  FROM our_functions AS f
 ORDER BY f.oid::regprocedure::text;

SELECT * FROM finish();
