-- pg_tally beside Supabase's roles, default privileges and auth schema, as its self-hosted image makes them: the superuser is
-- supabase_admin, the developer's role is none, and whatever the developer makes in public is granted to the API's roles.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS supabase_admin, developer, anon, authenticated, service_role;
CREATE ROLE supabase_admin SUPERUSER;
CREATE ROLE developer CREATEROLE;               -- Supabase calls it postgres
CREATE ROLE anon NOLOGIN NOINHERIT;
CREATE ROLE authenticated NOLOGIN NOINHERIT;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
GRANT anon, authenticated, service_role TO developer;
GRANT ALL ON SCHEMA public TO developer;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE developer IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE developer IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE developer IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, developer;
-- The extension comes into a database that serves them.
DROP EXTENSION pg_tally;
CREATE EXTENSION pg_tally;
SELECT bag_eq($$SELECT n.nspname::text, a.grantee::regrole::text FROM pg_namespace n, aclexplode(n.nspacl) a
        WHERE n.nspname IN ('tally', 'tally_internal') AND a.grantee <> n.nspowner$$,
    $$SELECT n, r FROM unnest('{tally,tally_internal}'::text[]) n, unnest('{developer,pg_database_owner,service_role}'::text[]) r$$,
    'its schemas are for the roles that make objects, and for service_role');

-- The developer, who is no superuser, defines.
SET ROLE developer;
CREATE TABLE events (at timestamptz NOT NULL DEFAULT now(), person uuid NOT NULL, kind text NOT NULL);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON events USING (person = auth.uid()) WITH CHECK (person = auth.uid());
SELECT lives_ok($$SELECT tally.create_rollup('by_hour', 'events', 'at', dimensions => '["kind"]',
    measures => '{"n": "count(*)", "people": "tally.hll(person)"}')$$, 'the developer defines a rollup');
SELECT lives_ok($$SELECT tally.refresh('by_hour')$$, 'and builds it');
SELECT lives_ok($$SELECT tally.create_metric('people', 'by_hour', 'tally.distinct_count(people)')$$, 'and a metric');
SELECT lives_ok($$SELECT tally.create_threshold('many', metric => 'people', condition => '> 100')$$, 'and a threshold');
-- What Supabase gives away of everything that is made in public, it gives of none of these.
SELECT is_empty($$SELECT r, t, p FROM unnest('{anon,authenticated,service_role}'::text[]) r, unnest('{by_hour,by_hour_live,by_hour_metrics}'::text[]) t,
                         unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p WHERE has_table_privilege(r, t, p)$$,
                             'the API''s roles get no right to a rollup and its views');
RESET ROLE;

-- A signed-in person writes through row security, without any right in tally; the marks come all the same.
SET ROLE authenticated;
SET "request.jwt.claim.sub" = '11111111-1111-1111-1111-111111111111';
SELECT lives_ok($$INSERT INTO events (at, person, kind) SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute', auth.uid(),
    'a' FROM generate_series(1, 90) i$$, 'a signed-in person writes');
SELECT throws_ok($$INSERT INTO events (person, kind) VALUES ('22222222-2222-2222-2222-222222222222', 'a')$$, '42501', NULL, 'but only as oneself');
SELECT throws_ok('SELECT * FROM by_hour', '42501', NULL, 'and reads no rollup');
SELECT throws_ok('SELECT * FROM by_hour_live', '42501', NULL, 'nor its live view');
SELECT throws_ok('SELECT * FROM by_hour_metrics', '42501', NULL, 'nor its flat view');
SELECT throws_ok('SELECT * FROM tally.thresholds', '42501', NULL, 'nor thresholds of others');
SELECT throws_ok('SELECT * FROM tally.incidents', '42501', NULL, 'nor incidents');
SELECT throws_ok('SELECT * FROM tally.rollups', '42501', NULL, 'nor what is defined');
SELECT throws_ok($$SELECT * FROM tally.start()$$, '42501', NULL, 'nor starts the clock');
SELECT throws_ok($$SELECT tally.drop_rollup('by_hour')$$, '42501', NULL, 'nor drops what is not one''s own');
RESET "request.jwt.claim.sub";
RESET ROLE;
SET ROLE anon;
SELECT is((SELECT count(*) FROM events), 0::bigint, 'anon sees no row of the source');
SELECT throws_ok('SELECT * FROM by_hour_live', '42501', NULL, 'and no rollup');
RESET ROLE;

