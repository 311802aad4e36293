-- Owns: retention as it is defined: how long the rows of a source and the buckets of a rollup are kept. expire.sql deletes them.

CREATE OR REPLACE FUNCTION tally.retain_source(source regclass, keep interval, deletes boolean DEFAULT true, drop_partitions boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    by_column text := tally_internal._check_horizon(source);
    dropping  boolean := COALESCE(drop_partitions, false);
BEGIN
    IF keep <= '0' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('keep must be longer than 0, got %L', keep::text),
            'Rows younger than that stay.',
            format('SELECT tally.retain_source(%L, keep => ''90 days'');', source::text));
    ELSIF dropping AND (SELECT c.relkind FROM pg_class c WHERE c.oid = source) <> 'p' THEN
        PERFORM tally_internal._refuse('wrong_object_type', format('drop_partitions needs a partitioned table, got %s', source),
            'Rows of other tables are deleted.',
            format('SELECT tally.retain_source(%L, keep => %L);', source::text, keep::text));
    ELSIF keep IS NOT NULL AND NOT tally_internal._time_index(source, by_column) THEN
        RAISE NOTICE USING MESSAGE = format('no index of %s leads with %I, so each batch of deletion scans it all', source, by_column),
            HINT = format('CREATE INDEX ON %s (%I);', source, by_column);
    END IF;
    PERFORM tally_internal._store_retention(source, keep, COALESCE(deletes, true), dropping, current_setting('search_path'));
    PERFORM tally_internal._announce('schedules_change');
END $$;
COMMENT ON FUNCTION tally.retain_source(regclass, interval, boolean, boolean) IS
'Says how long raw rows of a source are kept (null: for ever from now on). Once a day tally.expire() deletes older rows in batches, after all rollups on the '
    'source are computed for that time. It freezes their history, which then stays as it is. With deletes => false it only freezes, and a job of your own '
    'deletes. drop_partitions drops partitions that are old as a whole instead of emptying them. Rows that come later for that time are kept in '
    'tally.late_rows. For the owner of the source.';

CREATE OR REPLACE FUNCTION tally_internal._holds_a_bucket(keep interval, rule text, zone text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    -- As intervals 30 days equal a month, and 24 hours equal a day of 25. So the buckets themselves are asked, by the zone's clock.
    PERFORM set_config('TimeZone', zone, true);
    RETURN (SELECT bool_and(b.start + keep >= tally_internal._bucket_end(rule, b.start)) FROM generate_series(0, 400) n
             CROSS JOIN LATERAL (SELECT tally_internal._bucket_shifted(rule, tally_internal._bucket_start(rule, '2024-01-01 00:00+00'), n) AS start) b);
END $$;
COMMENT ON FUNCTION tally_internal._holds_a_bucket(interval, text, text) IS
'Whether an interval that begins where a bucket begins reaches to its end, for each of 400 buckets from 2024 on.';

CREATE OR REPLACE FUNCTION tally_internal._retain_rollup(r tally.rollups, keep interval) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF r.key IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('rollup %L is per key, so there is no time after which its rows could go',
                r.name),
            'A key is kept as long as its source has rows of it.',
            format('DELETE FROM %s WHERE …;', r.source));
    ELSIF r.lookback IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported',
            format('rollup %L looks back over several buckets, so they cannot be deleted one by one', r.name),
            'A late row before the horizon would have to reach buckets after it.',
            format('SELECT tally.create_rollup(''<name>'', %L, bucket => ''1 month'', retain => …);', r.relation::text));
    ELSIF NOT tally_internal._holds_a_bucket(keep, tally_internal._bucket_rule_of(r), r.zone) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('retain of rollup %L must be at least its bucket of %s, got %L', r.name,
                r.bucket, keep::text),
            'Only whole buckets are deleted.',
            format('SELECT tally.alter_rollup(%L, retain => ''400 days'');', tally_internal._called(r)));
    END IF;
    PERFORM tally_internal._store_rollup_retention(r.id, keep);
    PERFORM tally_internal._announce('schedules_change');
END $$;
COMMENT ON FUNCTION tally_internal._retain_rollup(tally.rollups, interval) IS 'How long buckets of a rollup are kept; null: for ever from now on.';

CREATE OR REPLACE FUNCTION tally_internal._store_retention(source regclass, keep interval, deletes boolean, drop_partitions boolean, search_path text,
                                       who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    INSERT INTO tally.source_retentions AS s (source, owner, search_path, time_column, keep, deletes, drop_partitions)
    VALUES (source, caller, search_path, tally_internal._check_horizon(source, caller), keep, deletes, drop_partitions)
        ON CONFLICT ON CONSTRAINT source_retentions_pkey DO UPDATE
        SET keep = EXCLUDED.keep, deletes = EXCLUDED.deletes, drop_partitions = EXCLUDED.drop_partitions, owner = EXCLUDED.owner,
            search_path = EXCLUDED.search_path, waiting_for = NULL;
END $$;
COMMENT ON FUNCTION tally_internal._store_retention(regclass, interval, boolean, boolean, text, bigint) IS
'Writes down how long rows of a source are kept. For the owner of the source, with whose rights they go.';

CREATE OR REPLACE FUNCTION tally_internal._store_rollup_retention(rollup_id int, keep interval, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
BEGIN
    INSERT INTO tally.source_retentions AS s (source, owner, search_path, time_column, keep) VALUES (r.relation, r.owner, r.search_path, 'bucket', keep)
        ON CONFLICT ON CONSTRAINT source_retentions_pkey DO UPDATE SET keep = EXCLUDED.keep;
END $$;
COMMENT ON FUNCTION tally_internal._store_rollup_retention(int, interval, bigint) IS 'Writes down how long buckets of a rollup are kept. For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._retain_of(r tally.rollups) RETURNS interval
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.keep FROM tally.source_retentions s WHERE s.source = r.relation
$$;
COMMENT ON FUNCTION tally_internal._retain_of(tally.rollups) IS 'How long buckets of a rollup are kept; null: for ever.';
