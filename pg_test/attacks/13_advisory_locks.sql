-- Attack 13 (the part of locks; 09 has the part of time): anybody may take any advisory lock and keep it. Those that evaluation and refresh
-- stood on were (1952541805, 0) and (1952541804, number of the rollup).
-- As it was (commit 382f689): evaluate() said that another session is evaluating and judged nothing, refresh() waited for the lock until its statement_timeout:
-- seen by hand.
\ir prelude.psql
\connect - tally_victim
SET client_min_messages = error;
INSERT INTO app.events VALUES ('2026-03-02 20:00+00', 'w1', 5);
\connect - :superuser
SET client_min_messages = error;
CREATE EXTENSION dblink;
SELECT dblink_connect('taker',
    format('host=%s port=%s dbname=%s user=tally_attacker', trim(BOTH '"' FROM split_part(current_setting('unix_socket_directories'), ',', 1)),
    current_setting('port'), current_database()));
-- Each key that is in the code, with each number that it may be used with; and the relations and rows that took their place.
SELECT count(*) FROM dblink('taker',
    $$SELECT evil.try(format('advisory %s %s', class, n), format('SELECT pg_advisory_lock(%s, %s)', class, n))
        FROM unnest(ARRAY[1952541804, 1952541805, 1650549611]) class, generate_series(0, 50) n$$) v(x text);
SELECT count(*) FROM dblink('taker',
    $$SELECT evil.try(what, what) FROM unnest(ARRAY['LOCK TABLE tally.evaluators IN ACCESS SHARE MODE', 'LOCK TABLE tally.refresh_locks IN ROW SHARE MODE',
        'LOCK TABLE tally.dirty IN SHARE MODE', 'LOCK TABLE tally.rollups IN EXCLUSIVE MODE',
    'LOCK TABLE tally.jobs IN SHARE ROW EXCLUSIVE MODE', 'SELECT FROM tally.refresh_locks FOR UPDATE', 'SELECT FROM tally.rollups FOR KEY SHARE',
        'SELECT FROM tally.dirty FOR UPDATE', 'SELECT tally_internal._evaluation_lock()',
    'SELECT tally_internal._lock(r.id, true) FROM tally.rollups r', 'SELECT tally_internal._lock_row(r.id, true) FROM tally.rollups r',
        'SELECT tally_internal._lock_family(r.id, true) FROM tally.rollups r']) what$$) v(x text);
SET statement_timeout = '60s';
CREATE TABLE public.evaluated AS SELECT threshold, error FROM tally.evaluate('2026-03-02 13:00+00');
CREATE TABLE public.first AS SELECT rollup, error FROM tally.refresh();
INSERT INTO app.events VALUES ('2026-03-02 21:00+00', 'w1', 5);
CALL tally.refresh_scheduled('*/5 * * * *');
CREATE TABLE public.scheduled AS SELECT bucket, who, n FROM app.victim_hourly;
CREATE TABLE public.plain AS SELECT date_trunc('hour', at, 'UTC') AS bucket, who, count(*) AS n FROM app.events GROUP BY 1, 2;
SELECT tally.repair('victim_hourly');
CALL tally.backfill('victim_hourly');
CREATE TABLE public.filled AS SELECT count(*) AS left FROM tally.dirty_ranges;
SELECT count(*) FROM tally.run_tasks('0 2 * * *', '2026-03-02 02:00+00');
SELECT dblink_disconnect('taker');
UPDATE public.before SET state = public.state() || jsonb_build_object('rollups', state -> 'rollups', 'incidents', state -> 'incidents');
\ir verdict.psql
SELECT is((SELECT count(*) FROM evil.log WHERE what LIKE 'advisory%' AND outcome = 'done'), 153::bigint, 'he holds all of them');
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE what NOT LIKE 'advisory%' AND outcome <> '42501'$$, 'and nothing that work stands on');
SELECT bag_eq('SELECT threshold, error FROM public.evaluated', $$VALUES ('victim_alert', NULL::text), ('root_alert', NULL)$$, 'evaluation judges all the same');
SELECT is((SELECT count(*) FROM public.first WHERE rollup = 'victim_hourly' AND error IS NULL), 1::bigint, 'a refresh by hand does its work');
SELECT bag_eq('SELECT * FROM public.scheduled', 'SELECT * FROM public.plain', 'so does the scheduled one');
SELECT is((SELECT "left" FROM public.filled), 0::bigint, 'and a backfill');
SELECT * FROM finish();
