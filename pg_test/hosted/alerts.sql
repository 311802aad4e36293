-- Asked of both kernels by pg_test/hosted/agree.sh: conditions, the alert state machine and cron schedules.
-- answers: 1800

\ir told.psql
-- Numbers as numbers: 5 and 5.0 are one.
CREATE FUNCTION pg_temp.plain(answer text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT string_agg(e.key || '=' || CASE jsonb_typeof(e.value) WHEN 'number' THEN round((e.value #>> '{}')::numeric, 9)::float8::text
                              ELSE e.value::text END, ' ' ORDER BY e.key) FROM jsonb_each(answer::jsonb) e);
EXCEPTION WHEN OTHERS THEN
    RETURN answer;
END $$;
CREATE TEMP TABLE conditions AS SELECT * FROM unnest(ARRAY['> 2500', '>2500', '>= 0.25', '< -3', '<= 1e3', '= 0.250', '!= 7', '<> 7',
    '> 1.5 x baseline of 7 days',
    '> 1.5 x baseline', '< 0.5 X BASELINE of 2 hours', '< -20% vs 7 days', '> 5% vs 1 day', '> 5 per 1 hour', '< -1 per 10 minutes', 'z > 4 over 8 weeks',
        'z > 3',
    'poisson < 0.001 over 8 weeks', 'poisson < 0.05', 'absent', 'burn rate 99.9% over 30 days', 'burn rate 0.99', 'burn rate 99.95% min 10 bad over 28 days',
    'burn rate 99% over 7 days 5% in 2 hours and 10 minutes 50% in 7 days and 1 hour min 2 bad', 'burn rate 98% 2.5% in 30 minutes and 90 seconds',
    'week over week > 10%', '  >   3  ']) c;
CREATE TEMP TABLE no_conditions AS SELECT * FROM unnest(ARRAY['', 'x', '>', '> x', '> 1 2', '> 1 x base', '> 0 x baseline', '> 1 vs 7 days', '> 5% vs 7',
    '> 5% vs 7 months',
    '> 5 per 0 hours', '> 5 per 4000 days', 'z < 3', 'z > -1', 'z > 3 over 1 weeks', 'z > 3 for 8 weeks', 'poisson > 0.1', 'poisson < 2', 'burn rate',
    'burn rate 100%', 'burn rate 99% over', 'burn rate 99% min -1 bad', 'burn rate 99% 2 in 1 hour and 5 minutes',
    'burn rate 99% 0% in 1 hour and 5 minutes',
    'burn rate 99% 101% in 1 hour and 5 minutes', 'burn rate 99% 2% in 5 minutes and 5 minutes', 'burn rate 99% 2% in 1 hour and 1.5 seconds',
    'burn rate 99% 2% in 1 hour', 'burn rate 99% over 1 hour 2% in 2 hours and 5 minutes',
    '=> 3', '> NaN', '> inf', '> 1e999', '> 5.', '> .5', '> 1_000', 'absent 3',
        'week over week 3']) c;
SELECT 'condition', c, pg_temp.plain(pg_temp.told(format('SELECT tally.parse_condition(%L)', c))) FROM conditions ORDER BY 2;
SELECT 'no condition', c, pg_temp.plain(pg_temp.told(format('SELECT tally.parse_condition(%L)', c))) FROM no_conditions ORDER BY 2;
SELECT 'windows', c, tally.condition_windows(tally.parse_condition(c)), (tally.condition_limit(tally.parse_condition(c)) #>> '{}')::float8 FROM conditions
    ORDER BY 2;
CREATE TEMP TABLE samples AS SELECT * FROM unnest(ARRAY['{"value": 3}',
    '{"value": 2500.1, "samples": 4, "history": [1500, 1400, 1600, 1500, null, 1450, 1700, 1500]}',
    '{"value": 0.25, "samples": 100, "history": [0.25]}', '{"value": null}', '{"value": "Infinity", "history": [3, 3, 4]}', '{"value": "NaN"}',
        '{"error": true}',
    '{"missing": true}', '{"value": -5, "width": 3600, "history": [10, 20, 30]}', '{"value": 40, "width": 600, "history": [10, 12, 11, 9, 10, 10, 11, 12]}',
    '{"value": 7, "history": [0]}', '{"samples": 0}', '{"value": 0.02, "samples": 1000, "history": [0.02, 0.03, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01],
      "history_samples": [1000, 100, 6000, 600, 9000, 900, 90000, 9000]}', '{"value": 3, "samples": 3, "history": "x"}']) s;
SELECT 'step', c, n, s.s, pg_temp.plain(pg_temp.told(format('SELECT tally.alert_step(NULL, %L, %L, %L)', s.s,
        jsonb_build_object('condition', tally.parse_condition(c), 'min_samples', 2, 'for', 60), '2026-01-31 12:00+00')))
  FROM conditions, samples s(s), LATERAL (SELECT md5(s.s)) m(n) WHERE s.s !~ '"x"' ORDER BY 2, 3;
-- A long way through the machine, under each policy and with a recovery condition.
WITH RECURSIVE run(rule, n, state) AS (
    SELECT r, 0, NULL::jsonb FROM unnest(ARRAY['{"condition": {"kind": "compare", "op": ">", "limit": 10, "decimals": 0}, "for": 300, "keep_firing_for": 600}',
        '{"condition": {"kind": "compare", "op": ">", "limit": 10, "decimals": 0}, "recovery": {"kind": "compare", "op": "<", "limit": 5, "decimals": 0}}',
        '{"condition": {"kind": "compare", "op": ">", "limit": 10, "decimals": 0}, "no_data": "breach", "on_error": "ok", "for": 60}',
        '{"condition": {"kind": "compare", "op": ">", "limit": 10, "decimals": 0},
            "no_data": "ok", "on_error": "breach", "for": 120, "keep_firing_for": 60}']::jsonb[]) r
    UNION ALL
    SELECT rule, n + 1, tally.alert_step(state, CASE (n * n * 7 + n / 3) % 11 WHEN 0 THEN '{"value": null}' WHEN 1 THEN '{"error": true}'
        WHEN 2 THEN '{"missing": true}'
            WHEN 3 THEN '{"value": 3}' WHEN 4 THEN '{"value": 7}' WHEN 5 THEN '{"value": 3}' ELSE '{"value": 12}' END::jsonb, rule,
            timestamptz '2026-01-01 00:00+00' + CASE WHEN n % 17 = 0 THEN n - 2 ELSE n END * interval '61.5 seconds')
      FROM run WHERE n < 150
)
SELECT 'run', rule ->> 'for', n, pg_temp.plain(state::text) FROM run ORDER BY rule::text, n;
SELECT 'no step', a, pg_temp.told(a) ~ '^22023' FROM unnest(ARRAY['SELECT tally.alert_step(NULL, ''{}'', ''{}'', now())',
    'SELECT tally.alert_step(NULL, ''{"value": 1}'', ''{"condition": {"kind": "absent"}}'', NULL)',
    'SELECT tally.alert_step(NULL, ''{"value": 1}'', ''{"condition": {"kind": "absent"}}'', ''infinity'')']) a;
SELECT 'schedule', s, at, b, tally.schedule_before(s, at, b)
  FROM unnest(ARRAY['* * * * *', '*/5 * * * *', '17 3 * * *', '0 0 29 2 *', '0 0 $ * *', '30 6 1,15 * mon', '0 9-17/2 * * 1-5', '0 12 * jan,jul *',
      '@hourly', '@daily',
        '@weekly', '@monthly', '@yearly', '30 seconds', '7 seconds', '5 4 * * 7', '0 0 31 * *', '59 23 $ 2 *', '1-10/3 0 1 1 0']) s,
       unnest('{2026-01-31 12:00+00,2024-02-29 00:00+00,2023-12-31 23:59:59+00,1999-06-15 06:30:10.5+00}'::timestamptz[]) at, unnest('{1,2,5,40}'::int[]) b
 ORDER BY 2, 3, 4;
SELECT 'no schedule', s, pg_temp.told(format('SELECT tally.schedule_before(%L, now())', s)) FROM unnest(ARRAY['', 'x', '* * * *', '60 * * * *', '* 24 * * *',
    '* * 32 * *', '* * 0 * *', '* * * 13 *', '* * * * 8', '5-1 * * * *', '*/0 * * * *', '1,,2 * * * *', '* * * foo *', '0 seconds', '60 seconds', '05 seconds',
    '0 0 30 2 *', '100 * * * *', '*-3 * * * *', '@never']) s ORDER BY 2;
SELECT 'breaches', v, o, t, tally.breaches(v, o, t) FROM unnest('{1,99.6,100,100.4,-3,0.25,Infinity,NaN,0.1}'::float8[]) v,
    unnest('{>,>=,<,<=,=,!=,<>}'::text[]) o,
    unnest('{100,100.5,0.25,-3,Infinity,1e20,0.3}'::float8[]) t ORDER BY 2, 3, 4;
SELECT 'picture', tally.sparkline(ARRAY[1, 5, NULL, 3, 8, 'NaN', 2.5]), tally.sparkline('{3,3}'), tally.sparkline('{}'), tally.bar(0.37, 20), tally.bar(-1, 5),
    tally.bar(2, 5), tally.bar(3, 7, 10), tally.bar(0, 0, 5), tally.bar(1, 0, 5);
SELECT 'pseudonym', v, tally.pseudonym(v, 'key'), tally.pseudonym_uuid(v, 'a key that is much longer than a block of the hash function, which has 64 bytes')
  FROM unnest('{"",anna,Ümläut}'::text[]) v;
SELECT 'text', tally_internal._float_text(f), tally_internal._float_text(f::float4) FROM unnest('{0,-0,1.5,1e300,123456789.123,NaN,Infinity,0.1}'::float8[]) f
 WHERE abs(f) < 1e30 OR f = 'NaN';
SELECT 'jsonb', tally_internal._jsonb_text('{"a": [1.500, 2.0, "1.50", {"b": 1e3, "c": -0.10}], "d": null, "e": 10.00}');
