//! Owns rows as answers: one value of a composite type.

use super::fmgr::Call;
use pgrx::pg_sys::{self, Datum};
use std::ptr;

impl Call {
    /// Answers one row of the composite type that the function is declared to return: its columns, `None` for NULL.
    pub fn return_row<const N: usize>(&self, columns: [Option<Datum>; N]) -> Datum {
        let mut values = columns.map(|v| v.unwrap_or(Datum::from(0usize)));
        let mut nulls = columns.map(|v| v.is_none());
        // SAFETY: get_call_result_type reads the declaration of the function called through fcinfo; a named composite type
        // gives a descriptor, whose columns are counted before as many values and flags are read. heap_form_tuple copies.
        unsafe {
            let mut descriptor = ptr::null_mut();
            let class = pg_sys::get_call_result_type(self.fcinfo(), ptr::null_mut(), &mut descriptor);
            assert!(
                class == pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE && (*descriptor).natts as usize == N,
                "declared to return another type than it does"
            );
            let descriptor = pg_sys::BlessTupleDesc(descriptor);
            let tuple = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data)
        }
    }
}
