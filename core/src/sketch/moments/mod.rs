//! `moments`: means and covariances of one to four variables that merge.
//!
//! As in `stats`, moments are central and count from an origin, the first value, so that data shifted to 1e9 keep their digits
//! (P. Pébay, Sandia SAND2008-6212; T. F. Chan, G. H. Golub, R. J. LeVeque 1979 for merging). Working and stored form are the
//! same words.
//!
//! ```text
//! word 0 low half: varlena header, not ours · byte 4 version = 1 · byte 5 variables k, 1 to 4 · 2 bytes 0
//! 1 count · k origins · k means less their origins · k (k + 1) / 2 sums of products of deviations: 11, 12, …, 1k, 22, …, kk
//! ```

pub mod text;

use super::Grow;
use super::stored::Stored;
use crate::error::{SqlState, TallyError};
use crate::sketch::bytes::{Reader, corrupt};

const VERSION: u8 = 1;

/// Most variables.
pub const MOST: usize = 4;

/// Sums of products of most variables.
const PRODUCTS: usize = MOST * (MOST + 1) / 2;

/// Most rows.
pub const MOST_ROWS: u64 = 1 << 62;

/// Means and covariances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Variables.
    pub k: usize,
    /// Rows.
    pub n: u64,
    /// First finite value of each variable.
    pub origin: [f64; MOST],
    /// Mean of each, less the origin.
    pub mean: [f64; MOST],
    /// Σ (x_i - mean_i)(x_j - mean_j) for i <= j, row by row.
    pub co: [f64; PRODUCTS],
}

/// How many sums of products k variables have.
pub const fn products(k: usize) -> usize {
    k * (k + 1) / 2
}

impl Moments {
    /// No rows yet of `k` variables, 1 to 4.
    pub fn new(k: usize) -> Self {
        Moments {
            k,
            n: 0,
            origin: [0.0; MOST],
            mean: [0.0; MOST],
            co: [0.0; PRODUCTS],
        }
    }

    /// Adds a row of `k` values.
    pub fn push(&mut self, row: &[f64]) {
        let k = self.k;
        add(
            &mut self.n,
            &mut self.origin[..k],
            &mut self.mean[..k],
            &mut self.co,
            row,
        );
    }

    /// Adds all rows of another of as many variables.
    pub fn merge(&mut self, other: &Moments) -> Result<(), TallyError> {
        if self.k != other.k {
            return Err(other_size(self.k, other.k));
        }
        if other.n == 0 || self.n == 0 {
            *self = if self.n == 0 { *other } else { *self };
            return Ok(());
        }
        let k = self.k;
        let (a, b) = (self.n as f64, other.n as f64);
        let apart: [f64; MOST] =
            std::array::from_fn(|i| (other.origin[i] - self.origin[i]) + (other.mean[i] - self.mean[i]));
        let weight = a * (b / (a + b));
        let mut at = 0;
        for i in 0..k {
            for j in i..k {
                self.co[at] += other.co[at] + apart[i] * apart[j] * weight;
                at += 1;
            }
        }
        for (mean, apart) in self.mean.iter_mut().zip(&apart).take(k) {
            *mean += apart * (b / (a + b));
        }
        self.n = self.n.saturating_add(other.n).min(MOST_ROWS);
        Ok(())
    }

    /// Mean of variable `i`, from 0; none of no rows.
    pub fn mean(&self, i: usize) -> Option<f64> {
        (self.n > 0).then(|| self.origin[i] + self.mean[i])
    }

    /// Sum of variable `i`.
    pub fn sum(&self, i: usize) -> Option<f64> {
        let n = self.n as f64;
        (self.n > 0).then(|| self.origin[i] * n + self.mean[i] * n)
    }

    /// Sample covariance of variables `i` and `j`; the variance where they are one. None of fewer than two rows.
    pub fn covariance(&self, i: usize, j: usize) -> Option<f64> {
        let (i, j) = (i.min(j), i.max(j));
        let at = i * self.k - products(i) + i + (j - i);
        (self.n > 1).then(|| self.co[at] / (self.n as f64 - 1.0))
    }

    /// Words of a state of `k` variables.
    pub const fn words(k: usize) -> usize {
        2 + 2 * k + products(k)
    }

    /// The numbers behind the count, in their order.
    fn numbers(&self) -> impl Iterator<Item = f64> {
        let (k, m) = (self.k, *self);
        let parts = m.origin.into_iter().take(k).chain(m.mean.into_iter().take(k));
        parts.chain(m.co.into_iter().take(products(k)))
    }

    /// Reads a state. The caller has seen [`is_working`].
    pub fn load(words: &[u64]) -> Self {
        let k = variables(words);
        let mut moments = Moments::new(k);
        moments.n = words[1];
        let mut numbers = words[2..].iter().map(|w| f64::from_bits(*w));
        let mut fill = |into: &mut [f64]| into.iter_mut().for_each(|x| *x = numbers.next().unwrap_or(0.0));
        fill(&mut moments.origin[..k]);
        fill(&mut moments.mean[..k]);
        fill(&mut moments.co[..products(k)]);
        moments
    }

    /// Writes a state.
    pub fn store(&self, words: &mut [u64]) {
        let head = u64::from(VERSION) | (self.k as u64) << 8;
        words[0] = words[0] & 0xffff_ffff | head << 32;
        words[1] = self.n;
        for (word, x) in words[2..].iter_mut().zip(self.numbers()) {
            *word = x.to_bits();
        }
    }
}

