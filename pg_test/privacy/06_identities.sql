-- Owns: guesses against sketches. A reader may read a rollup's table and live view, sketches too, and not the source. Without a key he finds out who
-- was there; with one he does not, and keyed counts are right all the same: stored, live, merged, after a rotation, behind frozen history.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
GRANT SELECT ON app.by_hour, app.by_hour_live TO tally_reader;
SELECT tally.create_rollup('by_world', 'app.by_hour', 'bucket', '1 day', dimensions => '["world"]', measures => '{"people": "tally.rollup(people)"}',
    with_data => true);
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
CREATE FUNCTION evil.is_there(person int, relation text DEFAULT 'app.by_hour') RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found_ boolean;
BEGIN
    EXECUTE format('SELECT tally.distinct_count(tally.add(people, %s)) = tally.distinct_count(people) FROM %s WHERE world = ''w1'' AND kind = ''b''', person,
        relation) INTO found_;
    RETURN found_;
EXCEPTION WHEN datatype_mismatch THEN
    RETURN NULL;
END $$;
SELECT is(ARRAY[evil.is_there(101), evil.is_there(555)], '{t,f}', 'without a key a reader of sketches tells who was there');
-- The reader sends a sketch of another key's number through text: it is no guess, because he has not the secret.
CREATE FUNCTION evil.forged(person int) RETURNS tally.hll LANGUAGE sql AS $$
    SELECT tally_internal._keyed_hll(decode(substr(k, 3, 2) || substr(k, 1, 2) || repeat('00', 16), 'hex'), person)
      FROM (SELECT people::jsonb ->> 'key' AS k FROM app.by_hour WHERE world = 'w1' AND kind = 'b') x $$;

-- A reader makes no keys, and sees none.
SELECT is(evil.refused(q), '42501', q) FROM unnest(ARRAY['SELECT tally.rotate_identity_key()', 'SELECT * FROM tally.identity_key',
    'SELECT * FROM tally.identity_keys', 'INSERT INTO tally.keyed_rollups (rollup_id, key) VALUES (1, ''1f3a'')', 'SELECT tally_internal._store_key(1)']) q;
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
SELECT throws_ok($$SELECT tally.rotate_identity_key('\x00')$$, '22023', NULL, 'a key of one byte is refused');
GRANT SELECT ON tally.identity_key TO tally_owner;
CREATE TEMP TABLE keys AS SELECT tally.rotate_identity_key() AS id, 1 AS n;
SELECT matches((SELECT id FROM keys), '^(?!00)[0-9a-f]{4}$', 'the superuser makes a key');
SELECT is((SELECT array_agg(r.name) FROM tally.keyed_rollups k JOIN tally.rollups r ON r.id = k.rollup_id), '{by_hour}',
    'the rollup that counts people is keyed');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'by_hour'), 'backfill', 'and is to be computed anew');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
CREATE FUNCTION app.differing() RETURNS bigint LANGUAGE sql AS $$
    WITH live AS (SELECT bucket, world, kind, tally.distinct_count(people) AS people, n FROM app.by_hour_live),
         plain AS (SELECT date_trunc('hour', at, 'UTC'), world, kind, count(DISTINCT person), count(*) FROM app.visits GROUP BY 1, 2, 3)
    SELECT count(*) FROM ((TABLE live EXCEPT ALL TABLE plain) UNION ALL (TABLE plain EXCEPT ALL TABLE live)) x $$;
SELECT is(app.differing(), 0::bigint, 'before that its live view is right');
CALL tally.backfill('by_hour');
CALL tally.backfill('by_world');
SELECT is((SELECT array_agg(DISTINCT people::jsonb ->> 'key') FROM app.by_hour), (SELECT ARRAY[key] FROM tally.keyed_rollups),
    'its sketches bear the key''s number');
SELECT is(app.differing(), 0::bigint, 'and count the same people');
SELECT is_empty($$SELECT * FROM tally.verify('by_hour')$$, 'and equal the definition');
SELECT is((SELECT tally.distinct_count(people) FROM app.by_world WHERE world = 'w1'), 63::bigint, 'a rollup on it merges them');
-- Marked and stored buckets stand side by side in the live view, for the owner and for the reader.
INSERT INTO app.visits VALUES ('2026-01-01 10:30Z', 999, 'w1', 'b'), ('2026-01-03 10:30Z', 101, 'w1', 'b');
SELECT is(app.differing(), 0::bigint, 'the live view is right while buckets are marked');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SELECT is((SELECT tally.distinct_count(tally.rollup(people)) FROM app.by_hour_live WHERE world = 'w1' AND kind = 'b'), 4::bigint,
    'a reader who has no right to the key reads the live view, marked buckets and all');
SELECT is(ARRAY[evil.is_there(101), evil.is_there(555), evil.is_there(101, 'app.by_hour_live'), evil.is_there(555, 'app.by_hour_live')],
    '{NULL,NULL,NULL,NULL}',
    'and cannot add a guess, whether it was there or not');
