-- Owns what the 0.1.0 database of the upgrade test holds: every kind of definition, marks left and a backfill half done.
-- Run once with pg_tally 0.1.0 (commit 382f689); what pg_dump made of it is installed_0_1_0.sql.gz.
SELECT tally.create_rollup('sessions', 'events', key => 'actor', measures => '{"n": "count(*)", "first_at": "min(at)", "last_at": "max(at)"}',
    with_data => true);
SELECT tally.create_rollup('newcomers', 'sessions', 'first_at', bucket => '1 week', zone => 'America/New_York', measures => '{"actors": "count(*)"}',
    with_data => true);
SELECT tally.create_rollup('rolling', 'events', 'at', '1 day', '[]', '{"n": "count(*)", "actors": "tally.hll(actor)"}', lookback => '7 days',
    with_data => true);
CREATE TABLE orders (at timestamptz, items jsonb, who text);
CREATE INDEX ON orders (at);
CREATE INDEX ON orders (who);
INSERT INTO orders SELECT timestamptz '2026-01-01 00:00+00' + i * interval '2 hours',
    jsonb_build_array(jsonb_build_object('sku', 's' || i % 5, 'n', i % 3), jsonb_build_object('sku', 'x', 'n', 1)), 'w' || i % 20
    FROM generate_series(1, 300) i;
SELECT tally.create_rollup('items', 'orders', 'at', '1 day', '[{"sku": "item ->> ''sku''"}]', '{"n": "sum((item ->> ''n'')::int)"}',
    expand => 'jsonb_array_elements(items) AS item', with_data => true);
SELECT tally.create_funnel('buying', 'events', 'at', 'actor', '{"a": "kind = ''a''", "b": "kind = ''b''"}', "window" => '2 days', with_data => true);
SELECT tally.create_retention('coming_back', 'events', 'at', 'actor', with_data => true);
SELECT tally.create_metric('share_a', 'hours', 'n::float8 / nullif(n, 0)', unit => 'ratio', description => 'A share.', direction => 'up_is_good',
    samples => 'n');
SELECT tally.create_metric('p50', 'days', 'tally.percentile(spread, 0.5)');
SELECT tally.create_metric('rolling_n', 'rolling', 'n');
SELECT tally.create_probe('oldest', 'SELECT 5::float8 AS value', every => '1 minute');
SELECT tally.sample_probes('2026-03-01 12:00Z');
SELECT tally.create_threshold('amount low', metric => 'amount', condition => '< 3', per => '{kind}', severity => 'critical', owner => 'on-call',
    runbook => 'https://runbooks/amount', "for" => '5 minutes', every => '5 minutes', suggested_actions => '["look"]');
SELECT tally.create_threshold('probe high', 'oldest', '> 4');
SELECT tally.silence('{"threshold": "hot"}', 'for the test', "for" => '1 day', starts_at => '2026-03-02 00:00Z');
SELECT tally.create_inhibition('quiet', '{"severity": "critical"}', '{"severity": "warning"}', '{host}');
SELECT * FROM tally.evaluate('2026-03-01 12:05Z');
SELECT tally.acknowledge((SELECT min(id) FROM tally.incidents));
SELECT tally.resolve((SELECT max(id) FROM tally.incidents), root_cause => 'r', mitigation => 'm', prevention => 'p');
SELECT tally.create_task('nightly', '0 2 * * *', 'SELECT 1');
SELECT tally.retain_source('orders', keep => '100000 days');
SELECT tally.freeze_source('orders', '2026-01-05 00:00Z');
INSERT INTO orders VALUES ('2026-01-02', '[]', 'late');
SELECT tally.refresh('items');
CREATE SCHEMA awf; CREATE SCHEMA od;
SELECT tally.generate_awf(2000, target_schema => 'awf', seed => 1, until => '2026-03-01 12:00Z', span => '3 days');
SELECT tally.install_pack('awf', 'awf'); CALL tally.backfill();
SELECT tally.install_pack('operator_dashboard', 'od');
INSERT INTO events (at, kind, actor, amount) VALUES ('2026-01-06 03:30+00', 'b', 8, 10), ('2026-02-01', 'b', 40, 1);
INSERT INTO orders VALUES ('2026-01-20', '[{"sku": "new", "n": 4}]', 'w1');
-- A backfill of 'mine' that has done one batch, marks of single buckets, of keys, and of a TRUNCATE.
INSERT INTO events (at, kind, actor, amount) VALUES ('2026-01-07 03:30+00', 'b', 41, 10);
