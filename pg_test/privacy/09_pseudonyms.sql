-- Owns: columns that name people. Where a table's owner or a pack requires a pseudonym, no definition keeps the bare values. Without that a reader of a rollup
-- reads who was there.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
ALTER TABLE app.visits ADD COLUMN "User" text;
UPDATE app.visits SET "User" = 'user' || person;
CREATE INDEX ON app.visits (person);
SELECT tally.create_rollup('by_person', 'app.visits', 'at', '1 day', dimensions => '["person", "kind"]', measures => '{"n": "count(*)"}', with_data => true);
GRANT SELECT ON app.by_person TO tally_reader;
SELECT tally.grant_access('viewer', 'tally_reader');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SELECT is(evil.guess($$SELECT n FROM app.by_person WHERE person = '101'$$), 2::bigint, 'with a bare dimension a reader finds person 101');
SELECT is(evil.refused($$SELECT tally.require_pseudonym('app.visits', 'person')$$), '42501', 'a stranger requires nothing');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET search_path = app, public;
SET client_min_messages = warning;
SELECT is((evil.parts($$SELECT tally.require_pseudonym('app.visits', 'nobody')$$))[1], '42703', 'a column that is not there');
SET client_min_messages = error;
SELECT lives_ok($$SELECT tally.require_pseudonym('app.visits', 'person'), tally.require_pseudonym('app.visits', 'User')$$, 'the owner requires it');
SELECT lives_ok($$SELECT count(*) FROM tally.refresh('by_person')$$, 'what was there goes on');
SELECT tally.drop_rollup('by_person');

CREATE TEMP TABLE bare (what text, statement text);
INSERT INTO bare VALUES
('a dimension', $$SELECT tally.create_rollup('x', 'app.visits', 'at', dimensions => '["person"]', measures => '{"n": "count(*)"}')$$),
('a dimension of another name', $$SELECT tally.create_rollup('x', 'app.visits', 'at', dimensions => '[{"who": "visits.PERSON"}]',
    measures => '{"n": "count(*)"}')$$),
('a quoted one', $$SELECT tally.create_rollup('x', 'app.visits', 'at', dimensions => '[{"who": "left(\"User\", 20)"}]', measures => '{"n": "count(*)"}')$$),
('a plain hash', $$SELECT tally.create_rollup('x', 'app.visits', 'at', dimensions => '[{"who": "md5(person::text)"}]', measures => '{"n": "count(*)"}')$$),
('beside a pseudonym', $$SELECT tally.create_rollup('x', 'app.visits', 'at', dimensions => '[{"who": "tally.pseudonym(world, ''k'') || person"}]',
    measures => '{"n": "count(*)"}')$$),
('behind a comment', $$SELECT tally.create_rollup('x', 'app.visits', 'at', dimensions => '[{"who": "/* pseudonym( */ person"}]',
    measures => '{"n": "count(*)"}')$$),
('topk', $$SELECT tally.create_rollup('x', 'app.visits', 'at', measures => '{"top": "tally.topk(\"User\")"}')$$),
('the least', $$SELECT tally.create_rollup('x', 'app.visits', 'at', measures => '{"first": "min(person)"}')$$),
('a filter by a person', $$SELECT tally.create_rollup('x', 'app.visits', 'at', measures => '{"n": "count(*) FILTER (WHERE person = 101)"}')$$),
('a key', $$SELECT tally.create_rollup('x', 'app.visits', key => 'person', measures => '{"n": "count(*)"}')$$),
('a funnel''s actor', $$SELECT tally.create_funnel('x', 'app.visits', 'at', 'person', '{"a": "true", "b": "true"}')$$),
('a retention''s actor', $$SELECT tally.create_retention('x', 'app.visits', 'at', 'person', periods => 1)$$),
('sessions'' actor', $$SELECT tally.create_sessions('x', 'app.visits', 'at', 'person')$$),
('an experiment''s unit', $$SELECT tally.create_experiment_metric('made', 'app.visits', time_column => 'at', unit => 'person'),
    tally.create_experiment('x', 'app.visits', unit => 'person', arms => '{"w1": 1, "w2": 1, "w3": 1, "w4": 1}',
    metrics => '{made}', arm => 'world', time_column => 'at', control => 'w1')$$),
