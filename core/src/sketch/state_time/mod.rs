//! `state_time`: how long something was in which state, exact to the microsecond, with parts that merge in the order of time. A state
//! holds until the next row; the last one holds no time yet.
//!
//! The aggregate's state is [`log`], with the state's name as a row's value.

mod codec;
pub mod text;

use super::bytes::Reader;
use super::ordered::fold::{Series, fold};
use super::ordered::{is_time, log};
use crate::error::TallyError;
use std::collections::BTreeMap;

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
}
