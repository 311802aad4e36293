-- Owns: thresholds that read the same metric, window and scope are served by one statement, and see what each would see alone. 2,000 thresholds
-- on one metric took 2,000 statements a tick. The reference are twins of the same definition, each evaluated alone by its name.
SELECT no_plan();
\ir ../hosted.psql
SET client_min_messages = error;
SET timezone = 'Asia/Tokyo';
CREATE FUNCTION public.at(n int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT '2026-03-01 12:00+00'::timestamptz + n * interval '30 minutes'$$;
CREATE TABLE e (at timestamptz NOT NULL, k text, v float8);
CREATE INDEX ON e (at);
INSERT INTO e SELECT public.at(0) - interval '10 days' + i * interval '7 minutes', 'k' || i % 3, (i * 37) % 101 FROM generate_series(0, 2300) i
    WHERE NOT (i % 3 = 2 AND i > 2140) AND i % 50 < 44;
SELECT tally.create_rollup('r', 'e', 'at', dimensions => '["k"]', measures => '{"n": "count(*)", "s": "sum(v)"}', with_data => true);
SELECT tally.create_metric('m', 'r', 's / nullif(n, 0)');
-- What is not refreshed yet counts too.
INSERT INTO e SELECT public.at(i) - interval '1 minute', 'k0', 5 FROM generate_series(1, 12) i;

CREATE TABLE asked (no int, condition text, extra jsonb);
INSERT INTO asked SELECT row_number() OVER (ORDER BY c, x), c, x::jsonb
  FROM unnest('{> 50,< 48,> 1.01 x baseline of 1 day,absent,"burn rate 99% over 30 days",> 10 per 1 hour}'::text[]) c,
       unnest(ARRAY['{}', '{"per": ["k"]}', '{"where": {"k": "k1"}}', '{"over": "3 hours"}', '{"partial_ok": true}',
           '{"per": ["k"], "min_samples": 4, "no_data": "breach"}',
           '{"per": ["k"], "for": "30 minutes"}', '{"every": "1 hour"}', '{"per": ["k"], "auto_resolve": true}']) x
 WHERE c NOT LIKE 'burn%' OR x IN ('{}', '{"per": ["k"]}');
SELECT count(tally.alter_threshold(tally.create_threshold(format('%s %s', side, lpad(no::text, 2, '0')), 'm', condition, every => '30 minutes',
    enabled => side = 'all'), extra))
  FROM asked, unnest('{all,one}'::text[]) side;
SELECT is((SELECT count(*) FROM tally.thresholds), 94::bigint, '47 definitions, twice');

CREATE PROCEDURE public.ticks() LANGUAGE plpgsql AS $$
DECLARE
    t text;
BEGIN
    FOR i IN 1..8 LOOP
        -- Two ticks read the live view, the others the table.
        IF i = 3 THEN PERFORM tally.refresh('r'); END IF;
        PERFORM tally.enable_threshold(name, name LIKE 'all%') FROM tally.thresholds;
        PERFORM tally.evaluate(public.at(i));
        PERFORM tally.enable_threshold(name, name LIKE 'one%') FROM tally.thresholds;
        FOR t IN SELECT name FROM tally.thresholds WHERE name LIKE 'one%' ORDER BY name LOOP
            PERFORM tally.evaluate(public.at(i), t);
        END LOOP;
    END LOOP;
END $$;
CALL public.ticks();
CREATE VIEW states AS SELECT t.name, s.kind, s.labels, s.state, s.active_at, s.keep_since, s.paused, s.missing, s.last_tick, s.value, s.samples, s.verdict
  FROM tally.threshold_states s JOIN tally.thresholds t ON t.id = s.threshold_id;
CREATE VIEW ticks AS SELECT t.name, e.tick, e.series, e.breaches, e.told, e.bucket, e.sqlstate FROM tally.evaluations e
    JOIN tally.thresholds t ON t.id = e.threshold_id;
CREATE VIEW filed AS SELECT i.threshold AS name, i.kind, i.labels, i.status, i.value, i.last_value, i.bucket, i.opened_at, i.began_at, i.recovered_at,
    i.evidence FROM tally.incidents i;
CREATE VIEW entries AS SELECT i.threshold AS name, e.at, e.event, e.note, e.detail - 'previous' AS detail, e.detail ? 'previous' AS again
    FROM tally.incident_events e JOIN tally.incidents i ON i.id = e.incident_id;
SELECT bag_eq(format('SELECT right(name, 2) AS no, to_jsonb(x) - ''name'' AS is FROM %I x WHERE name LIKE ''all%%''', v),
    format('SELECT right(name, 2) AS no, to_jsonb(x) - ''name'' AS is FROM %I x WHERE name LIKE ''one%%''', v), 'the same ' || v)
        FROM unnest('{states,ticks,filed,entries}'::text[]) v;
SELECT cmp_ok((SELECT count(*) FROM states WHERE name LIKE 'all%'), '>', 20::bigint, 'there are states');
SELECT cmp_ok((SELECT count(*) FROM filed WHERE name LIKE 'all%'), '>', 30::bigint, 'and incidents');
SELECT is((SELECT s.value FROM states s
    WHERE s.name = 'all ' || lpad((SELECT no FROM asked WHERE condition = '> 50' AND extra = '{"per": ["k"], "min_samples": 4, "no_data": "breach"}')::text, 2,
    '0')
              AND s.labels = '{"k": "k1"}' AND s.kind = 'breach'),
    (SELECT avg(v) FROM e WHERE k = 'k1' AND at >= public.at(6) AND at < public.at(8)), 'a value by plain SQL');
-- evaluate = replay = test_threshold.
SELECT is_empty($$SELECT r.* FROM (SELECT t.name, x.tick, x.labels, x.transition FROM tally.thresholds t,
    LATERAL tally.replay(t.name, public.at(1)::text, public.at(8)::text) x
      WHERE t.name LIKE 'all%' AND x.transition IN ('fired', 'recovered')) r
    WHERE NOT EXISTS (SELECT FROM tally.incidents i JOIN tally.incident_events e ON e.incident_id = i.id WHERE i.threshold = r.name AND i.kind = 'breach'
        AND i.labels = r.labels AND e.at = r.tick
        AND e.event = ANY (CASE r.transition WHEN 'fired' THEN '{opened,refired,reopened}' ELSE '{recovered}' END::text[]))$$,
            'a replay fires and recovers as the evaluation did');
SELECT is_empty($$SELECT t.name, x.state FROM tally.thresholds t JOIN tally.threshold_states s ON s.threshold_id = t.id AND s.kind = 'breach', LATERAL
      tally.test_threshold(t.name, jsonb_build_array(jsonb_build_object('value', s.value, 'samples', s.samples))) x
    WHERE t.name LIKE 'all%' AND t.rule #>> '{condition,kind}' = 'compare' AND s.verdict <> x.verdict AND s.verdict IN ('ok', 'breach')$$,
        'and a sample is judged as test_threshold judges it');

-- One statement serves many.
SELECT tally.enable_threshold(name, false) FROM tally.thresholds;
SELECT count(tally.create_threshold('many ' || i, 'm', '> ' || i, every => '30 minutes', per => CASE WHEN i > 40 THEN '{k}' ELSE '{}' END::text[]))
    FROM generate_series(1, 50) i;
CREATE FUNCTION public.reads(tick timestamptz) RETURNS bigint LANGUAGE plpgsql SET track_functions = 'all' AS $$
DECLARE
    had bigint := COALESCE(pg_stat_get_xact_function_calls('tally_internal._observe'::regproc), 0);
BEGIN
    PERFORM tally.evaluate(tick);
    RETURN COALESCE(pg_stat_get_xact_function_calls('tally_internal._observe'::regproc), 0) - had;
END $$;
SELECT is(public.reads(public.at(20)), 2::bigint, '50 thresholds of two scopes are two statements');
SELECT is((SELECT count(*) FROM ticks WHERE name LIKE 'many%' AND tick = public.at(20) AND sqlstate IS NULL), 50::bigint, 'and 50 evaluations');
-- A definition that is broken beside its query stops only itself.
ALTER TABLE tally.thresholds DISABLE TRIGGER USER;
UPDATE tally.thresholds SET rule = '{"condition": {"kind": "none"}}' WHERE name = 'many 7';
ALTER TABLE tally.thresholds ENABLE TRIGGER USER;
SELECT is(public.reads(public.at(21)), 2::bigint, 'one that is broken behind its statement takes none of its own');
SELECT bag_eq($$SELECT name, sqlstate FROM ticks WHERE tick = public.at(21) AND sqlstate IS NOT NULL$$, $$VALUES ('many 7', '22023')$$, 'it fails alone');
-- What fails serves nobody: each is evaluated alone, and says itself what is wrong.
ALTER TABLE r RENAME COLUMN s TO gone;
SELECT is(public.reads(public.at(22)), 50::bigint, 'a statement that fails is not shared');
SELECT is((SELECT count(*) FROM ticks WHERE tick = public.at(22) AND sqlstate IS NOT NULL), 50::bigint, 'each has its own error');
ALTER TABLE r RENAME COLUMN gone TO s;
SELECT is(public.reads(public.at(23)), 2::bigint, 'and then it is shared again');
-- Another owner reads with its own rights.
\if :hosted
SELECT skip('thresholds are the installing role''s', 3);
\else
CREATE ROLE tally_sharer ROLE CURRENT_USER;
GRANT SELECT ON r, r_live TO tally_sharer;
SET ROLE tally_sharer;
SELECT tally.create_threshold('of another', 'm', '> 1', every => '30 minutes');
RESET ROLE;
SELECT is(public.reads(public.at(24)), 3::bigint, 'the threshold of another role has a statement of its own');
REVOKE SELECT ON r, r_live FROM tally_sharer;
SELECT is(public.reads(public.at(25)), 3::bigint, 'also when it may not read any more');
SELECT bag_eq($$SELECT name, sqlstate FROM ticks WHERE tick = public.at(25) AND name <> 'many 7' AND sqlstate IS NOT NULL$$,
    $$VALUES ('of another', '42501')$$, 'it sees nothing of what the others read');
SELECT tally.drop_threshold('of another');
DROP OWNED BY tally_sharer;
DROP ROLE tally_sharer;
\endif
SELECT * FROM finish();
