//! Owns what the tests are made with: calls as PostgreSQL makes them, datums as a table holds them, and errors caught with their fields.

use crate::pg::fmgr::Call;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::{self, Datum, NodeTag};
use pgrx::{PgSqlErrorCode, PgTryBuilder, Spi};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::panic::AssertUnwindSafe;
use std::ptr;

thread_local! {
    /// Functions that were looked up by their signatures.
    static FUNCTIONS: RefCell<HashMap<String, pg_sys::Oid>> = RefCell::new(HashMap::new());
}

/// A call with its arguments, as the executor sets one up. It lives as long as the memory context that it was made in.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    fcinfo: pg_sys::FunctionCallInfo,
}

impl Frame {
    /// A call of no function in particular, to read its arguments.
    pub(super) fn of(args: &[Option<Datum>]) -> Self {
        let size = size_of::<pg_sys::FunctionCallInfoBaseData>() + size_of_val(args) * 2;
        // SAFETY: zeroes are a valid FmgrInfo and a valid call without context; behind the call lies room for each argument, since a
        // NullableDatum takes no more than two words.
        unsafe {
            let flinfo = pg_sys::palloc0(size_of::<pg_sys::FmgrInfo>()).cast::<pg_sys::FmgrInfo>();
            (*flinfo).fn_mcxt = pg_sys::CurrentMemoryContext;
            let fcinfo = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
            (*fcinfo).flinfo = flinfo;
            (*fcinfo).nargs = args.len() as i16;
            for (i, arg) in args.iter().enumerate() {
                (*fcinfo).args.as_mut_ptr().add(i).write(pg_sys::NullableDatum {
                    value: arg.unwrap_or(Datum::from(0usize)),
                    isnull: arg.is_none(),
                });
            }
            Frame { fcinfo }
        }
    }

    /// A call of the function with this signature (as `regprocedure` reads it).
    pub(super) fn function(signature: &str, args: &[Option<Datum>]) -> Self {
        let frame = Frame::of(args);
        let oid = FUNCTIONS.with_borrow_mut(|known| {
            let look_up = || one(&format!("SELECT '{signature}'::regprocedure::oid"));
            *known.entry(signature.to_owned()).or_insert_with(look_up)
        });
        // SAFETY: the frame's FmgrInfo is filled for a function that exists.
        unsafe { pg_sys::fmgr_info(oid, (*frame.fcinfo).flinfo) };
        frame
    }

    /// The same call, as an aggregate (`T_AggState`) or a window aggregate makes it. Of the second, only the tag is ever read.
    pub(super) fn within(self, tag: NodeTag) -> Self {
        // SAFETY: a node begins with its tag, and palloc0 gives room for the larger of both. An AggState of zeros runs no transition.
        unsafe {
            let node = pg_sys::palloc0(size_of::<pg_sys::AggState>()).cast::<pg_sys::Node>();
            (*node).type_ = tag;
            (*self.fcinfo).context = node;
        }
        self
    }

    /// As the glue reads it.
    pub(super) fn call(&self) -> Call {
        Call::new(self.fcinfo)
    }

    /// Calls the function; `None` for NULL.
    pub(super) fn answer(&self) -> Option<Datum> {
        // SAFETY: `function` has filled the FmgrInfo; an ERROR of the function arrives here as a longjmp, which the boundary turns into
        // an unwinding.
        unsafe {
            (*self.fcinfo).isnull = false;
            let function = (*(*self.fcinfo).flinfo).fn_addr.unwrap();
            let datum = pg_guard_ffi_boundary(|| function(self.fcinfo));
            (!(*self.fcinfo).isnull).then_some(datum)
        }
    }

    /// Whether the last answer was NULL.
    pub(super) fn answered_null(&self) -> bool {
        // SAFETY: the frame is valid.
        unsafe { (*self.fcinfo).isnull }
    }
}

/// The one value of a query.
pub(super) fn one<T: pgrx::FromDatum + pgrx::IntoDatum>(sql: &str) -> T {
    Spi::get_one(sql).expect(sql).expect(sql)
}

/// The value of a query's first column in its first row, exactly as it lies there: neither detoasted nor copied into another form.
pub(super) fn raw(sql: &str) -> Datum {
    let text = CString::new(sql).unwrap();
    // SAFETY: SPI is connected for exactly the life of the rows; a varlena is copied byte for byte into the caller's context.
    unsafe {
        pg_sys::SPI_connect();
        assert_eq!(
            pg_sys::SPI_execute(text.as_ptr(), false, 1),
            pg_sys::SPI_OK_SELECT as i32,
            "{sql}"
        );
        let mut null = false;
        let table = pg_sys::SPI_tuptable;
        let value = pg_sys::SPI_getbinval(*(*table).vals, (*table).tupdesc, 1, &mut null);
        assert!(!null, "{sql}");
        let copy = pg_sys::SPI_datumTransfer(value, false, -1);
        pg_sys::SPI_finish();
        copy
    }
}

/// All bytes of a varlena, header included, in whatever form it is.
pub(super) fn whole<'a>(datum: Datum) -> &'a [u8] {
    let ptr = datum.cast_mut_ptr::<u8>();
    // SAFETY: varsize_any knows the length of each form of varlena.
    unsafe { std::slice::from_raw_parts(ptr, pgrx::varsize_any(ptr.cast())) }
}

/// A varlena of this payload at an address that is `off` bytes past a multiple of 8.
pub(super) fn placed(payload: &[u8], off: usize) -> Datum {
    let size = payload.len() + 4;
    // SAFETY: palloc gives MAXALIGNed room for header, payload and the distance.
    unsafe {
        let ptr = pg_sys::palloc(size + off).cast::<u8>().add(off);
        ptr.cast::<u32>().write_unaligned((size as u32) << 2);
        ptr::copy_nonoverlapping(payload.as_ptr(), ptr.add(4), payload.len());
        Datum::from(ptr)
    }
}

/// What a user sees of an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: PgSqlErrorCode,
    pub(super) message: String,
    pub(super) detail: Option<String>,
    pub(super) hint: Option<String>,
}

/// The error that the work ends with; a work that ends well fails the test.
pub(super) fn failure<T>(work: impl FnOnce() -> T) -> Failure {
    PgTryBuilder::new(AssertUnwindSafe(|| {
        work();
        None
    }))
    .catch_others(|error| {
        let (CaughtError::PostgresError(report)
        | CaughtError::ErrorReport(report)
        | CaughtError::RustPanic { ereport: report, .. }) = error;
        Some(Failure {
            code: report.sql_error_code(),
            message: report.message().to_owned(),
            detail: report.detail().map(str::to_owned),
            hint: report.hint().map(str::to_owned),
        })
    })
    .execute()
    .expect("an error is expected")
}
