-- Owns: funnels with exclusions in SQL. core/src/funnel/exclude.rs says what holds.

CREATE FUNCTION tally_internal._funnel_earlier(held tally_internal.funnel_chain, chain timestamptz[]) RETURNS tally_internal.funnel_chain
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN held.times IS NOT NULL AND (held.times[cardinality(held.times)], held.times) <= (chain[cardinality(chain)], chain) THEN held
                ELSE ROW(chain)::tally_internal.funnel_chain END
$$;
COMMENT ON FUNCTION tally_internal._funnel_earlier(tally_internal.funnel_chain, timestamptz[]) IS
'Of two chains of one start and length the one that ends earlier, then the one with the earlier middle steps.';

CREATE FUNCTION tally_internal._funnel_excluding(state tally.funnel_events) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span        numeric := tally_internal._funnel_seconds(state.span);
    excluded    tally_internal.funnel_exclusion[] := ARRAY(
        SELECT ROW(x[1]::int, x[2]::int, x[3] IS NOT NULL)::tally_internal.funnel_exclusion
          FROM regexp_matches(state.options, 'exclude (\d+)-(\d+)( remove)?', 'g') WITH ORDINALITY r(x, n) ORDER BY r.n);
    steps       int := state.steps - cardinality(excluded);
    none        CONSTANT tally_internal.funnel_chain[] := array_fill(NULL::tally_internal.funnel_chain, ARRAY[steps]);
    times       timestamptz[];
    masks       bigint[];
    chains      tally_internal.funnel_chain[];
    -- Chains that an excluded event stopped. They go no further, but a wider exclusion may still cut them.
    halted      tally_internal.funnel_chain[];
    next        tally_internal.funnel_chain[];
    next_halted tally_internal.funnel_chain[];
    best        timestamptz[] := '{}';
    mine        timestamptz[];
    removed     int := 0;
    struck      tally_internal.funnel_exclusion[];
    gains       int[];
    events      bigint[];
    chain       timestamptz[];
    standing    int;
    cut         int;
    i           int;
    j           int;
    stop        int;
BEGIN
    SELECT array_agg(e.t ORDER BY e.t, e.m), array_agg(e.m ORDER BY e.t, e.m) INTO times, masks FROM unnest(state.times, state.masks) e(t, m);
    FOR start IN 1 .. COALESCE(cardinality(times), 0) LOOP
        -- Each time at which step 1 may be is a start, searched by itself over the events of its window.
        CONTINUE WHEN times[start] = times[start - 1];
        stop := start;
        WHILE times[stop + 1] = times[start] LOOP stop := stop + 1; END LOOP;
        CONTINUE WHEN NOT EXISTS (SELECT FROM unnest(masks[start:stop]) m WHERE m & 1 = 1);
        chains := none;
        halted := none;
        i := start;
        WHILE i <= cardinality(times) LOOP
            EXIT WHEN NOT tally_internal._funnel_within(times[start], times[i], span);
            j := i;
            WHILE times[j + 1] = times[i] LOOP j := j + 1; END LOOP;
            events := masks[i:j];
            struck := ARRAY(SELECT x FROM unnest(excluded) WITH ORDINALITY u("from", "to", remove, n) CROSS JOIN LATERAL
                                          (SELECT ROW(u."from", u."to", u.remove)::tally_internal.funnel_exclusion AS x) y
                             WHERE EXISTS (SELECT FROM unnest(events) m WHERE m >> (steps + u.n::int - 1) & 1 = 1) ORDER BY u.n);
            -- gains[k + 1]: how many steps these events give a chain of k.
            gains := ARRAY(SELECT CASE WHEN k = steps THEN 0 WHEN k > 0 AND chains[k].times IS NULL THEN NULL
                                       ELSE tally_internal._funnel_advance(events, k, steps, state.options) END FROM generate_series(0, steps) k ORDER BY k);
            standing := (SELECT max(k) FROM generate_series(1, steps) k WHERE chains[k].times IS NOT NULL);
            IF EXISTS (SELECT FROM unnest(struck) e WHERE e.remove AND standing >= e."from" AND standing < e."to"
                                                      AND standing + gains[standing + 1] < e."to") THEN
                removed := greatest(removed, standing);
            END IF;
            next := none;
            next_halted := none;
            FOR k IN 1 .. steps LOOP
                CONTINUE WHEN halted[k].times IS NULL;
                cut := COALESCE((SELECT min(e."from") FROM unnest(struck) e WHERE k >= e."from" AND k < e."to"), k);
                next_halted[cut] := tally_internal._funnel_earlier(next_halted[cut], halted[k].times[1:cut]);
            END LOOP;
            FOR k IN (CASE WHEN i = start THEN 0 ELSE 1 END) .. steps LOOP
                chain := CASE WHEN k = 0 THEN '{}' ELSE chains[k].times END;
                CONTINUE WHEN chain IS NULL;
                FOR n IN k .. k + gains[k + 1] LOOP
                    cut := (SELECT min(e."from") FROM unnest(struck) e WHERE k >= e."from" AND k < e."to" AND n < e."to");
                    IF cut IS NOT NULL THEN
                        next_halted[cut] := tally_internal._funnel_earlier(next_halted[cut], chain[1:cut]);
                    ELSIF n > 0 THEN
                        next[n] := tally_internal._funnel_earlier(next[n], chain || array_fill(times[i], ARRAY[n - k]));
                    END IF;
                END LOOP;
            END LOOP;
            chains := next;
            halted := next_halted;
            i := j + 1;
        END LOOP;
        mine := '{}';
        FOR k IN 1 .. steps LOOP
            mine := tally_internal._funnel_best(mine, COALESCE(chains[k].times, '{}'));
            mine := tally_internal._funnel_best(mine, COALESCE(halted[k].times, '{}'));
        END LOOP;
        best := tally_internal._funnel_best(best, mine);
    END LOOP;
    RETURN CASE WHEN removed > 0 AND removed >= cardinality(best) THEN '{}' ELSE best END;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_excluding(tally.funnel_events) IS
'The reported chain of a funnel with exclusions; empty where the actor is removed.';
