//! `stats`: moments of one or two variables that merge.
//!
//! P. Pébay, *Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical moments*
//! (Sandia SAND2008-6212): means and central moments, never sums of powers, so data shifted to 1e9 keeps its digits, and
//! merging is algebra.
//!
//! The origin is the first value: around 1e9 a mean itself would lose the digits behind 1e-7 at every step.

mod codec;
pub mod text;

pub use codec::{is_working, merge_bytes};

/// Moments of y, and of x beside it where there are two variables.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
    /// Whether there is an x.
    pub paired: bool,
    /// How many rows.
    pub n: u64,
    /// First finite y; the mean counts from there.
    pub origin: f64,
    /// Mean of y, less the origin.
    pub mean: f64,
    /// Σ(y - mean)², Σ(y - mean)³, Σ(y - mean)⁴.
    pub m: [f64; 3],
    /// First finite x.
    pub origin_x: f64,
    /// Mean of x, less the origin.
    pub mean_x: f64,
    /// Σ(x - mean)².
    pub m2_x: f64,
    /// Σ(x - mean of x)(y - mean).
    pub co: f64,
}

impl Stats {
    /// No rows yet.
    pub fn new(paired: bool) -> Self {
        Stats {
            paired,
            ..Stats::default()
        }
    }

    /// Adds a row; `x` is not looked at where there is one variable.
    #[inline(always)]
    pub fn push(&mut self, y: f64, x: f64) {
        if self.n == 0 {
            self.origin = if y.is_finite() { y } else { 0.0 };
            self.origin_x = if x.is_finite() { x } else { 0.0 };
        }
        let (y, x) = (y - self.origin, x - self.origin_x);
        let before = self.n as f64;
        self.n += 1;
        let n = self.n as f64;
        let delta = y - self.mean;
        let (step, [m2, m3, m4]) = (delta / n, self.m);
        let term = delta * step * before;
        self.mean += step;
        self.m = [
            m2 + term,
            m3 + term * step * (n - 2.0) - 3.0 * step * m2,
            m4 + term * step * step * (n * n - 3.0 * n + 3.0) + 6.0 * step * step * m2 - 4.0 * step * m3,
        ];
        if self.paired {
            let delta_x = x - self.mean_x;
            self.mean_x += delta_x / n;
            self.m2_x += delta_x * (x - self.mean_x);
            self.co += delta_x * (y - self.mean);
        }
    }

    /// Adds all rows of another. One variable with two gives one.
    pub fn merge(&mut self, other: &Stats) {
        if other.n == 0 || self.n == 0 {
            let paired = self.paired && other.paired;
            *self = if self.n == 0 { *other } else { *self };
            self.set_paired(paired);
            return;
        }
        self.set_paired(self.paired && other.paired);
        let (a, b) = (self.n as f64, other.n as f64);
        let n = a + b;
        let d = (other.origin - self.origin) + (other.mean - self.mean);
        let ([a2, a3, a4], [b2, b3, b4]) = (self.m, other.m);
        let d_n = d / n;
        self.m = [
            a2 + b2 + d * d_n * a * b,
            a3 + b3 + d * d_n * d_n * a * b * (a - b) + 3.0 * d_n * (a * b2 - b * a2),
            a4 + b4
                + d * d_n * d_n * d_n * a * b * (a * a - a * b + b * b)
                + 6.0 * d_n * d_n * (a * a * b2 + b * b * a2)
                + 4.0 * d_n * (a * b3 - b * a3),
        ];
        if self.paired {
            let d_x = (other.origin_x - self.origin_x) + (other.mean_x - self.mean_x);
            self.m2_x += other.m2_x + d_x * d_x * a * b / n;
            self.co += other.co + d_x * d * a * b / n;
            self.mean_x += d_x * b / n;
        }
        self.mean += d_n * b;
        self.n = self.n.saturating_add(other.n);
    }

