-- Owns: the layout of saved views: which panels, in which order, how wide; on the page, in its form and links, at the prompt; what is refused.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE facts (at timestamptz NOT NULL, n int);
SELECT tally.create_board('four', 'Four', (SELECT jsonb_agg(jsonb_build_object('title', t, 'relation', 'facts', 'columns', ARRAY['n'], 'width', 3) ORDER BY o)
    FROM unnest('{First,Second,Third & last,<b>}'::text[]) WITH ORDINALITY u(t, o)), since => '7 days');
CREATE FUNCTION pg_temp.titles(page text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(m[1] || ':' || m[2], ' ' ORDER BY o)
      FROM regexp_matches(page, '<section class="w(\d+)"[^>]*><h2[^>]*>([^<]*)</h2>', 'g') WITH ORDINALITY u(m, o)
$$;
SELECT is(pg_temp.titles(tally.page('four')), '3:First 3:Second 3:Third &amp; last 3:&lt;b&gt;', 'the board has four panels');
SELECT ok(tally.save_view('four', 'two & two', layout => '[{"title": "<b>", "width": 12}, "First", {"title": "Third & last"}]') > 0,
    'a view names three of them');
SELECT is(pg_temp.titles(tally.page('four', view => 'two & two')), '12:&lt;b&gt; 3:First 3:Third &amp; last', 'its page shows these, in its order and width');
SELECT is((SELECT string_agg(m[1], ',' ORDER BY o)
             FROM regexp_matches(tally.board_text('four', view => 'two & two'), '── (\S+)', 'g') WITH ORDINALITY u(m, o)),
    '<b>,First,Third', 'so does the text');
SELECT is(pg_temp.titles(tally.page('four', view => 'two & two', filters => '{}', since => '1 day')), '12:&lt;b&gt; 3:First 3:Third &amp; last',
    'with another range too');
SELECT is(pg_temp.titles(tally.page('four')), '3:First 3:Second 3:Third &amp; last 3:&lt;b&gt;', 'without the view the board is whole');

-- A reader who goes on from there keeps the panels until he asks for the whole board.
SELECT alike(tally.page('four', view => 'two & two')::text, '%' || w || '%', what) FROM (VALUES
    ('<input type="hidden" name="view" value="two &amp; two"/>', 'the form keeps the panels'),
    ('<p class="views">Saved views: <a href="page_form?board=four&amp;since=7%20days&amp;until=&amp;theme=auto&amp;refresh=off&amp;view=two%20%26%20two'
     '&amp;filter=" aria-current="true">two &amp; two</a></p>', 'the link to the view has its name, and says that it is this one'),
    ('<a href="page_form?board=four&amp;since=7%20days&amp;until=&amp;theme=auto&amp;refresh=off&amp;view=&amp;filter=" aria-current="page">Four</a>',
     'the link to the board has none')) v(w, what);
SELECT is(pg_temp.titles(tally.page_form('four', '7 days', '', 'auto', 'off', 'two & two', VARIADIC ARRAY[''])), '12:&lt;b&gt; 3:First 3:Third &amp; last',
    'which is what the form sends');
SELECT tally.save_view('four', 'plain', since => '2 days') > 0 AS saved \gset
SELECT alike(tally.page('four', view => 'plain')::text, '%' || w || '%', what) FROM (VALUES
    ('<input type="hidden" name="view" value=""/>', 'a view without a layout is a range and filters, which the form has'),
    ('since=2%20days&amp;until=&amp;theme=auto&amp;refresh=off&amp;view=&amp;filter=">plain</a>', 'and its link too')) v(w, what);
SELECT alike(tally.page_boards()::text, '%view=two%20%26%20two&amp;filter=">two &amp; two</a>%', 'the list of boards leads to the view');

-- A role's default.
SELECT tally.save_view('four', 'mine', layout => '["Second"]', make_default => true) > 0 AS saved \gset
SELECT is(pg_temp.titles(tally.page('four')), '3:Second', 'the board opens with the layout of the default view');
SELECT is(pg_temp.titles(tally.page('four', since => '1 day')), '3:First 3:Second 3:Third &amp; last 3:&lt;b&gt;', 'and whole where a range is asked for');
SELECT tally.save_view('four', 'mine', make_default => true) > 0 AS saved \gset
SELECT is(pg_temp.titles(tally.page('four')), '3:First 3:Second 3:Third &amp; last 3:&lt;b&gt;', 'a view that is saved without a layout has none any more');

-- What is refused, and that the hint is the statement that works.
CREATE TEMP TABLE refused (layout jsonb, message text, detail text);
INSERT INTO refused VALUES
    ('["Frist"]', 'layout of view ''v'' must name panels of board ''four'', got ''Frist''', 'Panels most like it: ''First'', %'),
    ('["First", {"title": "Nothing of it"}]', '%got ''Nothing of it''', '%'),
    ('{"First": 1}', '%must be an array of panels, got {"First": 1}', '%shows all panels%'),
    ('[]', '%must be an array of panels, got []', '%'), ('"First"', '%must be an array of panels%', '%'), ('null', '%must be an array of panels%', '%'),
    ('["First", 2]', '%must name each panel by its title, or by title and width, got 2', '%'),
    ('[{"title": "First", "picture": "line"}]', '%by title and width, got {"title": "First", "picture": "line"}', '%'),
    ('[{"width": 3}]', '%by title and width, got {"width": 3}', '%'), ('[null]', '%by title and width, got null', '%'),
    ('[["First"]]', '%by title and width%', '%'),
    ('["First", {"title": "First"}]', '%must name each panel once, got ''First'' twice', '%'),
    ('[{"title": "First", "width": 13}]', '%must have widths of 1 to 12, got 13', '%'), ('[{"title": "First", "width": 0}]', '%got 0', '%'),
    ('[{"title": "First", "width": 6.5}]', '%got 6.5', '%'), ('[{"title": "First", "width": "6"}]', '%got "6"', '%'),
    ('[{"title": "First", "width": null}]', '%got null', '%');
CREATE FUNCTION pg_temp.tried(layout jsonb, OUT state text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.save_view('four', 'v', layout => layout);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
SELECT ok(t.state = '22023' AND t.message LIKE r.message AND t.detail LIKE r.detail, format('%s: %s', r.layout, t.message))
  FROM refused r CROSS JOIN LATERAL pg_temp.tried(r.layout) t;
SELECT is_empty($$SELECT 1 FROM tally.board_views WHERE name = 'v'$$, 'nothing of it is stored');
SELECT hint AS works FROM pg_temp.tried('[]') \gset
:works
SELECT is((SELECT layout FROM tally.board_views WHERE name = 'v'), '["First", "Second", "Third & last", "<b>"]', 'the hint names all panels');

-- The board changes, the view stays.
SELECT tally.alter_board('four', panels => (SELECT jsonb_agg(p)
    FROM tally.boards b, jsonb_array_elements(b.panels) p WHERE p ->> 'title' <> 'First')) AS was \gset
SELECT is(pg_temp.titles(tally.page('four', view => 'two & two')), '12:&lt;b&gt; 3:Third &amp; last', 'a panel that the board lost is left out');
SELECT tally.alter_board('four', panels => '[{"title": "New", "relation": "facts", "columns": ["n"]}]') AS was \gset
SELECT is(pg_temp.titles(tally.page('four', view => 'two & two')), '6:New', 'where it lost all of them, the board is shown');
SELECT * FROM finish();
