-- Owns: the evidence stored with an incident: the values around the breach and the labels that contributed most.

CREATE OR REPLACE FUNCTION tally_internal._compared_sql(m tally.metrics, names text[], present text, past text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT %1$s AS dimension, now.label, now.value, now.samples, was.value AS before, now.value - was.value AS change, now.place FROM ('
        'SELECT *, pg_catalog.row_number() OVER (PARTITION BY "the set" ORDER BY samples DESC NULLS LAST, value DESC NULLS LAST, label) AS place '
        'FROM (%2$s) valued) now LEFT JOIN (%3$s) was USING ("the set", label) WHERE now.place <= 5 ORDER BY 1, now.place',
        (SELECT format('CASE "the set" %s END', string_agg(format('WHEN %s THEN %L', (1 << cardinality(names)) - 1 - (1 << (cardinality(names) - n::int)), d),
                                                           ' ' ORDER BY n)) FROM unnest(names) WITH ORDINALITY u(d, n)),
        v.present, v.past)
      FROM (SELECT max(q.sql) FILTER (WHERE q.is_present) AS present, max(q.sql) FILTER (WHERE NOT q.is_present) AS past
              FROM (SELECT is_present, format('SELECT "the set", label, (%s)::pg_catalog.float8 AS value, %s AS samples FROM (%s) merged', m.resolved,
                                  CASE WHEN m.samples IS NULL THEN 'NULL::pg_catalog.float8' ELSE format('%I::pg_catalog.float8', m.samples) END, given) AS sql
                      FROM (VALUES (true, present), (false, past)) x(is_present, given)) q) v
$$;
COMMENT ON FUNCTION tally_internal._compared_sql(tally.metrics, text[], text, text) IS
'SQL text that yields, of some dimensions, the five labels each with most observations, with the metric now and before. present and past are SQL texts that '
    'group by each of the dimensions: "the set" (GROUPING), label and measures.';

CREATE OR REPLACE FUNCTION tally_internal._contributor(x jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x - '{dimension,place}'::text[] - CASE WHEN x ->> 'change' IS NULL THEN '{before,change}'::text[] ELSE '{}' END
$$;
COMMENT ON FUNCTION tally_internal._contributor(jsonb) IS 'A row of _compared_sql() as evidence keeps it: without a comparison where there was nothing before.';

CREATE OR REPLACE FUNCTION tally_internal._contributors_sql(reader regrole, m tally.metrics, r tally.rollups, scope jsonb, since timestamptz,
                                                 until timestamptz, before timestamptz, past timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    names  text[] := ARRAY(SELECT d.name FROM tally.dimensions d WHERE d.rollup_id = r.id AND NOT scope ? d.name ORDER BY d.ordinal);
    dims   text := (SELECT string_agg(quote_ident(n), ', ' ORDER BY o) FROM unnest(names) WITH ORDINALITY x(n, o));
    groups text;
BEGIN
    IF names = '{}' THEN RETURN 'SELECT NULL AS dimension WHERE false'; END IF;
    -- One query with a grouping set per dimension, because planning a query for each took most of the time of a tick in which many
    -- thresholds fire. Dimensions are never NULL, so in each row the grouped dimension is the one that is not NULL.
    groups := format('SELECT GROUPING(%1$s) AS "the set", COALESCE(%1$s) AS label, %2$s FROM %%s WHERE bucket >= %%s AND bucket < %%s%3$s '
                     'GROUP BY GROUPING SETS (%4$s)', replace(dims, '%', '%%'), replace(tally_internal._merges_sql(m, r), '%', '%%'),
                     replace(COALESCE(' AND ' || tally_internal._where_sql(r, scope), ''), '%', '%%'),
                     (SELECT string_agg(format('(%s)', replace(quote_ident(d), '%', '%%')), ', ' ORDER BY n) FROM unnest(names) WITH ORDINALITY u(d, n)));
    RETURN tally_internal._compared_sql(m, names,
        format(groups, tally_internal._answer_source(reader, r, m.measures || m.samples, names, scope, NULL, since, until), '$1', '$2'),
        format(groups, tally_internal._answer_source(reader, r, m.measures || m.samples, names, scope, NULL, before, past), '$3', '$4'));
END $$;
COMMENT ON FUNCTION tally_internal._contributors_sql(regrole, tally.metrics, tally.rollups, jsonb, timestamptz, timestamptz, timestamptz, timestamptz) IS
'SQL text that yields, per dimension that the scope leaves open, the five labels with most observations in [$1, $2), compared with [$3, $4): since and until, '
    'before and past.';

CREATE OR REPLACE FUNCTION tally_internal._contributors(t tally.thresholds, m tally.metrics, r tally.rollups, scope jsonb, since timestamptz,
                                             until timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    rule   text := tally_internal._bucket_rule_of(r);
    -- The same hours of the same weekday, in whole buckets.
    before timestamptz := tally_internal._bucket_start(rule, tally_internal._minus_by_zone(since, '7 days', r.zone));
    past   timestamptz := tally_internal._bucket_at_or_after(rule, tally_internal._minus_by_zone(until, '7 days', r.zone));
BEGIN
    RETURN (SELECT COALESCE(jsonb_object_agg(c.dimension, c.top), '{}') FROM (
        SELECT x ->> 'dimension' AS dimension, jsonb_agg(tally_internal._contributor(x) ORDER BY (x ->> 'place')::int) AS top
          FROM tally.run_as(t.owner, t.search_path, tally_internal._contributors_sql(t.owner, m, r, scope, since, until, before, past),
                            tally_internal._query_timeout(), r.zone, since, until, before, past) x
         GROUP BY 1) c);
END $$;
COMMENT ON FUNCTION tally_internal._contributors(tally.thresholds, tally.metrics, tally.rollups, jsonb, timestamptz, timestamptz) IS
'Per dimension that the scope leaves open, the five labels with most observations, with their change against the same time a week before.';

CREATE OR REPLACE FUNCTION tally_internal._ranked(contributors jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A great change of few observations moves the metric as little as a small one of many.
    SELECT jsonb_agg(jsonb_build_object('dimension', x.dimension, 'label', x.label, 'change', x.change) ORDER BY x.place)
      FROM (SELECT d.key AS dimension, c ->> 'label' AS label, c -> 'change' AS change,
                   row_number() OVER (ORDER BY abs((c ->> 'change')::float8) * COALESCE((c ->> 'samples')::float8, 1) DESC, d.key, c ->> 'label') AS place
              FROM jsonb_each(contributors) d CROSS JOIN jsonb_array_elements(d.value) c WHERE c ? 'change' AND (c ->> 'change')::float8 <> 0) x
     WHERE x.place <= 5
$$;
COMMENT ON FUNCTION tally_internal._ranked(jsonb) IS
'The five labels of contributors that changed most against the week before, their change weighted with their observations; null where nothing changed.';

CREATE OR REPLACE FUNCTION tally_internal._richer(t tally.thresholds, m tally.metrics, r tally.rollups, scope jsonb) RETURNS tally.rollups
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c FROM tally.rollups c
     WHERE c.source = r.source AND c.id <> r.id AND c.key IS NULL AND c.lookback IS NULL AND c.zone = r.zone AND c.expand IS NOT DISTINCT FROM r.expand
       AND (c.filter IS NULL OR c.filter = r.filter) AND has_table_privilege(t.owner::oid, c.live_view::oid, 'SELECT')
       AND NOT EXISTS (SELECT FROM tally.measures x WHERE x.rollup_id = r.id AND (x.name = ANY (m.measures) OR x.name = m.samples)
                          AND NOT EXISTS (SELECT FROM tally.measures y WHERE y.rollup_id = c.id AND y.name = x.name AND y.expression = x.expression))
       AND NOT EXISTS (SELECT FROM tally.dimensions x WHERE x.rollup_id = r.id AND scope ? x.name
                          AND NOT EXISTS (SELECT FROM tally.dimensions y WHERE y.rollup_id = c.id AND y.name = x.name AND y.expression = x.expression))
       AND EXISTS (SELECT FROM tally.dimensions y WHERE y.rollup_id = c.id AND NOT scope ? y.name)
     ORDER BY tally_internal._bucket_length(tally_internal._bucket_rule_of(c)), c.id LIMIT 1
$$;
COMMENT ON FUNCTION tally_internal._richer(tally.thresholds, tally.metrics, tally.rollups, jsonb) IS
'Another rollup of the same source that has the metric''s measures and dimensions which the scope leaves open: the finest that the owner may read. For a '
    'rollup without any.';

CREATE OR REPLACE FUNCTION tally_internal._evidence(t tally.thresholds, labels jsonb, sample jsonb, step jsonb, tick timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m      tally.metrics;
    r      tally.rollups;
    bound  record;
    scope  jsonb;
    other  tally.rollups;
    rule   text;
    earlier timestamptz;
    result jsonb := jsonb_strip_nulls(jsonb_build_object('observed', step -> 'observed', 'samples', sample -> 'samples', 'history',
                                                         NULLIF(sample -> 'history', '[]')));
BEGIN
    IF t.metric_id IS NULL THEN RETURN result; END IF;
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    SELECT * INTO bound FROM tally_internal._tested_window(t, r, tick);
    scope := t.filter || labels;
    rule := tally_internal._bucket_rule_of(r);
    earlier := COALESCE(tally_internal._bucket_shifted(rule, tally_internal._bucket_start(rule, bound.until), -12), '-infinity');
    result := result || jsonb_build_object(
        'values', (SELECT COALESCE(jsonb_agg(x ORDER BY x ->> 'bucket'), '[]') FROM tally.run_as(t.owner, t.search_path,
            format('SELECT bucket, value, samples FROM (%s) v ORDER BY bucket', tally_internal._merged_sql(m, r,
                tally_internal._answer_source(t.owner, r, m.measures || m.samples, '{}', scope, rule, earlier, bound.until), 'bucket', '{}', scope, '$1',
                    '$2')),
            tally_internal._query_timeout(), 'UTC', earlier, bound.until) x),
        'contributors', tally_internal._contributors(t, m, r, scope, bound.since, bound.until));
    IF result -> 'contributors' = '{}' AND NOT EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND NOT scope ? d.name) THEN
        -- A small rollup for alerts has only the labels. A larger one of the same source can say what is behind them.
        other := tally_internal._richer(t, m, r, scope);
        IF other.id IS NOT NULL THEN
            bound.since := tally_internal._bucket_start(tally_internal._bucket_rule_of(other), bound.since);
            bound.until := tally_internal._bucket_end(tally_internal._bucket_rule_of(other),
                                                      tally_internal._bucket_start(tally_internal._bucket_rule_of(other),
                                                          bound.until - interval '1 microsecond'));
            result := result || jsonb_build_object('contributors', tally_internal._contributors(t, m, other, scope, bound.since, bound.until),
                'contributors_of', jsonb_build_object('rollup', other.name, 'since', bound.since, 'until', bound.until));
        ELSE
            result := result || jsonb_build_object('contributors', tally_internal._source_contributors(t, m, r, scope, bound.since, bound.until));
            IF result -> 'contributors' <> '{}' THEN
                result := result || jsonb_build_object('contributors_of', jsonb_build_object('source', r.source::text, 'since', bound.since,
                                                                                             'until', bound.until));
            END IF;
        END IF;
    END IF;
    RETURN result || jsonb_strip_nulls(jsonb_build_object('ranked', tally_internal._ranked(result -> 'contributors')));
EXCEPTION WHEN OTHERS THEN
    -- An incident without its evidence is better than none.
    RETURN result || jsonb_build_object('error', format('%s: %s', SQLSTATE, SQLERRM));
END $$;
COMMENT ON FUNCTION tally_internal._evidence(tally.thresholds, jsonb, jsonb, jsonb, timestamptz) IS
'What an incident keeps as proof: the observed number, the metric over the last 12 buckets, and per other dimension the five labels with most observations,
    those that changed most ranked.';
