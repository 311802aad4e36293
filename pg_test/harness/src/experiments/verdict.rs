//! Owns corrections of p values and badges, by their definitions.

/// p values corrected by Holm (1979) or Benjamini and Hochberg (1995), by their definitions.
pub fn corrected(p: &[f64], how: &str) -> Vec<f64> {
    let n = p.len() as f64;
    let rank = |x: f64| p.iter().filter(|y| **y < x).count() as f64;
    match how {
        "holm" => p
            .iter()
            .map(|x| {
                p.iter()
                    .filter(|y| **y <= *x)
                    .map(|y| (y * (n - rank(*y))).min(1.0))
                    .fold(0.0, f64::max)
            })
            .collect(),
        "benjamini_hochberg" => p
            .iter()
            .map(|x| {
                p.iter()
                    .filter(|y| **y >= *x)
                    .map(|y| (y * n / p.iter().filter(|z| **z <= *y).count() as f64).min(1.0))
                    .fold(1.0, f64::min)
            })
            .collect(),
        _ => p.to_vec(),
    }
}

/// The badge, the first that applies.
pub fn badge(
    srm: Option<f64>,
    a: i64,
    b: i64,
    lift: Option<f64>,
    p: Option<f64>,
    up_is_good: bool,
    alpha: f64,
) -> &'static str {
    let (known, lift, significant) = (
        lift.is_some() && p.is_some(),
        lift.unwrap_or(0.0),
        p.is_some_and(|p| p < alpha),
    );
    match () {
        () if srm.is_some_and(|s| s < 0.001) => "invalid_srm",
        () if a == 0 || b == 0 => "no_data",
        () if a < 150 || b < 150 => "not_enough_data",
        () if !known => "no_data",
        () if lift.abs() >= 0.5 => "suspicious",
        () if significant && lift.abs() < 0.005 => "practically_equal",
        () if significant => {
            if (lift > 0.0) == up_is_good {
                "win"
            } else {
                "loss"
            }
        }
        () => "not_significant",
    }
}
