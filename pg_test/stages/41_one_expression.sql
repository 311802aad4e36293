-- A person's text is one expression, wherever a definition takes one. A metric, a step of a funnel or a query that ended in a comment failed
-- with a bare syntax error, since the comment swallowed what the engine writes after it; "count(*), 1" failed in a UNION that nobody wrote;
-- a query that closed the engine's parenthesis was taken.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz, v int, k text, tags text[]);
CREATE INDEX ON e (at);
CREATE INDEX ON e (k);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 hour', i % 7, 'k' || i % 5, '{a,b}' FROM generate_series(0, 99) i;
SELECT tally.create_rollup('r', 'e', 'at', measures => '{"n": "count(*)", "s": "sum(v)"}', with_data => true);

-- What ends in a comment is taken, and means what it says.
SELECT lives_ok($$SELECT tally.create_metric('per_row', 'r', 's::float8 / nullif(n, 0) -- a share')$$, 'a metric that ends in a comment');
SELECT is(tally.metric_value('per_row', since => '2026-01-01Z', until => '2026-02-01Z'), (SELECT sum(v)::float8 / count(*) FROM e), 'and its value');
SELECT bag_eq('SELECT bucket, per_row FROM r_metrics', 'SELECT date_trunc(''hour'', at, ''UTC''), avg(v)::float8 FROM e GROUP BY 1', 'in the flat view too');
SELECT lives_ok($$SELECT tally.create_funnel('f', 'e', 'at', 'k', '{"one": "v = 1 -- first", "two": "v = 2 /* then */ -- second"}',
    dimensions => '[{"tag": "tags[1] -- any"}]',
    "where" => 'v < 9 -- all', exclude => '[{"after": "one", "before": "two", "when": "v = 8 -- never"}]', with_data => true)$$,
        'steps, exclusions, dimensions of a funnel');
-- Each actor sees v = i % 7 every five hours, all residues in turn, so each reaches both steps.
SELECT bag_eq('SELECT sum(actors), step FROM f_steps GROUP BY 2', 'VALUES (5::numeric, 1), (5, 2)', 'and its counts');
SELECT lives_ok($$SELECT tally.create_retention('t', 'e', 'at', 'k', "start" => 'v = 1 -- begins', return => 'true -- anything', "where" => 'v < 9 -- all',
    periods => 1, with_data => true)$$, 'conditions of a retention');
SELECT is((SELECT eligible FROM tally.retention('t', as_of => '2026-02-01Z') WHERE period = 0), 5::bigint, 'and its actors');
SELECT lives_ok($$SELECT tally.create_probe('p', 'SELECT count(*) AS value FROM e -- all')$$, 'the query of a probe');
SELECT lives_ok($$SELECT tally.create_threshold('q', query => 'SELECT count(*) AS value FROM e WHERE at < :as_of -- so far', condition => '> 1')$$,
    'the query of a threshold');
SELECT is((SELECT breaches FROM tally.evaluate('2026-01-10 00:00Z', 'q')), 1, 'and it is evaluated');

