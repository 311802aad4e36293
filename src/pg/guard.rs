//! Owns the guard of a reader: while a query runs that holds texts of another role, no function of an ordinary role is called, but the
//! reader's own, and none that writes, sets or runs text, whoever owns it.
//!
//! A look at the query beforehand (`tally_internal._unsafe_function()`) is not enough. Looking already parses the query, and parsing reads
//! constants: `'{1}'::d[]` runs the checks of domain `d`. Planning runs what is constant. And between the look and the query, the owner
//! may replace a view or add a check. So the guard asks at the two places by which every such function is called. PostgreSQL asks one hook
//! when it prepares a call of a function that is not built in: there a stranger's is refused. It tells another hook of each function that an
//! expression is to call, built in or not: there a volatile one is refused. Built-in functions read files, signal servers and change
//! settings, the guard's own too; a superuser's, such as dblink's, do anything.
//!
//! Functions that the reader must trust are not asked what they call: those of his row level policies, a superuser's, and the few volatile
//! ones of pg_tally that the functions around a guarded query call.
//!
//! A foreign table is code too: what it reads, and on which server, its owner says, and PostgreSQL connects there with the user mapping of the
//! role that reads it. A superuser connects without a password. So a stranger's that would be read as the reader is refused when a query on it
//! is planned. One that a view reads with its owner's rights is not.
//!
//! The guard is a setting, tally.guard, so it ends with the function that has a SET clause for it, also when that fails. A parallel worker
//! gets the settings of its leader.

use super::owned::{Function, function, name_of, name_of_function, name_of_table, owner_of_table};
use pgrx::pg_sys::{self, Datum, Oid};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};
use tally_core::error::{SqlState, TallyError};

/// Holds numbers: of the reader; in how many trusted functions the guard began; from how many texts of run_as() on, one within the other, it
/// holds; of the engine's role, and of those that the reader trusts. Empty where nobody is guarded.
const SETTING: &CStr = c"tally.guard";

/// pg_tally's schemas.
const SCHEMAS: [&CStr; 2] = [c"tally", c"tally_internal"];
/// The volatile functions of pg_tally that the functions around a guarded query call.
const AROUND: [&str; 4] = ["_guard", "_note_failed", "_count_read", "_refuse"];
/// Languages by their numbers, which PostgreSQL never changes.
const COMPILED: [u32; 2] = [12, 13];
const SQL: u32 = 14;
/// `clock_timestamp()`, the one volatile function of PostgreSQL that they call. It only reads.
const CLOCK: Oid = Oid::from_u32(2649);

thread_local! {
    static NEEDED: Cell<pg_sys::needs_fmgr_hook_type> = const { Cell::new(None) };
    static CALLED: Cell<pg_sys::fmgr_hook_type> = const { Cell::new(None) };
    static ACCESSED: Cell<pg_sys::object_access_hook_type> = const { Cell::new(None) };
    static PLANNED: Cell<pg_sys::get_relation_info_hook_type> = const { Cell::new(None) };
    /// In how many trusted functions the backend is.
    static TRUSTED: Cell<u32> = const { Cell::new(0) };
    /// Of the calls whose end is still to come, which of them are of trusted functions.
    static OPEN: RefCell<Vec<bool>> = const { RefCell::new(Vec::new()) };
}

/// Whom the running query is guarded for.
struct Guard {
    reader: Oid,
    /// `TRUSTED` when the guard began.
    depth: u32,
    engine: Oid,
    trusted: Vec<Oid>,
}

