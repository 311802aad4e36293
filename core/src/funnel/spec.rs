//! Owns the definition of a funnel: window, number of steps, modes and exclusions, and the text that options come in.

use super::MAX_CONDITIONS;
use crate::error::{SqlState, TallyError};
use std::fmt;

/// Modes of a funnel, as bits. None set is the default: `once`, not strict, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode(pub u8);

impl Mode {
    /// One event may fill several steps (ClickHouse's default); without it an event fills at most one.
    pub const REUSE: u8 = 1;
    /// Times strictly increase along the chain.
    pub const INCREASE: u8 = 2;
    /// Between reached steps only repeats of the step reached last may occur.
    pub const STRICT: u8 = 4;
    /// ClickHouse's `strict_order`.
    pub const STRICT_ORDER: u8 = 8;
    /// ClickHouse's `strict_deduplication`.
    pub const STRICT_DEDUPLICATION: u8 = 16;
    /// The window holds each of the first k steps in any order.
    pub const ANY_ORDER: u8 = 32;

    const WORDS: [(&'static str, u8); 7] = [
        ("once", 0),
        ("reuse", Mode::REUSE),
        ("increase", Mode::INCREASE),
        ("strict", Mode::STRICT),
        ("strict_order", Mode::STRICT_ORDER),
        ("strict_deduplication", Mode::STRICT_DEDUPLICATION),
        ("any_order", Mode::ANY_ORDER),
    ];
    const ANY_STRICT: u8 = Mode::STRICT | Mode::STRICT_ORDER | Mode::STRICT_DEDUPLICATION;

    /// Whether all of `bits` are set.
    pub fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }

    /// Whether the default search serves: in order, nothing strict.
    pub fn is_plain(self) -> bool {
        self.0 & (Mode::ANY_STRICT | Mode::ANY_ORDER) == 0
    }

    /// Whether rows that meet no condition matter, because they break a chain.
    pub fn needs_foreign(self) -> bool {
        self.0 & (Mode::STRICT | Mode::STRICT_ORDER) != 0
    }
}

/// What an excluded event does to the actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The actor stops at the step before.
    DropOff,
    /// The actor leaves the funnel: level 0.
    Remove,
}

/// A condition that must not occur after step `from` and before step `to` (steps count from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Step after which the exclusion begins.
    pub from: u8,
    /// Step that ends it.
    pub to: u8,
    /// What happens then.
    pub action: Action,
}

/// A funnel: everything but the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funnel {
    /// Longest time from the first step to the last, in microseconds, inclusive.
    pub window: i64,
    /// Number of steps. Condition `steps + i` is that of `exclusions[i]`.
    pub steps: usize,
    /// Modes.
    pub mode: Mode,
    /// Exclusions, in the order of their conditions.
    pub exclusions: Vec<Exclusion>,
}

/// Why a funnel cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// Expected and got.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<SpecError> for TallyError {
    fn from(error: SpecError) -> Self {
        TallyError::new(SqlState::InvalidParameterValue, error.message)
            .detail("A funnel is window_funnel(window, event_time, steps …) with options as text.")
            .hint(error.hint)
    }
}

fn error<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, SpecError> {
    Err(SpecError {
        message: message.into(),
        hint: hint.into(),
    })
}

/// Modes and exclusions from their text: words parted by commas, for example `increase, exclude 2-3 remove`.
pub fn parse_options(text: &str) -> Result<(Mode, Vec<Exclusion>), SpecError> {
    let mut mode = Mode::default();
    let mut exclusions = Vec::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let words: Vec<&str> = item.split_whitespace().collect();
        match words.as_slice() {
            ["exclude", range] => exclusions.push(parse_exclusion(range, Action::DropOff)?),
            ["exclude", range, "drop_off"] => exclusions.push(parse_exclusion(range, Action::DropOff)?),
            ["exclude", range, "remove"] => exclusions.push(parse_exclusion(range, Action::Remove)?),
            [word] if Mode::WORDS.iter().any(|(name, _)| name == word) => {
                mode.0 |= Mode::WORDS
                    .iter()
                    .filter(|(name, _)| name == word)
                    .map(|(_, bits)| bits)
                    .sum::<u8>();
            }
            _ => {
                return error(
                    format!("expected a funnel option, got \"{item}\""),
                    "Options are once, reuse, increase, strict, strict_order, strict_deduplication, any_order, \
                     exclude <i>-<j>, exclude <i>-<j> remove; several are parted by commas.",
                );
            }
        }
    }
    Ok((mode, exclusions))
}

