-- Owns: a board at the prompt, in SQL: sparklines, bars and tables of text. core/src/page/plain.rs and table.rs say what holds.

CREATE FUNCTION tally_internal._clean_words(words text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- No control character may move the cursor, change its colours or turn its direction.
    SELECT regexp_replace(words, '[\u0001-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]', '�', 'g')
$$;
COMMENT ON FUNCTION tally_internal._clean_words(text) IS 'Text for a terminal.';

CREATE FUNCTION tally_internal._cut_words(words text, most int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN length(words) <= most THEN tally_internal._clean_words(words) ELSE left(tally_internal._clean_words(words), most - 1) || '…' END
$$;
COMMENT ON FUNCTION tally_internal._cut_words(text, int) IS 'The first characters of a name.';

CREATE FUNCTION tally_internal._padded(words text, width int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT words || repeat(' ', greatest(width - length(words), 0)) $$;
COMMENT ON FUNCTION tally_internal._padded(text, int) IS 'A text with spaces behind it.';

CREATE FUNCTION tally_internal._tight_json(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'array' THEN '[' || COALESCE((SELECT string_agg(tally_internal._tight_json(e), ',' ORDER BY n)
                                       FROM jsonb_array_elements(value) WITH ORDINALITY u(e, n)), '')
                          || ']'
        WHEN 'object' THEN '{' || COALESCE((SELECT string_agg(to_jsonb(e.key)::text || ':' || tally_internal._tight_json(e.value), ','
                                                         ORDER BY e.key COLLATE "C")
                                              FROM jsonb_each(value) e), '') || '}'
        ELSE value::text END;
END $$;
COMMENT ON FUNCTION tally_internal._tight_json(jsonb) IS 'JSON without spaces, keys in order.';

CREATE FUNCTION tally_internal._json_float(value float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET extra_float_digits = 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words  text := value::text;
    power_ text := split_part(words, 'e', 2);
BEGIN
    IF power_ = '' THEN RETURN CASE WHEN words LIKE '%.%' THEN words ELSE words || '.0' END; END IF;
    -- Between these powers of ten PostgreSQL writes one more at each end with an exponent than JSON does.
    RETURN CASE power_ WHEN '-05' THEN words::numeric::text WHEN '+15' THEN words::numeric || CASE WHEN words::numeric % 1 = 0 THEN '.0' ELSE '' END
                       ELSE split_part(words, 'e', 1) || 'e' || left(power_, 1) || abs(power_::int) END;
END $$;
COMMENT ON FUNCTION tally_internal._json_float(float8) IS 'A finite number as JSON writes one that need not be whole: 3.0, 1.5e-7.';

CREATE FUNCTION tally_internal._json_number(given jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF given::text ~ '^-?\d+$' AND given::numeric BETWEEN -9223372036854775808 AND 18446744073709551615 THEN RETURN given::text; END IF;
    RETURN tally_internal._json_float(given::text::float8);
END $$;
COMMENT ON FUNCTION tally_internal._json_number(jsonb) IS 'A number of JSON: whole, or with the fewest digits that give its float8.';

CREATE FUNCTION tally_internal._cell_words(cell jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    value float8;
    words text;
BEGIN
    CASE COALESCE(jsonb_typeof(cell), 'null')
        WHEN 'null' THEN RETURN '–';
        WHEN 'string' THEN RETURN cell #>> '{}';
        WHEN 'boolean' THEN RETURN CASE WHEN cell::boolean THEN 'yes' ELSE 'no' END;
        WHEN 'object' THEN RETURN CASE WHEN jsonb_typeof(cell -> 'text') = 'string' THEN cell ->> 'text' ELSE tally_internal._tight_json(cell) END;
        WHEN 'array' THEN RETURN tally_internal._tight_json(cell);
        ELSE value := cell::text::float8;
    END CASE;
    IF value = floor(value) AND abs(value) < 1e15 THEN RETURN tally_internal._digits(value); END IF;
    IF value = 0 OR abs(value) >= 1e9 THEN RETURN tally_internal._json_number(cell); END IF;
    words := tally_internal._fixed(value, greatest(least(5 - floor(log(abs(value)))::int, 9), 0));
    RETURN CASE WHEN words LIKE '%.%' THEN rtrim(rtrim(words, '0'), '.') ELSE words END;
END $$;
COMMENT ON FUNCTION tally_internal._cell_words(jsonb) IS 'A cell of a table as text: numbers to six significant digits.';

CREATE FUNCTION tally_internal._state_words(value float8) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN value IS NULL THEN 'no data' WHEN value < 1 THEN 'within limits' WHEN value < 2 THEN 'warning' ELSE 'critical' END
$$;
COMMENT ON FUNCTION tally_internal._state_words(float8) IS 'A state in words.';

CREATE FUNCTION tally_internal._clock_shift(clock jsonb, second float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    FOR i IN REVERSE COALESCE(jsonb_array_length(clock), 0) - 1 .. 0 LOOP
        IF i = 0 OR (clock -> i ->> 0)::float8 <= second THEN RETURN (clock -> i ->> 1)::float8; END IF;
    END LOOP;
    RETURN 0;
END $$;
COMMENT ON FUNCTION tally_internal._clock_shift(jsonb, float8) IS 'Seconds that the clock of a panel is ahead of UTC at a moment.';

CREATE FUNCTION tally_internal._moment_words(panel jsonb, second float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    clock jsonb := panel -> 'clock';
    many  int := COALESCE(jsonb_array_length(clock), 0);
    own   float8;
    since float8;
    near  boolean := false;
    shown float8;
    other float8;
    at    timestamp;
    words text;
BEGIN
    FOR i IN REVERSE many - 1 .. 0 LOOP
        since := (clock -> i ->> 0)::float8;
        IF own IS NULL AND (i = 0 OR since <= second) THEN own := (clock -> i ->> 1)::float8; END IF;
        near := near OR i > 0 AND abs(since - second) < 200000;
    END LOOP;
    shown := second + COALESCE(own, 0);
    at := timestamp '1970-01-01' + floor(shown) * interval '1 second';
    words := to_char(at, CASE WHEN (panel ->> 'step')::float8 >= 86400 AND at = date_trunc('day', at) THEN 'YYYY-MM-DD'
                              WHEN extract(second FROM at) = 0 THEN 'YYYY-MM-DD HH24:MI' ELSE 'YYYY-MM-DD HH24:MI:SS' END);
    -- Only near a moment at which the clock was set does it show anything twice.
    IF near AND words LIKE '%:%' THEN
        FOR i IN 0 .. many - 1 LOOP
            other := (clock -> i ->> 1)::float8;
            IF other <> own AND tally_internal._clock_shift(clock, shown - other) = other THEN
                RETURN words || CASE WHEN own < 0 THEN '-' ELSE '+' END || to_char(make_interval(secs => abs(own)), 'HH24:MI');
            END IF;
        END LOOP;
    END IF;
    RETURN words;
END $$;
COMMENT ON FUNCTION tally_internal._moment_words(jsonb, float8) IS
'A moment as the clock of a panel shows it; beside it how far that clock is ahead, where it shows the same twice.';

CREATE FUNCTION tally_internal._named(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN name ~ '^[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$' THEN '(empty)' ELSE name END
$$;
COMMENT ON FUNCTION tally_internal._named(text) IS 'A name that can be seen.';

CREATE FUNCTION tally_internal._panel_lines(panel jsonb) RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    picture text := panel ->> 'picture';
    unit    text := panel ->> 'unit';
    beside  text := CASE WHEN unit NOT IN ('ratio', 'share', '%', 'ms', 's', 'seconds', 'minutes', 'hours', '') THEN ' ' || tally_internal._clean_words(unit)
                         ELSE '' END;
    series  jsonb := COALESCE(panel -> 'series', '[]');
    listed  jsonb := COALESCE(panel -> 'rows', '[]');
    width   int := least(24, (SELECT COALESCE(max(length(tally_internal._named(s ->> 'name'))), 0) FROM jsonb_array_elements(series) s));
    most    float8;
    widths  int[];
    shown   record;
BEGIN
    IF jsonb_typeof(panel -> 'error') = 'object' THEN
        RETURN NEXT 'ERROR: ' || tally_internal._clean_words(panel #>> '{error,message}');
        IF panel #>> '{error,hint}' <> '' THEN RETURN NEXT tally_internal._clean_words(panel #>> '{error,hint}'); END IF;
    ELSIF picture = 'stat' AND listed <> '[]' THEN
        RETURN QUERY SELECT CASE WHEN jsonb_array_length(r) > 1 THEN tally_internal._clean_words(tally_internal._cell_words(r -> 0)) || ': ' ELSE '' END
            || tally_internal._clean_words(CASE jsonb_typeof(r -> -1) WHEN 'number' THEN tally_internal._short_number((r ->> -1)::float8, unit)
                                                                     WHEN 'null' THEN 'no value' ELSE tally_internal._cell_words(r -> -1) END)
            || CASE jsonb_typeof(r -> -1) WHEN 'number' THEN beside ELSE '' END
          FROM jsonb_array_elements(listed) WITH ORDINALITY u(r, n) WHERE r <> '[]' ORDER BY n;
    ELSIF picture = 'stat' THEN
        RETURN NEXT COALESCE(tally_internal._short_number((panel ->> 'value')::float8, unit), 'no value') || beside
            || COALESCE('   ' || tally_internal._change_words((panel ->> 'value')::float8, (panel ->> 'before')::float8), '') || '   '
            || tally.sparkline(tally_internal._thinned(series -> 0 -> 'points'));
    ELSIF picture IN ('line', 'area', 'bars', 'heatmap') AND series <> '[]' AND COALESCE(panel -> 'columns', '[]') = '[]' THEN
        RETURN QUERY SELECT format('%s  %s  %s', tally_internal._padded(tally_internal._cut_words(tally_internal._named(s ->> 'name'), 24), width),
                tally.sparkline(tally_internal._thinned(s -> 'points')),
                COALESCE((SELECT tally_internal._short_number((p ->> 1)::float8, unit) FROM jsonb_array_elements(s -> 'points') WITH ORDINALITY q(p, k)
                           WHERE p ->> 1 IS NOT NULL ORDER BY k DESC LIMIT 1), 'no value'))
          FROM jsonb_array_elements(series) WITH ORDINALITY u(s, n) ORDER BY n;
        IF COALESCE(panel -> 'limits', '[]') <> '[]' THEN
            RETURN QUERY SELECT 'limits: ' || string_agg(format('%s %s', tally_internal._clean_words(l ->> 'label'),
                    tally_internal._short_number((l ->> 'value')::float8, unit)), ', ' ORDER BY n)
              FROM jsonb_array_elements(panel -> 'limits') WITH ORDINALITY u(l, n);
        END IF;
    ELSIF picture = 'states' AND series <> '[]' THEN
        RETURN QUERY SELECT format('%s  %s', tally_internal._padded(tally_internal._cut_words(tally_internal._named(s ->> 'name'), 24), width),
                (SELECT string_agg(CASE tally_internal._state_words((p ->> 1)::float8) WHEN 'within limits' THEN '·' WHEN 'warning' THEN '!'
                                                                                       WHEN 'critical' THEN 'X' ELSE ' ' END, '' ORDER BY k)
                   FROM jsonb_array_elements(s -> 'points') WITH ORDINALITY q(p, k)))
          FROM jsonb_array_elements(series) WITH ORDINALITY u(s, n) ORDER BY n;
    ELSIF picture IN ('ranking', 'funnel') AND listed <> '[]' THEN
        most := (SELECT greatest(max(CASE WHEN jsonb_typeof(r -> 1) = 'number' THEN (r ->> 1)::float8 END), 0) FROM jsonb_array_elements(listed) r);
        RETURN QUERY SELECT format('%s  %s  %s',
                tally_internal._padded(tally_internal._cut_words(CASE WHEN r = '[]' THEN '' ELSE tally_internal._cell_words(r -> 0) END, 28), 28),
                tally_internal._padded(tally.bar(CASE WHEN most > 0 THEN COALESCE(x.value, 0) / most ELSE 0 END, 40), 40),
                COALESCE(tally_internal._short_number(x.value, unit), 'no value'))
          FROM jsonb_array_elements(listed) WITH ORDINALITY u(r, n),
               LATERAL (SELECT CASE WHEN jsonb_typeof(r -> 1) = 'number' THEN (r ->> 1)::float8 END AS value) x ORDER BY n;
    ELSIF picture = 'histogram' AND series <> '[]' THEN
        most := (SELECT COALESCE(greatest(max((p ->> 1)::float8), 0), 0) FROM jsonb_array_elements(series -> 0 -> 'points') p);
        RETURN QUERY SELECT format('%s  %s  %s', repeat(' ', greatest(10 - length(x.low), 0)) || x.low,
                tally_internal._padded(tally.bar(CASE WHEN most > 0 THEN x.value / most ELSE 0 END, 40), 40), tally_internal._compact_number(x.value))
          FROM jsonb_array_elements(series -> 0 -> 'points') WITH ORDINALITY u(p, n),
               LATERAL (SELECT tally_internal._short_number((p ->> 0)::float8, unit) AS low, COALESCE((p ->> 1)::float8, 0) AS value) x ORDER BY n;
    ELSE
        shown := tally_internal._panel_table(panel);
        IF shown.rows = '[]' THEN
            RETURN NEXT tally_internal._clean_words(COALESCE(panel ->> 'nothing', 'Nothing in this range.'));
            RETURN;
        END IF;
        -- cells: the head and at most twenty rows.
        RETURN QUERY WITH cells AS (
            SELECT 0 AS n, k, tally_internal._cut_words(c, 32) AS words FROM jsonb_array_elements_text(shown.columns) WITH ORDINALITY u(c, k)
            UNION ALL SELECT u.n::int, k, tally_internal._cut_words(tally_internal._unit_cell(c,
                       CASE WHEN NOT shown.floats THEN panel -> 'units' ->> (k - 1)::int END), 32)
              FROM jsonb_array_elements(shown.rows) WITH ORDINALITY u(r, n), jsonb_array_elements(u.r) WITH ORDINALITY v(c, k)
             WHERE u.n <= 20 AND k <= jsonb_array_length(shown.columns)),
        wide AS (SELECT k, max(length(words)) AS width FROM cells GROUP BY k)
        SELECT rtrim(string_agg(tally_internal._padded(c.words, w.width), '  ' ORDER BY c.k)) FROM cells c JOIN wide w ON w.k = c.k GROUP BY c.n ORDER BY c.n;
        IF jsonb_array_length(shown.rows) > 20 THEN RETURN NEXT format('and %s more', jsonb_array_length(shown.rows) - 20); END IF;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._panel_lines(jsonb) IS 'A panel as lines of text.';

CREATE FUNCTION tally_internal._thinned(points jsonb) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(array_agg(x.value ORDER BY x.n) FILTER (WHERE x.n % x.every = 0 OR x.n = x.many), '{}')
      FROM (SELECT (p ->> 1)::float8 AS value, n, count(*) OVER () AS many, greatest(ceil(count(*) OVER () / 60.0), 1)::bigint AS every
              FROM jsonb_array_elements(points) WITH ORDINALITY u(p, n)) x
$$;
COMMENT ON FUNCTION tally_internal._thinned(jsonb) IS 'At most sixty values of a series, the last of each stretch.';

CREATE OR REPLACE FUNCTION tally_internal._page_text(model jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000 SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'%s\n%s\n', tally_internal._clean_words(model ->> 'title'),
                  tally_internal._clean_words(format('%s to %s, as of %s', model ->> 'since_text', model ->> 'until_text', model ->> 'as_of')))
        || COALESCE((SELECT string_agg(format(E'%s = %s\n', tally_internal._clean_words(v ->> 'name'), tally_internal._clean_words(
                        (SELECT string_agg(c, ', ' ORDER BY k) FROM jsonb_array_elements_text(v -> 'chosen') WITH ORDINALITY q(c, k)))), '' ORDER BY n)
                       FROM jsonb_array_elements(model -> 'variables') WITH ORDINALITY u(v, n) WHERE v -> 'chosen' <> '[]'), '')
        || COALESCE((SELECT string_agg(format(E'\n── %s %s\n', tally_internal._clean_words(p ->> 'title'),
                            repeat('─', greatest(96 - length(p ->> 'title'), 0)))
                        || COALESCE((SELECT string_agg(format(E'   %s\n', l), '' ORDER BY k) FROM tally_internal._panel_lines(p) WITH ORDINALITY q(l, k)), '')
                        || COALESCE('   ' || tally_internal._clean_words(p ->> 'note') || E'\n', ''), '' ORDER BY n)
                       FROM jsonb_array_elements(model -> 'panels') WITH ORDINALITY u(p, n)), '')
$$;
