//! Owns the SQL-callable functions of funnels. Declared in `sql/s10_kernel/funnel.sql`.

use crate::pg::aggregate::State;
use crate::pg::fmgr::{Answer, Call};
use crate::pg::hashing::Hasher;
use crate::{pg_fn, sketch_type};
use pgrx::pg_sys::Interval;
use tally_core::error::{SqlState, TallyError, room_for};
use tally_core::funnel::events::{self, Grow};
use tally_core::funnel::gathered::Gathered;
use tally_core::funnel::spec::Funnel;
use tally_core::funnel::{Event, MAX_CONDITIONS, level, path};

/// Length of an interval as PostgreSQL compares intervals: a day has 24 hours, a month 30 days.
pub(crate) fn micros(interval: Interval) -> i64 {
    const DAY: i128 = 86_400_000_000;
    let days = i128::from(interval.month) * 30 + i128::from(interval.day);
    let micros = days * DAY + i128::from(interval.time);
    micros.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// The funnel that arguments 1 (window) and `options` (a text, perhaps absent) describe.
#[inline(never)]
fn described(call: &Call, conditions: usize, options: usize) -> Result<Funnel, TallyError> {
    if call.is_null(1) {
        return Err(
            TallyError::new(SqlState::NullValueNotAllowed, "window of a funnel expected, got NULL")
                .hint("SELECT tally.window_funnel('1 day', event_time, step_1, step_2) FROM …"),
        );
    }
    let options = if call.nargs() > options {
        call.opt_str(options)?
    } else {
        None
    };
    Ok(Funnel::new(
        micros(call.interval(1)),
        conditions,
        options.unwrap_or(""),
    )?)
}

/// Adds an event to the state in argument 0; `describe` gives the funnel of a new state.
#[inline(always)]
pub(crate) fn add(
    call: &Call,
    event: Event,
    conditions: usize,
    describe: impl Fn() -> Result<Funnel, TallyError>,
) -> Answer {
    if !call.is_null(0)
        && let Some(mut state) = State::in_place(call, 0)
    {
        if events::conditions(state.words()) != conditions {
            return Err(other_conditions(events::conditions(state.words()), conditions));
        }
        if event.mask == 0 && !events::needs_foreign(state.words()) {
            return Ok(state.datum());
        }
        return match events::push(state.words(), event) {
            Ok(()) => Ok(state.datum()),
            Err(grow) => Ok(push_grown(state, grow, event)),
        };
    }
    add_fresh(call, event, describe)
}

/// Adds an event of a funnel whose options are argument `options`, if there are any.
#[inline(always)]
fn add_step(call: &Call, event: Event, conditions: usize, options: usize) -> Answer {
    if call.is_null(0) && event.mask == 0 && (call.nargs() <= options || call.is_null(options)) {
        return Ok(call.return_null());
    }
    add(call, event, conditions, || described(call, conditions, options))
}

#[cold]
fn other_conditions(expected: usize, got: usize) -> TallyError {
    TallyError::new(
        SqlState::InvalidParameterValue,
        format!("expected {expected} conditions as in the group's first row, got {got}"),
    )
    .hint("GROUP BY what the steps depend on.")
}

#[cold]
#[inline(never)]
fn push_grown(state: State, Grow(needed): Grow, event: Event) -> pgrx::pg_sys::Datum {
    let mut state = state.grown(needed);
    while let Err(Grow(needed)) = events::push(state.words(), event) {
        state = state.grown(needed);
    }
    state.datum()
}

/// The first event of a group, or a call outside an aggregate.
#[inline(never)]
fn add_fresh(call: &Call, event: Event, describe: impl Fn() -> Result<Funnel, TallyError>) -> Answer {
    let state = if call.is_null(0) {
        let funnel = describe()?;
        if event.mask == 0 && !funnel.mode.needs_foreign() {
            return Ok(call.return_null());
        }
        let mut state = State::new(events::first_words(&funnel));
        events::init(state.words(), &funnel);
        state
    } else {
        stored(call, 0)?
    };
    Ok(push_grown(state, Grow(0), event))
}

/// A state of its own from the bytes of argument `i`.
fn stored(call: &Call, i: usize) -> Result<State, TallyError> {
    let words = events::from_payload(call.bytes(i))?;
    let mut state = State::new(words.len());
    state.words()[0] |= words[0];
    state.words()[1..].copy_from_slice(&words[1..]);
    Ok(state)
}

/// The words of argument 0, whether it is a state or a stored value.
pub(crate) fn stored_words(call: &Call) -> Result<Vec<u64>, TallyError> {
    match State::in_place(call, 0) {
        Some(mut state) => {
            let mut words = room_for(state.words().len())?;
            words.extend_from_slice(state.words());
            Ok(words)
        }
        None => events::from_payload(call.bytes(0)),
    }
}

/// The state unchanged, for a row that does not count.
#[inline(always)]
pub(crate) fn same(call: &Call) -> Answer {
    Ok(if call.is_null(0) {
        call.return_null()
    } else {
        call.datum(0)
    })
}

pub(crate) fn conditions_fit(count: usize) -> Result<usize, TallyError> {
    if (1..=MAX_CONDITIONS).contains(&count) {
        return Ok(count);
    }
    Err(TallyError::new(
        SqlState::ProgramLimitExceeded,
        format!("expected 1 to {MAX_CONDITIONS} steps and exclusions, got {count}"),
    )
    .hint("SELECT tally.window_funnel('1 day', event_time, step_1, step_2) FROM …"))
}

/// The funnel and the sorted events of the state in argument 0.
fn gathered(call: &Call) -> Result<(Funnel, Vec<Event>), TallyError> {
    // What the searches keep of the events themselves, three copies of them at most; asked for here, where it can be refused.
    let events = match State::in_place(call, 0) {
        Some(mut state) => events::len(state.words()),
        None => call.bytes(0).len() / 8,
    };
    drop(room_for::<[Event; 4]>(events)?);
    if let Some(mut state) = State::in_place(call, 0) {
        return Ok((events::funnel(state.words()), events::sorted(state.words())?));
    }
    let words = events::from_payload(call.bytes(0))?;
    Ok((events::funnel(&words), events::sorted(&words)?))
}

sketch_type!("funnel_events", Gathered);

pg_fn! {
    /// Transition: `(state, window, event_time, steps boolean[] [, options])`.
    tally_funnel_trans(call)? {
        if call.is_null(2) || call.is_null(3) {
            return same(&call);
        }
        let (mask, count) = call.true_elements(3)?;
        add_step(&call, Event { time: call.i64(2), mask }, conditions_fit(count)?, 4)
    }

    /// Transition: `(state, window, event_time, event_type text, steps text[] [, options])`.
    tally_funnel_trans_text(call)? {
        if call.is_null(2) || call.is_null(4) {
            return same(&call);
        }
        if call.is_null(0) {
            let form = "SELECT tally.window_funnel(…, lower(event_type::text) COLLATE \"default\", '{step,step}') FROM …";
            Hasher::refuse_loose(&call, 3, form)?;
        }
        let event_type = if call.is_null(3) { None } else { Some(call.bytes(3)) };
        let (mask, count) = call.equal_elements(4, event_type)?;
        add_step(&call, Event { time: call.i64(2), mask }, conditions_fit(count)?, 5)
    }

    /// Combine: `(state, state)`.
    tally_funnel_combine(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        if call.is_null(0) {
            return Ok(stored(&call, 1)?.datum());
        }
        let mut state = match State::in_place(&call, 0) {
            Some(state) => state,
            None => stored(&call, 0)?,
        };
        let other = events::from_payload(call.bytes(1))?;
        while let Err(Grow(needed)) = events::merge(state.words(), &other)? {
            state = state.grown(needed);
        }
        Ok(state.datum())
    }

    /// Final of `window_funnel`: the level, 0 for no events.
    tally_funnel_level(call)? {
        if call.is_null(0) {
            return Ok(call.return_i32(0));
        }
        let (funnel, events) = gathered(&call)?;
        Ok(call.return_i32(level(&funnel, &events) as i32))
    }

    /// Final of `funnel_path`: the times of the reached steps.
    tally_funnel_path(call)? {
        if call.is_null(0) {
            return Ok(call.return_timestamptzs(&[]));
        }
        let (funnel, events) = gathered(&call)?;
        Ok(call.return_timestamptzs(&path(&funnel, &events)))
    }
}
