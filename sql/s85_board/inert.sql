-- Owns: SQL for tools that put something of their own into it. Metabase and Superset look for their signs wherever they stand, also in a name or a constant
-- that a person has chosen.

CREATE OR REPLACE FUNCTION tally_internal._spelled(quoted text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'U&"' || string_agg(CASE WHEN c ~ '[][{}%#*/-]' THEN '\' || lpad(to_hex(ascii(c)), 4, '0') WHEN c = '\' AND quoted LIKE '"%' THEN '\\' ELSE c END,
                               '' ORDER BY n) || '"'
      FROM regexp_split_to_table(regexp_replace(quoted, '^([uU]&)?"(.*)"$', '\2'), '') WITH ORDINALITY u(c, n)
$$;
COMMENT ON FUNCTION tally_internal._spelled(text) IS 'A quoted name with its signs written as numbers.';

CREATE OR REPLACE FUNCTION tally_internal._inert_sql(sql text, signs text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
    SELECT CASE WHEN sql !~ signs THEN sql ELSE (SELECT string_agg(CASE
               -- Two constants with a new line between are one.
               WHEN w.token ~ '^([eE]|[uU]&)?''' THEN regexp_replace(w.token, signs, E'\\&''\n''', 'g')
               WHEN w.token ~ '^\$.*\$$' AND w.token ~ signs THEN regexp_replace(quote_literal((regexp_match(w.token, '^\$[^$]*\$(.*)\$[^$]*\$$'))[1]),
                                                                                 signs, E'\\&''\n''', 'g')
               WHEN w.token ~ '^([uU]&)?"' AND w.token ~ signs THEN tally_internal._spelled(w.token)
               -- A comment says nothing to PostgreSQL.
               WHEN w.token ~ '^(--|/\*)' THEN E'\n'
               WHEN w.last || w.token ~ signs THEN ' ' || w.token
               ELSE w.token END, '' ORDER BY w.n)
      FROM (SELECT t.token, t.n, COALESCE(lag(t.token) OVER (ORDER BY t.n), '') AS last FROM tally_internal._words(sql) t) w) END
$fn$;
COMMENT ON FUNCTION tally_internal._inert_sql(text, text) IS
'The same SQL with no pair of signs in it that a tool would replace. signs: a regular expression for the first of a pair that looks ahead to the second.';

CREATE OR REPLACE FUNCTION tally_internal._metabase_sql(sql text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- Two dashes are a comment to it, wherever they stand, and hide the filters that follow.
    SELECT tally_internal._inert_sql(sql, '\{(?=\{)|\}(?=\})|\[(?=\[)|\](?=\])|-(?=-)|/(?=\*)|\*(?=/)')
$$;
COMMENT ON FUNCTION tally_internal._metabase_sql(text) IS 'SQL in which Metabase finds no tag, no optional part and no comment.';

CREATE OR REPLACE FUNCTION tally_internal._superset_sql(sql text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- It runs templates only where its administrator has allowed that.
    SELECT tally_internal._inert_sql(sql, '\{(?=[{%#])')
$$;
COMMENT ON FUNCTION tally_internal._superset_sql(text) IS 'SQL in which Superset finds no template.';
