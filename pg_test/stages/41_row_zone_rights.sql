-- A zone for each row, and roles: who writes needs no right in tally; who does not own the table is told what its owner must run, and can go on then.
SELECT no_plan();
\ir ../message_of.psql
SET client_min_messages = warning;
CREATE TABLE pings (tenant text, zone text, at timestamptz);
CREATE ROLE row_zone_writer ROLE CURRENT_USER;
CREATE SCHEMA theirs AUTHORIZATION row_zone_writer;
GRANT SELECT, INSERT, TRIGGER ON pings TO row_zone_writer;
SET ROLE row_zone_writer;
SELECT is((message_of($q$SELECT tally.create_rollup('theirs.p', 'pings', 'at', '1 day', zone => 'zone', measures => '{"n": "count(*)"}')$q$)).hint,
    'ALTER TABLE public.pings ADD COLUMN at_local timestamp GENERATED ALWAYS AS (tally.local_time(at, zone)) STORED;', 'the statement for the owner');
RESET ROLE;
ALTER TABLE public.pings ADD COLUMN at_local timestamp GENERATED ALWAYS AS (tally.local_time(at, zone)) STORED;
CREATE INDEX ON pings (at_local);
SET ROLE row_zone_writer;
SELECT lives_ok($$SELECT tally.create_rollup('theirs.p', 'pings', 'at', '1 day', zone => 'zone', measures => '{"n": "count(*)"}')$$, 'and then it is taken');
SELECT lives_ok($$INSERT INTO pings VALUES ('a', 'Europe/Berlin', '2026-04-01 10:00Z'), ('b', 'Mars/Olympus', '2026-04-01 10:00Z')$$, 'a writer writes');
RESET ROLE;
REVOKE USAGE ON SCHEMA tally, tally_internal FROM PUBLIC;
SET ROLE row_zone_writer;
SELECT lives_ok($$INSERT INTO pings VALUES ('c', 'Europe/Berlin', '2026-04-01 10:00Z')$$, 'without any right in the schemas too');
RESET ROLE;
SELECT is((SELECT sum(n) FROM theirs.p_live), 2::numeric, 'both rows of a known zone count');
DROP OWNED BY row_zone_writer;
DROP ROLE row_zone_writer;
SELECT * FROM finish();
