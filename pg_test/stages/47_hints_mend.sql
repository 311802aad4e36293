-- Every hint of tally.status, run as it is printed: each kind of trouble that status knows is made, each to a rollup of its own. Then what status prints is
-- run, until it prints nothing more, and every rollup is fresh, or gone where that is what the hint says.
SELECT no_plan();
SET client_min_messages = error;
DROP ROLE IF EXISTS hints_one, hints_two, hints_gone;
CREATE ROLE hints_one ROLE CURRENT_USER;
CREATE ROLE hints_two ROLE CURRENT_USER;
CREATE ROLE hints_gone ROLE CURRENT_USER;
GRANT CREATE, USAGE ON SCHEMA public TO hints_one, hints_two, hints_gone;
CREATE SCHEMA apart;
GRANT USAGE ON SCHEMA apart TO hints_one;
CREATE FUNCTION within_text(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x';
CREATE FUNCTION as_text(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = public AS $$ BEGIN RETURN within_text(x); END $$;
-- label: what is done. ends: what there is in the end. One that is done by a role is done to a rollup of hints_one.
CREATE TABLE troubles (n text PRIMARY KEY, ends text DEFAULT 'fresh', of name DEFAULT 'postgres',
    measures text DEFAULT '{"n": "count(*)", "s": "sum(q)"}', key text,
                       trouble text);
INSERT INTO troubles (n, ends, trouble) VALUES
    ('table_gone', 'gone', 'DROP TABLE {r} CASCADE'),
    ('source_gone', 'gone', 'DROP TABLE {s} CASCADE'),
    ('measure_lost', 'fresh', 'ALTER TABLE {s} DROP COLUMN q CASCADE'),
    ('time_lost', 'gone', 'ALTER TABLE {s} DROP COLUMN at CASCADE'),
    ('time_retyped', 'gone', 'DROP VIEW {r}_live; {drop_triggers}; ALTER TABLE {s} ALTER COLUMN at TYPE date'),
    ('trigger_before', 'fresh',
        'CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''; CREATE TRIGGER t BEFORE INSERT ON {r} FOR EACH ROW EXECUTE '
            'FUNCTION t()'),
    ('rule_on_it', 'fresh', 'CREATE RULE nothing AS ON INSERT TO {r} DO INSTEAD NOTHING'),
    ('heir', 'fresh', 'CREATE TABLE an_heir () INHERITS ({r})'),
    ('column_renamed', 'fresh', 'ALTER TABLE {r} RENAME COLUMN s TO total'),
    ('column_dropped', 'gone', 'ALTER TABLE {r} DROP COLUMN s CASCADE'),
    ('live_gone', 'fresh', 'DROP VIEW {r}_live'),
    ('switched_off', 'fresh', 'ALTER TABLE {s} DISABLE TRIGGER ALL; INSERT INTO {s} VALUES (''2026-01-02 00:00+00'', ''k'', 1)'),
    ('triggers_gone', 'fresh', '{drop_triggers}; INSERT INTO {s} VALUES (''2026-01-02 00:00+00'', ''k'', 1)'),
    ('not_built', 'fresh', 'TRUNCATE {s}'),
    ('too_long', 'fresh', 'INSERT INTO {s} SELECT ''2026-01-02 00:00+00'', string_agg(md5(i::text), ''''), 1 FROM generate_series(1, 300) i'),
    ('metrics_gone', 'fresh', 'DROP VIEW {r}_metrics'),
    ('metric_fails', 'fresh', 'UPDATE {s} SET q = 777'),
    ('metric_fails_oddly', 'fresh', 'UPDATE {s} SET q = -200'),
    ('unanalysed', 'fresh', 'DELETE FROM pg_statistic_ext_data WHERE stxoid IN (SELECT oid FROM pg_statistic_ext WHERE stxrelid = ''{s}''::regclass)');
INSERT INTO troubles (n, ends, of, trouble) VALUES
    ('owner_gone', 'fresh', 'hints_gone',
        'REASSIGN OWNED BY hints_gone TO hints_two; DROP OWNED BY hints_gone; GRANT SELECT, TRIGGER ON {s} TO hints_two; DROP ROLE hints_gone'),
    ('table_given', 'fresh', 'hints_one', 'GRANT SELECT, TRIGGER ON {s} TO hints_two; ALTER TABLE {r} OWNER TO hints_two'),
    ('view_given', 'fresh', 'hints_one', 'GRANT SELECT, TRIGGER ON {s} TO hints_two; ALTER VIEW {r}_live OWNER TO hints_two'),
    ('no_select', 'fresh', 'hints_one', 'REVOKE SELECT ON {s} FROM hints_one'),
    ('no_trigger', 'fresh', 'hints_one', 'REVOKE TRIGGER ON {s} FROM hints_one'),
    ('no_usage', 'fresh', 'hints_one', 'ALTER TABLE {s} SET SCHEMA apart; REVOKE USAGE ON SCHEMA apart FROM hints_one'),
    ('policies', 'fresh', 'hints_one', 'ALTER TABLE {s} ENABLE ROW LEVEL SECURITY'),
    ('forced_policies', 'fresh', 'hints_one', 'ALTER TABLE {r} ENABLE ROW LEVEL SECURITY; ALTER TABLE {r} FORCE ROW LEVEL SECURITY');
INSERT INTO troubles (n, ends, measures, key, trouble) VALUES
    ('key_renamed', 'fresh', '{"n": "count(*)"}', 'k', 'ALTER TABLE {s} RENAME COLUMN k TO label'),
    ('row_fails', 'fresh', '{"n": "sum(100 / q)"}', NULL, 'UPDATE {s} SET q = 0 WHERE q = 1'),
    ('key_fails', 'fresh', '{"n": "sum(100 / q)"}', 'k', 'UPDATE {s} SET q = 0 WHERE q = 1'),
    ('function_gone', 'gone', '{"n": "sum(as_text(q))"}', NULL, 'DROP FUNCTION within_text(int); INSERT INTO {s} VALUES (''2026-01-02 00:00+00'', ''k'', 1)');
CREATE FUNCTION make(x troubles) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (at timestamptz NOT NULL, k text, q int)', 's_' || x.n);
    EXECUTE format('INSERT INTO %I SELECT timestamptz ''2026-01-01 00:00+00'' + i * interval ''1 hour'', ''k'' || i, i FROM generate_series(1, 40) i',
        's_' || x.n);
    EXECUTE format('CREATE INDEX ON %I (at)', 's_' || x.n);
    EXECUTE format('CREATE INDEX ON %I (%I)', 's_' || x.n, COALESCE(x.key, 'q'));
    EXECUTE format('GRANT SELECT, TRIGGER ON %I TO %I', 's_' || x.n, x.of);
    EXECUTE format('SET LOCAL ROLE %I', x.of);
    IF x.key IS NULL THEN
        PERFORM tally.create_rollup(x.n, ('s_' || x.n)::regclass, 'at', bucket => '1 day', dimensions => '["k"]', measures => x.measures::jsonb,
            with_data => true);
    ELSE
        PERFORM tally.create_rollup(x.n, ('s_' || x.n)::regclass, key => x.key, measures => x.measures::jsonb, with_data => true);
    END IF;
    RESET ROLE;
END $$;
SELECT make(t) FROM troubles t;
SELECT tally.create_metric('per ' || n, n, 'n / (s::float8 - 777)') FROM unnest('{metrics_gone,metric_fails}'::text[]) n;
SELECT tally.create_metric('odd', 'metric_fails_oddly', 'sqrt(s::float8 + 100)');
CREATE TABLE s_funnel (at timestamptz NOT NULL, k text, q int);
CREATE INDEX ON s_funnel (at);
CREATE INDEX ON s_funnel (k);
SELECT tally.create_funnel('funnel', 's_funnel', 'at', 'k', '{"a": "q = 1", "b": "q = 2"}');
DROP VIEW funnel_steps;
SELECT count(*) FROM (SELECT tally.refresh()) r;
CREATE FUNCTION trouble(x troubles) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE replace(replace(replace(x.trouble, '{r}', quote_ident(x.n)), '{s}', quote_ident('s_' || x.n)), '{drop_triggers}',
        (SELECT string_agg(format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass), '; ') FROM pg_trigger t
            WHERE t.tgname ~ '^tally_capture' AND t.tgrelid = to_regclass('s_' || x.n)));
END $$;
SELECT trouble(t) FROM troubles t;
CREATE TABLE told (turn int, rollup text, state text, sqlstate text, message text, hint text);
CREATE FUNCTION look(turn int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO told SELECT turn, s.rollup, s.state, s.sqlstate, COALESCE(s.message, s.reason), s.hint FROM tally.status s
        WHERE s.state <> 'fresh' OR s.hint LIKE 'ANALYZE%' $$;
-- What the next refresh would mend by itself is looked at before it; what only a refresh finds, after it.
SELECT look(0);
DELETE FROM told WHERE rollup NOT IN ('triggers_gone', 'not_built');
SELECT hint FROM told ORDER BY rollup \gexec
SELECT count(*) FROM (SELECT tally.refresh()) r;
SELECT look(1);
SELECT bag_eq('SELECT rollup FROM told WHERE hint IS NOT NULL', $$SELECT n FROM troubles UNION ALL SELECT 'funnel'$$,
    'status has a hint for each kind of trouble');
-- A row that fails is shown by the hint; its owner changes it.
SELECT regexp_replace(hint, '^SELECT \* FROM', 'DELETE FROM') FROM told WHERE hint ~ 'WHERE ctid = ' \gexec
-- Only a person can say what a metric is to be; the place is marked.
SELECT replace(hint, '…', 's::float8') FROM told WHERE turn = 1 ORDER BY rollup \gexec
SELECT count(*) FROM (SELECT tally.refresh()) r;
SELECT look(2);
SELECT hint FROM told WHERE turn = 2 ORDER BY rollup \gexec
SELECT count(*) FROM (SELECT tally.refresh()) r;
SELECT is((SELECT s.state FROM tally.status s WHERE s.rollup = t.n), NULLIF(t.ends, 'gone'),
          format('%s: %s', t.n, (SELECT string_agg(d.hint, ' ' ORDER BY d.turn) FROM told d WHERE d.rollup = t.n))) FROM troubles t;
SELECT is((SELECT string_agg(concat_ws(' ', rollup, state, message, hint), '; ') FROM tally.status
    WHERE state <> 'fresh' OR sqlstate IS NOT NULL OR hint LIKE 'ANALYZE%'), NULL,
          'nothing is left to do');
-- And what is fresh is right, wherever its source is by now.
SELECT is((SELECT count(*) FROM tally.rollups r CROSS JOIN LATERAL tally.verify(r.name) v), 0::bigint, 'all that is fresh equals its definition');
DROP OWNED BY hints_one, hints_two CASCADE;
DROP ROLE hints_one, hints_two;
SELECT * FROM finish();
