//! Owns the answers of a t-digest: percentile, rank, count, sum, mean, bounds, trimmed mean, histogram.
//!
//! Exact sketches answer by `percentile_cont`'s definition: the value at rank q (n - 1), between neighbours linearly. A
//! digest answers by the same ranks ([`super::ranks`]).

use super::{Body, Sketch};
use crate::cancel::looking;

impl Sketch {
    /// How many values.
    pub fn count(&self) -> u64 {
        match &self.body {
            Body::Exact(values) => values.len() as u64,
            Body::Digest(d) => d.finite().saturating_add(d.outside.total()),
        }
    }

    /// Their sum; NaN where one of them is, as PostgreSQL's `sum`.
    pub fn sum(&self) -> Option<f64> {
        (self.count() > 0).then(|| match &self.body {
            Body::Exact(values) => neumaier(values),
            Body::Digest(d) => d.total(),
        })
    }

    /// Their mean.
    pub fn mean(&self) -> Option<f64> {
        let (n, sum) = (self.count() as f64, self.sum()?);
        if sum.is_finite() || self.bound(false)?.is_infinite() || self.bound(true).is_none_or(|v| !v.is_finite()) {
            return Some(sum / n);
        }
        // The sum overflowed and the mean does not.
        Some(match &self.body {
            Body::Exact(values) => values.iter().map(|v| v / n).sum(),
            Body::Digest(d) => d.centroids.iter().map(|c| c.mean * (c.weight as f64 / n)).sum(),
        })
    }

    /// The least value.
    pub fn min(&self) -> Option<f64> {
        self.bound(false)
    }

    /// The greatest value; NaN is greater than all, as in PostgreSQL's order.
    pub fn max(&self) -> Option<f64> {
        self.bound(true)
    }

    fn bound(&self, upper: bool) -> Option<f64> {
        match &self.body {
            Body::Exact(values) => if upper { values.last() } else { values.first() }.copied(),
            Body::Digest(_) => self.percentile(f64::from(u8::from(upper))),
        }
    }

    /// The value below which the share `q` of all lies, by `percentile_cont`'s definition; `q` in 0 to 1.
    pub fn percentile(&self, q: f64) -> Option<f64> {
        let n = self.count();
        if n == 0 {
            return None;
        }
        let rank = q * (n - 1) as f64;
        Some(match &self.body {
            Body::Exact(values) => {
                let (low, high) = (values[rank.floor() as usize], values[rank.ceil() as usize]);
                lerp(low, high, rank - rank.floor())
            }
            Body::Digest(d) => d.at_rank(rank),
        })
    }

    /// The share of values below `v`, ties counted half: the inverse of `percentile`, up to ties.
    pub fn percentile_rank(&self, v: f64) -> Option<f64> {
        let n = self.count();
        if n == 0 {
            return None;
        }
        let (below, equal) = self.below(v);
        Some((below + equal / 2.0) / n as f64)
    }

    /// How many values are less than `v`, and how many equal it; NaN equals NaN.
    pub fn below(&self, v: f64) -> (f64, f64) {
        match &self.body {
            Body::Exact(values) => {
                let less = values.partition_point(|x| pg_less(*x, v));
                let up_to = values.partition_point(|x| !pg_less(v, *x));
                (less as f64, (up_to - less) as f64)
            }
            Body::Digest(d) => d.below(v),
        }
    }

    /// Mean of the values between the shares `low` and `high`; values at the edges count by their part inside.
    pub fn trimmed_mean(&self, low: f64, high: f64) -> Option<f64> {
        let n = self.count() as f64;
        let (from, to) = (low * n, high * n);
        let (mut before, mut sum, mut weight) = (0.0, 0.0, 0.0);
        self.each(|value, count| {
            let inside = (to.min(before + count) - from.max(before)).max(0.0);
            before += count;
            if inside > 0.0 {
                weight += inside;
                sum += value * (inside / n);
            }
        });
        (weight > 0.0).then(|| sum / (weight / n))
    }

    /// Counts between edges: below the first, [e1, e2), …, from the last on. Exact sketches count exactly; digests
    /// round estimated ranks so that the counts add up to `count`.
    pub fn histogram(&self, edges: &[f64]) -> Vec<i64> {
        let mut last = 0;
        let mut counts: Vec<i64> = looking(edges)
            .map(|&edge| {
                let up_to = (self.below(edge).0.round() as i64).max(last);
                let here = up_to - last;
                last = up_to;
                here
            })
            .collect();
        counts.push((self.count() as i64).saturating_sub(last));
        counts
    }

    /// Calls with each value and its count, ascending.
    pub fn each(&self, mut call: impl FnMut(f64, f64)) {
        match &self.body {
            Body::Exact(values) => values.iter().for_each(|&v| call(v, 1.0)),
            Body::Digest(d) => {
                call(f64::NEG_INFINITY, d.outside.neg_inf as f64);
                d.centroids.iter().for_each(|c| call(c.mean, c.weight as f64));
                call(f64::INFINITY, d.outside.pos_inf as f64);
                call(f64::NAN, d.outside.nan as f64);
            }
        }
    }
}

/// Neumaier's compensated sum, so that exact sketches of any order agree.
fn neumaier(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0, 0.0);
    for &v in values {
        let new: f64 = sum + v;
        lost += if f64::abs(sum) >= v.abs() {
            (sum - new) + v
        } else {
            (v - new) + sum
        };
        sum = new;
    }
    if f64::is_finite(lost) { sum + lost } else { sum }
}

/// PostgreSQL's order of float8: NaN is the greatest, and -0 equals 0.
fn pg_less(a: f64, b: f64) -> bool {
    if a.is_nan() || b.is_nan() {
        !a.is_nan() && b.is_nan()
    } else {
        a < b
    }
}

/// `low + share (high - low)` as percentile_cont computes it, bit for bit; but between -infinity and another value it stays
/// -infinity (there: NaN), and where the difference overflows it stays inside the bounds (there: infinity).
pub fn lerp(low: f64, high: f64, share: f64) -> f64 {
    if low == high || share == 0.0 || low == f64::NEG_INFINITY {
        return low;
    }
    let value = low + share * (high - low);
    if value.is_finite() || !high.is_finite() {
        value
    } else {
        low * (1.0 - share) + high * share
    }
}
