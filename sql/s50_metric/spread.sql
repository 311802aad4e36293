-- Owns: a question to a rollup that other servers hold: each server merges its own rows to the buckets and labels that are asked for, and sends those. From
-- the live view it would send every row of the rollup.

CREATE OR REPLACE FUNCTION tally_internal._spread_bucket_sql(rule text, first timestamptz, last timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD'
SET intervalstyle = 'postgres' AS $$
DECLARE
    start  timestamptz := tally_internal._bucket_start(rule, first);
    starts timestamptz[] := '{}';
BEGIN
    -- postgres_fdw has a server compute what is immutable and takes no text of no column. This is, and is short too.
    IF rule LIKE 'fixed %' AND start = first THEN
        RETURN format('pg_catalog.date_bin(%L::pg_catalog.interval, f.bucket, %s)', tally_internal._bucket_width(rule), tally_internal._utc_literal(first));
    END IF;
    WHILE start < last LOOP
        -- Where a clock is set back over midnight, times of two days alternate, and no list of starts tells them apart.
        IF cardinality(starts) >= 2000 OR tally_internal._rows_from(rule, start) <> tally_internal._rows_past(rule, start) THEN RETURN NULL; END IF;
        starts := starts || start;
        start := tally_internal._bucket_end(rule, start);
    END LOOP;
    -- A server can compute this, whatever the calendar: it is a list and a search in it. The first bucket may begin before what is asked for.
    RETURN format('(%L::timestamptz[])[pg_catalog.width_bucket(f.bucket, %L::timestamptz[])]', first || starts[2:], starts);
END $$;
COMMENT ON FUNCTION tally_internal._spread_bucket_sql(text, timestamptz, timestamptz) IS
'SQL text of the start of a rule''s bucket (not before first) that holds f.bucket in [first, last); null where the buckets are too many, or do not tell times '
    'apart.';

CREATE OR REPLACE FUNCTION tally_internal._is_sketch(type text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- In the hosted edition sketches are rows, which have no form of their own.
    SELECT EXISTS (SELECT FROM pg_type t WHERE t.oid = to_regtype(type) AND t.typnamespace = 'tally'::regnamespace AND t.typtype = 'b')
$$;
COMMENT ON FUNCTION tally_internal._is_sketch(text) IS 'Whether a type is one of the library''s, which has a binary form.';

CREATE OR REPLACE FUNCTION tally_internal._spread_source(reader regrole, r tally.rollups, measures text[], labels text[], "where" jsonb, rule text,
                                                         first timestamptz, last timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    face     tally.faces;
    start    text;
    groups   text;
    labels_  text;
    sent     text;
    received text;
BEGIN
    SELECT f.* INTO face FROM tally.faces f WHERE f.source = r.source AND f.face = tally_internal._face_of(r);
    IF face.source IS NULL OR face.rule <> tally_internal._bucket_rule_of(r) OR NOT isfinite(first) OR NOT isfinite(last) OR r.frozen_before > first
       OR r.filter IS NOT NULL OR r.expand IS NOT NULL OR r.lookback IS NOT NULL OR tally_internal._row_security(reader, r.relation)
       -- The reader needs the right to each foreign table, and a mapping to a user of each server.
       OR NOT (SELECT COALESCE(bool_and(has_table_privilege(reader::oid, m.m::oid, 'SELECT') AND EXISTS (SELECT FROM pg_user_mappings u
                   JOIN pg_foreign_table t ON t.ftserver = u.srvid WHERE t.ftrelid = m.m AND u.umuser IN (0, reader::oid))), false)
                 FROM unnest(face.members) m(m))
       OR to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL
          AND EXISTS (SELECT FROM tally_internal._announce('copies_moved', NULL, to_jsonb(r.source::oid::bigint)))
       -- Nobody goes to a server on the word of an ordinary role (_strange_table() for many at once: these stand alone).
       OR EXISTS (SELECT FROM pg_class c WHERE c.oid = ANY (face.members::oid[]) AND (c.relhassubclass OR c.relowner <> reader::oid
                  AND NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = c.relowner AND o.rolsuper)))
       OR EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.given <> quote_ident(d.name)) THEN RETURN NULL; END IF;
    start := CASE WHEN rule IS NULL THEN 'pg_catalog.min(f.bucket)' WHEN rule = face.rule THEN 'f.bucket'
                  ELSE tally_internal._spread_bucket_sql(rule, first, last) END;
    IF start IS NULL THEN RETURN NULL; END IF;
    groups := concat_ws(', ', CASE WHEN rule IS NOT NULL THEN '1' END, (SELECT string_agg(DISTINCT quote_ident(l), ', ') FROM unnest(labels) l));
    -- A sketch travels in its binary form, in base 64: its text is JSON, which takes longer to write and to read than the sketch took to merge.
    SELECT string_agg(DISTINCT ', ' || quote_ident(l), '') INTO labels_ FROM unnest(labels) l;
    SELECT string_agg(format(CASE WHEN x.sketch THEN ', tally_internal._sent(%s) AS %I' ELSE ', %s AS %I' END, format(x.merge, x.name), x.name), ''
                      ORDER BY x.n),
           string_agg(format(CASE WHEN x.sketch THEN ', tally_internal._received(u.%1$I, NULL::%2$s) AS %1$I' ELSE ', u.%1$I' END, x.name, x.type), ''
                      ORDER BY x.n)
      INTO sent, received
      FROM (SELECT m.name, m.type, m.merge, m.ordinal AS n, tally_internal._is_sketch(m.type) AS sketch FROM tally.measures m
             WHERE m.rollup_id = r.id AND m.name = ANY (measures)) x;
    -- OFFSET 0 keeps conditions of the question out: one that a server cannot compute would have it send every row to be looked at here. It stands behind
    -- UNION ALL itself: so no column is left out that the question does not need, for which the servers would be asked one after another.
    -- ANY and IS NOT DISTINCT FROM say what < and the filter say, in words of which the planner takes them to keep many rows. From a range and an = it expects
    -- a handful of an unknown table, so few that to merge them here costs the same on paper.
    RETURN (SELECT format('(SELECT u.bucket%s%s FROM (%s OFFSET 0) u) parts', labels_, received, string_agg(format(
                'SELECT %s AS bucket%s%s FROM %s f WHERE f.bucket >= %s AND f.bucket < ANY (ARRAY[%s])%s%s', start, labels_, sent, m.m,
                tally_internal._utc_literal(first), tally_internal._utc_literal(last),
                COALESCE(' AND (' || tally_internal._where_sql(r, "where") || ') IS NOT DISTINCT FROM true', ''),
                -- Without groups a server without rows would still send one.
                CASE WHEN groups = '' THEN ' HAVING pg_catalog.count(*) > 0' ELSE ' GROUP BY ' || groups END), ' UNION ALL ' ORDER BY m.m))
              FROM unnest(face.members) m(m));
END $$;
COMMENT ON FUNCTION tally_internal._spread_source(regrole, tally.rollups, text[], text[], jsonb, text, timestamptz, timestamptz) IS
'SQL text of the relation that asks each server for what a question needs of a rollup on copies, merged by that server; null where the reader has no access '
    'to the servers of his own, or the question cannot be put so. Then the live view answers.';
