-- Bug: a backfill of all took no lock of its rollups, so two of them computed the same batch, and one left the rollup out because its rows were there.
-- With the lock, a rollup at which another backfill is for longer than five seconds must not be left out either.
SELECT no_plan();
SET client_min_messages = error;
\ir ../superuser.psql
CREATE TABLE e (at timestamptz NOT NULL);
CREATE INDEX ON e (at);
INSERT INTO e SELECT timestamptz '2026-03-01 00:00Z' + i * interval '1 minute' FROM generate_series(1, 300) i;
SELECT tally.create_rollup('h', 'e', 'at', measures => '{"n": "count(*)"}');
SELECT id AS h FROM tally.rollups WHERE name = 'h' \gset
SELECT dblink_connect('other', here());
-- What a backfill does before its unit of work, in a session that is at it for long.
SELECT dblink_exec('other', format('DO $d$ BEGIN PERFORM pg_advisory_lock(1650549611, %s); END $d$', :h));
SELECT dblink_exec('other', 'BEGIN'), dblink_exec('other', format('DO $d$ BEGIN PERFORM tally_internal._lock(%s, true); END $d$', :h));
SELECT results_eq(format('SELECT more, progress, left_out FROM tally_internal._backfill_unit(%s, 100, now(), named => false)', :h),
    'VALUES (true, NULL::text, NULL::text)', 'another backfill is at the rollup: this one asks again');
SELECT dblink_exec('other', 'DO $d$ BEGIN PERFORM pg_advisory_unlock_all(); END $d$');
SELECT results_eq(format('SELECT more, progress, left_out FROM tally_internal._backfill_unit(%s, 100, now(), named => false)', :h),
    $$VALUES (false, NULL::text, 'h: left out. rollup ''h'' is refreshed or changed by a transaction that is open')$$,
    'somebody keeps it in an open transaction: it is left out');
-- Anybody may take the claim.
SELECT dblink_connect('taker', here());
SELECT dblink_exec('taker', format('DO $d$ BEGIN PERFORM pg_advisory_lock(1650549611, %s); END $d$', :h));
SELECT ok(NOT tally_internal._backfill_is_at(:h), 'the claim of a session that has not the lock is none');
SELECT dblink_exec('other', 'COMMIT');
SELECT ok(tally_internal._backfill_is_at(:h), 'free by now: it is asked again');
CALL tally.backfill();
SELECT is((SELECT sum(n) FROM h), 300::numeric, 'and computed');
SELECT dblink_disconnect('other'), dblink_disconnect('taker');
SELECT * FROM finish();
