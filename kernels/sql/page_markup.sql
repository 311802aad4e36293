-- Owns: the writing of HTML and SVG, in SQL: names of tags and attributes are constants of this kernel, everything else is escaped. core/src/page/markup.rs
-- says what holds.

CREATE FUNCTION tally_internal._escaped(words text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Control characters, and those that turn the direction of writing, are shown as one that cannot be.
    RETURN replace(replace(replace(replace(replace(
        regexp_replace(words, '[\u0001-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]', '�', 'g'),
        '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
END $$;
COMMENT ON FUNCTION tally_internal._escaped(text) IS 'Text as it may stand between tags and inside quoted attributes.';

CREATE FUNCTION tally_internal._tag(tag text, VARIADIC attributes text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made text := '<' || tag;
BEGIN
    FOR i IN 1 .. cardinality(attributes) / 2 LOOP
        CONTINUE WHEN attributes[2 * i] IS NULL;
        made := made || ' ' || attributes[2 * i - 1] || '="'
            || CASE WHEN attributes[2 * i] ~ '[^A-Za-z0-9 .%_-]' THEN tally_internal._escaped(attributes[2 * i]) ELSE attributes[2 * i] END || '"';
    END LOOP;
    RETURN made;
END $$;
COMMENT ON FUNCTION tally_internal._tag(text, text[]) IS
'The start of a tag without its end, with attributes: name and value by turns. An attribute whose value is NULL is left out.';

CREATE FUNCTION tally_internal._element(tag text, words text, VARIADIC attributes text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN cardinality(attributes) = 0 THEN '<' || tag ELSE tally_internal._tag(tag, VARIADIC attributes) END || '>'
        || CASE WHEN words ~ '[^A-Za-z0-9 .:%_-]' THEN tally_internal._escaped(words) ELSE words END || '</' || tag || '>';
END $$;
COMMENT ON FUNCTION tally_internal._element(text, text, text[]) IS 'An element that holds text alone.';

CREATE FUNCTION tally_internal._percent_encoded(words text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sign text;
BEGIN
    words := replace(words, '%', '%25');
    -- Each other sign that the text holds is replaced wherever it stands.
    FOR sign IN SELECT DISTINCT c FROM string_to_table(regexp_replace(words, '[A-Za-z0-9._~%-]+', '', 'g'), NULL) c LOOP
        words := replace(words, sign, regexp_replace(upper(encode(convert_to(sign, 'UTF8'), 'hex')), '(..)', '%\1', 'g'));
    END LOOP;
    RETURN words;
END $$;
COMMENT ON FUNCTION tally_internal._percent_encoded(text) IS 'Text as a part of an address: all but letters, digits and -._~ in percent.';

CREATE FUNCTION tally_internal._is_link(address text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(address COLLATE "C" ~* '^(https?://|mailto:)' AND address !~ '[\u0001-\u001f\u007f-\u009f]'
                    AND address !~ '[\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$', false)
$$;
COMMENT ON FUNCTION tally_internal._is_link(text) IS
'Whether an address may be a link: of the web, or to a mailbox; never one that runs something.';

CREATE FUNCTION tally_internal._is_page(address text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(address COLLATE "C" ~ '^page_[A-Za-z0-9_?=&%.-]*$', false)
$$;
COMMENT ON FUNCTION tally_internal._is_page(text) IS 'Whether an address is one of our own pages, beside the present one.';

CREATE FUNCTION tally_internal._at(value float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenths float8;
    whole  bigint;
    text_  text;
BEGIN
    -- Away from halves, and where nothing is lost, the nearest tenth needs no exact number.
    IF value >= 0 AND value < 1e9 THEN
        tenths := value * 10;
        IF abs(tenths - floor(tenths) - 0.5) > 1e-4 THEN
            whole := tenths::bigint;
            RETURN whole / 10 || CASE whole % 10 WHEN 0 THEN '' ELSE '.' || whole % 10 END;
        END IF;
    END IF;
    text_ := tally_internal._fixed(value, 1);
    RETURN CASE WHEN text_ LIKE '%.0' THEN left(text_, -2) ELSE text_ END;
END $$;
COMMENT ON FUNCTION tally_internal._at(float8) IS 'A coordinate with as many digits as a screen can tell apart.';

CREATE FUNCTION tally_internal._at_percent(share float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._at(share * 1000 / 10) || '%';
END $$;
COMMENT ON FUNCTION tally_internal._at_percent(float8) IS 'A place in percent.';

CREATE FUNCTION tally_internal._shortened(name text, most int) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN length(name) <= most THEN name ELSE left(name, greatest(most - 1, 0)) || '…' END
$$;
COMMENT ON FUNCTION tally_internal._shortened(text, int) IS 'The first characters of a name.';

CREATE FUNCTION tally_internal._page_style() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $style$ SELECT $css$@STYLE@$css$ $style$;
COMMENT ON FUNCTION tally_internal._page_style() IS 'The style sheet of pages, core/src/page/style.css.';
