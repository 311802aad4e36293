//! Owns `tally.run_as()`: running the text of a definition as the role that made it.
//!
//! The same care as PostgreSQL's own for REFRESH MATERIALIZED VIEW: the user is switched with
//! SECURITY_RESTRICTED_OPERATION, so that the text can neither switch back nor leave anything behind that would run
//! later with other rights, and the search_path is the maker's, not the caller's.

use std::ffi::CString;

use pgrx::pg_sys::{self, Datum};

crate::pg_fn! {
    /// `tally.run_as(owner regrole, search_path text, sql text [, timeout_ms int]) → setof jsonb`: one object per row of
    /// the statement.
    tally_run_as(call) {
        // SAFETY: the function is declared STRICT with exactly these arguments, returns a set, and holds the only
        // SPI connection it opens.
        unsafe {
            let fcinfo = call.fcinfo();
            let owner = pgrx::pg_getarg::<pg_sys::Oid>(fcinfo, 0).unwrap_or(pg_sys::InvalidOid);
            let (path, sql) = (c_string(fcinfo, 1), c_string(fcinfo, 2));
            pg_sys::InitMaterializedSRF(fcinfo, pg_sys::MAT_SRF_USE_EXPECTED_DESC);
            let result = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();

            let (mut user, mut context) = (pg_sys::InvalidOid, 0);
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let nest = pg_sys::NewGUCNestLevel();
            pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32);
            set_search_path(&path);
            let timeout = if call.nargs() > 3 { call.i32(3) } else { 0 };
            // An ERROR in here unwinds to the transaction, which restores user and settings itself.
            super::timeout::within(timeout, || run(&sql, (*result).setResult, (*result).setDesc));
            pg_sys::AtEOXact_GUC(false, nest);
            pg_sys::SetUserIdAndSecContext(user, context);
        }
        Datum::from(0usize)
    }
}

/// Runs one statement and keeps each of its rows as a jsonb object.
///
/// # Safety
/// `store` and `descriptor` must be those of a materialized result of one jsonb column.
unsafe fn run(sql: &CString, store: *mut pg_sys::Tuplestorestate, descriptor: pg_sys::TupleDesc) {
    // SAFETY: SPI is connected for exactly the life of the rows it returns; the tuplestore copies what it is given.
    unsafe {
        pg_sys::SPI_connect();
        let code = pg_sys::SPI_execute(sql.as_ptr(), false, 0);
        if code < 0 {
            let reason = std::ffi::CStr::from_ptr(pg_sys::SPI_result_code_string(code)).to_string_lossy();
            pgrx::error!("tally.run_as() cannot run a statement of this kind: {reason}");
        }
        let table = pg_sys::SPI_tuptable;
        if !table.is_null() {
            // row_to_json looks the row type up by its registration.
            pg_sys::BlessTupleDesc((*table).tupdesc);
            for i in 0..pg_sys::SPI_processed as usize {
                pgrx::check_for_interrupts!();
                let row = pg_sys::heap_copy_tuple_as_datum(*(*table).vals.add(i), (*table).tupdesc);
                let json = pgrx::fcinfo::direct_function_call_as_datum(pg_sys::row_to_json, &[Some(row)]);
                let text = pg_sys::text_to_cstring(json.map_or(std::ptr::null(), |d| d.cast_mut_ptr()));
                let jsonb = pgrx::fcinfo::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(Datum::from(text))]);
                let (mut value, mut null) = ([jsonb.unwrap_or(Datum::null())], [jsonb.is_none()]);
                pg_sys::tuplestore_putvalues(store, descriptor, value.as_mut_ptr(), null.as_mut_ptr());
            }
        }
        pg_sys::SPI_finish();
    }
}

/// Sets search_path for the running GUC nest level.
///
/// # Safety
/// A nest level must have been opened.
unsafe fn set_search_path(path: &CString) {
    // SAFETY: both strings are NUL-terminated and live through the call.
    unsafe {
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            path.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}

/// A text argument as a C string; a text never holds a NUL.
///
/// # Safety
/// The function must have a text argument of that number.
unsafe fn c_string(fcinfo: pg_sys::FunctionCallInfo, argument: usize) -> CString {
    // SAFETY: the caller vouches for the argument's type.
    let text = unsafe { pgrx::pg_getarg::<String>(fcinfo, argument) };
    CString::new(text.unwrap_or_default()).unwrap_or_default()
}
