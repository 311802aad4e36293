-- Owns: what becomes of metrics and their flat views when the rollup that they stand on changes (sql/s15_common/listen.sql).

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_drops_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._drop_metric(m) FROM (SELECT x.* FROM tally.metrics x WHERE x.rollup_id = $1 ORDER BY x.id DESC OFFSET 0) m;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_drops_s50(int, jsonb) IS 'Listener: all metrics of a rollup go, and its flat view.';

CREATE OR REPLACE FUNCTION tally_internal._when_columns_go_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone text[] := ARRAY(SELECT jsonb_array_elements_text(detail));
    list text;
    hint text;
BEGIN
    SELECT string_agg(format('%L (%s)', m.name, m.expression), ', ' ORDER BY m.name),
           string_agg(format('SELECT tally.drop_metric(%L);', tally_internal._called(m)), ' ' ORDER BY m.name) INTO list, hint
      FROM tally.metrics m WHERE m.rollup_id = $1 AND (m.measures && (gone || ARRAY(SELECT 'distinct_' || g FROM unnest(gone) g)) OR m.samples = ANY (gone));
    PERFORM tally_internal._refuse_change(r, format('%s: metrics are computed from it', array_to_string(gone, ', ')), format('Those are %s.', list), hint)
       FROM tally.rollups r WHERE r.id = $1 AND list IS NOT NULL;
END $$;
COMMENT ON FUNCTION tally_internal._when_columns_go_s50(int, jsonb) IS 'Listener: an error where metrics are computed from one of the columns.';

CREATE OR REPLACE FUNCTION tally_internal._when_columns_changed_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._check_metric_name(m.name, r) FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id WHERE r.id = $1;
    PERFORM tally_internal._check_name_of_ratio(x, x.name, tally_internal._rename_of_ratio(x))
       FROM tally.ratios x WHERE EXISTS (SELECT FROM tally.metrics m WHERE m.rollup_id = $1 AND m.id IN (x.metric_id, x.divisor_id));
    -- A column that the table does not have yet would take the place of a count of labels.
    PERFORM tally_internal._refuse_change(r, format('%s: metric %L counts labels under this name', u.name, m.name),
                                          format('Its expression is %s.', m.expression), format('SELECT tally.drop_metric(%L);', tally_internal._called(m)))
       FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id CROSS JOIN unnest(m.measures) u(name)
      WHERE r.id = $1 AND starts_with(u.name, 'distinct_') AND tally_internal._counted_among(r.id, ARRAY[u.name]) = '{}'
        AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.relation AND a.attname = u.name AND NOT a.attisdropped);
END $$;
COMMENT ON FUNCTION tally_internal._when_columns_changed_s50(int, jsonb) IS 'Listener: an error where a new dimension has the name of a metric or ratio.';

CREATE OR REPLACE FUNCTION tally_internal._when_dimensions_change_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    flat regclass := (SELECT v.view FROM tally.metric_views v WHERE v.rollup_id = $1);
BEGIN
    RETURN QUERY SELECT unnest(tally_internal._grants_on(flat));
    PERFORM tally_internal._drop_metrics_view(r, flat) FROM tally.rollups r WHERE r.id = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_dimensions_change_s50(int, jsonb) IS
'Listener: drops the flat view of a rollup''s metrics, and returns the statements that grant on it again.';

CREATE OR REPLACE FUNCTION tally_internal._when_dimensions_changed_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._build_metrics_view(id);
END $$;
COMMENT ON FUNCTION tally_internal._when_dimensions_changed_s50(int, jsonb) IS 'Listener: makes the flat view of a rollup''s metrics.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_repaired_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._build_metrics_view(v.rollup_id) FROM tally.metric_views v WHERE v.rollup_id = ANY (tally_internal._with_descendants($1))
        AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = v.view);
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_repaired_s50(int, jsonb) IS
'Listener: makes the flat views of metrics on a rollup and its descendants that somebody has dropped; with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_given_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taker regrole := (detail ->> 'taker')::oid::regrole;
BEGIN
    PERFORM tally_internal._give_relation(c.oid, taker, (detail ->> 'giver')::oid::regrole) FROM tally.metric_views v JOIN pg_class c ON c.oid = v.view
      WHERE v.rollup_id = $1 AND c.relkind = 'v';
    UPDATE tally.metrics x SET owner = taker WHERE x.rollup_id = $1;
    UPDATE tally.metric_views x SET owner = taker WHERE x.rollup_id = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_given_s50(int, jsonb) IS
