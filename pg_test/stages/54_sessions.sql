-- Sessions as rollups: a row a session, exact when a late event joins two sessions or splits one. The oracle is window functions.
SELECT no_plan();
SET client_min_messages = warning;
SET TimeZone = 'UTC';
-- Live views through many levels have thousands of expressions, which take longer to compile than to run.
SET jit = off;
CREATE TABLE hits (at timestamptz, who text, path text, plan text, ms int);
CREATE INDEX ON hits (who);
CREATE INDEX ON hits (at);
-- Actors of many events, of one, and of none in a session of its own; several at one instant; rows without an actor or a time.
INSERT INTO hits SELECT timestamptz '2026-02-01 00:00Z' + (i * 7919 % 4001) * interval '97 s', 'u' || i % 23, '/' || i % 11,
    CASE WHEN i % 5 > 0 THEN 'p' || i % 3 END, i
  FROM generate_series(1, 3000) i;
INSERT INTO hits VALUES ('2026-02-01 00:00Z', 'once', '/x', 'p9', 0), ('2026-02-01 00:00Z', NULL, '/x', 'p9', 0), (NULL, 'u1', '/y', 'p9', 0),
    ('infinity', 'u1', '/y', 'p9', 0),
    ('2026-02-01 10:00Z', 'tie', '/b', 'p1', 0), ('2026-02-01 10:00Z', 'tie', '/a', NULL, 0), ('2026-02-01 10:30Z', 'tie', '/c', 'p2', 0),
        ('2026-02-01 11:00:00.000001Z', 'tie', '/d', 'p3', 0);
SELECT tally.create_sessions('visits', 'hits', 'at', 'who', page => 'path', dimensions => '["plan", {"long_path": "path || ''!''"}]',
    "where" => 'path <> ''/7''');
CREATE VIEW numbered AS
SELECT *, sum(CASE WHEN at - before <= interval '30 minutes' THEN 0 ELSE 1 END) OVER (PARTITION BY who ORDER BY at, path, plan) AS n
  FROM (SELECT *, lag(at) OVER (PARTITION BY who ORDER BY at, path, plan) AS before FROM hits WHERE who IS NOT NULL AND isfinite(at) AND path <> '/7') q;
CREATE VIEW wanted AS
SELECT who, to_char(min(at), 'YYYY-MM-DD HH24:MI:SS') || CASE WHEN date_trunc('second', min(at)) <> min(at) THEN rtrim(to_char(min(at), '.US'),
    '0') ELSE '' END || '+00' AS session,
       min(at) AS started_at, max(at) AS ended_at, extract(epoch FROM max(at) - min(at))::float8 AS seconds, count(*) AS events,
       (array_agg(path ORDER BY at, path COLLATE "C") FILTER (WHERE path IS NOT NULL))[1] AS entry,
           (array_agg(path ORDER BY at DESC, path COLLATE "C" DESC) FILTER (WHERE path IS NOT NULL))[1] AS exit,
       (array_agg(plan ORDER BY at, plan COLLATE "C") FILTER (WHERE plan IS NOT NULL))[1] AS plan,
           (array_agg(path || '!' ORDER BY at, path COLLATE "C"))[1] AS long_path
  FROM numbered GROUP BY who, n;
CREATE FUNCTION exact(relation text, what text) RETURNS text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT who, session, started_at, ended_at, seconds, events, entry, exit, plan, long_path FROM %s', relation), 'SELECT * FROM wanted',
        what || ': ' || relation)
$$;
SELECT cmp_ok((SELECT count(*) FROM wanted), '>', 500::bigint, 'many sessions');
SELECT exact('visits_live', 'nothing computed');
CALL tally.backfill();
SELECT exact('visits', 'backfilled');
SELECT is((SELECT count(*) FROM visits WHERE who = 'tie'), 2::bigint, 'a pause of exactly the gap ends no session, a microsecond more does');

-- A late event joins two sessions; its deletion splits them again.
CREATE TABLE pair AS SELECT a.who, a.ended_at + (b.started_at - a.ended_at) / 2 AS between_them FROM visits a
    JOIN LATERAL (SELECT started_at FROM visits x WHERE x.who = a.who AND x.started_at > a.ended_at ORDER BY 1 LIMIT 1) b ON true
 WHERE b.started_at - a.ended_at < interval '59 minutes' ORDER BY a.who, a.started_at LIMIT 1;
