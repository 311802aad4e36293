//! `ohlc`: the first, highest, lowest and last of a series of numbers with their times, mergeable in any order. Working and stored form
//! are the same words.
//!
//! At one instant the order is that of the values: the first is the least, the last the greatest. The highest and the lowest count from
//! the first time that they were seen.
//!
//! ```text
//! word 0 low half: varlena header, not ours · byte 4 version = 1 · byte 5 kind = 1 · 2 bytes 0 · open, high, low, close: each time · value
//! ```

use super::bytes::{Reader, corrupt};
use super::ordered::{Point, is_time, moment};
use super::stored::Stored;
use super::tdigest::text::{number, read_number};
use crate::error::{SqlState, TallyError};
use serde_json::Value;

const HEAD: u64 = 1 | 1 << 8;
/// Words of a state.
pub const WORDS: usize = 9;
const NAMES: [&str; 4] = ["open", "high", "low", "close"];

/// Four points of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ohlc {
    /// The first.
    pub open: Point,
    /// The highest.
    pub high: Point,
    /// The lowest.
    pub low: Point,
    /// The last.
    pub close: Point,
}

impl Ohlc {
    /// One point.
    pub fn of(point: Point) -> Self {
        Ohlc {
            open: point,
            high: point,
            low: point,
            close: point,
        }
    }

    /// Adds another series.
    pub fn merge(&mut self, other: &Ohlc) {
        self.open = self.open.min(other.open);
        self.close = self.close.max(other.close);
        let higher = other.high.value.total_cmp(&self.high.value);
        if higher.then(self.high.time.cmp(&other.high.time)).is_gt() {
            self.high = other.high;
        }
        let lower = self.low.value.total_cmp(&other.low.value);
        if lower.then(self.low.time.cmp(&other.low.time)).is_gt() {
            self.low = other.low;
        }
    }

    /// Reads a state. The caller has seen [`is_working`].
    pub fn load(words: &[u64]) -> Self {
        let point = |at: usize| Point::new(words[at] as i64, f64::from_bits(words[at + 1]));
        Ohlc {
            open: point(1),
            high: point(3),
            low: point(5),
            close: point(7),
        }
    }

    /// Writes a state.
    pub fn store(&self, words: &mut [u64]) {
        words[0] = words[0] & 0xffff_ffff | HEAD << 32;
        for (two, point) in words[1..].chunks_exact_mut(2).zip(self.points()) {
            two[0] = point.time as u64;
            two[1] = point.value.to_bits();
        }
    }

    fn points(&self) -> [Point; 4] {
        [self.open, self.high, self.low, self.close]
    }
}

/// Whether the words are a state that can be changed in place.
pub fn is_working(words: &[u64]) -> bool {
    words.len() == WORDS && words[0] >> 32 == HEAD
}

impl Stored for Ohlc {
    const NAME: &'static str = "ohlc";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        let words = super::words_of(bytes).filter(|words| is_working(words));
        let words = words.ok_or_else(|| corrupt("ohlc", "version 1 of 68 bytes", bytes.len()))?;
        let ohlc = Ohlc::load(&words);
        let (o, values) = (&ohlc, ohlc.points().map(|point| point.value));
        let within = values
            .iter()
            .all(|v| o.low.value.total_cmp(v).is_le() && o.high.value.total_cmp(v).is_ge());
        let times = o
            .points()
            .iter()
            .all(|p| is_time(p.time) && o.open <= *p && o.close >= *p);
        if !within || !times {
            return Err(Reader::new("ohlc", bytes).corrupt("a first, highest, lowest and last point"));
        }
        Ok(ohlc)
    }

    fn encode(&self) -> Vec<u8> {
        let mut words = [0; WORDS];
        self.store(&mut words);
        words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect()
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for (name, point) in NAMES.iter().zip(self.points()) {
            out.push_str(if out.is_empty() { "{" } else { "," });
            out.push_str(&format!("\"{name}\":["));
            out.push_str(&format!("\"{}\",", moment::write(point.time)));
            number(&mut out, point.value);
            out.push(']');
        }
        out.push('}');
        out
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        let parse = || -> Option<Ohlc> {
            let json: Value = serde_json::from_str(text).ok()?;
            let point = |name: &str| {
                let [time, value] = &json.get(name)?.as_array()?[..] else {
                    return None;
                };
                Some(Point::new(moment::read(time.as_str()?)?, read_number(value)?))
            };
            let ohlc = Ohlc {
                open: point("open")?,
                high: point("high")?,
                low: point("low")?,
                close: point("close")?,
            };
            Ohlc::decode(&ohlc.encode()).ok()
        };
        parse().ok_or_else(|| {
            TallyError::new(
                SqlState::InvalidTextRepresentation,
                format!("invalid input for type tally.ohlc: four points expected, got {text:.80}"),
            )
            .detail("Expected {\"open\":[\"2026-01-01T00:00:00Z\",1.0],\"high\":[…],\"low\":[…],\"close\":[…]}, as tally.ohlc prints itself.")
            .hint("SELECT tally.ohlc(v, t) FROM (VALUES (1.0, now())) AS x(v, t)")
        })
    }
}
