-- Owns: patterns over an actor's events: the answers of ClickHouse's documented examples, against regular expressions over text where time plays no part and
-- against joins where it does; merging, rollups, late rows, what is refused.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;

-- ClickHouse's documentation: numbers 1, 3, 2 at 1, 2, 3; and seven rows with 1, 3, 2, 1, 3, 2 for the count.
CREATE TABLE t (at int, number int);
INSERT INTO t VALUES (1, 1), (2, 3), (3, 2);
CREATE FUNCTION matches(pattern text) RETURNS text LANGUAGE sql AS $$
    SELECT (tally.sequence_match(e, pattern), tally.sequence_count(e, pattern))::text
      FROM (SELECT tally.sequence_events('epoch'::timestamptz + at * interval '1 s', number = 1, number = 2) AS e FROM t) x
$$;
SELECT is(matches('(?1)(?2)'), '(t,1)', 'an event that meets no condition is skipped, as there');
SELECT is((SELECT tally.sequence_match(tally.sequence_events('epoch'::timestamptz + at * interval '1 s', number = 1, number = 2, number = 3),
    '(?1)(?2)') FROM t), false,
    'with a condition for it, it stands between');
SELECT is((SELECT tally.sequence_match(tally.sequence_events('epoch'::timestamptz + at * interval '1 s', number = 1, number = 2, number = 4),
    '(?1)(?2)') FROM t), true,
    'a condition that nobody meets changes nothing');
TRUNCATE t;
INSERT INTO t VALUES (1, 1), (2, 3), (3, 2), (4, 1), (5, 3), (6, 2);
SELECT is(matches('(?1).*(?2)'), '(t,2)', 'two occurrences, as there');
SELECT is(matches('(?1)(?t>1)(?2)'), '(t,2)', 'seconds between');
SELECT is(matches('(?1)(?t>2)(?2)'), '(t,1)', 'of which one pair is far enough apart');
SELECT is(matches('(?1)(?t<2)(?2)'), '(f,0)', 'and none is near enough');

-- Without seconds a pattern is a regular expression over the letters of the events.
CREATE TABLE events (actor int, at timestamptz, kind text);
INSERT INTO events SELECT i % 400, '2026-01-01'::timestamptz + (hashint8extended(i, 3) & 65535) * interval '1 s', chr(97 + (hashint8extended(i, 5) & 3)::int)
  FROM generate_series(1, 4000) i;
DELETE FROM events e USING events f WHERE f.actor = e.actor AND f.at = e.at AND f.ctid < e.ctid;
CREATE VIEW lines AS SELECT actor, string_agg(kind, '' ORDER BY at) FILTER (WHERE kind <> 'd') AS line,
    tally.sequence_events(at, kind = 'a', kind = 'b', kind = 'c') AS e FROM events GROUP BY actor;
SELECT is_empty(format($q$SELECT actor, line FROM lines WHERE tally.sequence_match(e, %L) IS DISTINCT FROM (line ~ %L)$q$, p.pattern, p.regex),
    p.pattern || ' is ' || p.regex)
  FROM (VALUES ('(?1)(?2)', 'ab'), ('(?1).*(?2)', 'a.*b'), ('(?1).(?2)', 'a.b'), ('(?1)(?1)(?3)', 'aac'), ('(?1).*(?2).*(?3)', 'a.*b.*c'), ('..(?3)', '..c'),
    ('(?2).*(?2).*(?2).*(?2)', 'b.*b.*b.*b')) p(pattern, regex);
-- Occurrences as a loop finds them that always takes the earliest end: leftmost, shortest.
SELECT is_empty(format($q$SELECT actor, line FROM lines WHERE tally.sequence_count(e, %L) <> (SELECT count(*) FROM regexp_matches(line, %L, 'g'))$q$,
    p.pattern, p.regex),
    'as many as ' || p.regex)
  FROM (VALUES ('(?1)(?2)', 'ab'), ('(?1).*(?2)', 'a.*?b'), ('(?3)', 'c'), ('(?1).(?2)', 'a.b')) p(pattern, regex);
-- With seconds, against a join.
SELECT is_empty(format($q$SELECT actor FROM lines l WHERE tally.sequence_match(e, %L) IS DISTINCT FROM EXISTS (SELECT FROM events x JOIN events y USING (actor)
    WHERE actor = l.actor AND x.kind = 'a' AND y.kind = 'b' AND y.at > x.at AND %s)$q$, p.pattern, p.condition), p.pattern)
  FROM (VALUES ('(?1)(?t<=600)(?2)', 'y.at - x.at <= interval ''600 s'''), ('(?1)(?t>40000)(?2)', 'y.at - x.at > interval ''40000 s'''),
    ('(?1)(?t>=5000)(?t<9000)(?2)', 'y.at - x.at >= interval ''5000 s'' AND y.at - x.at < interval ''9000 s''')) p(pattern, condition);
