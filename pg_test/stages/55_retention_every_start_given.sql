-- A retention with every start is made of three rollups: what is renamed is followed by all of them, and they are given to another role together.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz, who int, kind text DEFAULT 'open');
CREATE INDEX ON events (who);
INSERT INTO events VALUES ('2026-03-01 10:00Z', 1), ('2026-03-02 10:00Z', 1), ('2026-03-02 11:00Z', 2);
SELECT tally.create_retention('days', 'events', 'at', 'who', "start" => 'kind = ''open''', periods => 1, every_start => true, with_data => true);
ALTER TABLE events RENAME COLUMN kind TO sort;
SELECT is(definition ->> 'start', 'sort = ''open''', 'its texts follow a column that is renamed') FROM tally.behaviours WHERE name = 'days';
CREATE ROLE retention_every_start_heir;
GRANT USAGE, CREATE ON SCHEMA public TO retention_every_start_heir;
ALTER TABLE events OWNER TO retention_every_start_heir;
SELECT tally.set_owner('days', 'retention_every_start_heir');
SELECT bag_eq($$SELECT c.relname::text, c.relowner::regrole::text FROM pg_class c WHERE c.relname LIKE 'days%' AND c.relkind IN ('r', 'v')$$,
    $$SELECT 'days' || n AS name, 'retention_every_start_heir' AS owner
        FROM unnest('{"",_live,_actors,_actors_live,_times,_times_live,_cohorts,_cohorts_live}'::text[]) n$$,
    'all of it goes to the new owner');
INSERT INTO events VALUES ('2026-03-03 10:00Z', 2);
SELECT tally.refresh();
SELECT bag_eq('SELECT period, eligible, retained FROM tally.retention(''days'', live => false)',
    $$SELECT * FROM (VALUES (0, 4::bigint, 4::bigint), (1, 4, 2)) v(p, e, r)$$,
    'who refreshes it');
SELECT tally.drop_retention('days');
ALTER TABLE events OWNER TO CURRENT_USER;
DROP OWNED BY retention_every_start_heir;
DROP ROLE retention_every_start_heir;
SELECT * FROM finish();
