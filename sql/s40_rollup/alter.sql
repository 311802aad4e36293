-- Owns: alter_rollup: change of a definition without losing history that can no longer be computed.

CREATE OR REPLACE FUNCTION tally_internal._refuse_change(r tally.rollups, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse('dependent_objects_still_exist', format('rollup %L cannot lose %s', r.name, message), detail, hint);
END $$;
COMMENT ON FUNCTION tally_internal._refuse_change(tally.rollups, text, text, text) IS 'The error for a column that others still need.';

CREATE OR REPLACE FUNCTION tally_internal._check_users(r tally.rollups, gone text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    list text;
    hint text;
BEGIN
    PERFORM tally_internal._announce('columns_go', r.id, to_jsonb(gone));
    -- PostgreSQL itself knows which columns the live view of a rollup on this one reads.
    SELECT string_agg(DISTINCT quote_literal(c.name), ', '),
           string_agg(DISTINCT format('SELECT tally.drop_rollup(%L);', tally_internal._called(c)), ' ') INTO list, hint
      FROM tally.rollups c JOIN pg_rewrite w ON w.ev_class = c.live_view
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refobjid = r.live_view
      JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attname = ANY (gone)
     WHERE c.source_rollup = r.id;
    IF list IS NOT NULL THEN
        PERFORM tally_internal._refuse_change(r, format('%s: rollups stand on it', array_to_string(gone, ', ')), format('Those are %s.', list), hint);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_users(tally.rollups, text[]) IS
'An error that names what uses columns of a rollup that are to go: thresholds, metrics, other rollups.';

CREATE OR REPLACE FUNCTION tally_internal._check_drops(r tally.rollups, drop_measures text[], drop_dimensions text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    PERFORM tally_internal._check_dimensions(r, drop_dimensions, 'drop_dimensions');
    IF r.key && drop_dimensions THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('rollup %L cannot lose its key, got %s', r.name, drop_dimensions),
            format('It has a row per %s.', array_to_string(r.key, ', ')),
            format('SELECT tally.drop_rollup(%L);', tally_internal._called(r)));
    END IF;
    SELECT g INTO wrong FROM unnest(drop_measures) g WHERE g IS NULL
        OR NOT EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = r.id AND m.name = g) LIMIT 1;
    IF FOUND THEN
        PERFORM tally_internal._refuse('undefined_column',
            format('drop_measures must name measures of rollup %L, got %s', r.name, COALESCE(quote_literal(wrong), 'NULL')),
            tally_internal._measures_of(r.id),
            format('SELECT m.name FROM tally.measures m JOIN tally.rollups r ON r.id = m.rollup_id WHERE r.name = %L;', r.name));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_drops(tally.rollups, text[], text[]) IS
'An error where a name to be dropped is not a measure or dimension of the rollup.';

CREATE OR REPLACE FUNCTION tally_internal._change_columns(r tally.rollups, target text, add_measures jsonb, drop_measures text[], add_dimensions jsonb,
                                      drop_dimensions text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dims tally.dimensions[];
    nums tally.measures[];
    item record;
BEGIN
    SELECT array_agg(d ORDER BY d.ordinal) INTO dims FROM tally.dimensions d WHERE d.rollup_id = r.id AND NOT d.name = ANY (drop_dimensions);
    SELECT array_agg(m ORDER BY m.ordinal) INTO nums FROM tally.measures m WHERE m.rollup_id = r.id AND NOT m.name = ANY (drop_measures);
    FOR item IN SELECT d ->> 'name' AS name, d ->> 'expression' AS expression
        FROM jsonb_array_elements(tally_internal._listed_dimensions(add_dimensions)) d LOOP
        dims := dims || tally_internal._new_dimension(r, target, 0, item.name, item.expression);
    END LOOP;
    FOR item IN SELECT e.key AS name, tally_internal._one_expression(e.value, format('measure %L', e.key)) AS expression
        FROM jsonb_each_text(add_measures) e LOOP
        nums := nums || tally_internal._new_measure(r, target, 0, item.name, item.expression);
    END LOOP;
    IF nums IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('rollup %L needs at least one measure, and would have none', r.name),
            format('It would lose %s.', array_to_string(drop_measures, ', ')),
            format('SELECT tally.drop_rollup(%L);', tally_internal._called(r)));
    END IF;
    PERFORM tally_internal._check_columns(r.name, dims, nums);
    PERFORM tally_internal._store_change(r, dims, nums);
    PERFORM tally_internal._announce('columns_changed', r.id);
END $$;
COMMENT ON FUNCTION tally_internal._change_columns(tally.rollups, text, jsonb, text[], jsonb, text[]) IS
'Writes the changed rollup with its changed dimensions and measures into the catalogue.';

CREATE OR REPLACE FUNCTION tally_internal._altered(old tally.rollups, "where" text, schedule text, description text, emptied text)
RETURNS tally.rollups
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups := old;
BEGIN
    r.filter := CASE WHEN "where" IS NULL THEN old.filter ELSE tally_internal._one_expression(NULLIF(btrim("where"), ''),
        format('where of rollup %L', r.name)) END;
    r.schedule := CASE WHEN schedule IS NULL THEN old.schedule ELSE NULLIF(schedule, '') END;
    PERFORM tally_internal._check_schedule(r.schedule) WHERE r.schedule IS DISTINCT FROM old.schedule;
    r.description := CASE WHEN description IS NULL THEN old.description ELSE NULLIF(description, '') END;
    r.emptied := tally_internal._emptied(COALESCE(emptied, old.emptied), r);
    IF r.filter IS DISTINCT FROM old.filter AND r.filter IS NOT NULL THEN
        PERFORM tally_internal._analyse(format('(%s)::boolean', r.filter), r, tally_internal._schema_of(r.relation), 'where of rollup', r.name);
    END IF;
    RETURN r;
END $$;
COMMENT ON FUNCTION tally_internal._altered(tally.rollups, text, text, text, text) IS
'A rollup with another filter, schedule, description or emptied; NULL leaves as it is, and '''' takes away. An error where one of them cannot be.';

CREATE OR REPLACE FUNCTION tally_internal._change_rollup(old tally.rollups, add_measures jsonb, drop_measures text[], add_dimensions jsonb,
    drop_dimensions text[], "where" text, schedule text, description text, retain interval, emptied text)
RETURNS TABLE (what text, since timestamptz, until timestamptz, how text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r       tally.rollups;
    target  text;
    columns CONSTANT boolean := add_measures <> '{}' OR drop_measures <> '{}' OR add_dimensions <> '[]' OR drop_dimensions <> '{}';
    filter_ boolean;
    rebuilt boolean;
    told    boolean;
BEGIN
    -- The lock is that of the rollup's refresh, because a refresh reads the definition.
    PERFORM tally_internal._lock(old.id, true);
    SELECT * INTO old FROM tally.rollups x WHERE x.id = old.id;
    PERFORM tally_internal._check_drops(old, drop_measures, drop_dimensions);
    target := tally_internal._schema_of(old.relation);
    IF old.expand IS NOT NULL AND (columns OR "where" IS NOT NULL) AND old.owner::oid <> tally_internal._current_role()::oid THEN
        -- PostgreSQL reads a new expression beside the list that the rollup expands, and that text is its owner's.
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('columns and filter of rollup %L, which expands a list, are changed by %s itself, got %I', old.name, old.owner, current_user),
            'The text of the list is read when they are changed.', format('SET ROLE %s;', old.owner));
    END IF;
    r := tally_internal._altered(old, "where", schedule, description, emptied);
    filter_ := r.filter IS DISTINCT FROM old.filter;
    IF columns THEN
        -- A column that is dropped and added again under the same name changes its meaning, and its users would not notice.
        PERFORM tally_internal._check_users(old, drop_measures || drop_dimensions);
    END IF;
    -- Sums of whole numbers and the like merge to exactly what the source would give. A sketch, or a sum of floats, may differ in its bits.
    -- If the rollup follows its source from now on, kept buckets go.
    rebuilt := filter_ OR r.emptied < old.emptied OR add_measures <> '{}' OR add_dimensions <> '[]'
        OR (drop_dimensions <> '{}' AND EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = old.id AND NOT m.name = ANY (drop_measures)
                                                   AND (m.merge NOT LIKE 'pg_catalog.%' OR m.type IN ('real', 'double precision'))));
    IF add_dimensions <> '[]' OR drop_dimensions <> '{}' THEN
        PERFORM tally_internal._leave_statistics(old, tally_internal._heir_of_statistics(old));
    END IF;
    IF columns THEN
        PERFORM tally_internal._change_columns(r, target, add_measures, drop_measures, add_dimensions, drop_dimensions);
    END IF;
    IF NOT columns THEN
        PERFORM tally_internal._store_change(r, NULL, NULL);
    END IF;
    IF columns OR filter_ OR r.emptied <> old.emptied THEN
        -- A column that is dropped and made again has values with another meaning. Frozen history must not keep the old ones.
        PERFORM tally_internal._rebuild_around(old, add_dimensions <> '[]' OR drop_dimensions <> '{}',
            ARRAY(SELECT g FROM unnest(drop_measures || drop_dimensions) g WHERE add_measures ? g
                  OR EXISTS (SELECT FROM jsonb_array_elements(tally_internal._listed_dimensions(add_dimensions)) d WHERE d ->> 'name' = g)));
    END IF;
    IF rebuilt THEN
        PERFORM tally_internal._mark_range(old.id, old.frozen_before, 'infinity', 'change of definition');
        RAISE NOTICE USING MESSAGE = format('rollup %L has a new definition; %s is to be computed anew', old.name,
                CASE WHEN isfinite(old.frozen_before) THEN 'what lies after ' || old.frozen_before ELSE 'its history' END),
            DETAIL = format('%s is exact already.', tally_internal._live_name(old)), HINT = format('CALL tally.backfill(%L);', tally_internal._called(old));
    END IF;
    PERFORM tally_internal._comment_rollup(old.id);
    PERFORM tally_internal._announce('schedules_change');
    RETURN QUERY SELECT * FROM tally_internal._changes(old, r, add_measures, drop_measures, add_dimensions, drop_dimensions, rebuilt, retain);
    told := FOUND;
    IF retain IS NOT NULL THEN
        PERFORM tally_internal._retain_rollup(old, NULLIF(retain, '0'));
    END IF;
    IF NOT told THEN
        PERFORM tally_internal._note_unchanged(format('rollup %L', old.name));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._change_rollup(tally.rollups, jsonb, text[], jsonb, text[], text, text, text, interval, text) IS
'Does what alter_rollup() says, to parts of funnels and experiments too, for those that they are parts of.';

CREATE OR REPLACE FUNCTION tally.alter_rollup(
    name            text,
    add_measures    jsonb DEFAULT '{}',
    drop_measures   text[] DEFAULT '{}',
    add_dimensions  jsonb DEFAULT '[]',
    drop_dimensions text[] DEFAULT '{}',
    "where"         text DEFAULT NULL,
    schedule        text DEFAULT NULL,
    description     text DEFAULT NULL,
    retain          interval DEFAULT NULL,
    emptied         text DEFAULT NULL
) RETURNS TABLE (what text, since timestamptz, until timestamptz, how text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    old tally.rollups := tally_internal._rollup(name);
BEGIN
    IF NOT tally_internal._has_rights_of(old.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('rollup %L can only be changed by its owner %s, got %I', old.name, old.owner, current_user),
            'Its definition runs with the owner''s rights.',
            format('SET ROLE %s;', old.owner));
    END IF;
    add_measures := COALESCE(add_measures, '{}');
    drop_measures := COALESCE(drop_measures, '{}');
    add_dimensions := COALESCE(add_dimensions, '[]');
    drop_dimensions := COALESCE(drop_dimensions, '{}');
    PERFORM tally_internal._check_shape(old.name, add_dimensions, add_measures);
    IF ("where" IS NOT NULL OR drop_measures <> '{}' OR drop_dimensions <> '{}') AND tally_internal._drops_whole(old.id) IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('rollup %L is a part of a definition, which needs its columns and its filter', old.name),
            'You can add measures and dimensions, and change its schedule, description and retention.',
            tally_internal._drops_whole(old.id) || '  -- and create it again');
    END IF;
    RETURN QUERY SELECT * FROM tally_internal._change_rollup(old, add_measures, drop_measures, add_dimensions, drop_dimensions, "where", schedule,
                                                             description, retain, emptied);
END $$;
COMMENT ON FUNCTION tally.alter_rollup(text, jsonb, text[], jsonb, text[], text, text, text, interval, text) IS
'Changes the definition of a rollup. It returns a row for each change and part of history, with what becomes of that part. Arguments: add_measures '
    '''{"name": "aggregate"}'', drop_measures, add_dimensions ''["column", {"name": "expression"}]'', drop_dimensions, where, schedule, description, retain '
    '(how long buckets are kept), emptied (follow or keep: what becomes of buckets of which no source row is left); null leaves a setting as it is, '''' and '
    '''0'' remove it. What the source still has is marked for backfill; frozen history is kept: new measures are NULL there, new dimensions ''(before)'', '
    'dropped dimensions merged, and a new filter does not touch it. Views, metrics and rollups on it follow; a column that one of them uses cannot be '
    'dropped.';

CREATE OR REPLACE FUNCTION tally_internal._live_name(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.live_view::text FROM tally.rollups x WHERE x.id = r.id
$$;
COMMENT ON FUNCTION tally_internal._live_name(tally.rollups) IS 'Name of a rollup''s live view, which may have been made anew.';

CREATE OR REPLACE FUNCTION tally_internal._rebuild_around(r tally.rollups, dimensions_changed boolean, anew text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grants text[];
    item   text;
    above  tally.rollups;
BEGIN
    IF dimensions_changed THEN
        grants := ARRAY(SELECT g FROM tally_internal._announce('dimensions_change', r.id) g);
    END IF;
    PERFORM tally_internal._conform(r.id, anew);
    FOR above IN SELECT x.* FROM tally.rollups x WHERE x.id = ANY (tally_internal._with_descendants(r.id)) LOOP
        PERFORM tally_internal._comment_rollup(above.id);
    END LOOP;
    IF dimensions_changed THEN
        PERFORM tally_internal._add_statistics(r.id);
        PERFORM tally_internal._announce('dimensions_changed', r.id);
        FOR item IN SELECT unnest(grants) LOOP
            EXECUTE item;
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._rebuild_around(tally.rollups, boolean, text[]) IS
'Brings table, views, statistics and comments of a rollup to the changed catalogue. anew: columns that come again with another meaning.';

CREATE OR REPLACE FUNCTION tally_internal._changes(old tally.rollups, r tally.rollups, add_measures jsonb, drop_measures text[], add_dimensions jsonb,
                                        drop_dimensions text[],
                               rebuilt boolean, retain interval)
RETURNS TABLE (what text, since timestamptz, until timestamptz, how text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH change(place, what, anew, kept) AS (
        SELECT 1, format('dimension %s dropped', d), CASE WHEN rebuilt THEN 'computed anew from the source by backfill'
            ELSE 'merged from stored rows' END, 'merged from stored rows' FROM unnest(drop_dimensions) d
        UNION ALL SELECT 2, format('dimension %s added', d ->> 'name'), 'computed anew from the source by backfill', 'kept, as ''(before)'''
            FROM jsonb_array_elements(tally_internal._listed_dimensions(add_dimensions)) d
        UNION ALL SELECT 3, format('measure %s dropped', m), 'column dropped', 'column dropped' FROM unnest(drop_measures) m
        UNION ALL SELECT 4, format('measure %s added', m), 'computed anew from the source by backfill', 'kept, as NULL' FROM jsonb_object_keys(add_measures) m
        UNION ALL SELECT 5, format('where: %s to %s', COALESCE(old.filter, 'none'), COALESCE(r.filter, 'none')),
            'computed anew from the source by backfill', 'kept as it was computed' WHERE old.filter IS DISTINCT FROM r.filter
    )
    SELECT x.what, x.since, x.until, x.how FROM (
        SELECT c.place, c.what, old.frozen_before AS since, 'infinity'::timestamptz AS until, c.anew AS how FROM change c
        UNION ALL SELECT c.place, c.what, '-infinity', old.frozen_before, c.kept FROM change c WHERE old.frozen_before > '-infinity'
        UNION ALL SELECT 6, format('%s: %s to %s', v.n, COALESCE(v.was, 'none'), COALESCE(v.wish, 'none')), NULL, NULL, 'no bucket is touched'
          FROM (VALUES ('schedule', old.schedule, r.schedule), ('description', old.description, r.description), ('emptied', old.emptied, r.emptied),
                ('retain', tally_internal._retain_of(old)::text, CASE WHEN retain IS NULL THEN tally_internal._retain_of(old)
                 ELSE NULLIF(retain, '0') END::text)) v(n, was, wish)
         WHERE v.was IS DISTINCT FROM v.wish) x
     ORDER BY x.place, x.what, x.since
$$;
COMMENT ON FUNCTION tally_internal._changes(tally.rollups, tally.rollups, jsonb, text[], jsonb, text[], boolean, interval) IS
'What a change of definition does to which part of the history, as alter_rollup returns it.';

CREATE OR REPLACE FUNCTION tally_internal._alter_statement(old tally.rollups, made tally.rollups, wanted jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH was(kind, name, expression) AS (
        SELECT 'measures', m.name, m.expression FROM tally.measures m WHERE m.rollup_id = old.id UNION ALL SELECT 'dimensions', d.name, d.given
            FROM tally.dimensions d WHERE d.rollup_id = old.id
    ), wish(kind, name, expression) AS (
        SELECT k, e ->> 'name', e ->> 'expression' FROM unnest('{measures,dimensions}'::text[]) k, jsonb_array_elements(wanted -> k) e
    ), gone AS (SELECT * FROM was EXCEPT SELECT * FROM wish), new AS (SELECT * FROM wish EXCEPT SELECT * FROM was)
    SELECT format('SELECT * FROM tally.alter_rollup(%L%s);', tally_internal._called(old),
                  string_agg(format(', %s => %L', p.name, p.value), '' ORDER BY p.place))
      FROM (SELECT 1 AS place, 'add_measures' AS name, jsonb_object_agg(n.name, n.expression)::text AS value FROM new n WHERE n.kind = 'measures'
            UNION ALL SELECT 2, 'drop_measures', array_agg(g.name)::text FROM gone g WHERE g.kind = 'measures'
            UNION ALL SELECT 3, 'add_dimensions', jsonb_agg(jsonb_build_object(n.name, n.expression))::text FROM new n WHERE n.kind = 'dimensions'
            UNION ALL SELECT 4, 'drop_dimensions', array_agg(g.name)::text FROM gone g WHERE g.kind = 'dimensions'
            UNION ALL SELECT 5, '"where"', COALESCE(made.filter, '') WHERE old.filter IS DISTINCT FROM made.filter
            UNION ALL SELECT 6, 'schedule', COALESCE(made.schedule, '') WHERE old.schedule IS DISTINCT FROM made.schedule
            UNION ALL SELECT 7, 'emptied', made.emptied WHERE old.emptied <> made.emptied) p
     WHERE p.value IS NOT NULL
       AND (old.source, old.key, old.time_column, old.bucket::text, old.zone, old.bucket_origin, old.expand) IS NOT DISTINCT FROM (made.source, made.key,
               made.time_column, made.bucket::text, made.zone, made.bucket_origin, made.expand)
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION tally_internal._alter_statement(tally.rollups, tally.rollups, jsonb) IS
'The call of alter_rollup that makes one definition of the other; null where only another rollup will do.';
