//! Owns effects on quantiles: the standard error of a quantile from the order statistics around it.
//!
//! A. Deng, U. Knoblich, J. Lu, *Applying the delta method in metric analytics* (KDD 2018), section 4: the interval between
//! two order statistics gives the standard error as if values were independent; where a unit has several values, the
//! cluster factor widens it by how much more the share of values below the quantile varies than a binomial would.

use super::arm::Arm;
use super::distribution::normal_upper_quantile;
use super::effect::{Asked, Effect, Estimate, Reason, invalid, satterthwaite};
use crate::error::{Shown, TallyError};

/// The interval between order statistics covers this much, whatever alpha is asked: it only measures a width.
const WIDTH_ALPHA: f64 = 0.05;

/// Refuses a level outside (0, 1).
pub fn check_level(level: f64) -> Result<(), TallyError> {
    if level > 0.0 && level < 1.0 {
        return Ok(());
    }
    Err(invalid(format!(
        "level of a quantile expected between 0 and 1, got {}",
        Shown(level)
    ))
    .detail("0.5 is the median, 0.95 the 95th percentile.")
    .hint("SELECT * FROM tally.quantile_bounds(0.95, 10000)"))
}

/// The levels below and above at which the width is read, for `values` values; none where they fall outside (0, 1).
pub fn bounds(level: f64, values: f64) -> Option<(f64, f64)> {
    let half = normal_upper_quantile(WIDTH_ALPHA / 2.0) * (level * (1.0 - level) / values).sqrt();
    let (low, high) = (level - half, level + half);
    (values >= 1.0 && low > 0.0 && high < 1.0).then_some((low, high))
}

/// A quantile of an arm.
#[derive(Debug, Clone, Copy)]
pub struct Quantile {
    /// Units (clusters); the degrees of freedom come of them.
    pub units: f64,
    /// The quantile.
    pub value: f64,
    /// The quantile at the lower of [`bounds`].
    pub low: f64,
    /// The quantile at the upper of [`bounds`].
    pub high: f64,
    /// [`cluster_factor`]; 1 where every unit has one value.
    pub factor: f64,
}

/// How much more the share of values under the quantile varies than that of independent values. The arm's variables per unit:
/// values at or under the quantile, and values.
pub fn cluster_factor(level: f64, arm: &Arm<2>) -> Option<f64> {
    let [under, values] = arm.mean;
    if arm.n < 2.0 || values <= 0.0 {
        return None;
    }
    let share = under / values;
    let variance = arm.variance([1.0 / values, -share / values]) / arm.n;
    let independent = level * (1.0 - level) / (arm.n * values);
    Some(variance / independent).filter(|factor| factor.is_finite())
}

/// Compares quantiles.
pub fn quantiles(a: &Quantile, b: &Quantile, asked: Asked) -> Effect {
    let value = |q: &Quantile| (q.units >= 1.0 && q.value.is_finite()).then_some(q.value);
    let outcome = estimate(a, b, asked).and_then(|estimate| estimate.test(asked));
    Effect {
        value_a: value(a),
        value_b: value(b),
        method: "quantile",
        outcome,
    }
}

fn estimate(a: &Quantile, b: &Quantile, asked: Asked) -> Result<Estimate, Reason> {
    if a.units < 1.0 || b.units < 1.0 {
        return Err(Reason::EmptyArm);
    }
    if !(a.value.is_finite() && b.value.is_finite()) {
        return Err(Reason::NotFinite);
    }
    // A bound that is missing: too few values to have order statistics around the quantile.
    if [a, b]
        .iter()
        .any(|q| q.units < 2.0 || q.low.is_nan() || q.high.is_nan() || q.factor.is_nan())
    {
        return Err(Reason::TooFewUnits);
    }
    let z = normal_upper_quantile(WIDTH_ALPHA / 2.0);
    let variance = |q: &Quantile| ((q.high - q.low) / (2.0 * z)).powi(2) * q.factor;
    let (v_a, v_b) = (variance(a), variance(b));
    if v_a + v_b == 0.0 {
        return Err(Reason::ZeroVariance);
    }
    let (df, units) = (satterthwaite(v_a, a.units, v_b, b.units), a.units + b.units);
    if !asked.relative {
        return Ok(Estimate {
            effect: b.value - a.value,
            variance: v_a + v_b,
            df,
            units,
        });
    }
    if a.value == 0.0 {
        return Err(Reason::ZeroBaseline);
    }
    let ratio = b.value / a.value;
    Ok(Estimate {
        effect: (b.value - a.value) / a.value,
        variance: (v_b + v_a * ratio * ratio) / (a.value * a.value),
        df,
        units,
    })
}