SELECT is((SELECT count(*) FROM pair), 1::bigint, 'two sessions that an event can join');
INSERT INTO hits SELECT between_them, who, '/join', 'p1', 1 FROM pair;
SELECT exact('visits_live', 'joined, unrefreshed');
SELECT tally.refresh('visits');
SELECT exact('visits', 'joined');
DELETE FROM hits WHERE path = '/join';
SELECT exact('visits_live', 'split, unrefreshed');
UPDATE hits SET at = at + interval '3 hours' WHERE ms % 50 = 0;
UPDATE hits SET who = 'u5' WHERE who = 'u6' AND ms % 2 = 0;
DELETE FROM hits WHERE who = 'once';
SELECT exact('visits_live', 'rows move, change their actor and go');
SELECT tally.refresh();
SELECT exact('visits', 'refreshed');
SELECT is_empty('SELECT FROM visits WHERE who = ''once''', 'an actor without events has no session');

-- A source: rollups over time, per day and entry page; a funnel of sessions; retention of actors by their sessions.
SELECT tally.create_rollup('visits_daily', 'visits', 'started_at', bucket => '1 day', dimensions => '["entry"]',
    measures => '{"sessions": "count(*)", "bounces": "count(*) filter (where events = 1)", "seconds": "sum(seconds)", "length": "tally.tdigest(seconds)"}');
SELECT bag_eq('SELECT bucket, entry, sessions, bounces FROM visits_daily_live',
              'SELECT date_trunc(''day'', started_at, ''UTC'') AS bucket, entry, count(*) AS sessions, '
                  'count(*) FILTER (WHERE events = 1) AS bounces FROM wanted GROUP BY 1, 2', 'sessions a day');
INSERT INTO hits VALUES ('2026-02-02 23:59Z', 'late', '/1', 'p1', 1), ('2026-02-03 00:01Z', 'late', '/2', 'p1', 1);
DELETE FROM hits WHERE who = 'u7';
SELECT bag_eq('SELECT bucket, entry, sessions, bounces FROM visits_daily_live',
              'SELECT date_trunc(''day'', started_at, ''UTC'') AS bucket, entry, count(*) AS sessions, '
                  'count(*) FILTER (WHERE events = 1) AS bounces FROM wanted GROUP BY 1, 2', 'through three levels, unrefreshed');
SELECT tally.refresh();
SELECT bag_eq('SELECT bucket, entry, sessions, bounces FROM visits_daily',
              'SELECT date_trunc(''day'', started_at, ''UTC'') AS bucket, entry, count(*) AS sessions, '
                  'count(*) FILTER (WHERE events = 1) AS bounces FROM wanted GROUP BY 1, 2', 'and refreshed');
SELECT tally.create_metric('bounce_rate', 'visits_daily', 'bounces::float8 / nullif(sessions, 0)');
SELECT is(tally.metric_value('bounce_rate', since => '2026-02-01Z', until => '2026-03-01Z'),
    (SELECT count(*) FILTER (WHERE events = 1)::float8 / count(*) FROM wanted WHERE started_at < '2026-03-01Z'), 'a metric of sessions');
SELECT tally.create_funnel('long_after_short', 'visits', 'started_at', 'who', '{"short": "events = 1", "long": "events > 3"}', "window" => '2 days',
    with_data => true);
SELECT is((SELECT sum(f.actors) FROM tally.funnel('long_after_short', since => '2026-01-01Z', until => '2027-01-01Z') f WHERE f.step = 2),
    (SELECT count(DISTINCT a.who)::numeric FROM wanted a
        JOIN wanted b ON b.who = a.who AND b.started_at BETWEEN a.started_at AND a.started_at + interval '2 days' WHERE a.events = 1 AND b.events > 3),
        'a funnel of sessions');
SELECT is_empty('SELECT * FROM tally.verify(''visits'') v WHERE v IS NOT NULL', 'verify finds nothing');

-- The same again, another one, bad input.
SELECT lives_ok($$SELECT tally.create_sessions('visits', 'hits', 'at', 'who', page => 'path', dimensions => '["plan", {"long_path": "path || ''!''"}]',
    "where" => 'path <> ''/7''')$$, 'the same definition again');
