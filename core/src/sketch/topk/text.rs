//! Owns heavy items as text: `{"k":10,"total":3,"error":0,"counts":{"a":2,"b":1}}`. The counts are the least that is true; with the error
//! they are the estimates, which readers are given.

use super::TopK;
use crate::error::{SqlState, TallyError};
use serde_json::{Value, json};

/// The text.
pub fn write(t: &TopK) -> String {
    json!({"k": t.k, "total": t.total, "error": t.error, "counts": t.counts}).to_string()
}

/// The text for the cast to jsonb, which programs read: the counts are the estimates, beside the least that is true.
pub fn estimates(t: &TopK) -> String {
    let estimates: serde_json::Map<String, Value> = t
        .counts
        .iter()
        .map(|(item, count)| (item.clone(), count.saturating_add(t.error).into()))
        .collect();
    json!({"k": t.k, "total": t.total, "error": t.error, "counts": estimates, "lower": t.counts}).to_string()
}

/// Reads the text.
pub fn read(text: &str) -> Result<TopK, TallyError> {
    let bad = || {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input for type tally.topk: {text:.80}"),
        )
        .detail(
            "Expected {\"k\":10,\"total\":3,\"error\":0,\"counts\":{\"a\":2,\"b\":1}}, as tally.topk prints itself.",
        )
        .hint("SELECT tally.topk(v) FROM (VALUES ('a'), ('b')) AS t(v)")
    };
    let value: Value = serde_json::from_str(text).map_err(|_| bad())?;
    let number = |name: &str| value.get(name).and_then(Value::as_u64).ok_or_else(bad);
    // The text of the cast to jsonb has both.
    let counts = value
        .get("lower")
        .or_else(|| value.get("counts"))
        .and_then(Value::as_object)
        .ok_or_else(bad)?;
    let counts = counts
        .iter()
        .map(|(item, count)| Ok((item.clone(), count.as_u64().ok_or_else(bad)?)));
    let k = u16::try_from(number("k")?).map_err(|_| bad())?;
    let counts = counts.collect::<Result<_, TallyError>>()?;
    let topk = TopK {
        k,
        total: number("total")?,
        error: number("error")?,
        counts,
    };
    TopK::decode(&topk.encode()).map_err(|_| bad())
}
