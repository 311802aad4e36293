//! Owns the merge: sorted items in, at most `compression` centroids out.
//!
//! The hot half of a t-digest: every value passes here once, so items are two plain words (a `Centroid` with its flag is
//! moved in pieces, at thrice the cost), and a mean is divided once for each centroid, not for each value.

use super::Centroid;
use super::scale::{self, Scale};

/// Top bit of a weight: not all of the centroid's values equal its mean.
pub const IMPURE: u64 = 1 << 63;
/// Counts stop here rather than overflow.
pub const WEIGHT_MAX: u64 = (1 << 62) - 1;

/// A centroid as two words.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// Mean of its values.
    pub mean: f64,
    /// How many they are, and [`IMPURE`].
    pub weight: u64,
}

impl Item {
    #[inline(always)]
    fn count(self) -> u64 {
        self.weight & !IMPURE
    }

    #[inline(always)]
    fn mass(self) -> f64 {
        // Signed: one instruction; weights stay below 2^62.
        self.count() as i64 as f64
    }
}

impl From<Centroid> for Item {
    fn from(c: Centroid) -> Self {
        Item {
            mean: c.mean,
            weight: c.weight.min(WEIGHT_MAX) | if c.pure { 0 } else { IMPURE },
        }
    }
}

impl From<Item> for Centroid {
    fn from(item: Item) -> Self {
        Centroid {
            mean: item.mean,
            weight: item.count(),
            pure: item.weight & IMPURE == 0,
        }
    }
}

/// Two runs that are sorted by mean as one, neighbours of equal value joined into pure items.
#[inline(always)]
pub fn merge(mut old: impl ExactSizeIterator<Item = Item>, new: impl ExactSizeIterator<Item = Item>) -> Vec<Item> {
    let nothing = Item {
        mean: f64::NAN,
        weight: 0,
    };
    let mut items = vec![nothing; old.len() + new.len()];
    let (mut len, mut last) = (0, nothing);
    let mut put = |next: Item| {
        if last.mean == next.mean && (last.weight | next.weight) & IMPURE == 0 {
            last.weight = (last.weight + next.weight).min(WEIGHT_MAX);
            len -= 1;
        } else {
            last = next;
        }
        items[len] = last;
        len += 1;
    };
    let mut before = old.next();
    for next in new {
        while let Some(item) = before
            && item.mean <= next.mean
        {
            put(item);
            before = old.next();
        }
        put(next);
    }
    before.into_iter().chain(old).for_each(put);
    items.truncate(len);
    items
}

/// Brings sorted items down to at most `limit` centroids. While no more than that are distinct, nothing is approximated.
/// `from_above` starts at the greatest value: alternating directions keep the error without a bias (Dunning).
pub fn compress(items: &mut Vec<Item>, limit: usize, from_above: bool) {
    if items.len() <= limit {
        return;
    }
    if from_above {
        items.reverse();
    }
    let total: f64 = items.iter().map(|item| item.mass()).sum();
    let (mut factor, mut least) = (scale::factor(limit), 0.0);
    for tries in 0.. {
        greedy(items, total, factor, least);
        if items.len() <= limit {
            break;
        }
        factor *= 1.08;
        // Behind a weight that takes all but the last bits of the total, the scale function is 0 whatever the factor.
        if tries >= TRIES {
            least = total.mul_add(f64::EPSILON, 2.0 * least);
        }
    }
    if from_above {
        items.reverse();
    }
}

/// Passes after which light centroids are joined that the scale function keeps apart.
const TRIES: usize = 30;
/// Gaps that one pass leaves open beyond what the scale function asks for.
const GAPS: usize = 8;
/// Items behind that a distance is held against.
const BEHIND: usize = 8;
/// A distance is a gap if it is this many times the mean distance of those items. One exponential distance in 400,000 is that
/// large, so smooth data hardly ever shows a gap. Weights do not count, because new values lie singly between heavy centroids.
const GAP: f64 = 32.0;

