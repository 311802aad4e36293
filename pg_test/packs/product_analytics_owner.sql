-- Owns: what an owner does with the pack product_analytics: tables of his own with ids of other types, the taxonomy enforced, readers with
-- SELECT alone, installing again, dropping; and what the generator promises.
SELECT no_plan();
SET client_min_messages = warning;
SET jit = off;
SET timezone = 'Etc/UTC';

CREATE SCHEMA app;
CREATE TYPE app.outcome AS ENUM ('ok', 'failed');
CREATE TABLE app.analytics_events (event_time timestamptz, event_type varchar(60), user_id uuid, assignment_id uuid, meta jsonb);
CREATE TABLE app.assignments (id uuid PRIMARY KEY, created_at timestamp, status text);
CREATE TABLE app.ingestion_runs (id text PRIMARY KEY, started_at timestamptz);
\ir ../message_of.psql
SELECT is((SELECT (state, message, hint)::text FROM message_of($$SELECT tally.install_pack('product_analytics', 'app')$$)),
    $$(42703,"pack 'product_analytics' cannot use the table app.ingestion_runs as it is: status text is missing",$$
    || '"ALTER TABLE app.ingestion_runs ADD COLUMN status text;")', 'a missing column is named');
ALTER TABLE app.ingestion_runs ADD COLUMN status app.outcome;
ALTER TABLE app.assignments ALTER created_at TYPE timestamptz;
CREATE TABLE app.telegram_extractions (created_at timestamptz, status app.outcome);
SELECT lives_ok($$SELECT tally.install_pack('product_analytics', 'app')$$, 'uuid and text ids, enums and varchar will do');
SELECT is((SELECT zone FROM tally.rollups WHERE name = 'pa_events_15m'), 'UTC', 'UTC by another name is UTC');
INSERT INTO app.assignments SELECT md5(i::text)::uuid, '2025-03-03 00:00+00', 'open' FROM generate_series(1, 3) i;
INSERT INTO app.analytics_events SELECT '2025-03-03 10:00+00', t, md5('u')::uuid, md5('1')::uuid,
    NULL FROM unnest('{assignment_filled_report,notify_sent,notify_click,assignment_view,assignment_apply_click}'::text[]) t;
INSERT INTO app.ingestion_runs VALUES ('run one', '2025-03-03', 'ok'), ('run two', '2025-03-03', NULL);
INSERT INTO app.ingestion_run_progress (run_id, error_count) VALUES (1, 3);
INSERT INTO app.telegram_extractions VALUES ('2025-03-03', 'failed');
SELECT is((SELECT (runs, ok_runs, bad_runs, distinct_runs, errors)::text FROM app.product_ingestion_runs), '(2,1,0,2,)', 'runs of text, progress of bigint');
SELECT is((SELECT (n, p50_hours_to_filled_report)::text FROM app.product_time_to_fill), '(1,10)', 'time to fill by uuid');
SELECT count(*) FROM tally.refresh();
SELECT is((SELECT (sent, clicked, viewed, applied)::text FROM app.product_notification_funnel), '(1,1,1,1)', 'the funnel by uuid');
SELECT is((SELECT status::text FROM app.product_extraction_outcomes), 'failed', 'outcomes of an enum');

-- Enforcement is off until the owner says so, and stays as it is when the pack is installed again.
SELECT lives_ok($$INSERT INTO app.analytics_events VALUES ('2025-03-03', 'no_such_type')$$, 'not enforced at first');
ALTER TABLE app.analytics_events ENABLE TRIGGER taxonomy;
SET timezone = 'Asia/Kathmandu';
SELECT lives_ok($$SELECT tally.install_pack('product_analytics', 'app')$$, 'installed again, from a session of another zone');
SET timezone = 'UTC';
SELECT is((SELECT (state, message, hint)::text FROM message_of($$INSERT INTO app.analytics_events
    VALUES ('2025-03-03', 'assignment_hide', NULL, md5('1')::uuid, '{"reason": "Mondays", "surface": 7}')$$)),
    $$(23514,"event of type 'assignment_hide' does not keep to the taxonomy: no user, value not allowed reason <string>, wrong kind surface <number>",$$
    || $$"SELECT * FROM analytics_event_keys WHERE event_type IN ('assignment_hide', '*');")$$, 'enforced: all that is wrong is named');
SELECT throws_ok($$INSERT INTO app.analytics_events VALUES ('2025-03-03', 'no_such_type')$$, '23514', NULL, 'enforced: type');
SELECT throws_ok($$UPDATE app.analytics_events SET meta = '{}' WHERE event_type = 'assignment_apply_click'$$, '23514', NULL, 'enforced: update');
SELECT lives_ok($$INSERT INTO app.analytics_events VALUES ('2025-03-03', 'assignment_hide', md5('u')::uuid, md5('1')::uuid,
    '{"reason": "too_far", "surface": "website", "version": null}')$$, 'what keeps to it is taken');
SELECT lives_ok($$INSERT INTO app.analytics_event_types VALUES ('no_such_type', 'mine'); INSERT INTO app.analytics_events
    VALUES ('2025-03-03', 'no_such_type')$$, 'a type of one''s own');

-- A reader needs SELECT on the views and nothing else.
CREATE ROLE product_reader ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA app TO product_reader;
SELECT count(*) FROM (SELECT format('GRANT SELECT ON %s TO product_reader', oid::regclass) AS q FROM pg_class WHERE relnamespace = 'app'::regnamespace
    AND relkind = 'v' AND relname LIKE 'product\_%') g, LATERAL (SELECT message_of(g.q)) x;
SET ROLE product_reader;
SELECT is_empty(format('SELECT * FROM message_of(%L) m WHERE m.state IS NOT NULL', 'SELECT * FROM app.' || v), 'a reader draws ' || v)
    FROM unnest('{product_event_volume,product_wau,product_preference_tuning,product_apply_rate,product_dead_end_rate,product_market_supply,
    product_time_to_fill,product_time_to_first_fill,product_filled_reports,product_extraction_outcomes,product_ingestion_runs,'
    'product_click_through,product_pipeline,product_broadcasts,product_notification_funnel,product_event_problems}'::text[]) v;
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'v' AND relname LIKE 'product\_%'), 16::bigint,
    'those are all views');
