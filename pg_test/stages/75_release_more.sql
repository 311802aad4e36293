-- Owns: releases of larger tables: hierarchies, totals of everything alone, refusals with what could be released, a schedule, rollups on rollups,
-- another role's hands, and every sum by plain SQL.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE plays (at timestamptz NOT NULL, person int, world text, adventure text, variation text);
-- 3 worlds with 4 adventures each, in 3 variations; a third of the cells are small. A person is in several cells.
INSERT INTO plays SELECT timestamptz '2026-01-01 00:00Z' + ((i * 37) % 86000 || ' seconds')::interval, 
    (c * 7 + i) % 400, 'w' || c % 3, 'a' || c % 12, 'v' || c / 12
  FROM generate_series(0, 35) c, generate_series(1, CASE c * 5 % 7 WHEN 0 THEN 2 WHEN 1 THEN 4 ELSE 20 + c * 3 % 17 END) i;
CREATE INDEX ON plays (at);
SELECT tally.create_rollup('plays_hourly', 'plays', 'at', '1 hour', dimensions => '["world", "adventure", "variation"]',
    measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('plays_daily', 'plays_hourly', 'bucket', '1 day', dimensions => '["world", "adventure", "variation"]',
    measures => '{"people": "tally.rollup(people)", "n": "sum(n)"}', with_data => true);
SELECT tally.create_release('plays_seen', 'plays_daily', '{world,adventure,variation}', '{n}',
    hierarchies => '[["world", "adventure"]]', schedule => '30 6 * * *');
SELECT is((SELECT count(*) FROM tally_internal._release_margins((SELECT x
    FROM tally.releases x))), 6::bigint, 'an adventure is in one world, so no totals over worlds alone');
-- By schedule, as the owner's task.
SELECT results_eq($$SELECT task, returned, error FROM tally.run_tasks('30 6 * * *', '2026-01-02 06:30Z')$$,
    $$VALUES ('release plays_seen', 1::bigint, NULL::text)$$, 'its task publishes it');
SELECT results_eq($$SELECT state, cells FROM tally.released_buckets$$, $$SELECT 'released', count(*)::int FROM (SELECT FROM plays
    GROUP BY GROUPING SETS ((), (world), (world, adventure), (variation), (world, variation), (world, adventure, variation))) x$$,
    'all cells and totals of plain SQL');
CREATE TEMP TABLE truth AS SELECT world, adventure, variation, count(DISTINCT person) AS people, count(*) AS n FROM plays
    GROUP BY GROUPING SETS ((), (world), (world, adventure), (variation), (world, variation), (world, adventure, variation));
SELECT is_empty($$SELECT * FROM plays_seen s JOIN truth t ON (s.world, s.adventure, s.variation) IS NOT DISTINCT FROM (t.world, t.adventure, t.variation)
    WHERE NOT s.hidden AND (s.people, s.n) IS DISTINCT FROM (t.people, t.n)$$, 'what is shown is right');
SELECT is_empty($$SELECT * FROM plays_seen s JOIN truth t ON (s.world, s.adventure, s.variation) IS NOT DISTINCT FROM (t.world, t.adventure, t.variation)
    WHERE s.hidden AND (t.people NOT BETWEEN s.people_low AND coalesce(s.people_high, t.people) OR t.n NOT BETWEEN s.n_low
    AND coalesce(s.n_high, t.n))$$, 'what is hidden lies between its ends');
SELECT is_empty($$SELECT * FROM plays_seen s JOIN truth t ON (s.world, s.adventure, s.variation) IS NOT DISTINCT FROM (t.world, t.adventure, t.variation)
    WHERE NOT s.hidden AND t.people < 10$$, 'no cell of fewer than ten is shown');
SELECT cmp_ok((SELECT count(*) FROM truth WHERE people < 10), '>', 8::bigint, 'though there are such');
SELECT cmp_ok((SELECT count(*) FROM plays_seen WHERE NOT hidden), '>', 20::bigint, 'and many others are shown');
SELECT is((SELECT array_agg(problem) FROM tally.check_release('plays_seen')), '{NULL}', 'and all is proved by other arithmetic');
-- Each proof matters to the check.
CREATE FUNCTION broken_by(change text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    result boolean;
BEGIN
    EXECUTE change;
    SELECT NOT bool_and(c.proved) INTO result FROM tally.check_release('plays_seen') c;
    RAISE EXCEPTION USING ERRCODE = 'P0042', MESSAGE = result::text;
EXCEPTION WHEN SQLSTATE 'P0042' THEN
    RETURN SQLERRM::boolean;
END $$;
SELECT ok(broken_by(c), c) FROM unnest(ARRAY[
    'UPDATE tally.release_proofs SET low = low + 1 WHERE cell = (SELECT max(cell) FROM tally.release_proofs)',
    'UPDATE tally.release_proofs SET high_table = low_table, high = low WHERE cell = (SELECT min(cell) FROM tally.release_proofs)',
    'DELETE FROM tally.release_proofs WHERE cell = (SELECT max(cell) FROM tally.release_proofs) AND measure = ''n''',
    'UPDATE tally.release_witnesses SET "values" = jsonb_set("values", ARRAY[''n'', (SELECT k
    FROM jsonb_object_keys("values" -> ''n'') k LIMIT 1)], ''7777'') WHERE number = 0',
    'UPDATE plays_seen SET n = n + 1 WHERE NOT hidden AND cell = (SELECT max(cell) FROM plays_seen WHERE NOT hidden)',
    'UPDATE plays_seen SET n = 5 WHERE hidden', 'UPDATE plays_seen SET hidden = false WHERE hidden', 'DELETE FROM plays_seen WHERE cell = 2']) c;
