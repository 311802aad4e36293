-- Owns: silences by the calendar of their zone; what is found by anchors is what matches.
SELECT no_plan();
CREATE SCHEMA app;
SET search_path = app, public;
SET client_min_messages = warning;

-- A silence of a day, and since => '1 day', were by the session's zone.
SET timezone = 'UTC';
SELECT tally.silence('{"world": "w"}', 'a day in Berlin', "for" => '1 day', starts_at => '2026-03-01 00:00+01', every => '7 days',
    zone => 'Europe/Berlin') AS utc \gset
SET timezone = 'America/New_York';
SELECT tally.silence('{"world": "v"}', 'the same', "for" => '1 day', starts_at => '2026-03-29 00:00+01', zone => 'Europe/Berlin') AS ny \gset
SELECT is((SELECT ends_at FROM tally.silences WHERE id = :ny), '2026-03-30 00:00+02'::timestamptz, 'the day that clocks are set forward on has 23 hours');
CREATE FUNCTION app.covers(silence int, x timestamptz) RETURNS boolean
    LANGUAGE sql AS $$SELECT tally_internal._in_window(s, x) FROM tally.silences s WHERE s.id = silence$$;
-- By PostgreSQL's own calendar, in a session of that zone: 2026-03-29 is four weeks on.
SELECT is(covers(:utc, x::timestamptz), wanted, format('%s', x))
  FROM (VALUES ('2026-03-29 00:00+01', true), ('2026-03-29 23:59+02', true), ('2026-03-30 00:00+02', false), ('2026-03-30 00:30+02', false),
      ('2026-03-28 23:59+01', false), ('2026-10-25 23:59+01', true)) v(x, wanted);
SET timezone = 'Asia/Tokyo';
SELECT is(covers(:utc, '2026-03-30 00:30+02'), false, 'in any session');
-- Every month for half a century: the guess by 30 days a month was off by eight of them.
SELECT tally.silence('{"world": "m"}', 'month end', "for" => '1 day', starts_at => '1980-01-15 00:00Z', every => '1 month') AS monthly \gset
SELECT is((SELECT count(*) FROM generate_series(0, 600) k, LATERAL (SELECT ((timestamp '1980-01-15' + k * interval '1 month') AT TIME ZONE 'UTC') AS x) o
    WHERE NOT covers(:monthly, o.x) OR covers(:monthly, o.x - interval '1 second')), 0::bigint, 'each of 601 months');

-- Bad input is refused in words.
SELECT throws_like(format('SELECT tally.silence(%s)', x), 'silence: ' || words, words) FROM (VALUES
    ($$'{}', 'x', starts_at => '4713-01-01 BC', every => '2 microseconds', "for" => '1 microsecond'$$, '"for" must be from 1 second%'),
    ($$'{}', 'x', every => '2 microseconds'$$, 'every must be from 1 minute%'), ($$'{}', 'x', starts_at => 'infinity'$$, 'starts_at must lie in%'),
    ($$'{}', 'x', "for" => '300000 years'$$, '"for" must be from 1 second to 10 years%'), ($$'{}', ' '$$, 'it needs a reason%'),
    ($$'{}', 'x', every => '30 minutes'$$, 'every must be longer than "for"%'),
        ($$'{}', 'x', every => '1 month 2 days'$$, 'every must be whole months%')) v(x, words);
SELECT throws_ok($$SELECT tally.silence('{}', 'x', zone => 'Mars/Olympus')$$, '22023', NULL, 'a zone that is none');

-- The same silence twice.
SELECT is(tally.silence('{"world": "d"}', 'once', starts_at => '2026-05-01Z'), tally.silence('{"world": "d"}', 'again', starts_at => '2026-05-01Z'),
    'the same silence twice is one');
SELECT is((SELECT count(*) FROM tally.silences WHERE matchers = '{"world": "d"}'), 1::bigint, 'on record once');

