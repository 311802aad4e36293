//! Owns the calling convention: how a Rust function becomes an SQL-callable C function of the version-1 protocol.
//!
//! The SQL declarations (`CREATE FUNCTION … LANGUAGE c`) are written by hand in `sql/`, because pgrx has no words for
//! what the planner needs of an aggregate (SSPACE, COST, support of varlena states).

use pgrx::pg_sys;

/// Declares SQL-callable functions.
///
/// `pg_fn!(name(call) { … })` exports `name` and its `pg_finfo_name` record; `call` is a [`Call`]. A Rust panic or a
/// pgrx error raised inside becomes an ordinary PostgreSQL ERROR.
#[macro_export]
macro_rules! pg_fn {
    ($($(#[$doc:meta])* $name:ident($call:ident) $body:block)+) => {$(
        const _: () = {
            #[unsafe(export_name = concat!("pg_finfo_", stringify!($name)))]
            extern "C" fn finfo() -> &'static ::pgrx::pg_sys::Pg_finfo_record {
                const RECORD: ::pgrx::pg_sys::Pg_finfo_record = ::pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
                &RECORD
            }
        };
        $(#[$doc])*
        #[::pgrx::pg_guard]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(fcinfo: ::pgrx::pg_sys::FunctionCallInfo) -> ::pgrx::pg_sys::Datum {
            #[allow(unused_mut)]
            let mut $call = $crate::pg::fmgr::Call::new(fcinfo);
            $body
        }
    )+};
}

/// One call of an SQL function: its arguments and its way to answer NULL.
pub struct Call {
    fcinfo: pg_sys::FunctionCallInfo,
}

impl Call {
    #[inline(always)]
    /// Wraps the pointer that PostgreSQL handed to an SQL-callable function.
    pub fn new(fcinfo: pg_sys::FunctionCallInfo) -> Self {
        Call { fcinfo }
    }

    /// The call as PostgreSQL handed it over.
    #[inline(always)]
    pub fn fcinfo(&self) -> pg_sys::FunctionCallInfo {
        self.fcinfo
    }
}
