//! Owns the calendar: which bucket an instant is in, where buckets begin and end, and whether buckets fit into others.
//!
//! This is the only implementation. Capture, live views, refreshes, ranges, `timeseries` and `tally.bucket` all call it.
//! A bucket of days or months is a piece of the wall clock: its rows are those whose local time lies in it, and its start
//! is the instant that PostgreSQL gives for the local time at which the piece begins (`AT TIME ZONE`, `date_trunc`). So a
//! day whose midnight the clock skips starts at its first instant, and a day whose midnight comes twice starts at the
//! second one, although the hour before that start is in it.
//!
//! Nothing here fails: what lies beyond the times that PostgreSQL can hold is plus or minus infinity.

pub mod bucket;
#[cfg(test)]
mod bucket_tests;
pub mod civil;
pub mod edge;
pub mod nest;
pub mod rule;
mod rule_text;
mod width;
pub mod zone;

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of 24 hours.
pub const DAY: i64 = 86_400 * SECOND;
/// `infinity` as PostgreSQL stores it.
pub const INFINITY: i64 = i64::MAX;
/// `-infinity` as PostgreSQL stores it.
pub const MINUS_INFINITY: i64 = i64::MIN;
/// The first finite timestamp: 4714-11-24 00:00 BC.
pub const FIRST: i64 = -211_813_488_000 * SECOND;
/// The end of the finite timestamps: 294277-01-01 00:00.
pub const END: i64 = 9_223_371_331_200 * SECOND;
/// From PostgreSQL's epoch (2000-01-01 00:00 UTC, a Saturday) to the first Monday: buckets of a fixed width and of days are
/// counted from here, so that weeks begin on Mondays as ISO weeks do.
pub const MONDAY: i64 = 2 * DAY;

/// Whether a time is neither plus nor minus infinity.
pub fn is_finite(time: i64) -> bool {
    time != INFINITY && time != MINUS_INFINITY
}

/// A time as PostgreSQL can hold it: infinite where it lies outside.
pub fn clamp(time: i128) -> i64 {
    if time < i128::from(FIRST) {
        MINUS_INFINITY
    } else if time >= i128::from(END) {
        INFINITY
    } else {
        time as i64
    }
}
