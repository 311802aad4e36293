-- What users of other tools report of their experiments, each a test with numbers by hand; and what bad input and thin data give.
SELECT no_plan();
CREATE TABLE exposures (unit text, arm text, at timestamptz, country text);
CREATE TABLE events (unit text, at timestamptz, amount float8, orders int);
CREATE INDEX ON exposures (unit);
CREATE INDEX ON events (unit);
SELECT lives_ok($$
    SELECT tally.create_experiment_metric('revenue', 'events', expression => 'amount');
    SELECT tally.create_experiment_metric('buyers', 'events', 'proportion', expression => 'amount > 0');
    SELECT tally.create_experiment_metric('per order', 'events', 'ratio', expression => 'amount', denominator => 'orders');
    SELECT tally.create_experiment_metric('capped', 'events', expression => 'amount', cap => 10);
    SELECT tally.create_experiment('x', 'exposures', 'unit', '{"control": {"weight": 1, "budget": 100}, "new": {"weight": 1, "budget": 50}, "parked": 0}',
        '{revenue,buyers,per order,capped}', dimensions => '["country"]');
    SELECT tally.create_experiment('y', 'exposures', 'unit', '{"control": 1, "new": 1, "parked": 0}', '{revenue}', twice => 'first',
        dimensions => '["country"]');
$$, 'two experiments on one table of exposures');
SELECT is((SELECT count(DISTINCT e.units) FROM tally.experiments e), 1::bigint, 'share the rollup of their units');
SELECT is((SELECT string_agg(reason, ' ' ORDER BY metric) FROM tally.experiment_report('x', '2026-02-01Z') WHERE arm = 'new'),
    'empty_arm empty_arm empty_arm empty_arm',
          'no exposure at all: rows with the reason');
CREATE FUNCTION value(experiment text, metric_ text, arm_ text, as_of timestamptz DEFAULT '2026-02-01Z',
    matured boolean DEFAULT true) RETURNS numeric LANGUAGE sql AS
    $$ SELECT round(r.value::numeric, 6) FROM tally.experiment_report(experiment, as_of, matured, k => 1) r WHERE r.metric = metric_ AND r.arm = arm_ $$;
CREATE FUNCTION units(experiment text, arm_ text, as_of timestamptz DEFAULT '2026-02-01Z', matured boolean DEFAULT true) RETURNS bigint LANGUAGE sql AS
    $$ SELECT r.units FROM tally.experiment_report(experiment, as_of, matured, k => 1) r WHERE r.metric = 'revenue' AND r.arm = arm_ $$;

INSERT INTO exposures VALUES ('a', 'control', '2026-01-05 10:00Z', 'DE'), ('b', 'control', '2026-01-05 11:00Z', 'DE'), ('c', 'new', '2026-01-06 10:00Z', 'FR');
-- The window is [exposure, exposure + 7 days): an event at the exposure counts, one at the window's end does not, nor one before.
INSERT INTO events VALUES ('a', '2026-01-05 10:00Z', 1, 1), ('a', '2026-01-12 10:00Z', 100, 1), ('a', '2026-01-05 09:59:59Z', 1000, 1),
    ('b', '2026-01-12 10:59:59.999Z', 3, 1), ('c', '2026-01-08Z', 4, 2);
SELECT is(value('x', 'revenue', 'control'), 2.0, 'a window off by a moment: its start counts and its end does not, and nothing before it');
SELECT is(value('x', 'revenue', 'new'), 4.0, 'the other arm');
-- Seen again later: the window stays that of the first exposure.
INSERT INTO exposures VALUES ('a', 'control', '2026-01-10 10:00Z', 'FR');
SELECT is(value('x', 'revenue', 'control'), 2.0, 'the window is counted from the first exposure, not from any');
SELECT is((SELECT string_agg(labels ->> 'country', ' ' ORDER BY labels ->> 'country')
    FROM tally.experiment_report('x', '2026-02-01Z', by => '{country}', k => 1) WHERE metric = 'revenue' AND arm = 'control' AND units > 0), 'DE',
    'dimensions are those of the first exposure');
