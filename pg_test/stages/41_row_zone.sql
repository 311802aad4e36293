-- A zone for each row: zone => column. Each row is counted in the days of its own zone, live and stored, where clocks change, where rows move to another zone,
-- and where PostgreSQL knows no such zone. Expected values are plain SQL over the rows whose zone is known.
SELECT no_plan();
\ir ../message_of.psql
SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';      -- the session's zone must not matter
CREATE TABLE calls (id int PRIMARY KEY, tenant text, "Zone" varchar(40), at timestamptz);
INSERT INTO calls SELECT i, t.tenant, t.zone, timestamptz '2026-03-05 00:00Z' + i * interval '47 minutes'
  FROM generate_series(1, 1200) i, LATERAL (SELECT * FROM (VALUES (0, 'berlin', 'Europe/Berlin'), (1, 'york', 'America/New_York'), (2, 'tokyo', 'Asia/Tokyo'),
       (3, 'howe', 'Australia/Lord_Howe'), (4, 'kiritimati', 'Pacific/Kiritimati'), (5, 'pago', 'Pacific/Pago_Pago')) v(n, tenant, zone) WHERE v.n = i % 6) t;
ANALYZE calls;
SET client_min_messages = notice;
SELECT tally.create_rollup('days', 'calls', 'at', '1 day', zone => 'Zone', dimensions => '["tenant"]', measures => '{"calls": "count(*)"}', with_data => true);
SET client_min_messages = warning;
CREATE INDEX ON calls (at_local);
SELECT is((SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
            WHERE a.attrelid = 'calls'::regclass AND a.attname = 'at_local'), 'tally.local_time(at, ("Zone")::text)', 'the column is added');
SELECT is((SELECT count(*) FROM calls WHERE at_local IS DISTINCT FROM at AT TIME ZONE "Zone"), 0::bigint, 'and has the local time of every row');
SELECT tally.create_rollup('hours', 'calls', 'at', '1 hour', zone => 'Zone', dimensions => '["tenant"]', measures => '{"calls": "count(*)"}',
    with_data => true);
SELECT is((SELECT count(*) FROM pg_attribute WHERE attrelid = 'calls'::regclass AND attname LIKE 'at\_local%'), 1::bigint, 'a second rollup takes it too');
SELECT tally.create_rollup('weeks', 'days', bucket => '7 days', zone => 'Etc/GMT+12');
SELECT lives_ok($$SELECT tally.create_rollup('days', 'calls', 'at', '1 day', zone => 'Zone', dimensions => '["tenant"]', measures => '{"calls": "count(*)"}')$$,
                'the same definition again');
