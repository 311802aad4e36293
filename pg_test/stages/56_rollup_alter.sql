-- Change of definition: what the source still has is computed anew, what it has no more is kept. Expected rows are plain SQL
-- over the source, and over a copy of the rows that are gone from it.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';

CREATE TABLE events (id serial PRIMARY KEY, at timestamptz, kind text, world text, amount int, ms float8, who int);
CREATE INDEX ON events (at);
INSERT INTO events (at, kind, world, amount, ms, who)
SELECT timestamptz '2026-01-01 00:00Z' + i * interval '17 minutes', (ARRAY['a', 'b', NULL])[i % 3 + 1], (ARRAY['w1', 'w2'])[i % 2 + 1], i % 13, i % 29, i % 50
    FROM generate_series(1, 3000) i;
CREATE TABLE all_rows AS SELECT * FROM events;
SELECT tally.create_rollup('h', 'events', 'at', dimensions => '["kind", "world"]',
    measures => '{"n": "count(*)", "total": "sum(amount)", "lat": "tally.tdigest(ms)", "people": "tally.hll(who)"}', with_data => true);
SELECT tally.create_rollup('d', 'h', bucket => '1 day', dimensions => '["kind"]', measures => '{"n": "sum(n)", "total": "sum(total)"}', with_data => true);
SELECT tally.create_metric('events_n', 'h', 'n');
SELECT tally.create_metric('mean', 'h', 'total::float8 / nullif(n, 0)');
CREATE ROLE tally_alter_reader ROLE CURRENT_USER;
GRANT SELECT ON h, h_live, h_metrics, d_live TO tally_alter_reader;
CREATE VIEW mine AS SELECT bucket, kind, n FROM h_live;

-- Nothing asked for, nothing changed.
SELECT is_empty($$SELECT * FROM tally.alter_rollup('h')$$, 'nothing asked for');
SELECT is_empty($$SELECT * FROM tally.alter_rollup('h', add_measures => NULL, drop_measures => NULL, add_dimensions => NULL, drop_dimensions => NULL)$$,
    'nor by nulls');

-- A measure is added while nothing is frozen: all is computed anew, the live view is right at once.
SELECT results_eq($$SELECT * FROM tally.alter_rollup('h', add_measures => '{"most": "max(amount)", "big": "count(*) filter (where amount > 6)"}')$$, $$VALUES
    ('measure big added', timestamptz '-infinity', timestamptz 'infinity', 'computed anew from the source by backfill'),
        ('measure most added', '-infinity', 'infinity', 'computed anew from the source by backfill')$$, 'it says what is computed anew');
CREATE FUNCTION exact(relation text, columns text, definition text, what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq(format('SELECT %s FROM %s', columns, relation), definition, what || ': ' || relation)
$$;
CREATE TABLE wanted AS SELECT 'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), world, count(*), sum(amount), max(amount), '
    'count(*) FILTER (WHERE amount > 6) AS big FROM all_rows GROUP BY 1, 2, 3' AS q;
SELECT exact('h_live', 'bucket, kind, world, n, total, most, big', q, 'measures added') FROM wanted;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'backfill', 'it waits for its backfill');
SELECT is((SELECT count(*) FROM mine), (SELECT count(*) FROM h), 'a view that somebody made on the live view stays');
SELECT is((SELECT sum(n) FROM d_live), (SELECT count(*) FROM all_rows)::numeric, 'so does a rollup on it');
CALL tally.backfill('h', 500);
SELECT exact('h', 'bucket, kind, world, n, total, most, big', q, 'backfilled') FROM wanted;
SELECT is_empty($$SELECT * FROM tally.verify('h')$$, 'equal to its definition');
INSERT INTO events (at, kind, world, amount, ms, who) VALUES ('2026-01-05 10:10Z', 'new', 'w1', 50, 1, 1);
INSERT INTO all_rows SELECT * FROM events WHERE kind = 'new';
SELECT tally.refresh();
SELECT exact('h', 'bucket, kind, world, n, total, most, big', q, 'refreshed by marks') FROM wanted;

