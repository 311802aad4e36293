//! Owns the merge: sorted centroids in, at most `compression` centroids out.

use super::{Centroid, scale};

/// Joins neighbours of equal value into pure centroids. `items` are sorted by mean.
pub fn coalesce(items: &mut Vec<Centroid>) {
    items.dedup_by(|next, kept| {
        let same = next.mean == kept.mean && next.pure && kept.pure;
        if same {
            kept.weight = kept.weight.saturating_add(next.weight);
        }
        same
    });
}

/// Brings sorted items down to at most `limit` centroids. While no more than that are distinct, nothing is approximated.
/// `from_above` starts at the greatest value: alternating directions keep the error without a bias (Dunning).
pub fn compress(items: &mut Vec<Centroid>, limit: usize, from_above: bool) {
    coalesce(items);
    if items.len() <= limit {
        return;
    }
    if from_above {
        items.reverse();
    }
    let total: f64 = items.iter().map(|c| c.weight as f64).sum();
    let mut factor = scale::factor(total, limit);
    loop {
        greedy(items, total, factor);
        if items.len() <= limit {
            break;
        }
        factor *= 1.25;
    }
    if from_above {
        items.reverse();
    }
}

/// One pass: each centroid takes its next neighbours while the scale function lets it.
fn greedy(items: &mut Vec<Centroid>, total: f64, factor: f64) {
    let (mut out, mut before) = (0, 0.0);
    let mut room = scale::density(0.0);
    for i in 1..items.len() {
        let (next, current) = (items[i], items[out]);
        let joined = current.weight as f64 + next.weight as f64;
        let after = (before + joined) / total;
        if joined <= total * factor * room.min(scale::density(after)) {
            items[out] = join(current, next);
        } else {
            before += current.weight as f64;
            room = scale::density(before / total);
            out += 1;
            items[out] = next;
        }
    }
    items.truncate(out + 1);
}

/// Two centroids as one.
#[inline(always)]
fn join(a: Centroid, b: Centroid) -> Centroid {
    let weight = a.weight.saturating_add(b.weight);
    let share = b.weight as f64 / weight as f64;
    let mut mean = a.mean + (b.mean - a.mean) * share;
    if !mean.is_finite() {
        // The difference overflowed: both are near the ends of float8.
        mean = a.mean * (1.0 - share) + b.mean * share;
    }
    Centroid {
        mean,
        weight,
        pure: false,
    }
}
