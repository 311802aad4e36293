//! Owns what factorials become between the integers: ratios of gamma functions and binomial probabilities that keep
//! their digits for arguments of a billion, where a difference of two `ln_gamma`s has lost ten of them.
//!
//! C. Loader, *Fast and Accurate Computation of Binomial Probabilities* (2000).

use std::f64::consts::PI;

/// ln √(2π).
pub const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// Above this argument the asymptotic series below are at the last digit.
const LARGE: f64 = 15.0;

/// The error of Stirling's formula: ln Γ(a) - ((a - ½) ln a - a + ½ ln 2π), for a > 0.
pub fn stirling_error(a: f64) -> f64 {
    // δ(a) = δ(a + 1) + (a + ½) ln(1 + 1/a) - 1.
    let (mut a, mut sum) = (a, 0.0);
    while a < LARGE {
        sum += (a + 0.5) * (1.0 / a).ln_1p() - 1.0;
        a += 1.0;
    }
    let r = 1.0 / (a * a);
    sum + (1.0 / 12.0
        - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r * (1.0 / 1188.0 - r * 691.0 / 360_360.0)))))
        / a
}

/// ln(Γ(a + ½) / Γ(a)) for a > 0.
pub fn ln_half_step(a: f64) -> f64 {
    // Γ(a + ½)/Γ(a) = a / (a + ½) · Γ(a + 3/2)/Γ(a + 1).
    let (mut a, mut below) = (a, 1.0);
    while a < LARGE {
        below *= a / (a + 0.5);
        a += 1.0;
    }
    let r = 1.0 / (a * a);
    let series = (-1.0 / 8.0
        + r * (1.0 / 192.0
            + r * (-1.0 / 640.0 + r * (17.0 / 14_336.0 + r * (-31.0 / 18_432.0 + r * 691.0 / 180_224.0)))))
        / a;
    0.5 * a.ln() + series + below.ln()
}

/// r - ln(1 + r), which is about r²/2 near 0, with all its digits.
pub fn excess(r: f64) -> f64 {
    if r.abs() > 0.1 {
        return r - r.ln_1p();
    }
    // With v = r/(2 + r), ln(1 + r) = 2 (v + v³/3 + v⁵/5 + …) and r - 2v = r·v.
    let v = r / (2.0 + r);
    let v2 = v * v;
    let series = v2
        * (1.0 / 3.0
            + v2 * (1.0 / 5.0
                + v2 * (1.0 / 7.0 + v2 * (1.0 / 9.0 + v2 * (1.0 / 11.0 + v2 * (1.0 / 13.0 + v2 * (1.0 / 15.0)))))));
    v * (r - 2.0 * series)
}

/// e^u - 1 - u, which is about u²/2 near 0, with all its digits.
pub fn exp_excess(u: f64) -> f64 {
    // NaN too: the series would never end for it.
    if u.abs() > 0.5 || u.is_nan() {
        return u.exp_m1() - u;
    }
    let (mut term, mut sum) = (u * u / 2.0, 0.0);
    let mut k = 3.0;
    while term != 0.0 && sum + term != sum {
        sum += term;
        term *= u / k;
        k += 1.0;
    }
    sum
}

/// x/m - 1 - ln(x/m), whether x is near m or far below it.
pub fn ratio_excess(x: f64, m: f64) -> f64 {
    let r = (x - m) / m;
    if r.abs() < 0.1 { excess(r) } else { r - (x / m).ln() }
}

/// Deviance of x from its mean m: x ln(x/m) + m - x.
fn deviance(x: f64, m: f64) -> f64 {
    // m - x is exact enough by subtraction; m·excess would lose where x is far above m.
    let r = (x - m) / m;
    if r.abs() < 0.1 {
        // x ln(x/m) + m - x = m ((1 + r) ln(1 + r) - r).
        m * (r * r - (1.0 + r) * excess(r))
    } else {
        x * (x / m).ln() + m - x
    }
}

/// ln of the binomial probability of `x` successes among `n` with chance `p`, where `q` = 1 - p.
pub fn ln_binomial(x: f64, n: f64, p: f64, q: f64) -> f64 {
    if p == 0.0 || q == 0.0 {
        let certain = if p == 0.0 { x == 0.0 } else { x == n };
        return if certain { 0.0 } else { f64::NEG_INFINITY };
    }
    if x == 0.0 {
        return if n == 0.0 { 0.0 } else { n * ln_rest(p, q) };
    }
    if x == n {
        return n * ln_rest(q, p);
    }
    // Stirling's errors of n!, x! and (n - x)!: n! = Γ(n + 1), and δ of Loader is of Γ(n) · n.
    let factor = stirling_error(n) - stirling_error(x) - stirling_error(n - x);
    factor - deviance(x, n * p) - deviance(n - x, n * q) + 0.5 * (n / (2.0 * PI * x * (n - x))).ln()
}

/// ln(1 - p), where `q` = 1 - p is known too.
fn ln_rest(p: f64, q: f64) -> f64 {
    if p < 0.5 { (-p).ln_1p() } else { q.ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, want: f64, within: f64) {
        assert!((got - want).abs() <= within * want.abs(), "{got} and {want}");
    }

    /// Γ(1) = 1, Γ(½) = √π, Γ(5) = 24, by hand.
    #[test]
    fn stirling_at_known_points() {
        let ln_gamma = |a: f64| stirling_error(a) + (a - 0.5) * a.ln() - a + LN_SQRT_2PI;
        assert!(ln_gamma(1.0).abs() < 1e-15);
        near(ln_gamma(0.5), PI.sqrt().ln(), 2e-15);
        near(ln_gamma(5.0), 24f64.ln(), 2e-15);
        near(ln_half_step(0.5), (1.0 / PI.sqrt()).ln(), 2e-15);
        near(ln_half_step(1.0), (PI.sqrt() / 2.0).ln(), 1e-14);
    }

    #[test]
    fn excesses_join_without_a_seam() {
        for r in [0.0999999, 0.1000001, -0.0999999, -0.1000001] {
            near(excess(r), r - r.ln_1p(), 1e-14);
        }
        near(excess(1e-9), 0.5e-18 * (1.0 - 2e-9 / 3.0), 1e-15);
        near(exp_excess(0.499_999_9), 0.499_999_9f64.exp_m1() - 0.499_999_9, 1e-14);
        near(exp_excess(-1e-9), 0.5e-18 * (1.0 - 1e-9 / 3.0), 1e-15);
        // Bug: it never returned.
        assert!(exp_excess(f64::NAN).is_nan());
    }

    /// 10 of 20 at ½: 184756 / 2^20; 3 of 7 at 0.2: 35 · 0.2³ · 0.8⁴.
    #[test]
    fn binomials_by_hand() {
        near(ln_binomial(10.0, 20.0, 0.5, 0.5).exp(), 184_756.0 / 1_048_576.0, 1e-14);
        near(ln_binomial(3.0, 7.0, 0.2, 0.8).exp(), 0.114_688, 1e-14);
        near(ln_binomial(0.0, 7.0, 0.2, 0.8).exp(), 0.209_715_2, 1e-14);
        near(ln_binomial(7.0, 7.0, 0.2, 0.8).exp(), 1.28e-5, 1e-14);
        assert_eq!(ln_binomial(1.0, 7.0, 0.0, 1.0), f64::NEG_INFINITY);
    }
}
