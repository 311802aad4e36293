//! Owns exact sums of floats times whole numbers. Such a sum has no rounding, so neither the order of its parts nor their grouping
//! changes it: a rollup over a rollup stores the same bytes as one over the rows.
//!
//! A sum is a whole number of 32-bit limbs: Σ limb × 2^(32 × place).
//!
//! ```text
//! u8 negative · u16 lowest place + 40 · varint limbs · limbs × u32, lowest first; the first and last are not 0
//! ```

use crate::error::TallyError;
use crate::sketch::bytes::{Reader, put_varint};
use std::collections::BTreeMap;

/// The lowest place that a float8 reaches: 2^-1074.
const LOWEST: i16 = -34;
/// No sum has as many limbs: 2^1024 times two whole numbers of 64 bits.
const MOST: usize = 80;
const BIAS: i16 = 40;

/// A sum, in its one canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Exact {
    negative: bool,
    low: i16,
    limbs: Vec<u32>,
}

/// A sum that grows.
#[derive(Debug, Default)]
pub struct Sum {
    /// The part that comes of whole numbers.
    whole: i128,
    cells: BTreeMap<i16, i128>,
}

impl Sum {
    /// Adds a finite float times a number.
    pub fn add(&mut self, value: f64, times: i64) {
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            let product = value as i128 * i128::from(times);
            self.whole = self.whole.checked_add(product).unwrap_or_else(|| {
                self.put(self.whole, 0);
                product
            });
            return;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i32;
        let fraction = (bits & ((1 << 52) - 1)) as i128;
        let (mantissa, exponent) = if exponent == 0 {
            (fraction, -1074)
        } else {
            (fraction | 1 << 52, exponent - 1075)
        };
        let mantissa = if value < 0.0 { -mantissa } else { mantissa };
        self.put(mantissa * i128::from(times), exponent);
    }

    /// Adds another sum.
    pub fn add_exact(&mut self, other: &Exact) {
        for (limb, place) in other.limbs.iter().zip(other.low..) {
            let limb = i128::from(*limb);
            *self.cells.entry(place).or_insert(0) += if other.negative { -limb } else { limb };
        }
    }

    /// Adds a number times a power of two.
    fn put(&mut self, mut number: i128, power: i32) {
        let (mut place, shift) = (power.div_euclid(32) as i16, power.rem_euclid(32));
        while number != 0 {
            // What is left of a negative number is -1 in the end.
            let part = if number == -1 { -1 } else { number & 0xffff_ffff };
            *self.cells.entry(place).or_insert(0) += part << shift;
            number = if number == -1 { 0 } else { number >> 32 };
            place += 1;
        }
    }

    /// The sum.
    pub fn exact(mut self) -> Exact {
        self.put(self.whole, 0);
        let (limbs, negative) = match carried(&self.cells, false) {
            Some(limbs) => (limbs, false),
            None => (carried(&self.cells, true).unwrap_or_default(), true),
        };
        let low = limbs.iter().position(|(_, limb)| *limb != 0);
        let high = limbs.iter().rposition(|(_, limb)| *limb != 0);
        match (low, high) {
            (Some(low), Some(high)) => Exact {
                negative,
                low: limbs[low].0,
                limbs: limbs[low..=high].iter().map(|(_, limb)| *limb).collect(),
            },
            _ => Exact::default(),
        }
    }
}

/// The limbs of the cells, or of their negation, with all carries done; none where that is below zero.
fn carried(cells: &BTreeMap<i16, i128>, negated: bool) -> Option<Vec<(i16, u32)>> {
    let mut limbs = Vec::new();
    let Some((mut place, last)) = cells
        .first_key_value()
        .map(|(place, _)| *place)
        .zip(cells.keys().next_back())
    else {
        return Some(limbs);
    };
    let mut carry = 0i128;
    while place <= *last || (carry != 0 && carry != -1) {
        let cell = cells.get(&place).copied().unwrap_or(0);
        let sum = carry + if negated { -cell } else { cell };
        limbs.push((place, (sum & 0xffff_ffff) as u32));
        carry = sum >> 32;
        place += 1;
    }
    (carry == 0).then_some(limbs)
}

