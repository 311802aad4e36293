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
      "largest": "max(insertions)", "smallest": "min(deletions)"}');
SELECT tally.create_rollup('commits_daily', 'commits_hourly', bucket => '1 day');
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
