//! Tests of the HyperLogLog as a whole: exactness while small, error and no bump beyond, merging, decoding.

use super::working::{self, Grow};
use super::{Body, DEFAULT_PRECISION, Sketch, codec, exact_max, hash, registers};
use proptest::prelude::*;

/// An aggregate's life: hashes pushed one by one into a state that grows.
fn sketch_of(hashes: impl Iterator<Item = u64>, precision: u8) -> Sketch {
    let mut words = vec![0; working::FIRST_WORDS];
    working::init(&mut words, precision, 1);
    for hash in hashes {
        while let Err(Grow(needed)) = working::push(&mut words, hash) {
            words.resize(needed, 0);
        }
    }
    working::finish(&words)
}

fn rollup(parts: &[Sketch]) -> Sketch {
    let mut words = working::from_sketch(&parts[0]);
    for part in &parts[1..] {
        let bytes = codec::encode(part);
        while let Err(Grow(needed)) = working::merge_bytes(&mut words, &bytes).unwrap() {
            words.resize(needed, 0);
        }
    }
    working::finish(&words)
}

fn numbers(seed: u64, n: u64) -> impl Iterator<Item = u64> {
    (0..n).map(move |i| hash::int((seed << 40 | i) as i64))
}

#[test]
fn exact_up_to_the_limit_and_no_bump_behind_it() {
    let limit = exact_max(DEFAULT_PRECISION) as u64;
    for n in [0, 1, 6, 7, 30, 31, 46, 47, 500, limit] {
        let sketch = sketch_of(numbers(1, n).chain(numbers(1, n)), DEFAULT_PRECISION);
        assert_eq!((sketch.distinct(), sketch.relative_error()), (n as f64, 0.0));
    }
    // Root mean square over 200 sets just behind the change and further: never above 1.04 / √m, 15 % for chance.
    for n in [limit + 1, 1000, 2000, 5000, 20_000, 50_000] {
        let sum: f64 = (0..200)
            .map(|seed| (sketch_of(numbers(seed, n), DEFAULT_PRECISION).distinct() / n as f64 - 1.0).powi(2))
            .sum();
        let (error, allowed) = (
            (sum / 200.0).sqrt(),
            1.15 * 1.04 / (registers(DEFAULT_PRECISION) as f64).sqrt(),
        );
        assert!(error < allowed, "{n}: {error}, allowed {allowed}");
        assert!(n > 1000 || error < 0.01, "{n}: {error}");
    }
}

/// The registers of the datasketches crate's HLL are an independent implementation: both estimate the same sets alike.
#[test]
fn agrees_with_datasketches() {
    use datasketches::hll::{HllSketch, HllType};
    for n in [1000u64, 10_000, 300_000] {
        let ours = sketch_of(numbers(3, n), 12).distinct();
        let mut oracle = HllSketch::new(12, HllType::Hll8).unwrap();
        (0..n).for_each(|i| oracle.update(i));
        let difference = (ours / oracle.estimate() - 1.0).abs();
        assert!(
            difference < 4.0 * 1.41 * 1.04 / 64.0,
            "{n}: {ours} and {}",
            oracle.estimate()
        );
    }
}

#[test]
fn order_and_parts_do_not_matter() {
    for n in [20u64, 700, 767, 5000] {
        let whole = sketch_of(numbers(2, n), DEFAULT_PRECISION);
        let backwards = sketch_of(numbers(2, n).collect::<Vec<_>>().into_iter().rev(), DEFAULT_PRECISION);
        let all: Vec<u64> = numbers(2, n).collect();
        let parts: Vec<_> = all
            .chunks(90)
            .chain(all.chunks(333))
            .map(|c| sketch_of(c.iter().copied(), DEFAULT_PRECISION))
            .collect();
        assert_eq!(codec::encode(&whole), codec::encode(&backwards));
        assert_eq!(codec::encode(&whole), codec::encode(&rollup(&parts)), "{n}");
    }
}

/// Found by `make fuzz`: a list whose repeats filled it became registers although its set was exactly as large as is kept.
#[test]
fn as_many_as_are_kept_stay_exact_however_often_they_come() {
    for p in 4..=18 {
        let limit = exact_max(p) as u64;
        for n in [limit - 1, limit, limit + 1] {
            let once = sketch_of(numbers(6, n), p);
            assert_eq!(matches!(once.body, Body::Exact(_)), n <= limit, "{p} {n}");
            let often = sketch_of(numbers(6, n).chain(numbers(6, n)).chain(numbers(6, n)), p);
            assert_eq!(often, once, "{p} {n}");
            assert_eq!(rollup(&[once.clone(), often, once.clone()]), once, "{p} {n}");
        }
    }
}

