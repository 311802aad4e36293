-- Owns: linear and integer programs over few variables, in PL/pgSQL, for the search for hidden cells: the simplex method over a dense table, then branches.

CREATE FUNCTION tally_internal._linear(costs float8[], sums tally_internal.sum_row[], rights float8[], OUT outcome text, OUT answer float8[])
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tiny   CONSTANT float8 := 1e-9;
    m      int := COALESCE(cardinality(sums), 0);
    n      int := cardinality(costs);
    width  int := n + 1 + (SELECT count(*)::int FROM unnest(sums) s WHERE NOT s.exact);
    -- The rows of the table one after another; the last column is the right side. The variables that make it feasible at first have no column.
    a      float8[] := array_fill(0::float8, ARRAY[m * width]);
    price  float8[];
    basis  int[] := array_fill(0, ARRAY[m]);
    slack  int := n;
    sign   int;
    enter  int;
    leave  int;
    lowest float8;
    ratio  float8;
    x      float8;
    f      float8;
    filled int[];
    turns  int := 0;
BEGIN
    FOR i IN 1 .. m LOOP
        sign := CASE WHEN rights[i] < 0 THEN -1 ELSE 1 END;
        a[i * width] := sign * rights[i];
        FOR t IN 1 .. cardinality(sums[i].cells) LOOP
            a[(i - 1) * width + sums[i].cells[t]] := a[(i - 1) * width + sums[i].cells[t]] + sign * sums[i].signs[t];
        END LOOP;
        IF NOT sums[i].exact THEN
            slack := slack + 1;
            a[(i - 1) * width + slack] := sign;
            IF sign = 1 THEN basis[i] := slack; END IF;
        END IF;
    END LOOP;
    FOR phase IN 1 .. 2 LOOP
        price := array_fill(0::float8, ARRAY[width]);
        IF phase = 2 THEN
            FOR j IN 1 .. n LOOP price[j] := costs[j]; END LOOP;
        END IF;
        FOR i IN 1 .. m LOOP
            f := CASE WHEN phase = 1 THEN (basis[i] = 0)::int WHEN basis[i] BETWEEN 1 AND n THEN costs[basis[i]] ELSE 0 END;
            CONTINUE WHEN f = 0;
            FOR j IN 1 .. width LOOP
                x := a[(i - 1) * width + j];
                IF x <> 0 THEN price[j] := price[j] - f * x; END IF;
            END LOOP;
        END LOOP;
        LOOP
            turns := turns + 1;
            enter := NULL;
            lowest := -tiny;
            FOR j IN 1 .. width - 1 LOOP
                IF price[j] < lowest THEN
                    enter := j;
                    lowest := price[j];
                    -- The first one in the end, so that it does not go in circles.
                    EXIT WHEN turns > 5 * (m + n);
                END IF;
            END LOOP;
            EXIT WHEN enter IS NULL;
            leave := NULL;
            FOR i IN 1 .. m LOOP
                x := a[(i - 1) * width + enter];
                IF x > tiny OR phase = 2 AND basis[i] = 0 AND x < -tiny THEN
                    ratio := a[i * width] / x;
                    IF leave IS NULL OR ratio < lowest - tiny OR ratio < lowest + tiny AND basis[i] < basis[leave] THEN
                        leave := i;
                        lowest := ratio;
                    END IF;
                END IF;
            END LOOP;
            IF leave IS NULL THEN
                outcome := 'open';
                RETURN;
            END IF;
            x := a[(leave - 1) * width + enter];
            filled := '{}';
            FOR j IN 1 .. width LOOP
                f := a[(leave - 1) * width + j];
                IF f <> 0 THEN
                    filled := filled || j;
                    a[(leave - 1) * width + j] := f / x;
                END IF;
            END LOOP;
            FOR i IN 1 .. m LOOP
                f := a[(i - 1) * width + enter];
                CONTINUE WHEN i = leave OR f = 0;
                FOREACH sign IN ARRAY filled LOOP
                    x := a[(i - 1) * width + sign] - f * a[(leave - 1) * width + sign];
                    a[(i - 1) * width + sign] := CASE WHEN abs(x) < 1e-11 THEN 0 ELSE x END;
                END LOOP;
            END LOOP;
            f := price[enter];
            FOREACH sign IN ARRAY filled LOOP price[sign] := price[sign] - f * a[(leave - 1) * width + sign]; END LOOP;
            price[enter] := 0;
            basis[leave] := enter;
        END LOOP;
        IF phase = 1 AND -price[width] > 1e-6 * (1 + (SELECT COALESCE(max(abs(r)), 0) FROM unnest(rights) r)) THEN
            outcome := 'none';
            RETURN;
        END IF;
    END LOOP;
    outcome := 'best';
    answer := array_fill(0::float8, ARRAY[n]);
    FOR i IN 1 .. m LOOP
        IF basis[i] BETWEEN 1 AND n THEN answer[basis[i]] := a[i * width]; END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._linear(float8[], tally_internal.sum_row[], float8[]) IS
'Numbers of 0 or more that cost least and keep to sums (exactly so much, or at most). outcome: best, open (it costs less without end) or none.';

CREATE FUNCTION tally_internal._linear_whole(costs float8[], sums tally_internal.sum_row[], rights float8[], below float8, INOUT nodes int,
                                             OUT outcome text, OUT answer float8[])
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_  record;
    broken  int;
    cost    float8;
BEGIN
    nodes := nodes - 1;
    IF nodes < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = 'the arithmetic of hidden cells could not be solved',
            DETAIL = 'The search for whole numbers was given up.', HINT = 'Release fewer cells: leave out a dimension, or use wider buckets.';
    END IF;
    found_ := tally_internal._linear(costs, sums, rights);
    outcome := found_.outcome;
    IF outcome <> 'best' THEN RETURN; END IF;
    cost := (SELECT sum(c * v) FROM unnest(costs, found_.answer) u(c, v));
    IF cost > below - 1e-6 THEN
        outcome := 'none';
        RETURN;
    END IF;
    broken := (SELECT u.n FROM unnest(found_.answer) WITH ORDINALITY u(v, n) WHERE abs(v - round(v)) > 1e-6 ORDER BY abs(v - floor(v) - 0.5), n LIMIT 1);
    IF broken IS NULL THEN
        answer := ARRAY(SELECT round(v) FROM unnest(found_.answer) WITH ORDINALITY u(v, n) ORDER BY n);
        RETURN;
    END IF;
    outcome := 'none';
    cost := found_.answer[broken];
    FOR side IN 1 .. 2 LOOP
        found_ := tally_internal._linear_whole(costs, sums || ROW(ARRAY[broken], ARRAY[3 - 2 * side], false)::tally_internal.sum_row,
            rights || CASE side WHEN 1 THEN floor(cost) ELSE -ceil(cost) END, below, nodes);
        nodes := found_.nodes;
        CONTINUE WHEN found_.outcome = 'none';
        outcome := found_.outcome;
        answer := found_.answer;
        EXIT WHEN outcome = 'open';
        below := (SELECT sum(c * v) FROM unnest(costs, answer) u(c, v));
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._linear_whole(float8[], tally_internal.sum_row[], float8[], float8, int) IS
'The same in whole numbers that cost less than an answer so far, by branches; an error after so many of them.';
