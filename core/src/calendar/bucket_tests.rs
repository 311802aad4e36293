//! Tests of buckets where clocks change, where a zone leaves a day out, and at the ends of time.

use super::rule::{Rule, Unit};
use super::zone::tests::{HOUR, Made, changing};
use super::zone::{Change, Utc};
use super::{DAY, END, FIRST, INFINITY, MINUS_INFINITY};

fn days(n: i64) -> Rule {
    Rule {
        unit: Unit::days(n),
        zone: "Made".into(),
    }
}

fn hours() -> Rule {
    Rule::parse("fixed 3600000000").unwrap()
}

#[test]
fn fixed_buckets_begin_at_their_own_start_and_end_before_the_next() {
    let start = |time| hours().bucket(&Utc, time).start;
    assert_eq!([0, HOUR - 1, HOUR, -1].map(start), [0, 0, HOUR, -HOUR]);
    // 2000-01-01 was a Saturday, so its week began on Monday, 1999-12-27: five days before the epoch.
    assert_eq!(
        Rule::parse("fixed 604800000000").unwrap().bucket(&Utc, 0).start,
        -5 * DAY
    );
}

#[test]
fn a_day_whose_midnight_is_skipped_ends_at_the_next_midnight() {
    // Cairo, 2024-04-26: the clock goes from 00:00 to 01:00.
    let at = 10 * DAY - 2 * HOUR;
    let zone = changing(2 * HOUR, at, 3 * HOUR);
    let day = days(1);
    assert_eq!(day.bucket(&zone, at).start, at);
    assert_eq!(day.bucket(&zone, at - 1).start, at - DAY);
    assert_eq!(day.end(&zone, at), at + 23 * HOUR, "the next midnight, not one o'clock");
    assert_eq!(day.end(&zone, at - 1), at);
    assert_eq!(day.shifted(&zone, at, 2), at + 47 * HOUR);
    assert_eq!(day.reached(&zone, at - 1, 3), [at - DAY, at, at + 23 * HOUR]);
    assert_eq!(
        day.between(&zone, at, at + 60 * HOUR, 99),
        [at, at + 23 * HOUR, at + 47 * HOUR]
    );
}

#[test]
fn a_day_whose_midnight_comes_twice_starts_at_the_second_and_holds_the_hour_before() {
    let at = 10 * DAY + 5 * HOUR;
    let zone = changing(-4 * HOUR, at, -5 * HOUR);
    let day = days(1);
    assert_eq!(day.bucket(&zone, at - HOUR).start, at);
    assert_eq!(day.bucket(&zone, at - HOUR - 1).start, at - 25 * HOUR);
    assert_eq!(day.end(&zone, at - HOUR), at + DAY);
    assert_eq!(
        day.bucket(&zone, at - HOUR).until,
        at,
        "the same bucket goes on, but this is all that is known"
    );
}

#[test]
fn a_day_from_six_holds_the_hours_that_the_clock_shows_from_six_to_six() {
    // At 02:00 the clock goes to 03:00; a day from 02:30 then begins at three.
    let zone = changing(HOUR, 10 * DAY + HOUR, 2 * HOUR);
    let day = |late: i64| Rule::parse(&format!("calendar 1days@0+{late} Made")).unwrap();
    assert_eq!(day(6 * HOUR).bucket(&zone, 10 * DAY).start, 9 * DAY + 5 * HOUR);
    assert_eq!(day(6 * HOUR).end(&zone, 10 * DAY), 10 * DAY + 4 * HOUR, "23 hours");
    assert_eq!(day(5 * HOUR / 2).end(&zone, 10 * DAY), 10 * DAY + 3 * HOUR / 2);
    let month = Rule::parse(&format!("calendar 1months@0+{} Made", 14 * DAY)).unwrap();
    assert_eq!(month.bucket(&Utc, 13 * DAY).start, -17 * DAY, "from 15 December");
    assert_eq!(month.bucket(&Utc, 14 * DAY).start, 14 * DAY);
    assert_eq!(month.end(&Utc, 14 * DAY), (31 + 14) * DAY);
}

#[test]
fn a_day_that_a_zone_leaves_out_is_no_bucket() {
    // Samoa went from 2011-12-29 24:00 to 2011-12-31 00:00.
    let at = 10 * DAY + 10 * HOUR;
    let zone = changing(-10 * HOUR, at, 14 * HOUR);
    assert_eq!(
        days(1).between(&zone, at - DAY, at + 2 * DAY, 99),
        [at - DAY, at, at + DAY]
    );
    assert_eq!(
        days(1).reached(&zone, at - 1, 3),
        [at - DAY, at],
        "two days on is the day after the gap"
    );
    assert_eq!(days(1).end(&zone, at - 1), at);
}

#[test]
fn no_bucket_begins_at_or_after_the_last_hours_of_a_clock_east_of_utc() {
    let zone = changing(4 * HOUR, 0, 4 * HOUR);
    for rule in ["calendar day Made", "calendar quarter Made", "calendar year Made"] {
        let rule = Rule::parse(rule).unwrap();
        assert_eq!(rule.at_or_after(&zone, END - 4 * HOUR), END - 4 * HOUR, "{rule}");
        assert_eq!(rule.at_or_after(&zone, END - 4 * HOUR + 1), INFINITY, "{rule}");
        assert_eq!(rule.at_or_after(&zone, END - 1), INFINITY, "{rule}");
    }
}

#[test]
fn beyond_what_postgresql_can_hold_there_is_infinity() {
    let zone = Made(
        14 * HOUR,
        vec![Change {
            at: 0,
            after: 13 * HOUR,
        }],
    );
    for rule in [
        days(1),
        days(7),
        hours(),
        Rule::parse("calendar year Made").unwrap(),
        Rule::parse("fixed 604800000000 5").unwrap(),
    ] {
        for time in [FIRST, FIRST + 1, END - 1, END - DAY] {
            let bucket = rule.bucket(&zone, time);
            assert!(
                bucket.start <= time && bucket.from <= time && time < bucket.until,
                "{rule} {time} {bucket:?}"
            );
            assert!(bucket.start == MINUS_INFINITY || bucket.start >= FIRST);
            assert!(rule.end(&zone, time) > time);
            rule.reached(&zone, time, 1000);
        }
        assert_eq!(rule.end(&zone, END - 1), INFINITY);
        assert_eq!(rule.shifted(&zone, 0, i64::from(i32::MAX) * 1_000_000), INFINITY);
        assert_eq!(rule.shifted(&zone, 0, -i64::from(i32::MAX) * 1_000_000), MINUS_INFINITY);
        assert_eq!(rule.bucket(&zone, INFINITY).start, INFINITY);
        assert_eq!(rule.at_or_after(&zone, MINUS_INFINITY), MINUS_INFINITY);
    }
}
