-- Owns: the triggers on a source that leave a dirty mark in the writer's own transaction.
--
-- The work is in the WHEN conditions: PostgreSQL evaluates them the moment a row is written, with the row at hand. They are
-- never true, so no trigger event is queued and no row fetched again at the end of the statement, which is most of what
-- a row trigger costs (figures in docs/architecture.md). Row triggers reach partitions, those made later too.

CREATE FUNCTION tally.capture() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally.capture() IS 'The function that the capture triggers of a source name and never reach: tally._mark() in their WHEN conditions does the work.';

CREATE FUNCTION tally.capture_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, '-infinity', 'infinity', 'truncate of ' || TG_RELID::regclass
      FROM tally.rollups r WHERE r.id = ANY (TG_ARGV[0]::int[]);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally.capture_truncate() IS 'Statement trigger of a source: marks the whole history of the rollups on it when it is truncated. Argument: the rollups'' numbers.';

CREATE FUNCTION tally._mark_sql(source regclass, row_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(t.condition, ' OR ' ORDER BY t.condition)
      FROM (SELECT format('tally._mark(%L, %s)', x.targets, x.instant) AS condition FROM (SELECT tally._instant_sql(format('%s.%I', row_name, r.time_column), r.time_type, r.zone) AS instant,
                   string_agg(r.id || ' ' || tally._bucket_rule(r.bucket, r.zone), '; ' ORDER BY r.id) AS targets
              FROM tally.rollups r WHERE r.source = $1 AND r.key IS NULL GROUP BY 1) x
            UNION ALL
            SELECT format('tally._mark_key(%L, ARRAY[%s])', string_agg(r.id::text, ' ' ORDER BY r.id), tally._key_names(r.key, 'COALESCE(' || row_name || '.%2$I::text, ''(none)'')'))
              FROM tally.rollups r WHERE r.source = $1 AND r.key IS NOT NULL GROUP BY r.key) t
$$;
COMMENT ON FUNCTION tally._mark_sql(regclass, text) IS 'SQL text that marks the buckets and keys of a row (NEW or OLD) of a source for all rollups on it; null where there are none.';

CREATE FUNCTION tally._attach_capture(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    numbers text := (SELECT format('{%s}', string_agg(r.id::text, ',' ORDER BY r.id)) FROM tally.rollups r WHERE r.source = _attach_capture.source);
    new_row text := tally._mark_sql(source, 'NEW');
    old_row text := tally._mark_sql(source, 'OLD');
    part    regclass;
    trigger record;
BEGIN
    FOR trigger IN VALUES ('insert', new_row), ('update', old_row || ' OR ' || new_row), ('delete', old_row) LOOP
        IF new_row IS NULL THEN
            EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', 'tally_capture_' || trigger.column1, source);
        ELSE
            -- OR REPLACE takes SHARE ROW EXCLUSIVE: it waits for writers that would not mark, and new ones wait for it.
            EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION tally.capture()',
                           'tally_capture_' || trigger.column1, trigger.column1, source, trigger.column2);
        END IF;
    END LOOP;
    -- Statement triggers do not reach partitions.
    FOR part IN SELECT source UNION SELECT t.relid FROM pg_partition_tree(source) t LOOP
        IF new_row IS NULL THEN
            EXECUTE format('DROP TRIGGER IF EXISTS tally_capture_truncate ON %s', part);
        ELSE
            EXECUTE format('CREATE OR REPLACE TRIGGER tally_capture_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION tally.capture_truncate(%L)', part, numbers);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._attach_capture(regclass) IS 'Makes the capture triggers of a source serve exactly the rollups that stand on it now; drops them when there are none.';
