-- Owns: ratios, metrics made of two others: their values against plain SQL and against numbers by hand, their readers, what is refused in words.
SELECT no_plan();
\ir ../message_of.psql
CREATE SCHEMA app;
SET search_path = app, public;
SET timezone = 'UTC';
CREATE TABLE visits (at timestamptz NOT NULL, person text, country text, device text);
CREATE INDEX ON visits (at);
CREATE TABLE orders (at timestamptz NOT NULL, country text, amount numeric);
CREATE INDEX ON orders (at);
-- 2 March 2026 is a Monday.
INSERT INTO visits VALUES ('2026-03-02 08:00Z', 'a', 'de', 'phone'), ('2026-03-02 09:00Z', 'b', 'de', 'desk'), ('2026-03-03 08:00Z', 'a', 'de', 'desk'),
    ('2026-03-05 08:00Z', 'c', 'fr', 'phone'), ('2026-03-09 08:00Z', 'a', 'de', 'phone'), ('2026-03-09 23:00Z', 'd', 'fr', 'desk');
INSERT INTO orders VALUES ('2026-03-02 10:00Z', 'de', 30), ('2026-03-03 10:00Z', 'de', 10), ('2026-03-04 10:00Z', 'de', 5);
SELECT tally.create_rollup('daily', 'visits', 'at', bucket => '1 day', dimensions => '["country", "device"]', measures => '{"people": "tally.hll(person)"}',
           with_data => true),
       tally.create_rollup('weekly', 'visits', 'at', bucket => '1 week', dimensions => '["country"]', measures => '{"people": "tally.hll(person)"}',
           with_data => true),
       tally.create_rollup('looking_back', 'visits', 'at', bucket => '1 day', lookback => '7 days', dimensions => '["country"]',
           measures => '{"people": "tally.hll(person)"}', with_data => true),
       tally.create_rollup('sales', 'orders', 'at', bucket => '1 day', dimensions => '["country"]', measures => '{"amount": "sum(amount)"}', with_data => true),
       tally.create_rollup('elsewhere', 'orders', 'at', bucket => '1 day', zone => 'Asia/Tokyo', measures => '{"amount": "sum(amount)"}');
SELECT tally.create_metric('dau', 'daily', 'tally.distinct_count(people)'), tally.create_metric('wau', 'weekly', 'tally.distinct_count(people)'),
       tally.create_metric('wau_of_each_day', 'looking_back', 'tally.distinct_count(people)'), tally.create_metric('revenue', 'sales', 'amount'),
       tally.create_metric('revenue_there', 'elsewhere', 'amount');
SELECT is(tally.create_ratio('stickiness', 'dau', 'dau', divisor_window => '7 days', unit => 'ratio', direction => 'up_is_good'), 'stickiness', 'made');
SELECT tally.create_ratio('sticky_by_rollup', 'dau', 'wau_of_each_day'), tally.create_ratio('per_week', 'dau', 'wau'),
       tally.create_ratio('arpu', 'revenue', 'dau', unit => 'EUR', description => 'Revenue per active person.');

-- The days of one week and a day, as people write them down.
CREATE TEMP TABLE expected AS
SELECT d::timestamptz AS bucket,
       NULLIF((SELECT count(DISTINCT person) FROM visits WHERE at >= d AND at < d + interval '1 day'), 0) AS dau,
       NULLIF((SELECT count(DISTINCT person) FROM visits WHERE at >= d - interval '6 days' AND at < d + interval '1 day'), 0) AS wau,
       (SELECT sum(amount) FROM orders WHERE at >= d AND at < d + interval '1 day') AS revenue
  FROM generate_series(timestamptz '2026-03-02Z', '2026-03-09Z', '1 day') d;
