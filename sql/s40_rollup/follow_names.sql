-- Owns: definitions that follow their source by number when a column of it is renamed.
--
-- A definition is text, and PostgreSQL renames nothing in text. But PostgreSQL has parsed the live view, which holds the column by its
-- number. So the renamed text is right if PostgreSQL makes the same view of it again. If not, nothing is changed and a WARNING says what to do.

CREATE OR REPLACE FUNCTION tally_internal._live_meaning(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The last part of a rollup per key lists columns of the source, whose old names PostgreSQL keeps in that list; it is made of the same
    -- texts as the part before it.
    SELECT CASE WHEN r.key IS NULL THEN d ELSE regexp_replace(left(d, strpos(d, 'LIMIT')), 'UNION ALL(?!.*UNION ALL).*$', '') END
        FROM pg_get_viewdef(r.live_view) d
$$;
COMMENT ON FUNCTION tally_internal._live_meaning(tally.rollups) IS 'How PostgreSQL reads a rollup''s live view now, as text that can be compared.';

CREATE OR REPLACE FUNCTION tally_internal._rename_in(r tally.rollups, changes jsonb, reach_moved boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    before text := tally_internal._live_meaning(r);
    item   record;
BEGIN
    UPDATE tally.rollups x SET search_path = tally_internal._path_changed(x.search_path, changes, reach_moved),
           filter = tally_internal._changed(x.filter, changes), expand = tally_internal._changed(x.expand, changes) WHERE x.id = r.id;
    UPDATE tally.dimensions d SET given = tally_internal._changed(d.given, changes), expression = tally_internal._changed(d.expression, changes)
     WHERE d.rollup_id = r.id;
    UPDATE tally.measures m SET expression = tally_internal._changed(m.expression, changes) WHERE m.rollup_id = r.id;
    FOR item IN SELECT c ->> 'was' AS was, c ->> 'becomes' AS becomes FROM jsonb_array_elements(changes) c WHERE c ->> 'kind' = 'column' LOOP
        UPDATE tally.rollups x SET time_column = item.becomes WHERE x.id = r.id AND x.time_column = item.was;
        UPDATE tally.pseudonyms p SET column_name = item.becomes WHERE p.source = r.source AND p.column_name = item.was;
        UPDATE tally.source_retentions s SET time_column = item.becomes WHERE s.source = r.source AND s.time_column = item.was;
    END LOOP;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = r.id;
    PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
    IF tally_internal._live_meaning(r) IS DISTINCT FROM before THEN
        PERFORM tally_internal._refuse('ambiguous_column', 'the renamed text means something else', NULL, NULL);
    END IF;
    PERFORM tally_internal._comment_rollup(r.id);
    IF changes <> '[]' THEN
        PERFORM tally_internal._announce('definition_follows', r.id, jsonb_build_object('changes', changes, 'reach_moved', reach_moved));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._rename_in(tally.rollups, jsonb, boolean) IS
'Makes a rollup''s definition follow changes of names, as _changed() has them; an error where PostgreSQL does not read the same in it as before.';
REVOKE ALL ON FUNCTION tally_internal._rename_in(tally.rollups, jsonb, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._lost_columns(r tally.rollups) RETURNS TABLE (name text, becomes text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The live view holds the column by its number. tally.reads is asked only where the view is gone, because a restore numbers columns anew.
    SELECT x.name, CASE WHEN EXISTS (SELECT FROM pg_class v WHERE v.oid = r.live_view AND v.relkind = 'v')
                        THEN (SELECT min(c.name) FROM tally_internal._columns_read(r, r.live_view) c
                              WHERE NOT EXISTS (SELECT FROM tally.reads y WHERE y.rollup_id = r.id AND y.name = c.name) HAVING count(*) = 1)
                        ELSE a.attname::text END
      FROM tally.reads x
      LEFT JOIN pg_attribute a ON a.attrelid = r.source AND a.attnum = x.place AND NOT a.attisdropped
          AND NOT EXISTS (SELECT FROM tally.reads y WHERE y.rollup_id = r.id AND y.name = a.attname)
     WHERE x.rollup_id = r.id AND NOT EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = r.source AND o.attname = x.name AND o.attnum > 0
                                              AND NOT o.attisdropped)
$$;
COMMENT ON FUNCTION tally_internal._lost_columns(tally.rollups) IS
'Columns that a definition reads and its source does not have under that name any more, with the name they have now; null: dropped.';

CREATE OR REPLACE FUNCTION tally_internal._follow_names(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r    tally.rollups;
    item record;
BEGIN
    FOR r IN SELECT x.* FROM tally.rollups x WHERE x.source = source ORDER BY x.id LOOP
        FOR item IN SELECT l.* FROM tally_internal._lost_columns(r) l LOOP
            BEGIN
                -- A key's column is also a column of the rollup, by which people read it.
                IF item.becomes IS NULL OR item.name = ANY (r.key) THEN RAISE feature_not_supported; END IF;
                PERFORM tally_internal._rename_in(r, jsonb_build_array(jsonb_build_object('kind', 'column', 'was', item.name, 'becomes', item.becomes)));
                SELECT * INTO r FROM tally.rollups x WHERE x.id = r.id;
                RAISE NOTICE USING MESSAGE = format('the definition of rollup %L follows: column %I of %s is %I now', r.name, item.name, source, item.becomes);
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING USING MESSAGE = format('rollup %L reads column %I of %s, which %s', r.name, item.name, source,
                                                     COALESCE('is ' || quote_ident(item.becomes) || ' now', 'is gone')),
                    DETAIL = 'Its definition does not follow, so it is not refreshed until that is mended.',
                    HINT = (tally_internal._lost_column_fault(r)).hint;
            END;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._follow_names(regclass) IS
'Makes the definitions on a source follow its renamed columns; a WARNING with the statement to run where they cannot.';
REVOKE ALL ON FUNCTION tally_internal._follow_names(regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_source_changes_s40(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._follow_rows((detail #>> '{}')::oid::regclass);
    PERFORM tally_internal._follow_names((detail #>> '{}')::oid::regclass);
    PERFORM tally_internal._follow_index(r) FROM tally.rollups r WHERE r.source = (detail #>> '{}')::oid::regclass;
END $$;
COMMENT ON FUNCTION tally_internal._when_source_changes_s40(int, jsonb) IS
'Listener: definitions follow the renamed columns of their source, and live views its indexes.';
REVOKE ALL ON FUNCTION tally_internal._when_source_changes_s40(int, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._drops_whole(rollup_id int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(w, ' ' ORDER BY w) FROM tally_internal._announce('whole_asked', rollup_id) w
$$;
COMMENT ON FUNCTION tally_internal._drops_whole(int) IS
'The statement that drops the funnel, experiment or other definition that a rollup is a part of; null where it is one by itself.';

CREATE OR REPLACE FUNCTION tally_internal._lost_column_fault(r tally.rollups, OUT sqlstate text, OUT message text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
    dims text[];
    nums text[];
    rest text;
BEGIN
    -- Status asks this of every rollup, so the quick check comes first. As a rule it is enough.
    IF NOT EXISTS (SELECT FROM tally.reads x WHERE x.rollup_id = r.id
                      AND NOT EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = r.source AND o.attname = x.name AND o.attnum > 0
                                      AND NOT o.attisdropped)) THEN RETURN; END IF;
    SELECT * INTO item FROM tally_internal._lost_columns(r) l LIMIT 1;
    sqlstate := '42703';
    message := format('column %I of %s, which the definition reads, %s', item.name, r.source,
                      COALESCE('is ' || quote_ident(item.becomes) || ' now', 'does not exist any more'));
    IF item.becomes IS NOT NULL THEN
        hint := format('ALTER TABLE %s RENAME COLUMN %I TO %I;', r.source, item.becomes, item.name);
        RETURN;
    END IF;
    -- Dimensions and measures that use a lost column go with it. If more depends on it, the whole rollup has to go.
    SELECT array_agg(DISTINCT d.name) INTO dims FROM tally.dimensions d, tally_internal._lost_columns(r) l WHERE d.rollup_id = r.id
        AND tally_internal._renamed(d.expression, l.name, l.name || '?') <> d.expression;
    SELECT array_agg(DISTINCT m.name) INTO nums FROM tally.measures m, tally_internal._lost_columns(r) l WHERE m.rollup_id = r.id
        AND tally_internal._renamed(m.expression, l.name, l.name || '?') <> m.expression;
    SELECT string_agg(l.name, ', ') INTO rest FROM tally_internal._lost_columns(r) l
     WHERE l.name = r.time_column OR l.name = ANY (r.key) OR tally_internal._renamed(r.filter, l.name, l.name || '?') <> r.filter
         OR tally_internal._renamed(r.expand, l.name, l.name || '?') <> r.expand;
    IF rest IS NOT NULL OR dims IS NULL AND nums IS NULL OR NOT EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = r.id
            AND m.name <> ALL (COALESCE(nums, '{}'))) THEN
        hint := format('SELECT tally.drop_rollup(%L);  -- and create it again', tally_internal._called(r));
    ELSE
        hint := format('SELECT * FROM tally.alter_rollup(%L%s%s);', tally_internal._called(r), COALESCE(format(', drop_dimensions => %L', dims), ''),
                       COALESCE(format(', drop_measures => %L', nums), ''));
    END IF;
    -- A funnel or an experiment is made anew as a whole.
    hint := COALESCE(tally_internal._drops_whole(r.id) || '  -- and create it again', hint);
END $$;
COMMENT ON FUNCTION tally_internal._lost_column_fault(tally.rollups) IS
'The fault of a rollup whose definition reads a column that is gone or has another name now; nulls where there is none.';
