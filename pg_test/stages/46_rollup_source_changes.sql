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
SELECT alike((SELECT error FROM tally.refresh() WHERE rollup = 'h'), '42703: column "at" does not exist', 'the refresh says why it cannot');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'error', 'and status keeps it');
SELECT is((SELECT count(*) FROM o), 1::bigint, 'another rollup is refreshed all the same');
ALTER TABLE events RENAME COLUMN happened_at TO at;
INSERT INTO events VALUES ('2026-01-01 11:30+00', 2);
SELECT is((SELECT error FROM tally.refresh() WHERE rollup = 'h'), NULL, 'mended, the refresh goes on');
SELECT results_eq('SELECT * FROM h ORDER BY 1', $$VALUES ('2026-01-01 10:00+00'::timestamptz, 1::bigint), ('2026-01-01 11:00+00', 2::bigint)$$, 'and what was written in between is there');

ALTER TABLE events RENAME COLUMN ms TO duration;
INSERT INTO events VALUES ('2026-01-01 12:30+00', 4);
SELECT throws_ok('SELECT tally.refresh(''h'')', '42703', NULL, 'a refresh by name raises the error');
SELECT is((SELECT sum(total) FROM h_live), 7::numeric, 'the live view follows the renaming by itself');
ALTER TABLE events RENAME COLUMN duration TO ms;
SELECT lives_ok('SELECT tally.refresh(''h'')', 'the marks were kept');
SELECT is((SELECT sum(total) FROM h), 7::numeric, 'nothing was lost');

ALTER TABLE events RENAME TO happenings;
INSERT INTO happenings VALUES ('2026-01-01 13:30+00', 8);
SELECT lives_ok('SELECT tally.refresh(''h'')', 'a renamed source is the same source');
SELECT is((SELECT sum(total) FROM h), 15::numeric, 'and its rows count');
SELECT throws_ok('DROP TABLE happenings', '2BP01', NULL, 'a source is not dropped from under its rollup unnoticed');
DROP TABLE happenings CASCADE;
SELECT lives_ok('SELECT tally.drop_rollup(''h'')', 'a rollup whose source is gone can be dropped');
SELECT * FROM finish();