SELECT results_eq($$SELECT bucket, value::numeric(9, 6) FROM tally.timeseries('stickiness', since => '2026-03-02', until => '2026-03-10')$$,
    $$VALUES ('2026-03-02Z'::timestamptz, 1::numeric(9, 6)), ('2026-03-03Z', 0.5), ('2026-03-04Z', NULL), ('2026-03-05Z', 0.333333), ('2026-03-06Z', NULL),
             ('2026-03-07Z', NULL), ('2026-03-08Z', NULL), ('2026-03-09Z', 0.666667)$$, 'daily by weekly actives, by hand');
SELECT results_eq($$SELECT bucket, value::numeric(9, 6) FROM tally.timeseries('stickiness', since => '2026-03-02', until => '2026-03-10')$$,
    $$SELECT bucket, (dau::numeric / wau)::numeric(9, 6) FROM expected ORDER BY 1$$, 'daily by weekly actives, as plain SQL counts them');
SELECT results_eq($$SELECT bucket, value FROM tally.timeseries('sticky_by_rollup', since => '2026-03-02', until => '2026-03-10')$$,
    $$SELECT bucket, value FROM tally.timeseries('stickiness', since => '2026-03-02', until => '2026-03-10')$$,
    'two rollups: a rollup that looks back divides alike');
SELECT results_eq($$SELECT bucket, value::numeric(9, 6) FROM tally.timeseries('arpu', since => '2026-03-02', until => '2026-03-10', fill => 'null')$$,
    $$SELECT bucket, (revenue / dau)::numeric(9, 6) FROM expected ORDER BY 1$$, 'two sources: NULL where either has none, a row for each day');
SELECT results_eq($$SELECT bucket, value FROM tally.timeseries('arpu', since => '2026-03-02', until => '2026-03-10', fill => 'zero')$$,
    $$SELECT bucket, COALESCE(revenue / dau, 0)::float8 FROM expected ORDER BY 1$$, 'or 0');
SELECT results_eq($$SELECT bucket, value::numeric(9, 6) FROM tally.timeseries('per_week', since => '2026-03-02', until => '2026-03-16')$$,
    $$VALUES ('2026-03-02Z'::timestamptz, 1::numeric(9, 6)), ('2026-03-09Z', 1)$$, 'without a window both are taken in the longer bucket, here the week');
SELECT results_eq($$SELECT bucket, series, labels, value FROM tally.timeseries('stickiness', since => '2026-03-09', until => '2026-03-10', by => '{country}')$$,
    $$VALUES ('2026-03-09Z'::timestamptz, 'de', '{"country": "de"}'::jsonb, 1::float8), ('2026-03-09Z', 'fr', '{"country": "fr"}', 0.5)$$, 'by a dimension');
SELECT results_eq($$SELECT value FROM tally.timeseries('stickiness', since => '2026-03-09', until => '2026-03-10', "where" => '{"country": "fr"}')$$,
    'VALUES (0.5::float8)', 'under a filter');
SELECT is(tally.metric_value('arpu', since => '2026-03-02', until => '2026-03-10'), 45 / 4::float8, 'over a whole range: 45 by four people, each counted once');
SELECT is(tally.metric_value('arpu', since => '2026-03-02', until => '2026-03-10', "where" => '{"country": "fr"}'), NULL, 'no revenue in France: no number');
SELECT is(tally.metric_value('arpu', since => '2026-04-02', until => '2026-04-10'), NULL, 'nobody: no number');
SELECT results_eq('SELECT tally_internal._quotient(n, d) FROM (VALUES (1, 4), (0, 0), (1, 0), (0, 5), (1e300, 1e-300), (1e-300, 1e300), (NULL, 1)) x(n, d)',
    'VALUES (0.25::float8), (NULL), (NULL), (0), (NULL), (NULL), (NULL)', 'a quotient that is no number of the type is NULL');

-- Reports.
SELECT is((SELECT string_agg(x::text, ' ' ORDER BY n) FROM tally.report('{stickiness,dau,arpu}', since => '2026-03-02', until => '2026-03-04',
                                                                             bucket => '1 day') WITH ORDINALITY r(x, n)),
    '{"bucket":"2026-03-02T00:00:00+00:00","stickiness":1,"dau":2,"arpu":15} {"bucket":"2026-03-03T00:00:00+00:00","stickiness":0.5,"dau":1,"arpu":10}',
    'ratios and metrics side by side');
