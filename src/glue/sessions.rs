//! Owns sessions: a gap longer than the limit starts a new one. As numbers in a window, and as arrays of an actor's sessions, with the
//! aggregate that gathers an actor's times for them. Declared in `sql/s10_kernel/sessions.sql`.

use crate::glue::funnel::micros;
use crate::pg::aggregate::{State, Working, change, merge, same};
use crate::pg::fmgr::{Answer, Call};
use crate::pg::window::Window;
use crate::pg_fn;
use std::ops::Range;
use tally_core::cancel;
use tally_core::error::{SqlState, TallyError, room_for};
use tally_core::sketch::times;

/// What a partition remembers. All zeroes: no event yet.
#[derive(Clone, Copy, Default)]
struct Session {
    number: i64,
    last: i64,
}

impl Session {
    /// The session of the next event, in time order; `None` where it is earlier than the one before.
    fn next(&mut self, time: i64, gap: i64) -> Option<i64> {
        if self.number == 0 || time.saturating_sub(self.last) > gap {
            self.number += 1;
        } else if time < self.last {
            return None;
        }
        self.last = time;
        Some(self.number)
    }
}

pg_fn! {
    /// `sessionize(event_time, gap) OVER (…)`.
    tally_sessionize(call)? {
        sessionize(&call)
    }
}

fn sessionize(call: &Call) -> Answer {
    let hint =
        "SELECT tally.sessionize(event_time, '30 minutes') OVER (PARTITION BY user_id ORDER BY event_time) FROM …";
    let error = |sqlstate, message: &'static str| Err(TallyError::new(sqlstate, message).hint(hint));
    let Some(mut window) = Window::of(call) else {
        return error(
            SqlState::FeatureNotSupported,
            "sessionize expected in a window, got a call without OVER",
        );
    };
    let Some(time) = window.arg(0) else {
        return Ok(call.return_null());
    };
    let Some(gap) = window.interval(1).map(micros) else {
        return error(SqlState::NullValueNotAllowed, "gap of a session expected, got NULL");
    };
    if gap < 0 {
        return error(
            SqlState::InvalidParameterValue,
            "gap of a session expected to be 0 or longer, got a negative interval",
        );
    }
    match window.memory::<Session>().next(time.value() as i64, gap) {
        Some(number) => Ok(call.return_i64(number)),
        None => error(
            SqlState::InvalidParameterValue,
            "events expected in time order, got one earlier than the row before",
        ),
    }
}

/// The sessions of sorted times, as ranges of their places.
fn ranges(times: &[i64], gap: i64) -> Result<Vec<Range<usize>>, TallyError> {
    let mut ranges = room_for(times.len())?;
    let mut start = 0;
    for end in 1..=times.len() {
        if end == times.len() || times[end].saturating_sub(times[end - 1]) > gap {
            ranges.push(start..end);
            start = end;
        }
    }
    Ok(ranges)
}

struct Gathered;

impl Working for Gathered {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        times::is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        times::from_payload(bytes)
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).skip(4).collect()
    }
}

/// Argument 0 as times, none of which may be NULL.
fn times_of(call: &Call) -> Result<Vec<i64>, TallyError> {
    let given = call.timestamptzs(0)?;
    let mut times = room_for(given.len())?;
    for time in given {
        times.push(time.ok_or_else(|| TallyError::new(SqlState::NullValueNotAllowed, "times expected, got a NULL"))?);
    }
    Ok(times)
}

/// Arguments 0 and 1, times and the gap: the times in order with their sessions.
fn sessions_of(call: &Call) -> Result<(Vec<i64>, Vec<Range<usize>>), TallyError> {
    let mut times = times_of(call)?;
    if !times.is_sorted() {
        cancel::sort_by(&mut times, i64::cmp);
    }
    let ranges = ranges(&times, micros(call.interval(1)))?;
    Ok((times, ranges))
}

