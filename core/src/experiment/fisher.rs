//! Owns Fisher's exact test of a 2 × 2 table.

use super::gamma::ln_binomial;
use super::proportion::Share;

/// Tables whose probabilities differ by less than this share are equally likely: rounding tells no two of them apart.
const TIE: f64 = 1e-10;

/// The successes of arm b, given both arms' units and all successes: a hypergeometric distribution.
struct Margins {
    /// Units of a and b.
    n: [f64; 2],
    /// Successes of both.
    successes: f64,
}

impl Margins {
    /// ln of the probability that b has x of the successes (Loader's way: three binomials of the common proportion).
    fn ln(&self, x: f64) -> f64 {
        let all = self.n[0] + self.n[1];
        let (p, q) = (self.successes / all, (all - self.successes) / all);
        ln_binomial(x, self.n[1], p, q) + ln_binomial(self.successes - x, self.n[0], p, q)
            - ln_binomial(self.successes, all, p, q)
    }

    /// P(x + side) / P(x).
    fn ratio(&self, x: f64, side: f64) -> f64 {
        let [n_a, n_b] = self.n;
        if side > 0.0 {
            (n_b - x) * (self.successes - x) / ((x + 1.0) * (n_a - self.successes + x + 1.0))
        } else {
            x * (n_a - self.successes + x) / ((n_b - x + 1.0) * (self.successes - x + 1.0))
        }
    }

    /// Σ P from x outward, as a multiple of P(x). Outward of the mode the ratios only fall, so it ends.
    fn tail(&self, mut x: f64, side: f64) -> f64 {
        let (mut term, mut sum) = (1.0, 1.0);
        loop {
            let ratio = self.ratio(x, side);
            term *= ratio;
            // What is left is at most a geometric series of this ratio.
            if term <= 0.0 || term * ratio < sum * 1e-17 * (1.0 - ratio) {
                return sum + term.max(0.0);
            }
            sum += term;
            x += side;
        }
    }
}

/// Two-sided p: all tables that are at most as likely as this one.
pub fn two_sided(a: Share, b: Share) -> f64 {
    let margins = Margins {
        n: [a.n, b.n],
        successes: a.successes + b.successes,
    };
    let (lowest, highest) = ((margins.successes - a.n).max(0.0), margins.successes.min(b.n));
    let here = b.successes;
    let mode = (((b.n + 1.0) * (margins.successes + 1.0) / (a.n + b.n + 2.0)).floor()).clamp(lowest, highest);
    let ln_here = margins.ln(here);
    let limit = ln_here + TIE;
    // The mode itself is no more likely than this table: then every table counts.
    if margins.ln(mode) <= limit {
        return 1.0;
    }
    let side = if here > mode { 1.0 } else { -1.0 };
    let near = ln_here.exp() * margins.tail(here, side);
    // The first table on the other side of the mode that is at most as likely, by halving.
    let end = if side > 0.0 { lowest } else { highest };
    if margins.ln(end) > limit {
        return near.min(1.0);
    }
    let (mut likely, mut rare) = (mode, end);
    while (likely - rare).abs() > 1.0 {
        let middle = ((likely + rare) / 2.0).floor();
        if margins.ln(middle) > limit {
            likely = middle;
        } else {
            rare = middle;
        }
    }
    (near + margins.ln(rare).exp() * margins.tail(rare, -side)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(x: f64, n: f64, y: f64, m: f64) -> f64 {
        two_sided(Share { successes: x, n }, Share { successes: y, n: m })
    }

    /// Fisher's tea: 3 of 4 against 1 of 4 has p = 34/70; all right has 2/70. Nothing or everything is p = 1.
    #[test]
    fn tables_by_hand() {
        assert!((p(1.0, 4.0, 3.0, 4.0) - 34.0 / 70.0).abs() < 1e-15);
        assert!((p(0.0, 4.0, 4.0, 4.0) - 2.0 / 70.0).abs() < 1e-15);
        assert_eq!(p(0.0, 10.0, 0.0, 20.0), 1.0);
        assert_eq!(p(10.0, 10.0, 20.0, 20.0), 1.0);
        assert_eq!(p(0.0, 1.0, 1.0, 1.0), 1.0);
    }

    /// Every table of small margins against the sum over whole numbers.
    #[test]
    fn all_small_tables_by_enumeration() {
        let choose = |n: u64, k: u64| (0..k).fold(1u128, |c, i| c * u128::from(n - i) / u128::from(i + 1));
        for n in 1..12u64 {
            for m in 1..12u64 {
                for x in 0..=n {
                    for y in 0..=m {
                        let k = x + y;
                        let ways = |j: u64| {
                            if j <= m && k >= j && k - j <= n {
                                choose(m, j) * choose(n, k - j)
                            } else {
                                0
                            }
                        };
                        let rare: u128 = (0..=k).map(ways).filter(|w| *w <= ways(y)).sum();
                        let want = rare as f64 / choose(n + m, k) as f64;
                        let got = p(x as f64, n as f64, y as f64, m as f64);
                        assert!((got - want).abs() <= 1e-13 * want, "{x}/{n} {y}/{m}: {got} and {want}");
                    }
                }
            }
        }
    }
}
