-- Attack 15: a source without an index on its time column, all of whose buckets are dirty. Live view and refresh read it once for each
-- bucket. As it was (commit 382f689) 80,000 dirty rows took 16.8 s and 22 s. Counted here are scans, not seconds.
\ir prelude.psql
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
SELECT tally.create_rollup('evil.bare', 'evil.events', 'at', bucket => '1 minute', measures => '{"n": "count(*)"}', with_data => true);
INSERT INTO evil.events SELECT timestamptz '2026-03-01Z' + g * interval '1 minute', g FROM generate_series(1, 3000) g;
ANALYZE evil.events;
\connect - :superuser
SET client_min_messages = error;
CREATE FUNCTION public.scans() RETURNS bigint
    LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_stat_force_next_flush(),
        pg_stat_clear_snapshot(); RETURN (SELECT seq_scan FROM pg_stat_all_tables WHERE relid = 'evil.events'::regclass); END $$;
-- A statement's counts are flushed at its end, so each look is a statement of its own.
SELECT public.scans() AS dummy \gset
SELECT public.scans() AS start \gset
SELECT count(*) AS live FROM evil.bare_live \gset
SELECT public.scans() AS dummy \gset
SELECT public.scans() AS seen \gset
SELECT sum(buckets) AS refreshed FROM tally.refresh('bare') \gset
SELECT public.scans() AS dummy \gset
SELECT public.scans() AS stored \gset
\ir verdict.psql
SELECT is((:live)::bigint, 3000::bigint, 'the live view has every bucket');
SELECT is((SELECT count(*) FROM evil.bare), 3000::bigint, 'the refresh too');
SELECT cmp_ok((:seen)::bigint - (:start)::bigint, '<=', 10::bigint, 'the live view reads the source a few times, not once a bucket');
SELECT cmp_ok((:stored)::bigint - (:seen)::bigint, '<=', 20::bigint, 'so does the refresh');
SELECT * FROM finish();