-- What anchors find is what matches, on random matchers and identities.
SELECT setseed(0.5);
CREATE TABLE identities AS SELECT n,
    jsonb_build_object('world', 'w' || floor(random() * 3), 'severity',
    (ARRAY['info', 'warning'])[1 + floor(random() * 2)::int]) || CASE WHEN random() < 0.5 THEN jsonb_build_object('host',
    'h' || floor(random() * 3)) ELSE '{}' END AS identity
  FROM generate_series(1, 300) n;
CREATE TABLE rules AS SELECT n,
    COALESCE((SELECT jsonb_object_agg(k, v)
    FROM (SELECT k, CASE WHEN random() < 0.5 THEN to_jsonb(left(k, 1) || floor(random() * 3 + n * 0)) ELSE jsonb_build_array('info', 'w1',
    'h' || floor(random() * 3 + n * 0)) END AS v
       FROM unnest('{world,host,severity}'::text[]) k WHERE random() + n * 0 < 0.5) x), '{}') AS matchers FROM generate_series(1, 200) n;
SELECT cmp_ok((SELECT count(*) FROM identities i, rules r WHERE tally_internal._matches(r.matchers, i.identity)), '>', 1000::bigint, 'many match');
SELECT is((SELECT count(*) FROM identities i, rules r
    WHERE tally_internal._matches(r.matchers, i.identity) AND NOT tally_internal._anchors(r.matchers) && tally_internal._anchors_of(i.identity)), 0::bigint,
    'none that matches is missed');

-- Silences ended by hand, inhibitions that change or go: what they kept is told at the next tick.
SET timezone = 'UTC';
CREATE TABLE feed (name text, value float8);
INSERT INTO feed VALUES ('mild', 20), ('severe', 1);
SELECT tally.create_channel('box', kind => 'table');
SELECT tally.create_threshold('mild', query => $$SELECT 'w' AS world, value FROM app.feed WHERE name = 'mild'$$, condition => '> 10');
SELECT tally.create_threshold('severe', query => $$SELECT 'w' AS world, value FROM app.feed WHERE name = 'severe'$$, condition => '> 10',
    severity => 'critical', owner => 'o', runbook => 'r');
CREATE FUNCTION app.at(minute int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2027-03-02 12:00Z'::timestamptz + minute * interval '1 minute'$$;
CREATE FUNCTION app.queued() RETURNS text
    LANGUAGE sql AS $$SELECT string_agg(format('%s %s', events #>> '{0,event}', events #>> '{0,threshold}'), ', ' ORDER BY id) FROM tally.notifications$$;
SELECT tally.silence('{"threshold": "mild"}', 'by hand', starts_at => app.at(0), "for" => '1 day') AS hand \gset
SELECT tally.evaluate(app.at(1)), tally.evaluate(app.at(2));
SELECT is(queued(), NULL, 'silenced');
SELECT tally.end_silence(:hand, app.at(2));
SELECT tally.evaluate(app.at(3));
SELECT is(queued(), 'unsilenced mild', 'ended by hand, it is told');
UPDATE feed SET value = CASE name WHEN 'mild' THEN 1 ELSE 20 END;
SELECT tally.evaluate(app.at(4));
SELECT tally.create_inhibition('i', '{"severity": "critical"}', '{"severity": "warning"}', '{world}');
SELECT is((SELECT count(*) FROM tally.inhibitors), 1::bigint, 'a rule made while its source fires holds at once');
UPDATE feed SET value = 20;
SELECT tally.evaluate(app.at(5));
SELECT is((SELECT suppressed_by FROM tally.incidents WHERE threshold = 'mild'),
    'inhibition i by incident ' || (SELECT max(id) FROM tally.incidents WHERE threshold = 'severe'), 'the milder is kept back');
SELECT tally.evaluate(app.at(6));
UPDATE feed SET value = 1 WHERE name = 'severe';
SELECT tally.evaluate(app.at(7));
SELECT is(queued(), 'unsilenced mild, recovered mild, opened severe, recovered severe, unsilenced mild', 'the severe one is over: the milder is told');
SELECT is((SELECT count(*) FROM tally.inhibitors), 0::bigint, 'and inhibits no more');
SELECT * FROM finish();
