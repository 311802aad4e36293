-- Packs under a platform's default privileges and under row security: nothing is granted, and no view goes past a policy of a rollup's table.
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS tally_test_anon;
CREATE ROLE tally_test_anon ROLE CURRENT_USER;
CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO tally_test_anon;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT ALL ON TABLES TO tally_test_anon, PUBLIC;
SELECT tally.install_pack(p, 'app') FROM unnest('{product_analytics,publisher}'::text[]) p;
CREATE FUNCTION granted() RETURNS TABLE (relation regclass, grantee text) LANGUAGE sql AS $$
    SELECT c.oid::regclass, COALESCE(g.rolname, 'PUBLIC') FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
     WHERE a.grantee <> c.relowner AND c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'v') $$;
SELECT is_empty('SELECT * FROM granted()', 'bug: anybody could read raw events and empty a rollup of a pack');
GRANT SELECT ON ALL TABLES IN SCHEMA app TO tally_test_anon;
SELECT tally.install_pack('product_analytics', 'app');
SELECT ok((SELECT count(*) > 5 FROM granted()), 'what was granted since stays when a pack is installed again');
SET ROLE tally_test_anon;
SELECT lives_ok('SELECT * FROM app.product_wau', 'a reader of a view');
RESET ROLE;
ALTER TABLE app.pa_tutors_weekly ENABLE ROW LEVEL SECURITY;
SET ROLE tally_test_anon;
SELECT throws_like('SELECT * FROM app.product_wau', '%row security%', 'to whom a policy of the rollup''s table applies is sent to the table');
SELECT lives_ok('SELECT * FROM app.pa_tutors_weekly', 'which applies it');
RESET ROLE;
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class c JOIN pg_rewrite w ON w.ev_class = c.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass
    AND d.objid = w.oid JOIN tally.rollups r ON r.relation = d.refobjid
    WHERE c.relnamespace = 'app'::regnamespace AND c.relkind = 'v' AND pg_get_viewdef(c.oid) NOT LIKE '%_live_gate%'$$,
        'so does every view that reads a rollup''s table');
SELECT tally.drop_pack(p) FROM unnest('{product_analytics,publisher}'::text[]) p;
-- Bug: a schema that is closed to who installs gave PostgreSQL's bare "permission denied for schema".
\ir ../message_of.psql
CREATE SCHEMA theirs;
SET ROLE tally_test_anon;
CREATE TEMP TABLE said AS SELECT * FROM message_of($$SELECT tally.install_pack('publisher', 'theirs')$$);
RESET ROLE;
SELECT is((SELECT (state, message, hint)::text FROM said),
    $$(42501,"pack 'publisher' needs the right to create in schema theirs, which tally_test_anon lacks",$$
    || '"GRANT USAGE, CREATE ON SCHEMA theirs TO tally_test_anon;")', 'a schema closed to who installs is said in words');
SELECT hint FROM said \gexec
-- In the hosted edition a pack is its owner's alone.
\ir ../hosted.psql
\if :hosted
\else
SET ROLE tally_test_anon;
\endif
SELECT lives_ok($$SELECT tally.install_pack('publisher', 'theirs')$$, 'and the statement opens it');
SELECT tally.drop_pack('publisher', 'theirs');
RESET ROLE;
DROP SCHEMA theirs CASCADE;
DROP SCHEMA app CASCADE; DROP OWNED BY tally_test_anon; DROP ROLE tally_test_anon;
SELECT * FROM finish();