SELECT is((SELECT string_agg(x::text, ' ' ORDER BY n) FROM tally.report('{arpu,app.arpu}', since => '2026-03-02', until => '2026-03-10', by => '{country}')
               WITH ORDINALITY r(x, n)), '{"country":"de","arpu":22.5,"app.arpu":22.5} {"country":"fr","arpu":null,"app.arpu":null}',
    'a report of a whole range, each ratio under the name that was written');
SELECT is(tally.report_page('{stickiness}', page_rows => 1, since => '2026-03-02', until => '2026-03-04', bucket => '1 day',
                            after => (tally.report_page('{stickiness}', page_rows => 1, since => '2026-03-02', until => '2026-03-04', bucket => '1 day')
                                      -> 'next')::jsonb)::jsonb -> 'rows', '[{"bucket": "2026-03-03T00:00:00+00:00", "stickiness": 0.5}]', 'in pages');
SELECT tally.report_sql('{stickiness,arpu}', since => '2026-03-02', until => '2026-03-04', bucket => '1 day') AS statement \gset
CREATE TEMP VIEW typed AS :statement;
SELECT results_eq('TABLE typed', $$VALUES ('2026-03-02Z'::timestamptz, 1::float8, 15::float8), ('2026-03-03Z', 0.5, 10)$$, 'as typed columns');
SELECT tally.report_sql('{app.dau,app.arpu}', since => '2026-03-02', until => '2026-03-03', bucket => '1 day') AS statement \gset
CREATE TEMP VIEW typed_with_schema AS :statement;
SELECT results_eq('TABLE typed_with_schema', $$VALUES ('2026-03-02Z'::timestamptz, 2::float8, 15::float8)$$,
    'bug: typed columns of metrics that were written with their schema were NULL');
SELECT is(tally.csv(json_agg(x)), E'bucket,stickiness\r\n2026-03-02T00:00:00+00:00,1\r\n2026-03-03T00:00:00+00:00,0.5\r\n', 'as CSV')
  FROM tally.report('{stickiness}', since => '2026-03-02', until => '2026-03-04', bucket => '1 day') x;

-- Late rows count at once, in both metrics.
INSERT INTO visits VALUES ('2026-03-04 12:00Z', 'b', 'de', 'desk'), ('2026-03-04 12:00Z', 'a', 'de', 'desk');
SELECT results_eq($$SELECT tally.metric_value('arpu', since => '2026-03-04', until => '2026-03-05'),
                           (SELECT value FROM tally.timeseries('stickiness', since => '2026-03-04', until => '2026-03-05'))$$,
    'VALUES (2.5::float8, 1::float8)', 'late people, before any refresh');
SELECT results_eq($$SELECT bucket, value FROM tally.timeseries('arpu', since => '2026-03-04', until => '2026-03-05', live => false)$$,
    $$VALUES ('2026-03-04Z'::timestamptz, NULL::float8)$$, 'or as of the last refresh');

-- A threshold watches a ratio, in the last finished bucket. A board draws it from a view.
SELECT is(tally.create_threshold('sticky', 'stickiness', '< 0.7'), 'sticky', 'a threshold on a ratio');
SELECT tally.create_threshold('sticky by country', 'stickiness', '< 0.7', per => '{country}'),
       tally.create_threshold('sticky in Germany', 'stickiness', '< 0.5', "where" => '{"country": "de"}'),
       tally.create_threshold('sticky today', 'stickiness', '< 0.9', partial_ok => true);
SELECT results_eq($$SELECT schema, tally_internal._called(tally_internal._watched_ratio(t)) FROM tally.thresholds t ORDER BY id$$,
    $$SELECT 'app'::text, 'stickiness'::text FROM generate_series(1, 4)$$, 'each is known as one, in the schema of the ratio');
