-- Attack 10: definitions that no check would pass, written by hand: a key on pg_class without a table of marks stopped refresh() and
-- backfill(); buckets of '1 mon 1 day' on the victim's source made the VICTIM'S TRUNCATE and DROP of a partition fail.
-- As it was (commit 382f689) the first INSERT was done, and refresh() and backfill() of all raised 42P01 for the missing table of marks; the second was done
-- where it was the only one, backfill() of all failed, and on a partitioned source so did the victim's TRUNCATE and DROP of a partition: seen by hand.
\ir prelude.psql
\connect - tally_victim
SET client_min_messages = error;
GRANT USAGE ON SCHEMA app TO tally_attacker;
GRANT SELECT, TRIGGER ON app.events TO tally_attacker;
\connect - tally_attacker
SET client_min_messages = error;
CREATE TABLE evil.odd (bucket timestamptz NOT NULL, n bigint, PRIMARY KEY (bucket));
SELECT evil.try('key', $$INSERT INTO tally.rollups (name, relation, live_view, source, key) VALUES ('nonsense', 'evil.odd', 'evil.odd', 'pg_class',
    '{relname}')$$);
SELECT evil.try('bucket', $$INSERT INTO tally.rollups (name, relation, live_view, source, time_column, time_type, bucket) VALUES ('odd', 'evil.odd', 'evil.odd',
    'app.events', 'at', 'timestamptz', '1 mon 1 day')$$);
CREATE FUNCTION evil.store(patch jsonb) RETURNS int LANGUAGE sql AS $$
    SELECT tally_internal._store_rollup(jsonb_populate_record(NULL::tally.rollups,
        '{"name": "odd", "zone": "UTC", "search_path": "evil", "time_column": "at", "time_type": "timestamp with time zone", "bucket": "1 hour"}'::jsonb
        || jsonb_build_object('relation', 'evil.odd'::regclass::oid, 'source', 'app.events'::regclass::oid) || patch),
        '{}', ARRAY[ROW(NULL, 1, 'n', 'count(*)', 'bigint', 'pg_catalog.sum(%1$I)::bigint')::tally.measures])
$$;
SELECT evil.try('store: ' || patch, format('SELECT evil.store(%L)', patch))
    FROM unnest(ARRAY['{"bucket": "1 mon 1 day"}', '{"zone": "Nowhere/Land"}', '{"time_column": "nothing"}', '{"lookback": "1 microsecond"}',
    '{"bucket": "-1 hours"}',
    '{"key": ["nothing"], "time_column": null, "time_type": null, "bucket": null}', '{"schedule": "* * * * * rm -rf /"}', '{"filter": "true) OR (true"}',
        '{"filter": "true; DROP TABLE x"}', '{"expand": "x; DROP TABLE x"}', '{"name": ""}']) patch;
-- Text that a rollup on it would take over, and run as its own maker.
SELECT evil.try('merge', $$SELECT tally_internal._store_rollup(jsonb_populate_record(r, '{}'), '{}',
    ARRAY[ROW(NULL, 1, 'n', 'count(*)', 'bigint', 'evil.pwn(%1$I)')::tally.measures]) FROM (SELECT jsonb_populate_record(NULL::tally.rollups,
    '{"name": "odd", "zone": "UTC", "search_path": "evil", "time_column": "at", "time_type": "timestamp with time zone", "bucket": "1 hour"}'::jsonb ||
        jsonb_build_object('relation', 'evil.odd'::regclass::oid, 'source', 'app.events'::regclass::oid)) AS r) x$$);
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.copy AS SELECT * FROM app.events;
TRUNCATE app.events;
INSERT INTO app.events SELECT * FROM app.copy;
\connect - :superuser
SET client_min_messages = error;
\set ON_ERROR_STOP off
CALL tally.backfill();
SELECT count(*) FROM tally.refresh();
\set ON_ERROR_STOP on
\ir verdict.psql
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE outcome = 'done' OR outcome LIKE 'XX%'$$, 'nothing of it is stored');
SELECT is((SELECT count(*) FROM evil.log), 14::bigint, 'of fourteen tries');
SELECT * FROM finish();
