-- Owns: releases of experiments. A viewer gets the shares of arms from published numbers; small arms, small shares and shares of all but a few are hidden
-- with what would give them away. What is expected is counted in plain SQL over exposures and purchases.
SELECT no_plan();
\ir prelude.psql
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
CREATE TABLE app.shown (unit text, arm text, country text, at timestamptz NOT NULL);
CREATE TABLE app.bought (unit text, at timestamptz NOT NULL, amount float8);
CREATE INDEX ON app.shown (unit);
CREATE INDEX ON app.bought (unit);
-- Units of each arm and country, and how many of them bought. Secret: of new in NL all but three bought; in SE two units saw new.
CREATE TABLE app.truth (arm text, country text, units int, bought int);
INSERT INTO app.truth VALUES ('control', 'DE', 400, 100), ('control', 'NL', 200, 60), ('control', 'SE', 150, 30), ('new', 'DE', 400, 140),
    ('new', 'NL', 200, 197), ('new', 'SE', 2, 1);
INSERT INTO app.shown SELECT format('%s %s %s', arm, country, i), arm, country, timestamptz '2026-03-02 09:00Z' + i * interval '1 hour'
  FROM app.truth, generate_series(1, units) i;
INSERT INTO app.bought SELECT format('%s %s %s', arm, country, i), timestamptz '2026-03-02 10:00Z' + i * interval '1 hour', 5
  FROM app.truth, generate_series(1, bought) i;
-- Seen in both arms: left out. Exposed after the end: left out. Bought after the window: not bought.
INSERT INTO app.shown SELECT 'both ' || i, arm, 'DE', '2026-03-03 09:00Z' FROM generate_series(1, 20) i, unnest('{control,new}'::text[]) arm;
INSERT INTO app.shown SELECT 'late ' || i, 'new', 'DE', '2026-04-01 09:00Z' FROM generate_series(1, 20) i;
INSERT INTO app.bought SELECT format('control DE %s', i), '2026-04-10 09:00Z', 5 FROM generate_series(300, 400) i;
SELECT tally.create_experiment_metric('buys', 'app.bought', kind => 'proportion', expression => 'amount > 0', unit => 'unit');
SELECT tally.create_experiment_metric('spends', 'app.bought', expression => 'amount', unit => 'unit');
SELECT tally.create_experiment('button', 'app.shown', unit => 'unit', arms => '{"control": 1, "new": 1}', metrics => '{buys,spends}', dimensions =>
    '["country"]', "window" => '2 days', covariate_days => 0, starts => '2026-03-02', ends => '2026-03-22', with_data => true);
SELECT tally.create_experiment('endless', 'app.shown', unit => 'unit', arms => '{"control": 1, "new": 1}', metrics => '{buys}', dimensions =>
    '["country"]', "window" => '2 days', covariate_days => 0, with_data => true);
-- Who bought twice has bought: of 300 units 200 bought, and all of them but four bought twice.
CREATE TABLE app.seen_twice (LIKE app.shown);
CREATE TABLE app.bought_twice (LIKE app.bought);
CREATE INDEX ON app.seen_twice (unit);
CREATE INDEX ON app.bought_twice (unit);
INSERT INTO app.seen_twice SELECT arm || i, arm, 'DE', timestamptz '2026-03-02 09:00Z' + i * interval '1 hour'
  FROM unnest('{control,new}'::text[]) arm, generate_series(1, 300) i;
INSERT INTO app.bought_twice SELECT arm || i, timestamptz '2026-03-02 10:00Z' + i * interval '1 hour', j
  FROM (VALUES ('control', 1, 150), ('control', 2, 120), ('new', 1, 200), ('new', 2, 196)) v(arm, j, n), generate_series(1, n) i;
SELECT tally.create_experiment_metric('buys once', 'app.bought_twice', kind => 'proportion', expression => 'amount = 1', unit => 'unit');
SELECT tally.create_experiment_metric('buys twice', 'app.bought_twice', kind => 'proportion', expression => 'amount = 2', unit => 'unit');
SELECT tally.create_experiment('two', 'app.seen_twice', unit => 'unit', arms => '{"control": 1, "new": 1}', metrics => '{buys once,buys twice}',
    "window" => '2 days', covariate_days => 0, ends => '2026-03-22', with_data => true);