SELECT is(tally_internal._threshold_arguments(t) ->> 'metric', 'stickiness', 'its arguments say the ratio') FROM tally.thresholds t WHERE name = 'sticky';
SELECT ok(d.statement LIKE '%metric => ''stickiness''%per => ''{country}''%' AND d.statement NOT LIKE '%query%', 'and so does its definition')
  FROM tally.definitions() d WHERE d.kind = 'threshold' AND d.name = 'sticky by country';
-- On 9 March a of Germany's a and b was here, and d of the c and d of France.
SELECT tally.evaluate('2026-03-10 00:01Z');
SELECT results_eq($$SELECT t.name, i.labels, i.value::numeric(9, 6), i.metric, i.unit FROM tally.incidents i JOIN tally.thresholds t ON t.id = i.threshold_id
                     ORDER BY 1, 2$$,
    $$VALUES ('sticky', '{}'::jsonb, 0.5::numeric(9, 6), 'stickiness', 'ratio'), ('sticky by country', '{"country": "de"}', 0.5, 'stickiness', 'ratio'),
             ('sticky by country', '{"country": "fr"}', 0.5, 'stickiness', 'ratio')$$, 'two of four of all, one of two of each country');
SELECT results_eq($$SELECT tick, transition, value::numeric(9, 6) FROM tally.replay('sticky', since => '2026-03-03 00:01Z', until => '2026-03-06 00:01Z',
                                                                          every => '1 day')$$,
    $$VALUES ('2026-03-04 00:00Z'::timestamptz, 'fired', 0.5::numeric(9, 6)), ('2026-03-05 00:00Z', 'recovered', 1), ('2026-03-06 00:00Z', 'fired', 0.333333)$$,
    'a replay: one of two on the 3rd, two of two on the 4th, one of three on the 5th');
CREATE VIEW stickiness_by_day AS SELECT bucket, value AS stickiness FROM tally.timeseries('stickiness', since => '2026-03-02', until => '2026-03-10');
SELECT tally.create_board('use', 'Use', '[{"title": "Stickiness", "relation": "stickiness_by_day", "time": "bucket", "picture": "line"}]');
SELECT ok(tally.page('use') LIKE '%Stickiness%', 'a board draws it from a view');

