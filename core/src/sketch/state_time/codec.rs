//! Owns the stored bytes of `state_time`.
//!
//! ```text
//! u8 version = 1 · u8 kind = 1 · u16 0 · varint parts · parts × part, ascending; a finished value has one
//! part: varint rows · i64 time · text of the first; with two or more rows:
//!       i64 time · text of the last · varint changes, states · states × (text · varint microseconds), ascending
//! text: varint length · UTF-8
//! ```

use super::{Entry, KIND, Part, StateTime, Walk, rows_and_parts, text};
use crate::error::TallyError;
use crate::sketch::bytes::{Reader, put_varint};
use crate::sketch::ordered::fold::Series;
use crate::sketch::ordered::{is_time, log};
use crate::sketch::stored::Stored;
use std::collections::BTreeMap;

const VERSION: u8 = 1;

impl StateTime {
    /// Reads stored bytes.
    pub(super) fn decode_stored(bytes: &[u8]) -> Result<Self, TallyError> {
        let mut reader = Reader::new("state_time", bytes);
        if (reader.u8()?, reader.u8()?, reader.u16()?) != (VERSION, KIND, 0) {
            return Err(reader.corrupt("version 1"));
        }
        let mut parts: Vec<Part> = Vec::new();
        for _ in 0..reader.varint()? {
            let part = Part::decode(&mut reader)?;
            if parts.last().is_some_and(|last| *last > part) {
                return Err(reader.corrupt("parts in ascending order"));
            }
            parts.push(part);
        }
        reader.end()?;
        if parts.is_empty() {
            return Err(reader.corrupt("one row at least"));
        }
        Ok(StateTime { parts })
    }
}

fn text_of(reader: &mut Reader) -> Result<String, TallyError> {
    let length = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
    let text = std::str::from_utf8(reader.take(length)?).map_err(|_| reader.corrupt("text in UTF-8"))?;
    Ok(text.to_owned())
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend(text.as_bytes());
}

impl Entry {
    fn decode(reader: &mut Reader) -> Result<Self, TallyError> {
        let time = reader.u64()? as i64;
        if !is_time(time) {
            return Err(reader.corrupt("a finite time"));
        }
        Ok(Entry {
            time,
            state: text_of(reader)?,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.time.to_le_bytes());
        put_text(out, &self.state);
    }
}

impl Part {
    fn decode(reader: &mut Reader) -> Result<Self, TallyError> {
        let (count, first) = (reader.varint()?, Entry::decode(reader)?);
        let mut part = Part {
            last: first.clone(),
            first,
            count,
            changes: 0,
            times: BTreeMap::new(),
        };
        if count != 1 {
            part.last = Entry::decode(reader)?;
            part.changes = reader.varint()?;
            for _ in 0..reader.varint()? {
                let (state, micros) = (text_of(reader)?, reader.varint()?);
                if micros == 0 || part.times.last_key_value().is_some_and(|(last, _)| *last >= state) {
                    return Err(reader.corrupt("states in ascending order"));
                }
                part.times.insert(state, micros);
            }
            let span = part.last.time.wrapping_sub(part.first.time) as u64;
            let sum = part
                .times
                .values()
                .try_fold(0u64, |sum, micros| sum.checked_add(*micros));
            if count == 0 || part.first > part.last || part.changes >= count || sum != Some(span) {
                return Err(reader.corrupt("states in the order of time"));
            }
        }
        Ok(part)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.count);
        self.first.encode(out);
        if self.count > 1 {
            self.last.encode(out);
            put_varint(out, self.changes);
            put_varint(out, self.times.len() as u64);
            for (state, micros) in &self.times {
                put_text(out, state);
                put_varint(out, *micros);
            }
        }
    }
}

impl Stored for StateTime {
    const NAME: &'static str = "state_time";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        if log::kind_of_bytes(bytes).is_none() {
            return StateTime::decode_stored(bytes);
        }
        let (rows, mut parts) = rows_and_parts(bytes)?;
        parts.extend(rows.into_iter().map(|row| Walk::begin(row).part));
        parts.sort();
        Ok(StateTime { parts })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, KIND, 0, 0];
        put_varint(&mut out, self.parts.len() as u64);
        self.parts.iter().for_each(|part| part.encode(&mut out));
        out
    }

    fn is_partial(bytes: &[u8]) -> bool {
        log::kind_of_bytes(bytes).is_some()
    }

    fn text(&self) -> String {
        text::write(self)
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        text::read(text)
    }
}
