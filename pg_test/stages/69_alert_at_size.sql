-- Owns: how many rows the alert stage reads beside 10,000 open incidents, 10,000 messages that wait and 100,000 evaluations. They are counted by
-- PostgreSQL, heap and index, so no clock and no text of a plan decides. It must not depend on ANALYZE either: a tick may come before it, and may
-- file more than all ticks before it. So each is asked without statistics, with those of empty tables, and with those of full ones.
SELECT plan(55);
\ir ../superuser.psql
SET client_min_messages = warning;

CREATE FUNCTION rows_read() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(c.relname, pg_stat_get_xact_tuples_returned(c.oid) + COALESCE((
               SELECT sum(pg_stat_get_xact_tuples_returned(x.indexrelid)) FROM pg_index x WHERE x.indrelid = c.oid), 0))
      FROM pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind = 'r'
$$;
-- What a statement reads of tables of which it reads much.
CREATE FUNCTION much_read(statement text, "but" text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := rows_read();
BEGIN
    EXECUTE statement;
    RETURN COALESCE((SELECT string_agg(format('%s of %s', a.value::bigint - (before ->> a.key)::bigint, a.key), ', ' ORDER BY a.key)
                       FROM jsonb_each_text(rows_read()) a
                      WHERE a.value::bigint - (before ->> a.key)::bigint > 1000 AND a.key <> ALL ("but")), 'little');
END $$;

SELECT format('ALTER TABLE tally.%I SET (autovacuum_enabled = off)', c.relname) FROM pg_class c
 WHERE c.relnamespace = 'tally'::regnamespace AND c.relname ~ '^(incident|inhibit|notification|evaluation|threshold_state|silence)' AND c.relkind = 'r' \gexec
CREATE TABLE hosts (kind text, host text);
SELECT tally.create_channel('poll', kind => 'table', repeat_interval => '4 hours');
SELECT tally.create_threshold(k, query => format('SELECT host, 1 AS value FROM hosts WHERE kind = %L', k), condition => '> 0', every => '1 minute')
  FROM unnest('{old,new}'::text[]) k;
SELECT tally.create_inhibition('root', source => '{"threshold": "old"}', target => '{"threshold": "new"}', equal => '{host}');
INSERT INTO hosts SELECT 'old', 'host-' || i FROM generate_series(1, 10) i;
SELECT count(*) FROM tally.evaluate('2026-03-01 09:58Z');
ANALYZE;
SELECT is((SELECT count(*) FROM tally.incidents), 10::bigint, 'ten incidents, and statistics of no more');

-- 10,000 more, as the engine writes them.
INSERT INTO tally.incidents (severity, threshold, kind, labels, area, impact, opened_at, began_at, life_since, respond_by, threshold_id, owner)
SELECT 'warning', 'old', 'breach', jsonb_build_object('host', 'host-' || g), 'host-' || g, 'old is 1', '2026-03-01 09:00Z', '2026-03-01 09:00Z',
       '2026-03-01 09:00Z', '2026-03-02 10:00Z', t.id, t.owner FROM tally.thresholds t, generate_series(11, 10000) g WHERE t.name = 'old';
INSERT INTO tally.threshold_states (threshold_id, labels, state, active_at, last_tick)
SELECT i.threshold_id, i.labels, 'firing', i.opened_at, i.opened_at FROM tally.incidents i ON CONFLICT DO NOTHING;
INSERT INTO tally.incident_events (incident_id, at, event, author) SELECT i.id, i.opened_at, 'opened', 'pg_tally' FROM tally.incidents i;
INSERT INTO tally.inhibitors SELECT h.id, i.id, tally_internal._equals(h.equal, i.labels) FROM tally.inhibitions h, tally.incidents i ON CONFLICT DO NOTHING;
INSERT INTO tally.notifications (channel_id, group_key, events, status, created_at, not_before, group_hash, flush_at, sent_at)
SELECT c.id, k.k, jsonb_build_array(jsonb_build_object('incident', i.id, 'event', 'opened')), 'pending', k.at, k.at, md5(k.k::text), k.at, k.at
  FROM tally.channels c, tally.incidents i,
       LATERAL (SELECT jsonb_build_object('incident', i.id) AS k, '2026-02-27 09:00Z'::timestamptz + i.id % 1000 * interval '1 minute' AS at) k;
INSERT INTO tally.notification_members SELECT n.channel_id, (n.group_key ->> 'incident')::bigint, n.group_hash, n.id, n.created_at
  FROM tally.notifications n ON CONFLICT DO NOTHING;
INSERT INTO tally.thresholds SELECT (jsonb_populate_record(t, jsonb_build_object('id', 1000 + g, 'name', 'other ' || g, 'enabled', false))).*
  FROM tally.thresholds t, generate_series(1, 100) g WHERE t.name = 'new';
INSERT INTO tally.evaluations (threshold_id, tick)
SELECT t.id, timestamptz '2026-02-28 10:00Z' + g * interval '1 minute' FROM tally.thresholds t, generate_series(1, 1000) g;
INSERT INTO hosts SELECT 'old', 'host-' || i FROM generate_series(11, 10000) i;

CREATE TABLE asked (n int GENERATED ALWAYS AS IDENTITY, statement text, "but" text[], what text);
-- _purge() looks for old messages among all.
INSERT INTO asked (statement, "but", what) VALUES
    ($$SELECT * FROM tally.evaluate('2026-03-01 10:01Z', 'new')$$, '{}', 'twenty fire, one of them is inhibited'),
    ($$SELECT * FROM tally.evaluate('2026-03-01 10:02Z', 'new')$$, '{}', 'they go on firing'),
    ($$WITH gone AS (DELETE FROM hosts WHERE kind = 'new') SELECT 1$$, '{}', 'nothing of them is left'),
    ($$SELECT * FROM tally.evaluate('2026-03-01 10:03Z', 'new')$$, '{}', 'a tick without them'),
    ($$SELECT tally_internal._escalate('2026-03-01 10:05Z')$$, '{}', 'none escalates'),
    ($$SELECT tally_internal._release('2026-03-01 10:05Z')$$, '{}', 'none is released'),
    ($$SELECT tally_internal._repeat('2026-03-01 10:05Z')$$, '{}', 'none is told again'),
    ($$SELECT tally_internal._purge('2026-03-01 11:00Z')$$, '{notifications}', 'no evaluation is old: a purge reads no entry that stays'),
    ($$SELECT * FROM tally.claim_notifications('poll', as_of => '2026-03-01 10:05Z')$$, '{}', 'ten messages are claimed: a claim reads no others'),
    ($$SELECT tally.silence('{"host": "host-1000"}', 'here', starts_at => '2026-03-01 10:05Z', "for" => '1 hour')$$, '{}', 'a silence'),
    ($$SELECT * FROM tally.claim_notifications('poll', as_of => '2026-03-01 10:05Z')$$, '{}', 'ten more: a claim beside a silence reads no other incidents'),
    ($$SELECT tally.acknowledge(17)$$, '{}', 'an incident is acknowledged'),
    -- Of its own threshold's evaluations, the last with a bucket; and a threshold takes its evaluations along.
    ($$SELECT tally.resolve(18, 'a', 'b', 'c')$$, '{evaluations}', 'an incident is closed'),
    ($$SELECT tally.drop_threshold('other 7')$$, '{evaluations}', 'a threshold is dropped'),
    ($$SELECT count(*) FROM tally.list_incidents(most => 20)$$, NULL, 'the first page of incidents'),
    ($$SELECT count(*) FROM tally.list_incidents(before => 500, most => 20)$$, NULL, 'the last page: those behind it are not read'),
    ($$SELECT count(*) FROM tally.incident_feed$$, NULL, 'the feed');
CREATE TABLE answers (statistics text, n int, read text);
CREATE PROCEDURE ask(statistics text) LANGUAGE plpgsql AS $$
DECLARE
    a     record;
    reads text[] := '{}';
BEGIN
    INSERT INTO hosts SELECT 'new', 'fresh-' || g FROM generate_series(1, 19) g;
    INSERT INTO hosts VALUES ('new', 'host-7');
    FOR a IN SELECT * FROM asked ORDER BY n LOOP
        -- What a person looks at may be sorted before the first ANALYZE.
        reads := reads || CASE WHEN a."but" IS NOT NULL OR statistics = 'full' THEN much_read(a.statement, COALESCE(a."but", '{}')) ELSE 'little' END;
    END LOOP;
    reads := reads || (SELECT format('%s filed, %s kept back: %s', count(*), count(i.suppressed_by),
                                     min(i.labels ->> 'host') FILTER (WHERE i.suppressed_by LIKE 'inhibition root %'))
                         FROM tally.incidents i WHERE i.threshold = 'new');
    ROLLBACK;
    INSERT INTO answers SELECT statistics, r.n, r.r FROM unnest(reads) WITH ORDINALITY r(r, n);
    COMMIT;
END $$;
CALL ask('of nearly empty tables');
SELECT by_superuser($$DELETE FROM pg_statistic s USING pg_class c WHERE c.oid = s.starelid AND c.relnamespace = 'tally'::regnamespace$$);
CALL ask('none');
ANALYZE;
CALL ask('full');
SELECT is(r.read, 'little', format('statistics %s: %s', r.statistics, a.what)) FROM answers r JOIN asked a USING (n) ORDER BY r.statistics, n;
SELECT is(r.read, '20 filed, 1 kept back: host-7', format('statistics %s: what fired is filed', r.statistics))
  FROM answers r WHERE NOT EXISTS (SELECT FROM asked a WHERE a.n = r.n) ORDER BY r.statistics;
SELECT * FROM finish();
