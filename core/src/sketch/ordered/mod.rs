//! Owns what sketches that go by the order of time share: exact sums, the state that keeps rows until they are sorted, and the walk
//! through rows and parts in their order.
//!
//! The order is that of (time, value). So rows at one instant have an order too, and no answer depends on how rows or parts arrive.

pub mod exact;
pub mod fold;
#[cfg(test)]
mod laws;
pub mod log;
pub mod moment;

use crate::calendar::{END, FIRST};
use std::cmp::Ordering;

/// Whether a time is one that a row may have: rows at infinity, like those without a time, are skipped.
#[inline]
pub fn is_time(time: i64) -> bool {
    (FIRST..END).contains(&time)
}

/// A float in the order of PostgreSQL: -0 is 0, every NaN is one value, the greatest.
pub fn settled(value: f64) -> f64 {
    if value.is_nan() {
        f64::NAN
    } else if value == 0.0 {
        0.0
    } else {
        value
    }
}

/// A point of a series, ordered by (time, value). The value is [`settled`].
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Microseconds since 2000-01-01 00:00 UTC.
    pub time: i64,
    /// The reading.
    pub value: f64,
}

impl Point {
    /// A point with its value settled.
    pub fn new(time: i64, value: f64) -> Self {
        Point {
            time,
            value: settled(value),
        }
    }
}

impl Ord for Point {
    fn cmp(&self, other: &Self) -> Ordering {
        self.time.cmp(&other.time).then(self.value.total_cmp(&other.value))
    }
}

impl PartialOrd for Point {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Point {}
