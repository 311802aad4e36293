//! Owns the one word that a comparison gets: may it be believed, and what does it say?

use super::effect::{check_alpha, invalid};
use super::srm;
use crate::error::{Shown, TallyError};

/// The badge says nothing while an arm has fewer units than this.
pub const LEAST_UNITS: i64 = 150;
/// A lift from here on, up or down, is more often a broken metric than a success.
pub const SUSPICIOUS: f64 = 0.5;
/// A significant lift below this is a difference that does not matter.
pub const EQUAL: f64 = 0.005;

/// What is known of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// p of the sample ratio; none where it was not tested.
    pub srm_p: Option<f64>,
    /// Units of the control.
    pub units_a: i64,
    /// Units of the variation.
    pub units_b: i64,
    /// Lift; none where the comparison has no number.
    pub lift: Option<f64>,
    /// Adjusted p.
    pub p: Option<f64>,
    /// Adjusted sequential p; decides before the planned end.
    pub sequential_p: Option<f64>,
    /// Whether the planned end is past.
    pub ended: bool,
    /// `up_is_good` or `down_is_good`.
    pub direction: &'a str,
    /// Significant is below this.
    pub alpha: f64,
    /// [`LEAST_UNITS`] or the caller's.
    pub least_units: i64,
    /// [`SUSPICIOUS`] or the caller's.
    pub suspicious: f64,
    /// [`EQUAL`] or the caller's.
    pub equal: f64,
}

/// The badge: the first that applies.
pub fn badge(known: &Known) -> Result<&'static str, TallyError> {
    let hint = "SELECT tally.experiment_badge(srm_p => 0.4, units_a => 5000, units_b => 5100, lift => 0.03, p => 0.01, direction => 'up_is_good')";
    check_alpha(known.alpha)?;
    let up = match known.direction {
        "up_is_good" => true,
        "down_is_good" => false,
        other => {
            return Err(invalid(format!(
                "direction expected to be up_is_good or down_is_good, got \"{other}\""
            ))
            .detail("Without a direction a lift is neither a win nor a loss.")
            .hint(hint));
        }
    };
    for p in [known.srm_p, known.p, known.sequential_p].into_iter().flatten() {
        if !(0.0..=1.0).contains(&p) {
            return Err(invalid(format!("p values expected in 0 to 1, got {}", Shown(p)))
                .detail("NULL stands for a comparison that could not be made.")
                .hint(hint));
        }
    }
    if known.srm_p.is_some_and(|p| p < srm::LEVEL) {
        return Ok("invalid_srm");
    }
    let least = known.units_a.min(known.units_b);
    if least <= 0 {
        return Ok("no_data");
    }
    if least < known.least_units {
        return Ok("not_enough_data");
    }
    let decides = if known.ended { known.p } else { known.sequential_p };
    let (Some(lift), Some(p)) = (known.lift.filter(|lift| !lift.is_nan()), decides) else {
        return Ok("no_data");
    };
    let significant = p < known.alpha;
    Ok(if lift.abs() >= known.suspicious {
        "suspicious"
    } else if significant && lift.abs() < known.equal {
        "practically_equal"
    } else if significant {
        if (lift > 0.0) == up { "win" } else { "loss" }
    } else {
        "not_significant"
    })
}
