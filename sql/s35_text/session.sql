-- Owns: what of an expression depends on the session that computes it. A refresh pins its settings (run_as), a live view cannot: it
-- is computed in the reader's session. So an expression that a setting, the role or the clock changes is refused when it is defined.
--
-- PostgreSQL's own classes are not enough. STABLE holds date_trunc('day', at, 'UTC'), which no setting changes, and IMMUTABLE holds
-- the text of a float8, which extra_float_digits changes. The rules below name both exceptions; whatever they do not name is judged by
-- its class.

CREATE OR REPLACE FUNCTION tally_internal._text_varies(type oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'interval'::regtype, 'float4'::regtype, 'float8'::regtype,
                      'bytea'::regtype, 'money'::regtype, 'point'::regtype, 'line'::regtype, 'lseg'::regtype, 'box'::regtype, 'path'::regtype,
                      'polygon'::regtype, 'circle'::regtype, 'record'::regtype, 'record[]'::regtype) THEN true
        WHEN t.typtype = 'd' THEN tally_internal._text_varies(t.typbasetype)
        WHEN t.typtype IN ('r', 'm') THEN (SELECT tally_internal._text_varies(g.rngsubtype) FROM pg_range g WHERE type IN (g.rngtypid, g.rngmultitypid))
        WHEN t.typtype = 'c' THEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                                          AND tally_internal._text_varies(a.atttypid))
        WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN tally_internal._text_varies(t.typelem)
        WHEN t.typtype = 'e' THEN false
        -- It is written with as many digits as extra_float_digits says, by a function that calls itself IMMUTABLE.
        WHEN t.typname = 'cube' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = type AND d.deptype = 'e') THEN true
        ELSE (SELECT p.provolatile <> 'i' FROM pg_proc p WHERE p.oid = t.typoutput) AND t.typname NOT IN ('anyarray', 'anyenum', 'json', 'jsonb') END
      FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION tally_internal._text_varies(oid) IS
'Whether settings of a session change how values of a type are written: DateStyle, TimeZone, IntervalStyle, extra_float_digits, bytea_output, search_path '
'and the like.';

CREATE OR REPLACE FUNCTION tally_internal._reading_varies(type oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN t.typtype = 'd' THEN tally_internal._reading_varies(t.typbasetype)
        WHEN t.typtype IN ('r', 'm') THEN (SELECT tally_internal._reading_varies(g.rngsubtype) FROM pg_range g WHERE type IN (g.rngtypid, g.rngmultitypid))
        WHEN t.typtype = 'c' THEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                                          AND tally_internal._reading_varies(a.atttypid))
        WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN tally_internal._reading_varies(t.typelem)
        WHEN t.typtype = 'e' OR t.typname IN ('json', 'jsonb') THEN false
        ELSE (SELECT p.provolatile <> 'i' FROM pg_proc p WHERE p.oid = t.typinput) END
      FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION tally_internal._reading_varies(oid) IS 'Whether settings of a session (or the clock: ''today'') change how text is read as a type.';

