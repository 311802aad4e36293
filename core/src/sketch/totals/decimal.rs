//! Owns exact decimal sums: cells of twelve digits each, added one by one, with carries only where a cell would overflow.

use std::collections::BTreeMap;

/// What a cell counts up to: twelve digits, three of PostgreSQL's base-10,000 digits.
pub const CELL: i64 = 1_000_000_000_000;
const DIGITS: i32 = 12;

/// Values that are no numbers, as bits: a sum of 0.1 in float8 could become one.
pub const NAN: i64 = 1;
/// +Infinity.
pub const PLUS: i64 = 2;
/// -Infinity.
pub const MINUS: i64 = 4;

/// A decimal number: the sum of cell × 10^(12 × place), shown with `scale` digits behind the point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decimal {
    /// Cells by place. After [`settle`](Self::settle) all of one sign, below [`CELL`] and not 0.
    pub cells: BTreeMap<i16, i64>,
    /// Digits behind the point.
    pub scale: u32,
    /// Bits of [`NAN`], [`PLUS`] and [`MINUS`]; 0 for a number.
    pub odd: i64,
}

/// Whether a text is as [`Decimal::text`] writes numbers: digits without a leading zero or a sign of zero, or one of the three that are none.
pub fn is_text(text: &str) -> bool {
    if let "NaN" | "Infinity" | "-Infinity" = text {
        return true;
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole.as_bytes(), Some(fraction.as_bytes())),
        None => (unsigned.as_bytes(), None),
    };
    let digits = || whole.iter().chain(fraction.unwrap_or_default());
    let begins = matches!(whole, [b'0'] | [b'1'..=b'9', ..]);
    begins
        && fraction.is_none_or(|fraction| !fraction.is_empty())
        && digits().all(u8::is_ascii_digit)
        && (unsigned.len() == text.len() || digits().any(|d| *d != b'0'))
}

impl Decimal {
    /// Adds to a cell, with a carry where it would overflow.
    pub fn add(&mut self, place: i16, value: i64) {
        let cell = self.cells.entry(place).or_insert(0);
        match cell.checked_add(value) {
            Some(sum) => *cell = sum,
            None => {
                let carry = *cell / CELL + value / CELL;
                *cell = *cell % CELL + value % CELL;
                self.add(place + 1, carry);
            }
        }
    }

    /// Adds another number.
    pub fn add_all(&mut self, other: &Decimal) {
        other.cells.iter().for_each(|(place, value)| self.add(*place, *value));
        self.scale = self.scale.max(other.scale);
        self.odd |= other.odd;
    }

    /// Carries, so that equal numbers have equal cells.
    pub fn settle(&mut self) {
        if self.odd != 0 {
            self.cells.clear();
            return;
        }
        let mut negative = false;
        // Twice: the first round says the sign, the second makes all cells be of it.
        for _ in 0..2 {
            let (mut carry, mut settled) = (0i64, BTreeMap::new());
            let mut rest: Vec<(i16, i64)> = std::mem::take(&mut self.cells).into_iter().collect();
            rest.reverse();
            let mut place = rest.last().map_or(0, |(place, _)| *place);
            while carry != 0 || !rest.is_empty() {
                if carry == 0
                    && let Some((next, _)) = rest.last()
                {
                    place = *next;
                }
                let here = rest.pop_if(|(next, _)| *next == place).map_or(0, |(_, value)| value);
                let sum = i128::from(here) + i128::from(carry);
                let (mut cell, mut up) = (sum % i128::from(CELL), sum / i128::from(CELL));
                if negative && cell > 0 {
                    (cell, up) = (cell - i128::from(CELL), up + 1);
                } else if !negative && cell < 0 {
                    // The highest cell of a negative number stays negative in the first round.
                    let last = rest.is_empty() && up == 0;
                    if !last {
                        (cell, up) = (cell + i128::from(CELL), up - 1);
                    }
                }
                if cell != 0 {
                    settled.insert(place, cell as i64);
                }
                carry = up as i64;
                place += 1;
            }
            self.cells = settled;
            negative = self.cells.last_key_value().is_some_and(|(_, value)| *value < 0);
        }
    }

    /// Whether no digit stands behind the last one that is shown; it is settled.
    pub fn is_whole(&self) -> bool {
        let Some((place, cell)) = self.cells.first_key_value() else {
            return true;
        };
        // How many digits of the lowest cell are not shown.
        let hidden = -i32::from(*place) * DIGITS - self.scale as i32;
        hidden <= 0 || hidden < DIGITS && cell % 10i64.pow(hidden as u32) == 0
    }

