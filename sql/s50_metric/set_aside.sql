-- Owns: keeping a metric's failure to the values that fail. A metric that was fine may fail on new data (a count that becomes zero). Whoever
-- writes a rollup's rows computes its metrics for them once. Buckets with rows that fail are noted. There the flat view computes row by row, and
-- shows NULL where that fails. Everywhere else metrics are read as plain expressions, and nothing is caught. Readers that merge rows first
-- compute the plain expression too, and only where that fails, row by row.

CREATE OR REPLACE FUNCTION tally_internal._fault_of_a_metric(sqlstate text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- A lack of rights, memory or time, a conflict, a server that stops: all of these are not the expression's doing.
    SELECT sqlstate !~ '^(08|25|40|53|55|57|58|TL)' AND sqlstate <> '42501'
$$;
COMMENT ON FUNCTION tally_internal._fault_of_a_metric(text) IS 'Whether an error may come from the values that a metric is computed from.';

CREATE OR REPLACE FUNCTION tally_internal._metric_error(expression text, measures anyelement) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('SELECT (%s) FROM (SELECT ($1).*) merged', expression) USING measures;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    IF NOT tally_internal._fault_of_a_metric(SQLSTATE) THEN RAISE; END IF;
    RETURN SQLSTATE || SQLERRM;
END $$;
COMMENT ON FUNCTION tally_internal._metric_error(text, anyelement) IS
'SQLSTATE and message of the error of a metric''s expression (SQL text) for a row of measures; null where it has none. With the caller''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._value_or_null(expression text, measures anyelement, kind anycompatible) RETURNS anycompatible
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result kind%TYPE;
BEGIN
    EXECUTE format('SELECT (%s)::%s FROM (SELECT ($1).*) merged', expression, pg_typeof(kind)) INTO result USING measures;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    IF NOT tally_internal._fault_of_a_metric(SQLSTATE) THEN RAISE; END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._value_or_null(text, anyelement, anycompatible) IS
'The value of a metric''s expression (SQL text) for a row of measures, of the type of kind; NULL where it fails. With the caller''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._guarded(m tally.metrics, r tally.rollups) RETURNS tally.metrics
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    m.resolved := (SELECT format('tally_internal._value_or_null(%s, ROW(%s)::%s, NULL::pg_catalog.float8)', tally_internal._counted_text(m, r),
                                 string_agg(CASE WHEN a.attname = ANY (m.measures) THEN quote_ident(a.attname) ELSE 'NULL' END, ', ' ORDER BY a.attnum),
                                 r.relation)
                     FROM pg_attribute a WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped);
    RETURN m;
END $$;
COMMENT ON FUNCTION tally_internal._guarded(tally.metrics, tally.rollups) IS
'A metric in a slow form that is NULL where its expression fails, for a query whose plain form has failed.';

CREATE OR REPLACE FUNCTION tally_internal._note_failed(m tally.metrics, state text, message text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE WARNING USING MESSAGE = format('metric %L cannot be computed everywhere, and is NULL where it fails: %s', m.name, message), ERRCODE = state,
        DETAIL = format('Its expression is %s.', m.expression),
        HINT = format('SELECT tally.create_metric(%L, %L, ''…'');  -- with an expression that is NULL there, such as a / nullif(b, 0)', m.name,
                      (SELECT r.name FROM tally.rollups r WHERE r.id = m.rollup_id));
END $$;
COMMENT ON FUNCTION tally_internal._note_failed(tally.metrics, text, text) IS 'A WARNING that some values of a metric are NULL because they fail.';

CREATE OR REPLACE FUNCTION tally_internal._is_broken(metric_id int, bucket timestamptz) RETURNS boolean
-- A subquery in its place is priced as if it were run for each row. With 200,000 rows PostgreSQL then compiled the query, for 0.8 s.
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT b.metric_id FROM tally.broken_metrics b WHERE b.metric_id = $1 AND b.bucket IN ('-infinity', $2));
END $$;
COMMENT ON FUNCTION tally_internal._is_broken(int, timestamptz) IS 'Whether a refresh has noted that a metric fails for some stored row of a bucket.';

CREATE OR REPLACE FUNCTION tally_internal._metric_or_null(metric_id int, stored anyelement, kind anycompatible) RETURNS anycompatible
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sql text;
BEGIN
    SELECT tally_internal._row_sql(m, r) INTO sql FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id
     WHERE m.id = metric_id AND NOT tally_internal._is_broken(m.id, '-infinity');
    RETURN CASE WHEN sql IS NOT NULL THEN tally_internal._value_or_null(sql, stored, kind) END;
END $$;
COMMENT ON FUNCTION tally_internal._metric_or_null(int, anyelement, anycompatible) IS
'The value of a metric for a stored row, computed by itself: NULL where it fails, and everywhere where it fails for too many rows.';

CREATE OR REPLACE FUNCTION tally_internal._stored_metric_sql(m tally.metrics, r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- The first condition is a subquery of its own, asked once per query. Only where it holds are buckets looked up.
    SELECT format('CASE WHEN (SELECT EXISTS (SELECT FROM tally.broken_metrics b WHERE b.metric_id = %1$s AND b.bucket < ''infinity'')) '
        'AND tally_internal._is_broken(%1$s, t.bucket) THEN tally_internal._metric_or_null(%1$s, t, NULL::%3$s) ELSE (%2$s)::%3$s END', m.id,
        tally_internal._row_sql(m, r), m.type)
$$;
COMMENT ON FUNCTION tally_internal._stored_metric_sql(tally.metrics, tally.rollups) IS
'SQL text of a metric''s value for a stored row t. In buckets where it was found to fail, each row is computed by itself.';

CREATE OR REPLACE FUNCTION tally_internal._set_metric_aside(m tally.metrics, r tally.rollups, scope text, since timestamptz, until timestamptz,
                                                  buckets timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- So many failures come from the definition, not from a row.
    most  CONSTANT int := 100;
    first tally.broken_metrics;
BEGIN
    -- Which row of a bucket fails is not noted: whatever names it could be held against guesses of its dimensions.
    INSERT INTO tally.broken_metrics AS b (metric_id, bucket, cells, sqlstate, message)
    SELECT m.id, (x ->> 'bucket')::timestamptz, count(*), left(min(x ->> 'error'), 5), substr(min(x ->> 'error'), 6)
      FROM tally.run_as(r.owner, m.search_path, format(
        'SELECT t.bucket, e.error FROM %s t CROSS JOIN LATERAL (SELECT tally_internal._metric_error(%L, t) AS error OFFSET 0) e '
        'WHERE (%s) AND e.error IS NOT NULL LIMIT %s', r.relation, format('(%s)::%s', tally_internal._row_sql(m, r), m.type), scope, most + 1),
                        0, r.zone, since, until, buckets) x
     GROUP BY 2
        ON CONFLICT ON CONSTRAINT broken_metrics_pkey
        DO UPDATE SET cells = EXCLUDED.cells, sqlstate = EXCLUDED.sqlstate, message = EXCLUDED.message;
    SELECT * INTO first FROM tally.broken_metrics b WHERE b.metric_id = m.id AND b.bucket < 'infinity' ORDER BY b.bucket DESC LIMIT 1;
    IF (SELECT sum(b.cells) FROM tally.broken_metrics b WHERE b.metric_id = m.id) > most THEN
        DELETE FROM tally.broken_metrics b WHERE b.metric_id = m.id;
        INSERT INTO tally.broken_metrics (metric_id, bucket, cells, sqlstate, message) VALUES (m.id, '-infinity', 0, first.sqlstate, first.message);
    END IF;
    PERFORM tally_internal._note_failed(m, first.sqlstate, first.sqlstate);
END $$;
COMMENT ON FUNCTION tally_internal._set_metric_aside(tally.metrics, tally.rollups, text, timestamptz, timestamptz, timestamptz[]) IS
'Notes in which buckets a metric fails for stored rows in scope (SQL text over t), and for how many; $1, $2 and $3 in it are the three moments. All, where '
'it fails for more than 100 rows.';

CREATE OR REPLACE FUNCTION tally_internal._compute_metrics(metrics tally.metrics[], r tally.rollups, scope text, since timestamptz, until timestamptz,
                                                 buckets timestamptz[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally.run_as(r.owner, r.search_path, format('SELECT %s FROM %s t WHERE %s',
        (SELECT string_agg(format('pg_catalog.count((%s)::%s)', tally_internal._row_sql(m, r), m.type), ', ') FROM unnest(metrics) m), r.relation, scope),
                         0, r.zone,
                         since, until, buckets);
EXCEPTION WHEN OTHERS THEN
    IF NOT tally_internal._fault_of_a_metric(SQLSTATE) THEN RAISE; END IF;
    IF cardinality(metrics) = 1 THEN
        PERFORM tally_internal._set_metric_aside(metrics[1], r, scope, since, until, buckets);
    ELSE
        PERFORM tally_internal._compute_metrics(ARRAY[m], r, scope, since, until, buckets) FROM unnest(metrics) m;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._compute_metrics(tally.metrics[], tally.rollups, text, timestamptz, timestamptz, timestamptz[]) IS
'Computes metrics for the stored rows in scope, as the owner; rows for which one fails are noted.';

CREATE OR REPLACE FUNCTION tally_internal._when_rollup_written_s50(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r       tally.rollups;
    metrics tally.metrics[] := ARRAY(SELECT m FROM tally.metrics m WHERE m.rollup_id = id ORDER BY m.id);
    since   timestamptz := detail ->> 'since';
    until   timestamptz := detail ->> 'until';
    buckets timestamptz[] := CASE WHEN detail ? 'buckets' THEN ARRAY(SELECT jsonb_array_elements_text(detail -> 'buckets')::timestamptz) END;
    scope   text := CASE WHEN buckets IS NULL THEN 't.bucket >= $1 AND t.bucket < $2' ELSE 't.bucket = ANY ($3)' END;
BEGIN
    IF metrics = '{}' THEN RETURN; END IF;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = id;
    IF EXISTS (SELECT FROM tally.broken_metrics b, unnest(metrics) m WHERE b.metric_id = m.id AND b.bucket = 'infinity') THEN
        scope := 'true';
    END IF;
    DELETE FROM tally.broken_metrics b USING unnest(metrics) m WHERE b.metric_id = m.id
        AND (scope = 'true' OR b.bucket = ANY (buckets) OR (b.bucket >= since AND b.bucket < until AND b.bucket > '-infinity'));
    PERFORM tally_internal._compute_metrics(metrics, r, scope, since, until, buckets);
END $$;
COMMENT ON FUNCTION tally_internal._when_rollup_written_s50(int, jsonb) IS
'Listener: computes the metrics of a rollup for the rows that were just written, and notes for which of them one fails.';

CREATE OR REPLACE FUNCTION tally_internal._check_later(metric_id int) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tally.broken_metrics (metric_id, bucket, cells, sqlstate, message) VALUES ($1, 'infinity', 0, '00000', 'not checked yet')
        ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION tally_internal._check_later(int) IS 'Has the next refresh compute a metric for all stored rows.';
REVOKE ALL ON FUNCTION tally_internal._check_later(int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._metric_hint(name text, rollup text, expression text, sqlstate text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- What a division divides by: a name, a call, or something in brackets, with its cast.
    mended text := regexp_replace(expression, '/\s*((?:[[:alpha:]_][\w.]*)?(?:\([^()]*\))?(?:::[\w ]*\w)?)', '/ nullif(\1, 0)', 'g');
BEGIN
    IF sqlstate = '22012' AND mended <> expression AND mended !~ 'nullif\((nullif\(|, 0)' THEN
        RETURN format('SELECT tally.create_metric(%L, %L, %L);', name, rollup, mended);
    END IF;
    RETURN format('SELECT tally.create_metric(%L, %L, ''…'');  -- in the place of … an expression that is NULL where %s fails', name, rollup,
                  regexp_replace(expression, '\s+', ' ', 'g'));
END $$;
COMMENT ON FUNCTION tally_internal._metric_hint(text, text, text, text) IS
'The statement that mends a metric which fails for some rows: a division by zero gives NULL. In other cases a person has to say what the value is to be.';

CREATE OR REPLACE FUNCTION tally_internal._broken_metrics() RETURNS TABLE (rollup_id int, sqlstate text, reason text, hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- As a rule there is none, and the query below takes long to plan.
    IF NOT EXISTS (SELECT FROM tally.broken_metrics) THEN RETURN; END IF;
    RETURN QUERY
    -- Messages and dimensions may hold data, so this says where, not what.
    SELECT x.rollup_id, min(x.sqlstate),
           string_agg(format('metric %L cannot be computed in %s and is NULL there (%s)', x.name, x.place, x.sqlstate), '; ' ORDER BY x.id),
           (array_agg(tally_internal._metric_hint(x.name, (SELECT tally_internal._called(r) FROM tally.rollups r WHERE r.id = x.rollup_id), x.expression,
                                                  x.sqlstate) ORDER BY x.id))[1]
      FROM (SELECT m.rollup_id, m.id, m.name, m.expression, min(b.sqlstate) AS sqlstate,
                   CASE WHEN min(b.bucket) = '-infinity' THEN 'more than 100 stored rows' WHEN sum(b.cells) = 1 THEN '1 stored row, of bucket ' || min(b.bucket)
                        WHEN count(*) = 1 THEN format('%s stored rows, of bucket %s', sum(b.cells), min(b.bucket))
                        ELSE format('%s stored rows, of buckets %s to %s', sum(b.cells), min(b.bucket), max(b.bucket)) END AS place
              FROM tally.metrics m JOIN tally.broken_metrics b ON b.metric_id = m.id AND b.bucket < 'infinity'
             GROUP BY m.rollup_id, m.id, m.name, m.expression) x
     GROUP BY x.rollup_id;
END $$;
COMMENT ON FUNCTION tally_internal._broken_metrics() IS
'Rollups with metrics that cannot be computed for some stored rows, and in which buckets; one row for each such rollup. For tally.status.';
