-- Owns: require_pseudonym: columns that name people, whose values no definition keeps but by tally.pseudonym(). Counting them is no keeping.

CREATE OR REPLACE FUNCTION tally_internal._names_people(expression text, named text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words  text[] := ARRAY(SELECT w.token FROM tally_internal._words(expression) w WHERE w.token !~ '^(\s|--|/\*)' ORDER BY w.n);
    depth  int := 0;
    -- How deep the arguments lie that are counted or made a pseudonym of.
    hidden int;
    word   text;
BEGIN
    FOR i IN 1 .. COALESCE(cardinality(words), 0) LOOP
        word := CASE WHEN words[i] LIKE '"%' THEN replace(btrim(words[i], '"'), '""', '"') ELSE lower(words[i]) END;
        IF words[i] = '(' THEN
            depth := depth + 1;
        ELSIF words[i] = ')' THEN
            depth := depth - 1;
            hidden := NULLIF(hidden, depth);
        ELSIF hidden IS NULL AND words[i + 1] = '(' AND word IN ('pseudonym', 'pseudonym_uuid', 'hll', 'count') THEN
            hidden := depth;
        ELSIF hidden IS NULL AND word = named AND words[i + 1] IS DISTINCT FROM '(' AND upper(words[i + 1]) IS DISTINCT FROM 'IS' THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
COMMENT ON FUNCTION tally_internal._names_people(text, text) IS
'Whether an expression keeps the values of a column: uses it outside pseudonym(), hll(), count() and IS [NOT] NULL. As the words stand: it looks into no '
    'function.';

CREATE OR REPLACE FUNCTION tally_internal._check_pseudonyms(r tally.rollups, dims tally.dimensions[], nums tally.measures[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p     tally.pseudonyms;
    place text;
BEGIN
    FOR p IN SELECT x.* FROM tally.pseudonyms x WHERE x.source = r.source ORDER BY x.column_name LOOP
        IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = p.source AND a.attname = p.column_name AND NOT a.attisdropped) THEN
            PERFORM tally_internal._refuse('undefined_column', format('column %I of %s needs a pseudonym, and is not there', p.column_name, p.source),
                'It was renamed or dropped, so nobody can tell what a definition must not keep.',
                format('SELECT tally.require_pseudonym(%L, %L, false);  -- and for the column that took its place: require_pseudonym(%1$L, ''…'')', p.source,
                       p.column_name));
        END IF;
        place := CASE WHEN p.column_name = ANY (r.key) THEN 'its key' END;
        place := COALESCE(place, (SELECT format('dimension %L', d.name) FROM unnest(dims) d
                                   WHERE tally_internal._names_people(d.expression, p.column_name) ORDER BY d.ordinal LIMIT 1),
            (SELECT format('measure %L', m.name) FROM unnest(nums) m
              WHERE tally_internal._names_people(m.expression, p.column_name) ORDER BY m.ordinal LIMIT 1));
        IF place IS NOT NULL THEN
            PERFORM tally_internal._refuse('insufficient_privilege',
                format('rollup %L may keep column %I of %s only as a pseudonym, got it bare in %s', r.name, p.column_name, p.source, place),
                format('The column names people (tally.pseudonyms, required by %s). Counts may use it: tally.hll(%I), count(%2$I).', p.owner,
                       p.column_name),
                -- A key is a column, and no definition may hold the secret. So the pseudonym is a column of the source.
                format('ALTER TABLE %s ADD COLUMN %I text; UPDATE %1$s SET %2$I = tally.pseudonym(%3$I::text, (SELECT encode(k.key, ''hex'') FROM '
                       'tally.identity_key k));  -- fill it whenever a row is written, and use it in place of %3$I', p.source,
                       left(p.column_name, 50) || '_pseudonym', p.column_name));
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._check_pseudonyms(tally.rollups, tally.dimensions[], tally.measures[]) IS
'An error where a rollup would keep values of a column of its source that need a pseudonym.';

CREATE OR REPLACE FUNCTION tally.require_pseudonym(source regclass, column_name text, required boolean DEFAULT true,
                                                   who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    kept   text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = source AND tally_internal._has_rights(caller, c.relowner)) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('pseudonyms of %s are required by its owner, got %s', source, caller),
            'They bind everybody who defines something on it.', 'SELECT * FROM tally.pseudonyms;');
    END IF;
    DELETE FROM tally.pseudonyms p WHERE p.source = source AND p.column_name = column_name AND NOT required
        OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p.source);
    IF NOT required THEN RETURN; END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped) THEN
        PERFORM tally_internal._refuse('undefined_column', format('a pseudonym is required for a column of %s, got %L', source, column_name),
            format('It has %s.', (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = source
                                     AND a.attnum > 0 AND NOT a.attisdropped)), format('SELECT tally.require_pseudonym(%L, ''user_id'');', source));
    END IF;
    INSERT INTO tally.pseudonyms (source, column_name, owner) VALUES (source, column_name, caller) ON CONFLICT ON CONSTRAINT pseudonyms_pkey DO NOTHING;
    SELECT string_agg(quote_literal(r.name), ', ' ORDER BY r.id) INTO kept FROM tally.rollups r WHERE r.source = source AND (column_name = ANY (r.key)
        OR EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND tally_internal._names_people(d.expression, column_name))
        OR EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = r.id AND tally_internal._names_people(m.expression, column_name)));
    IF kept IS NOT NULL THEN
        RAISE WARNING USING MESSAGE = format('rollups that were there before keep column %I of %s bare: %s', column_name, source, kept),
            DETAIL = 'They stay as they are.', HINT = 'SELECT tally.drop_rollup(''…'');  -- and define it with a pseudonym';
    END IF;
END $$;
COMMENT ON FUNCTION tally.require_pseudonym(regclass, text, boolean, bigint) IS
'From now on no definition on a table keeps the values of a column that names people, as a dimension, a key, in topk or another measure; it takes a column of '
'pseudonyms, tally.pseudonym(value, key), in its place. Counting people (tally.hll(), count()) stays free. required => false takes that back. For the '
'table''s owner. The lines "-- pseudonyms: a, b" of a pack''s source do the same.';
GRANT SELECT ON tally.pseudonyms TO PUBLIC;
