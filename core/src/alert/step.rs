//! Owns the alert state machine: one IMMUTABLE step from (state, sample, rule, tick) to (state, transition).
//!
//! | sample | inactive | pending | firing |
//! |---|---|---|---|
//! | breach | → pending; fires at once if `for = 0` | → firing when the timer reaches `for` | stays; recovery timer cleared |
//! | no breach | stays | → inactive | recovery timer starts; resolved when it reaches `keep_firing_for` |
//! | no data, error | stays | timers stand still (`keep_last`), or counts as `breach`, or as `ok` | the same |
//! | missing while others report | stays | → inactive at the second | resolved at the second |
//!
//! A timer stands still by counting only the time between ticks that had data: a tick without data adds the time since
//! the tick before it to `paused`. Only one timer runs at a time, so one such sum is enough.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::judge::{Sample, Verdict, as_json, judge};

/// Evaluations in a row that a label set must be missing from before it resolves.
pub const MISSING_AFTER: u32 = 2;

/// Where a label set stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The condition does not hold.
    #[default]
    Inactive,
    /// It holds, not yet for long enough.
    Pending,
    /// It held for long enough, and has not recovered.
    Firing,
}

/// The state of one label set between ticks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Inactive, pending or firing.
    pub state: Phase,
    /// First breach of the run that is pending or firing.
    pub active_at: Option<DateTime<Utc>>,
    /// First tick without breach while firing.
    pub keep_since: Option<DateTime<Utc>>,
    /// Seconds the running timer stood still for want of data.
    pub paused: f64,
    /// Evaluations in a row that missed this label set.
    pub missing: u32,
    /// The last tick that was evaluated.
    pub last_tick: Option<DateTime<Utc>>,
}

/// What a threshold asks for, beyond the label set.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// Fires while this holds.
    pub condition: Condition,
    /// While firing, recovered only when this holds (hysteresis).
    #[serde(default)]
    pub recovery: Option<Condition>,
    /// Seconds a breach must last before it fires.
    #[serde(default, rename = "for")]
    pub for_seconds: f64,
    /// Seconds without breach before a firing alert resolves.
    #[serde(default)]
    pub keep_firing_for: f64,
    /// Fewer observations than this are no data.
    #[serde(default)]
    pub min_samples: Option<f64>,
    /// What no data counts as.
    #[serde(default)]
    pub no_data: Policy,
    /// What an error counts as.
    #[serde(default)]
    pub on_error: Policy,
}

/// What a sample without a value counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// State and timers stand still.
    #[default]
    KeepLast,
    /// As a breach.
    Breach,
    /// As no breach.
    Ok,
}

/// What a tick changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// Nothing an operator would hear of.
    None,
    /// A breach began.
    Pending,
    /// A pending breach ended before it fired.
    Cancelled,
    /// The alert fires.
    Fired,
    /// A firing alert recovered.
    Recovered,
    /// A firing alert's label set vanished while others report.
    MissingSeries,
}

/// The outcome of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The state after the tick.
    #[serde(flatten)]
    pub state: State,
    /// What changed.
    pub transition: Transition,
    /// The verdict on the sample.
    pub verdict: Verdict,
    /// The number held against the condition's.
    #[serde(serialize_with = "as_json")]
    pub observed: Option<f64>,
}

/// One step of the state machine.
///
/// A tick that was evaluated already changes nothing. A tick before the last one means that the clock was set back: the
/// timers move with it, so that they neither run on nor start anew.
pub fn step(state: &State, sample: &Sample, rule: &Rule, tick: DateTime<Utc>) -> Step {
    let (verdict, observed) = verdict(state.state, sample, rule);
    let done = |state: State, transition| Step {
        state,
        transition,
        verdict,
        observed,
    };
    if state.last_tick == Some(tick) {
        return done(state.clone(), Transition::None);
    }
    let mut next = state.clone();
    let mut last = state.last_tick.unwrap_or(tick);
    if tick < last {
        next.active_at = next.active_at.and_then(|at| at.checked_sub_signed(last - tick));
        next.keep_since = next.keep_since.and_then(|at| at.checked_sub_signed(last - tick));
        last = tick;
    }
    next.last_tick = Some(tick);
    next.missing = if verdict == Verdict::Missing {
        next.missing + 1
    } else {
        0
    };

    let policy = match verdict {
        Verdict::Breach => Policy::Breach,
        Verdict::Ok => Policy::Ok,
        Verdict::NoData => rule.no_data,
        Verdict::Error => rule.on_error,
        Verdict::Missing if next.missing >= MISSING_AFTER => {
            let ended = State {
                last_tick: Some(tick),
                ..State::default()
            };
            return match state.state {
                Phase::Inactive => done(ended, Transition::None),
                Phase::Pending => done(ended, Transition::Cancelled),
                Phase::Firing => done(ended, Transition::MissingSeries),
            };
        }
        Verdict::Missing => Policy::KeepLast,
    };
    let transition = match policy {
        Policy::Breach => breach(&mut next, rule, tick),
        Policy::Ok => no_breach(&mut next, rule, tick),
        Policy::KeepLast => {
            if next.state == Phase::Pending || next.keep_since.is_some() {
                next.paused += seconds(tick - last);
            }
            Transition::None
        }
    };
    done(next, transition)
}

fn breach(state: &mut State, rule: &Rule, tick: DateTime<Utc>) -> Transition {
    if state.state == Phase::Firing {
        (state.keep_since, state.paused) = (None, 0.0);
        return Transition::None;
    }
    let began = state.state == Phase::Inactive;
    if began {
        (state.state, state.active_at, state.paused) = (Phase::Pending, Some(tick), 0.0);
    }
    if elapsed(state.active_at, state.paused, tick) >= rule.for_seconds {
        (state.state, state.paused) = (Phase::Firing, 0.0);
        return Transition::Fired;
    }
    if began { Transition::Pending } else { Transition::None }
}

fn no_breach(state: &mut State, rule: &Rule, tick: DateTime<Utc>) -> Transition {
    let ended = State {
        last_tick: state.last_tick,
        ..State::default()
    };
    match state.state {
        Phase::Inactive => Transition::None,
        Phase::Pending => {
            *state = ended;
            Transition::Cancelled
        }
        Phase::Firing => {
            if state.keep_since.is_none() {
                (state.keep_since, state.paused) = (Some(tick), 0.0);
            }
            if elapsed(state.keep_since, state.paused, tick) < rule.keep_firing_for {
                return Transition::None;
            }
            *state = ended;
            Transition::Recovered
        }
    }
}

/// The verdict. While firing, the recovery condition decides: it says when the breach is over, so a sample that it does not
/// hold for is still a breach.
fn verdict(phase: Phase, sample: &Sample, rule: &Rule) -> (Verdict, Option<f64>) {
    match (&rule.recovery, phase) {
        (Some(recovery), Phase::Firing) => match judge(recovery, rule.min_samples, sample) {
            (Verdict::Breach, observed) => (Verdict::Ok, observed),
            (Verdict::Ok, observed) => (Verdict::Breach, observed),
            other => other,
        },
        _ => judge(&rule.condition, rule.min_samples, sample),
    }
}

fn elapsed(since: Option<DateTime<Utc>>, paused: f64, tick: DateTime<Utc>) -> f64 {
    // A millisecond's grace: the sum of many pauses must not lose a tick to rounding.
    since.map_or(0.0, |since| seconds(tick - since) - paused + 1e-3)
}

fn seconds(span: chrono::TimeDelta) -> f64 {
    span.num_microseconds()
        .map_or(f64::INFINITY, |micros| micros as f64 / 1e6)
}
