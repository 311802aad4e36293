//! Owns retention: whether an actor who started is seen again n periods later.
//!
//! The cohort is the period of the actor's first start. Period n is that many periods on: by the calendar of a zone, or in
//! whole widths from the moment of the start. A period counts only when it is wholly past at `as_of`; before, nothing is
//! said about it, so an unfinished day never shows as loss. Events from `as_of` on are not yet known.

use crate::calendar::civil::month_of;
use crate::cancel::look;

/// The unit that periods are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds from the start's moment.
    Elapsed(i64),
    /// Days of the calendar.
    Days(i64),
    /// Months of the calendar.
    Months(i64),
}

/// An event of an actor: its time, and its wall-clock time where a calendar rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds.
    pub time: i64,
    /// Microseconds of the local clock.
    pub local: i64,
}

const DAY: i64 = 86_400_000_000;

/// Number of the calendar period that a local time is in. Weeks begin on Mondays, quarters in January.
fn period(unit: Unit, local: i64) -> i64 {
    let days = local.div_euclid(DAY);
    match unit {
        Unit::Elapsed(width) => local.div_euclid(width),
        // Day 0 is Saturday, 2000-01-01; the first Monday is day 2.
        Unit::Days(width) => (days - 2).div_euclid(width),
        Unit::Months(width) => month_of(days).div_euclid(width),
    }
}

/// For periods 0 to `periods`: seen again or not, `None` while the period is not wholly past. Empty without a start.
///
/// `on_or_after` asks for any later period too; what counts as seen are events at or after the start itself.
pub fn retained(
    unit: Unit,
    periods: usize,
    on_or_after: bool,
    as_of: Moment,
    starts: &[Moment],
    returns: &[Moment],
) -> Vec<Option<bool>> {
    let first = starts.iter().filter(|s| s.time < as_of.time).min_by_key(|s| s.time);
    first.map_or_else(Vec::new, |start| {
        from_start(unit, periods, on_or_after, as_of, *start, returns)
    })
}

/// The same for every start: an actor is in the cohort of each period in which they started, with the period's first start;
/// by the clock each start is a cohort of its own. Sorts both. Answers one start at a time, because all of them may be many:
/// starts times periods.
pub fn retained_every<'a>(
    unit: Unit,
    periods: usize,
    on_or_after: bool,
    as_of: Moment,
    starts: &'a mut [Moment],
    returns: &'a mut [Moment],
) -> impl Iterator<Item = (i64, Vec<Option<bool>>)> + 'a {
    sort(starts);
    sort(returns);
    let known = &returns[..returns.partition_point(|r| r.time < as_of.time)];
    let calendar = Calendar::of(unit, known);
    let mut cohorts = std::collections::BTreeSet::new();
    starts
        .iter()
        .take_while(move |s| s.time < as_of.time)
        .filter_map(move |start| {
            look();
            let cohort = match unit {
                Unit::Elapsed(_) => start.time,
                _ => period(unit, start.local),
            };
            cohorts.insert(cohort).then(|| {
                let seen = match unit {
                    Unit::Elapsed(width) => elapsed(width, periods, on_or_after, start.time, known),
                    _ => calendar.seen(cohort, periods, on_or_after, start.time),
                };
                (start.time, judged(past(unit, as_of, start), &seen))
            })
        })
}

/// Sorts by time, and looks for a cancel between the parts of many.
fn sort(moments: &mut [Moment]) {
    crate::cancel::sort_by(moments, |a, b| a.time.cmp(&b.time));
}

