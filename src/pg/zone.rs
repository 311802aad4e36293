//! Owns the clocks of PostgreSQL's time zones: its own tables of changes, lent to the calendar.

use std::cell::Cell;
use std::ffi::CString;

use pgrx::pg_sys;
use tally_core::calendar::zone::{Change, Span, Utc, Zone};
use tally_core::calendar::{INFINITY, SECOND};

/// Seconds from the epoch of time zones (1970-01-01) to PostgreSQL's (2000-01-01).
const EPOCH: i64 = 946_684_800;

/// The clock of a zone that PostgreSQL knows.
pub struct Clock {
    zone: *mut pg_sys::pg_tz,
    /// The piece of time that was asked for last: rows mostly follow each other within one.
    last: Cell<Span>,
}

impl Clock {
    /// The clock of a zone by its name; none where there is no such zone. Names are those of the time zone database. The
    /// abbreviations that a session may set (`timezone_abbreviations`) are none.
    pub fn of(name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: a NUL-terminated name; the answer is null or an entry of a cache that lives as long as the process.
        let zone = unsafe { pg_sys::pg_tzset(name.as_ptr()) };
        (!zone.is_null()).then_some(Clock {
            zone,
            last: Cell::new(Span {
                offset: 0,
                from: 0,
                until: 0,
            }),
        })
    }
}

impl Zone for Clock {
    fn offset(&self, instant: i64) -> i64 {
        let time: pg_sys::pg_time_t = instant.div_euclid(SECOND) + EPOCH;
        // SAFETY: zone is valid as long as the process; the answer is null (a year beyond int) or a static struct.
        unsafe {
            let local = pg_sys::pg_localtime(&time, self.zone);
            if local.is_null() {
                0
            } else {
                (*local).tm_gmtoff * SECOND
            }
        }
    }

    fn next_change(&self, instant: i64) -> (i64, Option<Change>) {
        let time: pg_sys::pg_time_t = instant.div_euclid(SECOND) + EPOCH;
        let (mut before, mut after, mut at) = (0, 0, 0);
        let (mut summer_before, mut summer_after) = (0, 0);
        // SAFETY: zone is valid as long as the process; all other pointers are to variables of this function.
        let found = unsafe {
            pg_sys::pg_next_dst_boundary(
                &time,
                &mut before,
                &mut summer_before,
                &mut at,
                &mut after,
                &mut summer_after,
                self.zone,
            )
        };
        let change = (found > 0).then(|| Change {
            at: at.saturating_sub(EPOCH).saturating_mul(SECOND),
            after: after * SECOND,
        });
        (before * SECOND, change.filter(|change| change.at != INFINITY))
    }

    fn span(&self, instant: i64) -> Span {
        let last = self.last.get();
        if last.from <= instant && instant < last.until {
            return last;
        }
        let found = Found(self).span(instant);
        self.last.set(found);
        found
    }
}

/// A clock without its memory, for what [`Zone`] does by itself.
struct Found<'a>(&'a Clock);

impl Zone for Found<'_> {
    fn offset(&self, instant: i64) -> i64 {
        self.0.offset(instant)
    }

    fn next_change(&self, instant: i64) -> (i64, Option<Change>) {
        self.0.next_change(instant)
    }
}

/// The clock that a bucket rule goes by: a zone's, or none.
pub enum RuleClock {
    /// Of a calendar rule.
    Zone(Clock),
    /// Of a fixed width.
    None(Utc),
}

impl RuleClock {
    /// The clock of a rule's zone (empty for fixed widths); none where PostgreSQL knows no such zone.
    pub fn of(zone: &str) -> Option<Self> {
        if zone.is_empty() {
            return Some(RuleClock::None(Utc));
        }
        Clock::of(zone).map(RuleClock::Zone)
    }

    /// As the calendar takes it.
    pub fn zone(&self) -> &dyn Zone {
        match self {
            RuleClock::Zone(clock) => clock,
            RuleClock::None(utc) => utc,
        }
    }
}