    fn set_paired(&mut self, paired: bool) {
        self.paired = paired;
        if !paired {
            (self.origin_x, self.mean_x, self.m2_x, self.co) = (0.0, 0.0, 0.0, 0.0);
        }
    }

    fn some(&self, least: u64, value: f64) -> Option<f64> {
        (self.n >= least).then_some(value)
    }

    fn of_pairs(&self, least: u64, value: f64) -> Option<f64> {
        self.some(least, value).filter(|_| self.paired)
    }

    /// Mean of y.
    pub fn mean(&self) -> Option<f64> {
        self.some(1, self.origin + self.mean)
    }

    /// Sum of y.
    pub fn sum(&self) -> Option<f64> {
        self.some(1, self.origin * self.n as f64 + self.mean * self.n as f64)
    }

    /// Sample variance of y (n - 1).
    pub fn variance(&self) -> Option<f64> {
        self.some(2, self.m[0] / (self.n as f64 - 1.0))
    }

    /// Population skewness of y; none where y is constant.
    pub fn skewness(&self) -> Option<f64> {
        self.some(1, (self.n as f64).sqrt() * self.m[1] / self.m[0].powf(1.5))
            .filter(|_| self.m[0] != 0.0)
    }

    /// Population excess kurtosis of y (0 for a normal distribution); none where y is constant.
    pub fn kurtosis(&self) -> Option<f64> {
        self.some(1, self.n as f64 * self.m[2] / (self.m[0] * self.m[0]) - 3.0)
            .filter(|_| self.m[0] != 0.0)
    }

    /// Mean of x.
    pub fn mean_x(&self) -> Option<f64> {
        self.of_pairs(1, self.origin_x + self.mean_x)
    }

    /// Sample variance of x.
    pub fn variance_x(&self) -> Option<f64> {
        self.of_pairs(2, self.m2_x / (self.n as f64 - 1.0))
    }

    /// Sample covariance.
    pub fn covariance(&self) -> Option<f64> {
        self.of_pairs(2, self.co / (self.n as f64 - 1.0))
    }

    /// Correlation; none where y or x is constant.
    pub fn correlation(&self) -> Option<f64> {
        let scale = self.m2_x.sqrt() * self.m[0].sqrt();
        self.of_pairs(1, (self.co / scale).clamp(-1.0, 1.0))
            .filter(|_| scale != 0.0)
    }

    /// Slope of the least-squares line of y on x; none where x is constant.
    pub fn slope(&self) -> Option<f64> {
        self.of_pairs(1, self.co / self.m2_x).filter(|_| self.m2_x != 0.0)
    }

