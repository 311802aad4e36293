-- The generator's truth is what its tables hold, and what the report finds within its intervals.
SELECT no_plan();
SELECT lives_ok($$SELECT tally.generate_experiment('shop', units => 6000, effect => 0.05, spread => 0.3, correlation => 0.8, twice => 0.02, late => 0.1,
    seed => 5)$$, 'generated');
SELECT ok(abs(count(DISTINCT unit) - 6000) = 0 AND abs(avg((arm = 'new')::int) - 0.5) < 0.03, 'units and split') FROM shop_exposures;
SELECT ok(abs(count(*) FILTER (WHERE n = 2) / 6000.0 - 0.02) < 0.006, 'units in two arms')
    FROM (SELECT unit, count(DISTINCT arm) AS n FROM shop_exposures GROUP BY 1) x;
SELECT ok(abs((SELECT count(*) FROM shop_late) / 12000.0 - 0.1) < 0.01, 'late rows wait');
SELECT tally.create_experiment_metric('revenue', 'shop_events', expression => 'amount');
SELECT tally.create_experiment('shop', 'shop_exposures', 'unit', '{"control": 1, "new": 1}', '{revenue}', starts => '2026-01-05', ends => '2026-01-20',
    planned_units => 6000);
INSERT INTO shop_events SELECT * FROM shop_late;
SELECT ok(abs(avg(y) - 10) < 0.2 AND abs(var_samp(y) - 9) < 0.7 AND abs(corr(y, x) - 0.8) < 0.02, 'mean, variance and correlation of the control')
  FROM (SELECT e.unit, sum(v.amount) FILTER (WHERE v.at >= e.at) AS y, sum(v.amount) FILTER (WHERE v.at < e.at) AS x
          FROM (SELECT unit, min(at) AS at FROM shop_exposures GROUP BY unit HAVING min(arm) = 'control' AND max(arm) = 'control') e
              JOIN shop_events v ON v.unit = e.unit GROUP BY 1) u;
SELECT tally.refresh();
SELECT ok(low < 0.05 AND high > 0.05 AND lift > 0.03, format('the report finds the lift of 5 %%: %s (%s to %s)', lift, low, high))
    FROM tally.experiment_report('shop', '2026-03-01Z') WHERE arm = 'new';
SELECT is(badge, 'win', 'and says so') FROM tally.experiment_report('shop', '2026-03-01Z') WHERE arm = 'new';
SELECT ok(r.high - r.low < 0.75 * (w.high - w.low), 'CUPED narrows the interval') FROM tally.experiment_report('shop', '2026-03-01Z') r,
       LATERAL (SELECT (tally.compare_means(tally.stats(y) FILTER (WHERE arm = 'control'), tally.stats(y) FILTER (WHERE arm = 'new'), true)).*
                  FROM (SELECT e.arm, sum(v.amount) FILTER (WHERE v.at >= e.at) AS y
                      FROM (SELECT unit, min(arm) AS arm, min(at) AS at FROM shop_exposures GROUP BY unit HAVING min(arm) = max(arm)) e
                          JOIN shop_events v ON v.unit = e.unit GROUP BY e.unit, e.arm) u) w WHERE r.arm = 'new';
SELECT lives_ok($$SELECT tally.generate_experiment('aa', units => 4000, effect => 0, missing => 0.2, seed => 9)$$, 'an A/A test with a wrong split');
SELECT tally.create_experiment_metric('aa', 'aa_events', expression => 'amount');
SELECT tally.create_experiment('aa', 'aa_exposures', 'unit', '{"control": 1, "new": 1}', '{aa}');
SELECT is(badge, 'invalid_srm', 'is found out') FROM tally.experiment_report('aa', '2026-03-01Z') WHERE arm = 'new';
SELECT throws_like($$SELECT tally.generate_experiment('bad', correlation => 2)$$, '%a correlation of -1 to 1%', 'no such correlation');
SELECT is(to_regclass('bad_events'), NULL, 'nothing half-made');
-- A product manager saw an interval without 0 beside "no clear difference", and no word of why.
SELECT lives_ok($$SELECT tally.generate_experiment('calm', units => 4000, effect => 0.04, spread => 0.3, correlation => 0.8, twice => 0.005, late => 0.05,
    seed => 11)$$, 'an effect that is just seen');
SELECT tally.create_experiment_metric('calm ' || i, 'calm_events', expression => 'amount', description => 'twin ' || i) FROM generate_series(1, 2) i;
SELECT tally.create_experiment('calm_' || c, 'calm_exposures', 'unit', '{"control": 1, "new": 1}', '{calm 1,calm 2}', starts => '2026-01-05',
    ends => '2026-01-19', correction => c) FROM unnest('{holm,none}'::text[]) c;
SELECT bag_eq($$SELECT e, r.low > 0 AND r.p < 0.05 AND r.p > 0.025 AS apart, r.badge, s.verdict FROM unnest('{holm,none}'::text[]) e,
        tally.experiment_report('calm_' || e, '2026-03-01Z') r, tally.experiment_summary('calm_' || e, '2026-03-01Z') s
     WHERE s.metric = r.metric AND s.arm = r.arm AND r.arm = 'new'$$,
    $$SELECT c.* FROM (VALUES ('holm', true, 'not_significant', 'no clear difference: one of so many comparisons may look so by chance'),
        ('none', true, 'win', 'better')) c(correction, apart, badge, verdict), generate_series(1, 2)$$, 'the verdict says that several questions were asked');
UPDATE calm_exposures SET at = at + CASE WHEN unit <= 3 THEN interval '-30 days' ELSE interval '60 days' END WHERE unit <= 5;
SELECT is(h.message, '5 units were first exposed outside its days and are left out: 3 too early, 2 late', 'health tells early exposures from late ones')
    FROM tally.experiment_health('calm_holm', '2026-06-01Z') h WHERE h."check" = 'exposures_outside';
SELECT bag_eq($$SELECT v, tally_internal._figure(v) FROM unnest('{0,13.8,-12,29531.09,-1234567.5,999.5,0.03554,0.5,-0.000123456,1e-9,2e20}'::float8[]) v$$,
    $$VALUES (0::float8, '0'), (13.8, '13.80'), (-12, '-12'), (29531.09, '29,531'), (-1234567.5, '-1,234,568'), (999.5, '999.50'), (0.03554, '0.03554'),
             (0.5, '0.5000'), (-0.000123456, '-0.0001235'), (1e-9, '1e-09'), (2e20, '2e+20')$$, 'numbers for people');
SELECT * FROM finish();
