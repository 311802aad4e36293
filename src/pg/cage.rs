//! Owns what the text of a definition must not reach, beside what PostgreSQL's security-restricted operation forbids.
//!
//! *Cursors around it.* A loop of PL/pgSQL and a client's DECLARE keep a portal open, and whoever knows its name can FETCH from it: text
//! would read rows that its owner may not, and MOVE past the definitions that the engine's loop had still to come to. So every portal
//! that is open when the text begins is hidden and not to be run until it ends.
//!
//! *The transaction's constraints.* SET CONSTRAINTS holds to the end of the transaction, so it would change what the next
//! definition's statement does. What the session has prepared is the session's, too.

use pgrx::pg_sys::{self, PortalStatus};
use pgrx::{PgTryBuilder, pg_sys::NodeTag};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char};
use std::panic::AssertUnwindSafe;
use tally_core::error::{SqlState, TallyError};

thread_local! {
    /// Whether text runs, and whether it is the engine's own statement of a refresh.
    static RUNS: Cell<Option<bool>> = const { Cell::new(None) };
    /// In how many texts, one within the other, the backend is.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static OPEN_PORTALS: Cell<pg_sys::SPIPlanPtr> = const { Cell::new(std::ptr::null_mut()) };
    static PREVIOUS: Cell<pg_sys::ProcessUtility_hook_type> = const { Cell::new(None) };
}

/// Whether the innermost text that runs is a statement by which a refresh writes.
pub fn refreshes() -> bool {
    RUNS.get() == Some(true)
}

/// In how many texts, one within the other, the backend is.
pub fn depth() -> u32 {
    DEPTH.get()
}

/// Runs `work` with the portals around it out of its reach.
///
/// # Safety
/// There must be a snapshot, as in every function that a query calls.
pub unsafe fn within(refresh: bool, work: impl FnOnce()) {
    watch_utilities();
    // SAFETY: as the caller vouches for.
    let hidden = unsafe { hide() };
    let before = RUNS.replace(Some(refresh));
    let depth = DEPTH.replace(DEPTH.get() + 1);
    PgTryBuilder::new(AssertUnwindSafe(work))
        .finally(move || {
            RUNS.set(before);
            DEPTH.set(depth);
            show(&hidden);
        })
        .execute();
}

/// A portal that was open before: its name and status.
type Hidden = (CString, PortalStatus::Type);

/// Hides all portals that can be seen, and has none of them run.
///
/// # Safety
/// There must be a snapshot.
unsafe fn hide() -> Vec<Hidden> {
    let mut hidden = Vec::new();
    // SAFETY: SPI is connected while its rows are looked at; a portal that was just listed is there.
    unsafe {
        pg_sys::SPI_connect();
        if OPEN_PORTALS.get().is_null() {
            let plan = pg_sys::SPI_prepare(
                c"SELECT name FROM pg_catalog.pg_cursor()".as_ptr(),
                0,
                std::ptr::null_mut(),
            );
            pg_sys::SPI_keepplan(plan);
            OPEN_PORTALS.set(plan);
        }
        pg_sys::SPI_execute_plan(OPEN_PORTALS.get(), std::ptr::null_mut(), std::ptr::null(), true, 0);
        let table = pg_sys::SPI_tuptable;
        for i in 0..pg_sys::SPI_processed as usize {
            let name = pg_sys::SPI_getvalue(*(*table).vals.add(i), (*table).tupdesc, 1);
            let portal = pg_sys::GetPortalByName(name);
            if !portal.is_null() {
                hidden.push((CStr::from_ptr(name).to_owned(), (*portal).status));
                (*portal).visible = false;
                if (*portal).status == PortalStatus::PORTAL_READY {
                    (*portal).status = PortalStatus::PORTAL_ACTIVE;
                }
            }
        }
        pg_sys::SPI_finish();
    }
    hidden
}

/// Puts portals back as they were.
fn show(hidden: &[Hidden]) {
    for (name, status) in hidden {
        // SAFETY: a look-up by name; what it gives is a portal of this backend.
        unsafe {
            let portal = pg_sys::GetPortalByName(name.as_ptr());
            if !portal.is_null() {
                (*portal).visible = true;
                if (*portal).status == PortalStatus::PORTAL_ACTIVE {
                    (*portal).status = *status;
                }
            }
        }
    }
}

/// Has utility statements of text looked at; once per backend.
fn watch_utilities() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the hook is a function of this library, which PostgreSQL never unloads; a backend is one thread.
        unsafe {
            PREVIOUS.set(pg_sys::ProcessUtility_hook);
            pg_sys::ProcessUtility_hook = Some(utility);
        }
    });
}

#[pgrx::pg_guard]
#[allow(clippy::too_many_arguments)]
unsafe extern "C-unwind" fn utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: PostgreSQL gives a statement with its node; all else is passed on as it came.
    unsafe {
        if RUNS.get().is_some() {
            refuse((*(*statement).utilityStmt).type_);
        }
        match PREVIOUS.get() {
            Some(hook) => hook(
                statement,
                text,
                read_only,
                context,
                parameters,
                environment,
                receiver,
                completion,
            ),
            None => pg_sys::standard_ProcessUtility(
                statement,
                text,
                read_only,
                context,
                parameters,
                environment,
                receiver,
                completion,
            ),
        }
    }
}

fn refuse(kind: NodeTag) {
    let what = match kind {
        NodeTag::T_ConstraintsSetStmt => "SET CONSTRAINTS",
        NodeTag::T_ExecuteStmt => "EXECUTE",
        _ => return,
    };
    super::report::raise(
        TallyError::new(
            SqlState::InsufficientPrivilege,
            format!("{what} is refused in what a definition runs"),
        )
        .detail("It would reach what is around the definition: the transaction that it runs in, or what the session has prepared.")
        .hint("ALTER TABLE … ALTER CONSTRAINT … DEFERRABLE INITIALLY IMMEDIATE;  -- and leave the statement out of the text"),
    );
}
