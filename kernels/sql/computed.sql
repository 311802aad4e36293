-- Owns: how the engine writes a measure where it computes it: sketches and series by time as functions of array_agg, so that no PL/pgSQL runs per
-- row.

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
COMMENT ON FUNCTION tally_internal._rest_of_call(text[], int) IS 'The arguments of a call whose words begin behind its parenthesis, and where the words go on.';

CREATE OR REPLACE FUNCTION tally_internal._computed_sql(measure text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words text[] := ARRAY(SELECT w.token FROM tally_internal._words(measure) w
                           WHERE w.token !~ '^(--|/\*)' ORDER BY w.n);
    head  text := regexp_replace(array_to_string(words[1:5], ''), '\s', '', 'g');
    first int := array_position(words, '(') + 1;
    call  record;
    a     text[];
    rest  text;
    name  text;
BEGIN
    -- Only a call of plain arguments, written with its schema, is known for certain. All others are computed by the aggregate itself.
    name := substring(head FROM '^(?:tally\.(?=[^_])|tally_internal\.(?=_))(tdigest|hll|counter|gauge|time_weighted|state_time|first|last|ohlc|stats|moments|'
                                'topk|jsonb_totals|_keyed_hll)\(');
    IF name IS NULL OR words[1] NOT IN ('tally', 'tally_internal') THEN RETURN measure; END IF;
    call := tally_internal._rest_of_call(words, first);
    a := call.arguments;
    IF cardinality(a) <> ALL (CASE WHEN name IN ('tdigest', 'hll', 'jsonb_totals') THEN '{1}' WHEN name = 'stats' THEN '{1,2}' WHEN name = 'topk' THEN '{1,2,3}'
                                   WHEN name = 'moments' THEN '{1,2,3,4}' WHEN name = 'time_weighted' THEN '{2,3}' ELSE '{2}' END::int[])
        OR EXISTS (SELECT FROM unnest(a) x WHERE x ~* '^\s*(distinct|all|variadic|\*)|\morder\s+by\M')
        -- How many items are asked for, and by which method, is one for all rows.
        OR name = 'topk' AND a[2] !~ '^\d{1,4}$' OR a[3] !~ '^''(locf|linear)''(::text)?$' AND name = 'time_weighted' THEN RETURN measure; END IF;
    rest := (SELECT string_agg(w, '' ORDER BY n) FROM unnest(words[call.behind:]) WITH ORDINALITY u(w, n));
    RETURN CASE
        WHEN name = 'tdigest' THEN format('tally_internal._tdigest_of(pg_catalog.array_agg((%s)::pg_catalog.float8)%s)', a[1], rest)
        WHEN name = 'hll' THEN format('tally_internal._hll_of(pg_catalog.array_agg(tally_internal._hll_hash(%s))%s)', a[1], rest)
        WHEN name = '_keyed_hll' THEN
            format('tally_internal._keyed_hll_of(%s, pg_catalog.array_agg(tally_internal._hll_hash(%s))%s)', a[1], a[2], rest)
        WHEN name = 'state_time' THEN format('tally_internal._state_time_of(pg_catalog.array_agg((%s)::pg_catalog.text)%s, '
                                             'pg_catalog.array_agg((%s)::pg_catalog.timestamptz)%2$s)', a[1], rest, a[2])
        WHEN name IN ('first', 'last') THEN format('tally_internal._timed_of(%L, pg_catalog.array_agg(tally_internal._timed_value(%s, %s))%s, '
                                                   'pg_catalog.array_agg((%3$s)::pg_catalog.timestamptz)%4$s)', name = 'last', a[1], a[2], rest)
        WHEN name = 'ohlc' THEN
            format('tally_internal._ohlc_of(pg_catalog.array_agg(tally_internal._timed_value((%s)::pg_catalog.float8, %s))%s, '
                   'pg_catalog.array_agg((%2$s)::pg_catalog.timestamptz)%3$s)', a[1], a[2], rest)
        WHEN name IN ('stats', 'moments') THEN format('tally_internal._%s_of(%s)', name,
            (SELECT string_agg(format('pg_catalog.array_agg((%s)::pg_catalog.float8)%s', x.v, rest), ', ' ORDER BY x.n) FROM unnest(a) WITH ORDINALITY x(v, n)))
        WHEN name = 'topk' THEN format('tally_internal._topk_of(pg_catalog.array_agg((%s)::pg_catalog.text)%s, %s%s)', a[1], rest, COALESCE(a[2], '10'),
                                       CASE WHEN cardinality(a) = 3 THEN format(', pg_catalog.array_agg((%s)::pg_catalog.int8)%s', a[3], rest) ELSE '' END)
        WHEN name = 'jsonb_totals' THEN format('tally_internal._totals_of(pg_catalog.array_agg((%s)::pg_catalog.jsonb)%s)', a[1], rest)
        ELSE format('tally_internal._readings_of(%L, pg_catalog.array_agg((%s)::pg_catalog.float8)%s, pg_catalog.array_agg((%s)::pg_catalog.timestamptz)%3$s)',
                    CASE name WHEN 'time_weighted' THEN COALESCE(substring(a[3] FROM '\w+'), 'locf') ELSE name END, a[1], rest, a[2]) END;
END $$;