/// The first (or last) value that is not NULL of each session. At one instant the order is that of the values' bytes.
fn session_values(call: &Call) -> Answer {
    let (times, values) = (times_of(call)?, call.texts(2)?);
    if values.len() != times.len() {
        return Err(TallyError::new(
            SqlState::ArraySubscriptError,
            format!(
                "as many values as times expected, got {} and {}",
                values.len(),
                times.len()
            ),
        )
        .hint("SELECT tally.create_sessions('visits', 'events', 'event_time', 'user_id');"));
    }
    let mut events = room_for(times.len())?;
    events.extend(times.into_iter().zip(values));
    if !events.is_sorted() {
        cancel::sort_by(&mut events, Ord::cmp);
    }
    let mut times = room_for(events.len())?;
    times.extend(events.iter().map(|event| event.0));
    let lasts = call.bool(3);
    let chosen: Vec<Option<&str>> = ranges(&times, micros(call.interval(1)))?
        .into_iter()
        .map(|session| {
            let mut values = events[session].iter().filter_map(|event| event.1);
            if lasts { values.next_back() } else { values.next() }
        })
        .collect();
    Ok(call.return_texts(&chosen))
}

pg_fn! {
    /// Transition of `_times(at)`.
    tally_times_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let time = call.i64(1);
        let fresh = |_: &Call| {
            let mut state = State::new(times::FIRST_WORDS);
            times::init(state.words());
            Ok(state)
        };
        change::<Gathered>(&call, fresh, |words| Ok(times::push(words, time)))
    }

    /// Combine of `_times(at)`.
    tally_times_merge(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let other = times::from_payload(call.bytes(1))?;
        merge::<Gathered>(&call, |words| Ok(times::extend(words, times::times(&other))))
    }

    /// Final of `_times(at)`: the times in order. Reads the state only.
    tally_times_final(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        if let Some(mut state) = State::in_place(&call, 0)
            && times::is_working(state.words())
        {
            return Ok(call.return_timestamptzs(&times::sorted(state.words())?));
        }
        let sorted = times::sorted(&times::from_payload(call.bytes(0))?)?;
        Ok(call.return_timestamptzs(&sorted))
    }

    /// `_session_times(times, gap, ends) → timestamptz[]`, strict.
    tally_session_times(call)? {
        let (times, sessions) = sessions_of(&call)?;
        let ends = call.bool(2);
        let times: Vec<i64> = sessions.iter().map(|s| times[if ends { s.end - 1 } else { s.start }]).collect();
        Ok(call.return_timestamptzs(&times))
    }

    /// `_session_counts(times, gap) → bigint[]`, strict.
    tally_session_counts(call)? {
        let (_, sessions) = sessions_of(&call)?;
        let counts: Vec<i64> = sessions.iter().map(|s| s.len() as i64).collect();
        Ok(call.return_i64s(&counts))
    }

    /// `_session_values(times, gap, values, lasts) → text[]`, strict.
    tally_session_values(call)? {
        session_values(&call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(times: &[i64], gap: i64) -> Vec<Option<i64>> {
        let mut session = Session::default();
        times.iter().map(|t| session.next(*t, gap)).collect()
    }

    #[test]
    fn sessions_as_ranges() {
        assert!(ranges(&[], 5).unwrap().is_empty());
        assert_eq!(ranges(&[0, 5, 10, 16, 16, 40], 5).unwrap(), [0..3, 3..5, 5..6]);
        assert_eq!(ranges(&[i64::MIN, 0, i64::MAX], 5).unwrap(), [0..1, 1..2, 2..3]);
    }

    #[test]
    fn only_a_longer_gap_starts_a_session() {
        assert_eq!(numbers(&[0, 5, 10, 16, 16, 40], 5), [1, 1, 1, 2, 2, 3].map(Some));
        assert_eq!(numbers(&[-9, -9, -8], 0), [1, 1, 2].map(Some));
        assert_eq!(numbers(&[i64::MIN, 0, i64::MAX], 5), [1, 2, 3].map(Some));
        assert_eq!(numbers(&[3, 2], 5), [Some(1), None]);
    }
}
