-- Owns: the forms on the page of a board that save a view and drop one: what they keep, whose rights they have, what they refuse. A form is sent here as a
-- browser sends it: all its fields, as they stand in the page.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TABLE turns (at timestamptz NOT NULL, world text, ms float8);
INSERT INTO turns SELECT '2026-03-01 00:00Z'::timestamptz + i * interval '1 hour', (ARRAY['w1', 'a"b & <c>'])[1 + i % 2], i FROM generate_series(0, 47) i;
CREATE ROLE view_form_maker;
CREATE ROLE view_form_reader;
GRANT USAGE, CREATE ON SCHEMA public TO view_form_maker;
GRANT USAGE ON SCHEMA public TO view_form_reader;
ALTER TABLE turns OWNER TO view_form_maker;
SET ROLE view_form_maker;
SELECT tally.create_rollup('hourly', 'turns', 'at', dimensions => '["world"]', measures => '{"n": "count(*)", "ms": "sum(ms)"}', with_data => true);
SELECT tally.create_metric('turns', 'hourly', 'n'), tally.create_metric('mean_ms', 'hourly', 'ms / nullif(n, 0)', unit => 'ms');
SELECT tally.create_board('ops', 'Operations', '[{"title": "Turns", "metric": "turns"}, {"title": "Mean <i>", "metric": "mean_ms", "width": 4},
    {"title": "Both", "metrics": ["turns", "mean_ms"], "picture": "table"}]', variables => '{world}', since => '2026-03-01', refresh => '5 minutes');
GRANT SELECT ON hourly TO view_form_reader;
RESET ROLE;