SELECT tally.create_metric('units seen', (SELECT r.name FROM tally.rollups r JOIN tally.experiments e ON e.arrivals = r.id WHERE e.name = 'button'), 'units');
\ir ../message_of.psql
CREATE TEMP TABLE said AS SELECT q.what, q.wanted, m.* FROM (VALUES
    ('a mean', $$SELECT tally.create_experiment_release('app.x', 'button', metrics => '{spends}')$$, '0A000'),
    ('no end', $$SELECT tally.create_experiment_release('app.x', 'endless')$$, '55000'),
    ('no such dimension', $$SELECT tally.create_experiment_release('app.x', 'button', by => '{city}')$$, '42703'),
    ('no such metric', $$SELECT tally.create_experiment_release('app.x', 'button', metrics => '{clicks}')$$, '42704'),
    ('k of one', $$SELECT tally.create_experiment_release('app.x', 'button', k => 1)$$, '22023'),
    ('a release of its rollup by hand', $$SELECT tally.create_release('app.x', r.name, '{arm}', people => 'units')
        FROM tally.rollups r JOIN tally.experiments e ON e.arrivals = r.id WHERE e.name = 'button'$$, '42703')) q(what, query, wanted), message_of(q.query) m;
SELECT is(state, wanted, 'refused: ' || what) FROM said;
SELECT ok(message <> '' AND detail <> '' AND hint <> '', 'in four parts: ' || what) FROM said;
SELECT is(tally.create_experiment_release('button_released', 'button', by => '{country}')::text, 'button_released', 'a release');
SELECT is(tally.create_experiment_release('button_released', 'button', by => '{country}')::text, 'button_released', 'the same again');
GRANT SELECT ON button_released TO tally_reader;
-- The same events in another release, and the units beside the same exposures.
SELECT tally.create_rollup('sales', 'app.bought', 'at', '1 day', measures => '{"people": "tally.hll(unit)", "n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('views', 'app.shown', 'at', '1 day', measures => '{"people": "tally.hll(unit)", "n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('of_units', (SELECT r.relation FROM tally.rollups r JOIN tally.experiment_cells c ON c.unit_values = r.id JOIN tally.experiments e
    ON e.id = c.experiment_id WHERE e.name = 'endless'), 'first_at', '1 day', dimensions => '["arm"]', measures => '{"people": "tally.hll(unit)"}',
    with_data => true);
SELECT is(ARRAY[m.state, m.message], ARRAY['42710', format('release ''x'' would show the rows of %s once more', t)],
    'bug: two releases of one experiment''s rows, by ' || r)
  FROM (VALUES ('sales', 'app.bought'), ('views', 'app.shown'), ('of_units', 'app.shown, app.bought')) v(r, t),
       message_of(format('SELECT tally.create_release(''app.x'', %L, ''{}'')', r)) m;
SELECT is((SELECT count(*) FROM tally.refresh_release('button_released', as_of => '2026-03-24 23:59Z')), 0::bigint, 'nothing before the last window is past');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SELECT is((evil.parts($$SELECT * FROM tally.experiment_report('button')$$))[1:2], ARRAY['42501',
    'role tally_reader may see what is released, and release ''button_released'' does not answer for experiment ''button'' yet'], 'nor an answer');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT results_eq($$SELECT bucket, state, reason FROM tally.refresh_release('button_released', as_of => '2026-03-25 01:00Z')$$,
    $$VALUES (timestamptz '2026-03-02 00:00Z', 'released', NULL::text)$$, 'published');
SELECT results_eq($$SELECT proved, problem FROM tally.check_release('button_released')$$, $$VALUES (true, NULL::text)$$, 'and proved');
-- All sums of units by arm, country and share, counted by hand from the table of truths.
CREATE TEMP TABLE cell AS SELECT arm, country, buys, sum(n)::bigint AS units
  FROM (SELECT arm, country, 'true' AS buys, bought AS n FROM app.truth UNION ALL SELECT arm, country, 'false', units - bought FROM app.truth) t WHERE n > 0
 GROUP BY CUBE (arm, country, buys);
SELECT is_empty($$SELECT c, s FROM cell c FULL JOIN button_released s ON concat_ws('/', s.arm, '-', s.country, '-', s.buys)
        = concat_ws('/', c.arm, '-', c.country, '-', c.buys)
    WHERE c.units IS NULL OR s.bucket IS NULL OR NOT s.hidden AND s.units <> c.units OR s.hidden AND NOT c.units BETWEEN s.units_low AND s.units_high
       OR c.units < 10 AND NOT s.hidden$$, 'each cell is there, with its units or between its ends, and no small one shows');
