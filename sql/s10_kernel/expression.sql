-- Owns: the look at a text before it becomes part of a statement: one expression by PostgreSQL's own grammar, and no more; and the words of a text.

CREATE OR REPLACE FUNCTION tally_internal._check_expression(text) RETURNS void
LANGUAGE c STRICT PARALLEL SAFE IMMUTABLE AS 'MODULE_PATHNAME', 'tally_check_expression';
COMMENT ON FUNCTION tally_internal._check_expression(text) IS
'Raises a syntax error if a text is not one expression that can stand between parentheses. Such a text would write its own statement into what the engine '
'runs. Nothing is looked up or run.';

CREATE OR REPLACE FUNCTION tally_internal._check_from_item(text) RETURNS void
LANGUAGE c STRICT PARALLEL SAFE IMMUTABLE AS 'MODULE_PATHNAME', 'tally_check_from_item';
COMMENT ON FUNCTION tally_internal._check_from_item(text) IS 'The same for what is joined to a table: a function or subquery and its alias.';

CREATE OR REPLACE FUNCTION tally_internal._statement_count(text) RETURNS int
LANGUAGE c STRICT PARALLEL SAFE IMMUTABLE AS 'MODULE_PATHNAME', 'tally_statement_count';
COMMENT ON FUNCTION tally_internal._statement_count(text) IS 'How many statements a text holds, by the grammar alone. A syntax error if the text is not SQL.';

CREATE OR REPLACE FUNCTION tally_internal._parse_tree(text) RETURNS text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'tally_parse_tree';
COMMENT ON FUNCTION tally_internal._parse_tree(text) IS
'The trees of a text''s statements after PostgreSQL''s analysis, as text like that of pg_node_tree; views are named in them, not replaced by their queries. '
'Nothing is run.';

CREATE OR REPLACE FUNCTION tally_internal._raw_tree(text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_raw_tree';
COMMENT ON FUNCTION tally_internal._raw_tree(text) IS
'The trees of a text''s statements by the grammar alone, as text: string constants are in it as they are meant, whatever quotes and escapes they are written '
'with. Nothing is looked up or run.';

CREATE OR REPLACE FUNCTION tally_internal._words(sql text) RETURNS TABLE (token text, n bigint)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 50 SET search_path = pg_catalog, pg_temp AS $do$
DECLARE
    rest   text := sql;
    at     int;
    behind int;
BEGIN
    n := 0;
    <<part>>
    LOOP
        at := 1;
        FOR token IN SELECT m.word[1]
                       FROM regexp_matches(rest, $re$([eE]'(?:[^'\\]|\\.|'')*'|(?:[uU]&)?'(?:[^']|'')*'|(?:[uU]&)?"(?:[^"]|"")*"|\$\d+|$re$
                           || $re$\$(?:[[:alpha:]_]\w*)?\$|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/|::|[[:alpha:]_][[:alnum:]_$]*|\d\w*|\s+|.)$re$, 'g') m(word) LOOP
            n := n + 1;
            -- What stands between dollars has no words. Its end is the first that is like its beginning, and no regular expression can look for that.
            behind := CASE WHEN token ~ '^\$.*\$$' THEN strpos(substr(rest, at + length(token)), token) ELSE 0 END;
            IF behind > 0 THEN
                token := substr(rest, at, 2 * length(token) + behind - 1);
                RETURN NEXT;
                rest := substr(rest, at + length(token));
                CONTINUE part;
            END IF;
            RETURN NEXT;
            at := at + length(token);
        END LOOP;
        RETURN;
    END LOOP;
END $do$;
COMMENT ON FUNCTION tally_internal._words(text) IS
'SQL cut into names, numbers, parameters, constants, comments, spaces and signs; joined again they are the SQL as it was.';
