//! Owns the capture trigger: it turns changed rows into dirty marks, in the writer's own transaction.
//!
//! One AFTER ROW trigger per source serves all rollups on it; its arguments are (rollup number, time column, bucket
//! rule, zone) per rollup. A row trigger, because it also fires for writes straight into a partition, for foreign key
//! cascades and for logical replication. A mark is written the moment its bucket is first seen in the transaction, so a
//! transaction sees its own marks too; later rows of the bucket cost a comparison.
//!
//! Marks are written below the executor: the writer needs no rights in `tally`.

use std::cell::RefCell;
use std::ffi::{CStr, c_void};

use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{self, Datum};
use pgrx::{IntoDatum, direct_function_call};

use crate::capture::marked::Marked;
use crate::capture::rule::{Rule, fixed_start};

thread_local! {
    // One backend is one thread; thread_local only gives the cell a home.
    static MARKED: RefCell<Marked> = RefCell::default();
}

/// One rollup on the source, as the trigger sees it for the length of a statement.
struct Target {
    rollup: i32,
    /// Number of the time column in the relation that fired; 0 where there is none of that name.
    column: i32,
    /// Type of the time column.
    kind: pg_sys::Oid,
    rule: Rule,
    zone: String,
    /// The bucket last seen, `[start, end)`, already marked in `generation`.
    start: i64,
    end: i64,
    generation: u64,
}

crate::pg_fn! {
    /// `tally.capture()`: the AFTER ROW trigger on a source.
    tally_capture(call) {
        // SAFETY: PostgreSQL passes a valid fcinfo; `trigger_data` checks that the call comes from the trigger manager.
        unsafe {
            let fcinfo = call.fcinfo();
            let Some(trigger) = trigger_data(fcinfo) else {
                pgrx::ereport!(
                    ERROR,
                    pgrx::PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                    "tally.capture() was called as a function, expected to be fired by a trigger"
                );
            };
            let targets = targets(fcinfo, trigger);
            capture_tuple(targets, trigger, (*trigger).tg_trigtuple);
            if (*trigger).tg_event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_UPDATE {
                capture_tuple(targets, trigger, (*trigger).tg_newtuple);
            }
        }
        // The result of an AFTER trigger is ignored, but must not be an SQL NULL.
        Datum::from(0usize)
    }

    /// `tally._capture_forget()`: a refresh took marks away in this transaction, so rows that follow must mark anew.
    tally_capture_forget(_call) {
        MARKED.with_borrow_mut(Marked::forget);
        Datum::from(0usize)
    }
}

/// The trigger's data, or none where the call does not come from the trigger manager.
///
/// # Safety
/// `fcinfo` must be the one PostgreSQL passed.
unsafe fn trigger_data(fcinfo: pg_sys::FunctionCallInfo) -> Option<*mut pg_sys::TriggerData> {
    // SAFETY: context is null or points to a node, whose first field is its tag.
    unsafe {
        let context = (*fcinfo).context;
        (!context.is_null() && (*context).type_ == pg_sys::NodeTag::T_TriggerData).then(|| context.cast())
    }
}

/// The rollups on this source: read from the trigger's arguments once per statement, kept in fn_extra.
///
/// # Safety
/// `fcinfo` and `trigger` must be those of the running trigger call.
unsafe fn targets<'a>(fcinfo: pg_sys::FunctionCallInfo, trigger: *mut pg_sys::TriggerData) -> &'a mut Vec<Target> {
    // SAFETY: flinfo lives as long as the statement, fn_extra is ours alone, and fn_mcxt drops what it holds.
    unsafe {
        let flinfo = (*fcinfo).flinfo;
        if (*flinfo).fn_extra.is_null() {
            let read = read_targets(trigger);
            (*flinfo).fn_extra = PgMemoryContexts::For((*flinfo).fn_mcxt)
                .leak_and_drop_on_delete(read)
                .cast();
        }
        &mut *(*flinfo).fn_extra.cast::<Vec<Target>>()
    }
}

/// Reads the trigger's arguments.
///
/// # Safety
/// `trigger` must be that of the running trigger call.
unsafe fn read_targets(trigger: *mut pg_sys::TriggerData) -> Vec<Target> {
    register_callbacks();
    // SAFETY: tgargs holds tgnargs C strings; the relation is open for as long as the trigger runs.
    unsafe {
        let definition = &*(*trigger).tg_trigger;
        let argument = |i: usize| CStr::from_ptr(*definition.tgargs.add(i)).to_string_lossy().into_owned();
        let relation = (*(*trigger).tg_relation).rd_id;
        (0..definition.tgnargs as usize / 4)
            .map(|i| {
                let column = pg_sys::get_attnum(relation, *definition.tgargs.add(4 * i + 1));
                Target {
                    rollup: argument(4 * i).parse().unwrap_or_default(),
                    column: i32::from(column),
                    kind: if column > 0 {
                        pg_sys::get_atttype(relation, column)
                    } else {
                        pg_sys::InvalidOid
                    },
                    rule: Rule::parse(&argument(4 * i + 2)).unwrap_or_else(|e| pgrx::error!("bucket rule: {e}")),
                    zone: argument(4 * i + 3),
                    start: 0,
                    end: 0,
                    generation: 0,
                }
            })
            .collect()
    }
}

