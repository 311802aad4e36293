//! Owns the wall clocks of named time zones.

use super::varlena;
use pgrx::pg_sys::{self, Datum};

/// The local time of an instant in a zone, as `instant AT TIME ZONE zone` gives it; an unknown zone raises.
pub fn local_time(zone: &str, instant: i64) -> i64 {
    let zone = varlena::from_payload(zone.as_bytes());
    // SAFETY: timestamptz_zone takes a text and a timestamptz, neither NULL, and answers a timestamp, never NULL.
    let local = unsafe {
        pgrx::fcinfo::direct_function_call_as_datum(pg_sys::timestamptz_zone, &[Some(zone), Some(Datum::from(instant))])
    };
    local.map_or(instant, |datum| datum.value() as i64)
}
