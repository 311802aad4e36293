-- Owns: running a definition, capture, and what the engine asks about its own work, in SQL.

CREATE OR REPLACE FUNCTION tally_internal._bound_path(search_path text) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schemas text := (SELECT string_agg(quote_ident(CASE WHEN p.part[1] LIKE '"%' THEN replace(substr(p.part[1], 2, length(p.part[1]) - 2), '""', '"')
                                                        ELSE lower(p.part[1]) END), ', ' ORDER BY p.n)
                       FROM regexp_matches(search_path, '\s*("(?:[^"]|"")*"|[^,\s"]+)\s*(?:,|$)', 'g') WITH ORDINALITY p(part, n)
                      WHERE lower(btrim(p.part[1], '"')) NOT IN ('pg_catalog', 'pg_temp'));
BEGIN
    RETURN concat_ws(', ', 'pg_catalog', schemas, 'pg_temp');
END $$;

CREATE OR REPLACE FUNCTION tally_internal._check_owner(owner regrole) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = owner) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = 'the owner of this definition is gone, so its SQL runs as nobody',
            DETAIL = 'A definition runs with the rights of the role that owns it, and with no other''s.',
            HINT = 'SELECT tally.set_owner(''<rollup>'', ''<role>'');';
    ELSIF owner <> tally_internal._current_role() THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('in the hosted edition a definition runs as the role that installed pg_tally, expected %s, got one of %s',
                             tally_internal._current_role(), owner),
            DETAIL = 'No role but a superuser can switch to another within a function.',
            HINT = format('SET ROLE %s;  -- and define it anew', tally_internal._current_role());
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_owner(regrole) IS 'An error where a definition''s owner is not who runs it.';

CREATE OR REPLACE FUNCTION tally_internal._at_work() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT current_setting('tally.at_work', true) = 'on' $$;

CREATE OR REPLACE FUNCTION tally_internal._short_context() RETURNS boolean
LANGUAGE sql VOLATILE AS $$ SELECT true $$;

CREATE OR REPLACE FUNCTION tally_internal._note_writer(relation oid) RETURNS boolean
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('tally.writer', relation::text || ' ' || tally_internal._current_role()::oid::text, true);
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._writer(relation oid) RETURNS regrole
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    noted text := current_setting('tally.writer', true);
BEGIN
    RETURN CASE WHEN split_part(noted, ' ', 1) = relation::text THEN split_part(noted, ' ', 2)::oid ELSE 0::oid END::regrole;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._capture_forget() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('tally.marked', '', true);
END $$;

CREATE OR REPLACE FUNCTION tally_internal._mark(targets text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER COST 1 SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    target text;
    rollup int;
    start  timestamptz;
    -- The last marks of this transaction. A rollback to a savepoint takes this setting back together with the marks.
    known  text := COALESCE(current_setting('tally.marked', true), '');
    word   text;
BEGIN
    FOREACH target IN ARRAY string_to_array(targets, '; ') LOOP
        rollup := split_part(target, ' ', 1)::int;
        start := COALESCE(tally_internal._bucket_start(substr(target, strpos(target, ' ') + 1), at), 'infinity');
        IF start = '-infinity' THEN start := 'infinity'; END IF;
        word := format('|%s %s|', rollup, CASE WHEN isfinite(start) THEN extract(epoch FROM start)::text ELSE 'none' END);
        IF strpos(known, word) = 0 THEN
            INSERT INTO tally.dirty (rollup_id, bucket) SELECT rollup, start WHERE EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup AND r.key IS NULL);
            known := word || left(known, 500);
            PERFORM set_config('tally.marked', known, true);
        END IF;
    END LOOP;
    RETURN false;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._mark_key(targets text, key text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER COST 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rollup text;
    known  text := COALESCE(current_setting('tally.marked', true), '');
    word   text;
BEGIN
    IF key IS NULL OR array_position(key, NULL) IS NOT NULL THEN RETURN false; END IF;
    FOREACH rollup IN ARRAY string_to_array(targets, ' ') LOOP
        word := format('|%s %s|', rollup::int, md5(key::text));
        CONTINUE WHEN strpos(known, word) > 0;
        IF EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup::int AND cardinality(r.key) = cardinality($2))
            AND to_regclass('tally.dirty_keys_' || rollup::int) IS NOT NULL THEN
            EXECUTE format('INSERT INTO tally.%I (key, marked_at) VALUES ($1, now())', 'dirty_keys_' || rollup::int) USING key;
        END IF;
        known := word || left(known, 500);
        PERFORM set_config('tally.marked', known, true);
    END LOOP;
    RETURN false;
END $$;

CREATE OR REPLACE FUNCTION tally_internal._statistics_filled(statistics oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- Only a superuser reads the data; the view shows those of the role's own tables.
    SELECT EXISTS (SELECT FROM pg_stats_ext x JOIN pg_namespace n ON n.nspname = x.statistics_schemaname
                     JOIN pg_statistic_ext s ON s.stxnamespace = n.oid AND s.stxname = x.statistics_name WHERE s.oid = statistics)
$$;

CREATE OR REPLACE FUNCTION tally_internal._guard(reader regrole) RETURNS void
LANGUAGE sql VOLATILE AS '';

CREATE FUNCTION tally_internal._rest_of_call(words text[], first int, OUT arguments text[], OUT behind int)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    depth int := 1;
    one   text := '';
BEGIN
    arguments := '{}';
    FOR i IN first .. cardinality(words) LOOP
        IF words[i] IN ('(', '[') THEN depth := depth + 1; ELSIF words[i] IN (')', ']') THEN depth := depth - 1; END IF;
        IF depth = 0 OR depth = 1 AND words[i] = ',' THEN
            arguments := arguments || btrim(one, E' \t\n');
            one := '';
            IF depth = 0 THEN behind := i + 1; RETURN; END IF;
        ELSE
            one := one || words[i];
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._rest_of_call(text[], int) IS 'The arguments of a call whose words begin behind its parenthesis, and where the words go on.';

CREATE OR REPLACE FUNCTION tally_internal._computed_sql(measure text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words text[] := ARRAY(SELECT w.token FROM tally_internal._tokens_of(measure) w
                           WHERE w.token !~ '^(--|/\*)' ORDER BY w.n);
    head  text := regexp_replace(array_to_string(words[1:5], ''), '\s', '', 'g');
    first int := array_position(words, '(') + 1;
    call  record;
BEGIN
    -- Only a call of one plain argument, written with its schema, is known for certain. All others are computed by the aggregate itself.
    IF head !~ '^(tally\.tdigest\(|tally\.hll\()' OR words[1] <> 'tally' THEN RETURN measure; END IF;
    call := tally_internal._rest_of_call(words, first);
    IF cardinality(call.arguments) <> 1 OR call.arguments[1] ~* '^\s*(distinct|all|variadic|\*)|\morder\s+by\M' THEN RETURN measure; END IF;
    RETURN CASE WHEN head LIKE 'tally.tdigest%'
        THEN format('tally_internal._tdigest_of(pg_catalog.array_agg((%s)::pg_catalog.float8)%s)', call.arguments[1],
                    (SELECT string_agg(w, '' ORDER BY n) FROM unnest(words[call.behind:]) WITH ORDINALITY u(w, n)))
        ELSE format('tally_internal._hll_of(pg_catalog.array_agg(DISTINCT tally_internal._hll_hash(%s))%s)', call.arguments[1],
                    (SELECT string_agg(w, '' ORDER BY n) FROM unnest(words[call.behind:]) WITH ORDINALITY u(w, n))) END;
END $$;