CREATE FUNCTION pg_temp.read(html text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(replace(replace(replace(replace($1, '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&amp;', '&')
$$;
-- The fields of the form with a heading, with what stands in them.
CREATE FUNCTION pg_temp.fields(page text, heading text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(f.name, pg_temp.read(f.value))
      FROM (SELECT split_part(f, '>' || heading || '</h3>', 2) AS body FROM regexp_split_to_table(page, '</form>') f
             WHERE f ~ ('<form method="post" action="page_view_do"[^>]*><h3[^>]*>' || heading || '</h3>')) x,
           LATERAL (SELECT m[1] AS name, m[2] AS value FROM regexp_matches(x.body, '<input name="([a-z_]+)" type="[a-z]+" value="([^"]*)"', 'g') m
                    UNION ALL
                    SELECT m[1], COALESCE(substring(m[2] FROM 'value="([^"]*)" selected'), substring(m[2] FROM 'value="([^"]*)"'))
                      FROM regexp_matches(x.body, '<select name="([a-z_]+?)">(.*?)</select>', 'g') m) f
$$;
CREATE FUNCTION pg_temp.send(fields jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    page text;
BEGIN
    -- As PostgREST does: the body is an object of texts, each of which becomes an argument by its name.
    EXECUTE (SELECT format('SELECT tally.page_view_do(%s)', string_agg(format('%I => %L', f.key, f.value), ', ')) FROM jsonb_each_text(fields) f) INTO page;
    RETURN page;
END $$;
CREATE FUNCTION pg_temp.titles(page text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(m[1] || ':' || pg_temp.read(m[2]), ', ' ORDER BY o)
      FROM regexp_matches(page, '<section class="w(\d+)"[^>]*><h2[^>]*>([^<]*)</h2>', 'g') WITH ORDINALITY u(m, o)
$$;

SET ROLE view_form_reader;
SELECT unalike(tally.page('ops', until => '2026-03-03')::text, '%page_view_do%', 'a page in a file has no form that writes');
SELECT set_config('request.method', 'GET', false), set_config('request.headers', '{"sec-fetch-site": "same-origin"}', false) \g /dev/null
CREATE TEMP TABLE seen AS SELECT tally.page('ops', filters => '{"world": ["a\"b & <c>"]}', since => '2026-03-01 12:00', until => '2026-03-03',
    theme => 'dark', refresh => true)::text AS page;
SELECT is(pg_temp.titles(page), '6:Turns, 4:Mean <i>, 6:Both, 12:Saved views', 'a page that is served has it below the panels') FROM seen;
SELECT is(pg_temp.fields(page, 'Save this view'), '{"board": "ops", "since": "2026-03-01 12:00", "until": "2026-03-03", "theme": "dark", "refresh": "on",
    "view": "", "filters": "{\"world\": [\"a\\\"b & <c>\"]}", "name": "", "panels": "", "shared": "no", "make_default": "no", "person": "",
    "shown": "[{\"title\": \"Turns\", \"width\": 6}, {\"title\": \"Mean <i>\", \"width\": 4}, {\"title\": \"Both\", \"width\": 6}]"}',
    'with what the page shows') FROM seen;
SELECT is(pg_temp.fields(page, 'Drop one'), NULL, 'who has no view has none to drop') FROM seen;
SELECT alike(page, '%It does not keep where the range ends.%The panels by their numbers: 1 Turns, 2 Mean &lt;i&gt;, 3 Both.%', 'it says what it keeps')
  FROM seen;
CREATE TEMP TABLE form AS SELECT pg_temp.fields(page, 'Save this view') AS fields FROM seen;
GRANT SELECT ON form TO view_form_maker;

-- Saved, and opened by its name.
SELECT set_config('request.method', 'POST', false) \g /dev/null
CREATE TEMP TABLE saved AS SELECT pg_temp.send(fields || '{"action": "save", "name": " mine <1> ", "person": "ann"}') AS page FROM form;
SELECT is(pg_temp.titles(page), '12:Saved, 6:Turns, 4:Mean <i>, 6:Both, 12:Saved views', 'a view is saved, and the page is as it was') FROM saved;
SELECT alike(page, '%' || w || '%', 'with ' || w) FROM saved, unnest(ARRAY['class="dark"', 'http-equiv="refresh"', '2026-03-01 12:00 to 2026-03-03 00:00 UTC',
    '>mine &lt;1&gt;</a></p>']) w;
SELECT is((SELECT (board, name, owner, person, filters, since, shared, is_default, layout)::text FROM tally.board_views),
    '(ops,"mine <1>",view_form_reader,ann,"{""world"": [""a\\""b & <c>""]}","2026-03-01 12:00",f,f,)', 'the view is what the page showed');
SELECT is(substring(tally.page('ops', view => 'mine <1>', until => '2026-03-03')::text FROM '<main.*(?=<section[^>]*><h2[^>]*>Saved views)'),
    substring(page FROM '<main.*(?=<section[^>]*><h2[^>]*>Saved views)'), 'opened by its name it shows the same panels and numbers') FROM seen;

-- Panels by their numbers; shared; for the role.
SELECT is(pg_temp.titles(pg_temp.send(fields || '{"action": "save", "name": "picked", "panels": "3:12, 1", "shared": "yes", "make_default": "yes"}')),
    '12:Saved, 12:Both, 6:Turns, 12:Saved views', 'two panels are picked, one in another width') FROM form;
SELECT is((SELECT (shared, is_default, layout)::text FROM tally.board_views WHERE name = 'picked'),
    '(t,t,"[{""title"": ""Both"", ""width"": 12}, {""title"": ""Turns"", ""width"": 6}]")', 'as it was filled in');
CREATE TEMP TABLE arranged AS SELECT tally.page_form('ops', '2026-03-01', '2026-03-03', 'auto', 'off', 'picked', VARIADIC ARRAY[''])::text AS page;
SELECT is(pg_temp.fields(page, 'Save this view') ->> 'view', 'picked', 'the form on the page of a view knows it') FROM arranged;
SELECT is(pg_temp.titles(pg_temp.send(pg_temp.fields(page, 'Save this view') || '{"action": "save", "name": "again"}')),
    '12:Saved, 12:Both, 6:Turns, 12:Saved views', 'where none is named, the panels are those that are shown') FROM arranged;
SELECT is(pg_temp.titles(pg_temp.send(pg_temp.fields(page, 'Save this view') || '{"action": "save", "name": "again", "panels": "2"}')),
    '12:Saved, 6:Turns, 12:Saved views', 'their numbers are those of the page, and a name of one''s own is saved anew') FROM arranged;
SELECT is((SELECT (count(*), max(layout::text))::text FROM tally.board_views WHERE name = 'again'),
    '(1,"[{""title"": ""Turns"", ""width"": 6}]")', 'as one view');

-- Refused: said on top of the page, and nothing is done.
SELECT is(pg_temp.read(substring(pg_temp.send(fields || r.more || '{"action": "save"}') FROM '<div class="fault"><p>(.*?)</p>')), r.says, r.what)
  FROM form, (VALUES ('{"name": "x", "panels": "4"}'::jsonb, 'panels must be numbers from 1 to 3, each with a width or without, got ''4''',
        'a panel that is not shown'),
    ('{"name": "x", "panels": "0"}', 'panels must be numbers from 1 to 3, each with a width or without, got ''0''', 'places begin at 1'),
    ('{"name": "x", "panels": "Turns"}', 'panels must be numbers from 1 to 3, each with a width or without, got ''Turns''', 'a title is no number'),
    ('{"name": "x", "panels": "1 1"}', 'layout of view ''x'' must name each panel once, got ''Turns'' twice', 'a panel twice'),
    ('{"name": "x", "panels": "1:13"}', 'layout of view ''x'' must have widths of 1 to 12, got 13', 'a width that is none')) r(more, says, what);
SELECT alike(pg_temp.send(fields || '{"action": "save", "name": " "}'), '%This was not done%', 'a view has a name') FROM form;
SELECT alike(pg_temp.send(fields || '{"action": "explode", "name": "x"}'), '%This was not done%action must be save or drop, got %explode%',
    'an action that is none') FROM form;
SELECT throws_ok($$SELECT tally.page_view_do('ops', 'save', 'x', filters => '{"colour": "red"}')$$, '22023', NULL, 'filters that the board lacks are refused');
SELECT is_empty($$SELECT FROM tally.board_views WHERE name IN ('x', '')$$, 'nothing of it was saved');
SELECT set_config('request.headers', '{"sec-fetch-site": "cross-site", "origin": "https://evil.example"}', false) \g /dev/null
SELECT throws_ok($$SELECT tally.page_view_do('ops', 'drop', 'again')$$, '42501',
    'a form must come from the site of its own page, got one from https://evil.example', 'nor what another site sends');
SELECT set_config('request.headers', '{"sec-fetch-site": "same-origin"}', false) \g /dev/null
RESET ROLE;

-- Another role sees what is shared and can change nothing of it, though it owns the board.
SET ROLE view_form_maker;
SELECT bag_eq('SELECT name FROM tally.board_views', $$VALUES ('picked')$$, 'another role sees the shared one');
SELECT is(pg_temp.fields(tally.page('ops', until => '2026-03-03')::text, 'Drop one'), NULL, 'and has no form to drop it');
SELECT alike(pg_temp.send(fields || '{"action": "drop", "name": "picked"}'), '%This was not done%a saved view is dropped by the role that saved it%',
    'nor can it') FROM form;
SELECT alike(pg_temp.send(fields || '{"action": "drop", "name": "again"}'), '%This was not done%has no saved view%', 'it does not hear of a private one')
  FROM form;
SELECT alike(pg_temp.send(fields || '{"action": "save", "name": "again"}'), '%This was not done%is taken by another role%', 'whose name it cannot take')
  FROM form;
RESET ROLE;
SELECT is((SELECT count(*) FROM tally.board_views WHERE owner::text = 'view_form_reader'), 3::bigint, 'all is as it was');

-- Dropped by who saved it.
SET ROLE view_form_reader;
SELECT is(pg_temp.titles(pg_temp.send(pg_temp.fields(page, 'Drop one') || '{"action": "drop"}')),
    '12:Dropped, 6:Turns, 4:Mean <i>, 6:Both, 12:Saved views', 'the view that is shown is the one to drop, and then the board is whole') FROM arranged;
SELECT bag_eq('SELECT name FROM tally.board_views', $$VALUES ('mine <1>'), ('again')$$, 'it is gone');
RESET ROLE;

-- Panels of one title are one to pick.
SET ROLE view_form_maker;
SELECT tally.create_board('twins', 'Twins', '[{"title": "Same", "metric": "turns"}, {"title": "Other", "metric": "turns"},
    {"title": "Same", "metric": "mean_ms"}]',     since => '2026-03-01');
SELECT is(pg_temp.titles(pg_temp.send(pg_temp.fields(tally.page('twins', until => '2026-03-03')::text, 'Save this view')
        || '{"action": "save", "name": "v", "panels": "2 1"}')),
    '12:Saved, 6:Other, 6:Same, 6:Same, 12:Saved views', 'two panels of one title go together');
RESET ROLE;
DROP OWNED BY view_form_maker CASCADE;
DROP OWNED BY view_form_reader CASCADE;
DROP ROLE view_form_maker;
DROP ROLE view_form_reader;
SELECT * FROM finish();
