-- Attack 90: every function of tally that PUBLIC may execute, called by the attacker with hostile arguments: others' tables and numbers,
-- names with quotes, extreme intervals, dates and numbers; and every table and sequence of tally written in every way.
-- As it was (commit 382f689) 37 writes to eleven tables of the catalogue were done: seen by running this file there. Its calls of functions did not run there.
\ir prelude.psql
\ir every_function.psql
\ir verdict.psql
SELECT cmp_ok((SELECT count(DISTINCT what) FROM evil.log WHERE what LIKE 'tally%.%'), '>', 200::bigint, 'hundreds of functions were called');
SELECT cmp_ok((SELECT count(*) FROM evil.log WHERE what LIKE 'tally%.%' AND outcome = 'done'), '>', 100::bigint, 'and many of the calls did something');
-- Refused for want of the right, or before that is asked: a view, a column of a view that is computed, a generated column.
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE what LIKE 'write %' AND outcome NOT IN ('42501', '42809', '55000', '428C9', '0A000')$$,
    'no table and no sequence of the engine''s takes a write');
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE outcome LIKE 'XX%'$$, 'and no call is an internal error');
SELECT is((SELECT word FROM public.treasure), 'gold', 'the treasure is where it was');
SELECT * FROM finish();