SET ROLE developer;
SELECT is((SELECT sum(n) FROM by_hour_live), 90::numeric, 'the live view is exact at once, whatever the policy shows to whom');
SELECT lives_ok($$SELECT tally.refresh('by_hour')$$, 'the developer refreshes');
SELECT results_eq('SELECT bucket, kind, n FROM by_hour ORDER BY 1',
    $$VALUES (timestamptz '2026-01-01 00:00Z', 'a', 59::bigint), ('2026-01-01 01:00Z', 'a', 31)$$, 'and the table is exact');
RESET ROLE;
-- PUBLIC's rights reach anon as well. Without USAGE on the schemas the API's roles can call no function of pg_tally by its name, and all else goes on.
CREATE TEMP TABLE call AS
SELECT p.oid::regprocedure::text AS function, format('%s %s.%I(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.pronamespace::regnamespace,
    p.proname, (SELECT string_agg(format('NULL::%s', t::regtype), ', ' ORDER BY n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, n))) AS statement
  FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND p.prosecdef AND p.prokind IN ('f', 'p')
   AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND p.provariadic = 0 AND NOT p.proargtypes::oid[] @> ARRAY['internal'::regtype::oid];
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
GRANT SELECT ON call TO anon, authenticated;
SELECT cmp_ok((SELECT count(*) FROM call), '>', 50::bigint, 'there are functions with the engine''s rights');
SET ROLE anon;
SELECT is_empty($$SELECT function, refused(statement) FROM call WHERE refused(statement) <> '42501'$$, 'anon can call none of them');
RESET ROLE;
SET ROLE authenticated;
SET "request.jwt.claim.sub" = '11111111-1111-1111-1111-111111111111';
SELECT is_empty($$SELECT function, refused(statement) FROM call WHERE refused(statement) <> '42501'$$, 'nor can a signed-in person');
SELECT lives_ok($$INSERT INTO events (at, person, kind) VALUES ('2026-01-01 02:30Z', auth.uid(), 'a')$$, 'who writes as before');
SELECT lives_ok($$UPDATE events SET kind = 'b' WHERE at = '2026-01-01 02:30Z'$$, 'and changes rows');
SELECT lives_ok($$DELETE FROM events WHERE at = '2026-01-01 01:00Z'$$, 'and deletes them');
RESET "request.jwt.claim.sub";
RESET ROLE;
SET ROLE developer;
SELECT bag_eq('SELECT bucket, kind, n FROM by_hour_live', $$SELECT date_trunc('hour', at, 'UTC'), kind, count(*) FROM events GROUP BY 1, 2$$,
    'the live view is exact at once');
SELECT lives_ok($$SELECT tally.refresh('by_hour')$$, 'the developer refreshes');
SELECT bag_eq('SELECT bucket, kind, n FROM by_hour', $$SELECT date_trunc('hour', at, 'UTC'), kind, count(*) FROM events GROUP BY 1, 2$$,
    'and the table is exact');
RESET ROLE;
-- It was the missing USAGE that kept them out.
GRANT USAGE ON SCHEMA tally, tally_internal TO anon;
SET ROLE anon;
SELECT isnt_empty($$SELECT function FROM call WHERE refused(statement) <> '42501'$$, 'with USAGE anon calls some of them');
RESET ROLE;
REVOKE USAGE ON SCHEMA tally, tally_internal FROM anon;
-- The engine of the jobs is the superuser's.
SET ROLE supabase_admin;
SELECT is((SELECT count(*) FROM tally.evaluate('2026-01-01 02:05Z')) >= 0, true, 'supabase_admin evaluates');
RESET ROLE;
SELECT * FROM finish();
DROP OWNED BY developer CASCADE;
DROP OWNED BY anon, authenticated, service_role, supabase_admin CASCADE;
DROP ROLE developer, anon, authenticated, service_role, supabase_admin;
