-- Owns: the most frequent values of a topk measure as rows, against plain SQL: by group and bucket, filtered, with late rows; refusals.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE views (at timestamptz NOT NULL, page text, plan text);
CREATE INDEX ON views (at);
INSERT INTO views SELECT '2026-03-26 00:00Z'::timestamptz + i % 96 * interval '1 hour', 'page ' || floor(sqrt((hashint8extended(i, 1) & 63)))::int,
       'p' || (hashint8extended(i, 2) & 1) FROM generate_series(1, 500) i;
SELECT tally.create_rollup('pages', 'views', 'at', bucket => '1 hour', zone => 'Europe/Berlin', dimensions => '["plan"]',
    measures => '{"n": "count(*)", "top_pages": "tally.topk(page)"}', with_data => true);
-- Few values are counted exactly. The order is by count, and by value among equal ones.
CREATE FUNCTION plain(n int, groups boolean, days boolean, one text DEFAULT NULL)
RETURNS TABLE (start timestamptz, plan text, place bigint, item text, count bigint) LANGUAGE sql AS $$
    SELECT * FROM (SELECT x.start, x.plan, row_number() OVER (PARTITION BY x.start, x.plan ORDER BY count(*) DESC, page COLLATE "C") AS place, page, count(*)
      FROM (SELECT CASE WHEN days THEN date_trunc('day', at, 'Europe/Berlin') END AS start, CASE WHEN groups THEN plan END AS plan, page FROM views
             WHERE at >= '2026-03-27 00:00+01' AND at < '2026-03-30 00:00+02' AND plan = COALESCE(one, plan)) x GROUP BY 1, 2, 4) y WHERE place <= n
$$;
CREATE FUNCTION same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT bag_eq($q$SELECT start, labels ->> 'plan' AS plan, place::bigint, item, count FROM tally.top_items('pages', 'top_pages', 3, by => '{plan}',
        bucket => '1 day', since => '2026-03-27 00:00+01', until => '2026-03-30 00:00+02')$q$, 'SELECT * FROM plain(3, true, true)', what
            || ': of each plan and day');
    RETURN NEXT bag_eq($q$SELECT start, labels ->> 'plan' AS plan, place::bigint, item, count FROM tally.top_items('pages', 'top_pages', by => '{plan}',
        since => '2026-03-27 00:00+01', until => '2026-03-30 00:00+02')$q$, 'SELECT * FROM plain(10, true, false)', what || ': of each plan');
    RETURN NEXT bag_eq($q$SELECT start, labels ->> 'plan' AS plan, place::bigint, item, count FROM tally.top_items('pages', 'top_pages', 2,
        bucket => '1 day', "where" => '{"plan": "p1"}', since => '2026-03-27 00:00+01', until => '2026-03-30 00:00+02')$q$,
        $q$SELECT start, NULL::text AS plan, place, item, count FROM plain(2, false, true, 'p1')$q$, what || ': of one plan');
END $$;
SELECT same('stored');
INSERT INTO views SELECT '2026-03-28 12:00Z', 'late', 'p1' FROM generate_series(1, 40);
DELETE FROM views WHERE page = 'page 7';
SELECT same('late and deleted rows');
SELECT is_empty($$SELECT FROM tally.top_items('pages', 'top_pages', since => '2020-01-01', until => '2020-02-01')$$, 'where nothing is there are no rows');
SELECT throws_ok($$SELECT * FROM tally.top_items('pages', 'n')$$, '42809', NULL, 'a count has no items');
SELECT throws_ok($$SELECT * FROM tally.top_items('pages', 'top_pages', 0)$$, '22023', NULL, 'no places');
SELECT throws_ok($$SELECT * FROM tally.top_items('pages', 'top_pages', since => '-infinity')$$, '22023', NULL, 'a range without a beginning');
SELECT throws_ok($$SELECT * FROM tally.top_items('pages', 'top_pages', by => '{colour}')$$, '42703', NULL, 'no such dimension');
-- Limits of the owner hold, and where small groups are to be hidden, items are not told at all.
CREATE ROLE tally_items_reader ROLE CURRENT_USER;
GRANT SELECT ON pages, pages_live TO tally_items_reader;
SELECT tally.set_limits('public', max_rows => 5);
SET ROLE tally_items_reader;
SELECT throws_ok($$SELECT * FROM tally.top_items('pages', 'top_pages', by => '{plan}', since => '2026-03-27', until => '2026-03-30')$$, '54000', NULL,
    'more rows than a reader may have');
SELECT is((SELECT count(*) FROM tally.top_items('pages', 'top_pages', 5, since => '2026-03-27', until => '2026-03-30')), 5::bigint, 'as many as it may');
RESET ROLE;
SELECT tally.set_limits('public', min_people => 5);
SET ROLE tally_items_reader;
SELECT throws_ok($$SELECT * FROM tally.top_items('pages', 'top_pages', since => '2026-03-27', until => '2026-03-30')$$, '42501', NULL,
    'an item may be one person');
RESET ROLE;
SELECT tally.drop_limits('public');
DROP OWNED BY tally_items_reader;
DROP ROLE tally_items_reader;
SELECT * FROM finish();
