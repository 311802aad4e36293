-- Attack 14: a call that is long and cannot be cancelled. retention_every(…, zone => NULL) looked at all pairs of starts and returns, and never
-- asked whether it should end: a SELECT of anybody's kept a core for as long as he liked, whatever the statement_timeout.
-- As it was (commit 382f689, a debug build) 20,000 starts took 12.3 s and 40,000 took 53 s, both under a statement_timeout of 2 s: seen by hand.
\ir prelude.psql
CREATE TABLE evil.times AS SELECT array_agg(timestamptz '2026-01-01Z' + g * interval '1 second') AS t FROM generate_series(1, 200000) g;
-- Lists and texts without bounds. The first of these ended every session of the server (signal 6, a list of 2^31 that memory had no room
-- for), the second ran for five minutes under a statement_timeout of 3 s: seen by hand at commit ce6bdd1.
SELECT evil.try('a list', $$SELECT tally_internal._buckets_reached('fixed 1000000', '2026-01-01', 2147483647)$$);
SELECT evil.try('a list of days', $$SELECT tally_internal._buckets_reached('calendar day Europe/Berlin', '2026-01-01', 2147483647)$$);
-- Bug: the common start of no rollups was looked for without end.
SET statement_timeout = '60s';
SELECT evil.try('no rollups', $$DO 'BEGIN ASSERT tally_internal._common_start(''{}'', ''2026-01-01Z'') = ''2026-01-01Z''; END'$$);
SELECT evil.try('unknown rollups', $$DO 'BEGIN ASSERT tally_internal._common_start(''{-1,NULL}'', ''2026-01-01Z'') = ''2026-01-01Z''; END'$$);
SELECT evil.try('a condition', $$SELECT tally.parse_condition(repeat('burn rate 99.9% over ', 1000000))$$);
\connect - :superuser
SET client_min_messages = error;
CREATE EXTENSION dblink;
SELECT format('host=%s port=%s dbname=%s user=tally_attacker options=''-c statement_timeout=500ms''',
              trim(BOTH '"' FROM split_part(current_setting('unix_socket_directories'), ',', 1)),
              current_setting('port'), current_database()) AS attacker \gset
CREATE TABLE public.ended (call text, busy int, error text);
-- Each call has work for minutes. It is waited for up to a minute, which is no measure of speed: it is to end at all.
CREATE FUNCTION public.send(label text, target text, call text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    busy  int;
    ended text;
BEGIN
    PERFORM dblink_connect(label, target);
    PERFORM dblink_send_query(label, format('SELECT count(r) FROM evil.times, LATERAL %s r', call));
    FOR i IN 1..600 LOOP
        busy := dblink_is_busy(label);
        EXIT WHEN busy = 0;
        PERFORM pg_sleep(0.1);
    END LOOP;
    IF busy = 0 THEN
        PERFORM FROM dblink_get_result(label, false) v(n bigint);
        ended := dblink_error_message(label);
    END IF;
    INSERT INTO public.ended VALUES (label, busy, ended);
    PERFORM dblink_disconnect(label);
END $$;
SELECT public.send(label, :'attacker', call) FROM (VALUES
    ('by the clock', 'tally.retention_every(t, t, ''1 second'', 3660, ''2027-01-01Z'', NULL)'),
    ('hours in a zone', 'tally.retention_every(t, t, ''1 hour'', 3660, ''2027-01-01Z'', ''Europe/Berlin'')'),
    ('on or after', 'tally.retention_every(t, t, ''1 second'', 3660, ''2027-01-01Z'', NULL, ''on_or_after'')')) x(label, call);
\ir verdict.psql
SELECT is_empty('SELECT * FROM public.ended WHERE busy <> 0', 'each call ends once its time is up');
SELECT results_eq('SELECT DISTINCT error FROM public.ended',
    $$VALUES ('ERROR:  canceling statement due to statement timeout'::text)$$, 'by the statement_timeout');
SELECT is((SELECT count(*) FROM public.ended), 3::bigint, 'all three');
SELECT bag_eq('SELECT what, outcome FROM evil.log',
    $$VALUES ('a list', '54000'), ('a list of days', '54000'), ('no rollups', 'done'), ('unknown rollups', 'done'), ('a condition', '22023')$$,
    'what has no end is refused before it begins, or has one');
SELECT * FROM finish();
