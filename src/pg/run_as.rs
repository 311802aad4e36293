//! Owns `tally.run_as()`: running the text of a definition as the role that made it.
//!
//! It takes the same care as PostgreSQL's REFRESH MATERIALIZED VIEW: the user is switched with
//! SECURITY_RESTRICTED_OPERATION, so that the text can neither switch back nor leave anything behind that would run
//! later with other rights, and the search_path is the maker's, not the caller's. So is every other setting that an
//! answer could depend on: the statement runs under [`PINNED`], whoever's session it is.

use pgrx::pg_sys::{self, Datum};
use std::ffi::{CStr, CString};
use tally_core::error::{SqlState, TallyError};

use super::rows::Receiver;

/// The settings, beside search_path, role and TimeZone, that decide how values are written, read and chosen.
const PINNED: [(&CStr, &CStr); 17] = [
    (c"DateStyle", c"ISO, YMD"),
    (c"IntervalStyle", c"postgres"),
    (c"bytea_output", c"hex"),
    (c"extra_float_digits", c"1"),
    (c"xmloption", c"content"),
    (c"xmlbinary", c"base64"),
    (c"row_security", c"on"),
    (c"lc_monetary", c"C"),
    (c"lc_numeric", c"C"),
    (c"lc_time", c"C"),
    (c"array_nulls", c"on"),
    (c"standard_conforming_strings", c"on"),
    (c"transform_null_equals", c"off"),
    (c"quote_all_identifiers", c"off"),
    (c"backslash_quote", c"safe_encoding"),
    (c"gin_fuzzy_search_limit", c"0"),
    (c"default_text_search_config", c"pg_catalog.simple"),
];

/// Arguments before the values of the statement's parameters.
const FIXED: usize = 5;

crate::pg_fn! {
    /// `tally.run_as(owner regrole, search_path text, sql text [, timeout_ms int, zone text [, VARIADIC "any"]]) → setof jsonb`:
    /// one object per row of the statement, in which `$1` … are the values.
    tally_run_as(call) {
        if let Err(error) = super::version::check() {
            super::report::raise(error);
        }
        if (0..call.nargs().min(FIXED)).any(|i| call.is_null(i)) {
            // SAFETY: the function returns a set, which stays empty.
            unsafe { pg_sys::InitMaterializedSRF(call.fcinfo(), pg_sys::MAT_SRF_USE_EXPECTED_DESC) };
            return Datum::from(0usize);
        }
        // SAFETY: the function is declared with exactly these arguments, returns a set, and holds the only SPI
        // connection it opens.
        unsafe {
            let fcinfo = call.fcinfo();
            let owner = pgrx::pg_getarg::<pg_sys::Oid>(fcinfo, 0).unwrap_or(pg_sys::InvalidOid);
            let (path, sql) = (c_string(fcinfo, 1), c_string(fcinfo, 2));
            if !super::role::exists(owner) {
                super::report::raise(nobody());
            }
            pg_sys::InitMaterializedSRF(fcinfo, pg_sys::MAT_SRF_USE_EXPECTED_DESC);
            let result = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();

            let given = if call.nargs() > 3 { call.i32(3) } else { 0 };
            let timeout = if given == 0 { refresh_timeout() } else { given };
            let (mut user, mut context) = (pg_sys::InvalidOid, 0);
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            let nest = pg_sys::NewGUCNestLevel();
            pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32);
            set(c"search_path", &bound_path(&path));
            set(c"TimeZone", if call.nargs() > 4 { c_string(fcinfo, 4) } else { c"UTC".into() }.as_c_str());
            for (name, value) in PINNED {
                set(name, value);
            }
            let parameters = Parameters::of(fcinfo, call.nargs());
            // An ERROR in here unwinds to the transaction, which restores user and settings itself.
            super::cage::within(given == 0, || {
                super::timeout::within(timeout, || run(&sql, &parameters, (*result).setResult, (*result).setDesc));
            });
            pg_sys::AtEOXact_GUC(false, nest);
            pg_sys::SetUserIdAndSecContext(user, context);
        }
        Datum::from(0usize)
    }
}

crate::pg_fn! {
    /// `tally_internal._bound_path(search_path text) → text`: the path that `run_as()` makes of it.
    tally_bound_path(call)? {
        let path = CString::new(call.str(0)?).unwrap_or_default();
        // SAFETY: a function runs in a memory context, where the path's parts are kept.
        let bound = unsafe { bound_path(&path) };
        Ok(call.return_str(&bound.to_string_lossy()))
    }
}