SELECT results_eq($$SELECT hidden FROM button_released WHERE arm = 'new' AND country = 'NL' AND buys = 'true'$$, 'VALUES (true)',
    'all but three bought: hidden');
SELECT is((SELECT count(*) FROM button_released WHERE arm = 'new' AND country = 'SE' AND NOT hidden), 0::bigint, 'two units: hidden');
-- Shares that one follows from the other: the four are a cell.
SELECT tally.create_experiment_release('two_released', 'two');
GRANT SELECT ON two_released TO tally_reader;
SELECT results_eq($$SELECT bucket, state FROM tally.refresh_release('two_released', as_of => '2026-03-25 01:00Z')$$,
    $$VALUES (timestamptz '2026-03-02 00:00Z', 'released')$$, 'an experiment without a start is published from its first unit on');
SELECT results_eq($$SELECT proved, problem FROM tally.check_release('two_released')$$, $$VALUES (true, NULL::text)$$, 'and proved');
CREATE VIEW app.shares AS SELECT arm, units, concat_ws(' and ', 'once ' || "buys once", 'twice ' || "buys twice") AS what, hidden FROM two_released;
GRANT SELECT ON app.shares TO tally_reader;
SELECT results_eq($$SELECT units, what, hidden FROM app.shares WHERE arm = 'new' AND what IN ('', 'once true and twice false') ORDER BY what$$,
    $$VALUES (300::bigint, '', false), (NULL, 'once true and twice false', true)$$, 'the four who bought once alone are a cell, which is hidden');
SELECT cmp_ok((SELECT count(*) FROM app.shares WHERE arm = 'new' AND NOT hidden AND what IN ('once true', 'twice true')), '<', 2::bigint,
    'of 200 who bought and 196 who bought twice one is hidden at least');
-- The naive way out: shares per arm and country, with HAVING.
CREATE VIEW app.naive_shares AS SELECT arm, country, sum(n) AS units FROM (SELECT arm, country, units AS n FROM app.truth) t GROUP BY CUBE (arm, country)
    HAVING sum(n) >= 10;
GRANT SELECT ON app.naive_shares TO tally_reader;

RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SET client_min_messages = error;
SET search_path = evil, public;
SELECT is(evil.guess($$SELECT (SELECT units FROM app.naive_shares WHERE arm = 'new' AND country IS NULL)
    - (SELECT sum(units) FROM app.naive_shares WHERE arm = 'new' AND country IS NOT NULL)$$), 2::bigint, 'a view with HAVING gives the two away');
-- Every sum of two or three published cells of one line less another: none is the secret, and none is a number below ten.
SELECT is_empty($$WITH c AS (SELECT cell, units, ARRAY[arm, country, buys] AS d FROM app.button_released WHERE NOT hidden)
    SELECT t.cell, p.cell FROM c t JOIN c p ON t.cell <> p.cell AND t.units - p.units BETWEEN 1 AND 9
       AND NOT EXISTS (SELECT FROM generate_series(1, 3) i WHERE t.d[i] IS NOT NULL AND t.d[i] IS DISTINCT FROM p.d[i])$$,
    'no total less a part of it is small');
SELECT is((SELECT count(*) FROM tally.experiment_report('two') WHERE arm = 'new' AND units IS NOT NULL), (SELECT count(*) FROM app.shares
    WHERE arm = 'new' AND NOT hidden AND what IN ('once true', 'twice true')), 'the report shows as many shares');
CREATE TEMP TABLE whole AS SELECT * FROM tally.experiment_report('button');
CREATE TEMP TABLE parts AS SELECT * FROM tally.experiment_report('button', by => '{country}');
-- 750 and 602 units saw the arms; 190 and 338 bought.
SELECT results_eq('SELECT metric, arm, units, round(value::numeric, 9) FROM whole', $$VALUES ('buys', 'control', 750::bigint, round(190 / 750.0, 9)),
        ('buys', 'new', 602, round(338 / 602.0, 9))$$,
    'the report of the whole is that of plain SQL, with shares alone');
SELECT is((SELECT (lift, low, high, p) FROM whole WHERE arm = 'new'), (SELECT (x.effect, x.low, x.high, x.p)
    FROM tally.compare_proportions(190, 750, 338, 602, true, 0.05, 5000) x), 'its lift, interval and p');
