//! Owns the calling convention: how a Rust function becomes an SQL-callable C function of the version-1 protocol.
//!
//! The SQL declarations (`CREATE FUNCTION … LANGUAGE c`) are written by hand in `sql/`, because pgrx has no words for
//! what the planner needs of an aggregate (SSPACE, COST, support of varlena states). Reading a by-value argument, a plain
//! varlena or the aggregate context costs no `pg_sys` call. A method that makes such a call says so.

use super::varlena;
use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{self, Datum, Oid};
use std::mem::needs_drop;
use tally_core::error::{SqlState, TallyError};

/// What an SQL-callable function returns: a datum, or an error in four parts that is raised once Rust has unwound.
pub type Answer = Result<Datum, TallyError>;

/// Declares SQL-callable functions.
///
/// `pg_fn!(name(call) { … })` exports `name` and its `pg_finfo_name` record; `call` is a [`Call`] and the body gives a
/// datum. With `name(call)? { … }` the body gives an [`Answer`], so `?` works in it. A Rust panic or a pgrx error raised
/// inside becomes an ordinary PostgreSQL ERROR.
#[macro_export]
macro_rules! pg_fn {
    () => {};
    ($(#[$doc:meta])* $name:ident($call:ident) $body:block $($rest:tt)*) => {
        $crate::pg_fn!(@export [$(#[$doc])*] $name($call) $body);
        $crate::pg_fn!($($rest)*);
    };
    ($(#[$doc:meta])* $name:ident($call:ident)? $body:block $($rest:tt)*) => {
        $crate::pg_fn!(@export [$(#[$doc])*] $name(call) {
            #[inline(always)]
            #[allow(unused_mut)]
            fn body(mut $call: $crate::pg::fmgr::Call) -> $crate::pg::fmgr::Answer $body
            match body(call) {
                Ok(datum) => datum,
                Err(error) => $crate::pg::report::raise(error),
            }
        });
        $crate::pg_fn!($($rest)*);
    };
    (@export [$(#[$doc:meta])*] $name:ident($call:ident) $body:block) => {
        const _: () = {
            #[unsafe(export_name = concat!("pg_finfo_", stringify!($name)))]
            extern "C" fn finfo() -> &'static ::pgrx::pg_sys::Pg_finfo_record {
                const RECORD: ::pgrx::pg_sys::Pg_finfo_record = ::pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
                &RECORD
            }
        };
        $(#[$doc])*
        ///
        /// # Safety
        /// Only PostgreSQL's function manager calls it, with a valid `fcinfo`.
        #[::pgrx::pg_guard]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(fcinfo: ::pgrx::pg_sys::FunctionCallInfo) -> ::pgrx::pg_sys::Datum {
            #[allow(unused_mut)]
            let mut $call = $crate::pg::fmgr::Call::new(fcinfo);
            $body
        }
    };
}

/// One call of an SQL function: its arguments and its ways to answer.
pub struct Call {
    pub(super) fcinfo: pg_sys::FunctionCallInfo,
}

impl Call {
    /// Wraps the pointer that PostgreSQL handed to an SQL-callable function.
    #[inline(always)]
    pub fn new(fcinfo: pg_sys::FunctionCallInfo) -> Self {
        Call { fcinfo }
    }

    /// Number of arguments.
    #[inline(always)]
    pub fn nargs(&self) -> usize {
        // SAFETY: fcinfo is valid for the whole call.
        unsafe { (*self.fcinfo).nargs as usize }
    }

    #[inline(always)]
    fn arg(&self, i: usize) -> pg_sys::NullableDatum {
        assert!(
            i < self.nargs(),
            "argument {i} of a function declared with {}",
            self.nargs()
        );
        // SAFETY: fcinfo has nargs arguments, and i is one of them.
        unsafe { *(*self.fcinfo).args.as_ptr().add(i) }
    }

    /// Whether argument `i` is NULL.
    #[inline(always)]
    pub fn is_null(&self, i: usize) -> bool {
        self.arg(i).isnull
    }

    /// Argument `i` as it came.
    #[inline(always)]
    pub fn datum(&self, i: usize) -> Datum {
        self.arg(i).value
    }

    /// Argument `i`, a float8.
    #[inline(always)]
    pub fn f64(&self, i: usize) -> f64 {
        f64::from_bits(self.datum(i).value() as u64)
    }

    /// Argument `i`, an int4.
    #[inline(always)]
    pub fn i32(&self, i: usize) -> i32 {
        self.datum(i).value() as i32
    }

    /// Argument `i`, an int8, timestamp or timestamptz.
    #[inline(always)]
    pub fn i64(&self, i: usize) -> i64 {
        self.datum(i).value() as i64
    }

    /// Argument `i`, a bool.
    #[inline(always)]
    pub fn bool(&self, i: usize) -> bool {
        self.datum(i).value() as u8 != 0
    }

    /// Payload of argument `i`, of any varlena type; detoasted (a `pg_sys` call) only when compressed or out of line.
    #[inline(always)]
    pub fn bytes(&self, i: usize) -> &[u8] {
        let arg = self.arg(i);
        assert!(!arg.isnull, "argument {i} is NULL");
        // SAFETY: the SQL declaration gives argument i a varlena type; it lives until the call ends.
        unsafe { varlena::payload(arg.value) }
    }

    /// Argument `i`, a text.
    pub fn str(&self, i: usize) -> Result<&str, TallyError> {
        str_of(self.bytes(i))
    }

    /// Argument `i`, a text, or `None` for NULL.
    pub fn opt_str(&self, i: usize) -> Result<Option<&str>, TallyError> {
        if self.is_null(i) {
            Ok(None)
        } else {
            self.str(i).map(Some)
        }
    }

    /// Argument `i`, a cstring (of type input functions).
    pub fn cstring(&self, i: usize) -> Result<&str, TallyError> {
        // SAFETY: the SQL declaration gives argument i type cstring: NUL-terminated, alive until the call ends.
        str_of(unsafe { std::ffi::CStr::from_ptr(self.datum(i).cast_mut_ptr()) }.to_bytes())
    }

    /// Argument `i`, an interval.
    #[inline(always)]
    pub fn interval(&self, i: usize) -> pg_sys::Interval {
        // SAFETY: the SQL declaration gives argument i type interval, passed by reference.
        unsafe { self.datum(i).cast_mut_ptr::<pg_sys::Interval>().read() }
    }

    /// What is left in argument 0 of a type's receive function (a StringInfo), taken whole.
    pub fn received(&self) -> &[u8] {
        // SAFETY: the SQL declaration gives argument 0 type internal, which for a receive function is a StringInfo whose
        // data[cursor..len] is the value; the cursor must end at len.
        unsafe {
            let buffer = &mut *self.datum(0).cast_mut_ptr::<pg_sys::StringInfoData>();
            let left = std::slice::from_raw_parts(
                buffer.data.add(buffer.cursor as usize).cast::<u8>(),
                (buffer.len - buffer.cursor) as usize,
            );
            buffer.cursor = buffer.len;
            left
        }
    }

    /// Type of argument `i` as the parser saw it (a `pg_sys` call: [`memo`](Self::memo) it). InvalidOid when unknown.
    pub fn arg_type(&self, i: usize) -> Oid {
        // SAFETY: flinfo is valid or null, and get_fn_expr_argtype accepts both.
        unsafe { pg_sys::get_fn_expr_argtype((*self.fcinfo).flinfo, i as i32) }
    }

    /// Whether the call stands in a query, which keeps what it looked up for the next row. An engine that looks the function up anew for each row says
    /// nothing of the query, and keeps nothing.
    #[inline(always)]
    pub fn is_of_a_query(&self) -> bool {
        // SAFETY: flinfo is valid for the whole call.
        unsafe { !(*(*self.fcinfo).flinfo).fn_expr.is_null() }
    }

    /// Collation of the call.
    pub fn collation(&self) -> Oid {
        // SAFETY: fcinfo is valid for the whole call.
        unsafe { (*self.fcinfo).fncollation }
    }

    /// The wrapped pointer, for the glue that needs more than this.
    pub fn fcinfo(&self) -> pg_sys::FunctionCallInfo {
        self.fcinfo
    }

    /// Whether an aggregate or window aggregate calls, so that its state may be changed in place. Reads the node tag
    /// that AggCheckCallContext reads, without the cost of calling it.
    #[inline(always)]
    pub fn is_aggregate(&self) -> bool {
        // SAFETY: context is null or points to a node, which begins with its tag.
        unsafe {
            let context = (*self.fcinfo).context;
            !context.is_null()
                && matches!(
                    (*context).type_,
                    pg_sys::NodeTag::T_AggState | pg_sys::NodeTag::T_WindowAggState
                )
        }
    }

    /// What `make` gave at the first call through this call site, kept in `fn_extra` for its lifetime. `key` tells
    /// apart values whose making depends on arguments: another key makes anew.
    #[inline(always)]
    pub fn memo<K: Copy + PartialEq + 'static, T: 'static>(
        &self,
        key: K,
        make: impl FnOnce(&Self) -> Result<T, TallyError>,
    ) -> Result<&T, TallyError> {
        const { assert!(!needs_drop::<(K, T)>(), "fn_extra is never dropped") };
        // SAFETY: flinfo is valid; fn_extra is null or what this function itself put there (one type for a call site,
        // since fn_extra belongs to one function's FmgrInfo and a function memoizes one type).
        unsafe {
            let flinfo = (*self.fcinfo).flinfo;
            let slot = (*flinfo).fn_extra.cast::<(K, T)>();
            if !slot.is_null() && (*slot).0 == key {
                return Ok(&(*slot).1);
            }
            let made = make(self)?;
            let slot = pg_sys::MemoryContextAlloc((*flinfo).fn_mcxt, size_of::<(K, T)>()).cast::<(K, T)>();
            slot.write((key, made));
            (*flinfo).fn_extra = slot.cast();
            Ok(&(*slot).1)
        }
    }

    /// What `make` gave at the first call through this call site, kept for its lifetime and dropped with it. The caller may
    /// change it. One type for a function, as with [`memo`](Self::memo).
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub fn kept<T: 'static>(&self, make: impl FnOnce(&Self) -> Result<T, TallyError>) -> Result<&mut T, TallyError> {
        // SAFETY: flinfo is valid; fn_extra is null or what this function put there, and fn_mcxt drops what it holds. A call
        // asks once, so there is no second reference.
        unsafe {
            let flinfo = (*self.fcinfo).flinfo;
            if (*flinfo).fn_extra.is_null() {
                let made = make(self)?;
                (*flinfo).fn_extra = PgMemoryContexts::For((*flinfo).fn_mcxt)
                    .leak_and_drop_on_delete(made)
                    .cast();
            }
            Ok(&mut *(*flinfo).fn_extra.cast::<T>())
        }
    }
}

/// Bytes of the database's encoding as UTF-8.
pub fn str_of(bytes: &[u8]) -> Result<&str, TallyError> {
    std::str::from_utf8(bytes).map_err(|e| {
        TallyError::new(
            SqlState::FeatureNotSupported,
            format!("expected text in UTF-8, got other bytes: {e}"),
        )
        .detail("pg_tally reads text in databases with encoding UTF8.")
        .hint("CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0")
    })
}
