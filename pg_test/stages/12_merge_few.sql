-- Sketches that are merged in ones and twos: the first stays as it is stored, and two exact ones make one in a pass over both. What comes of it is what comes
-- of all values at once, of whatever sizes and in whatever order they are.

SELECT no_plan();

CREATE TABLE seen AS
SELECT size, parts, kind, part, v FROM unnest('{1,5,62,63,200,383,384,766,767,3000}'::int[]) size, unnest('{1,2,3,7}'::int[]) parts,
    unnest('{apart,shared,shrinking,growing}'::text[]) kind, LATERAL generate_series(1, parts) part,
    LATERAL generate_series(1, CASE kind WHEN 'shrinking' THEN size / part WHEN 'growing' THEN size / (parts - part + 1) ELSE size END) i,
    LATERAL (SELECT CASE kind WHEN 'shared' THEN i + part * size / 2 ELSE part * 100000 + i END) x(v);
CREATE TABLE pieces AS SELECT size, parts, kind, part, tally.hll(v) AS people, tally.tdigest(v) AS spread FROM seen GROUP BY 1, 2, 3, 4;
CREATE TABLE wanted AS SELECT size, parts, kind, tally.hll(v) AS people, count(DISTINCT v) AS n, count(*) AS rows FROM seen GROUP BY 1, 2, 3;

SELECT is((SELECT string_agg(concat_ws(' ', size, parts, kind), ', ') FROM wanted w
    JOIN (SELECT size, parts, kind, tally.rollup(people ORDER BY part) AS people FROM pieces GROUP BY 1, 2, 3) g USING (size, parts, kind)
    WHERE g.people::text <> w.people::text OR w.n <= 766 AND tally.distinct_count(g.people) <> w.n), NULL, 'merged in order: as from all values at once');
SELECT is((SELECT string_agg(concat_ws(' ', size, parts, kind), ', ') FROM wanted w
    JOIN (SELECT DISTINCT ON (size, parts, kind) size, parts, kind, tally.rollup(people) OVER (PARTITION BY size, parts, kind ORDER BY part DESC) AS people
          FROM pieces ORDER BY size, parts, kind, part) g USING (size, parts, kind)
    WHERE g.people::text <> w.people::text), NULL, 'and as a window, from the last to the first');
SELECT is((SELECT string_agg(concat_ws(' ', size, parts, kind), ', ') FROM wanted w
    JOIN (SELECT size, parts, kind, tally.rollup(half) AS people
          FROM (SELECT size, parts, kind, part / 2, tally.rollup(people) AS half FROM pieces GROUP BY 1, 2, 3, 4) h GROUP BY 1, 2, 3) g
        USING (size, parts, kind) WHERE g.people::text <> w.people::text), NULL, 'and in two steps');
SELECT is((SELECT count(*) FROM (SELECT tally.rollup(people)::text <> max(people::text) OR tally.rollup(spread)::text <> max(spread::text) AS other
    FROM pieces GROUP BY size, parts, kind, part) x WHERE other), 0::bigint, 'one sketch merged with nothing is itself, a digest too');
SELECT is((SELECT count(*) FROM wanted w JOIN (SELECT size, parts, kind, tally.count(tally.rollup(spread)) AS n FROM pieces GROUP BY 1, 2, 3) g
    USING (size, parts, kind) WHERE g.n <> w.rows), 0::bigint, 'merged digests have the rows of all');

SELECT * FROM finish();