DROP OWNED BY product_reader;
DROP ROLE product_reader;
SELECT is((SELECT string_agg(format('%s.%s', c.relname, a.attname), ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    AND NOT a.attisdropped
            WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname ~ '^(product|pa|analytics_event_)'
                AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)),
          NULL, 'every relation of the pack and every column of it has a comment');

SELECT lives_ok($$SELECT tally.drop_pack('product_analytics')$$, 'dropped');
SELECT bag_eq($$SELECT relname::text FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'v')$$,
    $$SELECT relation FROM tally.pack_tables WHERE pack = 'product_analytics'$$, 'only the source tables are left');
SELECT is((SELECT count(*) FROM app.analytics_events), 8::bigint, 'with their rows');
SELECT is((SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'app'::regnamespace AND NOT tgisinternal), 0::bigint,
    'and without triggers');
SELECT is((SELECT count(*) FROM pg_proc WHERE pronamespace = 'app'::regnamespace), 0::bigint, 'nor functions');
SELECT is((SELECT count(*) FROM tally.rollups) + (SELECT count(*) FROM tally.metrics) + (SELECT count(*) FROM tally.probes), 0::bigint, 'nor definitions');

CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE SCHEMA other;
SELECT is(tally.generate_product_analytics(3000, seed => 3, until => '2025-03-31 00:00+00', target_schema => 'one'), 3000::bigint,
    'the generator says how many events it wrote');
SELECT tally.generate_product_analytics(3000, seed => 3, until => '2025-03-31 00:00+00', target_schema => 'two');
SELECT tally.generate_product_analytics(3000, seed => 4, until => '2025-03-31 00:00+00', target_schema => 'other');
SELECT bag_eq(format('TABLE one.%I', relation), format('TABLE two.%I', relation), 'the same arguments, the same rows: ' || relation) FROM tally.pack_tables
    WHERE pack = 'product_analytics';
SELECT isnt_empty('SELECT event_time, event_type, user_id FROM one.analytics_events EXCEPT SELECT event_time, event_type, user_id FROM other.analytics_events',
    'another seed gives other rows');
SELECT is((SELECT count(*) FROM one.analytics_events), 3000::bigint, 'exactly as many as asked');
SELECT ok((SELECT min(event_time) >= '2024-12-31 00:00+00' AND max(event_time) < '2025-03-31 00:00+00' FROM one.analytics_events), 'within the span');
SELECT is_empty('SELECT FROM one.analytics_events e JOIN one.assignments a ON a.id = e.assignment_id WHERE e.event_time < a.created_at',
    'no event before its assignment is offered');
SELECT is(tally.generate_product_analytics(0, target_schema => 'other'), 0::bigint, 'none is none');
SELECT throws_ok('SELECT tally.generate_product_analytics(-1)', '22023', NULL, 'fewer is an error');
SELECT * FROM finish();
