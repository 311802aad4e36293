//! Owns the functions that every sketch type has in SQL: input, output, receive, send, the cast to jsonb, comparison and hash.
//! [`sketch_type!`](crate::sketch_type) exports them for a type; `sql/s10_kernel/sketch_type.template` declares them.

use super::fmgr::{Answer, Call};
use pgrx::pg_sys::{self, Datum};
use std::cmp::Ordering;
use tally_core::sketch::stored::{self, Stored};

/// Exports `tally_<name>_in`, `_out`, `_recv`, `_send`, `_eq`, `_ne`, `_lt`, `_le`, `_gt`, `_ge`, `_cmp`, `_hash` and
/// `_hash_extended` for a type; with `jsonb` behind it also `_jsonb`, with `from_text` also `_from_text`.
#[macro_export]
macro_rules! sketch_type {
    ($name:literal, $stored:ty $(, $more:ident)*) => {
        $crate::sketch_type!(@all $name, $stored;
            "in" input, "out" output, "recv" receive, "send" send, "eq" eq, "ne" ne, "lt" lt, "le" le, "gt" gt, "ge" ge, "cmp" cmp,
            "hash" hash, "hash_extended" hash_extended);
        $($crate::sketch_type!(@more $name, $stored, $more);)*
    };
    (@more $name:literal, $stored:ty, jsonb) => { $crate::sketch_type!(@all $name, $stored; "jsonb" jsonb); };
    (@more $name:literal, $stored:ty, from_text) => { $crate::sketch_type!(@all $name, $stored; "from_text" from_text); };
    (@all $name:literal, $stored:ty; $($suffix:literal $function:ident),+) => {$(
        const _: () = {
            #[unsafe(export_name = concat!("pg_finfo_tally_", $name, "_", $suffix))]
            extern "C" fn finfo() -> &'static ::pgrx::pg_sys::Pg_finfo_record {
                const RECORD: ::pgrx::pg_sys::Pg_finfo_record = ::pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
                &RECORD
            }

            #[unsafe(export_name = concat!("tally_", $name, "_", $suffix))]
            unsafe extern "C-unwind" fn function(fcinfo: ::pgrx::pg_sys::FunctionCallInfo) -> ::pgrx::pg_sys::Datum {
                $crate::pg::sketch_type::guarded(fcinfo, $crate::pg::sketch_type::$function::<$stored>)
            }
        };
    )+};
}

/// Runs a function of the list for PostgreSQL's function manager, which alone calls the exported functions.
pub fn guarded(fcinfo: pg_sys::FunctionCallInfo, function: fn(&Call) -> Answer) -> Datum {
    // SAFETY: this is the outermost Rust frame of a call that PostgreSQL made, as the guard demands.
    unsafe {
        pg_sys::submodules::panic::pgrx_extern_c_guard(|| match function(&Call::new(fcinfo)) {
            Ok(datum) => datum,
            Err(error) => super::report::raise(error),
        })
    }
}

/// `in(cstring)`.
pub fn input<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bytes(&stored::input::<S>(call.cstring(0)?)?))
}

/// The explicit cast from text.
pub fn from_text<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bytes(&stored::input::<S>(call.str(0)?)?))
}

/// `out(type)`. Whoever writes out a value on behalf of an aggregate writes its state, to be merged elsewhere.
pub fn output<S: Stored>(call: &Call) -> Answer {
    let bytes = call.bytes(0);
    Ok(call.return_cstring(&if call.is_aggregate() {
        stored::output_state::<S>(bytes)?
    } else {
        stored::output::<S>(bytes)?
    }))
}

/// `recv(internal)`.
pub fn receive<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bytes(&stored::receive::<S>(call.received())?))
}

/// `send(type)`: a bytea of the canonical bytes.
pub fn send<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bytes(&stored::canonical::<S>(call.bytes(0))?))
}

/// The cast to jsonb.
pub fn jsonb<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_jsonb(&S::decode(call.bytes(0))?.json()))
}

/// `a = b`.
pub fn eq<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bool(stored::equal::<S>(call.bytes(0), call.bytes(1))?))
}

/// `a <> b`.
pub fn ne<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bool(!stored::equal::<S>(call.bytes(0), call.bytes(1))?))
}

fn ordered<S: Stored>(call: &Call) -> Result<Ordering, tally_core::error::TallyError> {
    stored::compare::<S>(call.bytes(0), call.bytes(1))
}

/// `a < b`.
pub fn lt<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bool(ordered::<S>(call)?.is_lt()))
}

/// `a <= b`.
pub fn le<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bool(ordered::<S>(call)?.is_le()))
}

/// `a > b`.
pub fn gt<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bool(ordered::<S>(call)?.is_gt()))
}

/// `a >= b`.
pub fn ge<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_bool(ordered::<S>(call)?.is_ge()))
}

/// `cmp(a, b)` of the btree operator class.
pub fn cmp<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_i32(ordered::<S>(call)? as i32))
}

/// `hash(type)` of the hash operator class.
pub fn hash<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_i32(stored::hashed::<S>(call.bytes(0), 0)? as i32))
}

/// `hash_extended(type, seed)`.
pub fn hash_extended<S: Stored>(call: &Call) -> Answer {
    Ok(call.return_i64(stored::hashed::<S>(call.bytes(0), call.i64(1) as u64)? as i64))
}
