//! Owns the glue of what is judged of comparisons. Declared in `sql/s10_kernel/experiment_judge.sql`.

use super::experiment::{count, value};
use crate::pg::fmgr::Call;
use crate::pg_fn;
use pgrx::pg_sys::Datum;
use tally_core::error::{SqlState, TallyError};
use tally_core::experiment::adjust::{Adjustment, adjust};
use tally_core::experiment::badge::{Known, badge};
use tally_core::experiment::effect::Asked;
use tally_core::experiment::sequential;
use tally_core::experiment::srm::{LEVEL, Unanswered, sample_ratio};

fn adjusted(call: &Call, how: Adjustment) -> Result<Datum, TallyError> {
    Ok(call.return_f64s(&adjust(&call.f64s(0)?, how)?))
}

pg_fn! {
    /// `sequential_interval(effect, standard_error, n, alpha, planned)`, strict: low, high, p.
    tally_sequential_interval(call)? {
        let (effect, error, n) = (call.f64(0), call.f64(1), call.i64(2) as f64);
        let asked = Asked::new(false, call.f64(3), call.f64(4))?;
        let possible = effect.is_finite() && error.is_finite() && error > 0.0 && n >= 1.0;
        if !possible {
            return Ok(call.return_row([None, None, None]));
        }
        let (low, high) = sequential::interval(effect, error, n, asked.alpha, asked.planned);
        let p = sequential::p(effect, error, n, asked.alpha, asked.planned);
        Ok(call.return_row([low, high, p].map(|v| v.is_finite().then(|| call.return_f64(v)))))
    }

    /// `sample_ratio(units[], weights[])`, strict: statistic, df, p, mismatch, misplaced, reason.
    tally_sample_ratio(call)? {
        let null = || TallyError::new(SqlState::NullValueNotAllowed, "units and weights expected without NULL, got one")
            .detail("An arm that nobody was in has 0 units.")
            .hint("SELECT * FROM tally.sample_ratio(units => '{5021, 4979}', weights => '{0.5, 0.5}')");
        let units = call.i64s(0)?.into_iter().map(|n| n.ok_or_else(null)).collect::<Result<Vec<_>, _>>()?;
        let weights = call.f64s(1)?.into_iter().map(|w| w.ok_or_else(null)).collect::<Result<Vec<_>, _>>()?;
        Ok(match sample_ratio(&units, &weights)? {
            Ok(test) => call.return_row([
                Some(call.return_f64(test.statistic)),
                Some(call.return_i32(test.df as i32)),
                Some(call.return_f64(test.p)),
                Some(call.return_bool(test.p < LEVEL)),
                Some(call.return_i64(test.misplaced as i64)),
                None,
            ]),
            Err(why) => {
                let reason = match why {
                    Unanswered::NoUnits => "no_units",
                    Unanswered::OneArm => "one_arm",
                };
                call.return_row([None, None, None, None, None, Some(call.return_str(reason))])
            }
        })
    }

    /// `adjust_holm(p[])`, strict.
    tally_adjust_holm(call)? {
        adjusted(&call, Adjustment::Holm)
    }

    /// `adjust_benjamini_hochberg(p[])`, strict.
    tally_adjust_benjamini_hochberg(call)? {
        adjusted(&call, Adjustment::BenjaminiHochberg)
    }

    /// `experiment_badge(srm_p, units_a, units_b, lift, p, direction, sequential_p, ended, alpha, least_units, suspicious, equal)`.
    tally_experiment_badge(call)? {
        let some = |i: usize| (!call.is_null(i)).then(|| call.f64(i));
        let known = Known {
            srm_p: some(0),
            units_a: count(&call, 1) as i64,
            units_b: count(&call, 2) as i64,
            lift: some(3),
            p: some(4),
            direction: call.opt_str(5)?.unwrap_or("NULL"),
            sequential_p: some(6),
            ended: call.is_null(7) || call.bool(7),
            alpha: value(&call, 8),
            least_units: count(&call, 9) as i64,
            suspicious: value(&call, 10),
            equal: value(&call, 11),
        };
        Ok(call.return_str(badge(&known)?))
    }
}
