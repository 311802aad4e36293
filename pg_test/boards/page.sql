-- Owns: pages. The numbers on a page are those of timeseries(), metric_value() and plain SQL for the same arguments; what users wrote is
-- shown and never run; a page stays small.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'Asia/Kathmandu';
CREATE TABLE events (at timestamptz NOT NULL, world text, model text, ms float8);
CREATE INDEX ON events (at);
INSERT INTO events SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '5 minutes',
    (ARRAY['w1', '<script>alert(1)</script>', '=HYPERLINK("x")'])[1 + i % 3], 'm' || i % 2,
    (i * 37) % 1009 FROM generate_series(0, 2015) i WHERE i % 50 <> 7;
SELECT tally.create_rollup('hourly', 'events', 'at', dimensions => '["world", "model"]',
    measures => '{"n": "count(*)", "total": "sum(ms)", "ms": "tally.tdigest(ms)"}', with_data => true);
SELECT tally.create_metric('n', 'hourly', 'n', unit => 'events', description => 'All <b>events</b>.', samples => 'n');
SELECT tally.create_metric('mean', 'hourly', 'total::float8 / nullif(n, 0)', unit => 'ms', samples => 'n');
SELECT tally.create_metric('p95', 'hourly', 'tally.percentile(ms, 0.95)', unit => 'ms', samples => 'n');
SELECT tally.create_threshold('slow <script>', metric => 'mean', condition => '> 500', area => 'web');
SELECT tally.create_board('b', 'Board "<script>alert(2)</script>"', '[
    {"title": "Mean", "metric": "mean", "do": "<img src=x onerror=alert(3)>", "runbook": "javascript:alert(4)"},
    {"title": "By world", "metric": "n", "by": ["world"]},
    {"title": "Tile", "metric": "mean", "picture": "stat"},
    {"title": "Table", "metrics": ["n", "mean"], "picture": "table", "by": ["world"]},
    {"title": "Ranking", "metric": "n", "picture": "ranking", "by": ["model"]},
    {"title": "Heat", "metric": "mean", "picture": "heatmap", "by": ["world", "model"]},
    {"title": "States", "metric": "mean", "picture": "states", "by": ["model"]},
    {"title": "Spread", "metric": "p95", "picture": "histogram"},
    {"title": "Rows", "relation": "events", "columns": ["at", "world", "model", "ms"], "time": "at", "order": "at desc", "limit": 5,
        "units": {"ms": "seconds"}},
    {"title": "Limits", "slo": true, "area": "web"}, {"title": "Incidents", "incidents": true}, {"title": "Fresh", "status": true}]',
    variables => '{world,model}', description => 'What </title> it is');

