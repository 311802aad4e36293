-- Owns what the dump tests carry over: rollups of every kind, stored, dirty and half computed; alerts with an open incident.

CREATE ROLE analyst;
GRANT CREATE, USAGE ON SCHEMA public TO analyst;
CREATE SCHEMA "Odd schema";
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, kind text, actor int, amount float8);
CREATE INDEX ON events (at);
CREATE TABLE "Odd schema"."Parts" (day date, n int) PARTITION BY RANGE (day);
CREATE TABLE "Odd schema"."Parts 26" PARTITION OF "Odd schema"."Parts" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE "Odd schema"."Parts rest" PARTITION OF "Odd schema"."Parts" DEFAULT;
GRANT SELECT, TRIGGER ON events TO analyst;

INSERT INTO events (at, kind, actor, amount)
SELECT timestamptz '2026-01-01 00:00+00' + i * interval '37 minutes', (ARRAY['a', 'b', NULL])[1 + i % 3], i % 41, i % 100 / 4.0 FROM generate_series(1, 4000) i;
INSERT INTO "Odd schema"."Parts" SELECT date '2025-12-01' + i % 90, i FROM generate_series(1, 500) i;

SELECT tally.create_rollup('hours', 'events', 'at', '1 hour', '["kind"]',
    '{"n": "count(*)", "amount": "sum(amount)", "actors": "tally.hll(actor)", "spread": "tally.tdigest(amount)"}', with_data => true);
SELECT tally.create_rollup('days', 'hours', bucket => '1 day', zone => 'Europe/Berlin', dimensions => '[]', with_data => true);
SELECT tally.create_rollup('"Odd schema"."Odd rollup"', '"Odd schema"."Parts"', 'day', '1 month', measures => '{"N": "sum(n)"}', with_data => true);
SET ROLE analyst;
SELECT tally.create_rollup('mine', 'events', 'at', '1 day', '[]', '{"n": "count(*) FILTER (WHERE amount > 10)"}', search_path => 'public');
RESET ROLE;
SELECT tally.create_metric('amount', 'hours', 'amount / NULLIF(n, 0)');
SELECT tally.create_channel('box', kind => 'table');
CREATE TABLE feed (host int, value float8);
INSERT INTO feed VALUES (1, 99), (2, 1);
SELECT tally.create_threshold('hot', query => 'SELECT host, value FROM public.feed', condition => '> 10');
SELECT * FROM tally.evaluate('2026-03-01 12:00Z');
SELECT tally.silence('{"host": "2"}', 'a night', "for" => '1 day', starts_at => '2026-03-01 00:00Z');

-- Dirty on purpose: single buckets, and a wide range of which a backfill has done one batch only.
SELECT tally.refresh('hours');
SELECT tally_internal._backfill_unit((SELECT id FROM tally.rollups WHERE name = 'mine'), 400, now());
INSERT INTO events (at, kind, actor, amount) VALUES ('2026-01-05 03:30+00', 'a', 7, 1000), ('2019-01-01', 'late', 1, 1), (NULL, 'a', 1, 1),
    ('infinity', 'a', 1, 1);
UPDATE events SET at = at + interval '3 days' WHERE id % 500 = 1;
DELETE FROM events WHERE id % 700 = 2;
INSERT INTO "Odd schema"."Parts 26" VALUES ('2026-02-02', 5000);

-- Where a relation differs from its definition, written in plain SQL.
CREATE FUNCTION differences(suffix text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    pair record;
BEGIN
    FOR pair IN VALUES
        ('SELECT bucket, kind, n, amount, tally.distinct_count(actors), tally.percentile(spread, 0.5) FROM hours' || suffix,
         'SELECT date_trunc(''hour'', at, ''UTC''), COALESCE(kind, ''(none)''), count(*), sum(amount), count(DISTINCT actor), '
             'percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM events WHERE isfinite(at) GROUP BY 1, 2'),
        ('SELECT bucket, n, amount, tally.distinct_count(actors), tally.percentile(spread, 0.5) FROM days' || suffix,
         'SELECT date_trunc(''day'', at, ''Europe/Berlin''), count(*), sum(amount), count(DISTINCT actor), '
             'percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM events WHERE isfinite(at) GROUP BY 1'),
        (format('SELECT bucket, "N" FROM "Odd schema".%I', 'Odd rollup' || suffix),
         'SELECT date_trunc(''month'', day)::timestamp AT TIME ZONE ''UTC'', sum(n) FROM "Odd schema"."Parts" GROUP BY 1'),
        ('SELECT bucket, n FROM mine' || suffix,
         'SELECT date_trunc(''day'', at, ''UTC''), count(*) FILTER (WHERE amount > 10) FROM events WHERE isfinite(at) GROUP BY 1')
    LOOP
        RETURN QUERY EXECUTE format('SELECT x::text FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) x LIMIT 3', pair.column1, pair.column2);
    END LOOP;
END $$;

-- Every table of the extension: how many rows, and what is in them. Names instead of numbers of objects, so that it travels.
CREATE FUNCTION state() RETURNS TABLE (place text, rows_ bigint, content text) LANGUAGE plpgsql AS $$
BEGIN
    FOR place IN SELECT c.oid::regclass::text FROM pg_class c
        WHERE c.relkind = 'r' AND (c.relnamespace = 'tally'::regnamespace OR c.oid IN (SELECT relation FROM tally.rollups)) ORDER BY 1 LOOP
        EXECUTE format('SELECT count(*), md5(COALESCE(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"), '''')) FROM %s t', place) INTO rows_, content;
        RETURN NEXT;
    END LOOP;
END $$;
