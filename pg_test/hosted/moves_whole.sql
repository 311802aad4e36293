-- Owns what pg_test/hosted/moves_whole.sh carries from one edition to the other: every kind of definition, frozen history whose rows are gone, sketches of
-- each type, marks that are due, an incident with its timeline, a message that waits, a silence, a release, a saved view; and views of people's own.

CREATE SCHEMA shop;
CREATE TYPE shop.kind AS ENUM ('see', 'buy', 'pay');
CREATE TABLE shop.sales (at timestamptz NOT NULL, person int, kind shop.kind, amount int, details jsonb);
CREATE INDEX sales_at ON shop.sales (at);
COMMENT ON TABLE shop.sales IS 'It''s sales.';
INSERT INTO shop.sales SELECT timestamptz '2026-03-01 00:00Z' + i * interval '3 minutes', i * 31 % 997, (ARRAY['see', 'buy', 'pay'])[1 + i % 3]::shop.kind,
       i * 7919 % 1009, jsonb_build_object('a.b', i % 5, 'a', jsonb_build_object('b', i % 3)) FROM generate_series(1, 3000) i;
-- A key is computed over all of its rows, so no history of these goes.
CREATE TABLE shop.acts AS TABLE shop.sales;
CREATE INDEX acts_at ON shop.acts (at);
DO $$ BEGIN
    PERFORM tally.create_rollup('shop.hourly', source => 'shop.sales', time_column => 'at', bucket => '1 hour', dimensions => '["kind"]', measures =>
        '{"n": "count(*)", "amount": "sum(amount)", "people": "tally.hll(person)", "p": "tally.tdigest(amount)", "spread": "tally.stats(amount, person)",
          "top": "tally.topk(person::text, 3)", "sums": "tally.jsonb_totals(details)", "end": "tally.last(amount::float8, at)",
          "points": "tally.ohlc(amount::float8, at)", "level": "tally.time_weighted(amount::float8, at)", "states": "tally.state_time(kind::text, at)"}',
        schedule => '*/15 * * * *', description => 'Sales by the hour.', with_data => true);
    PERFORM tally.create_rollup('shop.daily', source => 'shop.hourly', bucket => '1 day', dimensions => '[]',
        measures => '{"n": "sum(n)", "people": "tally.rollup(people)", "p": "tally.rollup(p)"}', with_data => true);
    PERFORM tally.create_rollup('shop.people', source => 'shop.acts', key => 'person', measures => '{"n": "count(*)", "first": "min(at)"}', with_data => true);
    PERFORM tally.create_rollup('shop.plain', source => 'shop.sales', time_column => 'at', bucket => '1 day', measures => '{"n": "count(*)"}',
        with_data => true);
    PERFORM tally.create_rollup('shop.for_release', source => 'shop.sales', time_column => 'at', bucket => '1 day', dimensions => '["kind"]',
        measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
    PERFORM tally.create_funnel('shop.buyers', 'shop.acts', 'at', 'person', '{"see": "kind = ''see''", "buy": "kind = ''buy''", "pay": "kind = ''pay''"}',
        "window" => '3 days', with_data => true);
    PERFORM tally.create_retention('shop.again', 'shop.acts', 'at', 'person', period => '1 day', periods => 5, with_data => true);
    PERFORM tally.create_metric('sold', 'shop.hourly', 'n', unit => '€'), tally.create_metric('people', 'shop.daily', 'tally.distinct_count(people)');
    PERFORM tally.create_channel('box', kind => 'table');
    PERFORM tally.create_threshold('few', metric => 'sold', condition => '< 30', owner => 'me', "over" => '1 hour');
    PERFORM tally.evaluate('2026-03-05 12:00Z');
    PERFORM tally.acknowledge((SELECT min(id) FROM tally.incidents), 'I look', '2026-03-05 12:01Z');
    PERFORM tally.silence('{"kind": "pay"}', 'a night', "for" => '1 day', starts_at => '2026-03-05 12:00Z');
    PERFORM tally.create_board('shop.ops', 'Operations', '[{"title": "Sold", "metrics": ["sold"]}]', variables => '{kind}');
    PERFORM tally.save_view('shop.ops', 'mine', '{"kind": "see"}', since => '2 days', shared => true);
    PERFORM tally.create_task('nightly', '0 3 * * *', 'SELECT 1');
    PERFORM tally.set_limits('shop', max_rows => 100);
    PERFORM tally.create_release('shop.shown', 'shop.for_release', '{kind}', '{n}', bucket => '1 day');
    PERFORM tally.refresh_release('shop.shown', '2026-03-04 12:00Z');
END $$;
CREATE VIEW shop.own AS SELECT bucket, sum(n) AS n FROM shop.hourly_live GROUP BY bucket;
CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.own;
-- History is frozen, and its rows are gone. What is changed behind it is due.
SELECT tally.freeze_source('shop.sales', before => '2026-03-03 00:00Z');
DELETE FROM shop.sales WHERE at < '2026-03-03 00:00Z';
INSERT INTO shop.sales VALUES ('2026-03-04 03:30Z', 1, 'see', 5);
INSERT INTO shop.acts VALUES ('2026-03-04 03:30Z', 1, 'see', 5);