-- Part of the history is frozen and its raw rows are gone.
SELECT tally.freeze_source('events', before => '2026-01-15');
CREATE TABLE frozen AS SELECT bucket, kind, world, n, total, most, big FROM h WHERE bucket < '2026-01-15';
DELETE FROM events WHERE at < '2026-01-15';
DROP VIEW mine;
SELECT results_eq($$SELECT * FROM tally.alter_rollup('h', add_measures => '{"least": "min(amount)"}', drop_measures => '{big}')$$, $$VALUES
    ('measure big dropped', timestamptz '-infinity', timestamptz '2026-01-15 00:00Z', 'column dropped'),
        ('measure big dropped', '2026-01-15 00:00Z', 'infinity', 'column dropped'),
    ('measure least added', '-infinity', '2026-01-15 00:00Z', 'kept, as NULL'),
        ('measure least added', '2026-01-15 00:00Z', 'infinity', 'computed anew from the source by backfill')$$, 'each part of the history by itself');
CREATE TABLE wanted2 AS SELECT 'SELECT bucket, kind, world, n, total, most, NULL::int AS least FROM frozen
    UNION ALL SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), world, count(*), sum(amount), max(amount), min(amount) FROM events GROUP BY 1, 2, 3'
        AS q;
SELECT exact('h_live', 'bucket, kind, world, n, total, most, least', q, 'measure added over frozen history') FROM wanted2;
SELECT tally.refresh();
SELECT exact('h', 'bucket, kind, world, n, total, most, least', q, 'measure added over frozen history') FROM wanted2;
SELECT hasnt_column('h', 'big', 'the dropped measure is gone from the table');
SELECT hasnt_column('h_live', 'big', 'and from the live view');
SELECT is((SELECT n FROM tally.measures m JOIN tally.rollups r ON r.id = m.rollup_id, LATERAL (SELECT count(*) AS n) c WHERE r.name = 'h' AND m.name = 'big'
    GROUP BY n), NULL, 'and from the catalogue');

-- A dimension is added: old rows say that they are from before it.
SELECT results_eq($$SELECT what, how FROM tally.alter_rollup('h', add_dimensions => '[{"size": "CASE WHEN amount > 6 THEN ''big'' ELSE ''small'' END"}]')$$,
    $$VALUES ('dimension size added', 'kept, as ''(before)'''), ('dimension size added', 'computed anew from the source by backfill')$$, 'dimension added');
CREATE TABLE wanted3 AS SELECT 'SELECT bucket, kind, world, ''(before)'' AS size, n, total FROM frozen
    UNION ALL SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), world, CASE WHEN amount > 6 THEN ''big'' ELSE ''small'' END, count(*), '
        'sum(amount) FROM events GROUP BY 1, 2, 3, 4' AS q;
SELECT exact('h_live', 'bucket, kind, world, size, n, total', q, 'dimension added') FROM wanted3;
SELECT tally.refresh();
SELECT exact('h', 'bucket, kind, world, size, n, total', q, 'dimension added') FROM wanted3;
SELECT col_is_pk('h', '{bucket,kind,world,size}'::name[], 'it is part of the key');
SELECT is_empty($$SELECT * FROM tally.verify('h')$$, 'equal to its definition');
SELECT bag_eq('SELECT bucket, kind, n FROM d', 'SELECT date_trunc(''day'', at), COALESCE(kind, ''(none)''), count(*) FROM all_rows GROUP BY 1, 2',
    'a rollup on it is as it was');
