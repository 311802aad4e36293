//! Tests of the HyperLogLog as a whole.

use super::working::{self, Grow};
use super::{Sketch, codec, exact_max};
use std::collections::BTreeSet;

/// A hash that spreads small numbers (SplitMix64's finisher).
fn hash(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn working_of(hashes: impl IntoIterator<Item = u64>, precision: u8) -> Vec<u64> {
    let mut words = vec![0; working::FIRST_WORDS];
    working::init(&mut words, precision);
    for hash in hashes {
        while let Err(Grow(needed)) = working::push(&mut words, hash) {
            words.resize(needed, 0);
        }
    }
    words
}

fn sketch_of(hashes: impl IntoIterator<Item = u64>, precision: u8) -> Sketch {
    working::finish(&working_of(hashes, precision))
}

#[test]
fn a_table_that_grew_finds_what_it_held_before() {
    // The grown words once kept slots of the old size, so that hashes were counted twice and stored unsorted.
    for n in [1, 29, 30, 31, 48, 49, 100, exact_max(13) as u64] {
        let sketch = sketch_of((0..3).flat_map(|_| (0..n).map(hash)), 13);
        assert_eq!(sketch.distinct(), n as f64, "{n} distinct hashes, each three times");
        let expected: Vec<u64> = (0..n).map(hash).collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(codec::decode(&codec::encode(&sketch)).unwrap(), sketch);
        assert!(matches!(&sketch.body, super::Body::Exact(hashes) if *hashes == expected));
    }
}

#[test]
fn merging_equals_adding_in_one_pass() {
    for (a, b) in [(0, 20), (25, 25), (40, 60), (100, 5000), (5000, 100), (5000, 7000)] {
        let mut words = working_of((0..a).map(hash), 13);
        // Half of b's hashes are a's too.
        let other = sketch_of((a / 2..a / 2 + b).map(hash), 13);
        while let Err(Grow(needed)) = working::merge(&mut words, &other) {
            words.resize(needed, 0);
        }
        let all = sketch_of((0..a).chain(a / 2..a / 2 + b).map(hash), 13);
        assert_eq!(working::finish(&words), all, "{a} and {b}");
    }
}

#[test]
fn a_partial_state_is_read_as_what_it_holds() {
    for n in [0, 5, 30, 31, 49, 97, 193, 3000] {
        let words = working_of((0..n).map(hash), 13);
        // Bytes of a varlena's payload: the first four bytes of word 0 are its header.
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect();
        assert_eq!(
            codec::decode(&bytes).unwrap(),
            sketch_of((0..n).map(hash), 13),
            "{n} hashes"
        );
    }
}

#[test]
fn the_error_beyond_exact_is_that_of_the_precision() {
    for precision in [10, 13] {
        let bound = 1.04 / f64::from(1u32 << precision).sqrt();
        for n in [1_000u64, 10_000, 100_000] {
            // Mean square error over 20 disjoint sets, against the count itself.
            let square: f64 = (0..20)
                .map(|set| {
                    (sketch_of((0..n).map(|i| hash(set << 40 | i)), precision).distinct() / n as f64 - 1.0).powi(2)
                })
                .sum();
            // 20 samples of the error: their root mean square stays under 1.6 times the theory with p > 0.9999.
            assert!(
                (square / 20.0).sqrt() < 1.6 * bound,
                "precision {precision}, {n} distinct"
            );
        }
    }
}
