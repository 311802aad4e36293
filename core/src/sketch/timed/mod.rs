//! `timed`: the first or the last value of a series with its time, mergeable in any order. Values of one instant are
//! ordered by value: the least is the first, the greatest is the last. Texts are compared by their bytes.
//!
//! ```text
//! u8 version = 1 · u8 which (1 first, 2 last) · u8 type (1 float8, 2 bigint, 3 text) · u8 0 · i64 time · u64 length · value
//! state: which + 16, and the value padded to words
//! ```

use super::Grow;
use super::bytes::Reader;
use super::ordered::{is_time, moment, settled};
use super::stored::Stored;
use super::tdigest::text::{number, read_number};
use crate::cancel::looking;
use crate::error::{SqlState, TallyError};
use serde_json::Value;
use std::cmp::Ordering;

const VERSION: u8 = 1;
const STATE: u8 = 16;

/// Which value of a series is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The first.
    First,
    /// The last.
    Last,
}

impl Which {
    /// Its name, which is the aggregate's.
    pub fn name(self) -> &'static str {
        match self {
            Which::First => "first",
            Which::Last => "last",
        }
    }

    fn code(self) -> u8 {
        match self {
            Which::First => 1,
            Which::Last => 2,
        }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    /// A float8.
    Float(f64),
    /// A bigint.
    Int(i64),
    /// A text.
    Text(String),
}

impl Held {
    fn code(&self) -> u8 {
        match self {
            Held::Float(_) => 1,
            Held::Int(_) => 2,
            Held::Text(_) => 3,
        }
    }

    /// The name of its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Held::Float(_) => "float8",
            Held::Int(_) => "bigint",
            Held::Text(_) => "text",
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Held::Float(value) => settled(*value).to_le_bytes().to_vec(),
            Held::Int(value) => value.to_le_bytes().to_vec(),
            Held::Text(value) => value.as_bytes().to_vec(),
        }
    }

    /// The value as text, with all its digits.
    pub fn text(&self) -> String {
        match self {
            Held::Float(value) if value.is_infinite() => format!("{}Infinity", if *value < 0.0 { "-" } else { "" }),
            Held::Float(value) => format!("{value}"),
            Held::Int(value) => value.to_string(),
            Held::Text(value) => value.clone(),
        }
    }
}

/// The first or last value.
#[derive(Debug, Clone, PartialEq)]
pub struct Timed {
    /// Which one.
    pub which: Which,
    /// When: microseconds since 2000-01-01 00:00 UTC.
    pub time: i64,
    /// The value.
    pub value: Held,
}

impl Timed {
    /// Whether `other` takes the place of this one.
    pub fn yields_to(&self, other: &Timed) -> Result<bool, TallyError> {
        let by_value = match (&self.value, &other.value) {
            (Held::Float(a), Held::Float(b)) => settled(*a).total_cmp(&settled(*b)),
            (Held::Int(a), Held::Int(b)) => a.cmp(b),
            (Held::Text(a), Held::Text(b)) => a.cmp(b),
            _ => return Err(other_kind(self, other)),
        };
        if self.which != other.which {
            return Err(other_kind(self, other));
        }
        Ok(match self.which {
            Which::First => self.time.cmp(&other.time).then(by_value) == Ordering::Greater,
            Which::Last => self.time.cmp(&other.time).then(by_value) == Ordering::Less,
        })
    }

    /// The words of a state.
    pub fn words(&self) -> Vec<u64> {
        let value = self.value.bytes();
        let mut words = vec![0; 3 + value.len().div_ceil(8)];
        // It cannot fail: the words are as many as the value needs.
        let _ = self.store(&mut words);
        words
    }

    /// Writes a state.
    fn store(&self, words: &mut [u64]) -> Result<(), Grow> {
        let value = self.value.bytes();
        let needed = 3 + value.len().div_ceil(8);
        if needed > words.len() {
            return Err(Grow(needed));
        }
        let head = u64::from(VERSION) | u64::from(self.which.code() + STATE) << 8 | u64::from(self.value.code()) << 16;
        words[0] = words[0] & 0xffff_ffff | head << 32;
        words[1] = self.time as u64;
        words[2] = value.len() as u64;
        for (word, chunk) in looking(words[3..].iter_mut().zip(value.chunks(8))) {
            let mut padded = [0; 8];
            padded[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(padded);
        }
        Ok(())
    }
}

/// The bytes of a state, without the length that PostgreSQL keeps before them. A text may have megabytes.
pub fn payload(words: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 * words.len());
    looking(words).for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    bytes.drain(..4);
    bytes
}

/// Whether the words are a state that can be changed in place.
pub fn is_working(words: &[u64]) -> bool {
    let which = (words[0] >> 40) as u8;
    words.len() >= 3 && (words[0] >> 32) as u8 == VERSION && (which == 1 + STATE || which == 2 + STATE)
}

