-- Owns: the statements that hints give where a column cannot be used as it is: a generated column that holds the same in a usable type. Such a column is
-- captured like any other, and PostgreSQL keeps it up to date. Its expression must be immutable.

CREATE OR REPLACE FUNCTION tally_internal._key_text_sql(written text, type regtype) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- Equal values get one text, and values that differ get two.
    SELECT CASE
        WHEN t.typtype = 'd' THEN tally_internal._key_text_sql(format('%s::%s', written, format_type(t.typbasetype, t.typtypmod)), t.typbasetype)
        WHEN t.typname = 'citext' THEN format('lower(%s::text)', written)
        WHEN type = 'numeric'::regtype THEN format('trim_scale(%s)::text', written)
        WHEN type = 'bytea'::regtype THEN format('encode(%s, ''hex'')', written)
        WHEN type = 'timestamp'::regtype THEN format('extract(epoch FROM %s)::text', written)
        WHEN type = 'timestamptz'::regtype THEN format('extract(epoch FROM %s AT TIME ZONE ''UTC'')::text', written)
        -- An infinite date has a year and no month.
        WHEN type = 'date'::regtype THEN format('COALESCE(extract(year FROM %1$s)::text || ''-'' || lpad(extract(month FROM %1$s)::text, 2, ''0'') || ''-'' '
                                                '|| lpad(extract(day FROM %1$s)::text, 2, ''0''), extract(year FROM %1$s)::text)', written)
        ELSE written || '::text' END
      FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION tally_internal._key_text_sql(text, regtype) IS
'SQL text that turns a value (SQL text too) of a type that cannot be a key into the text that can, without the session''s settings.';

CREATE OR REPLACE FUNCTION tally_internal._add_key_column(source regclass, name text, type regtype) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('ALTER TABLE %1$s ADD COLUMN %2$I text GENERATED ALWAYS AS (%3$s) STORED;  -- then key => %2$L',
                  source, left(name, 40) || '_key', tally_internal._key_text_sql(quote_ident(name), type))
$$;
COMMENT ON FUNCTION tally_internal._add_key_column(regclass, text, regtype) IS 'The statement that adds a text column for a column that cannot be a key.';

CREATE OR REPLACE FUNCTION tally_internal._add_time_column(source regclass, name text, type regtype) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('ALTER TABLE %s ADD COLUMN %I %s;  -- then time_column => %2$L', source, left(name, 40) || '_time', CASE
        WHEN t.base IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'float4'::regtype, 'float8'::regtype)
            THEN format('timestamptz GENERATED ALWAYS AS (to_timestamp(%I%s)) STORED', name,
                        -- Seconds since 1970 have ten digits until the year 2286; an epoch in milliseconds has 13.
                        CASE WHEN t.base IN ('int2'::regtype, 'int4'::regtype) THEN '' ELSE format(' / CASE WHEN abs(%I) < 1e11 THEN 1.0 ELSE 1000.0 END', name)
                            END)
        WHEN t.base IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
            THEN format('%s GENERATED ALWAYS AS (%I::%1$s) STORED', t.base, name)
        ELSE 'timestamptz NOT NULL DEFAULT now()' END)
      FROM (SELECT (CASE WHEN x.typtype = 'd' THEN x.typbasetype ELSE x.oid END)::regtype AS base FROM pg_type x WHERE x.oid = type) t
$$;
COMMENT ON FUNCTION tally_internal._add_time_column(regclass, text, regtype) IS
'The statement that adds a time for a column that is none: for an epoch in seconds or milliseconds, and for a domain over a time, a generated column.';

CREATE OR REPLACE FUNCTION tally_internal._check_row_zone(label text, source regclass, time_column text, zone text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    local text := left(time_column, 40) || '_local';
BEGIN
    IF NOT tally_internal._zone_known(zone) AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = zone AND a.attnum > 0
            AND NOT a.attisdropped)
        AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = time_column AND a.atttypid = 'timestamptz'::regtype) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('zone of rollup %L must be the name of one time zone, got the column %I of %s', label, zone, source),
            'A zone for each row is a generated column with the local time of each row. Etc/GMT+12 is the zone in which a day ends last.',
            format('ALTER TABLE %1$s ADD COLUMN %2$I timestamp GENERATED ALWAYS AS (%3$I AT TIME ZONE %4$I) STORED;  '
                   '-- then time_column => %2$L, zone => ''Etc/GMT+12''', source, local, time_column, zone));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_row_zone(text, regclass, text, text) IS
'An error with the statement that makes local times where a column of the source is given as the zone.';
