//! Owns the tests of every search against the definition itself: all chains there are, tried one by one.

use super::spec::{Action, Funnel, Mode};
use super::{Event, level, path};
use proptest::prelude::*;

/// All chains of distinct events (any events under `reuse`) in time order within the window.
fn chains(funnel: &Funnel, events: &[Event]) -> Vec<Vec<i64>> {
    fn grow(funnel: &Funnel, events: &[Event], used: &mut Vec<usize>, all: &mut Vec<Vec<i64>>) {
        let times: Vec<i64> = used.iter().map(|i| events[*i].time).collect();
        if !used.is_empty() {
            all.push(times.clone());
        }
        if used.len() == funnel.steps {
            return;
        }
        for (i, event) in events.iter().enumerate() {
            let fits = event.mask >> used.len() & 1 == 1
                && (funnel.mode.has(Mode::REUSE) || !used.contains(&i))
                && times
                    .last()
                    .is_none_or(|t| *t < event.time || (*t == event.time && !funnel.mode.has(Mode::INCREASE)))
                && times.first().is_none_or(|t| event.time - t <= funnel.window);
            if fits {
                used.push(i);
                grow(funnel, events, used, all);
                used.pop();
            }
        }
    }
    let mut all = Vec::new();
    grow(funnel, events, &mut Vec::new(), &mut all);
    all
}

/// The chain to report, by the rule as it is written.
fn reported(all: Vec<Vec<i64>>) -> Vec<i64> {
    let start = |c: &[i64]| c.iter().min().copied();
    let end = |c: &[i64]| c.iter().max().copied();
    all.into_iter()
        .min_by(|a, b| {
            (b.len().cmp(&a.len()))
                .then(end(a).cmp(&end(b)))
                .then(start(b).cmp(&start(a)))
                .then(a.cmp(b))
        })
        .unwrap_or_default()
}

/// All chains under `strict`: between two reached steps every event repeats the first of them.
pub(super) fn strict_chains(funnel: &Funnel, events: &[Event]) -> Vec<Vec<i64>> {
    fn grow(funnel: &Funnel, events: &[Event], used: &mut Vec<usize>, all: &mut Vec<Vec<i64>>) {
        if let Some(last) = used.last() {
            all.push(used.iter().map(|i| events[*i].time).collect());
            let (last, reached) = (*last, used.len());
            for next in last + 1..events.len() {
                let fits = reached < funnel.steps
                    && events[next].mask >> reached & 1 == 1
                    && events[last + 1..next].iter().all(|e| e.mask >> (reached - 1) & 1 == 1)
                    && (events[next].time > events[last].time || !funnel.mode.has(Mode::INCREASE))
                    && events[next].time - events[used[0]].time <= funnel.window;
                if fits {
                    used.push(next);
                    grow(funnel, events, used, all);
                    used.pop();
                }
            }
        }
    }
    let mut all = Vec::new();
    for first in 0..events.len() {
        if events[first].mask & 1 == 1 {
            grow(funnel, events, &mut vec![first], &mut all);
        }
    }
    all
}

/// All ways to fill the first k steps in any order.
pub(super) fn any_order_sets(funnel: &Funnel, events: &[Event]) -> Vec<Vec<i64>> {
    fn grow(funnel: &Funnel, events: &[Event], used: &mut Vec<usize>, all: &mut Vec<Vec<i64>>) {
        let times: Vec<i64> = used.iter().map(|i| events[*i].time).collect();
        if let (Some(low), Some(high)) = (times.iter().min(), times.iter().max()) {
            if high - low > funnel.window {
                return;
            }
            all.push(times.clone());
        }
        for (i, event) in events.iter().enumerate() {
            let fits = used.len() < funnel.steps
                && event.mask >> used.len() & 1 == 1
                && (!funnel.mode.has(Mode::INCREASE) || !times.contains(&event.time))
                && (funnel.mode.has(Mode::REUSE) || !used.contains(&i));
            if fits {
                used.push(i);
                grow(funnel, events, used, all);
                used.pop();
            }
        }
    }
    let mut all = Vec::new();
    grow(funnel, events, &mut Vec::new(), &mut all);
    all
}

/// Whether an event of condition `steps + which` falls after `after` and before `before`.
fn excluded_between(funnel: &Funnel, events: &[Event], which: usize, after: i64, before: i64) -> bool {
    events
        .iter()
        .any(|e| e.mask >> (funnel.steps + which) & 1 == 1 && after < e.time && e.time < before)
}

