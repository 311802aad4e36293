//! Owns several texts as one value: equal bytes exactly where all texts are equal, so that one hash and one comparison stand for those of each.
//!
//! A text is its length and its bytes. The length is one byte up to 252; NULL is one byte of its own; longer texts have four bytes of length behind a mark.

/// The first byte of what is NULL, and of a text that is longer than [`SHORT`].
const NULL: u8 = 253;
const LONG: u8 = 255;
/// The longest text whose length is one byte.
const SHORT: usize = 252;

/// How many bytes a text takes.
#[inline(always)]
pub fn size(text: Option<&[u8]>) -> usize {
    match text {
        None => 1,
        Some(text) if text.len() <= SHORT => 1 + text.len(),
        Some(text) => 5 + text.len(),
    }
}

/// Writes a text to the front of `to`, and gives what is left of it. `to` must have room for its [`size`].
#[inline(always)]
pub fn write<'a>(text: Option<&[u8]>, to: &'a mut [u8]) -> &'a mut [u8] {
    let Some(text) = text else {
        to[0] = NULL;
        return &mut to[1..];
    };
    let head = if text.len() <= SHORT {
        to[0] = text.len() as u8;
        1
    } else {
        to[0] = LONG;
        to[1..5].copy_from_slice(&(text.len() as u32).to_le_bytes());
        5
    };
    let (here, rest) = to[head..].split_at_mut(text.len());
    here.copy_from_slice(text);
    rest
}

/// The `n`th text (from 0) of `packed`; `None` where there is none, or where the bytes are none of [`write()`].
pub fn text(packed: &[u8], n: usize) -> Option<Option<&[u8]>> {
    let mut rest = packed;
    for place in 0.. {
        let (&first, after) = rest.split_first()?;
        let (text, behind) = match first {
            NULL => (None, after),
            LONG => {
                let (length, after) = after.split_first_chunk::<4>()?;
                let (text, behind) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
                (Some(text), behind)
            }
            length if usize::from(length) <= SHORT => {
                let (text, behind) = after.split_at_checked(length.into())?;
                (Some(text), behind)
            }
            _ => return None,
        };
        if place == n {
            return Some(text);
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(texts: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = vec![0; texts.iter().map(|t| size(*t)).sum()];
        let mut rest = bytes.as_mut_slice();
        for text in texts {
            rest = write(*text, rest);
        }
        assert!(rest.is_empty(), "{texts:?} take as much as size() says");
        bytes
    }

    /// Texts about each border of a length, and those that look like the head of another.
    fn odd() -> Vec<Option<Vec<u8>>> {
        let mut texts: Vec<Option<Vec<u8>>> = [0, 1, 2, 251, 252, 253, 254, 255, 256, 300]
            .iter()
            .flat_map(|n| [Some(vec![1; *n]), Some(vec![253; *n]), Some(vec![255; *n])])
            .collect();
        texts.extend([None, Some(vec![0]), Some(vec![1, 1]), Some(vec![65_u8; 70_000])]);
        texts.sort();
        texts.dedup();
        texts
    }

    #[test]
    fn there_and_back() {
        let odd = odd();
        for a in &odd {
            for b in &odd {
                let both = [a.as_deref(), b.as_deref(), Some(b"end".as_slice())];
                let bytes = packed(&both);
                for (n, expected) in both.iter().enumerate() {
                    assert_eq!(text(&bytes, n), Some(*expected), "{n}");
                }
                assert_eq!(text(&bytes, 3), None);
            }
        }
    }

    #[test]
    fn equal_bytes_mean_equal_texts() {
        let odd = odd();
        let mut all: Vec<Vec<u8>> = odd
            .iter()
            .flat_map(|a| odd.iter().map(|b| packed(&[a.as_deref(), b.as_deref()])))
            .collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "pairs that differ have bytes that differ");
    }

    #[test]
    fn other_bytes_are_none() {
        for bytes in [
            &[][..],
            &[3, 65],
            &[254],
            &[255, 1, 0],
            &[255, 255, 255, 255, 255, 65],
            &[2, 65, 66, 9],
        ] {
            assert_eq!(text(bytes, 1), None, "{bytes:?}");
        }
        assert_eq!(text(&[2, 65, 66, 9], 0), Some(Some(b"AB".as_slice())));
    }
}
