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

CREATE OR REPLACE FUNCTION tally_internal._metrics_place(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- It stays where it is, under any schema or name that it or the table has got since.
    SELECT format('%I.%I', n.nspname, CASE WHEN c.oid = r.relation THEN r.name || '_metrics' ELSE c.relname END)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = COALESCE((SELECT v.view FROM tally.metric_views v JOIN pg_class o ON o.oid = v.view WHERE v.rollup_id = r.id), r.relation)
$$;
COMMENT ON FUNCTION tally_internal._metrics_place(tally.rollups) IS 'Schema and name of a rollup''s flat view, or those that it gets where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._put_metrics_view(rollup_id int, place text, replaces boolean, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    names name[] := parse_ident(place);
    r     tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
    maker regrole := COALESCE((SELECT o.oid FROM pg_roles o WHERE o.oid = r.owner), (SELECT c.relowner FROM pg_class c WHERE c.oid = r.relation))::regrole;
BEGIN
    -- As its owner, whoever asks for it, a superuser who repairs it perhaps: PostgreSQL reads the constants of a view when it is made, and reading
    -- one may run a check of the owner's.
    PERFORM tally.run_as(maker, 'pg_catalog', format('CREATE %s %I.%I %s AS %s', CASE WHEN replaces THEN 'OR REPLACE VIEW' ELSE 'VIEW' END,
        names[1], names[2], tally_internal._view_options(to_regclass(place)), tally_internal._metrics_query(r.id)), 0, r.zone);
END $$;
COMMENT ON FUNCTION tally_internal._put_metrics_view(int, text, boolean, bigint) IS
'Makes the flat view of a rollup of its metrics in a place, as its owner, or replaces it. For who has the owner''s rights.';

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
    place := tally_internal._metrics_place(r);
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
        PERFORM tally_internal._put_metrics_view(r.id, place, true);
        IF old IS NULL THEN PERFORM tally_internal._owner_only(place); END IF;
    EXCEPTION WHEN invalid_table_definition THEN
        -- A column went or changed its type. The view is made anew, with the grants of the old one.
        grants := tally_internal._grants_on(old);
        PERFORM tally_internal._drop_metrics_view(r, old);
        PERFORM tally_internal._put_metrics_view(r.id, place, false);
        PERFORM tally_internal._owner_only(place);
    END;
    FOR item IN SELECT unnest(grants) AS statement LOOP
        EXECUTE item.statement;
    END LOOP;
    PERFORM tally_internal._store_metric_view(r.id, place::regclass);
    IF old IS NULL THEN PERFORM tally_internal._announce('rollup_readable', r.id); END IF;
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
