-- Owns: what is compiled to rollups, and what tells of incidents, has a name within its schema too: funnels, retentions, sessions,
-- releases, channels and inhibitions. Of experiments, see 57_experiment_names.sql. Two teams each make
-- the same statements. A bare name goes by the search_path of the caller, and where that does not decide, the caller is asked.
SELECT no_plan();
SET client_min_messages = warning;
\ir ../message_of.psql

-- Team a has 10 people, of whom all pay; team b has 6, of whom every third pays.
CREATE SCHEMA kinds_a;
CREATE SCHEMA kinds_b;
CREATE TABLE kinds_a.events (at timestamptz NOT NULL, person int, kind text);
CREATE TABLE kinds_b.events (LIKE kinds_a.events);
INSERT INTO kinds_a.events
    SELECT '2026-03-02 10:00Z'::timestamptz + i * interval '1 minute', i, k FROM generate_series(1, 10) i, unnest('{visit,pay}'::text[]) k;
INSERT INTO kinds_b.events SELECT '2026-03-02 10:00Z'::timestamptz + i * interval '1 minute', i, 'visit' FROM generate_series(1, 6) i
    UNION ALL SELECT '2026-03-02 11:00Z', i, 'pay' FROM generate_series(3, 6, 3) i;

CREATE PROCEDURE public.make() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.create_funnel('signup', 'events', 'at', 'person', '{"visit": "kind = ''visit''", "pay": "kind = ''pay''"}', with_data => true);
    PERFORM tally.create_retention('comes_back', 'events', 'at', 'person', periods => 2, with_data => true);
    PERFORM tally.create_sessions('calls', 'events', 'at', 'person', with_data => true);
END $$;
SET search_path = kinds_a, public;
CALL make();
SET search_path = kinds_b, public;
SELECT lives_ok('CALL make()', 'another schema has a funnel, a retention and sessions of the same names');
SELECT bag_eq($$SELECT b.kind, b.name, r.relation::text FROM tally.behaviours b JOIN tally.rollups r ON r.id = b.counts$$,
    $$VALUES ('funnel', 'signup', 'kinds_a.signup'), ('funnel', 'signup', 'signup'), ('retention', 'comes_back', 'kinds_a.comes_back'),
             ('retention', 'comes_back', 'comes_back'), ('sessions', 'calls', 'kinds_a.calls'), ('sessions', 'calls', 'calls')$$, 'each has its own tables');
SELECT bag_eq($$SELECT step_name, actors FROM tally.funnel('signup', '2026-03-01', '2026-03-04')$$, $$VALUES ('visit', 6::bigint), ('pay', 2)$$,
    'a bare name is that of the caller''s schema');
SELECT bag_eq($$SELECT step_name, actors FROM tally.funnel('kinds_a.signup', '2026-03-01', '2026-03-04')$$, $$VALUES ('visit', 10::bigint), ('pay', 10)$$,
    'a name with its schema is that one');
SELECT bag_eq($$SELECT step, actors FROM signup_steps_live$$, $$VALUES (1, 6::bigint), (2, 2)$$, 'so are the views');
SELECT bag_eq($$SELECT period, eligible FROM tally.retention('kinds_a.comes_back', as_of => '2026-03-04 00:00Z')$$, $$VALUES (0, 10::bigint), (1, 10)$$,
    'a retention is read by its schema');
SET search_path = public;
SELECT is((SELECT m FROM message_of($$SELECT * FROM tally.funnel('signup')$$) m)::text,
    $$(42P09,"funnel 'signup' must be one, got 2 of that name","Those are 'kinds_a.signup', 'kinds_b.signup'. The search_path does not decide between them.",$$
    || $$"SET search_path = kinds_a;  -- or write the name with its schema, as above")$$, 'where nothing decides, the choices are named');
SELECT is((SELECT string_agg(m.state || ' ' || m.message, '; ' ORDER BY n)
             FROM unnest('{funnel,signup,retention,comes_back,sessions,calls}'::text[]) WITH ORDINALITY u(q, n)
             JOIN LATERAL (SELECT lead(q) OVER (ORDER BY n) AS name, n AS o FROM unnest('{funnel,signup,retention,comes_back,sessions,calls}'::text[])
                           WITH ORDINALITY v(q, n)) w ON w.o = u.n
             CROSS JOIN message_of(format('SELECT tally.drop_%s(%L)', u.q, w.name)) m WHERE u.n % 2 = 1),
    '42P09 funnel ''signup'' must be one, got 2 of that name; 42P09 retention ''comes_back'' must be one, got 2 of that name; '
    || '42P09 sessions ''calls'' must be one, got 2 of that name', 'and nothing is dropped');