SELECT is((SELECT tally.distinct_count(tally.merge(people, evil.forged(101))) - tally.distinct_count(people) FROM app.by_hour
            WHERE world = 'w1' AND kind = 'b' AND bucket < '2026-01-02'),
    (SELECT tally.distinct_count(tally.merge(people, evil.forged(555))) - tally.distinct_count(people) FROM app.by_hour
      WHERE world = 'w1' AND kind = 'b' AND bucket < '2026-01-02'),
    'a sketch that pretends to be of the key says the same of who was there and who was not');
CREATE FUNCTION evil.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text; plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF) ' || query LOOP plan := plan || line || E'\n'; END LOOP;
    RETURN plan;
END $$;
CREATE TEMP TABLE told AS SELECT evil.plan('SELECT people FROM app.by_hour_live') || pg_get_viewdef('app.by_hour_live'::regclass) AS told;
GRANT SELECT ON told TO PUBLIC;
SELECT matches((SELECT told FROM told), '_keyed_hll', 'a plan and the view''s text say that it is keyed');
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
SELECT ok(told !~ encode(k.secret, 'hex'), 'and do not say the key') FROM told, tally.identity_keys k;
SELECT ok((SELECT count(*) FROM tally.audit a WHERE a.kind = 'identity_keys' AND a.new ->> 'secret' = '***') > 0,
    'the audit has the key''s making, without the key');

-- Rotation. What is frozen stays as it is, and status says so.
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT count(*) FROM tally.refresh('by_hour');
SELECT tally.freeze_source('app.visits', before => '2026-01-02 00:00Z');
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
INSERT INTO keys SELECT tally.rotate_identity_key(), 2;
SELECT isnt((SELECT id FROM keys WHERE n = 2), (SELECT id FROM keys WHERE n = 1), 'a rotation makes another key');
SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT is(app.differing(), 0::bigint, 'the live view is right at once');
CALL tally.backfill('by_hour');
SELECT is(app.differing(), 0::bigint, 'and after the backfill');
SELECT matches((SELECT reason FROM tally.status WHERE rollup = 'by_hour'), 'distinct counts before 2026-01-0. .* are of an older identity key',
    'status says what is of the older key');
SELECT throws_like($$SELECT tally.rollup(people) FROM app.by_hour WHERE world = 'w1' AND kind = 'b'$$, '%under one identity key%',
    'sketches of both keys do not merge into a wrong number');
SELECT is((SELECT array_agg(tally.distinct_count(people) ORDER BY bucket) FROM app.by_hour WHERE world = 'w1' AND kind = 'b'), '{4,1}',
    'and count each by itself');
-- Another precision, a FILTER, text; the aggregate by the search_path, within parentheses, behind a comment.
SET search_path = app, public, tally;
CREATE TABLE app.more AS SELECT * FROM app.visits WHERE at < '2026-01-02';
SELECT tally.create_rollup('by_kind', 'app.more', 'at', '1 day', dimensions => '["kind"]',
    measures => '{"few": "hll(person, 6) FILTER (WHERE world <> ''w4'')", "texts": "(/* a name */ tally.hll(person::text))"}', with_data => true);
SELECT is((SELECT array_agg(DISTINCT few::jsonb ->> 'key') || array_agg(DISTINCT texts::jsonb ->> 'key') FROM app.by_kind),
    (SELECT ARRAY[key, key] FROM tally.keyed_rollups LIMIT 1), 'a new rollup is keyed, however its measures are written');
SELECT is((SELECT tally.distinct_count(texts) FROM app.by_kind WHERE kind = 'b' AND bucket < '2026-01-02'), 55::bigint, 'and right');
-- The owner loses the right: nothing wrong is computed, and the hint mends it.
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
REVOKE SELECT ON tally.identity_key FROM tally_owner;
INSERT INTO app.more VALUES ('2026-01-01 11:00Z', 998, 'w1', 'b');
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'by_kind'), 'GRANT SELECT ON tally.identity_key TO tally_owner;', 'status says what to grant');
SELECT throws_ok($$SELECT tally.refresh('by_kind')$$, '42501', NULL, 'without the key a refresh is refused');
SELECT tally.repair('by_kind');
CALL tally.backfill('by_kind');
SELECT is((SELECT array_agg(few::jsonb ->> 'key') FROM app.by_kind), '{NULL,NULL,NULL}', 'a repair without the right counts without a key');
SELECT ok(NOT EXISTS (SELECT FROM tally.keyed_rollups k JOIN tally.rollups r ON r.id = k.rollup_id WHERE r.name = 'by_kind'), 'and it is not keyed any more');
SELECT is((SELECT tally.distinct_count(texts) FROM app.by_kind WHERE kind = 'b' AND bucket < '2026-01-02'), 56::bigint, 'and right again');
DELETE FROM tally.keyed_rollups;
DELETE FROM tally.identity_keys;
\ir epilogue.psql
SELECT * FROM finish();