SELECT columns_are('h_metrics', '{bucket,kind,world,size,events_n,mean}'::name[], 'the flat view has it');
SELECT is((SELECT sum(events_n) FROM h_metrics), (SELECT count(*) FROM all_rows)::numeric, 'with the same sums');
INSERT INTO events (at, kind, world, amount) VALUES ('2026-02-01 10:10Z', 'later', 'w1', 50), ('2026-02-01 10:20Z', 'later', 'w1', 1);
INSERT INTO all_rows (at, kind, world, amount) VALUES ('2026-02-01 10:10Z', 'later', 'w1', 50), ('2026-02-01 10:20Z', 'later', 'w1', 1);
SELECT exact('h_live', 'bucket, kind, world, size, n, total', q, 'a row after it') FROM wanted3;
SELECT tally.refresh();
SELECT exact('h', 'bucket, kind, world, size, n, total', q, 'a row after it') FROM wanted3;

-- Dimensions are dropped: stored rows are merged by their merge rules, sketches too.
CREATE TABLE sketches AS SELECT bucket, kind, tally.percentile(tally.rollup(lat), 0.5) AS p50, tally.distinct_count(tally.rollup(people)) AS people FROM h
    WHERE bucket < '2026-01-15' GROUP BY 1, 2;
SELECT results_eq($$SELECT what, how FROM tally.alter_rollup('h', drop_dimensions => '{world,size}') ORDER BY 1, since$$, $$VALUES
    ('dimension size dropped', 'merged from stored rows'), ('dimension size dropped', 'computed anew from the source by backfill'),
    ('dimension world dropped', 'merged from stored rows'), ('dimension world dropped', 'computed anew from the source by backfill')$$,
        'dimensions dropped, with sketches');
CREATE TABLE wanted4 AS SELECT 'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(*), sum(amount), max(amount) FROM all_rows GROUP BY 1, 2'
    AS q;
SELECT exact('h_live', 'bucket, kind, n, total, most', q, 'dimensions dropped') FROM wanted4;
SELECT exact('h', 'bucket, kind, n, total, most', q, 'dimensions dropped, before the backfill') FROM wanted4;
SELECT tally.refresh();
SELECT exact('h', 'bucket, kind, n, total, most', q, 'dimensions dropped') FROM wanted4;
SELECT bag_eq('SELECT bucket, kind, tally.percentile(lat, 0.5), tally.distinct_count(people) FROM h WHERE bucket < ''2026-01-15''', 'SELECT * FROM sketches',
    'sketches of frozen rows are merged');
SELECT bag_eq('SELECT bucket, kind, COALESCE(tally.distinct_count(people), 0)::bigint FROM h',
    'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(DISTINCT who) AS people FROM all_rows GROUP BY 1, 2',
    'to what all rows that ever were give');
SELECT col_is_pk('h', '{bucket,kind}'::name[], 'the key is narrower');
SELECT is_empty($$SELECT * FROM tally.verify('h')$$, 'equal to its definition');
SELECT bag_eq('SELECT bucket, kind, n FROM d', 'SELECT date_trunc(''day'', at), COALESCE(kind, ''(none)''), count(*) FROM all_rows GROUP BY 1, 2',
    'a rollup on it is as it was');
-- Without sketches merging is all there is to do.
SELECT tally.create_rollup('plain', 'events', 'at', dimensions => '["kind", "world"]', measures => '{"n": "count(*)", "total": "sum(amount)"}',
    with_data => true);
SELECT is((SELECT min(bucket) FROM plain), (SELECT min(date_trunc('hour', at)) FROM events), 'a new rollup begins at the horizon');
SELECT results_eq($$SELECT what, how FROM tally.alter_rollup('plain', drop_dimensions => '{world}')$$,
    $$VALUES ('dimension world dropped', 'merged from stored rows'),
    ('dimension world dropped', 'merged from stored rows')$$, 'exact merges need no source');
SELECT exact('plain', 'bucket, kind, n, total', 'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(*), sum(amount) FROM events GROUP BY 1, 2',
    'merged');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'plain'), 'fresh', 'nothing is left to compute');