/// Chains that no `drop_off` voids.
fn undisturbed_chains(funnel: &Funnel, events: &[Event]) -> Vec<Vec<i64>> {
    let void = |chain: &Vec<i64>| {
        funnel.exclusions.iter().enumerate().any(|(which, e)| {
            let (from, to) = (usize::from(e.from), usize::from(e.to));
            let before = if chain.len() >= to {
                chain[to - 1]
            } else {
                chain[0] + funnel.window + 1
            };
            chain.len() > from && excluded_between(funnel, events, which, chain[from - 1], before)
        })
    };
    chains(funnel, events).into_iter().filter(|c| !void(c)).collect()
}

/// The length of the furthest chain that a `remove` stopped: at each of its events, from each start, the furthest of the
/// chains that ran undisturbed until then, where it stands between the two steps. 0: none was stopped.
fn stopped(funnel: &Funnel, events: &[Event]) -> usize {
    // The furthest chain from a start whose steps lie up to `last`, undisturbed by what came before `until`.
    let furthest = |start: i64, last: i64, until: i64| {
        let seen: Vec<Event> = events
            .iter()
            .filter(|e| start <= e.time && e.time <= last)
            .map(|e| match e.time < until {
                true => *e,
                // Past `until` an event still fills a step and disturbs nothing.
                false => Event {
                    mask: e.mask & ((1 << funnel.steps) - 1),
                    ..*e
                },
            })
            .collect();
        undisturbed_chains(funnel, &seen)
            .iter()
            .filter(|c| c[0] == start)
            .map(Vec::len)
            .max()
            .unwrap_or(0)
    };
    let mut far = 0;
    for x in events {
        for s in events.iter().filter(|s| s.mask & 1 == 1 && s.time < x.time) {
            for (which, e) in funnel.exclusions.iter().enumerate() {
                let stood = furthest(s.time, x.time - 1, x.time);
                if x.time - s.time <= funnel.window
                    && x.mask >> (funnel.steps + which) & 1 == 1
                    && e.action == Action::Remove
                    && stood >= e.from.into()
                    && furthest(s.time, x.time, x.time) < e.to.into()
                {
                    far = far.max(stood);
                }
            }
        }
    }
    far
}

/// Up to 7 events of few times, so that ties and the window's edge are common.
fn events(masks: std::ops::Range<u32>) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec((0i64..9, masks).prop_map(|(time, mask)| Event { time, mask }), 0..8).prop_map(
        |mut events| {
            events.sort();
            events
        },
    )
}

pub(super) fn check(
    options: &str,
    window: i64,
    conditions: usize,
    events: &[Event],
    all: fn(&Funnel, &[Event]) -> Vec<Vec<i64>>,
) {
    let funnel = Funnel::new(window, conditions, options).unwrap();
    let expected = reported(all(&funnel, events));
    assert_eq!(path(&funnel, events), expected, "{options}: {events:?}");
    assert_eq!(level(&funnel, events), expected.len(), "{options}: {events:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn in_order(events in events(0..8), window in 0i64..9) {
        for options in ["", "increase", "reuse"] {
            check(options, window, 3, &events, chains);
        }
    }

    #[test]
    fn in_order_one_condition_each(picks in prop::collection::vec((0i64..9, 0u32..4), 0..8), window in 0i64..9) {
        let mut events: Vec<Event> = picks.iter().map(|(time, bit)| Event { time: *time, mask: 1 << bit }).collect();
        events.sort();
        check("", window, 4, &events, chains);
    }

    #[test]
    fn strict(events in events(0..8), window in 0i64..9) {
        for options in ["strict", "strict, increase"] {
            check(options, window, 3, &events, strict_chains);
        }
    }

    #[test]
    fn any_order(events in events(0..8), window in 0i64..9) {
        for options in ["any_order", "any_order, reuse", "any_order, increase"] {
            check(options, window, 3, &events, any_order_sets);
        }
    }

    #[test]
    fn drop_off(events in events(0..16), window in 0i64..9) {
        for options in ["exclude 1-2", "exclude 2-3", "exclude 1-3"] {
            check(options, window, 4, &events, undisturbed_chains);
        }
    }

    #[test]
    fn two_exclusions(events in events(0..32), window in 0i64..9) {
        check("exclude 1-3, exclude 2-3", window, 5, &events, undisturbed_chains);
        check("exclude 1-2, increase, exclude 2-3", window, 5, &events, undisturbed_chains);
    }

    #[test]
    fn remove(events in events(0..16), window in 0i64..9) {
        for options in ["exclude 1-2 remove", "exclude 2-3 remove", "exclude 1-3 remove"] {
            let funnel = Funnel::new(window, 4, options).unwrap();
            let chain = reported(undisturbed_chains(&funnel, &events));
            let stopped = stopped(&funnel, &events);
            let expected = if stopped > 0 && stopped >= chain.len() { vec![] } else { chain };
            prop_assert_eq!(path(&funnel, &events), expected, "{}: {:?}", options, &events);
        }
    }
}
