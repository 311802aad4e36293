-- Owns: distinct counts under an identity key, as the role that installed pg_tally has them: right when stored, live, merged and after another key.
-- pg_test/privacy/06_identities.sql asks what a reader can guess.
SELECT plan(13);

SET client_min_messages = error;
SET timezone = 'UTC';
CREATE SCHEMA app;
CREATE TABLE app.visits (at timestamptz NOT NULL, person int, world text);
INSERT INTO app.visits SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 minute', i % 700, 'w' || i % 3 FROM generate_series(1, 5000) i;
INSERT INTO app.visits VALUES ('2026-01-01 00:30Z', NULL, 'w0'), ('2026-01-01 00:31Z', NULL, 'nobody');
CREATE FUNCTION app.differing(relation text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('WITH kept AS (SELECT bucket, world, COALESCE(tally.distinct_count(people), 0) AS people, COALESCE(tally.distinct_count(late), 0) AS late, n
                                    FROM %s),
        plain AS (SELECT date_trunc(''day'', at), world, count(DISTINCT person),
                         count(DISTINCT person) FILTER (WHERE extract(hour FROM at AT TIME ZONE ''UTC'') > 11), count(*)
                    FROM app.visits GROUP BY 1, 2)
        SELECT count(*) FROM ((TABLE kept EXCEPT ALL TABLE plain) UNION ALL (TABLE plain EXCEPT ALL TABLE kept)) x', relation) INTO found;
    RETURN found;
END $$;
SELECT tally.create_rollup('app.by_day', 'app.visits', 'at', '1 day', dimensions => '["world"]', with_data => true,
    measures => '{"people": "tally.hll(person)", "n": "count(*)",
                 "late": "tally.hll(person, 12) FILTER (WHERE extract(hour FROM at AT TIME ZONE ''UTC'') > 11)"}');
CREATE TABLE app.plain AS SELECT * FROM app.by_day;

CREATE TABLE app.keys AS SELECT tally.rotate_identity_key() AS id;
SELECT is((SELECT key FROM tally.keyed_rollups), (SELECT id FROM app.keys), 'a rollup that counts people takes the key');
CALL tally.backfill('app.by_day');
SELECT is((SELECT array_agg(DISTINCT s.key) FROM app.by_day d, LATERAL (VALUES (d.people::jsonb ->> 'key'), (d.late::jsonb ->> 'key')) s(key)
            WHERE d.world <> 'nobody' AND s.key IS NOT NULL), (SELECT array_agg(id) FROM app.keys), 'its sketches bear the key''s number');
SELECT ok((SELECT people IS NULL AND n = 1 FROM app.by_day WHERE world = 'nobody'), 'no people have no sketch');
SELECT is(app.differing('app.by_day'), 0::bigint, 'and count the same people');
SELECT is((SELECT count(*) FROM tally.verify('app.by_day')), 0::bigint, 'and equal the definition');
SELECT is((SELECT tally.distinct_count(tally.rollup(people)) FROM app.by_day), 700::bigint, 'days and worlds merge');
INSERT INTO app.visits VALUES ('2026-01-02 13:30Z', 99999, 'w1'), ('2026-01-02 13:31Z', 5, 'w1');
SELECT is(app.differing('app.by_day_live'), 0::bigint, 'the live view is right while a bucket is marked');
SELECT throws_ok($$SELECT tally.add(people, 5) FROM app.by_day WHERE world = 'w1'$$, '42804', NULL, 'nobody adds a guess without the key');
SELECT throws_ok($$SELECT tally.merge(d.people, p.people) FROM app.by_day d JOIN app.plain p USING (bucket, world) WHERE world = 'w1'$$, '42804', NULL,
    'a sketch under no key does not merge with them');
SELECT ok((SELECT bool_and(d.people::jsonb -> 'hashes' <> p.people::jsonb -> 'hashes') FROM app.by_day d JOIN app.plain p USING (bucket, world)
            WHERE world = 'w1'), 'under the key the same people have other hashes');
INSERT INTO app.keys SELECT tally.rotate_identity_key('\x000102030405060708090a0b0c0d0e0f');
CALL tally.backfill('app.by_day');
SELECT is(app.differing('app.by_day'), 0::bigint, 'another key gives the same counts');
SELECT is((SELECT count(DISTINCT people::jsonb ->> 'key') FROM app.by_day), 1::bigint, 'all of them under the new key');
SELECT throws_ok($$SELECT tally_internal._keyed_hll('\x0001', 5)$$, '55000', NULL, 'what is no key is refused');
SELECT * FROM finish();
