-- Owns: tutors of product_analytics under pseudonyms: switched off they are kept by their ids; switched on no table of the pack keeps one, from rows that
-- writers without any right to the key write, and every figure is the same.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
\ir ../message_of.psql
-- Whom each pack counts, as the "Identities" of its README says.
SELECT bag_eq($$SELECT DISTINCT s.pack::text, m[1] FROM tally.pack_steps s, regexp_matches(s.statement, 'tally\.(?:hll|topk)\((\w+)', 'g') m
    WHERE s.kind = 'rollup'$$, $$VALUES ('awf', 'session_id'), ('awf', 'meta'), ('product_analytics', 'user_id'), ('publisher', 'artifact_uri')$$,
    'distinct counts and most frequent values');
DO $$ BEGIN CREATE ROLE keyed_users_writer ROLE CURRENT_USER; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
CREATE SCHEMA shop;
SELECT tally.install_pack('product_analytics', target_schema => 'shop');
SET search_path = shop, public;
GRANT USAGE ON SCHEMA shop TO keyed_users_writer;
GRANT INSERT, UPDATE, SELECT ON analytics_events TO keyed_users_writer;
INSERT INTO analytics_events (event_time, event_type, user_id, assignment_id, meta)
SELECT timestamptz '2026-03-02 10:00Z' + (i % 20) * interval '1 day' + s * interval '1 minute', t.type, 5000000 + i % 40, 9000 + i % 7, '{}'
  FROM generate_series(1, 200) i, unnest('{notify_sent,notify_click,assignment_list_view,assignment_view,assignment_apply_click,preferences_update}'::text[])
       WITH ORDINALITY t(type, s) WHERE i % (t.s::int + 1) <> 1;
CALL tally.backfill();
CREATE FUNCTION bare() RETURNS TABLE (place text, n bigint) LANGUAGE sql AS $$
    SELECT 'events', count(*) FROM shop.analytics_events WHERE user_id BETWEEN 5000000 AND 5000039
    UNION ALL SELECT 'days', count(*) FROM shop.pa_user_days WHERE user_id BETWEEN '5000000' AND '5000039' AND length(user_id) = 7
    UNION ALL SELECT 'weeks', count(*) FROM shop.pa_user_weeks WHERE user_id BETWEEN '5000000' AND '5000039' AND length(user_id) = 7
    UNION ALL SELECT 'notifications', count(*) FROM shop.pa_notifications WHERE user_id BETWEEN '5000000' AND '5000039' AND length(user_id) = 7
$$;
SELECT is((SELECT array_agg(place ORDER BY place) FROM bare() WHERE n > 0), '{days,events,notifications,weeks}', 'off: tutors are kept by their ids');
CREATE FUNCTION figures() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array((SELECT jsonb_agg(to_jsonb(w) ORDER BY to_jsonb(w)) FROM shop.product_wau w),
        (SELECT jsonb_agg(to_jsonb(w) ORDER BY to_jsonb(w)) FROM shop.product_preference_tuning w),
        (SELECT jsonb_agg(to_jsonb(w) ORDER BY to_jsonb(w)) FROM shop.product_apply_rate w),
        (SELECT jsonb_agg(to_jsonb(w) ORDER BY to_jsonb(w)) FROM shop.product_notification_funnel w))
$$;
CREATE TEMP TABLE before AS SELECT figures() AS f;
SELECT ok((SELECT jsonb_array_length(f -> 0) > 1 AND jsonb_array_length(f -> 3) > 1 FROM before), 'there are figures');

-- On: without a key an event is refused, in four parts.
ALTER TABLE analytics_events ENABLE TRIGGER keyed_users;
SELECT results_eq($$SELECT state, message ~ 'need an identity key', detail <> '', hint ~ 'GRANT SELECT ON tally.identity_key'
    FROM message_of('INSERT INTO shop.analytics_events (event_type, user_id) VALUES (''assignment_view'', 5000001)')$$,
    $$VALUES ('55000', true, true, true)$$, 'without a key nothing is written');
SELECT lives_ok('INSERT INTO shop.analytics_events (event_type, event_time) VALUES (''subjects_search'', ''2020-01-01Z'')', 'but for events of nobody');
SELECT isnt(tally.rotate_identity_key(), NULL, 'a key is made');
SET ROLE keyed_users_writer;
INSERT INTO shop.analytics_events (event_time, event_type, user_id, assignment_id) VALUES ('2020-01-01 10:00Z', 'assignment_view', 5000001, 9001),
    ('2020-01-01 11:00Z', 'assignment_apply_click', 5000001, 9001), ('2020-01-01 12:00Z', 'assignment_view', 5000002, 9001);
