-- Owns: limits of readers: the range, rows and requests a minute that an owner lets other roles ask for, on every path by which they read; pages.
SELECT no_plan();
SET client_min_messages = warning;
DROP ROLE IF EXISTS tally_limits_maker, tally_limits_reader, tally_limits_other;
CREATE ROLE tally_limits_maker;
CREATE ROLE tally_limits_reader;
CREATE ROLE tally_limits_other;
CREATE SCHEMA app AUTHORIZATION tally_limits_maker;
CREATE SCHEMA free AUTHORIZATION tally_limits_maker;
SET ROLE tally_limits_maker;
SET search_path = app, public;
CREATE TABLE app.visits (at timestamptz NOT NULL, person int, world text);
INSERT INTO app.visits SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 hour', i % 37, (ARRAY['w1', 'w2', 'it''s, "w3"'])[1 + i % 3]
    FROM generate_series(0, 24 * 20 - 1) i;
SELECT tally.create_rollup('app.by_day', 'app.visits', 'at', '1 day', dimensions => '["world"]', measures => '{"people": "tally.hll(person)", "n": "count(*)"}',
    with_data => true);
SELECT tally.create_rollup('free.by_day', 'app.visits', 'at', '1 day', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('visits', 'app.by_day', 'n'), tally.create_metric('persons', 'app.by_day', 'tally.distinct_count(people)'),
       tally.create_metric('all', 'free.by_day', 'n');
SELECT tally.create_board('here', 'Here',
    '[{"title": "Visits", "metric": "visits"}, {"title": "By world", "metric": "visits", "by": ["world"], "picture": "table"}]');
SELECT tally.create_release('app.seen', 'app.by_day', '{world}', '{n}');
SELECT count(*) FROM tally.refresh_release('app.seen', '2026-02-01 00:00Z');
GRANT USAGE ON SCHEMA app, free TO PUBLIC;
GRANT SELECT ON app.by_day, app.by_day_live, free.by_day, free.by_day_live, app.seen TO PUBLIC;

RESET ROLE;
\ir ask.psql
CREATE TEMP TABLE question (n int, text text, rows text);
INSERT INTO question VALUES
    (1, $$SELECT * FROM tally.timeseries('visits', '2026-01-01', '2026-01-20')$$, '19 rows'),
    (2, $$SELECT tally.metric_value('visits', '2026-01-01', '2026-01-20')$$, '1 rows'),
    (3, $$SELECT * FROM tally.report('{visits,persons}', '2026-01-01', '2026-01-20', by => '{world}')$$, '3 rows'),
    (4, $$SELECT tally.report_page('{visits}', since => '2026-01-01', until => '2026-01-20')$$, '1 rows'),
    (5, $$SELECT * FROM tally.cumulative('visits', '2026-01-01', '2026-01-20', by => '{world}')$$, '57 rows'),
    (6, $$SELECT * FROM tally.released('seen')$$, '40 rows');
GRANT SELECT ON question TO PUBLIC;
SET ROLE tally_limits_reader;
SELECT is(app.ask(q.text), q.rows, 'without limits: ' || q.text) FROM question q ORDER BY n;

-- The range.
SET ROLE tally_limits_maker;
SELECT tally.set_limits('app', max_range => '10 days');
SELECT is(app.ask(q.text), q.rows, 'the owner is not bound: ' || q.text) FROM question q ORDER BY n;
SET ROLE tally_limits_reader;
SELECT matches(app.ask(q.text), '^54000 \| a range must be at most 10 days, got .* \| This limit is set by tally_limits_maker in tally.limits. \| SELECT ',
    'too long a range: ' || q.text) FROM question q ORDER BY n;
SELECT is(app.ask(rtrim(split_part(app.ask(q.text), ' | ', 4), ';')), CASE n WHEN 1 THEN '10 rows' WHEN 6 THEN '20 rows' ELSE q.rows END,
    'its hint is a statement that fits: ' || q.text) FROM question q WHERE n IN (1, 2, 4, 6) ORDER BY n;
SELECT is(app.ask($$SELECT * FROM tally.timeseries('visits', '2026-01-05', '2026-01-15')$$), '10 rows', 'ten days are not too long');
SELECT matches(tally.board_text('here', since => '2026-01-01', until => '2026-01-20'), 'a range must be at most 10 days', 'a board says so in its panels');
SELECT is(app.ask($$SELECT * FROM tally.timeseries('free.all', '2026-01-01', '2026-01-20')$$), '19 rows', 'another schema has no limits');
SELECT is(app.ask($$SELECT * FROM tally.timeseries('visits', '-infinity', 'infinity')$$) ~ '^54000', true, 'nor is all of it let through');
SET timezone = 'Pacific/Apia';
SET intervalstyle = 'iso_8601';
SELECT is(app.ask(rtrim(split_part(app.ask((SELECT text FROM question WHERE n = 1)), ' | ', 4), ';')), '10 rows', 'the session''s settings change nothing');
RESET timezone;
RESET intervalstyle;

-- Rows.
SET ROLE tally_limits_maker;
SELECT tally.set_limits('app', max_rows => 12);
SET ROLE tally_limits_reader;
SELECT is(app.ask($$SELECT * FROM tally.timeseries('visits', '2026-01-01', '2026-01-13')$$), '12 rows', 'twelve rows are let through');
SELECT matches(app.ask($$SELECT * FROM tally.timeseries('visits', '2026-01-01', '2026-01-14')$$),
    '^54000 \| a series has at most 12 rows.* \| SELECT tally.report_page\(', 'thirteen points are not');
SELECT matches(app.ask($$SELECT * FROM tally.timeseries('visits', '2026-01-01', '2026-01-14', fill => 'zero')$$), '^54000', 'nor are filled ones');
SELECT matches(app.ask($$SELECT * FROM tally.report('{visits}', '2026-01-01', '2026-01-14', '1 day', max_rows => 1000)$$),
    '^54000 \| a report has at most 12 rows.* \| SELECT tally.report_page\(', 'nor rows of a report, whatever it asks for');
SELECT matches(app.ask($$SELECT * FROM tally.released('seen')$$), '^54000 \| an answer from a release has at most 12 rows', 'nor those of a release');
SELECT is(app.ask(regexp_replace(split_part(app.ask($$SELECT * FROM tally.released('seen')$$), ' | ', 4), ';.*', '')), '12 rows', 'its hint gives as many');
SELECT is(app.ask(rtrim(split_part(app.ask($$SELECT * FROM tally.timeseries('visits', '2026-01-01', '2026-01-14')$$), ' | ', 4), ';')), '1 rows',
    'the hint of a series is its first page');

-- Pages, put together, are the report.
CREATE FUNCTION pg_temp.paged(per_page int, bucket interval, dims text[], OUT rows jsonb, OUT pages int) LANGUAGE plpgsql AS $$
DECLARE
    page json;
BEGIN
    rows := '[]';
    pages := 0;
    LOOP
        page := tally.report_page('{visits,persons}', per_page, (page -> 'next')::jsonb, '2026-01-02', '2026-01-18 05:00Z', bucket, dims);
        rows := rows || (page -> 'rows')::jsonb;
        pages := pages + 1;
        EXIT WHEN (page ->> 'next') IS NULL OR pages > 100;
    END LOOP;
END $$;
SET timezone = 'UTC';
CREATE TEMP TABLE whole AS
SELECT b.bucket, b.dims, p.per_page, g.rows, g.pages
  FROM (VALUES ('1 day'::interval, '{world}'::text[]), ('1 week', '{world}'), ('1 day', '{}'), (NULL, '{world}'), (NULL,
    '{}')) b(bucket, dims), unnest('{1,5,1000}'::int[]) p(per_page), LATERAL pg_temp.paged(p.per_page, b.bucket, b.dims) g;
RESET ROLE;
GRANT SELECT ON whole TO PUBLIC;
SELECT is(w.rows, (SELECT jsonb_agg(x.r ORDER BY n) FROM (SELECT (x.j)::jsonb AS r, x.n FROM tally.report('{visits,persons}', '2026-01-02', '2026-01-18 05:00Z',
    w.bucket, w.dims) WITH ORDINALITY x(j, n)) x), format('pages of %s rows by %s and %s are the report', w.per_page, w.bucket, w.dims)) FROM whole w;
SELECT is((SELECT pages FROM whole WHERE bucket = '1 day' AND dims = '{world}' AND per_page = 5), 11, 'eleven pages of 5 make 51 rows');
SELECT is((SELECT pages FROM whole WHERE bucket = '1 day' AND dims = '{world}' AND per_page = 1000), 5, 'a page is cut to the limit of 12 rows');
-- A row that is added between two pages moves no other.
SELECT is((SELECT jsonb_path_query_array(second,
    '$.rows[*].visits') FROM (SELECT tally.report_page('{visits}', 1, first -> 'next', by => '{world}')::jsonb AS second
      FROM (SELECT tally.report_page('{visits}', 1, NULL, '2026-01-02', '2026-01-04', by => '{world}')::jsonb AS first) x) y), '[16]'::jsonb,
    'the second page');
INSERT INTO app.visits VALUES ('2026-01-02 00:00Z', 1, 'a new world');
SELECT is((SELECT tally.report_page('{visits}', 1, '{"since": "2026-01-02 00:00Z", "until": "2026-01-04 00:00Z", "key": {"world": "it''s, \"w3\""}}',
    by => '{world}')::jsonb #> '{rows,0,world}'), '"w1"'::jsonb, 'a page goes on after its key');
SELECT matches(app.ask(format('SELECT tally.report_page(''{visits}'', after => %L, by => ''{world}'')', a)),
    '^22023 \| after must be what the page before gave',
    'refused: ' || a) FROM unnest(ARRAY['{}', '[]', '{"since": "1 day", "until": "now", "key": {"bucket": "x"}}',
    '{"since": "1 day", "until": "now", "key": {"world": 1}}',
        '{"since": "1 day", "until": "now", "key": {}}', '3']) a;

-- People.
SET ROLE tally_limits_maker;
SELECT tally.set_limits('app', min_people => 20);
SELECT throws_like($$SELECT tally.create_release('app.other', 'app.by_day', '{}', k => 19)$$, 'k of release ''other'' must be at least 20, got 19',
    'a release has at least that k');
SELECT is((SELECT count(*) FROM tally.report('{visits}', '2026-01-01',
    '2026-01-02', by => '{world}', people => 'people', k => 2) x WHERE x ->> 'visits' IS NULL),
    0::bigint, 'the owner chooses');
SET ROLE tally_limits_reader;
SELECT is((SELECT count(*) FROM tally.report('{visits}', '2026-01-01',
    '2026-01-02', by => '{world}', people => 'people', k => 2) x WHERE x ->> 'visits' IS NULL),
    3::bigint, 'a report of others has at least that k');

-- Off.
SET ROLE tally_limits_maker;
SELECT tally.set_limits('app', enabled => false);
SET ROLE tally_limits_reader;
SELECT matches(app.ask(q.text), '^55000 \| reading what tally_limits_maker owns in schema app must be enabled for other roles, and is not', 'off: ' || q.text)
  FROM question q ORDER BY n;
SELECT matches(app.ask($$SELECT tally.page('here')$$), '^55000', 'a page is refused as a whole');

-- Requests: each statement counts once, for each role by itself, in a transaction that reads only, and after a ROLLBACK.
SET ROLE tally_limits_maker;
SELECT tally.set_limits('app', per_minute => 3);
RESET ROLE;
-- The minute must not end between the questions.
SELECT pg_sleep(CASE WHEN extract(second FROM clock_timestamp()) > 50 THEN 61 - extract(second FROM clock_timestamp()) ELSE 0 END);
SET ROLE tally_limits_reader;
SELECT is((SELECT count(*) FROM generate_series(1, 5) i, LATERAL tally.timeseries('visits', '2026-01-01', '2026-01-0' || 2 + i) t), 20::bigint,
    'one statement asks as often as it likes');
BEGIN TRANSACTION READ ONLY;
SELECT is(app.ask($$SELECT tally.metric_value('visits', '2026-01-01', '2026-01-20')$$), '1 rows', 'the second, in a transaction that reads only');
ROLLBACK;
SELECT is(length(tally.board_text('here', since => '2026-01-01', until => '2026-01-20')) > 100, true, 'the third is a board of two panels');
SELECT matches(app.ask($$SELECT * FROM tally.report('{visits}', '2026-01-01', '2026-01-20')$$),
    '^53400 \| a role may ask 3 times a minute for what tally_limits_maker owns, and this is time 4 .* \| SELECT pg_catalog.pg_sleep\(\d+\);',
    'the fourth is refused');
SELECT matches(app.ask($$SELECT tally.board_text('here')$$), '^53400', 'a board too');
SET ROLE tally_limits_other;
SELECT is(app.ask((SELECT text FROM question WHERE n = 1)), '19 rows', 'another role has a count of its own');
SET ROLE tally_limits_reader;
SELECT throws_ok('SELECT tally_internal._count_request(10, 1)', '42501', NULL, 'nobody counts for another role');
SELECT is(tally_internal._count_read(-1), 0::bigint, 'what limits nothing has no count');
SET ROLE tally_limits_maker;
SELECT is(app.ask((SELECT text FROM question WHERE n = 1)), '19 rows', 'nor does the owner');

-- Who sets them, and bad ones.
SELECT is((SELECT statement FROM tally.definitions() WHERE kind = 'limits'), E'SELECT tally.set_limits(''app'',\n    per_minute => ''3'');',
    'definitions() writes them out');
SELECT is(tally.drop_limits('app'), true, 'they are dropped');
SELECT is(tally.drop_limits('app'), false, 'once');
SELECT tally.set_limits(max_rows => 1);
SELECT tally.set_limits('app', max_rows => 2);
SET ROLE tally_limits_reader;
SELECT matches(app.ask((SELECT text FROM question WHERE n = 1)), 'at most 2 rows', 'those of a schema come first');
SELECT matches(app.ask($$SELECT * FROM tally.timeseries('free.all', '2026-01-01', '2026-01-20')$$), 'at most 1 rows', 'before those of all others');
SELECT throws_ok($$SELECT tally.set_limits('app', owner => 'tally_limits_maker')$$, '42501', NULL, 'nobody sets limits of what is another''s');
SELECT lives_ok($$SELECT tally.set_limits('app', enabled => false)$$, 'one''s own bind nobody where one owns nothing');
SELECT throws_ok('INSERT INTO tally.limits (owner, schema) VALUES (''tally_limits_maker'', ''x'')', '42501', NULL, 'nor by hand');
SELECT throws_ok(q, '22023', NULL, q) FROM unnest(ARRAY['SELECT tally.set_limits(max_rows => 0)', 'SELECT tally.set_limits(max_range => ''-1 day'')',
    'SELECT tally.set_limits(per_minute => 0)', 'SELECT tally.set_limits(min_people => 1)', 'SELECT tally.set_limits(enabled => NULL)']) q;
SELECT throws_ok($$SELECT tally.set_limits('nowhere', max_rows => 1)$$, '3F000', NULL, 'nor of a schema that is not there');
SET ROLE tally_limits_other;
SELECT matches(app.ask((SELECT text FROM question WHERE n = 1)), 'at most 2 rows', 'what a stranger sets binds no one else');
RESET ROLE;
ALTER SCHEMA app RENAME TO app_two;
SELECT is((SELECT string_agg(schema, ',' ORDER BY schema) FROM tally.limits WHERE max_rows IS NOT NULL), ',app_two', 'limits follow a schema that is renamed');
SELECT * FROM finish();
SET ROLE tally_limits_maker;
SELECT tally.drop_board('here');
SELECT tally.drop_release('app_two.seen');
SELECT tally.drop_rollup('app_two.by_day'), tally.drop_rollup('free.by_day');
RESET ROLE;
DROP SCHEMA app_two, free CASCADE;
DROP OWNED BY tally_limits_maker, tally_limits_reader, tally_limits_other CASCADE;
DROP ROLE tally_limits_maker, tally_limits_reader, tally_limits_other;
