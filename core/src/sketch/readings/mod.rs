//! `readings`: the readings of one meter, kept so that their parts merge in the order of time: a counter that only grows and may
//! be set back, a gauge, or a value weighted by how long it held.
//!
//! The aggregate's state is [`log`], with the 8 bytes of a float as a row's value.

mod codec;
pub mod read;
pub mod text;

use super::bytes::Reader;
use super::ordered::exact::{Exact, Sum};
use super::ordered::fold::{Series, fold};
use super::ordered::{Point, log};
use crate::error::{SqlState, TallyError};

/// What the readings are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A counter: it grows, and a lower reading means that it began again at 0.
    Counter,
    /// A gauge: it goes up and down.
    Gauge,
    /// A value that holds until the next reading.
    Locf,
    /// A value that moves in a line from one reading to the next.
    Linear,
}

/// All kinds with their codes and names.
pub const KINDS: [(Kind, u8, &str); 4] = [
    (Kind::Counter, 1, "counter"),
    (Kind::Gauge, 2, "gauge"),
    (Kind::Locf, 3, "locf"),
    (Kind::Linear, 4, "linear"),
];

impl Kind {
    /// The kind of a code.
    pub fn of_code(code: u8) -> Option<Self> {
        KINDS.iter().find(|k| k.1 == code).map(|k| k.0)
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        KINDS.iter().find(|k| k.2 == name).map(|k| k.0)
    }

    /// The code.
    pub fn code(self) -> u8 {
        KINDS.iter().find(|k| k.0 == self).map_or(0, |k| k.1)
    }

    /// The name.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|k| k.0 == self).map_or("", |k| k.2)
    }
}

/// Readings one after another, without those between the ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// First reading.
    pub first: Point,
    /// Last reading.
    pub last: Point,
    /// How many.
    pub count: u64,
    /// How many differ from the one before.
    pub changes: u64,
    /// How many are lower than the one before.
    pub resets: u64,
    /// Whether one is NaN or infinite; then sums have no value.
    pub odd: bool,
    /// For a counter: the sum of what it had reached at each reset. For a weighted value: value × microseconds, or twice that where it moves in a line.
    pub sum: Exact,
}

/// Readings of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    /// What they are of.
    pub kind: Kind,
    /// Parts in ascending order; more than one only on the way to the final function.
    pub parts: Vec<Part>,
}

/// A series while it is walked through.
struct Walk<const KIND: u8> {
    part: Part,
    sum: Sum,
}

impl<const KIND: u8> Walk<KIND> {
    /// From the last reading to the next one.
    fn step(&mut self, next: Point) {
        let last = self.part.last;
        // PostgreSQL's times span a little more than 63 bits.
        let span = next.time.saturating_sub(last.time);
        if next.value != last.value {
            self.part.changes += 1;
        }
        let lower = next.value < last.value;
        if lower {
            self.part.resets += 1;
        }
        if last.value.is_finite() && next.value.is_finite() {
            match Kind::of_code(KIND) {
                Some(Kind::Counter) if lower => self.sum.add(last.value, 1),
                Some(Kind::Locf) => self.sum.add(last.value, span),
                Some(Kind::Linear) => {
                    self.sum.add(last.value, span);
                    self.sum.add(next.value, span);
                }
                _ => {}
            }
        }
    }
}

impl<const KIND: u8> Series for Walk<KIND> {
    type Row = Point;
    type Part = Part;

    fn begin(row: Point) -> Self {
        Walk {
            part: Part::of(row),
            sum: Sum::default(),
        }
    }

    fn resume(part: &Part) -> Self {
        let mut sum = Sum::default();
        sum.add_exact(&part.sum);
        Walk {
            part: part.clone(),
            sum,
        }
    }

    fn start(part: &Part) -> Point {
        part.first
    }

    fn end(&self) -> Point {
        self.part.last
    }

    fn row(&mut self, row: Point) {
        self.step(row);
        self.part.odd |= !row.value.is_finite();
        self.part.last = row;
        self.part.count += 1;
    }

