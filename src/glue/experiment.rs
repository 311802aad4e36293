//! Owns the glue of comparisons of two arms. Declared in `sql/s10_kernel/experiment.sql`.

use crate::pg::fmgr::Call;
use crate::pg_fn;
use pgrx::pg_sys::Datum;
use tally_core::error::{Shown, SqlState, TallyError};
use tally_core::experiment::arm::{Arm, means, means_cuped, ratios, ratios_cuped, theta_of_means};
use tally_core::experiment::effect::{Asked, Effect, check_alpha, invalid};
use tally_core::experiment::fisher;
use tally_core::experiment::proportion::{Method, Share, newcombe, proportions};
use tally_core::experiment::quantile::{Quantile, bounds, check_level, cluster_factor, quantiles};
use tally_core::experiment::strata::means_by_strata;

/// Argument `i`, a bigint count; NULL counts nothing.
pub(super) fn count(call: &Call, i: usize) -> f64 {
    if call.is_null(i) { 0.0 } else { call.i64(i) as f64 }
}

/// Argument `i`, a float8; NULL is NaN, which no comparison has a number for.
pub(super) fn value(call: &Call, i: usize) -> f64 {
    if call.is_null(i) { f64::NAN } else { call.f64(i) }
}

/// Arguments `i` to `i + 2`: relative, alpha, planned.
fn asked(call: &Call, i: usize) -> Result<Asked, TallyError> {
    Asked::new(!call.is_null(i) && call.bool(i), value(call, i + 1), value(call, i + 2))
}

/// The row of a `tally.effect`.
fn row(call: &Call, effect: &Effect) -> Datum {
    let f = |v: f64| Some(call.return_f64(v));
    let numbers = effect.outcome.ok();
    let of = |column: fn(&tally_core::experiment::effect::Numbers) -> f64| numbers.as_ref().map(column).and_then(f);
    let df = numbers.filter(|n| n.df.is_finite()).and_then(|n| f(n.df));
    call.return_row([
        effect.value_a.and_then(f),
        effect.value_b.and_then(f),
        of(|n| n.effect),
        of(|n| n.standard_error),
        df,
        numbers.and_then(|n| n.statistic).and_then(f),
        of(|n| n.p),
        of(|n| n.interval.0),
        of(|n| n.interval.1),
        of(|n| n.sequential_p),
        of(|n| n.sequential.0),
        of(|n| n.sequential.1),
        Some(call.return_str(effect.method)),
        effect.outcome.err().map(|reason| call.return_str(reason.word())),
    ])
}

/// Arguments from `i`: units, mean, variance.
fn arm_of_one(call: &Call, i: usize) -> Result<Arm<1>, TallyError> {
    checked(Arm {
        n: count(call, i),
        mean: [value(call, i + 1)],
        cov: [[value(call, i + 2)]],
    })
}

fn checked<const K: usize>(arm: Arm<K>) -> Result<Arm<K>, TallyError> {
    arm.check()?;
    Ok(arm)
}

/// An arm of two variables: units, and the numbers at `i` to `i + 4` in this order of (mean, mean, variance, variance, covariance).
fn arm_of_two(call: &Call, n: usize, [m, d, vm, vd, c]: [usize; 5]) -> Result<Arm<2>, TallyError> {
    let (vm, vd, c) = (value(call, vm), value(call, vd), value(call, c));
    checked(Arm {
        n: count(call, n),
        mean: [value(call, m), value(call, d)],
        cov: [[vm, c], [c, vd]],
    })
}

/// Units, mean, variance, mean of the covariate, its variance, covariance from `i`.
fn arm_with_covariate(call: &Call, i: usize) -> Result<Arm<2>, TallyError> {
    arm_of_two(call, i, [i + 1, i + 3, i + 2, i + 4, i + 5])
}

/// Units, numerator, denominator, their variances, covariance from `i`.
fn arm_of_ratio(call: &Call, i: usize) -> Result<Arm<2>, TallyError> {
    arm_of_two(call, i, [i + 1, i + 2, i + 3, i + 4, i + 5])
}

