-- Attack 12, without an attacker: the owner of a partitioned source, who is no superuser, adds partitions after somebody made a rollup on it.
-- PostgreSQL clones the row triggers to the new partition and asks that its owner may execute their function.
-- As it was (commit 382f689) CREATE TABLE … PARTITION OF and ATTACH failed with "permission denied for function" (42501): seen by running this file there.
\ir prelude.psql
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.log (at timestamptz NOT NULL, ms int) PARTITION BY RANGE (at);
CREATE TABLE app.log_1 PARTITION OF app.log FOR VALUES FROM ('2026-01-01+00') TO ('2026-02-01+00');
CREATE INDEX ON app.log (at);
INSERT INTO app.log VALUES ('2026-01-05 10:00+00', 1);
GRANT USAGE ON SCHEMA app TO tally_attacker;
GRANT SELECT, TRIGGER ON app.log TO tally_attacker;
-- Another role, to which it was granted, puts a rollup on it.
\connect - tally_attacker
SET client_min_messages = error;
SELECT tally.create_rollup('evil.log_hourly', 'app.log', 'at', measures => '{"n": "count(*)", "total": "sum(ms)"}', with_data => true);
SELECT tally.create_rollup('evil.log_ms', 'app.log', key => 'ms', measures => '{"n": "count(*)"}', with_data => true);
-- Nor may he now do to it what its owner may.
SELECT evil.try('his partition', $$CREATE TABLE evil.log_9 PARTITION OF app.log FOR VALUES FROM ('2027-01-01+00') TO ('2027-02-01+00')$$);
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.tries (what text, outcome text);
CREATE FUNCTION app.try(label text, statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    INSERT INTO app.tries VALUES (label, 'done');
EXCEPTION WHEN OTHERS THEN
    INSERT INTO app.tries VALUES (label, SQLSTATE || ' ' || SQLERRM);
END $$;
SELECT app.try('partition of', $$CREATE TABLE app.log_2 PARTITION OF app.log FOR VALUES FROM ('2026-02-01+00') TO ('2026-03-01+00')$$);
CREATE TABLE app.log_3 AS SELECT timestamptz '2026-03-05 10:00+00' AS at, 3 AS ms;
ALTER TABLE app.log_3 ALTER at SET NOT NULL;
SELECT app.try('attach', $$ALTER TABLE app.log ATTACH PARTITION app.log_3 FOR VALUES FROM ('2026-03-01+00') TO ('2026-04-01+00')$$);
SELECT app.try('of two levels', $$CREATE TABLE app.log_4 PARTITION OF app.log FOR VALUES FROM ('2026-04-01+00') TO ('2026-05-01+00') PARTITION BY HASH (ms)$$);
SELECT app.try('a part of it', 'CREATE TABLE app.log_4_0 PARTITION OF app.log_4 FOR VALUES WITH (MODULUS 1, REMAINDER 0)');
SELECT app.try('write', $$INSERT INTO app.log SELECT timestamptz '2026-02-05 10:00+00' + g * interval '30 days', g FROM generate_series(0, 2) g$$);
SELECT app.try('into a partition', $$INSERT INTO app.log_2 VALUES ('2026-02-06 10:00+00', 9)$$);
SELECT app.try('detach', 'ALTER TABLE app.log DETACH PARTITION app.log_1');
SELECT app.try('drop', 'DROP TABLE app.log_1');
\connect - :superuser
SET client_min_messages = error;
SELECT string_agg(error, ' ') FROM tally.refresh();
UPDATE public.before SET state = jsonb_set(state, '{triggers}', public.state() -> 'triggers');
\ir verdict.psql
SELECT results_eq('SELECT DISTINCT outcome FROM app.tries', $$VALUES ('done'::text)$$, 'the owner adds, fills and drops partitions');
SELECT is((SELECT count(*) FROM app.tries), 8::bigint, 'in eight ways');
SELECT is((SELECT outcome FROM evil.log WHERE what = 'his partition'), '42501', 'who made the rollup adds none');
SELECT bag_eq('SELECT bucket, n, total FROM evil.log_hourly', $$SELECT date_trunc('hour', at, 'UTC'), count(*), sum(ms) FROM app.log GROUP BY 1$$,
    'what was written to them is counted');
SELECT bag_eq('SELECT ms, n FROM evil.log_ms', 'SELECT ms::text, count(*) FROM app.log GROUP BY 1', 'per key too');
SELECT * FROM finish();
