//! Owns the laws that every sketch keeps: merging in any order and tree gives the same answer (within the error where there is
//! one), rows may come in any order; and the error of HyperLogLog over its whole range.

use super::{Grow, hll, moments::Moments, stats::Stats, tdigest, topk};
use proptest::prelude::*;

fn until(words: &mut Vec<u64>, mut step: impl FnMut(&mut [u64]) -> Result<(), Grow>) {
    while let Err(Grow(needed)) = step(words) {
        words.resize(needed, 0);
    }
}

fn hll_of(hashes: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut words = vec![0; hll::working::FIRST_WORDS];
    hll::working::init(&mut words, hll::DEFAULT_PRECISION, 1);
    for hash in hashes {
        until(&mut words, |words| hll::working::push(words, hash));
    }
    hll::codec::encode(&hll::working::finish(&words))
}

fn hll_merged(parts: &[&[u8]]) -> Vec<u8> {
    let mut words = hll::working::from_sketch(&hll::codec::decode(parts[0]).unwrap());
    for part in &parts[1..] {
        until(&mut words, |words| hll::working::merge_bytes(words, part).unwrap());
    }
    hll::codec::encode(&hll::working::finish(&words))
}

fn digest_of(values: &[f64]) -> Vec<u8> {
    let mut words = vec![0; tdigest::working::FIRST_WORDS];
    tdigest::working::init(&mut words, tdigest::DEFAULT_COMPRESSION);
    for value in values {
        until(&mut words, |words| tdigest::working::push(words, *value));
    }
    tdigest::codec::encode(&tdigest::working::finish(&words))
}

fn digest_merged(parts: &[&[u8]]) -> Vec<u8> {
    let mut words = tdigest::working::from_sketch(&tdigest::codec::decode(parts[0]).unwrap());
    for part in &parts[1..] {
        until(&mut words, |words| tdigest::working::merge_bytes(words, part).unwrap());
    }
    tdigest::codec::encode(&tdigest::working::finish(&words))
}

fn stats_of(rows: &[(f64, f64)]) -> Stats {
    let mut stats = Stats::new(true);
    rows.iter().for_each(|&(y, x)| stats.push(y, x));
    stats
}

fn stats_merged(a: &Stats, b: &Stats) -> Stats {
    let mut both = *a;
    both.merge(b);
    both
}

/// Moments agree to 1e-12 of their own scale; the third may vanish, so its scale is that of the second.
fn same_stats(a: &Stats, b: &Stats) -> Result<(), TestCaseError> {
    let near = |a: f64, b: f64, scale: f64| (a - b).abs() <= 1e-12 * scale.max(f64::MIN_POSITIVE);
    let (m2, n) = (a.m[0].max(1e-6), a.n as f64);
    prop_assert_eq!(a.n, b.n);
    prop_assert!(near(a.mean().unwrap(), b.mean().unwrap(), 1e3));
    prop_assert!(near(a.m[0], b.m[0], m2));
    prop_assert!(near(a.m[1], b.m[1], m2.powf(1.5)), "{} and {}", a.m[1], b.m[1]);
    prop_assert!(
        near(a.m[2], b.m[2], m2 * m2 / n.sqrt() * 10.0),
        "{} and {}",
        a.m[2],
        b.m[2]
    );
    prop_assert!(near(a.co, b.co, (m2 * a.m2_x.max(1e-6)).sqrt()));
    Ok(())
}

