-- Owns: moments as SQL text. A statement that is executed takes its moments as parameters; this is for text that is kept (views) or
-- that others complete (queries with :as_of).

CREATE OR REPLACE FUNCTION tally_internal._utc_text(moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- It is written in UTC and in figures. Text by a session's DateStyle and TimeZone may be read differently: IST is India's and Israel's.
    SELECT CASE WHEN NOT isfinite(moment) THEN CASE WHEN moment > '2000-01-01 00:00+00' THEN 'infinity' ELSE '-infinity' END
                -- A year has as many figures as it needs. 'YYYY' alone says nothing of the time before Christ.
                ELSE to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || 'Z'
                     || CASE WHEN moment < '0001-01-01 00:00+00' THEN ' BC' ELSE '' END END
$$;
COMMENT ON FUNCTION tally_internal._utc_text(timestamptz) IS 'A moment as text that every session and every function reads alike.';

CREATE OR REPLACE FUNCTION tally_internal._utc_literal(moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%L::pg_catalog.timestamptz', tally_internal._utc_text(moment))
$$;
COMMENT ON FUNCTION tally_internal._utc_literal(timestamptz) IS 'A moment as SQL: _utc_text() as a constant.';
