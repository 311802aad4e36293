-- Owns: what thresholds watch: the same seven measures and metrics in five minutes by world, by adventure and by arm of an experiment. One rollup with all
-- these dimensions would have ten times the rows.

-- step: function awf_watched_rollup(text, jsonb, text, text, text)
CREATE OR REPLACE FUNCTION awf_watched_rollup(name text, dimensions jsonb, schedule text, description text, finer text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $f$
BEGIN
    -- A copy that an earlier version made keeps what it stands on: metrics, thresholds and incidents would go with it.
    IF finer IS NULL OR EXISTS (SELECT FROM tally.rollups r WHERE r.relation = to_regclass(quote_ident(awf_watched_rollup.name))
                                                              AND r.source = 'analytics_events'::regclass) THEN
        PERFORM tally.create_rollup(name, source => 'analytics_events', time_column => 'event_time', bucket => '5 minutes', dimensions => dimensions,
            measures => '{
                "turns":             "count(*) FILTER (WHERE event_type = ''turn'')",
                "retries":           "count(*) FILTER (WHERE event_type = ''retry'')",
                "fallbacks":         "count(*) FILTER (WHERE event_type = ''fallback'')",
                "validator_retries": "count(*) FILTER (WHERE event_type = ''validator_retry'')",
                "stuck":             "count(*) FILTER (WHERE event_type = ''stuck'')",
                "tokens":            "tally.tdigest(tokens_in + tokens_out)",
                "latency":           "tally.tdigest(latency_ms)"}',
            "where" => $w$event_type IN ('turn', 'retry', 'fallback', 'validator_retry', 'stuck')$w$,
            schedule => schedule, description => description);
    ELSE
        PERFORM tally.create_rollup(name, source => finer::regclass, bucket => '5 minutes', dimensions => dimensions, schedule => schedule,
                                    description => description);
    END IF;
END $f$;
COMMENT ON FUNCTION awf_watched_rollup(text, jsonb, text, text, text) IS
'Makes a rollup of five minutes with the measures of awf_watched_metric(), of the events or (finer) of the rows of one with more dimensions, merged.';

-- step: function awf_watched_metric(text, text)
CREATE OR REPLACE FUNCTION awf_watched_metric(metric text, rollup text) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $f$
    SELECT tally.create_metric(metric || substr(rollup, length('awf') + 1), rollup, m.expression, unit => m.unit, description => m.description,
                               direction => m.direction, samples => 'turns')
      FROM (VALUES
        ('turns', 'turns', 'turns', 'up_is_good', 'Turns taken.'),
        ('p95_latency_ms', 'tally.percentile(latency, 0.95)', 'ms', 'down_is_good', '95th percentile of the time to an answer.'),
        ('retry_rate', 'retries::float8 / nullif(turns, 0)', 'ratio', 'down_is_good', 'Retries per turn.'),
        ('fallback_rate', 'fallbacks::float8 / nullif(turns, 0)', 'ratio', 'down_is_good', 'Fallbacks to a simpler answer per turn.'),
        ('validator_retry_rate', 'validator_retries::float8 / nullif(turns, 0)', 'ratio', 'down_is_good', 'Repairs that the validator asked for, per turn.'),
        ('stuck_rate', 'stuck::float8 / nullif(turns, 0)', 'ratio', 'down_is_good', 'Stuck signals per turn.'),
        ('token_overrun_rate', awf_token_overrun(), 'ratio', 'down_is_good', 'Share of turns beyond the token budget (TOKEN_BUDGET of awf_settings).')
      ) m(name, expression, unit, direction, description)
     WHERE m.name = metric
$f$;
COMMENT ON FUNCTION awf_watched_metric(text, text) IS
'Makes one of the seven metrics that thresholds watch. Its name is the metric''s with the end of the rollup''s: retry_rate_5m of awf_5m.';

-- step: rollup awf_adventure_5m
SELECT awf_watched_rollup('awf_adventure_5m', '["world", "adventure"]', awf_schedule('METRICS_ALERTS_CRON'),
    'What thresholds per adventure look at.');

