//! Tests of who came back: examples by hand, and the search against the rule itself.

use super::returns::*;

fn utc(time: i64) -> Moment {
    Moment { time, local: time }
}

fn ask(unit: Unit, on_or_after: bool, as_of: i64, starts: &[i64], returns: &[i64]) -> Vec<Option<bool>> {
    let moments = |times: &[i64]| times.iter().map(|t| utc(*t)).collect::<Vec<_>>();
    retained(unit, 3, on_or_after, utc(as_of), &moments(starts), &moments(returns))
}

const HOUR: i64 = DAY / 24;

#[test]
fn calendar_days_and_elapsed_days_differ() {
    // Starts at 23:00; comes back two hours later, which is day 1 by the calendar and day 0 by the clock.
    let (start, back) = (23 * HOUR, 25 * HOUR);
    assert_eq!(
        ask(Unit::Days(1), false, 10 * DAY, &[start], &[back]),
        [false, true, false, false].map(Some)
    );
    assert_eq!(
        ask(Unit::Elapsed(DAY), false, 10 * DAY, &[start], &[back]),
        [true, false, false, false].map(Some)
    );
    assert_eq!(
        ask(Unit::Days(1), true, 10 * DAY, &[start], &[start, start + 2 * DAY]),
        [true, true, true, false].map(Some)
    );
}

#[test]
fn unfinished_periods_say_nothing() {
    assert_eq!(
        ask(Unit::Days(1), false, 2 * DAY, &[HOUR], &[]),
        [Some(false), Some(false), None, None]
    );
    assert_eq!(
        ask(Unit::Days(1), false, 2 * DAY - 1, &[HOUR], &[]),
        [Some(false), None, None, None]
    );
    assert_eq!(
        ask(Unit::Elapsed(DAY), false, 2 * DAY, &[HOUR], &[]),
        [Some(false), None, None, None]
    );
    assert_eq!(ask(Unit::Days(1), false, HOUR, &[HOUR], &[]), []);
    assert_eq!(ask(Unit::Days(1), false, 9 * DAY, &[], &[HOUR]), []);
}

#[test]
fn every_start_is_a_cohort_once() {
    let [first, again, third] = [HOUR, 3 * HOUR, DAY + HOUR];
    let every = |unit, on_or_after| {
        let (mut starts, mut returns) = ([third, again, first].map(utc), [DAY + 2 * HOUR, 4 * HOUR].map(utc));
        retained_every(unit, 1, on_or_after, utc(9 * DAY), &mut starts, &mut returns).collect::<Vec<_>>()
    };
    let seen = |pair: [bool; 2]| pair.map(Some).to_vec();
    let days = [(first, seen([true, true])), (third, seen([true, false]))];
    assert_eq!(every(Unit::Days(1), false), days);
    // By the clock: the second start sees its return an hour later, and the other after 23 hours.
    let clock = [
        (first, seen([true, true])),
        (again, seen([true, false])),
        (third, seen([true, false])),
    ];
    assert_eq!(every(Unit::Elapsed(DAY), false), clock);
    assert_eq!(every(Unit::Elapsed(DAY), true), clock);
}

#[test]
fn events_before_the_start_or_after_the_asking_do_not_count() {
    assert_eq!(
        ask(Unit::Days(1), false, 2 * DAY, &[5 * HOUR], &[HOUR, 3 * DAY]),
        [Some(false), Some(false), None, None]
    );
}

/// The oracle is the plain form of the rule, over all returns of each start; local clocks may go back.
fn every_by_the_rule(
    unit: Unit,
    on_or_after: bool,
    as_of: Moment,
    starts: &[Moment],
    returns: &[Moment],
) -> Vec<(i64, Vec<Option<bool>>)> {
    let mut starts = starts.to_vec();
    starts.sort_by_key(|s| s.time);
    let (mut cohorts, mut answers) = (std::collections::BTreeSet::new(), Vec::new());
    for start in starts.into_iter().filter(|s| s.time < as_of.time) {
        let cohort = if let Unit::Elapsed(_) = unit {
            start.time
        } else {
            period(unit, start.local)
        };
        if cohorts.insert(cohort) {
            answers.push((start.time, from_start(unit, 4, on_or_after, as_of, start, returns)));
        }
    }
    answers
}

proptest::proptest! {
    #[test]
    fn every_start_by_search_is_every_start_by_the_rule(
        starts in proptest::collection::vec((0..40i64, -2..3i64), 0..30), returns in proptest::collection::vec((0..60i64, -2..3i64), 0..60),
        unit in 0..3, on_or_after: bool, as_of in 0..70i64,
    ) {
        let unit = [Unit::Elapsed(5 * HOUR), Unit::Days(1), Unit::Months(1)][unit as usize];
        let moment = |(time, shift): (i64, i64)| Moment { time: time * 4 * HOUR, local: (time * 4 + shift) * HOUR };
        let moments = |pairs: Vec<(i64, i64)>| pairs.into_iter().map(moment).collect::<Vec<_>>();
        let (mut starts, mut returns, as_of) = (moments(starts), moments(returns), moment((as_of, 0)));
        // Starts at one moment have one local time, so any of them may come first.
        starts.sort_by_key(|s| s.time);
        starts.dedup_by_key(|s| s.time);
        let rule = every_by_the_rule(unit, on_or_after, as_of, &starts, &returns);
        let every: Vec<_> = retained_every(unit, 4, on_or_after, as_of, &mut starts, &mut returns).collect();
        proptest::prop_assert_eq!(every, rule);
    }
}
