-- Owns what a random attack is made on: a victim with definitions of every kind and a superuser with his own. Some words stand in what nobody
-- else may read (CANARY…): none of them may ever reach the attacker.
CREATE SCHEMA evil AUTHORIZATION tally_attacker;
CREATE SCHEMA app AUTHORIZATION tally_victim;
CREATE SCHEMA root;
CREATE TABLE root.treasure (word text);
INSERT INTO root.treasure VALUES ('CANARY-treasure');
CREATE TABLE root.events (at timestamptz NOT NULL, who text, ms int);
INSERT INTO root.events VALUES ('2026-03-01 10:00Z', 'CANARY-root', 5);
SELECT tally.create_rollup('root.root_hourly', 'root.events', 'at', '1 hour', dimensions => '["who"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('root_count', 'root_hourly', 'n');
SELECT tally.create_channel('root_hook', url => 'https://hooks.example/CANARY-url', secret => 'CANARY-secret',
    headers => '{"Authorization": "CANARY-header"}');
SELECT tally.create_threshold('root_alert', query => 'SELECT DISTINCT who, 30 AS value FROM root.events', condition => '> 10');

SET SESSION AUTHORIZATION tally_victim;
SET search_path = app, public;
CREATE TABLE app.events (at timestamptz NOT NULL, who text, arm text, ms int) PARTITION BY RANGE (at);
CREATE TABLE app.events_old PARTITION OF app.events FOR VALUES FROM (MINVALUE) TO ('2026-03-02Z');
CREATE TABLE app.events_new PARTITION OF app.events FOR VALUES FROM ('2026-03-02Z') TO (MAXVALUE);
CREATE INDEX ON app.events (at);
INSERT INTO app.events SELECT '2026-03-01Z'::timestamptz + g * interval '7 minutes', 'CANARY-' || g % 20, (ARRAY['old', 'new'])[1 + g % 2],
    g % 50 FROM generate_series(1, 500) g;
CREATE TABLE app.done (at timestamptz DEFAULT now(), word text DEFAULT 'CANARY-done');
SELECT tally.create_rollup('victim_hourly', 'app.events', 'at', '1 hour', dimensions => '["arm"]',
    measures => '{"n": "count(*)", "total": "sum(ms)", "people": "tally.hll(who)"}', with_data => true);
SELECT tally.create_rollup('victim_daily', 'victim_hourly', bucket => '1 day', emptied => 'keep', with_data => true);
SELECT tally.create_rollup('victim_keys', 'app.events', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('victim_mean', 'victim_hourly', 'total::float8 / nullif(n, 0)', samples => 'n');
SELECT tally.create_funnel('victim_funnel', 'app.events', 'at', 'who', '{"a": "ms < 10", "b": "ms > 40"}', "window" => '1 day');
SELECT tally.create_retention('victim_back', 'app.events', 'at', 'who', "start" => 'ms < 10', period => '1 day', periods => 3);
SELECT tally.create_probe('victim_probe', 'SELECT 7 AS value');
SELECT tally.create_threshold('victim_alert', query => 'SELECT DISTINCT who, 20 AS value FROM app.events WHERE ms = 7', condition => '> 10');
SELECT tally.create_threshold('victim_metric_alert', 'victim_mean', '> 1', auto_resolve => true);
SELECT tally.create_channel('victim_box', kind => 'table');
SELECT tally.create_inhibition('victim_inhibition', '{"severity": "critical"}', '{"severity": "warning"}');
SELECT tally.create_task('victim_task', '0 2 * * *', 'INSERT INTO app.done DEFAULT VALUES');
SELECT tally.create_board('victim_board', 'Victim', '[{"title": "Mean", "metric": "victim_mean"}]');
SELECT tally.create_release('victim_release', 'victim_hourly', dimensions => '{arm}', measures => '{n}', bucket => '1 day', k => 2);
SELECT tally.create_experiment_metric('victim_spent', 'app.events', 'mean', expression => 'ms', unit => 'who', "window" => '2 days');
SELECT tally.create_experiment('victim_experiment', 'app.events', 'who', '{"old": 1, "new": 1}', '{victim_spent}', control => 'old',
    starts => '2026-03-01', planned_units => 20);
SELECT tally.silence('{"severity": "none"}', 'CANARY-reason', "for" => '1 year', starts_at => '2026-03-01Z');
RESET SESSION AUTHORIZATION;
RESET search_path;
SELECT count(*) FROM tally.refresh();
SELECT count(*) FROM tally.refresh_release('victim_release', as_of => '2026-03-04Z');
SELECT count(*) FROM tally.evaluate('2026-03-02 12:00Z');
