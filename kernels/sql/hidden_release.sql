-- Owns: the hidden cells of a release in SQL: a table of several measures, where a cell is hidden in all of them. core/src/privacy/release.rs says what holds.

CREATE FUNCTION tally_internal._hidden_consistent(estimates bigint[], most bigint[], relations jsonb) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    people bigint[] := ARRAY(SELECT least(e, m) FROM unnest(estimates, most) WITH ORDINALITY u(e, m, n) ORDER BY n);
    open   boolean[] := ARRAY(SELECT EXISTS (SELECT FROM jsonb_array_elements(relations) r WHERE (r ->> 'total')::int = n)
                                FROM generate_series(1, cardinality(estimates)) n ORDER BY n);
    ready  int[];
    cell   int;
BEGIN
    -- Parts before their totals; what is a part of itself stays as it is, and is refused with the table.
    LOOP
        ready := ARRAY(SELECT n FROM generate_series(1, cardinality(people)) n WHERE open[n] AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(relations) r, jsonb_array_elements_text(r -> 'parts') p WHERE (r ->> 'total')::int = n AND open[p::int]));
        IF ready = '{}' THEN RETURN people; END IF;
        FOREACH cell IN ARRAY ready LOOP
            people[cell] := (SELECT greatest(least(people[cell], min(x.whole)), max(x.most)) FROM (
                SELECT sum(people[p::int]) AS whole, max(people[p::int]) AS most FROM jsonb_array_elements(relations) WITH ORDINALITY r(r, n),
                       jsonb_array_elements_text(r.r -> 'parts') p WHERE (r.r ->> 'total')::int = cell GROUP BY r.n) x);
        END LOOP;
        FOREACH cell IN ARRAY ready LOOP open[cell] := false; END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._hidden_consistent(bigint[], bigint[], jsonb) IS
'Estimates of distinct people as far as their relations allow: a total is from its greatest part to the sum of its parts.';

CREATE FUNCTION tally_internal._hidden_additive("values" bigint[], relations jsonb) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added  bigint[] := ARRAY(SELECT CASE WHEN NOT EXISTS (SELECT FROM jsonb_array_elements(relations) r WHERE (r ->> 'total')::int = u.n)
                                           THEN greatest(v, 1) END
                               FROM unnest("values") WITH ORDINALITY u(v, n) ORDER BY u.n);
    before bigint[];
    r      jsonb;
BEGIN
    WHILE array_position(added, NULL) IS NOT NULL LOOP
        before := added;
        FOR r IN SELECT e FROM jsonb_array_elements(relations) WITH ORDINALITY u(e, n) ORDER BY n LOOP
            CONTINUE WHEN added[(r ->> 'total')::int] IS NOT NULL;
            added[(r ->> 'total')::int] := (SELECT CASE WHEN count(*) = count(added[p::int]) THEN sum(added[p::int]) END
                                              FROM jsonb_array_elements_text(r -> 'parts') p);
        END LOOP;
        IF before IS NOT DISTINCT FROM added THEN PERFORM tally_internal._hidden_refused('its totals are parts of themselves'); END IF;
    END LOOP;
    RETURN added;
END $$;
COMMENT ON FUNCTION tally_internal._hidden_additive(bigint[], jsonb) IS 'Values of which every total is the sum of its parts, 1 or more in each cell.';

CREATE FUNCTION tally_internal._hidden_layers(people bigint[], plan jsonb)
    RETURNS TABLE (layer int, name text, "values" bigint[], relations jsonb, floor bigint)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.n::int, l.e ->> 'name',
           CASE WHEN l.e ->> 'counts' = 'people' THEN people ELSE ARRAY(SELECT v::bigint FROM jsonb_array_elements_text(l.e -> 'values') WITH ORDINALITY x(v, i)
                                                                          ORDER BY i) END,
           (SELECT COALESCE(jsonb_agg(r.e || jsonb_build_object('adds', l.e ->> 'counts' <> 'people' OR r.adds) ORDER BY r.n), '[]')
              FROM (SELECT x.e, x.n, bool_and(people[(x.e ->> 'total')::int] = (SELECT sum(people[p::int]) FROM jsonb_array_elements_text(x.e -> 'parts') p))
                           OVER (PARTITION BY x.e ->> 'over') AS adds
                      FROM jsonb_array_elements(plan -> 'relations') WITH ORDINALITY x(e, n)) r),
           -- Where every cell has somebody, a reader may know that it must.
           CASE WHEN l.e ->> 'counts' = 'people' THEN least((SELECT min(p) FROM unnest(people) p), 1) ELSE 1 END
      FROM jsonb_array_elements(plan -> 'layers') WITH ORDINALITY l(e, n)
