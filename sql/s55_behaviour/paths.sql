-- Owns: paths: what actors did one after the other, out of a rollup that keeps the events of each actor in the order of time. The rollup is exact under late
-- data, so the paths are too.

CREATE OR REPLACE FUNCTION tally_internal._path_between(given text[], "start" text, "end" text, steps int, latest boolean) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    n     int := COALESCE(cardinality(given), 0);
    opens int[];
    ends  int[];
    p     int;
    q     int;
BEGIN
    IF n = 0 THEN RETURN NULL; END IF;
    IF "start" IS NULL AND "end" IS NULL THEN
        RETURN CASE WHEN latest THEN given[GREATEST(n - steps, 1) : n] ELSE given[1 : LEAST(steps, n) + 1] END;
    END IF;
    opens := array_positions(given, "start");
    ends := array_positions(given, "end");
    IF "end" IS NULL THEN
        p := opens[CASE WHEN latest THEN cardinality(opens) ELSE 1 END];
        RETURN CASE WHEN p IS NOT NULL THEN given[p : LEAST(p + steps, n)] END;
    ELSIF "start" IS NULL THEN
        q := ends[CASE WHEN latest THEN cardinality(ends) ELSE 1 END];
        RETURN CASE WHEN q IS NOT NULL THEN given[GREATEST(q - steps, 1) : q] END;
    END IF;
    IF latest THEN
        SELECT max(e) INTO q FROM unnest(ends) e WHERE e > opens[1];
        SELECT max(o) INTO p FROM unnest(opens) o WHERE o < q;
    ELSE
        SELECT min(o) INTO p FROM unnest(opens) o WHERE o < ends[cardinality(ends)];
        SELECT min(e) INTO q FROM unnest(ends) e WHERE e > p;
    END IF;
    IF p IS NULL OR q IS NULL THEN RETURN NULL; END IF;
    RETURN CASE WHEN q - p - 1 > steps THEN given[p : p + steps] || ARRAY['…', "end"] ELSE given[p : q] END;
END $$;
COMMENT ON FUNCTION tally_internal._path_between(text[], text, text, int, boolean) IS
'The path in events in the order of time: steps events after the first (or latest) start, before the end, or between both; null where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._path(times timestamptz[], events text[], "start" text, "end" text, steps int, latest boolean, since timestamptz,
                                                until timestamptz) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    RETURN tally_internal._path_between(ARRAY(SELECT u.event FROM unnest(times, events) u(at, event)
        WHERE u.at >= since AND u.at < until AND u.event IS NOT NULL ORDER BY u.at, u.event COLLATE "C"), "start", "end", steps, latest);
END $$;
COMMENT ON FUNCTION tally_internal._path(timestamptz[], text[], text, text, int, boolean, timestamptz, timestamptz) IS
'The path of an actor within [since, until), by its events and their times; events of one instant in the order of their names.';

CREATE OR REPLACE FUNCTION tally_internal._check_path_columns(r tally.rollups, columns text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    SELECT string_agg(quote_literal(c), ', ') INTO unknown FROM unnest(columns) c
     WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.relation AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped);
    IF unknown IS NOT NULL THEN
        PERFORM tally_internal._refuse('undefined_column', format('rollup %L has no column %s', r.name, unknown),
            format('It has %s.', (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
                                   WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped)),
            format('SELECT * FROM %s LIMIT 1;', r.live_view));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_path_columns(tally.rollups, text[]) IS 'An error where a rollup lacks a column that paths are asked by.';

