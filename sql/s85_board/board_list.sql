-- Owns: the page that lists boards and saved views.

CREATE OR REPLACE FUNCTION tally_internal._percent(given text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(string_agg(CASE WHEN c ~ '[A-Za-z0-9_.-]' THEN c ELSE regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '..', '%\&', 'g') END,
                               '' ORDER BY n), '')
      FROM regexp_split_to_table(given, '') WITH ORDINALITY u(c, n)
$$;
COMMENT ON FUNCTION tally_internal._percent(text) IS 'A text as a part of an address: all but ASCII letters, digits and -._ in percent.';

CREATE OR REPLACE FUNCTION tally_internal._board_link(b tally.boards, words text, since text, filters jsonb, theme text, view text DEFAULT '') RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- It names every argument of page_form(): PostgreSQL takes no defaults where the last one is an array of any length.
    SELECT jsonb_build_object('text', words, 'address', format('page_form?board=%s&since=%s&until=&theme=%s&refresh=off&view=%s&filter=%s',
        tally_internal._percent(tally_internal._called(b)), tally_internal._percent(since), theme,
        tally_internal._percent(view),
        (SELECT string_agg('&filter=' || tally_internal._percent(f), '' ORDER BY n)
           FROM unnest(tally_internal._filter_words(filters)) WITH ORDINALITY u(f, n))))
$$;
COMMENT ON FUNCTION tally_internal._board_link(tally.boards, text, text, jsonb, text, text) IS
'A cell that leads to a board with a range, filters, and the panels of a saved view where it has any.';

CREATE OR REPLACE FUNCTION tally.page_boards(theme text DEFAULT 'auto') RETURNS tally."text/html"
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    most CONSTANT int := 500;
BEGIN
    RETURN tally_internal._page_html(tally_internal._operations_model('page_boards', 'All boards', 'What there is to look at, from overview to detail.',
        jsonb_build_array(
        tally_internal._table_panel('Boards', 'Whoever looks at one reads with their own rights.', '{board,what it answers,panels,filters,opens with,owner}',
            (SELECT jsonb_agg(jsonb_build_array(tally_internal._board_link(b, b.title, b.since, '{}', theme), b.description, jsonb_array_length(b.panels),
                    NULLIF(array_to_string(b.variables, ', '), ''), b.since, b.owner::text) ORDER BY b.place, b.name, b.schema)
               FROM (SELECT x.* FROM tally.boards x ORDER BY x.place, x.name, x.schema LIMIT most) b),
            (SELECT format('The first %s of %s.', most, count(*)) FROM tally.boards HAVING count(*) > most)),
        tally_internal._table_panel('Saved views', 'Your own and those that are shared.', '{view,board,filters,range,saved by,shared}',
            (SELECT jsonb_agg(jsonb_build_array(tally_internal._board_link(v.b, v.name, COALESCE(v.since, (v.b).since), v.filters, theme,
                                                  CASE WHEN v.layout IS NOT NULL THEN v.name ELSE '' END), (v.b).title,
                    NULLIF(array_to_string(tally_internal._filter_words(v.filters), ', '), ''), COALESCE(v.since, (v.b).since),
                    COALESCE(v.person, v.owner::text), v.shared) ORDER BY (v.b).place, (v.b).name, (v.b).schema, v.name)
               FROM (SELECT x.*, b FROM tally.board_views x JOIN tally.boards b ON b.schema = x.schema AND b.name = x.board
                      ORDER BY b.place, b.name, b.schema, x.name LIMIT most) v))), theme));
END $$;
COMMENT ON FUNCTION tally.page_boards(text) IS 'All boards, and the saved views that the reader sees, as a page with a link to each.';
