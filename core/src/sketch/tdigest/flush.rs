//! Owns the flush: a digest's tail sorted and merged into its centroids.

use super::Outside;
use super::compress::{Item, compress, merge};
use super::working::{
    COMPENSATION, HEAD, LEN, MAX, MERGES, MIN, OUTSIDE, ROOM, SUM, VALUES, compression, empty_tail, item, len, pairs,
    tail_start,
};
use crate::sketch::tail;

/// Neumaier's compensated sum.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    sum: f64,
    compensation: f64,
}

impl Sum {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        let new = self.sum + value;
        let lost = if self.sum.abs() >= value.abs() {
            (self.sum - new) + value
        } else {
            (value - new) + self.sum
        };
        self.sum = new;
        self.compensation += lost;
    }

    /// The sum.
    pub fn value(self) -> f64 {
        if self.compensation.is_finite() {
            self.sum + self.compensation
        } else {
            self.sum
        }
    }
}

/// What a digest is once its tail is merged.
pub struct Flushed {
    /// Its centroids.
    pub items: Vec<Item>,
    /// Least finite value.
    pub min: f64,
    /// Greatest finite value.
    pub max: f64,
    /// Sum of the finite values.
    pub sum: Sum,
    /// NaN and infinities.
    pub outside: Outside,
}

/// Merges the tail into the centroids.
#[cold]
#[inline(never)]
pub fn flush(words: &mut [u64]) {
    if tail::filled(words) > tail_start(words) || tail::next(words) > VALUES {
        let room = words[ROOM] as usize;
        let whole = flushed(words);
        for (i, item) in whole.items.iter().enumerate() {
            words[HEAD + i] = item.mean.to_bits();
            words[HEAD + room + i] = item.weight;
        }
        words[LEN] = whole.items.len() as u64;
        widen(words, whole.min, whole.max);
        set_sum(words, whole.sum);
        set_outside(words, whole.outside);
        words[MERGES] = words[MERGES].wrapping_add(1);
    }
    empty_tail(words);
}

/// The digest as it is with its tail merged, the words left as they are.
pub fn flushed(words: &[u64]) -> Flushed {
    let (len, room) = (len(words), words[ROOM] as usize);
    let [long, front] = tail::parts(words, VALUES, tail_start(words));
    let mut whole = Flushed {
        items: Vec::new(),
        min: f64::from_bits(words[MIN]),
        max: f64::from_bits(words[MAX]),
        sum: sum(words),
        outside: outside(words),
    };
    let means = words[HEAD..HEAD + len].iter();
    let old = means
        .zip(&words[HEAD + room..][..len])
        .map(|(&mean, &weight)| item(mean, weight));
    if !pairs(words) {
        let keys = sorted_values(long, front, &mut whole.outside);
        if let (Some(first), Some(last)) = (keys.first(), keys.last()) {
            whole.min = whole.min.min(value(first));
            whole.max = whole.max.max(value(last));
            whole.sum.add(keys.iter().map(value).sum());
        }
        let new = keys.iter().map(|key| Item {
            mean: value(key),
            weight: 1,
        });
        whole.items = merge(old, new);
    } else {
        let mut new: Vec<Item> = long.chunks_exact(2).map(|pair| item(pair[0], pair[1])).collect();
        new.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        whole.items = merge(old, new.into_iter());
    }
    compress(
        &mut whole.items,
        usize::from(compression(words)),
        words[MERGES] & 1 == 1,
    );
    whole
}

/// The tail's finite values in order, as sort keys; the others are counted apart.
fn sorted_values(long: &[u64], front: &[u64], outside: &mut Outside) -> Vec<i64> {
    let mut keys = Vec::with_capacity(long.len() + front.len());
    keys.extend(long.iter().map(|&v| sort_key(v)));
    keys.extend(front.iter().map(|&v| sort_key(v)));
    keys.sort_unstable();
    // What is not finite has come to the ends.
    let finite = |key: &i64| value(key).is_finite();
    if keys.first().is_some_and(|key| !finite(key)) || keys.last().is_some_and(|key| !finite(key)) {
        keys.retain(|key| {
            if !finite(key) {
                outside.count(value(key), 1);
            }
            finite(key)
        });
    }
    keys
}

/// The bits of a float as an integer of the same order (that of `total_cmp`), and back: integers sort faster.
#[inline(always)]
fn sort_key(bits: u64) -> i64 {
    let bits = bits as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

#[inline(always)]
fn value(key: &i64) -> f64 {
    f64::from_bits(sort_key(*key as u64) as u64)
}

/// Sum of what the tail does not hold.
pub fn sum(words: &[u64]) -> Sum {
    Sum {
        sum: f64::from_bits(words[SUM]),
        compensation: f64::from_bits(words[COMPENSATION]),
    }
}

/// Sets it.
pub fn set_sum(words: &mut [u64], sum: Sum) {
    words[SUM] = sum.sum.to_bits();
    words[COMPENSATION] = sum.compensation.to_bits();
}

/// Counts of what is not finite, but for the tail's.
pub fn outside(words: &[u64]) -> Outside {
    Outside {
        neg_inf: words[OUTSIDE],
        pos_inf: words[OUTSIDE + 1],
        nan: words[OUTSIDE + 2],
    }
}

/// Sets them.
pub fn set_outside(words: &mut [u64], outside: Outside) {
    words[OUTSIDE..][..3].copy_from_slice(&[outside.neg_inf, outside.pos_inf, outside.nan]);
}

/// Takes a least and a greatest value into the bounds.
pub fn widen(words: &mut [u64], min: f64, max: f64) {
    words[MIN] = f64::from_bits(words[MIN]).min(min).to_bits();
    words[MAX] = f64::from_bits(words[MAX]).max(max).to_bits();
}
