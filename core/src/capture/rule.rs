//! Owns the bucket rule: how a time becomes the start of its bucket, as the engine writes it into a trigger's arguments.
//!
//! Two forms, made by `tally._bucket_rule()`: `fixed <microseconds>` for widths that are the same at every moment, and
//! `calendar <unit> <zone>` for days and longer in a zone with its own midnights. Both equal what the definition's SQL
//! computes (`date_bin` from [`ORIGIN`], `date_trunc` with a zone).

use std::fmt;

/// Microseconds from PostgreSQL's epoch (2000-01-01 00:00 UTC, a Saturday) to the origin of fixed buckets:
/// Monday 2000-01-03 00:00 UTC, so that fixed weeks begin on Mondays as ISO weeks do.
pub const ORIGIN: i64 = 2 * 86_400_000_000;

/// A unit of the calendar, as `date_trunc` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// From midnight to midnight: 23, 24 or 25 hours.
    Day,
    /// From Monday's midnight.
    Week,
    /// From the first of the month.
    Month,
    /// From the first of January, April, July or October.
    Quarter,
    /// From the first of January.
    Year,
}

impl Unit {
    /// The unit's name in `date_trunc`.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Quarter => "quarter",
            Unit::Year => "year",
        }
    }

    /// A step in microseconds that leads from the start of any such bucket into the middle of the next one, whatever
    /// the length of either (days of 23 to 25 hours, months of 28 to 31 days, leap years).
    pub fn into_next(self) -> i64 {
        const HOUR: i64 = 3_600_000_000;
        HOUR * match self {
            Unit::Day => 36,
            Unit::Week => 252,
            Unit::Month => 45 * 24,
            Unit::Quarter => 135 * 24,
            Unit::Year => 550 * 24,
        }
    }
}

/// How a time becomes the start of its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Buckets of so many microseconds, counted from [`ORIGIN`].
    Fixed(i64),
    /// Buckets of the calendar in a named zone.
    Calendar(Unit, String),
}

/// A rule that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct BadRule(String);

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected \"fixed <microseconds>\" or \"calendar <unit> <zone>\", got \"{}\"",
            self.0
        )
    }
}

impl Rule {
    /// Reads a rule as `tally._bucket_rule()` writes it.
    pub fn parse(text: &str) -> Result<Rule, BadRule> {
        let bad = || BadRule(text.to_owned());
        let (form, rest) = text.split_once(' ').ok_or_else(bad)?;
        match form {
            "fixed" => rest
                .parse()
                .ok()
                .filter(|width| *width > 0)
                .map(Rule::Fixed)
                .ok_or_else(bad),
            "calendar" => {
                let (unit, zone) = rest.split_once(' ').ok_or_else(bad)?;
                let unit = [Unit::Day, Unit::Week, Unit::Month, Unit::Quarter, Unit::Year]
                    .into_iter()
                    .find(|u| u.name() == unit)
                    .ok_or_else(bad)?;
                Ok(Rule::Calendar(unit, zone.to_owned()))
            }
            _ => Err(bad()),
        }
    }
}

/// Start of the fixed bucket of `width` microseconds that holds `time`, both from PostgreSQL's epoch. Equals
/// `date_bin(width, time, origin)`; saturates at the ends of the representable range.
pub fn fixed_start(width: i64, time: i64) -> i64 {
    time.saturating_sub(ORIGIN)
        .div_euclid(width)
        .saturating_mul(width)
        .saturating_add(ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn fixed_buckets_begin_at_their_own_start_and_end_before_the_next() {
        assert_eq!(fixed_start(HOUR, 0), 0);
        assert_eq!(fixed_start(HOUR, HOUR - 1), 0);
        assert_eq!(fixed_start(HOUR, HOUR), HOUR);
        assert_eq!(fixed_start(HOUR, -1), -HOUR);
    }

    #[test]
    fn fixed_weeks_begin_on_monday() {
        // 2000-01-01 was a Saturday, so its week began on Monday, 1999-12-27: five days before the epoch.
        assert_eq!(fixed_start(7 * 24 * HOUR, 0), -5 * 24 * HOUR);
    }

    #[test]
    fn rules_are_read_as_written() {
        assert_eq!(Rule::parse("fixed 3600000000"), Ok(Rule::Fixed(HOUR)));
        assert_eq!(
            Rule::parse("calendar week America/Argentina/Buenos_Aires"),
            Ok(Rule::Calendar(Unit::Week, "America/Argentina/Buenos_Aires".into()))
        );
        for bad in [
            "",
            "fixed",
            "fixed 0",
            "fixed -5",
            "fixed x",
            "calendar day",
            "calendar fortnight UTC",
            "other 1",
        ] {
            assert!(Rule::parse(bad).is_err(), "{bad} was accepted");
        }
    }
}
