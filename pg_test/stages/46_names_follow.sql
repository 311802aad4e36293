-- Names that change: definitions follow a column by its number, and the labels of an enum; views, tables and schemas are found wherever they are.
SELECT no_plan();
SET client_min_messages = error;
CREATE FUNCTION bags_differ(a text, b text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT x::text FROM ((%1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL %1$s)) x', a, b);
END $$;

-- Bug: a renamed label left rows under the old name, and the sum over all keys counted twice.
CREATE TYPE state AS ENUM ('new', 'paid'); CREATE DOMAIN known_state AS state;
CREATE TABLE orders (at timestamptz NOT NULL, s state, d known_state, list state[]);
CREATE INDEX ON orders (at); CREATE INDEX ON orders (s);
SELECT tally.create_rollup('by_key', 'orders', key => 's', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('by_day', 'orders', 'at', bucket => '1 day', dimensions => '["d", {"first": "list[1]"}]', measures => '{"n": "count(*)"}',
    with_data => true);
SELECT tally.create_rollup('by_month', 'by_day', bucket => '1 month', with_data => true);
INSERT INTO orders SELECT '2026-01-01Z', 'paid', 'paid', '{paid,new}' FROM generate_series(1, 5);
SELECT tally.refresh();
ALTER TYPE state ADD VALUE 'lost';
SELECT is((SELECT count(*) FROM tally.dirty_ranges), 0::bigint, 'a label that is added changes no row');
ALTER TYPE state RENAME VALUE 'paid' TO 'settled';
INSERT INTO orders VALUES ('2026-01-01Z', 'settled', 'settled', '{settled}');
SELECT is_empty($$SELECT bags_differ('TABLE by_key_live', 'SELECT s::text, count(*) FROM orders GROUP BY 1')$$, 'live, before any refresh');
SELECT tally.refresh();
SELECT is_empty($$SELECT bags_differ('TABLE by_key', 'SELECT s::text, count(*) FROM orders GROUP BY 1')$$, 'a key');
SELECT is_empty($$SELECT bags_differ('TABLE by_day',
    'SELECT date_trunc(''day'', at, ''UTC''), d::text, list[1]::text, count(*) FROM orders GROUP BY 1, 2, 3')$$, 'a dimension, within a domain and an array');
SELECT is_empty($$SELECT bags_differ('TABLE by_month',
    'SELECT date_trunc(''month'', at, ''UTC''), d::text, list[1]::text, count(*)::bigint FROM orders GROUP BY 1, 2, 3')$$, 'and a rollup on it');

-- Bug: a rollup per key kept all columns of its source from being dropped or retyped.
CREATE TABLE events (at timestamptz NOT NULL, who text, kind text, "Odd kind" text, ms int, unused int, other int);
CREATE INDEX ON events (who); CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-01Z' + i * interval '1 hour', 'w' || i % 3, 'kind', 'o' || i % 2, i FROM generate_series(1, 50) i;
SELECT tally.create_rollup('people', 'events', key => 'who', measures => '{"n": "count(*)", "total": "sum(events.ms)"}', with_data => true);
SELECT lives_ok('ALTER TABLE events DROP COLUMN unused', 'a column that no definition reads can be dropped');
SELECT lives_ok('ALTER TABLE events ALTER COLUMN other TYPE bigint', 'and retyped');
SELECT tally.repair('people');
SELECT is_empty($$SELECT bags_differ('TABLE people_live', 'SELECT who, count(*), sum(ms) FROM events GROUP BY 1')$$, 'the live view while all is marked');
SELECT throws_ok('ALTER TABLE events DROP COLUMN ms', '2BP01', NULL, 'one that is read cannot');

-- Bug: a renamed dimension broke the refresh.
SELECT tally.create_rollup('h', 'events', 'at', dimensions => '["kind", {"odd": "upper(\"Odd kind\") || ''kind''"}]',
    measures => '{"n": "count(*) FILTER (WHERE kind = ''kind'' /* kind */)", "total": "sum(events.ms)"}',
    "where" => 'ms > 3 AND "Odd kind" IS NOT NULL', with_data => true);
ALTER TABLE events RENAME COLUMN kind TO sort;
ALTER TABLE events RENAME COLUMN "Odd kind" TO plain;
ALTER TABLE events RENAME COLUMN ms TO "Milli seconds";
ALTER TABLE events RENAME COLUMN at TO "order";
INSERT INTO events VALUES ('2026-01-01 05:00Z', 'w1', 'kind', 'p', 100);
SELECT is((SELECT string_agg(error, ' ') FROM tally.refresh()), NULL, 'refreshes go on');
SELECT is_empty($$SELECT bags_differ('TABLE h',
    'SELECT date_trunc(''hour'', "order", ''UTC''), sort, upper(plain) || ''kind'', count(*) FILTER (WHERE sort = ''kind''), '
    'sum("Milli seconds") FROM events WHERE "Milli seconds" > 3 AND plain IS NOT NULL GROUP BY 1, 2, 3')$$, 'the numbers are those of the same columns');
SELECT is_empty('SELECT * FROM tally.verify(''h'')', 'and the definition says the same');
SELECT is((SELECT expression FROM tally.measures m JOIN tally.rollups r ON r.id = m.rollup_id WHERE r.name = 'h' AND m.name = 'n'),
    'count(*) FILTER (WHERE sort = ''kind'' /* kind */)', 'text constants and comments stay as they were');
SELECT lives_ok($$SELECT * FROM tally.alter_rollup('h', add_measures => '{"most": "max(\"Milli seconds\")"}')$$, 'and it can be changed by the new names');
-- A key's column is a column of the rollup too, so it is said what to do.
ALTER TABLE events RENAME COLUMN who TO person;
SELECT lives_ok($$INSERT INTO events VALUES ('2026-01-01 06:00Z', 'w9', 'kind', 'p', 1)$$, 'writers go on');
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'people'), 'ALTER TABLE public.events RENAME COLUMN person TO who;',
    'a renamed key: status says what to do at once');
