-- Owns: capture in SQL: the conditions of triggers that leave marks. What a transaction has marked is kept in settings, which a rollback to a savepoint
-- takes back together with the marks.

CREATE OR REPLACE FUNCTION tally_internal._capture_forget() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('tally.marked', '', true), set_config('tally.last', '', true);
END $$;

CREATE OR REPLACE FUNCTION tally_internal._mark_whole(rollup_id int) RETURNS void
LANGUAGE sql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- A refresh asks for it where all is marked already. Rows that it writes mark their keys one by one here.
    SELECT
$$;

CREATE FUNCTION tally_internal._targets_of(targets text) RETURNS TABLE (rollup int, rule text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- "<rollup> <bucket rule>", or "<rollup>:<word> <word> …" for rollups whose numbers follow each other.
    SELECT CASE WHEN p ~ '^\d+:' THEN split_part(p, ':', 1)::int + (n::int - 1) ELSE split_part(p, ' ', 1)::int END,
           CASE WHEN p !~ '^\d+:' THEN word
                WHEN word ~ '^\d+[smhdw]$' THEN 'fixed ' || left(word, -1)::bigint
                    * CASE right(word, 1) WHEN 's' THEN 1000000 WHEN 'm' THEN 60000000 WHEN 'h' THEN 3600000000 WHEN 'd' THEN 86400000000 ELSE 604800000000 END
                WHEN word ~ ',' THEN format('calendar %s %s', split_part(word, ',', 1), substr(word, strpos(word, ',') + 1))
                ELSE format('calendar %s UTC', word) END
      FROM unnest(string_to_array(targets, '; ')) p,
           unnest(CASE WHEN p ~ '^\d+:' THEN string_to_array(substr(p, strpos(p, ':') + 1), ' ') ELSE ARRAY[substr(p, strpos(p, ' ') + 1)] END)
               WITH ORDINALITY w(word, n)
$$;
COMMENT ON FUNCTION tally_internal._targets_of(text) IS 'The rollups that a text of targets names, each with its bucket rule.';

CREATE FUNCTION tally_internal._by_minutes(targets text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Since 2001 every clock of the world was set at a whole minute.
    SELECT bool_and(CASE WHEN t ~ '^\d+ fixed [1-9]\d{0,15}$' THEN split_part(t, ' ', 3)::bigint % 60000000 = 0
                         ELSE t ~ '^\d+ calendar (day|week|month|quarter|year) ' OR t ~ '^\d+:((\d+[mhdw]|(day|week|month|quarter|year)(,[^ ]+)?)( |$))+$' END)
      FROM unnest(string_to_array(targets, '; ')) t
$$;
COMMENT ON FUNCTION tally_internal._by_minutes(text) IS 'Whether all times of one minute lie in the same buckets of all targets.';

CREATE FUNCTION tally_internal._mark_slowly(targets text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER COST 1 SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    target record;
    start  timestamptz;
    -- The last marks of this transaction. A rollback to a savepoint takes this setting back together with the marks.
    known  text := COALESCE(current_setting('tally.marked', true), '');
    word   text;
    -- A rollup that is not there may be made later in this transaction.
    there  boolean := true;
BEGIN
    FOR target IN SELECT t.rollup, t.rule FROM tally_internal._targets_of(targets) t LOOP
        start := COALESCE(tally_internal._bucket_start(target.rule, at), 'infinity');
        IF start = '-infinity' THEN start := 'infinity'; END IF;
        word := format('|%s %s|', target.rollup, CASE WHEN isfinite(start) THEN extract(epoch FROM start)::text ELSE 'none' END);
        IF strpos(known, word) = 0 THEN
            INSERT INTO tally.dirty (rollup_id, bucket) SELECT target.rollup, start
             WHERE EXISTS (SELECT FROM tally.rollups r WHERE r.id = target.rollup AND r.key IS NULL);
            there := there AND FOUND;
            CONTINUE WHEN NOT FOUND;
            known := word || left(known, 500);
            PERFORM set_config('tally.marked', known, true);
        END IF;
    END LOOP;
    IF there AND at > timestamptz '2001-01-01 00:00:00+00' AND at < timestamptz '2200-01-01 00:00:00+00' THEN
        PERFORM set_config('tally.last', concat(hashtextextended(targets, 0), ' ', timestamp_hash_extended(
            date_bin(interval '1 minute', at, timestamptz '2000-01-03 00:00:00+00') AT TIME ZONE 'UTC', 0)), true);
    END IF;
    RETURN false;
END $$;
COMMENT ON FUNCTION tally_internal._mark_slowly(text, timestamptz) IS '_mark() of a row whose minute is another than that of the row before.';

CREATE OR REPLACE FUNCTION tally_internal._mark(targets text, at timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE COST 1 RETURN CASE
    -- This becomes part of the trigger's condition. Rows of one minute follow each other, and only the first of them needs a function.
    WHEN at OPERATOR(pg_catalog.>) timestamptz '2001-01-01 00:00:00+00' AND at OPERATOR(pg_catalog.<) timestamptz '2200-01-01 00:00:00+00'
        AND tally_internal._by_minutes(targets) AND pg_catalog.current_setting('tally.last', true) OPERATOR(pg_catalog.=)
            (pg_catalog.hashtextextended(targets, 0)::pg_catalog.text OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||)
             pg_catalog.timestamp_hash_extended(pg_catalog.timezone('UTC', pg_catalog.date_bin(interval '1 minute', at,
                 timestamptz '2000-01-03 00:00:00+00')), 0)::pg_catalog.text)
    THEN false ELSE tally_internal._mark_slowly(targets, at) END;

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

CREATE OR REPLACE FUNCTION tally_internal._must_own_sources() RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT true $$;