/// One pass: each centroid takes its next neighbours while the scale function lets it, but not across a gap, so that the
/// modes of bimodal data stay apart. Up to the mass `least`, neighbours are joined whatever the scale function says.
fn greedy(items: &mut Vec<Item>, total: f64, factor: f64, least: f64) {
    let (mut out, mut before, mut gaps) = (0, 0.0, GAPS);
    let mut behind = [items[0].mean; BEHIND];
    let mut newest = items[0].mean;
    // The centroid being made: where its items begin, and their mass and its moment about the first of them.
    let (mut first, mut base, mut mass, mut moment) = (0, newest, items[0].mass(), 0.0);
    let scale = Scale::new(total, factor);
    let mut most = scale.most(before).max(least);
    for i in 1..items.len() {
        let next = items[i];
        let next_mass = next.mass();
        let joined = mass + next_mass;
        let fits = joined <= most;
        let step = (next.mean - newest).abs() * BEHIND as f64;
        let is_gap = step > GAP * (newest - behind[i % BEHIND]).abs() && i > BEHIND && gaps > 0;
        if fits && !is_gap {
            mass = joined;
            moment += (next.mean - base) * next_mass;
        } else {
            gaps -= usize::from(fits);
            items[out] = join(&items[first..i], mass, moment);
            out += 1;
            before += mass;
            most = scale.most(before).max(least);
            (first, base, mass, moment) = (i, next.mean, next_mass, 0.0);
        }
        behind[i % BEHIND] = newest;
        newest = next.mean;
    }
    items[out] = join(&items[first..], mass, moment);
    items.truncate(out + 1);
}

/// Neighbours as one item; `moment` is the sum of their distances from the first, each times its mass.
#[inline(always)]
fn join(items: &[Item], mass: f64, moment: f64) -> Item {
    let (first, last) = (items[0], items[items.len() - 1]);
    if items.len() == 1 {
        return first;
    }
    let weight = items.iter().fold(0u64, |sum, item| sum.saturating_add(item.count()));
    let mut mean = first.mean + moment / mass;
    if !moment.is_finite() {
        // A distance overflowed: values near both ends of float8.
        mean = items.iter().map(|item| item.mean * (item.mass() / mass)).sum();
    }
    Item {
        // Not clamp: it panics on bounds that are NaN, as corrupt partial states may have.
        mean: mean.max(first.mean.min(last.mean)).min(first.mean.max(last.mean)),
        weight: weight.min(WEIGHT_MAX) | IMPURE,
    }
}

#[cfg(test)]
mod tests {
    use crate::sketch::tdigest::working::{self, Grow};
    use crate::sketch::tdigest::{Body, DEFAULT_COMPRESSION};

    #[test]
    fn light_values_beside_one_that_weighs_nearly_all_come_to_an_end() {
        // A backend hung, deaf to cancel: the scale function of what lies behind such a weight is 0, so nothing there was ever joined.
        for heavy in [0, 1000, 2999] {
            let mut words = vec![0; working::FIRST_WORDS];
            working::init(&mut words, DEFAULT_COMPRESSION);
            for i in 0..3000 {
                let weight = if i == heavy { 1 << 61 } else { 1 };
                while let Err(Grow(needed)) = working::push_weighted(&mut words, f64::from(i), weight) {
                    words.resize(needed, 0);
                }
            }
            let sketch = working::finish(&words);
            assert_eq!(sketch.count(), (1 << 61) + 2999);
            assert_eq!((sketch.min(), sketch.max()), (Some(0.0), Some(2999.0)));
            for q in [0.001, 0.5, 0.999] {
                assert_eq!(sketch.percentile(q), Some(f64::from(heavy)), "{heavy}, {q}");
            }
            let Body::Digest(digest) = &sketch.body else {
                panic!("a digest");
            };
            assert!(digest.centroids.len() <= usize::from(DEFAULT_COMPRESSION));
        }
    }
}
