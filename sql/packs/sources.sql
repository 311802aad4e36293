-- Owns: the source tables of a pack: looked at where they are there, made where they are missing. Generators of events use it too.

CREATE OR REPLACE FUNCTION tally_internal._check_source(pack text, relation text, present regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
    mend  text;
BEGIN
    -- Another type of the same category (varchar for text, numeric for float8) is taken too.
    SELECT string_agg(CASE WHEN a.attname IS NULL THEN format('%I %s is missing', c.name, c.type)
                           ELSE format('%I is %s where %s is expected', c.name, format_type(a.atttypid, a.atttypmod), c.type) END, ', ' ORDER BY c.ordinal),
           string_agg(CASE WHEN a.attname IS NULL THEN format('ADD COLUMN %I %s', c.name, c.type)
                           ELSE format('ALTER COLUMN %I TYPE %s USING %1$I::%2$s', c.name, c.type) END, ', ' ORDER BY c.ordinal)
      INTO wrong, mend
      FROM tally.pack_columns c
      LEFT JOIN pg_attribute a ON a.attrelid = present AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_type have ON have.oid = a.atttypid
      JOIN pg_type want ON want.oid = c.type::regtype
     WHERE c.pack = _check_source.pack AND c.relation = _check_source.relation
       AND (a.attname IS NULL OR have.typcategory <> want.typcategory AND NOT (want.typcategory = 'S' AND have.typcategory IN ('U', 'E'))
            AND NOT (c.identifier AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype, 'text'::regtype, 'varchar'::regtype)));
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._refuse('undefined_column', format('pack %L cannot use the table %s as it is: %s', pack, present, wrong),
            'The pack never changes a table that it finds.',
            format('ALTER TABLE %s %s;', present, mend));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_source(text, text, regclass) IS
'An error that names every missing or unsuitable column of a source table that is there already.';

CREATE OR REPLACE FUNCTION tally_internal._run_sources(pack text, relation text, target_schema text, kind text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    statement text;
BEGIN
    PERFORM set_config('search_path', quote_ident(target_schema) || ', pg_temp', true);
    FOR statement IN SELECT s.statement FROM tally.pack_steps s
                      WHERE s.pack = pack AND s.kind = kind AND relation IN (s.name, substring(s.name, ' ON (.*)$')) ORDER BY s.ordinal LOOP
        EXECUTE statement;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._run_sources(text, text, text, text) IS 'Runs the steps of a pack that make a source table, or its indexes, in a schema.';

CREATE OR REPLACE FUNCTION tally_internal._make_source(pack text, relation text, target_schema text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._run_sources(pack, relation, target_schema, 'source');
    PERFORM tally_internal._owner_only(format('%I.%I', $3, $2));
END $$;
COMMENT ON FUNCTION tally_internal._make_source(text, text, text) IS 'Makes a source table of a pack, without its indexes.';

CREATE OR REPLACE FUNCTION tally_internal._index_source(pack text, relation text, target_schema text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._run_sources(pack, relation, target_schema, 'index') $$;
COMMENT ON FUNCTION tally_internal._index_source(text, text, text) IS 'Indexes a source table that the pack made; a generator does it after its first load.';

CREATE OR REPLACE FUNCTION tally_internal._make_sources(pack text, target_schema text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made text[];
BEGIN
    SELECT array_agg(t.relation ORDER BY t.relation) INTO made FROM tally.pack_tables t
     WHERE t.pack = _make_sources.pack AND to_regclass(format('%I.%I', target_schema, t.relation)) IS NULL;
    PERFORM tally_internal._make_source(_make_sources.pack, r, target_schema) FROM unnest(made) r;
    RETURN coalesce(made, '{}');
END $$;
COMMENT ON FUNCTION tally_internal._make_sources(text, text) IS
'Makes the source tables of a pack that are missing, without their indexes, and names them: for generators.';
