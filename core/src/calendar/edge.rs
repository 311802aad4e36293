//! Owns the edges of ranges of buckets: which instants are in buckets that begin at or after a time.
//!
//! Mostly these are the instants at or after it. Where a clock is set back over midnight they are not: the hour before the
//! second midnight is in the day that begins there, and where the clock is set back from 00:01 to 23:01, a minute belongs to
//! the new day, 59 minutes to the old one, and the rest to the new one again.

use super::rule::{Rule, Unit};
use super::zone::{Span, Zone};
use super::{DAY, FIRST, INFINITY, clamp, is_finite};

/// More than any clock has been changed by, and than any zone is off.
const AROUND: i64 = 8 * DAY;

/// The edge of a range of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// No instant before this one is in a bucket that begins at or after the time.
    pub from: i64,
    /// All instants from this one on are in such buckets.
    pub past: i64,
}

/// Pieces of constant offset that cover [since, until).
fn spans(zone: &dyn Zone, since: i64, until: i64) -> impl Iterator<Item = Span> + '_ {
    let mut at = since;
    std::iter::from_fn(move || {
        if at >= until {
            return None;
        }
        let span = Span {
            from: at,
            ..zone.span(at)
        };
        at = span.until;
        Some(span)
    })
}

impl Rule {
    /// The edge of the buckets that begin at or after a time.
    pub fn edge(&self, zone: &dyn Zone, time: i64) -> Edge {
        if !is_finite(time) {
            return Edge { from: time, past: time };
        }
        if let Unit::Fixed { .. } = self.unit {
            let start = self.at_or_after(zone, time);
            return Edge {
                from: start,
                past: start,
            };
        }
        // The local time from which on a row is in such a bucket.
        let local = self.piece_at_or_after(zone, time);
        let mut edge = Edge {
            from: INFINITY,
            past: FIRST,
        };
        for span in spans(zone, local.saturating_sub(AROUND), local.saturating_add(AROUND)) {
            let begins = local.saturating_sub(span.offset);
            if begins < span.until {
                edge.from = edge.from.min(begins.max(span.from));
            }
            if begins > span.from {
                edge.past = edge.past.max(begins.min(span.until));
            }
        }
        Edge {
            from: clamp(edge.from.max(FIRST).into()),
            past: clamp(edge.past.max(FIRST).into()),
        }
    }
}

/// Which local times may be instants of a range [since, until): all such lie in the range of local times that this gives.
pub fn local_range(zone: &dyn Zone, since: i64, until: i64) -> (i64, i64) {
    let offsets =
        |time: i64| spans(zone, time.saturating_sub(2 * DAY), time.saturating_add(2 * DAY)).map(|span| span.offset);
    let shifted = |time: i64, offset: Option<i64>| match offset {
        Some(offset) if is_finite(time) => clamp(i128::from(time) + i128::from(offset)),
        _ => time,
    };
    (
        shifted(since, offsets(since).min()),
        shifted(until, offsets(until).max()),
    )
}

#[cfg(test)]
mod tests {
    use super::super::zone::tests::{HOUR, changing};
    use super::*;

    const MINUTE: i64 = HOUR / 60;

    fn edge(zone: &dyn Zone, time: i64) -> (i64, i64) {
        let Edge { from, past } = Rule::parse("calendar day Made").unwrap().edge(zone, time);
        (from, past)
    }

    #[test]
    fn an_edge_is_where_rows_change_their_bucket() {
        // Havana: the second midnight starts the day, the hour before it is in it.
        let at = 10 * DAY + 5 * HOUR;
        assert_eq!(edge(&changing(-4 * HOUR, at, -5 * HOUR), at), (at - HOUR, at - HOUR));
        // Cairo: the day begins where the clock jumps.
        let at = 10 * DAY - 2 * HOUR;
        let cairo = changing(2 * HOUR, at, 3 * HOUR);
        assert_eq!(edge(&cairo, at), (at, at));
        assert_eq!(edge(&cairo, at - HOUR), (at, at), "a time within a day: the next one");
        // St. John's: at 00:01 back to 23:01. The minute is the new day's, the rest of the old day comes again.
        let at = 10 * DAY + 3 * HOUR + MINUTE;
        let second_midnight = at + 59 * MINUTE;
        assert_eq!(
            edge(&changing(-3 * HOUR, at, -4 * HOUR), second_midnight),
            (at - MINUTE, second_midnight)
        );
    }

    #[test]
    fn local_ranges_hold_every_local_time_of_a_range() {
        for (before, after) in [(2 * HOUR, 3 * HOUR), (3 * HOUR, 2 * HOUR), (-10 * HOUR, 14 * HOUR)] {
            let zone = changing(before, 10 * DAY, after);
            for since in (8 * DAY..12 * DAY).step_by(HOUR as usize) {
                let until = since + 5 * HOUR;
                let (low, high) = local_range(&zone, since, until);
                for local in (7 * DAY..13 * DAY).step_by((HOUR / 2) as usize) {
                    let instant = zone.instant(local);
                    assert!(!(since <= instant && instant < until) || (low <= local && local < high));
                }
            }
            assert_eq!(
                local_range(&zone, 20 * DAY, 21 * DAY),
                (20 * DAY + after, 21 * DAY + after)
            );
        }
    }
}