/// Adds a value to a state: writes it if the state yields to it. Where the times differ, they alone decide.
pub fn push(words: &mut [u64], other: &Timed) -> Result<Result<(), Grow>, TallyError> {
    Ok(if Timed::decode(&payload(words))?.yields_to(other)? {
        other.store(words)
    } else {
        Ok(())
    })
}

/// Whether a row at a time leaves a state as it is, whatever its value. `type_` is that of the row's value.
#[inline]
pub fn is_settled(words: &[u64], type_: &Held, time: i64) -> bool {
    let same_type = (words[0] >> 48) as u8 == type_.code();
    let first = (words[0] >> 40) as u8 == 1 + STATE;
    same_type
        && if first {
            (words[1] as i64) < time
        } else {
            (words[1] as i64) > time
        }
}

#[cold]
fn other_kind(expected: &Timed, got: &Timed) -> TallyError {
    let name = |timed: &Timed| format!("{} value of type {}", timed.which.name(), timed.value.type_name());
    TallyError::new(
        SqlState::DatatypeMismatch,
        format!("a {} expected, got a {}", name(expected), name(got)),
    )
    .detail("All values of a group must be of one type, and all first ones or all last ones.")
    .hint("SELECT tally.rollup(value) FROM … GROUP BY value::jsonb ->> 'which', value::jsonb ->> 'type'")
}

impl Stored for Timed {
    const NAME: &'static str = "timed";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        let mut reader = Reader::new("timed", bytes);
        let (version, which, type_, zero) = (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?);
        let is_state = which > STATE;
        let which = match (version, which % STATE, zero) {
            (VERSION, 1, 0) => Which::First,
            (VERSION, 2, 0) => Which::Last,
            _ => return Err(reader.corrupt("version 1 of a first or last value")),
        };
        let (time, length) = (reader.u64()? as i64, reader.u64()?);
        let value = reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        if !is_state {
            reader.end()?;
        }
        let number = value.first_chunk::<8>().filter(|_| value.len() == 8);
        let value = match (type_, number) {
            (1, Some(value)) => Some(Held::Float(settled(f64::from_le_bytes(*value)))),
            (2, Some(value)) => Some(Held::Int(i64::from_le_bytes(*value))),
            (3, _) => std::str::from_utf8(value).ok().map(|text| Held::Text(text.to_owned())),
            _ => None,
        };
        match value {
            Some(value) if is_time(time) => Ok(Timed { which, time, value }),
            _ => Err(reader.corrupt("a value and a finite time")),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let value = self.value.bytes();
        let mut out = vec![VERSION, self.which.code(), self.value.code(), 0];
        out.extend(self.time.to_le_bytes());
        out.extend((value.len() as u64).to_le_bytes());
        out.extend(value);
        out
    }

    fn is_partial(bytes: &[u8]) -> bool {
        matches!(bytes, [VERSION, which, ..] if *which > STATE)
    }

    fn text(&self) -> String {
        let (which, time, type_) = (self.which.name(), moment::write(self.time), self.value.type_name());
        let mut out = format!("{{\"which\":\"{which}\",\"time\":\"{time}\",\"type\":\"{type_}\",\"value\":");
        match &self.value {
            Held::Float(value) => number(&mut out, *value),
            other => out.push_str(&json(other).to_string()),
        }
        out.push('}');
        out
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        let parse = || -> Option<Timed> {
            let json: Value = serde_json::from_str(text).ok()?;
            let field = |name: &str| json.get(name);
            let value = field("value")?;
            Some(Timed {
                which: match field("which")?.as_str()? {
                    "first" => Which::First,
                    "last" => Which::Last,
                    _ => return None,
                },
                time: moment::read(field("time")?.as_str()?)?,
                value: match field("type")?.as_str()? {
                    "float8" => Held::Float(settled(read_number(value)?)),
                    "bigint" => Held::Int(value.as_i64()?),
                    "text" => Held::Text(value.as_str()?.to_owned()),
                    _ => return None,
                },
            })
        };
        parse().ok_or_else(|| {
            TallyError::new(
                SqlState::InvalidTextRepresentation,
                format!("invalid input for type tally.timed: a first or last value expected, got {text:.80}"),
            )
            .detail("Expected {\"which\":\"last\",\"time\":\"2026-01-01T00:00:00Z\",\"type\":\"float8\",\"value\":1.0}, as tally.timed prints itself.")
            .hint("SELECT tally.last(v, t) FROM (VALUES (1.0, now())) AS x(v, t)")
        })
    }
}

fn json(value: &Held) -> Value {
    match value {
        Held::Float(value) => (*value).into(),
        Held::Int(value) => (*value).into(),
        Held::Text(value) => value.clone().into(),
    }
}