-- step: rollup awf_5m
-- 0.1.0 counted the turns beyond 4,000 tokens. A digest knows every budget.
DO $do$
BEGIN
    IF EXISTS (SELECT FROM tally.rollups r JOIN tally.measures m ON m.rollup_id = r.id
               WHERE r.relation = to_regclass('awf_5m') AND m.name = 'token_overruns') THEN
        PERFORM tally.alter_rollup('awf_5m', add_measures => '{"tokens": "tally.tdigest(tokens_in + tokens_out)"}');
        PERFORM awf_watched_metric('token_overrun_rate', 'awf_5m');
        PERFORM tally.alter_rollup('awf_5m', drop_measures => '{token_overruns}');
    END IF;
END $do$;
SELECT awf_watched_rollup('awf_5m', '["world"]', awf_schedule('METRICS_ALERTS_CRON'),
    'What the SLO thresholds look at: small, fresh every minute. The adventures, merged.', finer => 'awf_adventure_5m');

-- step: rollup awf_variation_5m
SELECT awf_watched_rollup('awf_variation_5m', '["experiment", "variation"]', awf_schedule('METRICS_ALERTS_CRON'),
    'What thresholds per arm of an experiment look at.');

-- step: metric turns_5m
SELECT awf_watched_metric('turns', 'awf_5m');

-- step: metric p95_latency_ms_5m
SELECT awf_watched_metric('p95_latency_ms', 'awf_5m');

-- step: metric retry_rate_5m
SELECT awf_watched_metric('retry_rate', 'awf_5m');

-- step: metric fallback_rate_5m
SELECT awf_watched_metric('fallback_rate', 'awf_5m');

-- step: metric validator_retry_rate_5m
SELECT awf_watched_metric('validator_retry_rate', 'awf_5m');

-- step: metric stuck_rate_5m
SELECT awf_watched_metric('stuck_rate', 'awf_5m');

-- step: metric token_overrun_rate_5m
SELECT awf_watched_metric('token_overrun_rate', 'awf_5m');

-- step: metric turns_adventure_5m
SELECT awf_watched_metric('turns', 'awf_adventure_5m');

-- step: metric p95_latency_ms_adventure_5m
SELECT awf_watched_metric('p95_latency_ms', 'awf_adventure_5m');

-- step: metric retry_rate_adventure_5m
SELECT awf_watched_metric('retry_rate', 'awf_adventure_5m');

-- step: metric fallback_rate_adventure_5m
SELECT awf_watched_metric('fallback_rate', 'awf_adventure_5m');

-- step: metric validator_retry_rate_adventure_5m
SELECT awf_watched_metric('validator_retry_rate', 'awf_adventure_5m');

-- step: metric stuck_rate_adventure_5m
SELECT awf_watched_metric('stuck_rate', 'awf_adventure_5m');

-- step: metric token_overrun_rate_adventure_5m
SELECT awf_watched_metric('token_overrun_rate', 'awf_adventure_5m');

-- step: metric turns_variation_5m
SELECT awf_watched_metric('turns', 'awf_variation_5m');

-- step: metric p95_latency_ms_variation_5m
SELECT awf_watched_metric('p95_latency_ms', 'awf_variation_5m');

-- step: metric retry_rate_variation_5m
SELECT awf_watched_metric('retry_rate', 'awf_variation_5m');

-- step: metric fallback_rate_variation_5m
SELECT awf_watched_metric('fallback_rate', 'awf_variation_5m');

-- step: metric validator_retry_rate_variation_5m
SELECT awf_watched_metric('validator_retry_rate', 'awf_variation_5m');

-- step: metric stuck_rate_variation_5m
SELECT awf_watched_metric('stuck_rate', 'awf_variation_5m');

-- step: metric token_overrun_rate_variation_5m
SELECT awf_watched_metric('token_overrun_rate', 'awf_variation_5m');