crate::pg_fn! {
    /// `tally_internal._guard(reader regrole, trusted text, in_text boolean)`: from here on functions of other ordinary roles than the reader are
    /// refused, and volatile ones of anybody; but not those of roles whose numbers are in `trusted`. `in_text`: only within text of `run_as()`.
    tally_guard(call)? {
        let reader = Oid::from(call.datum(0).value() as u32);
        // SAFETY: the running call has its function's number.
        let engine = unsafe { function((*(*call.fcinfo()).flinfo).fn_oid) }.map_or(pg_sys::InvalidOid, |f| f.owner);
        let value = format!("{} {} {} {} {}", reader.to_u32(), TRUSTED.get(), super::cage::depth() + u32::from(call.bool(2)), engine.to_u32(), call.str(1)?);
        let value = CString::new(value).unwrap_or_default();
        // SAFETY: the strings are NUL-terminated and live through the call.
        unsafe {
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

/// Called when the library is loaded: a parallel worker has the setting of its leader, and no call of `_guard()` of its own.
///
/// # Safety
/// Only `_PG_init` calls it.
pub unsafe fn watch_in_worker() {
    // SAFETY: reads a variable of the backend; what `watch` asks is said there.
    unsafe {
        if pg_sys::ParallelWorkerNumber >= 0 {
            watch();
            super::cage::watch();
        }
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
        ACCESSED.set(pg_sys::object_access_hook);
        pg_sys::object_access_hook = Some(accessed);
        PLANNED.set(pg_sys::get_relation_info_hook);
        pg_sys::get_relation_info_hook = Some(planned);
    });
}

/// PostgreSQL asks this when it looks a function up that is not built in, and before it puts the body of one in place of its call.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn needed(number: Oid) -> bool {
    let own = guard().is_some_and(|guard| {
        // SAFETY: within a transaction, as whoever looks a function up.
        unsafe { function(number) }.is_some_and(|f| {
            refuse_stranger(&guard, number, &f);
            // So that `called` hears of it. What a library's function calls, no expression calls; and a body in SQL is looked at as it is put
            // in place of its call.
            is_trusted(&guard, number, &f)
                && !COMPILED.contains(&f.language)
                && (f.language != SQL || guard.trusted.contains(&f.owner))
        })
    });
    // SAFETY: whoever was asked before is asked as before.
    own || NEEDED.get().is_some_and(|hook| unsafe { hook(number) })
}

/// PostgreSQL calls this around each call of a function with settings of its own, or one that runs as its owner, or that `needed` said yes to.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn called(
    event: pg_sys::FmgrHookEventType::Type,
    info: *mut pg_sys::FmgrInfo,
    private: *mut Datum,
) {
    // SAFETY: PostgreSQL gives the function that it is about to call, or has called.
    let number = unsafe { (*info).fn_oid };
    let mut trusted = false;
    if event == pg_sys::FmgrHookEventType::FHET_START
        && let Some(guard) = guard()
        // SAFETY: within a transaction, as whoever calls a function.
        && let Some(f) = unsafe { function(number) }
    {
        refuse_stranger(&guard, number, &f);
        trusted = is_trusted(&guard, number, &f);
    }
    if let Some(hook) = CALLED.get() {
        // SAFETY: whoever was called before is called as before.
        unsafe { hook(event, info, private) };
    }
    // It comes last, because PostgreSQL tells no end of a call whose start has failed.
    if event == pg_sys::FmgrHookEventType::FHET_START {
        OPEN.with_borrow_mut(|open| open.push(trusted));
        TRUSTED.set(TRUSTED.get() + u32::from(trusted));
    } else if OPEN.with_borrow_mut(Vec::pop).unwrap_or(false) {
        TRUSTED.set(TRUSTED.get().saturating_sub(1));
    }
}

/// PostgreSQL tells this of each function that an expression is to call, built in or not, when it prepares the expression.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn accessed(
    access: pg_sys::ObjectAccessType::Type,
    class: Oid,
    object: Oid,
    sub: core::ffi::c_int,
    argument: *mut core::ffi::c_void,
) {
    if access == pg_sys::ObjectAccessType::OAT_FUNCTION_EXECUTE
        && let Some(guard) = guard()
    {
        refuse_volatile(&guard, object);
    }
    if let Some(hook) = ACCESSED.get() {
        // SAFETY: whoever was told before is told as before.
        unsafe { hook(access, class, object, sub, argument) };
    }
}

/// PostgreSQL calls this for each table of a query, before it asks a foreign one how to read it.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn planned(
    root: *mut pg_sys::PlannerInfo,
    table: Oid,
    is_parent: bool,
    relation: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: PostgreSQL gives the description of a table that it has just filled.
    let (server, read_as) = unsafe { ((*relation).serverid, (*relation).userid) };
    if server != pg_sys::InvalidOid
        && let Some(guard) = guard()
        // A view that reads with its owner's rights names that role here.
        && read_as == pg_sys::InvalidOid
    {
        refuse_far(&guard, table);
    }
    if let Some(hook) = PLANNED.get() {
        // SAFETY: whoever was told before is told as before.
        unsafe { hook(root, table, is_parent, relation) };
    }
}

/// Whether the guard asks nothing of what a function calls: the reader trusts it, or it is one of those around a guarded query.
fn is_trusted(guard: &Guard, number: Oid, f: &Function) -> bool {
    guard.trusted.contains(&f.owner)
        || if is_of_the_engine(guard, f) {
            is_around(number)
        } else {
            // SAFETY: a look-up in the catalogue, within a transaction.
            f.owner == guard.reader || unsafe { pg_sys::superuser_arg(f.owner) }
        }
}

