-- The pack's events over 30 days, with the statistics that let their groups be planned as well as they can be.
SELECT tally.generate_awf(:events, until => '2025-06-01 00:00+00', span => '30 days');
CREATE STATISTICS day_world (ndistinct) ON (date_trunc('day', event_time, 'UTC')), world FROM analytics_events;
CREATE STATISTICS hour_world (ndistinct) ON (date_trunc('hour', event_time, 'UTC')), world FROM analytics_events;
CREATE STATISTICS hour_dimensions (ndistinct) ON (date_trunc('hour', event_time, 'UTC')), world, adventure, locale, model, experiment,
    variation FROM analytics_events;
VACUUM analytics_events;
SET default_statistics_target = 10;
ANALYZE analytics_events;
