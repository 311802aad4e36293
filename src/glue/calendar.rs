//! Owns the SQL-callable functions of the calendar. Declared in `sql/s10_kernel/calendar.sql`.

use super::calendar_kept::{Asked, Read, instant_of, known, rule, width, zone};
use crate::pg::fmgr::Call;
use crate::pg::zone::Clock;
use crate::pg_fn;
use pgrx::pg_sys::Interval;
use tally_core::calendar::edge::local_range;
use tally_core::calendar::rule::{Rule, Width};
use tally_core::calendar::{DAY, INFINITY, MINUS_INFINITY, is_finite};
use tally_core::error::{SqlState, TallyError};

/// Most buckets that are listed at a time.
const MOST_BUCKETS: usize = 1_000_000;

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
