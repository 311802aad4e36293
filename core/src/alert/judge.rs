//! Owns the verdict on one sample: does the condition hold, does it not, or can that not be told.

use serde::{Deserialize, Serialize};

use super::condition::{Condition, burn_windows};
use super::spike;

/// What one evaluation found for one label set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// The metric over the tested window; none where it has no value.
    #[serde(deserialize_with = "lenient")]
    pub value: Option<f64>,
    /// How many observations the window holds.
    #[serde(deserialize_with = "lenient")]
    pub samples: Option<f64>,
    /// The metric over the condition's [windows](Condition::windows), in their order.
    #[serde(deserialize_with = "lenient_list")]
    pub history: Vec<Option<f64>>,
    /// Observations in each of these windows.
    #[serde(deserialize_with = "lenient_list")]
    pub history_samples: Vec<Option<f64>>,
    /// Length of the tested window in seconds.
    #[serde(deserialize_with = "lenient")]
    pub width: Option<f64>,
    /// The threshold's query failed.
    pub error: bool,
    /// Other label sets of the threshold report, this one does not.
    pub missing: bool,
}

/// The verdict on a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The condition holds.
    Breach,
    /// It does not.
    Ok,
    /// No value, or too few observations to believe it.
    NoData,
    /// The query failed.
    Error,
    /// The label set vanished while others report.
    Missing,
}

/// Numbers as they come out of jsonb, where infinities and NaN arrive as strings. An infinity is a value; NaN is not.
fn number(from: &serde_json::Value) -> Option<f64> {
    match from {
        serde_json::Value::String(text) => match text.as_str() {
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        other => other.as_f64(),
    }
}

/// Writes a number as jsonb can hold it: the infinities as the strings that PostgreSQL reads, NaN as null.
pub(super) fn as_json<S: serde::Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) if value.is_infinite() => to.serialize_str(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
        Some(value) if value.is_finite() => to.serialize_f64(*value),
        _ => to.serialize_none(),
    }
}

fn lenient<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(number(&serde_json::Value::deserialize(from)?))
}

fn lenient_list<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Option<f64>>, D::Error> {
    let list = Option::<Vec<serde_json::Value>>::deserialize(from)?;
    Ok(list.unwrap_or_default().iter().map(number).collect())
}

/// Judges `sample`; with it comes the number that was held against the condition's (the value itself, a z-score, a
/// probability, a change in percent, a multiple of the baseline, a burn rate).
pub fn judge(condition: &Condition, min_samples: Option<f64>, sample: &Sample) -> (Verdict, Option<f64>) {
    if sample.error {
        return (Verdict::Error, None);
    }
    if sample.missing {
        return (Verdict::Missing, None);
    }
    let few = min_samples.is_some_and(|min| sample.samples.unwrap_or(0.0) < min);
    let told = match condition {
        Condition::Absent => {
            let seen = sample.samples.map_or(sample.value.is_some(), |n| n > 0.0);
            Some((!seen, sample.samples.unwrap_or(0.0)))
        }
        _ if few => None,
        Condition::Burn {
            objective,
            days,
            min_bad,
            pairs,
        } => burn(*objective, *days, *min_bad, burn_windows(pairs), sample),
        _ => sample.value.and_then(|value| observed(condition, value, sample)),
    };
    match told {
        Some((true, observed)) => (Verdict::Breach, Some(observed)),
        Some((false, observed)) => (Verdict::Ok, Some(observed)),
        None => (Verdict::NoData, None),
    }
}

/// The conditions on one value: whether they hold, and the number held against the limit.
fn observed(condition: &Condition, value: f64, sample: &Sample) -> Option<(bool, f64)> {
    let past = || sample.history.first().copied().flatten();
    let known: Vec<f64> = sample.history.iter().copied().flatten().collect();
    match condition {
        Condition::Compare { op, limit, decimals } => Some((op.holds(value, *limit, *decimals), value)),
        Condition::Baseline { op, factor, .. } => {
            let baseline = past()?;
            let multiple = if baseline == 0.0 {
                f64::INFINITY.copysign(value)
            } else {
                value / baseline
            };
            // Compared as a product, so that a baseline of 0 is met by 0 and exceeded by anything above it.
            Some((op.holds(value, factor * baseline, 15), multiple))
        }
        Condition::Change { op, percent, .. } => {
            let past = past().filter(|past| *past != 0.0)?;
            let change = told((value - past) / past.abs() * 100.0)?;
            Some((op.holds(change, *percent, 9), change))
        }
        Condition::Rate { op, limit, per } => {
            let width = sample.width.filter(|width| *width > 0.0)?;
            let rate = told((value - past()?) / width * per)?;
            Some((op.holds(rate, *limit, 9), rate))
        }
        Condition::RobustZ { limit, .. } => {
            let z = told(spike::robust_z(value, &known)?)?;
            Some((z > *limit, z))
        }
        Condition::Poisson { p, .. } => {
            if known.len() < 2 {
                return None;
            }
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            spike::poisson_tail(value, mean).map(|tail| (tail < *p, tail))
        }
        Condition::Absent | Condition::Burn { .. } => None,
    }
}

