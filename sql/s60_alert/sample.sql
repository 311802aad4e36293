-- Owns: samples: what a threshold sees at a tick, one query per threshold, run as the threshold's owner.

CREATE OR REPLACE FUNCTION tally_internal._tested_window(t tally.thresholds, r tally.rollups, tick timestamptz, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule text := tally_internal._bucket_rule_of(r);
BEGIN
    until := tally_internal._bucket_start(rule, tick);
    IF t.partial_ok THEN
        until := tally_internal._bucket_end(rule, until);
    END IF;
    -- No window is narrower than a bucket: 24 hours are not a day of New York on which clocks are put back.
    since := LEAST(tally_internal._bucket_start(rule, until - interval '1 microsecond'), tally_internal._minus_by_zone(until, t.over, r.zone));
END $$;
COMMENT ON FUNCTION tally_internal._tested_window(tally.thresholds, tally.rollups, timestamptz) IS
'The window a threshold tests at a tick: the last finished bucket, or over up to its end; with partial_ok the running bucket counts as well.';

CREATE OR REPLACE FUNCTION tally_internal._window_bounds(w jsonb, r tally.rollups, first timestamptz, last timestamptz, OUT since timestamptz,
    OUT until timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule text := tally_internal._bucket_rule_of(r);
BEGIN
    CASE w ->> 'kind'
        WHEN 'shift' THEN since := tally_internal._minus_by_zone(first, (w ->> 'by')::interval, r.zone); until := tally_internal._minus_by_zone(last,
            (w ->> 'by')::interval,
                r.zone);
        -- No window is narrower than a bucket.
        WHEN 'before' THEN since := LEAST(tally_internal._minus_by_zone(first, (w ->> 'length')::interval, r.zone),
                                          tally_internal._bucket_start(rule, first - interval '1 microsecond')); until := first;
        WHEN 'trailing' THEN since := LEAST(last - (w ->> 'length')::interval,
                                            tally_internal._bucket_start(rule, last - interval '1 microsecond')); until := last;
        -- As many buckets before: a month of 31 days begins more than 28 days before its end, and a day of 25 hours more than 24 hours.
        WHEN 'previous' THEN since := CASE WHEN rule LIKE 'calendar %' THEN tally_internal._bucket_shifted(rule, first,
                                          -cardinality(tally_internal._buckets_between(rule, first, last))) ELSE first - (last - first) END; until := first;
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._window_bounds(jsonb, tally.rollups, timestamptz, timestamptz) IS
'The bounds of a window of history (see condition_windows) for the tested window [first, last).';

CREATE OR REPLACE FUNCTION tally_internal._refuse_merged_windows(t tally.thresholds, m tally.metrics, r tally.rollups, first timestamptz, last timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse_overlap(r, NULL, first, last,
                                           format('SELECT tally.create_threshold(%L, metric => %L, …);  -- without over', t.name, m.name));
    PERFORM tally_internal._refuse_overlap(r, NULL, b.since, b.until,
                                           format('SELECT tally.create_threshold(%L, metric => %L, condition => ''week over week < -20%%'');', t.name, m.name))
       FROM jsonb_array_elements(t.windows) w(w), tally_internal._window_bounds(w.w, r, first, last) b;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_merged_windows(tally.thresholds, tally.metrics, tally.rollups, timestamptz, timestamptz) IS
'An error where a threshold would merge buckets that overlap, in the window it tests or in one of its history.';

CREATE OR REPLACE FUNCTION tally_internal._sample_query(t tally.thresholds, m tally.metrics, r tally.rollups, first timestamptz, last timestamptz,
                                                     OUT sql text, OUT sinces timestamptz[], OUT untils timestamptz[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    used  text[] := m.measures || m.samples;
    parts text := format('SELECT 0 AS w, %s AS labels, "the value" AS value, "the samples" AS samples FROM (%s) tested', tally_internal._labels_sql(t.per),
                         tally_internal._merged_sql(m, r, tally_internal._answer_source(t.owner, r, used, t.per, t.filter, NULL, first, last), NULL, t.per,
                                                    t.filter, '$1', CASE WHEN t.over IS NOT NULL THEN '$2' END));
    past  record;
    n     int := jsonb_array_length(t.windows);
BEGIN
    PERFORM tally_internal._refuse_merged_windows(t, m, r, first, last);
    IF n = 0 THEN
        sql := format('SELECT labels, value, samples FROM (%s) s', parts);
        RETURN;
    END IF;
    FOR past IN SELECT w.n, b.since, b.until FROM jsonb_array_elements(t.windows) WITH ORDINALITY w(w, n),
        tally_internal._window_bounds(w.w, r, first, last) b ORDER BY w.n LOOP
        sinces := sinces || past.since;
        untils := untils || past.until;
        parts := parts || format(' UNION ALL SELECT %s, %s, "the value", "the samples" FROM (%s) past', past.n, tally_internal._labels_sql(t.per),
            tally_internal._merged_sql(m, r, tally_internal._answer_source(t.owner, r, used, t.per, t.filter, NULL, past.since, past.until), NULL, t.per,
                                       t.filter, format('($3::pg_catalog.timestamptz[])[%s]', past.n),
                                       format('($4::pg_catalog.timestamptz[])[%s]', past.n)));
    END LOOP;
    -- A label set that only the past has counts where the condition tests absence or a long window.
    sql := format('SELECT labels, max(value) FILTER (WHERE w = 0) AS value, max(samples) FILTER (WHERE w = 0) AS samples, jsonb_build_array(%s) AS history, '
        'jsonb_build_array(%s) AS history_samples FROM (%s) s GROUP BY labels%s',
        (SELECT string_agg(format('max(value) FILTER (WHERE w = %s)', i), ', ' ORDER BY i) FROM generate_series(1, n) i),
        (SELECT string_agg(format('max(samples) FILTER (WHERE w = %s)', i), ', ' ORDER BY i) FROM generate_series(1, n) i),
        parts, CASE WHEN t.rule #>> '{condition,kind}' IN ('absent', 'burn') THEN '' ELSE ' HAVING count(*) FILTER (WHERE w = 0) > 0' END);
END $$;
COMMENT ON FUNCTION tally_internal._sample_query(tally.thresholds, tally.metrics, tally.rollups, timestamptz, timestamptz) IS
'The one query that yields a metric threshold''s samples: labels, value, samples and the condition''s history. $1 and $2 in it are the tested window, $3 and '
    '$4 the starts and ends of the windows of history, which it also returns.';

CREATE OR REPLACE FUNCTION tally_internal._reads(t tally.thresholds) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What _samples() makes its statement of, and nothing else.
    RETURN jsonb_build_array(t.owner::oid, t.search_path, t.metric_id, t.per, t.filter, t.over, t.partial_ok, t.windows,
                             t.rule #>> '{condition,kind}' IN ('absent', 'burn'));
END $$;
COMMENT ON FUNCTION tally_internal._reads(tally.thresholds) IS
'What the statement of a threshold on a metric depends on beside its tick: thresholds with equal ones see the same samples.';

CREATE OR REPLACE FUNCTION tally_internal._guard_watcher(t tally.thresholds, m tally.metrics, r tally.rollups, search_path text, query text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_ text;
BEGIN
    IF NOT EXISTS (SELECT FROM tally.rollups x WHERE x.id IN (r.id, m.rollup_id) AND x.owner::oid <> t.owner::oid) THEN RETURN; END IF;
    -- The owner of the threshold is a reader of the metric, as who calls timeseries() is. The metric may be another than when it was made.
    PERFORM tally_internal._guard(t.owner, tally_internal._policy_owners(t.owner, ARRAY[r.relation, r.live_view, r.source]), in_text => true);
    SELECT x ->> 'found' INTO found_
      FROM tally.run_as(t.owner, search_path, 'SELECT tally_internal._unsafe_function($1) AS found',
                        tally_internal._limit('tally.query_timeout'), r.zone, query) x;
    IF found_ IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('threshold %L would run %s to read metric %L of %s, expected functions of PostgreSQL, pg_tally or a superuser that do not write', t.name,
                   found_, m.name, r.owner), 'It is evaluated with the rights of its own owner, ' || t.owner || '.',
            format('SELECT tally.drop_threshold(%L);  -- or ask %s for a metric without that function', t.name, r.owner));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._guard_watcher(tally.thresholds, tally.metrics, tally.rollups, text, text) IS
'Guards the owner of a threshold until the calling function ends (clause SET tally.guard), where a query (a text under a search_path) reads another '
    'role''s rollup, and an error where it would run a function of somebody it need not trust.';

CREATE OR REPLACE FUNCTION tally_internal._samples(t tally.thresholds, tick timestamptz) RETURNS TABLE (labels jsonb, sample jsonb)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET tally.guard = '' AS $$
#variable_conflict use_column
DECLARE
    m     tally.metrics;
    r     tally.rollups;
    bound record;
    q     record;
BEGIN
    IF t.probe_id IS NOT NULL THEN
        -- The probe may have another owner than when the threshold was made.
        IF tally_internal._check_watched(t, t.owner) IS NOT NULL THEN
            PERFORM tally_internal._refuse('insufficient_privilege', format('threshold %L watches a probe of another role than its owner %s', t.name,
                    t.owner), NULL,
                                  format('SELECT tally.drop_threshold(%L);', tally_internal._called(t)));
        END IF;
        -- The last sample of the probe, unless it is older than the tick before the last.
        RETURN QUERY
        SELECT s.labels, jsonb_build_object('value', s.value, 'samples', s.samples, 'bucket', s.at) FROM tally.probe_samples s
         WHERE s.probe_id = t.probe_id
           AND s.at = (SELECT max(x.at) FROM tally.probe_samples x JOIN tally.probes p ON p.id = x.probe_id WHERE x.probe_id = t.probe_id AND x.at <= tick
                       AND x.at > tick - 2 * p.every);
        RETURN;
    ELSIF t.metric_id IS NULL THEN
        RETURN QUERY
        SELECT l.labels, jsonb_build_object('value', l.value, 'samples', l.samples) FROM tally_internal._labelled(t.owner, t.search_path, t.query, tick) l;
        RETURN;
    END IF;
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = m.rollup_id;
    bound := tally_internal._tested_window(t, r, tick);
    q := tally_internal._sample_query(t, m, r, bound.since, bound.until);
    IF r.owner::oid <> t.owner::oid THEN PERFORM tally_internal._guard_watcher(t, m, r, t.search_path, q.sql); END IF;
    RETURN QUERY
    SELECT x -> 'labels', (x - 'labels') || jsonb_build_object('bucket', bound.since, 'width', extract(epoch FROM bound.until - bound.since))
      FROM tally.run_as(t.owner, t.search_path, format('SELECT * FROM (%s) s LIMIT %s', q.sql, tally_internal._most_label_sets() + 1),
                        tally_internal._limit('tally.query_timeout'), r.zone, bound.since, bound.until, q.sinces, q.untils) x;
END $$;
COMMENT ON FUNCTION tally_internal._samples(tally.thresholds, timestamptz) IS
'The label sets of a threshold at a tick, each with the sample that tally.alert_step() takes.';
