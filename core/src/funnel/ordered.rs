//! Owns the default search: steps in order, anything may happen between them.
//!
//! Per level only the chain with the latest start matters, because the window is measured from the start: one pass
//! over the events with one candidate per level is exact. Events of equal time are taken as a group, since the rule
//! `t1 <= t2` lets them serve in any order; under `once` a group is matched to consecutive steps event by event.

use super::spec::{Funnel, Mode};
use super::{Chain, Event, MAX_CONDITIONS, keep_best, keep_better, look_for_cancel};

/// Level by the latest start per level.
pub fn level(funnel: &Funnel, events: &[Event]) -> usize {
    const NONE: i64 = i64::MIN;
    // `start[k]` is the latest start of a chain of k steps; `reached` is the highest k with one.
    let mut start = [NONE; MAX_CONDITIONS + 1];
    let mut has = [false; MAX_CONDITIONS + 1];
    let mut reached = 0;
    let mut rest = events;
    while let Some(first) = rest.first() {
        let (group, tail) = rest.split_at(group_len(rest));
        rest = tail;
        let now = first.time;
        if group.len() == 1 && first.mask.is_power_of_two() {
            let step = first.mask.trailing_zeros() as usize;
            if step >= funnel.steps {
                continue;
            }
            let origin = if step == 0 { now } else { start[step] };
            if step == 0 || (has[step] && funnel.within(origin, now)) {
                // An older chain of this level never starts later than one that arrives now.
                start[step + 1] = origin;
                has[step + 1] = true;
                reached = reached.max(step + 1);
            }
        } else {
            look_for_cancel();
            // Downwards, so that no chain takes two turns in one group.
            for from in (0..=reached.min(funnel.steps - 1)).rev() {
                let origin = if from == 0 { now } else { start[from] };
                if from == 0 || (has[from] && funnel.within(origin, now)) {
                    let to = from + advance(funnel, group, from);
                    for level in from + 1..=to {
                        start[level] = if has[level] { start[level].max(origin) } else { origin };
                        has[level] = true;
                    }
                    reached = reached.max(to);
                }
            }
        }
        if reached == funnel.steps {
            break;
        }
    }
    reached
}

/// The reported chain.
pub fn path(funnel: &Funnel, events: &[Event]) -> Vec<i64> {
    let mut chains: [Option<Chain>; MAX_CONDITIONS + 1] = [None; MAX_CONDITIONS + 1];
    chains[0] = Some(Chain::EMPTY);
    let mut best = Chain::EMPTY;
    let mut rest = events;
    while let Some(first) = rest.first() {
        let (group, tail) = rest.split_at(group_len(rest));
        rest = tail;
        let now = first.time;
        look_for_cancel();
        for from in (0..=best.len.min(funnel.steps - 1)).rev() {
            let Some(chain) = chains[from] else { continue };
            if funnel.within(chain.start(now), now) {
                for steps in 1..=advance(funnel, group, from) {
                    let longer = chain.extended(steps, now);
                    keep_better(&mut chains[from + steps], longer);
                    keep_best(&mut best, &longer);
                }
            }
        }
        if best.len == funnel.steps {
            break;
        }
    }
    best.times().to_vec()
}

/// Number of leading events that share one time.
pub(super) fn group_len(events: &[Event]) -> usize {
    events.iter().take_while(|e| e.time == events[0].time).count()
}

/// How many steps after `from` the events of one time can fill.
pub(super) fn advance(funnel: &Funnel, group: &[Event], from: usize) -> usize {
    let union = group.iter().fold(0, |all, e| all | e.mask);
    let limit = funnel.steps - from;
    let run = ((union >> from).trailing_ones() as usize).min(limit);
    if run <= 1 || funnel.mode.has(Mode::INCREASE) {
        run.min(1)
    } else if funnel.mode.has(Mode::REUSE) {
        run
    } else {
        let masks: Vec<u32> = group.iter().map(|e| e.mask).collect();
        Matching::new(&masks).longest_run(from, run)
    }
}

/// Matching of steps to units (events, or groups of events) by augmenting paths: each unit serves one step.
pub(super) struct Matching<'a> {
    masks: &'a [u32],
    /// Step that each unit serves.
    serves: Vec<Option<usize>>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(masks: &'a [u32]) -> Self {
        Matching {
            masks,
            serves: vec![None; masks.len()],
        }
    }

    /// How many of the steps `from`, `from + 1`, … (at most `limit`) can be served together.
    pub(super) fn longest_run(&mut self, from: usize, limit: usize) -> usize {
        (from..from + limit).take_while(|step| self.serve(*step)).count()
    }

    /// Finds a unit for `step`, moving others where needed.
    pub(super) fn serve(&mut self, step: usize) -> bool {
        let mut seen = vec![false; self.masks.len()];
        self.augment(step, &mut seen)
    }

    fn augment(&mut self, step: usize, seen: &mut [bool]) -> bool {
        look_for_cancel();
        for unit in 0..self.masks.len() {
            if self.masks[unit] >> step & 1 == 1 && !seen[unit] {
                seen[unit] = true;
                let free = match self.serves[unit] {
                    None => true,
                    Some(other) => self.augment(other, seen),
                };
                if free {
                    self.serves[unit] = Some(step);
                    return true;
                }
            }
        }
        false
    }
}