/// A computed number, or none if it is NaN: infinity less infinity has no value.
fn told(number: f64) -> Option<f64> {
    (!number.is_nan()).then_some(number)
}

/// Multi-window burn rate: fires when, for one pair of windows, both burn faster than the pair's factor. Reports the
/// highest burn rate that both windows of a pair reach. No traffic in any window is no data.
fn burn(objective: f64, days: f64, min_bad: f64, pairs: &[(f64, u32, u32)], sample: &Sample) -> Option<(bool, f64)> {
    let budget = 1.0 - objective;
    let mut told: Option<(bool, f64)> = None;
    for (pair, (share, long, _)) in pairs.iter().enumerate() {
        let at = |list: &[Option<f64>], i: usize| list.get(2 * pair + i).copied().flatten();
        let (Some(long_bad), Some(short_bad)) = (at(&sample.history, 0), at(&sample.history, 1)) else {
            continue;
        };
        let factor = share * days * 86_400.0 / f64::from(*long);
        let rate = long_bad.min(short_bad) / budget;
        // Without a count of observations the number of bad events cannot be told, and no minimum is applied.
        let enough = at(&sample.history_samples, 0).is_none_or(|n| n * long_bad >= min_bad);
        let (fires, highest) = told.unwrap_or((false, 0.0));
        told = Some((fires || (rate > factor && enough), highest.max(rate)));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn verdict(condition: &str, sample: &str) -> Verdict {
        judge(&parse(condition).unwrap(), None, &serde_json::from_str(sample).unwrap()).0
    }

    #[test]
    fn comparisons_and_precision() {
        assert_eq!(verdict("> 2500", r#"{"value": 2500}"#), Verdict::Ok);
        assert_eq!(verdict("> 2500", r#"{"value": 2500.01}"#), Verdict::Breach);
        assert_eq!(verdict("= 0.30", r#"{"value": 0.30000000000000004}"#), Verdict::Breach);
        assert_eq!(verdict("!= 0.3", r#"{"value": 0.34}"#), Verdict::Ok);
        assert_eq!(verdict("> 1", r#"{"value": null}"#), Verdict::NoData);
        assert_eq!(verdict("> 1", r#"{"value": "NaN"}"#), Verdict::NoData);
        assert_eq!(verdict("> 1", r#"{"value": 2, "error": true}"#), Verdict::Error);
        assert_eq!(verdict("= 1", r#"{"value": 1e308}"#), Verdict::Ok);
    }

    /// Infinities arrive from jsonb as strings, and were taken for no data.
    #[test]
    fn infinities_are_values_and_compare() {
        let (plus, minus) = (r#"{"value": "Infinity"}"#, r#"{"value": "-Infinity"}"#);
        assert_eq!(verdict("> 100", plus), Verdict::Breach);
        assert_eq!(verdict("> 100", minus), Verdict::Ok);
        assert_eq!(verdict("< 100", minus), Verdict::Breach);
        assert_eq!(verdict("= 100", plus), Verdict::Ok);
        assert_eq!(verdict("!= 100", plus), Verdict::Breach);
        assert_eq!(
            verdict("> 1.5 x baseline", r#"{"value": "Infinity", "history": [10]}"#),
            Verdict::Breach
        );
        assert_eq!(
            verdict("> 20% vs 7 days", r#"{"value": "Infinity", "history": [10]}"#),
            Verdict::Breach
        );
        // Infinity less infinity is no number, and != must not take it for one.
        assert_eq!(
            verdict("!= 20% vs 7 days", r#"{"value": "Infinity", "history": ["Infinity"]}"#),
            Verdict::NoData
        );
        assert_eq!(
            verdict("z > 4", r#"{"value": "Infinity", "history": [1, 2, 3]}"#),
            Verdict::Breach
        );
        assert_eq!(
            verdict("poisson < 0.01", r#"{"value": "Infinity", "history": [1, 2, 3]}"#),
            Verdict::Breach
        );
        assert_eq!(verdict("absent", r#"{"value": "Infinity"}"#), Verdict::Ok);
        let step = judge(&parse("> 1").unwrap(), None, &serde_json::from_str(plus).unwrap());
        assert_eq!(step.1, Some(f64::INFINITY));
    }

    #[test]
    fn too_few_observations_are_no_data() {
        let condition = parse("> 0.5").unwrap();
        let one_of_one = Sample {
            value: Some(1.0),
            samples: Some(1.0),
            ..Sample::default()
        };
        assert_eq!(judge(&condition, Some(20.0), &one_of_one).0, Verdict::NoData);
        assert_eq!(judge(&condition, Some(1.0), &one_of_one).0, Verdict::Breach);
    }

    #[test]
    fn history_by_hand() {
        assert_eq!(
            verdict("> 1.5 x baseline", r#"{"value": 16, "history": [10]}"#),
            Verdict::Breach
        );
        assert_eq!(
            verdict("> 1.5 x baseline", r#"{"value": 15, "history": [10]}"#),
            Verdict::Ok
        );
        assert_eq!(
            verdict("> 1.5 x baseline", r#"{"value": 15, "history": [null]}"#),
            Verdict::NoData
        );
        assert_eq!(
            verdict("< -20% vs 7 days", r#"{"value": 79, "history": [100]}"#),
            Verdict::Breach
        );
        assert_eq!(
            verdict("< -20% vs 7 days", r#"{"value": 80, "history": [100]}"#),
            Verdict::Ok
        );
        assert_eq!(
            verdict("< -20% vs 7 days", r#"{"value": 80, "history": [0]}"#),
            Verdict::NoData
        );
        // from 10 to 40 in half an hour is 60 per hour
        assert_eq!(
            verdict("> 59 per 1 hour", r#"{"value": 40, "history": [10], "width": 1800}"#),
            Verdict::Breach
        );
        assert_eq!(
            verdict("> 60 per 1 hour", r#"{"value": 40, "history": [10], "width": 1800}"#),
            Verdict::Ok
        );
        assert_eq!(
            verdict("z > 4", r#"{"value": 20, "history": [9, 10, 11, 12, 2]}"#),
            Verdict::Breach
        );
        assert_eq!(
            verdict("z > 7", r#"{"value": 20, "history": [9, 10, 11, 12, 2]}"#),
            Verdict::Ok
        );
        assert_eq!(
            verdict("poisson < 0.001", r#"{"value": 6, "history": [1, 1, 1]}"#),
            Verdict::Breach
        );
        assert_eq!(
            verdict("poisson < 0.001", r#"{"value": 5, "history": [1, 1, 1]}"#),
            Verdict::Ok
        );
        assert_eq!(verdict("absent", r#"{"samples": 0}"#), Verdict::Breach);
        assert_eq!(verdict("absent", r#"{"value": 0, "samples": 3}"#), Verdict::Ok);
    }

    #[test]
    fn burn_rates_of_the_workbook() {
        // 99.9 %: the budget is 0.001, so 14.4 × is a share of 0.0144 in both the hour and the five minutes.
        let at = |hour: &str, short: &str| format!(r#"{{"history": [{hour}, {short}, 0, 0, 0, 0, 0, 0]}}"#);
        assert_eq!(verdict("burn rate 99.9%", &at("0.015", "0.015")), Verdict::Breach);
        assert_eq!(verdict("burn rate 99.9%", &at("0.015", "0.014")), Verdict::Ok);
        assert_eq!(verdict("burn rate 99.9%", &at("0.014", "0.015")), Verdict::Ok);
        assert_eq!(
            verdict("burn rate 99.9%", r#"{"history": [0, 0, 0, 0, 0, 0, 0.0011, 0.0011]}"#),
            Verdict::Breach
        );
        // 5 % of the budget of 7 days in 2 hours is a rate of 0.05 × 168 / 2 = 4.2, so 4.2 % bad events where 1 % may be.
        let own = "burn rate 99% over 7 days 5% in 2 hours and 10 minutes";
        assert_eq!(verdict(own, r#"{"history": [0.0421, 0.0421]}"#), Verdict::Breach);
        assert_eq!(verdict(own, r#"{"history": [0.0419, 0.0421]}"#), Verdict::Ok);
        assert_eq!(verdict(own, r#"{"history": [0.0421, 0.0419]}"#), Verdict::Ok);
        assert_eq!(verdict(own, r#"{"history": [null, 0.5, 0.5, 0.5]}"#), Verdict::NoData);
        assert_eq!(verdict("burn rate 99.9%", r#"{"history": []}"#), Verdict::NoData);
        let few = r#"{"history": [0.02, 0.02], "history_samples": [100, 10]}"#;
        assert_eq!(verdict("burn rate 99.9% min 3 bad", few), Verdict::Ok);
        assert_eq!(verdict("burn rate 99.9% min 2 bad", few), Verdict::Breach);
    }
}
