//! Owns the arithmetic of buckets: start, end, the bucket so many on, all buckets of a range.

use super::rule::{Rule, Unit};
use super::zone::Zone;
use super::{DAY, END, FIRST, INFINITY, MINUS_INFINITY, MONDAY, civil, clamp, is_finite};
use crate::cancel::look;

/// More than any local time differs from its instant.
const MARGIN: i64 = 8 * DAY;

/// The bucket of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Where it starts: what a rollup's column `bucket` holds. Minus infinity where PostgreSQL cannot hold the start.
    pub start: i64,
    /// All instants in [from, until) are in this bucket. There may be further ones.
    pub from: i64,
    /// See `from`.
    pub until: i64,
}

/// Start (local time) of the piece of the calendar that holds a local time, or that so many pieces on.
pub(super) fn piece(unit: Unit, local: i64, on: i64) -> i64 {
    let day = local.saturating_sub(unit.late()).div_euclid(DAY);
    let start = match unit {
        Unit::Fixed { .. } => return local,
        Unit::Days { n, shift, .. } => {
            let number = (day - MONDAY / DAY - shift).div_euclid(n);
            i128::from(number) * i128::from(n) + i128::from(on) * i128::from(n) + i128::from(shift + MONDAY / DAY)
        }
        Unit::Months { n, shift, .. } => {
            let number = (civil::month_of(day) - shift).div_euclid(n);
            let month = i128::from(number) * i128::from(n) + i128::from(on) * i128::from(n) + i128::from(shift);
            // Beyond a million years there is no bucket, and the arithmetic of days need not hold.
            i128::from(civil::first_day_of(month.clamp(-12_000_000, 12_000_000) as i64))
        }
    };
    let least = i128::from(FIRST) - i128::from(MARGIN);
    let most = i128::from(END) + i128::from(MARGIN);
    (start * i128::from(DAY) + i128::from(unit.late())).clamp(least, most) as i64
}

/// The instant at which a piece of the calendar starts.
pub(super) fn instant(zone: &dyn Zone, local: i64) -> i64 {
    clamp(zone.instant(local).into())
}

/// Whether the clock shows any time of the piece that begins at a local time. A zone that moves to the other side of the date
/// line leaves out a day.
pub(super) fn exists(unit: Unit, zone: &dyn Zone, local: i64) -> bool {
    let start = zone.instant(local);
    piece(unit, zone.local(start), 0) == local
}

fn fixed_start(width: i64, shift: i64, time: i64, on: i64) -> i128 {
    let origin = i128::from(MONDAY) + i128::from(shift);
    let number = (i128::from(time) - origin).div_euclid(width.into()) + i128::from(on);
    number * i128::from(width) + origin
}

impl Rule {
    /// The bucket that holds a time. An infinite time is its own bucket.
    pub fn bucket(&self, zone: &dyn Zone, time: i64) -> Bucket {
        if !is_finite(time) {
            return Bucket {
                start: time,
                from: time,
                until: time,
            };
        }
        if let Unit::Fixed { width, shift } = self.unit {
            let start = fixed_start(width, shift, time, 0);
            return Bucket {
                start: clamp(start),
                from: start.max(FIRST.into()) as i64,
                until: (start + i128::from(width)).min(INFINITY.into()) as i64,
            };
        }
        let span = zone.span(time);
        let local = time.saturating_add(span.offset);
        let (begins, ends) = (piece(self.unit, local, 0), piece(self.unit, local, 1));
        Bucket {
            start: instant(zone, begins),
            from: begins.saturating_sub(span.offset).max(span.from),
            until: ends.saturating_sub(span.offset).min(span.until),
        }
    }

    /// The start of the bucket so many after (before, where negative) the one that holds a time.
    pub fn shifted(&self, zone: &dyn Zone, time: i64, on: i64) -> i64 {
        if !is_finite(time) {
            return time;
        }
        if let Unit::Fixed { width, shift } = self.unit {
            return clamp(fixed_start(width, shift, time, on));
        }
        instant(zone, piece(self.unit, zone.local(time), on))
    }