-- What is no expression is refused in four parts, by the name of what it was given for.
CREATE TABLE wrong (what text, statement text);
INSERT INTO wrong VALUES
 ('measure ''m''', $$SELECT tally.create_rollup('x', 'e', 'at', measures => '{"m": "count(*), 1"}')$$),
 ('measure ''m''', $$SELECT tally.create_rollup('x', 'e', 'at', measures => '{"m": "count(*)) , (1"}')$$),
 ('measure ''m''', $$SELECT tally.create_rollup('x', 'e', 'at', measures => '{"m": "count(*); DROP TABLE e"}')$$),
 ('measure ''m''', $$SELECT tally.create_rollup('x', 'e', 'at', measures => '{"m": "count(*) /* no end"}')$$),
 ('measure ''m''', $$SELECT tally.create_rollup('x', 'e', 'at', measures => '{"m": "count(*) AS m"}')$$),
 ('measure ''m''', $$SELECT tally.create_rollup('x', 'e', 'at', measures => '{"m": "count(*) FROM e WHERE true"}')$$),
 ('measure ''m''', $$SELECT tally.create_rollup('x', 'e', 'at', measures => '{"m": "1 END, CASE WHEN true THEN 2"}')$$),
 ('measure ''m''', $$SELECT tally.create_rollup('x', 'e', key => 'k', measures => '{"m": "count(*), 1"}')$$),
 ('dimension ''d''', $$SELECT tally.create_rollup('x', 'e', 'at', dimensions => '[{"d": "v, k"}]', measures => '{"m": "count(*)"}')$$),
 ('where of rollup ''x''', $$SELECT tally.create_rollup('x', 'e', 'at', measures => '{"m": "count(*)"}', "where" => 'true) AND (v > 1')$$),
 ('where of rollup ''r''', $$SELECT tally.alter_rollup('r', "where" => 'v > 1, v < 3')$$),
 ('measure ''m''', $$SELECT tally.alter_rollup('r', add_measures => '{"m": "max(v), 2"}')$$),
 ('metric ''m''', $$SELECT tally.create_metric('m', 'r', 'n, s')$$),
 ('metric ''m''', $$SELECT tally.create_metric('m', 'r', 'n;')$$),
 ('metric ''m''', $$SELECT tally.create_metric('m', 'r', 'n) + (s')$$),
 ('step ''b'' of funnel ''x''', $$SELECT tally.create_funnel('x', 'e', 'at', 'k', '{"a": "v = 1", "b": "v = 1, v = 2"}')$$),
 ('where of funnel ''x''', $$SELECT tally.create_funnel('x', 'e', 'at', 'k', '{"a": "v = 1", "b": "v = 2"}', "where" => 'true) OR (true')$$),
 ('exclude of funnel ''x''', $$SELECT tally.create_funnel('x', 'e', 'at', 'k', '{"a": "v = 1", "b": "v = 2"}',
     exclude => '[{"after": "a", "before": "b", "when": "true, false"}]')$$),
 ('start of retention ''x''', $$SELECT tally.create_retention('x', 'e', 'at', 'k', "start" => 'v = 1, true')$$),
 ('return of retention ''x''', $$SELECT tally.create_retention('x', 'e', 'at', 'k', return => 'v = 1) OR (true')$$),
 ('probe ''x''', $$SELECT tally.create_probe('x', 'SELECT 1 AS value) a, (SELECT 2 AS other')$$),
 ('probe ''x''', $$SELECT tally.create_probe('x', 'SELECT 1 AS value; SELECT 2 AS value')$$),
 ('threshold ''x''', $$SELECT tally.create_threshold('x', query => 'WITH gone AS (DELETE FROM e RETURNING 1 AS value) SELECT * FROM gone',
     condition => '> 1')$$);
CREATE FUNCTION told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state_ text; message_ text; detail_ text; hint_ text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state_ = RETURNED_SQLSTATE, message_ = MESSAGE_TEXT, detail_ = PG_EXCEPTION_DETAIL, hint_ = PG_EXCEPTION_HINT;
    RETURN CASE WHEN detail_ <> '' AND hint_ <> '' THEN state_ || ' ' || message_ ELSE 'bare: ' || message_ END;
END $$;
CREATE TABLE said AS SELECT w.*, told(w.statement) AS answer FROM wrong w;
SELECT alike(answer, '%' || what || '%', statement) FROM said;
SELECT is((SELECT count(*) FROM said WHERE answer ~ '^(42601|0A000) '), (SELECT count(*) FROM wrong),
    'each is a syntax error in four parts, or says what is not supported');
SELECT bag_eq('SELECT name FROM tally.rollups', $$VALUES ('r'), ('f'), ('f_actors'), ('t'), ('t_actors')$$, 'nothing of what was refused is left');

-- Renaming a name in a text goes by its words. A name within a number or between dollars was renamed too, and U&"a" became U&b.
SELECT is(string_agg(w.token, '|' ORDER BY w.n), t.words, 'words of ' || t.sql) FROM (VALUES
    ($x$$$a$$ + x + $$b$$$x$, $x$$$a$$| |+| |x| |+| |$$b$$$x$),
    ($x$$a$ it's $b$ $$ $b$ $1 $a$,$2$x$, $x$$a$ it's $b$ $$ $b$ $1 $a$|,|$2$x$),
    ('1e5+e5+a$b::e5', '1e5|+|e5|+|a$b|::|e5'),
    ('U&"a b"/* c */E''\''d''--e', 'U&"a b"|/* c */|E''\''d''|--e')) t(sql, words), tally_internal._words(t.sql) w GROUP BY t.sql, t.words;
SELECT is(tally_internal._renamed($x$e5 + 1e5 + length($t$e5 $$ e5$t$) + U&"e5" + "e5" + 'e5'$x$, 'e5', 'x y'),
    $x$"x y" + 1e5 + length($t$e5 $$ e5$t$) + "x y" + "x y" + 'e5'$x$, 'a column renamed in a text: only where it is the column');
SELECT * FROM finish();
