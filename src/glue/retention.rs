//! Owns the SQL-callable functions of retention. Declared in `sql/s10_kernel/retention.sql`.

use crate::glue::calendar_kept::known;
use crate::glue::funnel::micros;
use crate::pg::aggregate::State;
use crate::pg::fmgr::Call;
use crate::pg::zone::Clock;
use crate::{pg_fn, sketch_type};
use pgrx::pg_sys::Interval;
use tally_core::calendar::zone::Zone;
use tally_core::calendar::{DAY, is_finite};
use tally_core::error::{SqlState, TallyError, room_for};
use tally_core::retention::counts;
use tally_core::retention::returns::{Moment, Unit, retained, retained_every};

/// Most periods of one retention: ten years of days.
const MOST_PERIODS: i32 = 3660;

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> TallyError {
    TallyError::new(SqlState::InvalidParameterValue, message).hint(
        "SELECT tally.retention(array_agg(event_time) FILTER (WHERE event_type = 'signup'), array_agg(event_time), '1 day', 7) FROM … GROUP BY user_id",
    )
}

/// The unit of a width: by the calendar when a zone is given, else by the clock.
fn unit(width: Interval, zone: Option<&str>) -> Result<Unit, TallyError> {
    let unit = match (zone, width) {
        (None, width) if micros(width) > 0 => Unit::Elapsed(micros(width)),
        // Hours are no unit of a calendar: '24 hours' counts from the start's own moment in every zone.
        (Some(_), Interval { month: 0, time, .. }) if time != 0 && micros(width) > 0 => Unit::Elapsed(micros(width)),
        (Some(_), Interval { time: 0, day, month: 0 }) if day > 0 => Unit::Days(day.into()),
        (Some(_), Interval { time: 0, day: 0, month }) if month > 0 => Unit::Months(month.into()),
        (Some(_), _) => {
            return Err(invalid(
                "width expected to be hours, or whole days, weeks, months or years, got another interval",
            ));
        }
        (None, _) => return Err(invalid("width expected to be positive, got none or a negative one")),
    };
    Ok(unit)
}

/// The local time of an instant, where periods begin so many days later; an infinite one is the same everywhere.
fn local(clock: &Clock, time: i64, later: i32) -> i64 {
    if is_finite(time) {
        clock.local(time) - i64::from(later) * DAY
    } else {
        time
    }
}

/// What both forms of retention ask.
struct Asked {
    unit: Unit,
    periods: usize,
    on_or_after: bool,
    as_of: Moment,
    clock: Option<Clock>,
    /// So many days after Mondays, or the first of a month, periods begin.
    later: i32,
}

impl Asked {
    /// Arguments 2 to 7, the last only where it is there; none where one is NULL that says what to do.
    fn of(call: &Call) -> Result<Option<Self>, TallyError> {
        if [2, 3, 4].iter().any(|i| call.is_null(*i)) {
            return Ok(None);
        }
        let zone = call.opt_str(5)?;
        let periods = call.i32(3);
        if !(0..=MOST_PERIODS).contains(&periods) {
            return Err(invalid(format!(
                "periods expected in 0 to {MOST_PERIODS}, got {periods}"
            )));
        }
        let on_or_after = match call.opt_str(6)? {
            None | Some("on") => false,
            Some("on_or_after") => true,
            Some(other) => {
                return Err(invalid(format!(
                    "mode expected to be on or on_or_after, got \"{other}\""
                )));
            }
        };
        let later = if call.nargs() > 7 && !call.is_null(7) {
            call.i32(7)
        } else {
            0
        };
        if !(-MOST_PERIODS..=MOST_PERIODS).contains(&later) {
            return Err(invalid(format!(
                "later expected in {} to {MOST_PERIODS} days, got {later}",
                -MOST_PERIODS
            )));
        }
        let (time, clock) = (call.i64(4), zone.map(known).transpose()?);
        Ok(Some(Asked {
            unit: unit(call.interval(2), zone)?,
            periods: periods as usize,
            on_or_after,
            as_of: Moment {
                time,
                local: clock.as_ref().map_or(time, |clock| local(clock, time, later)),
            },
            clock,
            later,
        }))
    }