SELECT is((SELECT (state, message)::text FROM message_of($$SELECT tally.drop_funnel('kinds_c.signup')$$)),
    $$(42704,"funnel 'kinds_c.signup' does not exist")$$, 'another schema has none');

-- The same statement again, and another one.
SET search_path = kinds_b, public;
SELECT is(tally.create_funnel('signup', 'events', 'at', 'person', '{"visit": "kind = ''visit''", "pay": "kind = ''pay''"}'), 'kinds_b.signup'::regclass,
    'the same definition again is that of the schema');
SELECT is((SELECT (state, message, hint)::text
             FROM message_of($$SELECT tally.create_funnel('signup', 'events', 'at', 'person', '{"visit": "kind = ''visit''"}')$$)),
    $$(42710,"funnel 'signup' exists already with another definition","SELECT tally.drop_funnel('kinds_b.signup');")$$,
    'within a schema a name is one, and the hint names that one');

-- A board keeps the funnel that it was made with, whatever the path of who looks.
SELECT tally.create_board('two', 'Two', '[{"title": "a", "funnel": "kinds_a.signup"}, {"title": "b", "funnel": "signup"}]');
SET search_path = public;
SELECT is((SELECT jsonb_agg(tally_internal._panel_funnel(p, '{}', '2026-03-01', '2026-03-04', now()) -> 'rows' ORDER BY n)
             FROM tally.boards b, jsonb_array_elements(b.panels) WITH ORDINALITY x(p, n) WHERE b.name = 'two'),
    '[[["visit", 10], ["pay", 10]], [["visit", 6], ["pay", 2]]]', 'a panel has the funnel of its board''s maker');
SELECT is((SELECT string_agg((q.q ~ 'tally\.funnel\(''kinds_')::text, ' ' ORDER BY n)
             FROM tally.boards b, jsonb_array_elements(b.panels) WITH ORDINALITY x(p, n), tally_internal._grafana_queries(b, p) q(q) WHERE b.name = 'two'),
    'true true', 'a dashboard for Grafana names it with its schema');

-- definitions() makes both again.
CREATE TEMP TABLE before AS SELECT kind, name, statement FROM tally.definitions() WHERE kind IN ('funnel', 'retention', 'sessions', 'board');
SELECT tally.drop_board('two');
SELECT lives_ok($$SELECT tally.drop_funnel('kinds_a.signup'), tally.drop_retention('kinds_a.comes_back'), tally.drop_sessions('kinds_a.calls')$$,
    'each is dropped by its schema');
SELECT bag_eq($$SELECT r.relation::text FROM tally.behaviours b JOIN tally.rollups r ON r.id = b.counts$$,
    ARRAY['kinds_b.signup', 'kinds_b.comes_back', 'kinds_b.calls'], 'and the other''s are left');
SELECT lives_ok($$SELECT tally.drop_funnel('signup'), tally.drop_retention('comes_back'), tally.drop_sessions('calls')$$, 'their bare names are clear again');
SELECT statement FROM before \gexec
SELECT bag_eq($$SELECT kind, name, statement FROM tally.definitions() WHERE kind IN ('funnel', 'retention', 'sessions', 'board')$$, 'TABLE before',
    'definitions() makes both again');
SELECT bag_eq($$SELECT step_name, actors FROM tally.funnel('kinds_a.signup', '2026-03-01', '2026-03-04')$$, $$VALUES ('visit', 10::bigint), ('pay', 10)$$,
    'with the numbers of each');

-- Releases: the schema is that of the table that readers read.
CREATE PROCEDURE public.make_release() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.create_rollup('daily', 'events', 'at', '1 day', dimensions => '["kind"]',
        measures => '{"people": "tally.hll(person)", "n": "count(*)"}', with_data => true);
    PERFORM tally.create_release('shown', 'daily', '{kind}', '{n}', k => 3, schedule => '30 6 * * *');
END $$;
SET search_path = kinds_a, public;
CALL make_release();
SET search_path = kinds_b, public;
SELECT lives_ok('CALL make_release()', 'another schema has a release of the same name, with a task');
SELECT bag_eq($$SELECT x.relation::text, t.schema, t.name FROM tally.releases x JOIN tally.tasks t ON t.id = x.task_id$$,
    $$VALUES ('kinds_a.shown', 'kinds_a', 'release shown'), ('shown', 'kinds_b', 'release shown')$$, 'each has its own table and its own task');
SET search_path = public;
SELECT results_eq($$SELECT task, returned, error FROM tally.run_tasks('30 6 * * *', '2026-03-03 06:30Z')$$,
    $$VALUES ('release shown', 1::bigint, NULL::text), ('release shown', 1, NULL)$$, 'each task publishes its own release, whatever the path of the clock');