DO $$ BEGIN EXECUTE (SELECT hint FROM tally.status WHERE rollup = 'people'); END $$;
SELECT tally.refresh();
SELECT is((SELECT state FROM tally.status WHERE rollup = 'people'), 'fresh', 'and that mends');
SELECT is_empty($$SELECT bags_differ('TABLE people', 'SELECT who, count(*), sum("Milli seconds") FROM events GROUP BY 1')$$,
    'with what was written in between');
-- Bug: hints in circles: status, repair, 42703.
ALTER TABLE events DROP COLUMN sort CASCADE;
SELECT is((SELECT sqlstate FROM tally.status WHERE rollup = 'h'), '42703', 'a dropped column is named');
DO $$ BEGIN EXECUTE (SELECT hint FROM tally.status WHERE rollup = 'h'); END $$;
SELECT tally.refresh();
SELECT is((SELECT state FROM tally.status WHERE rollup = 'h'), 'fresh', 'the statement takes what read it out of the definition');
SELECT is_empty($$SELECT bags_differ('SELECT bucket, odd, total, most FROM h_live',
    'SELECT date_trunc(''hour'', "order", ''UTC''), upper(plain) || ''kind'', sum("Milli seconds"), '
    'max("Milli seconds") FROM events WHERE "Milli seconds" > 3 AND plain IS NOT NULL GROUP BY 1, 2')$$, 'the rest is exact, live too');

-- Bug: views and tables under another name or in another schema were lost, or made twice.
CREATE SCHEMA elsewhere;
SELECT tally.create_metric('total ms', 'h', 'total');
ALTER TABLE h SET SCHEMA elsewhere; ALTER TABLE elsewhere.h RENAME TO hours;
ALTER VIEW h_live RENAME TO h_now;
SELECT lives_ok($$SELECT tally.create_metric('mean ms', 'h', 'total::float8 / nullif(most, 0)')$$, 'a second metric after SET SCHEMA');
SELECT lives_ok($$SELECT * FROM tally.alter_rollup('h', add_measures => '{"least": "min(\"Milli seconds\")"}')$$, 'a change after the live view was renamed');
SELECT is((SELECT live_view::text FROM tally.rollups WHERE name = 'h'), 'h_now', 'it keeps its name');
SELECT is((SELECT string_agg(error, ' ') FROM tally.refresh()), NULL, 'refreshes go on');
SELECT lives_ok($$SELECT tally.drop_rollup('h')$$, 'and it can be dropped');
SELECT is_empty($$SELECT oid::regclass FROM pg_class WHERE relname IN ('hours', 'h_now', 'h_live', 'h_metrics') UNION ALL SELECT stxrelid::regclass
    FROM pg_statistic_ext WHERE stxname LIKE 'h\_%'$$, 'with all that belonged to it');

