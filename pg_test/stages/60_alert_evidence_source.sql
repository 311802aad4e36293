-- Evidence from columns of the source is for who may read the source: the owner of a threshold on another role's metric gets none of it.
SELECT plan(4);
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE TABLE plays (at timestamptz NOT NULL, world text, device text, failed boolean);
CREATE INDEX ON plays (at);
INSERT INTO plays SELECT '2026-03-15 10:00Z'::timestamptz + i * interval '1 minute', 'w1', CASE WHEN i % 2 = 0 THEN 'phone' ELSE 'desk' END, i % 2 = 0
  FROM generate_series(1, 40) i;
ANALYZE plays;
SELECT tally.create_rollup('p_hourly', source => 'plays', time_column => 'at', bucket => '1 hour', dimensions => '["world"]',
    measures => '{"n": "count(*)", "failed": "count(*) filter (where failed)"}', with_data => true);
SELECT tally.create_metric('failing', 'p_hourly', 'failed::float8 / nullif(n, 0)');
SELECT tally.create_threshold('own', metric => 'failing', condition => '> 0.2', per => '{world}');
CREATE ROLE evidence_source_other;
GRANT SELECT ON p_hourly, p_hourly_live TO evidence_source_other;
GRANT USAGE, CREATE ON SCHEMA public TO evidence_source_other;
SET ROLE evidence_source_other;
SELECT tally.create_threshold('theirs', metric => 'failing', condition => '> 0.2', per => '{world}');
RESET ROLE;
SELECT is((SELECT opened FROM tally.evaluate('2026-03-15 11:00Z', 'own')), 1, 'it fails');
SELECT bag_eq($$SELECT k FROM tally.incidents, jsonb_object_keys(evidence -> 'contributors') k WHERE threshold = 'own'$$, $$VALUES ('device')$$,
    'the owner of the source learns by which device');
SELECT is((SELECT opened FROM tally.evaluate('2026-03-15 11:00Z', 'theirs')), 1, 'another role sees it fail');
SELECT is((SELECT evidence -> 'contributors' FROM tally.incidents WHERE threshold = 'theirs'), '{}', 'and nothing of a source that it may not read');
SELECT tally.drop_threshold('theirs');
DROP OWNED BY evidence_source_other;
DROP ROLE evidence_source_other;
SELECT * FROM finish();
