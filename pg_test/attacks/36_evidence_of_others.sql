-- Attack 36: code of the attacker's in the evidence of another's incident, which is read with the rights of the threshold's owner.
--   * A rollup of the attacker's on the same source has the measures and the labels of the one that is watched, and a dimension that says more: evidence
--     reads it, and its live view calls his function.
--   * A metric on a rollup of his is watched, which is clean, so that its table is read. Evidence reads the source, by his measures.
--   * The same, clean but for the week before, which evidence compares with: there it reads the live view.
-- As it was (commit a2e88a3) the first made the attacker a superuser, the others ran his function as the victim: all seen there.
\ir prelude.psql
CREATE FUNCTION evil.text_of(text) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN PERFORM evil.pwn(); RETURN $1; END $$;
CREATE FUNCTION evil.number_of(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog,
    pg_temp AS $$ BEGIN PERFORM evil.pwn(); RETURN $1; END $$;
CREATE TABLE evil.events (at timestamptz NOT NULL, who text, good boolean, ms int);
CREATE INDEX ON evil.events (at);
INSERT INTO evil.events SELECT '2026-03-02 20:00+00'::timestamptz + g * interval '1 minute', 'w' || g % 2, g % 3 > 0, 5 FROM generate_series(0, 50) g;
SELECT tally.create_rollup('evil.small', 'evil.events', 'at', dimensions => '["who"]', measures => '{"s": "sum(evil.number_of(ms))"}');
SELECT tally.create_rollup('evil.wide', 'evil.events', 'at', dimensions => '["who", "good"]', measures => '{"w": "sum(evil.number_of(ms))"}');
SELECT count(*) FROM unnest('{small,wide}'::text[]) name, tally.refresh(name);
SELECT tally.create_metric('m_small', 'small', 's');
SELECT tally.create_metric('m_wide', 'wide', 'w');
INSERT INTO evil.events VALUES ('2026-02-23 20:00+00', 'w0', true, 5);
GRANT SELECT ON ALL TABLES IN SCHEMA evil TO PUBLIC;
\connect - tally_victim
SET client_min_messages = error;
SELECT tally.create_threshold('victim on small', 'm_small', '> 0', per => '{who}');
SELECT tally.create_threshold('victim on wide', 'm_wide', '> 0', per => '{who}');
INSERT INTO app.events VALUES ('2026-03-02 20:00+00', 'w1', 5);
GRANT SELECT, TRIGGER ON app.events TO tally_attacker;
GRANT USAGE ON SCHEMA app TO tally_attacker;
\connect - :superuser
SET client_min_messages = error;
SELECT tally.create_rollup('root.by_who', 'app.events', 'at', dimensions => '["who"]', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_metric('root_by_who', 'by_who', 'n');
SELECT tally.create_threshold('root on who', 'root_by_who', '> 0', per => '{who}');
\connect - tally_attacker
SET client_min_messages = error;
SELECT tally.create_rollup('evil.richer', 'app.events', 'at', dimensions => '["who", {"more": "evil.text_of(who)"}]', measures => '{"n": "count(*)"}');
\connect - :superuser
SET client_min_messages = error;
UPDATE public.before SET state = public.state();
CREATE TABLE public.judged AS SELECT e.threshold, e.opened, e.error FROM tally.evaluate('2026-03-02 21:00+00') e;
UPDATE public.before SET state = state || jsonb_build_object('incidents', public.state() -> 'incidents');
\ir verdict.psql
SELECT results_eq($$SELECT threshold, opened::int, error FROM public.judged WHERE threshold LIKE '% on %' ORDER BY 1$$,
    $$VALUES ('root on who', 3, NULL::text), ('victim on small', 2, NULL), ('victim on wide', 2, NULL)$$, 'the incidents are opened');
SELECT results_eq($$SELECT threshold, left(evidence ->> 'error', 5), evidence -> 'values' <> '[]', evidence -> 'contributors', count(*)::int
    FROM tally.incidents WHERE threshold LIKE '% on %' GROUP BY 1, 2, 3, 4 ORDER BY 1$$,
    $$VALUES ('root on who', '42501', true, '{}'::jsonb, 3), ('victim on small', '42501', true, '{}', 2), ('victim on wide', '42501', true, '{}', 2)$$,
    'with what runs nobody''s code, and why the rest is missing');
SELECT is('free' || COALESCE(current_setting('tally.guard', true), ''), 'free', 'no guard is left');
SELECT * FROM finish();