fn parse_exclusion(range: &str, action: Action) -> Result<Exclusion, SpecError> {
    let parsed = range
        .split_once('-')
        .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match parsed {
        Some((from, to)) if 1 <= from && from < to => Ok(Exclusion { from, to, action }),
        _ => error(
            format!("expected an exclusion between two steps, got \"exclude {range}\""),
            "Write for example exclude 2-3: after step 2 and before step 3.",
        ),
    }
}

impl Funnel {
    /// Checks the parts against each other. `conditions` counts steps and, after them, one condition per exclusion.
    pub fn new(window: i64, conditions: usize, options: &str) -> Result<Funnel, SpecError> {
        let (mode, exclusions) = parse_options(options)?;
        if window < 0 {
            return error(
                "expected a window of zero or longer, got a negative interval",
                "Give the longest time from the first step to the last, for example interval '1 day'.",
            );
        }
        if conditions <= exclusions.len() || conditions > MAX_CONDITIONS {
            return error(
                format!(
                    "expected 1 to {MAX_CONDITIONS} conditions (steps, then one per exclusion), got {conditions} \
                     with {} exclusions",
                    exclusions.len()
                ),
                "Give each step as one condition, then the condition of each exclude option in order.",
            );
        }
        let steps = conditions - exclusions.len();
        if let Some(bad) = exclusions.iter().find(|e| usize::from(e.to) > steps) {
            return error(
                format!(
                    "expected exclusions between steps 1 and {steps}, got \"exclude {}-{}\"",
                    bad.from, bad.to
                ),
                "The last conditions are those of the exclude options, not steps.",
            );
        }
        let not_plain = !mode.is_plain();
        let families = [
            Mode::STRICT,
            Mode::STRICT_ORDER | Mode::STRICT_DEDUPLICATION,
            Mode::ANY_ORDER,
        ];
        let chosen = families.iter().filter(|family| mode.0 & **family != 0).count();
        if chosen > 1 || (not_plain && !exclusions.is_empty()) {
            return error(
                format!("expected options that go together, got \"{options}\""),
                "strict, any_order and exclude do not combine with each other; a strict chain is already broken by \
                 any foreign event.",
            );
        }
        Ok(Funnel {
            window,
            steps,
            mode,
            exclusions,
        })
    }

    /// Steps and exclusions together.
    pub fn conditions(&self) -> usize {
        self.steps + self.exclusions.len()
    }

    /// Whether `time` is inside the window that `start` opens.
    pub(crate) fn within(&self, start: i64, time: i64) -> bool {
        time.saturating_sub(start) <= self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let (mode, exclusions) = parse_options(" once, increase ,exclude 1-2, exclude 2-4 remove").unwrap();
        assert_eq!(mode, Mode(Mode::INCREASE));
        assert_eq!(
            exclusions,
            [
                Exclusion {
                    from: 1,
                    to: 2,
                    action: Action::DropOff
                },
                Exclusion {
                    from: 2,
                    to: 4,
                    action: Action::Remove
                }
            ]
        );
        assert_eq!(parse_options("").unwrap(), (Mode(0), vec![]));
    }

    #[test]
    fn bad_options_are_refused() {
        for bad in [
            "strictly",
            "exclude",
            "exclude 2",
            "exclude 2-2",
            "exclude 0-1",
            "exclude a-b",
            "exclude 1-2 x",
        ] {
            assert!(parse_options(bad).is_err(), "{bad}");
        }
        for (conditions, bad) in [
            (3, "strict, any_order"),
            (3, "strict, exclude 1-2"),
            (2, "exclude 1-2"),
            (0, ""),
            (33, ""),
        ] {
            assert!(Funnel::new(10, conditions, bad).is_err(), "{bad}");
        }
        assert!(Funnel::new(-1, 2, "").is_err());
        assert_eq!(Funnel::new(0, 3, "exclude 1-2").unwrap().steps, 2);
    }
}
