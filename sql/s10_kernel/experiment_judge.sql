-- Owns: judgements about comparisons: whether the split is right, how many questions were asked, how often somebody looked, which badge it gets.

CREATE OR REPLACE FUNCTION tally.sequential_interval(
    effect float8, standard_error float8, n bigint, alpha float8 DEFAULT 0.05, planned float8 DEFAULT 5000, OUT low float8, OUT high float8,
    OUT p float8
)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_sequential_interval';
COMMENT ON FUNCTION tally.sequential_interval(float8, float8, bigint, float8, float8) IS
    'Interval and p of any estimate that hold at every look (asymptotic confidence sequences, arXiv 2103.06476), from its standard error by n units of '
    'both arms; tightest at the planned number of units. NULL where the standard error is 0 or n under 1.';

CREATE OR REPLACE FUNCTION tally.sample_ratio(
    units bigint[], weights float8[], OUT statistic float8, OUT df int, OUT p float8, OUT mismatch boolean, OUT misplaced bigint,
    OUT reason text
)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_sample_ratio';
COMMENT ON FUNCTION tally.sample_ratio(bigint[], float8[]) IS
'Tests by chi-square whether the arms have the units that their weights promise. mismatch is p < 0.001. An arm of weight 0 is not part of the test: '
'misplaced counts its units. If there is no number, reason is no_units or one_arm.';

CREATE OR REPLACE FUNCTION tally.adjust_holm(p float8[]) RETURNS float8[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_adjust_holm';
COMMENT ON FUNCTION tally.adjust_holm(float8[]) IS
'Adjusts p values by Holm, because several questions were asked. If you call those below alpha significant, the chance of any false alarm is at most '
'alpha. Order is kept; NULL is no question and stays NULL.';

CREATE OR REPLACE FUNCTION tally.adjust_benjamini_hochberg(p float8[]) RETURNS float8[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_adjust_benjamini_hochberg';
COMMENT ON FUNCTION tally.adjust_benjamini_hochberg(float8[]) IS
'Adjusts p values by Benjamini and Hochberg. If you call those below alpha significant, the expected share of false alarms among them is at most alpha. '
'Order is kept; NULL stays NULL.';

CREATE OR REPLACE FUNCTION tally.experiment_badge(
    srm_p float8, units_a bigint, units_b bigint, lift float8, p float8, direction text DEFAULT 'up_is_good',
    sequential_p float8 DEFAULT NULL, ended boolean DEFAULT true, alpha float8 DEFAULT 0.05, least_units bigint DEFAULT 150,
    suspicious float8 DEFAULT 0.5, practically_equal float8 DEFAULT 0.005
) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'tally_experiment_badge';
COMMENT ON FUNCTION tally.experiment_badge(float8, bigint, bigint, float8, float8, text, float8, boolean, float8, bigint, float8, float8) IS
    'The badge of a comparison, the first that applies: invalid_srm (srm_p under 0.001), no_data (an arm without units), not_enough_data (under '
    'least_units in an arm), no_data (enough units and no number), suspicious (a lift of 50 % or more), practically_equal (significant, under 0.5 %), '
    'win or loss (significant, by direction up_is_good or down_is_good), not_significant. Significant is p < alpha; before the planned end (ended false) '
    'sequential_p decides. p and sequential_p are the adjusted ones; srm_p NULL was not tested.';
