-- Attack 22: what one definition, one name or one statement of the attacker's makes everybody wait for, or do without.
--   * A threshold with 100,000 label sets, each filed while all others wait.
--   * The name of a built-in threshold, which the clock makes where nobody has it. In another schema it is in nobody's way; in the same one the clock
--     starts, and says what it could not make.
--   * A behaviour whose definition is nonsense, which keeps all definitions from being written out.
--   * Routes, channels, silences and inhibitions without end, whose trees and matchers are computed for each incident of everybody.
--   * A function of a common name, made in a transaction that stays open, where a definition of the victim's looks for functions.
-- As it was (commit 3cc0e5d) an evaluation took more than five minutes, tally.start() made no watch, tally.definitions() failed for everybody, and
-- CREATE FUNCTION locked each live view against its readers: all seen there. And (commit 33904be) it had rollups computed anew in whose functions its
-- name was a word; and (commit 10cf7a1) where those functions have no search_path of their own. And (commit a4c4499) each incident of everybody asked each
-- route: so that code reads.
\ir prelude.psql
SELECT tally.create_threshold('his many', query => 'SELECT i::text AS l, 20 AS value FROM generate_series(1, 100000) i', condition => '> 10');
SELECT tally.create_probe('his many', 'SELECT i::text AS l, 20 AS value FROM generate_series(1, 100000) i');
SELECT tally.create_threshold('his few', query => 'SELECT i::text AS l, 20 AS value FROM generate_series(1, 3) i', condition => '> 10');
SET search_path = evil;
SELECT evil.try('name', $$SELECT tally.create_threshold('tally evaluation stopped', query => 'SELECT 1 AS value', condition => '> 10', enabled => false)$$);
RESET search_path;
SELECT tally.create_channel('his', kind => 'table', repeat_interval => '1 minute');
SELECT tally.silence('{}', 'his', i * interval '1 day') FROM generate_series(271, 300) i;
SELECT tally.create_inhibition('his ' || i, '{"severity": "critical"}', '{"threshold": "victim_alert"}') FROM generate_series(1, 30) i;
SELECT tally.create_route('his', (SELECT jsonb_build_object('channel', 'his', 'routes', jsonb_agg(jsonb_build_object('matchers',
    jsonb_build_object('l', i::text), 'channel', 'his'))) FROM generate_series(1, 300) i));
