-- Owns: metrics for readers who may see releases only. timeseries(), metric_value(), report() and boards ask here where the reader has no right on the
-- rollup (event rollup_hidden). The answer is made of published numbers alone, and what no release answers is refused.

CREATE OR REPLACE FUNCTION tally_internal._release_covers(release_id int, first timestamptz, last timestamptz, OUT covered boolean, OUT since timestamptz,
                                                          OUT until timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    SELECT min(b.since), max(b.until) INTO since, until FROM tally.released_buckets b WHERE b.release_id = release_id AND b.state = 'released';
    -- A bucket in between that was never published had no rows, unless it was refused, or is shown by an earlier release of the same tables.
    covered := COALESCE(since <= first AND until >= last, false) AND NOT EXISTS (
        SELECT FROM tally.released_buckets b JOIN tally.releases x ON x.id = release_id
         WHERE b.since < last AND b.until > first AND CASE WHEN b.release_id = release_id THEN b.state = 'refused'
               ELSE b.state = 'released' AND b.tables && tally_internal._tables_shown(x) END);
END $$;
COMMENT ON FUNCTION tally_internal._release_covers(int, timestamptz, timestamptz) IS
'Whether everything that a release can show of a range is published, and from when to when it has published at all.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_unreleased(x tally.releases, what text, detail text, hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._refuse('insufficient_privilege', format('role %s may see what is released, and release %L does not answer %s',
                                                                    tally_internal._current_role(), x.name, what),
        concat_ws(' ', detail, 'What is not released is not computed from the rollup.'), COALESCE(hint, format('SELECT * FROM %s;', x.relation)));
END $$;
COMMENT ON FUNCTION tally_internal._refuse_unreleased(tally.releases, text, text, text) IS
'The error for a question to a rollup that its release does not answer, for a reader who may see the release only.';

CREATE OR REPLACE FUNCTION tally_internal._people_in_metrics(x tally.releases) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT x.definition ? 'each' THEN x.people
           ELSE (SELECT c.name FROM tally_internal._counted_dimensions(x.rollup_id) c WHERE c.dimension = x.definition ->> 'each') END
$$;
COMMENT ON FUNCTION tally_internal._people_in_metrics(tally.releases) IS
'The name by which metrics of a rollup count the people of its release: a measure, or distinct_<dimension>; null where a measure has taken that name.';

