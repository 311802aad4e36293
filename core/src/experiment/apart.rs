//! Owns differences that keep their digits where what is subtracted is nearly the same.

/// c / d - a / b. Two quotients near each other, as of sums of 1e9, have lost most digits of their difference.
pub fn quotients_apart([a, b]: [f64; 2], [c, d]: [f64; 2]) -> f64 {
    // cb - ad to the last digit (Kahan): what ad loses by rounding is known exactly.
    let (p, q) = (c * b, a * d);
    let apart = (c.mul_add(b, -q) + (-a).mul_add(d, q)) / b / d;
    // Products beyond the range of numbers have no digits to keep.
    let usable = |x: f64| x == 0.0 || (1e-250..1e250).contains(&x.abs());
    if usable(p) && usable(q) && apart.is_finite() {
        apart
    } else {
        c / d - a / b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One success more of 10^9 is 10^-9; (10^9 + 1)/10^9 - 1 is as much. 1/3 - 333/1000 = 1/3000.
    #[test]
    fn differences_by_hand() {
        assert_eq!(quotients_apart([500_000_000.0, 1e9], [500_000_001.0, 1e9]), 1e-9);
        assert_eq!(quotients_apart([1e9, 1e9], [1e9 + 1.0, 1e9]), 1e-9);
        assert!((quotients_apart([333.0, 1000.0], [1.0, 3.0]) * 3000.0 - 1.0).abs() < 1e-15);
        assert_eq!(
            quotients_apart([1.0, 1e-300], [3.0, 1e-300]),
            3.0 / 1e-300 - 1.0 / 1e-300
        );
        assert_eq!(quotients_apart([7.0, -2.0], [0.0, 5.0]), 3.5);
    }
}