'Listener: metrics and their flat view go to the role that their rollup is given to.';

CREATE OR REPLACE FUNCTION tally_internal._when_schema_renamed_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was     text := detail ->> 'was';
    becomes text := detail ->> 'becomes';
BEGIN
    -- Anybody may call a schema as others call something within their text. What is read without the old name never meant the schema.
    UPDATE tally.metrics m SET expression = CASE WHEN x.given THEN m.expression ELSE tally_internal._schema_renamed(m.expression, was, becomes) END,
           resolved = CASE WHEN x.resolved THEN m.resolved ELSE tally_internal._schema_renamed(m.resolved, was, becomes) END
      FROM (SELECT i.id, tally_internal._reads_still(i.owner, i.search_path, format(E'SELECT (%s\n) FROM %s', i.expression, r.relation)) AS given,
                   tally_internal._reads_still(i.owner, i.search_path, format(E'SELECT (%s\n) FROM %s', i.resolved, r.relation)) AS resolved
              FROM tally.metrics i JOIN tally.rollups r ON r.id = i.rollup_id
             WHERE tally_internal._schema_renamed(i.expression, was, becomes) <> i.expression
                OR tally_internal._schema_renamed(i.resolved, was, becomes) <> i.resolved OFFSET 0) x
     WHERE m.id = x.id;
    UPDATE tally.metrics m SET search_path = tally_internal._path_renamed(m.search_path, was, becomes)
     WHERE tally_internal._path_renamed(m.search_path, was, becomes) <> m.search_path;
    PERFORM tally_internal._rename_schema('tally.probes', 'query', was, becomes);
    UPDATE tally.limits l SET schema = becomes WHERE l.schema = was;
END $$;
COMMENT ON FUNCTION tally_internal._when_schema_renamed_s50(int, jsonb) IS
'Listener: metrics, probes and limits follow a schema that is renamed.';
REVOKE ALL ON FUNCTION tally_internal._when_schema_renamed_s50(int, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_views_asked_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT v.view::oid::text FROM tally.metric_views v;
END $$;
COMMENT ON FUNCTION tally_internal._when_views_asked_s50(int, jsonb) IS 'Listener: the flat views of metrics.';

CREATE OR REPLACE FUNCTION tally_internal._when_objects_renamed_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change record;
BEGIN
    FOR change IN SELECT c ->> 'kind' AS kind, c ->> 'schema' AS schema, c ->> 'name' AS name, c ->> 'was' AS was, c ->> 'becomes' AS becomes,
                         (c ->> 'class')::oid AS class, (c ->> 'object')::oid AS object, jsonb_build_array(c) AS list
                    FROM jsonb_array_elements(detail) c LOOP
        -- PostgreSQL has written the resolved text, with the schema of every name. The given one is for people.
        UPDATE tally.metrics m SET expression = tally_internal._changed(m.expression, change.list), resolved = CASE change.kind
                   WHEN 'object' THEN tally_internal._object_renamed(m.resolved, change.schema, change.was, change.becomes)
                   ELSE tally_internal._changed(m.resolved, change.list) END
          FROM tally.metric_views v JOIN pg_rewrite w ON w.ev_class = v.view
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = change.class AND d.refobjid = change.object
         WHERE v.rollup_id = m.rollup_id AND change.kind IN ('object', 'moved', 'label');
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._when_objects_renamed_s50(int, jsonb) IS
'Listener: metrics follow functions, operators, types, collations and labels of enums that were renamed or moved to another schema.';
REVOKE ALL ON FUNCTION tally_internal._when_objects_renamed_s50(int, jsonb) FROM PUBLIC;