-- Bug: where the live view was gone a number stood in its place, and a question was a syntax error.
SELECT tally.create_rollup('asked', 'events', 'order', bucket => '1 day', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('asked n', 'asked', 'n');
DROP VIEW asked_live;
SELECT is(tally.metric_value('asked n', since => '2026-01-01Z', until => '2026-02-01Z'), (SELECT count(*)::float8 FROM events WHERE "order" < '2026-02-01Z'),
    'what is clean is answered from the table');
INSERT INTO events ("order", who) VALUES ('2026-01-01 05:00Z', 'w1');
SELECT throws_ok($$SELECT * FROM tally.timeseries('asked n', since => '2026-01-01Z', until => '2026-02-01Z')$$, '42P01',
    'the live view of rollup ''asked'' is gone, so there are no exact numbers now', 'what is not is refused');
SELECT throws_ok($$SELECT tally.metric_value('asked n', since => '-infinity', until => 'infinity')$$, '42P01', NULL, 'over all time too');
DO $$ BEGIN EXECUTE (SELECT hint FROM tally.status WHERE rollup = 'asked'); END $$;
SELECT is(tally.metric_value('asked n', since => '2026-01-01Z', until => '2026-02-01Z'), (SELECT count(*)::float8 FROM events WHERE "order" < '2026-02-01Z'),
    'until it is mended as status says');
SELECT tally.drop_metric('asked n'); SELECT tally.drop_rollup('asked');

-- Bug: what is listed could not be named; what is too long was cut off.
SELECT tally.create_funnel('"My Funnel"', 'events', 'order', 'who', '{"a": "true", "b": "true"}', with_data => true);
SELECT lives_ok($$SELECT * FROM tally.funnel('My Funnel')$$, 'a funnel by the name it is listed under');
SELECT lives_ok($$SELECT * FROM tally.funnel('"My Funnel"')$$, 'or as SQL writes it');
SELECT throws_ok($$SELECT * FROM tally.funnel('no such thing')$$, '42704', NULL, 'and another is unknown, not unreadable');
SELECT is((SELECT count(*) FROM tally.status WHERE rollup IN ('My Funnel', 'My Funnel_actors') AND state = 'fresh'), 2::bigint,
    'with_data computes both its rollups');
DROP VIEW "My Funnel_steps", "My Funnel_live" CASCADE;
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'My Funnel'), 'SELECT tally.repair(''My Funnel'');', 'its views are missed');
SELECT tally.repair('My Funnel'); SELECT tally.refresh();
SELECT is((SELECT state FROM tally.status WHERE rollup = 'My Funnel'), 'fresh', 'and made anew');
SELECT lives_ok('SELECT * FROM "My Funnel_steps", "My Funnel_steps_live"', 'all of them');
SELECT tally.drop_funnel('My Funnel');
SELECT throws_ok(format($$SELECT tally.create_rollup('long', 'events', 'order', measures => '{"%s": "count(*)"}')$$, repeat('m', 64)), '42622', NULL,
    'a measure whose name PostgreSQL would cut off');
SELECT throws_ok(format($$SELECT tally.create_rollup('long', 'events', 'order', dimensions => '[{"%s": "who"}]', measures => '{"n": "count(*)"}')$$,
    repeat('ä', 32)), '42622', NULL, 'a dimension, counted in bytes');
SELECT lives_ok(format($$SELECT tally.create_rollup('long', 'events', 'order', measures => '{"%s": "count(*)"}')$$, repeat('m', 63)),
    'one of 63 bytes is none');

