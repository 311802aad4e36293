-- Hidden cells: the pattern, the proofs by integer arithmetic in SQL, subtraction that fails, bad input in four parts.
SELECT plan(13);
SET client_min_messages = warning;

-- Two dimensions with margins: rows of 3 cells and a total, the last row the totals of columns. The small cell is number 6.
CREATE TABLE relations AS SELECT jsonb_agg(jsonb_build_object('total', total, 'parts', parts)) AS list FROM (
    SELECT r * 4 + 4 AS total, jsonb_build_array(r * 4 + 1, r * 4 + 2, r * 4 + 3) AS parts FROM generate_series(0, 3) r
    UNION ALL SELECT 12 + c, jsonb_build_array(c, c + 4, c + 8) FROM generate_series(1, 4) c) x;
CREATE TABLE hidden AS SELECT h.* FROM relations, tally.hide_cells('{20,30,40,90, 25,3,35,63, 22,33,44,99, 67,66,119,252}', list) h;
SELECT is((SELECT count(*) FROM hidden), 4::bigint, 'a small cell in the middle takes three others: no rectangle is smaller');
SELECT is((SELECT array_agg(cell) FROM hidden WHERE small), '{6}'::int[], 'one of them is small');
SELECT ok((SELECT bool_and(high >= 10 AND high > low) FROM hidden), 'each may hold k people, and more than one number');

-- The proofs, checked by other arithmetic: each table of hidden cells, put in place, meets every relation.
CREATE FUNCTION fits(people bigint[], witness jsonb, list jsonb) RETURNS boolean LANGUAGE sql AS $$
    WITH cell AS (SELECT i, coalesce((witness ->> i::text)::bigint, n) AS n FROM unnest(people) WITH ORDINALITY p(n, i))
    SELECT bool_and((SELECT n FROM cell WHERE i = (r ->> 'total')::int)
                  = (SELECT sum(n) FROM cell WHERE i IN (SELECT p::int FROM jsonb_array_elements_text(r -> 'parts') p))) FROM jsonb_array_elements(list) r
$$;
SELECT ok((SELECT bool_and(fits('{20,30,40,90, 25,3,35,63, 22,33,44,99, 67,66,119,252}', low_table, list)
                       AND fits('{20,30,40,90, 25,3,35,63, 22,33,44,99, 67,66,119,252}', high_table, list)) FROM hidden, relations),
                           'every proof is a possible table');
SELECT ok((SELECT bool_and((low_table ->> cell::text)::bigint = low AND (high_table ->> cell::text)::bigint = high) FROM hidden),
    'that holds the stated number');
SELECT ok(NOT fits('{20,30,40,90, 25,3,35,63, 22,33,44,99, 67,66,119,252}', '{"6": 4}', (SELECT list FROM relations)), 'the check can fail');

SELECT is((SELECT array_agg(h.cell) FROM tally.hide_cells('{3,20,23}', '[{"total": 3, "parts": [1, 2]}]') h), '{1,2}'::int[],
    'a small cell beside one other: the total stays, the other hides it');
SELECT is((SELECT array_agg(h.cell) FROM tally.hide_cells('{3,20,21}', '[{"total": 3, "parts": [1, 2], "adds": false}]') h), '{1}'::int[],
    'where one person may be in both parts, the total tells too little to take another');
SELECT is_empty($$SELECT * FROM tally.hide_cells('{0,20,20}', '[{"total": 3, "parts": [1, 2]}]')$$, 'zeros are published');
SELECT throws_ok($$SELECT tally.hide_cells('{3,20,24}', '[{"total": 3, "parts": [1, 2]}]')$$, '22023', 'relation 1: total expected as 23, got 24',
    'a total that is none');
SELECT throws_ok($$SELECT tally.hide_cells('{3,20}', '[{"total": 0, "parts": [1, 2]}]')$$, '22023', NULL, 'cells are numbered from 1');
SELECT throws_ok($$SELECT tally.hide_cells('{3,-1}', '[]')$$, '22023', 'people of cell 2 expected as 0 or more, got -1', 'negative people');
SELECT throws_ok($$SELECT tally.hide_cells('{3,20,23}', '[{"total": 3, "parts": [1, 2]}]', 1)$$, '22023', 'k expected as 2 or more, got 1',
    'a k of one hides nobody');
SELECT * FROM finish();
