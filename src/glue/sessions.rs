//! Owns sessions: a gap longer than the limit starts a new one. Declared in `sql/s10_kernel/sessions.sql`.

use crate::glue::funnel::micros;
use crate::pg::fmgr::{Answer, Call};
use crate::pg::window::Window;
use crate::pg_fn;
use tally_core::error::{SqlState, TallyError};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(times: &[i64], gap: i64) -> Vec<Option<i64>> {
        let mut session = Session::default();
        times.iter().map(|t| session.next(*t, gap)).collect()
    }

    #[test]
    fn only_a_longer_gap_starts_a_session() {
        assert_eq!(numbers(&[0, 5, 10, 16, 16, 40], 5), [1, 1, 1, 2, 2, 3].map(Some));
        assert_eq!(numbers(&[-9, -9, -8], 0), [1, 1, 2].map(Some));
        assert_eq!(numbers(&[i64::MIN, 0, i64::MAX], 5), [1, 2, 3].map(Some));
        assert_eq!(numbers(&[3, 2], 5), [Some(1), None]);
    }
}
