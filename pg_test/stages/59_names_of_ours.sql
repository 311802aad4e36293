-- Dimensions, measures and columns may have the names that the engine's own statements use: whatever is asked of a rollup is answered as for one with
-- plain names, which is compared with plain SQL.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;

-- In the place of: time, person, two dimensions, a number, a page, a flag (columns); count, people, digest, items, sum (measures); a metric, another, a ratio.
CREATE TABLE words (place text PRIMARY KEY, names text[]);
INSERT INTO words VALUES
    ('plain', '{at_,person,colour,shape,size,page,odd,hits,visitors,times,pages,total,how_many,how_much,each}'),
    ('one', '{t,key,value,samples,x,row,since,labels,label,s,item,until,series,r,report}'),
    ('two', '{bucket_,m,item,took,q,unit,w,value,samples,place,lower,u,p1,labels,count}'),
    ('odd', '{"%s",_gone,"%1$I","{source}","$1","a.b",c,"with\"quote","the",_two,"A b",excluded,merged,metric,g}');
CREATE FUNCTION ask(word text, question text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    given text[] := (SELECT names FROM words WHERE place = word);
    told  text;
BEGIN
    -- <3> is a name as SQL writes it, <'3> a literal, <"3> a string of JSON within a literal.
    FOR i IN REVERSE cardinality(given) .. 1 LOOP
        question := replace(replace(replace(question, format('<%s>', i), quote_ident(given[i])), format('<''%s>', i), quote_literal(given[i])),
                            format('<"%s>', i), replace(to_json(given[i])::text, '''', ''''''));
    END LOOP;
    PERFORM set_config(s, word || ', public', true) FROM unnest('{search_path,tally.search_path}'::text[]) s;
    -- Names of JSON objects are left out, values that are such names become their places.
    IF question !~* '^SELECT \* FROM' THEN
        EXECUTE question;
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT string_agg(y.line, E''\n'' ORDER BY y.line COLLATE "C") FROM (SELECT (SELECT string_agg(v.said, '', '' ORDER BY v.said COLLATE "C")
            FROM jsonb_path_query(to_jsonb(x.*), ''strict $.** ? (@.type() != "object" && @.type() != "array")'') p(p),
                 LATERAL (SELECT COALESCE(''#'' || array_position($1, p #>> ''{}''), p #>> ''{}'') AS said) v) AS line
            FROM (%s) x) y', question)
        INTO told USING given;
    RETURN told;
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s %s: %s', word, SQLSTATE, SQLERRM);
END $$;
SELECT format('CREATE SCHEMA %I', place) FROM words \gexec

CREATE TABLE questions (n serial PRIMARY KEY, what text, question text);
INSERT INTO questions (what, question) VALUES
('a source', 'CREATE TABLE source (<1> timestamptz NOT NULL, <2> text, <3> text, <4> text, <5> float8, <6> text, <7> boolean)'),
('its index', 'CREATE INDEX ON source (<1>)'),
('its rows', $$INSERT INTO source SELECT timestamptz '2026-03-01Z' + i % 50 * interval '111 minutes', 'a' || i % 13, 'v' || i % 3, 'w' || i % 2, i % 11,
    'page ' || (i % 7) * (i % 3), i % 4 = 0 FROM generate_series(1, 150) i$$),
('hours', $$SELECT tally.create_rollup('hours', 'source', <'1>, bucket => '1 hour', dimensions => '[<"3>, <"4>]', measures => jsonb_build_object(
    <'8>, 'count(*)', <'9>, format('tally.hll(%I)', <'2>), <'10>, format('tally.tdigest(%I)', <'5>), <'11>, format('tally.topk(%I)', <'6>),
    <'12>, format('sum(%I)', <'5>)), with_data => true)$$),
('days on hours', $$SELECT tally.create_rollup('days', 'hours', bucket => '1 day', dimensions => '[<"3>]', with_data => true)$$),
('per key', $$SELECT tally.create_rollup('people', 'source', key => quote_ident(<'2>), measures => jsonb_build_object(<'8>, 'count(*)', <'3>,
    format('max(%I)', <'3>)), with_data => true)$$),
('looking back', $$SELECT tally.create_rollup('back', 'source', <'1>, bucket => '1 day', lookback => '3 days', dimensions => '[<"3>]',
    measures => jsonb_build_object(<'8>, 'count(*)'), with_data => true)$$),
('metrics', $$SELECT tally.create_metric(<'13>, 'hours', quote_ident(<'8>)), tally.create_metric(<'14>, 'hours', format('tally.distinct_count(%I)', <'9>)),
    tally.create_metric('p50', 'hours', format('tally.percentile(%I, 0.5)', <'10>)), tally.create_metric('daily', 'days', quote_ident(<'8>)),
    tally.create_metric('mean', 'hours', format('%I / nullif(%I, 0)', <'12>, <'8>), samples => <'8>),
    tally.create_metric('bad', 'hours', format('least(%I::float8, 1) / nullif(%I, 0)', <'8>, <'8>), samples => <'8>)$$),
('ratios', $$SELECT tally.create_ratio(<'15>, <'13>, <'14>), tally.create_ratio('sticky', <'14>, <'14>, divisor_window => '3 days')$$),
('labels counted', $$SELECT tally.exact_count('exact', 'hours', quote_ident(<'2>), with_data => true)$$),
('late and changed rows', $$INSERT INTO source
    VALUES ('2026-03-02 05:05Z', 'late', 'v1', 'w9', 3, 'page 5', true), ('2026-03-02 05:05Z', NULL, NULL, NULL, NULL, NULL, NULL)$$),
('deleted', $$DELETE FROM source WHERE <2> = 'a5'$$),
('hours, live', 'SELECT * FROM hours_live'), ('days, live', 'SELECT * FROM days_live'), ('people, live', 'SELECT * FROM people_live'),
('looking back, live', 'SELECT * FROM back_live'), ('refreshed', 'SELECT * FROM (SELECT error FROM tally.refresh(''hours'')) e'),
('days too', 'SELECT * FROM (SELECT error FROM tally.refresh(''days'')) e'), ('people too', 'SELECT * FROM (SELECT error FROM tally.refresh(''people'')) e'),
('hours, stored', 'SELECT * FROM hours'), ('days, stored', 'SELECT * FROM days'), ('people, stored', 'SELECT * FROM people'),
('metrics as a view', 'SELECT * FROM hours_metrics'),
('a number changed by hand', $$UPDATE hours SET <8> = <8> + 1 WHERE <3> = 'v0' AND bucket < '2026-03-01 06:00Z'$$),
('is found', $$SELECT * FROM tally.verify('hours')$$), ('and repaired', $$SELECT tally.repair('hours')$$),
('a key too', $$UPDATE people SET <8> = <8> + 1 WHERE <2> = 'a1'$$), ('found', $$SELECT * FROM tally.verify('people')$$);
INSERT INTO questions (what, question) SELECT what, 'SELECT * FROM tally.' || question FROM (VALUES
('a series of both', $$timeseries(<'13>, since => '2026-03-01', until => '2026-03-06', bucket => '1 day', by => ARRAY[<'3>, <'4>])$$),
('filled', $$timeseries(<'14>, since => '2026-03-01', until => '2026-03-06', bucket => '1 day', by => ARRAY[<'4>], fill => 'zero')$$),
('filtered', $$timeseries('mean', since => '2026-03-01', until => '2026-03-06', by => ARRAY[<'3>], "where" => '{<"4>: "w1"}', fill => 'previous')$$),
('of days', $$timeseries('daily', since => '2026-03-01', until => '2026-03-06', by => ARRAY[<'3>])$$),
('of labels', $$timeseries('exact', since => '2026-03-01', until => '2026-03-06', bucket => '1 day', by => ARRAY[<'3>])$$),
('of a ratio', $$timeseries(<'15>, since => '2026-03-01', until => '2026-03-06', bucket => '1 day', by => ARRAY[<'3>, <'4>])$$),
('of a ratio by its window', $$timeseries('sticky', since => '2026-03-01', until => '2026-03-06', bucket => '1 day', by => ARRAY[<'3>])$$),
('one number', $$metric_value(<'13>, since => '2026-03-01', until => '2026-03-06', "where" => '{<"3>: "v1"}')$$),
('of a ratio', $$metric_value(<'15>, since => '2026-03-01', until => '2026-03-06', "where" => '{<"3>: ["v1", "v2"]}')$$),
('rolling', $$rolling(<'14>, '2 days', since => '2026-03-01', until => '2026-03-06', by => ARRAY[<'3>], "where" => '{<"4>: "w1"}')$$),
('cumulative', $$cumulative(<'14>, since => '2026-03-01', until => '2026-03-06', by => ARRAY[<'4>, <'3>])$$),
('top items', $$top_items('hours', <'11>, 3, by => ARRAY[<'3>, <'4>], bucket => '1 day', since => '2026-03-01', until => '2026-03-06')$$),
('a report', $$report(ARRAY[<'13>, <'14>, <'15>, 'p50', 'mean', 'daily'], since => '2026-03-01', until => '2026-03-06', bucket => '1 day',
    by => ARRAY[<'3>])$$),
('a report with a window', $$report(ARRAY[<'13>, 'sticky'], since => '2026-03-01', until => '2026-03-06', bucket => '1 day', by => ARRAY[<'3>, <'4>])$$),
('a report of people', $$report(ARRAY[<'13>, 'mean'], since => '2026-03-01', until => '2026-03-06', by => ARRAY[<'3>, <'4>], people => <'9>, k => 3)$$),
('a page of a report', $$report_page(ARRAY[<'13>, 'mean'], 3, since => '2026-03-01', until => '2026-03-06', by => ARRAY[<'3>, <'4>])$$)) x(what, question);
INSERT INTO questions (what, question) VALUES
('a threshold', $$SELECT tally.create_threshold('t1', metric => <'13>, condition => '> 0', per => ARRAY[<'3>], min_samples => 1)$$),
('on both', $$SELECT tally.create_threshold('t2', metric => <'13>, condition => '> 0', per => ARRAY[<'3>, <'4>], over => '2 hours')$$),
('on a ratio', $$SELECT tally.create_threshold('t3', metric => <'15>, condition => '> 0', per => ARRAY[<'3>])$$),
('on a ratio, the other', $$SELECT tally.create_threshold('t4', metric => 'sticky', condition => '> 0', per => ARRAY[<'4>, <'3>])$$),
('filtered', $$SELECT tally.create_threshold('t5', metric => 'mean', condition => '> 0', per => ARRAY[<'4>], "where" => '{<"3>: ["v1", "v2"]}')$$),
('with history', $$SELECT tally.create_threshold('t6', metric => <'14>, condition => '> -90% vs 1 day', per => ARRAY[<'3>])$$),
('on people', $$SELECT tally.create_threshold('t7', metric => 'daily', condition => '> 0', per => ARRAY[<'3>])$$),
('on an objective', $$SELECT tally.create_threshold('t8', metric => 'bad', condition => 'burn rate 99% over 7 days', per => ARRAY[<'3>])$$),
('a tick', $$SELECT * FROM (SELECT e.threshold, e.series, e.breaches, e.opened, e.error
    FROM generate_series(1, 8) i, tally.evaluate('2026-03-02 06:00Z', 't' || i) e) e$$),
('incidents and their proof', $$SELECT * FROM (SELECT i.threshold, i.labels, i.value, i.status, i.evidence - 'contributors_of' AS e FROM tally.incidents i
    JOIN tally.thresholds t ON t.id = i.threshold_id WHERE t.schema = current_schema()) e$$),
('an error budget', $$SELECT * FROM tally.error_budget('t8', '2026-03-02 06:00Z')$$),
('a board', $$SELECT tally.create_board('board of ' || current_schema(), 'B', jsonb_build_array(
    jsonb_build_object('title', 'panel a', 'metrics', jsonb_build_array(<'13>), 'by', jsonb_build_array(<'3>)),
    jsonb_build_object('title', 'panel b', 'metrics', jsonb_build_array(<'13>, 'mean'), 'by', jsonb_build_array(<'3>, <'4>), 'picture', 'table'),
    jsonb_build_object('title', 'panel c', 'metrics', jsonb_build_array('mean'), 'by', jsonb_build_array(<'4>), 'picture', 'ranking'),
    jsonb_build_object('title', 'panel d', 'metrics', jsonb_build_array(<'13>), 'by', jsonb_build_array(<'4>, <'3>), 'picture', 'heatmap'),
    jsonb_build_object('title', 'panel e', 'metrics', jsonb_build_array('p50'), 'picture', 'histogram')), variables => ARRAY[<'3>])$$),
('its numbers', $$SELECT * FROM (SELECT p - 'columns' AS p FROM tally.boards b,
    tally_internal._board_model(b, '{<"3>: ["v1", "v2"]}', '2026-03-01', '2026-03-06', 'auto', false, '2026-03-06Z') m,
    jsonb_array_elements(m -> 'panels') p WHERE b.name = 'board of ' || current_schema()) p$$);
INSERT INTO questions (what, question) VALUES
('a funnel', $$SELECT tally.create_funnel('funnel', 'source', <'1>, quote_ident(<'2>), json_build_object(<'8>, quote_ident(<'7>), <'9>,
    format('NOT %I', <'7>), 'more than 3', format('%I > 3', <'5>)), dimensions => '[<"3>, <"4>]', "window" => '2 days', with_data => true)$$),
('its steps', 'SELECT * FROM funnel_steps'), ('its steps, live', 'SELECT * FROM funnel_steps_live'), ('its actors', 'SELECT * FROM funnel_actors_live'),
('a funnel read', $$SELECT * FROM tally.funnel('funnel', '2026-03-01', '2026-03-06', by => ARRAY[<'3>], "where" => '{<"4>: "w1"}')$$),
('its time', $$SELECT * FROM tally.funnel_time('funnel', '2026-03-01', '2026-03-06', by => ARRAY[<'3>, <'4>])$$),
('a retention', $$SELECT tally.create_retention('back_again', 'source', <'1>, quote_ident(<'2>), "start" => quote_ident(<'7>),
    "return" => format('NOT %I', <'7>), periods => 2, dimensions => '[<"3>, <"4>]', with_data => true)$$),
('its cohorts', 'SELECT * FROM back_again_cohorts_live'),
('a retention read', $$SELECT * FROM tally.retention('back_again', '2026-03-01', '2026-03-06', by => ARRAY[<'4>], "where" => '{<"3>: "v1"}')$$),
('a retention of every start', $$SELECT tally.create_retention('every', 'source', <'1>, quote_ident(<'2>), "start" => quote_ident(<'7>),
    "return" => format('NOT %I', <'7>), periods => 2, dimensions => '[<"3>]', every_start => true, with_data => true)$$),
('read', $$SELECT * FROM tally.retention('every', '2026-03-01', '2026-03-06', by => ARRAY[<'3>])$$),
('sessions', $$SELECT tally.create_sessions('visits', 'source', <'1>, quote_ident(<'2>), page => quote_ident(<'6>), dimensions => '[<"3>, <"4>]',
    with_data => true)$$), ('each of them', 'SELECT * FROM visits'),
('walks', $$SELECT tally.create_rollup('walks', 'source', key => quote_ident(<'2>), measures => jsonb_build_object(
    <'10>, format('array_agg(%1$I ORDER BY %1$I)', <'1>), <'11>, format('array_agg(%2$I ORDER BY %1$I)', <'1>, <'6>),
    <'3>, format('max(%I)', <'3>)), with_data => true)$$),
('paths', $$SELECT * FROM tally.paths('walks', times => <'10>, events => <'11>, by => <'3>)$$),
('exposures', $$CREATE TABLE exposed AS SELECT <2>, min(<1>) AS <1>, CASE WHEN <2> > 'a3' THEN 'control' ELSE 'new' END AS <6>, max(<3>) AS <3>, max(<4>) AS <4>
    FROM source WHERE <2> IS NOT NULL GROUP BY <2>$$),
('metrics of experiments', $$SELECT tally.create_experiment_metric(<'13>, 'source', expression => quote_ident(<'5>), time_column => <'1>,
        unit => quote_ident(<'2>), "window" => '2 days'),
    tally.create_experiment_metric(<'14>, 'source', 'quantile', expression => quote_ident(<'5>), level => 0.5, time_column => <'1>,
        unit => quote_ident(<'2>), "window" => '2 days'),
    tally.create_experiment_metric('f', 'source', 'funnel', steps => json_build_object(<'8>, quote_ident(<'7>), <'9>, format('NOT %I', <'7>)),
        time_column => <'1>, unit => quote_ident(<'2>), "window" => '2 days')$$),
('an experiment', $$SELECT tally.create_experiment('trial', 'exposed', quote_ident(<'2>), '{"control": 1, "new": 1}', ARRAY[<'13>, <'14>, 'f'],
    arm => quote_ident(<'6>), time_column => <'1>, dimensions => '[<"3>, <"4>]', covariate_days => 2, with_data => true)$$),
('its report', $$SELECT * FROM tally.experiment_report('trial', as_of => '2026-03-20Z', by => ARRAY[<'3>], k => 1)$$),
('its days', $$SELECT * FROM tally.experiment_timeseries('trial', as_of => '2026-03-20Z', k => 1)$$),
('its health', $$SELECT * FROM (SELECT "check", state, value FROM tally.experiment_health('trial', as_of => '2026-03-20Z')) h$$),
('a release', $$SELECT tally.create_release('released', 'hours', ARRAY[<'3>, <'4>], ARRAY[<'8>], people => <'9>, bucket => '1 day', k => 2)$$),
('its buckets', $$SELECT * FROM (SELECT r.bucket, r.state, r.cells, r.reason FROM tally.refresh_release('released', '2026-03-20Z') r) r$$),
('its proof', $$SELECT * FROM tally.check_release('released')$$),
('what it shows', $$SELECT * FROM (SELECT bucket, <3>, <4>, <9> AS people, <8> AS rows FROM released WHERE <3> IS NULL AND <4> IS NULL) r$$),
('a measure more', $$SELECT tally.alter_rollup('hours', add_measures => jsonb_build_object('more', format('max(%I)', <'5>)))$$),
('a dimension more', $$SELECT tally.alter_rollup('hours', add_dimensions => jsonb_build_array(<'7>))$$),
('computed', 'SELECT * FROM (SELECT error FROM tally.refresh(''hours'')) e'), ('hours, wider', 'SELECT * FROM hours_live'),
('a metric renamed', $$SELECT tally.rename_metric(<'13>, 'renamed')$$),
('freshness', $$SELECT * FROM (SELECT state, reason FROM tally.status WHERE rollup LIKE current_schema() || '.%') s$$);

CREATE TABLE answers (n int, what text, place text, said text);
DO $$
DECLARE
    q questions;
BEGIN
    -- Question by question in all schemas, so that what time it is matters to all alike.
    FOR q IN SELECT * FROM questions ORDER BY n LOOP
        INSERT INTO answers SELECT q.n, q.what, w.place, ask(w.place, q.question) FROM words w;
    END LOOP;
END $$;
RESET search_path;
SELECT ok(said IS NULL OR said !~ '^plain [0-9A-Z]{5}:', 'plain names: ' || what || COALESCE(': ' || left(said, 100), '')) FROM answers WHERE place = 'plain'
 ORDER BY n;
SELECT is(a.said, b.said, format('%s: %s', a.place, a.what)) FROM answers a JOIN answers b USING (n) WHERE a.place <> 'plain' AND b.place = 'plain'
 ORDER BY a.n, a.place;
SELECT cmp_ok(count(*), '>=', 40::bigint, 'most questions have answers') FROM answers WHERE place = 'plain' AND said <> '';

-- Of some, what plain SQL says of the rows.
SELECT bag_eq($$SELECT labels ->> 'value' AS v, value FROM tally.timeseries('one.report', '2026-03-01', '2026-03-06', '1 day', '{value}')$$,
    $$SELECT COALESCE(value, '(none)') AS v, count(*)::float8 / NULLIF(count(DISTINCT key), 0) AS n FROM one.source GROUP BY date_trunc('day', t), value$$,
    'bug: a ratio by a dimension named value was ambiguous');
SELECT * FROM finish();