CREATE OR REPLACE FUNCTION tally_internal._plain_hours(constants text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- An interval of hours, minutes and seconds is the same length in every zone.
    SELECT COALESCE(bool_or(c ~ '^-?\d+:\d\d:\d\d(\.\d+)?$'), false) FROM unnest(constants) c
$$;
COMMENT ON FUNCTION tally_internal._plain_hours(text[]) IS
'Whether one of some constants (as IntervalStyle postgres writes them) is an interval without days and months.';

CREATE OR REPLACE FUNCTION tally_internal._builtin_varies(f pg_proc, types oid[], constants text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        -- These are of class IMMUTABLE, but the months and days between two instants follow the zone's calendar.
        WHEN f.oid = 'age(timestamptz, timestamptz)'::regprocedure THEN 'zone'
        WHEN f.proname IN ('float4out', 'float8out', 'interval_out', 'byteaout', 'quote_ident') THEN 'text'
        WHEN f.provolatile = 'i' THEN NULL
        -- These write arguments of any type as text.
        WHEN f.proname IN ('concat', 'concat_ws', 'format', 'to_json', 'to_jsonb', 'json_build_array', 'json_build_object', 'jsonb_build_array',
                           'jsonb_build_object',
                           'row_to_json', 'array_to_json', 'array_to_string', 'quote_literal', 'quote_nullable', 'textanycat', 'anytextcat')
             OR f.proname ~ '^jsonb?_(agg|object_agg)(_|$)' THEN CASE WHEN EXISTS (SELECT FROM unnest(types) t
                     WHERE tally_internal._text_varies(t)) THEN 'text' END
        WHEN f.proname ~ '^jsonb?_populate_record(set)?$' THEN CASE WHEN tally_internal._reading_varies(types[1]) THEN 'read' END
        -- The columns that they read text into are checked separately.
        WHEN f.proname ~ '^jsonb?_to_record(set)?$' THEN NULL
        WHEN f.proname IN ('convert', 'convert_from', 'convert_to', 'length', 'enum_first', 'enum_last', 'enum_range', 'enum_in', 'enum_out',
                           'pg_typeof') THEN NULL
        WHEN f.proname IN ('extract', 'date_part') AND lower(constants[1]) = 'epoch' THEN NULL
        WHEN f.proname = 'date_trunc' AND (f.pronargs = 3 OR lower(constants[1]) IN ('microseconds', 'milliseconds', 'second')) THEN NULL
        WHEN f.proname = 'make_timestamptz' AND f.pronargs = 7 THEN NULL
        WHEN f.proname IN ('timestamptz_pl_interval', 'timestamptz_mi_interval', 'interval_pl_timestamptz', 'generate_series')
            AND tally_internal._plain_hours(constants) THEN NULL
        WHEN f.proname = 'to_date' OR f.proname = 'to_char' AND f.proargtypes[0] IN ('timestamp'::regtype, 'interval'::regtype)
             THEN CASE WHEN COALESCE(constants[2], 'TM') ~ 'TM' THEN 'locale' END
        WHEN f.proname = 'to_number' OR f.proname = 'to_char' AND f.proargtypes[0] <> 'timestamptz'::regtype
             THEN CASE WHEN COALESCE(constants[2], 'D') ~* '[dgl]' THEN 'locale' END
        WHEN f.proname IN ('now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp', 'timeofday') OR f.proname = 'age'
            AND f.pronargs = 1 THEN 'clock'
        WHEN f.proname IN ('current_user', 'session_user', 'current_role', 'current_setting', 'current_database', 'current_schema', 'current_schemas',
                           'getpgusername',
                           'inet_client_addr', 'inet_client_port', 'version', 'row_security_active')
                               OR f.proname ~ '^has_.*_privilege$|^pg_has_role$' THEN 'session'
        WHEN 'timestamptz'::regtype = ANY (types) OR f.prorettype = 'timestamptz'::regtype THEN 'zone'
        ELSE 'session' END
$$;
COMMENT ON FUNCTION tally_internal._builtin_varies(pg_proc, oid[], text[]) IS
'Why a call of a function of PostgreSQL, with arguments of these types, some of them constant, depends on the session: zone, text, read, locale, clock, '
    'session; null where it does not.';

CREATE OR REPLACE FUNCTION tally_internal._call_varies(function oid, types oid[], constants text[], OUT why text, OUT what text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    f    pg_proc;
    part oid;
    lang text;
BEGIN
    SELECT * INTO f FROM pg_proc p WHERE p.oid = function;
    what := function::regprocedure;
    IF f.pronamespace = 'pg_catalog'::regnamespace THEN
        why := tally_internal._builtin_varies(f, types, constants);
    ELSIF f.prokind = 'a' THEN
        -- An aggregate runs its parts.
        FOR part IN SELECT x.x FROM pg_aggregate a, unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn]::oid[]) x(x)
            WHERE a.aggfnoid = function AND x.x <> 0 LOOP
            SELECT c.why, c.what, c.hint INTO why, what, hint FROM tally_internal._call_varies(part, types, constants) c WHERE c.why IS NOT NULL;
            EXIT WHEN why IS NOT NULL;
        END LOOP;
    ELSIF tally_internal._is_part('pg_proc'::regclass, function)
        OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = function AND d.deptype = 'e') THEN
        -- hstore(row) and populate_record() are of class IMMUTABLE, and write and read each column as text.
        why := CASE WHEN f.provolatile <> 'i' THEN 'session'
            -- A row of pg_tally's own is a sketch, which nothing here writes as text.
            WHEN EXISTS (SELECT FROM unnest(types) x JOIN pg_type t ON t.oid = x
                          WHERE t.typtype IN ('c', 'd') AND t.typnamespace <> 'tally'::regnamespace OR x = 'record'::regtype) THEN
                CASE WHEN EXISTS (SELECT FROM unnest(types) x WHERE tally_internal._text_varies(x)) THEN 'text'
                     WHEN EXISTS (SELECT FROM unnest(types) x WHERE tally_internal._reading_varies(x)) THEN 'read' END END;
    ELSE
        SELECT l.lanname INTO lang FROM pg_language l WHERE l.oid = f.prolang;
        IF f.provolatile <> 'i' THEN
            why := 'function';
            hint := format('ALTER FUNCTION %s IMMUTABLE;  -- where it reads no table, no setting and no clock', what);
        ELSIF f.prosqlbody IS NOT NULL THEN
            SELECT c.why, format('%s, in %s', c.what, function::regprocedure), c.hint INTO why, what, hint FROM tally_internal._tree_varies(f.prosqlbody) c;
        ELSIF lang = 'sql' THEN
            why := 'function';
            hint := format('Write the body of %s as BEGIN ATOMIC SELECT … END, which PostgreSQL reads once, or write in the expression what it computes.',
                           what);
        ELSIF lang NOT IN ('c', 'internal') AND NOT EXISTS (SELECT FROM unnest(f.proconfig) c WHERE c LIKE 'search_path=%') THEN
            why := 'function';
            hint := format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp;', what);
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._call_varies(oid, oid[], text[]) IS
'Why a call depends on the session (null: it does not), what in it does, and a hint where the function itself can be mended. Functions of users must be '
    'IMMUTABLE, with names that are bound: a BEGIN ATOMIC body, or a pinned search_path.';

