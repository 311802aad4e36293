-- Owns one promise: who may do what with each object of the extension is a list, and what is not in it fails. Whoever adds a table, or a
-- function with the engine's rights, says here what PUBLIC has of it and why.
SELECT no_plan();
CREATE TEMP TABLE readable (name text PRIMARY KEY);
INSERT INTO readable SELECT unnest(string_to_array(
    -- Definitions, which everybody sees.
    'rollups dimensions measures beside faces clusters metrics metric_views ratios limits behaviours boards experiments experiment_metrics experiment_cells '
        'keyed_rollups pseudonyms source_retentions stored_settings settings installed_packs pack_list pack_tables pack_columns pack_steps packs '
    -- Marks and progress, which live views read as their readers.
    || 'dirty dirty_ranges members odd_rows reads enums jobs status progress health '
    -- What is released, and its proofs by row level security.
    || 'releases released_buckets release_proofs release_witnesses '
    -- By row level security: those whose rights one has.
    || 'access audit board_views cluster_nodes evaluations grafana_alert_annotations incident_events incident_feed incident_lives '
        'incidents inhibitions late_rows notifications probe_samples probe_values probes put_off routes runs silences tasks threshold_states thresholds', ' '));

SELECT bag_eq($$SELECT c.relname::text, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'tally'::regnamespace
    AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND a.grantee = 0$$,
    $$SELECT name, 'SELECT' FROM readable$$, 'what PUBLIC may do with tables, views and sequences is to read these');
SELECT is_empty($$SELECT c.relname, a.grantee::regrole, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND a.grantee NOT IN (0, c.relowner)$$,
        'no other role has a right to any');
SELECT is((SELECT string_agg(a.attname, ' ' ORDER BY a.attname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) x
    WHERE c.relnamespace = 'tally'::regnamespace AND x.grantee = 0 AND c.relname = 'channels' AND x.privilege_type = 'SELECT'),
    'enabled events group_by group_interval group_wait id kind matchers max_attempts name owner quiet repeat_interval schema template',
        'of a channel everybody sees neither url, headers nor secret');
SELECT is((SELECT string_agg(a.attname, ' ' ORDER BY a.attname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) x
    WHERE c.relnamespace = 'tally'::regnamespace AND x.grantee = 0 AND c.relname = 'broken_buckets' AND x.privilege_type = 'SELECT'),
    'bucket computable rollup_id since source_row sqlstate',
        'of a bucket that cannot be computed everybody sees where it is, not the message, which may hold a value');
SELECT is_empty($$SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) x
    WHERE c.relnamespace = 'tally'::regnamespace AND x.grantee <> c.relowner
        AND (c.relname NOT IN ('channels', 'broken_buckets', 'broken_metrics') OR x.privilege_type <> 'SELECT')$$,
        'and no column has a right of its own besides');
SELECT is_empty($$SELECT c.relname FROM pg_class c JOIN readable r ON r.name = c.relname WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind = 'r'
    AND NOT c.relrowsecurity
    AND c.relname NOT IN ('dirty', 'members', 'odd_rows', 'reads', 'enums', 'jobs', 'pack_list', 'pack_tables', 'pack_columns', 'pack_steps', 'rollups',
        'dimensions', 'measures', 'beside', 'faces', 'clusters', 'dirty_ranges', 'source_retentions',
        'metrics', 'metric_views', 'ratios', 'limits', 'behaviours', 'boards', 'experiments', 'experiment_metrics', 'experiment_cells', 'releases',
        'installed_packs', 'keyed_rollups', 'pseudonyms', 'stored_settings')$$,
            'what holds data of its owner has row level security; these hold numbers, names of tables, settings, what packs are made of and definitions, '
                'which everybody sees');
SELECT is_empty($$SELECT p.polrelid::regclass, p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'tally'::regnamespace
    AND p.polcmd <> 'r'$$, 'policies are about reading: nobody writes');
SELECT is_empty($$SELECT n.nspname, a.grantee, a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname IN ('tally', 'tally_internal')
    AND a.grantee <> n.nspowner AND NOT (a.grantee = 0 AND a.privilege_type = 'USAGE')$$, 'the schema may be used, and nothing made in it');

