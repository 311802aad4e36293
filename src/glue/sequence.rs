//! Owns the SQL-callable functions of patterns over an actor's events. Declared in `sql/s10_kernel/sequence.sql`.

use crate::glue::funnel::{add, conditions_fit, same, stored_words};
use crate::pg::fmgr::Call;
use crate::pg_fn;
use tally_core::error::{SqlState, TallyError};
use tally_core::funnel::Event;
use tally_core::funnel::events;
use tally_core::funnel::gathered::Gathered;
use tally_core::funnel::sequence::Pattern;
use tally_core::funnel::spec::Funnel;

/// The events in argument 0, in order, and the pattern in argument 1; none where there are no events.
fn read(call: &Call) -> Result<(Vec<Event>, Option<Pattern>), TallyError> {
    let Some(pattern) = call.opt_str(1)? else {
        return Err(
            TallyError::new(SqlState::NullValueNotAllowed, "a pattern expected, got NULL")
                .hint("SELECT tally.sequence_match(tally.sequence_events(event_time, a, b), '(?1).*(?2)') FROM …"),
        );
    };
    if call.is_null(0) {
        // Without events nobody knows how many conditions there are; what is no pattern at all is refused all the same.
        Pattern::parse(pattern, tally_core::funnel::MAX_CONDITIONS)?;
        return Ok((Vec::new(), None));
    }
    let words = stored_words(call)?;
    let pattern = Pattern::parse(pattern, events::conditions(&words))?;
    Ok((events::sorted(&words)?, Some(pattern)))
}

pg_fn! {
    /// Transition: `(state, event_time, conditions boolean[])`.
    tally_sequence_trans(call)? {
        if call.is_null(1) || call.is_null(2) {
            return same(&call);
        }
        let (mask, count) = call.true_elements(2)?;
        let conditions = conditions_fit(count)?;
        add(&call, Event { time: call.i64(1), mask }, conditions, || Ok(Funnel::new(i64::MAX, conditions, "")?))
    }

    /// Final of `sequence_events` and `rollup`: the events in order, without the room behind them.
    tally_sequence_final(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        Ok(call.return_bytes(&Gathered(stored_words(&call)?).bytes()?))
    }

    /// `sequence_match(funnel_events, pattern) → boolean`.
    tally_sequence_match(call)? {
        let (events, pattern) = read(&call)?;
        Ok(call.return_bool(pattern.map_or(Ok(false), |pattern| pattern.matches(&events))?))
    }

    /// `sequence_count(funnel_events, pattern) → bigint`.
    tally_sequence_count(call)? {
        let (events, pattern) = read(&call)?;
        Ok(call.return_i64(pattern.map_or(Ok(0), |pattern| pattern.count(&events))? as i64))
    }

    /// `sequence_times(funnel_events, pattern) → timestamptz[]`.
    tally_sequence_times(call)? {
        let (events, pattern) = read(&call)?;
        Ok(call.return_timestamptzs(&pattern.map_or(Ok(Vec::new()), |pattern| pattern.times(&events))?))
    }
}
