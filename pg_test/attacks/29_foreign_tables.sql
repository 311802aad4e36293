-- Attack 29: foreign tables. Their owner says what is read, and on which server, and PostgreSQL connects with the user mapping of who reads: a superuser's
-- needs no password. So the attacker, who may use postgres_fdw, makes a server of this one, where he lets everybody be a superuser, and a view there that
-- calls his function. He hangs a foreign table on that view under what others read: his rollup's table, a release, a source of others; or puts it into a live
-- view and a flat view that read with the rights of their reader, into a panel of a board, and among the servers of a cluster rollup, which a superuser asks.
-- As it was (commit a4c4499) his function ran as a superuser in timeseries(): seen there. For the others so that code reads.
\ir prelude.psql
\connect - :superuser
SET client_min_messages = error;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION dblink;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO tally_attacker;
SELECT trim(BOTH '"' FROM split_part(current_setting('unix_socket_directories'), ',', 1)) AS socket, current_setting('port') AS port \gset
\connect - tally_attacker
SET client_min_messages = error;
-- A sequence keeps what a transaction that fails has done: who ran the code.
CREATE SEQUENCE evil.ran MINVALUE 0 MAXVALUE 4294967295 START 0;
GRANT ALL ON evil.ran TO PUBLIC;
CREATE FUNCTION evil.far() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'tally_attacker' THEN
        PERFORM setval('evil.ran', (SELECT r.oid::bigint FROM pg_roles r WHERE r.rolname = current_user)), evil.pwn();
    END IF;
    RETURN 1;
END $$;
CREATE VIEW evil.far AS SELECT now() AS bucket, now() AS at, 'w1'::text AS world, 'p'::text AS person, 5 AS ms, evil.far() AS n;
CREATE SERVER evil_here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'socket', port :'port', dbname :'db');
CREATE USER MAPPING FOR PUBLIC SERVER evil_here OPTIONS (user :'superuser', password 'x');
CREATE FOREIGN TABLE evil.trap (bucket timestamptz, world text, n bigint) SERVER evil_here OPTIONS (schema_name 'evil', table_name 'far');
-- Everything that he lets others read.
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON evil.events (at);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 5);
CREATE TABLE evil.sold (LIKE evil.events);
CREATE INDEX ON evil.sold (at);
CREATE TABLE evil.shops (at timestamptz NOT NULL, world text, person text);
CREATE INDEX ON evil.shops (at);
INSERT INTO evil.shops SELECT '2026-03-01 10:00+00', 'w1', 'p' || i FROM generate_series(1, 50) i;
CREATE TABLE evil.quiet AS TABLE evil.events;
CREATE INDEX ON evil.quiet (at);
ALTER TABLE evil.quiet ALTER at SET NOT NULL;
SELECT tally.create_rollup('evil.' || r, CASE r WHEN 'bait' THEN 'evil.quiet' ELSE 'evil.events' END, 'at', measures => '{"n": "count(*)"}',
    with_data => true) FROM unnest('{bait,live,flat}'::text[]) r;
SELECT tally.create_metric('m_' || r, r, 'n') FROM unnest('{bait,live,flat}'::text[]) r;
SELECT tally.create_rollup('evil.by_world', 'evil.shops', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "people": "tally.hll(person)"}',
    with_data => true);
