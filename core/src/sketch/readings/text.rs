//! Owns readings as text: `{"kind":"counter","parts":[{"count":2,"first":["2026-01-01T00:00:00Z",1.0],"last":["2026-01-01T00:01:00Z",3.0],
//! "changes":1,"resets":0,"odd":false,"sum":"0x0"}]}`. The sum is in hexadecimal, because it may have more digits than a float.

use super::{Kind, Part, Readings};
use crate::error::{SqlState, TallyError};
use crate::sketch::ordered::exact::Exact;
use crate::sketch::ordered::{Point, moment};
use crate::sketch::stored::Stored;
use crate::sketch::tdigest::text::{number, read_number};
use serde_json::Value;

fn point(out: &mut String, name: &str, point: Point) {
    out.push_str(&format!(",\"{name}\":[\"{}\",", moment::write(point.time)));
    number(out, point.value);
    out.push(']');
}

/// The text.
pub fn write(readings: &Readings) -> String {
    let mut out = format!("{{\"kind\":\"{}\",\"parts\":[", readings.kind.name());
    for (i, part) in readings.parts.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { "," });
        out.push_str(&format!("{{\"count\":{}", part.count));
        point(&mut out, "first", part.first);
        if part.count > 1 {
            point(&mut out, "last", part.last);
            out.push_str(&format!(
                ",\"changes\":{},\"resets\":{},\"odd\":{},\"sum\":\"{}\"",
                part.changes,
                part.resets,
                part.odd,
                part.sum.text()
            ));
        }
        out.push('}');
    }
    out.push_str("]}");
    out
}

fn read_point(value: &Value) -> Option<Point> {
    let [time, value] = &value.as_array()?[..] else {
        return None;
    };
    Some(Point::new(moment::read(time.as_str()?)?, read_number(value)?))
}

fn read_part(part: &Value) -> Option<Part> {
    let number = |name: &str| part.get(name).and_then(Value::as_u64);
    let mut read = Part::of(read_point(part.get("first")?)?);
    read.count = number("count")?;
    if read.count != 1 {
        read.last = read_point(part.get("last")?)?;
        (read.changes, read.resets) = (number("changes")?, number("resets")?);
        read.odd = part.get("odd")?.as_bool()?;
        read.sum = Exact::parse(part.get("sum")?.as_str()?)?;
    }
    Some(read)
}

/// Reads the text.
pub fn read(text: &str) -> Result<Readings, TallyError> {
    let parse = || -> Option<Readings> {
        let json: Value = serde_json::from_str(text).ok()?;
        let kind = Kind::of_name(json.get("kind")?.as_str()?)?;
        let parts = json.get("parts")?.as_array()?;
        let parts: Option<Vec<Part>> = parts.iter().map(read_part).collect();
        Readings::decode(&Readings { kind, parts: parts? }.encode()).ok()
    };
    parse().ok_or_else(|| {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input for type tally.readings: readings expected, got {text:.80}"),
        )
        .detail("Expected {\"kind\":\"counter\",\"parts\":[{\"count\":1,\"first\":[\"2026-01-01T00:00:00Z\",1.0]}]}, as tally.readings prints itself.")
        .hint("SELECT tally.counter(v, t) FROM (VALUES (1.0, now())) AS x(v, t)")
    })
}
