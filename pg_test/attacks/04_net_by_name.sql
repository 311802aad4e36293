-- Attack 4: a function net.http_post of the attacker's, in a database without pg_net. It was found by its name and ran as the owner of the
-- channel, with the bearer token among its arguments.
-- As it was (commit 382f689) evil.loot held 'Bearer s3cret-value', written as postgres: seen by running this file there.
\ir prelude.psql
\connect - :superuser
SELECT format('GRANT CREATE ON DATABASE %I TO tally_attacker', current_database()) \gexec
\connect - tally_attacker
SET client_min_messages = error;
CREATE TABLE evil.loot (as_user name DEFAULT current_user, headers jsonb);
GRANT INSERT ON evil.loot TO PUBLIC;
CREATE SCHEMA net;
GRANT USAGE ON SCHEMA net TO PUBLIC;
CREATE TABLE net._http_response (id bigint, status_code int, timed_out bool, error_msg text);
INSERT INTO net._http_response SELECT g, 200 FROM generate_series(1, 100) g;
CREATE FUNCTION net.http_post(url text, body jsonb DEFAULT '{}', params jsonb DEFAULT '{}', headers jsonb DEFAULT '{}', timeout_milliseconds int DEFAULT 5000)
    RETURNS bigint
    LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.pwn(); INSERT INTO evil.loot (headers) VALUES ($4); RETURN 1; END $$;
\connect - :superuser
SET client_min_messages = error;
SELECT count(*) FROM tally.deliver('2026-03-02 13:00+00');
SELECT count(*) FROM tally.evaluate('2026-03-02 13:00+00');
\ir verdict.psql
SELECT is_empty('SELECT * FROM evil.loot', 'nobody has handed him a header');
SELECT is_empty($$SELECT FROM tally.notifications WHERE status = 'sent'$$, 'nor believed his answers');
SELECT * FROM finish();
