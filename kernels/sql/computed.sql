-- Owns: how the engine writes a measure where it computes it: digests and distinct counts as functions of array_agg, so that no PL/pgSQL runs per row.

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
BEGIN
    -- Only a call of one plain argument, written with its schema, is known for certain. All others are computed by the aggregate itself.
    IF head !~ '^(tally\.tdigest\(|tally\.hll\()' OR words[1] <> 'tally' THEN RETURN measure; END IF;
    call := tally_internal._rest_of_call(words, first);
    IF cardinality(call.arguments) <> 1 OR call.arguments[1] ~* '^\s*(distinct|all|variadic|\*)|\morder\s+by\M' THEN RETURN measure; END IF;
    RETURN CASE WHEN head LIKE 'tally.tdigest%'
        THEN format('tally_internal._tdigest_of(pg_catalog.array_agg((%s)::pg_catalog.float8)%s)', call.arguments[1],
                    (SELECT string_agg(w, '' ORDER BY n) FROM unnest(words[call.behind:]) WITH ORDINALITY u(w, n)))
        ELSE format('tally_internal._hll_of(pg_catalog.array_agg(DISTINCT tally_internal._hll_hash(%s))%s)', call.arguments[1],
                    (SELECT string_agg(w, '' ORDER BY n) FROM unnest(words[call.behind:]) WITH ORDINALITY u(w, n))) END;
END $$;
