-- Attack 26: names of definitions in a schema that is not the attacker's to use, or is still to come, such as that of a pack. A name is unique within its
-- schema. Who finds it taken is refused, and what a superuser defines under it is the attacker's.
-- As it was (commit 10cf7a1) a board, a probe, a task, a threshold and a metric of experiments were stored in any schema: so that code
-- reads; this file was not run on it. A route was stored so in commit c309006: seen there.
\ir prelude.psql
\connect - :superuser
SET client_min_messages = error;
CREATE SCHEMA closed AUTHORIZATION tally_victim;
\connect - tally_attacker
SET client_min_messages = error;
CREATE TABLE evil.events (at timestamptz NOT NULL, who text);
CREATE FUNCTION evil.take(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    b tally.boards;
    p tally.probes;
    t tally.thresholds;
    m tally.experiment_metrics;
BEGIN
    b := jsonb_populate_record(b, jsonb_build_object('schema', place, 'name', 'taken', 'title', 'x', 'panels', '[]', 'variables', '{}'::text[], 'since',
        '1 hour', 'refresh', '1 minute', 'place', 1));
    SELECT * INTO p FROM tally.probes WHERE name = 'his first';
    p.schema := place; p.name := 'taken'; p.id := NULL;
    SELECT * INTO t FROM tally.thresholds WHERE name = 'his';
    t.schema := place; t.name := 'taken'; t.id := NULL;
    m := jsonb_populate_record(m, jsonb_build_object('schema', place, 'name', 'taken', 'source', 'evil.events', 'kind', 'mean', 'direction', 'up_is_good',
        'definition', '{}'::jsonb, 'search_path', 'evil'));
    BEGIN PERFORM tally_internal._store_board(b); INSERT INTO evil.log (what, outcome) VALUES ('board', place);
        EXCEPTION WHEN insufficient_privilege THEN INSERT INTO evil.log (what, outcome) VALUES ('board', SQLSTATE); END;
    BEGIN PERFORM tally_internal._store_probe(p); INSERT INTO evil.log (what, outcome) VALUES ('probe', place);
        EXCEPTION WHEN insufficient_privilege THEN INSERT INTO evil.log (what, outcome) VALUES ('probe', SQLSTATE); END;
    BEGIN PERFORM tally_internal._store_threshold(t); INSERT INTO evil.log (what, outcome) VALUES ('threshold', place);
        EXCEPTION WHEN insufficient_privilege THEN INSERT INTO evil.log (what, outcome) VALUES ('threshold', SQLSTATE); END;
    BEGIN PERFORM tally_internal._store_task(place, 'taken', 'evil', '0 2 * * *', 'SELECT 1', NULL); INSERT INTO evil.log (what, outcome) VALUES ('task',
        place); EXCEPTION WHEN insufficient_privilege THEN INSERT INTO evil.log (what, outcome) VALUES ('task', SQLSTATE); END;
    BEGIN PERFORM tally_internal._store_experiment_metric(m); INSERT INTO evil.log (what, outcome) VALUES ('metric', place);
        EXCEPTION WHEN insufficient_privilege THEN INSERT INTO evil.log (what, outcome) VALUES ('metric', SQLSTATE); END;
END $$;
SELECT tally.create_probe('his first', 'SELECT 1 AS value');
SELECT tally.create_threshold('his', query => 'SELECT 1 AS value', condition => '> 10', enabled => false);
SELECT evil.take('closed'), evil.take('to_come'), evil.take('evil');
-- What he may not use of his search_path is passed over.
SET search_path = closed, evil, public;
SELECT tally.create_channel('his channel', url => 'https://hooks.example/x'), tally.create_inhibition('his inhibition', '{"severity": "critical"}',
    '{"severity": "warning"}');
SELECT tally.create_probe('his probe', 'SELECT 1 AS value'), tally.create_route('his route', '{"channel": "his channel"}');
RESET search_path;
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.homes AS SELECT schema, name FROM tally.channels WHERE name LIKE 'his%' UNION ALL SELECT schema, name FROM tally.inhibitions
    WHERE name LIKE 'his%'
    UNION ALL SELECT schema, name FROM tally.probes WHERE name = 'his probe' UNION ALL SELECT schema, name FROM tally.routes WHERE name = 'his route';
\ir verdict.psql
SELECT bag_eq($$SELECT what, outcome FROM evil.log WHERE what <> 'pwn'$$, $$SELECT k, o FROM unnest('{board,probe,threshold,task,metric}'::text[]) k,
    unnest('{42501,42501,evil}'::text[]) o$$,
    'he takes names in his own schema alone');
SELECT is_empty($$SELECT 1 FROM tally.boards WHERE schema IN ('closed', 'to_come') UNION ALL SELECT 1 FROM tally.tasks WHERE schema IN ('closed',
    'to_come')$$, 'nothing is stored in the others');
SELECT bag_eq('SELECT * FROM public.homes', $$VALUES ('evil', 'his channel'), ('evil', 'his inhibition'), ('evil', 'his probe'), ('evil', 'his route')$$,
    'what he defines is of the first schema that he may use');
SELECT * FROM finish();
