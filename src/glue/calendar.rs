//! Owns the SQL-callable functions of the calendar. Declared in `sql/s10_kernel/calendar.sql`.

use crate::pg::fmgr::Call;
use crate::pg::zone::{Clock, RuleClock};
use crate::pg_fn;
use pgrx::pg_sys::Interval;
use tally_core::calendar::bucket::Bucket;
use tally_core::calendar::edge::{Edge, local_range};
use tally_core::calendar::rule::{Rule, Unit, Width};
use tally_core::calendar::zone::{Utc, Zone};
use tally_core::calendar::{DAY, END, FIRST, INFINITY, MINUS_INFINITY, MONDAY, clamp, is_finite};
use tally_core::error::{SqlState, TallyError};

/// Most buckets that are listed at a time.
const MOST_BUCKETS: usize = 1_000_000;

/// The clock of a zone, or an error that says where names are to be found.
pub(crate) fn known(zone: &str) -> Result<Clock, TallyError> {
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
struct Read {
    text: Vec<u8>,
    rule: Rule,
    clock: RuleClock,
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

    fn of(text: &str) -> Result<Self, TallyError> {
        let rule = Rule::parse(text)?;
        let clock = RuleClock::of(&rule.zone).ok_or_else(|| unknown(&rule.zone))?;
        Ok(Read::new(text.as_bytes(), rule, clock))
    }

    /// The edge of the buckets that begin at or after a time.
    #[inline]
    fn edge(&mut self, time: i64) -> Edge {
        if self.edge.0 != time {
            self.edge = (time, self.rule.edge(self.clock.zone(), time));
        }
        self.edge.1
    }

    /// The bucket of a time: rows of one bucket mostly follow each other.
    #[inline]
    fn start(&mut self, time: i64) -> i64 {
        if !(self.last.from <= time && time < self.last.until) {
            self.last = self.rule.bucket(self.clock.zone(), time);
        }
        self.last.start
    }
}

/// The rule of argument 0. A call site is mostly given one rule again and again.
#[inline]
fn rule(call: &Call) -> Result<&mut Read, TallyError> {
    let read = call.kept(|call| Read::of(call.str(0)?))?;
    if read.text != call.bytes(0) {
        *read = Read::of(call.str(0)?)?;
    }
    Ok(read)
}

/// A zone by name, kept from call to call.
struct Named {
    name: Vec<u8>,
    clock: Clock,
}

/// The clock of the zone of argument `i`.
fn zone(call: &Call, i: usize) -> Result<&mut Named, TallyError> {
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

fn width(interval: Interval) -> Width {
    Width {
        months: interval.month.into(),
        days: interval.day.into(),
        micros: interval.time,
    }
}

/// A local time as an instant; beyond what PostgreSQL can hold, infinity.
fn instant_of(clock: &Clock, local: i128) -> i64 {
    if local < i128::from(FIRST) {
        MINUS_INFINITY
    } else if local >= i128::from(END) {
        INFINITY
    } else {
        clamp(clock.instant(local as i64).into())
    }
}

/// What a call of `tally.bucket` was given, but for the time.
struct Asked {
    width: (i32, i32, i64),
    zone: Vec<u8>,
    origin: i64,
    read: Read,
}

impl Asked {
    fn matches(&self, call: &Call) -> bool {
        let given = call.interval(0);
        self.width == (given.month, given.day, given.time) && self.origin == call.i64(3) && self.zone == call.bytes(2)
    }

    fn of(call: &Call) -> Result<Self, TallyError> {
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

/// The rule of a width, zone and origin; none where there is no width or zone.
fn described(call: &Call) -> Result<Option<Rule>, TallyError> {
    if call.is_null(0) || call.is_null(1) {
        return Ok(None);
    }
    let zone = call.str(1)?;
    let origin = (!call.is_null(2)).then(|| call.i64(2));
    Rule::new(width(call.interval(0)), zone, &known(zone)?, origin).map(Some)
}

pg_fn! {
    /// `bucket(width interval, time timestamptz, zone text, origin timestamptz) → timestamptz`.
    tally_bucket(call)? {
        let asked = call.kept(Asked::of)?;
        if !asked.matches(&call) {
            *asked = Asked::of(&call)?;
        }
        Ok(call.return_i64(asked.read.start(call.i64(1))))
    }

    /// `_bucket_rule(width interval, zone text, origin timestamptz) → text`.
    tally_bucket_rule(call)? {
        Ok(match described(&call)? {
            Some(rule) => call.return_str(&rule.to_string()),
            None => call.return_null(),
        })
    }

    /// `_bucket_rule_or_null(width interval, zone text, origin timestamptz) → text`.
    tally_bucket_rule_or_null(call)? {
        Ok(match described(&call) {
            Ok(Some(rule)) => call.return_str(&rule.to_string()),
            _ => call.return_null(),
        })
    }

    /// `_zone_known(zone text) → boolean`.
    tally_zone_known(call)? {
        Ok(call.return_bool(Clock::of(call.str(0)?).is_some()))
    }

    /// `_bucket_start(rule text, instant timestamptz) → timestamptz`.
    tally_bucket_start(call)? {
        Ok(call.return_i64(rule(&call)?.start(call.i64(1))))
    }

    /// `_bucket_end(rule text, instant timestamptz) → timestamptz`.
    tally_bucket_end(call)? {
        let read = rule(&call)?;
        Ok(call.return_i64(read.rule.end(read.clock.zone(), call.i64(1))))
    }

    /// `_bucket_shifted(rule text, instant timestamptz, n int) → timestamptz`.
    tally_bucket_shifted(call)? {
        let read = rule(&call)?;
        Ok(call.return_i64(read.rule.shifted(read.clock.zone(), call.i64(1), call.i32(2).into())))
    }

    /// `_bucket_at_or_after(rule text, instant timestamptz) → timestamptz`.
    tally_bucket_at_or_after(call)? {
        let read = rule(&call)?;
        Ok(call.return_i64(read.rule.at_or_after(read.clock.zone(), call.i64(1))))
    }

    /// `_rows_from(rule text, instant timestamptz) → timestamptz`.
    tally_rows_from(call)? {
        Ok(call.return_i64(rule(&call)?.edge(call.i64(1)).from))
    }

    /// `_rows_past(rule text, instant timestamptz) → timestamptz`.
    tally_rows_past(call)? {
        Ok(call.return_i64(rule(&call)?.edge(call.i64(1)).past))
    }

    /// `_buckets_reached(rule text, instant timestamptz, n int) → timestamptz[]`.
    tally_buckets_reached(call)? {
        let (read, n) = (rule(&call)?, call.i32(2));
        // Anybody may call it, and a list of 2^31 is more than the server's memory takes.
        if usize::try_from(n).is_ok_and(|n| n > MOST_BUCKETS) {
            return Err(TallyError::new(
                SqlState::ProgramLimitExceeded,
                format!("n expected to be {MOST_BUCKETS} buckets at most, got {n}"),
            )
            .hint("SELECT tally_internal._buckets_reached(rule, instant, 7);"));
        }
        Ok(call.return_timestamptzs(&read.rule.reached(read.clock.zone(), call.i64(1), n.into())))
    }

    /// `_buckets_between(rule text, first timestamptz, last timestamptz) → timestamptz[]`.
    tally_buckets_between(call)? {
        let read = rule(&call)?;
        let starts = read.rule.between(read.clock.zone(), call.i64(1), call.i64(2), MOST_BUCKETS);
        Ok(call.return_timestamptzs(&starts))
    }

    /// `_bucket_width(rule text) → interval`.
    tally_bucket_width(call)? {
        let Width { months, days, micros } = Rule::parse(call.str(0)?)?.width();
        let part = |n: i64| i32::try_from(n).unwrap_or(i32::MAX);
        Ok(call.return_interval(Interval { time: micros, day: part(days), month: part(months) }))
    }

    /// `_bucket_length(rule text) → bigint`.
    tally_bucket_length(call)? {
        let (short, long) = Rule::parse(call.str(0)?)?.lengths();
        Ok(call.return_i64(short / 2 + long / 2))
    }

    /// `_bucket_is_finer(rule text, than text) → boolean`.
    tally_bucket_is_finer(call)? {
        Ok(call.return_bool(Rule::parse(call.str(0)?)?.lengths().1 <= Rule::parse(call.str(1)?)?.lengths().0))
    }

    /// `_buckets_in(rule text, width interval) → bigint`.
    tally_buckets_in(call)? {
        Ok(match Rule::parse(call.str(0)?)?.buckets_in(width(call.interval(1))) {
            Some(n) => call.return_i64(n),
            None => call.return_null(),
        })
    }

    /// `_buckets_nest(own text, outer text, since timestamptz, until timestamptz) → boolean`.
    tally_buckets_nest(call)? {
        let (own, outer) = (Read::of(call.str(0)?)?, Read::of(call.str(1)?)?);
        let nests = own.rule.nests(own.clock.zone(), &outer.rule, outer.clock.zone(), call.i64(2), call.i64(3));
        Ok(call.return_bool(nests))
    }

    /// `_instant_of(local timestamp, zone text) → timestamptz`.
    tally_instant_of_timestamp(call)? {
        let local = call.i64(0);
        let clock = &zone(&call, 1)?.clock;
        Ok(call.return_i64(if is_finite(local) { instant_of(clock, local.into()) } else { local }))
    }

    /// `_instant_of(day date, zone text) → timestamptz`.
    tally_instant_of_date(call)? {
        let clock = &zone(&call, 1)?.clock;
        Ok(call.return_i64(match call.i32(0) {
            i32::MIN => MINUS_INFINITY,
            i32::MAX => INFINITY,
            day => instant_of(clock, i128::from(day) * i128::from(DAY)),
        }))
    }

    /// `_local_from(zone text, instant timestamptz) → timestamp`.
    tally_local_from(call)? {
        Ok(call.return_i64(local_range(&zone(&call, 0)?.clock, call.i64(1), INFINITY).0))
    }

    /// `_local_until(zone text, instant timestamptz) → timestamp`.
    tally_local_until(call)? {
        Ok(call.return_i64(local_range(&zone(&call, 0)?.clock, MINUS_INFINITY, call.i64(1)).1))
    }
}