    /// Intercept of that line.
    pub fn intercept(&self) -> Option<f64> {
        self.slope()
            .map(|slope| (self.origin - slope * self.origin_x) + (self.mean - slope * self.mean_x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(rows: &[(f64, f64)]) -> Stats {
        let mut stats = Stats::new(true);
        rows.iter().for_each(|&(y, x)| stats.push(y, x));
        stats
    }

    fn near(a: Option<f64>, b: f64, digits: i32) {
        let a = a.expect("a value");
        assert!((a - b).abs() <= b.abs() * 10f64.powi(-digits), "{a} and {b}");
    }

    /// Constants by hand for y = 1, 2, 4, 8, 16 on x = 1 to 5: Σd = 0, Σd² = 148.8, Σd³ = 1074.96 (mean 6.2), Σd⁴ = 10201.056...
    #[test]
    fn known_answers_and_shifted_to_1e9() {
        let rows: Vec<_> = [1.0, 2.0, 4.0, 8.0, 16.0]
            .into_iter()
            .zip([1.0, 2.0, 3.0, 4.0, 5.0])
            .collect();
        let d: Vec<f64> = rows.iter().map(|r| r.0 - 6.2).collect();
        let (s2, s3, s4) = d
            .iter()
            .fold((0.0, 0.0, 0.0), |s, d| (s.0 + d * d, s.1 + d.powi(3), s.2 + d.powi(4)));
        for shift in [0.0, 1e9] {
            let stats = of(&rows.iter().map(|r| (r.0 + shift, r.1 + shift)).collect::<Vec<_>>());
            near(stats.mean(), 6.2 + shift, 12);
            near(stats.variance(), 37.2, 9);
            near(stats.skewness(), 5f64.sqrt() * s3 / s2.powf(1.5), 7);
            near(stats.kurtosis(), 5.0 * s4 / (s2 * s2) - 3.0, 6);
            near(stats.covariance(), 9.0, 9);
            near(stats.slope(), 3.6, 9);
            near(stats.correlation(), 36.0 / (148.8f64 * 10.0).sqrt(), 9);
        }
        near(of(&rows).intercept(), 6.2 - 3.6 * 3.0, 12);
    }

    /// Constants of scipy 1.17.1 and numpy: `y.mean()`, `y.var(ddof=1)`, `scipy.stats.skew(y)`, `scipy.stats.kurtosis(y)`,
    /// `np.cov(x, y)[0, 1]`, `scipy.stats.pearsonr(x, y)[0]`, slope and intercept of `scipy.stats.linregress(x, y)`, `x.mean()`,
    /// `x.var(ddof=1)`.
    #[test]
    fn answers_as_scipy() {
        let y = [2.5, 0.1, 7.25, 3.0, 3.0, -4.5, 11.0, 1e-3, 6.75, 2.0];
        let x = [1.0, 0.5, 4.0, 2.0, 2.5, -3.0, 5.5, 0.0, 3.0, 1.5];
        let stats = of(&y.into_iter().zip(x).collect::<Vec<_>>());
        near(stats.mean(), 3.1101, 14);
        near(stats.variance(), 18.989753433333334, 14);
        near(stats.skewness(), 0.15663978814776333, 13);
        near(stats.kurtosis(), -0.30375785870979044, 13);
        near(stats.covariance(), 9.936477777777778, 14);
        near(stats.correlation(), 0.9762326114824353, 14);
        near(stats.slope(), 1.8213503054989817, 14);
        near(stats.intercept(), 0.013804480651731232, 12);
        near(stats.mean_x(), 1.7, 14);
        near(stats.variance_x(), 5.455555555555556, 14);
    }

    #[test]
    fn few_or_constant_rows_have_no_answer() {
        assert_eq!(Stats::new(true).mean(), None);
        assert_eq!(of(&[(1.0, 1.0)]).variance(), None);
        let constant = of(&[(1.0, 1.0), (1.0, 1.0)]);
        assert_eq!(
            (constant.skewness(), constant.correlation(), constant.slope()),
            (None, None, None)
        );
    }

    proptest! {
        #[test]
        fn merging_is_pushing(rows in prop::collection::vec((-1e3..1e3f64, -1e3..1e3f64), 2..200), cut in 0..200usize) {
            let cut = cut.min(rows.len());
            let (whole, mut parts) = (of(&rows), of(&rows[cut..]));
            parts.merge(&of(&rows[..cut]));
            let close = |a: f64, b: f64, scale: f64| (a - b).abs() <= 1e-11 * scale.max(1.0);
            prop_assert_eq!(whole.n, parts.n);
            prop_assert!(close(whole.mean().unwrap(), parts.mean().unwrap(), 1e3));
            prop_assert!(close(whole.m[0], parts.m[0], whole.m[0]));
            prop_assert!(close(whole.m[2], parts.m[2], whole.m[2]));
            prop_assert!(close(whole.co, parts.co, whole.m[0] + whole.m2_x));
            prop_assert_eq!(Stats::decode(&whole.encode()).unwrap(), whole);
        }

        #[test]
        fn decoding_any_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Stats::decode(&bytes);
        }
    }
}