-- Only units whose window is past.
INSERT INTO exposures VALUES ('d', 'control', '2026-01-31 10:00Z', 'DE');
INSERT INTO events VALUES ('d', '2026-01-31 11:00Z', 50, 1);
SELECT is(ARRAY[units('x', 'control'), units('x', 'control', matured => false)], '{2,3}'::bigint[],
    'units whose window is not past are no loss: they do not count yet');
SELECT is(units('x', 'control', '2026-02-08 00:00Z'), 3::bigint, 'a day counts as soon as the window of its last moment is past');
SELECT is(units('x', 'control', '2026-02-07 23:59Z'), 2::bigint, 'and not before');
-- Both arms.
INSERT INTO exposures VALUES ('e', 'new', '2026-01-06 10:00Z', 'DE'), ('e', 'control', '2026-01-07 10:00Z', 'DE');
INSERT INTO events VALUES ('e', '2026-01-08 10:00Z', 8, 1);
SELECT is(ARRAY[units('x', 'new'), units('y', 'new')], '{1,2}'::bigint[], 'a unit in both arms is left out, or counts in its first arm');
SELECT is((SELECT h.value FROM tally.experiment_health('x', '2026-02-01Z') h WHERE h."check" = 'units_seen_twice'), 1::float8, 'health counts it');
SELECT is((SELECT h.state FROM tally.experiment_health('x', '2026-02-01Z') h WHERE h."check" = 'units_seen_twice'), 'warning',
    'more than 1 % of units in two arms is a warning');
-- The arm arrives later than the exposure.
INSERT INTO exposures VALUES ('f', NULL, '2026-01-06 10:00Z', 'DE'), ('f', 'new', '2026-01-06 12:00Z', 'FR'), ('g', NULL, '2026-01-06 10:00Z', 'DE'),
    ('h', 'new', NULL, 'DE'), ('h', 'new', 'infinity', 'DE');
INSERT INTO events VALUES ('f', '2026-01-06 11:00Z', 99, 1), ('f', '2026-01-06 13:00Z', 2, 1);
SELECT is(ARRAY[units('x', 'new')::numeric, value('x', 'revenue', 'new')], '{2,3}'::numeric[],
    'a variant decided before its inputs arrive: the unit counts from its first exposure with an arm');
SELECT is((SELECT array_agg(h.value ORDER BY h."check") FROM tally.experiment_health('x', '2026-02-01Z') h WHERE h."check" LIKE 'exposures_w%'),
    '{2,2}'::float8[], 'exposures without an arm and without a time are counted');
-- Two arms at one time: the order of rows decides nothing.
INSERT INTO exposures VALUES ('t', 'new', '2026-01-06 12:00Z', 'DE'), ('t', 'control', '2026-01-06 12:00Z', 'DE');
SELECT is((SELECT u.arm FROM exposures_units_live u WHERE u.unit = 't'), 'control', 'of two arms at one time the first in order');
-- The dimension is that of the arm that counts, also where an arm holds the bytes that end it in the text by which exposures are compared.
INSERT INTO exposures VALUES ('t', 'new', '2026-01-06 12:00Z', 'AA'), ('t', 'control', '2026-01-06 12:00Z', NULL), ('t', 'control', '2026-01-06 13:00Z', 'BB'),
    ('s', E'a\x01\x01', '2026-01-06Z', 'AA'), ('s', E'a\x01', '2026-01-06Z', 'AB'), ('s', 'a', '2026-01-06Z', E'\x01\x01ZZ\n1'),
    ('r', E'a\x01\x01', '2026-01-06Z', 'one'), ('q', 'a', '2026-01-06Z', NULL), ('q', 'a', '2026-01-06 01:00Z', 'AA'), ('p', 'a', '2026-01-06Z', ''),
    ('o', NULL, '2026-01-06Z', 'AA');
