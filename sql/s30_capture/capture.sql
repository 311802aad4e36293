-- Owns: the triggers on a source. One row trigger serves all rollups on it; one statement trigger sees TRUNCATE.

CREATE FUNCTION tally.capture_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, '-infinity', 'infinity', 'truncate of ' || TG_RELID::regclass
      FROM tally.rollups r WHERE r.id = ANY (TG_ARGV[0]::int[]);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally.capture_truncate() IS 'Statement trigger of a source: marks the whole history of the rollups on it when it is truncated. Argument: the rollups'' numbers.';
REVOKE ALL ON FUNCTION tally.capture_truncate() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tally.capture_truncate() TO PUBLIC;

CREATE FUNCTION tally._attach_capture(source regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    arguments text;
    numbers   text;
    part      regclass;
BEGIN
    SELECT string_agg(format('%L, %L, %L, %L', r.id::text, r.time_column, tally._bucket_rule(r.bucket, r.zone), r.zone), ', ' ORDER BY r.id),
           format('{%s}', string_agg(r.id::text, ',' ORDER BY r.id))
      INTO arguments, numbers
      FROM tally.rollups r WHERE r.source = _attach_capture.source;
    IF arguments IS NULL THEN
        EXECUTE format('DROP TRIGGER IF EXISTS tally_capture ON %s', source);
    ELSE
        -- OR REPLACE takes SHARE ROW EXCLUSIVE: it waits for writers that would not mark, and new ones wait for it.
        EXECUTE format('CREATE OR REPLACE TRIGGER tally_capture AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION tally.capture(%s)', source, arguments);
    END IF;
    -- Row triggers reach partitions by themselves, statement triggers do not.
    FOR part IN SELECT source UNION SELECT t.relid FROM pg_partition_tree(source) t LOOP
        IF arguments IS NULL THEN
            EXECUTE format('DROP TRIGGER IF EXISTS tally_capture_truncate ON %s', part);
        ELSE
            EXECUTE format('CREATE OR REPLACE TRIGGER tally_capture_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION tally.capture_truncate(%L)', part, numbers);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._attach_capture(regclass) IS 'Makes the capture triggers of a source serve exactly the rollups that stand on it now; drops them when there are none.';
