//! Tests of the t-digest as a whole: exactness while small, accuracy in one pass and merged, bounds, merging.

use super::samples::{QS, Random, distribution, percentile_cont, rank_error, rollup, sketch_of};
use super::working::{self, Grow};
use super::{Body, DEFAULT_COMPRESSION, codec};
use proptest::prelude::*;

#[test]
#[ignore = "prints the table of accuracy: cargo test --release accuracy_table -- --ignored --nocapture"]
fn accuracy_table() {
    println!(
        "{:30} {:>6} {}",
        "rank error, 1 M values",
        "bytes",
        QS.map(|q| format!("{q:>9}")).join("")
    );
    for name in [
        "lognormal",
        "uniform",
        "pareto",
        "bimodal",
        "up",
        "down",
        "integers",
        "poisson",
    ] {
        let seeds = 6;
        for merged in [false, true] {
            let mut errors = [0.0; QS.len()];
            let mut bytes = 0;
            for seed in 1..=seeds {
                let values = distribution(name, 1_000_000, seed);
                let sketch = if merged {
                    rollup(
                        &values
                            .chunks(1000)
                            .map(|c| sketch_of(c, DEFAULT_COMPRESSION))
                            .collect::<Vec<_>>(),
                    )
                } else {
                    sketch_of(&values, DEFAULT_COMPRESSION)
                };
                let mut sorted = values;
                sorted.sort_by(f64::total_cmp);
                bytes = codec::encode(&sketch).len();
                for (sum, q) in errors.iter_mut().zip(QS) {
                    *sum += rank_error(&sorted, q, sketch.percentile(q).unwrap()) / seeds as f64;
                }
            }
            let form = if merged { "1,000 parts" } else { "one pass" };
            println!(
                "{:30} {bytes:>6} {}",
                format!("{name}, {form}"),
                errors.map(|e| format!("{e:>9.1e}")).join("")
            );
        }
    }
}

#[test]
fn exact_while_small_is_percentile_cont_bit_for_bit() {
    for n in [1, 2, 3, 10, 100, super::EXACT_MAX] {
        let values = distribution("lognormal", n, n as u64);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let whole = sketch_of(&values, DEFAULT_COMPRESSION);
        let parts: Vec<_> = values.chunks(7).map(|c| sketch_of(c, DEFAULT_COMPRESSION)).collect();
        let merged = rollup(&parts);
        assert_eq!(codec::encode(&whole), codec::encode(&merged), "same values, same bytes");
        for q in (0..=1000).map(|i| i as f64 / 1000.0) {
            assert_eq!(whole.percentile(q), Some(percentile_cont(&sorted, q)), "n {n} q {q}");
        }
    }
}

/// Rank error within what the sizes of centroids allow; the ends exact; inside the bounds; monotonic in q.
#[test]
fn digests_stay_within_their_error() {
    for name in [
        "lognormal",
        "uniform",
        "pareto",
        "bimodal",
        "up",
        "down",
        "integers",
        "poisson",
    ] {
        let values = distribution(name, 100_000, 3);
        let one = sketch_of(&values, DEFAULT_COMPRESSION);
        let parts: Vec<_> = values
            .chunks(1017)
            .enumerate()
            .map(|(i, c)| sketch_of(&c[..c.len().min(1 + i * 40)], [100, 180, 400][i % 3]))
            .collect();
        let used: Vec<f64> = values
            .chunks(1017)
            .enumerate()
            .flat_map(|(i, c)| &c[..c.len().min(1 + i * 40)])
            .copied()
            .collect();
        for (sketch, values, limit) in [(one, values.clone(), 1.0), (rollup(&parts), used, 8.0)] {
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
            assert_eq!((sketch.min(), sketch.max()), (Some(min), Some(max)), "{name}");
            assert_eq!(
                (sketch.percentile(0.0), sketch.percentile(1.0)),
                (Some(min), Some(max)),
                "{name}"
            );
            assert_eq!(sketch.count() as usize, sorted.len());
            // Bimodal: the median lies at the edge of a mode, which is another test.
            for q in QS.into_iter().filter(|q| (name, *q) != ("bimodal", 0.5)) {
                let error = rank_error(&sorted, q, sketch.percentile(q).unwrap());
                let allowed = limit * 2e-3 * (q * (1.0 - q)).sqrt() + 1e-5;
                assert!(
                    error <= allowed,
                    "{name} q {q}: rank error {error:e}, allowed {allowed:e}"
                );
            }
            let answers: Vec<f64> = (0..=2000)
                .map(|i| sketch.percentile(i as f64 / 2000.0).unwrap())
                .collect();
            assert!(
                answers.is_sorted() && answers[0] >= min && answers[2000] <= max,
                "{name}"
            );
            for q in [0.05, 0.5, 0.95] {
                let rank = sketch.percentile_rank(sketch.percentile(q).unwrap()).unwrap();
                assert!((rank - q).abs() < 0.03, "{name}: rank of percentile {q} is {rank}");
            }
        }
    }
}

