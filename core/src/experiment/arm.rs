//! Owns comparisons from means and covariances: means, ratios, and both with CUPED.
//!
//! Everything is first made linear: an arm's value (a mean, or a ratio of two) and its covariate's value, with the
//! variance that one unit adds to each (for a ratio by the delta method: (Vm - 2 R C + R² Vd) / d̄²). One formula then serves
//! all of them.
//!
//! A. Deng, Y. Xu, R. Kohavi, T. Walker, *Improving the sensitivity of online controlled experiments by utilizing
//! pre-experiment data* (WSDM 2013); A. Deng, U. Knoblich, J. Lu, *Applying the delta method in metric analytics* (KDD 2018).

use super::apart::{Products, quotients_apart};
use super::effect::{Asked, Effect, Estimate, Reason, invalid, satterthwaite};
use crate::error::{Shown, TallyError};

/// A variance under this share of its parts is rounding error of their difference, and is 0.
const NOISE: f64 = 1e-12;

/// Units, means and sample covariances (by n - 1) of K variables in an arm. With under two units the covariances are NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm<const K: usize> {
    /// Units.
    pub n: f64,
    /// Means.
    pub mean: [f64; K],
    /// Sample covariances.
    pub cov: [[f64; K]; K],
}

impl<const K: usize> Arm<K> {
    /// Refuses negative counts and variances, and covariances beyond what the variances allow.
    pub fn check(&self) -> Result<(), TallyError> {
        if self.n < 0.0 {
            return Err(invalid(format!(
                "units of an arm expected to be 0 or more, got {}",
                Shown(self.n)
            ))
            .detail("The units of an arm are those exposed to it.")
            .hint("SELECT * FROM tally.compare_means(1000, 10.0, 4.0, 1000, 10.4, 4.0)"));
        }
        for i in 0..K {
            let variance = self.cov[i][i];
            if variance < 0.0 {
                return Err(invalid(format!("variance expected to be 0 or more, got {}", Shown(variance)))
                    .detail("A negative variance comes of sums of squares that have cancelled; tally.stats keeps their digits.")
                    .hint("SELECT * FROM tally.compare_means(1000, 10.0, 4.0, 1000, 10.4, 4.0)"));
            }
            for j in 0..i {
                let (co, most) = (self.cov[i][j], variance.sqrt() * self.cov[j][j].sqrt());
                if co.abs() > most * (1.0 + 1e-6) {
                    return Err(invalid(format!(
                        "covariance expected within {} of 0, got {}",
                        Shown(most),
                        Shown(co)
                    ))
                    .detail("A covariance is at most the root of the product of the two variances.")
                    .hint(
                        "SELECT tally.covariance(tally.stats(y, x)) FROM (VALUES (1.0, 2.0), (2.0, 5.0)) AS t(y, x)",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Why nothing can be computed of it, if so.
    fn lacks(&self) -> Option<Reason> {
        if self.n < 1.0 {
            Some(Reason::EmptyArm)
        } else if self.mean.iter().any(|m| !m.is_finite()) {
            Some(Reason::NotFinite)
        } else if self.n < 2.0 {
            Some(Reason::TooFewUnits)
        } else if self.cov.iter().flatten().any(|c| !c.is_finite()) {
            Some(Reason::NotFinite)
        } else {
            None
        }
    }

    /// Both arms as one.
    pub(super) fn with(&self, other: &Self) -> Self {
        if self.n < 1.0 || other.n < 1.0 {
            return if self.n < 1.0 { *other } else { *self };
        }
        let n = self.n + other.n;
        let between = self.n * other.n / n;
        let apart: [f64; K] = std::array::from_fn(|i| other.mean[i] - self.mean[i]);
        // One unit has no covariance, and adds nothing within its arm.
        let within = |arm: &Self, i: usize, j: usize| {
            if arm.n < 2.0 {
                0.0
            } else {
                arm.cov[i][j] * (arm.n - 1.0)
            }
        };
        let cov =
            |i: usize, j: usize| (within(self, i, j) + within(other, i, j) + apart[i] * apart[j] * between) / (n - 1.0);
        Arm {
            n,
            mean: std::array::from_fn(|i| self.mean[i] + apart[i] * (other.n / n)),
            cov: std::array::from_fn(|i| std::array::from_fn(|j| cov(i, j))),
        }
    }

    /// w' Σ w, which is 0 where only rounding error is left of it.
    pub(super) fn variance(&self, w: [f64; K]) -> f64 {
        let size: f64 = (0..K).map(|i| w[i] * (w[i] * self.cov[i][i])).sum();
        let sum = self.covariance(w, w);
        if sum > size * NOISE { sum } else { 0.0 }
    }

    /// v' Σ w. What explains a value nearly all leaves little of it, and would leave few of its digits.
    fn covariance(&self, v: [f64; K], w: [f64; K]) -> f64 {
        let mut sum = Products::default();
        for (row, a) in self.cov.iter().zip(v) {
            for (cov, b) in row.iter().zip(w) {
                sum.add(a, b, *cov);
            }
        }
        sum.value()
    }
}

/// What an arm's value is: linear weights on the variables for a change of the value, and the same for its covariate.
struct Linear<const K: usize> {
    value: f64,
    covariate: f64,
    of_value: [f64; K],
    of_covariate: [f64; K],
}

/// How the variables of an arm make its value.
trait Shape<const K: usize> {
    fn linear(arm: &Arm<K>) -> Result<Linear<K>, Reason>;

    /// Value and covariate of b less those of a.
    fn apart(a: &Arm<K>, b: &Arm<K>) -> Result<(f64, f64), Reason> {
        let (of_a, of_b) = (Self::linear(a)?, Self::linear(b)?);
        Ok((of_b.value - of_a.value, of_b.covariate - of_a.covariate))
    }
}

/// y.
struct Mean;
/// y with covariate x.
struct MeanWithCovariate;
/// m / d.
struct Ratio;
/// m / d with covariate x / e.
struct RatioWithCovariate;

impl Shape<1> for Mean {
    fn linear(arm: &Arm<1>) -> Result<Linear<1>, Reason> {
        Ok(Linear {
            value: arm.mean[0],
            covariate: 0.0,
            of_value: [1.0],
            of_covariate: [0.0],
        })
    }
}

impl Shape<2> for MeanWithCovariate {
    fn linear(arm: &Arm<2>) -> Result<Linear<2>, Reason> {
        Ok(Linear {
            value: arm.mean[0],
            covariate: arm.mean[1],
            of_value: [1.0, 0.0],
            of_covariate: [0.0, 1.0],
        })
    }
}

/// Value and gradient of numerator / denominator.
fn ratio(numerator: f64, denominator: f64) -> Result<(f64, [f64; 2]), Reason> {
    if denominator == 0.0 {
        return Err(Reason::ZeroDenominator);
    }
    let value = numerator / denominator;
    Ok((value, [1.0 / denominator, -value / denominator]))
}

impl Shape<2> for Ratio {
    fn linear(arm: &Arm<2>) -> Result<Linear<2>, Reason> {
        let (value, of_value) = ratio(arm.mean[0], arm.mean[1])?;
        Ok(Linear {
            value,
            covariate: 0.0,
            of_value,
            of_covariate: [0.0; 2],
        })
    }

    fn apart(a: &Arm<2>, b: &Arm<2>) -> Result<(f64, f64), Reason> {
        Ok((quotients_apart(a.mean, b.mean), 0.0))
    }
}

impl Shape<4> for RatioWithCovariate {
    fn linear(arm: &Arm<4>) -> Result<Linear<4>, Reason> {
        let (value, g) = ratio(arm.mean[0], arm.mean[1])?;
        // Nobody was there before: there is nothing to adjust by.
        let (covariate, h) = ratio(arm.mean[2], arm.mean[3]).unwrap_or((0.0, [0.0; 2]));
        Ok(Linear {
            value,
            covariate,
            of_value: [g[0], g[1], 0.0, 0.0],
            of_covariate: [0.0, 0.0, h[0], h[1]],
        })
    }

    fn apart(a: &Arm<4>, b: &Arm<4>) -> Result<(f64, f64), Reason> {
        let ([m, d, x, e], [n, f, y, g]) = (a.mean, b.mean);
        let covariate = if e == 0.0 || g == 0.0 {
            Self::linear(b)?.covariate - Self::linear(a)?.covariate
        } else {
            quotients_apart([x, e], [y, g])
        };
        Ok((quotients_apart([m, d], [n, f]), covariate))
    }
}

/// θ = cov / var over both arms together; 0 where the covariate or the value does not vary, or not together.
fn theta<const K: usize, S: Shape<K>>(a: &Arm<K>, b: &Arm<K>) -> Result<f64, Reason> {
    let pooled = a.with(b);
    let linear = S::linear(&pooled)?;
    let variance = pooled.variance(linear.of_covariate);
    let own = pooled.variance(linear.of_value);
    let covariance = pooled.covariance(linear.of_value, linear.of_covariate);
    // A covariance that is rounding error alone would give an arm that does not vary a variance of about 1e-34, and a p as small.
    if variance == 0.0 || own == 0.0 || covariance.abs() <= NOISE * (own.sqrt() * variance.sqrt()) {
        return Ok(0.0);
    }
    Ok(covariance / variance)
}

/// Σ of two weightings.
fn combined<const K: usize>(of_value: [f64; K], v: f64, of_covariate: [f64; K], x: f64) -> [f64; K] {
    std::array::from_fn(|i| v * of_value[i] + x * of_covariate[i])
}

fn compare<const K: usize, S: Shape<K>>(a: &Arm<K>, b: &Arm<K>, asked: Asked, method: &'static str) -> Effect {
    let value = |arm: &Arm<K>| {
        let known = arm.n >= 1.0 && arm.mean.iter().all(|m| m.is_finite());
        if known {
            S::linear(arm).ok().map(|linear| linear.value).filter(|v| v.is_finite())
        } else {
            None
        }
    };
    let outcome = a
        .lacks()
        .or_else(|| b.lacks())
        .map_or_else(|| estimate::<K, S>(a, b, asked), Err);
    Effect {
        value_a: value(a),
        value_b: value(b),
        method,
        outcome: outcome.and_then(|estimate| estimate.test(asked)),
    }
}

fn estimate<const K: usize, S: Shape<K>>(a: &Arm<K>, b: &Arm<K>, asked: Asked) -> Result<Estimate, Reason> {
    let theta = theta::<K, S>(a, b)?;
    let (of_a, of_b) = (S::linear(a)?, S::linear(b)?);
    // Around the value of a unit: variances of the adjusted values.
    let of_a_adjusted = combined(of_a.of_value, 1.0, of_a.of_covariate, -theta);
    let of_b_adjusted = combined(of_b.of_value, 1.0, of_b.of_covariate, -theta);
    let (v_a, v_b) = (a.variance(of_a_adjusted) / a.n, b.variance(of_b_adjusted) / b.n);
    if v_a + v_b == 0.0 {
        return Err(Reason::ZeroVariance);
    }
    let df = satterthwaite(v_a, a.n, v_b, b.n);
    let (value_apart, covariate_apart) = S::apart(a, b)?;
    let difference = value_apart - theta * covariate_apart;
    let units = a.n + b.n;
    if !asked.relative {
        return Ok(Estimate {
            effect: difference,
            variance: v_a + v_b,
            df,
            units,
        });
    }
    let base = of_a.value;
    if base == 0.0 {
        return Err(Reason::ZeroBaseline);
    }
    // The lift is D / A with D the adjusted difference and A the control's plain value, which is part of D and of the
    // denominator: d(D / A) = (dD - (D / A) dA) / A. To take the adjusted variance for both under-covers.
    let lift = difference / base;
    // 1 + D / A, from b's own value: where that is 0, rounding of the lift to not quite -1 would be all of the variance.
    let times = (of_b.value - theta * covariate_apart) / base;
    let w_a = combined(of_a.of_value, times / base, of_a.of_covariate, -theta / base);
    let w_b = combined(of_b.of_value, 1.0 / base, of_b.of_covariate, -theta / base);
    Ok(Estimate {
        effect: lift,
        variance: a.variance(w_a) / a.n + b.variance(w_b) / b.n,
        df,
        units,
    })
}

/// Compares means: Welch's t test, degrees of freedom by Satterthwaite.
pub fn means(a: &Arm<1>, b: &Arm<1>, asked: Asked) -> Effect {
    compare::<1, Mean>(a, b, asked, "welch")
}

/// Compares means of y, adjusted by a covariate x from before exposure; variables y, x.
pub fn means_cuped(a: &Arm<2>, b: &Arm<2>, asked: Asked) -> Effect {
    compare::<2, MeanWithCovariate>(a, b, asked, "welch_cuped")
}

/// Compares ratios of means, Σm / Σd; variables m, d.
pub fn ratios(a: &Arm<2>, b: &Arm<2>, asked: Asked) -> Effect {
    compare::<2, Ratio>(a, b, asked, "delta")
}

/// Compares ratios, adjusted by the same ratio from before exposure; variables m, d, x, e for x / e.
pub fn ratios_cuped(a: &Arm<4>, b: &Arm<4>, asked: Asked) -> Effect {
    compare::<4, RatioWithCovariate>(a, b, asked, "delta_cuped")
}

/// θ of [`means_cuped`]; none where an arm lacks something.
pub fn theta_of_means(a: &Arm<2>, b: &Arm<2>) -> Option<f64> {
    a.lacks()
        .or_else(|| b.lacks())
        .map_or_else(|| theta::<2, MeanWithCovariate>(a, b).ok(), |_| None)
}
