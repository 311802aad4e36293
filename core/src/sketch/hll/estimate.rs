//! Owns the estimator: Ertl's improved raw estimator (arXiv 1702.01284, section 2), for any set from 1 to 2^64.

/// Estimates the number of distinct hashes behind the registers.
pub fn estimate(registers: &[u8], precision: u8) -> f64 {
    let q = usize::from(64 - precision);
    // Most ranks are one of a few. Counted into one place, each would wait until the one before it is counted.
    let mut histograms = [[0u32; 256]; 4];
    let (fours, rest) = registers.as_chunks::<4>();
    for four in fours {
        for (histogram, &rank) in histograms.iter_mut().zip(four) {
            histogram[usize::from(rank)] += 1;
        }
    }
    rest.iter().for_each(|&rank| histograms[0][usize::from(rank)] += 1);
    let mut histogram = [0u32; 66];
    for counted in &histograms {
        for (rank, &count) in counted.iter().enumerate() {
            histogram[rank.min(q + 1)] += count;
        }
    }
    let m = registers.len() as f64;
    let mut z = m * tau(1.0 - f64::from(histogram[q + 1]) / m);
    for &count in histogram[1..=q].iter().rev() {
        z = 0.5 * (z + f64::from(count));
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

/// σ(x) = x + Σ 2^(k-1) x^(2^k): what registers without a hash stand for.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// τ(x): what saturated registers stand for.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