#[test]
fn discrete_data_answers_with_values_that_occur() {
    for name in ["integers", "poisson"] {
        let sketch = sketch_of(&distribution(name, 100_000, 9), DEFAULT_COMPRESSION);
        for q in QS {
            assert_eq!(sketch.percentile(q).unwrap().fract(), 0.0, "{name} {q}");
        }
    }
    let enumeration: Vec<f64> = (0..50_000).map(|i| [10.0, 20.0, 500.25][i % 3]).collect();
    let sketch = sketch_of(&enumeration, DEFAULT_COMPRESSION);
    assert_eq!(
        [0.1, 0.5, 0.9].map(|q| sketch.percentile(q).unwrap()),
        [10.0, 20.0, 500.25]
    );
    assert_eq!(sketch.percentile_rank(20.0), Some((16667.0 + 16667.0 / 2.0) / 50_000.0));
}

/// One mode with 51 %: the median is in it, near its edge, and not in the gap.
#[test]
fn bimodal_medians_do_not_land_in_the_gap() {
    for share in [0.49, 0.499, 0.501, 0.51] {
        let mut r = Random::new(5);
        let values: Vec<f64> = (0..100_000)
            .map(|_| {
                if r.uniform() < share {
                    10.0 + r.normal()
                } else {
                    1000.0 + r.normal()
                }
            })
            .collect();
        let below = values.iter().filter(|v| **v < 500.0).count();
        for sketch in [
            sketch_of(&values, DEFAULT_COMPRESSION),
            rollup(
                &values
                    .chunks(1000)
                    .map(|c| sketch_of(c, DEFAULT_COMPRESSION))
                    .collect::<Vec<_>>(),
            ),
        ] {
            let median = sketch.percentile(0.5).unwrap();
            let mode = if below > 50_000 { 10.0 } else { 1000.0 };
            assert!(
                (median - mode).abs() < 6.0,
                "share {share}: median {median}, {below} of 100000 below"
            );
        }
    }
}

#[test]
fn what_is_not_finite_keeps_postgres_order() {
    let mut values = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -f64::NAN];
    values.extend((0..1000).map(f64::from));
    for take in [14, 1004] {
        let sketch = sketch_of(&values[..take], DEFAULT_COMPRESSION);
        assert_eq!(sketch.min(), Some(f64::NEG_INFINITY));
        assert!(sketch.max().unwrap().is_nan() && sketch.sum().unwrap().is_nan() && sketch.mean().unwrap().is_nan());
        assert_eq!(
            sketch.percentile((take - 3) as f64 / (take - 1) as f64),
            Some(f64::INFINITY)
        );
        assert_eq!(sketch.count(), take as u64);
        assert_eq!(codec::decode(&codec::encode(&sketch)).unwrap().count(), take as u64);
    }
}

#[test]
fn the_ends_of_float8_do_not_overflow() {
    let values: Vec<f64> = (0..10_000).map(|i| if i % 2 == 0 { 1e308 } else { -1e308 }).collect();
    for n in [2, 100, 10_000] {
        let sketch = sketch_of(&values[..n], DEFAULT_COMPRESSION);
        assert!(sketch.percentile(0.5).unwrap().abs() <= 1e308);
        assert_eq!((sketch.min(), sketch.max()), (Some(-1e308), Some(1e308)));
        assert!(sketch.mean().unwrap().abs() < 1e294, "{:?}", sketch.mean());
    }
}

