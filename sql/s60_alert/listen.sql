-- Owns: the errors when somebody drops or changes what a threshold watches (sql/s15_common/listen.sql).

CREATE OR REPLACE FUNCTION tally_internal._refuse_watched(what text, watchers text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF watchers IS NULL THEN RETURN; END IF;
    PERFORM tally_internal._refuse('dependent_objects_still_exist', format('%s cannot be dropped: thresholds watch it', what),
        format('Those are %s.', (SELECT string_agg(quote_literal(w), ', ' ORDER BY w) FROM unnest(watchers) w)),
        tally_internal._drop_thresholds_sql(watchers));
END $$;
COMMENT ON FUNCTION tally_internal._refuse_watched(text, text[]) IS 'An error that names the thresholds that watch something; none where they are null.';

CREATE OR REPLACE FUNCTION tally_internal._drop_thresholds_sql(names text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('SELECT tally.drop_threshold(%L);', n), ' ' ORDER BY n) FROM unnest(names) n
$$;
COMMENT ON FUNCTION tally_internal._drop_thresholds_sql(text[]) IS 'The statements that drop thresholds, for a hint.';

CREATE OR REPLACE FUNCTION tally_internal._when_metric_drops_s60(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse_watched(format('metric %L', m.name), (SELECT array_agg(t.name) FROM tally.thresholds t WHERE t.metric_id = m.id))
       FROM tally.metrics m WHERE m.id = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_metric_drops_s60(int, jsonb) IS 'Listener: an error where thresholds watch the metric.';

CREATE OR REPLACE FUNCTION tally_internal._when_probe_drops_s60(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse_watched(format('probe %L', p.name), (SELECT array_agg(t.name) FROM tally.thresholds t WHERE t.probe_id = p.id))
       FROM tally.probes p WHERE p.id = $1;
END $$;
COMMENT ON FUNCTION tally_internal._when_probe_drops_s60(int, jsonb) IS 'Listener: an error where thresholds watch the probe.';

CREATE OR REPLACE FUNCTION tally_internal._when_columns_go_s60(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone     text[] := ARRAY(SELECT jsonb_array_elements_text(detail));
    watchers text[];
BEGIN
    SELECT array_agg(t.name) INTO watchers FROM tally.thresholds t JOIN tally.metrics m ON m.id = t.metric_id
     WHERE m.rollup_id = $1 AND (t.per && gone OR t.filter ?| gone OR m.samples = ANY (gone)
                                  OR m.measures && (gone || ARRAY(SELECT 'distinct_' || g FROM unnest(gone) g)));
    PERFORM tally_internal._refuse_change(r, format('%s: thresholds watch it', array_to_string(gone, ', ')),
                                          format('Those are %s.', (SELECT string_agg(quote_literal(w), ', ' ORDER BY w) FROM unnest(watchers) w)),
                                          tally_internal._drop_thresholds_sql(watchers))
       FROM tally.rollups r WHERE r.id = $1 AND watchers IS NOT NULL;
END $$;
COMMENT ON FUNCTION tally_internal._when_columns_go_s60(int, jsonb) IS 'Listener: an error where thresholds use one of the columns.';

CREATE OR REPLACE FUNCTION tally_internal._when_schema_renamed_s60(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._rename_schema('tally.thresholds', 'query', detail ->> 'was', detail ->> 'becomes');
    UPDATE tally.channels c SET schema = detail ->> 'becomes' WHERE c.schema = detail ->> 'was';
    UPDATE tally.routes r SET schema = detail ->> 'becomes' WHERE r.schema = detail ->> 'was';
    -- Where a role is let in to a schema of the new name already, the higher access holds.
    UPDATE tally.access a SET role = o.role FROM tally.access o WHERE a.schema = detail ->> 'becomes' AND o.schema = detail ->> 'was'
        AND o.owner::oid = a.owner::oid AND o.grantee::oid = a.grantee::oid
        AND tally_internal._access_rank(o.role) > tally_internal._access_rank(a.role);
    DELETE FROM tally.access a USING tally.access o WHERE a.schema = detail ->> 'was' AND o.schema = detail ->> 'becomes'
        AND o.owner::oid = a.owner::oid AND o.grantee::oid = a.grantee::oid;
    UPDATE tally.access a SET schema = detail ->> 'becomes' WHERE a.schema = detail ->> 'was';
    UPDATE tally.inhibitions i SET schema = detail ->> 'becomes' WHERE i.schema = detail ->> 'was';
END $$;
COMMENT ON FUNCTION tally_internal._when_schema_renamed_s60(int, jsonb) IS
'Listener: thresholds, channels, routes, inhibitions and access follow a schema that is renamed.';
REVOKE ALL ON FUNCTION tally_internal._when_schema_renamed_s60(int, jsonb) FROM PUBLIC;
