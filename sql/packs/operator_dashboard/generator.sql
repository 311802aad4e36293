-- Owns: tally.generate_operator_dashboard(): a streaming service's uploads, jobs, heartbeats, plays and requests, for demos, tests and
-- benchmarks. Every value is arithmetic on one 64-bit hash of (row, seed), so the same arguments give the same rows on any machine.
--
-- 58 % of the rows are plays, 30 % API requests, 8 % heartbeats, 2 % transcode jobs and 2 % uploads. Traffic follows the day, releases
-- are few that are played much and many that are played little, iOS Safari fails twice as often, staging is a twentieth. What the last
-- minutes queued still waits or runs at until.

CREATE OR REPLACE FUNCTION tally.generate_operator_dashboard(
    events        bigint DEFAULT 1000000,
    seed          int DEFAULT 1,
    until         timestamptz DEFAULT date_trunc('hour', now()),
    span          interval DEFAULT '30 days',
    target_schema text DEFAULT 'public'
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    since   timestamptz := until - span;
    jobs    bigint := events / 50;
    uploads bigint := events / 50;
    beats   bigint := events * 8 / 100;
    requests bigint := events * 3 / 10;
    plays   bigint := events - jobs - uploads - beats - requests;
    workers int;
    days    float8 := greatest(round(extract(epoch FROM span) / 86400), 1);
    fresh   text[];
    item    record;
BEGIN
    IF events < 0 OR span <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('generate_operator_dashboard needs events of at least 0 and a span longer than nothing, got %s and %L', events, span::text),
            HINT = 'SELECT tally.generate_operator_dashboard(events => 1000000, span => ''30 days'');';
    END IF;
    -- A heartbeat each 15 seconds: few of them fill only the end of the span.
    workers := greatest(6, round(beats / (extract(epoch FROM span) / 15)));
    fresh := tally_internal._make_sources('operator_dashboard', target_schema);
    FOR item IN SELECT * FROM (VALUES
        ('uploads', uploads, 'uploaded_at, environment, artist, release, status, rejection_reason, live_at', $q$
            SELECT t.at, d.environment, d.artist, d.release, CASE WHEN h >> 3 & 15 = 0 THEN 'rejected' ELSE 'accepted' END,
                   CASE WHEN h >> 3 & 15 = 0 THEN ('{unsupported format,file too large,unsupported format,duplicate,corrupt audio,missing '
                       'artwork,unsupported format,duplicate}'::text[])[1 + (h >> 8 & 7)] END,
                   CASE WHEN h >> 3 & 15 > 0 AND h >> 11 & 127 > 0 AND t.at + l.latency <= $2 THEN t.at + l.latency END
              FROM drawn, LATERAL (SELECT interval '1 minute' * (3 + 30 * tally_internal._unit(h, 34) ^ 3) AS latency) l$q$),
        ('transcode_jobs', jobs, 'environment, artist, release, status, attempt, worker, queued_at, claimed_at, started_at, finished_at, error', $q$
            SELECT d.environment, d.artist, d.release,
                   CASE WHEN j.claimed > $2 THEN 'queued' WHEN j.finished > $2 THEN CASE WHEN j.attempt > 1 AND h >> 4 & 1 = 0 THEN 'retrying'
                       ELSE 'in_progress' END
                        WHEN j.fails THEN 'failed' ELSE 'completed' END,
                   CASE WHEN j.claimed > $2 THEN 1 ELSE j.attempt END,
                   CASE WHEN j.claimed <= $2 THEN 'worker-' || CASE WHEN d.environment = 'staging' THEN $5 ELSE 1 + (h & 1023) % ($5 - 1) END END,
                   t.at, CASE WHEN j.claimed <= $2 THEN j.claimed END, CASE WHEN j.started <= $2 THEN j.started END, CASE
                       WHEN j.finished <= $2 THEN j.finished END,
                   CASE WHEN j.finished <= $2 AND j.fails OR j.attempt > 1 AND j.claimed <= $2 THEN
                        ('{ffmpeg exited 1,out of memory,source missing,ffmpeg exited 1,timeout,ffmpeg exited 1,timeout,disk '
                            'full}'::text[])[1 + (h >> 7 & 7)] END
              FROM drawn, LATERAL (
                SELECT a.attempt, a.fails, a.claimed, a.claimed + a.claim_to_start AS started, a.claimed + a.claim_to_start + a.duration AS finished
                  FROM (SELECT CASE WHEN h >> 10 & 63 > 4 THEN 1 WHEN h >> 10 & 63 > 0 THEN 2 ELSE 3 END AS attempt, h >> 16 & 127 = 0 AS fails,
                               t.at + interval '1 second' * (20 + 240 * tally_internal._unit(h, 20)) AS claimed,
                                   interval '1 second' * (0.4 + 6 * tally_internal._unit(h, 34) ^ 4) AS claim_to_start,
                               interval '1 minute' * exp(0.8 + 0.6 * sqrt(-2 * ln(1 - tally_internal._unit(h, 40))) * cos(2 * pi() * tally_internal._unit(h,
                                       24))) AS duration) a) j$q$),
        ('playback_attempts', plays, 'attempted_at, environment, artist, release, platform, browser, ok, error_code, error_message', $q$
            SELECT t.at, d.environment, d.artist, d.release, c.platform, c.browser, NOT f.failed,
                   CASE WHEN f.failed THEN (e.codes)[e.n] END, CASE WHEN f.failed THEN (e.messages)[e.n] END
              FROM drawn, LATERAL (SELECT width_bucket(tally_internal._unit(h, 6), '{.30,.34,.52,.55,.75,.82,.94}'::float8[]) + 1 AS k) k,
                   LATERAL (SELECT ('{iOS,iOS,Android,Android,Windows,Windows,macOS,Linux}'::text[])[k] AS platform,
                            ('{Safari,Chrome,Chrome,Firefox,Chrome,Edge,Safari,Firefox}'::text[])[k] AS browser) c,
                   LATERAL (SELECT h & 4095 < CASE WHEN k = 1 THEN 80 ELSE 36 END AS failed) f,
                   LATERAL (SELECT '{MEDIA_ERR_NETWORK,MANIFEST_404,MEDIA_ERR_DECODE,DRM_TIMEOUT,MEDIA_ERR_NETWORK,MANIFEST_404,MEDIA_ERR_NETWORK,
                                     STALLED}'::text[] AS codes,
                                   '{connection reset,manifest not found,decoder refused segment,licence server slow,connection reset,manifest not '
                                       'found,segment timeout,no data for 30 s}'::text[] AS messages,
                                   1 + (h >> 44 & 7)::int AS n) e$q$),
        ('api_requests', requests, 'requested_at, environment, endpoint, status', $q$
            SELECT t.at, d.environment,
                ('{/v1/play,/v1/play,/v1/play,/v1/manifest,/v1/manifest,/v1/upload-url,/v1/releases,fn/publish}'::text[])[1 + (h >> 6 & 7)],
                   CASE WHEN h >> 9 & 1023 < 18 THEN ('{400,401,404,429}'::int[])[1 + (h >> 19 & 3)]
                       WHEN h >> 9 & 1023 < 22 THEN ('{500,502,503,504}'::int[])[1 + (h >> 19 & 3)]
                        WHEN h >> 21 & 15 = 0 THEN 204 ELSE 200 END
              FROM drawn$q$)) s(relation, n, columns, query)
    LOOP
        -- drawn: rows in order of time, each with a hash, an environment and a release of an artist.
        EXECUTE format($q$
            WITH drawn AS NOT MATERIALIZED (
                SELECT x.h, t, d FROM (SELECT i, hashint8extended(i, $4 * 31 + $6) & 9223372036854775807 AS h FROM generate_series(1, $3) i) x,
                -- A sine of one day added to the straight line: it rises everywhere, so what is numbered in order is in order of time.
                LATERAL (SELECT $1 + $7 * (s.share - 0.6 * sin(s.share * 2 * pi() * $8) / (2 * pi() * $8)) AS at
                           FROM (SELECT (i - 1 + tally_internal._unit(h, 46)) / $3 AS share) s) t,
                LATERAL (SELECT CASE WHEN h >> 30 & 15 = 0 AND h & 1 = 0 THEN 'staging'
                         ELSE 'prod' END AS environment, n AS release_n, 'artist-' || n %% 240 AS artist, 'release-' || n AS release
                           FROM (SELECT (960 * tally_internal._unit(h, 14) ^ 2.5)::int AS n) z) d)
            INSERT INTO %I.%I (%s) %s$q$, target_schema, item.relation, item.columns, replace(replace(item.query, 't.at', '(t).at'), 'd.', '(d).'))
            USING since, until, item.n, seed, workers, length(item.relation), span, days;
        RAISE NOTICE '%: % rows', item.relation, to_char(item.n, 'FM999,999,999,999');
    END LOOP;
    -- Each worker's processes live for about four days.
    EXECUTE format($q$
        INSERT INTO %I.worker_heartbeats (beat_at, environment, worker, process_started_at)
        SELECT $2 - interval '15 seconds' * k - interval '1 second' * (w %% 15), CASE WHEN w = $5 THEN 'staging' ELSE 'prod' END, 'worker-' || w,
               $2 - interval '97 hours' * ceil((15 * k + w %% 15 + 3600.0 * w * (1 + $4 %% 7)) / 349200) + interval '1 hour' * w * (1 + $4 %% 7)
          FROM (SELECT i, (i / $5) AS k, 1 + i %% $5 AS w FROM generate_series($3 - 1, 0, -1) i) b$q$, target_schema)
        USING since, until, beats, seed, workers;
    PERFORM tally_internal._index_source('operator_dashboard', relation, target_schema) FROM unnest(fresh) relation;
    FOR item IN SELECT t.relation FROM tally.pack_tables t WHERE t.pack = 'operator_dashboard' LOOP
        EXECUTE format('ANALYZE %I.%I', target_schema, item.relation);
    END LOOP;
    RETURN events;
END $$;
COMMENT ON FUNCTION tally.generate_operator_dashboard(bigint, int, timestamptz, interval, text) IS
'Writes exactly so many rows of the pack operator_dashboard (plays, requests, heartbeats, jobs, uploads), spread over the span before until, into the tables '
    'of target_schema (made if missing). Deterministic: the same arguments, the same rows.';
