-- Bug: after a function, type, label or column was renamed or moved, the rollups of funnels, retentions, sessions and experiments followed, and what they
-- were made of, as tally.definitions() gives it, did not. So what it gives is run anew here, and compared with plain SQL.
SELECT no_plan();
SET client_min_messages = error;
CREATE SCHEMA aux;
CREATE SCHEMA "Other place";
CREATE TYPE aux.kind AS ENUM ('visit', 'pay');
CREATE DOMAIN aux.amount AS int;
CREATE FUNCTION aux.big(x int) RETURNS boolean LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x > 3; END;
CREATE FUNCTION aux.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 2; END;
CREATE FUNCTION aux.unused(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT x * 7; END;
CREATE TABLE e (at timestamptz NOT NULL, u text, k aux.kind, q int, visit text);
CREATE INDEX ON e (u);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '5 hours', 'u' || i % 5, CASE WHEN i % 3 > 0 THEN 'visit' ELSE 'pay' END::aux.kind, i % 9,
       'v' || i % 2 FROM generate_series(1, 60) i;
CREATE TABLE x (at timestamptz NOT NULL, u text, arm text, q int);
CREATE INDEX ON x (u);
INSERT INTO x SELECT timestamptz '2026-01-02 00:00+00' + i * interval '1 hour', 'u' || i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END, i
  FROM generate_series(0, 4) i;
SELECT set_config('search_path', 'public, aux', false);
SELECT tally.create_funnel('f', 'e', 'at', 'u', '{"visit": "k = ''visit'' AND big(q)", "pay": "k = ''pay''::kind"}',
    dimensions => '["visit", {"q": "twice(q)"}]', exclude => '[{"after": "visit", "before": "pay", "when": "aux.twice(q) = 4"}]',
    "where" => 'visit IS NOT NULL');
SELECT tally.create_retention('r', 'e', 'at', 'u', "start" => 'k = ''visit''', return => 'big(q)', dimensions => '["visit"]', periods => 3);
SELECT tally.create_sessions('s', 'e', 'at', 'u', gap => '6 hours', page => 'twice(q)::text || visit', "where" => 'q::amount >= 0');
SELECT tally.create_experiment_metric('m', 'e', expression => 'twice(q)', "where" => 'k = ''pay''');
SELECT tally.create_experiment_metric('p', 'e', 'funnel', steps => '{"visit": "big(q)", "pay": "k = ''pay''"}');
CREATE TABLE y (at timestamptz NOT NULL, who text, q int, k aux.kind, visit text);
INSERT INTO y SELECT at + interval '2 days', u, q, CASE q % 2 WHEN 0 THEN 'visit' ELSE 'pay' END::aux.kind, 'v' FROM x;
CREATE COLLATION aux.sorted FROM "C";
SELECT tally.create_experiment_metric('unmeasured', 'y', unit => 'who', expression => 'aux.unused(q) + twice(y.q)',
    "where" => 'k = ''visit'' AND visit > '''' COLLATE sorted AND q::amount >= 0');
SELECT tally.create_experiment_metric('steps', 'y', 'funnel', unit => 'who',
    steps => '{"visit": "k = ''visit''", "pay": "k = ''pay'' AND visit <> ''visit''"}');
SELECT tally.create_experiment('x', 'x', 'u', '{"control": 1, "new": 1}', '{m,p}', dimensions => '[{"d": "twice(q)"}]', "where" => 'x.q::amount >= 0',
    covariate_days => 0);
-- What they give before anything is renamed. Other tests compare that with plain SQL.
CREATE FUNCTION answers() RETURNS TABLE (what text, line text) LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    RETURN QUERY SELECT 'funnel', l::text FROM f_steps_live l UNION ALL SELECT 'retention', c::text FROM r_cohorts_live c
        UNION ALL SELECT 'sessions', v::text FROM s_live v
        UNION ALL SELECT 'experiment', to_jsonb(t)::text FROM tally.experiment_report('x', as_of => '2026-03-01 00:00+00') t;
END $$;
CREATE TABLE before AS SELECT * FROM answers();
SELECT bag_eq('SELECT what FROM before GROUP BY 1 HAVING count(*) > 3', $$VALUES ('funnel'), ('retention'), ('sessions'), ('experiment')$$,
              'all give something');
CREATE FUNCTION made_again(renaming text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    given  text[];
    one    text;
    failed text := '';
BEGIN
    given := ARRAY(SELECT statement FROM tally.definitions() ORDER BY ordinal);
    PERFORM tally.drop_experiment('x'), tally.drop_experiment_metric('m'), tally.drop_experiment_metric('p'), tally.drop_experiment_metric('unmeasured'),
            tally.drop_experiment_metric('steps'), tally.drop_sessions('s'), tally.drop_retention('r'), tally.drop_funnel('f');
    FOREACH one IN ARRAY given LOOP
        BEGIN
            EXECUTE one;
        EXCEPTION WHEN OTHERS THEN
            failed := failed || SQLERRM || ': ' || one;
        END;
    END LOOP;
    RETURN NEXT is(failed, '', renaming || ': what definitions() gives can be run');
    RETURN NEXT bag_eq('SELECT * FROM answers()', 'TABLE before', renaming || ': and gives the same answers');
END $$;
ALTER TABLE e RENAME visit TO page;
ALTER TABLE e RENAME at TO "Moment";
ALTER TABLE x RENAME q TO queue;
ALTER TABLE x RENAME at TO seen;
ALTER TABLE y RENAME visit TO page;
ALTER TABLE y RENAME at TO "Moment";
ALTER TABLE y RENAME who TO "user";
ALTER TABLE y RENAME TO why;
ALTER COLLATION aux.sorted RENAME TO in_order;
SELECT is((SELECT definition ->> 'time_column' FROM tally.experiments), 'seen', 'the column of the time');
ALTER TYPE aux.kind RENAME VALUE 'visit' TO 'came';
ALTER FUNCTION aux.big(int) RENAME TO "Large";
ALTER FUNCTION aux.twice(int) RENAME TO doubled;
ALTER TYPE aux.kind RENAME TO kinds;
ALTER DOMAIN aux.amount RENAME TO amounts;
SELECT bag_eq('SELECT * FROM answers()', 'TABLE before', 'all renamed: the answers stay');
SELECT made_again('all renamed');
ALTER FUNCTION aux.doubled(int) SET SCHEMA "Other place";
ALTER TYPE aux.kinds SET SCHEMA "Other place";
ALTER SCHEMA aux RENAME TO further;
ALTER SCHEMA "Other place" RENAME TO place;
SELECT bag_eq('SELECT * FROM answers()', 'TABLE before', 'moved to schemas that are renamed: the answers stay');
SELECT made_again('moved to schemas that are renamed');
-- Bug: a metric that no experiment measured followed renamed schemas alone. An experiment on it said that a column does not exist.
SELECT is((SELECT definition FROM tally.experiment_metrics WHERE name = 'unmeasured'), jsonb_build_object('unit', 'user', 'time_column', 'Moment',
              'expression', 'further.unused(q) + doubled(why.q)',
              'where', 'k = ''came'' AND page > '''' COLLATE in_order AND q::amounts >= 0'), 'a metric that no experiment measures');