/// Units, four means, sixteen covariances from `i`; NULL arrays are an arm of which nothing is known.
fn arm_of_four(call: &Call, i: usize) -> Result<Arm<4>, TallyError> {
    let read = |i: usize, length: usize| -> Result<Vec<f64>, TallyError> {
        if call.is_null(i) {
            return Ok(vec![f64::NAN; length]);
        }
        let values: Vec<f64> = call.f64s(i)?.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect();
        if values.len() == length {
            return Ok(values);
        }
        Err(TallyError::new(SqlState::ArraySubscriptError, format!("expected an array of {length} numbers, got {}", values.len()))
            .detail("Four means (numerator, denominator, and both from before exposure) and the sixteen covariances of these, row by row.")
            .hint("SELECT * FROM tally.compare_ratios_cuped(0, NULL, NULL, 0, NULL, NULL)"))
    };
    let (mean, cov) = (read(i + 1, 4)?, read(i + 2, 16)?);
    checked(Arm {
        n: count(call, i),
        mean: std::array::from_fn(|k| mean[k]),
        cov: std::array::from_fn(|k| std::array::from_fn(|l| cov[4 * k + l])),
    })
}

/// Successes and units of an arm from `i`.
fn share(call: &Call, i: usize) -> Result<Share, TallyError> {
    let share = Share {
        successes: count(call, i),
        n: count(call, i + 1),
    };
    share.check()?;
    Ok(share)
}

/// Units, value, low, high from `i`, and the cluster factor at `factor`.
fn quantile(call: &Call, i: usize, factor: usize) -> Result<Quantile, TallyError> {
    let quantile = Quantile {
        units: count(call, i),
        value: value(call, i + 1),
        low: value(call, i + 2),
        high: value(call, i + 3),
        factor: value(call, factor),
    };
    let bad = if quantile.units < 0.0 {
        Some(format!(
            "units of an arm expected to be 0 or more, got {}",
            Shown(quantile.units)
        ))
    } else if quantile.low > quantile.high {
        Some(format!(
            "a low at or under its high expected, got {} and {}",
            Shown(quantile.low),
            Shown(quantile.high)
        ))
    } else if quantile.factor < 0.0 {
        Some(format!(
            "cluster factor expected to be 0 or more, got {}",
            Shown(quantile.factor)
        ))
    } else {
        None
    };
    match bad {
        None => Ok(quantile),
        Some(message) => Err(invalid(message)
            .detail("low and high are the values at the levels that tally.quantile_bounds() gives.")
            .hint("SELECT * FROM tally.compare_quantiles(900, 410, 395, 428, 910, 390, 372, 405)")),
    }
}

/// A stratum for each element of the six arrays from argument 0.
fn strata(call: &Call) -> Result<Vec<(Arm<1>, Arm<1>)>, TallyError> {
    let counts = |i: usize| {
        Ok::<_, TallyError>(
            call.i64s(i)?
                .into_iter()
                .map(|n| n.unwrap_or(0) as f64)
                .collect::<Vec<_>>(),
        )
    };
    let values = |i: usize| {
        Ok::<_, TallyError>(
            call.f64s(i)?
                .into_iter()
                .map(|v| v.unwrap_or(f64::NAN))
                .collect::<Vec<_>>(),
        )
    };
    let columns = [counts(0)?, values(1)?, values(2)?, counts(3)?, values(4)?, values(5)?];
    let lengths = columns.each_ref().map(Vec::len);
    if lengths.iter().any(|length| *length != lengths[0]) {
        return Err(TallyError::new(SqlState::ArraySubscriptError, format!("expected six arrays of one length, got {lengths:?}"))
            .detail("Each array has one element for each stratum, in the same order.")
            .hint("SELECT * FROM tally.compare_strata('{500,300}', '{10,20}', '{4,9}', '{520,280}', '{10.4,20.9}', '{4.1,8}')"));
    }
    let [n_a, mean_a, variance_a, n_b, mean_b, variance_b] = columns;
    (0..n_a.len())
        .map(|i| {
            let a = Arm {
                n: n_a[i],
                mean: [mean_a[i]],
                cov: [[variance_a[i]]],
            };
            let b = Arm {
                n: n_b[i],
                mean: [mean_b[i]],
                cov: [[variance_b[i]]],
            };
            Ok((checked(a)?, checked(b)?))
        })
        .collect()
}

