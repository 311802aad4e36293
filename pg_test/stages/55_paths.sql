-- Owns: paths out of a rollup: anchors at the start, the end, both and none; first and last match; ranges, filters and breakdowns; late rows. Against plain SQL
-- that numbers the events of each actor.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE clicks (at timestamptz NOT NULL, person text, page text, device text);
CREATE INDEX ON clicks (person);
INSERT INTO clicks SELECT '2026-03-01 00:00Z'::timestamptz + (hashint8extended(i, 1) & 1023) * interval '1 hour', 'p' || (hashint8extended(i, 2) & 63),
       (ARRAY['home', 'list', 'item', 'cart', 'pay', NULL])[1 + (hashint8extended(i, 3) & 1048575) % 6], CASE (hashint8extended(i, 4) & 3) WHEN 0 THEN 'phone'
       WHEN 1 THEN 'desk' END FROM generate_series(1, 500) i;
SELECT tally.create_rollup('walks', 'clicks', key => 'person', measures => '{"times": "array_agg(at ORDER BY at, page COLLATE \"C\")",
    "events": "array_agg(page ORDER BY at, page COLLATE \"C\")", "device": "(array_agg(device ORDER BY at, device) FILTER (WHERE device IS NOT NULL))[1]"}',
    with_data => true);

-- Each event has a number within its actor. An anchor is a number, and a path is what lies between two numbers.
CREATE FUNCTION plain("start" text, "end" text, steps int, latest boolean, since timestamptz, until timestamptz, dev text)
RETURNS TABLE (label text, path text[], actors bigint, share float8) LANGUAGE sql AS $$
    WITH numbered AS (SELECT person, page, row_number() OVER (PARTITION BY person ORDER BY at, page COLLATE "C") AS no FROM clicks
                       WHERE page IS NOT NULL AND at >= since AND at < until),
    people AS (SELECT person, COALESCE((array_agg(device ORDER BY at, device) FILTER (WHERE device IS NOT NULL))[1], '(none)') AS device,
                      (SELECT max(n.no) FROM numbered n WHERE n.person = c.person) AS total FROM clicks c GROUP BY person),
    pairs AS (SELECT s.person, s.no AS s, e.no AS e FROM numbered s JOIN numbered e ON e.person = s.person AND e.no > s.no AND s.page = $1 AND e.page = $2),
    bounds AS (
        SELECT p.person, p.device, CASE
            WHEN $1 IS NULL AND $2 IS NULL THEN CASE WHEN latest THEN GREATEST(total - steps, 1) ELSE 1 END
            WHEN $2 IS NULL THEN (SELECT CASE WHEN latest THEN max(n.no) ELSE min(n.no) END FROM numbered n WHERE n.person = p.person AND n.page = $1)
            WHEN $1 IS NULL THEN GREATEST((SELECT CASE WHEN latest THEN max(n.no) ELSE min(n.no) END FROM numbered n
                WHERE n.person = p.person AND n.page = $2) - steps, 1)
            -- The last pair ends last and begins as late as it can; the first begins first and ends as early as it can.
            WHEN latest THEN (SELECT x.s FROM pairs x WHERE x.person = p.person ORDER BY x.e DESC, x.s DESC LIMIT 1)
            ELSE (SELECT x.s FROM pairs x WHERE x.person = p.person ORDER BY x.s, x.e LIMIT 1) END AS first,
          CASE WHEN $1 IS NULL AND $2 IS NULL THEN CASE WHEN latest THEN total ELSE 1 + steps END
            WHEN $2 IS NULL THEN steps + (SELECT CASE WHEN latest THEN max(n.no) ELSE min(n.no) END FROM numbered n WHERE n.person = p.person AND n.page = $1)
            WHEN $1 IS NULL THEN (SELECT CASE WHEN latest THEN max(n.no) ELSE min(n.no) END FROM numbered n WHERE n.person = p.person AND n.page = $2)
            WHEN latest THEN (SELECT x.e FROM pairs x WHERE x.person = p.person ORDER BY x.e DESC, x.s DESC LIMIT 1)
            ELSE (SELECT x.e FROM pairs x WHERE x.person = p.person ORDER BY x.s, x.e LIMIT 1) END AS last
          FROM people p),
    walked AS (SELECT b.person, b.device, array_agg(n.page ORDER BY n.no) AS path FROM bounds b JOIN numbered n ON n.person = b.person
                  AND n.no BETWEEN b.first AND b.last GROUP BY b.person, b.device),
    cut AS (SELECT CASE dev WHEN 'each' THEN device ELSE '' END AS label,
                   CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL AND cardinality(path) > steps + 2 THEN path[1:steps + 1] || ARRAY['…', $2] ELSE path END AS path
              FROM walked WHERE dev IN ('', 'each', device))
    SELECT label, path, count(*), count(*)::float8 / sum(count(*)) OVER (PARTITION BY label)::float8 FROM cut GROUP BY label, path