    /// The times of argument `i`; none for NULL.
    fn moments(&self, call: &Call, i: usize) -> Result<Vec<Moment>, TallyError> {
        if call.is_null(i) {
            return Ok(Vec::new());
        }
        let times = call.timestamptzs(i)?;
        let mut moments = room_for(times.len())?;
        moments.extend(times.into_iter().flatten().map(|time| Moment {
            time,
            local: self.clock.as_ref().map_or(time, |clock| local(clock, time, self.later)),
        }));
        Ok(moments)
    }
}

sketch_type!("retention_counts", counts::Counts);

pg_fn! {
    /// `retention(starts, returns, width, periods, as_of, zone, mode [, later]) → boolean[]`.
    tally_retention(call)? {
        let Some(asked) = Asked::of(&call)? else {
            return Ok(call.return_null());
        };
        let (starts, returns) = (asked.moments(&call, 0)?, asked.moments(&call, 1)?);
        let Asked { unit, periods, on_or_after, as_of, .. } = asked;
        Ok(call.return_bools(&retained(unit, periods, on_or_after, as_of, &starts, &returns)))
    }

    /// `retention_every(starts, returns, width, periods, as_of, zone, mode)`: rows (start, retained).
    tally_retention_every(call)? {
        let Some(asked) = Asked::of(&call)? else {
            return Ok(call.return_rows(std::iter::empty::<[Option<pgrx::pg_sys::Datum>; 2]>()));
        };
        let (mut starts, mut returns) = (asked.moments(&call, 0)?, asked.moments(&call, 1)?);
        let Asked { unit, periods, on_or_after, as_of, .. } = asked;
        let rows = retained_every(unit, periods, on_or_after, as_of, &mut starts, &mut returns)
            .map(|(start, retained)| [Some(call.return_i64(start)), Some(call.return_bools(&retained))]);
        Ok(call.return_rows(rows))
    }

    /// Transition of `retention_counts`: `(state, retained boolean[])`.
    tally_retention_counts_trans(call)? {
        if call.is_null(1) {
            return Ok(if call.is_null(0) { call.return_null() } else { call.datum(0) });
        }
        let retained = call.bools(1)?;
        let mut state = own(&call, retained.len())?;
        counts::count(state.words(), &retained);
        Ok(state.datum())
    }

    /// Combine and rollup: `(state, counts)`.
    tally_retention_counts_merge(call)? {
        if call.is_null(1) {
            return Ok(if call.is_null(0) { call.return_null() } else { call.datum(0) });
        }
        let other = counts::from_payload(call.bytes(1))?;
        let mut state = own(&call, counts::periods(&other))?;
        counts::merge(state.words(), &other);
        Ok(state.datum())
    }

    /// `retention_periods(counts)`: period, eligible, retained, share.
    tally_retention_periods(call)? {
        if call.is_null(0) {
            return Ok(call.return_rows(std::iter::empty::<[Option<pgrx::pg_sys::Datum>; 4]>()));
        }
        let words = counts::from_payload(call.bytes(0))?;
        let rows: Vec<_> = counts::rows(&words)
            .enumerate()
            .map(|(n, (eligible, retained))| {
                [
                    Some(call.return_i32(n as i32)),
                    Some(call.return_i64(eligible as i64)),
                    Some(call.return_i64(retained as i64)),
                    (eligible > 0).then(|| call.return_f64(retained as f64 / eligible as f64)),
                ]
            })
            .collect();
        Ok(call.return_rows(rows.into_iter()))
    }
}

/// The state in argument 0, or a copy of it, with room for so many periods.
fn own(call: &Call, periods: usize) -> Result<State, TallyError> {
    let mut state = if call.is_null(0) {
        State::new(counts::words_for(0))
    } else if let Some(state) = State::in_place(call, 0) {
        state
    } else {
        let words = counts::from_payload(call.bytes(0))?;
        let mut state = State::new(words.len());
        state.words()[0] |= words[0];
        state.words()[1..].copy_from_slice(&words[1..]);
        state
    };
    if counts::periods(state.words()) < periods {
        state = state.grown(counts::words_for(periods));
        counts::widen(state.words(), periods);
    }
    Ok(state)
}
