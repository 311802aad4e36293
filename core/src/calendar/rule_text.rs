//! Owns the text of a bucket rule, as the catalogue keeps it.
//!
//! `fixed <microseconds> [<microseconds after Monday 2000-01-03 00:00 UTC>]`, or `calendar <unit> <zone>`. The unit is day,
//! week, month, quarter, year, `<n>days@<days after 2000-01-03>` or `<n>months@<months after January 2000>`; the last two may be followed
//! by `+<microseconds>`: so much later by the zone's clock a bucket begins (at 06:00, on the 15th).

use std::fmt;

use super::rule::{LATEST_DAY, MOST, Rule, Unit};
use super::{DAY, INFINITY};
use crate::error::{SqlState, TallyError};

impl Rule {
    /// Reads a rule as [`Display`](fmt::Display) writes it.
    pub fn parse(text: &str) -> Result<Rule, TallyError> {
        read(text).ok_or_else(|| {
            TallyError::new(
                SqlState::InvalidParameterValue,
                format!(
                    "bucket rule expected as \"fixed <microseconds>\" or \"calendar <unit> <zone>\", got \"{text}\""
                ),
            )
            .detail("A unit is day, week, month, quarter, year, <n>days@<shift> or <n>months@<shift>, the last two also with +<microseconds>.")
            .hint("SELECT tally_internal._bucket_rule('1 day', 'Europe/Berlin');")
        })
    }
}

fn number(text: &str, least: i64, most: i64) -> Option<i64> {
    text.parse().ok().filter(|n| (least..=most).contains(n))
}

fn read(text: &str) -> Option<Rule> {
    let (form, rest) = text.split_once(' ')?;
    match form {
        "fixed" => {
            let (width, shift) = rest.split_once(' ').unwrap_or((rest, "0"));
            let width = number(width, 1, INFINITY / 4)?;
            Some(Rule {
                unit: Unit::Fixed {
                    width,
                    shift: number(shift, 0, width - 1)?,
                },
                zone: String::new(),
            })
        }
        "calendar" => {
            let (unit, zone) = rest.split_once(' ').filter(|(_, zone)| !zone.is_empty())?;
            let several = |word: &str, latest: i64| {
                let (n, rest) = unit.split_once(word)?;
                let (shift, late) = rest.split_once('+').unwrap_or((rest, "0"));
                let n = number(n, 1, MOST)?;
                Some((n, number(shift, 0, n - 1)?, number(late, 0, latest)?))
            };
            let unit = match unit {
                "day" => Unit::days(1),
                "week" => Unit::days(7),
                "month" => Unit::months(1),
                "quarter" => Unit::months(3),
                "year" => Unit::months(12),
                _ => match (
                    several("days@", DAY - 1),
                    several("months@", (LATEST_DAY + 1) * DAY - 1),
                ) {
                    (Some((n, shift, late)), _) => Unit::Days { n, shift, late },
                    (_, Some((n, shift, late))) => Unit::Months { n, shift, late },
                    _ => return None,
                },
            };
            Some(Rule {
                unit,
                zone: zone.to_owned(),
            })
        }
        _ => None,
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = &self.zone;
        match self.unit {
            Unit::Fixed { width, shift: 0 } => write!(f, "fixed {width}"),
            Unit::Fixed { width, shift } => write!(f, "fixed {width} {shift}"),
            Unit::Days { n: 1, late: 0, .. } => write!(f, "calendar day {zone}"),
            Unit::Days {
                n: 7,
                shift: 0,
                late: 0,
            } => write!(f, "calendar week {zone}"),
            Unit::Days { n, shift, late: 0 } => write!(f, "calendar {n}days@{shift} {zone}"),
            Unit::Days { n, shift, late } => write!(f, "calendar {n}days@{shift}+{late} {zone}"),
            Unit::Months { n: 1, late: 0, .. } => write!(f, "calendar month {zone}"),
            Unit::Months {
                n: 3,
                shift: 0,
                late: 0,
            } => write!(f, "calendar quarter {zone}"),
            Unit::Months {
                n: 12,
                shift: 0,
                late: 0,
            } => write!(f, "calendar year {zone}"),
            Unit::Months { n, shift, late: 0 } => write!(f, "calendar {n}months@{shift} {zone}"),
            Unit::Months { n, shift, late } => write!(f, "calendar {n}months@{shift}+{late} {zone}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_written() {
        for text in [
            "fixed 3600000000",
            "fixed 3600000000 1800000000",
            "calendar day Europe/Berlin",
            "calendar week America/Argentina/Buenos_Aires",
            "calendar 7days@6 Europe/Berlin",
            "calendar quarter UTC",
            "calendar 5months@4 UTC",
            "calendar 1days@0+21600000000 Europe/Berlin",
            "calendar 7days@6+1 Europe/Berlin",
            "calendar 1months@0+1209600000000 UTC",
        ] {
            assert_eq!(Rule::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "",
            "fixed",
            "fixed 0",
            "fixed -5",
            "fixed x",
            "fixed 10 10",
            "fixed 10 -1",
            "calendar day",
            "calendar day ",
            "calendar fortnight UTC",
            "calendar 0days@0 UTC",
            "calendar 2days@2 UTC",
            "calendar 1days@0+86400000000 UTC",
            "calendar 1days@0+-1 UTC",
            "calendar 1months@0+2419200000000 UTC",
            "calendar day+5 UTC",
            "calendar 99999999999999999999days@0 UTC",
            "other 1",
        ] {
            assert!(Rule::parse(bad).is_err(), "{bad} was accepted");
        }
    }
}
