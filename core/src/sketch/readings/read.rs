//! Owns what is read from readings. No answer is NaN: what has no value is none.

use super::{Kind, Part, Readings, whole};
use crate::error::{SqlState, TallyError};
use crate::sketch::ordered::exact::Sum;
use crate::sketch::ordered::{Point, is_time, moment};

fn micros(from: Point, to: Point) -> f64 {
    to.time.saturating_sub(from.time) as f64
}

impl Part {
    /// How much a counter grew from the first to the last reading, what it lost at resets included; or how much a gauge changed.
    pub fn difference(&self) -> Option<f64> {
        let mut sum = Sum::default();
        if self.odd {
            return None;
        }
        sum.add(self.last.value, 1);
        sum.add(self.first.value, -1);
        sum.add_exact(&self.sum);
        Some(sum.exact().value()).filter(|v| v.is_finite())
    }

    /// The difference per second between the first and the last reading.
    pub fn rate(&self) -> Option<f64> {
        let span = micros(self.first, self.last);
        self.difference().filter(|_| span > 0.0).map(|d| d / (span / 1e6))
    }

    /// Value × seconds between the first and the last reading.
    pub fn integral(&self, kind: Kind) -> Option<f64> {
        let scale = if kind == Kind::Linear { 2e6 } else { 1e6 };
        (!self.odd).then(|| self.sum.value() / scale).filter(|v| v.is_finite())
    }

    /// The mean between the first and the last reading, weighted by time.
    pub fn average(&self, kind: Kind) -> Option<f64> {
        let span = micros(self.first, self.last);
        self.integral(kind).filter(|_| span > 0.0).map(|sum| sum / (span / 1e6))
    }

    /// The part with a reading in front of it.
    pub fn after(self, kind: Kind, before: Point) -> Result<Part, TallyError> {
        let part = whole(kind, &mut [before], std::slice::from_ref(&self))?;
        Ok(part.unwrap_or(self))
    }

    /// The increase in all of a range, by the rule of Prometheus: as the counter grew between its readings, so it did up to the ends of
    /// the range, if these are no further than 1.1 times the mean distance of readings; else for half that distance. A counter is not
    /// taken below 0.
    pub fn extrapolated(&self, since: i64, until: i64) -> Option<f64> {
        let (increase, span) = (self.difference()?, micros(self.first, self.last));
        if self.count < 2
            || span <= 0.0
            || !is_time(since)
            || !is_time(until)
            || since > self.first.time
            || until < self.last.time
        {
            return None;
        }
        let mean = span / (self.count - 1) as f64;
        let mut before = self.first.time.saturating_sub(since) as f64;
        let after = until.saturating_sub(self.last.time) as f64;
        if before >= mean * 1.1 {
            before = mean / 2.0;
        }
        if increase > 0.0 && self.first.value >= 0.0 {
            before = before.min(span * (self.first.value / increase));
        }
        let after = if after >= mean * 1.1 { mean / 2.0 } else { after };
        Some(increase * ((span + before + after) / span)).filter(|v| v.is_finite())
    }
}

/// The mean of a weighted value over the part of a range in which it is known, with the readings before and after the range. None where it
/// is known at no time.
pub fn average_over(
    readings: Option<&Readings>,
    since: i64,
    until: i64,
    before: Option<&Readings>,
    after: Option<&Readings>,
) -> Result<Option<f64>, TallyError> {
    let Some(kind) = readings.or(before).or(after).map(|r| r.kind) else {
        return Ok(None);
    };
    for other in [readings, before, after].into_iter().flatten() {
        weighted(other.kind)?;
        if other.kind != kind {
            return Err(super::other_kind(kind, other.kind));
        }
    }
    let within = readings.map(Readings::whole).transpose()?;
    let before = before.map(Readings::whole).transpose()?.map(|part| part.last);
    let after = after.map(Readings::whole).transpose()?.map(|part| part.first);
    let outside = within
        .as_ref()
        .is_some_and(|part| part.first.time < since || part.last.time > until)
        || before.is_some_and(|point| point.time > since)
        || after.is_some_and(|point| point.time < until);
    if outside || since > until || !is_time(since) || !is_time(until) {
        return Err(out_of_range(since, until));
    }
    // At the ends of the range the value is what it was before, or on the line to what comes next.
    let at = |time: i64, from: Option<Point>, to: Option<Point>| match (kind, from, to) {
        (Kind::Linear, Some(from), Some(to)) if to.time > from.time => {
            let share = time.saturating_sub(from.time) as f64 / micros(from, to);
            Some(Point::new(time, from.value + (to.value - from.value) * share))
        }
        (Kind::Linear, ..) => None,
        (_, from, _) => from.map(|from| Point::new(time, from.value)),
    };
    let next = within.as_ref().map(|part| part.first).or(after);
    let first = at(since, before, next);
    let last = at(until, within.as_ref().map(|part| part.last).or(first), after);
    let mut rows: Vec<Point> = first
        .into_iter()
        .filter(|p| within.as_ref().is_none_or(|w| *p < w.first))
        .collect();
    rows.extend(last.filter(|p| within.as_ref().is_none_or(|w| p.time > w.last.time)));
    let parts: Vec<Part> = within.into_iter().collect();
    let all = whole(kind, &mut rows, &parts)?;
    Ok(all.and_then(|part| part.average(kind)))
}

/// Refuses what is no weighted value.
pub fn weighted(kind: Kind) -> Result<(), TallyError> {
    expect(
        matches!(kind, Kind::Locf | Kind::Linear),
        kind,
        "time_weighted",
        "tally.time_weighted(value, time)",
    )
}

/// Refuses what is no counter.
pub fn counter(kind: Kind) -> Result<(), TallyError> {
    expect(kind == Kind::Counter, kind, "counter", "tally.counter(value, time)")
}

/// Refuses what is no gauge.
pub fn gauge(kind: Kind) -> Result<(), TallyError> {
    expect(kind == Kind::Gauge, kind, "gauge", "tally.gauge(value, time)")
}

/// Refuses what has no difference per second.
pub fn rated(kind: Kind) -> Result<(), TallyError> {
    expect(
        matches!(kind, Kind::Counter | Kind::Gauge),
        kind,
        "counter or gauge",
        "tally.counter(value, time)",
    )
}

fn expect(is: bool, got: Kind, expected: &str, call: &str) -> Result<(), TallyError> {
    if is {
        return Ok(());
    }
    Err(TallyError::new(
        SqlState::DatatypeMismatch,
        format!("readings of kind {expected} expected, got {}", got.name()),
    )
    .detail("What readings keep depends on the aggregate that made them.")
    .hint(format!("SELECT {call} FROM …")))
}

#[cold]
fn out_of_range(since: i64, until: i64) -> TallyError {
    let text = |time: i64| {
        if crate::calendar::is_finite(time) {
            moment::write(time)
        } else {
            "infinity".to_owned()
        }
    };
    TallyError::new(
        SqlState::InvalidParameterValue,
        format!(
            "readings within {} to {} expected, with those before and after it outside, got others",
            text(since),
            text(until)
        ),
    )
    .detail("The range is that of the readings' bucket: its start, and the start of the next one.")
    .hint("SELECT tally.average(r, bucket, bucket + interval '1 hour', lag(r) OVER (ORDER BY bucket), NULL) FROM …")
}
