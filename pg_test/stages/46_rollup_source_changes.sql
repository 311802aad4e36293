-- A source that changes under its rollups never stops its writers; the refresh says what is wrong, and goes on when it is mended.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON events (at);
CREATE TABLE other (at timestamptz NOT NULL);
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"total": "sum(ms)"}', with_data => true);
SELECT tally.create_rollup('o', 'other', 'at', measures => '{"n": "count(*)"}', with_data => true);

ALTER TABLE events RENAME COLUMN at TO happened_at;
SELECT lives_ok('INSERT INTO events VALUES (''2026-01-01 10:30+00'', 1)', 'a writer goes on when the time column is renamed');
INSERT INTO other VALUES ('2026-01-01 10:30+00');
SELECT is((SELECT error FROM tally.refresh() WHERE rollup = 'h'), NULL, 'the definition follows by the column''s number');
SELECT is((SELECT time_column FROM tally.rollups WHERE name = 'h'), 'happened_at', 'and says its new name');
ALTER TABLE events RENAME COLUMN happened_at TO at;
INSERT INTO events VALUES ('2026-01-01 11:30+00', 2);
SELECT is((SELECT error FROM tally.refresh() WHERE rollup = 'h'), NULL, 'and back');
SELECT results_eq('SELECT * FROM h ORDER BY 1', $$VALUES ('2026-01-01 10:00+00'::timestamptz, 1::bigint), ('2026-01-01 11:00+00', 2::bigint)$$,
    'and what was written in between is there');

ALTER TABLE events RENAME COLUMN ms TO duration;
INSERT INTO events VALUES ('2026-01-01 12:30+00', 4);
SELECT lives_ok('SELECT tally.refresh(''h'')', 'a measured column too');
SELECT is((SELECT sum(total) FROM h_live), 7::numeric, 'the live view follows the renaming by itself');
ALTER TABLE events RENAME COLUMN duration TO ms;
SELECT lives_ok('SELECT tally.refresh(''h'')', 'the marks were kept');
SELECT is((SELECT sum(total) FROM h), 7::numeric, 'nothing was lost');

ALTER TABLE events RENAME TO happenings;
INSERT INTO happenings VALUES ('2026-01-01 13:30+00', 8);
SELECT lives_ok('SELECT tally.refresh(''h'')', 'a renamed source is the same source');
SELECT is((SELECT sum(total) FROM h), 15::numeric, 'and its rows count');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'fresh', 'status knows it under its new name');