/// Shuffles by a seed: sorting by a hash of the place.
fn shuffled<T: Clone>(rows: &[T], seed: u64) -> Vec<T> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|i| hll::hash::mix(seed << 32 | *i as u64));
    order.into_iter().map(|i| rows[i].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(64)))]

    #[test]
    fn hll_has_no_order_and_no_tree(values in prop::collection::vec(0..5000u32, 0..3000), a in 0..3000usize, b in 0..3000usize, seed: u32) {
        let hashes: Vec<u64> = values.iter().map(|v| hll::hash::int(i64::from(*v))).collect();
        let (a, b) = (a.min(b).min(hashes.len()), a.max(b).min(hashes.len()));
        let parts = [hll_of(hashes[..a].to_vec()), hll_of(hashes[a..b].to_vec()), hll_of(hashes[b..].to_vec())];
        let [x, y, z] = parts.each_ref().map(Vec::as_slice);
        let whole = hll_of(shuffled(&hashes, u64::from(seed)));
        prop_assert_eq!(&hll_merged(&[x, y, z]), &whole);
        prop_assert_eq!(&hll_merged(&[z, x, y]), &whole);
        prop_assert_eq!(&hll_merged(&[x, &hll_merged(&[y, z])]), &whole);
    }

    /// The rank of each answer is within a t-digest's centroid of what was asked, however it was merged.
    #[test]
    fn tdigest_merges_in_any_tree(scale in 0.1..3.0f64, n in 1..4000u64, a in 0..4000usize, b in 0..4000usize, seed: u32) {
        let values: Vec<f64> = (0..n).map(|i| ((hll::hash::mix(u64::from(seed) << 32 | i) >> 11) as f64 / (1u64 << 53) as f64 * scale).exp()).collect();
        let (a, b) = (a.min(b).min(values.len()), a.max(b).min(values.len()));
        let parts = [digest_of(&values[..a]), digest_of(&values[a..b]), digest_of(&values[b..])];
        let [x, y, z] = parts.each_ref().map(Vec::as_slice);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let trees = [
            digest_merged(&[x, y, z]),
            digest_merged(&[z, y, x]),
            digest_merged(&[x, &digest_merged(&[y, z])]),
            digest_of(&shuffled(&values, u64::from(seed))),
        ];
        for tree in trees {
            let digest = tdigest::codec::decode(&tree).unwrap();
            prop_assert_eq!(digest.count(), n);
            for q in [0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0] {
                let value = digest.percentile(q).unwrap();
                let rank = sorted.partition_point(|v| *v <= value) as f64 / n as f64;
                let allowed = 2.0 * std::f64::consts::PI * (q * (1.0 - q)).sqrt() / f64::from(tdigest::DEFAULT_COMPRESSION) + 1.5 / n as f64;
                prop_assert!((rank - q).abs() <= allowed, "q {}: rank {}, allowed {}", q, rank, allowed);
            }
        }
    }

    #[test]
    fn moments_have_no_order_and_no_tree(
        rows in prop::collection::vec(prop::array::uniform3(-1e3..1e3f64), 3..300),
        a in 0..300usize,
        b in 0..300usize,
        seed: u32,
    ) {
        let of = |rows: &[[f64; 3]]| {
            let mut moments = Moments::new(3);
            rows.iter().for_each(|row| moments.push(row));
            moments
        };
        let merged = |x: &Moments, y: &Moments| {
            let mut both = *x;
            both.merge(y).unwrap();
            both
        };
        let (whole, a, b) = (of(&rows), a.min(rows.len()), b.min(rows.len()));
        let [x, y, z] = [of(&rows[..a.min(b)]), of(&rows[a.min(b)..a.max(b)]), of(&rows[a.max(b)..])];
        let others = [
            of(&shuffled(&rows, u64::from(seed))),
            merged(&merged(&x, &y), &z),
            merged(&x, &merged(&y, &z)),
            merged(&z, &merged(&y, &x)),
        ];
        for other in others {
            prop_assert_eq!(other.n, whole.n);
            for i in 0..3 {
                prop_assert!((other.mean(i).unwrap() - whole.mean(i).unwrap()).abs() <= 1e-11);
                for j in 0..3 {
                    let scale = (whole.covariance(i, i).unwrap() * whole.covariance(j, j).unwrap()).sqrt();
                    prop_assert!((other.covariance(i, j).unwrap() - whole.covariance(i, j).unwrap()).abs() <= 1e-12 * scale.max(1e-6));
                }
            }
        }
    }

    #[test]
    fn stats_have_no_order_and_no_tree(rows in prop::collection::vec((-1e3..1e3f64, -1e3..1e3f64), 3..500), a in 0..500usize, b in 0..500usize, seed: u32) {
        let whole = stats_of(&rows);
        let (a, b) = (a.min(b).min(rows.len()), a.max(b).min(rows.len()));
        let [x, y, z] = [stats_of(&rows[..a]), stats_of(&rows[a..b]), stats_of(&rows[b..])];
        same_stats(&stats_of(&shuffled(&rows, u64::from(seed))), &whole)?;
        same_stats(&stats_merged(&stats_merged(&x, &y), &z), &whole)?;
        same_stats(&stats_merged(&x, &stats_merged(&y, &z)), &whole)?;
        same_stats(&stats_merged(&z, &stats_merged(&y, &x)), &whole)?;
    }

    /// Whatever the order and the tree: count <= truth <= count + error <= count + total / counters.
    #[test]
    fn topk_bounds_have_no_order_and_no_tree(items in prop::collection::vec((0..90u32, 0..5u64), 0..600), width in 1..40usize, seed: u32) {
        let part = |items: &[(u32, u64)]| {
            let mut words = topk::working::fresh(1);
            for (item, weight) in items {
                until(&mut words, |words| topk::working::push(words, &item.to_string(), *weight));
            }
            topk::working::finish(&words)
        };
        let merged = |parts: &[topk::TopK]| {
            let mut words = topk::working::fresh(1);
            parts.iter().for_each(|part| until(&mut words, |words| topk::working::merge(words, part)));
            topk::working::finish(&words)
        };
        let mut parts: Vec<_> = shuffled(&items, u64::from(seed)).chunks(width).map(part).collect();
        let flat = merged(&parts);
        while parts.len() > 1 {
            parts = parts.chunks(2).map(merged).collect();
        }
        for sketch in [part(&items), flat].iter().chain(&parts) {
            prop_assert!(sketch.error <= sketch.total / (topk::PER_K as u64 + 1));
            for item in 0..90u32 {
                let truth: u64 = items.iter().filter(|(i, _)| *i == item).map(|(_, weight)| weight).sum();
                let count = sketch.counts.get(&item.to_string()).copied().unwrap_or(0);
                prop_assert!(count <= truth && truth <= count + sketch.error);
            }
        }
    }
}

