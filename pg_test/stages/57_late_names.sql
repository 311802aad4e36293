-- Late rows are kept whole, whatever the columns of their source are called, by each way that they are set aside.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';

-- Names that the engine's own statements use for tables, and one that is only a word.
CREATE TABLE names AS SELECT unnest('{t,_gone,o,x,r,row,plain}'::text[]) AS name;
SELECT format('CREATE TABLE %I (at timestamptz NOT NULL, n int, %I text)', 'flat ' || name, name) FROM names \gexec
SELECT format('CREATE TABLE %I (at timestamptz NOT NULL, n int, %I text) PARTITION BY RANGE (at)', 'parts ' || name, name) FROM names \gexec
SELECT format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name || month::date, 'parts ' || name, month, month + interval '1 month')
  FROM names, generate_series(timestamptz '2026-01-01Z', '2026-04-01Z', '1 month') month \gexec
CREATE TABLE sources AS SELECT kind || ' ' || name AS source, kind || '_of ' || name AS rollup, kind, name FROM names, unnest('{flat,parts}'::text[]) kind;
SELECT format('CREATE INDEX ON %I (at)', source) FROM sources \gexec
SELECT format('INSERT INTO %I SELECT at, 1, ''early'' FROM generate_series(timestamptz ''2026-01-01Z'', ''2026-04-20Z'', ''1 day'') at', source)
  FROM sources \gexec
SELECT tally.create_rollup(quote_ident(rollup), quote_ident(source), 'at', bucket => '1 day', dimensions => jsonb_build_array(jsonb_build_object(
    'word', quote_ident(name))), measures => '{"n": "sum(n)"}', with_data => true) FROM sources;
SELECT tally.retain_source(quote_ident(source)::regclass, keep => '60 days', drop_partitions => kind = 'parts') FROM sources;
CALL tally.expire(as_of => '2026-04-10 12:00Z');

-- Rows of January, which is gone: those of flat sources are set aside by a refresh. Then more of them, whose marks nobody has seen: they are found by
-- the deletion, or by what drops the partition that they came into.
SELECT format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (''2026-01-01Z'') TO (''2026-02-01Z'')', name || ' again', 'parts ' || name)
  FROM names \gexec
SELECT format('INSERT INTO %I VALUES (''2026-01-05Z'', 40, ''late'')', source) FROM sources \gexec
SELECT tally.refresh(quote_ident(rollup)) FROM sources WHERE kind = 'flat';
SELECT format('INSERT INTO %I VALUES (''2026-01-06Z'', 2, ''later'')', source) FROM sources WHERE kind = 'flat' \gexec
DELETE FROM tally.dirty;
CALL tally.expire(as_of => '2026-04-18 12:00Z');

SELECT hasnt_table((name || ' again')::name) FROM names;
SELECT results_eq(format('SELECT "row" ->> ''n'', "row" ->> %L FROM tally.late_rows WHERE source = %L::regclass ORDER BY at', name, quote_ident(source)),
    'VALUES (''40'', ''late'')' || CASE kind WHEN 'flat' THEN ', (''2'', ''later'')' ELSE '' END,
    format('bug: a late row of a source with a column named t lost its other columns: %s, %s', name, kind)) FROM sources;
SELECT results_eq(format('SELECT late_rows, rows_merged FROM tally.apply_late(%L)', quote_ident(source)),
    CASE kind WHEN 'flat' THEN 'VALUES (2::bigint, 2::bigint)' ELSE 'VALUES (1::bigint, 1::bigint)' END, source || ': applied') FROM sources;
SELECT results_eq(format('SELECT bucket, word, n FROM %I WHERE bucket < ''2026-01-08Z'' ORDER BY 1, 2', rollup),
    $$SELECT * FROM (SELECT bucket, 'early', 1::bigint FROM generate_series(timestamptz '2026-01-01Z', '2026-01-07Z', '1 day') bucket
                     UNION ALL VALUES (timestamptz '2026-01-05Z', 'late', 40)$$ ||
    CASE kind WHEN 'flat' THEN ', (timestamptz ''2026-01-06Z'', ''later'', 2)' ELSE '' END || ') x ORDER BY 1, 2',
    source || ': its rollup has them') FROM sources;
SELECT * FROM finish();
