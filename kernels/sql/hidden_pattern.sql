-- Owns: which cells of a table are hidden, in SQL: each small cell gets the cells along its cheapest deviation, and what the pattern can do without is
-- published. core/src/privacy/repair.rs says what holds; the library looks for the smallest pattern of all in tables of up to 250 cells.

CREATE FUNCTION tally_internal._hidden_unsafe(people bigint[], sums tally_internal.sum_row[], hidden boolean[], small boolean[], k bigint, cells int[],
                                              at_most int) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    floors  bigint[] := array_fill(1::bigint, ARRAY[cardinality(people)]);
    reached boolean[] := array_fill(false, ARRAY[cardinality(people)]);
    listed  int[] := '{}';
    top     record;
    held    record;
    cell    int;
BEGIN
    FOREACH cell IN ARRAY cells LOOP
        CONTINUE WHEN NOT small[cell] OR reached[cell];
        top := tally_internal._hidden_end(people, floors, sums, hidden, cell, true, NULL);
        IF top.number < greatest(k, people[cell] + 1) THEN
            listed := listed || cell;
            EXIT WHEN cardinality(listed) = at_most;
        ELSIF top.number IS NOT NULL THEN
            -- One possible table may prove several cells.
            FOR held IN SELECT w.key::int AS cell, w.value::bigint AS n FROM jsonb_each_text(top.witness) w LOOP
                IF held.n >= greatest(k, people[held.cell] + 1) THEN reached[held.cell] := true; END IF;
            END LOOP;
        END IF;
    END LOOP;
    RETURN listed;
END $$;
COMMENT ON FUNCTION tally_internal._hidden_unsafe(bigint[], tally_internal.sum_row[], boolean[], boolean[], bigint, int[], int) IS
'Which small cells of some cannot reach k under a pattern, up to so many.';

CREATE FUNCTION tally_internal._hidden_deviation(people bigint[], sums tally_internal.sum_row[], hidden boolean[], goal int, k bigint) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n      int := cardinality(people);
    costs  float8[];
    moved  tally_internal.sum_row[] := '{}';
    rights float8[] := '{}';
    cells  int[];
    signs  int[];
    slack  bigint;
    found_ record;
BEGIN
    -- Cell c goes up by variable c and down by variable n + c.
    FOR c IN 1 .. n LOOP
        costs[c] := CASE WHEN hidden[c] THEN 1e-6 ELSE 1 + people[c] * 1e-6 END;
        costs[n + c] := costs[c];
        IF people[c] = 0 THEN
            moved := moved || ROW(ARRAY[c, n + c], '{1,1}', true)::tally_internal.sum_row;
            rights := rights || 0::float8;
        ELSE
            moved := moved || ROW(ARRAY[n + c], '{1}', false)::tally_internal.sum_row;
            rights := rights || CASE WHEN c = goal THEN 0 ELSE people[c] - 1 END::float8;
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(sums) LOOP
        cells := '{}';
        signs := '{}';
        slack := 0;
        FOR t IN 1 .. cardinality(sums[i].cells) LOOP
            cells := cells || sums[i].cells[t] || (n + sums[i].cells[t]);
            signs := signs || sums[i].signs[t] || -sums[i].signs[t];
            slack := slack - sums[i].signs[t] * people[sums[i].cells[t]];
        END LOOP;
        moved := moved || ROW(cells, signs, sums[i].exact)::tally_internal.sum_row;
        rights := rights || CASE WHEN sums[i].exact THEN 0 ELSE slack END::float8;
    END LOOP;
    moved := moved || ROW(ARRAY[goal], '{1}', true)::tally_internal.sum_row;
    rights := rights || (greatest(k, people[goal] + 1) - people[goal])::float8;
    found_ := tally_internal._linear(costs, moved, rights);
    IF found_.outcome <> 'best' THEN PERFORM tally_internal._hidden_refused(format('cell %s cannot be kept from being concluded', goal)); END IF;
    RETURN ARRAY(SELECT c FROM generate_series(1, n) c WHERE found_.answer[c] > 1e-7 OR found_.answer[n + c] > 1e-7 ORDER BY c);
END $$;
COMMENT ON FUNCTION tally_internal._hidden_deviation(bigint[], tally_internal.sum_row[], boolean[], int, bigint) IS
'The cells of the cheapest deviation by which a small cell reaches k, hidden ones for nothing.';

