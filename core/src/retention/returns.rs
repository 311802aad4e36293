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

pub(super) const DAY: i64 = 86_400_000_000;

/// Number of the calendar period that a local time is in. Weeks begin on Mondays, quarters in January.
pub(super) fn period(unit: Unit, local: i64) -> i64 {
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

pub(super) fn from_start(
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
