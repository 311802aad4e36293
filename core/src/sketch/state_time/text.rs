//! Owns times of states as text: `{"parts":[{"count":2,"first":["2026-01-01T00:00:00Z","up"],"last":["2026-01-01T00:01:00Z","down"],
//! "changes":1,"microseconds":{"up":60000000}}]}`.

use super::{Entry, Part, StateTime};
use crate::error::{SqlState, TallyError};
use crate::sketch::ordered::moment;
use crate::sketch::stored::Stored;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn entry(entry: &Entry) -> Value {
    json!([moment::write(entry.time), entry.state])
}

/// The text.
pub fn write(times: &StateTime) -> String {
    let parts = times.parts.iter().map(|part| {
        if part.count == 1 {
            return json!({"count": 1, "first": entry(&part.first)});
        }
        json!({"count": part.count, "first": entry(&part.first), "last": entry(&part.last), "changes": part.changes, "microseconds": part.times})
    });
    json!({"parts": parts.collect::<Vec<_>>()}).to_string()
}

fn read_entry(value: &Value) -> Option<Entry> {
    let [time, state] = &value.as_array()?[..] else {
        return None;
    };
    Some(Entry {
        time: moment::read(time.as_str()?)?,
        state: state.as_str()?.to_owned(),
    })
}

fn read_part(part: &Value) -> Option<Part> {
    let number = |name: &str| part.get(name).and_then(Value::as_u64);
    let first = read_entry(part.get("first")?)?;
    let mut read = Part {
        last: first.clone(),
        first,
        count: number("count")?,
        changes: 0,
        times: BTreeMap::new(),
    };
    if read.count != 1 {
        read.last = read_entry(part.get("last")?)?;
        read.changes = number("changes")?;
        let times = part.get("microseconds")?.as_object()?.iter();
        read.times = times
            .map(|(state, micros)| Some((state.clone(), micros.as_u64()?)))
            .collect::<Option<_>>()?;
    }
    Some(read)
}

/// Reads the text.
pub fn read(text: &str) -> Result<StateTime, TallyError> {
    let parse = || -> Option<StateTime> {
        let json: Value = serde_json::from_str(text).ok()?;
        let parts: Option<Vec<Part>> = json.get("parts")?.as_array()?.iter().map(read_part).collect();
        StateTime::decode(&StateTime { parts: parts? }.encode()).ok()
    };
    parse().ok_or_else(|| {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input for type tally.state_time: times of states expected, got {text:.80}"),
        )
        .detail("Expected {\"parts\":[{\"count\":1,\"first\":[\"2026-01-01T00:00:00Z\",\"up\"]}]}, as tally.state_time prints itself.")
        .hint("SELECT tally.state_time(s, t) FROM (VALUES ('up', now())) AS x(s, t)")
    })
}
