-- Row security: on a source that hides rows from the owner a rollup is refused; on a rollup's table it holds for every way to read it.
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS tally_secured_maker, tally_secured_tenant;
CREATE ROLE tally_secured_maker; CREATE ROLE tally_secured_tenant;
CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO tally_secured_maker, tally_secured_tenant; GRANT CREATE ON SCHEMA app TO tally_secured_maker;
CREATE TABLE app.events (at timestamptz NOT NULL, tenant text, who text);
CREATE INDEX ON app.events (at); CREATE INDEX ON app.events (who);
GRANT SELECT, TRIGGER ON app.events TO tally_secured_maker;
INSERT INTO app.events VALUES ('2026-01-01 10:00Z', 'a', 'x'), ('2026-01-01 10:00Z', 'b', 'y'), ('2026-01-02 10:00Z', 'a', 'x'),
    ('2026-01-02 10:00Z', 'b', 'z');

-- Bug: a policy by a setting of the session gave partial numbers, as of whatever session refreshed.
ALTER TABLE app.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_setting ON app.events USING (tenant = current_setting('app.tenant', true));
SET app.tenant = 'a';
SET ROLE tally_secured_maker;
SELECT throws_like($$SELECT tally.create_rollup('app.early', 'app.events', 'at', bucket => '1 day', dimensions => '["tenant"]',
    measures => '{"n": "count(*)"}')$$, '%row security%', 'refused at definition');
SELECT throws_like($$SELECT tally.create_rollup('app.early', 'app.events', key => 'who', measures => '{"n": "count(*)"}')$$, '%row security%', 'per key too');
RESET ROLE;
CREATE POLICY also ON app.events FOR SELECT TO tally_secured_maker USING (tenant <> 'c');
SELECT ok(tally_internal._hides_rows('tally_secured_maker'::regrole, 'app.events'), 'a second policy that hides is none that shows all');
CREATE POLICY all_of_it ON app.events FOR SELECT TO tally_secured_maker USING (true);
SELECT ok(NOT tally_internal._hides_rows('tally_secured_maker'::regrole, 'app.events'), 'one that is plainly true is');
CREATE POLICY but ON app.events AS RESTRICTIVE FOR SELECT TO tally_secured_maker USING (tenant <> 'c');
SELECT ok(tally_internal._hides_rows('tally_secured_maker'::regrole, 'app.events'), 'unless a restrictive one takes away');
DROP POLICY but ON app.events;
SET ROLE tally_secured_maker;
SELECT lives_ok($$SELECT tally.create_rollup('app.days', 'app.events', 'at', bucket => '1 day', dimensions => '["tenant"]', measures => '{"n": "count(*)"}',
    with_data => true)$$, 'the owner sees all rows, so it is defined');