-- Each change, what status says at once, that writers go on, and that all is exact when it is put right.
ALTER TABLE happenings RENAME TO events;
CREATE FUNCTION says(what text, wanted_sqlstate text, wanted_message text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT is((SELECT s.state FROM tally.status s WHERE s.rollup = 'h'), 'error', what || ': an error at once, before any refresh');
    RETURN QUERY SELECT is((SELECT s.sqlstate FROM tally.status s WHERE s.rollup = 'h'), wanted_sqlstate, what || ': its SQLSTATE');
    RETURN QUERY SELECT is((SELECT s.message FROM tally.status s WHERE s.rollup = 'h'), wanted_message, what || ': its message');
    RETURN QUERY SELECT ok((SELECT s.hint <> '' FROM tally.status s WHERE s.rollup = 'h'), what || ': and what to do');
END $$;
CREATE FUNCTION exact_again(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.refresh('h');
    RETURN QUERY SELECT bag_eq('SELECT * FROM h', 'SELECT date_trunc(''hour'', at, ''UTC''), sum(ms) FROM events GROUP BY 1',
        what || ': put right, stored rows are exact');
    RETURN QUERY SELECT bag_eq('SELECT * FROM h_live', 'SELECT date_trunc(''hour'', at, ''UTC''), sum(ms) FROM events GROUP BY 1',
        what || ': and the live view');
    RETURN QUERY SELECT is((SELECT s.state FROM tally.status s WHERE s.rollup = 'h'), 'fresh', what || ': and status says so');
END $$;

ALTER TABLE events RENAME COLUMN at TO happened_at;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'fresh', 'nothing is in error');
INSERT INTO events VALUES ('2026-02-01 01:30+00', 1);
-- A rollup more, made while the first is broken, so that the triggers are made anew without it.
SELECT tally.create_rollup('second', 'events', 'happened_at', measures => '{"n": "count(*)"}');
INSERT INTO events VALUES ('2026-02-01 02:30+00', 1);
ALTER TABLE events RENAME COLUMN happened_at TO at;
INSERT INTO events VALUES ('2026-02-01 03:30+00', 1);
SELECT exact_again('the time column renamed and a second rollup made');
SELECT lives_ok($$SELECT tally.drop_rollup('second')$$, 'the second can be dropped');
INSERT INTO events VALUES ('2026-02-01 04:30+00', 1);
SELECT exact_again('and the first goes on');

SELECT throws_ok($$ALTER TABLE events ALTER at TYPE timestamp$$, '0A000', NULL, 'PostgreSQL itself keeps a time column of a live view from being retyped');
SELECT throws_ok($$ALTER TABLE events DROP COLUMN at$$, '2BP01', NULL, 'and from being dropped without CASCADE');
SELECT throws_ok($$ALTER TABLE events DROP COLUMN ms$$, '2BP01', NULL, 'and a measured column');
ALTER TABLE events DROP COLUMN ms CASCADE;
SELECT says('a measured column dropped', '42703', 'column ms of public.events, which the definition reads, does not exist any more');
SELECT lives_ok($$INSERT INTO events VALUES ('2026-02-02 01:30+00')$$, 'writers go on');
SELECT throws_ok($$SELECT tally.refresh('h')$$, '42703', NULL, 'the refresh says which column');
ALTER TABLE events ADD COLUMN ms int DEFAULT 3;
SELECT tally.repair('h');
SELECT exact_again('a measured column dropped');

ALTER TABLE events DROP COLUMN at CASCADE;
SELECT says('the time column dropped', '42703', 'column at of public.events, which the definition reads, does not exist any more');
SELECT lives_ok($$INSERT INTO events VALUES (7)$$, 'writers go on without it');
ALTER TABLE events ADD COLUMN at text DEFAULT 'then';
SELECT says('another type', '42804', 'column at of public.events is of type text, not timestamp with time zone any more');
SELECT lives_ok($$INSERT INTO events VALUES (7)$$, 'writers go on with another type');
ALTER TABLE events DROP COLUMN at;
ALTER TABLE events ADD COLUMN at timestamptz NOT NULL DEFAULT '2026-02-03 03:30+00';
INSERT INTO events VALUES (8, '2026-02-03 04:30+00');
SELECT tally.repair('h');
SELECT exact_again('the time column dropped');
INSERT INTO events VALUES (9, '2026-02-03 05:30+00');
SELECT exact_again('and captured again');

DROP VIEW h_live;
SELECT says('the live view dropped', '42P01', 'the live view of the rollup is gone');
SELECT tally.repair('h');
SELECT exact_again('the live view dropped');

ALTER TABLE events DISABLE TRIGGER ALL;
SELECT says('triggers disabled', '55000', 'writes to public.events are not captured: its triggers are disabled');
ALTER TABLE events ENABLE TRIGGER ALL;
SELECT exact_again('triggers disabled');
CREATE SCHEMA elsewhere;
ALTER TABLE events SET SCHEMA elsewhere;
INSERT INTO elsewhere.events VALUES (10, '2026-02-04 05:30+00');
SELECT tally.refresh('h');
SELECT is((SELECT total FROM h WHERE bucket = '2026-02-04 05:00+00'), 10::bigint, 'moved to another schema it is the same source');
ALTER TABLE elsewhere.events SET SCHEMA public;
ALTER TABLE h RENAME TO h_renamed;
ALTER VIEW h_live RENAME TO h_live_renamed;
INSERT INTO events VALUES (11, '2026-02-04 06:30+00');
SELECT lives_ok($$SELECT tally.refresh('h')$$, 'a rollup whose table is renamed is refreshed');
SELECT is((SELECT total FROM h_renamed WHERE bucket = '2026-02-04 06:00+00'), 11::bigint, 'under its new name');
ALTER TABLE h_renamed RENAME TO h;
ALTER VIEW h_live_renamed RENAME TO h_live;
ALTER TABLE events RENAME TO happenings;

SELECT throws_ok('DROP TABLE happenings', '2BP01', NULL, 'a source is not dropped from under its rollup unnoticed');
DROP TABLE happenings CASCADE;
SELECT says('the source dropped', '42P01', 'the source of the rollup is gone; what is stored stands as it is');
SELECT isnt_empty('TABLE h', 'the stored rows stand');
SELECT lives_ok('SELECT tally.refresh()', 'a refresh of all passes over it');
SELECT isnt_empty('TABLE h', 'and leaves them');
SELECT lives_ok('SELECT tally.drop_rollup(''h'')', 'a rollup whose source is gone can be dropped');
CREATE TABLE events (at timestamptz NOT NULL, ms int);
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"total": "sum(ms)"}', with_data => true);
DROP TABLE h CASCADE;
SELECT says('the rollup''s table dropped', '42P01', 'the table of the rollup is gone');
SELECT lives_ok($$INSERT INTO events VALUES ('2026-01-01+00', 1)$$, 'writers go on without the rollup''s table');
SELECT lives_ok('SELECT tally.refresh()', 'so does a refresh of all');
SELECT lives_ok('SELECT tally.drop_rollup(''h'')', 'and it can be dropped');
SELECT is_empty($$SELECT tgname FROM pg_trigger WHERE tgrelid = 'events'::regclass$$, 'with its triggers');
-- As anybody.
DROP ROLE IF EXISTS tally_test_looker;
CREATE ROLE tally_test_looker ROLE CURRENT_USER;
SET ROLE tally_test_looker;
SELECT lives_ok('SELECT * FROM tally.status', 'status is for everybody');
RESET ROLE;
DROP ROLE tally_test_looker;

