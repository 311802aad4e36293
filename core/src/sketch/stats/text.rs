//! Owns moments as text: JSON as they are kept, `{"count":2,"origin":1,"mean":0.5,"m2":0.5,"m3":0,"m4":0.125}`, and with
//! two variables also `origin_x`, `mean_x`, `m2_x` and `co`.

use super::Stats;
use crate::error::{SqlState, TallyError};
use crate::sketch::tdigest::text::{number, read_number};
use serde_json::Value;

/// The text.
pub fn write(s: &Stats) -> String {
    let mut out = format!("{{\"count\":{}", s.n);
    let x = [
        ("origin_x", s.origin_x),
        ("mean_x", s.mean_x),
        ("m2_x", s.m2_x),
        ("co", s.co),
    ];
    let y = [
        ("origin", s.origin),
        ("mean", s.mean),
        ("m2", s.m[0]),
        ("m3", s.m[1]),
        ("m4", s.m[2]),
    ];
    for (name, value) in y.into_iter().chain(x.into_iter().filter(|_| s.paired)) {
        out.push_str(&format!(",\"{name}\":"));
        number(&mut out, value);
    }
    out.push('}');
    out
}

/// Reads the text.
pub fn read(text: &str) -> Result<Stats, TallyError> {
    let bad = || {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input for type tally.stats: {text:.80}"),
        )
        .detail("Expected {\"count\":2,\"origin\":1,\"mean\":0.5,\"m2\":0.5,\"m3\":0,\"m4\":0.125}, as tally.stats prints itself.")
        .hint("SELECT tally.stats(v) FROM (VALUES (1), (2)) AS t(v)")
    };
    let json: Value = serde_json::from_str(text).map_err(|_| bad())?;
    let paired = json.get("co").is_some();
    let f = |name: &str| json.get(name).and_then(read_number).ok_or_else(bad);
    let mut s = Stats::new(paired);
    s.n = json
        .get("count")
        .and_then(Value::as_u64)
        .filter(|n| *n <= 1 << 62)
        .ok_or_else(bad)?;
    (s.origin, s.mean, s.m) = (f("origin")?, f("mean")?, [f("m2")?, f("m3")?, f("m4")?]);
    if paired {
        (s.origin_x, s.mean_x, s.m2_x, s.co) = (f("origin_x")?, f("mean_x")?, f("m2_x")?, f("co")?);
    }
    Ok(s)
}