CREATE OR REPLACE FUNCTION tally_internal._tree_varies(tree pg_node_tree, OUT why text, OUT what text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' AS $$
DECLARE
    item  record;
BEGIN
    FOR item IN SELECT e ->> 'kind' AS kind, (e ->> 'function')::oid AS function, ARRAY(SELECT t::oid FROM jsonb_array_elements_text(e -> 'types') t) AS types,
                       ARRAY(SELECT t FROM jsonb_array_elements_text(COALESCE(e -> 'constants', '[]')) t) AS constants
                  FROM jsonb_array_elements(tally_internal._calls(tree)::jsonb) e LOOP
        CASE item.kind
            WHEN 'call' THEN
                SELECT c.why, c.what, c.hint INTO why, what, hint FROM tally_internal._call_varies(item.function, item.types, item.constants) c;
            WHEN 'io' THEN
                IF tally_internal._text_varies(item.types[1]) THEN
                    why := 'text'; what := format('the text of %s', format_type(item.types[1], NULL));
                ELSIF tally_internal._reading_varies(item.types[2]) THEN
                    why := 'read'; what := format('reading text as %s', format_type(item.types[2], NULL));
                END IF;
            WHEN 'reads' THEN
                SELECT 'read', format('reading text as %s', format_type(t, NULL)) INTO why, what FROM unnest(item.types) t
                    WHERE tally_internal._reading_varies(t) LIMIT 1;
            WHEN 'word' THEN
                why := CASE WHEN item.types[1] IN ('name'::regtype, 'text'::regtype) THEN 'session' ELSE 'clock' END;
                what := CASE why WHEN 'clock' THEN 'CURRENT_TIMESTAMP or the like' ELSE 'current_user or the like' END;
            WHEN 'system' THEN
                why := 'place'; what := 'a system column (ctid, xmin, tableoid and the like)';
            ELSE NULL;
        END CASE;
        EXIT WHEN why IS NOT NULL;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._tree_varies(pg_node_tree) IS
'Why a parsed expression or query depends on the session that computes it, what in it does, and a hint where there is a special one; nulls where nothing does.';

CREATE OR REPLACE FUNCTION tally_internal._holds_time(type oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'time'::regtype, 'timetz'::regtype) THEN true
        WHEN t.typtype = 'd' THEN tally_internal._holds_time(t.typbasetype)
        WHEN t.typtype IN ('r', 'm') THEN (SELECT tally_internal._holds_time(g.rngsubtype) FROM pg_range g WHERE type IN (g.rngtypid, g.rngmultitypid))
        WHEN t.typtype = 'c' THEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                                          AND tally_internal._holds_time(a.atttypid))
        WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN tally_internal._holds_time(t.typelem)
        ELSE false END
      FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION tally_internal._holds_time(oid) IS 'Whether values of a type are dates or times, or hold some: arrays, ranges, rows and domains of them.';

