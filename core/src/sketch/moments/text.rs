//! Owns moments as text: JSON as they are kept, `{"count":2,"origin":[1,5],"mean":[0.5,1],"co":[0.5,1,2]}`. `co` is the upper
//! triangle of the sums of products, row by row.

use super::{MOST, MOST_ROWS, Moments, products};
use crate::error::{SqlState, TallyError};
use crate::sketch::tdigest::text::{number, read_number};
use serde_json::Value;

/// The text.
pub fn write(m: &Moments) -> String {
    let mut out = format!("{{\"count\":{}", m.n);
    let parts = [
        ("origin", &m.origin[..m.k]),
        ("mean", &m.mean[..m.k]),
        ("co", &m.co[..products(m.k)]),
    ];
    for (name, values) in parts {
        out.push_str(&format!(",\"{name}\":"));
        for (i, value) in values.iter().enumerate() {
            out.push(if i == 0 { '[' } else { ',' });
            number(&mut out, *value);
        }
        out.push(']');
    }
    out.push('}');
    out
}

/// Reads the text.
pub fn read(text: &str) -> Result<Moments, TallyError> {
    let bad = || {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input for type tally.moments: moments expected, got {text:.80}"),
        )
        .detail(
            "Expected {\"count\":2,\"origin\":[1,5],\"mean\":[0.5,1],\"co\":[0.5,1,2]}, as tally.moments prints itself.",
        )
        .hint("SELECT tally.moments(y, x) FROM (VALUES (1.0, 2.0), (2.0, 5.0)) AS t(y, x)")
    };
    let json: Value = serde_json::from_str(text).map_err(|_| bad())?;
    let k = json.get("mean").and_then(Value::as_array).map_or(0, Vec::len);
    if !(1..=MOST).contains(&k) {
        return Err(bad());
    }
    let fill = |name: &str, into: &mut [f64]| {
        let values = json.get(name).and_then(Value::as_array).ok_or_else(bad)?;
        if values.len() != into.len() {
            return Err(bad());
        }
        for (into, value) in into.iter_mut().zip(values) {
            *into = read_number(value).ok_or_else(bad)?;
        }
        Ok(())
    };
    let mut m = Moments::new(k);
    m.n = json
        .get("count")
        .and_then(Value::as_u64)
        .filter(|n| *n <= MOST_ROWS)
        .ok_or_else(bad)?;
    fill("origin", &mut m.origin[..k])?;
    fill("mean", &mut m.mean[..k])?;
    fill("co", &mut m.co[..products(k)])?;
    Ok(m)
}
