-- Owns: how the engine writes a measure where it computes it: sketches, series by time and behaviour of actors as functions of what PostgreSQL's own
-- functions gather, so that no PL/pgSQL runs per row.

CREATE FUNCTION tally_internal._rest_of_call(words text[], first int, OUT arguments text[], OUT behind int)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    depth int := 1;
    one   text := '';
BEGIN
    arguments := '{}';
    FOR i IN first .. cardinality(words) LOOP
        IF words[i] IN ('(', '[') THEN depth := depth + 1; ELSIF words[i] IN (')', ']') THEN depth := depth - 1; END IF;
        IF depth = 0 OR depth = 1 AND words[i] = ',' THEN
            arguments := arguments || btrim(one, E' \t\n');
            one := '';
            IF depth = 0 THEN behind := i + 1; RETURN; END IF;
        ELSE
            one := one || words[i];
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._rest_of_call(text[], int) IS
'The arguments of a call, or the elements of an array, whose words begin behind its parenthesis, and where the words go on.';

CREATE FUNCTION tally_internal._words_of(given text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT CASE WHEN w.token ~ '^(--|/\*)' THEN E'\n' ELSE w.token END FROM tally_internal._words(given) w ORDER BY w.n)
$$;
COMMENT ON FUNCTION tally_internal._words_of(text) IS 'The words of a text in order; a comment is a line''s end.';

CREATE FUNCTION tally_internal._funnel_conditions(given text[], plain boolean) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words text[];
    list  record;
BEGIN
    IF cardinality(given) = 2 AND given[1] ~* '^array\s*\[' OR cardinality(given) = 1 AND given[1] ~* '^variadic\s+array\s*\[' THEN
        words := tally_internal._words_of(given[1]);
        list := tally_internal._rest_of_call(words, array_position(words, '[') + 1);
        -- A list of all conditions, written out.
        RETURN CASE WHEN array_to_string(words[list.behind:], '') ~* '^\s*(::\s*(pg_catalog\.)?bool(ean)?\s*\[\s*\])?\s*$' THEN list.arguments END;
    ELSIF NOT plain AND cardinality(given) IN (2, 3) AND given[2] ~ '^''\{[^''\\"]*\}''(::text\[\])?$' THEN
        RETURN ARRAY(SELECT format('(%s)::pg_catalog.text OPERATOR(pg_catalog.=) %L', given[1], s)
                       FROM unnest(substring(given[2] FROM '\{[^'']*\}')::text[]) WITH ORDINALITY u(s, n) ORDER BY n);
    -- Two or three may be a type of event with its steps, or conditions with options. Comparisons are neither.
    ELSIF NOT plain AND cardinality(given) IN (2, 3) AND EXISTS (SELECT FROM unnest(given) c WHERE c !~* '=|<|>|~|\m(is|in|like|ilike|between)\M'
                                                                                               OR c ~* '::|[\[(]|\mcase\M') THEN
        RETURN NULL;
    END IF;
    RETURN CASE WHEN NOT EXISTS (SELECT FROM unnest(given) c WHERE c ~* '^(variadic|distinct|all)\M|\morder\s+by\M') THEN given END;
END $$;
COMMENT ON FUNCTION tally_internal._funnel_conditions(text[], boolean) IS
'The conditions of the steps that a call of tally.window_funnel() has behind its time; NULL where its text does not say for certain what they are. plain: of '
'tally.sequence_events(), which takes nothing but conditions.';

