-- row_security = off, as backups and careful readers set it: whoever has it, numbers are right, or PostgreSQL says that a policy would hide rows. Once no
-- ordinary role could define, read or verify anything with it, because pg_tally's own tables had policies.
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS off_owner, off_reader, off_tenant;
CREATE ROLE off_owner; CREATE ROLE off_reader; CREATE ROLE off_tenant;
GRANT ALL ON SCHEMA public TO off_owner;
GRANT USAGE ON SCHEMA public TO off_reader, off_tenant;
CREATE TABLE plain (at timestamptz, tenant text, n int);
CREATE TABLE guarded (LIKE plain);
CREATE INDEX ON plain (at); CREATE INDEX ON guarded (at);
INSERT INTO plain SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 minutes', 't' || i % 3, i FROM generate_series(1, 300) i;
INSERT INTO guarded TABLE plain;
GRANT SELECT, TRIGGER ON plain, guarded TO off_owner;
GRANT ALL ON plain, guarded TO off_tenant;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON guarded FOR SELECT TO off_owner USING (true);
CREATE POLICY own_rows ON guarded TO off_tenant USING (tenant = 't1') WITH CHECK (tenant = 't1');
CREATE VIEW plain_hours AS SELECT date_trunc('hour', at, 'UTC') AS bucket, tenant, sum(n) AS n FROM plain GROUP BY 1, 2;
CREATE VIEW guarded_hours AS SELECT date_trunc('hour', at, 'UTC') AS bucket, tenant, sum(n) AS n FROM guarded GROUP BY 1, 2;
-- What a role gets of a question with row_security = off: a number, or PostgreSQL's refusal.
CREATE FUNCTION asked(who name, question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', who);
    SET LOCAL row_security = off;
    EXECUTE 'SELECT x::text FROM (' || question || ') q(x)' INTO result;
    RESET ROLE;
    RESET row_security;
    RETURN COALESCE(result, 'none');
EXCEPTION WHEN insufficient_privilege THEN
    RETURN SQLERRM;
END $$;
SELECT is(asked('off_owner', $$SELECT tally.create_rollup('p', 'plain', 'at', dimensions => '["tenant"]', measures => '{"n": "sum(n)"}', with_data => true)$$),
    'p', 'an owner defines');
SELECT is(asked('off_owner', $$SELECT tally.create_rollup('g', 'guarded', 'at', dimensions => '["tenant"]', measures => '{"n": "sum(n)"}',
    with_data => true)$$), 'g', 'also over a source with policies that hide nothing from him');
SELECT is(asked('off_owner', $$SELECT tally.create_metric('p n', 'p', 'n')$$) || asked('off_owner', $$SELECT tally.create_metric('g n', 'g', 'n')$$), 'p ng n',
    'and metrics');
SELECT bag_eq('SELECT bucket, tenant, n FROM p', 'TABLE plain_hours', 'the build has all rows');
SELECT bag_eq('SELECT bucket, tenant, n FROM g', 'TABLE guarded_hours', 'under policies too');
SELECT is(asked('off_owner', q), (SELECT sum(n)::text FROM plain), 'an owner reads: ' || q)
    FROM unnest(ARRAY['SELECT sum(n) FROM p', 'SELECT sum(n) FROM p_live', 'SELECT sum("p n") FROM p_metrics']) q;
SELECT is(asked('off_owner', $$SELECT tally.metric_value('p n', since => '2026-01-01')$$), (SELECT sum(n)::text FROM plain), 'by function');
SELECT is(asked('off_owner', 'SELECT count(*) FROM tally.verify(''p'')'), '0', 'and verifies');
-- Writers, of whom one sees only his rows.
UPDATE plain SET n = n + 1;
SET ROLE off_tenant;
UPDATE guarded SET n = n + 10;
SET row_security = off;
UPDATE plain SET n = n + 1 WHERE tenant = 't1';
SELECT throws_ok('UPDATE guarded SET n = 0', '42501', 'query would be affected by row-level security policy for table "guarded"',
    'a writer to whom a policy applies is told so by PostgreSQL');
RESET ROLE; RESET row_security;
SELECT is(asked('off_owner', 'SELECT sum(n) FROM p_live'), (SELECT sum(n)::text FROM plain), 'the live view is exact');
SELECT is(asked('off_owner', 'SELECT sum(n) FROM g_live'), 'query would be affected by row-level security policy for table "guarded"',
    'or refused, where it would read rows that have policies');
SELECT is((SELECT sum(n) FROM g_live)::bigint, (SELECT sum(n) FROM guarded), 'with row_security on it is exact');
-- The refresher has it off: all rows count.
SELECT is(asked('off_owner', 'SELECT error FROM tally.refresh(''p'')') || asked('off_owner', 'SELECT error FROM tally.refresh(''g'')'), 'nonenone',
    'an owner refreshes');
SELECT bag_eq('SELECT bucket, tenant, n FROM p', 'TABLE plain_hours', 'with all rows');
SELECT bag_eq('SELECT bucket, tenant, n FROM g', 'TABLE guarded_hours', 'under policies too, after a write by somebody who sees a third of them');
SET row_security = off;
UPDATE guarded SET n = n + 1;
SELECT tally.repair('g'); SELECT tally.refresh();
RESET row_security;
SELECT bag_eq('SELECT bucket, tenant, n FROM g', 'TABLE guarded_hours', 'and so does a superuser');
SELECT is(asked('off_owner', $$SELECT what FROM tally.alter_rollup('g', add_measures => '{"c": "count(*)"}')$$), 'measure c added',
    'an owner changes a definition');
SELECT is(asked('off_owner', 'SELECT error FROM tally.refresh(''g'')'), 'none', 'and has it computed');
SELECT is((SELECT sum(c) FROM g), 300::numeric, 'of all rows');
-- A policy on the rollup's table: its reader gets his rows, or the refusal, never more.
ALTER TABLE p ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON p FOR SELECT TO off_reader USING (tenant = 't1');
GRANT SELECT ON p, p_live, p_metrics TO off_reader;
SET ROLE off_reader;
SELECT is(tally.metric_value('p n', since => '2026-01-01'), (SELECT sum(n)::float8 FROM p), 'with row_security on a reader has his rows');
RESET ROLE;
SELECT is(asked('off_reader', q), 'query would be affected by row-level security policy for table "p"', 'with off PostgreSQL refuses: ' || q)
    FROM unnest(ARRAY['SELECT sum(n) FROM p', $$SELECT tally.metric_value('p n', since => '2026-01-01')$$,
        $$SELECT count(*) FROM tally.timeseries('p n', since => '2026-01-01')$$,
                      $$SELECT count(*) FROM tally.report('{p n}', since => '2026-01-01', max_range => '10 years')$$]) q;
SELECT is(asked('off_reader', q), 'row security of public.p applies to off_reader, and a view with the rights of its owner cannot apply it',
    'and so does pg_tally: ' || q) FROM unnest(ARRAY['SELECT sum(n) FROM p_live', 'SELECT sum("p n") FROM p_metrics']) q;
SELECT is(asked('off_reader', 'SELECT count(*) FROM tally.status'), '2', 'status answers');
SELECT is_empty($$SELECT p.polrelid::regclass FROM pg_policy p WHERE pg_get_expr(p.polqual, p.polrelid) = 'true'
    AND p.polrelid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'tally'::regnamespace)$$,
    'no table of pg_tally has a policy that lets everybody see everything');
