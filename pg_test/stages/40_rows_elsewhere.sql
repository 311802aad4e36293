-- Rows that lie on other servers: a rollup on a foreign table, on a partitioned table with a foreign partition, or on a distributed or reference table of
-- Citus looked fresh and was not. And what Citus does not take in the engine's own statements.
SELECT no_plan();
SET client_min_messages = warning;
\ir ../superuser.psql
SELECT by_superuser('CREATE EXTENSION postgres_fdw'), by_superuser('GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO PUBLIC');
CREATE SERVER "the other" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere');
CREATE TABLE e (at timestamptz NOT NULL, k text, v int) PARTITION BY LIST (k);
CREATE TABLE e_here PARTITION OF e FOR VALUES IN ('here');
CREATE FOREIGN TABLE far (at timestamptz NOT NULL, k text, v int) SERVER "the other" OPTIONS (schema_name 'app', table_name 'events');

\ir ../message_of.psql
CREATE TEMP TABLE refused AS SELECT * FROM message_of($$SELECT tally.create_rollup('r', 'far', 'at', measures => '{"n": "count(*)"}')$$);
SELECT is(message, 'rollup ''r'' needs a source whose rows lie on this server, got the foreign table public.far', 'a foreign table is refused in words')
    FROM refused;
SELECT is(hint, $$SELECT tally.create_cluster_rollup('r', servers => '{"the other"}', source => 'app.events', …);$$, 'with the statement to use instead')
    FROM refused;
SELECT ok(state = '42809' AND detail ~ 'the server "the other", which leaves no marks', 'and the reason') FROM refused;
SELECT is((p).message, 'rollup ''keys'' needs a source whose rows lie on this server, got the foreign table public.far', 'also per key')
  FROM message_of($$SELECT tally.create_rollup('keys', 'far', key => 'k', measures => '{"n": "count(*)"}')$$) p;

SELECT tally.create_rollup('r', 'e', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT is((SELECT state FROM tally.status WHERE rollup = 'r'), 'fresh', 'partitions of this server are fine');
ALTER TABLE e ATTACH PARTITION far FOR VALUES IN ('there');
SELECT is((SELECT state || ': ' || message FROM tally.status WHERE rollup = 'r'),
    'error: rollup ''r'' needs a source whose rows lie on this server, got public.e with the foreign table public.far',
        'a foreign partition that joins is an error in status');
SELECT throws_like($$SELECT tally.create_rollup('r2', 'e', 'at', measures => '{"n": "count(*)"}')$$, '%got public.e with the foreign table public.far',
    'and no new rollup is made');
ALTER TABLE e DETACH PARTITION far;
SELECT tally.refresh('r');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'r'), 'fresh', 'and when it has left, all is well');

-- Citus's list of tables, as Citus 13 has it.
SELECT by_superuser(statement) FROM unnest(ARRAY['SET allow_system_table_mods = on', $$
    CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL, partkey text, colocationid int NOT NULL DEFAULT 0,
        repmodel "char" NOT NULL DEFAULT 'c', autoconverted boolean NOT NULL DEFAULT false)$$, 'RESET allow_system_table_mods',
    'GRANT SELECT ON pg_catalog.pg_dist_partition TO PUBLIC']) statement;
CREATE TABLE spread (at timestamptz NOT NULL, k text);
CREATE TABLE everywhere (at timestamptz NOT NULL);
CREATE TABLE listed (at timestamptz NOT NULL);
CREATE TABLE one_shard (at timestamptz NOT NULL);
SELECT by_superuser($$INSERT INTO pg_catalog.pg_dist_partition (logicalrelid, partmethod, colocationid, repmodel)
    VALUES ('spread', 'h', 3, 's'), ('everywhere', 'n', 2, 't'), ('listed', 'n', 0, 's'), ('one_shard', 'n', 5, 's')$$);
SELECT is((message_of(format($$SELECT tally.create_rollup('c', %L, 'at', measures => '{"n": "count(*)"}')$$, t))).message,
    format('rollup ''c'' needs a source whose rows lie on this server, got the %s table public.%s', how, t), t || ' is refused')
  FROM (VALUES ('spread', 'distributed'), ('everywhere', 'reference'), ('one_shard', 'distributed')) x(t, how);
SELECT ok((message_of($$SELECT tally.create_rollup('c', 'spread', 'at', measures => '{"n": "count(*)"}')$$)).hint ~
    '^SELECT tally.create_cluster_rollup\(''c'', servers => NULL, source => ''public.spread'', …\);', 'with the statement to use instead');
SELECT is((message_of($$SELECT tally.create_rollup('c', 'everywhere', 'at', measures => '{"n": "count(*)"}')$$)).hint,
    $$SELECT undistribute_table('public.everywhere');$$, 'also for a reference table');
SELECT lives_ok($$SELECT tally.create_rollup('c', 'listed', 'at', measures => '{"n": "count(*)"}')$$, 'a table that Citus only lists lies here');
SELECT lives_ok($$SELECT tally.refresh('c')$$, 'and is refreshed');
SELECT by_superuser($$INSERT INTO pg_catalog.pg_dist_partition (logicalrelid, partmethod, colocationid, repmodel) VALUES ('e', 'h', 3, 's')$$);
SELECT is((SELECT state || ': ' || message FROM tally.status WHERE rollup = 'r'),
    'error: rollup ''r'' needs a source whose rows lie on this server, got the distributed table public.e',
        'a source that is distributed later is an error in status');
SELECT by_superuser($$DELETE FROM pg_catalog.pg_dist_partition WHERE logicalrelid = 'e'::regclass$$);

-- Citus takes neither a DROP in the schema pg_temp by that name, nor an ALTER TABLE that switches two triggers.
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
    AND p.prosrc ~ 'EXECUTE[^;]*DROP (VIEW|TABLE) pg_temp\.|^\s*DROP (VIEW|TABLE) pg_temp\.' AND p.prosrc !~ 'CREATE TEMPORARY TABLE tally_awf'$$,
        'no DROP in pg_temp by that name');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'tally_internal'::regnamespace
    AND p.prosrc ~ 'ENABLE ALWAYS TRIGGER %I'', '', '''$$, 'each trigger is switched by a statement of its own');
SELECT is((SELECT string_agg(t.tgenabled, '') FROM pg_trigger t WHERE t.tgrelid = 'listed'::regclass AND NOT t.tgisinternal), 'AAAA',
    'and all of them fire always');
SELECT tally.create_metric('m', 'r', 'n::float8');
SELECT is((SELECT count(*) FROM pg_class c WHERE c.relname ~ '^tally_(probe|query)'), 0::bigint, 'and nothing of a metric''s probe is left');
SELECT * FROM finish();