SELECT tally.create_rollup('app.people', 'app.events', key => 'who', dimensions => '["tenant"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('visits', 'days', 'n');
SELECT tally.create_funnel('app.way', 'app.events', 'at', 'who', '{"first": "true", "second": "true"}', dimensions => '["tenant"]', with_data => true);
RESET ROLE;
SELECT is((SELECT sum(n) FROM app.days), 4::numeric, 'of all rows');
-- It comes later.
DROP POLICY all_of_it ON app.events;
INSERT INTO app.events VALUES ('2026-01-02 11:00Z', 'a', 'x');
SELECT is((SELECT sqlstate FROM tally.status WHERE rollup = 'days'), '42501', 'status says so at once');
SELECT throws_like('SELECT tally.refresh(''days'')', '%row security%', 'the refresh refuses, rather than store partial numbers');
SELECT throws_like('SELECT * FROM app.days_live', '%row security%', 'and so does the live view');
DO $$
DECLARE
    statement text;
BEGIN
    FOR i IN 1..5 LOOP
        SELECT hint INTO statement FROM tally.status WHERE sqlstate = '42501' AND rollup = (ARRAY['days', 'people', 'way_actors', 'way', 'days'])[i];
        CONTINUE WHEN NOT FOUND;
        EXECUTE statement;
    END LOOP;
END $$;
SELECT lives_ok('SELECT tally.refresh(''days'')', 'the statement that status gave mends');
SELECT is((SELECT sum(n) FROM app.days), 5::numeric, 'exactly');
SELECT is((SELECT string_agg(error, ' ') FROM tally.refresh()), NULL, 'all of them');

-- Bug: a policy on a rollup's table held for the table alone.
SET ROLE tally_secured_maker;
ALTER TABLE app.days ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON app.days USING (tenant = current_setting('app.tenant', true));
ALTER TABLE app.people ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON app.people USING (tenant = current_setting('app.tenant', true));
ALTER TABLE app.way ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON app.way USING (tenant = current_setting('app.tenant', true));
GRANT SELECT ON app.days, app.days_live, app.days_metrics, app.people, app.people_live, app.way, app.way_live, app.way_steps,
    app.way_steps_live TO tally_secured_tenant;
RESET ROLE;
CREATE TEMP TABLE expected AS SELECT date_trunc('day', at, 'UTC') AS bucket, count(*)::float8 AS value FROM app.events WHERE tenant = 'a' GROUP BY 1;
GRANT SELECT ON expected TO tally_secured_tenant;
SET ROLE tally_secured_tenant;
SELECT results_eq('SELECT DISTINCT tenant FROM app.days', $$VALUES ('a')$$, 'the table');
SELECT throws_like(format('SELECT * FROM app.%I', v), '%row security%', v)
    FROM unnest('{days_live,people_live,days_metrics,way_live,way_steps,way_steps_live}'::text[]) v;
SELECT throws_like('SELECT 1 FROM app.days_live WHERE n = 1 LIMIT 1', '%row security%', 'a part of it neither');
SELECT throws_like('SELECT count(*) FROM app.people_live WHERE who = ''z''', '%row security%', 'nor whether there is such a key');
SELECT results_eq($$SELECT bucket, value FROM tally.timeseries('visits', since => '2026-01-01Z', until => '2026-01-04Z')$$,
    'SELECT * FROM expected ORDER BY 1', 'timeseries');
SELECT results_eq($$SELECT DISTINCT labels FROM tally.timeseries('visits', since => '2026-01-01Z', until => '2026-01-04Z', by => '{tenant}')$$,
    $$VALUES ('{"tenant": "a"}'::jsonb)$$, 'by tenant');
SELECT is(tally.metric_value('visits', since => '2026-01-01Z', until => '2026-01-04Z'), (SELECT sum(value) FROM expected), 'metric_value');
SELECT is(tally.metric_value('visits', since => '-infinity', until => 'infinity'), (SELECT sum(value) FROM expected), 'metric_value over all time');
SELECT is((SELECT sum((r ->> 'visits')::float8) FROM tally.report('{visits}', since => '2026-01-01Z', until => '2026-01-04Z', by => '{tenant}') r),
    (SELECT sum(value) FROM expected), 'report');
SELECT is_empty($$SELECT labels FROM tally.funnel('way', since => '2026-01-01Z', until => '2026-01-04Z', by => '{tenant}') WHERE labels <> '{"tenant": "a"}'$$,
    'funnel');
RESET ROLE;
INSERT INTO app.events VALUES ('2026-01-03 10:00Z', 'b', 'x');
SET ROLE tally_secured_tenant;
-- Bug: after one INSERT, before the refresh, the other tenant's rows were shown.
SELECT results_eq($$SELECT DISTINCT labels FROM tally.timeseries('visits', since => '2026-01-01Z', until => '2026-01-04Z', by => '{tenant}')$$,
    $$VALUES ('{"tenant": "a"}'::jsonb)$$, 'not while something is dirty either');
SELECT is(tally.metric_value('visits', since => '2026-01-01Z', until => '2026-01-04Z'), (SELECT sum(value) FROM expected), 'nor in one number');
SELECT throws_like('SELECT * FROM app.days_live', '%row security%', 'nor live');
RESET ROLE;
SELECT is((SELECT sum(n) FROM app.days_live), 6::numeric, 'who is above row security reads the live view as ever');
SET ROLE tally_secured_maker;
SELECT is((SELECT sum(n) FROM app.days_live), 6::numeric, 'and so does the owner');
ALTER TABLE app.days FORCE ROW LEVEL SECURITY;
RESET ROLE;
SELECT throws_like('SELECT tally.refresh(''days'')', '%row security%', 'forced on the owner, a refresh would not see what it has to change');
DO $$ BEGIN EXECUTE (SELECT hint FROM tally.status WHERE rollup = 'days'); END $$;
SELECT lives_ok('SELECT tally.refresh(''days'')', 'the statement that status gave mends');
DROP SCHEMA app CASCADE; DROP OWNED BY tally_secured_maker, tally_secured_tenant; DROP ROLE tally_secured_maker, tally_secured_tenant;
SELECT * FROM finish();
