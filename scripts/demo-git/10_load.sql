-- Owns: demo-git, stage 1: the history comes in on standard input. psql variables: REPOSITORY.
\set VERBOSITY terse
\pset pager off
\pset footer off
\pset linestyle unicode
\pset border 0

SET client_min_messages = warning;
CREATE EXTENSION pg_tally;
RESET client_min_messages;

CREATE TABLE commits (
    hash         text NOT NULL,
    author       text NOT NULL,
    authored_at  timestamptz NOT NULL,
    committed_at timestamptz NOT NULL,
    nth          bigint NOT NULL,
    files        int NOT NULL,
    added        bigint NOT NULL,
    removed      bigint NOT NULL
);
COMMENT ON TABLE commits IS 'One row for each commit reachable from HEAD.';
COMMENT ON COLUMN commits.author IS 'Pseudonym of the author (HMAC-SHA-256, with a key that was not kept).';
COMMENT ON COLUMN commits.nth IS 'Which commit of this author it is, by author time.';

CREATE TEMP TABLE raw (hash text, authored bigint, committed bigint, author text, files int, added bigint, removed bigint);
\copy raw FROM pstdin (FORMAT csv)

SELECT gen_random_uuid()::text || gen_random_uuid()::text AS key \gset
INSERT INTO commits
SELECT hash, tally.pseudonym(author, :'key'), to_timestamp(authored), to_timestamp(committed),
       row_number() OVER (PARTITION BY author ORDER BY authored, committed, hash), files, added, removed
  FROM raw ORDER BY committed;
\unset key
DROP TABLE raw;
CREATE INDEX ON commits (authored_at);
ANALYZE commits;

SELECT format('%s: %s %s by %s %s, written from %s to %s', :'REPOSITORY',
              to_char(count(*), 'FM999,999,999'), CASE count(*) WHEN 1 THEN 'commit' ELSE 'commits' END,
              to_char(count(DISTINCT author), 'FM999,999'), CASE count(DISTINCT author) WHEN 1 THEN 'author' ELSE 'authors' END,
              min(authored_at)::date, max(authored_at)::date) AS headline FROM commits \gset
\echo
\echo '━━ 1. Events ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo :headline
\echo
SELECT left(hash, 8) AS commit, left(author, 8) || '…' AS author, authored_at::timestamptz(0), committed_at - authored_at AS "until committed",
       files, added, removed
  FROM commits ORDER BY committed_at DESC LIMIT 4;