-- Bug: thresholds, probes, tasks and saved views were refused with the name of a table of pg_tally's own, and no more.
GRANT EXECUTE ON FUNCTION tally.evaluate(timestamptz, text) TO off_owner;
SELECT matches(asked('off_owner', q.question), q.answer, 'with off: ' || q.question) FROM (VALUES
    ($$SELECT tally.create_threshold('t', metric => 'g n', condition => '> 1', owner => 'on-call', partial_ok => true)$$, '^t$'),
    ($$SELECT tally.create_threshold('of a query', query => 'SELECT sum(n) AS value FROM guarded', condition => '> 1', owner => 'on-call',
        every => '1 minute')$$, '^of a query$'),
    ($$SELECT state FROM tally.test_threshold('t', '[5]')$$, '^firing$'),
    ($$SELECT count(*) FROM tally.evaluate('2026-01-03 00:00+00', 'of a query')$$, '^[0-9]+$'),
    ($$SELECT tally.create_probe('p', 'SELECT sum(n) AS value FROM guarded', every => '1 minute')$$, '^p$'),
    ($$SELECT tally.create_task('k', '0 2 * * *', 'SELECT 1')$$, '^k$'),
    ($$SELECT tally.create_board('b', 'B', '[{"title": "N", "metrics": ["g n"], "picture": "line"}]')$$, '^b$'),
    ($$SELECT length(tally.page('b')) > 100$$, '^t'),
    ($$SELECT count(*) FROM tally.health$$, '^[1-9]')) q(question, answer);
SET ROLE off_tenant;
SET row_security = off;
SELECT throws_ok($$SELECT tally.drop_probe('p')$$, '42704', 'probe ''p'' does not exist, or belongs to another role',
    'and others see of them what they see with on');
RESET ROLE; RESET row_security;
SELECT tally.drop_probe('p'), tally.drop_task('k'), tally.drop_board('b'), tally.drop_threshold('t'), tally.drop_threshold('of a query');
REVOKE ALL ON FUNCTION tally.evaluate(timestamptz, text) FROM off_owner;
REVOKE ALL ON SCHEMA public FROM off_owner;
SELECT * FROM finish();
