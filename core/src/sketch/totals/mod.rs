//! `totals`: key-wise sums of the numeric leaves of JSON objects, mergeable. Nested keys are joined by dots; every other
//! leaf (text, boolean, null, array) is counted as ignored.
//!
//! ```text
//! u8 version = 1 · u8 kind = 1 · u16 0 · varint rows, ignored, keys · keys × (f64 sum · varint length · UTF-8 key), ascending
//! ```
//! The aggregate's state is [`working`].

pub mod text;
pub mod working;

use super::bytes::{Reader, put_varint};
use super::stored::Stored;
use crate::error::TallyError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const VERSION: u8 = 1;
const KIND: u8 = 1;

/// Sums by key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Objects added.
    pub rows: u64,
    /// Leaves that were no numbers.
    pub ignored: u64,
    /// Sum of the numbers at each path.
    pub sums: BTreeMap<String, f64>,
}

impl Totals {
    /// The sums as a JSON object; whole numbers without a fraction.
    pub fn json(&self) -> Value {
        Value::Object(self.sums.iter().map(|(key, sum)| (key.clone(), number(*sum))).collect())
    }

    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, KIND, 0, 0];
        [self.rows, self.ignored, self.sums.len() as u64]
            .into_iter()
            .for_each(|v| put_varint(&mut out, v));
        for (key, sum) in &self.sums {
            out.extend(sum.to_le_bytes());
            put_varint(&mut out, key.len() as u64);
            out.extend(key.as_bytes());
        }
        out
    }

    /// Reads stored bytes, or a working form.
    pub fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        let mut reader = Reader::new("totals", bytes);
        match (reader.u8()?, reader.u8()?, reader.u16()?) {
            (VERSION, KIND, 0) => {}
            (VERSION, working::KIND, 0) => return working::from_bytes(bytes),
            _ => return Err(reader.corrupt("version 1")),
        }
        let mut totals = Totals {
            rows: reader.varint()?,
            ignored: reader.varint()?,
            sums: BTreeMap::new(),
        };
        for _ in 0..reader.varint()? {
            let sum = reader.f64()?;
            let length = reader.varint()?;
            let key = reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
            let key = std::str::from_utf8(key).map_err(|_| reader.corrupt("keys in UTF-8"))?;
            if totals
                .sums
                .last_key_value()
                .is_some_and(|(last, _)| last.as_str() >= key)
            {
                return Err(reader.corrupt("keys in ascending order"));
            }
            totals.sums.insert(key.to_owned(), sum);
        }
        reader.end()?;
        Ok(totals)
    }
}

/// A float as a JSON number, whole where it is whole and exact; NaN and infinities as null, which JSON has instead.
fn number(v: f64) -> Value {
    if v.fract() == 0.0 && v.abs() < 9e15 {
        Value::from(v as i64)
    } else {
        Value::from(v)
    }
}

/// Key-wise a / b of the numbers both have; null where b is 0.
pub fn ratio(a: &Value, b: &Value) -> Value {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return Value::Null;
    };
    let quotient = |a: &Value, b: &Value| match (a.as_f64()?, b.as_f64()?) {
        (_, 0.0) => Some(Value::Null),
        (a, b) => Some(Value::from(a / b)),
    };
    let both = a
        .iter()
        .filter_map(|(key, a)| Some((key.clone(), quotient(a, b.get(key)?)?)));
    Value::Object(both.collect::<Map<String, Value>>())
}

impl Stored for Totals {
    const NAME: &'static str = "totals";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        Totals::decode(bytes)
    }

    fn encode(&self) -> Vec<u8> {
        Totals::encode(self)
    }

    fn is_partial(bytes: &[u8]) -> bool {
        matches!(bytes, [VERSION, working::KIND, ..])
    }

    fn text(&self) -> String {
        text::write(self)
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        text::read(text)
    }

    fn json(&self) -> String {
        Totals::json(self).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Grow;
    use proptest::prelude::*;
    use serde_json::json;

    fn until(words: &mut Vec<u64>, mut step: impl FnMut(&mut [u64]) -> Result<(), Grow>) {
        while let Err(Grow(needed)) = step(words) {
            words.resize(needed, 0);
        }
    }

    fn of(rows: &[(&[(&str, f64)], u64)]) -> Vec<u64> {
        rows.iter().fold(working::fresh(), |mut words, (sums, ignored)| {
            until(&mut words, |words| {
                working::add(words, 1, *ignored, sums.iter().copied())
            });
            words
        })
    }

    #[test]
    fn sums_by_key_and_counts_the_rest_also_merged() {
        let rows: [(&[(&str, f64)], u64); 3] = [
            (&[("views", 1000.0), ("ctr", 5.0), ("by.web", 1.0)], 1),
            (&[("views", 800.0), ("ctr", 7.5)], 0),
            (&[], 1),
        ];
        let totals = working::finish(&of(&rows));
        assert_eq!(totals.json(), json!({"views": 1800, "ctr": 12.5, "by.web": 1}));
        assert_eq!((totals.rows, totals.ignored), (3, 2));
        let mut merged = of(&rows[1..]);
        until(&mut merged, |words| {
            working::merge(words, &working::finish(&of(&rows[..1])))
        });
        assert_eq!(working::finish(&merged), totals);
        assert_eq!(Totals::decode(&totals.encode()).unwrap(), totals);
    }

    #[test]
    fn sums_that_json_lacks_come_back_from_text() {
        let words = of(&[
            (&[("a", f64::MAX), ("b", f64::INFINITY)], 0),
            (&[("a", f64::MAX), ("b", f64::NEG_INFINITY)], 0),
        ]);
        let totals = working::finish(&words);
        assert_eq!(
            text::write(&text::read(&text::write(&totals)).unwrap()),
            text::write(&totals)
        );
        assert_eq!(totals.json(), json!({"a": null, "b": null}));
    }

    #[test]
    fn ratios_of_what_both_have() {
        let ratio = ratio(&json!({"a": 1, "b": 2, "c": 3}), &json!({"a": 4, "b": 0, "d": 1}));
        assert_eq!(ratio, json!({"a": 0.25, "b": null}));
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Totals::decode(&bytes);
            let _ = Totals::decode(&[&[VERSION, KIND, 0, 0], &bytes[..]].concat());
            let _ = Totals::decode(&[&[VERSION, working::KIND, 0, 0], &bytes[..]].concat());
        }
    }
}