-- Refused in words.
CREATE FUNCTION app.refused(statement text, begins text, hint_ text, what text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN m.message LIKE begins || '%' AND m.hint = hint_ THEN ok(true, what)
                ELSE is(concat_ws(E'\n', m.state, m.message, m.detail, m.hint), begins || ' … ' || hint_, what) END FROM message_of(statement) m
$$;
SELECT app.refused($$SELECT * FROM tally.timeseries('arpu', by => '{device}')$$, 'by must name dimensions of rollup ''sales'', got ''device''',
    'SELECT d.name FROM tally.dimensions d JOIN tally.rollups r ON r.id = d.rollup_id WHERE r.name = ''sales'';', 'a dimension of one rollup alone, in by');
SELECT app.refused($$SELECT tally.metric_value('arpu', "where" => '{"device": "desk"}')$$, '"where" must name dimensions of rollup ''sales'', got ''device''',
    'SELECT d.name FROM tally.dimensions d JOIN tally.rollups r ON r.id = d.rollup_id WHERE r.name = ''sales'';', 'and in a filter');
SELECT app.refused($$SELECT tally.report('{arpu}', by => '{device}')$$, 'by must name dimensions of rollup ''sales'', got ''device''',
    'SELECT d.name FROM tally.dimensions d JOIN tally.rollups r ON r.id = d.rollup_id WHERE r.name = ''sales'';', 'and in a report');
SELECT app.refused($$SELECT tally.metric_value('stickiness')$$, 'ratio ''stickiness'' has a value for each bucket, and none for a whole range',
    'SELECT value FROM tally.timeseries(''stickiness'') ORDER BY bucket DESC LIMIT 1;', 'one value of a window that slides');
SELECT app.refused($$SELECT tally.report('{stickiness}')$$, 'ratio ''stickiness'' has a value for each bucket, and none for a whole range',
    'SELECT * FROM tally.report(''{stickiness}'', bucket => ''1 day'');', 'and in a report');
SELECT app.refused($$SELECT tally.report('{stickiness}', bucket => '1 day', people => 'people')$$, 'people cannot be counted for ratio ''stickiness''',
    'SELECT * FROM tally.report(''{stickiness}'', bucket => ''1 day'');', 'people of a window');
SELECT app.refused($$SELECT * FROM tally.timeseries('arpu', fill => 'linear')$$, 'fill of ratio ''arpu'' must be ''null'' or ''zero'', got ''linear''',
    'SELECT * FROM tally.timeseries(''arpu'', fill => ''null'');', 'a line between ratios');
SELECT app.refused($$SELECT * FROM tally.timeseries('stickiness', live => false)$$, 'ratio ''stickiness'' is read live => true, since it has a window',
    'SELECT * FROM tally.timeseries(''stickiness'');', 'a window of old rows');
SELECT app.refused($$SELECT * FROM tally.timeseries('per_week', bucket => '1 day')$$, 'both metrics of ratio ''per_week'' must have the same buckets',
    'SELECT * FROM tally.timeseries(''per_week'', bucket => ''7 days'');', 'days of weeks');
SELECT app.refused($$SELECT tally.create_ratio('odd', 'dau', 'revenue_there')$$, 'both metrics of ratio ''odd'' must have the same buckets',
    format('SELECT name, bucket, zone, bucket_origin FROM tally.rollups WHERE id IN (%s, %s);', (SELECT id FROM tally.rollups WHERE name = 'daily'),
           (SELECT id FROM tally.rollups WHERE name = 'elsewhere')), 'days of two clocks');
SELECT app.refused(format('SELECT %s', call), 'a metric of one rollup expected here, got the ratio ''arpu'' (revenue / dau)',
    'SELECT * FROM tally.timeseries(''arpu'', since => ''30 days'');', what)
  FROM (VALUES ($$tally.create_board('b', 'B', '[{"title": "t", "metric": "arpu", "picture": "line"}]')$$, 'a panel of a ratio'),
               ($$tally.rolling('arpu', '7 days')$$, 'a window over a ratio'), ($$tally.cumulative('arpu')$$, 'a sum of ratios'),
               ($$tally.create_ratio('twice', 'arpu', 'dau')$$, 'a ratio of a ratio')) x(call, what);
SELECT app.refused(format('SELECT tally.create_threshold(''sticky'', ''stickiness'', %s)', arguments),
    'threshold ''sticky'' watches a ratio, which takes a comparison only, and neither over nor min_samples',
    'SELECT tally.create_threshold(''sticky'', metric => ''stickiness'', condition => ''> 0.5'');', what)
  FROM (VALUES ($$'week over week < -20%'$$, 'the history of a ratio'), ($$'< 0.7', over => '7 days'$$, 'a window of a window'),
               ($$'< 0.7', min_samples => 10$$, 'observations of a ratio')) x(arguments, what);
SELECT app.refused($$SELECT tally.create_threshold('sticky', 'stickiness', '< 0.7', query => 'SELECT 1 AS value')$$,
    'threshold ''sticky'' needs either a metric or a query, got both',
    'SELECT tally.create_threshold(''sticky'', metric => ''stickiness'', condition => ''< 0.7'');', 'a ratio and a query');
SELECT app.refused($$SELECT tally.create_threshold('by device', 'arpu', '< 0.7', per => '{device}')$$,
    'per must name dimensions of rollup ''sales'', got ''device''',
    'SELECT d.name FROM tally.dimensions d JOIN tally.rollups r ON r.id = d.rollup_id WHERE r.name = ''sales'';', 'and in a threshold');
SELECT app.refused($$SELECT tally.drop_metric('stickiness')$$, 'ratio ''stickiness'' cannot be dropped: thresholds watch it',
    $$SELECT tally.drop_threshold('sticky'); SELECT tally.drop_threshold('sticky by country'); SELECT tally.drop_threshold('sticky in Germany'); $$
    || $$SELECT tally.drop_threshold('sticky today');$$, 'a ratio that thresholds watch');
SELECT app.refused($$SELECT tally.create_ratio('dau', 'revenue', 'dau')$$, 'ratio ''dau'' has the name of a metric',
    'SELECT tally.create_ratio(''dau_ratio'', …);', 'a name of a metric');
SELECT app.refused($$SELECT tally.create_metric('arpu', 'daily', 'tally.distinct_count(people)')$$, 'metric ''arpu'' exists already, as a ratio',
    'SELECT tally.drop_metric(''arpu'');', 'a metric of the name of a ratio');
SELECT app.refused($$SELECT tally.rename_metric('dau', 'arpu')$$, 'metric ''arpu'' exists already, as a ratio', 'SELECT tally.drop_metric(''arpu'');',
    'also as a new name');
SELECT app.refused($$SELECT tally.rename_metric('arpu', 'dau')$$, 'ratio ''dau'' has the name of a metric', 'SELECT tally.create_ratio(''dau_ratio'', …);',
    'and the other way');
SELECT app.refused($$SELECT tally.create_ratio('country', 'revenue', 'dau')$$, 'ratio ''country'' has the name of a dimension of rollup',
    'SELECT tally.create_ratio(''country_ratio'', …);', 'a name of a dimension');
SELECT app.refused($$SELECT tally.create_ratio('bucket', 'revenue', 'dau')$$, 'ratio ''bucket'' has the name of a dimension of rollup',
    'SELECT tally.create_ratio(''bucket_ratio'', …);', 'the name of all buckets');
SELECT app.refused($$SELECT tally.create_ratio('', 'revenue', 'dau')$$, 'a ratio''s name must have 1 to 63 bytes',
    'SELECT tally.create_ratio(''turns_per_session'', …);', 'no name');
-- A report by the dimension ended in PostgreSQL's bare error of an ambiguous name, and report_sql() gave two columns of one name.
SELECT app.refused($$SELECT tally.rename_metric('arpu', 'device')$$, 'ratio ''device'' has the name of a dimension of rollup ''daily''',
    'SELECT tally.rename_metric(''arpu'', ''device_ratio'');', 'bug: a ratio got the name of a dimension of its divisor''s rollup');
SELECT app.refused($$SELECT tally.alter_rollup('sales', add_dimensions => '[{"arpu": "country"}]')$$,
    'ratio ''arpu'' has the name of a dimension of rollup ''sales''', 'SELECT tally.rename_metric(''arpu'', ''arpu_ratio'');',
    'bug: a dimension got the name of a ratio');
SELECT app.refused($$SELECT tally.alter_rollup('daily', add_dimensions => '[{"arpu": "country"}]')$$,
    'ratio ''arpu'' has the name of a dimension of rollup ''daily''', 'SELECT tally.rename_metric(''arpu'', ''arpu_ratio'');',
    'also in the divisor''s rollup');
SELECT app.refused($$SELECT tally.create_ratio('odd', 'revenue', 'dau', divisor_window => '-1 day')$$, 'windows of ratio ''odd'' must be longer than 0',
    'SELECT tally.create_ratio(''odd'', …, …, divisor_window => ''7 days'');', 'a window that is none');
SELECT app.refused($$SELECT tally.create_ratio('odd', 'revenue', 'dau', direction => 'sideways')$$, 'direction of ratio ''odd'' must be up_is_good',
    'SELECT tally.create_ratio(''odd'', …, …, direction => ''down_is_good'');', 'a direction that there is not');
SELECT app.refused($$SELECT tally.drop_metric('revenue')$$, 'metric ''revenue'' cannot be dropped: ratios are made of it',
    'SELECT tally.drop_metric(''arpu'');', 'a metric that a ratio is made of');
SELECT app.refused($$SELECT tally.drop_rollup('sales')$$, 'metric ''revenue'' cannot be dropped: ratios are made of it', 'SELECT tally.drop_metric(''arpu'');',
    'and its rollup');

-- Names, definitions, rights.
SELECT tally.rename_metric('dau', 'daily_people'), tally.rename_metric('arpu', 'revenue_per_person');
SELECT is(tally.metric_value('revenue_per_person', since => '2026-03-02', until => '2026-03-10'), 45 / 4::float8,
    'a ratio follows its metrics and has a new name');
SELECT is(d.statement, $$SELECT tally.create_ratio('stickiness',
    metric => 'daily_people',
    divisor => 'daily_people',
    divisor_window => '7 days',
    unit => 'ratio',
    direction => 'up_is_good');$$, 'as a statement') FROM tally.definitions() d WHERE d.kind = 'ratio' AND d.name = 'stickiness';
SET client_min_messages = notice;
CREATE FUNCTION app.run(statement text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE statement; END $$;
SELECT app.run(d.statement) FROM tally.definitions() d WHERE d.kind = 'ratio' ORDER BY d.ordinal;
RESET client_min_messages;
SELECT is((SELECT count(*) FROM tally.ratios WHERE updated_at > created_at AND name <> 'revenue_per_person'), 0::bigint,
    'which changes nothing where it came from');
SELECT tally.create_ratio('stickiness', 'daily_people', 'daily_people', divisor_window => '3 days');
SELECT results_eq($$SELECT divisor_window, unit FROM tally.ratios WHERE name = 'stickiness'$$, $$VALUES ('3 days'::interval, NULL::text)$$, 'defined again');
SELECT results_eq($$SELECT action, name FROM tally.audit WHERE kind = 'ratios' ORDER BY id DESC LIMIT 2$$,
    $$VALUES ('change', 'stickiness'), ('change', 'revenue_per_person')$$, 'the audit says who changed it');
SELECT tally.rename_metric('stickiness', 'dau_by_wau');
SELECT lives_ok($$SELECT tally.alter_threshold('sticky by country', '{"per": ["country"], "where": {"country": "fr"}}')$$,
    'it follows the new name, and changes');
SELECT is(tally_internal._threshold_arguments(t) ->> 'metric', 'dau_by_wau', 'under the new name') FROM tally.thresholds t WHERE name = 'sticky by country';
SELECT tally.rename_metric('dau_by_wau', 'stickiness');
CREATE ROLE tally_test_51_stranger;
GRANT tally_test_51_stranger TO CURRENT_USER;
GRANT USAGE ON SCHEMA app TO tally_test_51_stranger;
SET ROLE tally_test_51_stranger;
SELECT alike(message, 'metric ''revenue'' must exist and belong to tally_test_51_stranger', 'a stranger makes no ratio of another''s metrics')
  FROM message_of($$SELECT tally.create_ratio('mine', 'revenue', 'daily_people')$$);
SELECT alike(message, 'ratio ''revenue_per_person'' must exist and belong to tally_test_51_stranger', 'drops none')
  FROM message_of($$SELECT tally.drop_metric('revenue_per_person')$$);
SELECT is(state, '42501', 'and reads none without a right on the rollups') FROM message_of($$SELECT * FROM tally.timeseries('revenue_per_person')$$);
SELECT is(state, '42501', 'and watches none') FROM message_of($$SELECT tally.create_threshold('theirs', 'revenue_per_person', '> 1')$$);
RESET ROLE;
DROP OWNED BY tally_test_51_stranger;
DROP ROLE tally_test_51_stranger;
SELECT tally.drop_metric('revenue_per_person'), tally.drop_metric('revenue');
SELECT is_empty($$SELECT name FROM tally.ratios WHERE name = 'revenue_per_person'$$, 'dropped, and then its metric');
DROP TABLE orders CASCADE;
SELECT tally.drop_threshold(name) FROM tally.thresholds;
SELECT tally.drop_metric(name) FROM tally.ratios;
SELECT is_empty('TABLE tally.ratios', 'none is left');
SELECT finish();
