//! Owns comparisons of proportions: the two-sided z test, Fisher's exact test, Newcombe's interval.
//!
//! R. G. Newcombe, *Interval estimation for the difference between independent proportions* (Statistics in Medicine 17,
//! 1998, method 10); A. Donner and G. Y. Zou, *Closed-form confidence intervals for functions of the normal mean and
//! standard deviation* (2012) for the ratio of two proportions from the same Wilson limits.

use super::apart::quotients_apart;
use super::arm::{Arm, ratios};
use super::distribution::{normal_upper_quantile, student_two_sided};
use super::effect::{Asked, Effect, Estimate, Numbers, Reason, invalid};
use super::fisher;
use crate::error::{Shown, TallyError};

/// Successes among units of an arm.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Successes.
    pub successes: f64,
    /// Units.
    pub n: f64,
}

/// Which test of two proportions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Fisher's where an expected count is under 5, else z.
    Auto,
    /// Pooled z for p; unpooled standard error for the interval.
    Z,
    /// Fisher's exact p, Newcombe's interval.
    Fisher,
    /// Welch's t on 0 and 1, with variance p (1 - p).
    Welch,
}

impl Method {
    /// Reads SQL's word.
    pub fn parse(word: &str) -> Result<Self, TallyError> {
        Ok(match word {
            "auto" => Method::Auto,
            "z" => Method::Z,
            "fisher" => Method::Fisher,
            "welch" => Method::Welch,
            other => {
                return Err(invalid(format!(
                    "method expected to be auto, z, fisher or welch, got \"{other}\""
                ))
                .detail("auto is Fisher's exact test where an expected count is under 5, and the z test otherwise.")
                .hint("SELECT * FROM tally.compare_proportions(100, 1000, 130, 1000, method => 'auto')"));
            }
        })
    }
}

impl Share {
    /// Refuses counts that cannot be.
    pub fn check(&self) -> Result<(), TallyError> {
        if self.n >= 0.0 && self.successes >= 0.0 && self.successes <= self.n {
            return Ok(());
        }
        Err(invalid(format!(
            "successes expected in 0 to the arm's {} units, got {}",
            Shown(self.n),
            Shown(self.successes)
        ))
        .detail("A proportion counts each unit once; a metric that counts events is a mean or a ratio.")
        .hint(
            "SELECT * FROM tally.compare_proportions(successes_a => 100, n_a => 1000, successes_b => 130, n_b => 1000)",
        ))
    }

    fn p(&self) -> f64 {
        self.successes / self.n
    }

    /// p (1 - p), from whole counts.
    fn variance(&self) -> f64 {
        self.p() * ((self.n - self.successes) / self.n)
    }

    /// How far Wilson's interval reaches below and above the proportion. A limit itself, near the proportion, has lost the
    /// digits of the distance.
    fn reach(&self, z: f64) -> (f64, f64) {
        let (n, z2) = (self.n, z * z);
        let half = z / (n + z2) * (n * self.variance() + 0.25 * z2).sqrt();
        // The middle of the interval less the proportion. Both distances are half of it and half less it: their product is z² v / (n + z²).
        let shift = z2 * (0.5 * n - self.successes) / n / (n + z2);
        let far = half + shift.abs();
        let near = z2 * self.variance() / (n + z2) / far;
        if shift > 0.0 { (near, far) } else { (far, near) }
    }
}

/// Newcombe's interval of b - a.
pub fn newcombe(a: Share, b: Share, alpha: f64) -> (f64, f64) {
    let z = normal_upper_quantile(alpha / 2.0);
    let ((down_a, up_a), (down_b, up_b)) = (a.reach(z), b.reach(z));
    let difference = apart(a, b);
    (difference - down_b.hypot(up_a), difference + up_b.hypot(down_a))
}

/// The interval of b / a - 1 from the same limits; a has successes.
fn newcombe_lift(a: Share, b: Share, alpha: f64) -> (f64, f64) {
    let z = normal_upper_quantile(alpha / 2.0);
    let ((down_a, up_a), (down_b, up_b)) = (a.reach(z), b.reach(z));
    let (p, q, difference) = (a.p(), b.p(), apart(a, b));
    // The product of both limits is p² / (1 + z²/n), so the lower one does not cancel.
    let low = |share: Share, up: f64| {
        let p = share.p();
        p * p * (share.n / (share.n + z * z)) / (p + up)
    };
    // (pq ∓ root) / (u (2p - u)) - 1 with root² = p²q² - l (2q - l) u (2p - u), by the distances l - q and u - p.
    let from = if b.successes == 0.0 {
        -1.0
    } else {
        let root = (p * down_b).hypot(up_a * (low(b, up_b) * (q + down_b)).sqrt());
        (q * difference - down_b * down_b - root) / (p * q + root)
    };
    let square = low(a, up_a) * (p + down_a);
    let root = (q * down_a).hypot(up_b * square.sqrt());
    (from, (p * difference + down_a * down_a + root) / square)
}

