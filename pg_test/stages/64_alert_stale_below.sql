-- A threshold on a rollup that stands on a rollup, or looks back, read stored rows while what changes them was marked below.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TABLE events (at timestamptz, n int);
CREATE INDEX ON events (at);
INSERT INTO events VALUES ('2026-03-01 10:10Z', 1), ('2026-03-01 11:10Z', 1), ('2026-03-02 10:10Z', 1);
SELECT tally.create_rollup('h', 'events', 'at', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('d', 'h', bucket => '1 day', with_data => true);
SELECT tally.create_rollup('d2', 'events', 'at', bucket => '1 day', lookback => '2 days', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_metric('h_n', 'h', 'n'), tally.create_metric('d_n', 'd', 'n'), tally.create_metric('d2_n', 'd2', 'n');
SELECT tally.create_threshold(m || ' high', metric => m, condition => '> 100') FROM unnest('{h_n,d_n,d2_n}'::text[]) m;
CREATE FUNCTION seen(of_rollup text, day date) RETURNS text LANGUAGE sql AS $$
    SELECT tally_internal._exact_source(t.owner, r, day::timestamptz, day + 1)::text FROM tally.rollups r JOIN tally.metrics m ON m.rollup_id = r.id
        JOIN tally.thresholds t ON t.metric_id = m.id WHERE r.name = of_rollup
$$;
SELECT is(seen(r, '2026-03-02'), r, r || ': the table while all is clean') FROM unnest('{h,d,d2}'::text[]) r;
INSERT INTO events VALUES ('2026-03-01 10:20Z', 1000);
SELECT is(seen('h', '2026-03-02'), 'h', 'hours of another day stay clean');
SELECT is(seen('h', '2026-03-01'), 'h_live', 'hours of the day do not');
SELECT is(seen('d', '2026-03-01'), 'd_live', 'nor the day that stands on them');
SELECT is(seen('d2', '2026-03-02'), 'd2_live', 'nor the day after, which looks back');
SELECT tally.refresh();
SELECT is(seen(r, '2026-03-01'), r, r || ': the table again') FROM unnest('{h,d,d2}'::text[]) r;
SELECT * FROM finish();
