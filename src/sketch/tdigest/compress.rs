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
    let mut factor = scale::factor(limit);
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

/// Gaps that one pass leaves open beyond what the scale function asks for.
const GAPS: usize = 8;
/// Items behind that a distance is held against.
const BEHIND: usize = 8;
/// How many times the mean distance of those makes a gap. Of exponential distances one in 400,000 is that large, so smooth
/// data hardly ever shows one. Weights do not count: values just come lie singly between heavy centroids.
const GAP: f64 = 32.0;

/// One pass: each centroid takes its next neighbours while the scale function lets it, but not across a gap, so that the
/// modes of bimodal data stay apart.
fn greedy(items: &mut Vec<Centroid>, total: f64, factor: f64) {
    let (mut out, mut before, mut gaps) = (0, 0.0, GAPS);
    let mut room = scale::density(0.0);
    let mut behind = [items[0].mean; BEHIND];
    let mut newest = items[0].mean;
    for i in 1..items.len() {
        let (next, current) = (items[i], items[out]);
        let joined = current.weight as f64 + next.weight as f64;
        let fits = joined <= total * factor * room.min(scale::density((before + joined) / total));
        let step = (next.mean - newest).abs() * BEHIND as f64;
        let is_gap = step > GAP * (newest - behind[i % BEHIND]).abs() && i > BEHIND && gaps > 0;
        if fits && !is_gap {
            items[out] = join(current, next);
        } else {
            gaps -= usize::from(fits);
            before += current.weight as f64;
            room = scale::density(before / total);
            out += 1;
            items[out] = next;
        }
        behind[i % BEHIND] = newest;
        newest = next.mean;
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
