-- Owns what the replay works on: the stream as it was recorded, the source it is replayed into, the rollups, and each
-- definition once more in plain SQL that uses nothing of pg_tally.

CREATE TABLE commits (
    repository text, commit text, author text, authored_at timestamptz NOT NULL, committed_at timestamptz NOT NULL,
    is_merge boolean NOT NULL, files_changed int, insertions int, deletions int
);
CREATE INDEX ON commits (authored_at);
CREATE TABLE stream (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, LIKE commits);

SELECT tally.create_rollup('commits_hourly', 'commits', 'authored_at', '1 hour', '["repository"]',
    '{"commits": "count(*)", "merges": "count(*) FILTER (WHERE is_merge)", "files": "sum(files_changed)",
      "largest": "max(insertions)", "smallest": "min(deletions)",
      "authors": "tally.hll(author)", "delay": "tally.tdigest(extract(epoch FROM committed_at - authored_at)::float8)"}');
SELECT tally.create_rollup('commits_daily', 'commits_hourly', bucket => '1 day');
SELECT tally.create_rollup('commits_quarterly', 'commits_daily', bucket => '3 months', dimensions => '[]');
SELECT tally.create_rollup('commits_weekly', 'commits', 'authored_at', '1 week', '["is_merge"]',
    '{"commits": "count(*)", "insertions": "sum(insertions)", "lag": "max(committed_at - authored_at)"}',
    zone => 'America/New_York');
SELECT tally.create_rollup('commits_monthly', 'commits', 'authored_at', '1 month', '[]',
    '{"commits": "count(*)", "repositories": "count(repository)", "latest": "max(authored_at)"}',
    "where" => 'NOT is_merge', zone => 'Asia/Kolkata');

CREATE VIEW hourly_by_hand AS
SELECT to_timestamp(floor(extract(epoch FROM authored_at) / 3600) * 3600) AS bucket, repository, count(*) AS commits,
       count(*) FILTER (WHERE is_merge) AS merges, sum(files_changed) AS files, max(insertions) AS largest, min(deletions) AS smallest
  FROM commits GROUP BY 1, 2;
CREATE VIEW daily_by_hand AS
SELECT to_timestamp(floor(extract(epoch FROM authored_at) / 86400) * 86400) AS bucket, repository, count(*) AS commits,
       count(*) FILTER (WHERE is_merge) AS merges, sum(files_changed) AS files, max(insertions) AS largest, min(deletions) AS smallest
  FROM commits GROUP BY 1, 2;
CREATE VIEW weekly_by_hand AS
SELECT date_trunc('week', authored_at AT TIME ZONE 'America/New_York') AT TIME ZONE 'America/New_York' AS bucket,
       is_merge::text AS is_merge, count(*) AS commits, sum(insertions) AS insertions, max(committed_at - authored_at) AS lag
  FROM commits GROUP BY 1, 2;
CREATE VIEW monthly_by_hand AS
SELECT date_trunc('month', authored_at AT TIME ZONE 'Asia/Kolkata') AT TIME ZONE 'Asia/Kolkata' AS bucket,
       count(*) AS commits, count(repository) AS repositories, max(authored_at) AS latest
  FROM commits WHERE NOT is_merge GROUP BY 1;

-- Sketches against the exact answer at the shares 0, 0.5, 0.95 and 1. Up to 253 values a tdigest is to be exact; beyond,
-- the value it gives for a share must stand at that share of the sorted values within 1 % of their number. A distinct count
-- is to be exact up to 766, and within 5 % beyond (more than four times its standard error of 1.15 %). Rows are the groups
-- where that does not hold.
CREATE FUNCTION sketch_differences(rollup regclass, unit text, by_repository boolean)
RETURNS TABLE (bucket timestamptz, repository text, n bigint, exact float8[], got float8[]) LANGUAGE plpgsql SET jit = off AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH events AS MATERIALIZED (
            SELECT date_trunc(%1$L, authored_at, 'UTC') AS bucket, %2$s AS repository, author, extract(epoch FROM committed_at - authored_at)::float8 AS delay
              FROM commits
        ), exact AS MATERIALIZED (
            SELECT bucket, repository, count(*) AS n, count(DISTINCT author) AS people, percentile_cont('{0, 0.5, 0.95, 1}'::float8[]) WITHIN
                GROUP (ORDER BY delay) AS x
              FROM events GROUP BY bucket, repository
        ), ours AS MATERIALIZED (
            SELECT bucket, %2$s AS repository, tally.count(delay) AS m, tally.distinct_count(authors) AS known,
                tally.percentile(delay, '{0, 0.5, 0.95, 1}'::float8[]) AS o FROM %3$s
        ), paired AS MATERIALIZED (
            SELECT * FROM exact FULL JOIN ours USING (bucket, repository)
        )
        SELECT bucket, repository, n, x, o FROM paired
         WHERE n IS DISTINCT FROM m OR x[1] IS DISTINCT FROM o[1] OR x[4] IS DISTINCT FROM o[4]
            OR n <= 253 AND (abs(x[2] - o[2]) > 1e-9 * abs(x[2]) OR abs(x[3] - o[3]) > 1e-9 * abs(x[3]))
            OR abs(people - known) > CASE WHEN people <= 766 THEN 0 ELSE 0.05 * people END
        UNION ALL
        SELECT bucket, repository, n, x, o FROM paired JOIN events USING (bucket, repository)
         WHERE n > 253 GROUP BY bucket, repository, n, x, o
        HAVING 0.5 NOT BETWEEN avg((delay < o[2])::int) - 0.01 AND avg((delay <= o[2])::int) + 0.01
            OR 0.95 NOT BETWEEN avg((delay < o[3])::int) - 0.01 AND avg((delay <= o[3])::int) + 0.01
         LIMIT 5 $q$, unit, CASE WHEN by_repository THEN 'repository' ELSE quote_literal('') END, rollup);
END $$;
