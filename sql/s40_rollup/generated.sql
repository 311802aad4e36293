-- Owns: generated columns that hold in a usable type what another column holds: the statements that hints give where a column cannot be a key or a time, and
-- the local times of rows with a zone each. Such a column is captured like any other, and PostgreSQL keeps it up to date. Its expression must be immutable.

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

CREATE OR REPLACE FUNCTION tally_internal._add_computed_time(source regclass, expression text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('ALTER TABLE %s ADD COLUMN %I timestamptz GENERATED ALWAYS AS (%s) STORED;  -- then time_column => %2$L', source,
                  CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = 'event_time') THEN 'computed_time'
                       ELSE 'event_time' END,
                  expression)
     -- What no name holds without quotes is meant as an expression.
     WHERE expression ~ '[(:+*/>]'
$$;
COMMENT ON FUNCTION tally_internal._add_computed_time(regclass, text) IS
'The statement that adds a generated column for a time column that was given as an expression; null where it looks like a name.';

CREATE OR REPLACE FUNCTION tally_internal._local_column(source regclass, time_column text, zone text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.attname::text FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = source AND a.attgenerated = 's' AND a.atttypid = 'timestamp'::regtype AND NOT a.attisdropped
       AND regexp_replace(pg_get_expr(d.adbin, d.adrelid), '\((("[^"]+"|\w+))\)::text', '\1')
           IN (format('tally.local_time(%I, %I)', time_column, zone), format('(%I AT TIME ZONE %I)', time_column, zone))
     ORDER BY a.attnum LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._local_column(regclass, text, text) IS
'The generated column of a table that holds a time by the clock of the zone in another column; null where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._row_zone(label text, source regclass, INOUT time_column text, INOUT zone text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    above    tally.rollups;
    local    text;
    addition text;
BEGIN
    IF tally_internal._zone_known(zone) OR NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = zone AND a.attnum > 0
            AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'varchar'::regtype))
        OR NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = time_column AND a.atttypid = 'timestamptz'::regtype) THEN
        RETURN;
    END IF;
    SELECT * INTO above FROM tally.rollups r WHERE r.relation = source;
    IF above.id IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('rollup %L cannot give buckets of rollup %L a zone for each row, got the column %I', label, above.name, zone),
            'A bucket no longer knows the moments of its rows, and each zone would cut it at another place. Only rows of a table can have a zone each.',
            format('SELECT tally.create_rollup(%L, %L, %L, zone => %L, …);', label, above.source::text, above.time_column, zone));
    END IF;
    local := tally_internal._local_column(source, time_column, zone);
    IF local IS NULL THEN
        SELECT left(time_column, 50) || '_local' || u.n INTO local FROM unnest('{"",2,3,4,5,6,7,8,9}'::text[]) WITH ORDINALITY u(n, place)
         WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = left(time_column, 50) || '_local' || u.n)
         ORDER BY u.place LIMIT 1;
        addition := format('ALTER TABLE %s ADD COLUMN %I timestamp GENERATED ALWAYS AS (tally.local_time(%I, %I)) STORED;', source, local, time_column, zone);
        IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = source AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                AND tally_internal._has_rights_of(c.relowner)) THEN
            PERFORM tally_internal._refuse('insufficient_privilege',
                format('a zone for each row of %s needs a column with local times, which %I cannot add', source, current_user),
                'The owner of the table adds it; of a partition, to the whole table. Then the same create_rollup() takes it.', addition);
        END IF;
        EXECUTE addition;
        RAISE NOTICE USING MESSAGE = format('column %I is added to %s: the local time of each row, by its %I', local, source, zone),
            DETAIL = 'A row whose zone PostgreSQL does not know has none: it is counted as an odd row, and no write fails.';
    END IF;
    time_column := local;
    -- The zone in which a day ends last: a day is finished when it is over for every row.
    zone := 'Etc/GMT+12';
END $$;
COMMENT ON FUNCTION tally_internal._row_zone(text, regclass, text, text) IS
'The time column and zone by which a rollup goes: where the zone is a column of the source, the generated column with the local time of each row, which '
    'is added where it is missing, and Etc/GMT+12.';
