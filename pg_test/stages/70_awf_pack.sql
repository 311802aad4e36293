-- Owns: install_pack and drop_pack: what they make and take back, what they say of bad input, and that nothing is left half-made.
SELECT no_plan();

CREATE FUNCTION made() RETURNS TABLE (kind text, name text) LANGUAGE sql AS $$
    SELECT 'relation', c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('game', 'public') AND c.relkind IN ('r', 'v', 'm')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL SELECT 'rollup', r.name FROM tally.rollups r
    UNION ALL SELECT 'metric', m.name FROM tally.metrics m
    UNION ALL SELECT 'threshold', t.name FROM tally.thresholds t
$$;
CREATE SCHEMA game;

SELECT is((SELECT (target_schema IS NULL, rollups > 0, metrics > 0, thresholds > 0)::text FROM tally.packs WHERE name = 'awf'), '(t,t,t,t)',
    'the pack is listed before it is installed');
SELECT throws_ok($$SELECT tally.install_pack('awfx')$$, '42704', NULL, 'an unknown pack is an error');
SELECT throws_ok($$SELECT tally.install_pack('awf', 'nowhere')$$, '3F000', NULL, 'so is a schema that does not exist');
SELECT is_empty('SELECT * FROM made()', 'and nothing is left of either');

-- A table of the customer's own: other types of the same kind do, a missing column is named.
CREATE TABLE game.analytics_events (event_time timestamptz NOT NULL, event_type varchar(40) NOT NULL, session_id uuid NOT NULL, user_id text, world varchar,
    adventure varchar,
    locale text, model text, experiment text, content_version text, session_started_at timestamptz, latency_ms numeric, tokens_in bigint, tokens_out int,
        ticks int, tool_calls int, acts boolean, meta jsonb, extra int);
\ir ../message_of.psql
SELECT is((SELECT state FROM message_of($$SELECT tally.install_pack('awf', 'game')$$)), '42703', 'a source table without a needed column is an error');
SELECT is((SELECT message FROM message_of($$SELECT tally.install_pack('awf', 'game')$$)),
          'pack ''awf'' cannot use the table game.analytics_events as it is: variation text is missing, acts is boolean where integer is expected',
              'that names the column, and one of an unusable type');
SELECT is((SELECT count(*) FROM made() WHERE name <> 'game.analytics_events'), 0::bigint, 'and nothing is made');
SELECT is((SELECT hint FROM message_of($$SELECT tally.install_pack('awf', 'game')$$)),
          'ALTER TABLE game.analytics_events ADD COLUMN variation text, ALTER COLUMN acts TYPE integer USING acts::integer;',
              'the hint is the statement to run');
ALTER TABLE game.analytics_events ADD COLUMN variation text, ALTER COLUMN acts TYPE int USING acts::int;
SELECT lives_ok($$SELECT tally.install_pack('awf', 'game')$$, 'run, it installs over the customer''s table');
INSERT INTO game.analytics_events (event_time, event_type, session_id, world, session_started_at, latency_ms) VALUES
    ('2025-03-01 10:00+00', 'start', '00000000-0000-0000-0000-000000000001', 'w', '2025-03-01 10:00+00', NULL),
    ('2025-03-01 10:01+00', 'turn', '00000000-0000-0000-0000-000000000001', 'w', '2025-03-01 10:00+00', 12.5);
SELECT tally.refresh();
SELECT is((SELECT (world, turns, sessions, p95_latency_ms)::text FROM game.awf_rollup_hourly), '(w,1,1,12)', 'and its types work');

CREATE TEMP TABLE before AS SELECT * FROM made();
SELECT lives_ok($$SELECT tally.install_pack('awf', 'game')$$, 'a second installation is no error');
SELECT bag_eq('SELECT * FROM made()', 'SELECT * FROM before', 'and changes nothing');
SELECT is((SELECT count(*) FROM game.awf_dashboard_views), 6::bigint, 'six dashboards are saved');
SELECT is((SELECT count(DISTINCT dashboard_type) FROM game.awf_dashboard_views), 6::bigint, 'one of each type');
SELECT is((SELECT target_schema::text FROM tally.packs WHERE name = 'awf'), 'game', 'packs says where it is');

