-- A build with many dimensions leaves no statistics of its own behind, in whatever schema, and its memory to itself.
SELECT no_plan();
\ir ../superuser.psql
SET client_min_messages = warning;
CREATE SCHEMA "My Schema";
CREATE TABLE "My Schema".events (at timestamptz NOT NULL, a text, b text, c text, d text);
CREATE INDEX ON "My Schema".events (at);
INSERT INTO "My Schema".events SELECT timestamptz '2026-01-01+00' + i * interval '1 minute', i % 2, i % 3, i % 5, i % 7 FROM generate_series(1, 2000) i;
SELECT lives_ok($$SELECT tally.create_rollup('"My Schema"."Many"', '"My Schema".events', 'at', dimensions => '["a", "b", "c", "d"]',
    measures => '{"n": "count(*)"}')$$, 'defined');
SET maintenance_work_mem = '111MB';
BEGIN;
SET LOCAL work_mem = '7MB';
-- Bug: a schema whose name needs quotes was quoted twice, and the build failed.
SELECT lives_ok($$SELECT tally.refresh('"Many"')$$, 'built, in a schema whose name needs quotes');
-- Bug: the memory of the build stayed with the caller's transaction.
SELECT is(current_setting('work_mem'), '7MB', 'the caller''s work_mem is as it was');
COMMIT;
SELECT is((SELECT sum(n) FROM "My Schema"."Many"), 2000::numeric, 'every row counted');
SELECT is((SELECT array_agg(stxname::text) FROM pg_statistic_ext), ARRAY['Many_tally_groups'], 'only the lasting statistics are left');
SELECT tally.drop_rollup('"Many"');
SELECT is((SELECT count(*) FROM pg_statistic_ext), 0::bigint, 'and they go with the rollup');

-- Bug: with_data of a rollup whose own name needs quotes failed, and so did the statements that hints offer for it.
CREATE TABLE plain_events (at timestamptz);
INSERT INTO plain_events VALUES ('2026-01-01 00:00Z');
SELECT lives_ok($$SELECT tally.create_rollup('"Odd rollup"', 'plain_events', 'at', measures => '{"n": "count(*)"}', with_data => true)$$,
    'a name that needs quotes, with data');
SELECT is((SELECT sum(n) FROM "Odd rollup"), 1::numeric, 'is computed');
SELECT lives_ok($$SELECT tally.refresh('Odd rollup')$$, 'its name as the catalogue has it');
SELECT lives_ok($$SELECT tally.drop_rollup('"Odd rollup"')$$, 'and as SQL writes it');

-- pg_upgrade keeps no extended statistics; the object is there, and empty.
CREATE TABLE upgraded (at timestamptz NOT NULL, a text);
INSERT INTO upgraded SELECT timestamptz '2026-01-01+00' + i * interval '1 minute', i % 2 FROM generate_series(1, 500) i;
SELECT tally.create_rollup('upgraded_hourly', 'upgraded', 'at', dimensions => '["a"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'upgraded_hourly'), NULL, 'nothing to run after the build');
SELECT by_superuser($$DELETE FROM pg_statistic_ext_data
    WHERE stxoid = (SELECT oid FROM pg_statistic_ext WHERE stxname = 'upgraded_hourly_tally_groups')$$);
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'upgraded_hourly'), 'ANALYZE upgraded;', 'statistics on groups are empty: status says what fills them');
SELECT hint FROM tally.status WHERE rollup = 'upgraded_hourly' \gexec
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'upgraded_hourly'), NULL, 'and it does');

-- Bug: two dimensions of one expression could not be computed with_data, because PostgreSQL refuses statistics on one expression twice.
CREATE TABLE twice (at timestamptz NOT NULL, a text);
INSERT INTO twice SELECT timestamptz '2026-01-01+00' + i * interval '1 minute', i % 2 FROM generate_series(1, 50) i;
SELECT lives_ok($$SELECT tally.create_rollup('twice_hourly', 'twice', 'at', dimensions => '["a", {"b": "a"}]', measures => '{"n": "count(*)"}',
    with_data => true)$$, 'two dimensions of one expression, with data');
SELECT is((SELECT sum(n) FROM twice_hourly WHERE a = b), 50::numeric, 'are computed');
SELECT * FROM finish();
