-- Owns: the forms of a page, in SQL: the range and the filters above it, and what can be done below a table. core/src/page/filters.rs and form.rs say
-- what holds.

CREATE FUNCTION tally_internal._option(value text, words text, chosen boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._element('option', words, 'value', value, 'selected', CASE WHEN chosen THEN 'selected' END);
END $$;
COMMENT ON FUNCTION tally_internal._option(text, text, boolean) IS 'One value to choose.';

CREATE FUNCTION tally_internal._choice(label text, name text, "values" text[], words text[], chosen text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '<label>' || label || tally_internal._tag('select', 'name', name) || '>'
        || COALESCE(string_agg(tally_internal._option(v, w, v = chosen), '' ORDER BY n), '') || '</select></label>'
      FROM unnest("values", words) WITH ORDINALITY u(v, w, n)
$$;
COMMENT ON FUNCTION tally_internal._choice(text, text, text[], text[], text) IS 'A list to choose one from: values and their words. The label is a constant.';

CREATE FUNCTION tally_internal._filter_choice(variable jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '<label>' || tally_internal._escaped(upper(left(x.spaced, 1)) || substr(x.spaced, 2))
        || CASE WHEN x.many > 1 THEN '<select name="filter" multiple="multiple" size="3">'
                ELSE '<select name="filter">' || tally_internal._option('', 'all', COALESCE(variable -> 'chosen' ->> 0, '') = '') END
        || COALESCE((SELECT string_agg(tally_internal._option(x.name || '=' || o.v, o.v, o.v IN (SELECT jsonb_array_elements_text(variable -> 'chosen'))), ''
                                       ORDER BY o.own, o.n)
                       FROM (SELECT v, n, 1 AS own FROM jsonb_array_elements_text(variable -> 'values') WITH ORDINALITY u(v, n)
                             UNION ALL
                             SELECT c, n, 2 FROM jsonb_array_elements_text(variable -> 'chosen') WITH ORDINALITY u(c, n)
                              WHERE c NOT IN (SELECT jsonb_array_elements_text(variable -> 'values'))) o), '')
        || '</select>' || CASE WHEN (variable ->> 'more')::boolean THEN 'and more' ELSE '' END || '</label>'
      FROM (SELECT variable ->> 'name' AS name, replace(variable ->> 'name', '_', ' ') AS spaced, jsonb_array_length(variable -> 'chosen') AS many) x
$$;
COMMENT ON FUNCTION tally_internal._filter_choice(jsonb) IS 'The values of a variable to choose from.';

CREATE FUNCTION tally_internal._filter_form(model jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    since  text := model ->> 'since';
    ranges text[] := ARRAY(SELECT r FROM jsonb_array_elements_text(model -> 'ranges') WITH ORDINALITY u(r, n) ORDER BY n);
    words  text[] := ARRAY(SELECT 'last ' || r FROM unnest(ranges) WITH ORDINALITY u(r, n) ORDER BY n);
BEGIN
    IF since <> ALL (ranges) THEN
        ranges := since || ranges;
        words := (CASE WHEN since LIKE '%-%' THEN 'since ' ELSE 'last ' END || since) || words;
    END IF;
    RETURN '<form method="get" action="page_form" aria-label="Filters">'
        || (SELECT string_agg(tally_internal._tag('input', 'type', 'hidden', 'name', v.name, 'value', v.value) || '/>', '' ORDER BY v.n)
              FROM (VALUES (1, 'board', model ->> 'name'), (2, 'until', COALESCE(model ->> 'until', '')),
                           (3, 'view', COALESCE(model ->> 'view', '')), (4, 'filter', '')) v(n, name, value))
        || tally_internal._choice('Range', 'since', ranges, words, since)
        || COALESCE((SELECT string_agg(tally_internal._filter_choice(v), '' ORDER BY n)
                       FROM jsonb_array_elements(model -> 'variables') WITH ORDINALITY u(v, n)), '')
        || tally_internal._choice('Looks', 'theme', '{auto,light,dark}', '{auto,light,dark}', model ->> 'theme')
        || tally_internal._choice('Load again', 'refresh', '{off,on}',
               ARRAY['by hand', 'every ' || tally_internal._short_number((model ->> 'refresh')::float8, 's')],
               CASE WHEN (model ->> 'refreshing')::boolean THEN 'on' ELSE 'off' END)
        || '<button type="submit">Show</button></form>';
END $$;
COMMENT ON FUNCTION tally_internal._filter_form(jsonb) IS 'The form above a page, filled in with what is chosen now.';

CREATE FUNCTION tally_internal._field_html(field jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name  text := field ->> 'name';
    value text := field ->> 'value';
BEGIN
    IF field ->> 'kind' = 'hidden' THEN RETURN tally_internal._tag('input', 'name', name, 'type', 'hidden', 'value', value) || '/>'; END IF;
    RETURN '<label>' || tally_internal._escaped(field ->> 'label')
        || CASE field ->> 'kind'
               WHEN 'choice' THEN tally_internal._tag('select', 'name', name) || '>'
                   || COALESCE((SELECT string_agg(tally_internal._option(c, c, c = value), '' ORDER BY n)
                                  FROM jsonb_array_elements_text(field -> 'choices') WITH ORDINALITY u(c, n)), '') || '</select>'
               ELSE tally_internal._tag('input', 'name', name, 'type', 'text', 'value', value, 'required',
                                        CASE WHEN (field ->> 'required')::boolean THEN 'required' END) || '/>' END
        || '</label>';
END $$;
COMMENT ON FUNCTION tally_internal._field_html(jsonb) IS 'A field of a form, with its label.';

CREATE FUNCTION tally_internal._forms_html(panel jsonb, place int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A form goes to one of our own pages, wherever else a model would send it.
    SELECT COALESCE(string_agg(tally_internal._tag('form', 'method', CASE WHEN (f ->> 'get')::boolean THEN 'get' ELSE 'post' END, 'action', f ->> 'action',
                                   'class', 'do', 'aria-labelledby', format('p%s-f%s', place, n - 1)) || '>'
               || tally_internal._element('h3', f ->> 'title', 'id', format('p%s-f%s', place, n - 1))
               || COALESCE((SELECT string_agg(tally_internal._field_html(d), '' ORDER BY k)
                              FROM jsonb_array_elements(f -> 'fields') WITH ORDINALITY q(d, k)), '')
               || COALESCE((SELECT string_agg(tally_internal._element('button', b ->> 'label', 'type', 'submit',
                                                  'name', CASE WHEN b ->> 'value' <> '' THEN 'action' END, 'value', NULLIF(b ->> 'value', '')), '' ORDER BY k)
                              FROM jsonb_array_elements(f -> 'buttons') WITH ORDINALITY q(b, k)), '')
               || '</form>', '' ORDER BY n), '')
      FROM jsonb_array_elements(COALESCE(panel -> 'forms', '[]')) WITH ORDINALITY u(f, n) WHERE tally_internal._is_page(f ->> 'action')
$$;
COMMENT ON FUNCTION tally_internal._forms_html(jsonb, int) IS
'The forms of a panel, sent by POST to a function of the database, or by GET. place tells its labels from those of other panels.';
