//! Owns the test for a sample ratio mismatch: do the arms have the units that their weights promise?

use super::distribution::chi_square_tail;
use super::effect::invalid;
use crate::error::{Shown, TallyError};

/// Below this p the split is not believed. A false alarm stops an experiment, so it is rarer than one in twenty.
pub const LEVEL: f64 = 0.001;

/// The least weight beside the heaviest: so that the statistic stays within the range of numbers.
const LEAST: f64 = 1e-140;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRatio {
    /// Pearson's chi-square.
    pub statistic: f64,
    /// Arms of positive weight less one.
    pub df: f64,
    /// Chance of such a split or a worse one.
    pub p: f64,
    /// Units in arms of weight 0: these should have none.
    pub misplaced: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// No unit in any arm that has a weight.
    NoUnits,
    /// Fewer than two arms have a weight.
    OneArm,
}

/// Tests units against weights, which need not add up to 1. An arm of weight 0 is no part of the test: it adds no degree
/// of freedom, and its units are no part of the total that the others share.
pub fn sample_ratio(units: &[i64], weights: &[f64]) -> Result<Result<SampleRatio, Unanswered>, TallyError> {
    let example = "SELECT * FROM tally.sample_ratio(units => '{5021, 4979}', weights => '{0.5, 0.5}')";
    let refuse = |message: String, detail: &'static str| Err(invalid(message).detail(detail).hint(example));
    if units.len() != weights.len() {
        let message = format!(
            "one weight for each arm expected, got {} units and {} weights",
            units.len(),
            weights.len()
        );
        return refuse(message, "The arms stand in the same order in both arrays.");
    }
    if let Some(bad) = weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
        return refuse(
            format!("weights expected to be 0 or more, got {}", Shown(*bad)),
            "Weights are shares of the traffic; they need not add up to 1.",
        );
    }
    if let Some(bad) = units.iter().find(|n| **n < 0) {
        return refuse(
            format!("units expected to be 0 or more, got {bad}"),
            "Count each unit once, in the arm of its first exposure.",
        );
    }
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    if heaviest == 0.0 {
        return refuse(
            "weights expected with a sum above 0, got only zeros".to_owned(),
            "At least one arm must be meant to have units.",
        );
    }
    // By a power of two, so that no weight is rounded; and none so small beside another that it vanishes.
    let scale = f64::from_bits(heaviest.to_bits() & f64::INFINITY.to_bits()).max(f64::MIN_POSITIVE);
    let arms: Vec<(f64, f64)> = units
        .iter()
        .zip(weights)
        .filter(|(_, w)| **w > 0.0)
        .map(|(n, w)| (*n as f64, (w / scale).max(LEAST)))
        .collect();
    let total = arms.iter().map(|arm| arm.0).sum::<f64>();
    // The sum of the weights, and what it has lost by rounding (Knuth).
    let (weight, lost) = arms.iter().fold((0.0, 0.0), |(sum, lost), (_, w)| {
        let (next, back) = (sum + w, sum + w - sum);
        (next, lost + (sum - (next - back)) + (w - back))
    });
    if arms.len() < 2 {
        return Ok(Err(Unanswered::OneArm));
    }
    if total == 0.0 {
        return Ok(Err(Unanswered::NoUnits));
    }
    let statistic = arms
        .iter()
        .map(|(n, w)| {
            // n weight - total w to the last digit: units near what is expected would lose those of the difference.
            let share = total * w;
            let apart = n.mul_add(weight, -share) - total.mul_add(*w, -share) + n * lost;
            (apart / weight) * (apart / share)
        })
        .sum();
    let df = (arms.len() - 1) as f64;
    let misplaced = units
        .iter()
        .zip(weights)
        .filter(|(_, w)| **w == 0.0)
        .map(|(n, _)| *n as u64)
        .sum();
    Ok(Ok(SampleRatio {
        statistic,
        df,
        p: chi_square_tail(statistic, df),
        misplaced,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bug: an arm of 10^-616 of the traffic without units was 0 / 0 units off, and the chance of that was never computed to its end.
    #[test]
    fn a_weight_that_vanishes_beside_another() {
        let test = |units: [i64; 2]| {
            sample_ratio(&units, &[1e308, 1e-308])
                .expect("arguments")
                .expect("a test")
        };
        assert!(test([5, 0]).p > 0.999);
        let misplaced = test([i64::MAX, i64::MAX]);
        assert!(misplaced.p == 0.0 && misplaced.statistic.is_finite(), "{misplaced:?}");
    }
}
