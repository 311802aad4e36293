//! Owns the guard of a reader: while a query runs that holds texts of another role, no function of an ordinary role is called, but the
//! reader's own.
//!
//! A look at the query beforehand (`tally_internal._unsafe_function()`) is not enough. Looking already parses the query, and parsing reads
//! constants: `'{1}'::d[]` runs the checks of domain `d`. Planning runs what is constant. And between the look and the query, the owner
//! may replace a view or add a check. So the guard asks at the one place by which every such function is called: PostgreSQL asks a hook
//! when it prepares a call of a function that is not built in, and another hook runs before the functions that run under settings, or as
//! their owner.
//!
//! The guard is a setting, tally.guard, so it ends with the function that has a SET clause for it, also when that fails.

use pgrx::pg_sys::{self, Datum, Oid};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use tally_core::error::{SqlState, TallyError};

/// Holds the number of the reader, and after it those of roles that he trusts; empty where nobody is guarded.
const SETTING: &CStr = c"tally.guard";

thread_local! {
    static NEEDED: Cell<pg_sys::needs_fmgr_hook_type> = const { Cell::new(None) };
    static CALLED: Cell<pg_sys::fmgr_hook_type> = const { Cell::new(None) };
    /// Who owns pg_tally's functions.
    static ENGINE: Cell<Oid> = const { Cell::new(pg_sys::InvalidOid) };
}

crate::pg_fn! {
    /// `tally_internal._guard(reader regrole, trusted text)`: from here on functions of other ordinary roles than the reader are refused; but not
    /// those of roles whose numbers are in `trusted`.
    tally_guard(call)? {
        let reader = Oid::from(call.datum(0).value() as u32);
        let value = CString::new(format!("{} {}", reader.to_u32(), call.str(1)?)).unwrap_or_default();
        // SAFETY: the strings are NUL-terminated and live through the call; the running call has its function's number.
        unsafe {
            ENGINE.set(owner_of((*(*call.fcinfo()).flinfo).fn_oid).unwrap_or(pg_sys::InvalidOid));
            watch();
            pg_sys::set_config_option(
                SETTING.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_LOCAL,
                true,
                0,
                false,
            );
        }
        Ok(Datum::from(0usize))
    }
}

/// Installs the hooks; once per backend.
unsafe fn watch() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the hooks are functions of this library, which PostgreSQL never unloads; a backend is one thread.
    ONCE.call_once(|| unsafe {
        NEEDED.set(pg_sys::needs_fmgr_hook);
        pg_sys::needs_fmgr_hook = Some(needed);
        CALLED.set(pg_sys::fmgr_hook);
        pg_sys::fmgr_hook = Some(called);
    });
}

/// PostgreSQL asks this when it looks a function up that is not built in, and before it puts the body of one in place of its call.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn needed(function: Oid) -> bool {
    refuse_stranger(function);
    // SAFETY: whoever was asked before is asked as before.
    NEEDED.get().is_some_and(|hook| unsafe { hook(function) })
}

/// PostgreSQL calls this around each call of a function with settings of its own, or one that runs as its owner.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn called(
    event: pg_sys::FmgrHookEventType::Type,
    info: *mut pg_sys::FmgrInfo,
    private: *mut Datum,
) {
    if event == pg_sys::FmgrHookEventType::FHET_START {
        // SAFETY: PostgreSQL gives the function that it is about to call.
        refuse_stranger(unsafe { (*info).fn_oid });
    }
    if let Some(hook) = CALLED.get() {
        // SAFETY: whoever was called before is called as before.
        unsafe { hook(event, info, private) };
    }
}

/// An error where a reader is guarded and the function is a stranger's.
fn refuse_stranger(function: Oid) {
    let Some((reader, trusted)) = reader() else { return };
    // SAFETY: look-ups in the catalogues, within a transaction.
    unsafe {
        let Some(owner) = owner_of(function) else { return };
        if owner == reader || trusted.contains(&owner) || owner == ENGINE.get() || pg_sys::superuser_arg(owner) {
            return;
        }
    }
    super::report::raise(
        TallyError::new(
            SqlState::InsufficientPrivilege,
            format!(
                "{} would run {}() of {}, expected functions of PostgreSQL, pg_tally or a superuser",
                name_of(reader),
                // SAFETY: a look-up that gives a NUL-terminated copy; the function was just found.
                unsafe { CStr::from_ptr(pg_sys::get_func_name(function)) }.to_string_lossy(),
                // SAFETY: as above.
                name_of(unsafe { owner_of(function) }.unwrap_or(pg_sys::InvalidOid))
            ),
        )
        .detail("What is read holds text of another role, which must not run that role's code with the rights of who reads.")
        .hint("SELECT m.name, m.expression, m.owner FROM tally.metrics m;  -- and SET ROLE to the owner, or read the rollup's table"),
    );
}

/// For whom the running query is guarded, and whom he trusts.
fn reader() -> Option<(Oid, Vec<Oid>)> {
    // SAFETY: the text lives until the setting changes, and is read at once.
    let text = unsafe {
        let value = pg_sys::GetConfigOption(SETTING.as_ptr(), true, false);
        (!value.is_null()).then(|| CStr::from_ptr(value))
    };
    let words = text?.to_str().ok()?.split_ascii_whitespace();
    let mut roles = words.map_while(|role| role.parse::<u32>().ok()).map(Oid::from);
    Some((roles.next()?, roles.collect()))
}

/// Who owns a function; none where it is gone.
///
/// # Safety
/// Must run within a transaction.
unsafe fn owner_of(function: Oid) -> Option<Oid> {
    // SAFETY: the tuple is read before it is released, and a row of pg_proc begins with the fields of its struct.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as i32, Datum::from(function));
        if tuple.is_null() {
            return None;
        }
        let row = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
        let owner = (*row).proowner;
        pg_sys::ReleaseSysCache(tuple);
        Some(owner)
    }
}

/// A role's name, for people.
fn name_of(role: Oid) -> String {
    // SAFETY: a look-up that gives a NUL-terminated copy, or null where there is no such role.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if name.is_null() {
            "nobody".to_owned()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
}
