-- Owns: tally.generate_product_analytics(): a tutoring marketplace, for demos, tests and benchmarks. Every value is arithmetic on 64-bit
-- hashes of (row, seed), so the same arguments give the same rows on any machine.
--
-- Events come in tens: a notification with what follows from it (click, view, click to apply, as far as the tutor goes; otherwise other events
-- stand in their places) and six others. Tutors are few that do much and many that do little, a quarter of the visits are anonymous,
-- events are about recent assignments, evenings are fuller, and a few events in a thousand do not keep to the taxonomy.

CREATE OR REPLACE FUNCTION tally_internal._product_events(events bigint, seed int, until timestamptz, span interval, first bigint, last bigint)
RETURNS TABLE (event_time timestamptz, event_type text, user_id bigint, assignment_id bigint, meta jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH law AS (
        SELECT greatest(events / 200, 5)::float8 AS users, greatest(events / 200, 5)::float8 AS assignments,
            greatest(extract(epoch FROM span) / 86400, 0.01)::float8 AS days
    ), drawn AS (
        SELECT i, hashint8extended(i, seed) & 9223372036854775807 AS h, hashint8extended((i - 1) / 10, seed + 7919) & 9223372036854775807 AS g,
            (i - 1) % 10 AS place, (i - 1) / 10 AS ten
          FROM generate_series(first, last) i
    ), shaped AS (
        SELECT d.*, l.*, width_bucket(tally_internal._unit(g, 0), '{.55,.72,.86}'::float8[]) AS depth,
               -- Hours of an evening weigh more than those of a night: the share within a day is bent towards its end.
               (ten * 10 + 5 * tally_internal._unit(g, 16)) / greatest(events, 10)::float8 AS share
          FROM drawn d, law l
    ), timed AS (
        SELECT s.*, place BETWEEN 0 AND 3 AND place <= depth AS follows,
               least(until - interval '1 us', (until - span) + span * least(share, 1) + CASE WHEN place BETWEEN 1 AND 3 AND place <= depth
                     THEN interval '1 minute' * (place * exp(2 + 1.5 * tally_internal._unit(g, 32)))
                         ELSE interval '1 second' * place * 97 * tally_internal._unit(h, 40) END) AS at
          FROM shaped s
    ), placed AS (
        SELECT t.*, CASE WHEN follows THEN g ELSE h END AS who,
               -- The age of the assignment in question: three days on average.
               greatest(1, ceil(least(share, 1) * assignments) - floor(assignments / days * 3 * -ln(1 - tally_internal._unit(CASE WHEN follows THEN g
                       ELSE h END, 8)))) AS assignment,
               CASE WHEN follows THEN ('{notify_sent,notify_click,assignment_view,assignment_apply_click}'::text[])[1 + place]
                    ELSE ('{assignment_list_view,assignment_view,preferences_update,assignment_save,assignment_unsave,assignment_hide,
                            assignment_apply_click,assignment_apply_submit,assignment_reply_received,assignment_no_reply,assignment_filled_report,
                            assignment_scam_report,auth_login,telegram_link_success,notifications_pause,notifications_resume,
                            assignment_share}'::text[])
                         [1 + width_bucket(tally_internal._unit(h, 24),
                                           '{.30,.66,.72,.76,.77,.80,.85,.87,.885,.9125,.9155,.9175,.985,.99,.996,.999}'::float8[])] END AS type
          FROM timed t
    )
    SELECT at, type,
           CASE WHEN NOT follows AND type IN ('assignment_list_view', 'assignment_view') AND h & 3 = 0 THEN NULL
               ELSE 1 + floor(users * power(tally_internal._unit(who, 36), 1.7))::bigint END,
           CASE WHEN type LIKE 'assignment\_%' AND type <> 'assignment_list_view' OR type LIKE 'notify\_%' THEN assignment::bigint END,
           CASE WHEN h & 1023 = 5 THEN NULL ELSE CASE type
               WHEN 'assignment_list_view' THEN jsonb_build_object('surface', 'website', 'sort', 'newest', 'filters',
                                                                   jsonb_build_object('level', 'P' || 1 + (h >> 12 & 5)))
               WHEN 'assignment_view' THEN jsonb_build_object('surface', CASE WHEN h & 1023 = 9 THEN 'app' ELSE 'website' END, 'list_position', h >> 12 & 31)
               WHEN 'preferences_update' THEN '{"changed": ["subjects", "levels"]}'::jsonb
               WHEN 'telegram_link_success' THEN '{"surface": "bot"}' WHEN 'auth_login' THEN '{"surface": "website"}'
               WHEN 'assignment_hide' THEN jsonb_build_object('reason', ('{too_far,rate_low,not_interested,other}'::text[])[1 + (h >> 12 & 3)])
               WHEN 'assignment_apply_click' THEN jsonb_build_object('surface', CASE WHEN h >> 12 & 3 = 0 THEN 'telegram' ELSE 'website' END, 'method', CASE
                                                                     WHEN h >> 14 & 1 = 0 THEN 'external' ELSE 'one_click' END)
               WHEN 'assignment_apply_submit' THEN jsonb_build_object('method', 'one_click', 'answers_count', h >> 12 & 7)
               WHEN 'assignment_no_reply' THEN jsonb_build_object('days_waited', 1 + (h >> 12 & 15))
               WHEN 'assignment_filled_report' THEN jsonb_build_object('source', ('{tutor,agency,inferred,tutor}'::text[])[1 + (h >> 12 & 3)])
               WHEN 'assignment_scam_report' THEN '{"category": "deposit"}' WHEN 'notifications_pause' THEN '{"reason": "busy", "duration_hours": 72}'
                   WHEN 'notifications_resume' THEN '{"reason": "manual"}'
               WHEN 'notify_sent' THEN jsonb_build_object('surface', 'telegram_dm', 'batch_id', 'b' || ten / 5, 'match_score',
                                                          round(tally_internal._unit(g, 20)::numeric, 3))
               WHEN 'notify_click' THEN '{"surface": "telegram_dm", "link_type": "assignment"}' END END
      FROM placed
$$;
COMMENT ON FUNCTION tally_internal._product_events(bigint, int, timestamptz, interval, bigint, bigint) IS
'Events for generate_product_analytics(): the numbers first to last of all that it makes.';

CREATE OR REPLACE FUNCTION tally.generate_product_analytics(
    events        bigint DEFAULT 1000000,
    seed          int DEFAULT 1,
    until         timestamptz DEFAULT date_trunc('hour', now()),
    span          interval DEFAULT '90 days',
    target_schema text DEFAULT 'public'
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    assignments bigint := CASE events WHEN 0 THEN 0 ELSE greatest(events / 200, 5) END;
    runs        bigint := ceil(events / 1000.0);
    fresh       text[];
    item        record;
BEGIN
    IF events < 0 OR span <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('generate_product_analytics needs events of at least 0 and a span longer than nothing, got %s and %L', events, span::text),
            HINT = 'SELECT tally.generate_product_analytics(events => 1000000, span => ''90 days'');';
    END IF;
    fresh := tally_internal._make_sources('product_analytics', target_schema);
    -- A chunk at a time, so that it stays in memory.
    FOR chunk IN 1 .. events BY 500000 LOOP
        EXECUTE format('INSERT INTO %I.analytics_events (event_time, event_type, user_id, assignment_id, meta) SELECT * FROM '
            'tally_internal._product_events($1, $2, '
            '$3, $4, $5, $6)', target_schema)
            USING events, seed, until, span, chunk, least(chunk + 499999, events);
    END LOOP;
    FOR item IN SELECT * FROM (VALUES
        (2, 'assignments', 'id, created_at, status', assignments, $q$
            SELECT i, at, CASE WHEN $3 - at < $4 * tally_internal._unit(h, 20) / 6 THEN 'open' WHEN h & 3 = 0 THEN 'expired' WHEN h & 127 = 1 THEN NULL
                ELSE 'filled' END FROM drawn ON CONFLICT DO NOTHING$q$),
        (3, 'telegram_extractions', 'created_at, status', events / 10, $q$SELECT at, CASE WHEN h & 31 = 0 THEN 'failed' WHEN h & 7 = 1 THEN 'skipped'
         ELSE 'ok' END FROM drawn$q$),
        (4, 'ingestion_runs', 'id, started_at, status', runs, $q$SELECT i, at, CASE WHEN h & 31 = 0 THEN 'error' WHEN h & 255 = 1 THEN NULL ELSE 'ok' END
         FROM drawn ON CONFLICT DO NOTHING$q$),
        -- One run in eight has no progress, one in eight has two rows.
        (4, 'ingestion_run_progress', 'run_id, scanned_count, inserted_count, updated_count, error_count', runs, $q$
            SELECT i, 100 + (h >> 12 & 255), h >> 20 & 31, h >> 25 & 15, CASE WHEN h & 31 = 0 THEN 1 + (h >> 30 & 7) ELSE 0 END
                FROM drawn, generate_series(1, CASE h >> 40 & 7 WHEN 0 THEN 0 WHEN 1 THEN 2 ELSE 1 END)$q$),
        (5, 'assignment_clicks', 'clicks, last_click_at', assignments / 2, 'SELECT 1 + (h >> 12 & 63), at FROM drawn'),
        -- One message in nine is never extracted. An assignment is broadcast to one to four channels, within an hour of its offer.
        (3, 'telegram_messages_raw', 'message_date', events / 10 + events / 80, 'SELECT at FROM drawn'),
        (2, 'broadcast_messages', 'created_at', assignments, $q$
            SELECT least($3 - interval '1 us', at + interval '1 minute' * (h >> 12 & 63)) FROM drawn, generate_series(0, h >> 30 & 3)$q$))
        s(salt, relation, columns, n, query)
    LOOP
        EXECUTE format($q$
            WITH drawn AS NOT MATERIALIZED (
                SELECT i, hashint8extended(i, $2 * 31 + $5) & 9223372036854775807 AS h, $3 - $4 + $4 * ((i - 1) / $1::float8) AS at
                    FROM generate_series(1, $1) i)
            INSERT INTO %I.%I (%s) %s$q$, target_schema, item.relation, item.columns, item.query) USING item.n, seed, until, span, item.salt;
    END LOOP;
    PERFORM tally_internal._index_source('product_analytics', relation, target_schema) FROM unnest(fresh) relation;
    FOR item IN SELECT t.relation FROM tally.pack_tables t WHERE t.pack = 'product_analytics' LOOP
        EXECUTE format('ANALYZE %I.%I', target_schema, item.relation);
    END LOOP;
    RETURN events;
END $$;
COMMENT ON FUNCTION tally.generate_product_analytics(bigint, int, timestamptz, interval, text) IS
'Writes exactly so many events of the pack product_analytics, spread over the span before until, into analytics_events of target_schema, and the '
    'assignments, messages, extractions, runs, broadcasts and clicks that go with them (tables made if missing). Deterministic: the same '
    'arguments, the same rows.';
