-- Owns: check_release, which checks the proofs by other arithmetic. The kernel finds them by linear and integer programs over pairs of
-- neighbouring totals. Here SQL adds up whole numbers, from what the table shows, over every pair of a total and the cells within it.

-- The planner knows nothing of the rows of JSON, so it has the query compiled, which took 15 s where adding up takes 2.
CREATE OR REPLACE FUNCTION tally_internal._proof_fault(x tally.releases, b tally.released_buckets, shown jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    fault text;
BEGIN
    WITH c AS (
        SELECT (e ->> 'cell')::int AS cell, (e ->> 'hidden')::boolean AS hidden, e AS shown,
               (SELECT COALESCE(jsonb_object_agg(d, e -> d), '{}') FROM unnest(x.dimensions) d WHERE e ->> d IS NOT NULL) AS dims
          FROM jsonb_array_elements(shown) e),
    k AS (SELECT m.measure, CASE WHEN m.measure = x.people THEN 'people' ELSE 'rows' END AS counts
            FROM unnest(x.people || x.measures) m(measure)),
    w AS (SELECT y.number, m.key AS measure, v.key::int AS cell, v.value::bigint AS value
            FROM tally.release_witnesses y, jsonb_each(y."values") m, jsonb_each_text(m.value) v WHERE y.release_id = x.id AND y.bucket = b.since),
    -- What a witness says nothing of hangs together with other hidden cells; the first witness of those stands for them.
    first_ AS (SELECT DISTINCT ON (w.measure, w.cell) w.measure, w.cell, w.value FROM w ORDER BY w.measure, w.cell, w.number),
    -- Without a hidden cell, and so without a table, what is published is one.
    numbers AS (SELECT DISTINCT w.number FROM w UNION SELECT -1 WHERE NOT EXISTS (SELECT FROM w)),
    whole AS (
        SELECT n.number, k.measure, k.counts, c.cell, c.dims,
               CASE WHEN NOT c.hidden THEN (c.shown ->> k.measure)::bigint ELSE COALESCE(w.value, f.value) END AS value
          FROM numbers n CROSS JOIN c CROSS JOIN k
          LEFT JOIN w ON w.number = n.number AND w.measure = k.measure AND w.cell = c.cell
          LEFT JOIN first_ f ON f.measure = k.measure AND f.cell = c.cell),
    within AS (
        SELECT t.cell AS total, p.cell AS part, ARRAY(SELECT jsonb_object_keys(p.dims) ORDER BY 1) AS keys,
               ARRAY(SELECT jsonb_object_keys(p.dims) EXCEPT SELECT jsonb_object_keys(t.dims) ORDER BY 1) AS over
          FROM c t JOIN c p ON p.dims @> t.dims AND p.cell <> t.cell),
    sums AS (
        SELECT t.number, t.measure, t.counts, i.total, i.keys, i.over, t.value AS total_value, sum(p.value) AS sum_value, max(p.value) AS greatest
          FROM within i JOIN whole t ON t.cell = i.total JOIN whole p ON p.number = t.number AND p.measure = t.measure AND p.cell = i.part
         GROUP BY t.number, t.measure, t.counts, i.total, i.keys, i.over, t.value),
    proofs AS (SELECT c.cell, k.measure, k.counts, q.low, q.high, q.cell AS found_, l.value AS at_low, h.value AS at_high
                 FROM c CROSS JOIN k
                 LEFT JOIN tally.release_proofs q ON q.release_id = x.id AND q.bucket = b.since AND q.cell = c.cell AND q.measure = k.measure
                 LEFT JOIN w l ON l.number = q.low_table AND l.measure = k.measure AND l.cell = c.cell
                 LEFT JOIN w h ON h.number = q.high_table AND h.measure = k.measure AND h.cell = c.cell
                WHERE c.hidden),
    apart AS (
        SELECT i.total, i.part, (t.shown ->> x.people)::bigint - COALESCE((p.shown ->> x.people)::bigint, q.at_high) AS least,
               (t.shown ->> x.people)::bigint - COALESCE((p.shown ->> x.people)::bigint, q.at_low) AS most
          FROM within i JOIN c t ON t.cell = i.total JOIN c p ON p.cell = i.part LEFT JOIN proofs q ON q.cell = p.cell AND q.measure = x.people
         WHERE NOT t.hidden AND (t.shown ->> x.people)::bigint > x.k AND NOT (i.over <@ b.disjoint OR array_to_string(i.over, ', ') = ANY (b.disjoint)))
    SELECT f.fault INTO fault FROM (
        SELECT format('cell %s is published with %s people, expected %s or more', c.cell, COALESCE(c.shown ->> x.people, 'no'), x.k) AS fault
          FROM c WHERE NOT c.hidden AND COALESCE((c.shown ->> x.people)::bigint, 0) < x.k
        -- Where people add up, those who are not in a cell are the other cells.
        UNION ALL SELECT format('cells %s and %s tell of %s people who are in one of them alone', a.total, a.part, a.least) FROM apart a
          WHERE a.least > 0 AND a.most < x.k
        UNION ALL SELECT format('cell %s is hidden and shows %s', c.cell, k.measure) FROM c CROSS JOIN k WHERE c.hidden AND c.shown ->> k.measure IS NOT NULL
        UNION ALL SELECT format('%s of cell %s has no proof', p.measure, p.cell) FROM proofs p WHERE p.found_ IS NULL OR p.at_low IS NULL OR p.at_high IS NULL
        UNION ALL SELECT format('the ends of %s of cell %s are not those of its tables', p.measure, p.cell) FROM proofs p
          WHERE p.low IS DISTINCT FROM p.at_low OR COALESCE(p.high, p.at_high) IS DISTINCT FROM p.at_high
        UNION ALL SELECT format('%s of cell %s can be concluded to be %s to %s', p.measure, p.cell, p.low, p.at_high) FROM proofs p
          WHERE p.at_low >= p.at_high OR p.at_high < x.k
        UNION ALL SELECT format('table %s has %s %s in cell %s', v.number, COALESCE(v.value::text, 'no'), v.measure, v.cell) FROM whole v
          WHERE v.value IS NULL OR v.value < CASE v.counts WHEN 'rows' THEN 1 ELSE b.least END
        UNION ALL SELECT format('in table %s cell %s has more %s than rows', v.number, v.cell, v.measure) FROM whole v JOIN whole a
            ON a.number = v.number AND a.cell = v.cell AND a.counts = 'rows' WHERE v.value > a.value AND v.counts = 'people'
        UNION ALL SELECT format('in table %s the total %s of %s is %s, of its parts %s', s.number, s.total, s.measure, s.total_value, s.sum_value)
          FROM sums s
          WHERE CASE WHEN s.counts <> 'people' THEN s.total_value <> s.sum_value
                     WHEN s.over <@ b.disjoint OR array_to_string(s.over, ', ') = ANY (b.disjoint) THEN s.total_value <> s.sum_value
                     ELSE s.total_value > s.sum_value OR s.total_value < s.greatest END) f LIMIT 1;
    RETURN fault;
END $$;
COMMENT ON FUNCTION tally_internal._proof_fault(tally.releases, tally.released_buckets, jsonb) IS
'What is wrong with a published bucket or its proofs; null: nothing. Whole numbers are added up, no program is solved.';

CREATE OR REPLACE FUNCTION tally.check_release(name text, who bigint DEFAULT tally_internal._me())
RETURNS TABLE (bucket timestamptz, cells int, hidden int, proved boolean, problem text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_column
DECLARE
    x tally.releases := tally_internal._owned_release($1, tally_internal._caller(who));
    b tally.released_buckets;
BEGIN
    FOR b IN SELECT y.* FROM tally.released_buckets y WHERE y.release_id = x.id AND y.state = 'released' ORDER BY y.since LOOP
        bucket := b.since;
        cells := b.cells;
        hidden := b.hidden;
        problem := tally_internal._proof_fault(x, b, (SELECT jsonb_agg(s) FROM tally.run_as(x.owner, 'pg_catalog, pg_temp', format(
            'SELECT * FROM %s WHERE bucket = $1', x.relation), 0, 'UTC', b.since) s));
        problem := COALESCE(problem, CASE WHEN NOT EXISTS (SELECT FROM tally.run_as(x.owner, 'pg_catalog, pg_temp', format(
            'SELECT FROM %s WHERE bucket = $1 HAVING count(*) = $2 AND count(*) FILTER (WHERE hidden) = $3', x.relation), 0, 'UTC', b.since,
            b.cells::bigint, b.hidden::bigint)) THEN 'the table has other rows than were published' END);
        proved := problem IS NULL;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.check_release(text, bigint) IS
'Proves a release once more, by other arithmetic than that which made it. For each hidden number it adds up two whole tables that fit all that is '
'published and differ in this number; in one of them it is k or more. It checks what the table shows now, so it finds changes by hand. For the owner.';
