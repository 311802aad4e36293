//! Owns the answer to "where does the caller look for a name": the `search_path` that was in force where the engine's functions were called.
//!
//! Each of them pins its own path, so the setting itself says nothing about the caller. PostgreSQL keeps what a setting was before each
//! function that has a SET clause, and before each SET in a transaction: the values that come back as these end. The first of them that is
//! not the engine's own pin is the caller's, be it a session, a function of a person or the text of a definition.

use std::ffi::{CStr, c_char};

use pgrx::pg_sys;

/// What the functions of the engine pin.
const PIN: &CStr = c"pg_catalog, pg_temp";

crate::pg_fn! {
    /// `tally_internal._caller_path() → text`: the search_path of whoever called the engine.
    tally_caller_path(call) {
        // SAFETY: called in a backend; the path is copied before anything can change the setting.
        let path = unsafe { caller_path() };
        call.return_str(&path)
    }
}

/// # Safety
/// Must be called in a backend, in its only thread.
unsafe fn caller_path() -> String {
    // SAFETY: PostgreSQL has always a setting of this name, of text, whose values are NUL-terminated or null; the list of earlier values is
    // its own, and nothing changes it while it is read.
    unsafe {
        let Some(option) = search_path() else {
            return PIN.to_string_lossy().into_owned();
        };
        let current = *(*option.cast::<pg_sys::config_string>()).variable;
        let mut value: *const c_char = current;
        let mut level = (*option).stack;
        while (value.is_null() || CStr::from_ptr(value) == PIN) && !level.is_null() {
            value = (*level).prior.val.stringval;
            level = (*level).prev;
        }
        if value.is_null() {
            PIN.to_string_lossy().into_owned()
        } else {
            CStr::from_ptr(value).to_string_lossy().into_owned()
        }
    }
}

/// The setting search_path.
#[cfg(feature = "pg15")]
unsafe fn search_path() -> Option<*mut pg_sys::config_generic> {
    // SAFETY: the array holds so many settings, each with a NUL-terminated name.
    unsafe {
        let settings = std::slice::from_raw_parts(pg_sys::get_guc_variables(), pg_sys::GetNumConfigOptions() as usize);
        settings
            .iter()
            .copied()
            .find(|&setting| CStr::from_ptr((*setting).name) == c"search_path")
    }
}

/// The setting search_path.
#[cfg(not(feature = "pg15"))]
unsafe fn search_path() -> Option<*mut pg_sys::config_generic> {
    // SAFETY: the name is NUL-terminated; a setting that is not there gives null.
    let found = unsafe { pg_sys::find_option(c"search_path".as_ptr(), false, true, pg_sys::WARNING as i32) };
    (!found.is_null()).then_some(found)
}