$$;
CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    q record;
BEGIN
    FOR q IN SELECT s, e, n, m, i % 3 AS way FROM (VALUES ('home', NULL), (NULL, 'pay'), ('home', 'pay'), ('cart', 'cart'), (NULL, NULL)) a(s, e),
             unnest('{1,3}'::int[]) n, unnest('{first,last}'::text[]) m, LATERAL (SELECT (hashtext(concat(s, e, n, m)) & 1023) AS i) z LOOP
        RETURN NEXT bag_eq(format('SELECT label, path, actors, share FROM tally.paths(''walks'', %L, %L, %s, %L, top => 10000%s)', q.s, q.e, q.n, q.m,
                CASE q.way WHEN 0 THEN ', by => ''device''' WHEN 1 THEN ', "where" => ''{"device": "phone"}''' ELSE ', since => ''2026-03-05'',
                    until => ''2026-03-25''' END),
            format('SELECT * FROM plain(%L, %L, %s, %L, %L, %L, %L)', q.s, q.e, q.n, q.m = 'last', CASE q.way WHEN 2 THEN '2026-03-05' ELSE '-infinity' END,
                CASE q.way WHEN 2 THEN '2026-03-25' ELSE 'infinity' END, CASE q.way WHEN 0 THEN 'each' WHEN 1 THEN 'phone' ELSE '' END),
            format('%s: from %s to %s, %s steps, %s match, way %s', what, q.s, q.e, q.n, q.m, q.way));
    END LOOP;
END $$;
SELECT same('stored');
INSERT INTO clicks VALUES ('2026-02-27 00:00Z', 'p1', 'home', 'desk'), ('2026-03-07 12:00Z', 'p2', 'pay', NULL), ('2026-04-20 00:00Z', 'p3', 'cart', NULL);
DELETE FROM clicks WHERE person = 'p4' OR (person = 'p5' AND page = 'pay');
SELECT same('late and deleted rows');
SELECT results_eq($$SELECT actors FROM tally.paths('walks', 'home', top => 3)$$,
    $$SELECT actors FROM plain('home', NULL, 3, false, '-infinity', 'infinity', '') ORDER BY actors DESC, path COLLATE "C" LIMIT 3$$, 'the most common ones');
SELECT is_empty($$SELECT FROM tally.paths('walks', 'nowhere')$$, 'nobody was there');
SELECT throws_ok($$SELECT * FROM tally.paths('none')$$, '42704', NULL, 'no such rollup');
SELECT throws_ok($$SELECT * FROM tally.paths('walks', by => 'colour')$$, '42703', NULL, 'no such column');
SELECT throws_ok($$SELECT * FROM tally.paths('walks', steps => 0)$$, '22023', NULL, 'no steps');
SELECT throws_ok($$SELECT * FROM tally.paths('walks', match => 'best')$$, '22023', NULL, 'no such match');
SELECT throws_ok($$SELECT * FROM tally.paths('walks', "where" => '[]')$$, '22023', NULL, 'no filter');
SELECT * FROM finish();
