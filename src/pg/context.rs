//! Owns the context of refusals: the lines that say from where an error came.

use pgrx::pg_sys::{self, Datum};

crate::pg_fn! {
    /// `tally_internal._short_context() → boolean`: takes out of the coming error's context the statement that calls the calling
    /// PL/pgSQL function; always true.
    ///
    /// That statement is `SELECT _refuse(…)` with the whole text of the message's making, which the message says already.
    tally_short_context(_call) {
        // SAFETY: the stack is a list of frames of running functions. The topmost belongs to the calling function, and is gone
        // with it; the one below stays as it is, and its own function takes it off the stack.
        unsafe {
            let caller = pg_sys::error_context_stack;
            if !caller.is_null() && !(*caller).previous.is_null() {
                (*caller).previous = (*(*caller).previous).previous;
            }
        }
        Datum::from(true)
    }
}