/// Whether a function is pg_tally's.
fn is_of_the_engine(guard: &Guard, f: &Function) -> bool {
    // SAFETY: a look-up that gives a NUL-terminated copy, or null where there is no such schema.
    f.owner == guard.engine
        && unsafe {
            let schema = pg_sys::get_namespace_name(f.namespace);
            !schema.is_null() && SCHEMAS.contains(&CStr::from_ptr(schema))
        }
}

/// Whether a function of pg_tally is one of those around a guarded query.
fn is_around(number: Oid) -> bool {
    AROUND.contains(&name_of_function(number).as_str())
}

/// An error where a reader is guarded and the function writes, sets or runs text.
fn refuse_volatile(guard: &Guard, number: Oid) {
    if TRUSTED.get() > guard.depth || number == CLOCK {
        return;
    }
    // SAFETY: within a transaction, as whoever prepares an expression.
    let Some(f) = (unsafe { function(number) }) else { return };
    // Some functions of PostgreSQL that are not volatile run queries over what their arguments name.
    let runs_queries =
        f.namespace == Oid::from(pg_sys::PG_CATALOG_NAMESPACE) && name_of_function(number).contains("_to_xml");
    let asked = f.volatile && !guard.trusted.contains(&f.owner);
    if runs_queries || asked && !(is_of_the_engine(guard, &f) && is_around(number)) {
        refuse(guard, number, &f);
    }
}

/// An error where a reader is guarded and the function is a stranger's.
fn refuse_stranger(guard: &Guard, number: Oid, f: &Function) {
    if f.owner != guard.reader && f.owner != guard.engine && !guard.trusted.contains(&f.owner) {
        // SAFETY: a look-up in the catalogue, within a transaction.
        if !unsafe { pg_sys::superuser_arg(f.owner) } {
            refuse(guard, number, f);
        }
    }
}

/// An error where a reader is guarded and the foreign table is a stranger's.
fn refuse_far(guard: &Guard, table: Oid) {
    // SAFETY: within a transaction, as whoever plans a query.
    let owner = unsafe { owner_of_table(table) };
    // SAFETY: a look-up in the catalogue, within a transaction.
    if TRUSTED.get() > guard.depth || owner == guard.reader || unsafe { pg_sys::superuser_arg(owner) } {
        return;
    }
    super::report::raise(
        TallyError::new(
            SqlState::InsufficientPrivilege,
            format!(
                "{} would read the foreign table {} of {}, expected tables of this server, or a superuser's",
                name_of(guard.reader),
                name_of_table(table),
                name_of(owner)
            ),
        )
        .detail("Its owner says what is read, and on which server, with the user mapping of who reads.")
        .hint(format!(
            "SELECT * FROM pg_catalog.pg_foreign_table WHERE ftrelid = {};  -- and SET ROLE to the owner, or drop it",
            table.to_u32()
        )),
    );
}

fn refuse(guard: &Guard, number: Oid, f: &Function) {
    super::report::raise(
        TallyError::new(
            SqlState::InsufficientPrivilege,
            format!(
                "{} would run {}() of {}, expected functions of PostgreSQL, pg_tally or a superuser that do not write",
                name_of(guard.reader),
                name_of_function(number),
                name_of(f.owner)
            ),
        )
        .detail("What is read holds text of another role, which must not run that role's code with the rights of who reads.")
        .hint("SELECT m.name, m.expression, m.owner FROM tally.metrics m;  -- and SET ROLE to the owner, or read the rollup's table"),
    );
}

/// The guard of the running query.
fn guard() -> Option<Guard> {
    // SAFETY: the text lives until the setting changes, and is read at once.
    let text = unsafe {
        let value = pg_sys::GetConfigOption(SETTING.as_ptr(), true, false);
        (!value.is_null()).then(|| CStr::from_ptr(value))
    };
    let mut numbers = text?
        .to_str()
        .ok()?
        .split_ascii_whitespace()
        .map_while(|word| word.parse::<u32>().ok());
    let (reader, depth, texts) = (numbers.next()?, numbers.next()?, numbers.next()?);
    // A worker gets no text of its own, and works for whoever has it.
    // SAFETY: reads a variable of the backend.
    if super::cage::depth() < texts && unsafe { pg_sys::ParallelWorkerNumber } < 0 {
        return None;
    }
    let engine = Oid::from(numbers.next()?);
    Some(Guard {
        reader: Oid::from(reader),
        depth,
        engine,
        trusted: numbers.map(Oid::from).collect(),
    })
}
