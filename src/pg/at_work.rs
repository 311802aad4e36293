//! Owns the answer to "does the engine write here?": whatever the engine computes it writes through `tally.run_as()`, which is
//! security-restricted, and nothing that a person or an application sends is.

use pgrx::pg_sys::{self, Datum};

crate::pg_fn! {
    /// `tally_internal._at_work() → boolean`: whether the statement is one of `run_as()`.
    tally_at_work(_call) {
        // SAFETY: reads a flag of the backend.
        Datum::from(unsafe { pg_sys::InSecurityRestrictedOperation() })
    }
}
