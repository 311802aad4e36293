-- Owns one promise: plpgsql_check finds no error in any PL/pgSQL function of the extension. One test for each function.
SELECT no_plan();

-- A trigger function is checked on a table that it stands on, else on this one.
CREATE TABLE any_source (event_time timestamptz, id bigint);

-- pg_cron lives in one database of a server only, and not in this one: what the schedule uses of it, by its signature.
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigint, schedule text, command text, nodename text, nodeport int, database text, username text, active boolean, jobname name);
CREATE TABLE cron.job_run_details (jobid bigint, runid bigint, job_pid int, database text, username text, command text, status text,
                                   return_message text, start_time timestamptz, end_time timestamptz);
CREATE FUNCTION cron.schedule(job_name text, schedule text, command text) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
CREATE FUNCTION cron.unschedule(job_id bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';

-- Likewise pg_net, where Supabase has it.
CREATE SCHEMA net;
CREATE TABLE net._http_response (id bigint, status_code int, content_type text, headers jsonb, content text, timed_out boolean, error_msg text,
                                 created timestamptz);
CREATE FUNCTION net.http_post(url text, body jsonb, params jsonb, headers jsonb, timeout_milliseconds int) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';

-- Likewise Citus's list of tables.
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char", colocationid int, repmodel "char");
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, shardstate int, groupid int);
CREATE TABLE pg_catalog.pg_dist_node (nodename text, nodeport int, groupid int, noderole text);
CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
CREATE FUNCTION pg_catalog.shard_name(relation regclass, shard bigint) RETURNS text LANGUAGE sql STABLE AS 'SELECT NULL::text';
RESET allow_system_table_mods;

-- What functions make for a moment, to look at the type of an expression.
CREATE TEMP TABLE tally_probe ();
CREATE TEMP TABLE fresh (bucket timestamptz);
CREATE TEMP TABLE stale (bucket timestamptz);
CREATE TEMP VIEW tally_probe_view AS SELECT NULL::float8 AS value;

CREATE TEMP VIEW our_functions AS
SELECT p.oid, p.prorettype
  FROM pg_proc AS p
  JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
  JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'pg_tally' AND p.prorettype <> 'event_trigger'::regtype;

SELECT isnt_empty('SELECT * FROM our_functions', 'there are PL/pgSQL functions to check');

-- 55000 is the checker's way to say that it cannot know the columns of a record that EXECUTE fills.
SELECT is(
        (SELECT string_agg(format('line %s: %s [%s]', c.lineno, c.message, c.sqlstate), E'\n')
           FROM plpgsql_check_function_tb(f.oid, relid => CASE WHEN f.prorettype = 'trigger'::regtype
                                                               THEN COALESCE((SELECT min(g.tgrelid::oid)::regclass FROM pg_trigger AS g WHERE g.tgfoid = f.oid),
                                                                             'any_source'::regclass) ELSE 0 END) AS c
          WHERE c.level = 'error' AND c.sqlstate <> '55000'),
        NULL,
        format('plpgsql_check: %s', f.oid::regprocedure))
  FROM our_functions AS f
 ORDER BY f.oid::regprocedure::text;

-- Its version for PostgreSQL 17 cannot read a FOREACH over a constant array, which it then calls a syntax error.
SELECT is_empty($$SELECT f.oid::regprocedure FROM our_functions f JOIN pg_proc p ON p.oid = f.oid WHERE p.prosrc ~* 'FOREACH\s+\w+\s+IN\s+ARRAY\s+ARRAY\s*\['$$,
                'no FOREACH over a constant array: FOR … IN SELECT unnest(ARRAY[…])');

SELECT * FROM finish();