-- SECURITY DEFINER functions that PUBLIC may call: either they know who calls, by the ticket that PostgreSQL draws as the caller, or they are
-- listed here with the reason why it makes no difference.
CREATE TEMP TABLE for_anybody (function regprocedure PRIMARY KEY, reason text);
INSERT INTO for_anybody VALUES
    ('tally_internal._threshold_schema(int)', 'says in which schema a threshold is, by its number, and nothing of what it watches'),
    ('tally_internal._marked_keys(int)', 'says how many keys are marked, not which'),
    ('tally_internal._marked_buckets(int[], text[], int[])', 'says which buckets are marked, which tally.dirty shows everybody'),
    ('tally_internal._marked_hull(int[], text[], int[])', 'says which range is marked, which tally.dirty_ranges shows everybody'),
    ('tally_internal._lacking_statistics()', 'says whose statistics are empty'),
    ('tally_internal._refreshers()', 'says which processes hold the engine''s own locks'),
    ('tally_internal._next_backfill(int[], int[])', 'chooses among numbers it is given; what is done with them asks who calls'),
    ('tally_internal._backfill_range(text, timestamptz, timestamptz)', 'arithmetic on buckets'),
    ('tally_internal._clock()', 'says which of our own jobs is missing or off; cron.job shows each role only its own'),
    ('tally_internal._cron_failures(timestamptz)', 'counts failed runs of our own jobs'),
    ('tally_internal._wanted_jobs(text)', 'says the schedules of rollups and tasks, which tally.jobs shows everybody'),
    ('tally_internal._is_watched()', 'says whether the two built-in thresholds are there, whose names are no secret'),
    ('tally_internal._scheduled_chain(text)', 'numbers of rollups, which everybody sees'),
    ('tally_internal._release_covers(integer, timestamptz, timestamptz)', 'says from when to when a release has published, and whether all of a range is'),
    ('tally_internal._exact_source(regrole, tally.rollups, timestamptz, timestamptz)',
        'says whether a range is marked; the relation that it names is read with the reader''s rights');
CREATE TEMP VIEW definers AS SELECT p.oid::regprocedure AS function, p.prosrc, p.proconfig, p.proargnames, p.pronargs,
    pg_get_expr(p.proargdefaults, 0) AS defaults
  FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND p.prosecdef AND has_function_privilege('public', p.oid,
      'EXECUTE');
SELECT cmp_ok((SELECT count(*) FROM definers), '>', 40::bigint, 'there are functions to look at');
SELECT is_empty($$SELECT function FROM definers WHERE prosrc !~ 'tally_internal\._caller\(who\)' AND function NOT IN (SELECT function FROM for_anybody)$$,
    'each asks who calls, or is listed with a reason');
SELECT is_empty($$SELECT function FROM for_anybody WHERE function NOT IN (SELECT function FROM definers)$$, 'and the list holds none that is not there');
SELECT is_empty($$SELECT function FROM definers WHERE prosrc ~ 'tally_internal\._caller\(who\)'
    AND NOT (defaults ~ 'tally_internal\._me\(\)$' AND proargnames[pronargs] = 'who')$$, 'who asks has the ticket as its last argument, by default');
SELECT is_empty($$SELECT function FROM definers WHERE prosrc ~ 'tally_internal\._caller\(who\)'
    AND NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'tally.actor=%')$$, 'and forgets who acted when it ends');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND p.prosecdef
    AND p.prosrc ~ 'session_user|current_setting\(''role''|current_user'$$, 'none takes session_user, current_user or the setting role for who calls');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace)
    AND p.prosrc ~ 'current_user::regrole|session_user::regrole'$$, 'no name of a role is read as a number or folded');

-- Trigger functions: whoever may execute one can have it run on rows of his own.
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p
    WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace) AND p.prorettype IN ('trigger'::regtype,
    'event_trigger'::regtype) AND has_function_privilege('public', p.oid, 'EXECUTE')),
    'tally.capture()', 'no trigger function is for PUBLIC, but capture(), which does nothing: PostgreSQL asks for it where a trigger is cloned to a partition');
SELECT is((SELECT prosrc !~* 'insert|update|delete|perform|execute' AND NOT prosecdef FROM pg_proc WHERE oid = 'tally.capture()'::regprocedure), true,
    'and does nothing indeed');

-- What acts for others at all.
SELECT is_empty(format('SELECT 1 WHERE has_function_privilege(''public'', %L::regprocedure, ''EXECUTE'')', f), f || ' is not for everybody')
  FROM unnest('{"tally.run_as(regrole,text,text,int,text)","tally.run_as(regrole,text,text,int,text,\"any\")",
    "tally_internal._caller(bigint)","tally_internal._attach(regclass,boolean)",
    "tally_internal._evaluate_part(timestamptz,boolean,text,interval,jsonb)","tally_internal._follow_up(timestamptz)",
    "tally_internal._expire_unit(regclass,bigint,timestamptz)","tally_internal._freeze_source(regclass)"}'::text[]) f;
-- What acts for others by the clock has the caller's rights, and the engine asks who that is (pg_test/stages/70_operators.sql).
SELECT is_empty(format('SELECT 1 WHERE (SELECT p.prosecdef FROM pg_proc p WHERE p.oid = %L::regprocedure)', f), f || ' has its caller''s rights')
    FROM unnest(tally_internal._clock_entries()) f;
SELECT * FROM finish();
