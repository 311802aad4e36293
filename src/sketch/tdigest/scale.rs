//! Owns the scale function: how many values a centroid may stand for, by its place.

/// Greatest share of all values that a centroid between the shares `q0` and `q1` may hold, times the size factor.
#[inline(always)]
pub fn density(q: f64) -> f64 {
    let p = q.min(1.0 - q).max(0.0);
    (p * (1.0 - p)).sqrt()
}

/// Size factor that leads to about `centroids` centroids for `n` values.
pub fn factor(_n: f64, centroids: usize) -> f64 {
    std::f64::consts::PI * 1.3 / centroids as f64
}
