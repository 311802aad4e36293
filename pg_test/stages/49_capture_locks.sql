-- What is locked when: a rollup on a busy table waits no longer than it was told and says for whom; a refresh and a
-- backfill take nothing that holds up readers or writers; status says who waits for whom. Other sessions through dblink.
SELECT no_plan();
SET client_min_messages = warning;
\ir ../superuser.psql
SELECT dblink_connect('other', here());
SELECT dblink_exec('other', 'SET client_min_messages = error');
SELECT pid AS other_pid FROM dblink('other', 'SELECT pg_backend_pid()') AS t(pid int) \gset

CREATE TABLE events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-01+00' + i * interval '1 minute', i FROM generate_series(1, 5000) i;
CREATE FUNCTION error_of(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
CREATE FUNCTION create_h() RETURNS text LANGUAGE sql AS $$ SELECT $q$SELECT tally.create_rollup('h', 'events', 'at', measures => '{"n": "count(*)"}')$q$ $$;

-- A writer that does not end.
SELECT dblink_exec('other', 'BEGIN');
SELECT dblink_exec('other', 'INSERT INTO events VALUES (''2026-02-01+00'', 1)');
SET tally.lock_timeout = '300 milliseconds';
CREATE TEMP TABLE refused AS SELECT clock_timestamp() AS began, e.*, clock_timestamp() AS ended FROM error_of(create_h()) e;
SELECT is((SELECT code FROM refused), '55P03', 'a busy table is waited for, but not for ever');
SELECT is((SELECT message FROM refused), 'capture could not lock public.events within 300 milliseconds to change its triggers', 'what it waited for');
SELECT matches((SELECT detail FROM refused), format('pid %s .*idle in transaction.*Nothing was changed', :other_pid),
    'who held it: process, state, since when');
SELECT matches((SELECT hint FROM refused), format('SET tally.lock_timeout .*pg_terminate_backend\(%s\)', :other_pid), 'and what to run');
SELECT is(to_regclass('h'), NULL, 'nothing is half made');
SELECT is((SELECT count(*) FROM tally.members), 0::bigint, 'nor remembered');
SELECT dblink_exec('other', 'COMMIT');
SELECT lives_ok(create_h(), 'when the writer has ended, it is made at once');
CALL tally.backfill('h');
SELECT is((SELECT count(*) FROM h_live), (SELECT count(DISTINCT date_trunc('hour', at, 'UTC')) FROM events), 'with that writer''s row');

-- A reader of the source holds up the removal of its triggers, which says so too.
SELECT dblink_exec('other', 'BEGIN');
SELECT * FROM dblink('other', 'SELECT count(*) FROM events') AS t(n bigint);
SELECT matches((SELECT detail FROM error_of($$SELECT tally.drop_rollup('h')$$)), format('pid %s', :other_pid), 'a drop says who holds the source');
SELECT isnt(to_regclass('h'), NULL, 'and has dropped nothing');
SELECT dblink_exec('other', 'COMMIT');
RESET tally.lock_timeout;

-- What a refresh locks. These modes hold up no reader and no writer; SHARE UPDATE EXCLUSIVE is that of ANALYZE.
CREATE VIEW locked AS SELECT DISTINCT l.relation::regclass::text AS relation, l.mode FROM pg_locks l
  WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.relation IN ('events'::regclass, 'h'::regclass, 'h_live'::regclass, 'tally.dirty'::regclass,
      'tally.dirty_ranges'::regclass, 'tally.rollups'::regclass)
    AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock');
INSERT INTO events VALUES ('2026-01-01 05:05+00', 1), ('2026-03-01+00', 1);
BEGIN;
SELECT tally.refresh('h');
SELECT is_empty('TABLE locked', 'a refresh of marked buckets locks nobody out');
COMMIT;
TRUNCATE events;
INSERT INTO events SELECT timestamptz '2026-01-01+00' + i * interval '1 minute', i FROM generate_series(1, 5000) i;
BEGIN;
SELECT tally.refresh('h');
SELECT is_empty($$SELECT * FROM locked WHERE mode <> 'ShareUpdateExclusiveLock'$$, 'nor does one of ranges');
-- Others work on meanwhile, each within its patience.
SELECT dblink_exec('other', 'SET lock_timeout = ''2s''');
SELECT lives_ok($$SELECT dblink_exec('other', 'INSERT INTO events VALUES (''2026-01-01 05:05+00'', 1)')$$, 'a writer writes while a refresh is not committed');
SELECT lives_ok($$SELECT dblink_exec('other', 'DELETE FROM events WHERE at < ''2026-01-01 00:30+00''')$$, 'or deletes');
SELECT lives_ok($$SELECT * FROM dblink('other', 'SELECT count(*) FROM h') AS t(n bigint)$$, 'a reader reads the rollup');
SELECT lives_ok($$SELECT * FROM dblink('other', 'SELECT count(*) FROM h_live') AS t(n bigint)$$, 'and the live view');
SELECT is((SELECT state FROM dblink('other', 'SELECT state FROM tally.status WHERE rollup = ''h''') AS t(state text)), 'running', 'status: running');
SELECT matches((SELECT reason FROM dblink('other', 'SELECT reason FROM tally.status WHERE rollup = ''h''') AS t(reason text)),
    format('pid %s refreshes it', pg_backend_pid()), 'and who');
COMMIT;
SELECT tally.refresh();

-- A refresh that waits, because somebody has taken the rollup's table for himself.
INSERT INTO events VALUES ('2026-01-02 05:05+00', 1);
BEGIN;
LOCK TABLE h IN SHARE MODE;
SELECT dblink_exec('other', 'SET lock_timeout = 0');
SELECT dblink_send_query('other', 'SELECT tally.refresh(''h'')');
DO $$ BEGIN FOR i IN 1..600 LOOP
    EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        AND relation = 'h'::regclass);
    PERFORM pg_sleep(0.1); END LOOP; END $$;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'waiting', 'status: waiting');
