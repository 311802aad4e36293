//! Owns cron schedules: how one is read from text, and when it came up last.
//!
//! The text is what pg_cron and crontab take: five fields (minute, hour, day, month, weekday), a name for five such (`@daily`), or a
//! number of seconds. Times are of UTC, as pg_cron reads them.

use chrono::{DateTime, Datelike};

const DAY: i64 = 86_400;
/// How many days back a schedule is looked for: 29 February comes every eighth year at the rarest.
const FARTHEST: i64 = 3_000;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What pg_cron and crontab call some schedules.
const NAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// A schedule, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// `30 seconds`.
    Seconds(i64),
    /// `*/5 * * * *`.
    Fields(Fields),
}

/// The five fields, each as the set of its values: bit n stands for the value n.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    /// `$`: the last day of the month.
    last_day: bool,
    months: u64,
    weekdays: u64,
    /// Day and weekday are both restricted, and then either will do, as cron has it.
    either: bool,
}

/// What one field takes: its name in errors, its bounds, and names for its values.
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

/// More than any schedule needs.
const LONGEST: usize = 1000;

/// Reads a schedule; the error says what was wrong, in the words "expected …, got …".
pub fn parse(text: &str) -> Result<Schedule, String> {
    // Megabytes would be read for seconds, and nobody means them.
    if text.len() > LONGEST {
        return Err(format!("expected {LONGEST} bytes at most, got {}", text.len()));
    }
    let text = NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map_or(text, |(_, fields)| fields);
    if let Some(number) = text.strip_suffix(" seconds") {
        return match number.parse::<i64>() {
            Ok(n) if (1..60).contains(&n) && !number.starts_with(['0', '+']) => Ok(Schedule::Seconds(n)),
            _ => Err(format!("expected 1 to 59 seconds, got \"{number}\"")),
        };
    }
    let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let [minute, hour, day, month, weekday] = words.as_slice() else {
        return Err(format!("expected five fields, got {}", words.len()));
    };
    let plain = |name, low, high| Field {
        name,
        low,
        high,
        names: &[],
    };
    let month_field = Field {
        names: &MONTHS,
        ..plain("month", 1, 12)
    };
    let weekday_field = Field {
        names: &WEEKDAYS,
        ..plain("weekday", 0, 7)
    };
    let last_day = day.split(',').any(|item| item == "$");
    let numbers: Vec<&str> = day.split(',').filter(|item| *item != "$").collect();
    let mut weekdays = weekday_field.read(weekday)?;
    // 7 is Sunday too.
    weekdays |= weekdays >> 7 & 1;
    let fields = Fields {
        minutes: plain("minute", 0, 59).read(minute)?,
        hours: plain("hour", 0, 23).read(hour)?,
        days: match numbers.is_empty() {
            true => 0,
            false => plain("day", 1, 31).read(&numbers.join(","))?,
        },
        last_day,
        months: month_field.read(month)?,
        weekdays,
        either: !day.starts_with('*') && !weekday.starts_with('*'),
    };
    // From an end of a year that is followed by a leap year: whatever day there is comes before it.
    let schedule = Schedule::Fields(fields);
    match schedule.before(DateTime::UNIX_EPOCH.timestamp(), 1) {
        Some(_) => Ok(schedule),
        None => Err(format!("expected a day that comes, got day {day} of month {month}")),
    }
}

impl Field {
    /// The set of values that a comma-separated list of `*`, numbers, ranges and steps names.
    fn read(&self, list: &str) -> Result<u64, String> {
        list.split(',').try_fold(0, |set, item| Ok(set | self.item(item)?))
    }

    fn item(&self, item: &str) -> Result<u64, String> {
        let bad = || {
            let (name, low, high) = (self.name, self.low, self.high);
            format!("expected a {name} from {low} to {high}, a range, a step or *, got \"{item}\"")
        };
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, number(step).filter(|n| *n > 0).ok_or_else(bad)?),
            None => (item, 1),
        };
        let value = |word: &str| {
            let named = self.names.iter().position(|name| word.eq_ignore_ascii_case(name));
            let value = named
                .and_then(|at| u32::try_from(at).ok())
                .map(|at| at + u32::from(self.low == 1));
            value
                .or_else(|| number(word))
                .filter(|n| (self.low..=self.high).contains(n))
                .ok_or_else(bad)
        };
        let (low, high) = match range.split_once('-') {
            _ if range == "*" => (self.low, self.high),
            Some((low, high)) => (value(low)?, value(high)?),
            // cron takes no notice of a step behind a single number.
            None => (value(range)?, value(range)?),
        };
        if low > high {
            return Err(bad());
        }
        Ok((low..=high).step_by(step as usize).fold(0, |set, n| set | 1 << n))
    }
}

/// A number of one or two digits and nothing else.
fn number(word: &str) -> Option<u32> {
    let digits = !word.is_empty() && word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}

