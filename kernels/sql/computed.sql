-- Owns: how the engine writes a measure where it computes it: digests, distinct counts and series by time as functions of array_agg, so that no PL/pgSQL
-- runs per row.

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
    rest  text;
    name  text;
BEGIN
    -- Only a call of plain arguments, written with its schema, is known for certain. All others are computed by the aggregate itself.
    name := substring(head FROM '^(?:tally\.(?=[^_])|tally_internal\.(?=_))(tdigest|hll|counter|gauge|time_weighted|state_time|_keyed_hll)\(');
    IF name IS NULL OR words[1] NOT IN ('tally', 'tally_internal') THEN RETURN measure; END IF;
    call := tally_internal._rest_of_call(words, first);
    IF cardinality(call.arguments) <> (CASE WHEN name IN ('tdigest', 'hll') THEN 1 ELSE 2 END)
        OR EXISTS (SELECT FROM unnest(call.arguments) a WHERE a ~* '^\s*(distinct|all|variadic|\*)|\morder\s+by\M') THEN RETURN measure; END IF;
    rest := (SELECT string_agg(w, '' ORDER BY n) FROM unnest(words[call.behind:]) WITH ORDINALITY u(w, n));
    RETURN CASE name
        WHEN 'tdigest' THEN format('tally_internal._tdigest_of(pg_catalog.array_agg((%s)::pg_catalog.float8)%s)', call.arguments[1], rest)
        WHEN 'hll' THEN format('tally_internal._hll_of(pg_catalog.array_agg(tally_internal._hll_hash(%s))%s)', call.arguments[1], rest)
        WHEN '_keyed_hll' THEN format('tally_internal._keyed_hll_of(%s, pg_catalog.array_agg(tally_internal._hll_hash(%s))%s)', call.arguments[1],
                                      call.arguments[2], rest)
        WHEN 'state_time' THEN format('tally_internal._state_time_of(pg_catalog.array_agg((%s)::pg_catalog.text)%s, '
                                      'pg_catalog.array_agg((%s)::pg_catalog.timestamptz)%2$s)', call.arguments[1], rest, call.arguments[2])
        ELSE format('tally_internal._readings_of(%L, pg_catalog.array_agg((%s)::pg_catalog.float8)%s, pg_catalog.array_agg((%s)::pg_catalog.timestamptz)%3$s)',
                    CASE name WHEN 'time_weighted' THEN 'locf' ELSE name END, call.arguments[1], rest, call.arguments[2]) END;
END $$;
