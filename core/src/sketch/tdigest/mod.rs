//! `tdigest`: percentiles that merge. Exact while small, a merging t-digest when large.
//!
//! T. Dunning, O. Ertl: *Computing extremely accurate quantiles using t-digests* (arXiv 1902.04023), the merging variant.
//! Deviations: (1) up to [`EXACT_MAX`] values are kept as they are and answered by `percentile_cont`'s definition; (2) equal
//! values form one centroid, marked pure, that is never interpolated across, and nothing is approximated while there are
//! no more distinct values than centroids (Dunning, *The t-digest: tail discreteness*, does so for the tails only); (3) NaN
//! and the infinities are counted apart, in PostgreSQL's order: NaN is the greatest value; (4) `compression` is the
//! greatest number of centroids, so that a size can be told beforehand.

pub mod codec;
mod compress;
mod flush;
mod merging;
pub mod query;
mod ranks;
mod received;
mod scale;
pub mod text;
pub mod working;

#[cfg(test)]
mod peers;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use super::stored::Stored;
use crate::error::TallyError;

/// Values kept as they are: 2,028 stored bytes, about the size of a full digest at the default compression.
pub const EXACT_MAX: usize = 253;

/// Centroids kept unless told otherwise: at most about 2 kB stored.
pub const DEFAULT_COMPRESSION: u16 = 180;

/// Bounds of `compression`.
pub const COMPRESSION: std::ops::RangeInclusive<u16> = 20..=5000;

/// Some values that lie together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Centroid {
    /// Their mean; finite.
    pub mean: f64,
    /// How many they are; at least 1.
    pub weight: u64,
    /// Whether all of them equal the mean.
    pub pure: bool,
}

/// Counts of what has no place on the line of finite numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outside {
    /// Count of -infinity, below all.
    pub neg_inf: u64,
    /// Count of +infinity.
    pub pos_inf: u64,
    /// Count of NaN, above all.
    pub nan: u64,
}

impl Outside {
    /// Counts `weight` copies of a value that is not finite.
    pub fn count(&mut self, value: f64, weight: u64) {
        let counter = match value {
            v if v.is_nan() => &mut self.nan,
            v if v > 0.0 => &mut self.pos_inf,
            _ => &mut self.neg_inf,
        };
        *counter = counter.saturating_add(weight);
    }

    /// Counts those of another sketch too.
    pub fn add(&mut self, other: &Outside) {
        self.neg_inf = self.neg_inf.saturating_add(other.neg_inf);
        self.pos_inf = self.pos_inf.saturating_add(other.pos_inf);
        self.nan = self.nan.saturating_add(other.nan);
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.neg_inf.saturating_add(self.pos_inf).saturating_add(self.nan)
    }
}

/// The large form, finished: sorted centroids and what is known exactly beside them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Digest {
    /// Least finite value.
    pub min: f64,
    /// Greatest finite value.
    pub max: f64,
    /// Sum of the finite values.
    pub sum: f64,
    /// NaN and infinities.
    pub outside: Outside,
    /// Ascending by mean.
    pub centroids: Vec<Centroid>,
}

/// A finished sketch, as read from stored bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    /// Greatest number of centroids.
    pub compression: u16,
    /// The share that `approx_percentile(value, q)` asks for, where that aggregate made it.
    pub asked: Option<f64>,
    /// Its values.
    pub body: Body,
}

/// The values of a sketch, in one of two forms.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// All values, ascending, NaN last.
    Exact(Vec<f64>),
    /// Centroids.
    Digest(Digest),
}

impl Sketch {
    /// The empty sketch.
    pub fn empty(compression: u16) -> Self {
        Sketch {
            compression,
            asked: None,
            body: Body::Exact(Vec::new()),
        }
    }
}

impl Stored for Sketch {
    const NAME: &'static str = "tdigest";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        codec::decode(bytes)
    }

    fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    fn is_partial(bytes: &[u8]) -> bool {
        codec::is_partial(bytes)
    }

    fn text(&self) -> String {
        text::write(self)
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        text::read(text)
    }
}
