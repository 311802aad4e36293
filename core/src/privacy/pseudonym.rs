//! Owns pseudonyms: names replaced by a keyed hash, so that one without the key can neither undo nor test them.
//!
//! HMAC-SHA-256 (RFC 2104, FIPS 180-4), never a plain hash: names can be guessed, keys cannot.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256 of the value under the key.
pub fn pseudonym(value: &[u8], key: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(value);
    mac.finalize().into_bytes().into()
}

/// A UUID of version 8 (RFC 9562: custom) with 122 bits of the pseudonym.
pub fn pseudonym_uuid(value: &[u8], key: &[u8]) -> [u8; 16] {
    let mut uuid: [u8; 16] = *pseudonym(value, key).first_chunk().expect("32 bytes hold 16");
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::encode as hex;

    /// RFC 4231, test case 2.
    #[test]
    fn known_answer() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&pseudonym(b"what do ya want for nothing?", b"Jefe")), expected);
        assert_eq!(
            hex(&pseudonym_uuid(b"what do ya want for nothing?", b"Jefe")),
            "5bdcc146bf60854eaa042426089575c7"
        );
    }
}