SELECT is_empty($q$SELECT actor FROM lines l WHERE tally.sequence_times(e, '(?1).*(?2)') IS DISTINCT FROM coalesce((
    SELECT ARRAY[x.at, y.at] FROM events y JOIN events x USING (actor) WHERE actor = l.actor AND x.kind = 'a' AND y.kind = 'b' AND x.at < y.at
     ORDER BY y.at, x.at DESC LIMIT 1), '{}')$q$, 'the times of the first occurrence');

-- Parts merge to the same bytes, however they are cut.
SELECT is_empty($q$SELECT actor FROM lines l WHERE e::text IS DISTINCT FROM (SELECT tally.rollup(p)::text
    FROM (SELECT tally.sequence_events(at, kind = 'a', kind = 'b', kind = 'c') AS p FROM events v
        WHERE v.actor = l.actor GROUP BY hashint8(extract(epoch FROM at)::bigint) % 5) x)$q$,
    'merged parts are the whole, to the byte');
SELECT throws_ok($$SELECT tally.rollup(e) FROM (SELECT tally.sequence_events(now(), true) AS e UNION ALL SELECT tally.sequence_events(now(), true,
    false)) x$$, '22023', NULL,
    'parts of other conditions do not merge');

-- As a measure of a rollup: any pattern later, exact with late rows.
CREATE INDEX ON events (at);
SELECT tally.create_rollup('actions', 'events', 'at', bucket => '6 hours', dimensions => '["actor"]',
    measures => $m${"events": "tally.sequence_events(at, kind = 'a', kind = 'b', kind = 'c')"}$m$, with_data => true);
CREATE FUNCTION from_rollup(relation regclass) RETURNS TABLE (actor int, n bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT actor::int, tally.sequence_count(tally.rollup(events), ''(?1)(?t<=3600)(?2)'') FROM %s GROUP BY actor', relation);
END $$;
CREATE VIEW plain AS SELECT actor, tally.sequence_count(e, '(?1)(?t<=3600)(?2)') AS n FROM lines;
SELECT bag_eq($$SELECT * FROM from_rollup('actions')$$, 'SELECT * FROM plain', 'from a rollup of six hours');
INSERT INTO events SELECT i, '2026-01-01 10:00:00.5Z'::timestamptz + i * interval '7 s', 'b' FROM generate_series(0, 399, 3) i;
DELETE FROM events WHERE at < '2026-01-01 01:00Z';
SELECT bag_eq($$SELECT * FROM from_rollup('actions_live')$$, 'SELECT * FROM plain', 'late and deleted rows, at once');
SELECT count(*) FROM tally.refresh();
SELECT bag_eq($$SELECT * FROM from_rollup('actions')$$, 'SELECT * FROM plain', 'and after the refresh');

-- No events, NULLs and what is no pattern.
SELECT is((tally.sequence_match(NULL, '(?1)'), tally.sequence_count(NULL, '(?1)'), tally.sequence_times(NULL, '(?1)'))::text, '(f,0,{})',
    'no events: nothing occurs');
SELECT is((SELECT tally.sequence_count(tally.sequence_events(x.at, x.ok), '(?1)') FROM (VALUES (NULL::timestamptz, true), (now(), NULL), (now(), true)) x(at,
    ok)), 1::bigint,
    'a NULL condition is false, a NULL time drops the row');
SELECT throws_ok(format('SELECT tally.sequence_match(tally.sequence_events(now(), true, false), %L)', p), CASE WHEN p IS NULL THEN '22004' ELSE '22023' END,
    NULL,
    coalesce('no pattern: ' || p, 'no pattern: NULL'))
  FROM unnest(ARRAY['', '(?3)', '(?0)', '(?1', 'a', '(?t<1)(?1)', '(?1)(?t<1)', '(?1)(?t=1)(?2)', '(?1)(?t<=-1)(?2)', '(?1)(?t<=1.5)(?2)', repeat('.', 65),
      NULL]) p;
SELECT throws_ok($$SELECT tally.sequence_match(NULL, 'x')$$, '22023', NULL, 'nor without events');
-- A pattern that makes a searcher who walks back and forth give up: 2,000 events, a dozen gaps.
SELECT is((SELECT tally.sequence_match(tally.sequence_events('epoch'::timestamptz + i * interval '1 s', true, i < 0), repeat('(?1).*', 12) || '(?2)')
    FROM generate_series(1, 2000) i),
    false, 'no pattern is too difficult');
SELECT * FROM finish();
