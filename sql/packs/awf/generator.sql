-- Owns: tally.generate_awf(): events of the system that the pack awf serves, for demos, tests and benchmarks.
--
-- Deterministic: every value is arithmetic on one 64-bit hash of (session, event, seed), so the same arguments give the
-- same rows on any machine. The shapes are those that make rollups hard: Zipf worlds and adventures, an adventure
-- belongs to a world, the model follows the experiment, the locale follows the hour of day, sessions follow the day
-- and the week, latency is log-normal per model, sessions fall off along the funnel by adventure and variation.

CREATE OR REPLACE FUNCTION tally_internal._unit(hash bigint, shift int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((hash OPERATOR(pg_catalog.>>) shift) OPERATOR(pg_catalog.&) 65535::bigint)::float8
       OPERATOR(pg_catalog./) 65536::float8;
COMMENT ON FUNCTION tally_internal._unit(bigint, int) IS 'Sixteen bits of a hash as a number in [0, 1).';

CREATE OR REPLACE FUNCTION tally_internal._zipf(n int, exponent float8) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Upper bounds for width_bucket(): rank k has weight 1/k^exponent.
    SELECT array_agg(b ORDER BY k) FROM (
        SELECT k, sum(power(k, -exponent)) OVER (ORDER BY k) / sum(power(k, -exponent)) OVER () AS b FROM generate_series(1, n) k) x
     WHERE k < n
$$;
COMMENT ON FUNCTION tally_internal._zipf(int, float8) IS 'Cumulative weights of a Zipf distribution over n ranks, for width_bucket().';

CREATE OR REPLACE FUNCTION tally_internal._awf_hours(since timestamptz, until timestamptz) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Weight of each hour: an evening peak, a quiet night, a fuller weekend, and slow growth over the range.
    SELECT array_agg(b ORDER BY h) FROM (
        SELECT h, sum(w) OVER (ORDER BY h) / sum(w) OVER () AS b
          FROM (SELECT h, (1 + 0.75 * sin((extract(hour FROM t AT TIME ZONE 'UTC') - 13) * pi() / 12))
                          * CASE WHEN extract(isodow FROM t AT TIME ZONE 'UTC') >= 6 THEN 1.35 ELSE 1 END
                          * (1 + 0.3 * h / greatest(extract(epoch FROM until - since) / 3600, 1)) AS w
                  FROM (SELECT h, since + make_interval(hours => h) AS t
                          FROM generate_series(0, ceil(extract(epoch FROM until - since) / 3600)::int - 1) h) s) x) y
$$;
COMMENT ON FUNCTION tally_internal._awf_hours(timestamptz, timestamptz) IS
'Cumulative share of sessions that start by the end of each hour of the range, for width_bucket().';

CREATE OR REPLACE FUNCTION tally_internal._awf_type(r int, reached int, model text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN r < 560 THEN 'turn'
    WHEN r < 690 THEN CASE WHEN reached >= 1 THEN 'choice' ELSE 'turn' END
    WHEN r < 710 THEN CASE WHEN reached >= 2 THEN 'npc_join' ELSE 'turn' END
    WHEN r < 724 THEN CASE WHEN reached >= 2 THEN 'npc_decline' ELSE 'turn' END
    WHEN r < 760 THEN CASE WHEN reached >= 3 THEN 'craft' ELSE 'turn' END
    WHEN r < 795 THEN CASE WHEN reached >= 4 THEN 'vendor' ELSE 'turn' END
    WHEN r < 803 THEN CASE WHEN reached >= 5 THEN 'boss' ELSE 'turn' END
    WHEN r < 832 THEN 'retry'
    WHEN r < 843 THEN 'fallback'
    -- The small model falls back twice as often.
    WHEN r < 854 THEN CASE WHEN model = 'ember-mini' THEN 'fallback' ELSE 'turn' END
    WHEN r < 872 THEN 'validator_retry'
    WHEN r < 882 THEN 'stuck'
    WHEN r < 887 THEN 'softlock_hint'
    WHEN r < 911 THEN 'dialogue'
    WHEN r < 918 THEN 'romance'
    WHEN r < 940 THEN 'world_event'
    WHEN r < 954 THEN 'loot'
    WHEN r < 964 THEN 'combat'
    WHEN r < 970 THEN 'arc'
    WHEN r < 974 THEN CASE WHEN reached >= 2 THEN 'npc_dismiss' ELSE 'turn' END
    WHEN r < 982 THEN CASE WHEN reached >= 2 THEN 'delegated_check' ELSE 'turn' END
    WHEN r < 988 THEN 'weather'
    WHEN r < 992 THEN 'region_drift'
    WHEN r < 995 THEN 'dialogue_blocked'
    WHEN r < 998 THEN 'sim'
    ELSE 'turn'
END;
COMMENT ON FUNCTION tally_internal._awf_type(int, int, text) IS
'Type of an event that is no first step of the funnel, from ten bits of its hash; steps recur only once reached.';

CREATE OR REPLACE FUNCTION tally_internal._awf_choice(r int, adventure text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- Four options; in some adventures nearly everybody takes the first, so their choices are less diverse.
RETURN CASE WHEN length(adventure) OPERATOR(pg_catalog.%) 3 OPERATOR(pg_catalog.=) 0
            THEN CASE WHEN r < 13 THEN 'fight' WHEN r < 14 THEN 'flee' WHEN r < 15 THEN 'bargain' ELSE 'sneak' END
            ELSE CASE WHEN r < 6 THEN 'fight' WHEN r < 10 THEN 'flee' WHEN r < 13 THEN 'bargain' ELSE 'sneak' END END;
COMMENT ON FUNCTION tally_internal._awf_choice(int, text) IS 'Which option is chosen, from four bits of the event''s hash.';

CREATE OR REPLACE FUNCTION tally_internal._awf_sessions(events bigint, seed int, until timestamptz, span interval) RETURNS TABLE (
    n bigint, h bigint, len int, depth int, gap float8, started timestamptz, session_id text, user_id text, world text, adventure text,
    locale text, model text, experiment text, variation text, content_version text, mu float8)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH law AS MATERIALIZED (
        SELECT tally_internal._zipf(24, 1.1) AS adventures, tally_internal._awf_hours(until - span, until) AS hours, extract(epoch FROM span) AS seconds,
               '{emberfall,tidewatch,hollowmere,skyreach,thornwood,glasswaste}'::text[] AS worlds,
               '{the-drowned-bell,ash-and-antler,a-crown-of-salt,nine-lanterns,the-quiet-mill,wolves-of-varn,glass-harvest,the-last-ferry,moth-king,
                 a-debt-in-iron,the-painted-door,low-tide,starless-inn,the-orchard-war,beneath-the-weir,two-masks,the-bone-clock,winter-tithe,
                 the-hanging-market,salt-road,a-song-for-crows,the-ninth-gate,copper-rain,the-long-toll}'::text[] AS names,
               '{en-US,en-GB,de-DE,fr-FR,es-ES,pt-BR,ja-JP,ko-KR}'::text[] AS locales,
               '{swift-2,sage-3,sage-3-long,ember-mini}'::text[] AS models
    ), session AS (
        -- About 22.5 events a session: a sixth more sessions than needed, cut to the exact number of events below.
        SELECT n, hashint8extended(n, seed) AS h, hashint8extended(n, seed + 7919) AS g
          FROM generate_series(1, (events / 19.0)::bigint + 20) n
    ), placed AS (
        SELECT s.n, s.h, s.g,
               width_bucket(tally_internal._unit(h, 0), l.adventures) + 1 AS adv,
               greatest(least(width_bucket(tally_internal._unit(h, 16), l.hours), cardinality(l.hours) - 1), 0) AS hour_n,
               -- A session's length is log-normal; its median is 15 events.
               least(400, 2 + (exp(2.6 + 0.85 * sqrt(-2 * ln(1 - tally_internal._unit(h, 32))) * cos(2 * pi() * tally_internal._unit(h, 47))))::int) AS len
          FROM session s, law l
    ), shaped AS (
        SELECT p.*, until - span + make_interval(hours => hour_n) AS hour_start,
               CASE WHEN tally_internal._unit(g, 0) < 0.35 THEN 0 WHEN tally_internal._unit(g, 0) < 0.65 THEN 1
                   WHEN tally_internal._unit(g, 0) < 0.85 THEN 2 ELSE 3 END AS exp_n,
               sum(len) OVER (ORDER BY n) - len AS before
          FROM placed p
    ), chosen AS (
        SELECT s.*,
               CASE exp_n WHEN 1 THEN 1 + (g >> 16 & 1) WHEN 2 THEN 3 + (g >> 16 & 65535) % 3 WHEN 3 THEN 6 + (g >> 16 & 1) ELSE 0 END AS var_n,
               width_bucket(tally_internal._unit(g, 32), CASE extract(hour FROM hour_start AT TIME ZONE 'UTC')::int / 8
                   WHEN 0 THEN '{.30,.33,.37,.41,.45,.55,.82}'::float8[]
                   WHEN 1 THEN '{.14,.34,.56,.74,.88,.90,.96}'::float8[]
                   ELSE        '{.46,.60,.70,.78,.86,.97,.99}'::float8[] END) + 1 AS loc_n
          FROM shaped s
         WHERE before < events
    ), modelled AS (
        SELECT c.*,
               -- Model routing sends its treatment to the small model; long context goes with the large adventures.
               CASE WHEN var_n = 2 THEN CASE WHEN g >> 48 & 7 < 6 THEN 4 ELSE 1 END
                    WHEN adv % 5 = 0 THEN CASE WHEN g >> 48 & 7 < 4 THEN 3 ELSE 2 END
                    WHEN g >> 48 & 7 < 5 THEN 1 WHEN g >> 48 & 7 < 7 THEN 2 ELSE 4 END AS mod_n,
               -- Steps after the first that the session reaches: worse in late adventures, better with a larger party cap.
               width_bucket(tally_internal._unit(g, 24) + adv * 0.006 - CASE var_n WHEN 4 THEN 0.05 WHEN 5 THEN 0.07 WHEN 2 THEN -0.03 ELSE 0 END,
                            '{.17,.33,.47,.58,.72,.88}'::float8[]) AS lost
          FROM chosen c
    )
    SELECT m.n, m.g, least(m.len, events - m.before)::int,
           CASE WHEN m.len < 9 THEN least(6 - lost, m.len / 3) ELSE 6 - lost END,
           x.gap,
           -- The whole session ends by the end of the range.
           least(hour_start + make_interval(secs => 3600 * tally_internal._unit(m.g, 40)), until - make_interval(secs => m.len * x.gap)),
           's' || lpad(to_hex(hashint8extended(m.n, seed + 104729)), 16, '0'),
           -- People come back: about one in four sessions is a first one.
           'u' || lpad(to_hex(hashint8extended((power(tally_internal._unit(m.g, 8), 1.6) * events / 76)::bigint, 15485863)), 16, '0'),
           l.worlds[1 + (adv - 1) % 6], l.names[adv], l.locales[loc_n], l.models[mod_n],
           (ARRAY['model-routing', 'party-cap', 'tool-quota'])[exp_n], (ARRAY['control', 'compact', 'control', 'cap-4', 'cap-6', 'control', 'strict'])[var_n],
           -- A release every two weeks by the calendar; a fifth of the sessions get it a day early.
           '2025.' || lpad((100 + floor(extract(epoch FROM hour_start + CASE WHEN m.g & 4 = 4 AND m.g & 8 = 8 THEN interval '1 day'
                                                ELSE interval '0' END) / 1209600)::int % 100)::text, 3, '0'),
           -- Slower under the evening's load.
           (ARRAY[6.55, 7.05, 7.35, 6.15])[mod_n] + 0.02 * (adv % 7) + 0.12 * sin((extract(hour FROM hour_start AT TIME ZONE 'UTC') - 13) * pi() / 12)
      FROM modelled m, law l, LATERAL (SELECT 12 + 40 * tally_internal._unit(m.g, 12) AS gap) x
$$;
COMMENT ON FUNCTION tally_internal._awf_sessions(bigint, int, timestamptz, interval) IS
'The sessions behind generate_awf(): length, depth in the funnel, start and dimensions, together exactly as many events as asked.';

CREATE OR REPLACE FUNCTION tally.generate_awf(
    events        bigint DEFAULT 1000000,
    seed          int DEFAULT 1,
    until         timestamptz DEFAULT date_trunc('hour', now()),
    span          interval DEFAULT '30 days',
    target_schema text DEFAULT 'public'
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '128MB' AS $$
DECLARE
    chunks int := greatest(ceil(events / 250000.0)::int, 1);
    fresh  boolean := to_regclass(format('%I.analytics_events', target_schema)) IS NULL;
    done   bigint := 0;
    added  bigint;
BEGIN
    IF events < 0 OR span <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('generate_awf needs events of at least 0 and a span longer than nothing, got %s and %L', events, span::text),
            HINT = 'SELECT tally.generate_awf(events => 1000000, span => ''30 days'');';
    END IF;
    IF fresh THEN
        PERFORM tally_internal._make_source('awf', 'analytics_events', target_schema);
    END IF;
    CREATE TEMP TABLE tally_awf_sessions ON COMMIT DROP AS
        SELECT floor(chunks * extract(epoch FROM s.started - (until - span)) / extract(epoch FROM span))::int AS chunk, s.*
          FROM tally_internal._awf_sessions(events, seed, until, span) s;
    -- A chunk at a time, so that the sort into the order of arrival stays in memory.
    FOR chunk IN 0 .. chunks LOOP
        EXECUTE format($q$
            INSERT INTO %I.analytics_events (event_time, event_type, session_id, user_id, world, adventure, locale, model, experiment, variation,
                   content_version, session_started_at, latency_ms, tokens_in, tokens_out, ticks, tool_calls, acts, meta)
            SELECT event_time, event_type, session_id, user_id, world, adventure, locale, model, experiment, variation, content_version, started,
                   CASE WHEN turn THEN round(exp(mu + 0.45 * sqrt(-2 * ln(1 - tally_internal._unit(e, 10))) * cos(2 * pi() * tally_internal._unit(e, 26)))) END,
                   CASE WHEN turn THEN 600 + (e >> 12 & 1023)::int + 40 * least(j, 60) END,
                   CASE WHEN turn THEN 80 + (e >> 22 & 255)::int END,
                   CASE WHEN turn THEN (e >> 30 & 3)::int END,
                   CASE WHEN turn THEN (e >> 32 & 3)::int * (e >> 34 & 1)::int END,
                   CASE WHEN turn THEN (e >> 35 & 1)::int END,
                   CASE event_type
                       WHEN 'choice' THEN jsonb_build_object('node', 'node-' || 1 + (e >> 36 & 7), 'choice',
                                                             tally_internal._awf_choice((e >> 40 & 15)::int, adventure))
                       WHEN 'stuck' THEN jsonb_build_object('node', 'node-' || 1 + (e >> 36 & 7) * (e >> 39 & 1))
                       WHEN 'craft' THEN CASE WHEN e >> 36 & 7 < 5 THEN '{"success": true}'::jsonb ELSE '{"success": false}' END
                       -- A vendor asks for a tenth more than a thing is worth, and gives four fifths.
                       WHEN 'vendor' THEN CASE WHEN e >> 36 & 3 = 0 THEN '{"gold": 0, "worth": 0}'::jsonb ELSE jsonb_build_object('gold', (e >> 40 & 127) - 70,
                           'worth', round(abs((e >> 40 & 127) - 70) / CASE WHEN e >> 40 & 127 < 70 THEN 1.1 ELSE 0.8 END)) END
                       WHEN 'dialogue' THEN jsonb_build_object('candidates', 2 + (e >> 36 & 3), 'line',
                                                               'line-' || (power(tally_internal._unit(e, 40), 2) * 400)::int)
                       WHEN 'romance' THEN CASE WHEN e >> 36 & 15 < 14 THEN '{"consent": true, "proceeded": true}'::jsonb
                                                WHEN e >> 40 & 15 = 0 THEN '{"consent": false, "proceeded": true}'
                                                    ELSE '{"consent": false, "proceeded": false}' END
                       WHEN 'world_event' THEN CASE WHEN e >> 36 & 3 < 1 THEN '{"triggered": true}'::jsonb ELSE '{"triggered": false}' END
                       WHEN 'loot' THEN jsonb_build_object('items', 1 + (e >> 36 & 3))
                       WHEN 'combat' THEN jsonb_build_object('ttk_seconds',
                                                             round(exp(3.2 + 0.5 * sqrt(-2 * ln(1 - tally_internal._unit(e,
                                                            10))) * cos(2 * pi() * tally_internal._unit(e,
                               26)))::numeric, 1))
                       WHEN 'arc' THEN CASE WHEN e >> 36 & 7 < 3 THEN '{"advanced": true}'::jsonb ELSE '{"advanced": false}' END
                       WHEN 'delegated_check' THEN CASE WHEN e >> 36 & 7 < 6 THEN '{"success": true}'::jsonb ELSE '{"success": false}' END
                       WHEN 'weather' THEN jsonb_build_object('weather', ('{clear,clear,clear,rain,rain,fog,storm,snow}'::text[])[1 + (e >> 36 & 7)])
                       WHEN 'region_drift' THEN jsonb_build_object('drift', round((tally_internal._unit(e, 36) * 2 - 1)::numeric, 3))
                       WHEN 'sim' THEN jsonb_build_object('ticks', 1 + (e >> 36 & 15))
                   END
              FROM (SELECT *, event_type = 'turn' AS turn
                      FROM (SELECT *, started + make_interval(secs => gap * (j - 1 + CASE j WHEN 1 THEN 0
                              ELSE tally_internal._unit(e, 44) - 0.5 END)) AS event_time,
                                   CASE WHEN j = 1 THEN 'start'
                                        WHEN (j - 1) %% stride = 0 AND (j - 1) / stride <= depth
                                             THEN ('{choice,npc_join,craft,vendor,boss,completion}'::text[])[(j - 1) / stride]
                                        ELSE tally_internal._awf_type((e & 1023)::int, CASE WHEN e >> 38 & 63 = 0 THEN 6
                                                                      ELSE least(depth, (j - 1) / stride) END, model)
                                   END AS event_type
                              FROM (SELECT *, hashint8extended(n * 1024 + j, $2) AS e
                                      FROM (SELECT *, CASE depth WHEN 0 THEN len ELSE greatest((len - 1) / depth, 1) END AS stride, generate_series(1, len) AS j
                                              FROM pg_temp.tally_awf_sessions WHERE chunk = $1 OFFSET 0) x OFFSET 0) y OFFSET 0) z OFFSET 0) v
             ORDER BY event_time$q$, target_schema) USING chunk, seed;
        GET DIAGNOSTICS added = ROW_COUNT;
        done := done + added;
        IF added > 0 AND (chunk % greatest(chunks / 10, 1) = 0 OR done = events) THEN
            RAISE NOTICE '% of % events, % %%', to_char(done, 'FM999,999,999,999'), to_char(events, 'FM999,999,999,999'), done * 100 / events;
        END IF;
    END LOOP;
    DROP TABLE pg_temp.tally_awf_sessions;
    IF fresh THEN
        PERFORM tally_internal._index_source('awf', 'analytics_events', target_schema);
    END IF;
    EXECUTE format('ANALYZE %I.analytics_events', target_schema);
    RETURN done;
END $$;
COMMENT ON FUNCTION tally.generate_awf(bigint, int, timestamptz, interval, text) IS
'Writes exactly so many events of the pack awf, spread over the span before until, into target_schema.analytics_events (made if missing), in order of time. '
    'Deterministic: the same arguments, the same rows.';
