//! Owns reading a `numeric` where it lies (numeric.c's format on disk, the same since PostgreSQL 9.1).

/// A numeric: a number, or one of the three values that are none.
pub enum Numeric<'a> {
    /// Digits in base 10,000, most significant first, the first of weight 10,000^weight; none for zero.
    Number {
        /// Whether it is below zero.
        negative: bool,
        /// Power of 10,000 of the first digit.
        weight: i32,
        /// Decimals that it is shown with.
        scale: u32,
        /// The digits, two little-endian bytes each, no zeros at either end.
        digits: &'a [[u8; 2]],
    },
    /// NaN.
    NaN,
    /// Infinity.
    Infinity,
    /// -Infinity.
    NegativeInfinity,
}

const SHORT: u16 = 0x8000;
const SPECIAL: u16 = 0xc000;

impl<'a> Numeric<'a> {
    /// Reads the payload of a numeric.
    pub fn read(payload: &'a [u8]) -> Self {
        let (words, _) = payload.as_chunks::<2>();
        let head = words.first().map_or(SPECIAL, |w| u16::from_le_bytes(*w));
        if head & SPECIAL == SPECIAL {
            return match head & 0xf000 {
                0xd000 => Numeric::Infinity,
                0xf000 => Numeric::NegativeInfinity,
                _ => Numeric::NaN,
            };
        }
        let (negative, weight, scale, digits) = if head & SHORT != 0 {
            let weight = i32::from(head & 0x3f) - if head & 0x40 != 0 { 0x40 } else { 0 };
            (head & 0x2000 != 0, weight, u32::from(head & 0x1f80) >> 7, &words[1..])
        } else {
            let weight = words.get(1).map_or(0, |w| i32::from(i16::from_le_bytes(*w)));
            (
                head & 0x4000 != 0,
                weight,
                u32::from(head & 0x3fff),
                words.get(2..).unwrap_or(&[]),
            )
        };
        let leading = digits.iter().take_while(|d| **d == [0, 0]).count();
        let digits = &digits[leading..];
        let kept = digits.len() - digits.iter().rev().take_while(|d| **d == [0, 0]).count();
        Numeric::Number {
            negative,
            weight: weight - leading as i32,
            scale,
            digits: &digits[..kept],
        }
    }

    /// Appends bytes that are the same for equal values, whatever their scale, and different for unequal ones.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        match self {
            Numeric::NaN => out.push(b'N'),
            Numeric::Infinity => out.push(b'I'),
            Numeric::NegativeInfinity => out.push(b'i'),
            Numeric::Number { digits: [], .. } => out.push(b'0'),
            Numeric::Number {
                negative,
                weight,
                digits,
                ..
            } => {
                out.push(if *negative { b'-' } else { b'+' });
                out.extend(weight.to_le_bytes());
                out.extend(digits.as_flattened());
            }
        }
    }
}