-- Bug: where a column goes that a funnel, sessions or an experiment reads, the hint of status took columns away from a rollup that it is made of, and then led
-- in a circle. And alter_rollup() let anybody filter the rows of a funnel behind its back.
CREATE TABLE steps (at timestamptz NOT NULL, u bigint, k text, gone int, q int);
CREATE INDEX ON steps (u);
INSERT INTO steps SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 hour', i % 20, 'k' || i % 2, i % 5, i FROM generate_series(1, 100) i;
CREATE TABLE seen (at timestamptz NOT NULL, u bigint, arm text);
CREATE INDEX ON seen (u);
INSERT INTO seen SELECT '2026-01-01 00:00Z', i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END FROM generate_series(0, 19) i;
SELECT tally.create_funnel('whole', 'steps', 'at', 'u', '{"a": "k = ''k1''", "b": "gone > 2"}', with_data => true);
SELECT tally.create_sessions('visits', 'steps', 'at', 'u', page => 'k', dimensions => '["gone"]', with_data => true);
SELECT tally.create_experiment_metric('sum of gone', 'steps', expression => 'gone'), tally.create_experiment_metric('sum of q', 'steps', expression => 'q');
SELECT tally.create_experiment('tried', 'seen', 'u', '{"control": 1, "new": 1}', '{sum of gone,sum of q}', with_data => true);
SELECT throws_ok(x.s, '0A000', format('rollup %L is a part of a definition, which needs its columns and its filter', x.r), x.s)
  FROM (VALUES ('whole_actors', $$SELECT * FROM tally.alter_rollup('whole_actors', drop_measures => '{level}')$$),
               ('whole', $$SELECT * FROM tally.alter_rollup('whole', "where" => 'entry > ''2026-01-02 00:00Z''')$$),
               ('visits_actors', $$SELECT * FROM tally.alter_rollup('visits_actors', drop_measures => '{values_of_gone}')$$),
               ('tried_values', $$SELECT * FROM tally.alter_rollup('tried_values', drop_measures => '{y_1,x_1}')$$)) x(r, s);
SELECT lives_ok($$SELECT * FROM tally.alter_rollup('whole', add_measures => '{"n": "count(*)"}', schedule => '0 * * * *')$$, 'a part may get a measure more');
ALTER TABLE steps DROP COLUMN gone CASCADE;
SELECT tally.refresh();
SELECT bag_eq($$SELECT s.rollup, s.hint FROM tally.status s WHERE s.sqlstate = '42703' AND s.rollup IN ('whole_actors', 'visits_actors', 'tried_values')$$,
    $$VALUES ('whole_actors', 'SELECT tally.drop_funnel(''whole'');  -- and create it again'),
             ('visits_actors', 'SELECT tally.drop_sessions(''visits'');  -- and create it again'),
             ('tried_values', 'SELECT tally.drop_experiment(''tried'');  -- and create it again')$$, 'a column of a part goes: the whole is to be made anew');
CREATE FUNCTION mended() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    hints text[] := ARRAY(SELECT s.hint FROM tally.status s WHERE s.sqlstate = '42703' AND s.hint ~ 'tally.drop_(funnel|sessions|experiment)');
    hint_ text;
BEGIN
    FOREACH hint_ IN ARRAY hints LOOP
        EXECUTE hint_;
    END LOOP;
    RETURN (SELECT count(*) FROM tally.rollups r WHERE r.source IN ('steps'::regclass, 'seen'::regclass));
END $$;
SELECT is(mended(), 0::bigint, 'and the hints do what they say');
-- Bug: other hints told to drop one rollup of a funnel or sessions, which a foreign key refused without a way out.
CREATE FUNCTION whole_again(trouble text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hints text[] := '{}';
    hint_ text;
BEGIN
    PERFORM tally.create_funnel('whole', 'steps', 'at', 'u', '{"a": "k = ''k1''", "b": "q > 2"}', with_data => true);
    EXECUTE trouble;
    FOR i IN 1 .. 4 LOOP
        SELECT s.hint INTO hint_ FROM tally.status s WHERE s.state = 'error' AND s.rollup LIKE 'whole%' ORDER BY s.rollup LIMIT 1;
        EXIT WHEN hint_ IS NULL;
        hints := hints || hint_;
        EXECUTE hint_;
    END LOOP;
    PERFORM tally.drop_funnel('whole') FROM tally.behaviours b WHERE b.name = 'whole';
    RETURN array_to_string(hints, ' ');
END $$;
SELECT is(whole_again(x.trouble), x.hints, x.trouble)
  FROM (VALUES ('DROP TABLE whole CASCADE', 'SELECT tally.drop_funnel(''whole'');  -- and create it again'),
               ('DROP TABLE whole_actors CASCADE', 'SELECT tally.drop_funnel(''whole'');'),
               ('ALTER TABLE whole DROP COLUMN funnel CASCADE', 'SELECT tally.drop_funnel(''whole'');  -- and create it again'),
               ('DROP VIEW whole_actors_live CASCADE', 'SELECT tally.repair(''whole_actors'');')) x(trouble, hints);
SELECT tally.create_funnel('whole', 'steps', 'at', 'u', '{"a": "k = ''k1''", "b": "q > 2"}');
SELECT throws_ok($$SELECT tally.drop_rollup('whole')$$, '2BP01', 'rollup ''whole'' cannot be dropped: funnel ''whole'' is made of it',
                 'and it goes as a whole');
SELECT * FROM finish();
