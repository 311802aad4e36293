-- Owns: the checks of a new rollup that come before its SQL: name, schema, rights, the shape of the JSON, the source and its time column.

CREATE OR REPLACE FUNCTION tally_internal._may_create(label text, target text, source regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
BEGIN
    -- The longest name made from it ends in _tally_groups, and PostgreSQL cuts names at 63 bytes.
    IF octet_length(label) NOT BETWEEN 1 AND 50 THEN
        PERFORM tally_internal._refuse('invalid_name', format('the name of a rollup must have 1 to 50 bytes, got %s: %L', octet_length(label), label),
            'Views and statistics are named after it.',
            format('SELECT tally.create_rollup(%L, …);', COALESCE(NULLIF(left(label, 20), ''), 'events_hourly')));
    END IF;
    IF target IS NULL OR to_regnamespace(quote_ident(target)) IS NULL THEN
        PERFORM tally_internal._refuse('invalid_schema_name',
            format('rollup %L needs a schema to live in, got %s', label, COALESCE(quote_literal(target), 'none in the search_path')),
            'Its table and views are made in the schema of its name, or in the first of the search_path.',
            format('CREATE SCHEMA %I;', COALESCE(target, 'analytics')));
    END IF;
    SELECT string_agg(privilege, ', ') INTO missing FROM unnest('{SELECT,TRIGGER}'::text[]) privilege WHERE NOT has_table_privilege(source, privilege);
    IF NOT has_schema_privilege(target, 'CREATE') THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('rollup %L needs the right to create in schema %I, which %I lacks', label, target, current_user),
            'Its table and views belong to the role that defines it.',
            format('GRANT CREATE ON SCHEMA %I TO %I;', target, current_user));
    ELSIF missing IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('rollup %L needs SELECT and TRIGGER on %s, of which %I lacks %s', label, source, current_user, missing),
            'The definition reads the source with the rights of the role that makes it, and capture is a trigger on it.',
            format('GRANT %s ON %s TO %I;', missing, source, current_user));
    ELSIF tally_internal._must_own_sources() AND NOT tally_internal._has_rights_of((SELECT c.relowner FROM pg_class c WHERE c.oid = source)) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('rollup %L needs a source that %I owns, got %s, which %s owns', label, current_user, source,
                   (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = source)),
            'Capture is a trigger that must fire for every write. Only the owner of a table may set that (ENABLE ALWAYS).',
            format('ALTER TABLE %s OWNER TO %I;', source, current_user));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._may_create(text, text, regclass) IS
'An error with the statement to run where name, schema or rights do not allow a rollup.';

CREATE OR REPLACE FUNCTION tally_internal._check_shape(label text, dimensions jsonb, measures jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bad text;
BEGIN
    bad := CASE
        WHEN jsonb_typeof(dimensions) <> 'array' THEN dimensions::text
        WHEN jsonb_typeof(dimensions) = 'array' THEN
            (SELECT d::text FROM jsonb_array_elements(dimensions) d
              WHERE CASE jsonb_typeof(d) WHEN 'string' THEN d #>> '{}' = ''
                    WHEN 'object' THEN d = '{}' OR EXISTS (SELECT FROM jsonb_each(d) e WHERE jsonb_typeof(e.value) <> 'string' OR e.key = '')
                        ELSE true END LIMIT 1) END;
    IF bad IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('dimensions of rollup %L must be an array of columns and {"name": "expression"} objects, got %s', label, bad), NULL,
            'Use for example dimensions => ''["world", {"device": "meta->>''''device''''"}]''.');
    END IF;
    bad := CASE
        WHEN jsonb_typeof(measures) <> 'object' THEN measures::text
        WHEN jsonb_typeof(measures) = 'object' THEN
            (SELECT format('"%s": %s', e.key, e.value) FROM jsonb_each(measures) e WHERE jsonb_typeof(e.value) <> 'string' OR e.key = '' LIMIT 1) END;
    IF bad IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('measures of rollup %L must be an object of {"name": "aggregate"}, got %s', label, bad), NULL,
            'Use for example measures => ''{"events": "count(*)", "total": "sum(amount)"}''.');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_shape(text, jsonb, jsonb) IS 'An error that shows the form where dimensions or measures have another.';

