-- Owns: tally.upsert: it writes one row, given as JSON, into a table. The conflict key is an argument, so a service can choose it.

CREATE OR REPLACE FUNCTION tally.upsert(relation regclass, "row" jsonb, conflict text[]) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    given   text[];
    unknown text;
    changed text;
    result  text;
BEGIN
    IF jsonb_typeof("row") IS DISTINCT FROM 'object' OR COALESCE(cardinality(conflict), 0) = 0 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('upsert needs a row as a JSON object and at least one column of conflict, got %s and %s', COALESCE("row"::text, 'NULL'),
                             COALESCE(conflict::text, 'NULL')), NULL,
            format('SELECT tally.upsert(%L, ''{"id": 1}'', ''{id}'');', relation));
    END IF;
    SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL),
           string_agg(quote_literal(k.key), ', ' ORDER BY k.key) FILTER (WHERE a.attname IS NULL),
           string_agg(format('%1$I = excluded.%1$I', a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attname <> ALL (conflict))
      INTO given, unknown, changed
      FROM jsonb_object_keys("row") k(key)
      LEFT JOIN pg_attribute a ON a.attrelid = relation AND a.attname = k.key AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
    unknown := COALESCE(unknown, (SELECT string_agg(quote_literal(c), ', ') FROM unnest(conflict) c WHERE quote_ident(c) <> ALL (COALESCE(given, '{}'))));
    IF unknown IS NOT NULL THEN
        PERFORM tally_internal._refuse('undefined_column',
            format('a row for %s must be made of its columns and hold those of the conflict key %s; not so: %s', relation, conflict, unknown),
            format('It has %s.', (SELECT string_agg(quote_literal(k), ', ' ORDER BY k) FROM jsonb_object_keys("row") k)),
            format('SELECT attname FROM pg_attribute WHERE attrelid = %L::regclass AND attnum > 0;', relation::text));
    END IF;
    -- Columns that the row does not name stay as they are. xmax tells an inserted row from one that was there.
    EXECUTE format('INSERT INTO %1$s AS t (%2$s) SELECT %2$s FROM pg_catalog.jsonb_populate_record(NULL::%1$s, $1) ON CONFLICT (%3$s) %4$s RETURNING CASE '
        'WHEN xmax = 0 THEN ''inserted'' ELSE ''updated'' END',
                   relation, array_to_string(given, ', '), (SELECT string_agg(quote_ident(c), ', ' ORDER BY o) FROM unnest(conflict) WITH ORDINALITY u(c, o)),
                   COALESCE('DO UPDATE SET ' || changed, 'DO NOTHING')) INTO result USING "row";
    RETURN COALESCE(result, 'unchanged');
EXCEPTION WHEN invalid_column_reference THEN
    PERFORM tally_internal._refuse('invalid_column_reference',
        format('the conflict key %s of %s must have a unique index, got none', conflict, relation),
        SQLERRM,
        format('CREATE UNIQUE INDEX ON %s (%s);', relation, (SELECT string_agg(quote_ident(c), ', ' ORDER BY o)
                                                                    FROM unnest(conflict) WITH ORDINALITY u(c, o))));
END $$;
COMMENT ON FUNCTION tally.upsert(regclass, jsonb, text[]) IS
'Inserts a row that is given as a JSON object. If the conflict key is there already, it updates the columns that the object names. It says inserted, '
'updated or unchanged. It runs with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally.number(value jsonb) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- A cast of a number that is too great or too small for float8 is an error. Here it gives NULL or 0, so that an index can use the function.
RETURN CASE WHEN pg_catalog.jsonb_typeof(value) OPERATOR(pg_catalog.=) 'number' THEN
    CASE WHEN pg_catalog.abs(value::numeric) OPERATOR(pg_catalog.<) 1e-300 THEN 0
        WHEN pg_catalog.abs(value::numeric) OPERATOR(pg_catalog.<) 1e300 THEN value::float8 END END;
COMMENT ON FUNCTION tally.number(jsonb) IS 'A JSON number, NULL for any other JSON; never an error.';
