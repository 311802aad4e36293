-- Owns: who may SELECT from a live or flat view needs no other right: none in schema tally or tally_internal, as where Supabase's roles are kept out.
-- Bug: live views asked for marks with the rights of their reader, who got "permission denied for schema tally".
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS live_views_reader;
CREATE ROLE live_views_reader ROLE CURRENT_USER;
REVOKE USAGE ON SCHEMA tally, tally_internal FROM PUBLIC;
REVOKE SELECT ON ALL TABLES IN SCHEMA tally FROM PUBLIC;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO live_views_reader;
CREATE TABLE app.events (at timestamptz NOT NULL, kind text, v int);
CREATE INDEX ON app.events (at);
CREATE INDEX ON app.events (kind);
INSERT INTO app.events SELECT timestamptz '2026-01-01 00:00Z' + i * interval '7 minutes', 'k' || i % 5, i FROM generate_series(1, 2000) i;
SELECT tally.create_rollup('app.hours', 'app.events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('app.days', 'app.hours', 'bucket', '1 day', dimensions => '["kind"]', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('app.looking_back', 'app.hours', 'bucket', '1 day', lookback => '2 days', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('app.months', 'app.days', 'bucket', '1 month', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_rollup('app.kinds', 'app.events', key => 'kind', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('app.kinds_of_days', 'app.days', key => 'kind', measures => '{"n": "sum(n)"}', with_data => true);
SELECT tally.create_metric('total', 'app.hours', 'n');
GRANT SELECT ON ALL TABLES IN SCHEMA app TO live_views_reader;
REVOKE ALL ON app.events FROM live_views_reader;

-- What the reader sees in each view.
CREATE FUNCTION public.sums() RETURNS TABLE (relation text, n numeric) LANGUAGE sql STABLE AS $$
    SELECT 'hours', sum(n) FROM app.hours_live UNION ALL SELECT 'days', sum(n) FROM app.days_live UNION ALL SELECT 'months', sum(n) FROM app.months_live
    UNION ALL SELECT 'kinds', sum(n) FROM app.kinds_live UNION ALL SELECT 'kinds of days', sum(n) FROM app.kinds_of_days_live
    UNION ALL SELECT 'flat', sum(total)::numeric FROM app.hours_metrics
    UNION ALL SELECT 'two days back from the sixth', sum(n) FILTER (WHERE bucket = '2026-01-06 00:00Z') FROM app.looking_back_live $$;
SET timezone = 'UTC';
-- By plain SQL: 2,000 rows, of which the fifth and the sixth of January have 412. A flat view shows stored rows.
CREATE FUNCTION public.wanted(more int, back int) RETURNS TABLE (relation text, n numeric) LANGUAGE sql AS $$
    SELECT x, CASE x WHEN 'two days back from the sixth' THEN back WHEN 'flat' THEN 2000 ELSE 2000 + more END::numeric
      FROM unnest('{hours,days,months,kinds,kinds of days,flat,two days back from the sixth}'::text[]) x $$;
SELECT is((SELECT count(*) FROM app.events WHERE at >= '2026-01-05 00:00Z' AND at < '2026-01-07 00:00Z'), 412::bigint, 'rows of the two days');
SET ROLE live_views_reader;
SELECT bag_eq('SELECT * FROM public.sums()', 'SELECT * FROM public.wanted(0, 412)', 'a reader of views sees what is stored');
RESET ROLE;
INSERT INTO app.events SELECT timestamptz '2026-01-05 00:00Z' + i * interval '7 minutes', 'k' || i % 5, i FROM generate_series(1, 100) i;
SET ROLE live_views_reader;
SELECT bag_eq('SELECT * FROM public.sums()', 'SELECT * FROM public.wanted(100, 512)', 'and what is marked');
RESET ROLE;
UPDATE app.events SET v = v;
SELECT tally_internal._mark_range(r.id, '2026-01-01 00:00Z', '2026-02-01 00:00Z', 'test') FROM tally.rollups r;
SET ROLE live_views_reader;
SELECT bag_eq('SELECT * FROM public.sums()', 'SELECT * FROM public.wanted(100, 512)', 'and what is marked as a range');
SELECT throws_ok('SELECT * FROM tally.rollups', '42501', 'permission denied for schema tally', 'he has no right in schema tally');
RESET ROLE;
DROP SCHEMA app CASCADE;
DROP OWNED BY live_views_reader;
DROP ROLE live_views_reader;
SELECT * FROM finish();
