//! Owns `any_order`: the level is the largest k for which some window holds each of the first k steps, in any order.
//!
//! Under `once` one event fills one step, so k steps need k events: a bipartite matching, taken only where an event
//! meets several conditions. Under `increase` all times differ: the units are the groups of equal time.

use super::ordered::{Matching, group_len};
use super::spec::{Funnel, Mode};
use super::{Event, MAX_CONDITIONS, look_for_cancel};

/// The reported times, by step: the longest list, the earliest end, the latest start, then the earliest times by step.
pub fn path(funnel: &Funnel, events: &[Event]) -> Vec<i64> {
    let units = units(funnel, events);
    let mut level = 0;
    let mut found = (0, 0);
    // How many units of the window meet each step: a bound on the level that costs nothing to keep.
    let mut meeting = [0usize; MAX_CONDITIONS];
    let mut from = 0;
    for (to, unit) in units.iter().enumerate() {
        steps_of(unit).for_each(|step| meeting[step] += 1);
        while !funnel.within(units[from].time, unit.time) {
            steps_of(&units[from]).for_each(|step| meeting[step] -= 1);
            from += 1;
        }
        let more_at_this_time = units.get(to + 1).is_some_and(|next| next.time == unit.time);
        let bound = meeting.iter().take_while(|n| **n > 0).count();
        if more_at_this_time || bound <= level {
            continue;
        }
        let here = longest(funnel, &units[from..=to]);
        if here > level {
            level = here;
            found = (from, to);
            if level == funnel.steps {
                break;
            }
        }
    }
    if level == 0 {
        return Vec::new();
    }
    let (mut from, to) = found;
    // The start moves by whole times: units of one time are equally late, and all may serve.
    loop {
        let next = from + group_len(&units[from..=to]);
        if next > to || longest(funnel, &units[next..=to]) < level {
            break;
        }
        from = next;
    }
    earliest_times(funnel, &units[from..=to], level)
}

/// The steps that a unit meets.
fn steps_of(unit: &Event) -> impl Iterator<Item = usize> {
    let mask = unit.mask;
    (0..MAX_CONDITIONS).filter(move |step| mask >> step & 1 == 1)
}

/// What can fill a step: an event, or under `increase` all events of one time.
fn units(funnel: &Funnel, events: &[Event]) -> Vec<Event> {
    let steps = u32::MAX >> (32 - funnel.steps);
    let mut units: Vec<Event> = Vec::with_capacity(events.len());
    let mut rest = events;
    while let Some(first) = rest.first() {
        let len = if funnel.mode.has(Mode::INCREASE) {
            group_len(rest)
        } else {
            1
        };
        let mask = rest[..len].iter().fold(0, |all, e| all | e.mask) & steps;
        if mask != 0 {
            units.push(Event { time: first.time, mask });
        }
        rest = &rest[len..];
    }
    units
}

/// How many of the first steps the units can fill together.
fn longest(funnel: &Funnel, units: &[Event]) -> usize {
    look_for_cancel();
    let union = units.iter().fold(0, |all, u| all | u.mask);
    let run = union.trailing_ones() as usize;
    if reuses(funnel) || units.iter().all(|u| u.mask.is_power_of_two()) {
        run
    } else {
        let masks: Vec<u32> = units.iter().map(|u| u.mask).collect();
        Matching::new(&masks).longest_run(0, run)
    }
}

/// Under `increase` times must differ, so one unit never fills two steps.
fn reuses(funnel: &Funnel) -> bool {
    funnel.mode.has(Mode::REUSE) && !funnel.mode.has(Mode::INCREASE)
}

/// For each step in turn the earliest time that leaves the other steps servable.
fn earliest_times(funnel: &Funnel, units: &[Event], level: usize) -> Vec<i64> {
    // Units of which each step's bit is kept only at that step's time, for the steps whose time is settled.
    let mut left = units.to_vec();
    let mut times = Vec::with_capacity(level);
    for step in 0..level {
        let mut candidates = units
            .iter()
            .filter(|u| u.mask >> step & 1 == 1)
            .map(|u| u.time)
            .collect::<Vec<_>>();
        candidates.dedup();
        for time in candidates {
            let settled: Vec<Event> = left
                .iter()
                .map(|u| Event {
                    mask: if u.time == time { u.mask } else { u.mask & !(1 << step) },
                    ..*u
                })
                .collect();
            if longest(funnel, &settled) >= level {
                left = settled;
                times.push(time);
                break;
            }
        }
    }
    times
}