-- The filter: frozen history is as it was computed.
SELECT results_eq($$SELECT what, since, how FROM tally.alter_rollup('h', "where" => 'kind = ''a''')$$, $$VALUES
    ('where: none to kind = ''a''', timestamptz '-infinity', 'kept as it was computed'),
        ('where: none to kind = ''a''', '2026-01-15 00:00Z', 'computed anew from the source by backfill')$$, 'filter');
CREATE TABLE wanted5 AS SELECT 'SELECT date_trunc(''hour'', at), COALESCE(kind, ''(none)''), count(*), '
    'sum(amount) FROM all_rows WHERE at < ''2026-01-15'' OR kind = ''a'' GROUP BY 1, 2' AS q;
SELECT exact('h_live', 'bucket, kind, n, total', q, 'filter') FROM wanted5;
CALL tally.backfill('h');
SELECT exact('h', 'bucket, kind, n, total', q, 'filter') FROM wanted5;
SELECT tally.alter_rollup('h', "where" => '');
SELECT tally.refresh();
SELECT exact('h', 'bucket, kind, n, total, most', q, 'filter taken away') FROM wanted4;
SELECT results_eq($$SELECT what, how FROM tally.alter_rollup('h', schedule => '*/15 * * * *', description => 'All events.', retain => '400 days')$$, $$VALUES
    ('description: none to All events.', 'no bucket is touched'), ('retain: none to 400 days', 'no bucket is touched'),
        ('schedule: */5 * * * * to */15 * * * *', 'no bucket is touched')$$, 'what touches no bucket');
SELECT alike(obj_description('h'::regclass), 'All events.%', 'comments follow');
SELECT tally.alter_rollup('h', retain => '0', schedule => '');
SELECT is((SELECT (tally_internal._retain_of(r), r.schedule)::text FROM tally.rollups r WHERE name = 'h'), '(,)', 'and are taken away');

-- create_rollup with another definition says how to get there.
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN duplicate_object THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END $$;
SELECT tally.create_rollup('again', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)", "s": "sum(amount)"}', with_data => true);
SELECT is(hint_of($$SELECT tally.create_rollup('again', 'events', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "s": "sum(who)"}',
    "where" => 'amount > 1')$$),
    $$SELECT * FROM tally.alter_rollup('again', add_measures => '{"s": "sum(who)"}', drop_measures => '{s}', add_dimensions => '[{"world": "world"}]', $$
    || $$drop_dimensions => '{kind}', "where" => 'amount > 1');$$, 'the statement to run');
SELECT lives_ok(hint_of($$SELECT tally.create_rollup('again', 'events', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "s": "sum(who)"}',
    "where" => 'amount > 1')$$), 'it runs');
SELECT is(hint_of($$SELECT tally.create_rollup('again', 'events', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "s": "sum(who)"}',
    "where" => 'amount > 1')$$), 'no error', 'and then the definition is the same');
SELECT is(hint_of($$SELECT tally.create_rollup('again', 'events', 'at', bucket => '1 day', measures => '{"n": "count(*)"}')$$),
    $$SELECT tally.drop_rollup('again');$$, 'another bucket is another rollup');
SELECT tally.drop_rollup('again');

