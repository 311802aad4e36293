-- Owns: demo-git, stage 2: rollups by day and month, metrics on them, a threshold on silence.

\echo
\echo '━━ 2. Rollups ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT tally.create_rollup(''commits_daily'', ''commits'', ''authored_at'', ''1 day'', …);'
\echo
SET client_min_messages = warning;
SELECT tally.create_rollup('commits_daily', 'commits', 'authored_at', '1 day', '[]',
    '{"commits": "count(*)", "files": "sum(files)", "added": "sum(added)", "removed": "sum(removed)",
      "authors": "tally.hll(author)",
      "delay": "tally.tdigest(extract(epoch FROM committed_at - authored_at)::float8 / 3600)"}',
    description => 'Commits by day of writing; delay is hours from author time to commit time.') AS made \gset
SELECT tally.create_rollup('commits_yearly', 'commits_daily', bucket => '1 year') AS made \gset
SELECT tally.create_metric('commits', 'commits_daily', 'commits', description => 'Commits') AS made \gset
SELECT tally.create_metric('authors', 'commits_daily', 'tally.distinct_count(authors)', description => 'Distinct authors') AS made \gset
SELECT tally.create_metric('p95_delay', 'commits_daily', 'tally.percentile(delay, 0.95)', unit => 'hours',
    description => 'Hours from author time to commit time, 95th percentile', direction => 'down_is_good') AS made \gset
SELECT tally.create_threshold('silence', query => 'SELECT extract(epoch FROM :as_of - max(authored_at))::float8 / 86400 AS value FROM public.commits',
    condition => '> 30', severity => 'warning', owner => 'the maintainers', impact => 'No commit for {{value}} days',
    suggested_actions => '["look for open reviews that wait for somebody", "say in the README whether the project is still kept up"]') AS made \gset
RESET client_min_messages;
CALL tally.backfill();