SELECT bag_eq($$SELECT u.unit, u.arm, u.mixed, u.country FROM exposures_units_live u WHERE u.unit IN ('t', 's', 'r', 'q', 'p', 'o')$$,
    $$VALUES ('t', 'control', true, 'DE'), ('s', 'a', true, E'\x01\x01ZZ\n1'), ('r', E'a\x01\x01', false, 'one'), ('q', 'a', false, NULL),
             ('p', 'a', false, ''), ('o', NULL, false, NULL)$$, 'arm and dimension of a unit are of one exposure, the first by time and arm');
DELETE FROM exposures WHERE unit IN ('t', 's', 'r', 'q', 'p', 'o');
-- A cap takes off at the top only.
INSERT INTO events VALUES ('b', '2026-01-06Z', -50, 1), ('c', '2026-01-08Z', 20, 2);
SELECT is(ARRAY[value('x', 'capped', 'control'), value('x', 'capped', 'new')], ARRAY[-23.0, 6.0], 'a cap leaves low and negative values alone');
-- A unit without orders is part of a ratio; no orders at all is no ratio.
SELECT is(value('x', 'per order', 'new'), round(26.0 / 5, 6), 'a ratio of sums');
INSERT INTO exposures VALUES ('i', 'new', '2026-01-06 10:00Z', 'DE');
SELECT is(value('x', 'per order', 'new'), round(26.0 / 5, 6), 'a unit whose denominator is 0 counts as a unit');
UPDATE events SET orders = 0;
SELECT is((SELECT reason FROM tally.experiment_report('x', '2026-02-01Z', k => 1) WHERE metric = 'per order' AND arm = 'new'), 'zero_denominator',
    'no denominator at all: the reason');
SELECT is(value('x', 'per order', 'new'), NULL, 'and no number');
-- No variance, with a covariate and without.
TRUNCATE events;
INSERT INTO events SELECT u, '2026-01-07Z', 5, 1 FROM unnest('{a,b,c,f,i}'::text[]) u;
SELECT is((SELECT string_agg(reason, ' ' ORDER BY metric) FROM tally.experiment_report('x', '2026-02-01Z', k => 1) WHERE arm = 'new'
    AND metric IN ('revenue', 'capped')), 'zero_variance zero_variance', 'no variance: no result, not NaN');
INSERT INTO events SELECT u, '2026-01-04Z', 5, 1 FROM unnest('{a,b,c,f,i}'::text[]) u;
SELECT is((SELECT reason FROM tally.experiment_report('x', '2026-02-01Z', k => 1) WHERE arm = 'new' AND metric = 'revenue'), 'zero_variance',
    'nor with a covariate that does not vary');
UPDATE events SET amount = 'NaN' WHERE unit = 'c';
SELECT is((SELECT reason FROM tally.experiment_report('x', '2026-02-01Z', k => 1) WHERE arm = 'new' AND metric = 'revenue'), 'not_finite',
    'a value that is none: the reason');
SELECT is((SELECT count(*) FROM tally.experiment_report('x', '2026-02-01Z', k => 1) r, jsonb_each_text(to_jsonb(r)) f WHERE f.value ~* 'nan|infinity'),
    0::bigint, 'no number is NaN');
-- Small counts.
TRUNCATE exposures, events;
INSERT INTO exposures SELECT 'u' || i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END, '2026-01-05Z', 'DE' FROM generate_series(1, 20) i;
INSERT INTO events SELECT 'u' || i, '2026-01-06Z', 1, 1 FROM generate_series(1, 20) i WHERE i % 2 = 1 AND i < 18 OR i IN (2, 4, 6);
SELECT is(ARRAY[method, round(p::numeric, 6)::text], ARRAY['fisher', round(tally.fisher_exact(3, 10, 9, 10)::numeric, 6)::text],
    'few successes: Fisher''s exact p')
  FROM tally.experiment_report('x', '2026-02-01Z') WHERE metric = 'buyers' AND arm = 'new';
