-- Owns: tasks: statements by schedule, with their owner's rights.
SELECT no_plan();
CREATE TABLE log (at timestamptz, who name DEFAULT current_user);
SELECT is(tally.create_task('note', '0 2 * * *', 'INSERT INTO log (at) VALUES (:as_of) RETURNING at'), 'note', 'a task is made');
SELECT results_eq($$SELECT * FROM tally.run_tasks('0 2 * * *', '2025-01-02 02:00+00')$$, $$VALUES ('note', 1::bigint, NULL)$$,
    'run, it says how many rows it returned');
SELECT results_eq('SELECT at FROM log', $$VALUES ('2025-01-02 02:00+00'::timestamptz)$$, ':as_of is the time of the run');
SELECT is_empty($$SELECT * FROM tally.run_tasks('0 3 * * *')$$, 'tasks of another schedule do not run');
SELECT lives_ok($$SELECT tally.create_task('note', '0 2 * * *', 'INSERT INTO log (at) VALUES (:as_of) RETURNING at')$$, 'the same again is no error');
SELECT tally.create_task('note', '5 2 * * *', 'INSERT INTO log (at) VALUES (:as_of)');
SELECT is((SELECT schedule FROM tally.tasks WHERE name = 'note'), '5 2 * * *', 'another definition replaces it');
SELECT throws_ok($$SELECT tally.create_task('bad', '0 2 * * *', 'SELECT 1; DELETE FROM log')$$, '42601', NULL, 'two statements are refused');
SELECT throws_ok($$SELECT tally.create_task('bad', '0 2 * * *', '-- nothing')$$, '42601', NULL, 'and none');
SELECT isnt((SELECT count(*) FROM log), 0::bigint, 'and the second has not run');
SELECT throws_ok($$SELECT tally.create_task('bad', '0 2 * * *', 'DROP TABLE log')$$, '42601', NULL, 'DDL is refused');
SELECT throws_ok($$SELECT tally.create_task('bad', '0 2 * * *', 'INSERT INTO nowhere SELECT 1')$$, '42P01', NULL, 'so is what cannot be read');
SELECT throws_ok($$SELECT tally.create_task('', '0 2 * * *', 'SELECT 1')$$, '22023', NULL, 'and a task without a name');
SELECT ok(EXISTS (SELECT FROM tally_internal._wanted_jobs('* * * * *') j WHERE j.command = 'SELECT tally.run_tasks(''5 2 * * *'')'), 'start() schedules it');

-- A failing task stops no other, and tells.
SELECT tally.create_task('fails', '5 2 * * *', 'SELECT 1 / (random() * 0)::int');
SELECT tally.create_task('after', '5 2 * * *', 'INSERT INTO log (at) VALUES (:as_of)');
SELECT is((SELECT string_agg(task || ' ' || coalesce(left(error, 5), 'ok'), ', ') FROM tally.run_tasks(as_of => '2025-01-03 02:00+00')),
    'note ok, fails 22012, after ok', 'a failing task stops no other');
SELECT is((SELECT sqlstate FROM tally.tasks WHERE name = 'fails'), '22012', 'its error is kept');
-- A job for several schedules asks for what is due.
SELECT tally.create_task('new', '0 3 * * *', 'INSERT INTO log (at) VALUES (:as_of)');
SELECT is((SELECT string_agg(task, ', ') FROM tally.run_tasks('due', x::timestamptz)), wanted, 'due at ' || x)
  FROM (VALUES (1, '2025-01-03 02:04:30+00', NULL), (2, '2025-01-03 02:30+00', 'note, fails, after'), (3, '2025-01-03 02:31+00', NULL),
               (4, '2025-01-03 03:01:30+00', NULL), (5, '2025-01-04 03:00:01+00', 'new, note, fails, after'), (6, '2025-01-04 03:00:59+00', NULL))
       v(n, x, wanted) ORDER BY n;

-- With its owner's rights, whoever runs the job.
CREATE ROLE task_owner_72 ROLE CURRENT_USER;
GRANT INSERT ON log TO task_owner_72;
SET ROLE task_owner_72;
SELECT is_empty('SELECT FROM tally.tasks', 'a role does not see the tasks of others');
SELECT throws_ok($$SELECT tally.create_task('note', '0 2 * * *', 'SELECT 1')$$, '42501', NULL, 'nor takes their names');
SELECT throws_ok($$SELECT tally.create_task('peek', '0 2 * * *', 'SELECT * FROM log')$$, '42501', NULL, 'nor reads what it may not');
\ir ../hosted.psql
\if :hosted
SELECT throws_ok($$SELECT tally.create_task('theirs', '0 4 * * *', 'SELECT 1')$$, '0A000', NULL, 'hosted: it makes no tasks');
\else
SELECT lives_ok($$SELECT tally.create_task('theirs', '0 4 * * *', 'INSERT INTO log (at) VALUES (:as_of)')$$, 'it makes tasks of its own');
\endif
SELECT throws_ok('SELECT tally.run_tasks()', '42501', NULL, 'running them is for the clock');
RESET ROLE;
\if :hosted
SELECT skip('tasks are the installing role''s', 3);
\else
SELECT is_empty($$SELECT error FROM tally.run_tasks('0 4 * * *') WHERE error IS NOT NULL$$, 'the clock runs it');
SELECT is((SELECT count(*) FROM log WHERE who = 'task_owner_72'), 1::bigint, 'as its owner');
REVOKE INSERT ON log FROM task_owner_72;
SELECT is((SELECT left(error, 5) FROM tally.run_tasks('0 4 * * *')), '42501', 'and no longer once the owner may not');
\endif
SELECT throws_ok($$SELECT tally.drop_task('none')$$, '42704', NULL, 'dropping what is not there is an error');
SELECT tally.drop_task(name) FROM tally.tasks;
SELECT is_empty('SELECT FROM tally.tasks', 'dropped, they are gone');
DROP OWNED BY task_owner_72;
DROP ROLE task_owner_72;
SELECT * FROM finish();
