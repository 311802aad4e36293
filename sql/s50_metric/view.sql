-- Owns: the flat view of a rollup's metrics: bucket, dimensions, one column per metric, no sketch types.

CREATE OR REPLACE FUNCTION tally_internal._metrics_query(rollup_id int) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT bucket%s%s FROM %s t WHERE %s',
        (SELECT string_agg(format(', %I', d.name), '' ORDER BY d.ordinal) FROM tally.dimensions d WHERE d.rollup_id = r.id),
        (SELECT string_agg(format(', %s AS %I', tally_internal._stored_metric_sql(m, r), m.name), '' ORDER BY m.id) FROM tally.metrics m
          WHERE m.rollup_id = r.id),
        r.relation, tally_internal._flat_gate_sql(r.relation))
      FROM tally.rollups r WHERE r.id = $1
$$;
COMMENT ON FUNCTION tally_internal._metrics_query(int) IS
'The SELECT behind a rollup''s flat view. Metrics come in the order they were made, so that a new one only adds a column. A value that fails is NULL.';

CREATE OR REPLACE FUNCTION tally_internal._build_metrics_view(rollup_id int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r      tally.rollups;
    place  text;
    old    regclass;
    grants text[];
    item   record;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    SELECT v.view INTO old FROM tally.metric_views v JOIN pg_class c ON c.oid = v.view WHERE v.rollup_id = r.id;
    -- It stays where it is, under any schema or name that it or the table has got since.
    SELECT CASE WHEN c.oid = old THEN format('%I.%I', n.nspname, c.relname) ELSE format('%I.%I', n.nspname, r.name || '_metrics') END INTO place
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = COALESCE(old, r.relation);
    IF NOT EXISTS (SELECT FROM tally.metrics m WHERE m.rollup_id = r.id) THEN
        PERFORM tally_internal._drop_metrics_view(r, old);
        RETURN;
    END IF;
    IF old IS NULL AND to_regclass(place) IS NOT NULL THEN
        PERFORM tally_internal._refuse('duplicate_table',
            format('the metrics of rollup %L need the name %s for their view, but that exists already', r.name, place),
            'It was not made by pg_tally, so it is left as it is.',
            format('ALTER TABLE %s RENAME TO %I;', place, r.name || '_metrics_old'));
    END IF;
    BEGIN
        EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', place, tally_internal._metrics_query(r.id));
        IF old IS NULL THEN PERFORM tally_internal._owner_only(place); END IF;
    EXCEPTION WHEN invalid_table_definition THEN
        -- A column went or changed its type. The view is made anew, with the grants of the old one.
        grants := tally_internal._grants_on(old);
        PERFORM tally_internal._drop_metrics_view(r, old);
        EXECUTE format('CREATE VIEW %s AS %s', place, tally_internal._metrics_query(r.id));
        PERFORM tally_internal._owner_only(place);
    END;
    IF r.owner::oid <> tally_internal._current_role()::oid AND EXISTS (SELECT FROM pg_roles o WHERE o.oid = r.owner) THEN
        EXECUTE format('ALTER VIEW %s OWNER TO %s', place, r.owner);
    END IF;
    FOR item IN SELECT unnest(grants) AS statement LOOP
        EXECUTE item.statement;
    END LOOP;
    PERFORM tally_internal._store_metric_view(r.id, place::regclass);
    EXECUTE format('COMMENT ON VIEW %s IS %L', place,
        format('Metrics of rollup %s per bucket of %s and dimension, as of its last refresh. Made by pg_tally.', r.name, r.bucket));
    FOR item IN SELECT 'bucket' AS name, format('Start of the bucket of %s.', r.bucket) AS words
                UNION ALL SELECT d.name, format('Dimension: %s.', d.given) FROM tally.dimensions d WHERE d.rollup_id = r.id
                UNION ALL SELECT m.name, concat_ws(' ', m.description, 'Unit: ' || m.unit || '.', format('Metric: %s.', m.expression)) FROM tally.metrics m
                    WHERE m.rollup_id = r.id LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', place, item.name, item.words);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._build_metrics_view(int) IS
'Makes the flat view of a rollup anew from its metrics, with comments; drops it where there are none left.';

CREATE OR REPLACE FUNCTION tally_internal._drop_metrics_view(r tally.rollups, view regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    users text;
BEGIN
    IF view IS NOT NULL THEN
        SELECT string_agg(DISTINCT w.ev_class::regclass::text, ', ') INTO users
          FROM pg_depend d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
         WHERE d.refobjid = view AND w.ev_class <> view;
        IF users IS NOT NULL THEN
            PERFORM tally_internal._refuse('dependent_objects_still_exist',
                format('a column of view %s would go or change its type, but other views stand on it', view),
                format('Those are %s.', users),
                format('DROP VIEW %s; and make it again after the change.', users));
        END IF;
        EXECUTE format('DROP VIEW %s', view);
    END IF;
    PERFORM tally_internal._store_metric_view(r.id, NULL);
END $$;
COMMENT ON FUNCTION tally_internal._drop_metrics_view(tally.rollups, regclass) IS 'Drops a rollup''s flat view; an error names the views that stand on it.';