pg_fn! {
    /// `compare_means(n_a, mean_a, variance_a, n_b, mean_b, variance_b, relative, alpha, planned)`.
    tally_compare_means(call)? {
        let (a, b) = (arm_of_one(&call, 0)?, arm_of_one(&call, 3)?);
        Ok(row(&call, &means(&a, &b, asked(&call, 6)?)))
    }

    /// `compare_cuped(n_a, mean_a, variance_a, covariate_mean_a, covariate_variance_a, covariance_a, n_b, …)`.
    tally_compare_cuped(call)? {
        let (a, b) = (arm_with_covariate(&call, 0)?, arm_with_covariate(&call, 6)?);
        Ok(row(&call, &means_cuped(&a, &b, asked(&call, 12)?)))
    }

    /// `cuped_theta(n_a, …)`: the first twelve arguments of `compare_cuped`.
    tally_cuped_theta(call)? {
        let (a, b) = (arm_with_covariate(&call, 0)?, arm_with_covariate(&call, 6)?);
        Ok(call.return_opt_f64(theta_of_means(&a, &b)))
    }

    /// `compare_ratios(n_a, numerator_a, denominator_a, numerator_variance_a, denominator_variance_a, covariance_a, n_b, …)`.
    tally_compare_ratios(call)? {
        let (a, b) = (arm_of_ratio(&call, 0)?, arm_of_ratio(&call, 6)?);
        Ok(row(&call, &ratios(&a, &b, asked(&call, 12)?)))
    }

    /// `compare_ratios_cuped(n_a, means_a, covariances_a, n_b, means_b, covariances_b, relative, alpha, planned)`.
    tally_compare_ratios_cuped(call)? {
        let (a, b) = (arm_of_four(&call, 0)?, arm_of_four(&call, 3)?);
        Ok(row(&call, &ratios_cuped(&a, &b, asked(&call, 6)?)))
    }

    /// `compare_strata(n_a[], mean_a[], variance_a[], n_b[], mean_b[], variance_b[], relative, alpha, planned)`.
    tally_compare_strata(call)? {
        if (0..6).any(|i| call.is_null(i)) {
            return Ok(row(&call, &means_by_strata(&[], asked(&call, 6)?)));
        }
        Ok(row(&call, &means_by_strata(&strata(&call)?, asked(&call, 6)?)))
    }

    /// `compare_proportions(successes_a, n_a, successes_b, n_b, relative, alpha, planned, method)`.
    tally_compare_proportions(call)? {
        let (a, b) = (share(&call, 0)?, share(&call, 2)?);
        let method = Method::parse(call.opt_str(7)?.unwrap_or("NULL"))?;
        Ok(row(&call, &proportions(a, b, method, asked(&call, 4)?)))
    }

    /// `fisher_exact(successes_a, n_a, successes_b, n_b)`, strict.
    tally_fisher_exact(call)? {
        let (a, b) = (share(&call, 0)?, share(&call, 2)?);
        Ok(call.return_f64(fisher::two_sided(a, b)))
    }

    /// `newcombe_interval(successes_a, n_a, successes_b, n_b, alpha)`, strict: low, high; NULLs where an arm is empty.
    tally_newcombe_interval(call)? {
        let (a, b) = (share(&call, 0)?, share(&call, 2)?);
        check_alpha(call.f64(4))?;
        if a.n < 1.0 || b.n < 1.0 {
            return Ok(call.return_row([None, None]));
        }
        let (low, high) = newcombe(a, b, call.f64(4));
        Ok(call.return_row([low, high].map(|v| Some(call.return_f64(v)))))
    }

    /// `quantile_bounds(level, n)`, strict: low, high.
    tally_quantile_bounds(call)? {
        check_level(call.f64(0))?;
        let bounds = bounds(call.f64(0), call.i64(1) as f64);
        Ok(call.return_row([bounds.map(|b| call.return_f64(b.0)), bounds.map(|b| call.return_f64(b.1))]))
    }

    /// `compare_quantiles(n_a, value_a, low_a, high_a, n_b, value_b, low_b, high_b, relative, alpha, planned, cluster_factor_a, cluster_factor_b)`.
    tally_compare_quantiles(call)? {
        let (a, b) = (quantile(&call, 0, 11)?, quantile(&call, 4, 12)?);
        Ok(row(&call, &quantiles(&a, &b, asked(&call, 8)?)))
    }

    /// `cluster_factor(level, n, under_mean, values_mean, under_variance, values_variance, covariance)`, strict.
    tally_cluster_factor(call)? {
        check_level(call.f64(0))?;
        Ok(call.return_opt_f64(cluster_factor(call.f64(0), &arm_of_ratio(&call, 1)?)))
    }
}