SELECT bag_eq($$SELECT x.relation::text, b.release, b.since, b.cells FROM tally.released_buckets b JOIN tally.releases x ON x.id = b.release_id$$,
    $$VALUES ('kinds_a.shown', 'shown', '2026-03-02 00:00Z'::timestamptz, 3), ('kinds_b.shown', 'shown', '2026-03-02 00:00Z', 3)$$,
    'what is published is known of each');
SELECT bag_eq($$SELECT labels ->> 'kind', value FROM tally.released('kinds_a.shown', by => '{kind}') WHERE measure = 'n'$$,
    $$VALUES ('visit', 10::bigint), ('pay', 10)$$, 'one is read by its schema');
SELECT bag_eq($$SELECT proved FROM tally.check_release('kinds_a.shown') UNION ALL SELECT proved FROM tally.check_release('kinds_b.shown')$$, '{t,t}'::boolean[],
    'each is proved by its own tables');
SELECT is((SELECT string_agg(m.state || ' ' || m.message, '; ' ORDER BY n)
             FROM unnest(ARRAY['SELECT * FROM tally.released(''shown'')', 'SELECT * FROM tally.refresh_release(''shown'')',
                               'SELECT * FROM tally.check_release(''shown'')', 'SELECT tally.drop_release(''shown'')']) WITH ORDINALITY u(q, n),
                  message_of(u.q) m),
    '42P09 release ''shown'' must be one, got 2 of that name; 42P09 release ''shown'' must be one, got 2 of that name; '
    || '42P09 release ''shown'' must be one, got 2 of that name; 42P09 release ''shown'' must be one, got 2 of that name',
    'where nothing decides, the caller is asked');
