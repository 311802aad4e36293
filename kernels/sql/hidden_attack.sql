-- Owns: tables of counts of people, and what a reader can conclude about hidden cells from the published ones. core/src/privacy/table.rs and attack.rs say
-- what holds. Whatever the search answers, a table is a proof only after it has been held against every sum in whole numbers.

CREATE FUNCTION tally_internal._hidden_refused(why text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = 'this table cannot be released: no pattern of hidden cells is proved to be safe',
        DETAIL = why, HINT = 'Release fewer cells: leave out a dimension, or use wider buckets.';
END $$;
COMMENT ON FUNCTION tally_internal._hidden_refused(text) IS 'Refuses a table that no pattern of hidden cells protects.';

CREATE FUNCTION tally_internal._hidden_sums(people bigint[], relations jsonb) RETURNS tally_internal.sum_row[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cells   int := COALESCE(cardinality(people), 0);
    sums    tally_internal.sum_row[] := '{}';
    r       record;
    wrong   bigint;
    whole   bigint;
    most    bigint;
    message text;
BEGIN
    SELECT format('people of a cell expected in 0 to 2147483647, got %s in cell %s', p, n) INTO message
      FROM unnest(people) WITH ORDINALITY u(p, n) WHERE p > 2147483647 ORDER BY n LIMIT 1;
    FOR r IN SELECT u.n, (u.e ->> 'total')::bigint AS total, ARRAY(SELECT p::bigint FROM jsonb_array_elements_text(u.e -> 'parts') WITH ORDINALITY x(p, i)
                                                                    ORDER BY i) AS parts, COALESCE((u.e -> 'adds')::boolean, true) AS adds
               FROM jsonb_array_elements(relations) WITH ORDINALITY u(e, n) ORDER BY u.n LOOP
        EXIT WHEN message IS NOT NULL;
        wrong := (SELECT c FROM unnest(r.parts || r.total) WITH ORDINALITY u(c, n) WHERE c NOT BETWEEN 1 AND cells ORDER BY n LIMIT 1);
        IF wrong IS NOT NULL THEN
            message := format('relation %s names cell %s, expected 1 to %s', r.n, wrong, cells);
        ELSIF r.parts = '{}' OR (SELECT count(DISTINCT c) FROM unnest(r.parts || r.total) c) <= cardinality(r.parts) THEN
            message := format('relation %s needs a total and at least one part, each cell once', r.n);
        ELSE
            SELECT sum(people[p]), max(people[p]) INTO whole, most FROM unnest(r.parts) p;
            IF people[r.total] NOT BETWEEN most AND whole OR r.adds AND people[r.total] <> whole THEN
                message := format('relation %s: total expected as %s, got %s', r.n, CASE WHEN r.adds THEN whole::text ELSE format('%s to %s', most, whole) END,
                                  people[r.total]);
            END IF;
        END IF;
        EXIT WHEN message IS NOT NULL;
        sums := sums || ROW(r.parts || r.total, array_fill(-1, ARRAY[cardinality(r.parts)]) || 1, r.adds)::tally_internal.sum_row;
        IF NOT r.adds THEN
            sums := sums || ARRAY(SELECT ROW(ARRAY[p, r.total], '{1,-1}', false)::tally_internal.sum_row
                                    FROM unnest(r.parts) WITH ORDINALITY u(p, n) ORDER BY n);
        END IF;
    END LOOP;
    IF message IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message,
            DETAIL = 'A table is a count of people for each cell, and relations: a total, its parts, and whether the parts add up.',
            HINT = 'SELECT * FROM tally.hide_cells(''{3,20,23}'', ''[{"total": 3, "parts": [1, 2]}]'', 10);';
    END IF;
    RETURN sums;
END $$;
COMMENT ON FUNCTION tally_internal._hidden_sums(bigint[], jsonb) IS
'The relations of a table as sums that are 0 or at most 0; an error where its numbers break one.';

CREATE FUNCTION tally_internal._hidden_together(sums tally_internal.sum_row[], hidden boolean[], cell int, OUT cells int[], OUT ties int[])
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen  boolean[] := array_fill(false, ARRAY[cardinality(hidden)]);
    tied  boolean[] := array_fill(false, ARRAY[cardinality(sums)]);
    more  boolean := true;
BEGIN
    cells := ARRAY[cell];
    ties := '{}';
    seen[cell] := true;
    WHILE more LOOP
        more := false;
        FOR i IN 1 .. COALESCE(cardinality(sums), 0) LOOP
            CONTINUE WHEN tied[i] OR NOT EXISTS (SELECT FROM unnest(sums[i].cells) c WHERE seen[c]);
            tied[i] := true;
            ties := ties || i;
            more := true;
            FOR t IN 1 .. cardinality(sums[i].cells) LOOP
                CONTINUE WHEN NOT hidden[sums[i].cells[t]] OR seen[sums[i].cells[t]];
                seen[sums[i].cells[t]] := true;
                cells := cells || sums[i].cells[t];
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._hidden_together(tally_internal.sum_row[], boolean[], int) IS
'The hidden cells that hang together with one, and the sums that tie them.';

CREATE FUNCTION tally_internal._hidden_end(people bigint[], floors bigint[], sums tally_internal.sum_row[], hidden boolean[], cell int, upwards boolean,
                                           at_least bigint, OUT number bigint, OUT witness jsonb)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most   CONSTANT int := 300;
    part   record := tally_internal._hidden_together(sums, hidden, cell);
    place  int[] := array_fill(0, ARRAY[cardinality(people)]);
    lows   bigint[];
    costs  float8[];
    tied   tally_internal.sum_row[] := '{}';
    rights float8[] := '{}';
    cells  int[];
    signs  int[];
    rest   bigint;
    found_ record;
    whole  bigint[];
    good   boolean;
BEGIN
    IF cardinality(part.cells) > most THEN
        PERFORM tally_internal._hidden_refused(format('%s hidden numbers hang together, expected at most %s in the hosted edition',
                                                      cardinality(part.cells), most));
    END IF;
    FOR i IN 1 .. cardinality(part.cells) LOOP
        place[part.cells[i]] := i;
        lows[i] := CASE WHEN part.cells[i] = cell THEN COALESCE(at_least, floors[cell]) ELSE floors[part.cells[i]] END;
        costs[i] := CASE WHEN part.cells[i] <> cell THEN 0 WHEN upwards THEN -1 ELSE 1 END;
    END LOOP;
    -- The sums over what is above the least that each cell may hold.
    FOR i IN 1 .. COALESCE(cardinality(part.ties), 0) LOOP
        cells := '{}';
        signs := '{}';
        rest := 0;
        FOR t IN 1 .. cardinality(sums[part.ties[i]].cells) LOOP
            IF hidden[sums[part.ties[i]].cells[t]] THEN
                cells := cells || place[sums[part.ties[i]].cells[t]];
                signs := signs || sums[part.ties[i]].signs[t];
                rest := rest - sums[part.ties[i]].signs[t] * lows[place[sums[part.ties[i]].cells[t]]];
            ELSE
                rest := rest - sums[part.ties[i]].signs[t] * people[sums[part.ties[i]].cells[t]];
            END IF;
        END LOOP;
        tied := tied || ROW(cells, signs, sums[part.ties[i]].exact)::tally_internal.sum_row;
        rights := rights || rest::float8;
    END LOOP;
    found_ := tally_internal._linear(costs, tied, rights);
    IF found_.outcome = 'best' AND EXISTS (SELECT FROM unnest(found_.answer) v WHERE abs(v - round(v)) > 1e-6) THEN
        found_ := tally_internal._linear_whole(costs, tied, rights, 'Infinity', 200);
    END IF;
    IF found_.outcome = 'open' THEN RETURN; END IF;
    good := found_.outcome = 'best';
    IF good THEN
        whole := ARRAY(SELECT round(v)::bigint FROM unnest(found_.answer) WITH ORDINALITY u(v, n) ORDER BY n);
        good := NOT EXISTS (SELECT FROM unnest(whole) w WHERE w < 0);
        FOR i IN 1 .. cardinality(tied) LOOP
            rest := 0;
            FOR t IN 1 .. cardinality(tied[i].cells) LOOP rest := rest + tied[i].signs[t] * whole[tied[i].cells[t]]; END LOOP;
            good := good AND CASE WHEN tied[i].exact THEN rest = rights[i] ELSE rest <= rights[i] END;
        END LOOP;
    END IF;
    IF NOT good THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = 'the arithmetic of hidden cells could not be solved',
            DETAIL = 'The solver found no table that fits, though the true one does.',
            HINT = 'Release fewer cells: leave out a dimension, or use wider buckets.';
    END IF;
    number := lows[1] + whole[1];
    witness := (SELECT jsonb_object_agg(u.c, lows[u.n] + whole[u.n]) FROM unnest(part.cells) WITH ORDINALITY u(c, n));
END $$;
COMMENT ON FUNCTION tally_internal._hidden_end(bigint[], bigint[], tally_internal.sum_row[], boolean[], int, boolean, bigint) IS
'The greatest or least number that a hidden cell may hold (the least from so many on), with a table of what hangs together that has it. NULL: no end.';
