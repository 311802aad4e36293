-- Asked of both kernels by pg_test/hosted/agree.sh: boards at the prompt: every picture, numbers of every size and unit, clocks that go back.
-- answers: 1076
CREATE FUNCTION pg_temp.shown(panels jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT tally_internal._page_text('{"name": "b", "title": "Board\u0007 one", "as_of": "now", "since_text": "then", "until_text": "later", "since": "1 day",
        "refresh": 60, "refreshing": false, "theme": "auto", "ranges": [], "boards": [], "views": [], "variables": [
        {"name": "world", "values": [], "chosen": ["w1", "w2"], "more": false}, {"name": "kind", "values": [], "chosen": [], "more": false}]}'
        || jsonb_build_object('panels', panels))
$$;
-- One number in each unit: as a tile, with what it was before.
SELECT pg_temp.shown((SELECT jsonb_agg(jsonb_build_object('title', format('%s %s', v, u), 'picture', 'stat', 'width', 3, 'unit', u, 'value', v, 'before', b,
        'series', '[{"name": "x", "points": [[0, 1], [60, null], [120, 3.5], [180, 2]]}]'::jsonb) ORDER BY u, v, b)
    FROM unnest('{0,1,-1,0.5,0.125,0.0625,2.675,1234.5,99.95,99.949999,9.995,0.9995,0.09995,0.00012345,0.00001,0.000099999,1e18,123456789012345678,9.999e17,
        12345,10000,9999.5,1e6,2.5e9,7.77e12,1e15,-0.04,-1234567,0.001,59.999,119.96,86400,172800,0.25,1.5e-7,9.9996e20}'::float8[]) v,
        unnest('{NULL,ms,seconds,share,EUR}'::text[]) u, unnest('{NULL,0,3}'::float8[]) b WHERE b IS NULL OR u = 'EUR'));
SELECT pg_temp.shown((SELECT jsonb_agg(jsonb_build_object('title', u, 'picture', 'histogram', 'width', 3, 'unit', u, 'series',
        jsonb_build_array(jsonb_build_object('name', 'x', 'points',
            (SELECT jsonb_agg(jsonb_build_array(i * i * 1.7, CASE WHEN i <> 3 THEN i * 31 % 17 END) ORDER BY i) FROM generate_series(0, 9) i)))))
    FROM unnest('{minutes,hours,%,s,ratio,kilometres per hour}'::text[]) u));
-- Rows: rankings, funnels, tiles, tables with cells of each kind and more than twenty of them.
SELECT pg_temp.shown('[{"title": "R", "picture": "ranking", "width": 6, "columns": ["n", "v"], "rows": [["a", 12.5], ["b", null], ["", 7], [null, 0],
        ["a name that is longer than twenty-eight characters", 25], [3.14159265, 1]]},
    {"title": "F", "picture": "funnel", "width": 6, "unit": "actors", "rows": [["one", 0], ["two", 0]]},
    {"title": "T", "picture": "stat", "width": 6, "unit": "kg", "rows": [["x", 5], ["y", null], ["z", "words\u202e"], [17.123456], [true]]},
    {"title": "N", "picture": "table", "width": 6, "columns": ["a", "", "c"], "rows": [[1, 1234567.891, 0.1234567], ["x", true, null],
        [{"text": "link", "address": "page"}, {"b": 1, "aa": [1, 2]}, [1, {"x": "y"}]], [1e15, 123456789012.5, 0.000000123], [100000.5, 99999.96, -3.000001]]},
    {"title": "a unit for each column", "picture": "table", "width": 6, "columns": ["arm", "won", "took", "kg"], "units": [null, "ratio", "ms", "kg"],
     "rows": [["a", 0.25, 12000, 1.5], ["b", null, 812.4, 1e20], ["c", "x", 0, 123456789012.25]]},
    {"title": "E", "picture": "table", "width": 6, "columns": ["a"], "rows": [], "nothing": "Nobody\u001b here"}, {"title": "E", "picture": "line", "width": 6},
    {"title": "X", "picture": "line", "width": 6, "error": {"message": "it\nbroke", "detail": "d", "hint": "SELECT 1;"}, "note": "a note"},
    {"title": "X", "picture": "line", "width": 6, "error": {"message": "it broke", "detail": null, "hint": ""}}]'::jsonb);
SELECT pg_temp.shown(jsonb_build_array(jsonb_build_object('title', repeat('long ', 30), 'picture', 'table', 'width', 12, 'columns',
    '["i", "text"]'::jsonb, 'rows',
    (SELECT jsonb_agg(jsonb_build_array(i * 1111, repeat('w ', i * 2)) ORDER BY i) FROM generate_series(1, 23) i), 'note', '3 left out')));
-- Series: lines with limits, states, heatmaps with and without columns, long ones, a table of them by the clock of a zone.
SELECT pg_temp.shown((SELECT jsonb_agg(jsonb_build_object('title', p, 'picture', p, 'width', 12, 'unit', 'ms', 'zone', 'America/Havana', 'step', s,
        'since', 1793494800, 'until', 1793509200, 'clock', '[[1793494800, -14400], [1793509200, -18000]]'::jsonb,
        'limits', '[{"value": 2500, "above": true, "label": "slow", "severity": "warning"},
                    {"value": 12000, "above": true, "label": "dead", "severity": "critical"}]'::jsonb,
        'series', (SELECT jsonb_agg(jsonb_build_object('name', n, 'points', (SELECT jsonb_agg(jsonb_build_array(1793494800 + i * s,
                      CASE WHEN i % 5 <> 0 THEN CASE p WHEN 'states' THEN i % 3 ELSE (i * 37 % 41) * 333.3 END END) ORDER BY i)
                      FROM generate_series(0, many) i))
                      ORDER BY n) FROM unnest('{alpha,"a very long name of more than twenty-four","",beta}'::text[]) n)) ORDER BY p, s, many)
    FROM unnest('{line,area,bars,states,heatmap,table}'::text[]) p, (VALUES (1800, 8), (86400, 3), (45, 130)) v(s, many)));
SELECT pg_temp.shown('[{"title": "H", "picture": "heatmap", "width": 6, "columns": ["Mon", "", "Wed"], "series": [{"name": "a", "points": [[0, 1.5], [2, 4]]},
    {"name": "", "points": [[1, null], [2, 100000]]}]}, {"title": "H", "picture": "heatmap", "width": 6, "columns": ["Mon"], "series": []}]');
