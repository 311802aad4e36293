-- Attack 14: a call that is long and cannot be cancelled. retention_every(…, zone => NULL) looked at all pairs of starts and returns, and never
-- asked whether it should end: one SELECT of anybody's kept a core for as long as he liked.
-- As it was (commit 382f689): HEAD14
\ir prelude.psql
CREATE FUNCTION evil.long(starts int, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer bigint;
BEGIN
    EXECUTE format('WITH e AS MATERIALIZED (SELECT array_agg(timestamptz ''2026-01-01Z'' + g * interval ''1 second'') AS a FROM generate_series(1, %s) g) SELECT count(x) FROM e, LATERAL %s x', starts, call) INTO answer;
    RETURN 'done';
EXCEPTION WHEN query_canceled THEN RETURN 'cancelled';
END $$;
CREATE TABLE evil.calls (call text, starts int, outcome text);
SELECT 'evil' AS x;
SET statement_timeout = '1s';
HOLD