/// Seen in each whole width from the start, of returns in order of time: a search for each period, so that many returns to many
/// starts are not looked through one by one.
fn elapsed(width: i64, periods: usize, on_or_after: bool, start: i64, returns: &[Moment]) -> Vec<bool> {
    let at = |n: usize| {
        let from = i64::try_from(n)
            .ok()
            .and_then(|n| n.checked_mul(width))
            .and_then(|n| start.checked_add(n));
        from.map_or(returns.len(), |from| returns.partition_point(|r| r.time < from))
    };
    let mut from = at(0);
    (0..=periods)
        .map(|n| {
            look();
            let until = if on_or_after { returns.len() } else { at(n + 1) };
            let seen = from < until;
            from = at(n + 1);
            seen
        })
        .collect()
}

/// Returns by the period of a calendar that they lie in.
struct Calendar {
    /// For each period the time of its last return. Local clocks go back, so a period's returns need not lie together.
    last: std::collections::BTreeMap<i64, i64>,
    /// The times of the returns, ascending, each with the least and the greatest period of it and all later ones.
    ahead: Vec<(i64, i64, i64)>,
}

impl Calendar {
    fn of(unit: Unit, returns: &[Moment]) -> Calendar {
        let mut calendar = Calendar {
            last: std::collections::BTreeMap::new(),
            ahead: Vec::new(),
        };
        if matches!(unit, Unit::Elapsed(_)) {
            return calendar;
        }
        let (mut least, mut greatest) = (i64::MAX, i64::MIN);
        for (i, event) in returns.iter().rev().enumerate() {
            if i % 4096 == 0 {
                look();
            }
            let n = period(unit, event.local);
            calendar.last.entry(n).or_insert(event.time);
            (least, greatest) = (least.min(n), greatest.max(n));
            calendar.ahead.push((event.time, least, greatest));
        }
        calendar.ahead.reverse();
        calendar
    }

    /// Seen in each period from the cohort's, by returns at or after the start. What the clock put before it counts for period 0.
    fn seen(&self, cohort: i64, periods: usize, on_or_after: bool, start: i64) -> Vec<bool> {
        let ahead = self.ahead.get(self.ahead.partition_point(|(time, ..)| *time < start));
        if on_or_after {
            let greatest = ahead.map(|(_, _, greatest)| (greatest - cohort).max(0));
            return (0..=periods)
                .map(|n| greatest.is_some_and(|greatest| n as i64 <= greatest))
                .collect();
        }
        let mut seen: Vec<bool> = (0..=periods as i64)
            .map(|n| {
                self.last
                    .get(&cohort.saturating_add(n))
                    .is_some_and(|last| *last >= start)
            })
            .collect();
        seen[0] |= ahead.is_some_and(|(_, least, _)| *least < cohort);
        seen
    }
}

/// Number of the period that the asking falls into: those before it are wholly past.
fn past(unit: Unit, as_of: Moment, start: &Moment) -> i64 {
    match unit {
        Unit::Elapsed(width) => as_of.time.saturating_sub(start.time).div_euclid(width),
        _ => period(unit, as_of.local) - period(unit, start.local),
    }
}

fn judged(past: i64, seen: &[bool]) -> Vec<Option<bool>> {
    seen.iter()
        .enumerate()
        .map(|(n, seen)| ((n as i64) < past).then_some(*seen))
        .collect()
}

fn from_start(
    unit: Unit,
    periods: usize,
    on_or_after: bool,
    as_of: Moment,
    start: Moment,
    returns: &[Moment],
) -> Vec<Option<bool>> {
    let number = |moment: &Moment| match unit {
        Unit::Elapsed(width) => moment.time.saturating_sub(start.time).div_euclid(width),
        _ => period(unit, moment.local) - period(unit, start.local),
    };
    let mut seen = vec![false; periods + 1];
    for (i, event) in returns.iter().enumerate() {
        if i % 4096 == 0 {
            look();
        }
        if event.time < start.time || as_of.time <= event.time {
            continue;
        }
        let n = number(event).max(0) as usize;
        if on_or_after {
            seen[..=n.min(periods)].fill(true);
        } else if n <= periods {
            seen[n] = true;
        }
    }
    judged(past(unit, as_of, &start), &seen)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
