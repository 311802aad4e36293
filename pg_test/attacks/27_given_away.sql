-- Attack 27: relations of others as parts of what the attacker gives away or drops. set_owner() makes the parts of a rollup the new owner's, with the
-- engine's rights; the drop functions drop them with their caller's, a superuser's perhaps. The catalogue knows parts by number or by name.
--   * The victim's table as a node, the victim's view as the face of a cluster rollup.
--   * A view of the victim's that is called as the view of a funnel or of an experiment of the attacker's, in a schema where both create.
--   * A rollup's table that a superuser has given to the victim since.
--   * A pack of the attacker's that says it has made the victim's view and rollup in that schema, and a function whose name goes on with a statement.
-- As it was (commit 10cf7a1) set_owner('evil.bait', 'tally_attacker') made each of them the attacker's, and a superuser's drop dropped them. Seen there:
-- the table that was a node. The rest is how that code reads.
\ir prelude.psql
\connect - :superuser
SET client_min_messages = error;
CREATE SCHEMA shared;
GRANT ALL ON SCHEMA shared TO tally_victim, tally_attacker;
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.secret (x int);
CREATE VIEW app.secret_view AS SELECT * FROM app.secret;
CREATE VIEW shared.way_steps AS SELECT * FROM app.secret;
CREATE VIEW shared.trial_report AS SELECT * FROM app.secret;
CREATE VIEW shared.packed AS SELECT * FROM app.secret;
SELECT tally.create_rollup('shared.victim_packed', 'app.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
\connect - tally_attacker
SET client_min_messages = error;
CREATE TABLE evil.events (at timestamptz NOT NULL, who text, kind text);
CREATE INDEX ON evil.events (at);
CREATE INDEX ON evil.events (who);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 'u1', 'visit'), ('2026-03-01 11:00+00', 'u1', 'buy');
CREATE TABLE evil.alone (LIKE evil.events INCLUDING ALL);
SELECT tally.create_rollup('evil.bait', 'evil.alone', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('evil.lent', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
CREATE VIEW evil.face AS SELECT * FROM evil.events;
SELECT evil.try('cluster, table as parts', $$SELECT tally_internal._store_cluster(r.id, r.source, r.source, 'x.y', '{}', '{}') FROM tally.rollups r
    WHERE r.name = 'bait'$$),
       evil.try('cluster, face', format($$SELECT tally_internal._store_cluster(r.id, r.source, %s::regclass, 'x.y', '{}', '{}') FROM tally.rollups r
           WHERE r.name = 'bait'$$, (SELECT c.oid FROM pg_class c WHERE c.relname = 'secret_view'))),
       evil.try('cluster, his', $$SELECT tally_internal._store_cluster(r.id, r.source, 'evil.face', 'x.y', '{}', '{}') FROM tally.rollups r
           WHERE r.name = 'bait'$$),
       evil.try('node, table', format($$SELECT tally_internal._store_node(r.id, 'x', %s::regclass) FROM tally.rollups r WHERE r.name = 'bait'$$,
           (SELECT c.oid FROM pg_class c WHERE c.relname = 'secret'))),
       evil.try('node, his rollup', $$SELECT tally_internal._store_node(r.id, 'x', r.relation) FROM tally.rollups r WHERE r.name = 'bait'$$);
-- Definitions whose views the victim has already: stored by hand, because the functions find the names taken.
CREATE FUNCTION evil.store_by_hand() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    e tally.experiments;
    c tally.experiment_cells;
    actors int;
    way int;
BEGIN
    PERFORM tally.create_rollup('shared.way_actors', 'evil.events', key => 'who', measures => '{"first_at": "min(at)"}', with_data => true);
    PERFORM tally.create_rollup('shared.way', 'shared.way_actors', 'first_at', bucket => '1 day', measures => '{"n": "count(*)"}', with_data => true);
    PERFORM tally_internal._store_behaviour('funnel', 'shared.way', '{"steps": [{"name": "a", "condition": "true"}, {"name": "b", "condition": "true"}]}');
    PERFORM tally.create_rollup('shared.trial_units', 'evil.events', key => 'who', measures => '{"first_at": "min(at)"}', with_data => true);
    PERFORM tally.create_rollup('shared.trial_cells', 'shared.trial_units', 'first_at', bucket => '1 day', measures => '{"n": "count(*)"}', with_data => true);
    PERFORM tally.create_rollup('shared.trial_values', 'evil.events', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
    SELECT id INTO actors FROM tally.rollups WHERE name = 'trial_units';
    SELECT id INTO way FROM tally.rollups WHERE name = 'trial_cells';
    e := jsonb_populate_record(e, jsonb_build_object('schema', 'shared', 'name', 'trial', 'units', actors, 'arrivals', way, 'definition', '{}'::jsonb));
    PERFORM tally.create_experiment_metric('his_mean', 'evil.events', unit => 'who');
    c := jsonb_populate_record(c, jsonb_build_object('experiment_id', tally_internal._store_experiment(e), 'metric', 'm', 'metric_id', (SELECT id
        FROM tally.experiment_metrics WHERE name = 'his_mean'),
        'place', 1, 'unit_values', (SELECT id FROM tally.rollups WHERE name = 'trial_values'), 'cells', way, 'definition', '{}'::jsonb));
    PERFORM tally_internal._store_experiment_cells(c);
END $$;
SELECT evil.store_by_hand();
SELECT evil.try('pack', $try$SELECT tally.register_pack('his_pack', json_build_object('a.sql',
    E'-- step: view packed\nSELECT 1;\n-- step: rollup victim_packed\nSELECT 1;\n'
    '-- step: function f(); ALTER ROLE tally_attacker SUPERUSER; --\nSELECT 1;'))$try$), evil.try('pack', $$SELECT tally_internal._store_pack('his_pack',
        'shared', 'UTC')$$);
\connect - :superuser
SET client_min_messages = error;
INSERT INTO tally.cluster_nodes (rollup_id, node, live) SELECT r.id, 'x', 'app.secret'::regclass FROM tally.rollups r WHERE r.name = 'bait';
ALTER TABLE evil.lent OWNER TO tally_victim;
UPDATE public.before SET state = public.state();
CREATE TABLE public.owners AS SELECT c.oid::regclass AS relation, c.relowner FROM pg_class c WHERE c.relkind IN ('r', 'v')
    AND c.relowner <> 'tally_attacker'::regrole AND c.relname !~ '^dirty_keys_' AND c.relnamespace IN ('app'::regnamespace, 'evil'::regnamespace,
    'shared'::regnamespace, 'tally'::regnamespace);
\connect - tally_attacker
SET client_min_messages = error;
SELECT evil.try('give bait', $$SELECT tally.set_owner('evil.bait', 'tally_attacker')$$), evil.try('give lent', $$SELECT tally.set_owner('evil.lent',
    'tally_attacker')$$),
       evil.try('give way', $$SELECT tally.set_owner('shared.way', 'tally_attacker')$$), evil.try('give units',
           $$SELECT tally.set_owner('shared.trial_units', 'tally_attacker')$$);
\connect - :superuser
SET client_min_messages = error;
-- Who drops his things with a superuser's rights drops his things alone.
DO $$
DECLARE
    s text;
BEGIN
    FOREACH s IN ARRAY ARRAY['SELECT tally.drop_cluster_rollup(''evil.bait'')', 'SELECT tally.drop_experiment(''shared.trial'')',
        'SELECT tally.drop_funnel(''shared.way'')', 'SELECT tally.drop_pack(''his_pack'')'] LOOP
        BEGIN EXECUTE s; EXCEPTION WHEN OTHERS THEN INSERT INTO evil.log (what, outcome) VALUES ('drop', s || ': ' || SQLERRM); END;
    END LOOP;
END $$;
CREATE TABLE public.changed AS SELECT o.relation::oid, o.relowner::regrole::text AS was, c.relowner::regrole::text AS is FROM public.owners o LEFT
    JOIN pg_class c ON c.oid = o.relation::oid WHERE c.relowner IS DISTINCT FROM o.relowner;
\ir verdict.psql
SELECT is_empty('SELECT * FROM public.changed', 'each relation belongs to whom it belonged, and is there');
SELECT bag_eq($$SELECT what, outcome FROM evil.log WHERE what LIKE 'cluster%' OR what LIKE 'node%'$$,
    $$VALUES ('cluster, table as parts', '42501'), ('cluster, face', '42501'), ('cluster, his', 'done'), ('node, table', '42501'), ('node, his rollup',
        '42501')$$, 'a part of a cluster rollup is one of its owner''s own');
SELECT bag_eq($$SELECT what, outcome FROM evil.log WHERE what LIKE 'give%'$$, $$VALUES ('give bait', '42501'), ('give lent', '42501'), ('give way',
    '42501'), ('give units', '42501')$$, 'he gives nothing that is others''');
SELECT is_empty($$SELECT outcome FROM evil.log WHERE what = 'drop' AND outcome !~ 'function name|parentheses'$$, 'a superuser is not stopped');
SELECT is_empty($$SELECT 1 FROM tally.clusters UNION ALL SELECT 1 FROM tally.behaviours WHERE name = 'way' UNION ALL SELECT 1 FROM tally.experiments
    WHERE name = 'trial'$$, 'a superuser drops the cluster rollup, the funnel and the experiment');
SELECT * FROM finish();
