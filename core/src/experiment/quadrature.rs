//! Owns one numerical integral, from which every tail probability of this room is made.
//!
//! The tails of the normal, Student's t and the gamma distribution have one shape: the density at the point times
//! ∫₀^∞ exp(-f(u)) du with f convex and f(0) = 0. Double exponential quadrature (H. Takahasi and M. Mori, *Double
//! exponential formulas for numerical integration*, Publ. RIMS 9, 1974) integrates that shape to the last digits whatever
//! the degrees of freedom. So there is no switch from a series to a fraction to an expansion, and no seam between them.

/// Step of the trapezoidal rule after the substitution u = scale · exp(x - exp(-x)).
const STEP: f64 = 1.0 / 24.0;

/// ∫₀^∞ exp(-f(u)) du for a convex f that grows from f(0) = 0. `guess` is about where f is 1.
pub fn decay(guess: f64, f: impl Fn(f64) -> f64) -> f64 {
    weighted_decay(guess, STEP, f, |_| 1.0)
}

/// ∫₀^∞ exp(-f(u)) g(u) du for such an f and a bounded g, by steps of `step`: shorter where g changes faster than f.
pub fn weighted_decay(guess: f64, step: f64, f: impl Fn(f64) -> f64, g: impl Fn(f64) -> f64) -> f64 {
    let scale = width(guess, &f);
    let term = |x: f64| {
        let u = (x - (-x).exp()).exp();
        let fall = (-f(scale * u)).exp();
        if fall == 0.0 {
            0.0
        } else {
            u * (1.0 + (-x).exp()) * fall * g(scale * u)
        }
    };
    let mut sum = term(0.0);
    for direction in [step, -step] {
        let mut k = 1.0;
        loop {
            let x = direction * k;
            // Beyond these points u is under 1e-25 or over 1e5 widths: nothing is left there.
            if !(-4.2..12.0).contains(&x) {
                break;
            }
            let t = term(x);
            sum += t;
            // g may be 0 up to far out: then nothing has come yet.
            if x > 2.0 && sum != 0.0 && t <= sum.abs() * 1e-20 {
                break;
            }
            k += 1.0;
        }
    }
    sum * step * scale
}

/// A point where f is between 1/2 and 2, from a guess; f is convex, so doubling and halving find it.
fn width(guess: f64, f: &impl Fn(f64) -> f64) -> f64 {
    let mut at = guess;
    for _ in 0..2100 {
        let here = f(at);
        if here > 2.0 {
            at *= 0.5;
        } else if here < 0.5 {
            at *= 2.0;
        } else {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ∫ e^-u = 1, ∫ e^(-u²) = √π / 2, ∫ 1/cosh u = π / 2, and ∫ e^-u · e^-u = 1/2, whatever the guess.
    #[test]
    fn integrals_known_by_hand() {
        for guess in [1e-6, 1.0, 1e6] {
            let near = |got: f64, want: f64| assert!((got - want).abs() <= 2e-15 * want, "{got} and {want}");
            near(decay(guess, |u| u), 1.0);
            near(decay(guess, |u| u * u), std::f64::consts::PI.sqrt() / 2.0);
            near(
                decay(guess, |u| u + (0.5 + 0.5 * (-2.0 * u).exp()).ln()),
                std::f64::consts::FRAC_PI_2,
            );
            near(weighted_decay(guess, STEP, |u| u, |u| (-u).exp()), 0.5);
        }
    }
}
