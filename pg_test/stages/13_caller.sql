-- Owns: who is calling. A SECURITY DEFINER function learns it from the default of its last argument, wherever it is called from.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_13_ann, tally_13_bob, "POSTGRES", "11", "Ann Smith";
CREATE ROLE tally_13_ann; CREATE ROLE tally_13_bob; CREATE ROLE "POSTGRES"; CREATE ROLE "11"; CREATE ROLE "Ann Smith";
GRANT tally_13_bob TO tally_13_ann;
CREATE SCHEMA app;
GRANT USAGE, CREATE ON SCHEMA app TO PUBLIC;
-- As a function of the engine is: a superuser's, and it redeems the ticket.
CREATE FUNCTION app.who(who bigint DEFAULT tally_internal._me()) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog,
    pg_temp SET tally.actor = '' AS $$
BEGIN
    RETURN tally_internal._caller(who)::text;
END $$;

SELECT is(app.who(), 'postgres', 'the session''s own role');
SET ROLE tally_13_ann;
SELECT is(app.who(), 'tally_13_ann', 'SET ROLE');
SET ROLE tally_13_bob;
SELECT is(app.who(), 'tally_13_bob', 'SET ROLE once more');
RESET ROLE;
SET SESSION AUTHORIZATION tally_13_ann;
SELECT is(app.who(), 'tally_13_ann', 'SET SESSION AUTHORIZATION');
SET ROLE tally_13_bob;
SELECT is(app.who(), 'tally_13_bob', 'a role below it');
RESET SESSION AUTHORIZATION;

SET ROLE tally_13_bob;
CREATE FUNCTION app.bobs() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT app.who()';
CREATE FUNCTION app.bobs_body() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN app.who(); END';
CREATE FUNCTION app.inlined() RETURNS text LANGUAGE sql AS 'SELECT app.who()';
CREATE VIEW app.seen AS SELECT app.who() AS who;
CREATE VIEW app.seen_barrier WITH (security_barrier) AS SELECT app.who() AS who;
GRANT SELECT ON app.seen, app.seen_barrier TO PUBLIC;
RESET ROLE;
SELECT is(app.bobs(), 'tally_13_bob', 'inside a SECURITY DEFINER function of another');
SELECT is(app.bobs_body(), 'tally_13_bob', 'in PL/pgSQL too');
SELECT is(app.inlined(), 'postgres', 'an SQL function that may be inlined runs as its caller');
SELECT is((SELECT who FROM app.seen), 'postgres', 'a view runs functions as its reader');
SELECT is((SELECT who FROM app.seen_barrier), 'postgres', 'a security barrier too');
SET ROLE tally_13_ann;
SELECT is((SELECT who FROM app.seen), 'tally_13_ann', 'whoever that is');
SELECT is(app.inlined(), 'tally_13_ann', 'inlined or not');
RESET ROLE;
SELECT is((SELECT x ->> 'who' FROM tally.run_as('tally_13_ann', '', 'SELECT app.who()') x), 'tally_13_ann', 'in run_as the role whose text is running');
SELECT is((SELECT x ->> 'bobs' FROM tally.run_as('tally_13_ann', '', 'SELECT app.bobs()') x), 'tally_13_bob', 'and in what that calls');

-- One plan, two callers.
SET plan_cache_mode = force_generic_plan;
PREPARE asks AS SELECT app.who();
CREATE FUNCTION app.kept() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN app.who(); END';
SELECT results_eq('EXECUTE asks', $$VALUES ('postgres')$$, 'a prepared statement');
SELECT is(app.kept(), 'postgres', 'a kept plan');
SET ROLE tally_13_ann;
SELECT results_eq('EXECUTE asks', $$VALUES ('tally_13_ann')$$, 'is asked anew in another role');
SELECT is(app.kept(), 'tally_13_ann', 'so is a kept plan');
RESET ROLE;
RESET plan_cache_mode;
DEALLOCATE asks;

-- Parallel plans: who is calling is only asked in the leader.
CREATE TABLE app.many AS SELECT g AS n FROM generate_series(1, 20000) g;
ANALYZE app.many;
GRANT SELECT ON app.many TO tally_13_ann;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 4;
SET ROLE tally_13_ann;
SELECT results_eq('SELECT DISTINCT app.who() FROM app.many WHERE n % 100 = 0', $$VALUES ('tally_13_ann')$$,
    'in a query over many rows, each with a ticket of its own');
SELECT is((SELECT p.proparallel FROM pg_proc p WHERE p.oid = 'tally_internal._me()'::regprocedure), 'r'::"char", 'no worker draws tickets');
RESET ROLE;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- Numbers that prove nothing.
SET ROLE tally_13_ann;
SELECT throws_ok(format('SELECT app.who(%s)', n), '42501', NULL, 'a forged number proves nobody: ' || n)
    FROM unnest('{0,1,-1,10,9223372036854775807}'::bigint[]) n;
SELECT throws_ok('SELECT app.who(NULL)', '42501', NULL, 'nor does NULL');
CREATE TEMP TABLE tickets AS SELECT tally_internal._me() AS ticket, current_user AS drawn_by;
SELECT throws_ok(format('SELECT app.who(%s)', ticket), '42501', NULL, 'a ticket of an earlier transaction is void') FROM tickets;
BEGIN;
SELECT tally_internal._me() AS ticket \gset
SELECT is(app.who(:ticket), 'tally_13_ann', 'a ticket is good once');
SELECT throws_ok(format('SELECT app.who(%s)', :ticket), '42501', NULL, 'not twice');
COMMIT;
SELECT throws_ok('SELECT tally_internal._redeem(1)', '42501', NULL, 'nor is it redeemed by hand');
SELECT is(tally_internal._redeem(tally_internal._me()), 'tally_13_ann'::regrole, 'by hand one proves to be oneself');
SELECT throws_ok('SELECT tally_internal._caller(1)', '42501', NULL, 'who acts is the engine''s to say');
SELECT is((SELECT count(*) FROM (SELECT tally_internal._me() AS t FROM generate_series(1, 1000)) x), 1000::bigint, 'tickets that nobody redeems are forgotten');
SELECT is(app.who(), 'tally_13_ann', 'and keep no other from being drawn');
RESET ROLE;
SELECT is(app.who(tally_internal._me()), 'postgres', 'a ticket may be given by hand');

-- By their OIDs, whatever they are called. A cast of current_user to regrole takes "POSTGRES" for postgres and "11" for OID 11.
SET ROLE "POSTGRES";
SELECT is(tally_internal._current_role()::oid, (SELECT oid::oid FROM pg_roles WHERE rolname = 'POSTGRES'), 'a role "POSTGRES" is itself');
SELECT is(app.who(), '"POSTGRES"', 'to the engine too');
SET ROLE "11";
SELECT is(tally_internal._current_role()::oid, (SELECT oid::oid FROM pg_roles WHERE rolname = '11'), 'a role "11" is itself');
SET ROLE "Ann Smith";
SELECT is(tally_internal._current_role()::oid, (SELECT oid::oid FROM pg_roles WHERE rolname = 'Ann Smith'), 'a role "Ann Smith" is itself');
RESET ROLE;
SELECT is(current_setting('tally.actor', true), '', 'nothing is left of who called');

DROP SCHEMA app CASCADE;
DROP OWNED BY tally_13_ann, tally_13_bob, "POSTGRES", "11", "Ann Smith";
DROP ROLE tally_13_ann, tally_13_bob, "POSTGRES", "11", "Ann Smith";
SELECT * FROM finish();