#[test]
fn weights_count_as_copies() {
    let mut words = vec![0; working::FIRST_WORDS];
    working::init(&mut words, DEFAULT_COMPRESSION);
    for (value, weight) in [(1.0, 100), (2.0, 1_000_000), (3.0, 100)] {
        while let Err(Grow(needed)) = working::push_weighted(&mut words, value, weight) {
            words.resize(needed, 0);
        }
    }
    let sketch = working::finish(&words);
    assert_eq!((sketch.count(), sketch.sum()), (1_000_200, Some(2_000_400.0)));
    assert_eq!(
        [0.0, 0.00005, 0.5, 1.0].map(|q| sketch.percentile(q).unwrap()),
        [1.0, 1.0, 2.0, 3.0]
    );
}

#[test]
fn a_stored_nan_with_a_sign_is_corrupt_and_never_the_smallest_value() {
    // Found by `make fuzz`: percentiles fell from NaN to a number.
    let mut bytes = vec![1, 1, 180, 0];
    bytes.extend((-f64::NAN).to_le_bytes());
    bytes.extend(1f64.to_le_bytes());
    assert!(super::codec::decode(&bytes).is_err());
    // Such a NaN as input, which infinity minus infinity gives, is the one NaN.
    let mut words = vec![0; super::working::FIRST_WORDS];
    super::working::init(&mut words, 180);
    for value in [-f64::NAN, 1.0] {
        super::working::push(&mut words, value).unwrap();
    }
    let sketch = super::working::finish(&words);
    assert_eq!(
        (sketch.percentile(0.0), sketch.max().map(f64::is_nan)),
        (Some(1.0), Some(true))
    );
}

proptest! {
    #[test]
    fn small_sketches_do_not_depend_on_order_or_parts(mut values in prop::collection::vec(-1e6..1e6f64, 1..250), cut in 0..250usize) {
        let whole = sketch_of(&values, DEFAULT_COMPRESSION);
        let cut = cut.min(values.len());
        let parts = [sketch_of(&values[cut..], DEFAULT_COMPRESSION), sketch_of(&values[..cut], DEFAULT_COMPRESSION)];
        prop_assert_eq!(codec::encode(&rollup(&parts)), codec::encode(&whole));
        values.sort_by(f64::total_cmp);
        prop_assert_eq!(&whole.body, &Body::Exact(values));
    }

    #[test]
    fn decoding_any_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), kind in prop::sample::select(vec![1u8, 2, 17, 18])) {
        let mut all = vec![1, kind, 180, 0];
        all.extend(&bytes);
        if let Ok(sketch) = codec::decode(&all) {
            let _ = sketch.percentile(0.5);
            let _ = sketch.percentile_rank(1.0);
        }
        let _ = codec::decode(&bytes);
    }

    #[test]
    fn flipped_bits_never_panic(seed in 0..50u64, at in 0..2000usize, bit in 0..8u8) {
        let mut bytes = codec::encode(&sketch_of(&distribution("lognormal", 3000, seed), DEFAULT_COMPRESSION));
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(sketch) = codec::decode(&bytes) {
            let _ = sketch.percentile(0.5);
        }
    }

    /// A state that another process sent: what is taken for one can be changed, finished and merged.
    #[test]
    fn flipped_bits_of_a_state_never_panic(n in 1..1500usize, pairs: bool, at in 0..220usize, bit in 0..8u8) {
        let mut words = super::working::from_sketch(&sketch_of(&distribution("lognormal", n, 7), 20));
        for &value in &distribution("lognormal", if pairs { 0 } else { n % 97 }, 8) {
            while let Err(Grow(needed)) = super::working::push(&mut words, value) {
                words.resize(needed, 0);
            }
        }
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(mut words) = super::working::from_bytes(&bytes) {
            for i in 0..200 {
                while let Err(Grow(needed)) = super::working::push(&mut words, f64::from(i)) {
                    words.resize(needed, 0);
                }
            }
            if let Ok(sketch) = codec::decode(&codec::encode(&super::working::finish(&words))) {
                let _ = sketch.percentile(0.5);
            }
        }
    }

    #[test]
    fn text_comes_back(n in 0..2000usize, seed in 0..50u64) {
        let sketch = sketch_of(&distribution("pareto", n, seed), 100);
        prop_assert_eq!(super::text::read(&super::text::write(&sketch)).unwrap(), sketch);
    }
}
