//! Owns arguments and results of kernel functions that speak jsonb.

use std::ffi::CStr;

use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::fmgr::Call;

impl Call {
    /// A jsonb argument as JSON text; none for NULL.
    pub fn jsonb_text(&self, argument: usize) -> Option<String> {
        // SAFETY: the declaration in SQL makes this argument a jsonb; jsonb_out returns a NUL-terminated palloc'd copy.
        unsafe {
            let datum = pgrx::fcinfo::pg_getarg_datum(self.fcinfo(), argument)?;
            let text = pgrx::fcinfo::direct_function_call_as_datum(pg_sys::jsonb_out, &[Some(datum)])?;
            let text: *mut std::ffi::c_char = text.cast_mut_ptr();
            let owned = CStr::from_ptr(text).to_string_lossy().into_owned();
            pg_sys::pfree(text.cast());
            Some(owned)
        }
    }
}

/// A jsonb result from JSON text.
pub fn jsonb_datum(text: &str) -> Datum {
    text.into_datum()
        .and_then(|text| {
            // SAFETY: a text to C string to jsonb, each copy palloc'd by PostgreSQL itself.
            unsafe {
                let text = pg_sys::text_to_cstring(text.cast_mut_ptr());
                pgrx::fcinfo::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(Datum::from(text))])
            }
        })
        .unwrap_or(Datum::null())
}
