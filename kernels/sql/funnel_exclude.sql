-- Owns: funnels with exclusions in SQL. core/src/funnel/exclude.rs says what holds.

CREATE FUNCTION tally_internal._funnel_earlier(held tally_internal.funnel_chain, chain timestamptz[]) RETURNS tally_internal.funnel_chain
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN held.times IS NOT NULL AND (held.times[cardinality(held.times)], held.times) <= (chain[cardinality(chain)], chain) THEN held
                ELSE ROW(chain)::tally_internal.funnel_chain END
$$;
COMMENT ON FUNCTION tally_internal._funnel_earlier(tally_internal.funnel_chain, timestamptz[]) IS
'Of two chains of one start and length the one that ends earlier, then the one with the earlier middle steps.';

CREATE FUNCTION tally_internal._funnel_cut(struck tally_internal.funnel_exclusion[], stood int, stands int) RETURNS int
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT min(e."from") FROM unnest(struck) e WHERE stood >= e."from" AND stood < e."to" AND stands < e."to"
$$;
COMMENT ON FUNCTION tally_internal._funnel_cut(tally_internal.funnel_exclusion[], int, int) IS
'The step at which exclusions that have struck cut a chain which stood at one step and now stands at another; NULL: none does.';

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
    begins      boolean;
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
        begins := false;
        FOR e IN start .. stop LOOP begins := begins OR masks[e] & 1 = 1; END LOOP;
        CONTINUE WHEN NOT begins;
        chains := none;
        halted := none;
        i := start;
        WHILE i <= cardinality(times) LOOP
            EXIT WHEN NOT tally_internal._funnel_within(times[start], times[i], span);
            j := i;
            WHILE times[j + 1] = times[i] LOOP j := j + 1; END LOOP;
            events := masks[i:j];
            struck := '{}';
            FOR n IN 1 .. cardinality(excluded) LOOP
                FOR e IN i .. j LOOP
                    IF masks[e] >> (steps + n - 1) & 1 = 1 THEN
                        struck := struck || excluded[n];
                        EXIT;
                    END IF;
                END LOOP;
            END LOOP;
            -- gains[k + 1]: how many steps these events give a chain of k.
            gains := array_fill(0, ARRAY[steps + 1]);
            standing := 0;
            FOR k IN 0 .. steps LOOP
                CONTINUE WHEN k > 0 AND chains[k].times IS NULL;
                standing := k;
                IF k < steps THEN gains[k + 1] := tally_internal._funnel_advance(events, k, steps, state.options); END IF;
            END LOOP;
            FOR n IN 1 .. cardinality(struck) LOOP
                IF struck[n].remove AND standing >= struck[n]."from" AND standing + gains[standing + 1] < struck[n]."to" THEN
                    removed := greatest(removed, standing);
                END IF;
            END LOOP;
            next := none;
            next_halted := none;
            FOR k IN 1 .. steps LOOP
                CONTINUE WHEN halted[k].times IS NULL;
                cut := COALESCE(tally_internal._funnel_cut(struck, k, k), k);
                next_halted[cut] := tally_internal._funnel_earlier(next_halted[cut], halted[k].times[1:cut]);
            END LOOP;
            FOR k IN (CASE WHEN i = start THEN 0 ELSE 1 END) .. steps LOOP
                chain := CASE WHEN k = 0 THEN '{}' ELSE chains[k].times END;
                CONTINUE WHEN chain IS NULL;
                FOR n IN k .. k + gains[k + 1] LOOP
                    cut := CASE WHEN struck <> '{}' THEN tally_internal._funnel_cut(struck, k, n) END;
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