CREATE FUNCTION tally_internal._hidden_pattern(people bigint[], sums tally_internal.sum_row[], small boolean[], k bigint) RETURNS boolean[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most   CONSTANT int := 250;
    every  int[] := ARRAY(SELECT generate_series(1, cardinality(people)));
    hidden boolean[] := small;
    open   int[];
    path   int[];
    cell   int;
    more   int;
    part   record;
BEGIN
    IF cardinality(people) > most THEN
        PERFORM tally_internal._hidden_refused(format('the table has %s cells, expected at most %s in the hosted edition', cardinality(people), most));
    END IF;
    LOOP
        open := tally_internal._hidden_unsafe(people, sums, hidden, small, k, every, NULL);
        EXIT WHEN open = '{}';
        FOREACH cell IN ARRAY open LOOP
            path := tally_internal._hidden_deviation(people, sums, hidden, cell, k);
            IF NOT EXISTS (SELECT FROM unnest(path) c WHERE NOT hidden[c]) THEN
                -- Whole numbers ask for more than real ones: the published cell of fewest people that shares a sum with what hangs together.
                part := tally_internal._hidden_together(sums, hidden, cell);
                more := NULL;
                FOR i IN 1 .. cardinality(part.ties) LOOP
                    FOREACH more IN ARRAY sums[part.ties[i]].cells LOOP path := path || more; END LOOP;
                END LOOP;
                more := (SELECT c FROM unnest(path) c WHERE NOT hidden[c] AND people[c] > 0 ORDER BY people[c], c LIMIT 1);
                IF more IS NULL THEN PERFORM tally_internal._hidden_refused(format('cell %s cannot be kept from being concluded', cell)); END IF;
                path := ARRAY[more];
            END IF;
            FOREACH more IN ARRAY path LOOP hidden[more] := true; END LOOP;
        END LOOP;
    END LOOP;
    -- What it can do without, the costliest first. Publishing a cell tells nothing of cells that do not hang together with it.
    FOR cell IN SELECT c FROM unnest(every) c WHERE hidden[c] AND NOT small[c] ORDER BY people[c] DESC, c LOOP
        part := tally_internal._hidden_together(sums, hidden, cell);
        hidden[cell] := false;
        IF tally_internal._hidden_unsafe(people, sums, hidden, small, k, part.cells, 1) <> '{}' THEN hidden[cell] := true; END IF;
    END LOOP;
    RETURN hidden;
END $$;
COMMENT ON FUNCTION tally_internal._hidden_pattern(bigint[], tally_internal.sum_row[], boolean[], bigint) IS
'The cells to hide, without proofs: small ones, and few others that let a reader think each small one k or more, and more than it is.';

CREATE OR REPLACE FUNCTION tally_internal._hide_cells(people bigint[], relations jsonb, k int) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    floors bigint[];
    sums   tally_internal.sum_row[];
    small  boolean[];
    hidden boolean[];
    bottom record;
    top    record;
    proofs jsonb := '[]';
    wrong  record;
    known  boolean;
BEGIN
    SELECT u.n, COALESCE(u.p::text, 'NULL') AS got INTO wrong FROM unnest(people) WITH ORDINALITY u(p, n) WHERE u.p IS NULL OR u.p < 0 ORDER BY u.n LIMIT 1;
    IF wrong.n IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('people of cell %s expected as 0 or more, got %s', wrong.n, wrong.got),
            HINT = 'SELECT * FROM tally.hide_cells(''{3,20,23}'', ''[{"total": 3, "parts": [1, 2]}]'', 10);';
    END IF;
    known := CASE WHEN jsonb_typeof(relations) = 'array' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(relations) e
        WHERE CASE WHEN jsonb_typeof(e) = 'object' AND jsonb_typeof(e -> 'parts') = 'array'
                   THEN e - '{total,parts,adds}'::text[] <> '{}' OR jsonb_typeof(e -> 'total') IS DISTINCT FROM 'number'
                        OR jsonb_typeof(COALESCE(e -> 'adds', 'true')) <> 'boolean' OR e @? '$.parts[*] ? (@.type() != "number")' ELSE true END) END;
    IF known IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'relations expected as a list of totals and parts',
            DETAIL = 'Each is {"total": cell, "parts": [cell, …], "adds": true or false}; cells are numbered from 1.',
            HINT = 'SELECT * FROM tally.hide_cells(''{3,20,23}'', ''[{"total": 3, "parts": [1, 2]}]'', 10);';
    END IF;
    sums := tally_internal._hidden_sums(people, relations);
    IF k < 2 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('k expected as 2 or more, got %s', greatest(k, 0)),
            DETAIL = 'Cells of fewer than k people are hidden; below 2 there is nobody to hide.', HINT = 'Use k => 10.';
    END IF;
    small := ARRAY(SELECT p BETWEEN 1 AND k - 1 FROM unnest(people) WITH ORDINALITY u(p, n) ORDER BY n);
    IF NOT true = ANY (small) THEN RETURN proofs; END IF;
    hidden := tally_internal._hidden_pattern(people, sums, small, k);
    floors := array_fill(1::bigint, ARRAY[cardinality(people)]);
    FOR cell IN 1 .. cardinality(people) LOOP
        CONTINUE WHEN NOT hidden[cell];
        bottom := tally_internal._hidden_end(people, floors, sums, hidden, cell, false, NULL);
        top := tally_internal._hidden_end(people, floors, sums, hidden, cell, true, NULL);
        -- A cell that is hidden for others and may hold one number only hides nothing: it is published.
        CONTINUE WHEN top.number = bottom.number AND NOT small[cell];
        IF top.number < k OR top.number = bottom.number THEN
            PERFORM tally_internal._hidden_refused(format('cell %s could be concluded to hold %s to %s people', cell, bottom.number, top.number));
        END IF;
        proofs := proofs || jsonb_build_object('cell', cell, 'small', small[cell], 'low', bottom.number, 'high', top.number, 'low_table', bottom.witness,
                                               'high_table', top.witness);
    END LOOP;
    RETURN proofs;
END $$;
