-- Owns: releases that go on when columns, functions and schemas that their definitions name are renamed; and that a change of meaning still ends them.
SELECT no_plan();
SET client_min_messages = warning;
CREATE SCHEMA words;
CREATE FUNCTION words.place(world text) RETURNS text LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT 'in ' || world; END;
CREATE TABLE visits (at timestamptz NOT NULL, person int, world text);
CREATE INDEX ON visits (at);
SELECT tally.create_rollup('daily', 'visits', 'at', '1 day', dimensions => '[{"place": "words.place(world)"}]',
    measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
SELECT tally.create_release('seen', 'daily', '{place}', '{n}');
INSERT INTO visits SELECT timestamptz '2026-01-01 10:00Z' + d * interval '1 day', i, 'w' || i % 2 FROM generate_series(0, 9) d, generate_series(1, 40) i;
CREATE FUNCTION published(day int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(state || ' ' || bucket::date, ', ') FROM tally.refresh_release('seen', timestamptz '2026-01-02 01:00Z' + day * interval '1 day')
$$;
SET timezone = 'UTC';
SELECT is(published(0), 'released 2026-01-01', 'before');
ALTER TABLE visits RENAME COLUMN person TO human;
SELECT is(published(1), 'released 2026-01-02', 'a renamed column: the release goes on');
ALTER FUNCTION words.place(text) RENAME TO spot;
SELECT is(published(2), 'released 2026-01-03', 'a renamed function');
ALTER SCHEMA words RENAME TO names;
SELECT is(published(3), 'released 2026-01-04', 'a renamed schema');
ALTER TABLE visits RENAME COLUMN at TO "when";
SELECT is(published(4), 'released 2026-01-05', 'a renamed column of time');
ALTER TABLE visits RENAME TO calls;
SELECT is(published(5), 'released 2026-01-06', 'a renamed table');
SELECT is((SELECT bool_and(proved) FROM tally.check_release('seen')), true, 'all of it is proved');
SELECT tally.alter_rollup('daily', drop_measures => '{people}');
SELECT tally.alter_rollup('daily', add_measures => '{"people": "tally.hll(human % 20)"}');
SELECT throws_like($$SELECT published(6)$$, '%defined otherwise now%', 'people who are others now: it does not go on');

-- An experiment.
CREATE TABLE shown (unit int, arm text, at timestamptz NOT NULL);
CREATE TABLE orders (unit int, at timestamptz NOT NULL, amount float8);
CREATE INDEX ON shown (unit);
CREATE INDEX ON orders (unit);
INSERT INTO shown SELECT i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END,
    timestamptz '2026-03-02 09:00Z' + i * interval '1 minute' FROM generate_series(1, 400) i;
INSERT INTO orders SELECT i, timestamptz '2026-03-02 20:00Z', i % 3 FROM generate_series(1, 400) i;
SELECT tally.create_experiment_metric('buys', 'orders', kind => 'proportion', expression => 'amount > 0', unit => 'unit');
SELECT tally.create_experiment('button', 'shown', unit => 'unit', arms => '{"control": 1, "new": 1}', metrics => '{buys}', "window" => '1 day',
    starts => '2026-03-02', ends => '2026-03-04', with_data => true);
SELECT tally.create_experiment_release('button_seen', 'button');
ALTER TABLE orders RENAME COLUMN amount TO paid;
ALTER TABLE shown RENAME COLUMN at TO shown_at;
SELECT results_eq($$SELECT state FROM tally.refresh_release('button_seen', '2026-04-01 00:00Z')$$, $$VALUES ('released')$$,
    'renamed columns below an experiment: its release goes on');
SELECT is((SELECT units FROM button_seen WHERE arm IS NULL AND buys = 'true'), (SELECT count(*) FROM orders WHERE paid > 0), 'with the units of plain SQL');
SELECT * FROM finish();
