-- Attack 30: what somebody may still do who was an owner, or whom an owner relies on.
--   * A transaction of the attacker's, REPEATABLE READ, is older than the gift of his rollup: its snapshot says that it is his. He stores metrics, ranges,
--     columns and nodes for it, which are the new owner's from then on.
--   * A transaction of his, READ COMMITTED, stores a metric before the gift and ends after it.
--   * An experiment of his measures a metric of the victim's, who then can neither drop nor replace it.
-- As it was (commit a4c4499) the old transaction marked ranges, the open one left a metric of the former owner's, and the victim's metric could not be
-- dropped: so that code reads.
\ir prelude.psql
CREATE TABLE evil.events (at timestamptz NOT NULL, who text, ms int);
CREATE INDEX ON evil.events (at);
CREATE INDEX ON evil.events (who);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 'w1', 5);
SELECT tally.create_rollup('evil.gift', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
CREATE FUNCTION evil.store_metric(label text) RETURNS int LANGUAGE sql AS $$
    SELECT tally_internal._store_metric(jsonb_populate_record(NULL::tally.metrics, jsonb_build_object('name', label, 'rollup_id', r.id, 'expression', 'n',
        'resolved', 'n', 'measures', '["n"]'::jsonb, 'samples', 'n', 'type', 'bigint', 'direction', 'up_is_good', 'search_path', 'evil'))) FROM tally.rollups r
     WHERE r.name = 'gift'
$$;
GRANT ALL ON evil.events TO tally_victim;
GRANT ALL ON SCHEMA evil TO tally_victim;
\connect - tally_victim
SET client_min_messages = error;
SET search_path = app, public;
SELECT tally.create_experiment_metric('victim_ms', 'app.events', expression => 'ms', unit => 'who');
GRANT SELECT, TRIGGER ON app.events TO tally_attacker;
GRANT USAGE ON SCHEMA app TO tally_attacker;
\connect - tally_attacker
SET client_min_messages = error;
CREATE TABLE evil.exposed (at timestamptz NOT NULL, who text, arm text);
CREATE INDEX ON evil.exposed (who);
INSERT INTO evil.exposed SELECT '2026-03-01 00:00+00', 'w' || g % 3, (ARRAY['control', 'new'])[1 + g % 2] FROM generate_series(0, 2) g;
SET search_path = evil;
CREATE TABLE evil.measured AS SELECT 'his metric' AS what, evil.try('measure', $$SELECT tally.create_experiment('his', 'evil.exposed', 'who',
    '{"control": 1, "new": 1}', '{app.victim_ms}')$$) AS outcome
    UNION ALL SELECT 'his own', evil.try('metric', $$SELECT tally.create_experiment_metric('own_ms', 'app.events', expression => 'ms', unit => 'who')$$)
    UNION ALL SELECT 'his experiment', evil.try('own', $$SELECT tally.create_experiment('his', 'evil.exposed', 'who', '{"control": 1, "new": 1}',
        '{own_ms}')$$);
RESET search_path;
-- By hand, with another's metric in the place of his own.
INSERT INTO evil.measured SELECT 'by hand', evil.try('by hand', $try$DO $do$
DECLARE
    c tally.experiment_cells;
BEGIN
    SELECT x.* INTO STRICT c FROM tally.experiment_cells x JOIN tally.experiments e ON e.id = x.experiment_id WHERE e.name = 'his';
    c.metric := 'another';
    c.metric_id := (SELECT m.id FROM tally.experiment_metrics m WHERE m.name = 'victim_ms');
    PERFORM tally_internal._store_experiment_cells(c);
END $do$$try$);
\connect - :superuser
SET client_min_messages = error;
CREATE EXTENSION dblink;
SELECT dblink_connect(s, format('host=%s port=%s dbname=%s user=tally_attacker', trim(BOTH '"'
    FROM split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), current_database())),
    dblink_exec(s, 'SET client_min_messages = error') FROM unnest('{old,open}'::text[]) s;
SELECT dblink_exec('old', 'BEGIN ISOLATION LEVEL REPEATABLE READ');
SELECT * FROM dblink('old', 'SELECT count(*) FROM tally.rollups') x(n bigint);
-- He stores a metric, and the gift waits for him.
SELECT dblink_exec('open', 'BEGIN');
SELECT * FROM dblink('open', $$SELECT evil.store_metric('open')::text$$) x(t text);
SET lock_timeout = '1s';
CREATE TABLE public.gift AS SELECT 'while he is at it' AS what, public.ended($$SELECT tally.set_owner('evil.gift', 'tally_victim')$$) AS outcome;
RESET lock_timeout;
SELECT dblink_exec('open', 'COMMIT');
INSERT INTO public.gift SELECT 'after', public.ended($$SELECT tally.set_owner('evil.gift', 'tally_victim')$$);
CREATE TABLE public.tried AS SELECT c.c, public.ended(format('SELECT * FROM dblink(''old'', %L) x(t text)', format('SELECT %s::text FROM tally.rollups r '
    'WHERE r.name = ''gift''', c.c))) AS outcome
  FROM unnest(ARRAY['tally_internal._mark_range(r.id, ''2026-03-01'', ''2026-03-02'', ''his'')',
    'evil.store_metric(''his'')',
    'tally_internal._begin_capture(r.id)', 'tally_internal._store_node(r.id, ''n'', ''evil.events'')', 'tally_internal._forget_rollup(r.id)']) c(c);
-- Each error ends his transaction: so a new one for each call would see the gift. The first outcome is what counts, and the others say 25P02.
SELECT dblink_exec('old', 'ROLLBACK'), dblink_disconnect('old'), dblink_disconnect('open');
CREATE TABLE public.left_ AS SELECT m.owner::text FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id WHERE r.name = 'gift'
    UNION ALL SELECT g.reason FROM tally.dirty_ranges g JOIN tally.rollups r ON r.id = g.rollup_id WHERE r.name = 'gift' AND g.reason = 'his';
SET ROLE tally_victim;
CREATE TABLE app.went AS SELECT public.ended($$SELECT tally.drop_experiment_metric('app.victim_ms')$$) AS outcome;
RESET ROLE;
UPDATE public.before SET state = public.state();
\ir verdict.psql
SELECT results_eq('SELECT what, outcome FROM public.gift', $$VALUES ('while he is at it', '55P03'), ('after', 'done')$$,
    'a gift waits for what is stored for it, and takes it along');
SELECT results_eq('SELECT outcome FROM public.tried', $$VALUES ('40001'), ('25P02'), ('25P02'), ('25P02'), ('25P02')$$,
    'an old transaction stores nothing for what was given away');
SELECT results_eq('SELECT * FROM public.left_', $$VALUES ('tally_victim')$$, 'what he has stored before is the new owner''s, and nothing else is there');
SELECT results_eq('SELECT what, outcome FROM evil.measured', $$VALUES ('his metric', '42501'), ('his own', 'done'), ('his experiment', 'done'),
    ('by hand', '42501')$$, 'he measures no metric of another role, and one of his own');
SELECT is((SELECT outcome FROM app.went), 'done', 'the victim drops the metric that is the victim''s');
SELECT * FROM finish();