CREATE FUNCTION exact(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    suffix text;
BEGIN
    FOREACH suffix IN ARRAY '{_live,""}'::text[] LOOP
        RETURN NEXT bag_eq(format('SELECT (bucket AT TIME ZONE ''Etc/GMT+12'')::date AS day, tenant, calls FROM days%s', suffix), $q$
            SELECT (at AT TIME ZONE "Zone")::date, tenant, count(*) FROM calls WHERE "Zone" LIKE '%/%' AND "Zone" NOT LIKE 'Mars/%' AND isfinite(at)
             GROUP BY 1, 2$q$, what || ': days' || suffix);
        RETURN NEXT bag_eq(format('SELECT bucket AT TIME ZONE ''Etc/GMT+12'' AS hour, tenant, calls FROM hours%s', suffix), $q$
            SELECT date_trunc('hour', at AT TIME ZONE "Zone"), tenant, count(*) FROM calls WHERE "Zone" LIKE '%/%' AND "Zone" NOT LIKE 'Mars/%' AND isfinite(at)
             GROUP BY 1, 2$q$, what || ': hours' || suffix);
        RETURN NEXT bag_eq(format('SELECT (bucket AT TIME ZONE ''Etc/GMT+12'')::date AS week, tenant, calls FROM weeks%s', suffix), $q$
            SELECT date_trunc('week', at AT TIME ZONE "Zone")::date, tenant, count(*) FROM calls WHERE "Zone" LIKE '%/%' AND "Zone" NOT LIKE 'Mars/%'
               AND isfinite(at) GROUP BY 1, 2$q$, what || ': weeks on it' || suffix);
        IF suffix = '_live' THEN
            RETURN NEXT is((SELECT string_agg(r.error, ',') FROM tally.refresh() r), NULL, what || ': no refresh fails');
        END IF;
    END LOOP;
    RETURN NEXT is((SELECT count(*) FROM tally.verify('days')), 0::bigint, what || ': verified');
END $$;
SELECT exact('history, over the nights on which clocks change');
UPDATE calls SET "Zone" = 'America/Chicago' WHERE tenant = 'york';
SELECT exact('a tenant has moved');
INSERT INTO calls VALUES (2001, 'berlin', 'Europe/Berlin', '2026-03-29 00:59:59Z'), (2002, 'berlin', 'Europe/Berlin', '2026-03-29 01:00Z'),
    (2003, 'york', 'America/New_York', '2025-11-02 05:30Z'), (2004, 'york', 'America/New_York', '2025-11-02 06:30Z'),   -- 01:30, twice
    (2005, 'apia', 'Pacific/Apia', '2011-12-30 09:59Z'), (2006, 'apia', 'Pacific/Apia', '2011-12-30 10:00Z');           -- 30 December is skipped
DELETE FROM calls WHERE id % 17 = 0;
SELECT exact('late, deleted, hours that are there twice or never');

-- Zones that PostgreSQL does not know, and names that a session may redefine.
INSERT INTO calls VALUES (3001, 'mars', 'Mars/Olympus', '2026-03-10 10:00Z'), (3002, 'none', NULL, '2026-03-10 10:00Z'),
    (3003, 'est', 'EST', '2026-03-10 10:00Z');
SELECT exact('an unknown zone stops neither a write nor a refresh');
SELECT is((SELECT odd_rows FROM tally.status WHERE rollup = 'days'), 3::bigint, 'rows of unknown zones are counted as odd');
SELECT is((SELECT no_time FROM tally.odd_rows o JOIN tally.rollups r ON r.id = o.rollup_id WHERE r.name = 'days'), 3::bigint, 'as rows without a time');
-- PostgreSQL 18 plans functions in SQL with the values that they are called with, and computes what is constant, also what CASE would skip.
SELECT is(tally.local_time('2026-03-10 10:00Z', 'Mars/Olympus'), NULL, 'an unknown zone stops no plan that knows it');
UPDATE calls SET "Zone" = 'Asia/Tokyo' WHERE id = 3001;
SELECT exact('the zone is corrected');
SELECT is((SELECT calls FROM days WHERE tenant = 'mars'), 1::bigint, 'and the row is in its bucket');
INSERT INTO calls VALUES (4001, 'end', 'Pacific/Kiritimati', 'infinity'), (4002, 'end', 'Pacific/Kiritimati', '294276-12-31 23:00Z'),
    (4003, 'end', 'Pacific/Pago_Pago', '4714-11-24 00:00Z BC');
SELECT is((SELECT string_agg(r.error, ',') FROM tally.refresh() r), NULL, 'nor does the end of time');
DELETE FROM calls WHERE id > 4000;

-- Changes and readers.
SELECT tally.alter_rollup('days', add_measures => '{"first_at": "min(at)"}');
CALL tally.backfill();
SELECT exact('altered');
SELECT tally.create_metric('calls', 'days', 'calls');
SELECT bag_eq($$SELECT (bucket AT TIME ZONE 'Etc/GMT+12')::date AS day, value
                 FROM tally.timeseries('calls', since => '7 days', "where" => '{"tenant": "tokyo"}',
                      as_of => (timestamptz '2026-04-10 18:00Z' AT TIME ZONE 'Asia/Tokyo') AT TIME ZONE 'Etc/GMT+12')$$,
    $$SELECT (at AT TIME ZONE 'Asia/Tokyo')::date, count(*)::float8 FROM calls WHERE tenant = 'tokyo'
         AND (at AT TIME ZONE 'Asia/Tokyo')::date BETWEEN '2026-04-05' AND '2026-04-11' GROUP BY 1$$, 'the last days of a tenant, by its own clock');
SELECT alike((SELECT string_agg(statement, E'\n') FROM tally.definitions() WHERE name = 'days'), '%at_local%Etc/GMT+12%', 'as a statement');

-- A column of the owner's own.
CREATE TABLE pings (tenant text, zone text, at timestamptz);
ALTER TABLE pings ADD COLUMN by_hand timestamp GENERATED ALWAYS AS (at AT TIME ZONE zone) STORED, ADD COLUMN at_local int;
CREATE INDEX ON pings (by_hand);
SELECT tally.create_rollup('p', 'pings', 'at', '1 day', zone => 'zone', dimensions => '["tenant", "zone"]', measures => '{"n": "count(*)"}');
SELECT is((SELECT time_column FROM tally.rollups WHERE name = 'p'), 'by_hand', 'a column that is there is taken');
SELECT throws_ok($$SELECT tally.create_rollup('p2', 'p', 'bucket', '1 week', zone => 'zone')$$, '22023',
    'rollup ''p2'' cannot give buckets of rollup ''p'' a zone for each row, got the column zone', 'buckets cannot have a zone each');
SELECT throws_ok($$SELECT tally.create_rollup('x', 'pings', 'at', '1 day', zone => 'tenants', measures => '{"n": "count(*)"}')$$, '22023',
    'zone must be a time zone that PostgreSQL knows, got ''tenants''', 'no column and no zone');

-- What has one zone for all rows says so, instead of an error about a dimension.
SELECT is(m.state || ': ' || m.message, '0A000: zone of ' || v.what || ' must be one zone for all rows, got the column zone', v.what)
  FROM (VALUES ('rollup ''x'' per key', $$SELECT tally.create_rollup('x', 'pings', key => 'tenant', zone => 'zone', measures => '{"n": "count(*)"}')$$),
               ('funnel ''x''', $$SELECT tally.create_funnel('x', 'pings', 'at', 'tenant', '{"a": "true", "b": "zone > ''M''"}', zone => 'zone')$$),
               ('retention ''x''', $$SELECT tally.create_retention('x', 'pings', 'at', 'tenant', zone => 'zone')$$),
               ('sessions ''x''', $$SELECT tally.create_sessions('x', 'pings', 'at', 'tenant', zone => 'zone')$$)) v(what, statement),
       message_of(v.statement) m;
SELECT is(m.message, 'zone must be a time zone that PostgreSQL knows, got ''Nowhere''', 'a zone that is none, ' || what)
  FROM (VALUES ('per key', $$SELECT tally.create_rollup('x', 'pings', key => 'tenant', zone => 'Nowhere', measures => '{"n": "count(*)"}')$$),
               ('of sessions', $$SELECT tally.create_sessions('x', 'pings', 'at', 'tenant', zone => 'Nowhere')$$)) v(what, statement),
       message_of(v.statement) m;
SELECT lives_ok(m.hint, 'the hint works: ' || left(m.hint, 40))
  FROM (VALUES (1, $$SELECT tally.create_rollup('x1', 'pings', key => 'tenant', zone => 'zone', measures => '{"n": "count(*)"}')$$),
               (2, $$SELECT tally.create_funnel('x2', 'pings', 'at', 'tenant', '{"a": "true", "b": "zone > ''M''"}', zone => 'zone')$$),
               (3, $$SELECT tally.create_retention('x3', 'pings', 'at', 'tenant', zone => 'zone')$$),
               (4, $$SELECT tally.create_sessions('x4', 'pings', 'at', 'tenant', zone => 'zone')$$)) v(n, statement),
       message_of(v.statement) m ORDER BY n;
SELECT * FROM finish();
