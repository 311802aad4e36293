-- Owns: releases that follow what is renamed below them. A release compares what its columns meant with what they mean, as texts; a name is no meaning.

CREATE OR REPLACE FUNCTION tally_internal._when_definition_follows_s75(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changes CONSTANT jsonb := detail -> 'changes';
BEGIN
    -- The same words change that change in the rollup, so what was as the release knew it still is, and what was not still is not.
    UPDATE tally.releases x SET definition = f.definition
      FROM (SELECT y.id, y.definition || jsonb_build_object('filter', tally_internal._changed(y.definition ->> 'filter', changes),
                         'expand', tally_internal._changed(y.definition ->> 'expand', changes),
                         'columns', (SELECT jsonb_object_agg(c.key, tally_internal._changed(c.value, changes))
                                       FROM jsonb_each_text(y.definition -> 'columns') c))
                   AS definition
              FROM tally.releases y WHERE y.rollup_id = $1 AND NOT y.definition ? 'experiment'
            UNION ALL
            SELECT y.id, y.definition || jsonb_build_object('given', CASE WHEN e.units = $1 THEN tally_internal._given_changed(y.definition -> 'given', changes)
                                                                          ELSE y.definition -> 'given' END,
                         'metrics', (SELECT COALESCE(jsonb_object_agg(m.key, CASE WHEN EXISTS (SELECT FROM tally.experiment_cells c WHERE c.experiment_id = e.id
                                                AND c.metric = m.key AND c.unit_values = $1) THEN tally_internal._metric_changed(m.value, changes)
                                                ELSE m.value END), '{}') FROM jsonb_each(y.definition -> 'metrics') m))
              FROM tally.releases y JOIN tally.experiments e ON e.id = (y.definition ->> 'experiment')::int) f
     WHERE x.id = f.id AND x.definition <> f.definition;
END $$;
COMMENT ON FUNCTION tally_internal._when_definition_follows_s75(int, jsonb) IS
'Listener: what the columns of a release meant follows names that changed, as the definition of its rollup or experiment does.';
REVOKE ALL ON FUNCTION tally_internal._when_definition_follows_s75(int, jsonb) FROM PUBLIC;
