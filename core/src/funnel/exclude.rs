//! Owns funnels with exclusions: events that must not occur after step i and before step j.
//!
//! A chain of more than i steps is void when an excluded event falls after its step i and before its step j, or, where
//! it never reaches j, before the end of its window: the actor stops at i (`drop_off`). `remove` stops the chain just the
//! same, and the actor leaves the funnel when no chain that ran undisturbed is longer than the stopped one was. So a
//! finished conversion is never undone. An excluded event at the very time of step i or step j is not between them.
//!
//! An excluded event voids prefixes, so the latest start no longer stands for all others: each start is searched by
//! itself, over the events of its window.

use super::ordered::{advance, group_len};
use super::spec::{Action, Exclusion, Funnel};
use super::{Chain, Event, MAX_CONDITIONS, keep_best, look_for_cancel};

type Chains = [Option<Chain>; MAX_CONDITIONS + 1];

/// The reported chain, empty where the actor is removed.
pub fn path(funnel: &Funnel, events: &[Event]) -> Vec<i64> {
    let mut best = Chain::EMPTY;
    // The length of the furthest chain that a `remove` stopped.
    let mut removed = 0;
    let mut rest = events;
    while !rest.is_empty() {
        look_for_cancel();
        let len = group_len(rest);
        if rest[..len].iter().any(|e| e.mask & 1 == 1) {
            let (chain, stopped) = from_start(funnel, rest);
            keep_best(&mut best, &chain);
            removed = removed.max(stopped);
        }
        rest = &rest[len..];
    }
    if removed > 0 && removed >= best.len {
        return Vec::new();
    }
    best.times().to_vec()
}

/// The best chain that starts at the time of the first event, and the length of the furthest one that a `remove`
/// stopped (0: none).
fn from_start(funnel: &Funnel, events: &[Event]) -> (Chain, usize) {
    let start = events[0].time;
    let mut removed = 0;
    let mut chains: Chains = [None; MAX_CONDITIONS + 1];
    // Chains that an excluded event stopped. They go no further, but a wider exclusion may still cut them.
    let mut halted: Chains = [None; MAX_CONDITIONS + 1];
    let mut rest = events;
    while let Some(first) = rest.first() {
        let now = first.time;
        if !funnel.within(start, now) {
            break;
        }
        look_for_cancel();
        let (group, tail) = rest.split_at(group_len(rest));
        rest = tail;
        let excluded = group.iter().fold(0, |all, e| all | e.mask) >> funnel.steps;
        let struck: Vec<Exclusion> = funnel
            .exclusions
            .iter()
            .enumerate()
            .filter(|(i, _)| excluded >> i & 1 == 1)
            .map(|(_, e)| *e)
            .collect();
        let gain = |from: usize| {
            if from == funnel.steps {
                0
            } else {
                advance(funnel, group, from)
            }
        };
        // The exclusion that cuts a chain which stood at `from` and now stands at `to`.
        let cut = |from: usize, to: usize| {
            let between = |e: &&Exclusion| (usize::from(e.from)..usize::from(e.to)).contains(&from) && to < e.to.into();
            struck.iter().filter(between).map(|e| usize::from(e.from)).min()
        };
        if let Some(standing) = chains.iter().rposition(Option::is_some) {
            let after = standing + gain(standing);
            let removes = |e: &Exclusion| {
                e.action == Action::Remove
                    && (usize::from(e.from)..e.to.into()).contains(&standing)
                    && after < e.to.into()
            };
            if struck.iter().any(removes) {
                removed = removed.max(standing);
            }
        }
        let mut next: Chains = [None; MAX_CONDITIONS + 1];
        let mut next_halted: Chains = [None; MAX_CONDITIONS + 1];
        let mut keep_cut = |chain: Chain, at: usize| keep_earlier(&mut next_halted[at], Chain { len: at, ..chain });
        for chain in halted.iter().flatten() {
            keep_cut(*chain, cut(chain.len, chain.len).unwrap_or(chain.len));
        }
        let first_chain = (now == start).then_some(Chain::EMPTY);
        for chain in first_chain.iter().chain(chains.iter().flatten()) {
            for steps in 0..=gain(chain.len) {
                let to = chain.len + steps;
                match cut(chain.len, to) {
                    Some(at) => keep_cut(*chain, at),
                    None if to > 0 => keep_earlier(&mut next[to], chain.extended(steps, now)),
                    None => {}
                }
            }
        }
        (chains, halted) = (next, next_halted);
    }
    let mut best = Chain::EMPTY;
    for chain in chains.iter().chain(&halted).flatten() {
        keep_best(&mut best, chain);
    }
    (best, removed)
}

/// Keeps one of two chains of the same start and length: the one that ends earlier, then the one with the earlier middle steps.
fn keep_earlier(slot: &mut Option<Chain>, chain: Chain) {
    let end = |c: &Chain| c.times[c.len - 1];
    match slot {
        Some(old) if (end(old), old.times()) <= (end(&chain), chain.times()) => {}
        _ => *slot = Some(chain),
    }
}
