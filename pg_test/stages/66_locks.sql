-- Owns: no role without rights can hold a lock that stops work.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE events (at timestamptz NOT NULL);
CREATE INDEX ON events (at);
SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_threshold('t', query => 'SELECT 99 AS value', condition => '> 1');
INSERT INTO events VALUES ('2026-03-01');
DROP ROLE IF EXISTS tally_lock_taker;
CREATE ROLE tally_lock_taker LOGIN;
\ir ../superuser.psql
SELECT dblink_connect('taker', here('tally_lock_taker'));
SELECT is((SELECT x FROM dblink('taker', $$SELECT pg_advisory_lock(1952541805, 0)::text || pg_advisory_lock(1952541804, 1)::text$$) v(x text)), '',
    'somebody takes the advisory locks that were ours');
SELECT is((SELECT opened FROM tally.evaluate('2026-03-01 12:00Z')), 1, 'evaluation goes on');
SELECT results_eq('SELECT buckets, error FROM tally.refresh()', 'VALUES (1::bigint, NULL::text)', 'so does the refresh of the rollup');
SELECT throws_ok(format($$SELECT dblink_exec('taker', %L)$$, x), '42501', NULL, 'not to be taken: ' || x)
  FROM unnest(ARRAY['DO $d$BEGIN LOCK TABLE tally.evaluators IN ACCESS SHARE MODE; END$d$',
      'DO $d$BEGIN LOCK TABLE tally.refresh_locks IN ROW SHARE MODE; END$d$', 'SELECT FROM tally.refresh_locks FOR UPDATE',
      'SELECT tally_internal._evaluation_lock()', 'SELECT tally_internal._lock(1, true)']) x;
SELECT dblink_disconnect('taker');
SELECT is_empty($$SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid IN ('tally.evaluators'::regclass, 'tally.refresh_locks'::regclass)
    AND a.grantee = 0$$, 'nobody has a right to either');
DROP ROLE tally_lock_taker;
SELECT * FROM finish();
