-- Owns: the evidence stored with an incident: the values around the breach and the labels that contributed most. What fires together is proved together: one
-- query for all label sets of a threshold, since planning a query for each took most of a tick in which many fire.

CREATE OR REPLACE FUNCTION tally_internal._compared_sql(m tally.metrics, names text[], present text, past text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    valued text := format('SELECT "the labels", "the set", "the label", (%s)::pg_catalog.float8 AS value, %s AS samples FROM (%%s) merged',
        replace(m.resolved, '%', '%%'),
        CASE WHEN m.samples IS NULL THEN 'NULL::pg_catalog.float8' ELSE format('%s::pg_catalog.float8', replace(quote_ident(m.samples), '%', '%%')) END);
BEGIN
    RETURN format('SELECT "the labels" AS labels, %1$s AS dimension, now."the label" AS label, now.value, now.samples, was.value AS before, '
        'now.value - was.value AS change, now.place FROM (SELECT *, pg_catalog.row_number() OVER ('
        'PARTITION BY "the labels", "the set" ORDER BY samples DESC NULLS LAST, value DESC NULLS LAST, "the label") AS place FROM (%2$s) valued) now '
        'LEFT JOIN (%3$s) was USING ("the labels", "the set", "the label") WHERE now.place <= 5',
        (SELECT format('CASE "the set" %s END', string_agg(format('WHEN %s THEN %L', (1 << cardinality(names)) - 1 - (1 << (cardinality(names) - n::int)), d),
                                                           ' ' ORDER BY n)) FROM unnest(names) WITH ORDINALITY u(d, n)),
        format(valued, present), format(valued, past));
END $$;
COMMENT ON FUNCTION tally_internal._compared_sql(tally.metrics, text[], text, text) IS
'SQL text that yields, of some dimensions and for each label set, the five labels each with most observations, with the metric now and before. present and '
    'past are SQL texts that group by each of the dimensions: "the labels" (the label set), "the set" (GROUPING), "the label" and measures.';

CREATE OR REPLACE FUNCTION tally_internal._contributor(x jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN x - '{labels,dimension,place}'::text[] - CASE WHEN x ->> 'change' IS NULL THEN '{before,change}'::text[] ELSE '{}' END;
END $$;
COMMENT ON FUNCTION tally_internal._contributor(jsonb) IS 'A row of _compared_sql() as evidence keeps it: without a comparison where there was nothing before.';

CREATE OR REPLACE FUNCTION tally_internal._among_sql(by text[], sets text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A filter by each dimension lets through what one dimension has, and of several also what only other label sets have together.
    RETURN CASE WHEN cardinality(by) > 1 THEN format(' AND %s = ANY (%s)', tally_internal._labels_sql(by), sets) ELSE '' END;
END $$;
COMMENT ON FUNCTION tally_internal._among_sql(text[], text) IS
'SQL text of a condition behind others: the label set of a row is one of some (an SQL expression), where a filter by each dimension does not say so.';

CREATE OR REPLACE FUNCTION tally_internal._contributors_sql(reader regrole, m tally.metrics, r tally.rollups, by text[], scope jsonb, bounds timestamptz[])
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    names  text[] := ARRAY(SELECT d.name FROM tally.dimensions d WHERE d.rollup_id = r.id AND NOT scope ? d.name ORDER BY d.ordinal);
    dims   text := (SELECT string_agg(quote_ident(n), ', ' ORDER BY o) FROM unnest(names) WITH ORDINALITY x(n, o));
    groups text;
BEGIN
    -- One query with a grouping set per dimension. Dimensions are never NULL, so in each row the grouped dimension is the one that is not NULL.
    groups := format('SELECT %1$s AS "the labels", GROUPING(%2$s) AS "the set", COALESCE(%2$s) AS "the label", %3$s FROM %%s '
                     'WHERE bucket >= %%s AND bucket < %%s%4$s%6$s GROUP BY GROUPING SETS (%5$s)',
                     replace(tally_internal._labels_sql(by), '%', '%%'), replace(dims, '%', '%%'), replace(tally_internal._merges_sql(m, r), '%', '%%'),
                     replace(COALESCE(' AND ' || tally_internal._where_sql(r, scope), ''), '%', '%%'),
                     (SELECT string_agg(format('(%s)', replace(array_to_string(ARRAY(SELECT quote_ident(b) FROM unnest(by) b) || quote_ident(d), ', '),
                                                               '%', '%%')), ', ' ORDER BY n) FROM unnest(names) WITH ORDINALITY u(d, n)),
                     replace(tally_internal._among_sql(by, '$5'), '%', '%%'));
    RETURN tally_internal._compared_sql(m, names,
        format(groups, tally_internal._answer_source(reader, r, m.measures || m.samples, by || names, scope, NULL, bounds[1], bounds[2]), '$1', '$2'),
        format(groups, tally_internal._answer_source(reader, r, m.measures || m.samples, by || names, scope, NULL, bounds[3], bounds[4]), '$3', '$4'));
END $$;
COMMENT ON FUNCTION tally_internal._contributors_sql(regrole, tally.metrics, tally.rollups, text[], jsonb, timestamptz[]) IS
'SQL text that yields, for each of the label sets $5 (of the dimensions of by) and per dimension that the scope leaves open, the five labels with most '
    'observations in [$1, $2), compared with [$3, $4), which are the four bounds.';

CREATE OR REPLACE FUNCTION tally_internal._contributors(t tally.thresholds, m tally.metrics, r tally.rollups, by text[], scope jsonb, sets jsonb[],
                                             since timestamptz, until timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_variable
DECLARE
    rule   text := tally_internal._bucket_rule_of(r);
    -- The same hours of the same weekday, in whole buckets.
    before timestamptz := tally_internal._bucket_start(rule, tally_internal._minus_by_zone(since, '7 days', r.zone));
    past   timestamptz := tally_internal._bucket_at_or_after(rule, tally_internal._minus_by_zone(until, '7 days', r.zone));
    sql    text := tally_internal._contributors_sql(t.owner, m, r, by, scope, ARRAY[since, until, before, past]);
BEGIN
    PERFORM tally_internal._guard_watcher(t, m, r, t.search_path, sql);
    RETURN (SELECT COALESCE(jsonb_object_agg(s.labels, s.contributors), '{}') FROM (
        SELECT c.labels, jsonb_object_agg(c.dimension, c.top) AS contributors FROM (
            SELECT (x -> 'labels')::text AS labels, x ->> 'dimension' AS dimension,
                   jsonb_agg(tally_internal._contributor(x) ORDER BY (x ->> 'place')::int) AS top
              FROM tally.run_as(t.owner, t.search_path, sql, tally_internal._limit('tally.query_timeout'), r.zone, since, until, before, past, sets) x
             GROUP BY 1, 2) c
         GROUP BY 1) s);
END $$;
COMMENT ON FUNCTION tally_internal._contributors(tally.thresholds, tally.metrics, tally.rollups, text[], jsonb, jsonb[], timestamptz, timestamptz) IS
'By label set (its text), per dimension that the scope leaves open, the five labels with most observations, with their change against the same time a week '
    'before. by: the dimensions of the label sets; scope: the filter of them all.';

CREATE OR REPLACE FUNCTION tally_internal._ranked(contributors jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A great change of few observations moves the metric as little as a small one of many.
    RETURN (
    SELECT jsonb_agg(jsonb_build_object('dimension', x.dimension, 'label', x.label, 'change', x.change) ORDER BY x.place)
      FROM (SELECT d.key AS dimension, c ->> 'label' AS label, c -> 'change' AS change,
                   row_number() OVER (ORDER BY abs((c ->> 'change')::float8) * COALESCE((c ->> 'samples')::float8, 1) DESC, d.key, c ->> 'label') AS place
              FROM jsonb_each(contributors) d CROSS JOIN jsonb_array_elements(d.value) c WHERE c ? 'change' AND (c ->> 'change')::float8 <> 0) x
     WHERE x.place <= 5);
END $$;
COMMENT ON FUNCTION tally_internal._ranked(jsonb) IS
'The five labels of contributors that changed most against the week before, their change weighted with their observations; null where nothing changed.';

CREATE OR REPLACE FUNCTION tally_internal._richer(t tally.thresholds, m tally.metrics, r tally.rollups, scope jsonb) RETURNS SETOF tally.rollups
LANGUAGE plpgsql STABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT c.* FROM tally.rollups c
     WHERE c.source = r.source AND c.id <> r.id AND c.key IS NULL AND c.lookback IS NULL AND c.zone = r.zone AND c.expand IS NOT DISTINCT FROM r.expand
       AND (c.filter IS NULL OR c.filter = r.filter) AND has_table_privilege(t.owner::oid, c.live_view::oid, 'SELECT')
       AND NOT EXISTS (SELECT FROM tally.measures x WHERE x.rollup_id = r.id AND (x.name = ANY (m.measures) OR x.name = m.samples)
                          AND NOT EXISTS (SELECT FROM tally.measures y WHERE y.rollup_id = c.id AND y.name = x.name AND y.expression = x.expression))
       AND NOT EXISTS (SELECT FROM tally.dimensions x WHERE x.rollup_id = r.id AND scope ? x.name
                          AND NOT EXISTS (SELECT FROM tally.dimensions y WHERE y.rollup_id = c.id AND y.name = x.name AND y.expression = x.expression))
       AND EXISTS (SELECT FROM tally.dimensions y WHERE y.rollup_id = c.id AND NOT scope ? y.name)
     ORDER BY c.owner::oid <> r.owner::oid, tally_internal._bucket_length(tally_internal._bucket_rule_of(c)), c.id LIMIT 8;
END $$;
COMMENT ON FUNCTION tally_internal._richer(tally.thresholds, tally.metrics, tally.rollups, jsonb) IS
'Other rollups of the same source that have the metric''s measures and dimensions which the scope leaves open, and that the owner of the threshold may read: '
    'those of the metric''s owner first, then the finest; eight at most. For a rollup without any.';

CREATE OR REPLACE FUNCTION tally_internal._contributors_elsewhere(t tally.thresholds, m tally.metrics, r tally.rollups, by text[], scope jsonb, sets jsonb[],
    since timestamptz, until timestamptz, OUT behind jsonb, OUT told jsonb, OUT fault text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    other tally.rollups;
    rule  text;
    first timestamptz;
    last  timestamptz;
    one   jsonb;
BEGIN
    FOR other IN SELECT x.* FROM tally_internal._richer(t, m, r, scope) x LOOP
        BEGIN
            rule := tally_internal._bucket_rule_of(other);
            first := tally_internal._bucket_start(rule, since);
            last := tally_internal._bucket_end(rule, tally_internal._bucket_start(rule, until - interval '1 microsecond'));
            behind := tally_internal._contributors(t, m, other, by, scope, sets, first, last);
            told := jsonb_build_object('rollup', other.name, 'since', first, 'until', last);
            fault := NULL;
            RETURN;
        EXCEPTION WHEN OTHERS THEN
            -- What another role defined, whatever is wrong with it, takes nothing from the metric's owner: the next one is asked.
            IF SQLSTATE <> '42501' AND other.owner::oid = r.owner::oid THEN RAISE; END IF;
            fault := COALESCE(fault, format('%s: %s', SQLSTATE, SQLERRM));
        END;
    END LOOP;
    behind := '{}';
    FOREACH one IN ARRAY sets LOOP
        behind := behind || jsonb_build_object(one::text, tally_internal._source_contributors(t, m, r, t.filter || one, since, until));
    END LOOP;
    told := jsonb_build_object('source', r.source::text, 'since', since, 'until', until);
    IF EXISTS (SELECT FROM jsonb_each(behind) b WHERE b.value <> '{}') THEN fault := NULL; END IF;
END $$;
COMMENT ON FUNCTION tally_internal._contributors_elsewhere(tally.thresholds, tally.metrics, tally.rollups, text[], jsonb, jsonb[], timestamptz, timestamptz) IS
'Contributors for a rollup that has no further dimension, and of what they are (told): of the first other rollup of its source that can be read, else of the '
    'source. fault: why there are none, where a rollup could not be read.';

CREATE OR REPLACE FUNCTION tally_internal._values_before(t tally.thresholds, m tally.metrics, r tally.rollups, by text[], scope jsonb, sets jsonb[],
                                              until timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_variable
DECLARE
    rule    text := tally_internal._bucket_rule_of(r);
    earlier timestamptz := COALESCE(tally_internal._bucket_shifted(rule, tally_internal._bucket_start(rule, until), -12), '-infinity');
    sql     text := format('SELECT %s AS labels, "the bucket" AS bucket, "the value" AS value, "the samples" AS samples FROM (%s) v WHERE true%s',
        tally_internal._labels_sql(by),
        tally_internal._merged_sql(m, r, tally_internal._answer_source(t.owner, r, m.measures || m.samples, by, scope, rule, earlier, until),
                                   'bucket', by, scope, '$1', '$2'), tally_internal._among_sql(by, '$3'));
BEGIN
    PERFORM tally_internal._guard_watcher(t, m, r, t.search_path, sql);
    RETURN (SELECT COALESCE(jsonb_object_agg(v.labels, v.points), '{}') FROM (
        SELECT (x -> 'labels')::text AS labels, jsonb_agg(x - 'labels' ORDER BY x ->> 'bucket') AS points
          FROM tally.run_as(t.owner, t.search_path, sql, tally_internal._limit('tally.query_timeout'), 'UTC', earlier, until, sets) x
         GROUP BY 1) v);
END $$;
COMMENT ON FUNCTION tally_internal._values_before(tally.thresholds, tally.metrics, tally.rollups, text[], jsonb, jsonb[], timestamptz) IS
'By label set (its text), the metric over the last 12 buckets before a moment.';

CREATE OR REPLACE FUNCTION tally_internal._proofs(t tally.thresholds, sets jsonb[], tick timestamptz) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    m      tally.metrics;
    r      tally.rollups;
    bound  record;
    keys   text[] := ARRAY(SELECT jsonb_object_keys(sets[1]));
    scope  jsonb := t.filter || (SELECT COALESCE(jsonb_object_agg(k, (SELECT jsonb_agg(DISTINCT s -> k) FROM unnest(sets) s)), '{}') FROM unnest(keys) k);
    points jsonb;
    behind jsonb := '{}';
    told   jsonb := '{}';
    fault  text;
BEGIN
    BEGIN
        SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
        SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
        bound := tally_internal._tested_window(t, r, tick);
        points := tally_internal._values_before(t, m, r, keys, scope, sets, bound.until);
        IF EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND NOT scope ? d.name) THEN
            behind := tally_internal._contributors(t, m, r, keys, scope, sets, bound.since, bound.until);
        ELSE
            -- A small rollup for alerts has only the labels. A larger one of the same source can say what is behind them.
            SELECT e.behind, e.told, e.fault INTO behind, told, fault
              FROM tally_internal._contributors_elsewhere(t, m, r, keys, scope, sets, bound.since, bound.until) e;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        IF cardinality(sets) > 1 AND tally_internal._fault_of_a_row(SQLSTATE) THEN
            -- What one label set had, the metric may not be able to take. The others are proved without it.
            RETURN (SELECT jsonb_object_agg(p.key, p.value) FROM unnest(sets) s CROSS JOIN LATERAL jsonb_each(tally_internal._proofs(t, ARRAY[s], tick)) p);
        END IF;
        -- An incident without its evidence is better than none.
        fault := format('%s: %s', SQLSTATE, SQLERRM);
    END;
    RETURN (
        SELECT jsonb_object_agg(s::text,
                   CASE WHEN points IS NULL THEN '{}' ELSE jsonb_build_object('values', COALESCE(points -> (s::text), '[]'), 'contributors', c.found_) END
                   || CASE WHEN told ? 'rollup' OR c.found_ <> '{}' AND told <> '{}' THEN jsonb_build_object('contributors_of', told) ELSE '{}' END
                   || jsonb_strip_nulls(jsonb_build_object('ranked', tally_internal._ranked(c.found_), 'error', fault)))
          FROM unnest(sets) s CROSS JOIN LATERAL (SELECT COALESCE(behind -> (s::text), '{}') AS found_) c);
END $$;
COMMENT ON FUNCTION tally_internal._proofs(tally.thresholds, jsonb[], timestamptz) IS
'What proves some label sets of a threshold on a metric at a tick, by label set (its text): the metric over the last 12 buckets, and per other dimension the '
    'five labels with most observations, those that changed most ranked. All label sets have the same keys.';

CREATE OR REPLACE FUNCTION tally_internal._prove(t tally.thresholds, sets jsonb[], tick timestamptz, proved jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    alike record;
BEGIN
    IF t.metric_id IS NULL THEN RETURN proved; END IF;
    FOR alike IN SELECT array_agg(s ORDER BY n) AS sets FROM unnest(sets) WITH ORDINALITY u(s, n) WHERE NOT COALESCE(proved ? (s::text), false)
                  GROUP BY ARRAY(SELECT jsonb_object_keys(s)) LOOP
        proved := COALESCE(proved, '{}') || tally_internal._proofs(t, alike.sets, tick);
    END LOOP;
    RETURN proved;
END $$;
COMMENT ON FUNCTION tally_internal._prove(tally.thresholds, jsonb[], timestamptz, jsonb) IS
'What is proved already (by label set; null: nothing), and _proofs() of the label sets that are not among them.';
