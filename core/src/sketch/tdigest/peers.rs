//! Tests against t-digests of other people: the crates datasketches and tdigest, which share no code with ours.

use super::DEFAULT_COMPRESSION;
use super::samples::{QS, distribution, rank_error, rollup, sketch_of};
use ::tdigest::TDigest;

/// Rank errors at each of [`QS`], on average over eight seeds, of ours and of a peer's answers.
fn errors(name: &str, peer: impl Fn(&[f64]) -> Vec<f64>) -> [[f64; 2]; QS.len()] {
    let mut errors = [[0.0; 2]; QS.len()];
    for seed in 1..=8 {
        let mut values = distribution(name, 200_000, seed);
        let ours = sketch_of(&values, DEFAULT_COMPRESSION);
        let theirs = peer(&values);
        values.sort_by(f64::total_cmp);
        for (i, q) in QS.into_iter().enumerate() {
            errors[i][0] += rank_error(&values, q, ours.percentile(q).unwrap()) / 8.0;
            errors[i][1] += rank_error(&values, q, theirs[i]) / 8.0;
        }
    }
    errors
}

/// We stay near a peer: at most three times its error, where that is not tiny.
fn near(peer: &str, errors: [[f64; 2]; QS.len()]) {
    for (q, [ours, theirs]) in QS.into_iter().zip(errors) {
        assert!(ours < 3.0 * theirs + 1e-4, "{peer}, q {q}: {ours:e} and {theirs:e}");
    }
}

/// Its default has about twice our centroids.
#[test]
fn is_as_accurate_as_datasketches() {
    let errors = errors("lognormal", |values| {
        let mut digest = datasketches::tdigest::TDigestMut::new(200).unwrap();
        values.iter().for_each(|v| digest.update(*v));
        QS.iter().map(|q| digest.quantile(*q).unwrap().unwrap()).collect()
    });
    near("datasketches", errors);
}

fn of_tdigest(values: &[f64]) -> TDigest {
    let mut digest = TDigest::new_with_size(DEFAULT_COMPRESSION.into());
    values.iter().for_each(|v| digest.push(*v));
    digest.flush();
    digest
}

/// It has as many centroids as ours.
#[test]
fn is_as_accurate_as_the_crate_tdigest() {
    for name in ["lognormal", "uniform"] {
        let errors = errors(name, |values| {
            let digest = of_tdigest(values);
            QS.iter().map(|q| digest.estimate_quantile(*q).unwrap()).collect()
        });
        near("tdigest", errors);
    }
}

#[test]
fn ranks_and_trimmed_means_agree_with_the_crate_tdigest() {
    for seed in 1..=3 {
        let values = distribution("lognormal", 50_000, seed);
        let (ours, theirs) = (sketch_of(&values, DEFAULT_COMPRESSION), of_tdigest(&values));
        for value in values.iter().step_by(5000) {
            let ranks = [
                ours.percentile_rank(*value).unwrap(),
                theirs.estimate_rank(*value).unwrap(),
            ];
            assert!((ranks[0] - ranks[1]).abs() < 0.01, "rank of {value}: {ranks:?}");
        }
        for (low, high) in [(0.1, 0.9), (0.0, 0.5), (0.25, 0.75)] {
            let means = [
                ours.trimmed_mean(low, high).unwrap(),
                theirs.trimmed_mean(low, high).unwrap(),
            ];
            assert!(
                (means[0] / means[1] - 1.0).abs() < 0.02,
                "mean between {low} and {high}: {means:?}"
            );
        }
        assert_eq!(ours.count() as f64, theirs.count());
        assert!((ours.sum().unwrap() / theirs.sum() - 1.0).abs() < 1e-12);
    }
}

/// A hundred parts as one, both ways.
#[test]
fn merged_parts_are_as_accurate_as_the_crate_tdigests() {
    let mut values = distribution("lognormal", 100_000, 4);
    let parts: Vec<&[f64]> = values.chunks(1000).collect();
    let ours = rollup(
        &parts
            .iter()
            .map(|part| sketch_of(part, DEFAULT_COMPRESSION))
            .collect::<Vec<_>>(),
    );
    let theirs = TDigest::merge_digests(parts.iter().map(|part| of_tdigest(part)).collect());
    values.sort_by(f64::total_cmp);
    for q in QS {
        let ours = rank_error(&values, q, ours.percentile(q).unwrap());
        let theirs = rank_error(&values, q, theirs.estimate_quantile(q).unwrap());
        assert!(ours < 3.0 * theirs + 2e-3, "q {q}: {ours:e} and {theirs:e}");
    }
}
