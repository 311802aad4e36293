//! Owns the bounds of one query inside a statement: its time, and that its failure is an ordinary error.
//!
//! `statement_timeout` is armed once, when the client's statement begins, so setting it in a function does nothing. Here
//! the same timer is armed for a while and then put back as it was: its handler interrupts the query just as the
//! server's own timeout does. PostgreSQL's timer functions are exported by the server, but not part of pgrx's bindings.
//!
//! A query may catch its cancellation and go on. So after the limit each rollback of a subtransaction, which is what catching an
//! error is, asks for the next cancellation at once: the handler's first statement is cancelled, and so on outwards.

use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
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

thread_local! {
    /// When the innermost query must be over: by its own limit, or by the client's statement_timeout where that ends sooner.
    static FINISH: Cell<Option<pg_sys::TimestampTz>> = const { Cell::new(None) };
}

/// Runs `work`, and ends it with an ordinary ERROR (one that can be caught, unlike a cancelled statement) when it takes
/// longer than so many milliseconds; 0 for no limit. A statement_timeout that ends sooner stays in force.
///
/// `WHEN OTHERS` catches neither a cancelled query nor a failed assertion. Text can raise both by itself, so here they become
/// ordinary errors, unless somebody has really cancelled the statement.
pub fn within(milliseconds: i32, work: impl FnOnce()) {
    // SAFETY: reads of the timer's state and of the clock, in the backend's only thread.
    let (outer, now) = unsafe {
        let active = get_timeout_active(STATEMENT_TIMEOUT);
        (
            active.then(|| get_timeout_finish_time(STATEMENT_TIMEOUT)),
            pg_sys::GetCurrentTimestamp(),
        )
    };
    let finish = now.saturating_add(i64::from(milliseconds) * 1000);
    let limit = (milliseconds > 0 && outer.is_none_or(|outer| outer > finish)).then_some(finish);
    let before = FINISH.replace(limit.or(outer));
    if FINISH.get().is_some() {
        cancel_again_when_caught();
    }
    if let Some(finish) = limit {
        // SAFETY: every backend registers this timer with its handler at its start.
        unsafe { enable_timeout_at(STATEMENT_TIMEOUT, finish) };
    }
    PgTryBuilder::new(AssertUnwindSafe(move || {
        work();
        if over(limit) {
            too_long(milliseconds)
        }
        if limit.is_none() && over(outer) {
            // The query has caught the end of the client's own statement_timeout.
            cancel_now();
        }
    }))
    .catch_others(move |error| match &error {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => match report.sql_error_code() {
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED if over(limit) => too_long(milliseconds),
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED if of_the_server(report) => error.rethrow(),
            PgSqlErrorCode::ERRCODE_QUERY_CANCELED | PgSqlErrorCode::ERRCODE_ASSERT_FAILURE => ordinary(report),
            _ => error.rethrow(),
        },
        CaughtError::RustPanic { .. } => error.rethrow(),
    })
    .finally(move || {
        FINISH.set(before);
        if let Some(finish) = limit {
            restore(finish, outer);
        }
    })
    .execute();
}

/// Whether a limit has passed.
fn over(limit: Option<pg_sys::TimestampTz>) -> bool {
    // SAFETY: reads the clock.
    limit.is_some_and(|finish| unsafe { pg_sys::GetCurrentTimestamp() } >= finish)
}

/// Whether the server itself cancelled the query. RAISE can set any SQLSTATE, but not the place in the source.
fn of_the_server(report: &ErrorReportWithLevel) -> bool {
    report.function_name() == Some("ProcessInterrupts") && report.file().ends_with("postgres.c")
}

fn too_long(milliseconds: i32) -> ! {
    super::report::raise(
        TallyError::new(
            SqlState::ProgramLimitExceeded,
            format!("the query took longer than {milliseconds} ms and was ended"),
        )
        .detail("What a definition runs has a limit, so that none keeps the others waiting.")
        .hint(
            "SELECT tally.set('tally.query_timeout', '1 minute');  -- tally.task_timeout of tasks, tally.refresh_timeout of rollups; \
             tally.settings has what they are now",
        ),
    )
}

/// The same error with a SQLSTATE that can be caught.
fn ordinary(report: &ErrorReportWithLevel) -> ! {
    super::report::raise(
        TallyError::new(SqlState::RaisedByText, report.message().to_owned())
            .detail(format!(
                "The text of the definition raised it as {:?}, which is kept for the server. {}",
                report.sql_error_code(),
                report.detail().unwrap_or_default()
            ))
            .hint(
                report
                    .hint()
                    .unwrap_or("SELECT name, query FROM tally.probes; -- and run the text by itself")
                    .to_owned(),
            ),
    )
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

/// Registers the callback that cancels what has caught its cancellation; once per backend.
fn cancel_again_when_caught() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the callback is a function of this library, which PostgreSQL never unloads.
    ONCE.call_once(|| unsafe { pg_sys::RegisterSubXactCallback(Some(at_subtransaction), std::ptr::null_mut()) });
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    _subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _arg: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB && over(FINISH.get()) {
        ask_to_cancel();
    }
}

/// Has the next CHECK_FOR_INTERRUPTS cancel the query.
fn ask_to_cancel() {
    // SAFETY: signal handlers set these flags in the same way.
    unsafe {
        pg_sys::QueryCancelPending = 1;
        pg_sys::InterruptPending = 1;
    }
}

fn cancel_now() {
    ask_to_cancel();
    pgrx::check_for_interrupts!();
}
