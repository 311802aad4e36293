//! Owns the glue of distributions and of planning. Declared in `sql/s10_kernel/distribution.sql`.

use crate::pg::fmgr::Call;
use crate::pg_fn;
use tally_core::error::{Shown, TallyError};
use tally_core::experiment::distribution as d;
use tally_core::experiment::effect::invalid;
use tally_core::experiment::power::Plan;

/// Degrees of freedom, above 0; infinitely many make Student's t the normal distribution.
fn df(call: &Call, i: usize) -> Result<f64, TallyError> {
    let df = call.f64(i);
    if df > 0.0 {
        return Ok(df);
    }
    Err(
        invalid(format!("degrees of freedom expected to be above 0, got {}", Shown(df)))
            .detail("A test of one sample of n values has n - 1; tally.compare_means() gives Welch's.")
            .hint("SELECT tally.student_p(t => 2.1, df => 20)"),
    )
}

/// Degrees of freedom of chi-square: finitely many.
fn finite_df(call: &Call, i: usize) -> Result<f64, TallyError> {
    let df = df(call, i)?;
    if df.is_finite() {
        return Ok(df);
    }
    Err(
        invalid("degrees of freedom of chi-square expected to be finite, got Infinity".to_owned())
            .detail("A chi-square test of k groups has k - 1.")
            .hint("SELECT tally.chi_square_tail(x => 3.84, df => 1)"),
    )
}

/// The quantile at p, by the upper tail's quantile; the ends of the line at 0 and 1.
fn quantile(p: f64, df: f64) -> Result<f64, TallyError> {
    if !(0.0..=1.0).contains(&p) {
        return Err(invalid(format!("probability expected in 0 to 1, got {}", Shown(p)))
            .detail("A quantile is the point below which that share lies.")
            .hint("SELECT tally.normal_quantile(0.975)"));
    }
    Ok(match p {
        0.0 => f64::NEG_INFINITY,
        1.0 => f64::INFINITY,
        p if p < 0.5 => -d::student_upper_quantile(p, df),
        p => d::student_upper_quantile(1.0 - p, df),
    })
}

/// A function of one point; NaN is no point and gives NULL.
fn at(call: &mut Call, of: impl Fn(f64) -> f64) -> pgrx::pg_sys::Datum {
    let x = call.f64(0);
    if x.is_nan() {
        call.return_null()
    } else {
        call.return_f64(of(x))
    }
}

/// The plan of arguments: variance, alpha, variance of the variation (NULL: the same).
fn plan(call: &Call, [variance, alpha, variance_b]: [usize; 3]) -> Result<Plan, TallyError> {
    let variance_a = call.f64(variance);
    let variance_b = if call.is_null(variance_b) {
        variance_a
    } else {
        call.f64(variance_b)
    };
    Plan::new(variance_a, variance_b, call.f64(alpha))
}

pg_fn! {
    /// `normal_cdf(z)`.
    tally_normal_cdf(call) {
        at(&mut call, |z| d::normal_tail(-z))
    }

    /// `normal_tail(z)`.
    tally_normal_tail(call) {
        at(&mut call, d::normal_tail)
    }

    /// `normal_quantile(p)`.
    tally_normal_quantile(call)? {
        Ok(call.return_f64(quantile(call.f64(0), f64::INFINITY)?))
    }

    /// `student_cdf(t, df)`.
    tally_student_cdf(call)? {
        let df = df(&call, 1)?;
        Ok(at(&mut call, |t| d::student_tail(-t, df)))
    }

    /// `student_tail(t, df)`.
    tally_student_tail(call)? {
        let df = df(&call, 1)?;
        Ok(at(&mut call, |t| d::student_tail(t, df)))
    }

    /// `student_p(t, df)`.
    tally_student_p(call)? {
        let df = df(&call, 1)?;
        Ok(at(&mut call, |t| d::student_two_sided(t, df)))
    }

    /// `student_quantile(p, df)`.
    tally_student_quantile(call)? {
        Ok(call.return_f64(quantile(call.f64(0), df(&call, 1)?)?))
    }

    /// `chi_square_cdf(x, df)`.
    tally_chi_square_cdf(call)? {
        let df = finite_df(&call, 1)?;
        Ok(at(&mut call, |x| d::chi_square_cdf(x, df)))
    }

    /// `chi_square_tail(x, df)`.
    tally_chi_square_tail(call)? {
        let df = finite_df(&call, 1)?;
        Ok(at(&mut call, |x| d::chi_square_tail(x, df)))
    }

    /// `experiment_power(difference, variance, n_a, n_b, alpha, variance_b)`.
    tally_experiment_power(call)? {
        if (0..5).any(|i| call.is_null(i)) {
            return Ok(call.return_null());
        }
        let plan = plan(&call, [1, 4, 5])?;
        Ok(call.return_f64(plan.power(call.f64(0), call.i64(2) as f64, call.i64(3) as f64)?))
    }

    /// `required_units(difference, variance, power, alpha, share_b, variance_b)`: units_a, units_b.
    tally_required_units(call)? {
        if (0..5).any(|i| call.is_null(i)) {
            return Ok(call.return_null());
        }
        let (n_a, n_b) = plan(&call, [1, 3, 5])?.units(call.f64(0), call.f64(2), call.f64(4))?;
        Ok(call.return_row([n_a, n_b].map(|n| Some(call.return_i64(n as i64)))))
    }

    /// `detectable_difference(variance, n_a, n_b, power, alpha, variance_b)`.
    tally_detectable_difference(call)? {
        if (0..5).any(|i| call.is_null(i)) {
            return Ok(call.return_null());
        }
        let plan = plan(&call, [0, 4, 5])?;
        Ok(call.return_f64(plan.detectable(call.i64(1) as f64, call.i64(2) as f64, call.f64(3))?))
    }
}