-- Bug: a dimension took a column's NOT NULL for a promise. When it was dropped, the bucket of a NULL was set aside, and a key that is NULL was in no row.
CREATE TABLE strict (at timestamptz NOT NULL, k text NOT NULL);
CREATE INDEX ON strict (at);
CREATE INDEX ON strict (k);
CREATE TABLE loose () INHERITS (strict);
SELECT tally.create_rollup('strict_days', 'strict', 'at', bucket => '1 day', dimensions => '["k"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('strict_keys', 'strict', key => 'k', measures => '{"n": "count(*)"}', with_data => true);
ALTER TABLE strict ALTER COLUMN k DROP NOT NULL;
ALTER TABLE loose ALTER COLUMN k DROP NOT NULL;
INSERT INTO strict VALUES ('2026-01-01 10:00+00', NULL), ('2026-01-01 10:00+00', 'a');
INSERT INTO loose VALUES ('2026-01-01 11:00+00', NULL), ('2026-01-01 11:00+00', 'b');
CREATE TABLE by_hand AS SELECT COALESCE(k, '(none)') AS k, count(*) AS n FROM strict GROUP BY 1;
SELECT bag_eq('SELECT k, n FROM strict_days_live', 'TABLE by_hand', 'NOT NULL dropped: live by day');
SELECT bag_eq('SELECT k, n FROM strict_keys_live', 'TABLE by_hand', 'NOT NULL dropped: live by key');
SELECT is(string_agg(error, ' '), NULL, 'NOT NULL dropped: refreshes go on') FROM tally.refresh();
SELECT bag_eq('SELECT k, n FROM strict_days', 'TABLE by_hand', 'NOT NULL dropped: stored by day');
SELECT bag_eq('SELECT k, n FROM strict_keys', 'TABLE by_hand', 'NOT NULL dropped: stored by key');
SELECT * FROM finish();
