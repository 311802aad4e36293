//! Owns entropy: how diverse counts by key are (Shannon 1948).

use super::working::{ODD, SCALE, cells};
use super::{Totals, entries};
use crate::cancel::looking;
use crate::error::TallyError;

/// What a cell of decimal digits is worth beside that of the next place.
const STEP: f64 = 1e12;

/// A number above zero by its [`cells`], and the place whose cells are its unit, so that it fits float8 whatever its size; none for what is no such number.
fn above_zero(cells: impl Iterator<Item = (i16, i64)>) -> Option<(i16, f64)> {
    let (mut unit, mut value) = (i16::MIN, 0.0);
    for (place, cell) in cells.filter(|(place, _)| *place != SCALE) {
        if place == ODD {
            return None;
        }
        if place > unit {
            value *= STEP.powi(i32::from(unit) - i32::from(place));
            unit = place;
        }
        value += cell as f64 * STEP.powi(i32::from(place) - i32::from(unit));
    }
    (value > 0.0).then_some((unit, value))
}

/// Shannon's entropy in bits, -Σ p log2 p, of the numbers above zero, each given by its [`cells`]; what is no number or not above zero is not counted.
/// None without any.
pub fn of_cells<N: Iterator<Item = (i16, i64)>>(numbers: impl Iterator<Item = N>) -> Option<f64> {
    let counted: Vec<(i16, f64)> = looking(numbers).filter_map(above_zero).collect();
    let top = counted.iter().map(|(unit, _)| *unit).max()?;
    let in_top = |(unit, value): &(i16, f64)| value * STEP.powi(i32::from(*unit) - i32::from(top));
    let total: f64 = counted.iter().map(in_top).sum();
    Some(bits(counted.iter().map(in_top), total))
}

/// Bits of numbers above zero whose sum is `total`. A share may round to 0, and 0 log 0 is 0.
fn bits(numbers: impl Iterator<Item = f64>, total: f64) -> f64 {
    let shares = numbers.map(|n| n / total).filter(|share| *share > 0.0);
    shares.fold(0.0, |bits, share| bits - share * share.log2())
}

/// Entropy of stored totals.
pub fn of_stored(bytes: &[u8]) -> Result<Option<f64>, TallyError> {
    if let Some(sums) = entries::sums(bytes)? {
        let counted = || sums.iter().copied().filter(|sum| *sum > 0.0);
        let total = counted().sum::<f64>();
        if total.is_finite() {
            return Ok((total > 0.0).then(|| bits(counted(), total)));
        }
    }
    Ok(of_totals(&Totals::decode(bytes)?))
}

/// Entropy of sums by name, as [`Totals::named`] names them.
pub fn of_totals(totals: &Totals) -> Option<f64> {
    of_cells(totals.named().values().map(cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::totals::decimal::Decimal;

    fn entropy(numbers: &[&str]) -> Option<f64> {
        let numbers: Vec<Decimal> = numbers.iter().map(|text| Decimal::parse(text).unwrap()).collect();
        of_cells(numbers.iter().map(cells))
    }

    #[test]
    fn known_values() {
        assert_eq!(entropy(&[]), None);
        assert_eq!(entropy(&["0", "-3", "NaN"]), None);
        assert_eq!(entropy(&["7"]), Some(0.0));
        assert!(entropy(&["7"]).unwrap().is_sign_positive());
        assert_eq!(entropy(&["2", "1", "1", "0", "-9"]), Some(1.5));
        assert_eq!(entropy(&["0.25", "0.25", "0.25", "0.25"]), Some(2.0));
        // By hand: log2 3; and 0.9 log2 (10/9) + 0.1 log2 10.
        assert!((entropy(&["5", "5", "5"]).unwrap() - 1.584_962_500_721_156).abs() < 1e-15);
        assert!((entropy(&["9e40", "1e40"]).unwrap() - 0.468_995_593_589_281_2).abs() < 1e-15);
    }

    #[test]
    fn numbers_beyond_float8() {
        assert_eq!(entropy(&["3e2000", "3e2000"]), Some(1.0));
        assert_eq!(entropy(&["1e-3000", "1e-3000"]), Some(1.0));
        // A share that rounds to 0 adds nothing.
        assert_eq!(entropy(&["1", "1e2000"]), Some(0.0));
        assert_eq!(entropy(&["Infinity", "1", "1"]), Some(1.0));
    }
}