$$;
COMMENT ON FUNCTION tally_internal._hidden_layers(bigint[], jsonb) IS
'The measures of a release: values, relations and whether parts add up, and the least that a cell holds.';

CREATE FUNCTION tally_internal._hidden_complements(people bigint[], relations jsonb, k bigint) RETURNS TABLE (total int, part int)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE ties AS (
        SELECT (r ->> 'total')::int AS total, p::int AS part, (r -> 'adds')::boolean AS adds
          FROM jsonb_array_elements(relations) r, jsonb_array_elements_text(r -> 'parts') p),
    above AS (
        SELECT t.total, t.part, t.adds FROM ties t WHERE people[t.total] - people[t.part] < k
        UNION SELECT t.total, a.part, a.adds AND t.adds FROM above a JOIN ties t ON t.part = a.total WHERE people[t.total] - people[a.part] < k)
    SELECT DISTINCT a.total, a.part FROM above a WHERE NOT a.adds AND people[a.total] > people[a.part] AND people[a.total] >= k
$$;
COMMENT ON FUNCTION tally_internal._hidden_complements(bigint[], jsonb, bigint) IS
'Pairs of a total and a cell within it that has all of its people but a few (1 to k - 1), where people do not add up. core/src/privacy/people.rs says why.';

CREATE FUNCTION tally_internal._hidden_proofs(people bigint[], floors bigint[], sums tally_internal.sum_row[], hidden boolean[], cells int,
                                              names text[], k bigint) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    proofs jsonb := '[]';
    tables jsonb := '[]';
    bottom record;
    top    record;
    held   jsonb;
    places int[];
BEGIN
    FOR variable IN 1 .. cardinality(people) LOOP
        CONTINUE WHEN NOT hidden[variable];
        bottom := tally_internal._hidden_end(people, floors, sums, hidden, variable, false, NULL);
        top := tally_internal._hidden_end(people, floors, sums, hidden, variable, true, NULL);
        places := '{}';
        FOREACH held IN ARRAY ARRAY[bottom.witness, COALESCE(top.witness,
                (tally_internal._hidden_end(people, floors, sums, hidden, variable, false, greatest(k, bottom.number + 1))).witness)] LOOP
            held := (SELECT jsonb_object_agg(x.name, x.numbers) FROM (
                SELECT names[(w.key::int - 1) / cells + 1] AS name, jsonb_object_agg((w.key::int - 1) % cells + 1, w.value) AS numbers
                  FROM jsonb_each(held) w GROUP BY 1) x);
            places := places || COALESCE((SELECT t.n::int - 1 FROM jsonb_array_elements(tables) WITH ORDINALITY t(e, n) WHERE t.e = held LIMIT 1),
                                         jsonb_array_length(tables));
            IF places[cardinality(places)] = jsonb_array_length(tables) THEN tables := tables || jsonb_build_array(held); END IF;
        END LOOP;
        proofs := proofs || jsonb_build_object('cell', (variable - 1) % cells + 1, 'measure', names[(variable - 1) / cells + 1], 'low', bottom.number,
                                               'high', top.number, 'low_table', places[1], 'high_table', places[2]);
    END LOOP;
    RETURN jsonb_build_object('proofs', proofs, 'witnesses', tables);
END $$;
COMMENT ON FUNCTION tally_internal._hidden_proofs(bigint[], bigint[], tally_internal.sum_row[], boolean[], int, text[], bigint) IS
'The ends of every hidden number of a release, each with a possible table.';