-- A rollup per key.
CREATE TABLE keyed AS SELECT * FROM events;
SELECT tally.create_rollup('per_who', 'keyed', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
SELECT results_eq($$SELECT what, how FROM tally.alter_rollup('per_who', add_measures => '{"total": "sum(amount)"}', add_dimensions => '["world"]')$$,
    $$VALUES ('dimension world added', 'computed anew from the source by backfill'), ('measure total added', 'computed anew from the source by backfill')$$,
        'a rollup per key');
SELECT exact('per_who_live', 'who, world, n, total', 'SELECT COALESCE(who::text, ''(none)''), world, count(*), sum(amount) FROM keyed GROUP BY 1, 2',
    'a rollup per key');
SELECT tally.refresh('per_who');
SELECT exact('per_who', 'who, world, n, total', 'SELECT COALESCE(who::text, ''(none)''), world, count(*), sum(amount) FROM keyed GROUP BY 1, 2',
    'a rollup per key');
UPDATE keyed SET amount = 7 WHERE who = 3;
SELECT tally.refresh('per_who');
SELECT is_empty($$SELECT * FROM tally.verify('per_who')$$, 'refreshed by its marks');
SELECT tally.alter_rollup('per_who', drop_dimensions => '{world}', drop_measures => '{total}');
SELECT exact('per_who', 'who, n', 'SELECT COALESCE(who::text, ''(none)''), count(*) FROM keyed GROUP BY 1', 'and back');
SELECT throws_ok($$SELECT tally.alter_rollup('per_who', drop_dimensions => '{who}')$$, '22023', 'rollup ''per_who'' cannot lose its key, got {who}',
    'its key cannot go');
SELECT throws_ok($$SELECT tally.alter_rollup('per_who', retain => '1 day')$$, '0A000', NULL, 'it has no time to grow old by');
SELECT throws_ok($$SELECT tally.freeze_source('keyed', before => '2026-01-20')$$, '55000', NULL, 'and the rows it is computed over cannot go');
SELECT tally.drop_rollup('per_who');

-- Who could read still can.
SELECT ok(has_table_privilege('tally_alter_reader', x, 'SELECT'), x || ' is readable as before') FROM unnest('{h,h_live,h_metrics,d_live}'::text[]) x;
SELECT is((SELECT count(*) FROM pg_attribute a
    WHERE a.attrelid IN ('h'::regclass, 'h_live'::regclass, 'd_live'::regclass) AND a.attnum > 0 AND NOT a.attisdropped AND col_description(a.attrelid,
    a.attnum) IS NULL), 0::bigint, 'all columns have comments');

-- Columns that are used cannot go; a change that fails changes nothing.
CREATE TABLE before AS SELECT (SELECT md5(string_agg(h::text, '|' ORDER BY bucket, kind)) FROM h) AS rows,
    (SELECT md5(string_agg(m::text, '|' ORDER BY name)) FROM tally.measures m) AS measures,
    (SELECT md5(string_agg(m::text, '|' ORDER BY name)) FROM tally.dimensions m) AS dimensions, (SELECT count(*) FROM tally.dirty_ranges) AS ranges,
        pg_get_viewdef('h_live') AS live;
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_measures => '{total}')$$, '2BP01', 'rollup ''h'' cannot lose total: metrics are computed from it',
    'a metric');
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_dimensions => '{kind}')$$, '2BP01', 'rollup ''h'' cannot lose kind: rollups stand on it',
    'a rollup on it');
SELECT tally.create_threshold('too many', metric => 'events_n', condition => '> 1000000', per => '{kind}');
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_dimensions => '{kind}')$$, '2BP01', 'rollup ''h'' cannot lose kind: thresholds watch it', 'a threshold');
CREATE VIEW theirs AS SELECT bucket, most FROM h_live;
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_measures => '{most}')$$, '2BP01',
    'rollup ''h'' cannot be changed in this way: views of others stand on its columns', 'a view on the live view');
DROP VIEW theirs;
CREATE VIEW theirs AS SELECT bucket, most FROM h;
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_measures => '{most}')$$, '2BP01',
    'rollup ''h'' cannot be changed in this way: views of others stand on its columns', 'a view on the table');
DROP VIEW theirs;
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_measures => '{nothing}')$$, '42703',
    'drop_measures must name measures of rollup ''h'', got ''nothing''', 'an unknown measure');
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_dimensions => '{nothing}')$$, '42703',
    'drop_dimensions must name dimensions of rollup ''h'', got ''nothing''', 'an unknown dimension');
SELECT throws_ok($$SELECT tally.alter_rollup('h', add_measures => '{"n": "count(*)"}')$$, '42701', NULL, 'a measure twice');
SELECT throws_ok($$SELECT tally.alter_rollup('h', add_dimensions => '[{"mean": "world"}]')$$, '42701',
    'metric ''mean'' has the name of a dimension of rollup ''h'', or of its bucket', 'a dimension with a metric''s name');