/// Root mean square of the relative error over `sets` sets, at each of the sizes on the way to the last one.
fn hll_errors(sizes: &[u64], sets: u64) -> Vec<(u64, f64)> {
    let mut squares = vec![0.0; sizes.len()];
    for seed in 0..sets {
        let mut words = vec![0; hll::working::FIRST_WORDS];
        hll::working::init(&mut words, hll::DEFAULT_PRECISION, 1);
        let mut pushed = 0;
        for (at, size) in sizes.iter().enumerate() {
            for i in pushed..*size {
                let hash = hll::hash::int(((seed + 1) << 40 | i) as i64);
                until(&mut words, |words| hll::working::push(words, hash));
            }
            pushed = *size;
            squares[at] += (hll::working::finish(&words).distinct() / *size as f64 - 1.0).powi(2);
        }
    }
    let rms = squares.iter().map(|sum: &f64| (sum / sets as f64).sqrt());
    sizes.iter().copied().zip(rms).collect()
}

/// 1.04 / √m, and what chance adds: the mean of `sets` squares has a relative deviation of √(2 / sets), three of which are allowed.
fn hll_allowed(sets: u64) -> f64 {
    let promised = 1.04 / (hll::registers(hll::DEFAULT_PRECISION) as f64).sqrt();
    promised * (1.0 + 3.0 * (2.0 / sets as f64).sqrt()).sqrt()
}

#[test]
fn hll_keeps_its_error_up_to_a_million() {
    let sizes = [
        1, 10, 100, 766, 767, 1000, 3000, 10_000, 20_000, 30_000, 100_000, 300_000, 1_000_000,
    ];
    for (size, error) in hll_errors(&sizes, 12) {
        assert!(error <= hll_allowed(12), "{size}: {error}");
        assert!(size > 766 || error == 0.0, "{size} is kept exactly: {error}");
    }
}

/// `cargo test --release --lib hll_error_table -- --ignored --nocapture`: a minute.
#[test]
#[ignore = "a table for bench/README.md; takes a minute in a release build"]
fn hll_error_table() {
    let sizes: Vec<u64> = (0..8)
        .flat_map(|power| [1, 2, 5].map(|d| d * 10u64.pow(power)))
        .chain([766, 767, 900])
        .filter(|n| *n <= 10_000_000)
        .collect();
    let mut sizes = sizes;
    sizes.sort_unstable();
    println!("| distinct | RMS error of 100 sets | 1.04 / √m |\n|---:|---:|---:|");
    for (size, error) in hll_errors(&sizes, 100) {
        println!(
            "| {size} | {:.3} % | {:.3} % |",
            error * 100.0,
            104.0 / (hll::registers(hll::DEFAULT_PRECISION) as f64).sqrt()
        );
        assert!(error <= hll_allowed(100), "{size}: {error}");
    }
}
