-- Small functions: comparing, text pictures, pseudonyms, suppression and buckets.
SELECT no_plan();
SET client_min_messages = warning;

-- breaches
SELECT is(tally.breaches(a, op, b), expected, format('%s %s %s', a, op, b))
  FROM (VALUES (3.0, '>', 2.0, true), (2, '>', 2, false), (2, '>=', 2, true), (1, '<', 2, true), (2, '<=', 2, true), (99.6, '=', 100, true),
               (99.6, '=', 100.5, false), (0.0512, '=', 0.05, true), (0.056, '!=', 0.05, true), (5, '<>', 5, false), ('NaN', '>', 1, NULL),
                   (NULL, '>', 1, NULL)) v(a, op, b, expected);
SELECT throws_ok($$SELECT tally.breaches(1, '=>', 2)$$, '22023');

-- Text pictures
SELECT is(tally.sparkline(array_agg(i)), '▁▂▃▄▅▆▇█') FROM generate_series(1, 8) i;
SELECT is(tally.sparkline('{1,NULL,NaN,9}'), '▁  █');
SELECT is(tally.sparkline('{}'), '');
SELECT is(array[tally.bar(0.5, 10), tally.bar(3, 4, 10), tally.bar(-1, 4), tally.bar(9, 4), tally.bar(0, 0, 4)], array['█████', '███████▌', '', '████', NULL]);
SELECT throws_ok($$SELECT tally.bar(1, 1000000)$$, '22023');

-- Pseudonyms: RFC 4231, test case 2; and the same digits in the uuid but for its version and variant.
SELECT is(tally.pseudonym('what do ya want for nothing?', 'Jefe'), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
SELECT is(tally.pseudonym_uuid('what do ya want for nothing?', 'Jefe'), '5bdcc146-bf60-854e-aa04-2426089575c7');
SELECT throws_ok($$SELECT tally.pseudonym('ann', '')$$, '22023');

-- Suppression
SELECT is(tally.suppress_below(5, 9), NULL, 'under the default of 10');
SELECT is(tally.suppress_below(5, 10), 5, 'at the default');
SELECT is(tally.suppress_below(5.5::float8, 3, 3), 5.5::float8);
SELECT is(tally.suppress_below('{1,2}'::int[], 2, 3), NULL, 'an array');
SELECT is(tally.suppress_below(5, NULL::bigint), NULL, 'unknown people');
SELECT is(tally.suppress_below(0, 0, 10), 0, 'a zero of nobody is published');
SELECT is(tally.suppress_below(0.00, 0, 10), 0.00, 'in any type');
SELECT is(tally.suppress_below(5, 0, 10), NULL, 'but not what nobody known has done');
SELECT is(tally.suppress_below(0, 3, 10), NULL, 'nor the zero of three');
SELECT is(tally.suppress_below(0, tally.hll(i) FILTER (WHERE false), 10), NULL, 'without a sketch nothing is known') FROM generate_series(1, 3) i;
SELECT is(tally.suppress_below(tally.tdigest(i), 5)::text, NULL, 'a sketch') FROM generate_series(1, 3) i;
SELECT is(tally.suppress_below(1, tally.hll(i), 10), 1, 'exactly k people, counted by a sketch') FROM generate_series(1, 10) i;
SELECT is(tally.suppress_below(1, tally.hll(i), 11), NULL, 'one too few') FROM generate_series(1, 10) i;
SELECT is(tally.suppress_below(1, tally.hll(i), 200000), NULL, 'an estimate counts low') FROM generate_series(1, 200000) i;
SELECT is(tally.suppress_below(1, tally.hll(i), 190000), 1, 'but not much') FROM generate_series(1, 200000) i;

-- Buckets equal date_trunc and date_bin in every zone, across changes of clocks.
CREATE TABLE times AS
SELECT zone, t + interval '123.456 ms' AS t
  FROM unnest('{UTC,Europe/Berlin,America/New_York,Asia/Kolkata,America/Sao_Paulo,Australia/Lord_Howe,Pacific/Apia}'::text[]) zone,
       generate_series('1998-01-01 00:00+00'::timestamptz, '2026-12-31', '11 hours 17 min') t;
SELECT is((SELECT count(*) FROM times WHERE tally.bucket(w::interval, t, zone) <> date_trunc(f, t, zone)), 0::bigint, w || ' is date_trunc ' || f)
  FROM (VALUES ('1 day', 'day'), ('7 days', 'week'), ('1 month', 'month'), ('3 months', 'quarter'), ('1 year', 'year')) v(w, f);
SELECT is((SELECT count(*) FROM times WHERE tally.bucket('15 minutes', t, zone) <> date_bin('15 minutes', t, '2000-01-03 00:00+00')), 0::bigint,
    '15 minutes is date_bin');
SELECT is(tally.bucket('2 days', '2026-01-05 00:00+00', 'UTC', '2026-01-04 00:00+00'), '2026-01-04 00:00+00', 'days from an origin');
SELECT is(tally.bucket('3 months', '2026-01-05 00:00+00', 'UTC', '2026-02-04 00:00+00'), '2025-11-04 00:00+00', 'months from the origin''s day');
SELECT is(tally.bucket('10 years', '1999-12-05 00:00+00'), '1990-01-01 00:00+00', 'a decade');
SELECT is(tally.bucket('1 month', 'infinity'), 'infinity', 'no end');
SELECT is(tally.bucket(NULL, now()), NULL);
SELECT throws_ok(format($$SELECT tally.bucket(%L, now())$$, w), '22023') FROM unnest('{1 month 1 day,1 day 1 hour,0,-1 day}'::text[]) w;

SELECT * FROM finish();
