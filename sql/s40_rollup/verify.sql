-- Owns: checking stored rows against the definition, and marking a range to be computed anew.

CREATE OR REPLACE FUNCTION tally_internal._aligned(r tally.rollups, INOUT since timestamptz, INOUT until timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule text := tally_internal._bucket_rule_of(r);
BEGIN
    IF r.key IS NOT NULL THEN
        IF since = '-infinity' AND until = 'infinity' THEN RETURN; END IF;
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('rollup %L is per key and has no time, got since %s and until %s', r.name, since, until), NULL,
            format('SELECT * FROM tally.verify(%L);', tally_internal._called(r)));
    END IF;
    since := tally_internal._bucket_start(rule, since);
    IF until > tally_internal._bucket_start(rule, until) THEN
        until := tally_internal._bucket_end(rule, tally_internal._bucket_start(rule, until));
    END IF;
    IF since >= until THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('since must be before until, got %s and %s', since, until),
            format('Both are widened to whole buckets of rollup %L.', r.name),
            format('SELECT * FROM tally.verify(%L);', tally_internal._called(r)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._aligned(tally.rollups, timestamptz, timestamptz) IS 'A range widened to whole buckets of a rollup.';

CREATE OR REPLACE FUNCTION tally.verify(name text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity',
    who bigint DEFAULT tally_internal._me())
RETURNS TABLE (bucket timestamptz, labels jsonb, stored jsonb, definition jsonb, dirty boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    -- It shows data of the rollup with the rights of its owner, so only the owner may call it.
    r     tally.rollups := tally_internal._owned_rollup((tally_internal._rollup(name)).id, tally_internal._caller(who));
    d     jsonb := tally_internal._sized_form(tally_internal._resolved(r));
    fresh text;
BEGIN
    SELECT a.since, a.until INTO since, until FROM tally_internal._aligned(r, since, until) a;
    IF r.key IS NOT NULL THEN
        RETURN QUERY SELECT NULL::timestamptz, v.labels, v.stored, v.definition, v.dirty FROM tally_internal._verify_keys(r) v;
        RETURN;
    END IF;
    -- Frozen history is not compared, because the source need not have its rows any more.
    since := GREATEST(since, r.frozen_before);
    IF since >= until THEN
        RAISE NOTICE USING MESSAGE = format('all of rollup %L before %s is frozen, so there is nothing to compare it with', r.name, r.frozen_before);
        RETURN;
    END IF;
    fresh := tally_internal._range_query(d, '$1', '$2');
    RETURN QUERY SELECT (x ->> 'bucket')::timestamptz, x -> 'labels', NULLIF(x -> 'stored', 'null'), NULLIF(x -> 'definition', 'null'),
                        EXISTS (SELECT FROM tally.dirty d WHERE d.rollup_id = r.id
                                AND (x ->> 'bucket')::timestamptz = ANY (tally_internal._affected_buckets(r, ARRAY[d.bucket])))
                     OR EXISTS (SELECT FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND (x ->> 'bucket')::timestamptz >= g.since
                                AND (x ->> 'bucket')::timestamptz < g.until)
      FROM tally.run_as(r.owner, r.search_path, tally_internal._render(
        'SELECT COALESCE(f.bucket, t.bucket) AS bucket, pg_catalog.jsonb_build_object({labels}) AS labels, '
        'CASE WHEN t.bucket IS NOT NULL THEN pg_catalog.jsonb_build_object({stored}) END AS stored, CASE WHEN f.bucket IS NOT NULL THEN '
            'pg_catalog.jsonb_build_object({computed}) END AS definition '
        'FROM ({fresh}) f FULL JOIN (SELECT * FROM {table} t WHERE t.bucket >= $1 AND t.bucket < $2) t ON {same_key} '
        'WHERE {compared} AND (f.bucket IS NULL OR t.bucket IS NULL OR {differs}) ORDER BY 1, 2',
        d || jsonb_build_object('labels', tally_internal._columns_sql(d, '%1$L, COALESCE(f.%1$I, t.%1$I)', ', ', 'dimensions'),
            'stored', tally_internal._columns_sql(d, '%1$L, t.%1$I', ', ', 'measures'),
            'computed', tally_internal._columns_sql(d, '%1$L, f.%1$I', ', ', 'measures'),
            'fresh', fresh, 'same_key', tally_internal._columns_sql(d, 'f.%1$I = t.%1$I', ' AND ', 'key'),
            -- Kept buckets without source rows have nothing to differ from.
            'compared', CASE WHEN r.emptied = 'keep' THEN format('(f.bucket IS NOT NULL OR t.bucket IN (SELECT g.bucket FROM (%s) g))', fresh) ELSE 'true' END,
            'differs', tally_internal._differs_sql(r.id, 'f', 't'))), 0, r.zone, since, until) x;
END $$;
COMMENT ON FUNCTION tally.verify(text, timestamptz, timestamptz, bigint) IS
'Computes a rollup''s definition over [since, until), widened to whole buckets, and lists the stored rows that differ, with both versions and whether '
'the bucket is marked and so only waits for its refresh. No row means that all are equal. Frozen history is not compared. For its owner.';

CREATE OR REPLACE FUNCTION tally_internal._remake_relations(rollup_id int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._remake_live(rollup_id);
    PERFORM tally_internal._announce('rollup_repaired', rollup_id);
END $$;
COMMENT ON FUNCTION tally_internal._remake_relations(int) IS
'Makes the live view of a rollup, and all views that stand on it and its descendants, where somebody has dropped them.';

CREATE OR REPLACE FUNCTION tally.repair(name text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups := tally_internal._rollup(name);
BEGIN
    SELECT a.since, a.until INTO since, until FROM tally_internal._aligned(r, since, until) a;
    IF until <= r.frozen_before THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state',
            format('rollup %L cannot be computed anew before %s, where its history is frozen; got %s to %s', r.name, r.frozen_before, since, until),
            'Its source rows may be gone, and computing without them would rewrite history.',
            format('SELECT tally.freeze_source(%L, before => %L);  -- only where the source has all rows since then', r.source::text, since::text));
    END IF;
    -- Sketches under two keys do not merge, so all is computed anew under another one.
    IF tally_internal._store_key(r.id) THEN
        since := '-infinity';
        until := 'infinity';
    END IF;
    since := GREATEST(since, r.frozen_before);
    PERFORM tally_internal._remake_relations(r.id);
    PERFORM tally_internal._mark_range(r.id, since, until, 'repair by ' || current_user);
    RAISE NOTICE USING MESSAGE = format('rollup %L is marked from %s to %s', r.name, since, until),
        HINT = format('CALL tally.backfill(%L);', tally_internal._called(r));
END $$;
COMMENT ON FUNCTION tally.repair(text, timestamptz, timestamptz) IS
'Marks [since, until) of a rollup, widened to whole buckets, so that the next refresh or backfill computes it anew. If its live view was dropped, it '
'makes that again. For its owner.';
