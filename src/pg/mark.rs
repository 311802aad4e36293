//! Owns the rows that capture writes: marks of buckets, of keys and of whole rollups, inserted below the executor, because the
//! writer needs no right to the tables of `tally`.

use std::ffi::{CStr, CString};

use super::varlena;
use pgrx::pg_sys::{self, Datum};
use tally_core::calendar::{INFINITY, MINUS_INFINITY};

/// What a rollup's marks are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Starts of buckets, in `tally.dirty`.
    Buckets,
    /// Keys of so many columns, in a table of the rollup's own.
    Keys(usize),
}

/// A table, index or sequence of schema `tally`; InvalidOid where there is none of this name.
///
/// # Safety
/// Must run inside a transaction.
unsafe fn relation(name: &CStr) -> pg_sys::Oid {
    // SAFETY: catalogue look-ups by name.
    unsafe { pg_sys::get_relname_relid(name.as_ptr(), pg_sys::get_namespace_oid(c"tally".as_ptr(), false)) }
}

/// What kind of marks a rollup takes, by its row in `tally.rollups`; none where there is no such row.
///
/// # Safety
/// Must run inside a transaction.
pub(super) unsafe fn kind(rollup: i32) -> Option<Kind> {
    // SAFETY: the scan is of a table and its primary key (sql/s20_catalog/state/rollups.sql), begun, read and ended here. A null
    // snapshot is a fresh one: what has committed is seen, and what this transaction has made. The attribute's number comes
    // from the catalogue, and the arrays have an entry for each attribute.
    unsafe {
        let (table, index) = (relation(c"rollups"), relation(c"rollups_pkey"));
        if table == pg_sys::InvalidOid || index == pg_sys::InvalidOid {
            return None;
        }
        let table = pg_sys::table_open(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            pg_sys::get_attnum((*table).rd_id, c"id".as_ptr()),
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            pg_sys::F_INT4EQ.into(),
            Datum::from(rollup),
        );
        let scan = pg_sys::systable_beginscan(table, index, true, std::ptr::null_mut(), 1, &mut key);
        let tuple = pg_sys::systable_getnext(scan);
        let found = (!tuple.is_null()).then(|| {
            let attributes = (*(*table).rd_att).natts as usize;
            let (mut values, mut nulls) = (vec![Datum::from(0usize); attributes], vec![true; attributes]);
            pg_sys::heap_deform_tuple(tuple, (*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            let at = (pg_sys::get_attnum((*table).rd_id, c"key".as_ptr()) - 1) as usize;
            if nulls[at] {
                Kind::Buckets
            } else {
                Kind::Keys(Shape::of(varlena::payload(values[at])).map_or(0, |shape| shape.elements))
            }
        });
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(table, pg_sys::NoLock as pg_sys::LOCKMODE);
        found
    }
}

/// What an array's header says (array.h): dimensions, flag of NULLs, element type, length and lower bound of each dimension.
#[derive(Clone, Copy)]
struct Shape {
    elements: usize,
    lower_bound: i32,
}

impl Shape {
    /// Of an array of one dimension without NULLs; none for others.
    fn of(payload: &[u8]) -> Option<Self> {
        let word = |at: usize| payload.get(4 * at..4 * at + 4)?.try_into().ok().map(i32::from_le_bytes);
        let (dimensions, nulls) = (word(0)?, word(1)?);
        (dimensions == 1 && nulls == 0).then_some(Shape {
            elements: usize::try_from(word(3)?).ok()?,
            lower_bound: word(4)?,
        })
    }
}

/// A key as its mark holds it: an array of so many texts, none of them NULL, counted from 1. None where it is no such key:
/// forged marks may have any shape.
pub(super) fn key(payload: &[u8], columns: usize) -> Option<std::borrow::Cow<'_, [u8]>> {
    let shape = Shape::of(payload).filter(|shape| shape.elements == columns)?;
    if shape.lower_bound == 1 {
        return Some(payload.into());
    }
    let mut counted = payload.to_vec();
    counted[16..20].copy_from_slice(&1i32.to_le_bytes());
    Some(counted.into())
}

/// Inserts one row, index entries included; columns that are not named are NULL.
///
/// # Safety
/// Must run inside a transaction, outside parallel workers. The table must have the named columns, of the types that the
/// values are of, and plain btree indexes at most.
unsafe fn insert(relation: pg_sys::Oid, columns: &[(&CStr, Datum)]) {
    // SAFETY: the relation stays open and locked until after the insert. Plain btree indexes are all that
    // CatalogTupleInsert serves. Nothing below the executor would keep a read-only transaction from writing.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(c"tally_internal._mark()".as_ptr());
        let table = pg_sys::table_open(relation, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
        let attributes = (*(*table).rd_att).natts as usize;
        let (mut values, mut nulls) = (vec![Datum::from(0usize); attributes], vec![true; attributes]);
        for (name, value) in columns {
            let at = (pg_sys::get_attnum(relation, name.as_ptr()) - 1) as usize;
            (values[at], nulls[at]) = (*value, false);
        }
        let tuple = pg_sys::heap_form_tuple((*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::CatalogTupleInsert(table, tuple);
        pg_sys::heap_freetuple(tuple);
        pg_sys::table_close(table, pg_sys::NoLock as pg_sys::LOCKMODE);
    }
}

/// Marks buckets of rollups, each by the rollup's number and the bucket's start.
///
/// # Safety
/// As [`insert`].
pub(super) unsafe fn buckets(marks: &[(i32, i64)]) {
    if marks.is_empty() {
        return;
    }
    // SAFETY: the table has these columns (sql/s20_catalog/state/rollups.sql) and plain btree indexes, which is what
    // CatalogTuplesMultiInsertWithInfo serves. The relation stays open until all slots of its form are dropped. A slot has a
    // value and a flag for each attribute. It is one of heap tuples: those keep the place that the insert gives them, which
    // the index entries need.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(c"tally_internal._mark()".as_ptr());
        let relation = relation(c"dirty");
        let table = pg_sys::table_open(relation, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
        let form = (*table).rd_att;
        let place = |name: &CStr| (pg_sys::get_attnum(relation, name.as_ptr()) - 1) as usize;
        let (rollup_at, bucket_at, marked_at) = (place(c"rollup_id"), place(c"bucket"), place(c"marked_at"));
        let now = Datum::from(pg_sys::GetCurrentTransactionStartTimestamp());
        let mut slots: Vec<_> = marks
            .iter()
            .map(|(rollup, start)| {
                let slot = pg_sys::MakeSingleTupleTableSlot(form, &raw const pg_sys::TTSOpsHeapTuple);
                for at in 0..(*form).natts as usize {
                    let value = match at {
                        _ if at == rollup_at => Some(Datum::from(*rollup)),
                        _ if at == bucket_at => Some(Datum::from(*start)),
                        _ if at == marked_at => Some(now),
                        _ => None,
                    };
                    *(*slot).tts_values.add(at) = value.unwrap_or(Datum::from(0usize));
                    *(*slot).tts_isnull.add(at) = value.is_none();
                }
                pg_sys::ExecStoreVirtualTuple(slot)
            })
            .collect();
        let indexes = pg_sys::CatalogOpenIndexes(table);
        pg_sys::CatalogTuplesMultiInsertWithInfo(table, slots.as_mut_ptr(), slots.len() as i32, indexes);
        pg_sys::CatalogCloseIndexes(indexes);
        slots
            .iter()
            .for_each(|slot| pg_sys::ExecDropSingleTupleTableSlot(*slot));
        pg_sys::table_close(table, pg_sys::NoLock as pg_sys::LOCKMODE);
    }
}

/// Marks a key of a rollup, where the rollup has a table of marks. It has none where its source was restored without it.
///
/// # Safety
/// As [`insert`].
pub(super) unsafe fn key_of(rollup: i32, key: &[u8]) {
    let name = CString::new(format!("dirty_keys_{rollup}")).unwrap_or_default();
    // SAFETY: tally_internal._create_marks() makes the table with these two columns and no index.
    unsafe {
        let table = relation(&name);
        if table != pg_sys::InvalidOid {
            insert(
                table,
                &[
                    (c"key", varlena::from_payload(key)),
                    (c"marked_at", Datum::from(pg_sys::GetCurrentTransactionStartTimestamp())),
                ],
            );
        }
    }
}

unsafe extern "C-unwind" {
    /// sequence.c; with false, the caller needs no right to the sequence.
    fn nextval_internal(sequence: pg_sys::Oid, check_permissions: bool) -> i64;
}

/// Marks all of a rollup.
///
/// # Safety
/// As [`insert`].
pub(super) unsafe fn all(rollup: i32) {
    // SAFETY: the table has these columns and the sequence is its identity's (sql/s20_catalog/state/rollups.sql). The guard turns
    // an error of PostgreSQL's into a panic, as it does for the functions of pg_sys.
    unsafe {
        let sequence = relation(c"dirty_ranges_id_seq");
        let id = pg_sys::ffi::pg_guard_ffi_boundary(|| nextval_internal(sequence, false));
        insert(
            relation(c"dirty_ranges"),
            &[
                (c"id", Datum::from(id)),
                (c"rollup_id", Datum::from(rollup)),
                (c"since", Datum::from(MINUS_INFINITY)),
                (c"until", Datum::from(INFINITY)),
                (c"reason", varlena::from_payload(b"many marks of one transaction")),
                (c"marked_at", Datum::from(pg_sys::GetCurrentTransactionStartTimestamp())),
            ],
        );
    }
}
