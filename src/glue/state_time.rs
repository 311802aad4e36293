//! Owns the SQL-callable functions of `tally.state_time`. Declared in `sql/s10_kernel/state_time.sql`.

use super::ordered::{Logged, add, combine, finished, merged};
use crate::pg::aggregate::same;
use crate::pg::fmgr::Call;
use crate::pg::hashing::Hasher;
use crate::{pg_fn, sketch_type};
use pgrx::pg_sys::{Datum, Interval};
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::state_time::{self, KIND, Part, StateTime};
use tally_core::sketch::stored::Stored;

impl Logged for StateTime {
    fn finish(bytes: &[u8]) -> Result<Self, TallyError> {
        state_time::finish(bytes)
    }

    fn alike(_state: u8, other: u8) -> Result<(), TallyError> {
        if other == KIND {
            return Ok(());
        }
        Err(tally_core::sketch::bytes::corrupt("state_time", "version 1", 0))
    }
}

sketch_type!("state_time", StateTime, jsonb);

fn of(call: &Call, i: usize) -> Result<Part, TallyError> {
    StateTime::decode(call.bytes(i))?.whole()
}

fn interval(micros: u64) -> Interval {
    Interval {
        time: i64::try_from(micros).unwrap_or(i64::MAX),
        day: 0,
        month: 0,
    }
}

pg_fn! {
    /// Transition of `state_time(state, time)`.
    tally_state_time_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        if call.is_null(0) {
            Hasher::refuse_loose(&call, 1, "SELECT tally.state_time(lower(state::text) COLLATE \"default\", time) FROM …")?;
        }
        let state = call.str(1)?.as_bytes();
        add::<StateTime>(&call, KIND, state)
    }

    /// Combine and rollup.
    tally_state_time_merge(call)? {
        combine::<StateTime>(&call)
    }

    /// Final: one part. Reads the state only.
    tally_state_time_final(call)? {
        finished::<StateTime>(&call)
    }

    /// `merge(a, b)`.
    tally_state_time_merge_two(call)? {
        merged::<StateTime>(&call)
    }

    /// `duration_in(state_time, state)`.
    tally_state_time_duration(call)? {
        let micros = of(&call, 0)?.micros(call.str(1)?);
        Ok(call.return_interval(interval(micros)))
    }

    /// `within(state_time, since, until, before)`: with the state before the range, and the last one until its end.
    tally_state_time_within(call)? {
        if (0..3).any(|i| call.is_null(i)) {
            return Ok(call.return_null());
        }
        let before = if call.is_null(3) { None } else { Some(of(&call, 3)?.last) };
        match of(&call, 0)?.within(call.i64(1), call.i64(2), before.as_ref())? {
            Some(part) => Ok(call.return_bytes(&StateTime { parts: vec![part] }.encode())),
            None => Err(TallyError::new(
                SqlState::InvalidParameterValue,
                "states within the range expected, and the one before it outside, got others",
            )
            .detail("The range is that of the states' bucket: its start, and the start of the next one.")
            .hint("SELECT tally.within(s, bucket, bucket + interval '1 hour', lag(s) OVER (ORDER BY bucket)) FROM …")),
        }
    }

    /// `states(state_time)`: rows (state, duration, share).
    tally_state_time_states(call)? {
        let part = of(&call, 0)?;
        let all = part.times.values().sum::<u64>() as f64;
        let rows = part.times.iter().map(|(state, micros)| {
            let share = *micros as f64 / all;
            [Some(call.return_str(state)), Some(call.return_interval(interval(*micros))), Some(Datum::from(share.to_bits()))]
        });
        Ok(call.return_rows(rows))
    }

    /// `count(state_time)`.
    tally_state_time_count(call)? {
        Ok(call.return_i64(of(&call, 0)?.count as i64))
    }

    /// `changes(state_time)`.
    tally_state_time_changes(call)? {
        Ok(call.return_i64(of(&call, 0)?.changes as i64))
    }

    /// `first_state(state_time)`.
    tally_state_time_first_state(call)? {
        Ok(call.return_str(&of(&call, 0)?.first.state))
    }

    /// `last_state(state_time)`.
    tally_state_time_last_state(call)? {
        Ok(call.return_str(&of(&call, 0)?.last.state))
    }

    /// `first_time(state_time)`.
    tally_state_time_first_time(call)? {
        Ok(call.return_i64(of(&call, 0)?.first.time))
    }

    /// `last_time(state_time)`.
    tally_state_time_last_time(call)? {
        Ok(call.return_i64(of(&call, 0)?.last.time))
    }
}
