//! Owns the strict searches, in which what happens between steps matters.
//!
//! `strict` (PostHog's "strict order"): between reached steps only repeats of the step reached last may occur; a
//! foreign event breaks the chain and the search goes on with later starts. Here events of equal time stand in the
//! order (time, mask).
//!
//! `strict_order` and `strict_deduplication` follow ClickHouse's scan (AggregateFunctionWindowFunnel.h), which never
//! restarts, and in which a row that meets two conditions counts for both. One difference is meant: at a repeated
//! step ClickHouse answers with the level of the row before the repeat (1 for A B A B, and 4 for A B D B, where step 3
//! never happened); here the answer is the level reached until then.

use super::spec::{Funnel, Mode};
use super::{Chain, Event, MAX_CONDITIONS, keep_best, keep_better, look_for_cancel};

type Chains = [Option<Chain>; MAX_CONDITIONS + 1];

/// The reported chain under `strict`.
pub fn path(funnel: &Funnel, events: &[Event]) -> Vec<i64> {
    let increase = funnel.mode.has(Mode::INCREASE);
    let mut best = Chain::EMPTY;
    let mut settled: Chains = [None; MAX_CONDITIONS + 1];
    // Chains whose last step is at the present time; under `increase` they cannot go on before the time changes.
    let mut fresh: Chains = [None; MAX_CONDITIONS + 1];
    let mut now = None;
    for event in events {
        if now != Some(event.time) {
            // Not before the time changes: another event of the same time may end a chain that started later.
            if best.len == funnel.steps {
                break;
            }
            look_for_cancel();
            now = Some(event.time);
            for (slot, chain) in settled.iter_mut().zip(&mut fresh) {
                if let Some(chain) = chain.take() {
                    keep_better(slot, chain);
                }
            }
        }
        let meets = |step: usize| step < funnel.steps && event.mask >> step & 1 == 1;
        let mut next_settled: Chains = [None; MAX_CONDITIONS + 1];
        let mut next_fresh: Chains = [None; MAX_CONDITIONS + 1];
        let go_on = |chain: Chain, next: &mut Chains, best: &mut Chain| {
            let mut steps = 0;
            while meets(chain.len + steps) && (steps == 0 || (funnel.mode.has(Mode::REUSE) && !increase)) {
                steps += 1;
                if funnel.within(chain.start(event.time), event.time) {
                    let longer = chain.extended(steps, event.time);
                    keep_better(&mut next[longer.len], longer);
                    keep_best(best, &longer);
                }
            }
        };
        go_on(Chain::EMPTY, &mut next_fresh, &mut best);
        for level in 1..=funnel.steps {
            let repeat = meets(level - 1);
            if let Some(chain) = settled[level] {
                go_on(chain, &mut next_fresh, &mut best);
                if repeat {
                    keep_better(&mut next_settled[level], chain);
                }
            }
            if let Some(chain) = fresh[level] {
                if !increase {
                    go_on(chain, &mut next_fresh, &mut best);
                }
                if repeat {
                    keep_better(&mut next_fresh[level], chain);
                }
            }
        }
        (settled, fresh) = (next_settled, next_fresh);
    }
    best.times().to_vec()
}

/// The chain of ClickHouse's scan under `strict_order` and `strict_deduplication`.
pub fn clickhouse_path(funnel: &Funnel, events: &[Event]) -> Vec<i64> {
    let strict_order = funnel.mode.has(Mode::STRICT_ORDER);
    let mut chains: Chains = [None; MAX_CONDITIONS + 1];
    for (time, level) in conditions_met(funnel, events) {
        let started = chains[1].is_some();
        match level {
            0 if strict_order && started => break,
            0 => continue,
            1 => chains[1] = Some(Chain::EMPTY.extended(1, time)),
            _ if funnel.mode.has(Mode::STRICT_DEDUPLICATION) && chains[level].is_some() => break,
            _ => match chains[level - 1] {
                Some(chain) => {
                    let later = !funnel.mode.has(Mode::INCREASE) || chain.times[level - 2] < time;
                    if later && funnel.within(chain.start(time), time) {
                        chains[level] = Some(chain.extended(1, time));
                        if level == funnel.steps {
                            break;
                        }
                    }
                }
                None if strict_order && started => break,
                None => {}
            },
        }
    }
    chains
        .iter()
        .flatten()
        .last()
        .map_or_else(Vec::new, |chain| chain.times().to_vec())
}

/// ClickHouse's list of events: one entry per condition met, 0 for a row that meets none, sorted by (time, condition).
fn conditions_met(funnel: &Funnel, events: &[Event]) -> Vec<(i64, usize)> {
    let mut list = Vec::with_capacity(events.len());
    for event in events {
        if event.mask == 0 {
            list.push((event.time, 0));
        }
        list.extend(
            (0..funnel.steps)
                .filter(|step| event.mask >> step & 1 == 1)
                .map(|step| (event.time, step + 1)),
        );
    }
    crate::cancel::sort_by(&mut list, <(i64, usize)>::cmp);
    list
}
