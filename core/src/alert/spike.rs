//! Owns the statistics of spikes: robust z-scores and exact Poisson tails.

/// Robust z-score |x - median| / (1.4826 · MAD), as in Iglewicz & Hoaglin, "How to detect and handle outliers" (1993).
/// Where more than half the history is equal the MAD is 0 and 1.2533 · mean absolute deviation stands in for it; where
/// all of it is equal, any other value is infinitely far out. None under three past values: no scale can be told.
pub fn robust_z(value: f64, history: &[f64]) -> Option<f64> {
    if history.len() < 3 {
        return None;
    }
    let center = median(history)?;
    let deviations: Vec<f64> = history.iter().map(|x| (x - center).abs()).collect();
    let mad = median(&deviations)?;
    let scale = match mad > 0.0 {
        true => 1.4826 * mad,
        false => 1.2533 * deviations.iter().sum::<f64>() / deviations.len() as f64,
    };
    let distance = (value - center).abs();
    match (distance > 0.0, scale > 0.0) {
        (false, _) => Some(0.0),
        (true, false) => Some(f64::INFINITY),
        (true, true) => Some(distance / scale),
    }
}

/// Median of the values; None of none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// Probability under Poisson(`mean`) of a count at least as far from the mean, on the same side, as `count`: the upper
/// tail P(X ≥ count) above the mean, the lower tail P(X ≤ count) below it. Summed term by term from the count outward
/// or inward, which is exact to rounding for the small means it is meant for.
pub fn poisson_tail(count: f64, mean: f64) -> Option<f64> {
    if !(mean >= 0.0 && count >= 0.0 && mean.is_finite()) {
        return None;
    }
    if count.is_infinite() {
        return Some(0.0);
    }
    let count = count.round();
    if mean == 0.0 {
        return Some(if count == 0.0 { 1.0 } else { 0.0 });
    }
    let term = |k: f64| (k * mean.ln() - mean - ln_factorial(k)).exp();
    let mut sum = 0.0;
    let mut k = count;
    // Terms fall monotonically on either side once past the mean, so the sum may stop where they no longer count.
    loop {
        let next = term(k);
        sum += next;
        k += if count >= mean { 1.0 } else { -1.0 };
        // `<=`, because a count far out makes the first term 0 already.
        if k < 0.0 || next <= sum * 1e-17 {
            break;
        }
    }
    Some(sum.min(1.0))
}

/// ln(k!): by the sum up to 255, by Stirling's series past it (relative error below 1e-15 there).
fn ln_factorial(k: f64) -> f64 {
    if k < 256.0 {
        return (2..=k as u32).map(|i| f64::from(i).ln()).sum();
    }
    let x = k + 1.0;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robust_z_by_hand() {
        // median 10, deviations 1 0 1 2 8 → MAD 1; (20 - 10) / 1.4826 = 6.7449.
        let z = robust_z(20.0, &[9.0, 10.0, 11.0, 12.0, 2.0]).unwrap();
        assert!((z - 6.744_907_594_7).abs() < 1e-9, "{z}");
        // MAD 0: mean absolute deviation (0+0+0+0+5)/5 = 1; 5 / 1.2533.
        let z = robust_z(15.0, &[10.0, 10.0, 10.0, 10.0, 15.0]).unwrap();
        assert!((z - 5.0 / 1.2533).abs() < 1e-12, "{z}");
        assert_eq!(robust_z(3.0, &[3.0, 3.0, 3.0]), Some(0.0));
        assert_eq!(robust_z(4.0, &[3.0, 3.0, 3.0]), Some(f64::INFINITY));
        assert_eq!(robust_z(4.0, &[3.0, 3.0]), None);
    }

    #[test]
    fn poisson_tails_against_known_values() {
        // R: ppois(4, 1, lower.tail = FALSE) = 0.003659847 is P(X >= 5).
        assert!((poisson_tail(5.0, 1.0).unwrap() - 0.003_659_846_827_343_713).abs() < 1e-15);
        // P(X <= 0) = exp(-3).
        assert!((poisson_tail(0.0, 3.0).unwrap() - (-3f64).exp()).abs() < 1e-15);
        // P(X >= 1) = 1 - exp(-0.1).
        assert!((poisson_tail(1.0, 0.1).unwrap() - (1.0 - (-0.1f64).exp())).abs() < 1e-15);
        assert_eq!(poisson_tail(0.0, 0.0), Some(1.0));
        assert_eq!(poisson_tail(2.0, 0.0), Some(0.0));
        assert_eq!(poisson_tail(2.0, f64::NAN), None);
        assert_eq!(poisson_tail(1e9, 1.0), Some(0.0));
    }

    #[test]
    fn stirling_continues_the_sum() {
        let by_sum: f64 = (2..=300u32).map(|i| f64::from(i).ln()).sum();
        assert!((ln_factorial(300.0) - by_sum).abs() < 1e-9 * by_sum);
    }
}