/// A search_path with PostgreSQL's own objects first and temporary ones last. PostgreSQL looks for types among temporary objects first
/// where a path does not name them, and a path may name `pg_catalog` last: then a schema's `=` or the session's type `text` would take the
/// place of PostgreSQL's own in the text of a definition, and in the engine's around it.
///
/// # Safety
/// Must be called in a memory context, which keeps the parts of the path.
unsafe fn bound_path(path: &CStr) -> CString {
    let mut schemas = Vec::new();
    // SAFETY: the copy is writable and NUL-terminated; the list holds NUL-terminated names within it; quote_identifier returns one of its
    // argument and of new memory.
    unsafe {
        let mut names: *mut pg_sys::List = std::ptr::null_mut();
        if !pg_sys::SplitIdentifierString(pg_sys::pstrdup(path.as_ptr()), b',' as std::ffi::c_char, &raw mut names) {
            return path.to_owned();
        }
        for i in 0..if names.is_null() { 0 } else { (*names).length } {
            let name = pg_sys::list_nth(names, i).cast::<std::ffi::c_char>();
            if ![c"pg_catalog", c"pg_temp"].contains(&CStr::from_ptr(name)) {
                schemas.push(CStr::from_ptr(pg_sys::quote_identifier(name)).to_bytes().to_vec());
            }
        }
    }
    schemas.insert(0, b"pg_catalog".to_vec());
    schemas.push(b"pg_temp".to_vec());
    CString::new(schemas.join(&b", "[..])).unwrap_or_default()
}

/// A definition whose owner is gone cannot run: there is no role to run it as.
fn nobody() -> TallyError {
    TallyError::new(
        SqlState::UndefinedObject,
        "the owner of this definition is gone, so its SQL runs as nobody",
    )
    .detail("A definition runs with the rights of the role that owns it, and with no other's.")
    .hint("SELECT tally.set_owner('<rollup>', '<role>');")
}

/// The values of a statement's parameters.
struct Parameters(Vec<pg_sys::ParamExternData>);

impl Parameters {
    /// The arguments after the fixed ones.
    ///
    /// # Safety
    /// `fcinfo` must be of a running call with so many arguments.
    unsafe fn of(fcinfo: pg_sys::FunctionCallInfo, count: usize) -> Self {
        let of_argument = |i| {
            // SAFETY: the caller vouches for the call; `i` is one of its arguments.
            let (ptype, argument) = unsafe {
                (
                    pg_sys::get_fn_expr_argtype((*fcinfo).flinfo, i as std::ffi::c_int),
                    *(*fcinfo).args.as_ptr().add(i),
                )
            };
            pg_sys::ParamExternData {
                value: argument.value,
                isnull: argument.isnull,
                pflags: pg_sys::PARAM_FLAG_CONST as u16,
                ptype,
            }
        };
        Parameters((FIXED..count).map(of_argument).collect())
    }

    /// As PostgreSQL wants them.
    ///
    /// # Safety
    /// Must be called in a memory context that outlives the statement.
    unsafe fn list(&self) -> pg_sys::ParamListInfo {
        // SAFETY: PostgreSQL makes a list with room for so many.
        unsafe {
            let list = pg_sys::makeParamList(self.0.len() as std::ffi::c_int);
            if !list.is_null() {
                std::ptr::copy_nonoverlapping(self.0.as_ptr(), (*list).params.as_mut_ptr(), self.0.len());
            }
            list
        }
    }
}

/// How long one statement of a refresh may take, in milliseconds: the setting tally.refresh_timeout, which SQL reads as it reads every other.
/// An hour while an upgrade from a version without that function is under way.
///
/// # Safety
/// Must run inside a transaction, before the user is switched.
unsafe fn refresh_timeout() -> i32 {
    // SAFETY: the lists hold nodes of their own, made here; the function takes a text and returns an int, and is not strict.
    unsafe {
        let mut name = std::ptr::null_mut();
        for part in [c"tally_internal", c"_limit"] {
            name = pg_sys::lappend(name, pg_sys::makeString(part.as_ptr().cast_mut()).cast());
        }
        let takes = [pg_sys::TEXTOID];
        let function = pg_sys::LookupFuncName(name, 1, takes.as_ptr(), true);
        if function == pg_sys::InvalidOid {
            return 3_600_000;
        }
        let setting = pg_sys::cstring_to_text(c"tally.refresh_timeout".as_ptr());
        pg_sys::OidFunctionCall1Coll(function, pg_sys::DEFAULT_COLLATION_OID, Datum::from(setting)).value() as i32
    }
}

/// Runs one statement and keeps each of its rows as a jsonb object.
///
/// # Safety
/// `store` and `descriptor` must be those of a materialized result of one jsonb column.
unsafe fn run(
    sql: &CString,
    parameters: &Parameters,
    store: *mut pg_sys::Tuplestorestate,
    descriptor: pg_sys::TupleDesc,
) {
    // SAFETY: SPI is connected for exactly the life of the statement; the receiver and the parameters outlive it.
    unsafe {
        pg_sys::SPI_connect();
        let mut rows = Receiver::new(store, descriptor);
        let options = pg_sys::SPIExecuteOptions {
            params: parameters.list(),
            dest: rows.head(),
            ..Default::default()
        };
        let code = pg_sys::SPI_execute_extended(sql.as_ptr(), &raw const options);
        if code < 0 {
            let reason = CStr::from_ptr(pg_sys::SPI_result_code_string(code)).to_string_lossy();
            pgrx::error!("tally.run_as() cannot run a statement of this kind: {reason}");
        }
        pg_sys::SPI_finish();
    }
}

/// Sets a setting for the running GUC nest level, where it is not so already.
///
/// # Safety
/// A nest level must have been opened.
unsafe fn set(name: &CStr, value: &CStr) {
    // SAFETY: all strings are NUL-terminated and live through the calls.
    unsafe {
        let present = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        if !present.is_null() && CStr::from_ptr(present) == value {
            return;
        }
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
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