SELECT is((SELECT string_agg(format('%s.%s', c.relname, a.attname), ', ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            WHERE n.nspname = 'game' AND c.relkind IN ('r',
                'v') AND c.relname <> 'analytics_events' AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)),
          NULL, 'every relation of the pack and every column of it has a comment');
-- The panels name relations and columns that exist.
SELECT is_empty($$SELECT v.name, p ->> 'relation', c FROM game.awf_dashboard_views v, jsonb_array_elements(v.layout -> 'panels') p,
    jsonb_array_elements_text(p -> 'columns') c
                   WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('game.' || (p ->> 'relation')) AND a.attname = c)$$,
                       'dashboards draw columns that exist');

UPDATE game.awf_settings SET value = 'https://example.org/hook' WHERE name = 'ALERTS_WEBHOOK_URL';
SET search_path = game, public;
SELECT tally.create_channel('awf of mine', kind => 'table', matchers => '{"area": "awf"}');
RESET search_path;
SELECT bag_eq('SELECT name FROM tally.channels', $$VALUES ('awf webhook'), ('awf of mine')$$, 'a setting has made a channel, beside one of a person');
SELECT lives_ok($$SELECT tally.drop_pack('awf')$$, 'drop_pack takes it back');
SELECT bag_eq('SELECT name FROM tally.channels', $$VALUES ('awf of mine')$$, 'with the channel that its setting made, and no other');
SELECT results_eq('SELECT name FROM made()', $$VALUES ('game.analytics_events')$$, 'all but the source table');
SELECT is((SELECT count(*) FROM game.analytics_events), 2::bigint, 'whose rows stay');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'game.analytics_events'::regclass AND NOT tgisinternal), 0::bigint, 'and whose triggers go');
SELECT lives_ok($$SELECT tally.drop_pack('awf')$$, 'dropping it again is no error');
SELECT lives_ok($$SELECT tally.install_pack('awf', 'public')$$, 'now another schema will do, and the source table is made');
SELECT has_table('public', 'analytics_events', 'there it is');
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = 'analytics_events'::regclass), 2::bigint, 'with its indexes');

-- Any role that may create in a schema may install there; what is made belongs to it.
SELECT tally.drop_pack('awf');
CREATE ROLE pack_owner_70 ROLE CURRENT_USER;
CREATE SCHEMA theirs AUTHORIZATION pack_owner_70;
SET ROLE pack_owner_70;
SELECT lives_ok($$SELECT tally.install_pack('awf', 'theirs')$$, 'an ordinary role installs a pack');
SELECT is((SELECT count(*) FROM tally.rollups WHERE owner <> 'pack_owner_70'::regrole), 0::bigint, 'and owns it');
RESET ROLE;
INSERT INTO theirs.analytics_events (event_time, event_type, session_id, world, session_started_at, latency_ms)
    VALUES ('2025-03-01 10:00+00', 'turn', 's', 'w', '2025-03-01 10:00+00', 5);
SELECT tally.refresh();
CREATE ROLE pack_reader_70 ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA theirs TO pack_reader_70;
GRANT SELECT ON theirs.awf_rollup_hourly, theirs.awf_rollup_daily, theirs.awf_funnels_daily, theirs.awf_kpi_thresholds, theirs.awf_incidents,
    theirs.awf_dashboard_views TO pack_reader_70;
SET ROLE pack_reader_70;
SELECT is((SELECT p95_latency_ms FROM theirs.awf_rollup_hourly), 5, 'a reader with SELECT on the views reads them');
SELECT is((SELECT count(*) FROM theirs.awf_rollup_daily), 1::bigint, 'all');
-- Row level security of the engine reaches through the views: alerts are for those who have the rights of their owner.
SELECT is_empty('SELECT FROM theirs.awf_kpi_thresholds', 'thresholds it does not see');
RESET ROLE;
GRANT pack_owner_70 TO pack_reader_70;
SET ROLE pack_reader_70;
SELECT isnt_empty('SELECT FROM theirs.awf_kpi_thresholds', 'as a member of the owning role it does');
RESET ROLE;
SELECT tally.drop_pack('awf');
DROP SCHEMA theirs CASCADE;
REVOKE ALL ON SCHEMA public FROM pack_reader_70;
DROP OWNED BY pack_owner_70, pack_reader_70;
DROP ROLE pack_owner_70, pack_reader_70;

SELECT * FROM finish();
