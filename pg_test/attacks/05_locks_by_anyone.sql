-- Attack 5: functions of the engine that lock a relation which the caller has no right to. _attach_capture(1260::oid::regclass) held
-- ACCESS EXCLUSIVE on pg_authid: nobody could log in.
-- As it was (commit 382f689) the lock was held: seen by running this file there.
\ir prelude.psql
BEGIN;
SELECT evil.try('attach authid', 'SELECT tally_internal._attach_capture(1260::oid::regclass)');
SELECT evil.try('attach', 'SELECT tally_internal._attach_capture((SELECT r.source FROM tally.rollups r WHERE r.name = ''victim_hourly''))');
SELECT evil.try('follow', 'SELECT tally_internal._follow(1260::oid::regclass)');
SELECT evil.try('follow victim', 'SELECT tally_internal._follow((SELECT r.source FROM tally.rollups r WHERE r.name = ''victim_hourly''))');
SELECT evil.try('strays', 'SELECT tally_internal._reconcile_members()');
SELECT evil.try('begin refresh', 'SELECT tally_internal._begin_refresh()');
SELECT evil.try('freeze', 'SELECT tally_internal._freeze_source((SELECT r.source FROM tally.rollups r WHERE r.name = ''victim_hourly''))');
SELECT evil.try('expire', 'SELECT tally_internal._lock_to_expire((SELECT r.source FROM tally.rollups r WHERE r.name = ''victim_hourly''))');
SELECT evil.try('remake', 'SELECT tally_internal._remake_live((SELECT r.id FROM tally.rollups r WHERE r.name = ''victim_hourly''))');
SELECT evil.try('lock', 'SELECT tally_internal._lock_tables(ARRAY[1260::oid::regclass], true)');
SELECT evil.try('create on catalogue', $$SELECT tally.create_rollup('evil.x', 'pg_catalog.pg_authid', 'rolvaliduntil', measures => '{"n": "count(*)"}')$$);
SELECT evil.try('retain', $$SELECT tally.retain_source((SELECT r.source FROM tally.rollups r WHERE r.name = 'victim_hourly'), '1 day')$$);
CREATE TABLE evil.locks AS SELECT l.relation::regclass::text, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
 WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relowner <> 'tally_attacker'::regrole AND l.mode NOT IN ('AccessShareLock',
     'RowShareLock') AND c.relnamespace <> 'tally'::regnamespace AND c.oid > 16384 OR l.relation = 1260 AND l.pid = pg_backend_pid()
     AND l.mode <> 'AccessShareLock';
COMMIT;
\ir verdict.psql
SELECT is_empty('SELECT * FROM evil.locks', 'no table of another is locked');
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE outcome <> '42501'$$, 'each is refused for want of the right');
SELECT * FROM finish();