CREATE TABLE evil.events (at timestamptz NOT NULL, who text);
CREATE INDEX ON evil.events (at);
CREATE INDEX ON evil.events (who);
SELECT tally.create_rollup('evil.actors', 'evil.events', key => 'who', measures => '{"first_at": "min(at)"}', with_data => true);
SELECT tally.create_rollup('evil.counts', 'evil.actors', 'first_at', bucket => '1 day', measures => '{"n": "count(*)"}', with_data => true);
SELECT evil.try('behaviour', $$SELECT tally_internal._store_behaviour('funnel', 'evil.counts', '{"steps": 7}')$$);
\connect - tally_victim
SET client_min_messages = error;
CREATE FUNCTION app.striped(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS 'DECLARE zebra int := v; BEGIN RETURN zebra; END';
CREATE FUNCTION app.spotted(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS 'DECLARE zebra int := v; evil int := 0; BEGIN RETURN zebra + evil; END';
SELECT tally.create_rollup('app.victim_spotted', 'app.events', 'at', measures => '{"n": "sum(app.spotted(ms))"}', with_data => true);
-- It has lost its search_path since.
ALTER FUNCTION app.spotted(int) RESET search_path;
SELECT tally.create_rollup('app.victim_striped', 'app.events', 'at', measures => '{"n": "sum(app.striped(ms))"}', with_data => true);
\connect - tally_attacker
SET client_min_messages = error;
SELECT evil.try('zebra', 'CREATE FUNCTION evil.zebra() RETURNS int LANGUAGE sql AS ''SELECT 1''');
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.marked AS SELECT g.reason FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name IN ('victim_striped',
    'victim_spotted') AND g.reason ~ 'zebra';
BEGIN;
SET LOCAL track_functions = 'all';
SELECT tally.acknowledge(i.id) FROM tally.incidents i WHERE i.threshold = 'victim_alert';
SELECT count(*) FILTER (WHERE f.funcname = '_notify') AS told, COALESCE(sum(f.calls) FILTER (WHERE f.funcname = '_routed'), 0) AS routed,
       COALESCE(sum(f.calls) FILTER (WHERE f.funcname = '_matches'), 0) <= 5 AS few_matched
  FROM pg_stat_xact_user_functions f \gset
ROLLBACK;
UPDATE public.before SET state = public.state();
GRANT CREATE ON SCHEMA public TO tally_attacker;
-- He has 30 silences and 30 inhibitions, and a channel and a route.
SELECT format('ALTER DATABASE %I SET tally.most_per_role = 30', current_database()) \gexec
\connect - tally_attacker
SET client_min_messages = error;
-- What he sets binds nobody.
SET tally.most_per_role = 1000;
SELECT evil.try('silence 31', $$SELECT tally.silence('{}', 'his', '301 days')$$),
       evil.try('inhibition 31', $$SELECT tally.create_inhibition('his 31', '{"severity": "critical"}', '{"threshold": "victim_alert"}')$$),
       evil.try('inhibition 7 again', $$SELECT tally.create_inhibition('his 7', '{"severity": "info"}', '{"threshold": "victim_alert"}')$$);
SELECT evil.try('one silence less', format('SELECT tally.end_silence(%s)', min(id))) FROM tally.silences WHERE owner::oid = 'tally_attacker'::regrole;
SELECT evil.try('silence 30', $$SELECT tally.silence('{}', 'his', '301 days')$$);
\connect - :superuser
SET client_min_messages = error;
SELECT format('ALTER DATABASE %I SET tally.most_per_role = 1', current_database()) \gexec
SET ROLE tally_attacker;
SELECT evil.try('channel 2', $$SELECT tally.create_channel('his second', kind => 'table')$$),
       evil.try('channel 1 again', $$SELECT tally.create_channel('his', kind => 'table', repeat_interval => '2 minutes')$$),
       evil.try('route 2', $$SELECT tally.create_route('his second', '{"channel": "his"}')$$),
       evil.try('route 1 again', $$SELECT tally.create_route('his', '{"channel": "his"}')$$);
RESET ROLE;
SELECT format('ALTER DATABASE %I RESET tally.most_per_role', current_database()) \gexec
CREATE EXTENSION dblink;
SELECT dblink_connect('holder', format('host=%s port=%s dbname=%s user=tally_attacker',
    trim(BOTH '"' FROM split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), current_database()));
SELECT dblink_exec('holder', 'SET client_min_messages = error'), dblink_exec('holder', 'BEGIN'),
    dblink_exec('holder', 'CREATE FUNCTION public.count(polygon) RETURNS bigint LANGUAGE sql AS ''SELECT 1::bigint''');
CREATE TABLE public.locked AS SELECT l.relation::regclass::text AS relation FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  -- Other attacks run beside this one, in databases of their own.
  WHERE a.datname = current_database() AND a.usename = 'tally_attacker' AND l.locktype = 'relation' AND l.mode IN ('ExclusiveLock', 'AccessExclusiveLock',
      'ShareRowExclusiveLock');
SET lock_timeout = '2s';
CREATE TABLE public.live AS SELECT sum(n) AS n FROM app.victim_hourly_live;
RESET lock_timeout;
SELECT dblink_exec('holder', 'ROLLBACK'), dblink_disconnect('holder');
CREATE TABLE public.judged AS SELECT threshold, series, opened, left(error, 5) AS error FROM tally.evaluate('2026-03-02 13:00+00');
CREATE TABLE public.sampled AS SELECT name, sqlstate, (SELECT count(*) FROM tally.probe_samples s WHERE s.probe_id = p.id) AS n FROM tally.probes p
    WHERE name = 'his many';
CREATE TABLE public.written AS SELECT kind, name FROM tally.definitions() WHERE name LIKE 'victim%' OR name LIKE 'root%';
SELECT count(*) FROM tally.start();
CREATE TABLE public.watching AS SELECT name, owner::text FROM tally.thresholds WHERE name LIKE 'tally%stopped' AND owner::oid <> 'tally_attacker'::regrole;
SELECT tally.drop_threshold(format('%I.%I', schema, name)) FROM tally.thresholds WHERE name LIKE 'tally%stopped' AND owner::oid <> 'tally_attacker'::regrole;
SET ROLE tally_attacker;
SELECT evil.try('same name', $$SELECT tally.create_threshold('tally evaluation stopped', query => 'SELECT 1 AS value', condition => '> 10',
    enabled => false)$$);
RESET ROLE;
CREATE TABLE public.started AS SELECT count(*) AS n FROM tally.start();
UPDATE public.before SET state = state || jsonb_build_object('audit', public.state() -> 'audit');
\ir verdict.psql
SELECT is(:'told' || ' ' || :'routed', '1 0', 'an incident of the victim''s asks none of his routes');
SELECT ok(:'few_matched', 'and computes none of his matchers');
SELECT bag_eq('SELECT * FROM public.judged',
    $$VALUES ('his many', 0, 0, '54000'), ('his few', 3, 3, NULL), ('victim_alert', 1, 0, NULL), ('root_alert', 1, 0, NULL)$$,
    'too many label sets are refused at once, and a few are filed');
SELECT results_eq('SELECT * FROM public.sampled', $$VALUES ('his many', '54000', 0::bigint)$$, 'a probe keeps none of too many');
SELECT results_eq('SELECT * FROM public.watching ORDER BY 1', format('VALUES (''tally evaluation stopped'', %1$L), (''tally refresh stopped'', %1$L)',
    current_user), 'the clock makes its watch, whatever he calls his thresholds');
SELECT is((SELECT count(*) FROM public.started), 1::bigint, 'and starts where he has taken the very name');
SELECT is((SELECT count(*) FROM public.written WHERE kind IN ('rollup', 'metric', 'threshold')), 9::bigint, 'the definitions of others are written out');
SELECT bag_eq($$SELECT what, outcome FROM evil.log WHERE what ~ '^(silence|inhibition|channel|route|one)' $$,
    $$VALUES ('silence 31', '54000'), ('inhibition 31', '54000'), ('inhibition 7 again', 'done'), ('one silence less', 'done'), ('silence 30', 'done'),
             ('channel 2', '54000'), ('channel 1 again', 'done'), ('route 2', '54000'), ('route 1 again', 'done')$$,
    'of silences, inhibitions, channels and routes he has as many as the database lets one role have');
SELECT is_empty('SELECT * FROM public.locked', 'a function that no definition means locks nothing');
SELECT is((SELECT n FROM public.live), 500::numeric, 'and the live view is read meanwhile');
SELECT is_empty('SELECT * FROM public.marked', 'a function whose name is a word in the body of the victim''s has nothing computed anew');
SELECT * FROM finish();
