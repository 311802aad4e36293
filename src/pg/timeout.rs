//! Owns the time limit of one query inside a statement.
//!
//! `statement_timeout` is armed once, when the client's statement begins, so setting it in a function does nothing. Here
//! the same timer is armed for a while and then put back as it was: its handler interrupts the query just as the
//! server's own timeout does. PostgreSQL's timer functions are exported by the server, but not part of pgrx's bindings.

use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::ffi::c_int;
use std::panic::AssertUnwindSafe;
use tally_core::error::{SqlState, TallyError};

/// `STATEMENT_TIMEOUT` of `enum TimeoutId` (utils/timeout.h), the same in PostgreSQL 15 to 18.
const STATEMENT_TIMEOUT: c_int = 3;

unsafe extern "C-unwind" {
    fn enable_timeout_at(id: c_int, finish: pg_sys::TimestampTz);
    fn disable_timeout(id: c_int, keep_indicator: bool);
    fn get_timeout_active(id: c_int) -> bool;
    fn get_timeout_finish_time(id: c_int) -> pg_sys::TimestampTz;
}

/// Runs `work`, and ends it with an ordinary ERROR (one that can be caught, unlike a cancelled statement) when it takes
/// longer than so many milliseconds; 0 for no limit. A statement_timeout that ends sooner stays in force.
pub fn within(milliseconds: i32, work: impl FnOnce()) {
    // SAFETY: reads of the timer's state and of the clock, in the backend's only thread.
    let (outer, now) = unsafe {
        let active = get_timeout_active(STATEMENT_TIMEOUT);
        (
            active.then(|| get_timeout_finish_time(STATEMENT_TIMEOUT)),
            pg_sys::GetCurrentTimestamp(),
        )
    };
    let finish = now + i64::from(milliseconds) * 1000;
    if milliseconds <= 0 || outer.is_some_and(|outer| outer <= finish) {
        return work();
    }
    // SAFETY: every backend registers this timer with its handler at its start.
    unsafe { enable_timeout_at(STATEMENT_TIMEOUT, finish) };
    PgTryBuilder::new(AssertUnwindSafe(work))
        .catch_when(PgSqlErrorCode::ERRCODE_QUERY_CANCELED, move |error| {
            // SAFETY: reads the clock.
            if unsafe { pg_sys::GetCurrentTimestamp() } < finish {
                error.rethrow()
            }
            super::report::raise(
                TallyError::new(
                    SqlState::ProgramLimitExceeded,
                    format!("the query took longer than {milliseconds} ms and was ended"),
                )
                .detail("The queries of probes and thresholds have a limit, so that none keeps the others waiting.")
                .hint("SET tally.query_timeout = '1 minute'; EXPLAIN ANALYZE it; or ALTER DATABASE … SET tally.query_timeout = '1 minute';"),
            )
        })
        .finally(move || restore(finish, outer))
        .execute();
}

/// Puts the timer back as it was before, and forgets an interruption that came too late to interrupt anything.
fn restore(finish: pg_sys::TimestampTz, outer: Option<pg_sys::TimestampTz>) {
    // SAFETY: as in `within`; the flag is written as the server's own statement end does.
    unsafe {
        disable_timeout(STATEMENT_TIMEOUT, false);
        if pg_sys::GetCurrentTimestamp() >= finish {
            pg_sys::QueryCancelPending = 0;
        }
        if let Some(outer) = outer {
            enable_timeout_at(STATEMENT_TIMEOUT, outer);
        }
    }
}
