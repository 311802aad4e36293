//! Owns what the text of a definition must not reach, beside what PostgreSQL's security-restricted operation forbids.
//!
//! *Cursors around it.* A loop of PL/pgSQL and a client's DECLARE keep a portal open, and whoever knows its name can FETCH from it: text
//! would read rows that its owner may not, and MOVE past the definitions that the engine's loop had still to come to. So every portal
//! that is open when the text begins is hidden and not to be run until it ends.
//!
//! *The transaction's constraints.* SET CONSTRAINTS holds to the end of the transaction, so it would change what the next
//! definition's statement does.
//!
//! *What the session has.* Its prepared statements, its advisory locks, the large objects that it has open (their numbers count from
//! nought), the text that its client has sent, and its random numbers are the session's. So the functions that reach them are refused.

use pgrx::pg_sys::{self, PortalStatus};
use pgrx::{PgTryBuilder, pg_sys::NodeTag};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char};
use std::panic::AssertUnwindSafe;
use tally_core::error::{SqlState, TallyError};

/// PostgreSQL's functions that reach what the session has.
const OF_THE_SESSION: [u32; 26] = [
    pg_sys::F_PG_ADVISORY_LOCK_INT8,
    pg_sys::F_PG_ADVISORY_LOCK_SHARED_INT8,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_INT8,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_SHARED_INT8,
    pg_sys::F_PG_ADVISORY_UNLOCK_INT8,
    pg_sys::F_PG_ADVISORY_UNLOCK_SHARED_INT8,
    pg_sys::F_PG_ADVISORY_LOCK_INT4_INT4,
    pg_sys::F_PG_ADVISORY_LOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_ADVISORY_UNLOCK_INT4_INT4,
    pg_sys::F_PG_ADVISORY_UNLOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_ADVISORY_UNLOCK_ALL,
    pg_sys::F_LO_OPEN,
    pg_sys::F_LO_CLOSE,
    pg_sys::F_LOREAD,
    pg_sys::F_LOWRITE,
    pg_sys::F_LO_LSEEK,
    pg_sys::F_LO_LSEEK64,
    pg_sys::F_LO_TELL,
    pg_sys::F_LO_TELL64,
    pg_sys::F_LO_TRUNCATE,
    pg_sys::F_LO_TRUNCATE64,
    pg_sys::F_PG_PREPARED_STATEMENT,
    pg_sys::F_CURRENT_QUERY,
    pg_sys::F_SETSEED,
];

thread_local! {
    /// Whether text runs, and whether it is the engine's own statement of a refresh.
    static RUNS: Cell<Option<bool>> = const { Cell::new(None) };
    /// In how many texts, one within the other, the backend is.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static OPEN_PORTALS: Cell<pg_sys::SPIPlanPtr> = const { Cell::new(std::ptr::null_mut()) };
    static PREVIOUS: Cell<pg_sys::ProcessUtility_hook_type> = const { Cell::new(None) };
    static ACCESSED: Cell<pg_sys::object_access_hook_type> = const { Cell::new(None) };
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
    watch();
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

/// Has utility statements of text, and the functions that it calls, looked at; once per backend. A parallel worker begins with it.
pub fn watch() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the hooks are functions of this library, which PostgreSQL never unloads; a backend is one thread.
        unsafe {
            PREVIOUS.set(pg_sys::ProcessUtility_hook);
            pg_sys::ProcessUtility_hook = Some(utility);
            ACCESSED.set(pg_sys::object_access_hook);
            pg_sys::object_access_hook = Some(accessed);
        }
    });
}

/// Whether text runs. A parallel worker has the user and the restrictions of its leader.
fn text_runs() -> bool {
    RUNS.get().is_some()
        // SAFETY: reads variables of the backend.
        || unsafe { pg_sys::ParallelWorkerNumber >= 0 && pg_sys::InSecurityRestrictedOperation() }
}

/// PostgreSQL tells this of each function that an expression is to call, built in or not, when it prepares the expression.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn accessed(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    sub: core::ffi::c_int,
    argument: *mut core::ffi::c_void,
) {
    if access == pg_sys::ObjectAccessType::OAT_FUNCTION_EXECUTE
        && OF_THE_SESSION.contains(&object.to_u32())
        && text_runs()
    {
        let name = super::owned::name_of_function(object);
        refuse_what(
            &format!("{name}()"),
            match name.as_str() {
                name if name.starts_with("lo") => {
                    "SELECT lo_get(…), lo_put(…);  -- they need no descriptor of the session's"
                }
                name if name.contains("advisory") => {
                    "SELECT pg_advisory_xact_lock(…);  -- it ends with the transaction"
                }
                _ => "SELECT name, statement FROM tally.tasks;  -- and leave it out of the text",
            },
        );
    }
    if let Some(hook) = ACCESSED.get() {
        // SAFETY: whoever was told before is told as before.
        unsafe { hook(access, class, object, sub, argument) };
    }
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
    refuse_what(
        what,
        "ALTER TABLE … ALTER CONSTRAINT … DEFERRABLE INITIALLY IMMEDIATE;  -- and leave the statement out of the text",
    );
}

fn refuse_what(what: &str, hint: &'static str) {
    super::report::raise(
        TallyError::new(
            SqlState::InsufficientPrivilege,
            format!("{what} is refused in what a definition runs"),
        )
        .detail(
            "It would reach what is around the definition: the transaction that it runs in, or what the session has.",
        )
        .hint(hint),
    );
}
