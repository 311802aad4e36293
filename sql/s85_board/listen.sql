-- Owns: what boards do when a stage to their left tells an event (sql/s15_common/listen.sql).

CREATE OR REPLACE FUNCTION tally_internal._panel_by_name(panel jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT panel - '{metric_ids,funnel_id,retention_id,experiment_id}'::text[] || CASE WHEN panel ? 'metrics' THEN jsonb_build_object('metrics', (
               SELECT jsonb_agg(COALESCE((SELECT tally_internal._called(m) FROM tally.metrics m WHERE m.id = (panel -> 'metric_ids' ->> (a.n - 1)::int)::int),
                                         a.name) ORDER BY a.n)
                 FROM jsonb_array_elements_text(panel -> 'metrics') WITH ORDINALITY a(name, n))) ELSE '{}' END
        || COALESCE((SELECT jsonb_build_object(b.kind, tally_internal._called(b)) FROM tally.behaviours b
                      WHERE b.counts = COALESCE(panel ->> 'funnel_id', panel ->> 'retention_id')::int), '{}')
        || COALESCE((SELECT jsonb_build_object('experiment', tally_internal._called(e)) FROM tally.experiments e
                      WHERE e.id = (panel ->> 'experiment_id')::int), '{}')
$$;
COMMENT ON FUNCTION tally_internal._panel_by_name(jsonb) IS
'A stored panel with the present names of its metrics, funnel, retention or experiment in place of their numbers; what is gone keeps the name it had.';

CREATE OR REPLACE FUNCTION tally_internal._board_definitions() RETURNS TABLE (kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'board', b.name, b.owner::text, tally_internal._definition_call('create_board', b.name, ARRAY[
               ['title', b.title],
               -- Numbers of metrics are those of this database; names are good in any.
               ['panels', (SELECT jsonb_agg(tally_internal._panel_by_name(p) ORDER BY n)::text FROM jsonb_array_elements(b.panels) WITH ORDINALITY u(p, n))],
               ['variables', NULLIF(b.variables, '{}')::text], ['since', b.since], ['refresh', b.refresh::text], ['description', b.description],
               -- Relations are stored under their full names.
               ['place', b.place::text], ['search_path', quote_ident(b.schema)]])
      FROM tally.boards b
$$;
COMMENT ON FUNCTION tally_internal._board_definitions() IS 'Boards as statements.';

CREATE OR REPLACE FUNCTION tally_internal._when_definitions_asked_s85(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- After all that they show.
    RETURN QUERY SELECT jsonb_build_object('stage', 7, 'kind', d.kind, 'name', d.name, 'owner', d.owner, 'statement', d.statement)::text
                   FROM tally_internal._board_definitions() d;
END $$;
COMMENT ON FUNCTION tally_internal._when_definitions_asked_s85(int, jsonb) IS 'Listener: boards, for tally.definitions().';

CREATE OR REPLACE FUNCTION tally_internal._when_schema_renamed_s85(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was     text := detail ->> 'was';
    becomes text := detail ->> 'becomes';
BEGIN
    -- Both at once: a view refers to its board by schema and name.
    WITH boards AS (UPDATE tally.boards b SET schema = becomes WHERE b.schema = was)
    UPDATE tally.board_views v SET schema = becomes WHERE v.schema = was;
    -- Metrics are kept by number; a relation, funnel, retention or experiment by its name.
    UPDATE tally.boards b SET panels = x.renamed
      FROM (SELECT o.schema, o.name, jsonb_agg(p.panel || tally_internal._schema_renamed(COALESCE((
                       SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(p.panel) e WHERE e.key IN ('relation', 'funnel', 'retention', 'experiment',
                       'slo')), '{}'), was, becomes) ORDER BY p.n) AS renamed
              FROM tally.boards o, jsonb_array_elements(o.panels) WITH ORDINALITY p(panel, n) GROUP BY 1, 2) x
     WHERE x.schema = b.schema AND x.name = b.name AND x.renamed <> b.panels;
END $$;
COMMENT ON FUNCTION tally_internal._when_schema_renamed_s85(int, jsonb) IS
'Listener: boards, what their panels read, and their saved views follow a schema that is renamed.';
REVOKE ALL ON FUNCTION tally_internal._when_schema_renamed_s85(int, jsonb) FROM PUBLIC;
