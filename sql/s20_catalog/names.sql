-- Owns: how a name that a person writes becomes one definition. A name is unique within a schema. It is written bare, or with its schema in front, as
-- the catalogue has it or as SQL quotes it. A bare name that several schemas have is looked for along the caller's search_path, as PostgreSQL looks
-- for a table; where that does not decide, the caller is asked.

CREATE OR REPLACE FUNCTION tally_internal._schemas_of(path text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('search_path', path, true);
    RETURN current_schemas(false)::text[];
END $$;
COMMENT ON FUNCTION tally_internal._schemas_of(text) IS 'The schemas of a search_path that are there and may be used, in order.';

CREATE OR REPLACE FUNCTION tally_internal._target_schema(parts text[], path text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN array_length(parts, 1) > 1 THEN parts[1] ELSE (tally_internal._schemas_of(path))[1] END
$$;
COMMENT ON FUNCTION tally_internal._target_schema(text[], text) IS
'The schema in which a new thing is made, given the parts of its name: the one in front of it, or the first of the search_path; null where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._home(path text, maker regrole) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A function of the engine that defines something passes its own path, in which nothing is defined: then it is the caller's. The temporary
    -- schema of a session, where it has one, is no home.
    SELECT COALESCE((SELECT s FROM unnest(tally_internal._schemas_of(path) || tally_internal._schemas_of(tally_internal._caller_path()))
                                   WITH ORDINALITY u(s, n) WHERE s !~ '^pg_(catalog$|temp|toast)'
                        AND has_schema_privilege(maker::oid, to_regnamespace(quote_ident(s))::oid, 'USAGE') ORDER BY n LIMIT 1), 'public')
$$;
COMMENT ON FUNCTION tally_internal._home(text, regrole) IS
'The schema in which something is defined that stands on no relation: the first of the search_path that its maker may use.';

CREATE OR REPLACE FUNCTION tally_internal._check_home(what text, schema text, maker regrole) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place oid := to_regnamespace(quote_ident(schema))::oid;
BEGIN
    -- Else somebody could take the names in a schema of others, or in one that is still to come: that of a pack, say.
    IF NOT COALESCE(has_schema_privilege(maker::oid, place, 'USAGE'), schema = 'public') THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('%s must be of a schema that %s may use, got %L', what, maker, schema),
            'Its name is unique within the schema.', CASE WHEN place IS NULL THEN format('CREATE SCHEMA %I;', schema)
                                                          ELSE format('GRANT USAGE ON SCHEMA %I TO %s;', schema, maker) END);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_home(text, text, regrole) IS
'An error where a role may not use the schema that a new definition of its is to be of.';

CREATE OR REPLACE FUNCTION tally_internal._readings(written text) RETURNS TABLE (schema text, name text)
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text[] := regexp_match(written, '^("(?:[^"]|"")+"|[^".]+)\.(.+)$');
BEGIN
    -- The schema comes first: else somebody could call a thing of his own a.daily, and get what is meant for daily in schema a.
    IF part IS NOT NULL THEN
        part := ARRAY(SELECT CASE WHEN p ~ '^"(?:[^"]|"")+"$' THEN replace(substr(p, 2, length(p) - 2), '""', '"') ELSE p END
                        FROM unnest(part) WITH ORDINALITY u(p, o) ORDER BY o);
        RETURN QUERY VALUES (part[1], part[2]);
    END IF;
    RETURN QUERY VALUES (NULL::text, written);
    IF written ~ '^"(?:[^"]|"")+"$' THEN
        RETURN QUERY VALUES (NULL::text, replace(substr(written, 2, length(written) - 2), '""', '"'));
    ELSIF written ~ '^[[:alpha:]_][[:alnum:]_$]*$' THEN
        RETURN QUERY VALUES (NULL::text, lower(written));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._readings(text) IS
'What a written name may mean, the likeliest first: with a schema in front, itself, without the quotes of SQL, in lower case; schema null: any.';

CREATE OR REPLACE FUNCTION tally_internal._with_schema(schema text, name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$ SELECT format('%I.%I', schema, name) $$;
COMMENT ON FUNCTION tally_internal._with_schema(text, text) IS 'A name with its schema, as it is found whatever the search_path is.';

CREATE OR REPLACE FUNCTION tally_internal._called_by(schema text, name text, others boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A name with a point or a quote in it could be read as another's.
    SELECT COALESCE(CASE WHEN others OR name ~ '[".]' THEN tally_internal._with_schema(schema, name) END, name)
$$;
COMMENT ON FUNCTION tally_internal._called_by(text, text, boolean) IS
'The name by which a definition is found from everywhere: with its schema where others have the same, and where its bare name could be read otherwise.';

CREATE OR REPLACE FUNCTION tally_internal._schema_of(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;
COMMENT ON FUNCTION tally_internal._schema_of(regclass) IS 'The schema of a relation; null where it is gone.';

CREATE OR REPLACE FUNCTION tally_internal._choose(kind text, written text, ids int[], schemas text[], names text[]) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    reading record;
    found_  int[];
    path    text[];
BEGIN
    FOR reading IN SELECT r.* FROM tally_internal._readings(written) r LOOP
        found_ := ARRAY(SELECT o::int FROM unnest(names) WITH ORDINALITY n(name, o)
                         WHERE n.name = reading.name AND schemas[o] = COALESCE(reading.schema, schemas[o]) ORDER BY schemas[o]);
        EXIT WHEN found_ <> '{}';
    END LOOP;
    IF cardinality(found_) > 1 THEN
        path := tally_internal._schemas_of(tally_internal._caller_path());
        found_ := COALESCE((SELECT array_agg(f) FROM unnest(found_) f JOIN unnest(path) WITH ORDINALITY p(schema, n) ON p.schema = schemas[f]
                             GROUP BY p.n ORDER BY p.n LIMIT 1), found_);
    END IF;
    IF cardinality(found_) > 1 THEN
        PERFORM tally_internal._refuse('ambiguous_alias', format('%s %L must be one, got %s of that name', kind, written, cardinality(found_)),
            format('Those are %s. The search_path does not decide between them.',
                   (SELECT string_agg(quote_literal(tally_internal._with_schema(schemas[f], names[f])), ', ' ORDER BY o)
                      FROM unnest(found_) WITH ORDINALITY u(f, o))),
            format('SET %s;  -- or write the name with its schema, as above', tally_internal._path_said(schemas[found_[1]])));
    END IF;
    RETURN ids[found_[1]];
END $$;
COMMENT ON FUNCTION tally_internal._choose(text, text, int[], text[], text[]) IS
'Which of some definitions a written name means: the number of one, null where none is called so, an error that lists them where it may be several.';
