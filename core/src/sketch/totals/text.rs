//! Owns sums by key as text: `{"version":2,"rows":2,"ignored":0,"sums":{"views":1800}}`. Keys are joined by dots, dots within a key are written `\.`; what
//! is no number is a string (`"NaN"`, `"Infinity"`). Sums of 0.1 whose keys may be joined or one stand under `sums_of_0.1`.

use super::decimal::Decimal;
use super::{Totals, path};
use crate::cancel::looking;
use crate::error::{SqlState, TallyError};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// JSON from its text.
pub fn parsed(text: &str) -> Result<Value, TallyError> {
    serde_json::from_str(text).map_err(|e| {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("expected JSON, got other text: {e}"),
        )
    })
}

/// The text.
pub fn write(totals: &Totals) -> String {
    let object = |either: bool| {
        let sums = looking(&totals.sums).filter(|(path, _)| path::is_either(path) == either);
        let fields = sums.map(|(path, sum)| {
            let name = if either { path::plain(path) } else { path::exact(path) };
            let sum = if sum.odd == 0 {
                sum.text()
            } else {
                Value::from(sum.text()).to_string()
            };
            format!("{}:{sum}", Value::from(name))
        });
        fields.collect::<Vec<_>>().join(",")
    };
    let old = match object(true) {
        none if none.is_empty() => none,
        some => format!(",\"sums_of_0.1\":{{{some}}}"),
    };
    format!(
        "{{\"version\":2,\"rows\":{},\"ignored\":{},\"sums\":{{{}}}{old}}}",
        totals.rows,
        totals.ignored,
        object(false)
    )
}

/// Numbers stay text, since a float would lose digits.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(default)]
    version: u8,
    rows: u64,
    ignored: u64,
    #[serde(borrow)]
    sums: BTreeMap<String, &'a RawValue>,
    #[serde(borrow, default, rename = "sums_of_0.1")]
    old: BTreeMap<String, &'a RawValue>,
}

/// Reads the text.
pub fn read(text: &str) -> Result<Totals, TallyError> {
    let bad = || {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input for type tally.totals: {text:.80}"),
        )
        .detail("Expected {\"rows\":2,\"ignored\":0,\"sums\":{\"views\":1800}}, as tally.totals prints itself.")
        .hint("SELECT tally.jsonb_totals('{\"views\": 1}')")
    };
    let Read {
        version,
        rows,
        ignored,
        sums,
        old,
    } = serde_json::from_str(text).map_err(|_| bad())?;
    // The text of 0.1 had no version.
    let path_of = if version == 2 { path::from_exact } else { path::of_old };
    let named = looking(&sums).map(|(name, sum)| (path_of(name), sum));
    let either = old.iter().map(|(name, sum)| (path::of_old(name), sum));
    let sums = named.chain(either).map(|(path, sum)| {
        let sum = Decimal::parse(sum.get().trim_matches('"')).ok_or_else(bad)?;
        // Sums of 0.1 were floats, written with a fraction where they have none.
        let sum = if version == 2 {
            sum
        } else {
            Decimal::of_float(sum.float())
        };
        Ok((path, sum))
    });
    Ok(Totals {
        rows,
        ignored,
        sums: sums.collect::<Result<_, TallyError>>()?,
    })
}
