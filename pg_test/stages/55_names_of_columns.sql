-- A funnel or retention has columns of its own. A dimension or actor with the name of one was refused for a measure or a view that nobody had written, or took
-- the column's place. The hint of the refusal works.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
\ir ../message_of.psql

CREATE TABLE steps (at timestamptz NOT NULL, who int, kind text, page text, entry int, cohort int);
CREATE INDEX ON steps (at);
INSERT INTO steps SELECT timestamptz '2026-03-01Z' + i * interval '1 minute', i % 7, (ARRAY['a', 'b'])[i / 7 % 2 + 1], 'page ' || i % 7 % 2, i % 5, i % 5
  FROM generate_series(1, 100) i;
CREATE VIEW calls AS SELECT * FROM (VALUES
    ('funnel', 'first', $$SELECT tally.create_funnel('made', 'steps', 'at', 'who', '{"a": "kind = ''a''", "b": "kind = ''b''"}', dimensions => %L)$$),
    ('funnel', 'step 1', $$SELECT tally.create_funnel('made', 'steps', 'at', 'who', '{"a": "kind = ''a''", "b": "kind = ''b''"}', dimensions => %L,
                              attribution => 'step 1')$$),
    ('retention', 'first', $$SELECT tally.create_retention('made', 'steps', 'at', 'who', dimensions => %L)$$),
    ('retention', 'every', $$SELECT tally.create_retention('made', 'steps', 'at', 'who', dimensions => %L, every_start => true)$$)) c(kind, form, call);

-- Which names each has, by hand from the columns of its rollups and views.
CREATE TABLE tried AS
    SELECT c.kind, c.form, n.name, c.call, t.*, n.taken ?| ARRAY[c.kind, c.kind || ' ' || c.form] AS taken
      FROM calls c, LATERAL (SELECT x.name, x.taken::jsonb FROM (VALUES
          ('path', '{"funnel first": 1}'), ('entry', '{"funnel first": 1, "retention": 1}'), ('level', '{"funnel first": 1}'),
          ('who', '{"funnel first": 1, "retention": 1}'), ('bucket', '{"funnel": 1, "retention": 1}'), ('step', '{"funnel": 1}'), ('name', '{"funnel": 1}'),
          ('actors', '{"funnel": 1, "retention": 1}'), ('of_previous', '{"funnel": 1}'), ('of_first', '{"funnel": 1}'), ('seconds_mean', '{"funnel": 1}'),
          ('seconds_p50', '{"funnel": 1}'), ('seconds_p90', '{"funnel": 1}'), ('funnel', '{"funnel": 1}'), ('retained', '{"retention": 1}'),
          ('retention', '{"retention": 1}'), ('period', '{"retention": 1}'), ('share', '{"retention": 1}'), ('cohort', '{"retention every": 1}'))
          x(name, taken)) n,
          LATERAL message_of(format(c.call || '; SELECT 1 / 0', jsonb_build_array(jsonb_build_object(n.name, 'page')))) t
     WHERE n.taken ?| ARRAY[c.kind, c.kind || ' ' || c.form] OR n.name IN ('path', 'cohort');
-- 1 / 0 undoes what could be made.
SELECT is(t.state, CASE WHEN t.taken THEN '22023' ELSE '22012' END, format('%s by %s: a dimension called %s', t.kind, t.form, t.name)) FROM tried t;
SELECT is(t.message, format('dimensions of %s ''made'' must have names of their own, got %L', t.kind, t.name), format('%s %s: who is to blame', t.kind, t.name))
  FROM tried t WHERE t.taken;
SELECT ok(t.detail ~ ('\m' || t.name || '\M'), format('%s by %s: the detail names %s', t.kind, t.form, t.name)) FROM tried t WHERE t.taken;
SELECT is((message_of(format(t.call || '; SELECT 1 / 0', (regexp_match(t.hint, 'dimensions => ''(.*)''\.$'))[1]))).state, '22012',
    format('%s by %s: the hint for %s works', t.kind, t.form, t.name))
  FROM tried t WHERE t.taken AND t.name IN ('path', 'entry', 'step', 'period');

