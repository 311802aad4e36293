-- Attack 90: every function of tally that PUBLIC may execute, called by the attacker with hostile arguments: others' tables and numbers,
-- names with quotes, extreme intervals, dates and numbers; and every table and sequence of tally written in every way.
-- As it was (commit 382f689) 37 writes to eleven tables of the catalogue were done: seen by running this file there. Its calls of functions did not run there.
\ir prelude.psql
CREATE FUNCTION evil.value(type oid, turn int) RETURNS text LANGUAGE sql AS $$
    SELECT CASE
        WHEN type = 'boolean'::regtype THEN (ARRAY['true', 'false', 'NULL'])[turn]
        WHEN type IN ('int2'::regtype, 'int4'::regtype) THEN (ARRAY['1', '2', '-1'])[turn]
        WHEN type IN ('int8'::regtype, 'float8'::regtype, 'numeric'::regtype, 'float4'::regtype) THEN (ARRAY['1', '2000000000', '-1'])[turn]
        WHEN type IN ('text'::regtype, 'varchar'::regtype,
            'name'::regtype) THEN quote_literal((ARRAY['victim_hourly', 'victim_alert', 'x"; DROP TABLE public.treasure; --'])[turn])
        WHEN type = 'interval'::regtype THEN (ARRAY['interval ''1 hour''', 'interval ''178000000 years''', 'interval ''-1 mon 1 day'''])[turn]
        WHEN type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN format('%L::%s',
            (ARRAY['2026-03-01 00:00', '4713-01-01 BC', 'infinity'])[turn], type::regtype)
        WHEN type = 'regclass'::regtype THEN (ARRAY[(SELECT r.source::oid::text FROM tally.rollups r WHERE r.name = 'victim_hourly'), '1260',
            (SELECT r.relation::oid::text FROM tally.rollups r WHERE r.name = 'root_hourly')])[turn] || '::oid::regclass'
        WHEN type IN ('regrole'::regtype, 'tally.role'::regtype) THEN (ARRAY['10::oid::regrole', '''tally_victim''::regrole', '0::oid::regrole'])[turn]
        WHEN type IN ('json'::regtype, 'jsonb'::regtype) THEN format('%L::%s', (ARRAY['{}', '[]', '{"id": 1, "owner": "postgres"}'])[turn], type::regtype)
        WHEN type IN (SELECT t.typarray FROM pg_type t WHERE t.typarray <> 0) THEN format('%L::%s', (ARRAY['{}', '{1}', '{}'])[turn], type::regtype)
        WHEN EXISTS (SELECT FROM pg_type t WHERE t.oid = type AND t.typtype = 'c') THEN format('(SELECT x FROM %s x LIMIT 1)',
            (SELECT t.typrelid::regclass FROM pg_type t WHERE t.oid = type))
        ELSE format('NULL::%s', type::regtype) END
$$;
CREATE TABLE evil.calls AS
SELECT p.oid::regprocedure::text AS function, turn,
    format('%s %s.%I(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT * FROM' END, p.pronamespace::regnamespace, p.proname,
       (SELECT string_agg(evil.value(a.type, turn), ', ' ORDER BY a.n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY a(type, n)
         -- Left out: who calls is not to be forged here, but to be got past.
         WHERE NOT (p.proargnames[p.pronargs] = 'who' AND a.n = p.pronargs))) AS statement
  FROM pg_proc p, generate_series(1, 3) turn
 WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND p.prokind IN ('f', 'p') AND p.prorettype NOT IN ('trigger'::regtype,
     'event_trigger'::regtype) AND has_function_privilege(p.oid, 'EXECUTE')
   AND NOT p.proargtypes::oid[] && ARRAY['internal', 'cstring', 'anyelement', '"any"', 'anyarray', 'anycompatible',
       'anynonarray']::regtype[]::oid[] AND p.provariadic = 0;
-- Each call ends in time. The list of them, above, takes what a busy machine takes.
SET statement_timeout = '2s';
SELECT format('SELECT evil.try(%L, %L)', function, statement) FROM evil.calls WHERE statement IS NOT NULL AND statement LIKE 'SELECT%' ORDER BY function, turn
\o /dev/null
\set ON_ERROR_STOP off
\gexec
SELECT format('SELECT evil.try(%L, %L)', 'write ' || c.relname, w.statement) FROM pg_class c,
    LATERAL (VALUES (format('INSERT INTO tally.%I SELECT * FROM tally.%1$I LIMIT 1', c.relname)), (format('DELETE FROM tally.%I', c.relname)),
    (format('TRUNCATE tally.%I CASCADE', c.relname)), (format('ALTER TABLE tally.%I DISABLE TRIGGER ALL', c.relname)),
        (format('LOCK TABLE tally.%I IN ACCESS EXCLUSIVE MODE', c.relname)),
    ((SELECT format('UPDATE tally.%I SET %I = %2$I', c.relname, a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = 1))) w(statement)
 WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'v') AND w.statement IS NOT NULL
\gexec
SELECT format('SELECT evil.try(%L, %L)', 'write ' || c.relname, format('SELECT nextval(%L), setval(%1$L, 1)', 'tally.' || c.relname)) FROM pg_class c
    WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind = 'S'
\gexec
\o
\set ON_ERROR_STOP on
\ir verdict.psql
SELECT cmp_ok((SELECT count(DISTINCT what) FROM evil.log WHERE what LIKE 'tally%.%'), '>', 200::bigint, 'hundreds of functions were called');
SELECT cmp_ok((SELECT count(*) FROM evil.log WHERE what LIKE 'tally%.%' AND outcome = 'done'), '>', 100::bigint, 'and many of the calls did something');
-- Refused for want of the right, or before that is asked: a view, a column of a view that is computed, a generated column.
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE what LIKE 'write %' AND outcome NOT IN ('42501', '42809', '55000', '428C9', '0A000')$$,
    'no table and no sequence of the engine''s takes a write');
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE outcome LIKE 'XX%'$$, 'and no call is an internal error');
SELECT is((SELECT word FROM public.treasure), 'gold', 'the treasure is where it was');
SELECT * FROM finish();
