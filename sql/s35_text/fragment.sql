-- Owns: a person's text before it becomes part of a statement of the engine.

CREATE OR REPLACE FUNCTION tally_internal._closed(fragment text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A comment at its end would swallow what the engine writes after it.
    SELECT CASE WHEN strpos(fragment, '--') > 0 AND right(fragment, 1) <> E'\n' THEN fragment || E'\n' ELSE fragment END
$$;
COMMENT ON FUNCTION tally_internal._closed(text) IS 'An expression or condition that can be followed by other text, also where it ends in a comment.';

CREATE OR REPLACE FUNCTION tally_internal._one_expression(fragment text, what text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result text := tally_internal._closed(fragment);
BEGIN
    PERFORM tally_internal._check_expression(result);
    RETURN result;
EXCEPTION WHEN syntax_error THEN
    PERFORM tally_internal._refuse(SQLSTATE, format('%s must be one expression: %s', what, SQLERRM),
        format('Got %s', fragment),
        format('Try it by itself: SELECT (%s) FROM …; and give several expressions a name each.', rtrim(fragment, E'; \n')));
END $$;
COMMENT ON FUNCTION tally_internal._one_expression(text, text) IS
'A person''s expression that can be followed by other text; an error in four parts, which names what it is, where it is not one expression.';

CREATE OR REPLACE FUNCTION tally_internal._render(template text, slots jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
    result  text;
BEGIN
    -- It fills all slots in one pass, so that it does not look for slots in the texts that it fills in.
    SELECT string_agg(COALESCE(slots ->> m.part[1], m.part[2]), '' ORDER BY m.n),
        min(m.part[1]) FILTER (WHERE slots ->> m.part[1] IS NULL AND m.part[2] IS NULL) INTO result, missing
      FROM regexp_matches(template, E'\\{([a-z_]+)\\}|([^{]+|\\{)', 'g') WITH ORDINALITY m(part, n);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'slot {%} of a template has no text', missing;
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._render(text, jsonb) IS 'A template of SQL text with its slots, such as {table}, filled in by name.';

CREATE OR REPLACE FUNCTION tally_internal._with_as_of(statement text, becomes text DEFAULT '$1') RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF strpos(statement, ':as_of') = 0 THEN RETURN NULLIF(rtrim(statement, E'; \n'), ''); END IF;
    -- It goes word by word. In string constants, quoted names and comments :as_of stays what it is.
    RETURN (SELECT string_agg(CASE t.token[1] WHEN ':as_of' THEN becomes ELSE t.token[1] END, '' ORDER BY t.n)
              FROM regexp_matches(rtrim(statement, E'; \n'),
                  $re$([eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\w*\$[^$]*\$\w*\$|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/$re$
                  -- Two colons are a cast, and one behind a name is of a slice of an array.
                  || $re$|::|\w+:(?=as_of\M)|\w+|:as_of\M|.|\n)$re$, 'g') WITH ORDINALITY t(token, n));
END $$;
COMMENT ON FUNCTION tally_internal._with_as_of(text, text) IS
'A person''s query or statement with a parameter ($1) or another text in the place of :as_of, where that is a word of SQL.';
