-- Owns: a question to a rollup that other servers hold: each server merges its own rows to the buckets and labels that are asked for, and sends those. From
-- the live view it would send every row of the rollup.

CREATE OR REPLACE FUNCTION tally_internal._spread_bucket_sql(rule text, first timestamptz, last timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    start  timestamptz := tally_internal._bucket_start(rule, first);
    starts text[] := '{}';
BEGIN
    WHILE start < last LOOP
        -- Where a clock is set back over midnight, times of two days alternate, and no list of starts tells them apart.
        IF cardinality(starts) >= 2000 OR tally_internal._rows_from(rule, start) <> tally_internal._rows_past(rule, start) THEN RETURN NULL; END IF;
        starts := starts || tally_internal._utc_literal(start);
        start := tally_internal._bucket_end(rule, start);
    END LOOP;
    -- A server can compute this, whatever the calendar: it is a list and a search in it. The first bucket may begin before what is asked for.
    RETURN format('(ARRAY[%s])[pg_catalog.width_bucket(f.bucket, ARRAY[%s])]',
                  array_to_string(tally_internal._utc_literal(first) || starts[2:], ', '), array_to_string(starts, ', '));
END $$;
COMMENT ON FUNCTION tally_internal._spread_bucket_sql(text, timestamptz, timestamptz) IS
'SQL text of the start of a rule''s bucket (not before first) that holds f.bucket in [first, last); null where the buckets are too many, or do not tell times '
    'apart.';

CREATE OR REPLACE FUNCTION tally_internal._spread_source(reader regrole, r tally.rollups, measures text[], labels text[], "where" jsonb, rule text,
                                                         first timestamptz, last timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    face   tally.faces;
    start  text;
    groups text;
BEGIN
    SELECT f.* INTO face FROM tally.faces f WHERE f.source = r.source AND f.face = tally_internal._face_of(r);
    IF face.source IS NULL OR face.rule <> tally_internal._bucket_rule_of(r) OR NOT isfinite(first) OR NOT isfinite(last) OR r.frozen_before > first
       OR r.filter IS NOT NULL OR r.expand IS NOT NULL OR r.lookback IS NOT NULL OR tally_internal._row_security(reader, r.relation)
       -- The reader needs the right to each foreign table, and a mapping to a user of each server.
       OR NOT (SELECT COALESCE(bool_and(has_table_privilege(reader::oid, m.m::oid, 'SELECT') AND EXISTS (SELECT FROM pg_user_mappings u
                   JOIN pg_foreign_table t ON t.ftserver = u.srvid WHERE t.ftrelid = m.m AND u.umuser IN (0, reader::oid))), false)
                 FROM unnest(face.members) m(m))
       -- Nobody goes to a server on the word of an ordinary role.
       OR EXISTS (SELECT FROM unnest(face.members) m(m) WHERE tally_internal._strange_table(m.m, reader) IS NOT NULL)
       OR EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.given <> quote_ident(d.name)) THEN RETURN NULL; END IF;
    start := CASE WHEN rule IS NULL THEN 'pg_catalog.min(f.bucket)' WHEN rule = face.rule THEN 'f.bucket'
                  ELSE tally_internal._spread_bucket_sql(rule, first, last) END;
    IF start IS NULL THEN RETURN NULL; END IF;
    groups := concat_ws(', ', CASE WHEN rule IS NOT NULL THEN '1' END, (SELECT string_agg(DISTINCT quote_ident(l), ', ') FROM unnest(labels) l));
    RETURN (SELECT format('(%s) parts', string_agg(format('SELECT %s AS bucket%s FROM %s f WHERE f.bucket >= %s AND f.bucket < %s%s%s',
            start, COALESCE((SELECT string_agg(DISTINCT ', ' || quote_ident(l), '') FROM unnest(labels) l), '')
                || COALESCE((SELECT string_agg(format(', %s AS %I', format(x.merge, x.name), x.name), '' ORDER BY x.ordinal) FROM tally.measures x
                              WHERE x.rollup_id = r.id AND x.name = ANY (measures)), ''),
            m.m, tally_internal._utc_literal(first), tally_internal._utc_literal(last), COALESCE(' AND ' || tally_internal._where_sql(r, "where"), ''),
            -- Without groups a server without rows would still send one.
            CASE WHEN groups = '' THEN ' HAVING pg_catalog.count(*) > 0' ELSE ' GROUP BY ' || groups END), ' UNION ALL ' ORDER BY m.m))
              FROM unnest(face.members) m(m));
END $$;
COMMENT ON FUNCTION tally_internal._spread_source(regrole, tally.rollups, text[], text[], jsonb, text, timestamptz, timestamptz) IS
'SQL text of the relation that asks each server for what a question needs of a rollup on copies, merged by that server; null where the reader has no access '
    'to the servers of his own, or the question cannot be put so. Then the live view answers.';
