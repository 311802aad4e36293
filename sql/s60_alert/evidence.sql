-- Owns: the evidence stored with an incident: the values around the breach and the labels that contributed most.

CREATE FUNCTION tally._evidence(t tally.thresholds, labels jsonb, sample jsonb, step jsonb, tick timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m      tally.metrics;
    r      tally.rollups;
    bound  record;
    scope  jsonb;
    source regclass;
    result jsonb := jsonb_strip_nulls(jsonb_build_object('observed', step -> 'observed', 'samples', sample -> 'samples', 'history', NULLIF(sample -> 'history', '[]')));
BEGIN
    IF t.metric_id IS NULL THEN RETURN result; END IF;
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    SELECT * INTO bound FROM tally._tested_window(t, r, tick);
    scope := t.filter || labels;
    source := tally._exact_source(t, r, bound.since, bound.until);
    result := result || jsonb_build_object(
        'values', (SELECT COALESCE(jsonb_agg(x ORDER BY x ->> 'bucket'), '[]') FROM tally.run_as(t.owner, t.search_path,
            format('SELECT bucket, value, samples FROM (%s) v ORDER BY bucket',
                   tally._merged_sql(m, r, tally._exact_source(t, r, bound.until - 12 * r.bucket, bound.until), 'bucket', '{}', scope,
                                     tally._moment_sql(bound.until - 12 * r.bucket), tally._moment_sql(bound.until))), tally._query_timeout()) x),
        'contributors', (SELECT COALESCE(jsonb_object_agg(d.name, c.top), '{}') FROM tally.dimensions d
            CROSS JOIN LATERAL (SELECT jsonb_agg(x) AS top FROM tally.run_as(t.owner, t.search_path,
                format('SELECT %1$I AS label, value, samples FROM (%2$s) c ORDER BY samples DESC NULLS LAST, value DESC NULLS LAST LIMIT 5', d.name,
                       tally._merged_sql(m, r, source, NULL, ARRAY[d.name], scope, tally._moment_sql(bound.since), tally._moment_sql(bound.until))), tally._query_timeout()) x) c
           WHERE d.rollup_id = r.id AND NOT scope ? d.name));
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    -- An incident without its evidence is better than none.
    RETURN result || jsonb_build_object('error', format('%s: %s', SQLSTATE, SQLERRM));
END $$;
COMMENT ON FUNCTION tally._evidence(tally.thresholds, jsonb, jsonb, jsonb, timestamptz) IS
'What an incident keeps as proof: the observed number, the metric over the last 12 buckets, and per other dimension the five labels with most observations.';
