//! Owns the look at the installed SQL's version: once in a session, and again when functions have changed since, which is what an update does.

use std::cell::RefCell;

use pgrx::pg_sys::{self, Datum};

use super::varlena;
use tally_core::error::TallyError;
use tally_core::version;

thread_local! {
    /// The version of the SQL as last seen; none before, and since functions have changed.
    static SEEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// An error where the installed SQL is not that of this library.
pub(super) fn check() -> Result<(), TallyError> {
    judged(version::check)
}

/// The same for capture, which serves triggers of older SQL too.
pub(super) fn check_capture() -> Result<(), TallyError> {
    judged(version::check_capture)
}

fn judged(judge: fn(&str) -> Result<(), TallyError>) -> Result<(), TallyError> {
    if SEEN.with_borrow(Option::is_none) {
        forget_with_functions();
        // SAFETY: SQL runs in a transaction.
        let found = unsafe { installed() };
        SEEN.set(found);
    }
    SEEN.with_borrow(|seen| seen.as_deref().map_or(Ok(()), judge))
}

/// The version in `pg_extension`; none where the extension is not there (its functions were made by hand).
///
/// # Safety
/// Must run inside a transaction.
unsafe fn installed() -> Option<String> {
    // SAFETY: the scan is of a catalogue by its own index, begun, read and ended here; the tuple is read before the scan ends, and the
    // arrays have an entry for each attribute. A null snapshot is the catalogue's newest.
    unsafe {
        let table = pg_sys::table_open(pg_sys::ExtensionRelationId, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let mut key = pg_sys::ScanKeyData::default();
        let mut name = pg_sys::NameData::default();
        pg_sys::namestrcpy(&mut name, c"pg_tally".as_ptr());
        pg_sys::ScanKeyInit(
            &mut key,
            pg_sys::Anum_pg_extension_extname as pg_sys::AttrNumber,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            pg_sys::F_NAMEEQ.into(),
            Datum::from(&raw const name),
        );
        let index = pg_sys::Oid::from(pg_sys::ExtensionNameIndexId);
        let scan = pg_sys::systable_beginscan(table, index, true, std::ptr::null_mut(), 1, &mut key);
        let tuple = pg_sys::systable_getnext(scan);
        let found = (!tuple.is_null()).then(|| {
            let attributes = (*(*table).rd_att).natts as usize;
            let (mut values, mut nulls) = (vec![Datum::from(0usize); attributes], vec![true; attributes]);
            pg_sys::heap_deform_tuple(tuple, (*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
            let at = pg_sys::Anum_pg_extension_extversion as usize - 1;
            String::from_utf8_lossy(varlena::payload(values[at])).into_owned()
        });
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        found
    }
}

/// Has the version forgotten whenever functions change; registered once per backend.
fn forget_with_functions() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the callback is a function of this library, which PostgreSQL never unloads.
    ONCE.call_once(|| unsafe {
        pg_sys::CacheRegisterSyscacheCallback(
            pg_sys::SysCacheIdentifier::PROCOID as i32,
            Some(functions_changed),
            Datum::from(0usize),
        );
    });
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn functions_changed(_argument: Datum, _cache: i32, _hash: u32) {
    SEEN.set(None);
}
