//! Owns the 64-bit hashes. They are stored, so they never change: the same on every machine and in every release.
//!
//! Integers go through a bijection (murmur3's finalizer), so distinct ones never collide. Bytes go through XXH3, whose
//! output is frozen since xxHash 0.8 and has implementations in every language; crate `xxhash-rust` follows that test suite.

use siphasher::sip::SipHasher24;
use std::hash::Hasher;
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

/// Hash of a hash under a secret key: SipHash-2-4, which is a pseudorandom function. Who has not the key cannot tell which value has which hash.
#[inline(always)]
pub fn keyed(hash: u64, secret: &[u8; 16]) -> u64 {
    let mut sip = SipHasher24::new_with_key(secret);
    sip.write(&hash.to_le_bytes());
    sip.finish()
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
        // From the reference implementation of SipHash-2-4: key 00 … 0f, message 00 … 07.
        let key: [u8; 16] = std::array::from_fn(|i| i as u8);
        assert_eq!(keyed(0x0706_0504_0302_0100, &key), 0x93f5_f579_9a93_2462);
    }
}
