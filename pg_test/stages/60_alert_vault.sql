-- Owns: secrets of channels that lie in Vault: read as the channel's owner when a message is posted or claimed, never stored, never in a message of error.
SELECT no_plan();
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA app;
CREATE ROLE vault_channel_maker;
GRANT CREATE, USAGE ON SCHEMA app TO vault_channel_maker;
GRANT USAGE ON SCHEMA public TO vault_channel_maker;
SET search_path = app, public;
CREATE FUNCTION app.at(minute float8) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00Z'::timestamptz + minute * interval '1 minute'$$;

SELECT throws_like($$SELECT tally.create_channel('early', url => 'vault:hook')$$, '''vault:hook'' names a secret of Vault, which is not in this database',
    'without Vault such a name is refused');
-- The shape of Supabase's extension: a table of secrets, and a view that decrypts them.
CREATE SCHEMA vault;
CREATE TABLE vault.secrets (name text UNIQUE, hidden text);
CREATE VIEW vault.decrypted_secrets AS SELECT s.name, reverse(s.hidden) AS decrypted_secret FROM vault.secrets s;
INSERT INTO vault.secrets VALUES ('hook', reverse('https://hooks.example/T0KEN')), ('key', reverse('s3cret-value')), ('team', reverse('te4m-value'));
SELECT throws_like($$SELECT tally.create_channel('early', url => 'vault:hook')$$, '% which is not in this database',
    'a view of that name that no extension owns is not Vault''s: it could hand out an address of its maker');
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    VALUES (90002, 'supabase_vault', 10, 'vault'::regnamespace, false, '0');
RESET allow_system_table_mods;
ALTER EXTENSION supabase_vault ADD TABLE vault.secrets;
ALTER EXTENSION supabase_vault ADD VIEW vault.decrypted_secrets;

SET ROLE vault_channel_maker;
SELECT throws_ok($$SELECT tally.create_channel('hook', url => 'vault:hook')$$, '42501',
    'role vault_channel_maker, the owner of the channel, may not read secrets of Vault', 'a role cannot send itself what it may not read');
RESET ROLE;
GRANT USAGE ON SCHEMA vault TO vault_channel_maker;
GRANT SELECT ON vault.decrypted_secrets TO vault_channel_maker;
SET ROLE vault_channel_maker;
SELECT throws_ok($$SELECT tally.create_channel('hook', url => 'vault:hok')$$, '42704', 'Vault has no secret ''hok''', 'a name that Vault does not have');
SELECT throws_like($$SELECT tally.create_channel('hook', url => 'vault:key')$$, '%needs a url that begins with http%',
    'what is no address is none in Vault either');
SELECT lives_ok($$SELECT tally.create_channel('hook', url => 'vault:hook', secret => 'vault:key', headers => '{"X-Team": "vault:team", "X-Plain": "here"}')$$,
    'a channel whose secrets lie in Vault');
CREATE TABLE app.feed AS SELECT 20::float8 AS value;
SELECT tally.create_threshold('t', query => 'SELECT value FROM app.feed', condition => '> 10', search_path => 'app');
RESET ROLE;
SELECT is((SELECT array[c.url, c.secret, c.headers ->> 'X-Team'] FROM tally.channels c), '{vault:hook,vault:key,vault:team}', 'the channel holds names alone');
SELECT is((SELECT count(*) FROM tally.evaluate(app.at(0))), 1::bigint, 'a threshold that fires');

SET ROLE vault_channel_maker;
SELECT results_eq($$SELECT url, headers ->> 'Authorization', headers ->> 'X-Team', headers ->> 'X-Plain'
    FROM tally.claim_notifications('hook', as_of => app.at(1))$$,
    $$VALUES ('https://hooks.example/T0KEN', 'Bearer s3cret-value', 'te4m-value', 'here')$$, 'who claims a message gets the secrets');