('a measure that comes later', $$SELECT tally.alter_rollup('by_hour', add_measures => '{"last": "max(person)"}')$$);
SELECT is((evil.parts(statement))[1], '42501', 'refused: ' || what) FROM bare;
SELECT matches((evil.parts(statement))[2], '^rollup .* may keep column (person|"User") of (app\.)?visits only as a pseudonym, got it bare in',
    'in words: ' || what)
  FROM bare;
SELECT isnt((evil.parts(statement))[3], '', 'with what is free: ' || what) FROM bare;
SELECT is((SELECT count(*) FROM tally.rollups), 1::bigint, 'nothing of them is left');

-- Counting is free.
SELECT lives_ok($$SELECT tally.create_rollup('counted', 'app.visits', 'at', dimensions => '["world", {"known": "(person IS NOT NULL)::text"}]',
    with_data => true, measures => '{"people": "tally.hll(person)", "n": "count(person)", "s": "sum(length(kind)) FILTER (WHERE \"User\" IS NOT NULL)"}')$$,
    'people are counted');
SELECT tally.drop_rollup('counted');
-- The hint is a statement that works, for who may use the key.
RESET SESSION AUTHORIZATION;
GRANT SELECT ON tally.identity_key TO tally_owner;
SELECT count(tally.rotate_identity_key());
SET SESSION AUTHORIZATION tally_owner;
SET search_path = app, public;
CREATE TEMP TABLE hint AS SELECT (evil.parts(statement))[4] AS statement FROM bare WHERE what = 'a dimension';
SELECT is(evil.parts(statement), NULL, 'its hint runs: ' || statement) FROM hint;
SELECT lives_ok($$SELECT tally.create_rollup('by_person', 'app.visits', 'at', '1 day', dimensions => '["person_pseudonym"]', measures => '{"n": "count(*)"}',
    with_data => true)$$, 'a dimension of pseudonyms');
