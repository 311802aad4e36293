//! Owns post-stratification: means compared within strata, then averaged by the strata's shares of both arms.
//!
//! L. W. Miratrix, J. S. Sekhon, B. Yu, *Adjusting treatment effect estimates by post-stratification in randomized
//! experiments* (JRSS B 75, 2013). The shares themselves are a sample, which adds the variance between strata over all units.

use super::arm::Arm;
use super::effect::{Asked, Effect, Estimate, Reason};

/// A stratum's two arms.
pub type Stratum = (Arm<1>, Arm<1>);

/// Compares means by strata. Strata with fewer than two units in an arm are taken together.
pub fn means_by_strata(strata: &[Stratum], asked: Asked) -> Effect {
    let whole = |arm: fn(&Stratum) -> &Arm<1>| {
        strata
            .iter()
            .map(arm)
            .filter(|arm| arm.n >= 1.0)
            .fold(None, |sum: Option<Arm<1>>, arm| {
                Some(sum.map_or(*arm, |sum| sum.with(arm)))
            })
    };
    let value = |arm: Option<Arm<1>>| arm.map(|arm| arm.mean[0]).filter(|mean| mean.is_finite());
    let (a, b) = (whole(|s| &s.0), whole(|s| &s.1));
    Effect {
        value_a: value(a),
        value_b: value(b),
        method: "post_stratified",
        outcome: usable(strata)
            .and_then(|strata| estimate(&strata, asked))
            .and_then(|estimate| estimate.test(asked)),
    }
}

/// The strata that can be compared: thin ones are merged, and what is thin even so joins the smallest other.
fn usable(strata: &[Stratum]) -> Result<Vec<Stratum>, Reason> {
    let merged = |x: &Stratum, y: &Stratum| (x.0.with(&y.0), x.1.with(&y.1));
    let thin = |s: &Stratum| s.0.n < 2.0 || s.1.n < 2.0;
    let (thin_ones, mut kept): (Vec<Stratum>, Vec<Stratum>) =
        strata.iter().filter(|s| s.0.n + s.1.n >= 1.0).partition(|s| thin(s));
    if let Some(rest) = thin_ones.into_iter().reduce(|x, y| merged(&x, &y)) {
        let smallest = (0..kept.len()).min_by(|i, j| {
            let size = |s: &Stratum| s.0.n + s.1.n;
            size(&kept[*i]).total_cmp(&size(&kept[*j]))
        });
        match smallest {
            Some(i) if thin(&rest) => kept[i] = merged(&kept[i], &rest),
            _ => kept.push(rest),
        }
    }
    let (n_a, n_b) = kept.iter().fold((0.0, 0.0), |(a, b), s| (a + s.0.n, b + s.1.n));
    if n_a < 1.0 || n_b < 1.0 {
        return Err(Reason::EmptyArm);
    }
    if kept.iter().any(thin) {
        return Err(Reason::TooFewUnits);
    }
    let finite = |arm: &Arm<1>| arm.mean[0].is_finite() && arm.cov[0][0].is_finite();
    if kept.iter().all(|s| finite(&s.0) && finite(&s.1)) {
        Ok(kept)
    } else {
        Err(Reason::NotFinite)
    }
}

fn estimate(strata: &[Stratum], asked: Asked) -> Result<Estimate, Reason> {
    let units: f64 = strata.iter().map(|s| s.0.n + s.1.n).sum();
    let share = |s: &Stratum| (s.0.n + s.1.n) / units;
    let sum = |of: &dyn Fn(&Stratum) -> f64| strata.iter().map(of).sum::<f64>();
    // Means count from the first one: what a stratum's mean differs by from others would be lost in a sum of 1e9s.
    let origin = strata.first().map_or(0.0, |s| s.0.mean[0]);
    let (from_a, from_b) = (
        sum(&|s| share(s) * (s.0.mean[0] - origin)),
        sum(&|s| share(s) * (s.1.mean[0] - origin)),
    );
    let (a, b) = (origin + from_a, origin + from_b);
    let difference = sum(&|s| share(s) * (s.1.mean[0] - s.0.mean[0]));
    if asked.relative && a == 0.0 {
        return Err(Reason::ZeroBaseline);
    }
    // Weights of the two arms' values in a change of the effect.
    let (g_a, g_b) = if asked.relative {
        (-b / (a * a), 1.0 / a)
    } else {
        (-1.0, 1.0)
    };
    let effect = if asked.relative { difference / a } else { difference };
    let mut parts: Vec<(f64, f64)> = Vec::new();
    for s in strata {
        let w = share(s);
        for (g, arm) in [(g_a, &s.0), (g_b, &s.1)] {
            parts.push(((g * w).powi(2) * arm.cov[0][0] / arm.n, arm.n - 1.0));
        }
    }
    let pull = |s: &Stratum| g_a * (s.0.mean[0] - origin - from_a) + g_b * (s.1.mean[0] - origin - from_b);
    parts.push((sum(&|s| share(s) * pull(s).powi(2)) / units, units - 1.0));
    let variance: f64 = parts.iter().map(|part| part.0).sum();
    if variance == 0.0 {
        return Err(Reason::ZeroVariance);
    }
    let df = 1.0 / parts.iter().map(|(v, df)| (v / variance).powi(2) / df).sum::<f64>();
    Ok(Estimate {
        effect,
        variance,
        df,
        units,
    })
}
