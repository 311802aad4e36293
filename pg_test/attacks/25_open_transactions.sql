-- Attack 25: what a transaction that the attacker leaves open keeps others from, or sees that is no more so.
--   * A release in the making, and an access granted, lock the lists of releases and of grants.
--   * A snapshot in which the victim's rollup per key was not there yet says that its table of marks belongs to no rollup.
-- As it was (commit 10cf7a1) nobody made a release or let anybody in meanwhile, and the marks of the victim's rollup were dropped, where its live view was
-- gone: so that code reads; this file was not run on it.
\ir prelude.psql
CREATE TABLE evil.shops (at timestamptz NOT NULL, world text, person text);
CREATE INDEX ON evil.shops (at);
INSERT INTO evil.shops SELECT '2026-03-01 10:00+00', 'w1', 'p' || i FROM generate_series(1, 50) i;
SELECT tally.create_rollup('evil.by_world', 'evil.shops', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "people": "tally.hll(person)"}',
    with_data => true);
GRANT ALL ON evil.shops TO tally_victim;
\connect - tally_victim
SET client_min_messages = error;
SELECT tally.create_rollup('app.victim_people', 'app.events', 'at', dimensions => '["who"]', measures => '{"n": "count(*)", "people": "tally.hll(who)"}',
    with_data => true);
SELECT tally.create_rollup('app.victim_too', 'evil.shops', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "people": "tally.hll(person)"}',
    with_data => true);
\connect - :superuser
SET client_min_messages = error;
CREATE EXTENSION dblink;
CREATE FUNCTION public.as_attacker(session text) RETURNS text LANGUAGE sql AS $$
    SELECT dblink_connect(session, format('host=%s port=%s dbname=%s user=tally_attacker', trim(BOTH '"'
        FROM split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), current_database()))
$$;
REVOKE ALL ON FUNCTION public.as_attacker(text) FROM PUBLIC;
ALTER FUNCTION public.met(text) SET lock_timeout = '2s';
SELECT public.as_attacker('holder'), public.as_attacker('old');
SELECT dblink_exec(s, 'SET client_min_messages = error') FROM unnest('{holder,old}'::text[]) s;
SELECT dblink_exec('old', 'BEGIN ISOLATION LEVEL REPEATABLE READ');
CREATE TABLE public.seen AS SELECT * FROM dblink('old', 'SELECT count(*) FROM tally.rollups') x(n bigint);
SELECT dblink_exec('holder', 'BEGIN');
CREATE TABLE public.held AS SELECT * FROM dblink('holder', $$SELECT tally.create_release('evil.shown', 'by_world', '{world}', '{n}',
    people => 'people')::text$$) x(outcome text)
    UNION ALL SELECT * FROM dblink('holder', $$SELECT tally.grant_access('editor', 'tally_victim')::text$$) x(outcome text);
SET ROLE tally_victim;
CREATE TABLE app.went AS SELECT 'release' AS what, public.met($$SELECT tally.create_release('app.victim_shown', 'victim_people', '{who}', '{n}',
    people => 'people')$$) AS outcome
    UNION ALL SELECT 'access', public.met($$SELECT tally.grant_access('editor', 'tally_attacker')$$)
    UNION ALL SELECT 'release of the same rows', public.met($$SELECT tally.create_release('app.victim_same', 'victim_too', '{world}', '{n}',
        people => 'people')$$);
CREATE TABLE app.keyed AS SELECT tally.create_rollup('app.victim_keyed', 'app.events', key => 'who', measures => '{"first_at": "min(at)"}',
    with_data => true) AS made;
DROP VIEW app.victim_keyed_live;
RESET ROLE;
-- His grant ends with his transaction, which is undone; the victim's is taken back.
SELECT dblink_exec('holder', 'ROLLBACK');
SELECT tally_internal._store_access('tally_attacker', NULL, NULL) FROM (SELECT set_config('role', 'tally_victim', false)) x;
RESET ROLE;
CREATE TABLE public.number AS SELECT r.id, format('tally.dirty_keys_%s', r.id) AS marks FROM tally.rollups r WHERE r.name = 'victim_keyed';
UPDATE public.before SET state = public.state();
CREATE TABLE public.tried AS SELECT s, public.met(format('SELECT * FROM dblink(''old'', %L) x(t text)', s)) AS outcome
  FROM (SELECT format('SELECT tally_internal.%s::text', c) AS s FROM public.number n, LATERAL (VALUES (format('_drop_marks(%s)', n.id)),
      (format('_forget_rollup(%s)', n.id)),
       (format('_drop_marks(r, r.owner) FROM tally.rollups r WHERE r.id <= %s', n.id))) v(c)) x;
SELECT dblink_exec('old', 'ROLLBACK'), dblink_disconnect('old'), dblink_disconnect('holder');
CREATE TABLE public.still AS SELECT to_regclass(n.marks) IS NOT NULL AS marks FROM public.number n;
UPDATE public.before SET state = state || jsonb_build_object('audit', public.state() -> 'audit');
\ir verdict.psql
SELECT is((SELECT count(*) FROM public.held), 2::bigint, 'his release and his grant are made, and open');
SELECT results_eq('SELECT what, outcome FROM app.went', $$VALUES ('release', 'app.victim_shown'), ('access',
    '{"SELECT on app.victim_shown","your incidents"}'), ('release of the same rows', '55P03')$$,
    'meanwhile others make releases and grants; only a release of the same rows waits');
SELECT ok((SELECT marks FROM public.still), 'the marks of a rollup that his snapshot has not seen stay');
SELECT is((SELECT count(*) FROM public.tried WHERE outcome ~ '^[0-9A-Z]{5}$'), 3::bigint, 'each call is refused');
SELECT lives_ok($$SELECT tally.drop_rollup('victim_keyed')$$, 'its owner drops it, without its live view');
SELECT is((SELECT to_regclass(n.marks)::text FROM public.number n), NULL, 'and its marks go with it');
SELECT * FROM finish();
