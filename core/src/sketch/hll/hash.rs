//! Owns the 64-bit hashes. They are stored, so they never change: the same on every machine and in every release.
//!
//! Integers go through a bijection (murmur3's finalizer), so distinct ones never collide. Bytes go through XXH3, whose
//! output is frozen since xxHash 0.8 and has implementations in every language; crate `xxhash-rust` follows that test suite.

use xxhash_rust::xxh3::xxh3_64;

/// Hash of an integer: equal for int2, int4 and int8 of equal value.
#[inline(always)]
pub fn int(value: i64) -> u64 {
    mix(value as u64)
}

/// Hash of bytes: text under any collation, uuid, bytea.
#[inline(always)]
pub fn bytes(value: &[u8]) -> u64 {
    xxh3_64(value)
}

/// Hash of a float: -0 equals 0, all NaN are equal, float4 equals float8.
#[inline(always)]
pub fn float(value: f64) -> u64 {
    let canonical = match value {
        v if v.is_nan() => f64::NAN.to_bits(),
        0.0 => 0,
        v => v.to_bits(),
    };
    mix(canonical ^ 0x9e37_79b9_7f4a_7c15)
}

/// murmur3's 64-bit finalizer, behind an offset so that 0 is not hashed to 0.
#[inline(always)]
pub fn mix(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ x >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is stored must be found again by later releases: known answers.
    #[test]
    fn hashes_do_not_change() {
        assert_eq!(
            bytes(b""),
            0x2d06_8005_38d3_94c2,
            "XXH3_64bits of the empty input, from the xxHash test suite"
        );
        assert_eq!(float(0.0), float(-0.0));
        assert_eq!(float(f64::NAN), float(-f64::NAN));
        assert_ne!(int(0), 0);
    }
}
