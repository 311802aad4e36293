//! Owns what tests of the t-digest share: sketches of values, made-up values, exact answers and errors.

use super::working::{self, Grow};
use super::{Sketch, codec};

/// An aggregate's life: values pushed one by one into a state that grows.
pub fn sketch_of(values: &[f64], compression: u16) -> Sketch {
    let mut words = vec![0; working::FIRST_WORDS];
    working::init(&mut words, compression);
    for &v in values {
        while let Err(Grow(needed)) = working::push(&mut words, v) {
            words.resize(needed, 0);
        }
    }
    working::finish(&words)
}

/// The rollup of stored sketches.
pub fn rollup(parts: &[Sketch]) -> Sketch {
    let mut words = working::from_sketch(&parts[0]);
    for part in &parts[1..] {
        let bytes = codec::encode(part);
        while let Err(Grow(needed)) = working::merge_bytes(&mut words, &bytes).unwrap() {
            words.resize(needed, 0);
        }
    }
    working::finish(&words)
}

/// percentile_cont over sorted values, written from the SQL standard's words: the oracle.
pub fn percentile_cont(sorted: &[f64], q: f64) -> f64 {
    let rank = q * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    if low == high {
        low
    } else {
        low + (rank - rank.floor()) * (high - low)
    }
}

/// How far, as a share of all, the rank of `answer` is from `q`; 0 when the answer's ties hold the rank.
pub fn rank_error(sorted: &[f64], q: f64, answer: f64) -> f64 {
    let n = sorted.len() as f64;
    let low = sorted.partition_point(|v| *v < answer) as f64 / n;
    let high = sorted.partition_point(|v| *v <= answer) as f64 / n;
    if q < low {
        low - q
    } else if q > high {
        q - high
    } else {
        0.0
    }
}

/// A small generator with known state, so that every run sees the same data.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(1);
        (crate::sketch::hll::hash::mix(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

pub const QS: [f64; 7] = [0.001, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999];

pub fn distribution(name: &str, n: usize, seed: u64) -> Vec<f64> {
    let mut r = Random::new(seed << 40);
    (0..n)
        .map(|i| match name {
            "uniform" => r.uniform(),
            "lognormal" => (6.0 + r.normal()).exp(),
            "pareto" => (1.0 - r.uniform()).powf(-1.0 / 1.5),
            "bimodal" => {
                if r.uniform() < 0.5 {
                    10.0 + r.normal()
                } else {
                    1000.0 + r.normal()
                }
            }
            "up" => i as f64,
            "down" => (n - i) as f64,
            "integers" => (r.uniform() * 1000.0).floor(),
            "poisson" => (100.0 + 10.0 * r.normal()).round(),
            other => panic!("{other}"),
        })
        .collect()
}