CREATE OR REPLACE FUNCTION tally_internal._check_source(source regclass, label text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text;
    given text;
    lasts "char";
BEGIN
    SELECT n.nspname, c.relname, c.relpersistence INTO place, given, lasts FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = source;
    IF lasts = 't' THEN
        PERFORM tally_internal._refuse('wrong_object_type', format('rollup %L needs a source that stays, got the temporary table %s', label, source),
            'Other sessions refresh and read a rollup, and they do not see it.', format('CREATE TABLE %I AS TABLE %s;', given || '_kept', source));
    ELSIF place IN ('tally', 'tally_internal', 'pg_catalog', 'information_schema') THEN
        PERFORM tally_internal._refuse('wrong_object_type', format('rollup %L needs a table of yours as source, got %s', label, source),
            'Triggers do not see changes of PostgreSQL''s own tables, and a refresh itself changes those of pg_tally.',
                'SELECT oid::regclass FROM pg_class WHERE relkind IN (''r'', ''p'');');
    ELSIF given LIKE '\_tally%' THEN
        PERFORM tally_internal._refuse('reserved_name', format('rollup %L needs a source whose name does not begin with _tally, got %s', label, source),
            'The engine''s own statements use such names beside the source''s.', format('ALTER TABLE %s RENAME TO %I;', source, ltrim(given, '_')));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_source(regclass, text) IS
'An error where a table cannot be the source of a rollup: a temporary one, one of PostgreSQL''s or pg_tally''s own, or one by a name that the engine uses.';

CREATE OR REPLACE FUNCTION tally_internal._time_type(source regclass, time_column text, label text, per_key boolean DEFAULT false) RETURNS regtype
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found    regtype;
    usable   text;
    addition text;
    kind   "char" := (SELECT c.relkind FROM pg_class c WHERE c.oid = source);
BEGIN
    PERFORM tally_internal._refuse_far(source, label);
    IF kind NOT IN ('r', 'p') THEN
        PERFORM tally_internal._refuse('wrong_object_type',
            format('rollup %L needs a table, a partitioned table or a rollup as source, got %s', label, source),
            'Changes are captured by triggers on rows, which only tables have.',
            CASE WHEN kind IN ('v', 'm')
                 THEN format('SELECT DISTINCT d.refobjid::regclass FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid '
                             'WHERE w.ev_class = %L::regclass;', source)
                 ELSE 'SELECT oid::regclass FROM pg_class WHERE relkind IN (''r'', ''p'');' END);
    END IF;
    PERFORM tally_internal._check_source(source, label);
    IF per_key THEN RETURN NULL; END IF;
    SELECT a.atttypid INTO found FROM pg_attribute a
     WHERE a.attrelid = source AND a.attname = time_column AND a.attnum > 0 AND NOT a.attisdropped;
    IF found IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) THEN
        RETURN found;
    END IF;
    SELECT string_agg(quote_literal(a.attname), ', ' ORDER BY a.attnum) INTO usable FROM pg_attribute a
     WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped
       AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype);
    addition := COALESCE(tally_internal._add_time_column(source, time_column, found), tally_internal._add_computed_time(source, time_column));
    PERFORM tally_internal._refuse(CASE WHEN found IS NULL AND time_column IS NOT NULL THEN 'undefined_column' ELSE 'datatype_mismatch' END,
        format('rollup %L needs a time column of %s, got %s', label, source,
            CASE WHEN time_column IS NULL THEN 'none' WHEN found IS NULL THEN format('%L, which does not exist', time_column)
                 ELSE format('%L of type %s', time_column, found) END),
        format('Of type timestamptz, timestamp or date, %s has %s.', source, COALESCE(usable, 'no column')),
        -- A number, a domain over a time, or an expression holds the time that is meant.
        COALESCE(CASE WHEN strpos(addition, 'GENERATED ALWAYS') > 0 THEN addition END,
                 'SELECT tally.create_rollup(' || quote_literal(label) || ', ' || quote_literal(source) || ', time_column => ' || split_part(usable, ', ', 1)
                     || ', …);',
                 addition,
                 format('ALTER TABLE %s ADD COLUMN event_time timestamptz NOT NULL DEFAULT now();', source)));
END $$;
COMMENT ON FUNCTION tally_internal._time_type(regclass, text, text, boolean) IS
'Type of a source''s time column, or an error that lists the usable ones; an error too where the source is no table.';