SELECT is(badge, 'not_enough_data', 'and a badge that says so') FROM tally.experiment_report('x', '2026-02-01Z') WHERE metric = 'buyers' AND arm = 'new';
-- Under k units nothing is shown, and nothing that follows from it.
DELETE FROM exposures WHERE unit = 'u1';
SELECT is(ROW(units, value, lift, low, p, badge, reason)::text, '(,,,,,,hidden)', 'an arm of 9 people is hidden, with all that is derived from it')
    FROM tally.experiment_report('x', '2026-02-01Z') WHERE metric = 'buyers' AND arm = 'new';
SELECT is((SELECT units FROM tally.experiment_report('x', '2026-02-01Z', k => 9) WHERE metric = 'buyers' AND arm = 'new'), 9::bigint,
    'not where who may see it says so');
SELECT is((SELECT units FROM tally.experiment_report('x', '2026-02-01Z') WHERE metric = 'buyers' AND arm = 'parked'), 0::bigint, 'an empty arm is nobody');
-- Far in the tail, and the split.
TRUNCATE exposures, events;
INSERT INTO exposures SELECT 'u' || i, CASE WHEN i % 2 = 0 THEN 'control' ELSE 'new' END, '2026-01-05Z', 'DE' FROM generate_series(1, 4000) i;
INSERT INTO events SELECT 'u' || i, '2026-01-06Z', 10 + i % 3 + CASE WHEN i % 2 = 1 THEN 1 ELSE 0 END, 1 FROM generate_series(1, 4000) i;
SELECT ok(p > 0 AND p < 1e-100, format('p far in the tail is %s, not 0', p)) FROM tally.experiment_report('x', '2026-02-01Z') WHERE metric = 'revenue'
    AND arm = 'new';
SELECT is(ARRAY[h.state, h.value::text], '{ok,1}', 'an arm of weight 0 adds no degree of freedom') FROM tally.experiment_health('x', '2026-02-01Z') h
    WHERE h."check" = 'sample_ratio';
DELETE FROM exposures WHERE unit ~ '[05]$' AND arm = 'new';
SELECT is(h.state, 'error', 'a split that is not what the weights promise') FROM tally.experiment_health('x', '2026-02-01Z') h WHERE h."check" = 'sample_ratio';
SELECT is((SELECT string_agg(DISTINCT badge, ' ') FROM tally.experiment_report('x', '2026-02-01Z') WHERE arm = 'new'), 'invalid_srm', 'is on every badge');
SELECT is((SELECT verdict FROM tally.experiment_summary('x', '2026-02-01Z') WHERE arm = 'new' AND metric = 'revenue'),
    'not to be believed: the arms do not have the units they should have', 'in words');
INSERT INTO exposures VALUES ('z', 'strange', '2026-01-05Z', 'DE'), ('p', 'parked', '2026-01-05Z', 'DE');
SELECT is((SELECT string_agg(h.message, '; ' ORDER BY h.message) FROM tally.experiment_health('x', '2026-02-01Z') h WHERE h."check" IN ('undeclared_arms')),
    '1 unit is in arms that are not declared: strange', 'an arm that nobody declared');
-- 2000 units of the control, 1600 of the other arm since those that end in 5 are gone, and the one that is parked.
SELECT is(ARRAY[h.state, h.message], ARRAY['error', 'the arms do not have the units that their weights promise, and 1 unit is in an arm of weight 0: '
    'control 2000 (55.5 %, promised 50.0 %), new 1600 (44.4 %, promised 50.0 %), parked 1 (0.0 %, promised 0.0 %)'],
    'a unit in an arm of weight 0 hid that the arms beside it do not match')
    FROM tally.experiment_health('x', '2026-02-01Z') h WHERE h."check" = 'sample_ratio';
