//! Owns what happens when PostgreSQL loads the library: it declines Rust's backtraces, so that no error of any kind carries one,
//! and lends long loops of the pure code PostgreSQL's check for a cancel.

use std::backtrace::Backtrace;
use std::env;

/// Called by PostgreSQL when it loads the library, before any function of it can run.
///
/// # Safety
/// Only PostgreSQL calls it.
#[pgrx::pg_guard]
pub unsafe extern "C-unwind" fn _PG_init() {
    decline_backtraces();
    tally_core::cancel::look_with(|| {
        pgrx::check_for_interrupts!();
    });
    // SAFETY: this is _PG_init.
    unsafe { super::guard::watch_in_worker() };
}

/// Has this library never capture a backtrace, whatever RUST_BACKTRACE the server was started with.
///
/// pgrx captures one at each panic and at each PostgreSQL error that passes through Rust, and appends it to the DETAIL. There it
/// reaches users, notices and `tally.runs`, and tells addresses of the server. The standard library reads the environment at the
/// first capture and remembers the answer, so the first capture is made here. The standard library is linked into each Rust
/// library of a server by itself: others keep their backtraces, and the environment is as it was.
fn decline_backtraces() {
    const NAME: &str = "RUST_LIB_BACKTRACE";
    let before = env::var_os(NAME);
    // SAFETY: a PostgreSQL process has one thread, and it is here.
    unsafe { env::set_var(NAME, "0") };
    drop(Backtrace::capture());
    // SAFETY: as above.
    unsafe {
        match before {
            Some(value) => env::set_var(NAME, value),
            None => env::remove_var(NAME),
        }
    }
}
