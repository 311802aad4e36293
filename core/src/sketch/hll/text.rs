//! Owns a HyperLogLog as text: `{"precision":13,"distinct":2,"hashes":["…","…"]}` while exact, then
//! `{"precision":13,"distinct":9000,"registers":"…"}` with the stored registers in hexadecimal. Where the hashes are of version 2, `"version":2`
//! stands before them, and `"key":"1f3a"` where they were taken under the key of that number. `distinct` is for the reader.

use super::{Body, DEFAULT_PRECISION, PRECISION, Sketch, codec};
use crate::error::{SqlState, TallyError};
use serde_json::Value;
use std::fmt::Write;

/// The text.
pub fn write(sketch: &Sketch) -> String {
    let version = match sketch.version {
        1 => String::new(),
        codec::KEYED.. => format!("\"key\":\"{:04x}\",", sketch.version),
        version => format!("\"version\":{version},"),
    };
    let mut out = format!(
        "{{{version}\"precision\":{},\"distinct\":{:.0},",
        sketch.precision,
        sketch.distinct()
    );
    match &sketch.body {
        Body::Exact(hashes) => {
            out.push_str("\"hashes\":[");
            for (i, hash) in hashes.iter().enumerate() {
                let _ = write!(out, "{}\"{hash:016x}\"", if i > 0 { "," } else { "" });
            }
            out.push(']');
        }
        Body::Dense(_) => {
            out.push_str("\"registers\":\"");
            codec::encode(sketch)[if sketch.version >= codec::KEYED { 4 } else { 3 }..]
                .iter()
                .for_each(|byte| {
                    let _ = write!(out, "{byte:02x}");
                });
            out.push('"');
        }
    }
    out.push('}');
    out
}

/// Reads the text.
pub fn read(text: &str) -> Result<Sketch, TallyError> {
    let bad = |problem: &str| {
        TallyError::new(SqlState::InvalidTextRepresentation, format!("invalid input for type tally.hll: {problem}"))
            .detail("Expected {\"precision\":13,\"hashes\":[…]} or {\"precision\":13,\"registers\":\"…\"}, as tally.hll prints itself.")
            .hint("To count distinct values of a type like citext: SELECT tally.hll(value, 13) FROM …")
    };
    let json: Value = serde_json::from_str(text).map_err(|e| bad(&format!("not JSON, {e}")))?;
    let precision = match json.get("precision") {
        None => DEFAULT_PRECISION,
        Some(v) => (v.as_u64().and_then(|v| u8::try_from(v).ok()))
            .filter(|v| PRECISION.contains(v))
            .ok_or_else(|| bad(&format!("precision {v} is not in {PRECISION:?}")))?,
    };
    let version = match (json.get("version"), json.get("key")) {
        (None, None) => 1,
        (Some(v), None) => (v.as_u64().and_then(|v| u16::try_from(v).ok()))
            .filter(|v| codec::VERSIONS.contains(v))
            .ok_or_else(|| bad(&format!("version {v} is neither 1 nor 2")))?,
        (_, Some(key)) => (key
            .as_str()
            .filter(|k| k.len() == 4)
            .and_then(|k| u16::from_str_radix(k, 16).ok()))
        .filter(|key| *key >= codec::KEYED)
        .ok_or_else(|| bad(&format!("key {key} is not four hexadecimal digits from 0100 on")))?,
    };
    let bytes = match (json.get("hashes"), json.get("registers")) {
        (Some(hashes), None) => {
            let hex = |v: &Value| {
                v.as_str()
                    .filter(|s| s.len() == 16)
                    .and_then(|s| u64::from_str_radix(s, 16).ok())
            };
            let hashes = hashes
                .as_array()
                .and_then(|list| list.iter().map(hex).collect::<Option<Vec<u64>>>());
            let mut hashes = hashes.ok_or_else(|| bad("hashes is not a list of 16 hexadecimal digits each"))?;
            hashes.sort_unstable();
            codec::encode(&Sketch {
                precision,
                version,
                body: Body::Exact(hashes),
            })
        }
        (None, Some(registers)) => {
            let digits = registers.as_str().filter(|s| s.is_ascii() && s.len() % 2 == 0);
            let digits = digits.ok_or_else(|| bad("registers is not text of hexadecimal digits"))?;
            let bytes: Option<Vec<u8>> = (0..digits.len() / 2)
                .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).ok())
                .collect();
            let [low, high] = version.to_le_bytes();
            let mut all = vec![low, 2, precision];
            if version >= codec::KEYED {
                all = vec![low, 4, precision, high];
            }
            all.extend(bytes.ok_or_else(|| bad("registers is not text of hexadecimal digits"))?);
            all
        }
        _ => return Err(bad("neither hashes nor registers")),
    };
    codec::decode(&bytes).map_err(|e| bad(&e.message))
}
