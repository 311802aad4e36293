//! Owns the SQL-callable functions of `tally.readings`. Declared in `sql/s10_kernel/readings.sql`.

use super::ordered::{Logged, add, combine, finished, merged};
use crate::pg::aggregate::same;
use crate::pg::fmgr::{Answer, Call};
use crate::{pg_fn, sketch_type};
use pgrx::pg_sys::Interval;
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::readings::{self, Kind, Part, Readings, other_kind, read};
use tally_core::sketch::stored::Stored;

impl Logged for Readings {
    fn finish(bytes: &[u8]) -> Result<Self, TallyError> {
        readings::finish(bytes)
    }

    fn alike(state: u8, other: u8) -> Result<(), TallyError> {
        match (Kind::of_code(state), Kind::of_code(other)) {
            (Some(expected), Some(got)) if expected != got => Err(other_kind(expected, got)),
            (Some(_), Some(_)) => Ok(()),
            _ => Err(tally_core::sketch::bytes::corrupt("readings", "a kind", 0)),
        }
    }
}

sketch_type!("readings", Readings, jsonb);

fn row(call: &Call, kind: Kind) -> Answer {
    if call.is_null(1) {
        return same(call);
    }
    add::<Readings>(call, kind.code(), &call.f64(1).to_le_bytes())
}

fn method(call: &Call) -> Result<Kind, TallyError> {
    if call.nargs() < 4 {
        return Ok(Kind::Locf);
    }
    let given = call.opt_str(3)?;
    match given {
        Some("locf") => Ok(Kind::Locf),
        Some("linear") => Ok(Kind::Linear),
        _ => Err(TallyError::new(
            SqlState::InvalidParameterValue,
            format!("method locf or linear expected, got {}", given.unwrap_or("NULL")),
        )
        .detail("locf: a value holds until the next one. linear: it moves in a line to the next one.")
        .hint("SELECT tally.time_weighted(value, time, 'linear') FROM …")),
    }
}

fn of(call: &Call, i: usize) -> Result<(Kind, Part), TallyError> {
    let readings = Readings::decode(call.bytes(i))?;
    Ok((readings.kind, readings.whole()?))
}

fn opt(call: &Call, i: usize) -> Result<Option<Readings>, TallyError> {
    if call.is_null(i) {
        return Ok(None);
    }
    Readings::decode(call.bytes(i)).map(Some)
}

/// Readings with the last one of a part before them in front: the difference then counts from there.
fn after(call: &Call, kind: Kind, part: Part, before: usize) -> Result<Part, TallyError> {
    if call.is_null(before) {
        return Ok(part);
    }
    let (other, before) = of(call, before)?;
    if other != kind {
        return Err(other_kind(kind, other));
    }
    part.after(kind, before.last)
}

pg_fn! {
    /// Transition of `counter(value, time)`.
    tally_counter_trans(call)? {
        row(&call, Kind::Counter)
    }

    /// Transition of `gauge(value, time)`.
    tally_gauge_trans(call)? {
        row(&call, Kind::Gauge)
    }

    /// Transition of `time_weighted(value, time)` and `time_weighted(value, time, method)`.
    tally_time_weighted_trans(call)? {
        let method = method(&call)?;
        row(&call, method)
    }

    /// Combine and rollup.
    tally_readings_merge(call)? {
        combine::<Readings>(&call)
    }

    /// Final: one part. Reads the state only.
    tally_readings_final(call)? {
        finished::<Readings>(&call)
    }

    /// `merge(a, b)`.
    tally_readings_merge_two(call)? {
        merged::<Readings>(&call)
    }

    /// `increase(readings)`: of a counter.
    tally_readings_increase(call)? {
        let (kind, part) = of(&call, 0)?;
        read::counter(kind)?;
        Ok(call.return_opt_f64(part.difference()))
    }

    /// `increase(readings, before)`: from the last reading of the part before, which may be NULL.
    tally_readings_increase_since(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        let (kind, part) = of(&call, 0)?;
        read::counter(kind)?;
        Ok(call.return_opt_f64(after(&call, kind, part, 1)?.difference()))
    }

    /// `delta(readings)`: of a gauge.
    tally_readings_delta(call)? {
        let (kind, part) = of(&call, 0)?;
        read::gauge(kind)?;
        Ok(call.return_opt_f64(part.difference()))
    }

    /// `delta(readings, before)`: from the last reading of the part before, which may be NULL.
    tally_readings_delta_since(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        let (kind, part) = of(&call, 0)?;
        read::gauge(kind)?;
        Ok(call.return_opt_f64(after(&call, kind, part, 1)?.difference()))
    }

    /// `rate(readings)`: per second.
    tally_readings_rate(call)? {
        let (kind, part) = of(&call, 0)?;
        read::rated(kind)?;
        Ok(call.return_opt_f64(part.rate()))
    }

    /// `extrapolated_increase(readings, since, until)`.
    tally_readings_extrapolated(call)? {
        let (kind, part) = of(&call, 0)?;
        read::counter(kind)?;
        Ok(call.return_opt_f64(part.extrapolated(call.i64(1), call.i64(2))))
    }

    /// `integral(readings)`: value × seconds.
    tally_readings_integral(call)? {
        let (kind, part) = of(&call, 0)?;
        read::weighted(kind)?;
        Ok(call.return_opt_f64(part.integral(kind)))
    }

    /// `average(readings)`: weighted by time, between the first and the last reading.
    tally_readings_average(call)? {
        let (kind, part) = of(&call, 0)?;
        read::weighted(kind)?;
        Ok(call.return_opt_f64(part.average(kind)))
    }

    /// `average(readings, since, until, before, after)`: readings, before and after may be NULL.
    tally_readings_average_over(call)? {
        if call.is_null(1) || call.is_null(2) {
            return Ok(call.return_null());
        }
        let (readings, before, after) = (opt(&call, 0)?, opt(&call, 3)?, opt(&call, 4)?);
        let average = read::average_over(readings.as_ref(), call.i64(1), call.i64(2), before.as_ref(), after.as_ref())?;
        Ok(call.return_opt_f64(average))
    }

    /// `count(readings)`.
    tally_readings_count(call)? {
        Ok(call.return_i64(of(&call, 0)?.1.count as i64))
    }

    /// `changes(readings)`.
    tally_readings_changes(call)? {
        Ok(call.return_i64(of(&call, 0)?.1.changes as i64))
    }

    /// `resets(readings)`: of a counter.
    tally_readings_resets(call)? {
        let (kind, part) = of(&call, 0)?;
        read::counter(kind)?;
        Ok(call.return_i64(part.resets as i64))
    }

    /// `first_value(readings)`.
    tally_readings_first_value(call)? {
        Ok(call.return_f64(of(&call, 0)?.1.first.value))
    }

    /// `last_value(readings)`.
    tally_readings_last_value(call)? {
        Ok(call.return_f64(of(&call, 0)?.1.last.value))
    }

    /// `first_time(readings)`.
    tally_readings_first_time(call)? {
        Ok(call.return_i64(of(&call, 0)?.1.first.time))
    }

    /// `last_time(readings)`.
    tally_readings_last_time(call)? {
        Ok(call.return_i64(of(&call, 0)?.1.last.time))
    }

    /// `duration(readings)`: from the first to the last reading.
    tally_readings_duration(call)? {
        let (_, part) = of(&call, 0)?;
        Ok(call.return_interval(Interval { time: part.last.time.saturating_sub(part.first.time), day: 0, month: 0 }))
    }
}
