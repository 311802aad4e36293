//! Owns capture: it turns changed rows into dirty marks, in the writer's own transaction.
//!
//! Capture sits in the WHEN condition of AFTER ROW triggers (`sql/s30_capture/capture.sql`), which PostgreSQL evaluates
//! the moment a row is written, with the row at hand; it answers false, so that no trigger event is queued and no row is
//! fetched again at the end of the statement. That is most of what a row trigger costs: see `docs/architecture.md`.
//!
//! A mark is written the moment its bucket is first seen in the transaction, so a transaction sees its own marks too;
//! later rows of the bucket cost a comparison. Marks are written below the executor: the writer needs no rights in
//! `tally`. A mark may name any instant of its bucket; the engine aligns it, so a forged call only causes work.

use std::cell::RefCell;
use std::ffi::{CStr, c_void};

use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{self, Datum};
use pgrx::{IntoDatum, direct_function_call};

use tally_core::capture::marked::Marked;
use tally_core::capture::rule::{Rule, fixed_start};
use tally_core::error::{SqlState, TallyError};

thread_local! {
    // One backend is one thread; thread_local only gives the cell a home.
    pub(super) static MARKED: RefCell<Marked> = RefCell::default();
}

/// One rollup on the source, as capture sees it for the length of a statement.
struct Target {
    rollup: i32,
    rule: Rule,
    /// The bucket last seen, `[start, end)`, already marked in `generation`.
    start: i64,
    end: i64,
    generation: u64,
}

crate::pg_fn! {
    /// `tally._mark(targets text, at timestamptz) → boolean`: marks the bucket of `at` for each rollup of `targets`
    /// (`number rule; number rule; …`); always false.
    tally_mark(call)? {
        if call.is_null(0) {
            return Ok(Datum::from(false));
        }
        // NULL and infinite times are in no bucket; the one mark at infinity has such rows counted anew.
        let time = if call.is_null(1) { i64::MAX } else { call.i64(1) };
        for target in targets(&call)? {
            mark(target, time);
        }
        Ok(Datum::from(false))
    }

    /// `tally._capture_forget()`: a refresh took marks away in this transaction, so rows that follow must mark anew.
    tally_capture_forget(_call) {
        MARKED.with_borrow_mut(Marked::forget);
        Datum::from(0usize)
    }
}

/// The rollups of argument 0: read once per statement, kept in fn_extra. The argument is a constant of the trigger.
fn targets<'a>(call: &crate::pg::fmgr::Call) -> Result<&'a mut Vec<Target>, TallyError> {
    // SAFETY: flinfo lives as long as the statement, fn_extra is ours alone, and fn_mcxt drops what it holds.
    unsafe {
        let flinfo = (*call.fcinfo()).flinfo;
        if (*flinfo).fn_extra.is_null() {
            let read = read_targets(call.str(0)?)?;
            register_callbacks();
            (*flinfo).fn_extra = PgMemoryContexts::For((*flinfo).fn_mcxt)
                .leak_and_drop_on_delete(read)
                .cast();
        }
        Ok(&mut *(*flinfo).fn_extra.cast::<Vec<Target>>())
    }
}

/// Reads `number rule; number rule; …`.
fn read_targets(text: &str) -> Result<Vec<Target>, TallyError> {
    let bad = |what: String| {
        TallyError::new(SqlState::InvalidParameterValue, format!("targets of capture: {what}"))
            .detail("Expected \"<rollup> <rule>; …\", as tally._attach_capture() writes it.")
            .hint("SELECT tally._attach_capture('<source>');")
    };
    text.split("; ")
        .map(|target| {
            let (rollup, rule) = target.split_once(' ').ok_or_else(|| bad(format!("got \"{target}\"")))?;
            Ok(Target {
                rollup: rollup.parse().map_err(|_| bad(format!("got rollup \"{rollup}\"")))?,
                rule: Rule::parse(rule).map_err(|e| bad(e.to_string()))?,
                start: 0,
                end: 0,
                generation: u64::MAX,
            })
        })
        .collect()
}

/// More than any clock has been set back over midnight, in microseconds.
const SET_BACK_AT_MOST: i64 = 3 * 3_600_000_000;

