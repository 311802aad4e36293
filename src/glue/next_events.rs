//! Owns the path of an actor from or to an event: what came next, or what led there. Declared in
//! `sql/s10_kernel/next_events.sql`.

use crate::pg_fn;
use tally_core::error::{SqlState, TallyError, room_for};

/// The `steps` events after the first `anchor`, or for a negative number those before it, in time order; `None` where
/// there is no anchor. Events of equal time stand in the order of their names.
fn path<'a>(mut events: Vec<(i64, &'a str)>, anchor: &str, steps: i32) -> Option<Vec<&'a str>> {
    tally_core::cancel::sort_by(&mut events, <(i64, &str)>::cmp);
    let at = events.iter().position(|(_, name)| *name == anchor)?;
    let count = steps.unsigned_abs() as usize;
    let range = if steps < 0 {
        at.saturating_sub(count)..at
    } else {
        at + 1..(at + 1 + count).min(events.len())
    };
    Some(events[range].iter().map(|(_, name)| *name).collect())
}

pg_fn! {
    /// `next_event_path(times, events, anchor, steps) → text[]`, strict.
    tally_next_event_path(call)? {
        let (times, events) = (call.timestamptzs(0)?, call.texts(1)?);
        if times.len() != events.len() {
            return Err(TallyError::new(
                SqlState::ArraySubscriptError,
                format!("as many times as events expected, got {} and {}", times.len(), events.len()),
            )
            .hint("SELECT tally.next_event_path(array_agg(event_time), array_agg(event_type), 'signup', 3) FROM … GROUP BY user_id"));
        }
        let mut known = room_for(times.len())?;
        known.extend(times.into_iter().zip(events).filter_map(|(time, event)| Some((time?, event?))));
        Ok(match path(known, call.str(2)?, call.i32(3)) {
            Some(path) => call.return_texts(&path.into_iter().map(Some).collect::<Vec<_>>()),
            None => call.return_null(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_and_before() {
        let events = || vec![(4, "d"), (1, "a"), (2, "c"), (2, "b"), (3, "b")];
        assert_eq!(path(events(), "b", 2), Some(vec!["c", "b"]));
        assert_eq!(path(events(), "b", 9), Some(vec!["c", "b", "d"]));
        assert_eq!(path(events(), "d", -2), Some(vec!["c", "b"]));
        assert_eq!(path(events(), "a", -2), Some(vec![]));
        assert_eq!(path(events(), "x", 1), None);
    }
}
