//! Owns the answers of a t-digest: percentile, rank, count, sum, mean, bounds, trimmed mean, histogram.
//!
//! Exact sketches answer by `percentile_cont`'s definition: the value at rank q (n - 1), between neighbours linearly. A
//! digest answers by the same ranks: a pure centroid holds its value over all of its ranks, another one is centred on its
//! ranks, and between such points values run linearly from the least to the greatest.

use super::{Body, Centroid, Digest, Sketch};
use crate::cancel::looking;

/// How many times steeper than its neighbours a piece of the line must be to be a gap.
const GAP: f64 = 32.0;

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

impl Digest {
    /// How many finite values.
    pub fn finite(&self) -> u64 {
        self.centroids.iter().fold(0, |n: u64, c| n.saturating_add(c.weight))
    }

    fn total(&self) -> f64 {
        let mut sum = self.sum;
        for (value, count) in [
            (f64::NEG_INFINITY, self.outside.neg_inf),
            (f64::INFINITY, self.outside.pos_inf),
            (f64::NAN, self.outside.nan),
        ] {
            if count > 0 {
                sum += value;
            }
        }
        sum
    }

    /// The value at a rank from 0 to count - 1, NaN and infinities included.
    fn at_rank(&self, rank: f64) -> f64 {
        let finite = self.finite() as f64;
        let low = self.outside.neg_inf as f64;
        let (first, second) = (
            self.at_whole(rank.floor(), low, finite),
            self.at_whole(rank.ceil(), low, finite),
        );
        match (first, second) {
            // Both ranks are finite: the line through the centroids is finer than the one between whole ranks.
            (Ok(()), Ok(())) => self.at_finite_rank(rank - low),
            (a, b) => {
                let value = |r: Result<(), f64>, rank: f64| r.err().unwrap_or_else(|| self.at_finite_rank(rank - low));
                lerp(value(a, rank.floor()), value(b, rank.ceil()), rank - rank.floor())
            }
        }
    }

    /// `Err` with the value at a whole rank outside the finite ones.
    fn at_whole(&self, rank: f64, low: f64, finite: f64) -> Result<(), f64> {
        match rank {
            r if r < low => Err(f64::NEG_INFINITY),
            r if r < low + finite => Ok(()),
            r if r < low + finite + self.outside.pos_inf as f64 => Err(f64::INFINITY),
            _ => Err(f64::NAN),
        }
    }

    fn at_finite_rank(&self, rank: f64) -> f64 {
        let points = self.points();
        let next = points.partition_point(|p| p.0 < rank);
        let value = match (next.checked_sub(1).map(|i| points[i]), points.get(next)) {
            (Some(left), Some(right)) => {
                lerp(left.1, right.1, (rank - left.0) / (right.0 - left.0)).clamp(left.1, right.1)
            }
            (None, Some(_)) => self.min,
            _ => self.max,
        };
        if self.is_rounded_integers() {
            value.round()
        } else {
            value
        }
    }

    /// Whether values were all integers, as far as can be seen, and some are known by their mean only: answers are then
    /// rounded to values that can occur. Pure centroids stand at both ends, so other data shows a fraction.
    fn is_rounded_integers(&self) -> bool {
        self.min.fract() == 0.0
            && self.max.fract() == 0.0
            && self.sum.fract() == 0.0
            && self.centroids.iter().any(|c| !c.pure)
            && self.centroids.iter().all(|c| !c.pure || c.mean.fract() == 0.0)
    }

    /// The line that values run along: (rank, value), both ascending. A pure centroid has a point at its first and its last
    /// rank. Where the way between two others is out of all proportion to the ways beside it there is a gap, and the line
    /// goes on along those to the rank where the one centroid ends and the other begins.
    fn points(&self) -> Vec<(f64, f64)> {
        let mut points = Vec::with_capacity(2 * self.centroids.len() + 2);
        points.push((0.0, self.min));
        let mut before = 0.0;
        for c in &self.centroids {
            let (from, to) = c.ranks(before);
            points.push((from, c.mean));
            if to > from {
                points.push((to, c.mean));
            }
            before += c.weight as f64;
        }
        points.push((before - 1.0, self.max));
        points.dedup_by(|next, kept| next.0 <= kept.0);
        self.with_gaps(points)
    }

    fn with_gaps(&self, points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
        let slope = |i: usize| (points[i + 1].1 - points[i].1) / (points[i + 1].0 - points[i].0);
        let mut ends = self.centroids.iter().scan(0.0, |end, c| {
            *end += c.weight as f64;
            Some(*end)
        });
        let mut all = Vec::with_capacity(points.len() + 8);
        for i in 0..points.len() {
            all.push(points[i]);
            if i == 0 || i + 2 >= points.len() || points[i + 1].0 - points[i].0 <= 1.0 {
                continue;
            }
            let (left, here, right) = (slope(i - 1), slope(i), slope(i + 1));
            // The last rank of the centroid on the left.
            let Some(edge) = ends.find(|end| *end > points[i].0).map(|end| end - 1.0) else {
                continue;
            };
            if here > GAP * left && here > GAP * right {
                let low = points[i].1 + left * (edge - points[i].0);
                let high = points[i + 1].1 - right * (points[i + 1].0 - edge - 1.0);
                all.extend(
                    [(edge, low), (edge + 1.0, high)]
                        .into_iter()
                        .filter(|p| p.0 > points[i].0),
                );
            }
        }
        all.dedup_by(|next, kept| next.0 <= kept.0);
        all
    }

    fn below(&self, v: f64) -> (f64, f64) {
        let low = self.outside.neg_inf as f64;
        let finite = self.finite() as f64;
        if v.is_nan() {
            return (low + finite + self.outside.pos_inf as f64, self.outside.nan as f64);
        }
        if v == f64::INFINITY {
            return (low + finite, self.outside.pos_inf as f64);
        }
        if v == f64::NEG_INFINITY {
            return (0.0, low);
        }
        if self.centroids.is_empty() || v < self.min {
            return (low, 0.0);
        }
        if v > self.max {
            return (low + finite, 0.0);
        }
        let mut before = 0.0;
        for c in self.centroids.iter().take_while(|c| c.mean <= v) {
            if c.pure && v == c.mean {
                return (low + before, c.weight as f64);
            }
            before += c.weight as f64;
        }
        // Ranks are places of values; the count below v is a place between ranks, hence the half.
        let points = self.points();
        let next = points.partition_point(|p| p.1 <= v);
        let place = match (next.checked_sub(1).map(|i| points[i]), points.get(next)) {
            (Some(left), Some(right)) => left.0 + (right.0 - left.0) * ((v - left.1) / (right.1 - left.1)) + 0.5,
            (None, Some(_)) => 0.0,
            _ => finite,
        };
        (low + place.clamp(0.0, finite), 0.0)
    }
}

impl Centroid {
    /// First and last rank at which the centroid's mean stands.
    fn ranks(&self, before: f64) -> (f64, f64) {
        let last = before + self.weight as f64 - 1.0;
        if self.pure {
            (before, last)
        } else {
            ((before + last) / 2.0, (before + last) / 2.0)
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
