-- Attack 3: a task or query of the attacker's that calls the engine, on the superuser's schedule. _caller() trusted session_user and the
-- setting role, which were the superuser's: claim_notifications('ops') gave the attacker url, secret and body of his channel.
-- As it was (commit 382f689) evil.loot held 'https://hooks.example/T0KEN' and a channel and a silence were owned by postgres: seen by running this file there.
\ir prelude.psql
CREATE TABLE evil.loot (url text, headers jsonb, body jsonb);
CREATE FUNCTION evil.steal() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM evil.try('claim', 'INSERT INTO evil.loot SELECT url, headers, body FROM tally.claim_notifications(''ops'')');
    PERFORM evil.try('acknowledge', 'SELECT tally.acknowledge(i.id) FROM generate_series(1, 3) i(id)');
    PERFORM evil.try('drop channel', 'SELECT tally.drop_channel(''ops'')');
    PERFORM evil.try('refresh', 'SELECT tally.refresh(''root_hourly'')');
    PERFORM evil.try('replay', 'SELECT * FROM tally.replay(''root_alert'')');
    PERFORM evil.try('channel', 'SELECT tally.create_channel(''ear'', kind => ''table'')');
    PERFORM evil.try('silence', 'SELECT tally.silence(''{}'', ''be quiet'')');
    PERFORM evil.try('task', 'SELECT tally.create_task(''more'', ''0 5 * * *'', ''SELECT 1'')');
    RETURN 1;
END $$;
SELECT tally.create_task('thief', '0 4 * * *', 'SELECT evil.steal()');
\connect - :superuser
SET client_min_messages = error;
SELECT count(*) FROM tally.run_tasks('0 4 * * *');
-- As pg_cron runs it: logged in as the superuser, inside a function of the scheduler's, with the role set.
SET ROLE tally_victim; RESET ROLE;
\ir verdict.psql
SELECT is_empty('SELECT * FROM evil.loot', 'no secret is taken');
SELECT results_eq($$SELECT what || ' ' || outcome FROM evil.log ORDER BY n$$,
    $$VALUES ('claim 42704'), ('acknowledge 42704'), ('drop channel 42704'), ('refresh 42501'), ('replay 42501'), ('channel done'), ('silence done'),
        ('task done')$$,
    'what is another''s is not there for him, what he makes is his');
SELECT is((SELECT string_agg(DISTINCT owner::text, ',')
    FROM (SELECT owner FROM tally.channels WHERE name = 'ear' UNION ALL SELECT owner FROM tally.silences UNION ALL SELECT owner FROM tally.tasks
    WHERE name = 'more') x), 'tally_attacker', 'under his own name');
SELECT is((SELECT string_agg(DISTINCT actor, ',') FROM tally.audit WHERE name IN ('ear', 'more')), 'tally_attacker', 'also in the audit');
SELECT * FROM finish();
