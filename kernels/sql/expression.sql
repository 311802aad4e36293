-- Owns: the look at a text before it becomes part of a statement. PL/pgSQL hands the expressions of a block to PostgreSQL's own grammar when it reads the
-- block, before it runs any of it. So a block that returns first is a check of the grammar.

CREATE OR REPLACE FUNCTION tally_internal._grammar(expression text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET check_function_bodies = on AS $$
DECLARE
    tag text := 'x';
BEGIN
    WHILE strpos(expression, '$' || tag || '$') > 0 LOOP tag := tag || 'x'; END LOOP;
    EXECUTE format(E'DO $%1$s$ DECLARE _tally_x text; BEGIN RETURN; _tally_x := %2$s\n; END $%1$s$', tag, expression);
END $$;
COMMENT ON FUNCTION tally_internal._grammar(text) IS 'Raises a syntax error if a text cannot stand behind SELECT. Nothing is looked up or run.';

CREATE OR REPLACE FUNCTION tally_internal._check_expression(text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Between THEN and END stands one expression and no list; between parentheses, nothing that closes them.
    PERFORM tally_internal._grammar(format('CASE WHEN true THEN %s END', $1));
    PERFORM tally_internal._grammar(format('(%s)::pg_catalog.text', $1));
END $$;

CREATE OR REPLACE FUNCTION tally_internal._check_from_item(text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._grammar(format('true FROM pg_catalog.pg_class CROSS JOIN LATERAL %s', $1));
    PERFORM tally_internal._grammar(format('true FROM pg_catalog.pg_class CROSS JOIN LATERAL %s WHERE true', $1));
END $$;

CREATE OR REPLACE FUNCTION tally_internal._statement_count(text) RETURNS int
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    word    record;
    open_   boolean := false;
    result  int := 0;
BEGIN
    FOR word IN SELECT w.token FROM tally_internal._words($1) w ORDER BY w.n LOOP
        IF word.token = ';' THEN
            open_ := false;
        ELSIF word.token = '''' OR word.token = '"' THEN
            RAISE EXCEPTION USING ERRCODE = 'syntax_error', MESSAGE = 'unterminated quoted text';
        ELSIF word.token !~ '^(\s|--|/\*)' AND NOT open_ THEN
            open_ := true;
            result := result + 1;
        END IF;
    END LOOP;
    RETURN result;
END $$;

CREATE FUNCTION tally_internal._parse_tree_by(statement text, path text) RETURNS text
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tree  text;
    types regtype[];
    body  text := regexp_replace(statement, ';\s*$', '');
BEGIN
    IF EXISTS (SELECT FROM tally_internal._words(body) w WHERE w.token ~ '^\$\d+$') THEN
        -- A view has no parameters. A prepared statement says which types PostgreSQL sees in them.
        PERFORM set_config('search_path', path, true);
        EXECUTE pg_catalog.format(E'PREPARE _tally_parsed AS %s\n', body);
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        types := (SELECT p.parameter_types FROM pg_prepared_statements p WHERE p.name = '_tally_parsed');
        DEALLOCATE _tally_parsed;
        body := (SELECT string_agg(CASE WHEN w.token ~ '^\$\d+$' THEN format('NULL::%s', types[substr(w.token, 2)::int]) ELSE w.token END, '' ORDER BY w.n)
                   FROM tally_internal._words(body) w);
    END IF;
    -- A view is analysed and not run. Undone with its block, it leaves nothing behind.
    BEGIN
        PERFORM set_config('search_path', path, true);
        BEGIN
            EXECUTE pg_catalog.format(E'CREATE TEMPORARY VIEW _tally_parsed AS %s\n', body);
        EXCEPTION WHEN duplicate_column THEN
            -- Two columns of a query may have one name, those of a view may not.
            EXECUTE pg_catalog.format(E'CREATE TEMPORARY VIEW _tally_parsed AS SELECT FROM (%s\n) AS q', body);
        END;
        SELECT r.ev_action::pg_catalog.text INTO tree FROM pg_catalog.pg_rewrite r
         WHERE r.ev_class OPERATOR(pg_catalog.=) pg_catalog.to_regclass('pg_temp._tally_parsed')::pg_catalog.oid;
        RAISE EXCEPTION USING ERRCODE = 'TL001', MESSAGE = 'undone';
    EXCEPTION WHEN SQLSTATE 'TL001' THEN
        RETURN tree;
    END;
END $$;
COMMENT ON FUNCTION tally_internal._parse_tree_by(text, text) IS '_parse_tree() of a text whose names are looked up by a search_path.';

CREATE OR REPLACE FUNCTION tally_internal._parse_tree(text) RETURNS text
LANGUAGE sql VOLATILE STRICT AS $$ SELECT tally_internal._parse_tree_by($1, pg_catalog.current_setting('search_path')) $$;

CREATE OR REPLACE FUNCTION tally_internal._raw_tree(text) RETURNS text
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    word   record;
    parts  text;
    value  text;
    result text := '';
BEGIN
    FOR word IN SELECT w.token FROM tally_internal._words($1) w UNION ALL SELECT ';' LOOP
        IF word.token ~ '^([eE]|[uU]&)?''' OR word.token ~ '^\$\w*\$' THEN
            -- Constants with a line's end between them are one.
            parts := concat(parts, word.token);
        ELSIF parts IS NOT NULL AND word.token ~ '^\s+$' THEN
            parts := parts || word.token;
        ELSIF parts IS NOT NULL THEN
            -- It is a string constant by itself, and nothing else.
            EXECUTE 'SELECT ' || parts INTO value;
            result := result || format(' {A_CONST :val "%s" :location 0}', replace(replace(value, '\', '\\'), '"', '\"'));
            parts := NULL;
        END IF;
    END LOOP;
    RETURN result;
END $$;
