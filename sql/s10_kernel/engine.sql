-- Owns: the kernel functions that the engine itself stands on: running a definition as its owner, and capture.

CREATE OR REPLACE FUNCTION tally.run_as(owner regrole, search_path text, sql text, timeout_ms int DEFAULT 0, zone text DEFAULT 'UTC') RETURNS SETOF jsonb
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tally_run_as';
COMMENT ON FUNCTION tally.run_as(regrole, text, text, int, text) IS
'Runs one SQL statement with the rights and the search_path of a definition''s owner (security-restricted, as REFRESH MATERIALIZED VIEW does), with TimeZone '
    'zone and every other setting that an answer could depend on pinned, for at most timeout_ms milliseconds (0: as long as the setting '
    'tally.refresh_timeout says, by default an hour; negative: no limit; longer is an ERROR that can be caught, 54000), and returns each of its rows as a '
    'jsonb object. For the engine only.';
REVOKE ALL ON FUNCTION tally.run_as(regrole, text, text, int, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally.run_as(owner regrole, search_path text, sql text, timeout_ms int, zone text, VARIADIC parameters "any") RETURNS SETOF jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tally_run_as';
COMMENT ON FUNCTION tally.run_as(regrole, text, text, int, text, "any") IS
'run_as() with parameters: $1 and so on stand for the values that follow zone. So no value is printed into the text and read back.';
REVOKE ALL ON FUNCTION tally.run_as(regrole, text, text, int, text, "any") FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._calls(tree pg_node_tree) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_calls';
COMMENT ON FUNCTION tally_internal._calls(pg_node_tree) IS
'What an expression or query that PostgreSQL has parsed calls, as a JSON array: {"kind": "call", "function", "types", "constants"} of functions, operators '
    'and aggregates; "io" of conversions through text (types from and to); "word" of current_user and the like; "constant"; "reads" of columns that text is '
    'read into; "system" of ctid, xmin and the like.';

CREATE OR REPLACE FUNCTION tally_internal._bound_path(search_path text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tally_bound_path';
COMMENT ON FUNCTION tally_internal._bound_path(text) IS
'The search_path under which a definition''s text is read: PostgreSQL''s own objects first, then the given schemas, temporary objects last. So no type of '
    'the session and no operator of a schema takes the place of PostgreSQL''s.';

CREATE OR REPLACE FUNCTION tally_internal._guard(reader regrole, trusted text DEFAULT '', in_text boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tally_guard';
COMMENT ON FUNCTION tally_internal._guard(regrole, text, boolean) IS
'From here on, and until the calling function ends, no function of an ordinary role is called but the reader''s own, and none that writes, sets or runs text, '
    'whoever owns it: 42501. For a query that holds texts of another role. The calling function has the clause SET tally.guard = ''''. trusted: numbers of '
    'roles whose functions are called all the same, with spaces between. in_text: only within text that run_as() runs.';

CREATE OR REPLACE FUNCTION tally_internal._mark(targets text, at timestamptz) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1 AS 'MODULE_PATHNAME', 'tally_mark';
COMMENT ON FUNCTION tally_internal._mark(text, timestamptz) IS
'Leaves one dirty mark per rollup and bucket that the transaction touches; always false. targets: ''<rollup> <bucket rule>; …'', or '
    '''<rollup>:<word> <word> …'' for rollups whose numbers follow each other: 1h, 15m, 1d for a fixed width, month or day,Europe/Berlin for a calendar. '
    'For the WHEN conditions of capture triggers, so every writer may call it; a mark only causes a bucket to be computed anew.';

CREATE OR REPLACE FUNCTION tally_internal._mark_key(targets text, key text[]) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1 AS 'MODULE_PATHNAME', 'tally_mark_key';
COMMENT ON FUNCTION tally_internal._mark_key(text, text[]) IS
'Leaves a dirty mark of a key with each rollup of targets (''<rollup> <rollup> …''), once per transaction as a rule; always false. For the WHEN conditions '
    'of capture triggers.';

CREATE OR REPLACE FUNCTION tally_internal._mark_whole(rollup_id int) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tally_mark_whole';
COMMENT ON FUNCTION tally_internal._mark_whole(int) IS
'Marks all of a rollup per key. For the rest of the transaction none of its keys is marked by itself. For a refresh alone.';
REVOKE ALL ON FUNCTION tally_internal._mark_whole(int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._capture_forget() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'tally_capture_forget';
COMMENT ON FUNCTION tally_internal._capture_forget() IS
'Makes capture mark buckets anew for the rest of this transaction. A refresh calls it when it has taken marks away.';

CREATE OR REPLACE FUNCTION tally_internal._at_work() RETURNS boolean
LANGUAGE c STABLE PARALLEL RESTRICTED COST 1 AS 'MODULE_PATHNAME', 'tally_at_work';
COMMENT ON FUNCTION tally_internal._at_work() IS
'Whether the running statement is one of run_as() within a refresh, by which the engine writes all that it computes. Queries and tasks do not count.';

CREATE OR REPLACE FUNCTION tally_internal._short_context() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL SAFE COST 1 AS 'MODULE_PATHNAME', 'tally_short_context';
COMMENT ON FUNCTION tally_internal._short_context() IS
'The next error does not show, in its context, the statement that called the calling PL/pgSQL function. Always true. _refuse() calls it just before it '
'raises.';

CREATE OR REPLACE FUNCTION tally_internal._count_request(role oid, limits_id int) RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED COST 100 AS 'MODULE_PATHNAME', 'tally_count_request';
COMMENT ON FUNCTION tally_internal._count_request(oid, int) IS
'Counts the running statement among those of a role under certain limits, once, and says how many there have been in this minute; 0 where they cannot '
'be counted. It needs no transaction that writes, and each server counts its own.';
REVOKE ALL ON FUNCTION tally_internal._count_request(oid, int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._note_writer(relation oid) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED COST 1 AS 'MODULE_PATHNAME', 'tally_note_writer';
COMMENT ON FUNCTION tally_internal._note_writer(oid) IS
'Notes that the current user writes to a table, for the trigger whose condition calls this; always true. A note costs nobody else: it is of this session.';

CREATE OR REPLACE FUNCTION tally_internal._writer(relation oid) RETURNS regrole
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'tally_writer';
COMMENT ON FUNCTION tally_internal._writer(oid) IS 'The role that _note_writer() noted last for a table in this session; null where it noted none.';
REVOKE ALL ON FUNCTION tally_internal._writer(oid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._computed_sql(measure text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT measure $$;
COMMENT ON FUNCTION tally_internal._computed_sql(text) IS
'The expression that the engine runs to compute a measure. In this kernel it is the measure itself, because its aggregates are quick.';

CREATE OR REPLACE FUNCTION tally_internal._statistics_filled() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT d.stxoid FROM pg_statistic_ext_data d $$;
COMMENT ON FUNCTION tally_internal._statistics_filled() IS
'The extended statistics that ANALYZE has filled since they were made. It returns all of them, because tally.status asks for every rollup.';

CREATE OR REPLACE FUNCTION tally_internal._must_own_sources() RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT false $$;
COMMENT ON FUNCTION tally_internal._must_own_sources() IS
'Whether a role can only define a rollup on a source that it owns. Here it needs the right TRIGGER: the engine makes the triggers as a superuser.';

CREATE OR REPLACE FUNCTION tally_internal._job_limits(OUT refreshes int, OUT tasks int, OUT longest interval)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT NULL::pg_catalog.int4, NULL::pg_catalog.int4, NULL::pg_catalog.interval $$;
COMMENT ON FUNCTION tally_internal._job_limits() IS
'How many jobs of pg_cron the schedules of rollups may take, and those of tasks, and how long a job may last where tally.job_timeout does not say. '
'Null: no limit.';