CREATE OR REPLACE FUNCTION tally_internal._released_metric_sql(x tally.releases, name text, resolved text, measures text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    people  text := tally_internal._people_in_metrics(x);
    -- A sketch may be asked for more than its count. Labels are a number, which stands under its own name.
    counted text := CASE WHEN NOT x.definition ? 'each' THEN format('tally.distinct_count(%I)', people) END;
BEGIN
    IF NOT measures <@ (x.measures || people) OR replace(resolved, counted, '') ~ format('\m%s\M', regexp_replace(people, '(\W)', '\\\1', 'g')) THEN
        PERFORM tally_internal._refuse_unreleased(x, format('metric %L', name),
            format('It shows %s, and distinct people as %I.', COALESCE(NULLIF(array_to_string(x.measures, ', '), ''), 'no counts'),
                   COALESCE(people, x.people)));
    END IF;
    RETURN format('CASE WHEN NOT "the hidden" THEN (%s)::pg_catalog.float8 END', COALESCE(replace(resolved, counted, '"the people"'), resolved));
END $$;
COMMENT ON FUNCTION tally_internal._released_metric_sql(tally.releases, text, text, text[]) IS
'SQL text of a metric over published numbers: NULL where they are hidden. An error where the metric needs more than a release shows.';

CREATE OR REPLACE FUNCTION tally_internal._released_rule(x tally.releases, r tally.rollups, asked jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule   text := tally_internal._release_rule(x, r);
    first  timestamptz := asked ->> 'first';
    last   timestamptz := asked ->> 'last';
    people boolean := EXISTS (SELECT FROM jsonb_array_elements(asked -> 'metrics') m WHERE m -> 'measures' ? tally_internal._people_in_metrics(x));
    cover  record;
    hint   text;
BEGIN
    IF asked ->> 'rule' <> rule AND NOT tally_internal._bucket_is_finer(asked ->> 'rule', rule) THEN
        PERFORM tally_internal._refuse_unreleased(x, 'by longer buckets', format('Its buckets are of %s.', x.bucket),
            format('%s, bucket => %L, since => %L, until => %L);', asked ->> 'call', x.bucket, tally_internal._utc_text(first),
                   tally_internal._utc_text(last)));
    ELSIF asked ->> 'rule' <> rule THEN
        RAISE NOTICE USING MESSAGE = format('buckets are of %s: release %L shows nothing finer', x.bucket, x.name);
    END IF;
    IF (asked -> 'whole')::boolean THEN RETURN rule; END IF;
    SELECT * INTO cover FROM tally_internal._release_covers(x.id, first, last);
    hint := CASE WHEN cover.until IS NOT NULL THEN format('%s, since => %L, until => %L);', asked ->> 'call',
        tally_internal._utc_text(CASE WHEN people THEN tally_internal._bucket_shifted(rule, cover.until, -1) ELSE cover.since END),
        tally_internal._utc_text(cover.until)) END;
    -- A part of a bucket is not published.
    IF NOT isfinite(first) OR NOT isfinite(last) OR tally_internal._bucket_start(rule, first) <> first OR tally_internal._bucket_start(rule, last) <> last THEN
        PERFORM tally_internal._refuse_unreleased(x, format('for %s to %s', first, last), format('It answers for whole buckets of %s.', x.bucket), hint);
    ELSIF asked ->> 'rule' IS NOT NULL THEN
        RETURN rule;
    ELSIF NOT cover.covered THEN
        PERFORM tally_internal._refuse_unreleased(x, format('for %s to %s', first, last),
            format('It has published %s, and a part of a range would be taken for the whole.',
                   COALESCE(format('buckets from %s to %s', cover.since, cover.until), 'nothing yet')), hint);
    ELSIF people AND tally_internal._bucket_end(rule, first) <> last THEN
        PERFORM tally_internal._refuse_unreleased(x, 'with people of several buckets together', 'Distinct people do not add up.', hint);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._released_rule(tally.releases, tally.rollups, jsonb) IS
'The bucket rule of an answer, null where the range is asked for as a whole; an error where a release cannot answer by these buckets or for this range.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_hidden_s75(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r     tally.rollups := (SELECT y FROM tally.rollups y WHERE y.id = $1);
    x     tally.releases := (SELECT y FROM tally.releases y WHERE y.rollup_id = $1 AND NOT y.definition ? 'experiment'
                                     AND has_table_privilege(y.relation::oid, 'SELECT') ORDER BY y.id LIMIT 1);
    dims  text[] := ARRAY(SELECT jsonb_array_elements_text(detail -> 'by'));
    keys  text[] := ARRAY(SELECT unnest(dims) UNION SELECT jsonb_object_keys(detail -> 'where') ORDER BY 1);
    rule  text;
    names text;
BEGIN
    IF x.id IS NULL THEN RETURN; END IF;
    IF x.definition IS DISTINCT FROM tally_internal._meant_now(x, r) THEN
        PERFORM tally_internal._refuse_unreleased(x, format('for rollup %L', r.name), 'The rollup is defined otherwise than when the release was made.');
    ELSIF detail ->> 'fill' IS NOT NULL THEN
        PERFORM tally_internal._refuse_unreleased(x, 'with fill', 'A filled value could not be told from a hidden one.');
    ELSIF NOT EXISTS (SELECT FROM tally_internal._release_margins(x) m WHERE m.margin @> keys AND m.margin <@ keys)
        OR EXISTS (SELECT FROM jsonb_each(detail -> 'where') w WHERE jsonb_typeof(w.value) = 'array' AND w.key <> ALL (dims)) THEN
        PERFORM tally_internal._refuse_unreleased(x, 'by ' || COALESCE(NULLIF(array_to_string(keys, ', '), ''), 'nothing'),
            format('It answers by %s, and with one value for each dimension that is only filtered.', (SELECT string_agg(
                COALESCE('(' || NULLIF(array_to_string(m.margin, ', '), '') || ')', 'nothing'), ', ' ORDER BY m.margin)
                FROM tally_internal._release_margins(x) m)));
    END IF;
    rule := tally_internal._released_rule(x, r, detail);
    names := concat_ws(', ', CASE WHEN rule IS NOT NULL THEN 'bucket' END, (SELECT string_agg(quote_ident(d), ', ' ORDER BY n)
                                                                              FROM unnest(dims) WITH ORDINALITY u(d, n)));
    -- Each group is one published cell of one bucket, or counts of a cell over several buckets, which add up.
    RETURN NEXT tally_internal._refuse_unsafe_release(x, format(
        'SELECT %1$s%2$s FROM (SELECT %1$s%3$s, pg_catalog.max(%4$I) AS %11$I, pg_catalog.bool_or(hidden) AS "the hidden" FROM %5$s '
        'WHERE bucket >= %6$s AND bucket < %7$s AND %8$s%9$s%10$s) published',
        COALESCE(NULLIF(names, '') || ', ', ''),
        (SELECT string_agg(format('%s AS %I', tally_internal._released_metric_sql(x, m ->> 'name', m ->> 'resolved',
                                                ARRAY(SELECT jsonb_array_elements_text(m -> 'measures'))), m ->> 'name'), ', ' ORDER BY n)
           FROM jsonb_array_elements(detail -> 'metrics') WITH ORDINALITY u(m, n)),
        COALESCE((SELECT string_agg(format('pg_catalog.sum(%1$I)::pg_catalog.int8 AS %1$I', m), ', ') FROM unnest(x.measures) m), 'NULL AS "no count"'),
        x.people, x.relation,
        tally_internal._utc_literal((detail ->> 'first')::timestamptz), tally_internal._utc_literal((detail ->> 'last')::timestamptz),
        COALESCE((SELECT string_agg(format('%I IS %s NULL', d, CASE WHEN d = ANY (keys) THEN 'NOT' ELSE '' END), ' AND ') FROM unnest(x.dimensions) d), 'true'),
        COALESCE(' AND ' || tally_internal._where_sql(r, detail -> 'where'), ''),
        COALESCE(' GROUP BY ' || NULLIF(names, ''), ''),
        COALESCE(CASE WHEN x.definition ? 'each' THEN tally_internal._people_in_metrics(x) END, 'the people')));
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_hidden_s75(int, jsonb) IS
'Listener: the query that answers a question about metrics of a rollup from its release, where the reader may read that; nothing where he may not.';