/// Marks the buckets of one version of a row.
///
/// # Safety
/// `tuple` must be a tuple of the trigger's relation.
unsafe fn capture_tuple(targets: &mut [Target], trigger: *mut pg_sys::TriggerData, tuple: pg_sys::HeapTuple) {
    for target in targets {
        let mut time = i64::MIN;
        if target.column > 0 {
            // SAFETY: the tuple belongs to the relation whose descriptor is used, and the column exists in it.
            unsafe {
                let descriptor = (*(*trigger).tg_relation).rd_att;
                let mut null = false;
                let datum = pg_sys::htup::heap_getattr(tuple, target.column, descriptor, &mut null);
                if null {
                    continue;
                }
                match timestamptz(datum, target.kind, &target.zone) {
                    Some(finite) => time = finite,
                    None => continue,
                }
            }
        }
        capture_time(target, time);
    }
}

/// Marks the bucket of `time`; `i64::MIN` (-infinity) where the source has lost the time column: it marks the whole
/// rollup for a refresh that will report why, and lets the writer go on.
fn capture_time(target: &mut Target, time: i64) {
    MARKED.with_borrow_mut(|marked| {
        if target.generation == marked.generation() && target.start <= time && time < target.end {
            return;
        }
        let (start, end) = match (&target.rule, time) {
            (_, i64::MIN) => (i64::MIN, i64::MIN + 1),
            (Rule::Fixed(width), _) => {
                let start = fixed_start(*width, time);
                (start, start.saturating_add(*width))
            }
            (Rule::Calendar(unit, zone), _) => {
                let start = trunc(unit.name(), time, zone);
                (start, trunc(unit.name(), start.saturating_add(unit.into_next()), zone))
            }
        };
        // SAFETY: called from a trigger, so a transaction is running.
        let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
        if marked.insert((target.rollup, start), subtransaction) {
            // SAFETY: as above; the trigger is not run in parallel workers or during recovery.
            unsafe { write_mark(target.rollup, start) };
        }
        (target.start, target.end, target.generation) = (start, end, marked.generation());
    });
}

/// The value of a time column as a finite timestamptz in microseconds; none for infinities and for types that a rollup
/// cannot stand on.
///
/// # Safety
/// `datum` must be a value of the type `kind`.
unsafe fn timestamptz(datum: Datum, kind: pg_sys::Oid, zone: &str) -> Option<i64> {
    let finite = |time: i64| (time != i64::MIN && time != i64::MAX).then_some(time);
    match kind {
        pg_sys::TIMESTAMPTZOID => finite(datum.value() as i64),
        // SAFETY: timestamp_zone takes (text, timestamp).
        pg_sys::TIMESTAMPOID => finite(datum.value() as i64)
            .and_then(|_| unsafe { direct_function_call(pg_sys::timestamp_zone, &[zone.into_datum(), Some(datum)]) }),
        pg_sys::DATEOID => {
            const DAY: i64 = 86_400_000_000;
            let day = i64::from(datum.value() as i32);
            let finite = day != i64::from(i32::MIN) && day != i64::from(i32::MAX);
            let midnight = Datum::from(day.saturating_mul(DAY));
            // SAFETY: as above; a date is its midnight as a timestamp.
            finite
                .then(|| unsafe { direct_function_call(pg_sys::timestamp_zone, &[zone.into_datum(), Some(midnight)]) })
                .flatten()
        }
        _ => Some(i64::MIN),
    }
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
/// Must run inside a transaction that may write.
unsafe fn write_mark(rollup: i32, bucket: i64) {
    // SAFETY: catalogue look-ups by name; the relation stays open and locked until after the insert. The table has
    // exactly these three columns (sql/s20_catalog/rollups.sql), none of them null, and one plain btree index, which is
    // all that CatalogTupleInsert needs.
    unsafe {
        let relation =
            pg_sys::get_relname_relid(c"dirty".as_ptr(), pg_sys::get_namespace_oid(c"tally".as_ptr(), false));
        let table = pg_sys::table_open(relation, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
        let mut values = [
            Datum::from(rollup),
            Datum::from(bucket),
            Datum::from(pg_sys::GetCurrentTransactionStartTimestamp()),
        ];
        let mut nulls = [false; 3];
        let tuple = pg_sys::heap_form_tuple((*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::CatalogTupleInsert(table, tuple);
        pg_sys::heap_freetuple(tuple);
        pg_sys::table_close(table, pg_sys::NoLock as pg_sys::LOCKMODE);
    }
}

/// Has the memory of marks follow the transaction; once per backend.
fn register_callbacks() {
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