SELECT bag_eq('SELECT person_pseudonym, n FROM app.by_person', $$SELECT encode(hmac_.h, 'hex'), count(*) FROM app.visits v, tally.identity_key k,
    LATERAL (SELECT encode(k.key, 'hex')::bytea AS key) t, LATERAL (SELECT t.key || decode(repeat('00', 64 - length(t.key)), 'hex') AS padded) p,
    LATERAL (SELECT sha256((SELECT string_agg(set_byte('\x00', 0, get_byte(p.padded, i) # 92), '' ORDER BY i) FROM generate_series(0, 63) i)
        || sha256((SELECT string_agg(set_byte('\x00', 0, get_byte(p.padded, i) # 54), '' ORDER BY i) FROM generate_series(0, 63) i)
                  || convert_to(v.person::text, 'UTF8'))) AS h) hmac_ GROUP BY 1$$, 'it holds HMAC-SHA-256 of people under the key, by RFC 2104');
GRANT SELECT ON app.by_person TO tally_reader;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SELECT is(evil.guess($$SELECT count(*) FROM app.by_person WHERE person_pseudonym ~ '\m101\M' OR person_pseudonym = encode(sha256('101'), 'hex')$$), 0::bigint,
    'a reader finds nobody in it');
SELECT is(evil.refused('SELECT key FROM tally.identity_key'), '42501', 'and has no key to test a guess');
-- A renamed column stays bound, or nothing is defined at all.
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET search_path = app, public;
ALTER TABLE app.visits RENAME COLUMN person TO human;
SELECT count(*) FROM tally.refresh('by_hour');
SELECT is((evil.parts(replace(statement, '"person"', '"human"')))[1], '42501', 'a renamed column is bound as before') FROM bare WHERE what = 'a dimension';
SELECT is((SELECT string_agg(p.column_name, ' ' ORDER BY 1) FROM tally.pseudonyms p), 'User human', 'under its new name');
CREATE TABLE app.quiet (at timestamptz NOT NULL, who int);
SELECT tally.require_pseudonym('app.quiet', 'who');
ALTER TABLE app.quiet RENAME COLUMN who TO whom;
SELECT is((evil.parts($$SELECT tally.create_rollup('q', 'app.quiet', 'at', dimensions => '["whom"]', measures => '{"n": "count(*)"}')$$))[1], '42703',
    'a rename that nobody saw frees nothing');
SELECT tally.require_pseudonym('app.quiet', 'who', false);
SELECT lives_ok($$SELECT tally.create_rollup('q', 'app.quiet', 'at', dimensions => '["whom"]', measures => '{"n": "count(*)"}')$$, 'until its owner says so');
SELECT is((SELECT string_agg(d.statement, ' ' ORDER BY d.ordinal) FROM tally.definitions() d WHERE d.kind = 'pseudonym'),
    'SELECT tally.require_pseudonym(''app.visits'', ''User''); SELECT tally.require_pseudonym(''app.visits'', ''human'');', 'definitions() has the rules');
SELECT lives_ok(d.statement, 'and its statement changes nothing: ' || d.statement) FROM tally.definitions() d WHERE d.kind = 'pseudonym';
SELECT is((SELECT string_agg(p.column_name, ' ' ORDER BY 1) FROM tally.pseudonyms p), 'User human', 'there are as many rules as before');
-- A pack says for which columns.
SELECT is((SELECT array_agg(s.name || ' ' || u) FROM tally.pack_steps s,
    unnest(tally_internal._line_of_step(s.statement, 'pseudonyms')) u WHERE s.pack = 'awf'),
    '{analytics_events user_id}', 'the pack awf says it of its players');
RESET SESSION AUTHORIZATION;
CREATE SCHEMA app_pack AUTHORIZATION tally_owner;
CREATE SCHEMA app_own AUTHORIZATION tally_owner;
CREATE TABLE app_own.clicks (at timestamptz NOT NULL, who text, page text);
GRANT SELECT, TRIGGER ON app_own.clicks TO tally_owner;
SET SESSION AUTHORIZATION tally_owner;
SELECT tally.register_pack('tiny', json_build_object('source.sql', $$-- step: source clicks
-- identifiers: who
-- pseudonyms: who
CREATE TABLE IF NOT EXISTS clicks (at timestamptz NOT NULL, who text, page text);
COMMENT ON TABLE clicks IS 'Clicks.';
$$), 'Clicks.');
SELECT tally.install_pack('tiny', 'app_pack');
SELECT results_eq($$SELECT p.source::text, p.column_name, p.owner::text FROM tally.pseudonyms p WHERE p.source::text ~ 'clicks'$$,
    $$VALUES ('app_pack.clicks', 'who', 'tally_owner')$$, 'a pack''s line is a rule');
SELECT is((evil.parts($$SELECT tally.create_rollup('clicked', 'app_pack.clicks', 'at', dimensions => '["who"]', measures => '{"n": "count(*)"}')$$))[1],
    '42501',
    'a definition of one''s own on its table is bound');
SELECT tally.require_pseudonym('app_pack.clicks', 'who', false);
SELECT tally.install_pack('tiny', 'app_pack');
SELECT is((SELECT count(*) FROM tally.pseudonyms p WHERE p.source::text ~ 'clicks'), 1::bigint, 'brought up to date, the pack says it again');
SELECT tally.install_pack('tiny', 'app_own');
SELECT is((SELECT count(*) FROM tally.pseudonyms p WHERE p.source::text ~ 'clicks'), 1::bigint, 'of a table of somebody else''s it says nothing');
SELECT tally.drop_pack('tiny', 'app_pack'), tally.drop_pack('tiny', 'app_own');
SELECT is((SELECT count(*) FROM tally.pseudonyms p WHERE p.source::text ~ 'clicks'), 0::bigint, 'a pack that is dropped takes its rule back');
RESET SESSION AUTHORIZATION;
SET client_min_messages = error;
DELETE FROM tally.keyed_rollups;
DELETE FROM tally.identity_keys;
DROP SCHEMA app_pack, app_own CASCADE;
\ir epilogue.psql
SELECT * FROM finish();
