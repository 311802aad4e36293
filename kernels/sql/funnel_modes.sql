-- Owns: the options of funnels in SQL: how they are read, and the searches of strict, strict_order, strict_deduplication, any_order and exclude.
-- core/src/funnel/ says what holds: spec.rs, strict.rs, any_order.rs, exclude.rs.

CREATE FUNCTION tally_internal._funnel_options(span interval, conditions int, options text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known   CONSTANT text[] := '{reuse,increase,strict,strict_order,strict_deduplication,any_order}';
    item    text;
    words   text[];
    given   text[] := '{}';
    outside text[] := '{}';
    message text;
    hint    text;
BEGIN
    FOREACH item IN ARRAY regexp_split_to_array(options, ',') LOOP
        item := btrim(item, E' \t\n\r');
        CONTINUE WHEN item = '';
        words := regexp_split_to_array(item, '\s+');
        IF cardinality(words) = 1 AND words[1] = ANY (known || 'once'::text) THEN
            given := given || words[1];
        ELSIF words[1] = 'exclude' AND (cardinality(words) = 2 OR cardinality(words) = 3 AND words[3] IN ('drop_off', 'remove')) THEN
            -- Numbers as Rust reads them into a byte.
            IF words[2] !~ '^\+?\d+-\+?\d+$' OR split_part(words[2], '-', 1)::numeric NOT BETWEEN 1 AND 255
                OR split_part(words[2], '-', 2)::numeric NOT BETWEEN split_part(words[2], '-', 1)::numeric + 1 AND 255 THEN
                message := format('expected an exclusion between two steps, got "exclude %s"', words[2]);
                hint := 'Write for example exclude 2-3: after step 2 and before step 3.';
                EXIT;
            END IF;
            outside := outside || format('exclude %s-%s%s', split_part(words[2], '-', 1)::int, split_part(words[2], '-', 2)::int,
                                         CASE WHEN words[3] = 'remove' THEN ' remove' END);
        ELSE
            message := format('expected a funnel option, got "%s"', item);
            hint := 'Options are once, reuse, increase, strict, strict_order, strict_deduplication, any_order, '
                    'exclude <i>-<j>, exclude <i>-<j> remove; several are parted by commas.';
            EXIT;
        END IF;
    END LOOP;
    IF message IS NOT NULL THEN
        NULL;
    ELSIF tally_internal._funnel_seconds(span) < 0 THEN
        message := 'expected a window of zero or longer, got a negative interval';
        hint := 'Give the longest time from the first step to the last, for example interval ''1 day''.';
    ELSIF conditions <= cardinality(outside) THEN
        message := format('expected 1 to 32 conditions (steps, then one per exclusion), got %s with %s exclusions', conditions, cardinality(outside));
        hint := 'Give each step as one condition, then the condition of each exclude option in order.';
    ELSIF EXISTS (SELECT FROM unnest(outside) o WHERE substring(o FROM '-(\d+)')::int > conditions - cardinality(outside)) THEN
        message := format('expected exclusions between steps 1 and %s, got "%s"', conditions - cardinality(outside),
            (SELECT replace(o, ' remove', '') FROM unnest(outside) WITH ORDINALITY u(o, n)
              WHERE substring(o FROM '-(\d+)')::int > conditions - cardinality(outside) ORDER BY n LIMIT 1));
        hint := 'The last conditions are those of the exclude options, not steps.';
    ELSIF ('strict' = ANY (given))::int + (given && '{strict_order,strict_deduplication}')::int + ('any_order' = ANY (given))::int > 1
        OR given && '{strict,strict_order,strict_deduplication,any_order}' AND outside <> '{}' THEN
        message := format('expected options that go together, got "%s"', options);
        hint := 'strict, any_order and exclude do not combine with each other; a strict chain is already broken by any foreign event.';
    END IF;
    IF message IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message,
            DETAIL = 'A funnel is window_funnel(window, event_time, steps …) with options as text.', HINT = hint;
    END IF;
    RETURN array_to_string(ARRAY(SELECT k FROM unnest(known) WITH ORDINALITY u(k, n) WHERE k = ANY (given) ORDER BY n) || outside, ', ');
END $$;
COMMENT ON FUNCTION tally_internal._funnel_options(interval, int, text) IS
'The options of a funnel of so many conditions, each word once and in one order; an error where they are none or do not fit.';

CREATE FUNCTION tally_internal._funnel_matched(masks bigint[], start int, run int) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    serves int[] := array_fill(NULL::int, ARRAY[cardinality(masks)]);
    via    int[];
    queue  int[];
    unit   int;
    other  int;
    step   int;
BEGIN
    FOR wanted IN start .. start + run - 1 LOOP
        via := array_fill(NULL::int, ARRAY[cardinality(masks)]);
        queue := ARRAY[wanted];
        unit := NULL;
        WHILE unit IS NULL AND queue <> '{}' LOOP
            step := queue[1];
            queue := queue[2:];
            FOR u IN 1 .. cardinality(masks) LOOP
                CONTINUE WHEN masks[u] >> step & 1 = 0 OR via[u] IS NOT NULL;
                via[u] := step;
                IF serves[u] IS NULL THEN unit := u; EXIT; END IF;
                queue := queue || serves[u];
            END LOOP;
        END LOOP;
        IF unit IS NULL THEN RETURN wanted - start; END IF;
        WHILE unit IS NOT NULL LOOP
            other := array_position(serves, via[unit]);
            serves[unit] := via[unit];
            unit := other;
        END LOOP;
    END LOOP;
    RETURN run;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_matched(bigint[], int, int) IS
'How many of so many steps after the first ones can be served together, each by an event of its own: a matching by augmenting paths.';

CREATE FUNCTION tally_internal._funnel_strict(state tally.funnel_events) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span     numeric := tally_internal._funnel_seconds(state.span);
    increase boolean := state.options ~ '\mincrease\M';
    reuse    boolean := state.options ~ '\mreuse\M' AND state.options !~ '\mincrease\M';
    none     CONSTANT tally_internal.funnel_chain[] := array_fill(NULL::tally_internal.funnel_chain, ARRAY[state.steps]);
    settled  tally_internal.funnel_chain[] := none;
    -- Chains whose last step is at the present time; under increase they cannot go on before the time changes.
    fresh    tally_internal.funnel_chain[] := none;
    repeated tally_internal.funnel_chain[];
    going    tally_internal.funnel_chain[];
    next     tally_internal.funnel_chain[];
    chain    timestamptz[];
    best     timestamptz[] := '{}';
    present  timestamptz;
    event    record;
    n        int;
BEGIN
    FOR event IN SELECT e.t, e.m FROM unnest(state.times, state.masks) e(t, m) ORDER BY e.t, e.m LOOP
        IF present IS DISTINCT FROM event.t THEN
            EXIT WHEN cardinality(best) = state.steps;
            present := event.t;
            FOR i IN 1 .. state.steps LOOP
                IF fresh[i].times IS NOT NULL AND tally_internal._funnel_better(fresh[i].times, settled[i].times) THEN settled[i] := fresh[i]; END IF;
            END LOOP;
            fresh := none;
        END IF;
        going := ARRAY[ROW('{}'::timestamptz[])::tally_internal.funnel_chain] || settled || CASE WHEN NOT increase THEN fresh END;
        next := none;
        FOR i IN 1 .. cardinality(going) LOOP
            chain := going[i].times;
            CONTINUE WHEN chain IS NULL OR chain <> '{}' AND NOT tally_internal._funnel_within(chain[1], event.t, span);
            n := cardinality(chain);
            WHILE n < state.steps AND event.m >> n & 1 = 1 LOOP
                chain := chain || event.t;
                n := n + 1;
                IF tally_internal._funnel_better(chain, next[n].times) THEN next[n] := ROW(chain); END IF;
                best := tally_internal._funnel_best(best, chain);
                EXIT WHEN NOT reuse;
            END LOOP;
        END LOOP;
        -- Repeats of the step reached last break nothing; all else does.
        repeated := none;
        FOR i IN 1 .. state.steps LOOP
            CONTINUE WHEN event.m >> (i - 1) & 1 = 0;
            repeated[i] := settled[i];
            IF fresh[i].times IS NOT NULL AND tally_internal._funnel_better(fresh[i].times, next[i].times) THEN next[i] := fresh[i]; END IF;
        END LOOP;
        settled := repeated;
        fresh := next;
    END LOOP;
    RETURN best;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_strict(tally.funnel_events) IS 'The reported chain of a funnel with the option strict.';

CREATE FUNCTION tally_internal._funnel_scanned(state tally.funnel_events) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span     numeric := tally_internal._funnel_seconds(state.span);
    in_order boolean := state.options ~ '\mstrict_order\M';
    once     boolean := state.options ~ '\mstrict_deduplication\M';
    increase boolean := state.options ~ '\mincrease\M';
    chains   tally_internal.funnel_chain[] := array_fill(NULL::tally_internal.funnel_chain, ARRAY[state.steps]);
    chain    timestamptz[];
    met      record;
BEGIN
    -- An entry for each condition met, 0 for a row that meets none.
    FOR met IN SELECT e.t, x.level FROM unnest(state.times, state.masks) e(t, m)
                CROSS JOIN LATERAL (SELECT 0 AS level WHERE e.m = 0 UNION ALL
                                    SELECT s FROM generate_series(1, state.steps) s WHERE e.m >> (s - 1) & 1 = 1) x ORDER BY e.t, x.level LOOP
        IF met.level = 0 THEN
            EXIT WHEN in_order AND chains[1].times IS NOT NULL;
        ELSIF met.level = 1 THEN
            chains[1] := ROW(ARRAY[met.t]);
        ELSIF once AND chains[met.level].times IS NOT NULL THEN
            EXIT;
        ELSE
            chain := chains[met.level - 1].times;
            IF chain IS NULL THEN
                EXIT WHEN in_order AND chains[1].times IS NOT NULL;
            ELSIF (NOT increase OR chain[met.level - 1] < met.t) AND tally_internal._funnel_within(chain[1], met.t, span) THEN
                chains[met.level] := ROW(chain || met.t);
                EXIT WHEN met.level = state.steps;
            END IF;
        END IF;
    END LOOP;
    FOR i IN REVERSE state.steps .. 1 LOOP
        IF chains[i].times IS NOT NULL THEN RETURN chains[i].times; END IF;
    END LOOP;
    RETURN '{}';
END $$;
COMMENT ON FUNCTION tally_internal._funnel_scanned(tally.funnel_events) IS 'The reported chain of a funnel with strict_order or strict_deduplication.';

CREATE FUNCTION tally_internal._funnel_longest(masks bigint[], options text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    every bigint := (SELECT bit_or(m) FROM unnest(masks) m);
    run   int := 0;
BEGIN
    WHILE every >> run & 1 = 1 LOOP run := run + 1; END LOOP;
    -- Under increase times differ, so one unit never fills two steps.
    IF options ~ '\mreuse\M' AND options !~ '\mincrease\M' OR NOT EXISTS (SELECT FROM unnest(masks) m WHERE m & (m - 1) <> 0) THEN RETURN run; END IF;
    RETURN tally_internal._funnel_matched(masks, 0, run);
END $$;
COMMENT ON FUNCTION tally_internal._funnel_longest(bigint[], text) IS 'How many of the first steps events can fill together, in any order.';

CREATE FUNCTION tally_internal._funnel_any_order(state tally.funnel_events) RETURNS timestamptz[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    span    numeric := tally_internal._funnel_seconds(state.span);
    times   timestamptz[];
    masks   bigint[];
    settled bigint[];
    tried   bigint[];
    path    timestamptz[] := '{}';
    at      timestamptz;
    level   int := 0;
    here    int;
    first   int := 1;
    a       int;
    b       int;
    next    int;
BEGIN
    -- What can fill a step: an event, or under increase all events of one time.
    SELECT array_agg(u.t ORDER BY u.t, u.m), array_agg(u.m ORDER BY u.t, u.m) INTO times, masks
      FROM (SELECT e.t, bit_or(e.m) AS m FROM unnest(state.times, state.masks) WITH ORDINALITY e(t, m, n) WHERE e.m <> 0
             GROUP BY e.t, CASE WHEN state.options !~ '\mincrease\M' THEN e.n END) u;
    FOR upto IN 1 .. COALESCE(cardinality(times), 0) LOOP
        WHILE NOT tally_internal._funnel_within(times[first], times[upto], span) LOOP first := first + 1; END LOOP;
        CONTINUE WHEN times[upto + 1] = times[upto];
        here := tally_internal._funnel_longest(masks[first:upto], state.options);
        IF here > level THEN
            level := here;
            a := first;
            b := upto;
            EXIT WHEN level = state.steps;
        END IF;
    END LOOP;
    IF level = 0 THEN RETURN path; END IF;
    -- The latest start, by whole times.
    LOOP
        next := a + 1;
        WHILE next <= b AND times[next] = times[a] LOOP next := next + 1; END LOOP;
        EXIT WHEN next > b OR tally_internal._funnel_longest(masks[next:b], state.options) < level;
        a := next;
    END LOOP;
    times := times[a:b];
    masks := masks[a:b];
    settled := masks;
    -- For each step in turn the earliest time that leaves the other steps servable.
    FOR step IN 0 .. level - 1 LOOP
        FOR at IN SELECT DISTINCT u.t FROM unnest(times, masks) u(t, m) WHERE u.m >> step & 1 = 1 ORDER BY 1 LOOP
            tried := ARRAY(SELECT CASE WHEN u.t = at THEN u.m ELSE u.m & ~(1::bigint << step) END
                             FROM unnest(times, settled) WITH ORDINALITY u(t, m, n) ORDER BY u.n);
            IF tally_internal._funnel_longest(tried, state.options) >= level THEN
                settled := tried;
                path := path || at;
                EXIT;
            END IF;
        END LOOP;
    END LOOP;
    RETURN path;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_any_order(tally.funnel_events) IS 'The reported times of a funnel with the option any_order, by step.';