/// The error of merging other numbers of variables.
fn other_size(expected: usize, got: usize) -> TallyError {
    TallyError::new(
        SqlState::DatatypeMismatch,
        format!("moments of {expected} variables expected, got moments of {got}"),
    )
    .detail("All rows and sketches of a group must have the same variables.")
    .hint("SELECT tally.rollup(m) FROM (SELECT tally.moments(1.0, 2.0) AS m) AS sketches WHERE tally.variables(m) = 2")
}

/// Refuses a row of other than one to four values.
pub fn check_variables(count: usize) -> Result<(), TallyError> {
    if (1..=MOST).contains(&count) {
        return Ok(());
    }
    Err(TallyError::new(
        SqlState::InvalidParameterValue,
        format!("one to {MOST} variables expected, got {count}"),
    )
    .detail("tally.moments keeps the means of its variables and the covariance of each two.")
    .hint("SELECT tally.moments(y, x) FROM (VALUES (1.0, 2.0), (2.0, 5.0)) AS t(y, x)"))
}

/// Adds a row to rows of as many variables, one for each element of `origin`.
#[inline(always)]
fn add(n: &mut u64, origin: &mut [f64], mean: &mut [f64], co: &mut [f64], row: &[f64]) {
    let k = origin.len();
    if *n == 0 {
        for (origin, x) in origin.iter_mut().zip(row) {
            *origin = if x.is_finite() { *x } else { 0.0 };
        }
    }
    *n += 1;
    let n = *n as f64;
    let before: [f64; MOST] = std::array::from_fn(|i| if i < k { row[i] - origin[i] - mean[i] } else { 0.0 });
    // Σ grows by δ_i δ_j (n - 1) / n, which is the same for both orders of i and j.
    let share = (n - 1.0) / n;
    let mut at = 0;
    for i in 0..k {
        for j in i..k {
            co[at] += before[i] * before[j] * share;
            at += 1;
        }
    }
    for (mean, before) in mean.iter_mut().zip(&before) {
        *mean += before / n;
    }
}

/// [`add`] to a state of K variables and P products. The lengths are known to the compiler, so that nothing loops.
fn push_sized<const K: usize, const P: usize>(words: &mut [u64], row: &[f64]) {
    let number = |at: usize| f64::from_bits(words[at]);
    let mut n = words[1];
    let mut origin: [f64; K] = std::array::from_fn(|i| number(2 + i));
    let mut mean: [f64; K] = std::array::from_fn(|i| number(2 + K + i));
    let mut co: [f64; P] = std::array::from_fn(|i| number(2 + 2 * K + i));
    add(&mut n, &mut origin, &mut mean, &mut co, row);
    words[1] = n;
    for (word, x) in words[2..].iter_mut().zip(origin.iter().chain(&mean).chain(&co)) {
        *word = x.to_bits();
    }
}

/// Adds a row to a state.
pub fn push_row(words: &mut [u64], row: &[f64]) -> Result<Result<(), Grow>, TallyError> {
    let k = variables(words);
    if k != row.len() {
        return Err(other_size(k, row.len()));
    }
    match k {
        1 => push_sized::<1, { products(1) }>(words, row),
        2 => push_sized::<2, { products(2) }>(words, row),
        3 => push_sized::<3, { products(3) }>(words, row),
        _ => push_sized::<MOST, PRODUCTS>(words, row),
    }
    Ok(Ok(()))
}

fn variables(words: &[u64]) -> usize {
    usize::from((words[0] >> 40) as u8)
}

/// Whether the words are a state that can be changed in place.
pub fn is_working(words: &[u64]) -> bool {
    let k = variables(words);
    (1..=MOST).contains(&k) && words.len() == Moments::words(k)
}

/// Merges stored bytes into a state.
pub fn merge_bytes(words: &mut [u64], bytes: &[u8]) -> Result<Result<(), Grow>, TallyError> {
    let mut moments = Moments::load(words);
    moments.merge(&Moments::decode(bytes)?)?;
    moments.store(words);
    Ok(Ok(()))
}

impl Stored for Moments {
    const NAME: &'static str = "moments";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        let mut reader = Reader::new("moments", bytes);
        let (version, k, zero) = (reader.u8()?, usize::from(reader.u8()?), reader.u16()?);
        if version != VERSION || !(1..=MOST).contains(&k) || zero != 0 {
            return Err(reader.corrupt("version 1 with one to four variables"));
        }
        let words = crate::sketch::words_of(bytes).filter(|words| words.len() == Moments::words(k));
        let length = Moments::words(k) * 8 - 4;
        let moments = Moments::load(&words.ok_or_else(|| corrupt("moments", &format!("{length} bytes"), bytes.len()))?);
        if moments.n > MOST_ROWS {
            return Err(reader.corrupt("a count of at most 2^62"));
        }
        Ok(moments)
    }

    fn encode(&self) -> Vec<u8> {
        let mut words = vec![0; Moments::words(self.k)];
        self.store(&mut words);
        // Whatever its sign and payload, NaN is one value: equal moments have equal bytes.
        for word in &mut words[2..] {
            if f64::from_bits(*word).is_nan() {
                *word = f64::NAN.to_bits();
            }
        }
        words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect()
    }

    fn text(&self) -> String {
        text::write(self)
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        text::read(text)
    }
}

#[cfg(test)]
mod tests;
