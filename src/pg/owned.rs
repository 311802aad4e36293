//! Owns what PostgreSQL's caches say of functions, tables and roles: whose they are, and what they are called.

use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

/// What is asked of a function.
pub struct Function {
    /// Whose it is.
    pub owner: Oid,
    /// The schema that it is in.
    pub namespace: Oid,
    /// Whether it is VOLATILE.
    pub volatile: bool,
    /// The language that it is written in.
    pub language: u32,
}

/// What is asked of a function; none where it is gone.
///
/// # Safety
/// Must run within a transaction.
pub unsafe fn function(number: Oid) -> Option<Function> {
    // SAFETY: the tuple is read before it is released, and a row of pg_proc begins with the fields of its struct.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as i32, Datum::from(number));
        if tuple.is_null() {
            return None;
        }
        let row = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>();
        let result = Function {
            owner: (*row).proowner,
            namespace: (*row).pronamespace,
            volatile: (*row).provolatile as u8 == pg_sys::PROVOLATILE_VOLATILE,
            language: (*row).prolang.to_u32(),
        };
        pg_sys::ReleaseSysCache(tuple);
        Some(result)
    }
}

/// The owner of a table; none (0) where it is gone.
///
/// # Safety
/// Must run within a transaction.
pub unsafe fn owner_of_table(table: Oid) -> Oid {
    // SAFETY: the tuple is read before it is released, and a row of pg_class begins with the fields of its struct.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, Datum::from(table));
        if tuple.is_null() {
            return pg_sys::InvalidOid;
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relowner;
        pg_sys::ReleaseSysCache(tuple);
        owner
    }
}

/// A table's name, for people.
pub fn name_of_table(table: Oid) -> String {
    // SAFETY: a look-up that gives a NUL-terminated copy, or null where there is no such table.
    unsafe {
        let name = pg_sys::get_rel_name(table);
        if name.is_null() {
            String::new()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
}

/// A function's name, for people and for a look at it.
pub fn name_of_function(number: Oid) -> String {
    // SAFETY: a look-up that gives a NUL-terminated copy, or null where there is no such function.
    unsafe {
        let name = pg_sys::get_func_name(number);
        if name.is_null() {
            String::new()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }
}

/// A role's name, for people.
pub fn name_of(role: Oid) -> String {
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