CREATE OR REPLACE FUNCTION tally_internal._reads_the_clock(tree pg_node_tree, expression text, joined boolean DEFAULT false) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
    -- PostgreSQL reads 'now' and 'today' as it parses, and keeps what time it was then. So the word must be there, in whatever quotes and
    -- escapes, and such a time: a day that is near, or a time of day alone.
    SELECT EXISTS (SELECT FROM regexp_matches(tally_internal._raw_tree(
                           format(CASE WHEN joined THEN 'SELECT FROM x CROSS JOIN LATERAL %s' ELSE E'SELECT (%s\n)' END, expression)),
                       'A_CONST :val "(.*?)" :location', 'g') c(word)
                    WHERE c.word[1] ~* '\m(now|today|tomorrow|yesterday)\M')
       AND EXISTS (SELECT FROM jsonb_array_elements(tally_internal._calls(tree)::jsonb) e, LATERAL (SELECT e -> 'constants' ->> 0) v(written)
                    WHERE e ->> 'kind' = 'constant' AND tally_internal._holds_time((e -> 'types' ->> 0)::oid)
                      AND (EXISTS (SELECT FROM regexp_matches(v.written, '\d{4}-\d\d-\d\d', 'g') d(day)
                                    WHERE d.day[1]::date BETWEEN current_date - 3 AND current_date + 3)
                           OR v.written !~ '\d{4}-\d\d-\d\d' AND v.written ~ '\d\d:\d\d'))
$$;
COMMENT ON FUNCTION tally_internal._reads_the_clock(pg_node_tree, text, boolean) IS
'Whether a parsed expression holds a constant that was read from a word such as ''now'' or ''today''; joined: it is what a row is joined to, with its alias.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_session(tree pg_node_tree, kind text, label text, expression text, time_column text DEFAULT NULL,
                                      zone text DEFAULT 'UTC') RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    why  text; what text; hint text; form text;
BEGIN
    SELECT v.why, v.what, v.hint INTO why, what, hint FROM tally_internal._tree_varies(tree) v;
    IF why IS NULL AND tally_internal._reads_the_clock(tree, expression, kind LIKE 'expand%') THEN
        why := 'clock';
        what := 'a word such as ''now'' or ''today''';
    END IF;
    IF why IS NULL THEN RETURN; END IF;
    -- The same expression by a clock that is named, where it is over the time column itself.
    form := regexp_replace(expression, '\m' || time_column || '\M', format('(%s AT TIME ZONE %L)', time_column, zone), 'g');
    hint := COALESCE(hint, CASE why
        WHEN 'zone' THEN format('Name the zone, for example: %s', CASE WHEN form <> expression AND expression !~* 'at time zone' THEN form
                                ELSE format('extract(hour FROM event_time AT TIME ZONE %L)', zone) END)
        WHEN 'text' THEN format('Say how it is written, for example: to_char(event_time AT TIME ZONE %L, ''YYYY-MM-DD''), round(price::numeric, 2)::text, '
            'extract(epoch FROM duration)::text or encode(token, ''hex'')', zone)
        WHEN 'read' THEN 'Say how it is read, for example: to_date(day, ''YYYY-MM-DD''), make_timestamptz(2026, 1, 31, 0, 0, 0, ''UTC'') or '
            'make_interval(secs => seconds); or keep it in a column of its type.'
        WHEN 'locale' THEN 'Give the format as a constant without TM, D, G and L.'
        WHEN 'place' THEN 'Keep it in a column of the source: PostgreSQL moves rows, locks them and restores them without a write.'
        WHEN 'clock' THEN 'Ask for the time when you read the rollup: SELECT … WHERE bucket > now() - interval ''7 days''; or keep it in a column of the '
            'source.'
        ELSE 'Keep it in a column of the source, written when the row is.' END);
    PERFORM tally_internal._refuse('invalid_object_definition',
        format('%s %L depends on %s: %s', kind, label, CASE why WHEN 'zone' THEN 'the TimeZone of the session' WHEN 'clock' THEN 'the clock'
                         WHEN 'place' THEN 'where a row lies'
                         WHEN 'session' THEN 'the session'
            WHEN 'function' THEN 'a function that may depend on the session' ELSE 'settings of the session' END, what),
        format('The expression is %s. It would give each reader another answer, and stored rows none of those. Expected an expression over the row '
            'alone.', expression),
        hint);
END $$;
COMMENT ON FUNCTION tally_internal._refuse_session(pg_node_tree, text, text, text, text, text) IS
'An error with the form to write where a parsed expression depends on the session that computes it: its settings, its role or the clock.';