SET search_path = kinds_b, public;
SELECT is((SELECT (state, message, hint)::text FROM message_of($$SELECT tally.create_release('shown', 'daily', '{kind}', '{n}', k => 4)$$)),
    $$(42710,"release 'shown' exists already with another definition","SELECT tally.drop_release('kinds_b.shown');$$
    || $$  -- buckets that are published already stay unpublished under the new one")$$, 'a hint names the one of the schema');
CREATE ROLE kinds_reader ROLE CURRENT_USER;
SELECT is(tally.grant_access('viewer', 'kinds_reader', 'shown'), '{"SELECT on kinds_b.shown"}'::text[], 'access is given to the one of the caller''s schema');
SELECT is(tally.revoke_access('kinds_reader'), '{"SELECT on kinds_b.shown"}'::text[], 'and to no other');
DROP OWNED BY kinds_reader;
DROP ROLE kinds_reader;
ALTER SCHEMA kinds_a RENAME TO kinds_c;
INSERT INTO kinds_c.events SELECT '2026-03-03 10:00Z', i, 'visit' FROM generate_series(1, 5) i;
SELECT tally.refresh('kinds_c.daily');
SELECT results_eq($$SELECT task, returned, error FROM tally.run_tasks('30 6 * * *', '2026-03-04 06:30Z')$$,
    $$VALUES ('release shown', 1::bigint, NULL::text), ('release shown', 0, NULL)$$, 'a schema that is renamed takes its release and its task along');
CREATE TEMP TABLE released_before AS SELECT kind, name, statement FROM tally.definitions() WHERE kind IN ('release', 'task');
SELECT is((SELECT count(*) FROM released_before), 2::bigint, 'definitions() has the releases, and not the tasks that they make');
SELECT tally.drop_release('shown');
SELECT is((SELECT string_agg(t.schema || '.' || t.name, ' ') FROM tally.tasks t), 'kinds_c.release shown',
    'a drop takes its own task, and leaves the other''s');
SELECT tally.drop_release('kinds_c.shown');
SELECT statement FROM released_before \gexec
SELECT bag_eq($$SELECT kind, name, statement FROM tally.definitions() WHERE kind IN ('release', 'task')$$, 'TABLE released_before',
    'definitions() makes both again');

-- Channels and inhibitions: the schema is the first of the search_path of their maker.
CREATE PROCEDURE public.make_alerts(what text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tally.create_channel('ops', 'table', matchers => jsonb_build_object('team', what));
    PERFORM tally.create_inhibition('calm', jsonb_build_object('team', what), '{}', '{team}');
END $$;
SET search_path = kinds_b, public;
CALL make_alerts('b');
SET search_path = kinds_c, public;
SELECT lives_ok($$CALL make_alerts('c')$$, 'another schema has a channel and an inhibition of the same names');
SELECT lives_ok($$SELECT tally.create_channel('ops', 'table', matchers => '{"team": "c"}', group_by => '{}')$$, 'one is changed by its bare name');
SELECT bag_eq($$SELECT schema, name, matchers ->> 'team', group_by FROM tally.channels$$,
    $$VALUES ('kinds_b', 'ops', 'b', NULL::text[]), ('kinds_c', 'ops', 'c', '{}')$$, 'and the other stays as it was');
SELECT lives_ok($$SELECT tally.create_inhibition('calm', '{"team": "d"}', '{}', '{team}')$$, 'an inhibition too');
SELECT bag_eq($$SELECT schema, name, source ->> 'team' FROM tally.inhibitions$$,
    $$VALUES ('kinds_b', 'calm', 'b'), ('kinds_c', 'calm', 'd')$$, 'each by its schema');
INSERT INTO tally.notifications (channel_id, group_key, events, created_at, not_before, group_hash, flush_at, status)
SELECT c.id, '{}', jsonb_build_array(jsonb_build_object('event', 'opened', 'team', c.schema)), now(), now() - interval '1 hour', 'g', now(), 'dead'
  FROM tally.channels c;
SELECT is(tally.redeliver_dead('kinds_b.ops'), 1::bigint, 'what is dead is tried again by the channel of a schema alone');
SELECT bag_eq($$SELECT body #>> '{team}' FROM tally.claim_notifications('kinds_c.ops')$$, '{}'::text[], 'a poller of one channel');
SELECT bag_eq($$SELECT c.schema, n.status FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id$$,
    $$VALUES ('kinds_b', 'pending'), ('kinds_c', 'dead')$$, 'is given nothing of the other');
SET search_path = public;
SELECT is((SELECT string_agg(m.state || ' ' || m.message, '; ' ORDER BY n)
             FROM unnest(ARRAY['SELECT tally.drop_channel(''ops'')', 'SELECT * FROM tally.claim_notifications(''ops'')', 'SELECT tally.redeliver_dead(''ops'')',
                               'SELECT tally.drop_inhibition(''calm'')']) WITH ORDINALITY u(q, n), message_of(u.q) m),
    '42P09 channel ''ops'' must be one, got 2 of that name; 42P09 channel ''ops'' must be one, got 2 of that name; '
    || '42P09 channel ''ops'' must be one, got 2 of that name; 42P09 inhibition ''calm'' must be one, got 2 of that name',
    'where nothing decides, nothing is done');
-- A role that sees none of these has a channel of its own, whose bare name is clear to it.
CREATE ROLE kinds_other ROLE CURRENT_USER;
GRANT USAGE ON SCHEMA kinds_b, public TO kinds_other;
SET ROLE kinds_other;
SELECT is((SELECT state FROM message_of($$SELECT tally.drop_channel('kinds_b.ops')$$)), '42704', 'a channel of another role is none');
SELECT is((SELECT state FROM message_of($$SELECT tally.create_channel('ops', 'table', search_path => 'kinds_b')$$)), '42501',
    'its name is taken in that schema');
SELECT lives_ok($$SELECT tally.create_channel('ops', 'table')$$, 'in another it is free');
SELECT lives_ok($$SELECT tally.drop_channel('ops')$$, 'and its bare name is that of the caller''s own');
RESET ROLE;
DROP OWNED BY kinds_other;
DROP ROLE kinds_other;
ALTER SCHEMA kinds_c RENAME TO kinds_d;
CREATE TEMP TABLE alerts_before AS SELECT kind, name, statement FROM tally.definitions() WHERE kind IN ('channel', 'inhibition');
SELECT is((SELECT count(*) FROM alerts_before WHERE statement LIKE '%search_path => ''kinds_d''%'), 2::bigint, 'they follow a schema that is renamed');
SELECT lives_ok($$SELECT tally.drop_channel('kinds_d.ops'), tally.drop_inhibition('kinds_d.calm')$$, 'each is dropped by its schema');
SELECT lives_ok($$SELECT tally.drop_channel('ops'), tally.drop_inhibition('calm')$$, 'and the other''s bare name is clear again');
SELECT statement FROM alerts_before \gexec
SELECT bag_eq($$SELECT kind, name, statement FROM tally.definitions() WHERE kind IN ('channel', 'inhibition')$$, 'TABLE alerts_before',
    'definitions() makes both again');

-- A schema's funnel is the same funnel when its source's schema has got another name.
SET search_path = kinds_d, public;
SELECT is((SELECT m.message FROM message_of($$SELECT tally.create_funnel('signup', 'events', 'at', 'person', '{"visit": "kind = ''visit''"}')$$) m),
    'funnel ''signup'' exists already with another definition', 'another definition is refused');
SELECT unalike((SELECT m.detail FROM message_of($$SELECT tally.create_funnel('signup', 'events', 'at', 'person', '{"visit": "kind = ''visit''"}')$$) m),
    '%source%', 'and not for the name of the source''s schema');
SELECT * FROM finish();
