//! Owns the width of a bucket as a person gives it, and its text in errors.

use std::fmt;

use super::SECOND;

/// A width as a person gives it: the three parts of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Months.
    pub months: i64,
    /// Days.
    pub days: i64,
    /// Microseconds.
    pub micros: i64,
}

impl Width {
    /// Whether no part is negative and one is there.
    pub fn is_positive(self) -> bool {
        self.months >= 0
            && self.days >= 0
            && self.micros >= 0
            && self
                != Width {
                    months: 0,
                    days: 0,
                    micros: 0,
                }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut part = |n: i64, unit: &str| {
            if n != 0 {
                parts.push(format!("{n} {unit}{}", if n == 1 { "" } else { "s" }));
            }
        };
        part(self.months, "month");
        part(self.days, "day");
        if self.micros % (3600 * SECOND) == 0 {
            part(self.micros / (3600 * SECOND), "hour");
        } else if self.micros % (60 * SECOND) == 0 {
            part(self.micros / (60 * SECOND), "minute");
        } else if self.micros % SECOND == 0 {
            part(self.micros / SECOND, "second");
        } else {
            part(self.micros, "microsecond");
        }
        f.write_str(&if parts.is_empty() { "0".into() } else { parts.join(" ") })
    }
}
