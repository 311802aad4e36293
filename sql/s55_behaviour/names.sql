-- Owns: names of funnels, retentions and sessions, and of the columns that they have themselves: an actor and dimensions are called otherwise. Else a column is
-- lost, and what is refused is a measure, a view or a rollup that nobody wrote.

CREATE OR REPLACE FUNCTION tally_internal._check_own_names(kind text, label text, given jsonb, beside text[], own text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken   text;
    instead jsonb;
BEGIN
    -- Their rollups have names of 50 bytes, and one ends in _actors.
    IF octet_length(label) NOT BETWEEN 1 AND 43 THEN
        PERFORM tally_internal._refuse('invalid_name', format('name of %s %L must have 1 to 43 bytes, got %s', kind, label, octet_length(label)),
            'Rollups and views are named after it.',
            format('SELECT tally.create_%s(%L, …);', kind, COALESCE(NULLIF(left(label, 20), ''), 'visits')));
    END IF;
    IF given ->> 'actor' = ANY (beside) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('actor of %s %L must have a name of its own, got %L', kind, label, given ->> 'actor'),
            format('There are the columns %s beside the actor.', array_to_string(beside, ', ')),
            (SELECT format('ALTER TABLE %s ADD COLUMN %I %s GENERATED ALWAYS AS (%I) STORED;  -- then %s with actor => %L', given ->> 'source',
                           'actor_' || a.attname, format_type(a.atttypid, a.atttypmod), a.attname, kind, 'actor_' || a.attname)
               FROM pg_attribute a WHERE a.attrelid = (given ->> 'source')::regclass AND a.attname = given ->> 'actor'));
    END IF;
    SELECT string_agg(quote_literal(t.name), ', ' ORDER BY t.name), jsonb_agg(jsonb_build_object('its_' || left(t.name, 40), t.expression) ORDER BY t.name)
      INTO taken, instead
      FROM (SELECT x.name, max(x.expression) AS expression FROM tally_internal._funnel_touches(given) x
             GROUP BY x.name HAVING count(*) > 1 OR x.name = ANY (own)) t;
    IF taken IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('dimensions of %s %L must have names of their own, got %s', kind, label, taken),
            format('The columns %s are there already.', array_to_string(own, ', ')),
            format('Use for example dimensions => %L.', instead));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_own_names(text, text, jsonb, text[], text[]) IS
'An error where the name of a funnel, retention or sessions is too long, where the actor has the name of a column beside it, or a dimension that of a column '
    'or of another dimension.';

CREATE OR REPLACE FUNCTION tally_internal._inner_name(before text, name text, behind text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT before || CASE WHEN octet_length(before || name || behind) > 63 THEN md5(name) ELSE name END || behind
$$;
COMMENT ON FUNCTION tally_internal._inner_name(text, text, text) IS
'The name of a column per actor that is made for a dimension: by the dimension''s name, or by its hash where that would be longer than PostgreSQL takes.';