/// Two stored exact sketches make one in a pass over both: as a set of the hashes says, or not at all.
#[test]
fn a_union_of_stored_sketches_is_that_of_their_sets() {
    let limit = exact_max(DEFAULT_PRECISION) as u64;
    for (a, b, common) in [
        (0, 0, 0),
        (1, 1, 0),
        (1, 1, 1),
        (5, 9, 3),
        (300, 333, 333 / 2),
        (400, 366, 0),
        (400, 367, 0),
        (766, 766, 766),
    ] {
        let (left, right): (Vec<u64>, Vec<u64>) = (
            numbers(7, a).collect(),
            numbers(7, a + b - common).skip((a - common) as usize).collect(),
        );
        let of = |hashes: &[u64]| codec::encode(&sketch_of(hashes.iter().copied(), DEFAULT_PRECISION));
        let set: std::collections::BTreeSet<u64> = left.iter().chain(&right).copied().collect();
        let both = codec::union(&of(&left), &of(&right)).map(|bytes| codec::decode(&bytes).unwrap());
        assert_eq!(both.is_some(), set.len() as u64 <= limit, "{a} {b} {common}");
        if let Some(both) = both {
            assert_eq!(
                both.body,
                Body::Exact(set.iter().copied().collect()),
                "{a} {b} {common}"
            );
        }
        assert_eq!(
            codec::encode(&rollup(&[
                sketch_of(left.into_iter(), 13),
                sketch_of(right.into_iter(), 13)
            ])),
            of(&set.into_iter().collect::<Vec<_>>())
        );
    }
    let of = |n, precision| codec::encode(&sketch_of(numbers(7, n), precision));
    assert_eq!(codec::union(&of(9, 13), &of(9, 12)), None, "two precisions");
    assert_eq!(codec::union(&of(9, 13), &of(9000, 13)), None, "one of registers");
    assert_eq!(
        codec::union(&of(90, 13), &of(9, 13)),
        None,
        "a small one goes into a table"
    );
}

#[test]
fn unequal_precisions_merge_to_the_smaller() {
    for (a, b) in [(14, 10), (10, 14), (18, 4), (13, 12)] {
        for n in [10, 200, 2000, 40_000] {
            let merged = rollup(&[
                sketch_of(numbers(4, n), a),
                sketch_of(numbers(4, n / 2), b),
                sketch_of(numbers(4, 5), a),
            ]);
            let direct = sketch_of(numbers(4, n), a.min(b));
            assert_eq!(merged.precision, a.min(b));
            match &direct.body {
                Body::Dense(_) => assert_eq!(merged, direct, "{a} {b} {n}"),
                Body::Exact(hashes) => assert_eq!(merged.distinct(), hashes.len() as f64, "{a} {b} {n}"),
            }
        }
    }
}

/// A state, a stored sketch and a partial one bear the key's number; none of them merges with another key's, or with none.
#[test]
fn sketches_under_two_keys_do_not_merge() {
    let of = |version, n| {
        let mut words = vec![0; working::FIRST_WORDS];
        working::init(&mut words, 12, version);
        for hash in numbers(5, n) {
            while let Err(Grow(needed)) = working::push(&mut words, hash) {
                words.resize(needed, 0);
            }
        }
        words
    };
    for n in [3, 500, 5000] {
        let keyed = of(0x1f3a, n);
        assert_eq!(working::finish(&keyed).version, 0x1f3a, "{n}");
        assert_eq!(working::finish(&keyed).body, working::finish(&of(1, n)).body, "{n}");
        let stored = codec::encode(&working::finish(&keyed));
        let partial: Vec<u8> = keyed.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect();
        assert!(codec::is_partial(&partial) && !codec::is_partial(&stored), "{n}");
        for bytes in [&stored, &partial] {
            assert_eq!(codec::decode(bytes).unwrap(), working::finish(&keyed), "{n}");
            let mut same = of(0x1f3a, n);
            while let Err(Grow(needed)) = working::merge_bytes(&mut same, bytes).unwrap() {
                same.resize(needed, 0);
            }
            assert_eq!(working::finish(&same), working::finish(&keyed), "{n}");
            for other in [1, 2, 0x1f3b, 0x203a] {
                let error = working::merge_bytes(&mut of(other, n), bytes).unwrap_err();
                assert!(
                    error.message.contains("identity key") && error.message.contains("1f3a"),
                    "{}",
                    error.message
                );
            }
            // One that has seen nothing is of any key.
            assert!(working::merge_bytes(&mut of(1, 0), bytes).is_ok());
        }
    }
}

proptest! {
    #[test]
    fn decoding_any_bytes_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..700),
        kind in prop::sample::select(vec![1u8, 2, 3, 4, 17, 18, 19]),
        p in 3..20u8,
        high in 0..3u8,
    ) {
        let mut all = vec![1, kind, p, high];
        all.extend(&bytes);
        if let Ok(sketch) = codec::decode(&all) {
            let _ = sketch.distinct();
        }
        let _ = codec::decode(&bytes);
    }

    /// A state that another process sent: what is taken for one can be changed and finished.
    #[test]
    fn flipped_bits_of_a_state_never_panic(n in 1..1500u64, p in 4..11u8, at in 0..600usize, bit in 0..8u8) {
        let mut words = vec![0; working::FIRST_WORDS];
        working::init(&mut words, p, 1);
        let push = |words: &mut Vec<u64>, i: u64| {
            while let Err(working::Grow(needed)) = working::push(words, super::hash::int(i as i64)) {
                words.resize(needed, 0);
            }
        };
        (0..n).for_each(|i| push(&mut words, i));
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(mut words) = working::from_bytes(&bytes) {
            (0..100).for_each(|i| push(&mut words, i));
            let _ = working::finish(&words).distinct();
        }
    }

    #[test]
    fn text_and_bytes_come_back(n in 0..3000u64, seed in 0..50u64, p in 4..15u8, version in prop::sample::select(vec![1u16, 2, 0x0100, 0x1f3a, 0xffff])) {
        let sketch = Sketch { version, ..sketch_of(numbers(seed, n), p) };
        prop_assert_eq!(&codec::decode(&codec::encode(&sketch)).unwrap(), &sketch);
        prop_assert_eq!(super::text::read(&super::text::write(&sketch)).unwrap(), sketch);
    }
}