SELECT is((message_of(replace(c.call, '''who''', '''entry''') || '; SELECT 1 / 0')).message,
    format('actor of %s ''made'' must have a name of its own, got ''entry''', c.kind),
    format('an actor of a %s called entry', c.kind)) FROM (SELECT kind, format(call, '[]') AS call FROM calls WHERE form IN ('first', 'every')) c;
SELECT is((message_of(format(c.call, '["page", {"page": "kind"}]'))).message,
    format('dimensions of %s ''made'' must have names of their own, got ''page''', c.kind),
    format('two dimensions of one name: %s by %s', c.kind, c.form)) FROM calls c;

-- Names that a step's values do not meet: the numbers by plain SQL.
SELECT tally.create_funnel('stepped', 'steps', 'at', 'who', '{"a": "kind = ''a''", "b": "kind = ''b''"}', bucket => '1 day',
    dimensions => '[{"path": "page"}, {"level": "page || kind"}]', attribution => 'step 1', with_data => true);
SELECT results_eq($$SELECT path, level, actors FROM stepped_steps WHERE step = 1 ORDER BY 1$$,
    $$SELECT page, page || 'a', count(DISTINCT who) FROM steps WHERE kind = 'a' GROUP BY 1, 2 ORDER BY 1$$, 'path and level as dimensions of a step');

-- Names of 63 bytes that differ in the last one: what is kept of each actor would have longer ones. Found by the random harness.
CREATE VIEW long AS SELECT repeat('é', 31) || 'a' AS a, repeat('é', 31) || 'b' AS b;
SELECT tally.create_funnel('long_step', 'steps', 'at', 'who', '{"a": "kind = ''a''", "b": "kind = ''b''"}', bucket => '1 day',
           dimensions => dims, attribution => 'step 1', with_data => true),
       tally.create_retention('long_first', 'steps', 'at', 'who', dimensions => dims, with_data => true),
       tally.create_retention('long_every', 'steps', 'at', 'who', dimensions => dims, every_start => true, with_data => true),
       tally.create_sessions('long_visits', 'steps', 'at', 'who', dimensions => dims, with_data => true)
  FROM long, LATERAL (SELECT jsonb_build_array(jsonb_build_object(a, 'page'), jsonb_build_object(b, '''not '' || page'))) d(dims);
SELECT results_eq(format('SELECT DISTINCT %I, %I FROM %I ORDER BY 1', a, b, made), $$SELECT DISTINCT page, 'not ' || page FROM steps ORDER BY 1$$,
    format('bug: dimensions of 63 bytes of %s', made)) FROM long, unnest('{long_step,long_first,long_every,long_visits}'::text[]) made;

-- A name of 44 to 50 bytes was refused as that of a rollup that nobody had named, with a hint to make that rollup.
SELECT is((message_of(format(replace(c.call, '''made''', quote_literal(repeat('m', 44))), '[]'))).message,
    format('name of %s %L must have 1 to 43 bytes, got 44', c.kind, repeat('m', 44)), format('a name too long for a %s', c.kind))
  FROM calls c WHERE c.form IN ('first', 'every');
SELECT is((message_of(format(replace(c.call, '''made''', quote_literal(repeat('m', 43))), '[]') || '; SELECT 1 / 0')).state, '22012',
    format('the longest name of a %s by %s', c.kind, c.form)) FROM calls c;
SELECT is((message_of($$SELECT tally.create_sessions('a_name_of_visits_that_is_too_long_for_a_rollup', 'steps', 'at', 'who')$$)).hint,
    'SELECT tally.create_sessions(''a_name_of_visits_tha'', …);', 'and for sessions');
SELECT * FROM finish();