SELECT is((SELECT badge FROM whole WHERE arm = 'new'), 'invalid_srm', 'the split is tested: 750 to 602 is no even one');
SELECT results_eq($$SELECT labels ->> 'country', arm, units, reason FROM parts WHERE arm = 'new' AND labels ->> 'country' IN ('NL', 'SE') ORDER BY 1$$,
    $$VALUES ('NL', 'new', NULL::bigint, 'hidden'), ('SE', 'new', NULL, 'hidden')$$, 'of hidden cells there is no number');
SELECT is_empty($$SELECT * FROM parts WHERE reason = 'hidden' AND num_nonnulls(value, lift, low, high, p, adjusted_p, badge, method) > 0$$,
    'nor one derived from them');
SELECT is_empty($$SELECT p FROM parts p WHERE units IS NOT NULL AND NOT EXISTS (SELECT FROM app.button_released t JOIN app.button_released y
    ON y.arm = t.arm AND y.country = t.country AND y.buys = 'true' WHERE t.arm = p.arm AND t.country = p.labels ->> 'country' AND t.buys IS NULL
       AND t.units = p.units AND y.units::float8 / t.units = p.value)$$, 'what is there follows from the table that the reader reads');
SELECT is(evil.parts(q), NULL, 'an answer: ' || q) FROM unnest(ARRAY['SELECT * FROM tally.experiment_summary(''button'')',
    'SELECT tally.experiment_json(''button'')', 'SELECT tally.experiment_csv(''button'')', 'SELECT tally.page_experiments()']) q;
SELECT is((evil.parts(q))[1], '42501', 'refused: ' || q) FROM unnest(ARRAY['SELECT * FROM tally.experiment_timeseries(''button'')',
    'SELECT * FROM tally.experiment_health(''button'')', 'SELECT * FROM tally.experiment_report(''endless'')',
    'SELECT * FROM tally.experiment_report(''button'', as_of => ''2026-03-10'')', 'SELECT * FROM app.button_report',
    'SELECT tally.metric_value(''units seen'', ''2026-03-02'', ''2026-03-30'')', 'SELECT tally.released(''button_released'', by => ''{hour}'')']) q;
SELECT is((SELECT string_agg(metric || arm || COALESCE(units::text, '-') || COALESCE(value::text, '-'), ' ' ORDER BY metric, arm)
             FROM tally.experiment_report('button', matured => false, k => 1)),
          (SELECT string_agg(metric || arm || COALESCE(units::text, '-') || COALESCE(value::text, '-'), ' ' ORDER BY metric, arm) FROM whole),
    'k and matured of a reader change nothing');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
-- Late rows.
INSERT INTO app.shown SELECT 'tardy ' || i, 'new', 'SE', '2026-03-05 09:00Z' FROM generate_series(1, 7) i;
SELECT is((SELECT count(*) FROM tally.refresh_release('button_released', as_of => '2026-06-01')), 0::bigint, 'published once');
SELECT is((SELECT units FROM tally.experiment_report('button', as_of => '2026-06-01') WHERE metric = 'buys' AND arm = 'new'), 609::bigint,
    'the owner sees late rows');
ALTER VIEW app.button_report SET (security_invoker = true);
GRANT SELECT ON app.button_report TO tally_reader;
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_reader;
SELECT is((SELECT units FROM app.button_report WHERE arm = 'new'), 602::bigint, 'the reader does not, by the flat view neither');
RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION tally_owner;
SET client_min_messages = error;
SET search_path = app, public;
SELECT lives_ok(statement, 'definitions() has its statement, which changes nothing') FROM tally.definitions()
 WHERE kind = 'release' AND name = 'button_released';
SELECT is((SELECT count(*) FROM tally.releases WHERE name = 'button_released'), 1::bigint, 'there is one of it');
DROP VIEW app.shares;
SELECT tally.drop_release('button_released');
SELECT is(ARRAY[m.state, m.message], ARRAY['42710', 'release ''again'' would show rows of 2026-03-02 00:00:00+00 to 2026-03-25 00:00:00+00 once more'],
    'never again') FROM message_of($$SELECT tally.create_experiment_release('app.again', 'button')$$) m;
SELECT tally.drop_experiment(e) FROM unnest('{button,endless,two}'::text[]) e;
\ir epilogue.psql
SELECT * FROM finish();
