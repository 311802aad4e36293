-- What is declared parallel safe is: it catches no errors, which needs a subtransaction, and writes nothing.
SELECT no_plan();
-- Bug: _bucket_rule() caught the error of an unknown zone, and create_rollup failed wherever a plan went parallel.
SELECT is_empty($$
    SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
     WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND p.proparallel <> 'u' AND l.lanname = 'plpgsql'
       AND p.prosrc ~* '\mEXCEPTION\s+WHEN\M|\m(INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+tally|set_config)\M'
$$, 'no PL/pgSQL function that is parallel safe catches errors, writes or changes settings');
SELECT * FROM finish();
