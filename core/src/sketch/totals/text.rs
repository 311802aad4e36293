//! Owns sums by key as text: `{"rows":2,"ignored":0,"sums":{"views":1800}}`; sums that JSON lacks are strings
//! (`"NaN"`, `"Infinity"`).

use super::Totals;
use crate::error::{SqlState, TallyError};
use crate::sketch::tdigest::text::read_number;
use serde_json::{Value, json};

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
    let sums: serde_json::Map<String, Value> = totals
        .sums
        .iter()
        .map(|(key, sum)| (key.clone(), number(*sum)))
        .collect();
    json!({"rows": totals.rows, "ignored": totals.ignored, "sums": sums}).to_string()
}

fn number(v: f64) -> Value {
    if v.is_finite() {
        return Value::from(v);
    }
    Value::from(if v.is_nan() {
        "NaN"
    } else if v > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    })
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
    let value = parsed(text).map_err(|_| bad())?;
    let count = |name: &str| value.get(name).and_then(Value::as_u64).ok_or_else(bad);
    let sums = value.get("sums").and_then(Value::as_object).ok_or_else(bad)?;
    let sums = sums
        .iter()
        .map(|(key, sum)| Ok((key.clone(), read_number(sum).ok_or_else(bad)?)));
    Ok(Totals {
        rows: count("rows")?,
        ignored: count("ignored")?,
        sums: sums.collect::<Result<_, TallyError>>()?,
    })
}
