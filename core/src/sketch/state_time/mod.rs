//! `state_time`: how long something was in which state, exact to the microsecond, with parts that merge in the order of time. A state
//! holds until the next row; the last one holds no time yet.
//!
//! ```text
//! u8 version = 1 · u8 kind = 1 · u16 0 · varint parts · parts × part, ascending; a finished value has one
//! part: varint rows · i64 time · text of the first; with two or more rows:
//!       i64 time · text of the last · varint changes, states · states × (text · varint microseconds), ascending
//! text: varint length · UTF-8
//! ```
//! The aggregate's state is [`log`], with the state's name as a row's value.

pub mod text;

use super::bytes::{Reader, put_varint};
use super::ordered::fold::{Series, fold};
use super::ordered::{is_time, log};
use super::stored::Stored;
use crate::error::TallyError;
use std::collections::BTreeMap;

const VERSION: u8 = 1;
/// The one kind.
pub const KIND: u8 = 1;

/// A state from an instant on, ordered by both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Microseconds since 2000-01-01 00:00 UTC.
    pub time: i64,
    /// The state's name.
    pub state: String,
}

/// States one after another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// First row.
    pub first: Entry,
    /// Last row.
    pub last: Entry,
    /// How many rows.
    pub count: u64,
    /// How many rows differ from the one before.
    pub changes: u64,
    /// Microseconds in each state.
    pub times: BTreeMap<String, u64>,
}

/// How long in which state.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTime {
    /// Parts in ascending order; more than one only on the way to the final function.
    pub parts: Vec<Part>,
}

struct Walk<'a> {
    part: Part,
    first: (i64, &'a str),
    last: (i64, &'a str),
}

impl<'a> Walk<'a> {
    fn step(&mut self, next: (i64, &'a str)) {
        let span = next.0.wrapping_sub(self.last.0) as u64;
        if next.1 != self.last.1 {
            self.part.changes += 1;
        }
        self.spend(self.last.1, span);
        self.last = next;
    }

    fn spend(&mut self, state: &str, micros: u64) {
        if let Some(time) = self.part.times.get_mut(state) {
            *time = time.saturating_add(micros);
        } else if micros > 0 {
            self.part.times.insert(state.to_owned(), micros);
        }
    }
}

impl<'a> Series for Walk<'a> {
    type Row = (i64, &'a str);
    type Part = &'a Part;

    fn begin(row: Self::Row) -> Self {
        let part = Part {
            first: entry(row),
            last: entry(row),
            count: 1,
            changes: 0,
            times: BTreeMap::new(),
        };
        Walk {
            part,
            first: row,
            last: row,
        }
    }

    fn resume(part: &&'a Part) -> Self {
        Walk {
            part: (*part).clone(),
            first: row(&part.first),
            last: row(&part.last),
        }
    }

    fn start(part: &&'a Part) -> Self::Row {
        row(&part.first)
    }

    fn end(&self) -> Self::Row {
        self.last
    }

    fn row(&mut self, row: Self::Row) {
        self.step(row);
        self.part.count += 1;
    }

    fn part(&mut self, part: &&'a Part) {
        self.step(row(&part.first));
        self.last = row(&part.last);
        part.times.iter().for_each(|(state, micros)| self.spend(state, *micros));
        self.part.count = self.part.count.saturating_add(part.count);
        self.part.changes = self.part.changes.saturating_add(part.changes);
    }

    fn time(row: Self::Row) -> i64 {
        row.0
    }
}

fn entry(row: (i64, &str)) -> Entry {
    Entry {
        time: row.0,
        state: row.1.to_owned(),
    }
}

fn row(entry: &Entry) -> (i64, &str) {
    (entry.time, &entry.state)
}

fn whole<'a>(rows: &mut [(i64, &'a str)], parts: &'a [Part]) -> Result<Option<Part>, TallyError> {
    let parts: Vec<&Part> = parts.iter().collect();
    let walk = fold::<Walk>("state_time", rows, &parts)?;
    Ok(walk.map(|walk| Part {
        first: entry(walk.first),
        last: entry(walk.last),
        ..walk.part
    }))
}

type Row<'a> = (i64, &'a str);

fn rows_and_parts(bytes: &[u8]) -> Result<(Vec<Row<'_>>, Vec<Part>), TallyError> {
    let reader = Reader::new("state_time", bytes);
    if log::kind_of_bytes(bytes) != Some(KIND) {
        return Err(reader.corrupt("a state of state_time"));
    }
    // A row takes two words at least.
    let mut rows: Vec<Row> = crate::error::room_for(bytes.len() / 16)?;
    let mut parts = Vec::new();
    log::each(
        "state_time",
        bytes,
        |time, state| {
            let state = std::str::from_utf8(state).map_err(|_| reader.corrupt("text in UTF-8"))?;
            rows.push((time, state));
            Ok(())
        },
        |part| {
            parts.extend(StateTime::decode_stored(part)?.parts);
            Ok(())
        },
    )?;
    if rows.is_empty() && parts.is_empty() {
        return Err(reader.corrupt("one row at least"));
    }
    Ok((rows, parts))
}

/// The stored form of a state or of stored bytes: one part.
pub fn finish(bytes: &[u8]) -> Result<StateTime, TallyError> {
    let part = if log::kind_of_bytes(bytes).is_some() {
        let (mut rows, parts) = rows_and_parts(bytes)?;
        whole(&mut rows, &parts)?
    } else {
        Some(StateTime::decode_stored(bytes)?.whole()?)
    };
    Ok(StateTime {
        parts: part.into_iter().collect(),
    })
}

impl StateTime {
    /// All as one part.
    pub fn whole(&self) -> Result<Part, TallyError> {
        let part = match &self.parts[..] {
            [part] => Some(part.clone()),
            parts => whole(&mut [], parts)?,
        };
        part.ok_or_else(|| super::bytes::corrupt("state_time", "one row at least", 0))
    }

    fn decode_stored(bytes: &[u8]) -> Result<Self, TallyError> {
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
    /// Microseconds in a state between the first and the last row.
    pub fn micros(&self, state: &str) -> u64 {
        self.times.get(state).copied().unwrap_or(0)
    }

    /// The part with what is known at the ends of a range: the state before it, and the last state until the range ends.
    pub fn within(self, since: i64, until: i64, before: Option<&Entry>) -> Result<Option<Part>, TallyError> {
        let ends =
            self.first.time >= since && self.last.time <= until && before.is_none_or(|entry| entry.time <= since);
        if !ends || !is_time(since) || !is_time(until) {
            return Ok(None);
        }
        let last = self.last.state.clone();
        let mut rows = vec![(until, last.as_str())];
        rows.extend(
            before
                .map(|entry| (since, entry.state.as_str()))
                .filter(|row| *row < (self.first.time, self.first.state.as_str())),
        );
        whole(&mut rows, std::slice::from_ref(&self))
    }

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