SELECT is((SELECT array_agg(proved) FROM tally.check_release('plays_seen')), '{t}', 'unchanged it is proved again');
SELECT tally.drop_release('plays_seen');
SELECT is((SELECT count(*) FROM tally.tasks), 0::bigint, 'its task goes with it');

-- What cannot be proved is refused, and says what can be.
CREATE TABLE lonely (at timestamptz NOT NULL, person int, town text, street text);
INSERT INTO lonely SELECT '2026-01-01 00:00Z', i, 't' || i % 2, 's' || i FROM generate_series(1, 8) i;
INSERT INTO lonely SELECT '2026-01-02 00:00Z', i, 't' || i % 2, 's' || i % 3 FROM generate_series(1, 300) i;
CREATE INDEX ON lonely (at);
SELECT tally.create_rollup('lonely_daily', 'lonely', 'at', '1 day', dimensions => '["town", "street"]',
    measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
SELECT tally.create_release('lonely_seen', 'lonely_daily', '{town,street}', '{n}');
SELECT results_eq($$SELECT bucket, state, hidden FROM tally.refresh_release('lonely_seen', '2026-01-03 01:00Z')$$,
    $$VALUES (timestamptz '2026-01-01 00:00Z', 'released', 19), ('2026-01-02 00:00Z', 'released', 0)$$,
    'a day of eight people is hidden altogether, the next is shown');
SELECT is((SELECT count(*) FROM lonely_seen WHERE n IS NOT NULL AND bucket = '2026-01-01'), 0::bigint, 'of it no number is there');
-- 260 streets with three people each hang together by their towns: more than is proved.
INSERT INTO lonely SELECT '2026-01-03 00:00Z', i, 't' || i % 2, 's' || i % 260 FROM generate_series(1, 780) i;
SELECT results_eq($$SELECT bucket, state, cells, reason ~ 'no pattern of hidden cells is proved'
    FROM tally.refresh_release('lonely_seen', '2026-01-04 01:00Z')$$,
    $$VALUES (timestamptz '2026-01-03 00:00Z', 'refused', 523, true)$$, 'what cannot be proved is refused, with the reason');
SELECT is((SELECT hint FROM tally.released_buckets
    WHERE state = 'refused'), 'It could be released with dimensions => ''{town}''', 'and with the coarser dimensions that can be');
SELECT is((SELECT count(DISTINCT bucket) FROM lonely_seen), 2::bigint, 'what was published stands');
SELECT results_eq($$SELECT state FROM tally.refresh_release('lonely_seen', '2026-01-04 02:00Z')$$, $$VALUES ('refused')$$, 'it is tried again');
SELECT is((SELECT count(*) FROM tally.released_buckets WHERE state = 'refused'), 1::bigint, 'and refused once');
SELECT tally.drop_release('lonely_seen');
SELECT tally.create_release('lonely_seen', 'lonely_daily', '{town}', '{n}');
SELECT results_eq($$SELECT bucket, state FROM tally.refresh_release('lonely_seen', '2026-01-04 02:00Z')$$,
    $$VALUES (timestamptz '2026-01-03 00:00Z', 'released')$$,
    'by those dimensions it is published, the other days are not again');
SELECT * FROM finish();
