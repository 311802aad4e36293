//! Owns the ranks of a digest: which value stands at a rank, and how many values are below a value.
//!
//! A pure centroid holds its value over all of its ranks, another one is centred on its ranks, and between such points values
//! run linearly from the least to the greatest.

use super::query::lerp;
use super::{Centroid, Digest};

/// How many times steeper than its neighbours a piece of the line must be to be a gap.
const GAP: f64 = 32.0;

impl Digest {
    /// How many finite values.
    pub fn finite(&self) -> u64 {
        self.centroids.iter().fold(0, |n: u64, c| n.saturating_add(c.weight))
    }

    /// The sum of all values, NaN and infinities included.
    pub(super) fn total(&self) -> f64 {
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
    pub(super) fn at_rank(&self, rank: f64) -> f64 {
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
            _ if self.outside.nan > 0 => Err(f64::NAN),
            // Beyond 2^53 the last rank is rounded to the count.
            _ if self.outside.pos_inf > 0 => Err(f64::INFINITY),
            _ if finite > 0.0 => Ok(()),
            _ => Err(f64::NEG_INFINITY),
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
        let mut ends = self
            .centroids
            .iter()
            .scan(0.0, |end, c| {
                *end += c.weight as f64;
                Some(*end)
            })
            .peekable();
        let mut all = Vec::with_capacity(points.len() + 8);
        for i in 0..points.len() {
            all.push(points[i]);
            if i == 0 || i + 2 >= points.len() || points[i + 1].0 - points[i].0 <= 1.0 {
                continue;
            }
            let (left, here, right) = (slope(i - 1), slope(i), slope(i + 1));
            // The last rank of the centroid on the left. Its end is asked for again where it has a point at its last rank too.
            while ends.peek().is_some_and(|end| *end <= points[i].0) {
                ends.next();
            }
            let Some(edge) = ends.peek().map(|end| end - 1.0) else {
                continue;
            };
            if here > GAP * left && here > GAP * right {
                // Slopes near the greatest float8 overflow.
                let low = (points[i].1 + left * (edge - points[i].0)).min(points[i + 1].1);
                let high = (points[i + 1].1 - right * (points[i + 1].0 - edge - 1.0)).max(low);
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

    /// How many values are less than `v`, and how many equal it; NaN equals NaN.
    pub(super) fn below(&self, v: f64) -> (f64, f64) {
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
            (Some(left), Some(right)) => left.0 + (right.0 - left.0) * share(v, left.1, right.1) + 0.5,
            (None, Some(_)) => 0.0,
            _ => finite,
        };
        (low + place.clamp(0.0, finite), 0.0)
    }
}

/// Where between `low` and `high` a value lies, as a share of their distance.
fn share(value: f64, low: f64, high: f64) -> f64 {
    if (high - low).is_finite() {
        (value - low) / (high - low)
    } else {
        // The distance of two float8 may overflow, that of their halves does not.
        (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
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

#[cfg(test)]
mod tests {
    use super::super::Outside;
    use super::*;

    /// By hand: 1, then 100 times 2, then 80 values about 1000 to 1002, 40 of them with the mean 1000.
    #[test]
    fn a_mode_behind_a_value_of_many_ranks_is_not_taken_for_that_value() {
        let centroid = |mean, weight, pure| Centroid { mean, weight, pure };
        let digest = Digest {
            min: 1.0,
            max: 1002.0,
            sum: 80_201.0 + 1002.0,
            outside: Outside::default(),
            centroids: vec![
                centroid(1.0, 1, true),
                centroid(2.0, 100, true),
                centroid(1000.0, 40, false),
                centroid(1001.0, 39, false),
                centroid(1002.0, 1, true),
            ],
        };
        for rank in [102.0, 110.0, 120.5, 130.0] {
            assert!(
                (digest.at_rank(rank) - 1000.0).abs() <= 2.0,
                "{rank}: {}",
                digest.at_rank(rank)
            );
        }
        assert_eq!((digest.at_rank(1.0), digest.at_rank(100.0)), (2.0, 2.0));
    }
}
