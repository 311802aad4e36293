//! Owns what a call of a calendar function keeps for the next call at the same place: a rule, a zone, a width with its zone and origin.

use crate::pg::fmgr::Call;
use crate::pg::zone::{Clock, RuleClock};
use pgrx::pg_sys::Interval;
use tally_core::calendar::bucket::Bucket;
use tally_core::calendar::edge::Edge;
use tally_core::calendar::rule::{Rule, Unit, Width};
use tally_core::calendar::zone::{Utc, Zone};
use tally_core::calendar::{END, FIRST, INFINITY, MINUS_INFINITY, MONDAY, clamp, is_finite};
use tally_core::error::{SqlState, TallyError};

/// The clock of a zone, or an error that says where names are to be found.
pub(super) fn known(zone: &str) -> Result<Clock, TallyError> {
    Clock::of(zone).ok_or_else(|| unknown(zone))
}

fn unknown(zone: &str) -> TallyError {
    TallyError::new(
        SqlState::InvalidParameterValue,
        format!("zone must be a time zone that PostgreSQL knows, got \"{zone}\""),
    )
    .detail("Names are those of the time zone database, such as Europe/Berlin.")
    .hint("SELECT name FROM pg_timezone_names ORDER BY name;")
}

/// A rule and its clock, as read from text, and the bucket that was asked for last.
pub(super) struct Read {
    text: Vec<u8>,
    pub(super) rule: Rule,
    pub(super) clock: RuleClock,
    last: Bucket,
    /// The edge that was asked for last, and of which time.
    edge: (i64, Edge),
}

impl Read {
    fn new(text: &[u8], rule: Rule, clock: RuleClock) -> Self {
        Read {
            text: text.to_vec(),
            rule,
            clock,
            last: Bucket {
                start: 0,
                from: 0,
                until: 0,
            },
            edge: (
                INFINITY,
                Edge {
                    from: INFINITY,
                    past: INFINITY,
                },
            ),
        }
    }

    pub(super) fn of(text: &str) -> Result<Self, TallyError> {
        let rule = Rule::parse(text)?;
        let clock = RuleClock::of(&rule.zone).ok_or_else(|| unknown(&rule.zone))?;
        Ok(Read::new(text.as_bytes(), rule, clock))
    }

    /// The edge of the buckets that begin at or after a time.
    #[inline]
    pub(super) fn edge(&mut self, time: i64) -> Edge {
        if self.edge.0 != time {
            self.edge = (time, self.rule.edge(self.clock.zone(), time));
        }
        self.edge.1
    }

    /// The bucket of a time: rows of one bucket mostly follow each other.
    #[inline]
    pub(super) fn start(&mut self, time: i64) -> i64 {
        if !(self.last.from <= time && time < self.last.until) {
            self.last = self.rule.bucket(self.clock.zone(), time);
        }
        self.last.start
    }
}

/// The rule of argument 0. A call site is mostly given one rule again and again.
#[inline]
pub(super) fn rule(call: &Call) -> Result<&mut Read, TallyError> {
    let read = call.kept(|call| Read::of(call.str(0)?))?;
    if read.text != call.bytes(0) {
        *read = Read::of(call.str(0)?)?;
    }
    Ok(read)
}

/// A zone by name, kept from call to call.
pub(super) struct Named {
    name: Vec<u8>,
    pub(super) clock: Clock,
}

/// The clock of the zone of argument `i`.
pub(super) fn zone(call: &Call, i: usize) -> Result<&mut Named, TallyError> {
    let make = |call: &Call| -> Result<Named, TallyError> {
        Ok(Named {
            name: call.bytes(i).to_vec(),
            clock: known(call.str(i)?)?,
        })
    };
    let named = call.kept(make)?;
    if named.name != call.bytes(i) {
        *named = make(call)?;
    }
    Ok(named)
}

pub(super) fn width(interval: Interval) -> Width {
    Width {
        months: interval.month.into(),
        days: interval.day.into(),
        micros: interval.time,
    }
}

/// A local time as an instant; beyond what PostgreSQL can hold, infinity.
pub(super) fn instant_of(clock: &Clock, local: i128) -> i64 {
    if local < i128::from(FIRST) {
        MINUS_INFINITY
    } else if local >= i128::from(END) {
        INFINITY
    } else {
        clamp(clock.instant(local as i64).into())
    }
}

/// What a call of `tally.bucket` was given, but for the time.
pub(super) struct Asked {
    width: (i32, i32, i64),
    zone: Vec<u8>,
    origin: i64,
    pub(super) read: Read,
}

impl Asked {
    pub(super) fn matches(&self, call: &Call) -> bool {
        let given = call.interval(0);
        self.width == (given.month, given.day, given.time) && self.origin == call.i64(3) && self.zone == call.bytes(2)
    }

    pub(super) fn of(call: &Call) -> Result<Self, TallyError> {
        let given = call.interval(0);
        let (Width { months, days, micros }, zone, origin) = (width(given), call.str(2)?, call.i64(3));
        let clock = known(zone)?;
        // One origin stands for the calendar's own, whatever the zone.
        let own = origin == MONDAY || !is_finite(origin);
        let unit = match (months, days, micros) {
            _ if !width(given).is_positive() => None,
            (0, 0, width) => Some(Unit::Fixed {
                width,
                shift: if own { 0 } else { (origin - MONDAY).rem_euclid(width) },
            }),
            (0, n, 0) => Some(Unit::days(n)),
            (n, 0, 0) => Some(Unit::months(n)),
            _ => None,
        };
        let unit = unit.ok_or_else(|| {
            TallyError::new(
                SqlState::InvalidParameterValue,
                format!(
                    "width of a bucket expected to be positive and of one kind (months, days, or hours and less), got {}",
                    width(given)
                ),
            )
            .detail("Months and days follow the calendar and have no fixed length; mixed with other units a bucket would have no start.")
            .hint("SELECT tally.bucket('1 hour', now())")
        })?;
        let unit = if own {
            unit
        } else {
            unit.beginning(width(given), zone, &clock, origin)?
        };
        let fixed = matches!(unit, Unit::Fixed { .. });
        Ok(Asked {
            width: (given.month, given.day, given.time),
            zone: call.bytes(2).to_vec(),
            origin,
            read: if fixed {
                Read::new(
                    b"",
                    Rule {
                        unit,
                        zone: String::new(),
                    },
                    RuleClock::None(Utc),
                )
            } else {
                Read::new(
                    b"",
                    Rule {
                        unit,
                        zone: zone.to_owned(),
                    },
                    RuleClock::Zone(clock),
                )
            },
        })
    }
}