SELECT throws_ok($$SELECT tally.alter_rollup('h', add_measures => '{"x": "avg(amount)"}')$$, '0A000', NULL, 'a measure that does not merge');
SELECT throws_ok($$SELECT tally.alter_rollup('h', add_measures => '{"x": "sum(nothing)"}')$$, '42703', NULL, 'an unknown column');
SELECT throws_ok($$SELECT tally.alter_rollup('h', "where" => 'nothing > 1')$$, '42703', NULL, 'an unknown column in where');
SELECT throws_ok($$SELECT tally.alter_rollup('h', add_measures => '[1]')$$, '22023', NULL, 'another shape');
SELECT throws_ok($$SELECT tally.alter_rollup('plain', drop_measures => '{n,total}')$$, '22023',
    'rollup ''plain'' needs at least one measure, and would have none', 'no measure left');
SELECT throws_ok($$SELECT tally.alter_rollup('nothing')$$, '42704', NULL, 'an unknown rollup');
GRANT USAGE ON SCHEMA public TO tally_alter_reader;
SET ROLE tally_alter_reader;
SELECT throws_ok($$SELECT tally.alter_rollup('h', drop_measures => '{most}')$$, '42501', NULL, 'not for who does not own it');
RESET ROLE;
SELECT bag_eq($$SELECT (SELECT md5(string_agg(h::text, '|' ORDER BY bucket, kind)) FROM h) AS rows,
    (SELECT md5(string_agg(m::text, '|' ORDER BY name)) FROM tally.measures m) AS measures,
    (SELECT md5(string_agg(m::text, '|' ORDER BY name)) FROM tally.dimensions m) AS dimensions, (SELECT count(*) FROM tally.dirty_ranges) AS ranges,
        pg_get_viewdef('h_live') AS live$$, 'SELECT * FROM before', 'all as it was');

-- An unprivileged owner changes what is theirs, and a superuser's hand does not lend them rights. Every owner of the hosted edition is one.
CREATE ROLE tally_alter_owner ROLE CURRENT_USER;
\ir ../hosted.psql
\if :hosted
SELECT skip('definitions are the installing role''s', 5);
\else
CREATE SCHEMA theirs AUTHORIZATION tally_alter_owner;
SET ROLE tally_alter_owner;
SET search_path = theirs, public;
CREATE TABLE t (at timestamptz, k text, v int);
INSERT INTO t VALUES ('2026-01-01', 'x', 1), ('2026-01-01', 'y', 2);
SELECT tally.create_rollup('theirs_h', 't', 'at', dimensions => '["k"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT lives_ok($$SELECT tally.alter_rollup('theirs_h', add_measures => '{"s": "sum(v)"}', drop_dimensions => '{k}')$$, 'an owner without privileges');
SELECT tally.refresh('theirs_h');
SELECT results_eq('SELECT bucket, n, s FROM theirs_h', $$VALUES ('2026-01-01 00:00Z'::timestamptz, 2::bigint, 3::bigint)$$, 'two rows are one');
CREATE FUNCTION who_runs(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN IF current_user <> 'tally_alter_owner' THEN RAISE 'runs as %', current_user; END IF; RETURN v; END $$;
RESET ROLE;
SELECT lives_ok($$SELECT tally.alter_rollup('theirs_h', add_measures => '{"w": "sum(theirs.who_runs(v))"}')$$, 'a superuser changes it');
SELECT lives_ok($$SELECT tally.refresh('theirs_h')$$, 'and it still runs as its owner');
SELECT is((SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE oid IN ('theirs_h'::regclass, 'theirs_h_live'::regclass)), 'tally_alter_owner',
    'who still owns all of it');
RESET search_path;
SELECT tally.drop_rollup('theirs_h');
\endif
DROP OWNED BY tally_alter_owner, tally_alter_reader;
DROP ROLE tally_alter_owner, tally_alter_reader;
SELECT * FROM finish();