SELECT is(tally.report_notification((SELECT id FROM tally.notifications), false, 'no way to https://hooks.example/T0KEN with s3cret-value', as_of => app.at(1)),
    'pending', 'an attempt that failed');
SELECT is((SELECT error FROM tally.notifications), 'no way to *** with ***', 'what a poller reports is masked, too');
RESET ROLE;
UPDATE vault.secrets SET hidden = reverse('n3w-value') WHERE name = 'key';
SET ROLE vault_channel_maker;
SELECT is((SELECT headers ->> 'Authorization' FROM tally.claim_notifications('hook', as_of => app.at(5))), 'Bearer n3w-value',
    'a changed secret counts at once');
SELECT tally.report_notification((SELECT id FROM tally.notifications), false, 'again', as_of => app.at(5));
RESET ROLE;
UPDATE vault.secrets SET hidden = reverse(E'two\nlines') WHERE name = 'key';
SET ROLE vault_channel_maker;
SELECT throws_like($$SELECT * FROM tally.claim_notifications('hook', as_of => app.at(15))$$, 'channel ''hook'', with its secrets of Vault: %line break%',
    'a secret with a line break would begin another header');
SELECT results_eq('SELECT status, attempts FROM tally.notifications', $$VALUES ('pending', 2)$$, 'and the message waits on');
RESET ROLE;
UPDATE vault.secrets SET hidden = reverse('s3cret-value') WHERE name = 'key';

-- pg_net, by a stand-in with the same signature.
CREATE SCHEMA net;
GRANT USAGE ON SCHEMA net TO vault_channel_maker;
CREATE TABLE net.requests (id bigserial, url text, headers jsonb);
CREATE FUNCTION net.http_post(url text, body jsonb DEFAULT '{}', params jsonb DEFAULT '{}', headers jsonb DEFAULT '{}', timeout_milliseconds int DEFAULT 5000)
    RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$INSERT INTO net.requests (url, headers) VALUES (url, headers) RETURNING id$$;
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    VALUES (90001, 'pg_net', 10, 'net'::regnamespace, false, '0');
RESET allow_system_table_mods;
ALTER EXTENSION pg_net ADD FUNCTION net.http_post(text, jsonb, jsonb, jsonb, int);
SELECT results_eq('SELECT sent, failed, posted FROM tally.deliver(app.at(20))', 'VALUES (0, 0, 1)', 'pg_net posts');
SELECT results_eq('SELECT url, headers ->> ''Authorization'' FROM net.requests', $$VALUES ('https://hooks.example/T0KEN', 'Bearer s3cret-value')$$,
    'to the address in Vault, with the key in Vault');
CREATE OR REPLACE FUNCTION net.http_post(url text, body jsonb DEFAULT '{}', params jsonb DEFAULT '{}', headers jsonb DEFAULT '{}',
    timeout_milliseconds int DEFAULT 5000) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'cannot reach % with %', url, headers ->> 'X-Team'; END$$;
SELECT results_eq('SELECT sent, failed FROM tally.deliver(app.at(23))', 'VALUES (0, 1)', 'no report before the lease ran out');
SELECT results_eq('SELECT sent, failed FROM tally.deliver(app.at(60))', 'VALUES (0, 1)', 'an adapter that raises');
SELECT is((SELECT error FROM tally.notifications), 'P0001: cannot reach *** with ***', 'what it said is masked');
DELETE FROM vault.secrets WHERE name = 'team';
SELECT results_eq('SELECT sent, failed FROM tally.deliver(app.at(200))', 'VALUES (0, 1)', 'a secret that is gone');
SELECT is((SELECT error FROM tally.notifications), '42704: Vault has no secret ''team''', 'is said, and the message is tried again');
SELECT is((SELECT count(*) FROM tally.audit a WHERE a::text ~ 's3cret|T0KEN|te4m|n3w'), 0::bigint, 'the audit has none of it');
RESET search_path;
DROP OWNED BY vault_channel_maker CASCADE;
DROP ROLE vault_channel_maker;
SELECT * FROM finish();
