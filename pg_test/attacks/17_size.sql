-- Attack 17: size. As it was (commit 382f689) with 500 rollups status took 1.9 s and health 5.8 s, and a new incident beside 50,000 open
-- ones and one inhibition 0.46 s. Counted here are calls of functions, not seconds: none may be made for each rollup that is well, and none
-- for each open incident. make bench-growth measures the times.
\ir prelude.psql
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int);
CREATE INDEX ON evil.events (at);
SELECT format('SELECT tally.create_rollup(''evil.r%s'', ''evil.events'', ''at'', measures => ''{"n": "count(*)"}'', with_data => true)', i)
    FROM generate_series(1, 40) i
\gexec
CREATE TABLE evil.hosts (kind text, host text);
INSERT INTO evil.hosts SELECT 'old', 'h' || i FROM generate_series(1, 1000) i;
SELECT tally.create_threshold('old', query => 'SELECT host, 1 AS value FROM evil.hosts WHERE kind = ''old''', condition => '> 0');
\connect - :superuser
SET client_min_messages = error;
SELECT count(*) FROM tally.evaluate('2026-03-02 13:00+00', 'old');
\connect - tally_attacker
SET client_min_messages = error;
SELECT tally.create_inhibition('root', source => '{"threshold": "old"}', target => '{"threshold": "new"}', equal => '{host}');
SELECT count(tally.create_inhibition('i' || i, source => jsonb_build_object('host', 'h' || i), target => jsonb_build_object('host', 'x' || i),
    equal => '{severity}')) FROM generate_series(1, 100) i;
SELECT count(tally.silence(jsonb_build_object('host', 'y' || i), 'because', starts_at => '2026-03-02 12:00+00', "for" => '5 days'))
    FROM generate_series(1, 100) i;
INSERT INTO evil.hosts SELECT 'new', 'n' || i FROM generate_series(1, 20) i;
SELECT tally.create_threshold('new', query => 'SELECT host, 1 AS value FROM evil.hosts WHERE kind = ''new''', condition => '> 0');
\connect - :superuser
SET client_min_messages = error;
UPDATE public.before SET state = public.state();
CREATE TABLE public.well AS SELECT count(*) AS n FROM tally.rollups;
-- Whether autovacuum has come by or not, the plans are the same.
ANALYZE;
SET track_functions = 'all';
SELECT pg_stat_reset();
SELECT count(*), count(reason), count(hint), count(late_rows) FROM tally.status;
SELECT count(*) FROM tally.health();
SELECT pg_stat_force_next_flush();
CREATE TABLE public.looked AS SELECT funcname, calls FROM pg_stat_user_functions;
SELECT pg_stat_reset();
SELECT count(*) FROM tally.evaluate('2026-03-02 13:01+00', 'new');
SELECT pg_stat_force_next_flush();
CREATE TABLE public.fired AS SELECT funcname, calls FROM pg_stat_user_functions;
RESET track_functions;
CREATE TABLE public.plan (j json);
DO $$ DECLARE j json; BEGIN EXECUTE 'EXPLAIN (FORMAT json) SELECT * FROM tally.status' INTO j; INSERT INTO public.plan VALUES (j); END $$;
\ir verdict.psql
SELECT is((SELECT n FROM public.well), 43::bigint, 'there are 43 rollups, none with a fault');
SELECT is_empty($$SELECT funcname, calls FROM public.looked WHERE calls >= 40 AND funcname <> 'schedule_before'$$,
    'status and health call no function once for each of them, but for arithmetic');
SELECT cmp_ok((SELECT (j -> 0 -> 'Plan' ->> 'Total Cost')::float8 FROM public.plan), '<', 100000::float8,
    'status is no query that PostgreSQL compiles, which takes longer than to run it');
SELECT cmp_ok((SELECT count(*) FROM public.looked), '>', 5::bigint, 'and call some');
SELECT is((SELECT count(*) FROM tally.incidents WHERE threshold = 'new'), 20::bigint, '20 incidents were filed beside 1,000 open ones');
SELECT cmp_ok((SELECT calls FROM public.fired WHERE funcname = '_matches'), '<=', 20 * 20::bigint,
    'each looked at the few matchers that its labels name, at no other incident');
SELECT is_empty($$SELECT funcname, calls FROM public.fired WHERE calls > 20 * 45$$, 'and nothing was called for each open incident');
SELECT * FROM finish();