impl Schedule {
    /// The moment of the `beats`-th last time at or before `at`, in seconds since 1970; none where it lies too far back.
    pub fn before(&self, at: i64, beats: u32) -> Option<i64> {
        match self {
            Schedule::Seconds(n) => at
                .checked_sub(at.rem_euclid(*n))?
                .checked_sub(i64::from(beats.checked_sub(1)?) * n),
            Schedule::Fields(fields) => fields.before(at, beats),
        }
    }
}

impl Fields {
    fn before(&self, at: i64, beats: u32) -> Option<i64> {
        let mut left = beats;
        let today = at.div_euclid(DAY);
        for day in (today.checked_sub(FARTHEST)?..=today).rev() {
            if !self.has_day(day)? {
                continue;
            }
            let latest = if day == today {
                at.rem_euclid(DAY) / 60
            } else {
                DAY / 60
            };
            for minute in (0..=latest.min(DAY / 60 - 1)).rev() {
                if self.hours >> (minute / 60) & 1 == 1 && self.minutes >> (minute % 60) & 1 == 1 {
                    left = left.checked_sub(1)?;
                    if left == 0 {
                        return Some(day * DAY + minute * 60);
                    }
                }
            }
        }
        None
    }

    /// Whether the schedule comes up on a day, counted since 1970.
    fn has_day(&self, day: i64) -> Option<bool> {
        let date = DateTime::from_timestamp(day.checked_mul(DAY)?, 0)?;
        let tomorrow = DateTime::from_timestamp(day.checked_add(1)?.checked_mul(DAY)?, 0)?;
        let of_month = self.days >> date.day() & 1 == 1 || (self.last_day && tomorrow.day() == 1);
        let of_week = self.weekdays >> date.weekday().num_days_from_sunday() & 1 == 1;
        let fits = if self.either {
            of_month || of_week
        } else {
            of_month && of_week
        };
        Some(fits && self.months >> date.month() & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(schedule: &str, at: &str, beats: u32) -> String {
        let at = DateTime::parse_from_rfc3339(at).unwrap().timestamp();
        let found = parse(schedule)
            .unwrap()
            .before(at, beats)
            .and_then(|at| DateTime::from_timestamp(at, 0));
        found.map_or("none".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string())
    }

    #[test]
    fn a_schedule_of_megabytes_is_refused_unread() {
        let error = parse(&"1 ".repeat(4_000_000)).expect_err("too long");
        assert_eq!(error, "expected 1000 bytes at most, got 8000000");
    }

    #[test]
    fn the_last_beats_by_hand() {
        // 2026-03-01 is a Sunday.
        let at = "2026-03-01T12:07:30Z";
        assert_eq!(before("* * * * *", at, 1), "2026-03-01 12:07:00");
        assert_eq!(before("* * * * *", at, 3), "2026-03-01 12:05:00");
        assert_eq!(before("*/5 * * * *", at, 1), "2026-03-01 12:05:00");
        assert_eq!(before("*/5 * * * *", at, 2), "2026-03-01 12:00:00");
        assert_eq!(before("30 2 * * *", at, 1), "2026-03-01 02:30:00");
        assert_eq!(before("30 2 * * *", "2026-03-01T02:29:59Z", 1), "2026-02-28 02:30:00");
        assert_eq!(before("0 9 * * mon-fri", at, 1), "2026-02-27 09:00:00");
        assert_eq!(before("0 0 29 2 *", at, 1), "2024-02-29 00:00:00");
        assert_eq!(before("0 12 $ * *", at, 1), "2026-02-28 12:00:00");
        // Either the 13th or a Friday.
        assert_eq!(before("0 0 13 * 5", at, 1), "2026-02-27 00:00:00");
        assert_eq!(before("0 0 13 * 5", at, 3), "2026-02-13 00:00:00");
        assert_eq!(before("0 0 * * 7", at, 1), before("0 0 * * 0", at, 1));
        assert_eq!(before("15,45 8-18/2 * * *", at, 1), "2026-03-01 10:45:00");
        assert_eq!(before("@hourly", at, 1), "2026-03-01 12:00:00");
        assert_eq!(before("@daily", at, 2), "2026-02-28 00:00:00");
        assert_eq!(before("@weekly", at, 2), "2026-02-22 00:00:00");
        assert_eq!(before("@monthly", at, 2), "2026-02-01 00:00:00");
        assert_eq!(before("@annually", at, 2), "2025-01-01 00:00:00");
        assert_eq!(before("30 seconds", at, 1), "2026-03-01 12:07:30");
        assert_eq!(before("30 seconds", at, 3), "2026-03-01 12:06:30");
    }

    #[test]
    fn what_is_no_schedule_is_refused_in_words() {
        for bad in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "1- * * * *",
            "1,,2 * * * *",
            "* * * abc *",
            "* * * * june",
            "0 0 30 2 *",
            "0 seconds",
            "60 seconds",
            "1.5 seconds",
            "01 seconds",
            "@reboot",
            "@Daily",
            "@daily ",
            "* * * * *\n* * * * *",
            "+5 * * * *",
        ] {
            let error = parse(bad).expect_err(bad);
            assert!(error.contains("expected") && error.contains("got"), "{bad}: {error}");
        }
    }
}
