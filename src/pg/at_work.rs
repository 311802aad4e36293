//! Owns who writes a rollup's table: the engine, which does it within a refresh's `tally.run_as()`, or somebody else, and who that is.
//!
//! The trigger function runs with the engine's rights, so it cannot see who wrote. The condition of its trigger is evaluated as who
//! writes, and notes that for it.

use pgrx::pg_sys::{self, Datum, Oid};
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    /// Who wrote to a table last, by the table's number. As many entries as there are rollups that this session has written by hand.
    static WRITERS: RefCell<HashMap<Oid, Oid>> = RefCell::new(HashMap::new());
}

crate::pg_fn! {
    /// `tally_internal._at_work() → boolean`: whether the statement is one by which a refresh writes.
    tally_at_work(_call) {
        Datum::from(super::cage::refreshes())
    }

    /// `tally_internal._note_writer(relation oid) → boolean`: notes that the current user writes to the table; always true.
    tally_note_writer(call) {
        // SAFETY: reads a variable of the backend.
        let writer = unsafe { pg_sys::GetUserId() };
        WRITERS.with_borrow_mut(|writers| writers.insert(Oid::from(call.datum(0).value() as u32), writer));
        Datum::from(true)
    }

    /// `tally_internal._writer(relation oid) → regrole`: who was noted last for the table; nobody where nobody was.
    tally_writer(call) {
        let relation = Oid::from(call.datum(0).value() as u32);
        Datum::from(WRITERS.with_borrow(|writers| writers.get(&relation).copied()).unwrap_or(pg_sys::InvalidOid))
    }
}