SELECT throws_ok($$SELECT tally.create_sessions('visits', 'hits', 'at', 'who', gap => '1 hour')$$, '42710', NULL, 'another one');
SELECT throws_ok($$SELECT tally.create_sessions('bad', 'hits', 'at', 'who', gap => '-1 hour')$$, '22023',
    'gap of sessions ''bad'' must be 0 or longer, got -01:00:00', 'a negative gap');
SELECT throws_ok($$SELECT tally.create_sessions('bad', 'hits', 'at', 'who', dimensions => '[{"entry": "path"}]')$$, '22023',
    'dimensions of sessions ''bad'' must have names of their own, got ''entry''', 'a name that sessions have');
-- Bug: an actor's column named session was refused with a hint for dimensions, which does not help there.
CREATE TABLE by_session (at timestamptz NOT NULL, session varchar(9));
INSERT INTO by_session VALUES ('2026-03-01 10:00Z', 'x'), ('2026-03-01 10:10Z', 'x'), ('2026-03-01 12:00Z', 'x');
SELECT throws_ok($$SELECT tally.create_sessions('own', 'by_session', 'at', 'session', with_data => true)$$, '22023',
    'actor of sessions ''own'' must have a name of its own, got ''session''', 'an actor''s column with the name of one of sessions');
DO $$
DECLARE
    hint text;
BEGIN
    PERFORM tally.create_sessions('own', 'by_session', 'at', 'session', with_data => true);
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    EXECUTE hint;
END $$;
SELECT tally.create_sessions('own', 'by_session', 'at', 'actor_session', with_data => true);
SELECT bag_eq('SELECT actor_session::text, events FROM own', $$VALUES ('x', 2::bigint), ('x', 1)$$, 'and the hint makes the column to use');
SELECT tally.drop_sessions('own');
SELECT throws_ok($$SELECT tally.create_sessions('a b', 'hits', 'at', 'who')$$, '42602',
    'a name must be written as SQL writes it, with or without a schema, got ''a b''', 'a name that is no identifier');
SELECT throws_ok($$SELECT tally.create_sessions('bad', 'hits', 'at', 'nobody')$$, NULL, NULL, 'no such actor');
SELECT throws_ok($$SELECT tally.create_sessions('bad', 'hits', 'at', 'who', page => 'no_such')$$, '42703', NULL, 'no such page');
SELECT is((SELECT count(*) FROM tally.rollups WHERE name LIKE 'bad%'), 0::bigint, 'nothing half-created');
SELECT throws_ok('SELECT tally.drop_sessions(''no such'')', '42704', NULL, 'none of that name');
SELECT is((SELECT count(*) FROM tally.definitions() WHERE kind = 'sessions'), 1::bigint, 'one definition');
CREATE TABLE written AS SELECT ordinal, statement FROM tally.definitions();
SELECT tally.drop_funnel('long_after_short'), tally.drop_sessions('visits');
SELECT is((SELECT count(*) FROM tally.rollups), 0::bigint, 'dropped, with what stands on it');
SELECT statement FROM written ORDER BY ordinal \gexec
SELECT bag_eq('SELECT statement FROM tally.definitions()', 'SELECT statement FROM written', 'made again of its statements');
CALL tally.backfill();
SELECT exact('visits', 'made again');
-- Other types of time and actor, and no page.
CREATE TABLE plain (at date NOT NULL, id int);
INSERT INTO plain SELECT date '2026-01-01' + i * i % 50, i % 4 FROM generate_series(1, 60) i;
SELECT tally.create_sessions('stays', 'plain', 'at', 'id', gap => '2 days', zone => 'Europe/Berlin', with_data => true);
SELECT bag_eq('SELECT id, started_at, events FROM stays',
    $$SELECT id::text, min(at)::timestamp AT TIME ZONE 'Europe/Berlin' AS started_at,
        count(*) AS events FROM (SELECT *, sum(CASE WHEN at - before <= 2 THEN 0 ELSE 1 END) OVER (PARTITION BY id ORDER BY at) AS n
    FROM (SELECT *, lag(at) OVER (PARTITION BY id ORDER BY at) AS before FROM plain) q) x GROUP BY id, n$$, 'dates and numbers');
SELECT * FROM finish();