SELECT is((SELECT definition -> 'steps' FROM tally.experiment_metrics WHERE name = 'steps'),
          '[{"name": "visit", "condition": "k = ''came''"}, {"name": "pay", "condition": "k = ''pay'' AND page <> ''visit''"}]', 'its steps; other texts stay');
ALTER TABLE why RENAME "user" TO u;
SELECT tally.create_experiment('w', 'x', 'u', '{"control": 1, "new": 1}', '{unmeasured}', time_column => 'seen', covariate_days => 0);
SELECT bag_eq($$SELECT arm, units, value::numeric FROM tally.experiment_report('w', as_of => '2026-03-01 00:00+00', k => 1)$$,
              $$SELECT arm, count(*), avg(CASE WHEN queue % 2 = 0 THEN queue * 9 ELSE 0 END) FROM x GROUP BY 1$$, 'an experiment can measure it after all');

-- A text that is read as it is never meant the old name.
CREATE SCHEMA evil;
CREATE FUNCTION evil.doubled(int) RETURNS int LANGUAGE sql RETURN 0;
ALTER FUNCTION evil.doubled(int) RENAME TO halved;
SELECT tally.drop_experiment('w');
ALTER FUNCTION further.unused(int) RENAME TO used;
SELECT is((SELECT definition ->> 'expression' FROM tally.experiment_metrics WHERE name = 'unmeasured'), 'further.used(q) + doubled(why.q)',
          'a namesake elsewhere is renamed; a metric that was measured once follows');

