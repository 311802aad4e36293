-- Owns: texts of people in which a name is another than before. PostgreSQL renames nothing in text.

CREATE OR REPLACE FUNCTION tally_internal._renamed(expression text, was text, becomes text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- It goes word by word, and passes over string constants and comments.
    SELECT string_agg(CASE WHEN t.token[1] = '"' || replace(was, '"', '""') || '"'
                      OR (t.token[1] ~ '^[[:alpha:]_]' AND lower(t.token[1]) = was) THEN quote_ident(becomes) ELSE t.token[1] END, '' ORDER BY t.n)
      FROM regexp_matches(expression,
                          $re$('(?:[^']|'')*'|"(?:[^"]|"")*"|\$\w*\$[^$]*\$\w*\$|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/|[[:alpha:]_][[:alnum:]_$]*|.|\n)$re$,
          'g') WITH ORDINALITY t(token, n)
$$;
COMMENT ON FUNCTION tally_internal._renamed(text, text, text) IS 'An SQL expression with one identifier renamed wherever it stands as a word of its own.';

CREATE OR REPLACE FUNCTION tally_internal._schema_renamed(sql text, was text, becomes text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Only a word that a point follows, and none goes before, can be a schema. It passes over string constants and comments.
    SELECT string_agg(CASE WHEN (t.token = '"' || replace(was, '"', '""') || '"' OR (t.token ~ '^[[:alpha:]_]' AND lower(t.token) = was))
                            AND t.next ~ '^\s*\.' AND t.last !~ '\.\s*$'
                           THEN quote_ident(becomes) ELSE t.token END, '' ORDER BY t.n)
      FROM (SELECT m.token[1] AS token, m.n, string_agg(m.token[1], '') OVER (ORDER BY m.n ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING) AS next,
                   COALESCE(string_agg(m.token[1], '') OVER (ORDER BY m.n ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING), '') AS last
              FROM regexp_matches(sql,
                   $re$('(?:[^']|'')*'|"(?:[^"]|"")*"|\$\w*\$[^$]*\$\w*\$|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/|[[:alpha:]_][[:alnum:]_$]*|.|\n)$re$, 'g')
                   WITH ORDINALITY m(token, n)) t
$$;
COMMENT ON FUNCTION tally_internal._schema_renamed(text, text, text) IS 'SQL in which a schema is renamed wherever it stands before the name of an object.';

CREATE OR REPLACE FUNCTION tally_internal._renamed(sql text, was text, becomes text, schema boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN schema THEN tally_internal._schema_renamed(sql, was, becomes) ELSE tally_internal._renamed(sql, was, becomes) END
$$;
COMMENT ON FUNCTION tally_internal._renamed(text, text, text, boolean) IS 'SQL in which a schema is renamed, or any other identifier.';

CREATE OR REPLACE FUNCTION tally_internal._path_renamed(search_path text, was text, becomes text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE WHEN btrim(e.element) = quote_ident(was) OR btrim(e.element) = '"' || replace(was, '"', '""') || '"'
                                OR (btrim(e.element) !~ '"' AND lower(btrim(e.element)) = was) THEN quote_ident(becomes) ELSE btrim(e.element) END, ', '
                      ORDER BY e.n)
      FROM (SELECT m.part[1] AS element, m.n FROM regexp_matches(search_path, '((?:"(?:[^"]|"")*"|[^,"])+)', 'g') WITH ORDINALITY m(part, n)) e
$$;
COMMENT ON FUNCTION tally_internal._path_renamed(text, text, text) IS 'A search_path in which a schema is renamed.';

CREATE OR REPLACE FUNCTION tally_internal._rename_schema(definitions regclass, sql_column name, was text, becomes text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format($update$
        UPDATE %1$s x SET schema = CASE WHEN x.schema = $1 THEN $2 ELSE x.schema END, search_path = tally_internal._path_renamed(x.search_path, $1, $2),
               %2$I = tally_internal._schema_renamed(x.%2$I, $1, $2)
         WHERE x.schema = $1 OR tally_internal._path_renamed(x.search_path, $1, $2) <> x.search_path
            OR tally_internal._schema_renamed(x.%2$I, $1, $2) <> x.%2$I
    $update$, definitions, sql_column) USING was, becomes;
END $$;
COMMENT ON FUNCTION tally_internal._rename_schema(regclass, name, text, text) IS
'Renames a schema in a table of definitions that have a schema, a search_path and a text of SQL.';
REVOKE ALL ON FUNCTION tally_internal._rename_schema(regclass, name, text, text) FROM PUBLIC;
