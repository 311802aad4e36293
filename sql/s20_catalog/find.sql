-- Owns: finding what people name: a rollup, its dimensions and measures, the columns of its key; and a rollup's family.

CREATE OR REPLACE FUNCTION tally_internal._last_name(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT p[array_upper(p, 1)] FROM parse_ident(name) p);
EXCEPTION WHEN invalid_parameter_value THEN
    -- It is no identifier, so it is the name itself.
    RETURN name;
END $$;
COMMENT ON FUNCTION tally_internal._last_name(text) IS 'The name in an identifier as SQL writes it, without its schema and quotes; anything else as it is.';

CREATE OR REPLACE FUNCTION tally_internal._name_parts(name text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[];
BEGIN
    BEGIN
        parts := parse_ident(name);
    EXCEPTION WHEN invalid_parameter_value THEN
        NULL;
    END;
    IF parts IS NULL OR cardinality(parts) > 2 THEN
        PERFORM tally_internal._refuse('invalid_name', format('a name must be written as SQL writes it, with or without a schema, got %s',
            COALESCE(quote_literal(name), 'NULL')), 'Names with spaces, capitals or signs stand in double quotes.',
            format('Use for example %L.', COALESCE(quote_ident(NULLIF(replace(name, '.', '_'), '')), 'events_hourly')));
    END IF;
    RETURN parts;
END $$;
COMMENT ON FUNCTION tally_internal._name_parts(text) IS
'Schema (where it is given) and name in what a person names a new thing; an error with the form to write.';

CREATE OR REPLACE FUNCTION tally_internal._relation_named(name text) RETURNS regclass
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- to_regclass() is an error for who may not use the schema. Then one definition in a schema of its maker's own would stop what reads the
    -- definitions of all.
    SELECT c.oid::regclass FROM parse_ident(name) p(parts)
      JOIN pg_namespace n ON n.nspname = CASE cardinality(p.parts) WHEN 1 THEN 'pg_catalog' ELSE p.parts[1] END
      JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.parts[cardinality(p.parts)]
$$;
COMMENT ON FUNCTION tally_internal._relation_named(text) IS
'A table or view by its name with its schema, as definitions keep it, whatever rights the caller has there; null where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._rollup(name text) RETURNS tally.rollups
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found_ tally.rollups;
    known  text;
BEGIN
    -- As a rule one rollup has the name as it is written, and a new session need not plan the choice among several.
    SELECT * INTO found_ FROM tally.rollups r WHERE r.name = name AND strpos(name, '.') = 0
        AND NOT EXISTS (SELECT FROM tally.rollups x WHERE x.name = r.name AND x.id <> r.id);
    IF found_.id IS NULL THEN
        SELECT * INTO found_ FROM tally.rollups r WHERE r.id = (
            SELECT tally_internal._choose('rollup', name, array_agg(x.id), array_agg(COALESCE(tally_internal._schema_of(x.relation), '')), array_agg(x.name))
              FROM tally.rollups x WHERE x.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    END IF;
    IF found_.id IS NULL THEN
        SELECT string_agg(quote_literal(r.name), ', ' ORDER BY r.name) INTO known FROM tally.rollups r;
        PERFORM tally_internal._refuse('undefined_object', format('rollup %L does not exist', name),
            COALESCE('Known to this role: ' || known || '.', 'This role knows of no rollup yet.'),
            'SELECT name, source FROM tally.rollups;');
    END IF;
    RETURN found_;
END $$;
COMMENT ON FUNCTION tally_internal._rollup(text) IS 'The rollup of a name, or an error that lists the known ones.';

CREATE OR REPLACE FUNCTION tally_internal._called(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._called_by(tally_internal._schema_of(r.relation), r.name, EXISTS (SELECT FROM tally.rollups x WHERE x.name = r.name AND x.id <> r.id))
$$;
COMMENT ON FUNCTION tally_internal._called(tally.rollups) IS
'The name by which a rollup is found from everywhere: with its schema where the bare name is not clear.';

CREATE OR REPLACE FUNCTION tally_internal._with_ancestors(rollup_id int) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Most rollups stand on no other. A new session need not plan the search for them.
    IF EXISTS (SELECT FROM tally.rollups r WHERE r.id = rollup_id AND r.source_rollup IS NULL)
        AND NOT EXISTS (SELECT FROM tally.beside b WHERE b.rollup_id = $1) THEN
        RETURN ARRAY[rollup_id];
    END IF;
    RETURN (
        WITH RECURSIVE up AS (
            SELECT r.id FROM tally.rollups r WHERE r.id = $1
            UNION SELECT s.below FROM up JOIN (SELECT r.id, r.source_rollup AS below FROM tally.rollups r WHERE r.source_rollup IS NOT NULL
                                               UNION ALL SELECT b.rollup_id, b.beside_id FROM tally.beside b) s ON s.id = up.id
        )
        -- A rollup is always made after those it stands on, so numbers are also the order of work and of locks.
        SELECT array_agg(up.id ORDER BY up.id) FROM up);
END $$;
COMMENT ON FUNCTION tally_internal._with_ancestors(int) IS 'A rollup and all that it stands on, in the order in which they are refreshed.';

CREATE OR REPLACE FUNCTION tally_internal._with_descendants(rollup_id int) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE up AS (
        SELECT r.id FROM tally.rollups r WHERE r.id = $1
        UNION SELECT s.id FROM up JOIN (SELECT r.id, r.source_rollup AS below FROM tally.rollups r WHERE r.source_rollup IS NOT NULL
                                        UNION ALL SELECT b.rollup_id, b.beside_id FROM tally.beside b) s ON s.below = up.id
    )
    SELECT array_agg(up.id ORDER BY up.id) FROM up
$$;
COMMENT ON FUNCTION tally_internal._with_descendants(int) IS 'A rollup and all that stand on it, in the order in which they were made.';

CREATE OR REPLACE FUNCTION tally_internal._key_columns(source regclass, key text[]) RETURNS TABLE (place int, name text, type regtype)
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.n::int, k.name, a.atttypid::regtype
      FROM unnest(key) WITH ORDINALITY k(name, n)
      LEFT JOIN pg_attribute a ON a.attrelid = source AND a.attname = k.name AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY k.n
$$;
COMMENT ON FUNCTION tally_internal._key_columns(regclass, text[]) IS
'The columns of a key with their types in the source; type null where there is no such column.';

CREATE OR REPLACE FUNCTION tally_internal._key_names(key text[], template text DEFAULT 'k%s', separator text DEFAULT ', ') RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format(template, k.n, k.name), separator ORDER BY k.n) FROM unnest(key) WITH ORDINALITY k(name, n)
$$;
COMMENT ON FUNCTION tally_internal._key_names(text[], text, text) IS 'A key''s columns through a format template (%1$s the place, %2$I the name), joined.';

CREATE OR REPLACE FUNCTION tally_internal._check_dimensions(r tally.rollups, names text[], what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
    known text;
BEGIN
    SELECT n INTO wrong FROM unnest(names) n WHERE n IS NULL OR NOT EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.name = n) LIMIT 1;
    IF FOUND THEN
        SELECT string_agg(quote_literal(d.name), ', ' ORDER BY d.ordinal) INTO known FROM tally.dimensions d WHERE d.rollup_id = r.id;
        PERFORM tally_internal._refuse('undefined_column',
            format('%s must name dimensions of rollup %L, got %s', what, r.name, COALESCE(quote_literal(wrong), 'NULL')),
            COALESCE('Its dimensions are ' || known || '.', 'It has no dimensions.'),
            format('SELECT d.name FROM tally.dimensions d JOIN tally.rollups r ON r.id = d.rollup_id WHERE r.name = %L;', r.name));
    END IF;
    PERFORM tally_internal._check_once(names, what);
END $$;
COMMENT ON FUNCTION tally_internal._check_dimensions(tally.rollups, text[], text) IS
'An error where one of the names is not a dimension of the rollup, or stands twice. what is the name of the argument.';

CREATE OR REPLACE FUNCTION tally_internal._check_once(names text[], what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    twice text := (SELECT n FROM unnest(names) n GROUP BY n HAVING count(*) > 1 LIMIT 1);
BEGIN
    IF twice IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_object', format('%s must name each one only once, got %L twice', what, twice), format('Got %s.', names),
            format('Use %s => %L.', what, ARRAY(SELECT n FROM unnest(names) WITH ORDINALITY x(n, place) GROUP BY n ORDER BY min(place))));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_once(text[], text) IS 'An error where a list of names has one of them twice. what is the name of the argument.';

CREATE OR REPLACE FUNCTION tally_internal._measures_of(rollup_id int) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('The measures of rollup %L are %s.', (SELECT r.name FROM tally.rollups r WHERE r.id = $1),
                  string_agg(format('%I (%s)', m.name, m.type), ', ' ORDER BY m.ordinal)) FROM tally.measures m WHERE m.rollup_id = $1
$$;
COMMENT ON FUNCTION tally_internal._measures_of(int) IS 'The measures of a rollup in words, for error messages.';

CREATE OR REPLACE FUNCTION tally_internal._time_index(source regclass, time_column text) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
                    WHERE i.indrelid = source AND i.indisvalid AND i.indpred IS NULL AND m.amname IN ('btree', 'brin')
                      AND i.indkey[0] = (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = source AND a.attname = time_column));
END $$;
COMMENT ON FUNCTION tally_internal._time_index(regclass, text) IS
'Whether an index of the source leads with the time column, so that a bucket can be read without a scan of all.';
