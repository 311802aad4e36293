-- Rights of rollups per key, funnels and retentions: an unprivileged owner makes them, a writer without any right in tally marks,
-- a reader of the views alone sees exact rows, and nobody but the owner reads the keys in the marks.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_test_kowner, tally_test_kwriter, tally_test_kreader;
CREATE ROLE tally_test_kowner; CREATE ROLE tally_test_kwriter; CREATE ROLE tally_test_kreader;
CREATE SCHEMA app AUTHORIZATION tally_test_kowner;
SET ROLE tally_test_kowner;
SET search_path = app, public;
CREATE TABLE app.events (at timestamptz NOT NULL, who text, kind text);
CREATE INDEX ON app.events (who);
INSERT INTO app.events VALUES ('2026-03-01 10:00+00', 'ann', 'visit'), ('2026-03-01 11:00+00', 'ann', 'pay'), ('2026-03-01 12:00+00', 'bob', 'visit');
GRANT USAGE ON SCHEMA app TO tally_test_kwriter, tally_test_kreader;
GRANT INSERT ON app.events TO tally_test_kwriter;
SELECT tally.create_rollup('people', 'events', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_funnel('buying', 'events', 'at', 'who', '{"visit": "kind = ''visit''", "pay": "kind = ''pay''"}', with_data => true);
SELECT tally.create_retention('back', 'events', 'at', 'who', periods => 1, with_data => true);
GRANT SELECT ON app.people_live, app.buying_steps_live TO tally_test_kreader;
-- A view of the owner's over the live view: its readers have a right to nothing underneath.
CREATE VIEW app.names AS SELECT who, n FROM app.people_live;
GRANT SELECT ON app.names TO tally_test_kreader;
SET ROLE tally_test_kwriter;
SELECT lives_ok($$INSERT INTO app.events VALUES ('2026-03-02 12:00+00', 'bob', 'pay'), ('2026-03-02 12:00+00', 'cid', 'visit')$$,
    'a writer needs no right in tally');
SET ROLE tally_test_kreader;
SELECT bag_eq('SELECT who, n FROM app.people_live', $$VALUES ('ann', 2::bigint), ('bob', 2), ('cid', 1)$$, 'a reader of the live view sees it exact');
SELECT bag_eq('SELECT who, n FROM app.names', $$VALUES ('ann', 2::bigint), ('bob', 2), ('cid', 1)$$, 'and through a view over it');
SELECT bag_eq('SELECT bucket, step, actors FROM app.buying_steps_live',
    $$VALUES (timestamptz '2026-03-01+00', 1, 2::bigint), ('2026-03-01+00', 2, 2), ('2026-03-02+00', 1, 1), ('2026-03-02+00', 2, 0)$$, 'a funnel too');
SELECT throws_ok(format('SELECT * FROM tally.dirty_keys_%s', id), '42501', NULL, 'marks of keys are not for everybody') FROM tally.rollups
    WHERE name = 'people';
SELECT throws_ok(format('INSERT INTO tally.dirty_keys_%s (key) VALUES (''{x}'')', id), '42501', NULL, 'nor written but by capture') FROM tally.rollups
    WHERE name = 'people';
SELECT is((SELECT dirty_buckets FROM tally.status WHERE rollup = 'people'), 2::bigint, 'how many are dirty may be known');
SELECT throws_ok('SELECT tally.drop_funnel(''buying'')', '42501', NULL, 'a stranger drops no funnel');
SELECT is((SELECT count(*) FROM tally.behaviours), 2::bigint, 'it is still there');
RESET ROLE;
SELECT tally.refresh();
SELECT is((SELECT string_agg(DISTINCT state, ',') FROM tally.status), 'fresh', 'refreshed by another role, as the owner');
SELECT bag_eq('SELECT who, n FROM app.people', $$VALUES ('ann', 2::bigint), ('bob', 2), ('cid', 1)$$, 'and exact');
SET ROLE tally_test_kowner;
DROP VIEW app.names;
SELECT lives_ok($$SELECT tally.drop_funnel('buying'), tally.drop_retention('back'), tally.drop_rollup('people')$$, 'the owner drops them');
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_class WHERE relname LIKE 'dirty\_keys\_%'), 0::bigint, 'with their marks');
DROP SCHEMA app CASCADE; DROP OWNED BY tally_test_kowner, tally_test_kwriter, tally_test_kreader;
DROP ROLE tally_test_kowner, tally_test_kwriter, tally_test_kreader;
SELECT * FROM finish();
