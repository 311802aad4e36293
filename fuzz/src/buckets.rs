//! Owns the calendar: any rule under any clock at any time.

use tally_core::calendar;

/// A clock that is changed once, by a day at most: what no real zone exceeds.
struct Clock {
    before: i64,
    change: calendar::zone::Change,
}

impl calendar::zone::Zone for Clock {
    fn offset(&self, instant: i64) -> i64 {
        if instant < self.change.at {
            self.before
        } else {
            self.change.after
        }
    }

    fn next_change(&self, instant: i64) -> (i64, Option<calendar::zone::Change>) {
        (self.offset(instant), (instant < self.change.at).then_some(self.change))
    }
}

/// Rules of buckets as text, and what holds for every rule, clock and time.
pub fn buckets(data: &[u8]) {
    use calendar::rule::Rule;
    use calendar::{END, FIRST, INFINITY, MINUS_INFINITY};
    let Some((&numbers, text)) = data.split_first_chunk::<28>() else {
        return;
    };
    let number = |at: usize| i64::from_le_bytes(*numbers[at..].first_chunk().expect("eight bytes"));
    let minutes = |at: usize| i64::from(i16::from_le_bytes([numbers[at], numbers[at + 1]]) % 840) * 60_000_000;
    let (n, shift) = (number(16) >> (numbers[16] % 64), number(8) >> (numbers[8] % 64));
    let made = match text.first() {
        Some(0) => format!("fixed {n} {shift}"),
        Some(1) => format!("fixed {n}"),
        Some(2) => format!("calendar {n}days@{shift} Made"),
        Some(3) => format!("calendar {n}months@{shift} Made"),
        Some(9) => format!("calendar {n}days@{shift}+{} Made", number(0).rem_euclid(calendar::DAY)),
        Some(10) => format!(
            "calendar {n}months@{shift}+{} Made",
            number(0).rem_euclid(28 * calendar::DAY)
        ),
        Some(unit @ 4..9) => format!(
            "calendar {} Made",
            ["day", "week", "month", "quarter", "year"][usize::from(*unit) - 4]
        ),
        _ => String::from_utf8_lossy(text).into_owned(),
    };
    let Ok(rule) = Rule::parse(&made) else { return };
    assert_eq!(Rule::parse(&rule.to_string()).expect("its own text"), rule);
    let (time, at) = (number(0), number(8));
    let before = minutes(24);
    let after = (before + minutes(26)).clamp(-900 * 60_000_000, 900 * 60_000_000);
    let zone = Clock {
        before,
        change: calendar::zone::Change { at, after },
    };
    let (width, length) = (rule.width(), rule.lengths());
    assert!(
        width.is_positive() && length.0 <= length.1,
        "{rule}: {width:?} {length:?}"
    );
    for time in [time, at, at.saturating_sub(1), FIRST, END - 1, INFINITY, MINUS_INFINITY] {
        let bucket = rule.bucket(&zone, time);
        assert_eq!(rule.shifted(&zone, time, 0), bucket.start, "{rule} at {time}");
        assert_eq!(rule.shifted(&zone, time, 1), rule.end(&zone, time), "{rule} at {time}");
        if !(FIRST..END).contains(&time) {
            continue;
        }
        assert!(
            bucket.from <= time && time < bucket.until,
            "{rule} at {time}: {bucket:?}"
        );
        for other in [bucket.from, bucket.until - 1] {
            if (FIRST..END).contains(&other) {
                assert_eq!(
                    rule.bucket(&zone, other).start,
                    bucket.start,
                    "{rule} at {time} and {other}"
                );
            }
        }
        let next = rule.at_or_after(&zone, time);
        assert!(next >= time, "{rule} at {time}: {next}");
        let edge = rule.edge(&zone, time);
        assert!(edge.from <= edge.past, "{rule} at {time}: {edge:?}");
        let starts = rule.between(&zone, time, time.saturating_add(number(16).saturating_abs()), 50);
        assert!(
            starts.is_sorted_by(|a, b| a < b) && starts.len() <= 50,
            "{rule} from {time}: {starts:?}"
        );
        assert!(
            starts.iter().all(|start| *start >= time),
            "{rule} from {time}: {starts:?}"
        );
        assert!(rule.reached(&zone, time, 5).len() <= 5);
    }
}