CREATE OR REPLACE FUNCTION tally_internal._protect(plan jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100000 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k         bigint := (plan ->> 'k')::bigint;
    cells     int := jsonb_array_length(plan -> 'small');
    relations jsonb := plan -> 'relations';
    people    bigint[];
    small     boolean[];
    totals    int[];
    parts     int[];
    lowest    bigint;
    hidden    boolean[];
    -- Cells that everybody can conclude although they are hidden, so hiding them is of no use.
    shown     boolean[] := array_fill(false, ARRAY[cells]);
    mask      boolean[];
    names     text[] := '{}';
    numbers   bigint[] := '{}';
    floors    bigint[] := '{}';
    sums      tally_internal.sum_row[] := '{}';
    summed    bigint[];
    lows      bigint[];
    highs     bigint[];
    l         record;
    ends      record;
    held      record;
    part      record;
    more      int;
    changed   boolean;
    answer    jsonb;
BEGIN
    IF plan #>> '{layers,0,counts}' IS DISTINCT FROM 'people' OR plan @? '$.layers[*] ? (@.counts != "people" && @.counts != "rows")'
        OR EXISTS (SELECT FROM jsonb_array_elements(plan -> 'layers') e WHERE jsonb_array_length(e -> 'values') <> cells)
        OR EXISTS (SELECT FROM jsonb_array_elements(relations) r, jsonb_array_elements_text((r -> 'parts') || (r -> 'total')) c
                    WHERE c::bigint NOT BETWEEN 1 AND cells) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('plan of a release expected, got what is none: %s cells, and a layer or relation of others', cells),
            DETAIL = 'It has k, small, relations and layers, that of people first; each layer has a value for each cell, numbered from 1.',
            HINT = 'SELECT * FROM tally.refresh_release(''…'');';
    END IF;
    people := (SELECT tally_internal._hidden_consistent(array_agg(x.estimate ORDER BY x.n), array_agg(x.most ORDER BY x.n), relations) FROM (
        SELECT n, (plan #>> ARRAY['layers', '0', 'values', (n - 1)::text])::bigint AS estimate,
               COALESCE((SELECT min((e -> 'values' ->> (n - 1))::bigint) FROM jsonb_array_elements(plan -> 'layers') e WHERE e ->> 'counts' = 'rows'),
                        9223372036854775807) AS most
          FROM generate_series(1, cells) n) x);
    SELECT COALESCE(array_agg(c.total), '{}'), COALESCE(array_agg(c.part), '{}') INTO totals, parts
      FROM tally_internal._hidden_layers(people, plan) y, tally_internal._hidden_complements(people, y.relations, k) c WHERE y.layer = 1;
    small := ARRAY(SELECT (e)::boolean OR people[n] < k OR n = ANY (parts) FROM jsonb_array_elements(plan -> 'small') WITH ORDINALITY u(e, n) ORDER BY n);
    answer := jsonb_build_object('people', to_jsonb(people), 'least', least((SELECT min(p) FROM unnest(people) p), 1),
        'disjoint', (SELECT COALESCE(jsonb_agg(DISTINCT r ->> 'over'), '[]') FROM tally_internal._hidden_layers(people, plan) y,
                            jsonb_array_elements(y.relations) r WHERE y.layer = 1 AND (r -> 'adds')::boolean));
    IF NOT true = ANY (small) THEN
        RETURN answer || jsonb_build_object('hidden', to_jsonb(array_fill(false, ARRAY[cells])), 'proofs', '[]'::jsonb, 'witnesses', '[]'::jsonb);
    END IF;
    -- All measures as one table.
    FOR l IN SELECT * FROM tally_internal._hidden_layers(people, plan) y ORDER BY y.layer LOOP
        IF summed IS NULL AND l.floor > 0 AND NOT l.relations @? '$[*] ? (@.adds == false)' THEN
            summed := tally_internal._hidden_additive(l."values", relations);
        END IF;
        SELECT sums || COALESCE(array_agg(ROW(ARRAY(SELECT c + (l.layer - 1) * cells FROM unnest(s.named) WITH ORDINALITY u(c, n) ORDER BY n), s.signs, s.exact)
                                          ::tally_internal.sum_row ORDER BY s.n), '{}') INTO sums
          FROM unnest(tally_internal._hidden_sums(l."values", l.relations)) WITH ORDINALITY s(named, signs, exact, n);
        IF plan #>> ARRAY['layers', (l.layer - 1)::text, 'counts'] = 'rows' THEN
            FOR i IN 1 .. jsonb_array_length(plan -> 'layers') LOOP
                CONTINUE WHEN plan #>> ARRAY['layers', (i - 1)::text, 'counts'] = 'rows';
                -- Nobody is counted without a row.
                sums := sums || ARRAY(SELECT ROW(ARRAY[(i - 1) * cells + c, (l.layer - 1) * cells + c], '{1,-1}', false)::tally_internal.sum_row
                                        FROM generate_series(1, cells) c ORDER BY c);
            END LOOP;
        END IF;
        names := names || l.name;
        numbers := numbers || l."values";
        floors := floors || array_fill(l.floor, ARRAY[cells]);
    END LOOP;
    summed := COALESCE(summed, tally_internal._hidden_additive(people, relations));
    hidden := tally_internal._hidden_pattern(summed, tally_internal._hidden_sums(summed, (
        SELECT COALESCE(jsonb_agg(r - 'adds' ORDER BY n), '[]') FROM jsonb_array_elements(relations) WITH ORDINALITY u(r, n))), small, k);
    LOOP
        mask := ARRAY(SELECT hidden[(v - 1) % cells + 1] FROM generate_series(1, cardinality(numbers)) v ORDER BY v);
        lows := numbers;
        highs := numbers;
        changed := false;
        FOR variable IN 1 .. cardinality(numbers) LOOP
            CONTINUE WHEN NOT mask[variable];
            -- The reader must think more than one number possible, and k, and so of the people of a published total who are not in it. Tables found so
            -- far may have shown that.
            lowest := COALESCE((SELECT min(greatest(people[c.total] - k, 1)) FROM unnest(totals, parts) c(total, part)
                                 WHERE c.part = variable AND NOT hidden[c.total]), 9223372036854775807);
            FOR side IN 1 .. 2 LOOP
                EXIT WHEN highs[variable] > lows[variable] AND highs[variable] >= k AND lows[variable] <= lowest;
                ends := tally_internal._hidden_end(numbers, floors, sums, mask, variable, side = 1, NULL);
                IF ends.number IS NULL THEN
                    highs[variable] := greatest(k, numbers[variable] + 1);
                    CONTINUE;
                END IF;
                FOR held IN SELECT w.key::int AS v, w.value::bigint AS n FROM jsonb_each_text(ends.witness) w LOOP
                    lows[held.v] := least(lows[held.v], held.n);
                    highs[held.v] := greatest(highs[held.v], held.n);
                END LOOP;
            END LOOP;
            CONTINUE WHEN highs[variable] > lows[variable] AND highs[variable] >= k AND lows[variable] <= lowest;
            changed := true;
            IF NOT small[(variable - 1) % cells + 1] THEN
                hidden[(variable - 1) % cells + 1] := false;
                shown[(variable - 1) % cells + 1] := true;
            ELSE
                part := tally_internal._hidden_together(sums, mask, variable);
                SELECT x.cell INTO more FROM unnest(part.ties) t
                 CROSS JOIN LATERAL (SELECT (v - 1) % cells + 1 AS cell FROM unnest(sums[t].cells) v) x
                 WHERE NOT hidden[x.cell] AND NOT shown[x.cell] ORDER BY people[x.cell], x.cell LIMIT 1;
                IF more IS NULL THEN
                    PERFORM tally_internal._hidden_refused('a hidden cell can be concluded, and there is no other to hide with it');
                END IF;
                hidden[more] := true;
            END IF;
            EXIT;
        END LOOP;
        EXIT WHEN NOT changed;
    END LOOP;
    RETURN answer || jsonb_build_object('hidden', to_jsonb(hidden)) || tally_internal._hidden_proofs(numbers, floors, sums, mask, cells, names, k);
END $$;
