-- Asked of both kernels by pg_test/hosted/agree.sh: boards as pages, tag by tag: every picture, texts that attack, numbers of every size, clocks that go back,
-- forms, links, filters.
-- answers: 20000
CREATE FUNCTION pg_temp.shown(board jsonb, panels jsonb) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_split_to_table(replace(tally_internal._page_html('{"name": "b", "title": "Board\u0007 one", "as_of": "now", "since_text": "then",
        "until_text": "later", "since": "1 day", "refresh": 60, "refreshing": false, "theme": "auto", "ranges": ["1 hour", "24 hours"], "boards": [],
        "views": [], "variables": []}' || board || jsonb_build_object('panels', panels)), '<', E'\n<'), E'\n')
$$;
-- A panel with a name in every place.
CREATE FUNCTION pg_temp.panel(picture text, name text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('title', name, 'picture', picture, 'width', 6, 'unit', name, 'description', name, 'why', name, 'do', name, 'board', name,
        'runbook', name, 'zone', name, 'note', name, 'since', 0, 'until', 7200, 'step', 3600, 'value', 3, 'before', 2,
        'limits', jsonb_build_array(jsonb_build_object('value', 2.5, 'above', true, 'label', name, 'severity', name)),
        'forms', jsonb_build_array(
            jsonb_build_object('title', name, 'action', 'page_x', 'fields', jsonb_build_array(
                    jsonb_build_object('name', name, 'label', name, 'kind', 'text', 'value', name, 'required', true),
                    jsonb_build_object('name', name, 'label', name, 'kind', 'choice', 'value', name, 'choices', ARRAY['a', name]),
                    jsonb_build_object('name', name, 'label', '', 'kind', 'hidden', 'value', name)),
                'buttons', jsonb_build_array(jsonb_build_object('value', name, 'label', name), jsonb_build_object('value', '', 'label', 'b'))),
            jsonb_build_object('title', name, 'action', name, 'fields', '[]'::jsonb, 'buttons', '[]'::jsonb),
            jsonb_build_object('title', name, 'action', 'page_y?z=%20', 'get', true, 'fields', '[]'::jsonb, 'buttons', '[]'::jsonb)),
        'series', jsonb_build_array(jsonb_build_object('name', name, 'points', '[[0, 1], [3600, 3]]'::jsonb),
                                    jsonb_build_object('name', 'b', 'points', '[[0, null], [3600, 2]]'::jsonb)))
        || CASE WHEN picture IN ('ranking', 'funnel', 'table')
                THEN jsonb_build_object('columns', ARRAY[name, 'n'], 'rows', jsonb_build_array(jsonb_build_array(name, 3), jsonb_build_array('b', 1)))
                ELSE '{}' END
$$;
CREATE FUNCTION pg_temp.pictures() RETURNS text[] LANGUAGE sql AS $$ SELECT '{line,area,bars,stat,heatmap,states,ranking,funnel,histogram,table}'::text[] $$;
-- Texts that attack, in every place of a board.
SELECT pg_temp.shown(jsonb_build_object('name', t, 'title', t, 'description', t, 'as_of', t, 'since', t, 'until', t, 'theme', t, 'refreshing', n % 2 = 0,
        'boards', jsonb_build_array(jsonb_build_object('name', t, 'title', t, 'variables', ARRAY[t]), jsonb_build_object('name', 'x', 'title', t)),
        'pages', jsonb_build_array(jsonb_build_object('address', t, 'title', t), jsonb_build_object('address', 'page_x?id=1', 'title', t, 'current', true)),
        'views', jsonb_build_array(jsonb_build_object('name', t, 'since', t, 'filters', ARRAY[t]),
                                   jsonb_build_object('name', t, 'since', t, 'filters', ARRAY[t], 'arranged', true)),
        'view', CASE WHEN n % 2 = 0 THEN t END,
        'variables', jsonb_build_array(jsonb_build_object('name', t, 'values', ARRAY[t, 'a'], 'chosen', ARRAY[t], 'more', true),
                                       jsonb_build_object('name', 'one_two', 'values', ARRAY['a', 'b'], 'chosen', ARRAY['b', t], 'more', false))),
    (SELECT jsonb_agg(pg_temp.panel(p, t) ORDER BY k) FROM unnest(pg_temp.pictures()) WITH ORDINALITY q(p, k)))
  FROM unnest(ARRAY['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', 'https://a.example/x?a=1&b=''2''',
    E'\u001b[31mred\r sales\t\n\u202e\u2066شكر', '', 'page_incident?id=1&theme=dark', 'ms', U&'\00a0']) WITH ORDINALITY u(t, n);
-- Other texts, where they are read as something: addresses, labels of forms and cells, names of files.
SELECT pg_temp.shown('{}', (SELECT jsonb_agg(pg_temp.panel('table', t) || jsonb_build_object('columns', ARRAY['a', t], 'rows',
        jsonb_build_array(jsonb_build_array(t, jsonb_build_object('text', t, 'address', t)))) ORDER BY n)
    FROM unnest(ARRAY['javascript:alert(1)', 'HTTP://x', 'mailto:a@b ', E'java\nscript:x', ''' onmouseover=''x', ']]>--><svg/onload=x>', '</title></style><u>',
        ' ', 'page_x" onclick="a', 'page_x:1', '//there.example', '=cmd|x', '@x', '100%', 'a_b-c.d~e', 'ratio', 'firing', 'late', 'ok',
        U&'a\fffe']) WITH ORDINALITY u(t, n)));
SELECT pg_temp.shown('{"bare": true, "theme": "dark", "pages": [{"address": "page_status", "title": "s"}, {"address": "page_x", "title": "t",
    "current": true}]}', '[]');
SELECT pg_temp.shown('{"theme": "light", "refreshing": true, "refresh": 7200, "until": "2026-03-01", "since": "2026-02-01"}', '[]');
-- One number in each unit, as a tile.
SELECT pg_temp.shown('{}', (SELECT jsonb_agg(jsonb_build_object('title', format('%s %s', v, u), 'picture', 'stat', 'width', 0, 'unit', u, 'value', v,
        'before', b, 'description', 'd', 'direction', CASE WHEN v > 1 THEN 'up_is_good' WHEN v > 0 THEN 'down_is_good' ELSE '' END,
        'limits', '[{"value": 2, "above": true, "label": "l", "severity": "warning"}, {"value": 100, "above": true, "label": "m", "severity": "critical"},
                    {"value": 0, "above": false, "label": "n", "severity": "info"}]'::jsonb,
        'since', 0, 'until', 240, 'step', 60, 'series', '[{"name": "x", "points": [[0, 1], [60, null], [120, 3.5], [180, 2]]}]'::jsonb) ORDER BY u, v, b)
    FROM unnest('{0,-1,2.675,1234.5,99.95,1e18,-0.04,172800,1.5e-7}'::float8[]) v,
        unnest('{NULL,ms,share,EUR,hours}'::text[]) u, unnest('{NULL,0,3,1}'::float8[]) b WHERE b IS NULL OR u = 'EUR'));
-- Axes of every size and unit, with limits near and far, below 0, of one and several series; gaps, dots, pieces.
SELECT pg_temp.shown('{}', (SELECT jsonb_agg(jsonb_build_object('title', format('%s %s %s', p, u, f), 'picture', p, 'width', 14, 'unit', u, 'zone', 'UTC',
        'since', 1000000, 'until', 1000000 + 11 * 300, 'step', 300,
        'limits', jsonb_build_array(jsonb_build_object('value', f * 4, 'above', true, 'label', 'near', 'severity', 'warning'),
            jsonb_build_object('value', f * 4, 'above', true, 'label', 'grave', 'severity', 'critical'),
            jsonb_build_object('value', f * 999, 'above', true, 'label', 'far', 'severity', 'critical'),
            jsonb_build_object('value', f * -2, 'above', false, 'label', 'below', 'severity', 'info')),
        'series', (SELECT jsonb_agg(jsonb_build_object('name', n, 'points', (SELECT jsonb_agg(jsonb_build_array(1000000 + i * 300,
                      CASE WHEN i NOT IN (2, 4, 9) THEN ((i * 37 + length(n) * 5) % 11 - CASE WHEN f = 7 THEN 3 ELSE 0 END) * f END) ORDER BY i)
                      FROM generate_series(0, 10) i WHERE i <> 7)) ORDER BY n) FROM unnest(s.names) n)) ORDER BY p, u, f)
    FROM (VALUES ('line', '{one}'::text[]), ('area', '{a,"d e"}'), ('bars', '{a,b,cc,"","d e"}')) s(p, names),
        unnest('{NULL,ms,s,ratio,hours}'::text[]) WITH ORDINALITY o(u, k),
        unnest('{0.0001,0.3,7,1234.5,98765,3e9}'::float8[]) WITH ORDINALITY g(f, l) WHERE k = 1 + l % 5 OR p = 'line'));
-- Ranges of every length, seen by the clock of a zone that goes back and forth; many points.
SELECT pg_temp.shown('{}', (SELECT jsonb_agg(jsonb_build_object('title', format('%s %s', p, s), 'picture', p, 'width', 12, 'unit', 'ms', 'zone', z,
        'step', s, 'since', 1793494800, 'until', 1793494800 + many * s, 'clock', c,
        'series', (SELECT jsonb_agg(jsonb_build_object('name', n, 'points', (SELECT jsonb_agg(jsonb_build_array(1793494800 + i * s,
                      CASE WHEN i % 5 <> 0 THEN CASE p WHEN 'states' THEN i % 3 ELSE (i * 37 % 41) * 333.3 END END) ORDER BY i)
                      FROM generate_series(0, many - 1) i)) ORDER BY n) FROM unnest('{"a very long name of more than twenty-four",""}'::text[]) n))
        ORDER BY p, s, many, z)
    FROM unnest('{line,states,heatmap}'::text[]) p, (VALUES (1, 7), (10, 25), (60, 12), (300, 24), (1800, 8), (3600, 30), (86400, 3), (86400, 40),
        (86400 * 7, 30), (86400 * 30, 30), (86400 * 365::bigint, 40), (86400 * 3650::bigint, 30)) v(s, many),
        (VALUES ('America/Havana', '[[1793494800, -14400], [1793509200, -18000], [1805007600, -14400]]'::jsonb), ('UTC', '[]')) t(z, c)
   WHERE (p = 'states') = (z = 'UTC') AND (p <> 'heatmap' OR many < 25)));
SELECT pg_temp.shown('{}', jsonb_build_array(jsonb_build_object('title', 'many', 'picture', 'line', 'width', 12, 'since', 0, 'until', 72000, 'step', 60,
    'series', jsonb_build_array(jsonb_build_object('name', 'a', 'points', (SELECT jsonb_agg(jsonb_build_array(i * 60, i % 97 + 0.25) ORDER BY i)
                                                                               FROM generate_series(0, 799) i))))));
-- Rows: rankings, funnels, tiles, tables with cells of each kind, heatmaps with columns, histograms.
SELECT pg_temp.shown('{}', '[{"title": "R", "picture": "ranking", "width": 6, "columns": ["n", "v"], "rows": [["a", 12.5], ["b", null], ["", 7], [null, 0],
        ["a name that is longer than twenty-eight characters", -25], [3.14159265, 1], []]},
    {"title": "F", "picture": "funnel", "width": 6, "unit": "actors", "rows": [["one", 0], ["two", 0]]},
    {"title": "F", "picture": "funnel", "width": 6, "rows": [["seen", 200], ["tried", 50], ["bought", 20], ["back", null], ["again", 3]]},
    {"title": "T", "picture": "stat", "width": 6, "unit": "kg", "rows": [["x", 5], ["y", null], ["z", "words\u202e"], [17.123456], [true], []]},
    {"title": "N", "picture": "table", "width": 6, "columns": ["a", "", "c", "d"], "units": [null, "ratio", "kg", "ms"], "rows":
        [[1, 1234567.891, 0.1234567, 12], ["x", true, null, null], [{"text": "link", "address": "page"}, {"b": 1, "aa": [1, 2]}, [1, {"x": "y"}], 12000.5],
        [1e15, 123456789012.5, 0.000000123, 0.5],
        [100000.5, 99999.96, -3.000001, 3, "one more"], [{"text": "<b>#1", "address": "page_incident?id=1"}, 1e20, 1.50, 0],
        [{"address": "https://x"}, 1.5e-5, 123456789012345678901234, 1], ["https://x.example/<", "ok", "late", 2], ["error", -1e15, 1e16, 4]]},
    {"title": "U", "picture": "table", "width": 6, "columns": ["arm", "users", "won", "took"], "units": [null, "users", "ratio", "ms"],
     "rows": [["=a", 120, 0.25, 812.4], ["it''s \"b\", c", 130, null, 12000.0], ["-1", 1e300, 2.5e-300, 1234567.8],
              ["more than a number holds", 1, 1.7e308, 1.7e308], ["less", 1, -1e307, -1]]},
    {"title": "H", "picture": "heatmap", "width": 6, "columns": ["Mon", "", "Wed"], "series": [{"name": "a", "points": [[0, 1.5], [2, 4]]},
     {"name": "", "points": [[1, null], [2, 100000]]}]}, {"title": "H", "picture": "heatmap", "width": 6, "columns": ["Mon"], "series": []},
    {"title": "E", "picture": "table", "width": 6, "columns": ["a"], "rows": [], "nothing": "Nobody\u001b here"}, {"title": "E", "picture": "line", "width": 6},
    {"title": "G", "picture": "forms", "width": 6, "forms": []}, {"title": "V", "picture": "line", "width": 6, "value": 3},
    {"title": "X", "picture": "line", "width": 6, "error": {"message": "it\nbroke", "detail": "d", "hint": "SELECT 1;"}, "note": "a note"},
    {"title": "X", "picture": "line", "width": 6, "error": {"message": "it broke", "detail": null, "hint": ""}}]'::jsonb);
SELECT pg_temp.shown('{}', (SELECT jsonb_agg(jsonb_build_object('title', u, 'picture', 'heatmap', 'width', 3, 'unit', u, 'columns',
        (SELECT jsonb_agg(format('column %s', i) ORDER BY i) FROM generate_series(1, many) i), 'series',
        (SELECT jsonb_agg(jsonb_build_object('name', 'row ' || k, 'points',
                (SELECT jsonb_agg(jsonb_build_array(i, i * k * 1.37) ORDER BY i) FROM generate_series(0, many - 1) i)) ORDER BY k)
            FROM generate_series(1, 5) k))
        ORDER BY u, many) FROM unnest('{minutes,%,x}'::text[]) u, unnest('{1,7,8,9,24}'::int[]) many));
SELECT pg_temp.shown('{}', (SELECT jsonb_agg(jsonb_build_object('title', u, 'picture', 'histogram', 'width', 3, 'unit', u, 'series',
        jsonb_build_array(jsonb_build_object('name', 'x', 'points',
            (SELECT jsonb_agg(jsonb_build_array(i * i * 1.7, CASE WHEN i <> 3 THEN i * 31 % 17 END) ORDER BY i) FROM generate_series(0, many) i))))
        ORDER BY u, many)
    FROM unnest('{minutes,hours,%,s,ratio,kilometres per hour}'::text[]) u, unnest('{0,3,9,30}'::int[]) many));
-- Tables of thousands of rows: the page ends with the newest, the file has all.
SELECT pg_temp.shown('{}', jsonb_build_array(jsonb_build_object('title', 'Ünï 1', 'picture', 'table', 'width', 12, 'columns', '["i", "text"]'::jsonb, 'rows',
    (SELECT jsonb_agg(jsonb_build_array(i * 1111, 'w ' || i) ORDER BY i) FROM generate_series(1, 703) i), 'note', '3 left out')));
