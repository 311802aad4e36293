-- Owns: names of 63 bytes that are not ASCII, and domains as columns, through everything: definitions, capture, metrics, alerts, the JSON of messages, pages.
SELECT no_plan();
SET client_min_messages = warning;
SELECT repeat('ü', 31) || 'x' AS t, repeat('é', 31) || 'y' AS at, repeat('ж', 31) || 'z' AS k, repeat('漢', 21) AS s, repeat('ß', 31) || 's' AS m,
    repeat('☎', 66) AS threshold \gset
SELECT is(ARRAY[octet_length(:'t'), octet_length(:'at'), octet_length(:'k'), octet_length(:'s'), octet_length(:'m'), octet_length(:'threshold')],
    '{63,63,63,63,63,198}', 'names as long as can be');
CREATE SCHEMA :"s";
SET search_path = :"s", public;
CREATE DOMAIN "größe" AS float8 CHECK (VALUE >= 0);
CREATE DOMAIN "art" AS text CHECK (VALUE <> '');
CREATE TABLE :"t" (:"at" timestamptz NOT NULL, :"k" art, v "größe");
CREATE INDEX ON :"t" (:"at");
INSERT INTO :"t" SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '1 minute', 'straße ' || i % 3, i FROM generate_series(1, 200) i;
SELECT throws_ok(format('SELECT tally.create_rollup(%L, %L, %L, measures => ''{"n": "count(*)"}'')', :'t', format('%I', :'t'), :'at'), '42602', NULL,
    'a rollup''s name of 63 bytes leaves no room for its views, which is said in words');
SELECT lives_ok(format('SELECT tally.create_rollup(''größen'', %L, %L, dimensions => %L, measures => %L, with_data => true)', format('%I', :'t'), :'at',
    jsonb_build_array(:'k'), jsonb_build_object('n', 'count(*)', :'m', 'sum(v)')), 'a rollup of such columns');
-- Capture sees them.
INSERT INTO :"t" VALUES ('2026-03-01 01:30Z', 'neu', 5), ('2026-03-01 09:30Z', NULL, 7);
UPDATE :"t" SET v = v + 1000, :"k" = 'größer' WHERE v = 100;
CREATE VIEW plain AS SELECT date_trunc('hour', :"at") AS bucket, COALESCE(:"k", '(none)')::text AS k, count(*)::bigint AS n, sum(v)::float8 AS m FROM :"t"
    GROUP BY 1, 2;
SELECT format('SELECT bucket, %I::text AS k, n, %I::float8 AS m FROM ', :'k', :'m') AS read \gset
SELECT bag_eq(:'read' || '"größen_live"', 'TABLE plain', 'the live view');
SELECT is((SELECT error FROM tally.refresh('größen')), NULL, 'the refresh');
SELECT bag_eq(:'read' || '"größen"', 'TABLE plain', 'the table');
SELECT is_empty($$SELECT * FROM tally.verify('größen')$$, 'verified');
SELECT lives_ok(format('SELECT tally.create_metric(%L, ''größen'', %L)', :'t', format('%I::float8 / nullif(n, 0)', :'m')), 'a metric');
SELECT bag_eq(format('SELECT value FROM tally.timeseries(%L, ''2026-03-01 00:00Z'', ''2026-03-01 04:00Z'', by => %L)', :'t', ARRAY[:'k']),
    $$SELECT m / n FROM plain WHERE bucket < '2026-03-01 04:00Z'$$, 'its time series');
SELECT lives_ok(format('SELECT tally.create_threshold(%L, %L, ''> 1'', per => %L)', :'threshold', :'t', ARRAY[:'k']), 'a threshold');
SELECT throws_like(format('SELECT tally.create_threshold(%L, %L, ''> 1'')', :'threshold' || '☎', :'t'),
    'threshold needs a name of 1 to 200 bytes, got 201 bytes', 'one byte too long');
SELECT lives_ok(format('SELECT tally.create_channel(''kanal ☃'', kind => ''table'', group_by => %L)', ARRAY[:'k']), 'a channel');
SELECT lives_ok(format('SELECT tally.create_channel(''slack ☃'', kind => ''table'', template => ''slack'')'), 'another');
SELECT is((SELECT opened FROM tally.evaluate('2026-03-01 02:00Z')), (SELECT count(*)::int FROM plain WHERE bucket = '2026-03-01 01:00Z' AND m / n > 1),
    'it fires for each label set');
SELECT bag_eq(format('SELECT i.labels ->> %L AS k, i.value FROM tally.incidents i', :'k'),
    $$SELECT k, m / n FROM plain WHERE bucket = '2026-03-01 01:00Z' AND m / n > 1$$, 'incidents');
SELECT bag_eq(format('SELECT c.body #>> ''{events,0,labels,%s}'' AS k, (c.body #>> ''{events,0,value}'')::float8 AS v, '
    'c.body #>> ''{events,0,threshold}'' AS t FROM tally.claim_notifications(''kanal ☃'', as_of => ''2026-03-01 02:00Z'') c', :'k'),
    format($$SELECT k, m / n AS v, %L AS t FROM plain WHERE bucket = '2026-03-01 01:00Z' AND m / n > 1$$, :'threshold'), 'the JSON of messages');
SELECT is_empty($$SELECT c.body FROM tally.claim_notifications('slack ☃', as_of => '2026-03-01 02:00Z') c WHERE c.body ->> 'text' NOT LIKE '%incident%'
    OR c.body::text::jsonb <> c.body$$, 'and that of Slack');
SELECT is((SELECT count(*) FROM tally.incidents i WHERE i.impact LIKE '%' || :'k' || ' %'), (SELECT count(*) FROM tally.incidents),
    'impact lines have the whole name');
SELECT is((SELECT count(*) FROM tally.definitions() d WHERE d.statement LIKE '%' || :'t' || '%'), 3::bigint, 'definitions write them out');
SELECT lives_ok($$SELECT tally.drop_threshold(name) FROM tally.thresholds$$, 'dropped again');
SELECT * FROM finish();
