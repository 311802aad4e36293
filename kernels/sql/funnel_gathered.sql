-- Owns: funnels, patterns and what actors add up to, as the engine computes them (computed.sql): events and actors are gathered by PostgreSQL's own
-- functions, and a function of all of them answers. So no PL/pgSQL runs per row, and a measure that several expressions name is computed once.

CREATE FUNCTION tally_internal._gathered(events tally_internal.funnel_event[], span interval, conditions int, options text) RETURNS tally.funnel_events
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    times timestamptz[];
    masks bigint[];
    read  text := '';
BEGIN
    -- What _funnel_taken() says of each event by itself.
    SELECT array_agg(e.at), array_agg(e.mask) INTO times, masks FROM (SELECT x.at, x.mask FROM unnest(events) x WHERE x.at IS NOT NULL ORDER BY 1, 2) e;
    IF times IS NULL OR options IS NULL AND 0 = ALL (masks) THEN RETURN NULL; END IF;
    IF span < interval '0' OR options NOT IN ('', 'once') THEN read := tally_internal._funnel_options(span, conditions, COALESCE(options, '')); END IF;
    -- Under the strict options what meets no condition breaks a chain.
    IF 0 = ANY (masks) AND read !~ '\mstrict(_order)?\M' THEN
        SELECT array_agg(e.at), array_agg(e.mask) INTO times, masks FROM (SELECT unnest(times) AS at, unnest(masks) AS mask) e WHERE e.mask <> 0;
    END IF;
    RETURN CASE WHEN times IS NOT NULL THEN ROW(span, conditions, read, times, masks)::tally.funnel_events END;
END $$;
COMMENT ON FUNCTION tally_internal._gathered(tally_internal.funnel_event[], interval, int, text) IS
'All events of an actor as the state of a funnel, in order.';

CREATE FUNCTION tally_internal._funnel_single(times timestamptz[], masks bigint[], span interval, steps int) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n       int := cardinality(times);
    reached int := 0;
    starts  timestamptz[];
    chains  tally_internal.funnel_chain[];
    best    timestamptz[] := '{}';
BEGIN
    -- Differences of other times may be no intervals.
    IF times[1] < timestamptz '0001-01-01 00:00+00' OR times[n] > timestamptz '9999-01-01 00:00+00' THEN RETURN NULL; END IF;
    FOR i IN 1 .. n LOOP
        -- One event of a moment may fill what another one of it would.
        IF times[i] = times[i - 1] THEN RETURN NULL; END IF;
        -- Downwards, so that no chain takes two turns.
        FOR k IN REVERSE least(reached, steps - 1) .. 0 LOOP
            CONTINUE WHEN masks[i] >> k & 1 = 0;
            IF k = 0 THEN
                starts[1] := times[i];
                chains[1] := ROW(ARRAY[times[i]]);
            ELSE
                -- Of one length the latest start; of one start what ended first is there already.
                CONTINUE WHEN times[i] - starts[k] > span OR starts[k + 1] >= starts[k];
                starts[k + 1] := starts[k];
                chains[k + 1] := ROW(chains[k].times || times[i]);
            END IF;
            IF k = reached THEN
                reached := k + 1;
                best := chains[reached].times;
            END IF;
        END LOOP;
        EXIT WHEN reached = steps AND times[i] IS DISTINCT FROM times[i + 1];
    END LOOP;
    RETURN best;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_single(timestamptz[], bigint[], interval, int) IS
'The reported chain of a funnel without options, of events in order; NULL where two have one time or times are extreme, which _funnel_ordered() can do.';

CREATE FUNCTION tally_internal._path_final(events tally_internal.funnel_event[], span interval, conditions int, options text) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    state tally.funnel_events := tally_internal._gathered(events, span, conditions, options);
    path  timestamptz[];
BEGIN
    IF state IS NULL THEN RETURN '{}'; END IF;
    IF state.options IN ('', 'increase') THEN path := tally_internal._funnel_single(state.times, state.masks, state.span, state.steps); END IF;
    RETURN COALESCE(path, tally_internal._funnel_path(state));
