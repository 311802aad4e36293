-- Evidence of an incident where a rollup of the same source cannot be read: the next one that can is asked, then the source. Where nothing tells, the
-- evidence says why: attacks/36_evidence_of_others.sql.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE ROLE evidence_next_owner;
CREATE ROLE evidence_next_stranger;
CREATE SCHEMA theirs AUTHORIZATION evidence_next_stranger;
GRANT USAGE, CREATE ON SCHEMA public TO evidence_next_owner;
GRANT USAGE ON SCHEMA theirs TO PUBLIC;
SET ROLE evidence_next_owner;
CREATE TABLE plays (at timestamptz NOT NULL, world text, device text, failed boolean);
CREATE INDEX ON plays (at);
INSERT INTO plays SELECT '2026-03-15 10:00Z'::timestamptz + i * interval '1 minute', 'w1', CASE WHEN i % 2 = 0 THEN 'phone' ELSE 'desk' END, i % 2 = 0
  FROM generate_series(1, 40) i;
GRANT SELECT, TRIGGER ON plays TO evidence_next_stranger;
SELECT tally.create_rollup('p_hourly', 'plays', 'at', bucket => '1 hour', dimensions => '["world"]',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}', with_data => true);
SELECT tally.create_metric('failing', 'p_hourly', 'failed::float8 / nullif(n, 0)');
SELECT tally.create_threshold(name, metric => 'failing', condition => '> 0.2', per => '{world}') FROM unnest('{second,third,fourth}'::text[]) name;

-- A stranger's rollups of the same source would run a function of his, or fail.
SET ROLE evidence_next_stranger;
CREATE FUNCTION theirs.same(text) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN $1; END';
SELECT tally.create_rollup('theirs.runs', 'public.plays', 'at', bucket => '10 minutes', dimensions => '["world", {"more": "theirs.same(device)"}]',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}');
GRANT SELECT ON ALL TABLES IN SCHEMA theirs TO PUBLIC;
RESET ROLE;
ANALYZE plays;
SELECT tally.evaluate('2026-03-15 11:00Z', 'second');
SELECT is(evidence -> 'contributors' -> 'device', '[{"label": "phone", "value": 1, "samples": 20}, {"label": "desk", "value": 0, "samples": 20}]',
    'bug: evidence was lost to a stranger''s rollup: columns of the source tell it') FROM tally.incidents WHERE threshold = 'second';
SELECT is(evidence -> 'error', NULL, 'then nothing is missing') FROM tally.incidents WHERE threshold = 'second';

-- Another role's that can be read is asked, however coarse.
SELECT tally.create_rollup('of_all', 'plays', 'at', bucket => '1 day', dimensions => '["world", "device"]',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}', with_data => true);
GRANT SELECT ON of_all, of_all_live TO evidence_next_owner;
SET ROLE evidence_next_stranger;
SELECT tally.create_rollup('theirs.fails', 'public.plays', 'at', bucket => '10 minutes',
    dimensions => '["world", {"more": "(1 / (length(device) - 5))::text"}]',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}');
GRANT SELECT ON ALL TABLES IN SCHEMA theirs TO PUBLIC;
RESET ROLE;
SELECT tally.evaluate('2026-03-15 11:00Z', 'third');
SELECT is((evidence -> 'contributors_of' ->> 'rollup', evidence -> 'error', evidence -> 'contributors' -> 'device')::text,
    $$(of_all,,"[{""label"": ""phone"", ""value"": 1, ""samples"": 20}, {""label"": ""desk"", ""value"": 0, ""samples"": 20}]")$$,
    'bug: evidence was lost to a stranger''s rollup: the next one tells it') FROM tally.incidents WHERE threshold = 'third';
-- One's own comes first, though another's is finer.
SET ROLE evidence_next_owner;
SELECT tally.create_rollup('p_devices', 'plays', 'at', bucket => '1 week', dimensions => '["world", "device"]',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}', with_data => true);
RESET ROLE;
SELECT tally.evaluate('2026-03-15 11:00Z', 'fourth');
SELECT is(evidence -> 'contributors_of' ->> 'rollup', 'p_devices', 'a rollup of the metric''s owner is asked first') FROM tally.incidents
 WHERE threshold = 'fourth';
SET ROLE evidence_next_owner;
SELECT tally.drop_threshold(name) FROM unnest('{second,third,fourth}'::text[]) name;
RESET ROLE;
DROP OWNED BY evidence_next_stranger CASCADE;
DROP OWNED BY evidence_next_owner CASCADE;
DROP ROLE evidence_next_stranger;
DROP ROLE evidence_next_owner;
SELECT * FROM finish();
