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

/// A sum of products that keeps what rounding takes of them (Ogita, Rump, Oishi: *Accurate sum and dot product*, 2005).
#[derive(Debug, Clone, Copy, Default)]
pub struct Products {
    sum: f64,
    lost: f64,
}

impl Products {
    /// Adds a (b c).
    pub fn add(&mut self, a: f64, b: f64, c: f64) {
        let inner = b * c;
        let product = a * inner;
        let next = self.sum + product;
        let back = next - self.sum;
        self.lost += (self.sum - (next - back)) + (product - back);
        self.lost += a.mul_add(inner, -product) + a * b.mul_add(c, -inner);
        self.sum = next;
    }

    /// The sum.
    pub fn value(self) -> f64 {
        // What overflows has lost nothing that could be told.
        if self.lost.is_finite() {
            self.sum + self.lost
        } else {
            self.sum
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (1 + 2^-30)² - 1 - 2^-29 is 2^-60, of which a plain sum has nothing; and what overflows is infinite, not NaN.
    #[test]
    fn products_by_hand() {
        let (x, one) = (1.0 + 2f64.powi(-30), 1.0);
        let mut sum = Products::default();
        sum.add(one, x, x);
        sum.add(-one, one, one);
        sum.add(-one, one, 2f64.powi(-29));
        assert_eq!(sum.value(), 2f64.powi(-60));
        sum.add(1e200, 1e200, 1.0);
        assert_eq!(sum.value(), f64::INFINITY);
    }

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