END $$;
COMMENT ON FUNCTION tally_internal._path_final(tally_internal.funnel_event[], interval, int, text) IS 'tally.funnel_path() of all events of an actor.';
CREATE FUNCTION tally_internal._level_final(events tally_internal.funnel_event[], span interval, conditions int, options text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN cardinality(tally_internal._path_final(events, span, conditions, options));
END $$;
COMMENT ON FUNCTION tally_internal._level_final(tally_internal.funnel_event[], interval, int, text) IS 'tally.window_funnel() of all events of an actor.';
CREATE FUNCTION tally_internal._events_final(events tally_internal.funnel_event[], conditions int) RETURNS tally.funnel_events
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._gathered(events, interval '2562047788:00:54.775807', conditions, NULL)
$$;
COMMENT ON FUNCTION tally_internal._events_final(tally_internal.funnel_event[], int) IS 'tally.sequence_events() of all events of an actor.';

-- PostgreSQL itself does not sort here: WITHIN GROUP is how a final function gets arguments that are one for all rows.
CREATE OR REPLACE AGGREGATE tally_internal._path_of(span interval, conditions int, options text ORDER BY event tally_internal.funnel_event) (
    SFUNC = array_append, STYPE = tally_internal.funnel_event[], FINALFUNC = tally_internal._path_final, SSPACE = 8192
);
COMMENT ON AGGREGATE tally_internal._path_of(interval, int, text ORDER BY tally_internal.funnel_event) IS 'tally.funnel_path() without PL/pgSQL per row.';
CREATE OR REPLACE AGGREGATE tally_internal._level_of(span interval, conditions int, options text ORDER BY event tally_internal.funnel_event) (
    SFUNC = array_append, STYPE = tally_internal.funnel_event[], FINALFUNC = tally_internal._level_final, SSPACE = 8192
);
COMMENT ON AGGREGATE tally_internal._level_of(interval, int, text ORDER BY tally_internal.funnel_event) IS 'tally.window_funnel() without PL/pgSQL per row.';
CREATE OR REPLACE AGGREGATE tally_internal._events_of(conditions int ORDER BY event tally_internal.funnel_event) (
    SFUNC = array_append, STYPE = tally_internal.funnel_event[], FINALFUNC = tally_internal._events_final, SSPACE = 8192
);
COMMENT ON AGGREGATE tally_internal._events_of(int ORDER BY tally_internal.funnel_event) IS 'tally.sequence_events() without PL/pgSQL per row.';

-- What actors add up to.

CREATE FUNCTION tally_internal._funnel_item(level int) RETURNS int LANGUAGE sql IMMUTABLE RETURN level;
COMMENT ON FUNCTION tally_internal._funnel_item(int) IS 'A level as the engine gathers it.';
CREATE FUNCTION tally_internal._funnel_item(path timestamptz[]) RETURNS tally_internal.funnel_chain
LANGUAGE sql IMMUTABLE RETURN ROW(path)::tally_internal.funnel_chain;
COMMENT ON FUNCTION tally_internal._funnel_item(timestamptz[]) IS 'A path as the engine gathers it.';

CREATE FUNCTION tally_internal._funnel_counts_of(levels int[]) RETURNS tally.funnel_counts
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most int := (SELECT max(l) FROM unnest(levels) l);
    odd  int := (SELECT l FROM unnest(levels) l WHERE l NOT BETWEEN 0 AND 32 LIMIT 1);
BEGIN
    IF odd IS NOT NULL THEN PERFORM tally_internal._funnel_counts_trans(NULL, odd); END IF;
    RETURN CASE WHEN most > 0 THEN ROW(ARRAY(SELECT count(*) FROM unnest(levels) l JOIN generate_series(1, most) i ON i <= l GROUP BY i ORDER BY i),
                                       '{}')::tally.funnel_counts END;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_counts_of(int[]) IS 'Counts of actors by the levels that they reached; NULL of none.';

CREATE FUNCTION tally_internal._funnel_counts_of(paths tally_internal.funnel_chain[]) RETURNS tally.funnel_counts
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counts tally.funnel_counts;
BEGIN
    -- From each step to the next one. An actor's last step has none.
    SELECT array_agg(x.n ORDER BY x.i), COALESCE(array_agg(x.digest ORDER BY x.i) FILTER (WHERE x.digest IS NOT NULL), '{}')
      INTO counts.reached, counts.seconds
      FROM (SELECT u.i, count(*) AS n,
                   tally_internal._tdigest_made(array_agg((extract(epoch FROM u.next) - extract(epoch FROM u.at))::float8)
                                                FILTER (WHERE u.next IS NOT NULL), 180, -1) AS digest
              FROM unnest(paths) p, unnest(p.times, p.times[2:]) WITH ORDINALITY u(at, next, i) GROUP BY u.i) x;
    RETURN CASE WHEN counts.reached IS NOT NULL THEN counts END;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_counts_of(tally_internal.funnel_chain[]) IS
'Counts of actors by their paths, with the seconds between steps; NULL of none.';

CREATE OR REPLACE AGGREGATE tally.funnel_counts(level int) (
    SFUNC = array_append, STYPE = int[], FINALFUNC = tally_internal._funnel_counts_of, SSPACE = 8192, PARALLEL = SAFE
);

CREATE FUNCTION tally_internal._retention_counts_of(given tally_internal.retained_periods[]) RETURNS tally.retention_counts
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT ROW(COALESCE(array_agg(x.e ORDER BY x.i) FILTER (WHERE x.i > 0), '{}'),
                       COALESCE(array_agg(x.r ORDER BY x.i) FILTER (WHERE x.i > 0), '{}'))::tally.retention_counts
              FROM (SELECT u.i, count(u.seen) AS e, count(*) FILTER (WHERE u.seen) AS r
                      FROM unnest(given) g LEFT JOIN LATERAL unnest(g.periods) WITH ORDINALITY u(seen, i) ON true WHERE g.periods IS NOT NULL GROUP BY u.i) x
            HAVING count(*) > 0);
END $$;
COMMENT ON FUNCTION tally_internal._retention_counts_of(tally_internal.retained_periods[]) IS 'Counts of actors by the periods in which they were seen again.';
