-- Owns: texts of people in which a name is another than before. PostgreSQL renames nothing in text.

CREATE OR REPLACE FUNCTION tally_internal._names(token text, name text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- U&"a" is "a" where nothing in it is escaped.
    SELECT regexp_replace(token, '^[uU]&(?="[^\\]*"$)', '') = '"' || replace(name, '"', '""') || '"' OR (token ~ '^[[:alpha:]_]' AND lower(token) = name)
$$;
COMMENT ON FUNCTION tally_internal._names(text, text) IS 'Whether a word of SQL is a name, in quotes or without.';

CREATE OR REPLACE FUNCTION tally_internal._renamed(expression text, was text, becomes text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- It goes word by word, and passes over string constants and comments.
    SELECT string_agg(CASE WHEN tally_internal._names(t.token, was) THEN quote_ident(becomes) ELSE t.token END, '' ORDER BY t.n)
      FROM tally_internal._words(expression) t
$$;
COMMENT ON FUNCTION tally_internal._renamed(text, text, text) IS 'An SQL expression with one identifier renamed wherever it stands as a word of its own.';

CREATE OR REPLACE FUNCTION tally_internal._schema_renamed(sql text, was text, becomes text, object text DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Only a word that a point follows, and none goes before, can be a schema.
    SELECT string_agg(CASE WHEN tally_internal._names(t.token, was) AND t.last !~ '\.\s*$'
                            AND t.next ~* ('^\s*\.' || COALESCE('\s*"?' || regexp_replace(replace(object, '"', '""'), '([^\w\s])', '\\\1', 'g')
                                                                || CASE WHEN object ~ '\w$' THEN '(?![\w$])' ELSE '' END, ''))
                           THEN quote_ident(becomes) ELSE t.token END, '' ORDER BY t.n)
      FROM (SELECT w.token, w.n, string_agg(w.token, '') OVER (ORDER BY w.n ROWS BETWEEN 1 FOLLOWING AND 20 FOLLOWING) AS next,
                   COALESCE(string_agg(w.token, '') OVER (ORDER BY w.n ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING), '') AS last
              FROM tally_internal._words(sql) w) t
$$;
COMMENT ON FUNCTION tally_internal._schema_renamed(text, text, text, text) IS
'SQL in which a schema is another wherever it stands before the name of an object; object: only before this one, which moved.';

CREATE OR REPLACE FUNCTION tally_internal._schema_renamed(value jsonb, was text, becomes text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'string' THEN to_jsonb(tally_internal._schema_renamed(value #>> '{}', was, becomes))
        WHEN 'array' THEN COALESCE((SELECT jsonb_agg(tally_internal._schema_renamed(e, was, becomes) ORDER BY n)
                                      FROM jsonb_array_elements(value) WITH ORDINALITY a(e, n)), '[]')
        WHEN 'object' THEN COALESCE((SELECT jsonb_object_agg(o.key, tally_internal._schema_renamed(o.value, was, becomes)) FROM jsonb_each(value) o), '{}')
        ELSE value END;
END $$;
COMMENT ON FUNCTION tally_internal._schema_renamed(jsonb, text, text) IS 'JSON in whose strings, which are SQL, a schema is renamed.';

CREATE OR REPLACE FUNCTION tally_internal._object_renamed(sql text, schema text, was text, becomes text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE WHEN tally_internal._names(t.token, was) AND t.point ~ '^\s*\.\s*$' AND tally_internal._names(t.before, schema)
                           THEN quote_ident(becomes) ELSE t.token END, '' ORDER BY t.n)
      FROM (SELECT w.token, w.n, lag(w.token) OVER (ORDER BY w.n) AS point, lag(w.token, 2) OVER (ORDER BY w.n) AS before
              FROM tally_internal._words(sql) w) t
$$;
COMMENT ON FUNCTION tally_internal._object_renamed(text, text, text, text) IS
'SQL, as PostgreSQL writes it, in which an object is renamed that a schema goes before.';

CREATE OR REPLACE FUNCTION tally_internal._label_in_array(constant text, was text, becomes text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN quote_literal(array_replace(replace(substr(constant, 2, length(constant) - 2), '''''', '''')::text[], was, becomes)::text);
EXCEPTION WHEN invalid_text_representation THEN
    -- It is no array.
    RETURN constant;
END $$;
COMMENT ON FUNCTION tally_internal._label_in_array(text, text, text) IS 'A string constant in which an element of an array is another, where it is an array.';

CREATE OR REPLACE FUNCTION tally_internal._label_renamed(sql text, was text, becomes text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE WHEN t.token = quote_literal(was) THEN quote_literal(becomes)
                           WHEN t.token ~ '^''\{.*\}''$' AND strpos(t.token, replace(was, '''', '''''')) > 0
                           THEN tally_internal._label_in_array(t.token, was, becomes)
                           ELSE t.token END, '' ORDER BY t.n) FROM tally_internal._words(sql) t
$$;
COMMENT ON FUNCTION tally_internal._label_renamed(text, text, text) IS
'SQL in which the label of an enum is another, as a string constant or in one that is an array.';

CREATE OR REPLACE FUNCTION tally_internal._changed(sql text, changes jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change jsonb;
BEGIN
    FOR change IN SELECT c FROM jsonb_array_elements(changes) c LOOP
        sql := CASE change ->> 'kind'
            WHEN 'schema' THEN tally_internal._schema_renamed(sql, change ->> 'was', change ->> 'becomes')
            WHEN 'moved' THEN tally_internal._schema_renamed(sql, change ->> 'was', change ->> 'becomes', change ->> 'name')
            WHEN 'label' THEN tally_internal._label_renamed(sql, change ->> 'was', change ->> 'becomes')
            ELSE tally_internal._renamed(sql, change ->> 'was', change ->> 'becomes') END;
    END LOOP;
    RETURN sql;
END $$;
COMMENT ON FUNCTION tally_internal._changed(text, jsonb) IS
'SQL after a list of changes: kind (column, object, schema, moved, label), was, becomes; moved: name, and the schemas it was and is in.';

CREATE OR REPLACE FUNCTION tally_internal._definition_changed(value jsonb, keys text[], changes jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'array' THEN COALESCE((SELECT jsonb_agg(tally_internal._definition_changed(e, keys, changes) ORDER BY n)
                                      FROM jsonb_array_elements(value) WITH ORDINALITY a(e, n)), '[]')
        WHEN 'object' THEN COALESCE((
            SELECT jsonb_object_agg(o.key, CASE
                       WHEN jsonb_typeof(o.value) = 'string' AND o.key = ANY (keys) THEN to_jsonb(tally_internal._changed(o.value #>> '{}', changes))
                       -- It is the name of a column, and no SQL.
                       WHEN o.key = 'time_column' THEN COALESCE((SELECT c -> 'becomes' FROM jsonb_array_elements(changes) c
                                                                  WHERE c ->> 'kind' = 'column' AND c -> 'was' = o.value), o.value)
                       ELSE tally_internal._definition_changed(o.value, keys, changes) END) FROM jsonb_each(value) o), '{}')
        ELSE value END;
END $$;
COMMENT ON FUNCTION tally_internal._definition_changed(jsonb, text[], jsonb) IS
'JSON in which what stands under some keys is SQL and follows a list of changes, as _changed() has them; so does the column that is called time_column.';

CREATE OR REPLACE FUNCTION tally_internal._path_renamed(search_path text, was text, becomes text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE WHEN btrim(e.element) = quote_ident(was) OR btrim(e.element) = '"' || replace(was, '"', '""') || '"'
                                OR (btrim(e.element) !~ '"' AND lower(btrim(e.element)) = was) THEN quote_ident(becomes) ELSE btrim(e.element) END, ', '
                      ORDER BY e.n)
      FROM (SELECT m.part[1] AS element, m.n FROM regexp_matches(search_path, '((?:"(?:[^"]|"")*"|[^,"])+)', 'g') WITH ORDINALITY m(part, n)) e
$$;
COMMENT ON FUNCTION tally_internal._path_renamed(text, text, text) IS 'A search_path in which a schema is renamed.';

CREATE OR REPLACE FUNCTION tally_internal._path_changed(search_path text, changes jsonb, reach_moved boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change jsonb;
BEGIN
    FOR change IN SELECT c FROM jsonb_array_elements(changes) c LOOP
        search_path := CASE WHEN change ->> 'kind' = 'schema' THEN tally_internal._path_renamed(search_path, change ->> 'was', change ->> 'becomes')
                            WHEN change ->> 'kind' = 'moved' AND reach_moved
                                 AND strpos(', ' || search_path || ', ', ', ' || quote_ident(change ->> 'becomes') || ', ') = 0
                            THEN search_path || ', ' || quote_ident(change ->> 'becomes') ELSE search_path END;
    END LOOP;
    RETURN search_path;
END $$;
COMMENT ON FUNCTION tally_internal._path_changed(text, jsonb, boolean) IS
'A search_path after a list of changes, as _changed() has them; reach_moved: it also reaches the schemas that objects moved to, last of all.';

CREATE OR REPLACE FUNCTION tally_internal._reads_still(owner regrole, search_path text, sql text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tree text;
BEGIN
    SELECT x ->> 'tree' INTO tree FROM tally.run_as(owner, search_path, 'SELECT tally_internal._parse_tree($1) AS tree', 5000, 'UTC',
                                                    tally_internal._with_as_of(sql)) x;
    -- In what is no query nobody looks for names before it runs.
    RETURN tree !~ ':commandType 6';
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END $$;
COMMENT ON FUNCTION tally_internal._reads_still(regrole, text, text) IS
'Whether PostgreSQL finds every name in a query of an owner''s; false where that is no query.';

CREATE OR REPLACE FUNCTION tally_internal._rename_schema(definitions regclass, sql_column name, was text, becomes text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    -- Anybody may call a schema as others call a table within their query. Where the text is read without the old name, it never meant the schema.
    FOR item IN EXECUTE format('SELECT x.id, x.owner::pg_catalog.regrole AS owner, x.search_path, x.%2$I AS sql FROM %1$s x '
                               'WHERE tally_internal._schema_renamed(x.%2$I, $1, $2) <> x.%2$I', definitions, sql_column) USING was, becomes LOOP
        CONTINUE WHEN tally_internal._reads_still(item.owner, item.search_path, item.sql);
        EXECUTE format('UPDATE %1$s x SET %2$I = tally_internal._schema_renamed(x.%2$I, $2, $3) WHERE x.id = $1', definitions, sql_column)
          USING item.id, was, becomes;
    END LOOP;
    EXECUTE format('UPDATE %s x SET schema = CASE WHEN x.schema = $1 THEN $2 ELSE x.schema END, '
                   'search_path = tally_internal._path_renamed(x.search_path, $1, $2) WHERE x.schema = $1 OR '
                   'tally_internal._path_renamed(x.search_path, $1, $2) <> x.search_path', definitions) USING was, becomes;
END $$;
COMMENT ON FUNCTION tally_internal._rename_schema(regclass, name, text, text) IS
'Renames a schema in a table of definitions that have a schema, a search_path and a text of SQL; in the text only where it means the schema.';
REVOKE ALL ON FUNCTION tally_internal._rename_schema(regclass, name, text, text), tally_internal._reads_still(regrole, text, text) FROM PUBLIC;
