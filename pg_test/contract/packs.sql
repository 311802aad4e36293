-- What every function of a pack owes its reader, as the extension's own do: plpgsql_check finds no error, it has a comment, and it
-- pins its search_path. The functions of packs are no members of the extension, so the other inventories do not see them.
SELECT no_plan();
SET client_min_messages = warning;
SELECT format('CREATE SCHEMA %I', name) FROM tally.pack_list \gexec
SELECT lives_ok(format('SELECT tally.install_pack(%L, %1$L)', name), name || ' is installed') FROM tally.pack_list ORDER BY name;
CREATE TEMP VIEW pack_functions AS
SELECT p.oid, p.oid::regprocedure::text AS name, l.lanname, p.proconfig, p.prosecdef, p.prorettype
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace JOIN tally.pack_list k ON k.name = n.nspname;
SELECT cmp_ok((SELECT count(*) FROM pack_functions), '>=', 10::bigint, 'there are functions of packs to look at');
SELECT is_empty('SELECT name FROM pack_functions WHERE obj_description(oid, ''pg_proc'') IS NULL', 'every function of a pack has a comment');
SELECT is_empty($$SELECT name FROM pack_functions WHERE NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=%')$$,
    'every function of a pack pins its search_path');
SELECT is_empty($$SELECT name FROM pack_functions WHERE NOT proconfig @> '{standard_conforming_strings=on,extra_float_digits=1}'$$,
    'the session decides neither how a function of a pack is read nor how it writes numbers');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c JOIN tally.pack_list k ON c.relnamespace = to_regnamespace(quote_ident(k.name))
    WHERE c.relkind IN ('r', 'v', 'p') AND obj_description(c.oid, 'pg_class') IS NULL
        AND NOT EXISTS (SELECT FROM tally.pack_tables t WHERE t.relation = c.relname)$$,
    'every relation that a pack makes has a comment');
SELECT is((SELECT string_agg(format('line %s: %s [%s]', c.lineno, c.message, c.sqlstate), E'\n')
             FROM plpgsql_check_function_tb(f.oid, relid => COALESCE((SELECT min(t.tgrelid) FROM pg_trigger t WHERE t.tgfoid = f.oid), 0)) c
            WHERE c.level = 'error' AND c.sqlstate <> '55000'), NULL, 'plpgsql_check: ' || f.name)
  FROM pack_functions f WHERE f.lanname = 'plpgsql' ORDER BY f.name;
-- What README says answers a document is there: each name in its two tables is a relation, function, metric, setting or constraint of a pack or of tally.
\set answers `sed -n '/^## Five systems/,/^## More/p' README.md`
CREATE TEMP TABLE named AS
SELECT DISTINCT m[1] AS word, split_part(regexp_replace(m[1], '\(.*$', ''), '.', -1) AS name, m[1] LIKE '%(%' AS called
  FROM regexp_split_to_table(:'answers', '\n') line, regexp_matches(split_part(line, '|', 4), '`([^`]+)`', 'g') m
 WHERE line LIKE '|%' AND m[1] !~ '^docs/|^WHERE |^…';
SELECT cmp_ok((SELECT count(*) FROM named), '>=', 110::bigint, 'README names what answers the documents');
SELECT is_empty($$
    SELECT n.word FROM named n
     WHERE NOT CASE WHEN n.called
        THEN EXISTS (SELECT FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace WHERE p.proname = n.name
                        AND (s.nspname = 'tally' OR s.nspname IN (SELECT k.name FROM tally.pack_list k)))
        ELSE EXISTS (SELECT FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE c.relname = n.name
                        AND (s.nspname = 'tally' OR s.nspname IN (SELECT k.name FROM tally.pack_list k)))
            OR EXISTS (SELECT FROM tally.metrics m WHERE m.name = n.name) OR EXISTS (SELECT FROM pg_constraint c WHERE c.conname = n.name)
            OR EXISTS (SELECT FROM pg_trigger g WHERE g.tgname = n.name)
            OR EXISTS (SELECT FROM awf.awf_settings a WHERE a.name = n.name) END$$, 'and each of them is there');
SELECT unalike(:'answers'::text, '%partly%', 'nothing is answered partly');
SELECT * FROM finish();