-- Bug: an experiment read its metrics by its own search_path, not by that of the metric. So one metric meant two things.
CREATE SCHEMA thirds;
CREATE FUNCTION thirds.doubled(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN $1 * 3;
SELECT set_config('search_path', 'public, thirds', false);
SELECT tally.create_experiment_metric('threefold', 'why', time_column => 'Moment', expression => 'doubled(q)');
SELECT tally.create_experiment('w', 'x', 'u', '{"control": 1, "new": 1}', '{unmeasured, threefold}', time_column => 'seen', covariate_days => 0);
SELECT bag_eq($$SELECT metric, arm, value::numeric FROM tally.experiment_report('w', as_of => '2026-03-01 00:00+00', k => 1)$$,
              $$SELECT 'unmeasured', arm, avg(CASE WHEN queue % 2 = 0 THEN queue * 9 ELSE 0 END) FROM x GROUP BY 2
                UNION ALL SELECT 'threefold', arm, avg(queue * 3) FROM x GROUP BY 2$$, 'a metric means the same wherever it is measured');
SELECT tally.drop_experiment('w');

-- Bug: an experiment took the units of another one whose texts are the same, also where the search_path made something else of them.
CREATE FUNCTION further.side(int) RETURNS text LANGUAGE sql IMMUTABLE RETURN CASE WHEN $1 < 1 THEN 'control' ELSE 'new' END;
CREATE FUNCTION thirds.side(int) RETURNS text LANGUAGE sql IMMUTABLE RETURN CASE WHEN $1 < 3 THEN 'control' ELSE 'new' END;
SELECT tally.create_experiment('v', 'x', 'u', '{"control": 1, "new": 1}', '{threefold}', arm => 'side(queue)', time_column => 'seen');
SELECT set_config('search_path', 'public, further', false);
SELECT tally.create_experiment('w', 'x', 'u', '{"control": 1, "new": 1}', '{threefold}', arm => 'side(queue)', time_column => 'seen');
SELECT bag_eq(format('SELECT arm, units FROM tally.experiment_report(%L, as_of => ''2026-03-01 00:00+00'', k => 1)', e),
              format('SELECT %s.side(queue), count(*) FROM x GROUP BY 1', s), e || ': arms by its own search_path')
  FROM (VALUES ('v', 'thirds'), ('w', 'further')) y(e, s);
SELECT set_config('search_path', 'public, thirds', false);
SELECT tally.drop_experiment('v'), tally.drop_experiment('w');

-- A column that is gone: what was made of it says so in four parts, and the way out works.
ALTER TABLE why DROP COLUMN page;
CREATE FUNCTION told(statement text) RETURNS TABLE (state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
SELECT results_eq(
    $$SELECT * FROM told($t$SELECT tally.create_experiment('w', 'x', 'u', '{"control": 1, "new": 1}', '{unmeasured}', time_column => 'seen')$t$)$$,
    $$VALUES ('42703', 'experiment metric ''unmeasured'': its where cannot be computed: column "page" does not exist',
              'The text is k = ''came'' AND page > '''' COLLATE in_order AND q::amounts >= 0, over public.why.',
              'SELECT tally.drop_experiment_metric(''unmeasured'');  -- and create it again')$$, 'a dropped column is named, with the metric that reads it');
SELECT is((SELECT count(*) FROM tally.experiments WHERE name = 'w'), 0::bigint, 'nothing is made of it');
SELECT tally.drop_experiment_metric('unmeasured');
SELECT tally.create_experiment_metric('unmeasured', 'why', time_column => 'Moment', expression => 'q');
SELECT lives_ok($$SELECT tally.create_experiment('w', 'x', 'u', '{"control": 1, "new": 1}', '{unmeasured}', time_column => 'seen')$$,
                'made again without it, it can be measured');
SELECT * FROM finish();