    /// The end of the bucket that holds a time: the start of the next one.
    pub fn end(&self, zone: &dyn Zone, time: i64) -> i64 {
        self.shifted(zone, time, 1)
    }

    /// The first start of a bucket that is not before a time.
    pub fn at_or_after(&self, zone: &dyn Zone, time: i64) -> i64 {
        if !is_finite(time) {
            return time;
        }
        if let Unit::Fixed { width, shift } = self.unit {
            let start = fixed_start(width, shift, time, 0);
            return clamp(if start < time.into() {
                start + i128::from(width)
            } else {
                start
            });
        }
        instant(zone, self.piece_at_or_after(zone, time))
    }

    /// The piece of the calendar behind [`at_or_after`](Self::at_or_after), as a local time.
    pub(super) fn piece_at_or_after(&self, zone: &dyn Zone, time: i64) -> i64 {
        let mut local = piece(self.unit, zone.local(time), 0);
        while local > FIRST && zone.instant(local) >= time {
            local = piece(self.unit, local, -1);
        }
        // Past the end of a clock's time too: east of UTC the last bucket begins before the end of all times, and later times are in it.
        while local < END + MARGIN && zone.instant(local) < time {
            local = piece(self.unit, local, 1);
        }
        local
    }

    /// The starts of buckets, from the one that holds `time` on, of those that there are (no start is given twice, and none that
    /// PostgreSQL cannot hold), as long as `wanted` says so of a bucket's number and start.
    fn starts(&self, zone: &dyn Zone, time: i64, mut wanted: impl FnMut(i64, i64) -> bool) -> Vec<i64> {
        let mut starts = Vec::new();
        if !is_finite(time) {
            return starts;
        }
        let local = zone.local(time);
        for on in 0.. {
            if on % 1024 == 0 {
                look();
            }
            let (start, there) = match self.unit {
                Unit::Fixed { width, shift } => (clamp(fixed_start(width, shift, time, on)), true),
                unit => {
                    let begins = piece(unit, local, on);
                    (instant(zone, begins), exists(unit, zone, begins))
                }
            };
            if start == INFINITY || !wanted(on, start) {
                break;
            }
            if there && start != MINUS_INFINITY {
                starts.push(start);
            }
        }
        starts
    }

    /// The starts of the buckets that a row of the bucket of `time` is counted in when each looks back over `n` buckets, itself
    /// included: its own and the `n - 1` after it.
    pub fn reached(&self, zone: &dyn Zone, time: i64, n: i64) -> Vec<i64> {
        self.starts(zone, time, |on, _| on < n)
    }

    /// The starts of the buckets in [first, last), at most `most`.
    pub fn between(&self, zone: &dyn Zone, first: i64, last: i64, most: usize) -> Vec<i64> {
        let mut left = most;
        let mut starts = self.starts(zone, first, |_, start| {
            left = left.wrapping_sub(1);
            start < last && left != usize::MAX
        });
        starts.retain(|start| *start >= first);
        starts
    }

    /// How many buckets a width covers; none where they are not whole.
    pub fn buckets_in(&self, width: super::rule::Width) -> Option<i64> {
        let (own, other) = match self.unit {
            Unit::Fixed { width: own, .. } if width.months == 0 => (
                i128::from(own),
                i128::from(width.days) * i128::from(DAY) + i128::from(width.micros),
            ),
            Unit::Days { n, .. } if width.months == 0 && width.micros == 0 => (n.into(), width.days.into()),
            Unit::Months { n, .. } if width.days == 0 && width.micros == 0 => (n.into(), width.months.into()),
            _ => return None,
        };
        (other % own == 0).then(|| i64::try_from(other / own).ok()).flatten()
    }
}