DELETE FROM exposures WHERE arm = 'control' AND unit ~ '[05]$';
SELECT is(ARRAY[h.state, split_part(h.message, ':', 1)], '{error,"1 unit is in an arm of weight 0"}', 'a unit in an arm of weight 0 alone')
    FROM tally.experiment_health('x', '2026-02-01Z') h WHERE h."check" = 'sample_ratio';
SELECT is((SELECT array_agg(setting || ' ' || arm ORDER BY n) FROM (SELECT *, row_number() OVER () AS n
    FROM tally.experiment_overlay('x', 'budget', '2026-02-01Z') WHERE metric = 'revenue') o WHERE setting IS NOT NULL), '{50 new,100 control}',
    'an overlay orders the arms by a parameter');
SELECT is((SELECT array_agg(DISTINCT (day AT TIME ZONE 'UTC')::date ORDER BY (day AT TIME ZONE 'UTC')::date)
    FROM tally.experiment_timeseries('x', '{revenue}', '2026-01-15Z') WHERE lift IS NOT NULL), '{2026-01-12,2026-01-13,2026-01-14}'::date[],
    'day by day, once windows are past');
SELECT ok(tally.experiment_csv('x', '2026-02-01Z') LIKE E'metric,arm,labels,%\r\nrevenue,control,%', 'CSV');
SELECT is(jsonb_array_length(tally.experiment_json('x', '2026-02-01Z') -> 'report'), 12, 'JSON');
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(tally.experiment_json('x', '2026-02-01Z') #> '{report,0}') k),
    (SELECT array_agg(attname::text ORDER BY attname::text) FROM pg_attribute WHERE attrelid = 'x_report'::regclass AND attnum > 0),
    'JSON has the columns of the report and no other');
SELECT is((SELECT count(*) FROM x_report), 12::bigint, 'the flat view');

DELETE FROM exposures WHERE arm = 'strange';
SELECT is((SELECT h.message FROM tally.experiment_health('x', '2026-02-01Z') h WHERE h."check" = 'undeclared_arms'), 'every arm is declared',
    'none is strange');

-- Bad input: four parts, and nothing half-made.
CREATE TABLE strange (unit text, arm text, day text);
CREATE FUNCTION refused(statement text, code text, message text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (SELECT count(*) FROM pg_class) + (SELECT count(*) FROM tally.rollups) + (SELECT count(*) FROM tally.experiments);
    got text; said text; detail_ text; hint_ text;
BEGIN
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS got = RETURNED_SQLSTATE, said = MESSAGE_TEXT, detail_ = PG_EXCEPTION_DETAIL, hint_ = PG_EXCEPTION_HINT;
    END;
    RETURN NEXT is(got, code, message);
    RETURN NEXT ok(said LIKE message AND COALESCE(detail_, '') <> '' AND hint_ ~ '^SELECT ', format('four parts: %s / %s / %s', said, detail_, hint_));
    RETURN NEXT is((SELECT count(*) FROM pg_class) + (SELECT count(*) FROM tally.rollups) + (SELECT count(*) FROM tally.experiments), before,
        'nothing is half-made');
END $$;
TRUNCATE exposures;
INSERT INTO exposures VALUES ('z', 'strange', '2026-01-05Z', 'DE');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1, "new": 1}', '{revenue}')$$, '22023',
    '%got exposures of ''strange''%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 0, "new": 0}', '{revenue}')$$, '22023', '%do not sum to 0%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": -1, "new": 2}', '{revenue}')$$, '22023', '%weights of 0 or more%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1}', '{revenue}')$$, '22023', '%two or more%');