SELECT matches((SELECT reason FROM tally.status WHERE rollup = 'h'), format('the refresh of pid %s waits for pid %s', :other_pid, pg_backend_pid()),
    'and for whom');
COMMIT;
SELECT isnt_empty($$SELECT * FROM dblink_get_result('other') AS t(r text)$$, 'it goes on');
SELECT is_empty($$SELECT * FROM dblink_get_result('other') AS t(r text)$$, 'to its end');

-- Held back, dirty, to be computed, frozen.
SELECT is((SELECT reason FROM tally.status WHERE rollup = 'h'), '', 'fresh: nothing to say');
BEGIN;
INSERT INTO events VALUES ('2026-01-03 05:05+00', 1);
PREPARE TRANSACTION 'tally test held';
SELECT matches((SELECT reason FROM tally.status WHERE rollup = 'h'), 'prepared transaction ''tally test held'' since .* holds changes back',
    'a prepared transaction is named');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'fresh', 'though what is committed is all there');
SET tally.lock_timeout = '100 milliseconds';
SELECT matches((SELECT detail FROM error_of($$SELECT tally.create_rollup('h2', 'events', 'at', measures => '{"n": "count(*)"}')$$)),
    'prepared transaction ''tally test held''', 'and as the one who holds a table');
RESET tally.lock_timeout;
COMMIT PREPARED 'tally test held';
SELECT matches((SELECT state || ': ' || reason FROM tally.status WHERE rollup = 'h'), 'dirty: changed since .*, next refresh by none: the clock is stopped',
    'dirty: since when, and that no clock ends it');
TRUNCATE events;
SELECT matches((SELECT state || ': ' || reason FROM tally.status WHERE rollup = 'h'), 'backfill: to be computed: truncate of public.events',
    'to be computed: why');

-- The run log is kept as long as the setting says.
SELECT tally.refresh();
UPDATE tally.runs SET started_at = started_at - interval '10 days';
INSERT INTO events VALUES ('2026-01-03 05:05+00', 1);
SELECT tally.refresh();
SELECT tally.maintain();
SELECT cmp_ok((SELECT count(*) FROM tally.runs), '>', 1::bigint, 'ten days are kept');
SET tally.keep_runs = '3 days';
SELECT tally.maintain();
SELECT is((SELECT count(*) FROM tally.runs), 1::bigint, 'unless the setting tally.keep_runs says otherwise');
SELECT dblink_disconnect('other');
DROP VIEW locked;
SELECT tally.drop_rollup('h');
SELECT * FROM finish();