-- The CSV of a panel, as a browser would save it.
CREATE FUNCTION pg_temp.decoded(address text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT convert_from(string_agg(CASE WHEN m[1] IS NOT NULL THEN decode(m[1], 'hex') ELSE convert_to(m[2], 'UTF8') END, ''::bytea ORDER BY n), 'UTF8')
      FROM regexp_matches(address, '%([0-9A-F]{2})|([^%])', 'g') WITH ORDINALITY u(m, n) $$;
CREATE FUNCTION pg_temp.csv(page text, title text) RETURNS TABLE (line text) LANGUAGE sql AS $$
    SELECT l FROM regexp_match(page, format('href="data:text/csv;charset=utf-8,([^"]*)" download="[^"]*" aria-label="CSV of %s"', title)) m,
                  unnest(string_to_array(rtrim(pg_temp.decoded(m[1]), E'\r\n'), E'\r\n')) WITH ORDINALITY u(l, n) WHERE n > 1 $$;

CREATE TEMP TABLE asked (since text, until text, filters jsonb, as_of timestamptz);
INSERT INTO asked VALUES
    ('2026-03-02 00:00+00', '2026-03-04 00:00+00', '{}', '2026-03-08 00:00Z'), ('24 hours', NULL, '{"world": "w1"}', '2026-03-05 10:30Z'),
    ('7 days', NULL, '{"world": ["w1", "<script>alert(1)</script>"], "model": "m1"}', '2026-03-08 00:00Z'),
        ('1 hour', NULL, '{"model": ["m0"]}', '2026-03-03 01:00Z'),
    ('2026-03-10', '2026-03-11', '{}', '2026-03-12Z');
CREATE TEMP TABLE pages AS SELECT *, tally.page('b', filters, since, until, as_of => as_of)::text AS page FROM asked;

SELECT bag_eq(format('SELECT split_part(line, '','', 1) AS at, split_part(line, '','', 2)::float8 AS value FROM pages, pg_temp.csv(page, '
    '''Mean'') WHERE since = %L', since),
    format($q$SELECT to_char(bucket AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS at, value
                FROM tally.timeseries('mean', %L, %L, bucket => %L, "where" => %L, as_of => %L)$q$, since, until, CASE since WHEN '7 days' THEN '2 hours' END,
                    filters, as_of),
    format('the mean from %s by %s is that of timeseries()', since, filters)) FROM asked;
SELECT cmp_ok((SELECT count(*) FROM pages, pg_temp.csv(page, 'Mean')), '>', 100::bigint, 'there are numbers to compare');
SELECT bag_eq($$SELECT split_part(line, ',', 1) AS k, split_part(line, ',', 2)::float8 FROM pages, pg_temp.csv(page, 'Mean') WHERE since LIKE '2026-03-02%'$$,
    $$SELECT to_char(date_trunc('hour', at AT TIME ZONE 'UTC'), 'YYYY-MM-DD HH24:MI'), avg(ms) FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-04Z'
        GROUP BY 1$$, 'and of plain SQL');
SELECT bag_eq($$SELECT split_part(line, ',', 1) AS k, split_part(line, ',', 2)::numeric FROM pages,
    pg_temp.csv(page, 'Ranking') WHERE since LIKE '2026-03-02%'$$,
    $$SELECT model, count(*)::numeric FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-04Z' GROUP BY 1$$, 'the ranking is that of plain SQL');
SELECT bag_eq($$SELECT (regexp_match(line, ',([^,]*),[^,]*$'))[1]::numeric FROM pages, pg_temp.csv(page, 'Table') WHERE since LIKE '2026-03-02%'$$,
    $$SELECT count(*)::numeric FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-04Z' GROUP BY world$$, 'the table is that of plain SQL');
-- Bug: a table of several metrics showed them all without their units. The CSV, which programs read, goes on to.
SELECT matches(page, E'aria-label="Numbers of Table".*?<td class="n">[0-9]+</td><td class="n">[0-9.]+\u202Fms</td>',
    'each column of a table has its metric''s unit')
  FROM pages WHERE since LIKE '2026-03-02%';
SELECT matches(page, E'aria-label="Numbers of Rows".*?<td class="n">[0-9.]+\u202F(s|min)</td>', 'and that of a relation the one that the panel gives it')
  FROM pages WHERE since LIKE '2026-03-02%';
SELECT matches(tally.board_text('b', since => '2026-03-02', until => '2026-03-04'), E'── Table .*?[0-9] +[0-9.]+\u202Fms', 'also at the prompt');
SELECT bag_eq($$SELECT round(v::numeric, 9) FROM pages, pg_temp.csv(page, 'Heat') l(line), unnest((regexp_match(line, ',([^,]*),([^,]*)$'))) v
    WHERE since LIKE '2026-03-02%'$$,
    $$SELECT round(avg(ms::numeric), 9) FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-04Z' GROUP BY world, model$$,
        'the cells of the heatmap are those of plain SQL');
SELECT is((SELECT sum(split_part(line, ',', 2)::numeric) FROM pages, pg_temp.csv(page, 'Spread') WHERE since LIKE '2026-03-02%'),
    (SELECT count(*)::numeric FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-04Z'), 'the bins of the histogram hold every event');
SELECT results_eq($$SELECT line FROM pages, pg_temp.csv(page, 'Rows') WHERE since = '24 hours'$$,
    $$SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ',' || world || ',' || model || ',' || ms FROM events
       WHERE at >= '2026-03-04 10:30Z' AND at < '2026-03-05 10:30Z' AND world = 'w1' ORDER BY at DESC LIMIT 5$$,
           'a relation: its rows in the range, filtered, in order');
SELECT is((tally_internal._board_model(b, a.filters, a.since, a.until, 'auto', false, a.as_of) #>> '{panels,2,value}')::float8,
    tally.metric_value('mean', a.since, a.until, a.filters, as_of => a.as_of), format('the tile from %s is metric_value()', a.since))
        FROM tally.boards b, asked a;
-- States: beyond 500 ms is a warning, by plain SQL.
SELECT bag_eq($$SELECT c FROM pages, pg_temp.csv(page, 'States') l(line), unnest((string_to_array(line, ','))[2:]) c WHERE since LIKE '2026-03-02%'$$,
    $$SELECT CASE WHEN avg(ms) > 500 THEN 'warning' ELSE 'within limits' END FROM events WHERE at >= '2026-03-02Z' AND at < '2026-03-04Z'
        GROUP BY date_trunc('hour', at AT TIME ZONE 'UTC'), model$$, 'states are those of the limit');

-- Escaping, and what a page may not do.
SELECT unalike(page, pattern, format('no %s in the page from %s', pattern, since)) FROM pages,
    unnest(ARRAY['%<script%', '%<img%', '%href="javascript:%', '%</title> it%', '%<b>events%', '% style=%', '%<link%', '%url(%']) pattern;
SELECT alike(page, '%&lt;script&gt;alert(2)&lt;/script&gt;%', 'it is shown as what was written') FROM pages LIMIT 1;
SELECT alike(page, '%content="default-src &#39;none&#39;; style-src &#39;sha256-%&#39;; form-action &#39;self&#39;; base-uri &#39;none&#39;"%',
    'nothing may be loaded or run') FROM pages LIMIT 1;
SELECT alike((SELECT string_agg(line, E'\n') FROM pages, pg_temp.csv(page, 'Table') WHERE since LIKE '2026-03-02%'), '%"''=HYPERLINK(""x"")",%',
    'a spreadsheet runs nothing of it');
SELECT unalike(page, '%http-equiv="refresh"%', 'it does not load itself again') FROM pages LIMIT 1;
SELECT alike(tally.page('b', refresh => true)::text, '%<meta http-equiv="refresh" content="60"/>%', 'unless that is asked for');
SELECT is(tally.page_form('b', '2026-03-02', '2026-03-03', 'auto', 'off', '', 'world=w1', '')::text,
    tally.page('b', '{"world": ["w1"]}', '2026-03-02', '2026-03-03')::text, 'what the form sends is what page() takes');
SELECT is(tally.page_form('b', '2026-03-02', '2026-03-03', 'dark', '', '', 'world=', 'model=a=b', '', 'model=m1')::text,
    tally.page('b', '{"world": [""], "model": ["a=b", "m1"]}', '2026-03-02', '2026-03-03', 'dark')::text, 'values with signs of their own, and nothing chosen');

-- An hour that comes twice. In New York the clock goes back at 06:00 UTC; all numbers from then on were missing in the table and the CSV.
CREATE TABLE turned (at timestamptz NOT NULL, place text, twin text);
CREATE INDEX ON turned (at);
CREATE TABLE shared (at timestamptz NOT NULL, v float8);
INSERT INTO shared SELECT '2026-10-31 22:00Z'::timestamptz + i / 2 * interval '15 seconds', i * 7919 % 101 FROM generate_series(0, 7199) i;
INSERT INTO turned SELECT '2026-11-01 00:00Z'::timestamptz + i * interval '7 minutes', 'p' || i % 30, 'q' || i % 30 FROM generate_series(0, 250) i;
SELECT tally.create_rollup('turned_hourly', 'turned', 'at', zone => 'America/New_York', dimensions => '["place", "twin"]', measures => '{"n": "count(*)"}',
    with_data => true);
SELECT tally.create_metric('turns', 'turned_hourly', 'n');
SELECT tally.create_board('turned', 'Turned', '[{"title": "Line", "metric": "turns"}, {"title": "Rows", "relation": "shared", "columns": ["v"], "time": "at",
    "picture": "line"}, {"title": "Many", "metric": "turns", "by": ["place", "twin"], "picture": "heatmap"}]');
CREATE TEMP TABLE turned_pages AS SELECT z.zone, set_config('timezone', z.zone, false) AS set,
    tally.page('turned', since => '2026-10-31 22:00', until => '2026-11-01 22:00', as_of => '2026-11-03Z')::text AS page
  FROM (VALUES ('Asia/Kathmandu'), ('America/New_York'), ('UTC')) z(zone);
SET timezone = 'Asia/Kathmandu';
SELECT bag_eq($$SELECT split_part(line, ',', 1) AS at, split_part(line, ',', 2)::float8 AS v FROM turned_pages, pg_temp.csv(page, 'Line') WHERE zone = 'UTC'$$,
    $$SELECT to_char(b AT TIME ZONE 'America/New_York', 'YYYY-MM-DD HH24:MI') || CASE b WHEN '2026-11-01 05:00Z' THEN '-04:00' WHEN '2026-11-01 06:00Z'
          THEN '-05:00' ELSE '' END AS at, count(*)::float8 AS v
        FROM turned CROSS JOIN date_trunc('hour', at, 'UTC') b WHERE at >= '2026-11-01 02:00Z' AND at < '2026-11-02 03:00Z' GROUP BY b$$,
    'where an hour comes twice, all numbers are there, by plain SQL');
SELECT is((SELECT count(DISTINCT page) FROM turned_pages), 1::bigint, 'a board is the same page for readers in any zone');
SELECT alike(page, '%2026-10-31 22:00 to 2026-11-01 22:00 America/New_York.%Times of America/New_York.%', 'it says whose clock it shows')
  FROM turned_pages LIMIT 1;
SELECT alike(page, '%The 24 rows with the greatest values, of 30. The 24 columns with the greatest values, of 30.%', 'a heatmap says what it left out')
  FROM turned_pages LIMIT 1;
-- Rows that share a moment: a line has one value there. Of more rows than a picture shows, the newest.
SELECT bag_eq($$SELECT split_part(line, ',', 1) AS at, split_part(line, ',', 2)::float8 AS v FROM turned_pages, pg_temp.csv(page, 'Rows') WHERE zone = 'UTC'$$,
    $$SELECT regexp_replace(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), ':00$', ''), max(v) FROM (SELECT * FROM shared
       WHERE at >= '2026-10-31 22:00Z' AND at < '2026-11-01 22:00Z' ORDER BY at DESC LIMIT 5000) x GROUP BY at$$,
    'of rows that share a moment, the greatest, and all that follow');
SELECT alike(page, '%Only the newest 5,000 rows.%', 'and it says so') FROM turned_pages LIMIT 1;

-- The list of boards leads to each, and to saved views with their filters.
SELECT tally.save_view('b', 'odd & view', filters => '{"world": ["<script>alert(1)</script>", "w1"]}', since => '7 days') IS NOT NULL AS saved,
    tally.save_view('b', 'two & two', layout => '["Tile"]') IS NOT NULL AS too \gset
SELECT alike(tally.page_boards('dark')::text, '%<a href="' || address || '">' || words || '</a>%', words || ' on the list of boards') FROM (VALUES
    ('page_form?board=b&amp;since=24%20hours&amp;until=&amp;theme=dark&amp;refresh=off&amp;view=&amp;filter=',
     'Board &quot;&lt;script&gt;alert(2)&lt;/script&gt;&quot;'),
    ('page_form?board=b&amp;since=7%20days&amp;until=&amp;theme=dark&amp;refresh=off&amp;view=&amp;filter=&amp;filter=world%3D%3Cscript%3Ealert%281%29'
     '%3C%2Fscript%3E&amp;filter=world%3Dw1', 'odd &amp; view'),
    ('page_form?board=b&amp;since=24%20hours&amp;until=&amp;theme=dark&amp;refresh=off&amp;view=two%20%26%20two&amp;filter=',
     'two &amp; two')) v(address, words);
SELECT unalike(tally.page_boards()::text, '%<script%', 'which runs nothing');
SELECT is(pg_temp.decoded(tally_internal._percent('ä b/~%')), 'ä b/~%', 'an address is what was meant');

-- Many series and a long range make no large page.
INSERT INTO events SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '1 minute', 'series ' || i, 'm', i FROM generate_series(1, 10000) i;
SELECT tally.refresh('hourly');
SELECT tally.alter_board('b', panels => (SELECT jsonb_agg(jsonb_build_object('title', 'P' || i, 'metric', 'n', 'by', '{world}'::text[], 'picture', p))
    FROM generate_series(1, 4) i,
    unnest('{line,heatmap}'::text[]) p));
SELECT cmp_ok(octet_length(tally.page('b', since => '2026-01-01', until => '2026-03-09')::text), '<', 1000000, '10,000 series make a page of less than 1 MB');
SELECT alike(tally.page('b', since => '2026-01-01', until => '2026-03-09')::text, '%The 8 series with the greatest values, of 10003.%',
    'which says what it left out');
SELECT * FROM finish();