/// Compares two proportions.
pub fn proportions(a: Share, b: Share, method: Method, asked: Asked) -> Effect {
    let (all, successes) = (a.n + b.n, a.successes + b.successes);
    let least_expected = a.n.min(b.n) * successes.min(all - successes) / all;
    let chosen = match method {
        // Two arms that do not vary but differ: their own variances say nothing. Nor does that of a lift of -1, where nobody succeeded in b.
        Method::Auto
            if least_expected < 5.0 || a.variance() + b.variance() == 0.0 || asked.relative && b.successes == 0.0 =>
        {
            Method::Fisher
        }
        Method::Auto => Method::Z,
        asked_for => asked_for,
    };
    if chosen == Method::Welch {
        return as_means(a, b, asked);
    }
    let outcome = if a.n < 1.0 || b.n < 1.0 {
        Err(Reason::EmptyArm)
    } else if method != Method::Fisher && (a.n < 2.0 || b.n < 2.0) {
        Err(Reason::TooFewUnits)
    } else if method != Method::Fisher && (successes == 0.0 || successes == all) {
        Err(Reason::ZeroVariance)
    } else if asked.relative && a.successes == 0.0 {
        Err(Reason::ZeroBaseline)
    } else if chosen == Method::Fisher {
        by_fisher(a, b, asked)
    } else {
        by_z(a, b, asked)
    };
    let value = |share: Share| (share.n >= 1.0).then(|| share.p());
    let method = if chosen == Method::Fisher { "fisher" } else { "z" };
    Effect {
        value_a: value(a),
        value_b: value(b),
        method,
        outcome,
    }
}

/// A proportion is the ratio of two whole numbers: so the difference keeps its digits.
fn as_means(a: Share, b: Share, asked: Asked) -> Effect {
    let arm = |share: Share| Arm {
        n: share.n,
        mean: [share.successes, share.n],
        cov: [[share.variance() * share.n * share.n, 0.0], [0.0, 0.0]],
    };
    Effect {
        method: "welch",
        ..ratios(&arm(a), &arm(b), asked)
    }
}

/// b - a, with its digits where both are near each other.
fn apart(a: Share, b: Share) -> f64 {
    quotients_apart([a.successes, a.n], [b.successes, b.n])
}

/// Difference or lift of b over a, with the variance that each arm has by itself.
fn unpooled(a: Share, b: Share, relative: bool) -> Estimate {
    let (p, q) = (a.p(), b.p());
    let (v_a, v_b) = (a.variance() / a.n, b.variance() / b.n);
    let (effect, variance) = if relative {
        (apart(a, b) / p, (v_b + v_a * (q / p) * (q / p)) / (p * p))
    } else {
        (apart(a, b), v_a + v_b)
    };
    Estimate {
        effect,
        variance,
        df: f64::INFINITY,
        units: a.n + b.n,
    }
}

fn by_z(a: Share, b: Share, asked: Asked) -> Result<Numbers, Reason> {
    let numbers = unpooled(a, b, asked.relative).test(asked)?;
    // p asks whether both arms are one: then they share one proportion.
    let all = Share {
        successes: a.successes + b.successes,
        n: a.n + b.n,
    };
    let statistic = apart(a, b) / (all.variance() * (1.0 / a.n + 1.0 / b.n)).sqrt();
    Ok(Numbers {
        statistic: Some(statistic),
        p: student_two_sided(statistic, f64::INFINITY),
        ..numbers
    })
}

fn by_fisher(a: Share, b: Share, asked: Asked) -> Result<Numbers, Reason> {
    // The standard error, and with it the sequential interval, of one more success and one more failure in each arm (Agresti
    // and Caffo 2000): with few successes the plain one is too small, down to 0.
    let more = |share: Share| Share {
        successes: share.successes + 1.0,
        n: share.n + 2.0,
    };
    let variance = unpooled(more(a), more(b), asked.relative).variance;
    let numbers = Estimate {
        variance,
        ..unpooled(a, b, asked.relative)
    }
    .test(asked)?;
    let interval = if asked.relative {
        newcombe_lift(a, b, asked.alpha)
    } else {
        newcombe(a, b, asked.alpha)
    };
    Ok(Numbers {
        statistic: None,
        p: fisher::two_sided(a, b),
        interval,
        ..numbers
    })
}
