//! Owns what a threshold's condition is, and which stretches of history it needs to be judged.

use serde::{Deserialize, Serialize};

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Greater than.
    #[serde(rename = ">")]
    Gt,
    /// At least.
    #[serde(rename = ">=")]
    Ge,
    /// Less than.
    #[serde(rename = "<")]
    Lt,
    /// At most.
    #[serde(rename = "<=")]
    Le,
    /// Equal at the condition's own precision.
    #[serde(rename = "=")]
    Eq,
    /// Different at the condition's own precision.
    #[serde(rename = "!=")]
    Ne,
}

/// What a threshold holds its metric against. In SQL this is a jsonb object with a `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Condition {
    /// `> 2500`: the value against a number. `decimals` are those the number was written with; `=` and `!=` round the
    /// value to as many.
    Compare {
        /// How to compare.
        op: Op,
        /// The number.
        limit: f64,
        /// Decimals the number was written with.
        decimals: u8,
    },
    /// `> 1.5 x baseline of 7 days`: the value against a multiple of the metric over the time just before.
    Baseline {
        /// How to compare.
        op: Op,
        /// The multiple.
        factor: f64,
        /// Length of the time before, as an interval.
        of: String,
    },
    /// `< -20% vs 7 days`: the relative change since the same window so long ago.
    Change {
        /// How to compare.
        op: Op,
        /// The change in percent, signed.
        percent: f64,
        /// How long ago, as an interval.
        vs: String,
    },
    /// `> 5 per 1 hour`: how fast the value moves, from the window just before to this one.
    Rate {
        /// How to compare.
        op: Op,
        /// Change of the value per `per`.
        limit: f64,
        /// The unit of time, in seconds.
        per: f64,
    },
    /// `z > 4 over 8 weeks`: robust z-score against the same hour of the same weekday in past weeks.
    RobustZ {
        /// `>` looks both ways, as |z| does.
        limit: f64,
        /// How many past weeks.
        weeks: u32,
    },
    /// `poisson < 0.001 over 8 weeks`: tail probability of a count at least as far out as this one.
    Poisson {
        /// Fires when the probability is below this.
        p: f64,
        /// How many past weeks.
        weeks: u32,
    },
    /// `absent`: no observation at all in the window.
    Absent,
    /// `burn rate 99.9% over 30 days`: multi-window burn rates of an error budget; the metric is the share of bad events.
    Burn {
        /// The objective as a share: 0.999.
        objective: f64,
        /// The period of the objective, in days.
        days: f64,
        /// Fewer bad events than this in the long window never fire.
        min_bad: f64,
        /// Pairs of windows of its own, as in [`BURN_WINDOWS`]; empty: those.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pairs: Vec<(f64, u32, u32)>,
    },
}

/// Pairs of windows that a condition may have of its own.
pub const MOST_PAIRS: usize = 8;

/// Windows of the burn-rate alert of the Google SRE workbook, chapter 5: (share of the budget consumed, long window and
/// short window in seconds). The factor is `share × period / long window`: for 30 days 14.4, 6, 3 and 1.
pub const BURN_WINDOWS: [(f64, u32, u32); 4] = [
    (0.02, 3_600, 300),
    (0.05, 21_600, 1_800),
    (0.10, 86_400, 7_200),
    (0.10, 259_200, 21_600),
];

/// The pairs of windows that a burn rate is looked at in: its own, or those of the workbook.
pub fn burn_windows(own: &[(f64, u32, u32)]) -> &[(f64, u32, u32)] {
    if own.is_empty() { &BURN_WINDOWS } else { own }
}

/// A stretch of the metric's history, placed relative to the tested window `[start, end)`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Window {
    /// The tested window moved back: `[start - by, end - by)`.
    Shift {
        /// Interval to move by, in the rollup's zone.
        by: String,
    },
    /// The time before the tested window: `[start - length, start)`.
    Before {
        /// Length as an interval.
        length: String,
    },
    /// The time that ends with the tested window: `[end - length, end)`.
    Trailing {
        /// Length as an interval.
        length: String,
    },
    /// The window of equal length just before: `[start - (end - start), start)`.
    Previous,
}

impl Condition {
    /// The history the condition needs, in the order in which [`crate::alert::judge`] expects its values.
    pub fn windows(&self) -> Vec<Window> {
        match self {
            Condition::Compare { .. } => vec![],
            // What was seen in the past week is what can be absent.
            Condition::Absent => vec![Window::Before {
                length: "7 days".to_owned(),
            }],
            Condition::Baseline { of, .. } => vec![Window::Before { length: of.clone() }],
            Condition::Change { vs, .. } => vec![Window::Shift { by: vs.clone() }],
            Condition::Rate { .. } => vec![Window::Previous],
            Condition::RobustZ { weeks, .. } | Condition::Poisson { weeks, .. } => (1..=*weeks)
                .map(|week| Window::Shift {
                    by: format!("{} days", 7 * week),
                })
                .collect(),
            Condition::Burn { pairs, .. } => burn_windows(pairs)
                .iter()
                .flat_map(|(_, long, short)| [*long, *short])
                .map(|seconds| Window::Trailing {
                    length: format!("{seconds} seconds"),
                })
                .collect(),
        }
    }

    /// The number a value is held against, where the condition has a fixed one.
    pub fn limit(&self) -> Option<f64> {
        match self {
            Condition::Compare { limit, .. } | Condition::Rate { limit, .. } | Condition::RobustZ { limit, .. } => {
                Some(*limit)
            }
            Condition::Poisson { p, .. } => Some(*p),
            Condition::Change { percent, .. } => Some(*percent),
            Condition::Baseline { factor, .. } => Some(*factor),
            Condition::Burn { objective, .. } => Some(*objective),
            Condition::Absent => None,
        }
    }
}

impl Op {
    /// Compares `value` with `limit`; `=` and `!=` after rounding the value to `decimals`.
    pub fn holds(self, value: f64, limit: f64, decimals: u8) -> bool {
        let scale = 10f64.powi(i32::from(decimals));
        let equal = || {
            let (value, limit) = (value * scale, limit * scale);
            // Rounding both the same way makes 0.25 written and 0.25 computed the same double.
            value.round() == limit.round() && value.is_finite() && limit.is_finite()
        };
        let equal = || value == limit || equal();
        match self {
            Op::Gt => value > limit,
            Op::Ge => value >= limit,
            Op::Lt => value < limit,
            Op::Le => value <= limit,
            Op::Eq => equal(),
            Op::Ne => !equal(),
        }
    }
}