    /// The number as PostgreSQL writes a numeric.
    pub fn text(&self) -> String {
        match self.odd {
            0 => {}
            PLUS => return "Infinity".to_owned(),
            MINUS => return "-Infinity".to_owned(),
            _ => return "NaN".to_owned(),
        }
        let mut out = String::new();
        if self.cells.values().any(|cell| *cell < 0) {
            out.push('-');
        }
        let digits = |place: i16| format!("{:012}", self.cells.get(&place).copied().unwrap_or(0).unsigned_abs());
        let top = self.cells.last_key_value().map_or(0, |(place, _)| *place).max(0);
        let whole: String = (0..=top).rev().map(digits).collect();
        let whole = whole.trim_start_matches('0');
        out.push_str(if whole.is_empty() { "0" } else { whole });
        if self.scale > 0 {
            let places = self.scale.div_ceil(DIGITS as u32) as i16;
            let fraction: String = (1..=places).map(|below| digits(-below)).collect();
            out.push('.');
            out.push_str(&fraction[..self.scale as usize]);
        }
        out
    }

    /// The shortest decimal that reads back as a float8.
    pub fn of_float(value: f64) -> Decimal {
        let odd = match value {
            v if v.is_nan() => NAN,
            f64::INFINITY => PLUS,
            f64::NEG_INFINITY => MINUS,
            _ => return Decimal::parse(&format!("{value}")).unwrap_or_default(),
        };
        Decimal {
            odd,
            ..Decimal::default()
        }
    }

    /// The nearest float8.
    pub fn float(&self) -> f64 {
        self.text().parse().unwrap_or(f64::NAN)
    }

    /// Reads a number, with or without an exponent, or one of the three that are none.
    pub fn parse(text: &str) -> Option<Decimal> {
        let odd = match text {
            "NaN" => NAN,
            "Infinity" => PLUS,
            "-Infinity" => MINUS,
            _ => 0,
        };
        if odd != 0 {
            return Some(Decimal {
                odd,
                ..Decimal::default()
            });
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        // As far as PostgreSQL's numeric reaches.
        let lowest = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let reach = -16_383..=131_072;
        if digits.is_empty()
            || !digits.bytes().all(|d| d.is_ascii_digit())
            || !reach.contains(&lowest)
            || digits.len() > 150_000
        {
            return None;
        }
        let mut number = Decimal {
            scale: lowest.min(0).unsigned_abs(),
            ..Decimal::default()
        };
        for (i, digit) in digits.bytes().rev().enumerate().filter(|(_, digit)| *digit != b'0') {
            let power = lowest + i as i32;
            let place = i16::try_from(power.div_euclid(DIGITS)).ok()?;
            number.add(
                place,
                sign * i64::from(digit - b'0') * 10i64.pow(power.rem_euclid(DIGITS) as u32),
            );
        }
        number.settle();
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(numbers: &[&str]) -> String {
        let mut all = Decimal::default();
        numbers.iter().for_each(|n| all.add_all(&Decimal::parse(n).expect(n)));
        all.settle();
        all.text()
    }

    #[test]
    fn decimals_add_exactly() {
        assert_eq!(sum(&["0.1"; 10]), "1.0");
        assert_eq!(sum(&["9007199254740993"]), "9007199254740993");
        assert_eq!(sum(&["1", "-0.000000000000000000000001"]), "0.999999999999999999999999");
        assert_eq!(sum(&["-1e30", "1"]), "-999999999999999999999999999999");
        assert_eq!(sum(&["1e30", "-1e30", "-0.5"]), "-0.5");
        assert_eq!(sum(&["5", "-5.00"]), "0.00");
        assert_eq!(sum(&["1.5e-3", "-1000000000000", "999999999999"]), "-0.9985");
        assert_eq!(sum(&["Infinity", "1"]), "Infinity");
        assert_eq!(sum(&["Infinity", "-Infinity"]), "NaN");
        assert_eq!(
            (Decimal::parse("1e200000"), Decimal::parse("x"), Decimal::parse("")),
            (None, None, None)
        );
    }

    proptest! {
        /// The oracle is i128.
        #[test]
        fn sums_are_those_of_integers(numbers in prop::collection::vec(any::<i64>(), 0..60), big in prop::collection::vec(any::<i64>(), 0..9)) {
            let mut all = Decimal::default();
            numbers.iter().for_each(|n| all.add(0, *n));
            big.iter().for_each(|n| all.add(1, *n));
            all.settle();
            let expected = numbers.iter().map(|n| i128::from(*n)).sum::<i128>() + big.iter().map(|n| i128::from(*n) * i128::from(CELL)).sum::<i128>();
            prop_assert_eq!(all.text(), expected.to_string());
            prop_assert!(all.cells.values().all(|c| c.abs() < CELL && *c != 0 && (*c < 0) == (expected < 0)));
            prop_assert_eq!(Decimal::parse(&all.text()), Some(all));
        }
    }
}
