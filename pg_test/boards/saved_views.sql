-- Owns: the saved views of the pack awf: whose they are, who sees them, and that public ones are saved views of the boards.
SELECT no_plan();
SET client_min_messages = warning;
CREATE SCHEMA game;
SELECT tally.install_pack('awf', 'game');
CREATE ROLE saved_people ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA game TO saved_people;
GRANT SELECT, INSERT, UPDATE, DELETE ON game.awf_dashboard_views TO saved_people;
\set ann '11111111-1111-1111-1111-111111111111'
\set ben '22222222-2222-2222-2222-222222222222'

SET ROLE saved_people;
SELECT set_config('request.jwt.claims', '{"sub": "' || :'ann' || '", "role": "saved_people"}', false);
INSERT INTO game.awf_dashboard_views (name, dashboard_type, filters) VALUES ('mine', 'economy', '{"since": "7 days", "world": "w1"}');
INSERT INTO game.awf_dashboard_views (name, dashboard_type, filters, is_public) VALUES ('ours', 'economy', '{"since": "7 days", "world": ["w1", "w2"]}', true);
SELECT bag_eq('SELECT name, created_by::text FROM game.awf_dashboard_views WHERE created_by IS NOT NULL',
    format('VALUES (''mine'', %1$L), (''ours'', %1$L)', :'ann'), 'the author is filled in');
SELECT is((SELECT count(*) FROM game.awf_dashboard_views), 8::bigint, 'she sees hers and those that came with the pack');
SELECT throws_ok(format('INSERT INTO game.awf_dashboard_views (name, dashboard_type, created_by) VALUES (''x'', ''party'', %L)', :'ben'), '42501', NULL,
    'nobody saves one in the name of another');
SELECT throws_ok($$INSERT INTO game.awf_dashboard_views (name, dashboard_type, filters, is_public) VALUES ('bad', 'economy', '{"colour": "red"}', true)$$,
    '22023', NULL,
    'nor one that is filtered by what the board lacks');

SELECT throws_ok($$INSERT INTO game.awf_dashboard_views (name, dashboard_type, layout, is_public) VALUES ('bad', 'economy', '{"panels": ["Golf"]}', true)$$,
    '22023', NULL, 'nor one with a panel that the board lacks');
UPDATE game.awf_dashboard_views SET layout = jsonb_build_object('panels', (SELECT jsonb_build_array(b.panels #> '{1,title}',
    jsonb_build_object('title', 'for others', 'relation', 'r'), jsonb_build_object('title', b.panels #> '{0,title}', 'width', 12))
    FROM tally.boards b WHERE b.name = 'awf_economy')) WHERE name = 'ours';
SELECT is((SELECT layout FROM tally.board_views WHERE name = 'ours'), (SELECT jsonb_build_array(b.panels #> '{1,title}',
    jsonb_build_object('title', b.panels #> '{0,title}', 'width', 12)) FROM tally.boards b WHERE b.name = 'awf_economy'),
    'its layout is that of the saved view, but for what other programs draw');

-- Somebody else of the same role, as applications have it.
SELECT set_config('request.jwt.claims', '', false), set_config('request.jwt.claim.sub', :'ben', false);
SELECT is((SELECT count(*) FROM game.awf_dashboard_views WHERE name = 'mine'), 0::bigint, 'he does not see what is hers');
SELECT is((SELECT count(*) FROM game.awf_dashboard_views WHERE name = 'ours'), 1::bigint, 'and sees what is public');
WITH changed AS (UPDATE game.awf_dashboard_views SET is_public = false RETURNING name) SELECT is((SELECT count(*) FROM changed), 0::bigint,
    'he changes nothing of hers');
WITH gone AS (DELETE FROM game.awf_dashboard_views RETURNING name) SELECT is((SELECT count(*) FROM gone), 0::bigint, 'and deletes nothing');
SELECT alike(tally.board_text('game.awf_economy', view => 'ours'), '%world = w1, w2%', 'the board opens with a public one');
SELECT throws_ok($$SELECT tally.page('game.awf_economy', view => 'mine')$$, '42704', NULL, 'and with no private one');
SELECT is((SELECT (person, since, shared, filters)::text FROM tally.board_views WHERE name = 'ours'),
    format('(%s,"7 days",t,"{""world"": [""w1"", ""w2""]}")', :'ann'), 'as it was saved');

-- Nobody is logged in.
SELECT set_config('request.jwt.claim.sub', 'no uuid', false);
SELECT is((SELECT count(*) FROM game.awf_dashboard_views), 7::bigint, 'who is nobody sees what is public');
SELECT throws_ok($$INSERT INTO game.awf_dashboard_views (name, dashboard_type) VALUES ('x', 'party')$$, '42501', NULL, 'and saves none');

SELECT set_config('request.jwt.claim.sub', :'ann', false);
UPDATE game.awf_dashboard_views SET name = 'still ours', filters = '{"world": "w3"}' WHERE name = 'ours';
SELECT bag_eq('SELECT name, filters FROM tally.board_views', $$VALUES ('still ours', '{"world": "w3"}'::jsonb)$$, 'a renamed one is one');
UPDATE game.awf_dashboard_views SET is_public = false WHERE name = 'still ours';
SELECT is_empty('SELECT name FROM tally.board_views', 'one that is private again is none of the board');
UPDATE game.awf_dashboard_views SET is_public = true WHERE name = 'still ours';
DELETE FROM game.awf_dashboard_views WHERE name = 'still ours';
SELECT is_empty('SELECT name FROM tally.board_views', 'nor is one that is deleted');
RESET ROLE;
SELECT lives_ok($$SELECT tally.install_pack('awf', 'game')$$, 'a second installation is no error');
SELECT lives_ok($$SELECT tally.drop_pack('awf')$$, 'and the pack goes with all of it');
SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'game'::regnamespace$$, 'without a function left');
DROP OWNED BY saved_people;
DROP ROLE saved_people;
SELECT * FROM finish();