SELECT results_eq($$SELECT count(DISTINCT user_id), count(*) FILTER (WHERE user_id > 100000000) FROM shop.analytics_events WHERE event_time < '2021-01-01Z'
    AND user_id IS NOT NULL$$, $$VALUES (2::bigint, 3::bigint)$$, 'a writer without a right to the key writes pseudonyms, one for each tutor');
UPDATE shop.analytics_events SET user_id = user_id, meta = '{"source": "web"}' WHERE event_time < '2021-01-01Z';
SELECT is((SELECT count(DISTINCT user_id) FROM shop.analytics_events WHERE event_time < '2021-01-01Z'), 2::bigint, 'written back it stays the same');
UPDATE shop.analytics_events SET user_id = 5000001 WHERE event_time = '2020-01-01 12:00Z';
SELECT is((SELECT count(DISTINCT user_id) FROM shop.analytics_events WHERE event_time < '2021-01-01Z'), 1::bigint, 'an id that is written over it becomes one');
SELECT throws_ok('SELECT * FROM tally.identity_key', '42501', NULL, 'the writer has no right to the key');
RESET ROLE;
DELETE FROM analytics_events WHERE event_time < '2021-01-01Z';
-- The statement of the README, for the rows that are there.
WITH bare AS (DELETE FROM analytics_events RETURNING *) INSERT INTO analytics_events SELECT * FROM bare;
CALL tally.backfill();
SELECT is_empty('SELECT * FROM bare() WHERE n > 0', 'no table of the pack keeps an id any more');
SELECT cmp_ok((SELECT count(*) FROM pa_notifications), '>', 100::bigint, 'they keep as many tutors');
SELECT is(figures(), (SELECT f FROM before), 'and every figure is the same');
SELECT is((SELECT count(*) FROM tally.keyed_rollups k JOIN tally.rollups r ON r.id = k.rollup_id WHERE r.name = 'pa_tutors_weekly'), 1::bigint,
    'the sketch of tutors is keyed too');

-- Other types of ids.
CREATE TABLE public.words (user_id text); CREATE TABLE public.uuids (user_id uuid); CREATE TABLE public.ints (user_id int);
CREATE TRIGGER keyed_users BEFORE INSERT ON public.words FOR EACH ROW EXECUTE FUNCTION analytics_events_key_users();
CREATE TRIGGER keyed_users BEFORE INSERT ON public.uuids FOR EACH ROW EXECUTE FUNCTION analytics_events_key_users();
CREATE TRIGGER keyed_users BEFORE INSERT ON public.ints FOR EACH ROW EXECUTE FUNCTION analytics_events_key_users();
INSERT INTO public.words VALUES ('ann'), ('ann');
INSERT INTO public.uuids VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
SELECT is((SELECT count(DISTINCT user_id) FROM public.words WHERE user_id ~ '^[0-9a-f]{64}$'), 1::bigint, 'text');
SELECT isnt((SELECT user_id FROM public.uuids), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'uuid');
SELECT results_eq($$SELECT state, message ~ 'must be bigint, uuid or text', detail <> '', hint FROM message_of('INSERT INTO public.ints VALUES (7)')$$,
    $$VALUES ('42804', true, true, 'ALTER TABLE public.ints DISABLE TRIGGER keyed_users;')$$, 'an integer is refused, in four parts');
DROP TABLE public.words, public.uuids, public.ints;

-- Installed again it stays on; dropped it goes.
SELECT tally.install_pack('product_analytics', target_schema => 'shop');
SELECT is((SELECT tgenabled::text FROM pg_trigger WHERE tgrelid = 'shop.analytics_events'::regclass AND tgname = 'keyed_users'), 'O',
    'installed again: it is on still');
SELECT is(has_function_privilege('keyed_users_writer', 'shop.analytics_events_key_users()', 'EXECUTE'), false, 'nobody else may make triggers of its function');
SELECT tally.drop_pack('product_analytics', 'shop');
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop.analytics_events'::regclass AND tgname = 'keyed_users'), 0::bigint, 'dropped it goes');

DROP OWNED BY keyed_users_writer;
DROP ROLE keyed_users_writer;
SELECT * FROM finish();