CREATE OR REPLACE FUNCTION tally.paths(
    rollup  text,
    "start" text DEFAULT NULL,
    "end"   text DEFAULT NULL,
    steps   int DEFAULT 3,
    match   text DEFAULT 'first',
    since   text DEFAULT '-infinity',
    until   text DEFAULT 'infinity',
    by      text DEFAULT NULL,
    "where" jsonb DEFAULT '{}',
    top     int DEFAULT 10,
    times   text DEFAULT 'times',
    events  text DEFAULT 'events',
    as_of   timestamptz DEFAULT now()
) RETURNS TABLE (label text, path text[], actors bigint, share float8)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp SET tally.guard = '' SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    r     tally.rollups := tally_internal._rollup(rollup);
    again text := format('SELECT * FROM tally.paths(%L, ''visit'', steps => 3);', rollup);
    call  text := format('SELECT * FROM tally.paths(%L, %L, %L', rollup, "start", "end");
    first timestamptz;
    last  timestamptz;
    most  bigint;
    n     bigint;
BEGIN
    IF steps IS NULL OR steps NOT BETWEEN 1 AND 100 OR top IS NULL OR top NOT BETWEEN 1 AND 10000 OR match IS NULL OR match NOT IN ('first', 'last') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('steps must be from 1 to 100, top from 1 to 10000 and match first or last, '
            'got %s, %s and %s', COALESCE(steps::text, 'NULL'), COALESCE(top::text, 'NULL'), COALESCE(match, 'NULL')), NULL, again);
    ELSIF jsonb_typeof("where") IS DISTINCT FROM 'object' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('"where" must be an object of columns and values, got %s',
            COALESCE("where"::text, 'NULL')), NULL, 'Use "where" => ''{"device": ["phone", "desk"]}''.');
    END IF;
    PERFORM tally_internal._check_path_columns(r, ARRAY(SELECT c FROM unnest(ARRAY[times, events, by] || ARRAY(SELECT jsonb_object_keys("where"))) c
                                                         WHERE c IS NOT NULL));
    SELECT a.first, a.last, a.most INTO first, last, most FROM tally_internal._asked_range(r, since, until, as_of, call) a;
    RETURN QUERY EXECUTE tally_internal._refuse_unsafe(r, format(
        'SELECT label, path, actors, share FROM (SELECT label, path, pg_catalog.count(*) AS actors, '
            'pg_catalog.count(*)::pg_catalog.float8 / pg_catalog.sum(pg_catalog.count(*)) OVER (PARTITION BY label)::pg_catalog.float8 AS share, '
            'pg_catalog.row_number() OVER (PARTITION BY label ORDER BY pg_catalog.count(*) DESC, path COLLATE pg_catalog."C") AS place '
        'FROM (SELECT %1$s AS label, tally_internal._path(%2$I::pg_catalog.timestamptz[], %3$I::pg_catalog.text[], $1, $2, $3, $4, $5, $6) AS path '
            'FROM %4$s%5$s) p WHERE path IS NOT NULL GROUP BY label, path) q WHERE place <= $7 ORDER BY label, place LIMIT $8',
        CASE WHEN by IS NULL THEN '''''::pg_catalog.text' ELSE format('COALESCE(%I::pg_catalog.text, ''(none)'')', by) END, times, events,
        tally_internal._live_for_reader(r),
        (SELECT ' WHERE ' || string_agg(format('COALESCE(%I::pg_catalog.text, ''(none)'') OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.text[])', w.key,
                    CASE jsonb_typeof(w.value) WHEN 'array' THEN ARRAY(SELECT COALESCE(e, '(none)') FROM jsonb_array_elements_text(w.value) e)
                                               ELSE ARRAY[COALESCE(w.value #>> '{}', '(none)')] END), ' AND ' ORDER BY w.key) FROM jsonb_each("where") w)))
        USING "start", "end", steps, match = 'last', first, last, top, most + 1;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM tally_internal._check_rows(n, most, 'an answer of paths', format('%s, since => %L, until => %L, top => 1);', call, since, until));
END $$;
COMMENT ON FUNCTION tally.paths(text, text, text, int, text, text, text, text, jsonb, int, text, text, timestamptz) IS
'The most common paths of actors, out of a rollup per actor with the measures times and events, arrays in the same order: steps events after start,
    before end, '
    'or between both, from the first match or the last, within [since, until). by: a column of the rollup to break down by; where: columns and their values; '
    'top: how many of each label. share is of the actors of that label who have such a path. Run with the reader''s rights.';
