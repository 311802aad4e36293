//! Owns intervals and p values that hold at every look, however often one looks.
//!
//! I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, *Time-uniform central limit theory and asymptotic
//! confidence sequences* (arXiv 2103.06476): half-width of equation 9, ρ of equation 161, p as the level at which the
//! interval just touches 0. The theory is asymptotic: the first looks should have some hundred units.

/// ρ², tuned to be tightest at `planned` units.
fn rho_squared(alpha: f64, planned: f64) -> f64 {
    let ln = -2.0 * alpha.ln();
    (ln + ln.ln_1p()) / planned
}

/// The interval of an effect estimated from `units` units of both arms.
pub fn interval(effect: f64, standard_error: f64, units: f64, alpha: f64, planned: f64) -> (f64, f64) {
    let nr = units * rho_squared(alpha, planned);
    // se √n · √(2 (nρ² + 1) ln(√(nρ² + 1) / α) / (nρ)²), with (nρ)² = n · nρ².
    let half = standard_error * (2.0 * (nr + 1.0) * (0.5 * nr.ln_1p() - alpha.ln()) / nr).sqrt();
    (effect - half, effect + half)
}

/// The p of "no effect".
pub fn p(effect: f64, standard_error: f64, units: f64, alpha: f64, planned: f64) -> f64 {
    let nr = units * rho_squared(alpha, planned);
    let z = effect / standard_error;
    // The e-value is exp(nρ² z² / (2 (nρ² + 1))) / √(nρ² + 1), and p is 1 over it.
    (0.5 * nr.ln_1p() - 0.5 * z * z * nr / (nr + 1.0)).exp().min(1.0)
}
