-- Attack 1b: a forged rollup row that says to stand on the victim's. timeseries() of the VICTIM'S OWN metric then read the attacker's
-- view: 0 for 0.199, and ran its code as the reader. A rollup of another role is no answer, however honestly it was made.
-- As it was (commit 382f689) the INSERT was done and the metric's sum came from evil.lies: seen by running this file there.
\ir prelude.psql
CREATE TABLE evil.lies (bucket timestamptz NOT NULL, who text NOT NULL, n bigint, total bigint, PRIMARY KEY (bucket, who));
CREATE VIEW evil.lies_live AS SELECT bucket, who, evil.pwn()::bigint AS n, 0::bigint AS total FROM evil.lies;
GRANT SELECT ON evil.lies, evil.lies_live TO PUBLIC;
SELECT evil.try('insert', $$INSERT INTO tally.rollups (name, relation, live_view, source, source_rollup, time_column, time_type, bucket)
    SELECT 'lies', 'evil.lies', 'evil.lies_live', r.relation, r.id, 'bucket', 'timestamptz', '1 day' FROM tally.rollups r WHERE r.name = 'victim_hourly'$$);
SELECT evil.try('columns', $$INSERT INTO tally.measures SELECT c.id, m.ordinal, m.name, format(m.merge, m.name), m.type,
    m.merge FROM tally.rollups r JOIN tally.measures m ON m.rollup_id = r.id, tally.rollups c
    WHERE r.name = 'victim_hourly' AND c.name = 'lies'$$);
SELECT evil.try('dimensions', $$INSERT INTO tally.dimensions SELECT c.id, 1, 'who', 'who', 'who' FROM tally.rollups c WHERE c.name = 'lies'$$);
SELECT evil.try('store', $$SELECT tally_internal._store_rollup(jsonb_populate_record(r,
    jsonb_build_object('name', 'lies', 'relation', 'evil.lies'::regclass::oid, 'source', r.relation::oid, 'bucket', '1 day', 'time_column', 'bucket')),
    ARRAY(SELECT d FROM tally.dimensions d WHERE d.rollup_id = r.id), ARRAY(SELECT m FROM tally.measures m WHERE m.rollup_id = r.id)) FROM tally.rollups r
        WHERE r.name = 'victim_hourly'$$);
-- Made honestly, where the victim has let him stand on it, and then filled with lies.
\connect - tally_victim
SET client_min_messages = error;
GRANT USAGE ON SCHEMA app TO tally_attacker;
GRANT SELECT, TRIGGER ON app.victim_hourly, app.victim_hourly_live TO tally_attacker;
\connect - tally_attacker
SET client_min_messages = error;
SELECT evil.try('honest', $$SELECT tally.create_rollup('evil.daily', 'app.victim_hourly', bucket => '1 day')$$);
SELECT tally.refresh('daily');
UPDATE evil.daily SET n = 1000000;
GRANT SELECT ON evil.daily, evil.daily_live TO PUBLIC;
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.answer AS SELECT tally.metric_value('victim_mean', since => '2026-03-01 00:00+00', until => '2026-03-03 00:00+00') AS value;
\connect - :superuser
SET client_min_messages = error;
SELECT count(*) FROM tally.timeseries('victim_mean', since => '2026-03-01 00:00+00', until => '2026-03-03 00:00+00', bucket => '1 day');
UPDATE public.before SET state = jsonb_set(state, '{triggers}', public.state() -> 'triggers');
\ir verdict.psql
SELECT is((SELECT value FROM app.answer), (SELECT sum(ms)::float8 / count(*) FROM app.events WHERE at < '2026-03-03 00:00+00'),
    'the victim''s metric is the victim''s data');
SELECT is((SELECT string_agg(what || ' ' || outcome, ', ' ORDER BY n) FROM evil.log WHERE what <> 'pwn'),
    'insert 42501, columns 42501, dimensions 42501, store 42501, honest done', 'no row is forged; what is made honestly is the maker''s');
SELECT * FROM finish();
