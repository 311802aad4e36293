-- Owns: exports: a report as CSV, for admins of what is exported, and an entry of the audit for each.

CREATE OR REPLACE FUNCTION tally_internal._note_export(rollup_id int, what jsonb, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := (SELECT x FROM tally.rollups x WHERE x.id = rollup_id);
BEGIN
    IF r.id IS NULL OR NOT tally_internal._administers(caller, r.owner, tally_internal._schema_of(r.relation)) THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('exports of rollup %L are for %s and the admins it lets in, got %s', r.name, r.owner, caller),
            'Whoever may read it reads it by report().', format('SELECT tally.grant_access(''admin'', %L);  -- by %s', caller, r.owner));
    ELSIF octet_length(what::text) > 100000 THEN
        PERFORM tally_internal._refuse('program_limit_exceeded',
            format('the arguments of an export may have 100000 bytes at most, got %s', octet_length(what::text)),
            'It is kept in tally.audit.', NULL);
    END IF;
    INSERT INTO tally.audit (actor, owner, kind, name, action, new) VALUES (caller::text, r.owner, 'exports', r.name, 'export', what);
END $$;
COMMENT ON FUNCTION tally_internal._note_export(int, jsonb, bigint) IS
'Enters an export into the audit; an error where the caller may not export. For export_csv().';

CREATE OR REPLACE FUNCTION tally.export_csv(
    metrics   text[],
    since     text DEFAULT '24 hours',
    until     text DEFAULT NULL,
    bucket    interval DEFAULT NULL,
    by        text[] DEFAULT '{}',
    "where"   jsonb DEFAULT '{}',
    person    text DEFAULT NULL,
    max_range interval DEFAULT '120 days',
    max_rows  int DEFAULT 200000,
    as_of     timestamptz DEFAULT now()
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rows json;
BEGIN
    PERFORM tally_internal._check_person(person, format('SELECT tally.export_csv(%L, person => ''ann'');', metrics));
    rows := (SELECT json_agg(x) FROM tally.report(metrics, since, until, bucket, by, "where", max_range => max_range, max_rows => max_rows, as_of => as_of) x);
    PERFORM tally_internal._note_export(m.rollup_id, jsonb_strip_nulls(jsonb_build_object('metrics', metrics, 'since', since, 'until', until, 'bucket', bucket,
                'by', by, 'where', "where", 'person', person, 'rows', COALESCE(json_array_length(rows), 0), 'as_of', as_of)))
       FROM (SELECT DISTINCT (tally_internal._metric(u)).rollup_id FROM unnest(metrics) u) m;
    RETURN tally.csv(COALESCE(rows, '[]'));
END $$;
COMMENT ON FUNCTION tally.export_csv(text[], text, text, interval, text[], jsonb, text, interval, int, timestamptz) IS
'A report as CSV (RFC 4180), for the owner of what it is made of and for admins whom the owner lets in (grant_access()). tally.audit says who exported what; '
'person names who is behind an application''s role. Other arguments as in report().';
