//! Owns the model check of the state machine: a slow, obvious reference that keeps the whole log of samples and answers
//! from it anew at every tick, against `step`, on 100,000 random sequences.
//!
//! The reference has no timers: it finds where the present run began in the log and adds up the time between ticks that
//! had data since then.

use chrono::{DateTime, TimeDelta, Utc};

use super::judge::{Sample, Verdict};
use super::parse::parse;
use super::step::{MISSING_AFTER, Phase, Policy, Rule, State, Transition, step};

/// What the log says of one tick, after the policies.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Bad,
    Good,
    Nothing,
    Missing,
}

struct Entry {
    at: DateTime<Utc>,
    word: Word,
    phase_after: Phase,
}

/// Seconds, from entry `from` to the last, that lie before an entry that had data.
fn counted(log: &[Entry], from: usize) -> f64 {
    (from + 1..log.len())
        .filter(|i| matches!(log[*i].word, Word::Bad | Word::Good))
        .map(|i| (log[i].at - log[i - 1].at).num_seconds() as f64)
        .sum()
}

/// The phase and transition at the last entry of the log.
fn answer(log: &[Entry], rule: &Rule) -> (Phase, Transition) {
    let now = log.len() - 1;
    let before = if now == 0 {
        Phase::Inactive
    } else {
        log[now - 1].phase_after
    };
    match (log[now].word, before) {
        (Word::Nothing, phase) => (phase, Transition::None),
        (Word::Missing, phase) => {
            let run = log.iter().rev().take_while(|entry| entry.word == Word::Missing).count();
            match phase {
                Phase::Inactive => (Phase::Inactive, Transition::None),
                phase if run < MISSING_AFTER as usize => (phase, Transition::None),
                Phase::Pending => (Phase::Inactive, Transition::Cancelled),
                Phase::Firing => (Phase::Inactive, Transition::MissingSeries),
            }
        }
        (Word::Bad, Phase::Firing) => (Phase::Firing, Transition::None),
        (Word::Bad, before) => {
            // The run began after the last tick that ended inactive.
            let begin = log[..now]
                .iter()
                .rposition(|entry| entry.phase_after == Phase::Inactive)
                .map_or(0, |i| i + 1);
            if counted(log, begin) >= rule.for_seconds {
                (Phase::Firing, Transition::Fired)
            } else if before == Phase::Inactive {
                (Phase::Pending, Transition::Pending)
            } else {
                (Phase::Pending, Transition::None)
            }
        }
        (Word::Good, Phase::Inactive) => (Phase::Inactive, Transition::None),
        (Word::Good, Phase::Pending) => (Phase::Inactive, Transition::Cancelled),
        (Word::Good, Phase::Firing) => {
            // The first good tick after the last bad one, or after the tick that fired.
            let bad = log
                .iter()
                .rposition(|entry| entry.word == Word::Bad)
                .map_or(0, |i| i + 1);
            let first = (bad..=now).find(|i| log[*i].word == Word::Good).unwrap_or(now);
            match counted(log, first) >= rule.keep_firing_for {
                true => (Phase::Inactive, Transition::Recovered),
                false => (Phase::Firing, Transition::None),
            }
        }
    }
}

/// A small generator (splitmix64), so that the test repeats itself exactly.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

#[test]
fn agrees_with_the_reference_on_100_000_random_sequences() {
    let mut random = Random(20_260_101);
    let policies = [Policy::KeepLast, Policy::Breach, Policy::Ok];
    let mut seen = [0usize; 6];
    for sequence in 0..100_000 {
        let recovery = random.below(2) == 0;
        let rule = Rule {
            condition: parse("> 10").unwrap(),
            recovery: recovery.then(|| parse("< 5").unwrap()),
            for_seconds: 60.0 * random.below(4) as f64,
            keep_firing_for: 60.0 * random.below(4) as f64,
            min_samples: (random.below(2) == 0).then_some(3.0),
            no_data: policies[random.below(3) as usize],
            on_error: policies[random.below(3) as usize],
        };
        let mut at = DateTime::UNIX_EPOCH;
        let (mut log, mut state) = (Vec::<Entry>::new(), State::default());
        for tick in 0..(4 + random.below(28)) {
            at += TimeDelta::seconds(60 * (1 + random.below(2) as i64));
            let value = [2.0, 7.0, 12.0, 20.0][random.below(4) as usize];
            let sample = match random.below(12) {
                0 => Sample::default(),
                1 => Sample {
                    value: Some(value),
                    samples: Some(2.0),
                    ..Sample::default()
                },
                2 => Sample {
                    value: Some(value),
                    error: true,
                    ..Sample::default()
                },
                3 | 4 => Sample {
                    missing: true,
                    ..Sample::default()
                },
                _ => Sample {
                    value: Some(value),
                    samples: Some(9.0),
                    ..Sample::default()
                },
            };
            let firing = log.last().is_some_and(|entry| entry.phase_after == Phase::Firing);
            let counted_as = |policy| match policy {
                Policy::KeepLast => Word::Nothing,
                Policy::Breach => Word::Bad,
                Policy::Ok => Word::Good,
            };
            let word = if sample.error {
                counted_as(rule.on_error)
            } else if sample.missing {
                Word::Missing
            } else if sample.value.is_none() || (rule.min_samples.is_some() && sample.samples < Some(3.0)) {
                counted_as(rule.no_data)
            } else if if recovery && firing { value >= 5.0 } else { value > 10.0 } {
                Word::Bad
            } else {
                Word::Good
            };
            log.push(Entry {
                at,
                word,
                phase_after: Phase::Inactive,
            });
            let (phase, transition) = answer(&log, &rule);
            log.last_mut().unwrap().phase_after = phase;

            let got = step(&state, &sample, &rule, at);
            assert_eq!(
                (got.state.state, got.transition),
                (phase, transition),
                "sequence {sequence}, tick {tick}, rule {rule:?}"
            );
            let again = step(&got.state, &sample, &rule, at);
            assert_eq!(
                (&again.state, again.transition),
                (&got.state, Transition::None),
                "a retried tick moved"
            );
            seen[transition as usize] += 1;
            state = got.state;
        }
    }
    assert!(
        seen.iter().all(|count| *count > 1_000),
        "some transition was hardly tried: {seen:?}"
    );
}

#[test]
fn a_clock_set_back_moves_the_timers_with_it() {
    let rule: Rule = serde_json::from_value(serde_json::json!({
        "condition": {"kind": "compare", "op": ">", "limit": 1.0, "decimals": 0}, "for": 600
    }))
    .unwrap();
    let bad = Sample {
        value: Some(2.0),
        ..Sample::default()
    };
    let at = |minutes: i64| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
    let mut state = step(&State::default(), &bad, &rule, at(100)).state;
    state = step(&state, &bad, &rule, at(105)).state;
    // Set back by an hour: five minutes have been served, five are left.
    let back = step(&state, &bad, &rule, at(45));
    assert_eq!((back.state.state, back.transition), (Phase::Pending, Transition::None));
    assert_eq!(step(&back.state, &bad, &rule, at(49)).transition, Transition::None);
    assert_eq!(step(&back.state, &bad, &rule, at(50)).transition, Transition::Fired);
    assert_eq!(back.verdict, Verdict::Breach);
}
