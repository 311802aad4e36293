//! Owns nesting: whether buckets of one rule are made up of whole buckets of another.

use super::rule::{Rule, Unit};
use super::zone::Zone;
use super::{DAY, MONDAY};
use crate::cancel::looking;

impl Rule {
    /// Whether each bucket of this rule lies within one bucket of `outer`. For all time where the rules alone say so; else by the
    /// clocks in [since, until), because zones may be off by half an hour, and change.
    pub fn nests(&self, zone: &dyn Zone, outer: &Rule, outer_zone: &dyn Zone, since: i64, until: i64) -> bool {
        if self == outer {
            return true;
        }
        match (self.unit, outer.unit) {
            (
                Unit::Fixed { width, shift },
                Unit::Fixed {
                    width: wide,
                    shift: begin,
                },
            ) => wide % width == 0 && (begin - shift) % width == 0,
            (
                Unit::Days { n, shift, late },
                Unit::Days {
                    n: wide,
                    shift: begin,
                    late: later,
                },
            )
            | (
                Unit::Months { n, shift, late },
                Unit::Months {
                    n: wide,
                    shift: begin,
                    late: later,
                },
            ) if self.zone == outer.zone => wide % n == 0 && (begin - shift) % n == 0 && late == later,
            // A month is made up of days, one by one.
            (Unit::Days { n, late, .. }, Unit::Months { late: later, .. }) if self.zone == outer.zone => {
                n == 1 && later % DAY == late
            }
            (Unit::Months { .. }, Unit::Days { .. }) => false,
            // Days divide by the width, or no clock can make them fit.
            (Unit::Fixed { width, .. }, Unit::Days { .. } | Unit::Months { .. }) if DAY % width != 0 => false,
            (Unit::Fixed { width, shift }, _) => {
                edges(outer, outer_zone, since, until).all(|edge| (edge - MONDAY - shift) % width == 0)
            }
            _ => edges(outer, outer_zone, since, until).all(|edge| {
                let bucket = self.bucket(zone, edge);
                bucket.from == edge || self.bucket(zone, edge - 1).start != bucket.start
            }),
        }
    }
}

/// The instants in [since, until) at which rows come into another bucket.
fn edges<'a>(rule: &'a Rule, zone: &'a dyn Zone, since: i64, until: i64) -> impl Iterator<Item = i64> + 'a {
    let mut bucket = rule.bucket(zone, since);
    looking(std::iter::from_fn(move || {
        while bucket.until < until && bucket.until > bucket.from {
            let (before, edge) = (bucket.start, bucket.until);
            bucket = rule.bucket(zone, edge);
            if bucket.start != before {
                return Some(edge);
            }
        }
        None
    }))
}

#[cfg(test)]
mod tests {
    use super::super::zone::tests::{HOUR, changing};
    use super::super::zone::{Change, Span, Utc};
    use super::*;

    struct Fixed(i64);

    impl Zone for Fixed {
        fn offset(&self, _: i64) -> i64 {
            self.0
        }

        fn next_change(&self, _: i64) -> (i64, Option<Change>) {
            (self.0, None)
        }

        fn span(&self, _: i64) -> Span {
            Span {
                offset: self.0,
                from: i64::MIN,
                until: i64::MAX,
            }
        }
    }

    fn nests(own: &str, outer: &str, zone: &dyn Zone) -> bool {
        let rule = |text| Rule::parse(text).unwrap();
        rule(own).nests(zone, &rule(outer), zone, 0, 1000 * DAY)
    }

    #[test]
    fn widths_that_compare_equal_as_intervals_are_other_buckets() {
        let zone = Fixed(-5 * HOUR);
        assert!(!nests("calendar 30days@0 Z", "calendar month Z", &zone));
        assert!(!nests("calendar month Z", "calendar 30days@0 Z", &zone));
        assert!(!nests("fixed 86400000000", "calendar day Z", &zone));
        assert!(!nests("calendar day Z", "fixed 86400000000", &zone));
        assert!(!nests("fixed 604800000000", "calendar week Z", &zone));
        assert!(
            nests("fixed 86400000000", "calendar day Z", &Utc),
            "where the clock makes them the same"
        );
    }

    #[test]
    fn days_from_six_fit_into_weeks_and_months_from_six() {
        let zone = Fixed(-5 * HOUR);
        let six = "calendar 1days@0+21600000000 Z";
        assert!(nests(six, "calendar 7days@6+21600000000 Z", &zone));
        assert!(nests(
            six,
            &format!("calendar 1months@0+{} Z", 14 * DAY + 6 * HOUR),
            &zone
        ));
        assert!(!nests(six, "calendar week Z", &zone));
        assert!(!nests(six, "calendar month Z", &zone));
        assert!(!nests("calendar day Z", six, &zone));
        assert!(nests("fixed 3600000000", six, &zone));
        assert!(!nests(
            "calendar month Z",
            &format!("calendar 3months@0+{} Z", 14 * DAY),
            &zone
        ));
    }

    #[test]
    fn hours_fit_into_days_where_the_zone_is_off_by_whole_hours() {
        assert!(nests("fixed 3600000000", "calendar day Z", &Fixed(2 * HOUR)));
        assert!(!nests(
            "fixed 3600000000",
            "calendar day Z",
            &Fixed(5 * HOUR + HOUR / 2)
        ));
        assert!(nests("fixed 1800000000", "calendar day Z", &Fixed(5 * HOUR + HOUR / 2)));
        assert!(nests(
            "fixed 3600000000 1800000000",
            "calendar day Z",
            &Fixed(5 * HOUR + HOUR / 2)
        ));
        assert!(!nests("fixed 25200000000", "calendar day Z", &Fixed(0)), "seven hours");
        // Set back from 00:01 to 23:01: an hour that begins in one day ends in another.
        let back = changing(-3 * HOUR, 10 * DAY + 3 * HOUR + HOUR / 60, -4 * HOUR);
        assert!(!nests("fixed 3600000000", "calendar day Z", &back));
        assert!(nests(
            "fixed 3600000000",
            "calendar day Z",
            &changing(-4 * HOUR, 10 * DAY + 5 * HOUR, -5 * HOUR)
        ));
    }
}
