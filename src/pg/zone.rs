//! Owns the wall clocks of named time zones.

use super::varlena;
use pgrx::pg_sys::{self, Datum};

/// The clock of a zone, for the length of one call.
pub struct Clock {
    zone: Datum,
    /// PostgreSQL's conversion leaves a few bytes behind each time: for an array of a million moments they would be the last there
    /// are, and an error without memory to be reported in is a PANIC.
    scratch: pg_sys::MemoryContext,
}

impl Clock {
    /// The clock of this zone; whether there is such a zone is seen when it is read.
    pub fn of(zone: &str) -> Self {
        // SAFETY: a child of the current context, which goes with it.
        let scratch = unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"pg_tally clock".as_ptr(),
                0,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
            )
        };
        Clock {
            zone: varlena::from_payload(zone.as_bytes()),
            scratch,
        }
    }

    /// The local time of an instant, as `instant AT TIME ZONE zone` gives it; an unknown zone raises.
    pub fn local(&self, instant: i64) -> i64 {
        // SAFETY: timestamptz_zone takes a text and a timestamptz, neither NULL, and answers a timestamp, by value and never NULL.
        // An error raised in between leaves the current context to PostgreSQL's own recovery, as everywhere.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.scratch);
            let arguments = [Some(self.zone), Some(Datum::from(instant))];
            let local = pgrx::fcinfo::direct_function_call_as_datum(pg_sys::timestamptz_zone, &arguments);
            pg_sys::MemoryContextSwitchTo(before);
            pg_sys::MemoryContextReset(self.scratch);
            local.map_or(instant, |datum| datum.value() as i64)
        }
    }
}
