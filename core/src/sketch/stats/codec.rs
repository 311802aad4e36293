//! Owns the bytes of `stats`. Working and stored form are the same words.
//!
//! ```text
//! word 0 low half: varlena header, not ours · byte 4 version = 1 · byte 5 variables, 1 or 2 · 2 bytes 0
//! 1 count · 2 origin y · 3 mean y - origin · 4-6 Σ(y - mean)^2, ^3, ^4 · with two variables also 7 origin x · 8 mean x - origin
//! 9 Σ(x - mean)^2 · 10 Σ(x - mean)(y - mean)
//! ```

use super::{Stats, text};
use crate::error::TallyError;
use crate::sketch::Grow;
use crate::sketch::bytes::{Reader, corrupt};
use crate::sketch::stored::Stored;

const VERSION: u8 = 1;

impl Stats {
    /// Words of the state.
    pub const fn words(paired: bool) -> usize {
        if paired { 11 } else { 7 }
    }

    /// Reads a state. The caller has seen [`is_working`].
    #[inline(always)]
    pub fn load(words: &[u64]) -> Self {
        let f = |i: usize| f64::from_bits(words[i]);
        let paired = words.len() >= Stats::words(true);
        let [origin_x, mean_x, m2_x, co] = if paired { [f(7), f(8), f(9), f(10)] } else { [0.0; 4] };
        Stats {
            paired,
            n: words[1],
            origin: f(2),
            mean: f(3),
            m: [f(4), f(5), f(6)],
            origin_x,
            mean_x,
            m2_x,
            co,
        }
    }

    /// Writes a state.
    #[inline(always)]
    pub fn store(&self, words: &mut [u64]) {
        let head = u64::from(VERSION) | u64::from(1 + u8::from(self.paired)) << 8;
        words[0] = words[0] & 0xffff_ffff | head << 32;
        words[1] = self.n;
        for (word, v) in words[2..]
            .iter_mut()
            .zip([self.origin, self.mean, self.m[0], self.m[1], self.m[2]])
        {
            *word = v.to_bits();
        }
        if self.paired {
            words[7..11].copy_from_slice(&[self.origin_x, self.mean_x, self.m2_x, self.co].map(f64::to_bits));
        }
    }

    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut words = vec![0; Stats::words(self.paired)];
        self.store(&mut words);
        // Whatever its sign and payload, NaN is one value: equal moments have equal bytes.
        for word in &mut words[2..] {
            if f64::from_bits(*word).is_nan() {
                *word = f64::NAN.to_bits();
            }
        }
        words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect()
    }

    /// Reads stored bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        let mut reader = Reader::new("stats", bytes);
        let (version, variables, zero) = (reader.u8()?, reader.u8()?, reader.u16()?);
        if version != VERSION || !(1..=2).contains(&variables) || zero != 0 {
            return Err(reader.corrupt("version 1 with one or two variables"));
        }
        let words = crate::sketch::words_of(bytes).filter(|words| words.len() == Stats::words(variables == 2));
        let stats = Stats::load(&words.ok_or_else(|| corrupt("stats", "52 or 84 bytes", bytes.len()))?);
        if stats.n > 1 << 62 {
            return Err(reader.corrupt("a count below 2^62"));
        }
        Ok(stats)
    }
}

/// Whether the words are a state that can be changed in place.
#[inline(always)]
pub fn is_working(words: &[u64]) -> bool {
    let variables = (words[0] >> 40) as u8;
    words.len() == Stats::words(variables == 2)
}

/// Merges stored bytes into a state. A state of two variables that meets one variable becomes one: its words are fewer, so
/// this asks for none; the extra words are cleared instead.
pub fn merge_bytes(words: &mut [u64], bytes: &[u8]) -> Result<Result<(), Grow>, TallyError> {
    let mut stats = Stats::load(words);
    stats.merge(&Stats::decode(bytes)?);
    if stats.paired == (words.len() == Stats::words(true)) {
        stats.store(words);
        return Ok(Ok(()));
    }
    Err(TallyError::new(
        crate::error::SqlState::DatatypeMismatch,
        "expected sketches of stats(y, x) only, got one of stats(y) among them",
    )
    .detail("Moments of one variable and of two cannot be merged into two.")
    .hint("SELECT tally.rollup(sketch) FROM … WHERE tally.mean_x(sketch) IS NOT NULL"))
}

impl Stored for Stats {
    const NAME: &'static str = "stats";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        Stats::decode(bytes)
    }

    fn encode(&self) -> Vec<u8> {
        Stats::encode(self)
    }

    fn text(&self) -> String {
        text::write(self)
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        text::read(text)
    }
}
