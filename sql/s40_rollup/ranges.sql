-- Owns: marked ranges: where there are rows in them, how much of one a batch takes, and from which end.

CREATE OR REPLACE FUNCTION tally_internal._extent(r tally.rollups, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    rule   text := tally_internal._bucket_rule_of(r);
    ends   jsonb;
BEGIN
    SELECT x INTO ends FROM tally.run_as(r.owner, r.search_path, format(
        'SELECT LEAST(pg_catalog.min(s.t), (SELECT pg_catalog.min(bucket) FROM %s)) AS lo, GREATEST(pg_catalog.max(s.t), (SELECT pg_catalog.max(bucket) FROM '
            '%1$s)) AS hi '
        'FROM (SELECT pg_catalog.min(%2$I) AS lo, pg_catalog.max(%2$I) AS hi FROM %3$s WHERE %6$s) e, LATERAL (VALUES (%4$s), (%5$s)) s(t)',
        r.relation, r.time_column, r.source, tally_internal._time_as_timestamptz_sql('e.lo', r.time_type, r.zone),
            tally_internal._time_as_timestamptz_sql('e.hi', r.time_type, r.zone),
            tally_internal._in_time_sql(r))) x;
    since := GREATEST(tally_internal._bucket_start(rule, (ends ->> 'lo')::timestamptz), tally_internal._bucket_at_or_after(rule, '4714-11-24 00:00+00 BC'));
    -- The last bucket of all ends at infinity.
    until := tally_internal._bucket_shifted(rule, (ends ->> 'hi')::timestamptz, tally_internal._lookback_buckets(rule, r.lookback));
    IF until IS NULL THEN since := NULL; END IF;
END $$;
COMMENT ON FUNCTION tally_internal._extent(tally.rollups) IS
'The range of buckets that source or stored rows have; nulls where there is no row. A scan of the source where no btree leads with its time.';

CREATE OR REPLACE FUNCTION tally_internal._time_between(since timestamptz, until timestamptz) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    -- In two parts: the whole is longer than 2^63 microseconds, which PostgreSQL 17 refuses and 15 gets wrong without a word.
    SELECT (b.last - b.middle) + (b.middle - b.first)
      FROM (SELECT a.first, a.last, LEAST(GREATEST(timestamptz '2000-01-01 00:00+00', a.first), a.last) AS middle
              FROM (SELECT GREATEST(since, '4714-11-24 00:00+00 BC') AS first, LEAST(until, '294276-12-31 23:59:59.999999+00') AS last) a) b
$$;
COMMENT ON FUNCTION tally_internal._time_between(timestamptz, timestamptz) IS 'How much time lies between two moments, of the time that PostgreSQL can hold.';

CREATE OR REPLACE FUNCTION tally_internal._begin_range(r tally.rollups, marked tally.dirty_ranges, most_rows bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    extent record;
    rows_  float8;
BEGIN
    IF marked.until = 'infinity' THEN
        PERFORM tally_internal._count_odd_rows(r);
    END IF;
    SELECT * INTO extent FROM tally_internal._extent(r);
    IF r.lookback IS NOT NULL AND isfinite(marked.until) THEN
        -- Rows of the range reach beyond it.
        marked.until := tally_internal._bucket_shifted(tally_internal._bucket_rule_of(r), marked.until,
                                                       tally_internal._lookback_buckets(tally_internal._bucket_rule_of(r), r.lookback));
        UPDATE tally.dirty_ranges g SET until = marked.until WHERE g.id = marked.id;
    END IF;
    extent.since := GREATEST(extent.since, r.frozen_before);
    IF extent.until IS NULL OR extent.since >= extent.until OR marked.since >= extent.until OR marked.until <= extent.since THEN
        -- The range has no rows, neither stored nor in the source. Later writes mark their own buckets.
        DELETE FROM tally.dirty_ranges g WHERE g.id = marked.id;
        RETURN false;
    END IF;
    rows_ := tally_internal._source_rows(r.source);
    UPDATE tally.dirty_ranges g
       SET since = GREATEST(g.since, extent.since), until = LEAST(g.until, extent.until),
           -- The share of time that holds about most_rows rows; all of it where each batch would scan the whole source.
           batch = tally_internal._time_between(extent.since, extent.until) * CASE WHEN rows_ > most_rows
               AND tally_internal._time_index(r.source, r.time_column) THEN most_rows / rows_ ELSE 1 END,
           rows = rows_ * extract(epoch FROM tally_internal._time_between(GREATEST(g.since, extent.since), LEAST(g.until, extent.until)))
                        / extract(epoch FROM tally_internal._time_between(extent.since, extent.until))
     WHERE g.id = marked.id;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._begin_range(tally.rollups, tally.dirty_ranges, bigint) IS
'Cuts a range mark to where there are rows and settles how much of it a batch takes (about most_rows source rows, null for all); false when nothing lies '
    'there, and the mark is gone.';

CREATE OR REPLACE FUNCTION tally_internal._split_ranges(r tally.rollups, cuts timestamptz[], spared bigint DEFAULT 0) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cut timestamptz;
BEGIN
    FOREACH cut IN ARRAY cuts LOOP
        WITH cut_off AS (
            INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason, marked_at)
            SELECT g.rollup_id, cut, g.until, g.reason, g.marked_at FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.id <> spared AND g.since < cut
                AND cut < g.until)
        -- Each part is begun anew, which counts it.
        UPDATE tally.dirty_ranges g SET until = cut, batch = NULL, rows = NULL WHERE g.rollup_id = r.id AND g.id <> spared AND g.since < cut AND cut < g.until;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._split_ranges(tally.rollups, timestamptz[], bigint) IS
'Cuts the range marks of a rollup, but for one that is spared, in two at instants where buckets begin.';

CREATE OR REPLACE FUNCTION tally_internal._merge_ranges(r tally.rollups, lowest timestamptz, highest timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Each costs a look at the source's extent: TRUNCATE of 500 partitions left 501 marks, which took two minutes.
    IF (SELECT count(*) FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.batch IS NULL AND g.since >= lowest AND g.until <= highest) > 1 THEN
        WITH gone AS (DELETE FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.batch IS NULL AND g.since >= lowest AND g.until <= highest RETURNING g.*),
             reached AS (SELECT g.*, max(g.until) OVER (ORDER BY g.since, g.until, g.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
                         FROM gone g),
             islands AS (SELECT x.*, count(*) FILTER (WHERE x.before IS NULL OR x.since > x.before) OVER (ORDER BY x.since, x.until, x.id) AS island
                         FROM reached x)
        INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason, marked_at)
        SELECT r.id, min(i.since), max(i.until), min(i.reason) || CASE
            WHEN count(DISTINCT i.reason) > 1 THEN format(' and %s more', count(DISTINCT i.reason) - 1) ELSE '' END, min(i.marked_at)
          FROM islands i GROUP BY i.island;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._merge_ranges(tally.rollups, timestamptz, timestamptz) IS
'Makes one of those range marks in [lowest, highest] that overlap or touch and that no batch has been taken of.';

CREATE OR REPLACE FUNCTION tally_internal._take_range(r tally.rollups, most_rows bigint, lowest timestamptz, highest timestamptz, oldest_first boolean,
                                  OUT since timestamptz, OUT until timestamptz, OUT rows float8)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    marked tally.dirty_ranges;
    rule   text := tally_internal._bucket_rule_of(r);
    last   timestamptz;
    left_  interval;
BEGIN
    PERFORM tally_internal._merge_ranges(r, lowest, highest);
    LOOP
        SELECT * INTO marked FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.since >= lowest AND g.until <= highest
         ORDER BY CASE WHEN oldest_first THEN g.since END, g.until DESC, g.id LIMIT 1;
        EXIT WHEN marked.id IS NULL OR marked.batch IS NOT NULL;
        PERFORM tally_internal._begin_range(r, marked, most_rows);
    END LOOP;
    IF marked.id IS NULL THEN RETURN; END IF;
    until := marked.until;
    since := marked.since;
    -- A batch has whole buckets, at least one. If it takes all, nothing is subtracted, because an end of time may be near.
    left_ := tally_internal._time_between(since, until);
    IF most_rows IS NOT NULL AND oldest_first THEN
        until := LEAST(until, GREATEST(CASE WHEN marked.batch < left_ THEN tally_internal._bucket_start(rule, since + marked.batch)
                                       ELSE until END, tally_internal._bucket_end(rule, since)));
    ELSIF most_rows IS NOT NULL THEN
        last := LEAST(until, '294276-12-31 23:59:59.999999+00');
        since := GREATEST(since, LEAST(CASE WHEN marked.batch < left_ THEN tally_internal._bucket_start(rule, last - marked.batch)
                                       ELSE since END, tally_internal._bucket_start(rule, last - interval '1 microsecond')));
    END IF;
    rows := marked.rows * extract(epoch FROM tally_internal._time_between(since, until)) / extract(epoch
            FROM tally_internal._time_between(marked.since, marked.until));
    -- The same work serves other marks on these buckets.
    PERFORM tally_internal._split_ranges(r, ARRAY[since, until], marked.id);
    DELETE FROM tally.dirty_ranges g WHERE g.rollup_id = r.id AND g.id <> marked.id AND g.since >= _take_range.since AND g.until <= _take_range.until;
    IF since <= marked.since AND until >= marked.until THEN
        DELETE FROM tally.dirty_ranges g WHERE g.id = marked.id;
    ELSE
        UPDATE tally.dirty_ranges g SET rows = marked.rows - _take_range.rows, since = CASE WHEN oldest_first THEN _take_range.until ELSE g.since END,
               until = CASE WHEN oldest_first THEN g.until ELSE _take_range.since END WHERE g.id = marked.id;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._take_range(tally.rollups, bigint, timestamptz, timestamptz, boolean) IS
'Takes a range mark that lies in [lowest, highest] (most_rows null), or its newest or oldest batch, and returns the buckets'' range to recompute and about '
    'how many source rows it holds; nulls when there is none.';
