//! `totals`: key-wise sums of the numeric leaves of JSON objects, exact as numeric is, mergeable. Every other leaf (text, boolean, null,
//! array) is counted as ignored.
//!
//! ```text
//! u8 version = 2 · u8 kind = 1 · u16 0 · varint rows, ignored, keys · keys × (varint length · path · varint length · decimal), ascending
//! version 1: keys × (f64 sum · varint length · keys joined by dots)
//! ```
//! The aggregate's state is [`working`].

pub mod decimal;
mod entries;
pub mod entropy;
pub mod path;
pub mod text;
pub mod working;

use super::bytes::put_varint;
use super::stored::Stored;
use crate::cancel::looking;
use crate::error::TallyError;
use decimal::Decimal;
use entries::{Entries, Number};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Sums as float8, keys joined by dots.
const VERSION_1: u8 = 1;
/// Sums as decimals by path.
const VERSION: u8 = 2;
const KIND: u8 = 1;
const KIND_WORKING: u8 = 17;

/// Sums by key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Objects added.
    pub rows: u64,
    /// Leaves that were no numbers.
    pub ignored: u64,
    /// Sum of the numbers at each [`path`].
    pub sums: BTreeMap<String, Decimal>,
}

impl Totals {
    /// The sums by name, keys joined by dots. Where the key "a.b" and the key "b" within "a" are both there, the first is named `a\.b`.
    pub fn named(&self) -> BTreeMap<String, Decimal> {
        let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for path in looking(self.sums.keys()).filter(|path| !path::is_either(path)) {
            alike.entry(path::plain(path)).or_default().push(path);
        }
        let mut named: BTreeMap<String, Decimal> = BTreeMap::new();
        for (plain, paths) in looking(&alike) {
            for path in paths {
                let name = if paths.len() == 1 {
                    plain.clone()
                } else {
                    path::exact(path)
                };
                named.insert(name, self.sums[*path].clone());
            }
        }
        for (path, sum) in looking(&self.sums).filter(|(path, _)| path::is_either(path)) {
            let all = named.entry(path::plain(path)).or_default();
            all.add_all(sum);
            all.settle();
        }
        named
    }

    /// The sum at a name as [`named`](Self::named) gives it, or at an exact one.
    pub fn total(&self, name: &str) -> Option<Decimal> {
        let named = self.named().remove(name);
        named.or_else(|| self.sums.get(&path::from_exact(name)).cloned())
    }

    /// [`total`](Self::total) of stored bytes as a float8, read where they lie: a metric asks each row for it, and the maps of [`decode`](Self::decode)
    /// took ten times as long.
    pub fn total_of(bytes: &[u8], name: &str) -> Result<Option<f64>, TallyError> {
        Ok(match entries::sum_named(bytes, name)? {
            Some(sum) => sum,
            None => Totals::decode(bytes)?.total(name).map(|sum| sum.float()),
        })
    }

    /// The sums as the text of a JSON object; what is no number is null, which JSON has instead.
    pub fn json(&self) -> String {
        let fields = looking(self.named()).map(|(name, sum)| {
            let sum = if sum.odd == 0 { sum.text() } else { "null".to_owned() };
            format!("{}:{sum}", Value::from(name))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, KIND, 0, 0];
        [self.rows, self.ignored, self.sums.len() as u64]
            .into_iter()
            .for_each(|v| put_varint(&mut out, v));
        for (path, sum) in looking(&self.sums) {
            for text in [path, &sum.text()] {
                put_varint(&mut out, text.len() as u64);
                out.extend(text.as_bytes());
            }
        }
        out
    }

    /// Reads stored bytes, or a working form.
    pub fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        if Self::is_partial(bytes) {
            return working::from_bytes(bytes);
        }
        let mut entries = Entries::of(bytes)?;
        let mut totals = Totals {
            rows: entries.rows,
            ignored: entries.ignored,
            sums: BTreeMap::new(),
        };
        while let Some(entry) = entries.next() {
            let (path, sum) = match entry? {
                (key, Number::Float(sum)) => (path::of_old(key), Decimal::of_float(sum)),
                (path, Number::Decimal(text)) => {
                    let sum = Decimal::parse(text).ok_or_else(|| entries.no_decimal())?;
                    (path.to_owned(), sum)
                }
            };
            totals.sums.insert(path, sum);
        }
        Ok(totals)
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
    let both = looking(a).filter_map(|(key, a)| Some((key.clone(), quotient(a, b.get(key)?)?)));
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
        matches!(bytes, [VERSION_1, KIND_WORKING, ..])
    }