impl Exact {
    /// The nearest float8; infinite where there is none so large.
    pub fn value(&self) -> f64 {
        let top = self.limbs.len().min(4);
        let below = self.limbs.len() - top;
        let mut number = self.limbs[below..]
            .iter()
            .rev()
            .fold(0u128, |number, limb| number << 32 | u128::from(*limb));
        // The lowest limb is not 0, so what lies below the four decides between two halves.
        number |= u128::from(below > 0);
        let power = 32 * (i32::from(self.low) + below as i32);
        let (half, rest) = (power / 2, power - power / 2);
        let value = number as f64 * 2f64.powi(half) * 2f64.powi(rest);
        if self.negative { -value } else { value }
    }

    /// Appends the bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.negative.into());
        out.extend(((self.low + BIAS) as u16).to_le_bytes());
        put_varint(out, self.limbs.len() as u64);
        self.limbs.iter().for_each(|limb| out.extend(limb.to_le_bytes()));
    }

    /// Reads the bytes.
    pub fn decode(reader: &mut Reader) -> Result<Self, TallyError> {
        let (sign, place, count) = (reader.u8()?, reader.u16()?, reader.varint()?);
        if count > MOST as u64 {
            return Err(reader.corrupt("a sum of at most 80 limbs"));
        }
        let limbs = (0..count).map(|_| reader.u32()).collect::<Result<Vec<u32>, _>>()?;
        let low = i16::try_from(place).unwrap_or(i16::MAX).saturating_sub(BIAS);
        Exact::checked(sign == 1, low, limbs)
            .filter(|_| sign <= 1)
            .ok_or_else(|| reader.corrupt("a sum in its canonical form"))
    }

    fn checked(negative: bool, low: i16, limbs: Vec<u32>) -> Option<Self> {
        let ends = limbs.first().zip(limbs.last());
        let canonical = match ends {
            Some((first, last)) => *first != 0 && *last != 0,
            None => !negative && low == 0,
        };
        let fits = low >= LOWEST && limbs.len() <= MOST && i32::from(low) + limbs.len() as i32 <= MOST as i32;
        (canonical && fits).then_some(Exact { negative, low, limbs })
    }

    /// The text: a number in hexadecimal, `0x1f.8`.
    pub fn text(&self) -> String {
        let limb = |place: i32| {
            let at = usize::try_from(place - i32::from(self.low)).ok();
            at.and_then(|at| self.limbs.get(at)).copied().unwrap_or(0)
        };
        let top = i32::from(self.low) + self.limbs.len() as i32;
        let whole: String = (0..top).rev().map(|place| format!("{:08x}", limb(place))).collect();
        let below: String = (i32::from(self.low)..0)
            .rev()
            .map(|place| format!("{:08x}", limb(place)))
            .collect();
        let (whole, below) = (whole.trim_start_matches('0'), below.trim_end_matches('0'));
        let sign = if self.negative { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if below.is_empty() { "" } else { "." };
        format!("{sign}0x{whole}{point}{below}")
    }

    /// Reads [`text`](Self::text).
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, below) = digits
            .strip_prefix("0x")?
            .split_once('.')
            .unwrap_or((digits.strip_prefix("0x")?, ""));
        if !text.is_ascii() || whole.len() > 8 * MOST || below.len() > 8 * MOST {
            return None;
        }
        let mut sum = Sum::default();
        let limbs = |digits: String| -> Option<Vec<u32>> {
            digits
                .as_bytes()
                .chunks(8)
                .map(|limb| u32::from_str_radix(std::str::from_utf8(limb).ok()?, 16).ok())
                .collect()
        };
        let width = whole.len().div_ceil(8) * 8;
        for (limb, place) in limbs(format!("{whole:0>width$}"))?.iter().rev().zip(0..) {
            sum.cells.insert(place, i128::from(*limb));
        }
        let width = below.len().div_ceil(8) * 8;
        for (limb, place) in limbs(format!("{below:0<width$}"))?.iter().zip(1..) {
            sum.cells.insert(-place, i128::from(*limb));
        }
        let exact = sum.exact();
        let exact = Exact::checked(negative, exact.low, exact.limbs)?;
        (exact.text() == text).then_some(exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(rows: &[(f64, i64)]) -> Exact {
        let mut sum = Sum::default();
        rows.iter().for_each(|(value, times)| sum.add(*value, *times));
        sum.exact()
    }

    #[test]
    fn sums_by_hand() {
        assert_eq!(of(&[]), Exact::default());
        assert_eq!(of(&[(1e300, 1), (1.0, 1), (-1e300, 1)]).value(), 1.0);
        assert_eq!(of(&[(0.1, 10)]).text(), "0x1.00000000000004");
        assert_eq!(of(&[(-0.5, 3)]).text(), "-0x1.8");
        assert_eq!(of(&[(5e-324, 3)]).value(), 1.5e-323);
        assert_eq!(of(&[(f64::MAX, i64::MAX)]).value(), f64::INFINITY);
        assert_eq!(
            of(&[(f64::MAX, i64::MAX), (f64::MAX, -i64::MAX), (2.5, -2)]).value(),
            -5.0
        );
        // 2^53 + 1 lies half way between two floats; one more below it goes up.
        assert_eq!(
            of(&[(9_007_199_254_740_992.0, 1), (1.0, 1)]).value(),
            9_007_199_254_740_992.0
        );
        assert_eq!(
            of(&[(9_007_199_254_740_992.0, 1), (1.0, 1), (1e-300, 1)]).value(),
            9_007_199_254_740_994.0
        );
        let most: Vec<_> = (0..5000).map(|_| (9_007_199_254_740_991.0, i64::MAX)).collect();
        assert_eq!(of(&most).value(), 9_007_199_254_740_991.0 * i64::MAX as f64 * 5000.0);
    }

    proptest! {
        /// Whole numbers have an oracle in i128; their halves are the same sums one bit lower.
        #[test]
        fn sums_of_whole_numbers(rows in prop::collection::vec((-1_000_000_000i64..1_000_000_000, any::<i32>()), 0..40)) {
            let truth: i128 = rows.iter().map(|(value, times)| i128::from(*value) * i128::from(*times)).sum();
            let whole = of(&rows.iter().map(|(v, t)| (*v as f64, i64::from(*t))).collect::<Vec<_>>());
            let halves = of(&rows.iter().map(|(v, t)| (*v as f64 / 2.0, i64::from(*t))).collect::<Vec<_>>());
            prop_assert_eq!(whole.value(), truth as f64);
            prop_assert_eq!(halves.value(), truth as f64 / 2.0);
        }

        #[test]
        fn sums_have_no_order_and_come_back(
            rows in prop::collection::vec((any::<f64>().prop_filter("finite", |v| v.is_finite()), any::<i64>()), 0..20),
            cut in 0..20usize,
        ) {
            let (a, b) = rows.split_at(cut.min(rows.len()));
            let mut sum = Sum::default();
            sum.add_exact(&of(b));
            sum.add_exact(&of(a));
            let both = sum.exact();
            prop_assert_eq!(&both, &of(&rows));
            prop_assert_eq!(Exact::parse(&both.text()), Some(both.clone()));
            let mut bytes = Vec::new();
            both.encode(&mut bytes);
            prop_assert_eq!(Exact::decode(&mut Reader::new("test", &bytes)).unwrap(), both);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "-?0x[0-9a-f]{0,20}[.]?[0-9a-f]{0,20}") {
            if let Some(exact) = Exact::parse(&text) {
                prop_assert_eq!(exact.text(), text);
            }
        }
    }
}
