-- Owns: capture in SQL: the conditions of triggers that leave marks. What a transaction has marked is kept in settings, which a rollback to a savepoint
-- takes back together with the marks.

CREATE OR REPLACE FUNCTION tally_internal._capture_forget() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('tally.marked', '', true), set_config('tally.last', '', true), set_config('tally.whole', '', true),
        set_config('tally.written', '', true);
END $$;

CREATE FUNCTION tally_internal._mark_all(rollup_id int) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whole text := COALESCE(current_setting('tally.whole', true), '');
BEGIN
    IF strpos(whole, format('|%s|', rollup_id)) > 0 THEN RETURN; END IF;
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, '-infinity', 'infinity', 'many marks of one transaction' FROM tally.rollups r WHERE r.id = $1;
    IF FOUND THEN PERFORM set_config('tally.whole', format('%s|%s|', whole, rollup_id), true); END IF;
END $$;
COMMENT ON FUNCTION tally_internal._mark_all(int) IS 'Marks all of a rollup, once a transaction. The rest of the transaction leaves no other marks of it.';
REVOKE ALL ON FUNCTION tally_internal._mark_all(int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._mark_whole(rollup_id int) RETURNS void
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._mark_all(r.id) FROM tally.rollups r WHERE r.id = $1 AND r.key IS NOT NULL
$$;

CREATE FUNCTION tally_internal._may_mark_one(rollup_id int, most int) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- '|<rollup> <marks>|…'. A rollback to a savepoint takes it back.
    written text := COALESCE(current_setting('tally.written', true), '');
    n       text := split_part(split_part(written, format('|%s ', rollup_id), 2), '|', 1);
BEGIN
    IF n = '' THEN
        PERFORM set_config('tally.written', format('%s|%s 1|', written, rollup_id), true);
    ELSIF n::int < most THEN
        PERFORM set_config('tally.written', replace(written, format('|%s %s|', rollup_id, n), format('|%s %s|', rollup_id, n::int + 1)), true);
    ELSE
        -- To read so many marks costs more than to read all, and nobody fills the disk with them.
        PERFORM tally_internal._mark_all(rollup_id);
        RETURN false;
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._may_mark_one(int, int) IS
'Counts a mark of a rollup that this transaction is to leave. Where it has left the most that it may, all of the rollup is marked instead: false.';
REVOKE ALL ON FUNCTION tally_internal._may_mark_one(int, int) FROM PUBLIC;

CREATE FUNCTION tally_internal._targets_of(targets text) RETURNS TABLE (rollup int, rule text)
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part  text;
    word  text;
    first int;
BEGIN
    -- "<rollup> <bucket rule>", or "<rollup>:<word> <word> …" for rollups whose numbers follow each other. As one statement it was planned at each call,
    -- which took half of what a mark costs.
    FOREACH part IN ARRAY string_to_array(targets, '; ') LOOP
        IF part !~ '^\d+:' THEN
            rollup := split_part(part, ' ', 1)::int;
            rule := substr(part, strpos(part, ' ') + 1);
            RETURN NEXT;
            CONTINUE;
        END IF;
        first := split_part(part, ':', 1)::int;
        rollup := NULL;
        FOREACH word IN ARRAY string_to_array(substr(part, strpos(part, ':') + 1), ' ') LOOP
            rollup := COALESCE(rollup + 1, first);
            rule := CASE WHEN word ~ '^\d+[smhdw]$' THEN 'fixed ' || left(word, -1)::bigint * CASE right(word, 1)
                             WHEN 's' THEN 1000000 WHEN 'm' THEN 60000000 WHEN 'h' THEN 3600000000 WHEN 'd' THEN 86400000000 ELSE 604800000000 END
                         WHEN word ~ ',' THEN format('calendar %s %s', split_part(word, ',', 1), substr(word, strpos(word, ',') + 1))
                         ELSE format('calendar %s UTC', word) END;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._targets_of(text) IS 'The rollups that a text of targets names, each with its bucket rule.';

CREATE FUNCTION tally_internal._by_minutes(targets text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Since 2001 every clock of the world was set at a whole minute.
    SELECT bool_and(CASE WHEN t ~ '^\d+ fixed [1-9]\d{0,15}$' THEN split_part(t, ' ', 3)::bigint % 60000000 = 0
                         ELSE t ~ '^\d+ calendar (day|week|month|quarter|year) ' OR t ~ '^\d+:((\d+[mhdw]|(day|week|month|quarter|year)(,[^ ]+)?)( |$))+$' END)
      FROM unnest(string_to_array(targets, '; ')) t
$$;
COMMENT ON FUNCTION tally_internal._by_minutes(text) IS 'Whether all times of one minute lie in the same buckets of all targets.';

CREATE FUNCTION tally_internal._start_or_hour(rule text, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._bucket_start(rule, at);
EXCEPTION WHEN invalid_parameter_value THEN
    -- A zone that PostgreSQL knows no more stops the rollup, not the writer: any instant of its bucket is a mark.
    IF tally_internal._zone_known(tally_internal._zone_of(rule)) THEN RAISE; END IF;
    RETURN tally_internal._bucket_start('fixed 3600000000', at);
END $$;
COMMENT ON FUNCTION tally_internal._start_or_hour(text, timestamptz) IS
'Start of the bucket of a rule of the calendar that holds an instant; that of the hour where PostgreSQL does not know the zone.';

CREATE FUNCTION tally_internal._mark_slowly(targets text, at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER COST 1 SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    target record;
    start  timestamptz;
    -- The last marks of this transaction. A rollback to a savepoint takes this setting back together with the marks.
    known  text := COALESCE(current_setting('tally.marked', true), '');
    whole  text := COALESCE(current_setting('tally.whole', true), '');
    word   text;
    -- A rollup that is not there may be made later in this transaction.
    there  boolean := true;
BEGIN
    FOR target IN SELECT t.rollup, t.rule FROM tally_internal._targets_of(targets) t LOOP
        CONTINUE WHEN strpos(whole, format('|%s|', target.rollup)) > 0;
        start := COALESCE(CASE WHEN starts_with(target.rule, 'fixed ') THEN tally_internal._bucket_start(target.rule, at)
                               ELSE tally_internal._start_or_hour(target.rule, at) END, 'infinity');
        IF start = '-infinity' THEN start := 'infinity'; END IF;
        word := format('|%s %s|', target.rollup, CASE WHEN isfinite(start) THEN extract(epoch FROM start)::text ELSE 'none' END);
        IF strpos(known, word) = 0 THEN
            CONTINUE WHEN NOT tally_internal._may_mark_one(target.rollup, 100000);
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
    whole  text := COALESCE(current_setting('tally.whole', true), '');
    word   text;
BEGIN
    IF array_ndims(key) IS DISTINCT FROM 1 OR array_position(key, NULL) IS NOT NULL THEN RETURN false; END IF;
    -- Counted from 1, as the stored ones are.
    key := key[:];
    FOREACH rollup IN ARRAY string_to_array(targets, ' ') LOOP
        word := format('|%s %s|', rollup::int, md5(key::text));
        CONTINUE WHEN strpos(known, word) > 0 OR strpos(whole, format('|%s|', rollup)) > 0;
        CONTINUE WHEN NOT tally_internal._may_mark_one(rollup::int, 1000000);
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