-- PostgreSQL's own errors came through: out of range, overflow, underflow.
SELECT refused(format($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": %s, "new": {"weight": 1e308}}', '{revenue}')$$, weight),
    '22023', '%weights of 0 or more%') FROM unnest('{1e400,1e-400,1e200000,1e308,1e-308}'::text[]) weight;
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '["control"]', '{revenue}')$$, '22023', '%must be an object%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"a": 1, "b": 1}', '{revenue}')$$, '22023', '%a control that is one of its arms%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1, "strange": 1}', '{revenue}', "window" => '-1 day')$$, '22023',
    '%a window from%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1, "strange": 1}', '{revenue}', delay => '-1 day')$$, '22023',
    '%a delay from%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1, "strange": 1}', '{revenue}', twice => 'last')$$, '22023',
    '%twice to be exclude or first%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1, "strange": 1}', '{revenue}', starts => '2026-02-02',
    ends => '2026-02-01')$$, '22023', '%ends not before starts%');
SELECT refused($$SELECT tally.create_experiment('bad', 'strange', 'unit', '{"control": 1, "new": 1}', '{revenue}')$$, '42703',
    '%needs a column of public.strange as time_column%');
SELECT refused($$SELECT tally.create_experiment('bad', 'strange', 'unit', '{"control": 1, "new": 1}', '{revenue}', time_column => 'day')$$, '42804',
    '%exposures with a time%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1, "strange": 1}', '{}')$$, '22023', '%1 to 200 metrics%');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1, "strange": 1}', '{revenu}')$$, '42704',
    'experiment metric ''revenu'' does not exist');
CREATE TABLE visits (person text, at timestamptz);
SELECT tally.create_experiment_metric('visits', 'visits');
SELECT refused($$SELECT tally.create_experiment('bad', 'exposures', 'unit', '{"control": 1, "strange": 1}', '{visits}')$$, '42703',
    '%needs a column of public.visits as unit%');
SELECT refused($$SELECT tally.create_experiment_metric('bad', 'events', expression => 'amont')$$, '42703', '%its expression cannot be computed%');
SELECT refused($$SELECT tally.create_experiment_metric('bad', 'events', kind => 'median')$$, '22023', '%needs a kind of%');
SELECT refused($$SELECT tally.create_experiment_metric('bad', 'events', 'ratio', expression => 'amount')$$, '22023', '%a denominator, got none%');
SELECT refused($$SELECT tally.create_experiment_metric('bad', 'events', 'quantile', expression => 'amount', level => 1.5)$$, '22023',
    '%a level between 0 and 1%');
SELECT refused($$SELECT tally.create_experiment_metric('bad', 'events', 'retention', expression => 'true')$$, '22023', '%a delay after which%');
SELECT refused($$SELECT tally.create_experiment_metric('revenue', 'events', expression => 'amount * 2')$$, '42710', '%exists already with another definition');
SELECT refused($$SELECT tally.drop_experiment_metric('revenue')$$, '2BP01', '%experiments measure it');
SELECT refused($$SELECT tally.drop_rollup('exposures_units', "cascade" => true)$$, '2BP01', '%an experiment is made of it');
SELECT refused($$SELECT * FROM tally.experiment_report('x', by => '{city}')$$, '42703', '%has no dimension ''city''');
SELECT refused($$SELECT * FROM tally.experiment_report('z')$$, '42704', 'experiment ''z'' does not exist');
SELECT refused($$SELECT * FROM tally.experiment_overlay('x', 'colour')$$, '42704', '%has a parameter ''colour''');
SELECT lives_ok($$SELECT tally.drop_experiment('x')$$, 'one experiment is dropped');
SELECT is((SELECT count(*) FROM tally.experiments e JOIN tally.rollups r ON r.id = e.units), 1::bigint, 'the other keeps the units');
SELECT lives_ok($$SELECT tally.drop_experiment('y')$$, 'and goes');
SELECT is((SELECT count(*) FROM tally.rollups), 0::bigint, 'with all');
SELECT * FROM finish();