    fn part(&mut self, part: &Part) {
        self.step(part.first);
        self.sum.add_exact(&part.sum);
        self.part.odd |= part.odd;
        self.part.last = part.last;
        self.part.count = self.part.count.saturating_add(part.count);
        self.part.changes = self.part.changes.saturating_add(part.changes);
        self.part.resets = self.part.resets.saturating_add(part.resets);
    }

    fn time(row: Point) -> i64 {
        row.time
    }
}

impl Part {
    /// One reading.
    fn of(point: Point) -> Self {
        Part {
            first: point,
            last: point,
            count: 1,
            changes: 0,
            resets: 0,
            odd: !point.value.is_finite(),
            sum: Exact::default(),
        }
    }
}

fn walked<const KIND: u8>(rows: &mut [Point], parts: &[Part]) -> Result<Option<Part>, TallyError> {
    let walk = fold::<Walk<KIND>>("readings", rows, parts)?;
    Ok(walk.map(|walk| Part {
        sum: walk.sum.exact(),
        ..walk.part
    }))
}

/// All rows and parts as one; none of nothing.
fn whole(kind: Kind, rows: &mut [Point], parts: &[Part]) -> Result<Option<Part>, TallyError> {
    match kind {
        Kind::Counter => walked::<1>(rows, parts),
        Kind::Gauge => walked::<2>(rows, parts),
        Kind::Locf => walked::<3>(rows, parts),
        Kind::Linear => walked::<4>(rows, parts),
    }
}

/// The error of readings of two kinds in one group.
#[cold]
pub fn other_kind(expected: Kind, got: Kind) -> TallyError {
    let (expected, got) = (expected.name(), got.name());
    TallyError::new(
        SqlState::DatatypeMismatch,
        format!("readings of kind {expected} expected, got {got}"),
    )
    .detail("Counters, gauges and values weighted by time keep different sums, so they do not merge.")
    .hint(format!(
        "SELECT tally.rollup(readings) FROM … WHERE readings::jsonb ->> 'kind' = '{expected}'"
    ))
}

/// The rows and parts of a state.
fn rows_and_parts(bytes: &[u8]) -> Result<(Kind, Vec<Point>, Vec<Part>), TallyError> {
    let mut reader = Reader::new("readings", bytes);
    let Some(kind) = log::kind_of_bytes(bytes).and_then(Kind::of_code) else {
        return Err(reader.corrupt("a state of readings"));
    };
    reader.take(4)?;
    // A row takes three words.
    let mut rows: Vec<Point> = crate::error::room_for(bytes.len() / 24)?;
    let mut parts = Vec::new();
    log::each(
        "readings",
        bytes,
        |time, value| {
            let mut value = Reader::new("readings", value);
            rows.push(Point::new(time, value.f64()?));
            value.end()
        },
        |part| {
            let readings = Readings::decode_stored(part)?;
            if readings.kind != kind {
                return Err(other_kind(kind, readings.kind));
            }
            parts.extend(readings.parts);
            Ok(())
        },
    )?;
    if rows.is_empty() && parts.is_empty() {
        return Err(reader.corrupt("one reading at least"));
    }
    Ok((kind, rows, parts))
}

/// The stored form of a state or of stored bytes: one part.
pub fn finish(bytes: &[u8]) -> Result<Readings, TallyError> {
    let (kind, mut rows, parts) = if log::kind_of_bytes(bytes).is_some() {
        rows_and_parts(bytes)?
    } else {
        let readings = Readings::decode_stored(bytes)?;
        (readings.kind, Vec::new(), readings.parts)
    };
    let part = whole(kind, &mut rows, &parts)?;
    Ok(Readings {
        kind,
        parts: part.into_iter().collect(),
    })
}

impl Readings {
    /// All as one part.
    pub fn whole(&self) -> Result<Part, TallyError> {
        let part = match &self.parts[..] {
            [part] => Some(part.clone()),
            parts => whole(self.kind, &mut [], parts)?,
        };
        part.ok_or_else(|| super::bytes::corrupt("readings", "one reading at least", 0))
    }
}
