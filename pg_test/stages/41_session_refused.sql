-- What depends on the session is refused at definition, with the form to write: live views once gave one hour of the day before a
-- refresh, another after it and a third to a reader in Tokyo. And what no setting changes is not refused.
SELECT no_plan();
SET client_min_messages = warning;
SET search_path = public;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN day_text AS date;
CREATE TABLE e (at timestamptz, local timestamp, d date, t text, n numeric, f float8, b bytea, i interval, m mood, j jsonb, u uuid, ok boolean, q int,
    tags text[], days date[], span tstzrange, dd day_text);
CREATE INDEX ON e (at);
CREATE FUNCTION stable_one(x int) RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT x; END;
CREATE FUNCTION of_text(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x + 1';
CREATE FUNCTION hour_of(x timestamptz) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT extract(hour FROM x)::int; END;
CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 2; END;
CREATE FUNCTION pl_open(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN x; END $$;
CREATE FUNCTION pl_bound(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN x; END $$;
CREATE FUNCTION add_stable(x int, y int) RETURNS int LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN x + y; END $$;
CREATE AGGREGATE sum_stable(int) (SFUNC = add_stable, STYPE = int, INITCOND = '0');

CREATE EXTENSION hstore;
CREATE EXTENSION cube;
CREATE TYPE moment AS (day date, q int);
CREATE TABLE refused (expression text);
INSERT INTO refused VALUES
    ('extract(hour FROM at)'), ('date_part(''dow'', at)'), ('date_trunc(''day'', at)'), ('date_trunc(''hour'', at)'), ('at::date'), ('at::time'),
        ('at::timestamp'), ('(at)::text'),
    ('to_char(at, ''HH24'')'), ('local::timestamptz'), ('d::timestamptz'), ('local::text'), ('d::text'), ('f::text'), ('i'), ('i::text'), ('b::text'),
        ('t::date'), ('t::timestamptz'),
    ('t::interval'), ('t::timestamp'), ('(j ->> ''day'')::date'), ('concat(at, t)'), ('format(''%s'', f)'), ('t || d'), ('jsonb_build_object(''a'', f)::text'),
        ('to_jsonb(at)::text'),
    ('array_to_string(days, '','')'), ('days'), ('days::text'), ('span'), ('dd::text'), ('to_char(n, ''L999D99'')'), ('to_char(local, ''TMMonth'')'),
        ('to_char(local, t)'), ('current_user'), ('session_user'),
    ('current_setting(''x.y'', true)'), ('current_date - d'), ('now() > at'), ('at > CURRENT_TIMESTAMP'), ('age(local)'),
        ('age(at, timestamptz ''2026-01-01 00:00+00'')'), ('at > ''now'''), ('d = ''today'''),
    ('at > d'), ('at = local'), ('(at + interval ''1 day'') > timestamptz ''2026-01-01 00:00+00'''), ('row_to_json(e)::text'), ('e::text'),
        ('t::regclass::text'), ('to_tsvector(t)::text'), ('stable_one(q)'), ('of_text(q)'),
    ('hour_of(at)'), ('pl_open(q)'), ('random()'), ('clock_timestamp() > at'), ('has_table_privilege(''e'', ''SELECT'')'),
        ('CASE WHEN q > 1 THEN extract(dow FROM at) END'),
    -- Bug: hstore(row) and populate_record() call themselves IMMUTABLE, and write and read each column as the session says; so is a cube written.
    ('hstore(e) -> ''at'''), ('hstore(ROW(f))::text'), ('(populate_record(NULL::moment, hstore(''day'', t))).q'), ('cube(f)'), ('cube(f)::text'),
    -- Bug: 'today' in other quotes and escapes, and within a range or a row, was kept as the day of the definition.
    ('at > E''to\x64ay'''), ('at > U&''\0074oday'''), ('at > $x$today$x$'), (E'at > ''to''\n''day'''), ('at <@ ''[today,infinity)''::tstzrange'),
    ('at <@ ''{[today,infinity)}''::tstzmultirange'), ('d = (''(today,1)''::moment).day'), ('d = ANY (''{today}''::date[])'),
        ('(at AT TIME ZONE ''UTC'')::time < ''now'''),
    -- Bug: where a row lies, and who locked it, changes without a write that a trigger sees.
    ('ctid'), ('xmin::text'), ('xmax'), ('tableoid'), ('e.ctid > ''(0,5)'''),
    ('to_timestamp(t, ''YYYY'') > at'), ('make_timestamptz(2026, 1, 1, 0, 0, 0) > at'), ('(SELECT max(x) FROM unnest(ARRAY[extract(hour FROM at)]) x)');
CREATE TABLE allowed (expression text);
INSERT INTO allowed VALUES
    ('extract(hour FROM at AT TIME ZONE ''Europe/Berlin'')'), ('date_trunc(''day'', at, ''Asia/Tokyo'')'), ('(at AT TIME ZONE ''UTC'')::date'),
        ('extract(epoch FROM at)'), ('date_trunc(''second'', at)'),
    ('at'), ('local'), ('d'), ('b'), ('n'), ('f'), ('f::float4'), ('m'), ('u'), ('ok'), ('q'), ('tags'), ('m::text'), ('t::mood'), ('j'), ('j ->> ''a'''),
        ('(j ->> ''a'')::int'), ('(j ->> ''a'')::numeric'), ('t::jsonb ->> ''a'''),
    ('at + interval ''90 minutes'''), ('at > timestamptz ''2026-01-01 00:00+00'''), ('local + interval ''1 month'''), ('d + 1'), ('d - date ''2026-01-01'''),
        ('to_char(local, ''YYYY-MM'')'), ('to_char(i, ''HH24'')'),
    ('to_char(q, ''000'')'), ('to_date(t, ''YYYY-MM-DD'')'), ('concat(t, q, m)'), ('concat_ws(''/'', t, n)'), ('format(''%s-%s'', t, q)'),
        ('array_to_string(tags, '','')'), ('jsonb_build_object(''q'', q)'),
    ('round(f::numeric, 2)'), ('f > 1.5'), ('width_bucket(f, 0, 10, 5)'), ('extract(epoch FROM i)'),
        ('at - timestamptz ''2026-01-01 00:00+00'' > interval ''1 day'''), ('age(local, timestamp ''2026-01-01'') > interval ''1 year'''),
    ('encode(b, ''hex'')'), ('md5(t)'), ('regexp_replace(t, ''\d'', ''#'')'), ('split_part(t, ''/'', 1)'), ('upper(t)'), ('t = ''today'''),
        ('t IN (''now'', ''later'')'), ('twice(q)'), ('pl_bound(q)'),
    ('CASE WHEN t ~ ''^a'' THEN ''a'' END'), ('COALESCE(t, ''none'')'), ('make_timestamptz(2026, 1, 1, 0, 0, 0, ''UTC'') > at'),
        ('date_bin(''15 minutes'', at, timestamptz ''2026-01-01 00:00+00'')'), ('lower(span)'),
    ('t = E''to\x64ay'''), ('at > timestamptz ''2026-01-01 00:00+00'' AND t <> ''today'''), ('hstore(t, ''x'')::text'), ('dd'), ('convert_from(b, ''UTF8'')'),
        ('q::text'), ('n::text'), ('ok::text'), ('(q, t) = (1, ''a'')');

-- In four parts, as a dimension, within a measure, as a filter and in a list that a row is made into.
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    s text; m text; d text; h text;
BEGIN
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
        RETURN CASE WHEN s = '42P17' AND m ~ 'depends on|gives the same answer every time|must be an immutable expression' AND d <> ''
            AND h <> '' THEN 'refused' ELSE format('%s: %s | %s | %s', s, m, d, h) END;
    END;
    RETURN 'defined';
END $$;
SELECT is(attempt(format('SELECT tally.create_rollup(''r'', ''e'', ''at'', dimensions => %L, measures => ''{"n": "count(*)"}'')',
    jsonb_build_array(jsonb_build_object('x', expression)))),
          'refused', 'a dimension ' || expression) FROM refused;
SELECT is(attempt(format('SELECT tally.create_rollup(''r'', ''e'', ''at'', measures => %L)',
    jsonb_build_object('n', format('count(*) FILTER (WHERE (%s)::text <> '''')', expression)))),
          'refused', 'a measure with ' || expression) FROM refused;
SELECT is(attempt(format('SELECT tally.create_rollup(''r'', ''e'', ''at'', measures => ''{"n": "count(*)"}'', "where" => %L)',
    format('(%s) IS NOT NULL', expression))),
          'refused', 'a filter with ' || expression) FROM refused WHERE expression NOT IN ('i', 'days', 'span', 'cube(f)');
SELECT is(attempt(format('SELECT tally.create_rollup(''r'', ''e'', ''at'', measures => ''{"n": "count(*)"}'', expand => %L)',
    format('unnest(ARRAY[(%s)::text]) x(y)', expression))),
          'refused', 'an expansion with ' || expression) FROM refused;
SELECT is(attempt(format('SELECT tally.create_rollup(''r'', ''e'', key => ''t'', measures => %L)',
    jsonb_build_object('n', format('max((%s)::text)', expression)))),
          'refused', 'a rollup per key with ' || expression) FROM refused;
SELECT is(attempt('SELECT tally.create_rollup(''r'', ''e'', ''at'', measures => ''{"n": "sum_stable(q)"}'')'), 'refused',
    'an aggregate whose parts are STABLE');
SELECT is(attempt('SELECT tally.create_rollup(''r'', ''e'', key => ''t'', measures => ''{"n": "json_agg(at)"}'')'), 'refused',
    'an aggregate that writes instants as text');
SELECT is(attempt('SELECT tally.create_rollup(''r'', ''e'', ''at'', measures => ''{"n": "count(*)"}'', '
    'expand => ''jsonb_to_recordset(j) AS x(a timestamptz)'')'), 'refused', 'columns read from a list as instants');
SELECT is(attempt('SELECT tally.create_rollup(''listed'', ''e'', ''at'', measures => ''{"n": "count(*)"}'', expand => ''jsonb_to_recordset(j) AS x(a int, '
    'b text)'')'), 'defined', 'columns read as numbers and text are not');
SELECT is((SELECT count(*) FROM tally.rollups WHERE name = 'r'), 0::bigint, 'and nothing of it is left');
SELECT is((SELECT count(*) FROM pg_class WHERE relname LIKE '%tally_probe%'), 0::bigint, 'nor of the look at it');

SELECT is(attempt(format('SELECT tally.create_rollup(%L, ''e'', ''at'', dimensions => %L, measures => ''{"n": "count(*)"}'')', 'a' || row_number() OVER (),
    jsonb_build_array(jsonb_build_object('x', expression)))),
          'defined', 'a dimension may be ' || expression) FROM allowed WHERE expression NOT IN ('extract(epoch FROM i)');
SELECT is(attempt(format('SELECT tally.create_rollup(%L, ''e'', ''at'', measures => %L)', 'm' || row_number() OVER (),
    jsonb_build_object('n', format('count(*) FILTER (WHERE (%s) IS NOT NULL)', expression)))),
          'defined', 'a measure may use ' || expression) FROM allowed;

-- The form that an error proposes is one that works.
SELECT throws_like($$SELECT tally.create_rollup('r', 'e', 'at', zone => 'Asia/Tokyo', bucket => '1 day', dimensions => '[{"h": "extract(hour FROM at)"}]',
    measures => '{"n": "count(*)"}')$$, '%TimeZone of the session%', 'the error says what it depends on');
SELECT lives_ok($$SELECT tally.create_rollup('tokyo', 'e', 'at', zone => 'Asia/Tokyo', bucket => '1 day',
    dimensions => '[{"h": "extract(hour FROM (at AT TIME ZONE ''Asia/Tokyo''))"}]', measures => '{"n": "count(*)"}')$$, 'and the form is taken');

-- Metrics too.
SELECT tally.create_rollup('for_metrics', 'e', 'at', measures => '{"n": "count(*)", "last": "max(at)", "total": "sum(f)"}');
SELECT is(attempt(format('SELECT tally.create_metric(''x'', ''for_metrics'', %L)', x)), 'refused', 'a metric ' || x)
  FROM unnest('{extract(hour FROM last)::int,"n + extract(epoch FROM now() - last)",length(total::text),"n + (last > ''now'')::int",pl_open(n::int)}'::text[])
      x;

-- What the engine itself writes as text is the same under every setting, and one to one.
CREATE TABLE written (at timestamptz, local timestamp(3), d day_text, b bytea);
INSERT INTO written VALUES
    ('2026-10-25 00:30+00', '2026-10-25 02:30', '2026-10-25', '\x00ff'), ('2026-10-25 01:30+00', '2026-10-25 02:30:00.5', '2026-10-26', '\x5c'),
        ('2026-10-25 01:30+00', 'infinity', '-infinity', ''),
    ('2026-10-26 01:30+00', '0044-03-15 12:00 BC', '0044-03-15 BC', NULL);
SELECT tally.create_rollup('texts', 'written', 'at', bucket => '1 month',
    dimensions => '[{"at_text": "at"}, {"local_text": "local"}, {"d_text": "d"}, {"b_text": "b"}]', measures => '{"n": "count(*)"}');
CREATE TABLE expected (at_text text, local_text text, d_text text, b_text text);
INSERT INTO expected VALUES ('2026-10-25 00:30:00+00', '2026-10-25 02:30:00', '2026-10-25', '\x00ff'),
    ('2026-10-25 01:30:00+00', '2026-10-25 02:30:00.5', '2026-10-26', '\x5c'),
    ('2026-10-25 01:30:00+00', 'infinity', '-infinity', '\x'), ('2026-10-26 01:30:00+00', '0044-03-15 12:00:00 BC', '0044-03-15 BC', '(none)');
SET datestyle = 'SQL, DMY'; SET timezone = 'America/New_York'; SET bytea_output = 'escape';
SELECT bag_eq('SELECT at_text, local_text, d_text, b_text FROM texts_live', 'SELECT * FROM expected', 'live, under other settings');
SELECT tally.refresh('texts');
SET datestyle = 'German'; SET timezone = 'Asia/Tokyo'; RESET bytea_output;
SELECT bag_eq('SELECT at_text, local_text, d_text, b_text FROM texts', 'SELECT * FROM expected', 'as stored');
SELECT bag_eq('SELECT at_text, local_text, d_text, b_text FROM texts_live', 'SELECT * FROM expected', 'and after it');
SELECT * FROM finish();
