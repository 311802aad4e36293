//! Owns what every comparison of two arms gives, and what a caller may ask of it.
//!
//! An arm is a control (a) or a variation (b). A comparison that cannot be made says why and has no number: never NaN.

use super::distribution::{student_two_sided, student_upper_quantile};
use super::sequential;
use crate::error::{Shown, SqlState, TallyError};

/// What the caller chooses.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Whether the effect is the lift, (b - a) / a, and not the difference b - a.
    pub relative: bool,
    /// Chance of an interval that misses, within (0, 1).
    pub alpha: f64,
    /// Units of both arms at which the sequential interval is tightest, above 0.
    pub planned: f64,
}

impl Asked {
    /// Checks the numbers.
    pub fn new(relative: bool, alpha: f64, planned: f64) -> Result<Self, TallyError> {
        check_alpha(alpha)?;
        if !(planned > 0.0 && planned.is_finite()) {
            return Err(
                invalid(format!("planned units expected to be above 0, got {}", Shown(planned)))
                    .detail("The sequential interval is tightest at that many units of both arms together.")
                    .hint("SELECT * FROM tally.compare_means(1000, 10.0, 4.0, 1000, 10.4, 4.0, planned => 5000)"),
            );
        }
        Ok(Asked {
            relative,
            alpha,
            planned,
        })
    }
}

/// Refuses a chance of error outside (0, 1).
pub fn check_alpha(alpha: f64) -> Result<(), TallyError> {
    if alpha > 0.0 && alpha < 1.0 {
        return Ok(());
    }
    Err(invalid(format!("alpha expected between 0 and 1, got {}", Shown(alpha)))
        .detail("alpha is the chance of a false alarm: 0.05 gives intervals of 95 %.")
        .hint("SELECT * FROM tally.compare_means(1000, 10.0, 4.0, 1000, 10.4, 4.0, alpha => 0.05)"))
}

/// An error of an argument outside its domain.
pub fn invalid(message: String) -> TallyError {
    TallyError::new(SqlState::InvalidParameterValue, message)
}

/// Why a comparison has no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An arm has no unit.
    EmptyArm,
    /// An arm has too few units to know how they vary.
    TooFewUnits,
    /// All values are the same.
    ZeroVariance,
    /// The control's value is 0, so nothing is relative to it.
    ZeroBaseline,
    /// The denominators of an arm add up to 0.
    ZeroDenominator,
    /// A value is NaN or infinite, or became so.
    NotFinite,
}

impl Reason {
    /// The word that SQL shows.
    pub fn word(self) -> &'static str {
        match self {
            Reason::EmptyArm => "empty_arm",
            Reason::TooFewUnits => "too_few_units",
            Reason::ZeroVariance => "zero_variance",
            Reason::ZeroBaseline => "zero_baseline",
            Reason::ZeroDenominator => "zero_denominator",
            Reason::NotFinite => "not_finite",
        }
    }
}

/// The numbers of a comparison that could be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numbers {
    /// Difference or lift.
    pub effect: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom; infinite where the normal distribution is meant.
    pub df: f64,
    /// What p was read from; none for an exact test.
    pub statistic: Option<f64>,
    /// Two-sided p of "no effect".
    pub p: f64,
    /// Confidence interval.
    pub interval: (f64, f64),
    /// p that may be looked at any time.
    pub sequential_p: f64,
    /// Interval that may be looked at any time.
    pub sequential: (f64, f64),
}

/// The answer of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Value of the control, where there is one.
    pub value_a: Option<f64>,
    /// Value of the variation, where there is one.
    pub value_b: Option<f64>,
    /// Which test it is.
    pub method: &'static str,
    /// The numbers, or why there are none.
    pub outcome: Result<Numbers, Reason>,
}

/// An effect, its standard error and what belongs to the normal theory of it.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// Difference or lift.
    pub effect: f64,
    /// Variance of the effect.
    pub variance: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Units of both arms together.
    pub units: f64,
}

impl Estimate {
    /// Test and intervals by Student's t.
    pub fn test(self, asked: Asked) -> Result<Numbers, Reason> {
        let Estimate {
            effect,
            variance,
            df,
            units,
        } = self;
        if !(effect.is_finite() && variance.is_finite() && df > 0.0) {
            return Err(Reason::NotFinite);
        }
        if variance <= 0.0 {
            return Err(Reason::ZeroVariance);
        }
        let standard_error = variance.sqrt();
        let statistic = effect / standard_error;
        let half = student_upper_quantile(asked.alpha / 2.0, df) * standard_error;
        let sequential = sequential::interval(effect, standard_error, units, asked.alpha, asked.planned);
        let numbers = Numbers {
            effect,
            standard_error,
            df,
            statistic: Some(statistic),
            p: student_two_sided(statistic, df),
            interval: (effect - half, effect + half),
            sequential_p: sequential::p(effect, standard_error, units, asked.alpha, asked.planned),
            sequential,
        };
        let ends = [numbers.interval.0, numbers.interval.1, sequential.0, sequential.1];
        if statistic.is_finite() && ends.iter().all(|end| end.is_finite()) {
            Ok(numbers)
        } else {
            Err(Reason::NotFinite)
        }
    }
}

/// Degrees of freedom of v_a + v_b by Welch and Satterthwaite, from variances of means and units; by their ratio, so that
/// no square overflows.
pub fn satterthwaite(v_a: f64, n_a: f64, v_b: f64, n_b: f64) -> f64 {
    let share = v_a / (v_a + v_b);
    1.0 / (share * share / (n_a - 1.0) + (1.0 - share) * (1.0 - share) / (n_b - 1.0))
}