CREATE FUNCTION tally_internal._computed_funnel(name text, a text[], filter text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    time_   int := CASE name WHEN 'sequence_events' THEN 1 ELSE 2 END;
    rest    text[] := a[time_ + 1:];
    steps   text[] := tally_internal._funnel_conditions(rest, time_ = 1);
    options text := CASE WHEN steps IS NOT NULL AND time_ = 2 AND cardinality(rest) > 1 AND rest[cardinality(rest)] ~ '^''[^''{]*''(::text)?$'
                         THEN rest[cardinality(rest)] END;
    event   text;
BEGIN
    -- The window and the options must be one for all rows.
    IF steps IS NULL OR cardinality(steps) NOT BETWEEN 1 AND 32 OR time_ = 2 AND a[1] !~* '^(interval\s*)?''[^'']*''(::(pg_catalog\.)?interval)?$'
        OR a[1] ~* '^(distinct|all)\M' OR options IS NULL AND rest[1] ~* '^array\M' OR options IS NULL AND cardinality(rest) = 3 AND rest[2] ~ '^''{' THEN
        RETURN NULL;
    END IF;
    event := format('ROW((%s)::pg_catalog.timestamptz, (%s)::pg_catalog.int8)::tally_internal.funnel_event', a[time_],
        (SELECT string_agg(format('CASE WHEN %s THEN %s ELSE 0 END', s, 1::bigint << (n::int - 1)), ' OPERATOR(pg_catalog.+) ' ORDER BY n)
           FROM unnest(steps) WITH ORDINALITY u(s, n)));
    IF time_ = 1 THEN RETURN format('tally_internal._events_of(%s) WITHIN GROUP (ORDER BY %s)%s', cardinality(steps), event, filter); END IF;
    RETURN format('tally_internal.%s(%s::pg_catalog.interval, %s, %s::pg_catalog.text) WITHIN GROUP (ORDER BY %s)%s',
                  CASE name WHEN 'funnel_path' THEN '_path_of' ELSE '_level_of' END, a[1], cardinality(steps), COALESCE(options, 'NULL'), event, filter);
END $$;
COMMENT ON FUNCTION tally_internal._computed_funnel(text, text[], text) IS
'window_funnel(), funnel_path() or sequence_events() with these arguments and this FILTER, as the engine computes it; NULL where it calls the aggregate.';

CREATE FUNCTION tally_internal._computed_call(name text, a text[], filter text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whole CONSTANT text := '^\d{1,4}$';
BEGIN
    IF name IN ('window_funnel', 'funnel_path', 'sequence_events') THEN RETURN tally_internal._computed_funnel(name, a, filter); END IF;
    IF cardinality(a) <> ALL (CASE WHEN name IN ('jsonb_totals', 'funnel_counts', 'retention_counts', 'approx_distinct') THEN '{1}'
                                   WHEN name IN ('stats', 'tdigest', 'hll') THEN '{1,2}' WHEN name = 'topk' THEN '{1,2,3}'
                                   WHEN name = 'moments' THEN '{1,2,3,4}' WHEN name = 'time_weighted' THEN '{2,3}' ELSE '{2}' END::int[])
        OR EXISTS (SELECT FROM unnest(a) x WHERE x ~* '^\s*(distinct|all|variadic|\*)|\morder\s+by\M')
        -- How many items are asked for, how exactly and by which method, is one for all rows.
        OR name IN ('topk', 'tdigest', 'hll') AND a[2] !~ whole OR name = 'approx_percentile' AND a[2] !~ '^\d*\.?\d+$'
        OR name = 'time_weighted' AND a[3] !~ '^''(locf|linear)''(::text)?$' THEN RETURN NULL; END IF;
    RETURN CASE
        WHEN name = 'tdigest' THEN format('tally_internal._tdigest_of(pg_catalog.array_agg((%s)::pg_catalog.float8)%s%s)', a[1], filter, ', ' || a[2])
        WHEN name = 'approx_percentile' THEN
            format('tally.percentile(tally_internal._tdigest_of(pg_catalog.array_agg((%s)::pg_catalog.float8)%s), %s)', a[1], filter, a[2])
        WHEN name = 'hll' THEN format('tally_internal._hll_of(pg_catalog.array_agg(tally_internal._hll_hash(%s))%s%s)', a[1], filter, ', ' || a[2])
        WHEN name = 'approx_distinct' THEN
            format('tally.distinct_count(tally_internal._hll_of(pg_catalog.array_agg(tally_internal._hll_hash(%s))%s))', a[1], filter)
        WHEN name = '_keyed_hll' THEN
            format('tally_internal._keyed_hll_of(%s, pg_catalog.array_agg(tally_internal._hll_hash(%s))%s)', a[1], a[2], filter)
        WHEN name = 'state_time' THEN format('tally_internal._state_time_of(pg_catalog.array_agg((%s)::pg_catalog.text)%s, '
                                             'pg_catalog.array_agg((%s)::pg_catalog.timestamptz)%2$s)', a[1], filter, a[2])
        WHEN name IN ('first', 'last') THEN format('tally_internal._timed_of(%L, pg_catalog.array_agg(tally_internal._timed_value(%s, %s))%s, '
                                                   'pg_catalog.array_agg((%3$s)::pg_catalog.timestamptz)%4$s)', name = 'last', a[1], a[2], filter)
        WHEN name = 'ohlc' THEN
            format('tally_internal._ohlc_of(pg_catalog.array_agg(tally_internal._timed_value((%s)::pg_catalog.float8, %s))%s, '
                   'pg_catalog.array_agg((%2$s)::pg_catalog.timestamptz)%3$s)', a[1], a[2], filter)
        WHEN name IN ('stats', 'moments') THEN format('tally_internal._%s_of(%s)', name,
            (SELECT string_agg(format('pg_catalog.array_agg((%s)::pg_catalog.float8)%s', x.v, filter), ', ' ORDER BY x.n)
               FROM unnest(a) WITH ORDINALITY x(v, n)))
        WHEN name = 'topk' THEN format('tally_internal._topk_of(pg_catalog.array_agg((%s)::pg_catalog.text)%s, %s%s)', a[1], filter, COALESCE(a[2], '10'),
                                       CASE WHEN cardinality(a) = 3 THEN format(', pg_catalog.array_agg((%s)::pg_catalog.int8)%s', a[3], filter) ELSE '' END)
        WHEN name = 'jsonb_totals' THEN format('tally_internal._totals_of(pg_catalog.array_agg((%s)::pg_catalog.jsonb)%s)', a[1], filter)
        WHEN name = 'funnel_counts' THEN
            format('tally_internal._funnel_counts_of(pg_catalog.array_agg(tally_internal._funnel_item(%s))%s)', a[1], filter)
        WHEN name = 'retention_counts' THEN
            format('tally_internal._retention_counts_of(pg_catalog.array_agg(ROW(%s)::tally_internal.retained_periods)%s)', a[1], filter)
        ELSE format('tally_internal._readings_of(%L, pg_catalog.array_agg((%s)::pg_catalog.float8)%s, pg_catalog.array_agg((%s)::pg_catalog.timestamptz)%3$s)',
                    CASE name WHEN 'time_weighted' THEN COALESCE(substring(a[3] FROM '\w+'), 'locf') ELSE name END, a[1], filter, a[2]) END;
END $$;
COMMENT ON FUNCTION tally_internal._computed_call(text, text[], text) IS
'An aggregate with these arguments and this FILTER, as the engine computes it; NULL where it calls the aggregate.';

CREATE FUNCTION tally_internal._behind_filter(words text[], first int) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place int := first;
BEGIN
    WHILE words[place] ~ '^\s+$' LOOP place := place + 1; END LOOP;
    IF lower(words[place]) IS DISTINCT FROM 'filter' THEN RETURN first; END IF;
    WHILE words[place] <> '(' LOOP place := place + 1; END LOOP;
    RETURN (tally_internal._rest_of_call(words, place + 1)).behind;
END $$;
COMMENT ON FUNCTION tally_internal._behind_filter(text[], int) IS 'Where words go on behind the FILTER of a call, if it has one.';

CREATE OR REPLACE FUNCTION tally_internal._computed_sql(measure text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known  CONSTANT text := '^(tally\.(tdigest|approx_percentile|hll|approx_distinct|counter|gauge|time_weighted|state_time|first|last|ohlc|stats|moments|topk|'
                            'jsonb_totals|window_funnel|funnel_path|sequence_events|funnel_counts|retention_counts)|tally_internal\._keyed_hll)$';
    words  text[];
    i      int := 1;
    call   record;
    behind int;
    made   text;
    result text := '';
BEGIN
    IF measure !~ '\mtally(_internal)?\.' THEN RETURN measure; END IF;
    words := tally_internal._words_of(measure);
    -- Only a call that is written with its schema is known for certain. All others are computed by the aggregate itself.
    WHILE i <= cardinality(words) LOOP
        made := NULL;
        IF words[i + 3] = '(' AND words[i + 1] = '.' AND (i = 1 OR words[i - 1] <> '.') AND words[i] || '.' || words[i + 2] ~ known THEN
            call := tally_internal._rest_of_call(words, i + 4);
            behind := tally_internal._behind_filter(words, call.behind);
            made := tally_internal._computed_call(words[i + 2], call.arguments, array_to_string(words[call.behind:behind - 1], ''));
        END IF;
        result := result || COALESCE(made, words[i]);
        i := CASE WHEN made IS NULL THEN i + 1 ELSE behind END;
    END LOOP;
    RETURN result;
END $$;
