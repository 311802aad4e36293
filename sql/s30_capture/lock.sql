-- Owns: locking a source to change its triggers. It tries many times for a moment, because every later writer waits behind a waiting
-- request. An autovacuum yields only to a request that waits for deadlock_timeout, so where one holds the table, one try is that long. In the end it
-- raises an error that says whom it waited for.

CREATE OR REPLACE FUNCTION tally_internal._holders(tables regclass[], modes text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(DISTINCT CASE WHEN l.pid IS NULL THEN format('prepared transaction %L of %s', p.gid, p.prepared)
                                    ELSE format('pid %s (%s, %s, transaction since %s, query since %s)', l.pid, a.usename,
                                                COALESCE(a.state, a.backend_type), a.xact_start, a.query_start) END, '; ')
      FROM pg_locks l
      LEFT JOIN pg_stat_activity a ON a.pid = l.pid
      -- A prepared transaction keeps the virtual number of the session that prepared it.
      LEFT JOIN (pg_prepared_xacts p JOIN pg_locks x ON x.locktype = 'transactionid' AND x.transactionid = p.transaction AND x.pid IS NULL
                 AND x.granted) ON l.pid IS NULL AND l.virtualtransaction = x.virtualtransaction
     WHERE l.locktype = 'relation' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
       AND l.relation = ANY (tables) AND l.granted AND l.mode = ANY (modes) AND l.pid IS DISTINCT FROM pg_backend_pid()
$$;
COMMENT ON FUNCTION tally_internal._holders(regclass[], text[]) IS
'Who holds locks of some modes on some tables: process, state, since when; or the prepared transaction. Not what they run, which is not everybody''s to read.';

CREATE OR REPLACE FUNCTION tally_internal._patience() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._setting_or_usual('tally.lock_timeout') $$;
COMMENT ON FUNCTION tally_internal._patience() IS 'The setting tally.lock_timeout: how long a definition waits for a lock of a source.';

CREATE OR REPLACE FUNCTION tally_internal._patience_ms() RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Zero would be for ever.
    SELECT GREATEST(LEAST(extract(epoch FROM tally_internal._length('tally.lock_timeout', tally_internal._patience())) * 1000, 2147483647), 1)::int
$$;
COMMENT ON FUNCTION tally_internal._patience_ms() IS 'The setting tally.lock_timeout in milliseconds.';

CREATE OR REPLACE FUNCTION tally_internal._autovacuum_holds(tables regclass[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.backend_type = 'autovacuum worker'
                    WHERE l.locktype = 'relation' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                      AND l.relation = ANY (tables) AND l.granted AND l.mode = 'ShareUpdateExclusiveLock')
$$;
COMMENT ON FUNCTION tally_internal._autovacuum_holds(regclass[]) IS 'Whether an autovacuum works on one of some tables.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_locked(tables regclass[], message text, modes text[], meanwhile text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holders text := tally_internal._holders(ARRAY(SELECT t.member FROM unnest(tables) x, tally_internal._tree(x) t), modes);
BEGIN
    PERFORM tally_internal._refuse('lock_not_available', message,
        'It is held by ' || COALESCE(holders, 'transactions that have ended since') || '. Nothing was changed.',
        'SET tally.lock_timeout = ''5 minutes'';  -- then run it again; ' || meanwhile
            || COALESCE('; or SELECT pg_terminate_backend(' || (regexp_match(holders, 'pid (\d+)'))[1] || ');', ''));
END $$;
COMMENT ON FUNCTION tally_internal._refuse_locked(regclass[], text, text[], text) IS
'Refuses because tables were locked for too long: says who holds them or their partitions in one of the lock modes, what to run, '
    'and what that means for others meanwhile.';

CREATE OR REPLACE FUNCTION tally_internal._lock_tables(tables regclass[], exclusive boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    patience text := tally_internal._patience();
    deadline timestamptz := clock_timestamp() + tally_internal._length('tally.lock_timeout', patience);
    -- The triggers of a partitioned table are its partitions' too.
    wanted   text := (SELECT string_agg(CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || c.oid::regclass, ', ' ORDER BY c.oid) FROM pg_class c
                      WHERE c.oid = ANY (tables) AND c.relkind <> 'f');
    yielding boolean;
BEGIN
    IF wanted IS NULL THEN RETURN; END IF;
    LOOP
        -- Not more often than once: an autovacuum that prevents the transaction numbers from running out does not yield.
        yielding := yielding IS NULL AND tally_internal._patience_ms() > 1 AND tally_internal._autovacuum_holds(ARRAY(
            SELECT t.member FROM unnest(tables) x, tally_internal._tree(x) t));
        PERFORM set_config('lock_timeout', CASE WHEN yielding THEN LEAST(extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000 + 300,
                                                    tally_internal._patience_ms())::int || 'ms' ELSE '100ms' END, true);
        BEGIN
            EXECUTE format('LOCK TABLE %s IN %s MODE', wanted, CASE WHEN exclusive THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() > deadline THEN
                PERFORM tally_internal._refuse_locked(tables, format('capture could not lock %s within %s to change its triggers',
                        array_to_string(tables, ', '), patience),
                    '{RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'::text[] || CASE
                        WHEN exclusive THEN '{AccessShareLock,RowShareLock}'::text[] END, 'it tries for short moments, so nobody waits long for it');
            END IF;
        END;
        -- Whoever queued behind the request gets a turn.
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._lock_tables(regclass[], boolean) IS
'Locks tables against writers (exclusive: against readers too), trying for as long as the setting tally.lock_timeout says (5 seconds), in tries that hold '
    'nobody up for longer than 100 ms; one of deadlock_timeout where an autovacuum is to yield.';