    fn text(&self) -> String {
        text::write(self)
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        text::read(text)
    }

    fn json(&self) -> String {
        Totals::json(self)
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

    fn of(rows: &[(&[(&str, &str)], u64)]) -> Vec<u64> {
        rows.iter().fold(working::fresh(), |mut words, (sums, ignored)| {
            let sums: Vec<(&str, Decimal)> = sums
                .iter()
                .map(|(path, n)| (*path, Decimal::parse(n).unwrap()))
                .collect();
            until(&mut words, |words| {
                working::add(words, 1, *ignored, sums.iter().map(|(path, n)| (*path, n)))
            });
            words
        })
    }

    #[test]
    fn sums_by_key_and_counts_the_rest_also_merged() {
        let rows: [(&[(&str, &str)], u64); 3] = [
            (&[("views", "1000"), ("ctr", "5"), ("by\0web", "1")], 1),
            (&[("views", "800"), ("ctr", "7.5"), ("by.web", "0.1")], 0),
            (&[], 1),
        ];
        let totals = working::finish(&of(&rows));
        assert_eq!(totals.json(), r#"{"by.web":1,"by\\.web":0.1,"ctr":12.5,"views":1800}"#);
        assert_eq!((totals.rows, totals.ignored), (3, 2));
        assert_eq!(totals.total("by.web").unwrap().text(), "1");
        assert_eq!(totals.total(r"by\.web").unwrap().text(), "0.1");
        let mut merged = of(&rows[1..]);
        until(&mut merged, |words| {
            working::merge(words, &working::finish(&of(&rows[..1])))
        });
        assert_eq!(working::finish(&merged), totals);
        assert_eq!(Totals::decode(&totals.encode()).unwrap(), totals);
        assert_eq!(text::read(&text::write(&totals)).unwrap(), totals);
    }

    #[test]
    fn cells_that_overflow_carry() {
        let numbers = vec![("a", "999999999999999999999999"); 40_000];
        let words = numbers.iter().fold(working::fresh(), |mut words, (path, n)| {
            let n = Decimal::parse(n).unwrap();
            let n = Decimal {
                cells: n
                    .cells
                    .into_iter()
                    .map(|(place, cell)| (place, cell * 9_000_000))
                    .collect(),
                ..n
            };
            until(&mut words, |words| working::add(words, 1, 0, [(*path, &n)].into_iter()));
            words
        });
        let expected = (10u128.pow(24) - 1) * 9_000_000 * 40_000;
        assert_eq!(working::finish(&words).json(), format!(r#"{{"a":{expected}}}"#));
    }

    #[test]
    fn cells_are_found_again_where_the_map_moved_and_where_a_row_has_many() {
        // The first row gives the map more places on its way; each has more numbers than are remembered.
        let paths: Vec<String> = (0..100).map(|i| format!("a key with a long name {i}")).collect();
        let mut words = working::fresh();
        for row in 1..=3i64 {
            let numbers: Vec<Decimal> = (0..100)
                .map(|i| Decimal::parse(&format!("{}.{i:03}", row * i)).unwrap())
                .collect();
            let sums = paths.iter().map(String::as_str).zip(&numbers);
            until(&mut words, |words| working::add(words, 1, 0, sums.clone()));
        }
        let totals = working::finish(&words);
        for (i, path) in paths.iter().enumerate() {
            let thousandths = 6 * i * 1000 + 3 * i;
            let expected = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            assert_eq!(totals.total(path).unwrap().text(), expected, "{path}");
        }
    }

    #[test]
    fn sums_of_0_1_join_the_path_they_may_be_of() {
        let old = Totals {
            sums: [(path::of_old("a.b"), Decimal::of_float(1.5))].into(),
            ..Totals::default()
        };
        let mut words = of(&[(&[("a.b", "2")], 0)]);
        until(&mut words, |words| working::merge(words, &old));
        let both = working::finish(&words);
        assert_eq!(both.json(), r#"{"a.b":3.5}"#);
        assert_eq!(text::read(&text::write(&both)).unwrap(), both);
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
            for head in [[VERSION, KIND], [VERSION_1, KIND], [VERSION_1, KIND_WORKING]] {
                let _ = Totals::decode(&[&head, &[0, 0], &bytes[..]].concat());
            }
        }
    }
}