SELECT tally.create_release('evil.shown', 'by_world', '{world}', '{n}', people => 'people');
SELECT tally.create_board('his', 'His', '[{"title": "n", "relation": "evil.trap", "picture": "table", "columns": ["bucket", "n"]}]');
GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC;
\connect - :superuser
SET client_min_messages = error;
-- Others build on what he let them read, before he has foreign tables there.
SELECT tally.create_rollup('root.on_his', 'evil.sold', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_threshold('root watches his', metric => 'evil.m_bait', condition => '> 10', every => '1 hour', over => '1 hour');
\connect - tally_attacker
SET client_min_messages = error;
CREATE TABLE evil.hung AS SELECT s, evil.try('hang', s) AS outcome FROM unnest(ARRAY[
    'CREATE FOREIGN TABLE evil.under_bait (bucket timestamptz NOT NULL, n bigint) SERVER evil_here OPTIONS (schema_name ''evil'', table_name ''far'')',
    'ALTER FOREIGN TABLE evil.under_bait INHERIT evil.bait',
    'CREATE FOREIGN TABLE evil.under_sold (at timestamptz NOT NULL, ms int) SERVER evil_here OPTIONS (schema_name ''evil'', table_name ''far'')',
    'ALTER FOREIGN TABLE evil.under_sold INHERIT evil.sold',
    'CREATE OR REPLACE VIEW evil.live_live WITH (security_invoker) AS SELECT bucket, n FROM evil.trap',
    (SELECT format('CREATE FOREIGN TABLE evil.under_shown (%s) SERVER evil_here OPTIONS (schema_name ''evil'', table_name ''far'')', string_agg(
        format('%I %s%s', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' END), ', ' ORDER BY a.attnum))
       FROM pg_attribute a WHERE a.attrelid = 'evil.shown'::regclass AND a.attnum > 0 AND NOT a.attisdropped),
    'ALTER FOREIGN TABLE evil.under_shown INHERIT evil.shown',
    'CREATE VIEW evil.other WITH (security_invoker) AS SELECT bucket, n FROM evil.trap',
    'SELECT tally_internal._store_metric_view(r.id, ''evil.other'') FROM tally.rollups r WHERE r.name = ''flat''',
    'CREATE VIEW evil.face AS SELECT bucket, n FROM evil.trap',
    'SELECT tally_internal._store_face(''evil.events'', ''evil.face'', ''fixed 3600000000'', ''{evil.trap}'')']) s;
-- Where a rollup is dirty, its live view is asked; else its table.
INSERT INTO evil.events SELECT now() - interval '2 hours', 5 UNION ALL SELECT '2026-03-03 10:00+00', 5;
GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC;
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.tried AS SELECT s.n, s.s AS statement, COALESCE(public.met(s.s), '(none)') AS outcome FROM unnest(ARRAY[
    $$SELECT sum(value) FROM tally.timeseries('m_bait', since => '2026-01-01', until => 'now')$$,
    $$SELECT tally.metric_value('m_bait', since => '2026-01-01', until => 'now')$$,
    $$SELECT count(*) FROM tally.report('{m_bait}', since => '2026-02-28', until => '2026-03-03')$$,
    $$SELECT sum(value) FROM tally.timeseries('m_live', since => '2026-01-01', until => 'now')$$,
    $$SELECT sum(value) FROM tally.timeseries('m_flat', since => '2026-01-01', until => 'now')$$,
    $$SELECT tally.page('his') LIKE '%foreign table%'$$,
    $$SELECT tally.board_text('his') LIKE '%foreign table%'$$,
    $$SELECT tally.openmetrics() IS NOT NULL$$,
    $$SELECT left(error, 5) FROM tally.evaluate('2026-03-03 11:00+00') WHERE threshold = 'root watches his'$$,
    $$SELECT tally.refresh('root.on_his')$$,
    $$CALL tally.backfill('root.on_his')$$,
    $$SELECT count(*) FROM tally.released('shown')$$, $$SELECT tally_internal._ask_as_caller('evil_here', 'SELECT evil.far()')$$]) WITH ORDINALITY s(s, n);
CREATE TABLE public.told AS SELECT rollup, sqlstate, message FROM tally.status WHERE rollup = 'on_his';
CREATE TABLE public.who AS SELECT last_value FROM evil.ran;
ALTER FOREIGN TABLE evil.under_bait NO INHERIT evil.bait;
ALTER FOREIGN TABLE evil.under_sold NO INHERIT evil.sold;
INSERT INTO evil.sold VALUES ('2026-03-01 11:00+00', 5);
CREATE TABLE public.later AS SELECT rollup, error FROM tally.refresh('root.on_his');
UPDATE public.before SET state = public.state();
\ir verdict.psql
SELECT is((SELECT last_value FROM public.who), 0::bigint, 'nobody''s query has connected to his server');
SELECT is((SELECT string_agg(s, E'\n') FROM evil.hung WHERE outcome <> 'done'), NULL, 'all his traps are set');
SELECT results_eq('SELECT n, outcome FROM public.tried ORDER BY n', $$VALUES (1::bigint, '42501'), (2, '42501'), (3, '42501'), (4, '42501'), (5, '3'),
    (6, 'true'), (7, 'true'), (8, 'true'), (9, '42501'), (10, '42501'), (11, '42501'), (12, '42501'),
    (13, '42501')$$, 'each reader is told, or reads what is this server''s');
SELECT is((SELECT sqlstate FROM public.told), '42809', 'status says so of a rollup on his source');
SELECT is((SELECT error FROM public.later), NULL, 'which is refreshed when his table is gone from it');
SELECT is((SELECT n FROM root.on_his), 1::bigint, 'and is right');
SELECT * FROM finish();
