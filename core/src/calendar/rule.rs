//! Owns the bucket rule: what kinds of buckets there are, and which one a width asks for.

use std::fmt;

use super::zone::Zone;
use super::{DAY, INFINITY, MINUS_INFINITY, MONDAY, SECOND, civil, clamp, is_finite};
use crate::error::{SqlState, TallyError};

/// Most days and months of a bucket: more than all of time has.
pub(super) const MOST: i64 = 200_000_000;

/// What buckets are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds, the same at every moment; `shift` is from Monday 2000-01-03 00:00 UTC to a bucket's start.
    Fixed {
        /// Of a bucket.
        width: i64,
        /// See above.
        shift: i64,
    },
    /// Days of a zone's calendar; `shift` is in days from Monday 2000-01-03.
    Days {
        /// How many a bucket has.
        n: i64,
        /// See above.
        shift: i64,
    },
    /// Months of a zone's calendar; `shift` is in months from January 2000.
    Months {
        /// How many a bucket has.
        n: i64,
        /// See above.
        shift: i64,
    },
}

/// How an instant becomes the start of its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the buckets are made of.
    pub unit: Unit,
    /// The zone whose clock rules; empty for fixed widths.
    pub zone: String,
}

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

/// A local time as text: `2026-01-31 00:00:00`.
fn local_text(local: i64) -> String {
    let day = local.div_euclid(DAY);
    let month = civil::month_of(day);
    let second = local.rem_euclid(DAY) / SECOND;
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        2000 + month.div_euclid(12),
        month.rem_euclid(12) + 1,
        day - civil::first_day_of(month) + 1,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

impl Rule {
    /// The rule of buckets of a width in a zone, one of which begins at `origin` (none: Monday 2000-01-03, January 2000).
    /// Errors say which widths and origins there are.
    pub fn new(width: Width, zone_name: &str, zone: &dyn Zone, origin: Option<i64>) -> Result<Rule, TallyError> {
        let Width { months, days, micros } = width;
        if !width.is_positive() {
            return Err(TallyError::new(
                SqlState::InvalidParameterValue,
                format!("bucket must be longer than nothing, got \"{width}\""),
            )
            .detail("A bucket is the width of time that one row of a rollup covers.")
            .hint("Use for example bucket => '1 hour', '15 minutes', '1 day', '1 week' or '1 month'."));
        }
        if months == 0 && (days == 0 || zone_name == "UTC") {
            return Rule::fixed(width, origin);
        }
        if days > MOST || months > MOST {
            return Err(too_long(width));
        }
        let (unit, shape) = match (months, days, micros) {
            (0, n, 0) => (Unit::Days { n, shift: 0 }, "a midnight"),
            (n, 0, 0) => (Unit::Months { n, shift: 0 }, "the first midnight of a month"),
            _ => {
                return Err(TallyError::new(
                    SqlState::FeatureNotSupported,
                    format!("bucket \"{width}\" does not divide the calendar of zone \"{zone_name}\""),
                )
                .detail("A bucket is a fixed width (hours and less), or whole days, or whole months by the zone's clock. In UTC days have a fixed width too.")
                .hint("Use for example bucket => '1 day' or bucket => '1 month', and merge further in a query."));
            }
        };
        let mut rule = Rule {
            unit,
            zone: zone_name.to_owned(),
        };
        let Some(origin) = origin else {
            return Ok(rule);
        };
        let local = if is_finite(origin) { zone.local(origin) } else { origin };
        let day = local.div_euclid(DAY);
        let begins = match unit {
            _ if !is_finite(local) => None,
            Unit::Months { .. } => Some(civil::first_day_of(civil::month_of(day)) * DAY),
            _ => Some(day * DAY),
        };
        // A midnight that the clock skips is where the day starts all the same.
        if begins.is_none_or(|begins| begins != local && clamp(zone.instant(begins).into()) != origin) {
            let got = match origin {
                INFINITY => "infinity".into(),
                MINUS_INFINITY => "-infinity".into(),
                _ => local_text(local),
            };
            return Err(TallyError::new(
                SqlState::InvalidParameterValue,
                format!("origin of buckets of {width} must be {shape} in {zone_name}, got {got}"),
            )
            .detail("Such buckets are bounded by the zone's midnights.")
            .hint(format!(
                "Use for example origin => '{} {zone_name}'.",
                local_text(begins.unwrap_or(0))
            )));
        }
        rule.unit = rule.unit.beginning(day);
        Ok(rule)
    }

    fn fixed(width: Width, origin: Option<i64>) -> Result<Rule, TallyError> {
        let micros = i128::from(width.days) * i128::from(DAY) + i128::from(width.micros);
        let Some(micros) = i64::try_from(micros).ok().filter(|micros| *micros < INFINITY / 4) else {
            return Err(too_long(width));
        };
        if let Some(origin) = origin
            && !is_finite(origin)
        {
            return Err(TallyError::new(
                SqlState::InvalidParameterValue,
                format!(
                    "origin of buckets of {width} must be a finite time, got {}infinity",
                    if origin == INFINITY { "" } else { "-" }
                ),
            )
            .detail("A bucket begins at the origin.")
            .hint("Use for example origin => '2000-01-03 00:30+00' with bucket => '1 hour'."));
        }
        Ok(Rule {
            unit: Unit::Fixed {
                width: micros,
                shift: origin.map_or(0, |origin| {
                    (i128::from(origin) - i128::from(MONDAY)).rem_euclid(micros.into()) as i64
                }),
            },
            zone: String::new(),
        })
    }

    /// The width of a bucket, in parts: days and months are those of the zone's clock.
    pub fn width(&self) -> Width {
        let (months, days, micros) = match self.unit {
            Unit::Fixed { width, .. } => (0, 0, width),
            Unit::Days { n, .. } => (0, n, 0),
            Unit::Months { n, .. } => (n, 0, 0),
        };
        Width { months, days, micros }
    }

    /// How short and how long a bucket can be, in microseconds. A day has 23 to 25 hours, a month 28 to 31 days.
    pub fn lengths(&self) -> (i64, i64) {
        const HOUR: i64 = 3600 * SECOND;
        match self.unit {
            Unit::Fixed { width, .. } => (width, width),
            Unit::Days { n, .. } => (n.saturating_mul(DAY) - HOUR, n.saturating_mul(DAY).saturating_add(HOUR)),
            Unit::Months { n, .. } => {
                let (years, rest) = (n / 12, n % 12);
                let short = (years * 365 + rest * 30).saturating_sub(if rest == 0 { 0 } else { 2 });
                let long = years * 366 + rest * 31;
                (short.saturating_mul(DAY), long.saturating_mul(DAY))
            }
        }
    }
}

impl Unit {
    /// The unit with a bucket that begins on a day (counted from 2000-01-01).
    pub fn beginning(self, day: i64) -> Unit {
        match self {
            Unit::Days { n, .. } => Unit::Days {
                n,
                shift: (day - 2).rem_euclid(n),
            },
            Unit::Months { n, .. } => Unit::Months {
                n,
                shift: civil::month_of(day).rem_euclid(n),
            },
            fixed @ Unit::Fixed { .. } => fixed,
        }
    }
}

fn too_long(width: Width) -> TallyError {
    TallyError::new(
        SqlState::InvalidParameterValue,
        format!("bucket must be shorter than all of time, got \"{width}\""),
    )
    .detail("PostgreSQL's time begins in 4714 BC and ends in 294276.")
    .hint("Use for example bucket => '1 year'.")
}

#[cfg(test)]
mod tests {
    use super::super::zone::Utc;
    use super::*;

    #[test]
    fn widths_become_rules_or_errors_that_say_which_there_are() {
        let rule = |months, days, micros, zone| {
            Rule::new(Width { months, days, micros }, zone, &Utc, None).map(|r| r.to_string())
        };
        assert_eq!(rule(0, 1, 0, "UTC").unwrap(), "fixed 86400000000");
        assert_eq!(rule(0, 1, 3, "UTC").unwrap(), "fixed 86400000003");
        assert_eq!(rule(0, 30, 0, "Asia/Tokyo").unwrap(), "calendar 30days@0 Asia/Tokyo");
        assert_eq!(rule(1, 0, 0, "UTC").unwrap(), "calendar month UTC");
        for (months, days, micros, zone) in [(1, 1, 0, "UTC"), (0, 1, 1, "Asia/Tokyo"), (1, 0, 1, "UTC")] {
            assert_eq!(
                rule(months, days, micros, zone).unwrap_err().sqlstate,
                SqlState::FeatureNotSupported
            );
        }
        for (months, days, micros) in [(0, 0, 0), (-1, 0, 0), (1, -1, 0), (0, i64::MAX, 0)] {
            assert_eq!(
                rule(months, days, micros, "UTC").unwrap_err().sqlstate,
                SqlState::InvalidParameterValue
            );
        }
    }
}