/// Marks the bucket of `time`, unless this transaction has.
fn mark(target: &mut Target, time: i64) {
    MARKED.with_borrow_mut(|marked| {
        if target.generation == marked.generation() && target.start <= time && time < target.end {
            return;
        }
        let (start, end) = match &target.rule {
            _ if time == i64::MIN || time == i64::MAX => (i64::MAX, i64::MAX),
            Rule::Fixed(width) => {
                let start = fixed_start(*width, time);
                (start, start.saturating_add(*width))
            }
            Rule::Calendar(unit, zone) => {
                let start = trunc(unit.name(), time, zone);
                // The last hours may be the next bucket's, where a clock is set back over midnight: they are looked at anew.
                let next = trunc(unit.name(), start.saturating_add(unit.into_next()), zone);
                (start, next.saturating_sub(SET_BACK_AT_MOST))
            }
        };
        // SAFETY: SQL runs in a transaction.
        let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
        if marked.insert((target.rollup, start), subtransaction) {
            // SAFETY: the function is PARALLEL UNSAFE, and write_mark checks that the transaction may write.
            unsafe { write_mark(target.rollup, start) };
        }
        (target.start, target.end, target.generation) = (start, end, marked.generation());
    });
}

/// `date_trunc(unit, time, zone)` by PostgreSQL's own code, so that capture and definition agree on every midnight.
fn trunc(unit: &str, time: i64, zone: &str) -> i64 {
    // SAFETY: timestamptz_trunc_zone takes (text, timestamptz, text) and is strict.
    unsafe {
        direct_function_call(
            pg_sys::timestamptz_trunc_zone,
            &[unit.into_datum(), Some(Datum::from(time)), zone.into_datum()],
        )
    }
    .unwrap_or(time)
}

/// Inserts one row into `tally.dirty`, index entries included.
///
/// # Safety
/// Must run inside a transaction, outside parallel workers.
unsafe fn write_mark(rollup: i32, bucket: i64) {
    // SAFETY: the table has exactly these three columns (sql/s20_catalog/rollups.sql).
    unsafe {
        if !defined(rollup) {
            return;
        }
        insert_row(
            relation(c"dirty"),
            &mut [
                Datum::from(rollup),
                Datum::from(bucket),
                Datum::from(pg_sys::GetCurrentTransactionStartTimestamp()),
            ],
        );
    }
}

/// Whether the catalogue has a rollup of this number. A source that was restored without it has triggers that speak of rollups
/// nobody defined here: its writers must go on, and leave no marks that nobody takes.
///
/// # Safety
/// Must run inside a transaction.
pub(super) unsafe fn defined(rollup: i32) -> bool {
    // SAFETY: id is the first column of tally.rollups and its primary key. A fresh snapshot, because the caller's own may be
    // older than the rollup whose trigger it runs.
    unsafe {
        let table = pg_sys::table_open(relation(c"rollups"), pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            1,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            pg_sys::RegProcedure::from(pg_sys::F_INT4EQ),
            Datum::from(rollup),
        );
        let index = relation(c"rollups_pkey");
        let scan = pg_sys::systable_beginscan(table, index, true, std::ptr::null_mut(), 1, &mut key);
        let found = !pg_sys::systable_getnext(scan).is_null();
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        found
    }
}

/// A table of schema `tally`; InvalidOid where there is none of this name.
///
/// # Safety
/// Must run inside a transaction.
pub(super) unsafe fn relation(name: &CStr) -> pg_sys::Oid {
    // SAFETY: catalogue look-ups by name.
    unsafe { pg_sys::get_relname_relid(name.as_ptr(), pg_sys::get_namespace_oid(c"tally".as_ptr(), false)) }
}

/// Inserts one row without NULLs below the executor, index entries included: the writer needs no right to the table.
///
/// # Safety
/// Must run inside a transaction, outside parallel workers; the table must have exactly the columns of `values`, and plain
/// btree indexes at most.
pub(super) unsafe fn insert_row(relation: pg_sys::Oid, values: &mut [Datum]) {
    // SAFETY: the relation stays open and locked until after the insert. Plain btree indexes are all that
    // CatalogTupleInsert serves. Nothing below the executor would keep a read-only transaction from writing.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(c"tally._mark()".as_ptr());
        let table = pg_sys::table_open(relation, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
        let mut nulls = vec![false; values.len()];
        let tuple = pg_sys::heap_form_tuple((*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::CatalogTupleInsert(table, tuple);
        pg_sys::heap_freetuple(tuple);
        pg_sys::table_close(table, pg_sys::NoLock as pg_sys::LOCKMODE);
    }
}

/// Has the memory of marks follow the transaction; once per backend.
pub(super) fn register_callbacks() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the callbacks are functions of this library, which PostgreSQL never unloads.
    ONCE.call_once(|| unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction), std::ptr::null_mut());
    });
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_transaction(event: pg_sys::XactEvent::Type, _arg: *mut c_void) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        MARKED.with_borrow_mut(Marked::forget);
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _arg: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        MARKED.with_borrow_mut(|marked| marked.forget_since(subtransaction));
    }
}
