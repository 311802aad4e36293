-- Attack 28: texts of the attacker's that a superuser's statement makes something of. PostgreSQL reads constants when a view or statistics are made, and
-- reading one runs the check of a domain: in the flat view, when a superuser repairs it or makes a metric on the rollup; in statistics and in a list that
-- a rollup expands, when he changes the rollup.
-- As it was (commit 10cf7a1) the attacker's function ran as the superuser in repair(), create_metric() and alter_rollup(): seen there. By an index it did so
-- in create_metric() still in commit 108f9a1.
\ir prelude.psql
CREATE DOMAIN evil.d AS int;
CREATE FUNCTION evil.check_it() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF current_user <> 'tally_attacker' THEN PERFORM evil.pwn(); END IF;
    RETURN true; END $$;
CREATE TABLE evil.events (at timestamptz NOT NULL, ms int, list jsonb);
CREATE INDEX ON evil.events (at);
INSERT INTO evil.events VALUES ('2026-03-01 10:00+00', 5, '[1, 2]');
SELECT tally.create_rollup('evil.bait', 'evil.events', 'at', dimensions => '[{"d": "(ms + cardinality(''{1}''::evil.d[]))::text"}]',
    measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('evil.listed', 'evil.events', 'at', measures => '{"n": "count(*)"}',
    expand => 'jsonb_array_elements(CASE WHEN cardinality(''{1}''::evil.d[]) > 0 THEN list END) AS item', with_data => true);
SELECT tally.create_metric('m_bait', 'bait', 'n + cardinality(''{1}''::evil.d[])');
SELECT tally.create_metric('m_listed', 'listed', 'n + cardinality(''{1}''::evil.d[])');
DROP VIEW evil.bait_metrics;
-- A metric of a superuser's is tried on the stored rows, and planning computes what is constant in an index.
SELECT tally.create_rollup('evil.indexed', 'evil.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
CREATE FUNCTION evil.constant(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN evil.check_it(); END $$;
CREATE INDEX ON evil.indexed (n) WHERE evil.constant(1);
-- NOT VALID, because a view has the type.
SELECT evil.try('check', 'ALTER DOMAIN evil.d ADD CHECK (evil.check_it()) NOT VALID');
GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.tried AS SELECT s.n, public.ended(s.s) AS outcome FROM unnest(ARRAY['SELECT tally.repair(''evil.bait'')',
    'SELECT tally.create_metric(''by_root'', ''evil.bait'', ''n'')',
    'SELECT tally.rename_metric(''by_root'', ''by_him'')', 'SELECT tally.drop_metric(''by_him'')',
        'SELECT * FROM tally.alter_rollup(''evil.bait'', add_dimensions => ''["ms"]'')',
    'SELECT * FROM tally.alter_rollup(''evil.bait'', "where" => ''ms > 0'')', 'SELECT * FROM tally.alter_rollup(''evil.listed'', "where" => ''ms > 0'')',
        'SELECT * FROM tally.alter_rollup(''evil.listed'', description => ''his'')',
    'SELECT tally.refresh(''evil.bait'')', 'SELECT * FROM tally.verify(''evil.bait'')', 'SELECT * FROM tally.status', 'SELECT * FROM tally.definitions()',
        'SELECT tally.set_owner(''evil.bait'', ''tally_attacker'')',
    'SELECT tally.create_metric(''by_root'', ''evil.indexed'', ''n'')']) WITH ORDINALITY s(s, n);
CREATE TABLE public.flat AS SELECT c.oid::regclass::text AS view, c.relowner::regrole::text AS owner FROM pg_class c WHERE c.relname IN ('bait_metrics',
    'listed_metrics');
UPDATE public.before SET state = state || jsonb_build_object('audit', public.state() -> 'audit');
\ir verdict.psql
SELECT bag_eq('SELECT * FROM public.flat', $$VALUES ('evil.bait_metrics', 'tally_attacker'), ('evil.listed_metrics', 'tally_attacker')$$,
    'the flat views are there, and their owner''s');
SELECT is((SELECT string_agg(n || ' ' || outcome, ', ' ORDER BY n) FROM public.tried WHERE outcome <> 'done'), '7 42501, 14 42501',
    'all was done, but for a filter beside a list of the owner''s, and a metric on a table whose index calls a function of his');
SELECT * FROM finish();
