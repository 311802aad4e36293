//! Owns funnels: how far an actor came through a list of steps, by which events, and what many actors add up to.
//!
//! The level of an actor is the largest k for which events e1…ek exist with e_i matching step i, t1 <= t2 <= … <= tk
//! and tk - t1 <= window. Everything here is plain code over sorted events.
//!
//! * [`spec`]: window, steps, modes and exclusions, and their text form;
//! * [`events`]: the packed state that gathers an actor's events; [`gathered`]: the same as a stored value;
//! * [`ordered`]: the default search (latest start per level, O(events × steps));
//! * [`strict`], [`any_order`], [`exclude`]: the searches of the other modes;
//! * [`counts`]: what many actors add up to;
//! * [`sequence`]: patterns over the same events.

pub mod any_order;
pub mod counting;
pub mod counts;
pub mod events;
#[cfg(test)]
mod events_tests;
pub mod exclude;
pub mod gathered;
#[cfg(test)]
mod known_tests;
pub mod ordered;
mod pattern;
#[cfg(test)]
mod reference;
pub mod sequence;
pub mod spec;
pub mod strict;

use spec::{Funnel, Mode};

/// Most conditions (steps and exclusions together) of one funnel: they are the bits of a mask.
pub const MAX_CONDITIONS: usize = 32;

/// One event of an actor: when, and which conditions it meets (bit i is condition i + 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Microseconds, as PostgreSQL counts them.
    pub time: i64,
    /// Conditions met, lowest bit first.
    pub mask: u32,
}

/// A chain under construction: the times of the steps reached so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    times: [i64; MAX_CONDITIONS],
    len: usize,
}

impl Chain {
    const EMPTY: Chain = Chain {
        times: [0; MAX_CONDITIONS],
        len: 0,
    };

    fn times(&self) -> &[i64] {
        &self.times[..self.len]
    }

    /// Time of the first step, or `now` where none is reached yet.
    fn start(&self, now: i64) -> i64 {
        if self.len == 0 { now } else { self.times[0] }
    }

    /// The chain with `steps` further steps, all at `time`.
    fn extended(mut self, steps: usize, time: i64) -> Chain {
        self.times[self.len..self.len + steps].fill(time);
        self.len += steps;
        self
    }

    /// Whether this chain is to be reported rather than `other`, both of one length and one end: the latest start,
    /// then the earliest middle steps.
    fn beats(&self, other: &Chain) -> bool {
        match self.times[0].cmp(&other.times[0]) {
            std::cmp::Ordering::Equal => self.times() < other.times(),
            order => order.is_gt(),
        }
    }
}

/// Keeps the better of the chain in `slot` and `chain`.
pub(crate) fn keep_better(slot: &mut Option<Chain>, chain: Chain) {
    if slot.as_ref().is_none_or(|old| chain.beats(old)) {
        *slot = Some(chain);
    }
}

/// The chain to report while events go by: the longest, then the earliest end, then [`Chain::beats`].
pub(crate) fn keep_best(best: &mut Chain, chain: &Chain) {
    let end = |c: &Chain| c.times[c.len - 1];
    if chain.len > best.len
        || (chain.len == best.len
            && chain.len > 0
            && (end(chain) < end(best) || (end(chain) == end(best) && chain.beats(best))))
    {
        *best = *chain;
    }
}

pub(crate) use crate::cancel::look as look_for_cancel;

/// Level of an actor: how many steps were reached. `events` must be sorted.
pub fn level(funnel: &Funnel, events: &[Event]) -> usize {
    if funnel.mode.is_plain() && funnel.exclusions.is_empty() {
        ordered::level(funnel, events)
    } else {
        path(funnel, events).len()
    }
}

/// The reported chain: the time of each reached step. `events` must be sorted.
///
/// The longest chain; among those the one with the earliest end, then the latest start, then the earliest middle steps.
pub fn path(funnel: &Funnel, events: &[Event]) -> Vec<i64> {
    if !funnel.exclusions.is_empty() {
        exclude::path(funnel, events)
    } else if funnel.mode.has(Mode::ANY_ORDER) {
        any_order::path(funnel, events)
    } else if funnel.mode.has(Mode::STRICT) {
        strict::path(funnel, events)
    } else if funnel.mode.has(Mode::STRICT_ORDER) || funnel.mode.has(Mode::STRICT_DEDUPLICATION) {
        strict::clickhouse_path(funnel, events)
    } else {
        ordered::path(funnel, events)
    }
}
