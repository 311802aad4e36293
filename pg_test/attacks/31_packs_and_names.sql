-- Attack 31: packs that a superuser installs, and names that somebody takes just now.
--   * The attacker registers a pack, installs it, and registers another version: tally.health tells everybody who may see it to install it again, a superuser
--     too, with whose rights its steps would run. Or he installs a pack of pg_tally in his schema and puts triggers on its tables.
--   * A pack, a board, a saved view gets its name in a transaction that is open. He takes the same name meanwhile, waits, and writes over it.
-- As it was (commit a4c4499) the superuser ran his steps, and the pack and the board were his: so that code reads.
\ir prelude.psql
CREATE TABLE evil.done AS SELECT evil.try(s, s) AS outcome FROM unnest(ARRAY[
    $$SELECT tally.register_pack('his', '{"a.sql": "-- step: source t\nCREATE TABLE t (at timestamptz NOT NULL);"}')$$,
    $$SELECT tally.install_pack('his', 'evil')$$,
    $$SELECT tally.register_pack('his',
        '{"a.sql": "-- step: source t\nCREATE TABLE t (at timestamptz NOT NULL);\n-- step: view v\nCREATE VIEW v AS SELECT evil.pwn();"}')$$,
    $$SELECT tally_internal._store_pack('publisher', 'evil', 'UTC')$$]) s;
\connect - :superuser
SET client_min_messages = error;
UPDATE tally.installed_packs SET fingerprint = 'older' WHERE target_schema = 'evil';
CREATE TABLE public.hints AS SELECT hint FROM tally.health WHERE "check" = 'packs';
CREATE TABLE public.tried AS SELECT p.name, public.ended(format('SELECT tally.install_pack(%L, target_schema => ''evil'')', p.name)) AS outcome
    FROM tally.packs p WHERE p.target_schema = 'evil';
CREATE TABLE public.mended AS SELECT public.ended(h.hint) AS outcome FROM public.hints h;
RESET ROLE;
-- Names in the making.
CREATE EXTENSION dblink;
SELECT dblink_connect('his', format('host=%s port=%s dbname=%s user=tally_attacker', trim(BOTH '"'
    FROM split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), current_database())),
    dblink_exec('his', 'SET client_min_messages = error');
GRANT CREATE, USAGE ON SCHEMA root TO tally_attacker;
CREATE PROCEDURE public.wait_for_him() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..600 LOOP
        EXIT WHEN EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = current_database() AND a.usename = 'tally_attacker' AND a.wait_event_type = 'Lock')
            OR dblink_is_busy('his') = 0;
        PERFORM pg_sleep(0.1), pg_stat_clear_snapshot();
    END LOOP;
END $$;
CREATE TABLE public.raced (what text, outcome text);
SET search_path = root, public;
BEGIN;
SELECT tally.register_pack('sales', '{"a.sql": "-- step: source t\nCREATE TABLE t (at timestamptz NOT NULL);"}');
SELECT tally.create_board('sales', 'Sales', '[{"title": "n", "metric": "root_count", "picture": "stat"}]');
SELECT tally.save_view('sales', 'mine', since => '1 hour');
SELECT dblink_send_query('his', $$SELECT tally.register_pack('sales', '{"a.sql": "-- step: view v\nCREATE VIEW v AS SELECT evil.pwn();"}')::text$$);
CALL public.wait_for_him();
COMMIT;
INSERT INTO public.raced SELECT 'pack', COALESCE((SELECT string_agg(t, '') FROM dblink_get_result('his', false) x(t text)), 'refused');
SELECT count(*) FROM dblink_get_result('his', false) x(t text);
BEGIN;
SELECT tally.create_board('more', 'More', '[{"title": "n", "metric": "root_count", "picture": "stat"}]');
SELECT dblink_send_query('his', $$SELECT tally.create_board('more', 'His', '[{"title": "his", "relation": "evil.log", "columns": ["what"]}]',
    search_path => 'root')::text$$);
CALL public.wait_for_him();
COMMIT;
INSERT INTO public.raced SELECT 'board', COALESCE((SELECT string_agg(t, '') FROM dblink_get_result('his', false) x(t text)), 'refused');
SELECT count(*) FROM dblink_get_result('his', false) x(t text);
BEGIN;
SELECT tally.save_view('sales', 'night', since => '1 hour', shared => true);
SELECT dblink_send_query('his', $$SELECT tally.save_view('root.sales', 'night', since => '9 hours')::text$$);
CALL public.wait_for_him();
COMMIT;
INSERT INTO public.raced SELECT 'view', COALESCE((SELECT string_agg(t, '') FROM dblink_get_result('his', false) x(t text)), 'refused');
RESET search_path;
SELECT dblink_disconnect('his');
UPDATE public.before SET state = public.state();
\ir verdict.psql
SELECT is((SELECT string_agg(DISTINCT outcome, ', ') FROM evil.done), 'done', 'his packs are there');
SELECT bag_eq('SELECT name, outcome FROM public.tried', $$VALUES ('his', '42501'), ('publisher', '42501')$$, 'a superuser installs neither as himself');
SELECT is((SELECT count(*) FROM public.hints WHERE hint LIKE 'SET ROLE tally_attacker; SELECT tally.install_pack(%'), 1::bigint,
    'and is told to do it as him');
SELECT is((SELECT count(*) FROM public.mended WHERE outcome = 'done'), 1::bigint, 'which works');
SELECT bag_eq('SELECT what, outcome FROM public.raced', $$VALUES ('pack', 'refused'), ('board', 'refused'), ('view', 'refused')$$,
    'a name that is taken meanwhile is refused');
SELECT is((SELECT string_agg(s.kind || ' ' || s.name, ', ') FROM tally.pack_steps s WHERE s.pack = 'sales'), 'source t',
    'the pack holds what its owner put there');
SELECT bag_eq($$SELECT title FROM tally.boards WHERE schema = 'root'$$, $$VALUES ('Sales'), ('More')$$, 'the boards too');
SELECT is((SELECT since FROM tally.board_views WHERE name = 'night'), '1 hour', 'and the view');
SELECT * FROM finish();
