-- Owns: panels of one board that take the same rows of a relation. The relation is read once for all of them, and each shows what it would show alone.
-- A sequence in the view counts how often it was read.
SELECT no_plan();
SET client_min_messages = warning;
CREATE SEQUENCE asked;
CREATE TABLE jobs (at timestamptz NOT NULL, place text, lane text, waited float8, failed bigint, PRIMARY KEY (at));
INSERT INTO jobs SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '30 minutes', 'p' || i % 3, 'l' || i % 2, i * 7 % 50, i
  FROM generate_series(0, 143) i;
CREATE VIEW counted AS SELECT j.* FROM jobs j CROSS JOIN (SELECT nextval('asked') AS n OFFSET 0) x WHERE x.n > 0;
CREATE FUNCTION pg_temp.read(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint := (SELECT last_value FROM asked);
BEGIN
    EXECUTE statement;
    RETURN (SELECT last_value FROM asked) - n;
END $$;
SELECT nextval('asked') \gset

CREATE TEMP TABLE panel (n serial, title text, panel jsonb);
INSERT INTO panel (title, panel) VALUES
    ('Tile', '{"columns": ["place", "failed"], "picture": "stat", "order": "at"}'),
    ('Other tile', '{"columns": ["place", "waited"], "picture": "stat", "order": "at", "limit": 2, "unit": "minutes"}'),
    ('Rows', '{"columns": ["at", "failed"], "order": "at", "limit": 9, "units": {"failed": "jobs"}}'),
    ('Newest', '{"columns": ["at", "place", "failed"], "time": "at", "order": "at desc", "limit": 4}'),
    ('Lines', '{"columns": ["waited", "failed"], "time": "at", "picture": "line"}'),
    ('Lines by place', '{"columns": ["waited"], "time": "at", "by": ["place", "lane"], "picture": "bars", "limit": 3}'),
    ('In one lane', '{"columns": ["at", "failed"], "order": "at", "where": {"lane": "l1"}}'),
    ('Most failed', '{"columns": ["place", "failed"], "order": "failed desc"}');
UPDATE panel SET panel = panel || jsonb_build_object('title', title, 'relation', 'counted');
SELECT tally.create_board('together', 'Together', (SELECT jsonb_agg(p.panel ORDER BY n) FROM panel p), variables => '{place}');
SELECT tally.create_board('alone ' || n, title, jsonb_build_array(panel), variables => '{place}') FROM panel;
CREATE FUNCTION pg_temp.panels(board text, filters jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT p FROM tally.boards b, tally_internal._board_model(b, filters, '2026-03-02', '2026-03-04', 'auto', false, '2026-03-05Z') m,
                  jsonb_array_elements(m -> 'panels') WITH ORDINALITY u(p, n) WHERE b.name = board ORDER BY u.n $$;
CREATE FUNCTION pg_temp.rows_of(title text) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT r FROM pg_temp.panels('together', '{"place": ["p1", "p2"]}') p, jsonb_array_elements(p -> 'rows') r WHERE p ->> 'title' = title $$;

SELECT is(pg_temp.read($$SELECT FROM pg_temp.panels('together', '{}')$$), 4::bigint,
    'eight panels read four times: by time, the newest first, one lane, the most failed');
SELECT is(pg_temp.read($$SELECT tally.page('together')$$), 4::bigint, 'a page does');
SELECT results_eq(format($$SELECT pg_temp.panels('together', %L)$$, f), format($$SELECT pg_temp.panels('alone ' || n, %L) FROM panel ORDER BY n$$, f),
    'each panel shows what it shows alone, filtered by ' || f) FROM unnest('{"{}","{\"place\": \"p1\"}","{\"place\": [\"p0\", \"none such\"]}"}'::text[]) f;

-- By plain SQL.
SELECT results_eq($$SELECT r FROM pg_temp.rows_of('Other tile') r$$,
    $$SELECT jsonb_build_array(place, waited) FROM jobs WHERE place IN ('p1', 'p2') ORDER BY at LIMIT 2$$, 'a tile has its own limit');
SELECT results_eq($$SELECT r ->> 1 FROM pg_temp.rows_of('Rows') r$$,
    $$SELECT failed::text FROM jobs WHERE place IN ('p1', 'p2') ORDER BY at LIMIT 9$$, 'a table beside it has its own too');
SELECT results_eq($$SELECT r ->> 0 FROM pg_temp.rows_of('Newest') r$$,
    $$SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM jobs WHERE place IN ('p1', 'p2') AND at < '2026-03-04Z' ORDER BY at DESC LIMIT 4$$,
    'the newest rows, of those that the lines beside them are drawn of');
SELECT bag_eq($$SELECT (x ->> 0)::float8 AS at, (x ->> 1)::float8 AS v
        FROM pg_temp.panels('together', '{}') p, jsonb_array_elements(p -> 'series') s, jsonb_array_elements(s -> 'points') x
       WHERE p ->> 'title' = 'Lines' AND s ->> 'name' = 'waited'$$,
    $$SELECT extract(epoch FROM at)::float8 AS at, max(waited) AS v FROM jobs WHERE at >= '2026-03-02Z' AND at < '2026-03-04Z' GROUP BY at$$,
    'lines, of all rows of the range');
SELECT results_eq($$SELECT s ->> 'name' FROM pg_temp.panels('together', '{}') p, jsonb_array_elements(p -> 'series') s WHERE p ->> 'title' = 'Lines by place'$$,
    $$SELECT x FROM (SELECT place || ', ' || lane AS x FROM jobs WHERE at >= '2026-03-02Z' AND at < '2026-03-04Z' GROUP BY 1
                      ORDER BY max(waited) DESC, x LIMIT 3) y ORDER BY x$$, 'the three greatest series');

-- What one column cannot say is told by its panel, and the others go on.
CREATE VIEW broken AS SELECT c.place, c.failed, 1 / (c.failed - c.failed) AS impossible FROM counted c;
SELECT tally.create_board('broken', 'Broken', '[{"title": "Good", "relation": "broken", "columns": ["place", "failed"], "picture": "stat"},
    {"title": "Bad", "relation": "broken", "columns": ["place", "impossible"], "picture": "stat"}]');
SELECT results_eq($$SELECT p ->> 'title', jsonb_array_length(p -> 'rows'), p #>> '{error,message}' FROM pg_temp.panels('broken', '{}') p$$,
    $$VALUES ('Good', 6, NULL), ('Bad', 0, 'division by zero')$$, 'a column that fails takes its panel with it, and no other');
CREATE ROLE tally_asks_once ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA public TO tally_asks_once;
GRANT SELECT (place, failed) ON jobs TO tally_asks_once;
SELECT tally.create_board('columns', 'Columns', '[{"title": "Granted", "relation": "jobs", "columns": ["place", "failed"], "picture": "stat"},
    {"title": "Not granted", "relation": "jobs", "columns": ["place", "waited"], "picture": "stat"}]');
SET ROLE tally_asks_once;
SELECT results_eq($$SELECT p ->> 'title', p #>> '{error,message}' FROM pg_temp.panels('columns', '{}') p$$,
    $$VALUES ('Granted', NULL), ('Not granted', 'permission denied for table jobs')$$, 'a reader of one column sees its tile');
RESET ROLE;
DROP OWNED BY tally_asks_once;
DROP ROLE tally_asks_once;
SELECT * FROM finish();
