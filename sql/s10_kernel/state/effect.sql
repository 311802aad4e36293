-- Owns: tally.effect, what a comparison of two arms answers.

CREATE TYPE tally.effect AS (
    value_a float8,
    value_b float8,
    effect float8,
    standard_error float8,
    df float8,
    statistic float8,
    p float8,
    low float8,
    high float8,
    sequential_p float8,
    sequential_low float8,
    sequential_high float8,
    method text,
    reason text
);
COMMENT ON TYPE tally.effect IS 'The comparison of two arms: effect, intervals, p; or the reason why there is none. A number is never NaN: it is NULL.';
COMMENT ON COLUMN tally.effect.value_a IS 'Value of the control: its mean, ratio, proportion or quantile.';
COMMENT ON COLUMN tally.effect.value_b IS 'Value of the variation. Both are plain, without adjustment by a covariate or strata.';
COMMENT ON COLUMN tally.effect.effect IS 'Difference of the variation from the control; with relative the lift, (b - a) / a.';
COMMENT ON COLUMN tally.effect.standard_error IS 'Standard error of the effect.';
COMMENT ON COLUMN tally.effect.df IS 'Degrees of freedom of Student''s t; NULL where the normal distribution is used.';
COMMENT ON COLUMN tally.effect.statistic IS 'What p was read from; NULL for an exact test.';
COMMENT ON COLUMN tally.effect.p IS 'Two-sided p of no effect. It holds for one look, planned beforehand.';
COMMENT ON COLUMN tally.effect.low IS 'Lower end of the interval of 1 - alpha, which holds for one look.';
COMMENT ON COLUMN tally.effect.high IS 'Upper end of it.';
COMMENT ON COLUMN tally.effect.sequential_p IS 'p of no effect that holds at every look, however often one looks.';
COMMENT ON COLUMN tally.effect.sequential_low IS 'Lower end of the interval that holds at every look.';
COMMENT ON COLUMN tally.effect.sequential_high IS 'Upper end of it.';
COMMENT ON COLUMN tally.effect.method IS 'welch, welch_cuped, delta, delta_cuped, z, fisher, quantile or post_stratified.';
COMMENT ON COLUMN tally.effect.reason IS
    'Why there is no number: empty_arm, too_few_units, zero_variance, zero_baseline, zero_denominator or not_finite; else NULL.';
