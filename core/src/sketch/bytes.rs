//! Owns bounds-checked reading and writing of stored bytes: little-endian numbers and LEB128 varints.

use crate::error::{SqlState, TallyError};

/// Reads forward through stored bytes; every step checks the bounds.
pub struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which should be a `what` (as error messages name it).
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, what }
    }

    /// The error for bytes that are not as they should be.
    #[cold]
    pub fn corrupt(&self, expected: &str) -> TallyError {
        corrupt(self.what, expected, self.rest.len())
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], TallyError> {
        if n > self.rest.len() {
            return Err(self.corrupt(&format!("{n} more bytes")));
        }
        let (head, rest) = self.rest.split_at(n);
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TallyError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.corrupt(&format!("{N} more bytes")))?;
        self.rest = rest;
        Ok(*head)
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8, TallyError> {
        Ok(self.array::<1>()?[0])
    }

    /// A 16-bit number.
    pub fn u16(&mut self) -> Result<u16, TallyError> {
        self.array().map(u16::from_le_bytes)
    }

    /// A 32-bit number.
    pub fn u32(&mut self) -> Result<u32, TallyError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub fn u64(&mut self) -> Result<u64, TallyError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A float.
    pub fn f64(&mut self) -> Result<f64, TallyError> {
        self.array().map(f64::from_le_bytes)
    }

    /// An LEB128 varint of at most 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, TallyError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.corrupt("a varint of at most 64 bits"))
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), TallyError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.corrupt("no more bytes"))
        }
    }
}

/// The error for stored bytes that no version wrote.
#[cold]
pub fn corrupt(what: &str, expected: &str, left: usize) -> TallyError {
    TallyError::new(
        SqlState::DataCorrupted,
        format!("stored {what} is corrupt: expected {expected}, got {left} bytes"),
    )
    .detail("The bytes were not written by this or an earlier version of pg_tally.")
    .hint("SELECT tally.refresh() recomputes a rollup's sketches from its source.")
}

/// Appends an LEB128 varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_and_overlong_ones_are_refused() {
        for v in [0, 1, 127, 128, 300, 1 << 56, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, v);
            let mut reader = Reader::new("test", &out);
            assert_eq!(reader.varint().unwrap(), v);
            reader.end().unwrap();
        }
        assert!(Reader::new("test", &[0xff; 10]).varint().is_err());
        assert!(Reader::new("test", &[0x80]).varint().is_err());
    }
}
