-- Owns: taking in what tally.move_out() has given in a database of the other edition.

CREATE OR REPLACE FUNCTION tally_internal._key_of_edition(version text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number text := '01' || lpad(to_hex(version::int), 2, '0');
BEGIN
    -- The editions hash by functions of their own. So hashes that come from the other one bear the number of a key that nobody has: they merge with each
    -- other, and not with those of this edition, where a person would count twice.
    WHILE EXISTS (SELECT FROM tally.identity_keys k WHERE k.id = number) LOOP
        number := lpad(to_hex(('x' || number)::bit(16)::int + 16), 4, '0');
    END LOOP;
    INSERT INTO tally.identity_keys (id, secret, retired_at) VALUES (number, substr(sha256(uuid_send(gen_random_uuid())), 1, 16), now());
    RETURN number;
END $$;
COMMENT ON FUNCTION tally_internal._key_of_edition(text) IS 'The number that hashes of the other edition bear here: a retired key, whose secret nobody knows.';
REVOKE ALL ON FUNCTION tally_internal._key_of_edition(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._rows_in(relation regclass, lines regclass, keys jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE (SELECT format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s l WHERE l.line ->> ''table'' = %L '
            -- Packs of the file itself are here already.
            'ON CONFLICT DO NOTHING', relation,
            string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
            string_agg(CASE
                WHEN format('%s.%s', relation, a.attname) = 'tally.identity_keys.secret' THEN 'substr(sha256(uuid_send(gen_random_uuid())), 1, 16)'
                WHEN format('%s.%s', relation, a.attname) = 'tally.identity_keys.retired_at'
                    THEN 'COALESCE((l.line #>> ''{row,retired_at}'')::timestamptz, now())'
                WHEN a.atttypid = 'tally.hll'::regtype THEN format('tally_internal._of_form(CASE WHEN l.line #> %1$L ? ''key'' THEN l.line #> %1$L '
                    'ELSE NULLIF(l.line #> %1$L, ''null'') - ''version'' || jsonb_build_object(''key'', %2$L::jsonb ->> '
                    'COALESCE(l.line #> %1$L ->> ''version'', ''1'')) END, NULL::tally.hll)', ARRAY['row', a.attname], keys)
                WHEN tally_internal._is_sketch(a.atttypid) THEN format('tally_internal._of_form(NULLIF(l.line #> %L, ''null''), NULL::%s)',
                    ARRAY['row', a.attname], a.atttypid::regtype)
                ELSE format('(l.line #>> %L)::%s', ARRAY['row', a.attname], format_type(a.atttypid, a.atttypmod)) END, ', ' ORDER BY a.attnum), lines, relation)
          FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '');
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
COMMENT ON FUNCTION tally_internal._rows_in(regclass, regclass, jsonb) IS
'Takes in the rows of a table from lines of move_out(). keys: the number of a key for each version of hashes that bear none.';
REVOKE ALL ON FUNCTION tally_internal._rows_in(regclass, regclass, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally.move_in(lines regclass) RETURNS TABLE (relation regclass, rows_taken bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET timezone = 'UTC'
    -- As a restore by pg_dump: the audit comes along, and nothing of it is a change of its own.
    SET check_function_bodies = off AS $$
#variable_conflict use_column
DECLARE
    head jsonb;
    mine jsonb;
    keys jsonb;
    keyed boolean;
    item record;
BEGIN
    EXECUTE format('SELECT l.line FROM %s l WHERE l.line ? ''version''', lines) INTO head;
    mine := jsonb_build_object('version', tally_internal._installed_version(), 'tables', (
        SELECT jsonb_object_agg(m.relation::text, (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = m.relation AND a.attnum > 0 AND NOT a.attisdropped))
          FROM tally_internal._moved_tables() m));
    IF head IS DISTINCT FROM mine THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('lines of tally.move_out() by pg_tally %s expected, got %s', mine ->> 'version', COALESCE('those of ' || (head ->> 'version'), 'others')),
            'Both databases must have the same version. Nothing was changed.', 'SELECT tally_internal._installed_version();  -- in both databases');
    ELSIF EXISTS (SELECT FROM tally.rollups) OR EXISTS (SELECT FROM tally.audit) THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state', 'a database without definitions of pg_tally expected, got one with some',
            'What comes has numbers of its own. Nothing was changed.', 'SELECT kind, name, statement FROM tally.definitions();  -- what is defined here');
    END IF;
    FOR item IN SELECT m.relation FROM tally_internal._moved_tables() m ORDER BY m.place, m.relation::text LOOP
        relation := item.relation;
        rows_taken := tally_internal._rows_in(relation, lines, keys);
        IF rows_taken > 0 THEN RETURN NEXT; END IF;
    END LOOP;
    EXECUTE format('SELECT count(setval((l.line ->> ''sequence'')::regclass, (l.line ->> ''last'')::bigint)) FROM %s l WHERE l.line ? ''sequence''', lines);
    PERFORM tally_internal._create_marks(r.id) FROM tally.rollups r;
    -- Behind the keys that come along, whose numbers are taken.
    keys := jsonb_build_object('1', tally_internal._key_of_edition('1'), '2', tally_internal._key_of_edition('2'));
    FOR item IN SELECT t AS relation FROM tally_internal._sketch_tables() t LOOP
        relation := item.relation;
        rows_taken := tally_internal._rows_in(relation, lines, keys);
        IF rows_taken > 0 THEN RETURN NEXT; END IF;
    END LOOP;
    PERFORM tally_internal._rebuild_derived();
    -- Distinct counts and keys are computed anew where history is not frozen.
    FOR item IN SELECT tally_internal._called(r) AS name FROM tally.rollups r
                 WHERE r.key IS NOT NULL OR EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = r.id AND m.type = 'tally.hll') ORDER BY r.id LOOP
        PERFORM tally.repair(item.name);
    END LOOP;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s l WHERE l.line ->> ''table'' = ''tally.identity_keys'' AND l.line #>> ''{row,retired_at}'' IS NULL)',
                   lines) INTO keyed;
    IF keyed THEN PERFORM tally.rotate_identity_key(); END IF;
END $$;
COMMENT ON FUNCTION tally.move_in(regclass) IS
'Takes what tally.move_out() has given in a database of the other edition into this one, which has the tables of people already and no definitions: lines is '
'a table with a column line of type jsonb. Afterwards CALL tally.backfill() computes distinct counts anew, which the editions hash in two ways. '
'scripts/move.sh calls it. For the role that installed pg_tally.';
REVOKE ALL ON FUNCTION tally.move_in(regclass) FROM PUBLIC;
