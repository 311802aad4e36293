//! Owns a t-digest as text: JSON that a person can read and type.
//!
//! `{"compression":180,"values":[1.5,2,"NaN"]}` while exact; then `{"compression":160,"min":…,"max":…,"sum":…,
//! "outside":[-inf, +inf, NaN],"centroids":[[mean,weight],[mean,weight,"mixed"],…]}`, `mixed` where values differ.

use super::working::{self, Grow};
use super::{Body, COMPRESSION, Centroid, DEFAULT_COMPRESSION, Digest, Outside, Sketch, codec};
use crate::error::{SqlState, TallyError};
use serde_json::Value;
use std::fmt::Write;

/// The text.
pub fn write(sketch: &Sketch) -> String {
    let mut out = format!("{{\"compression\":{},", sketch.compression);
    if let Some(q) = sketch.asked {
        let _ = write!(out, "\"asked\":{q:?},");
    }
    match &sketch.body {
        Body::Exact(values) => {
            out.push_str("\"values\":[");
            for (i, v) in values.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                number(&mut out, *v);
            }
        }
        Body::Digest(d) => {
            for (name, v) in [("min", d.min), ("max", d.max), ("sum", d.sum)] {
                let _ = write!(out, "\"{name}\":");
                number(&mut out, v);
                out.push(',');
            }
            let Outside { neg_inf, pos_inf, nan } = d.outside;
            let _ = write!(out, "\"outside\":[{neg_inf},{pos_inf},{nan}],\"centroids\":[");
            for (i, c) in d.centroids.iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                let mixed = if c.pure { "" } else { ",\"mixed\"" };
                let _ = write!(out, "{comma}[{:?},{}{mixed}]", c.mean, c.weight);
            }
        }
    }
    out.push_str("]}");
    out
}

/// A float as JSON; those that JSON lacks as strings, in PostgreSQL's spelling.
pub fn number(out: &mut String, v: f64) {
    let _ = match v {
        v if v.is_nan() => write!(out, "\"NaN\""),
        v if v.is_infinite() => write!(out, "\"{}Infinity\"", if v < 0.0 { "-" } else { "" }),
        v => write!(out, "{v:?}"),
    };
}

/// Reads the text.
pub fn read(text: &str) -> Result<Sketch, TallyError> {
    let bad = |problem: &str| {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input for type tally.tdigest: {problem}"),
        )
        .detail("Expected {\"compression\":180,\"values\":[1.5,2]} or the text of a digest, as tally.tdigest prints itself.")
        .hint("SELECT tally.tdigest(v) FROM (VALUES (1.5), (2)) AS t(v)")
    };
    let json: Value = serde_json::from_str(text).map_err(|e| bad(&format!("not JSON, {e}")))?;
    let object = json.as_object().ok_or_else(|| bad("not an object"))?;
    let compression = match object.get("compression") {
        None => DEFAULT_COMPRESSION,
        Some(v) => (v.as_u64().and_then(|v| u16::try_from(v).ok()))
            .filter(|v| COMPRESSION.contains(v))
            .ok_or_else(|| bad(&format!("compression {v} is not in {COMPRESSION:?}")))?,
    };
    let float = |v: Option<&Value>| v.and_then(read_number).ok_or_else(|| bad("a number is missing"));
    let list = |v: Option<&Value>| {
        v.and_then(Value::as_array)
            .cloned()
            .ok_or_else(|| bad("a list is missing"))
    };
    let asked = match object.get("asked") {
        None => None,
        Some(q) => Some(
            (q.as_f64())
                .filter(|q| (0.0..=1.0).contains(q))
                .ok_or_else(|| bad(&format!("asked {q} is not in 0 to 1")))?,
        ),
    };
    if object.contains_key("values") {
        let mut words = vec![0; working::FIRST_WORDS];
        working::init(&mut words, compression);
        working::ask(&mut words, asked);
        for value in list(object.get("values"))? {
            let value = float(Some(&value))?;
            while let Err(Grow(needed)) = working::push(&mut words, value) {
                words.resize(needed, 0);
            }
        }
        return Ok(working::finish(&words));
    }
    let outside = list(object.get("outside"))?;
    let outside = match outside
        .iter()
        .map(Value::as_u64)
        .collect::<Option<Vec<u64>>>()
        .as_deref()
    {
        Some(&[neg_inf, pos_inf, nan]) => Outside { neg_inf, pos_inf, nan },
        _ => return Err(bad("outside is not three counts")),
    };
    let centroids = list(object.get("centroids"))?
        .iter()
        .map(|v| match v.as_array().map(Vec::as_slice) {
            Some([mean, weight]) => Some(Centroid {
                mean: read_number(mean)?,
                weight: weight.as_u64()?,
                pure: true,
            }),
            Some([mean, weight, mixed]) if mixed == "mixed" => Some(Centroid {
                mean: read_number(mean)?,
                weight: weight.as_u64()?,
                pure: false,
            }),
            _ => None,
        })
        .collect::<Option<Vec<Centroid>>>()
        .ok_or_else(|| bad("a centroid is not [mean, weight]"))?;
    let digest = Digest {
        min: float(object.get("min"))?,
        max: float(object.get("max"))?,
        sum: float(object.get("sum"))?,
        outside,
        centroids,
    };
    let sketch = Sketch {
        compression,
        asked,
        body: Body::Digest(digest),
    };
    codec::decode(&codec::encode(&sketch)).map_err(|e| bad(&e.message))
}

/// A float from JSON, as [`number`] writes it.
pub fn read_number(v: &Value) -> Option<f64> {
    match v.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => v.as_f64(),
    }
}
