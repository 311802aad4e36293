//! Owns the bucket rule: what kinds of buckets there are, and which one a width asks for.

pub use super::width::Width;
use super::zone::Zone;
use super::{DAY, INFINITY, MINUS_INFINITY, MONDAY, SECOND, civil, clamp, is_finite};
use crate::error::{SqlState, TallyError};

/// Most days and months of a bucket: more than all of time has.
pub(super) const MOST: i64 = 200_000_000;

/// How late in a month a bucket can begin: every month has 28 days.
pub(super) const LATEST_DAY: i64 = 27;

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
        /// How long after midnight a bucket begins, by the zone's clock.
        late: i64,
    },
    /// Months of a zone's calendar; `shift` is in months from January 2000.
    Months {
        /// How many a bucket has.
        n: i64,
        /// See above.
        shift: i64,
        /// How long after the first midnight of its month a bucket begins, by the zone's clock.
        late: i64,
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
        let unit = match (months, days, micros) {
            (0, n, 0) => Unit::days(n),
            (n, 0, 0) => Unit::months(n),
            _ => {
                return Err(TallyError::new(
                    SqlState::FeatureNotSupported,
                    format!("bucket \"{width}\" does not divide the calendar of zone \"{zone_name}\""),
                )
                .detail("A bucket is a fixed width (hours and less), or whole days, or whole months by the zone's clock. In UTC days have a fixed width too.")
                .hint("Use for example bucket => '1 day' or bucket => '1 month', and merge further in a query."));
            }
        };
        Ok(Rule {
            unit: match origin {
                Some(origin) => unit.beginning(width, zone_name, zone, origin)?,
                None => unit,
            },
            zone: zone_name.to_owned(),
        })
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
    /// So many days, counted from Monday 2000-01-03.
    pub fn days(n: i64) -> Unit {
        Unit::Days { n, shift: 0, late: 0 }
    }

    /// So many months, counted from January 2000.
    pub fn months(n: i64) -> Unit {
        Unit::Months { n, shift: 0, late: 0 }
    }

    /// How long after the midnight of its first day (of its month) a bucket begins, by the zone's clock.
    pub fn late(self) -> i64 {
        match self {
            Unit::Days { late, .. } | Unit::Months { late, .. } => late,
            Unit::Fixed { .. } => 0,
        }
    }

    /// The unit with a bucket that begins at an instant. Errors say at which none can begin.
    pub fn beginning(self, width: Width, zone_name: &str, zone: &dyn Zone, origin: i64) -> Result<Unit, TallyError> {
        let local = if is_finite(origin) { zone.local(origin) } else { origin };
        let (day, month) = (local.div_euclid(DAY), civil::month_of(local.div_euclid(DAY)));
        // A midnight that the clock skips is where the day starts all the same.
        let skipped = is_finite(local) && clamp(zone.instant(day * DAY).into()) == origin;
        let time = if skipped { 0 } else { local.rem_euclid(DAY) };
        match self {
            Unit::Days { n, .. } if is_finite(local) => Ok(Unit::Days {
                n,
                shift: (day - MONDAY / DAY).rem_euclid(n),
                late: time,
            }),
            Unit::Months { n, .. } if is_finite(local) && day - civil::first_day_of(month) <= LATEST_DAY => {
                Ok(Unit::Months {
                    n,
                    shift: month.rem_euclid(n),
                    late: (day - civil::first_day_of(month)) * DAY + time,
                })
            }
            fixed @ Unit::Fixed { .. } => Ok(fixed),
            _ => Err(TallyError::new(
                SqlState::InvalidParameterValue,
                format!(
                    "origin of buckets of {width} must be {} in {zone_name}, got {}",
                    if let Unit::Months { .. } = self {
                        "a time on one of the first 28 days of a month"
                    } else {
                        "a finite time"
                    },
                    match origin {
                        INFINITY => "infinity".into(),
                        MINUS_INFINITY => "-infinity".into(),
                        _ => local_text(local),
                    }
                ),
            )
            .detail("A bucket begins at the origin, and each other one at that time of its day, or on that day of its month.")
            .hint(format!(
                "Use for example origin => '{} {zone_name}'.",
                local_text(if is_finite(local) { civil::first_day_of(month) * DAY } else { 0 })
            ))),
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

    #[test]
    fn an_origin_says_at_which_time_of_the_day_and_on_which_day_of_the_month_buckets_begin() {
        let rule = |months, days, origin| {
            Rule::new(
                Width {
                    months,
                    days,
                    micros: 0,
                },
                "Z",
                &Utc,
                Some(origin),
            )
            .map(|r| r.to_string())
        };
        let six = 6 * 3600 * SECOND;
        assert_eq!(rule(0, 1, 20 * DAY + six).unwrap(), "calendar 1days@0+21600000000 Z");
        assert_eq!(rule(0, 7, MONDAY).unwrap(), "calendar week Z");
        assert_eq!(
            rule(0, 7, MONDAY + 8 * DAY + six).unwrap(),
            "calendar 7days@1+21600000000 Z"
        );
        // 2000-01-15, 2000-02-28 at six; the 29th is not a day of every month.
        assert_eq!(rule(1, 0, 14 * DAY).unwrap(), "calendar 1months@0+1209600000000 Z");
        assert_eq!(
            rule(3, 0, 58 * DAY + six).unwrap(),
            "calendar 3months@1+2354400000000 Z"
        );
        for origin in [59 * DAY, 59 * DAY + six, INFINITY, MINUS_INFINITY] {
            assert_eq!(
                rule(1, 0, origin).unwrap_err().sqlstate,
                SqlState::InvalidParameterValue
            );
        }
    }
}
