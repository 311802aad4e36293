//! Owns the clock of a zone as pure code sees it: offsets, the changes between them, and what instant a local time is.

use super::{DAY, INFINITY, MINUS_INFINITY, SECOND};

/// How far back a span of constant offset is followed.
const LOOK_BACK: i64 = 190 * DAY;

/// A change of a zone's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The instant of the change.
    pub at: i64,
    /// The offset from then on, in microseconds east of UTC.
    pub after: i64,
}

/// A piece of time with one offset. It may be shorter than the zone makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Microseconds east of UTC.
    pub offset: i64,
    /// Its first instant.
    pub from: i64,
    /// Its end, exclusive.
    pub until: i64,
}

/// The clock of a zone. Instants are microseconds from 2000-01-01 00:00 UTC, local times from 2000-01-01 00:00 of the clock.
pub trait Zone {
    /// The offset at an instant, in microseconds east of UTC.
    fn offset(&self, instant: i64) -> i64;

    /// The offset at an instant as it counts for the first change after it, and that change; none where there is no further one.
    fn next_change(&self, instant: i64) -> (i64, Option<Change>);

    /// A piece of time with one offset that holds an instant.
    fn span(&self, instant: i64) -> Span {
        let mut from = instant.saturating_sub(LOOK_BACK);
        loop {
            match self.next_change(from).1 {
                Some(change) if change.at <= instant => from = change.at,
                change => {
                    return Span {
                        offset: self.offset(instant),
                        from,
                        until: change.map_or(INFINITY, |change| change.at),
                    };
                }
            }
        }
    }

    /// The local time of an instant.
    fn local(&self, instant: i64) -> i64 {
        instant.saturating_add(self.span(instant).offset)
    }

    /// The instant of a local time, as PostgreSQL's `local AT TIME ZONE zone` has it: a local time that the clock skips is
    /// read by the offset before the change, one that comes twice by the offset after it.
    fn instant(&self, local: i64) -> i64 {
        let seconds = local.div_euclid(SECOND) * SECOND;
        let (before, change) = self.next_change(seconds.saturating_sub(DAY));
        let Some(Change { at, after }) = change else {
            return local.saturating_sub(before);
        };
        let (by_before, by_after) = (seconds.saturating_sub(before), seconds.saturating_sub(after));
        let offset = if by_before < at && by_after < at {
            before
        } else if by_before > at && by_after >= at {
            after
        } else if by_before > by_after {
            before
        } else {
            after
        };
        local.saturating_sub(offset)
    }
}

/// UTC, for rules that ask no clock.
pub struct Utc;

impl Zone for Utc {
    fn offset(&self, _: i64) -> i64 {
        0
    }

    fn next_change(&self, _: i64) -> (i64, Option<Change>) {
        (0, None)
    }

    fn span(&self, _: i64) -> Span {
        Span {
            offset: 0,
            from: MINUS_INFINITY,
            until: INFINITY,
        }
    }
}

/// Zones made by hand, for tests.
#[cfg(test)]
pub mod tests {
    use super::*;

    /// Microseconds of an hour.
    pub const HOUR: i64 = 3600 * SECOND;

    /// A clock with an offset at first and changes in order.
    pub struct Made(pub i64, pub Vec<Change>);

    impl Zone for Made {
        fn offset(&self, instant: i64) -> i64 {
            self.1
                .iter()
                .rev()
                .find(|c| c.at <= instant)
                .map_or(self.0, |c| c.after)
        }

        fn next_change(&self, instant: i64) -> (i64, Option<Change>) {
            (self.offset(instant), self.1.iter().find(|c| c.at > instant).copied())
        }
    }

    /// A clock that goes from one offset to another at an instant.
    pub fn changing(before: i64, at: i64, after: i64) -> Made {
        Made(before, vec![Change { at, after }])
    }

    #[test]
    fn skipped_times_go_by_the_offset_before_and_repeated_ones_by_that_after() {
        // At 00:00 of day 10 the clock goes to 01:00; the offset before is two hours.
        let forward = changing(2 * HOUR, 10 * DAY - 2 * HOUR, 3 * HOUR);
        let at = 10 * DAY - 2 * HOUR;
        assert_eq!(forward.instant(10 * DAY), at);
        assert_eq!(forward.instant(10 * DAY + HOUR / 2), at + HOUR / 2);
        assert_eq!(forward.instant(10 * DAY + HOUR), at);
        assert_eq!(forward.instant(10 * DAY - 1), at - 1);
        // At 01:00 of day 10 the clock goes back to 00:00; the offset before is -4 hours.
        let back = changing(-4 * HOUR, 10 * DAY + 5 * HOUR, -5 * HOUR);
        let at = 10 * DAY + 5 * HOUR;
        assert_eq!(back.instant(10 * DAY), at);
        assert_eq!(back.instant(10 * DAY + HOUR - 1), at + HOUR - 1);
        assert_eq!(back.instant(10 * DAY + HOUR), at + HOUR);
        assert_eq!(back.instant(10 * DAY - 1), at - HOUR - 1);
        assert_eq!(back.local(at - HOUR), 10 * DAY);
        assert_eq!(back.local(at), 10 * DAY);
    }
}
