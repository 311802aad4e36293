//! Owns base 64 (RFC 4648, with padding).

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// What stands for no digit: no value of a digit has its highest bit.
const NONE: u8 = 0xff;
/// The value of each byte as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut i = 0;
    while i < DIGITS.len() {
        values[DIGITS[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// Bytes as digits.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = vec![b'='; bytes.len().div_ceil(3) * 4];
    let (threes, rest) = bytes.as_chunks::<3>();
    let (quads, _) = out.as_chunks_mut::<4>();
    for (quad, &three) in quads.iter_mut().zip(threes) {
        *quad = digits(three);
    }
    if let ([a, more @ ..], Some(quad)) = (rest, quads.get_mut(threes.len())) {
        let b = more.first().copied().unwrap_or(0);
        quad[..=rest.len()].copy_from_slice(&digits([*a, b, 0])[..=rest.len()]);
    }
    String::from_utf8(out).expect("digits are ASCII")
}

#[inline(always)]
fn digits([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    [18, 12, 6, 0].map(|shift| DIGITS[(bits >> shift) as usize & 63])
}

/// Digits as bytes; `None` for anything else.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (quads, rest) = text.as_bytes().as_chunks::<4>();
    let Some((last, whole)) = quads.split_last() else {
        return rest.is_empty().then(Vec::new);
    };
    let padding = last.iter().rev().take_while(|c| **c == b'=').count();
    if !rest.is_empty() || padding > 2 {
        return None;
    }
    let mut last = *last;
    last[4 - padding..].fill(DIGITS[0]);
    let mut out = vec![0; quads.len() * 3];
    // All are looked at, and one look at the end says whether each was a digit.
    let mut seen = 0;
    for (three, quad) in out
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(whole.iter().chain(std::iter::once(&last)))
    {
        let [a, b, c, d] = quad.map(|digit| VALUES[usize::from(digit)]);
        seen |= a | b | c | d;
        *three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    out.truncate(out.len() - padding);
    (seen < 64).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 4648, section 10.
    #[test]
    fn there_and_back() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        for bad in ["Z", "Zg=", "Zg==Zg==", "Z===", "Zm9*", "=Zg=", "Zm9v\n", "====", "Zmé"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    /// Every byte at every place among three, and how the digits follow from the bits one at a time.
    #[test]
    fn each_byte_at_each_place() {
        for length in 0..7 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![0x5a; length];
                    bytes[place] = byte;
                    let text = encode(&bytes);
                    assert_eq!(decode(&text).as_ref(), Some(&bytes));
                    let bits: String = bytes.iter().map(|b| format!("{b:08b}")).collect();
                    let digits: String = bits
                        .as_bytes()
                        .chunks(6)
                        .map(|six| format!("{:0<6}", std::str::from_utf8(six).unwrap()))
                        .map(|six| char::from(DIGITS[usize::from_str_radix(&six, 2).unwrap()]))
                        .collect();
                    assert_eq!(text.trim_end_matches('='), digits);
                    assert_eq!(text.len() % 4, 0);
                }
            }
        }
    }
}
