-- Asked of both kernels by pg_test/hosted/agree.sh: hidden cells. Where the smallest pattern is the only one, the two give the same; of other tables they
-- say that every small cell is hidden, that each proof is a possible table that holds the stated number, and that few other cells are hidden.
-- answers: 49
\ir told.psql

-- A table of r rows and c columns with all totals, and what ties them.
CREATE FUNCTION pg_temp.tables(n int, r int, c int) RETURNS TABLE (people bigint[], list jsonb) LANGUAGE sql AS $$
    WITH inner_ AS (SELECT i, j, ((hashint4(n * 1000 + i * 37 + j) % 5 <> 0)::int * (1 + abs(hashint4(n * 7777 + i * 101 + j)) % 40))::bigint AS v
                      FROM generate_series(1, r) i, generate_series(1, c) j),
    cell AS (SELECT COALESCE(i, r + 1) AS i, COALESCE(j, c + 1) AS j, sum(v)::bigint AS v FROM inner_ GROUP BY CUBE (i, j))
    SELECT (SELECT array_agg(v ORDER BY i, j) FROM cell), (SELECT jsonb_agg(x) FROM (
        SELECT jsonb_build_object('total', i * (c + 1) + c + 1, 'parts', (SELECT jsonb_agg(i * (c + 1) + j) FROM generate_series(1, c) j)) AS x
          FROM generate_series(0, r) i
        UNION ALL SELECT jsonb_build_object('total', r * (c + 1) + j, 'parts', (SELECT jsonb_agg(i * (c + 1) + j) FROM generate_series(0, r - 1) i))
          FROM generate_series(1, c + 1) j) y)
$$;
CREATE FUNCTION pg_temp.fits(people bigint[], witness jsonb, list jsonb) RETURNS boolean LANGUAGE sql AS $$
    WITH cell AS (SELECT i, COALESCE((witness ->> i::text)::bigint, n) AS n FROM unnest(people) WITH ORDINALITY p(n, i))
    SELECT bool_and(t.n <= s.whole AND t.n >= s.most AND (t.n = s.whole OR NOT COALESCE((r -> 'adds')::boolean, true)))
      FROM jsonb_array_elements(list) r, LATERAL (SELECT n FROM cell WHERE i = (r ->> 'total')::int) t,
           LATERAL (SELECT sum(n) AS whole, max(n) AS most FROM cell WHERE i IN (SELECT p::int FROM jsonb_array_elements_text(r -> 'parts') p)) s
$$;
SELECT d.r, d.c, n, h.cell, h.small, h.low, h.high FROM (VALUES (2, 3, 1), (2, 3, 2), (2, 3, 3), (3, 3, 2), (3, 3, 6)) d(r, c, n),
    LATERAL pg_temp.tables(d.n, d.r, d.c) t, LATERAL tally.hide_cells(t.people, t.list) h ORDER BY 1, 2, 3, 4;
SELECT d.*, h.* FROM (VALUES (2, 3, 4, 7), (2, 3, 5, 7), (3, 3, 3, 7), (4, 4, 2, 7), (4, 4, 5, 8)) d(r, c, n, most), LATERAL pg_temp.tables(d.n, d.r, d.c) t,
    LATERAL (SELECT count(*) <= d.most AS few, array_agg(cell ORDER BY cell) FILTER (WHERE small)
                        = ARRAY(SELECT i::int FROM unnest(t.people) WITH ORDINALITY p(v, i) WHERE v BETWEEN 1 AND 9 ORDER BY i) AS all_small,
                    bool_and(high > low AND high >= 10 AND (low_table ->> cell::text)::bigint = low AND (high_table ->> cell::text)::bigint = high
                             AND pg_temp.fits(t.people, low_table, t.list) AND pg_temp.fits(t.people, high_table, t.list)) AS proved
               FROM tally.hide_cells(t.people, t.list)) h;
-- One person in several parts; a hierarchy; nothing to hide; what cannot be hidden; a cell without an end.
SELECT * FROM tally.hide_cells('{3,20,23}', '[{"total": 3, "parts": [1, 2]}]');
SELECT * FROM tally.hide_cells('{3,20,21}', '[{"total": 3, "parts": [1, 2], "adds": false}]');
SELECT cell, small, low, high FROM tally.hide_cells('{3,20,25,40,23,65,88}',
    '[{"total": 5, "parts": [1, 2]}, {"total": 6, "parts": [3, 4]}, {"total": 7, "parts": [5, 6]}]');
SELECT * FROM tally.hide_cells('{0,20,20}', '[{"total": 3, "parts": [1, 2]}]');
SELECT cell, low, high FROM tally.hide_cells('{4}', '[]');
SELECT pg_temp.told(format('SELECT tally.hide_cells(%L, %L, %s)', p, r, k)) FROM (VALUES ('{3,20,24}', '[{"total": 3, "parts": [1, 2]}]', 10),
    ('{3,20,24}', '[{"total": 3, "parts": [1, 2], "adds": false}]', 10), ('{3,20}', '[{"total": 0, "parts": [1, 2]}]', 10),
    ('{3,20}', '[{"total": 1, "parts": [1, 2]}]', 10), ('{3,20}', '[{"total": 1, "parts": []}]', 10), ('{3,-1}', '[]', 10), ('{3,NULL}', '[]', 10),
    ('{3,2147483648}', '[]', 10), ('{3,20,23}', '[{"total": 3, "parts": [1, 2]}]', 1), ('{3,3}', '[{"total": 2, "parts": [1]}]', 10),
    ('{3,0,3}', '[{"total": 3, "parts": [1, 2]}]', 10)) v(p, r, k);
-- A release of people and rows, as SQL writes its plan.
SELECT x - 'witnesses' - 'proofs', jsonb_array_length(x -> 'proofs'), jsonb_array_length(x -> 'witnesses') > 0,
       (SELECT bool_and((x -> 'witnesses' -> (p ->> 'low_table')::int -> (p ->> 'measure') -> (p ->> 'cell')) = p -> 'low')
          FROM jsonb_array_elements(x -> 'proofs') p)
  FROM (VALUES ('{"k": 10, "small": [false, true, false, false], "relations": [{"total": 4, "parts": [1, 2, 3], "over": "kind"}], "layers": [
      {"name": "people", "counts": "people", "values": [20, 3, 40, 63]}, {"name": "n", "counts": "rows", "values": [40, 6, 80, 126]}]}'::jsonb),
      ('{"k": 10, "small": [false, true, false, false], "relations": [{"total": 4, "parts": [1, 2, 3], "over": "kind"}], "layers": [
      {"name": "people", "counts": "people", "values": [20, 3, 40, 50]}, {"name": "n", "counts": "rows", "values": [40, 6, 80, 126]}]}'),
      ('{"k": 2, "small": [false, false, false, false], "relations": [{"total": 4, "parts": [1, 2, 3], "over": "kind"}], "layers": [
      {"name": "people", "counts": "people", "values": [20, 3, 40, 70]}, {"name": "n", "counts": "rows", "values": [40, 6, 80, 126]}]}'),
      ('{"k": 10, "small": [false, false, false], "relations": [{"total": 3, "parts": [1, 2], "over": "kind"}], "layers": [
      {"name": "people", "counts": "people", "values": [97, 41, 100]}, {"name": "n", "counts": "rows", "values": [97, 41, 138]}]}')) v(plan),
       LATERAL tally_internal._protect(plan) x;
SELECT pg_temp.told('SELECT tally_internal._protect(''{"k": 10, "small": [true], "relations": [], "layers": [
    {"name": "n", "counts": "rows", "values": [1]}]}'')');
