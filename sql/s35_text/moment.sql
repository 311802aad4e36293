-- Owns: moments as SQL text. A statement that is executed takes its moments as parameters; this is for text that is kept (views) or
-- that others complete (queries with :as_of).

CREATE OR REPLACE FUNCTION tally_internal._utc_literal(moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- It is written in UTC and in figures. Text by a session's DateStyle and TimeZone may be read differently: IST is India's and Israel's.
    SELECT CASE WHEN NOT isfinite(moment) THEN format('%L::pg_catalog.timestamptz', CASE WHEN moment > '2000-01-01 00:00+00' THEN 'infinity'
                                                      ELSE '-infinity' END)
                -- A year has as many figures as it needs. 'YYYY' alone says nothing of the time before Christ.
                ELSE format('%L::pg_catalog.timestamptz', to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'
                            || CASE WHEN moment < '0001-01-01 00:00+00' THEN ' BC' ELSE '' END) END
$$;
COMMENT ON FUNCTION tally_internal._utc_literal(timestamptz) IS 'A moment as SQL text that every session reads alike.';
