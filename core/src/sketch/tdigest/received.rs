//! Owns states as they come from other processes: nothing is believed of them that readers count on.

use super::compress::WEIGHT_MAX;
use super::flush::outside;
use super::working::{
    EXACT, EXACT_WORDS, HEAD, LEN, MAX, MIN, ROOM, VALUES, compression, is_working, item, kind, len, pairs, tail_start,
};
use super::{COMPRESSION, Centroid};
use crate::error::TallyError;
use crate::sketch::bytes::corrupt;
use crate::sketch::tail;

/// The working form as words, from the payload of a varlena that holds one; the header's half of word 0 stays 0.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
    let bad = |expected| Err(corrupt("tdigest state", expected, bytes.len()));
    let Some(words) =
        crate::sketch::words_of(bytes).filter(|words| is_working(words) && COMPRESSION.contains(&compression(words)))
    else {
        return bad("a working form of whole words");
    };
    let (next, end, most) = (tail::next(&words), tail::end(&words), words.len());
    if kind(&words) == EXACT {
        return if VALUES <= next && next <= end && end <= most.min(EXACT_WORDS) {
            Ok(words)
        } else {
            bad("as many values as fit")
        };
    }
    let room = words.get(ROOM).map_or(u64::MAX, |&room| room);
    if most < HEAD || words[LEN] >> 33 > 0 || room > most as u64 {
        return bad("a digest's head");
    }
    let begin = tail_start(&words);
    // A tail takes at least a pair.
    if begin + 2 > most || !tail::fits(&words, VALUES, begin, most) {
        return bad("a tail that fits");
    }
    // Between pairs there are no values.
    if pairs(&words) && (end > VALUES || !(tail::filled(&words) - begin).is_multiple_of(2)) {
        return bad("a tail of whole pairs");
    }
    if len(&words) as u64 > room || u64::from(compression(&words)) > room {
        return bad("centroids that fit");
    }
    if !hangs_together(&words) {
        return bad("finite centroids in ascending order between its bounds");
    }
    Ok(words)
}

/// Whether what a digest's words hold is what this code puts there; readers count on it. Values in the tail may be any.
fn hangs_together(words: &[u64]) -> bool {
    let (min, max) = (f64::from_bits(words[MIN]), f64::from_bits(words[MAX]));
    let (len, room) = (len(words), words[ROOM] as usize);
    let centroids = || (HEAD..HEAD + len).map(|at| item(words[at], words[at + room]));
    let tail = &words[tail_start(words)..tail::filled(words)];
    let pairs = if pairs(words) { tail } else { &[] }.as_chunks::<2>().0;
    let mut items = centroids().chain(pairs.iter().map(|&[mean, weight]| item(mean, weight)));
    // Bounds of nothing lie the other way round.
    let bounds = min.is_finite() && max.is_finite() || items.clone().next().is_none() && min > max;
    let outside = outside(words);
    let weight = [outside.neg_inf, outside.pos_inf, outside.nan, words.len() as u64]
        .into_iter()
        .chain(items.clone().map(|item| Centroid::from(item).weight));
    bounds
        && items
            .all(|item| min <= item.mean && item.mean <= max && (1..=WEIGHT_MAX).contains(&Centroid::from(item).weight))
        && centroids().is_sorted_by(|a, b| a.mean <= b.mean)
        && weight.fold(0, u64::saturating_add) < u64::MAX
}

#[cfg(test)]
mod tests {
    use super::super::codec;
    use super::super::working::{self, Grow};

    /// A part that was damaged on its way between processes ended the backend: `clamp` panics where the bounds are NaN or the wrong way round.
    #[test]
    fn a_damaged_state_is_an_error() {
        let mut words = vec![0; working::FIRST_WORDS];
        working::init(&mut words, 20);
        for i in 0..600 {
            while let Err(Grow(needed)) = working::push(&mut words, f64::from(i)) {
                words.resize(needed, 0);
            }
        }
        let bytes = |words: &[u64]| words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect::<Vec<u8>>();
        let whole = codec::decode(&bytes(&words)).expect("its own state");
        assert_eq!(whole.count(), 600);
        for (word, value) in [
            (working::MIN, f64::NAN.to_bits()),
            (working::MAX, f64::NAN.to_bits()),
            (working::MIN, f64::NEG_INFINITY.to_bits()),
            (working::MAX, (-1.0f64).to_bits()),
            (working::HEAD, f64::NAN.to_bits()),
            (working::HEAD + 3, 1e9f64.to_bits()),
            (working::HEAD + 20, 0),
            (working::HEAD + 20, u64::MAX),
            (working::OUTSIDE, u64::MAX),
        ] {
            let mut damaged = words.clone();
            damaged[word] = value;
            let error = codec::decode(&bytes(&damaged)).expect_err("damage");
            assert!(
                error.message.contains("tdigest state is corrupt"),
                "word {word}: {}",
                error.message
            );
            assert!(!error.detail.is_empty() && !error.hint.is_empty());
        }
    }
}
