//! Owns the glue of alerting: its kernel functions, as `sql/s10_kernel/alert.sql` declares them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;

use crate::pg::fmgr::Call;
use crate::pg::json::jsonb_datum;
use crate::pg::report::raise;
use tally_core::alert::condition::Condition;
use tally_core::alert::judge::Sample;
use tally_core::alert::parse::{FORMS, parse};
use tally_core::alert::schedule;
use tally_core::alert::step::{Rule, State, step};
use tally_core::error::{SqlState, TallyError};

/// Seconds from the Unix epoch to PostgreSQL's, 2000-01-01 00:00 UTC.
const POSTGRES_EPOCH: i64 = 946_684_800;

/// More than any condition needs.
const LONGEST_CONDITION: usize = 1000;

crate::pg_fn! {
    /// `tally.parse_condition(condition text) → jsonb`, strict.
    tally_parse_condition(call) {
        let text = call.str(0).unwrap_or_else(|problem| raise(problem));
        // The parser tries each form on the whole text, which is nothing to do with megabytes.
        if text.len() > LONGEST_CONDITION {
            fail(
                format!("a condition has {LONGEST_CONDITION} bytes at most, got {}", text.len()),
                format!("A condition has one of the forms {FORMS}."),
                "SELECT tally.parse_condition('> 2500');",
            )
        }
        match parse(text) {
            Ok(condition) => json(&condition),
            Err(problem) => fail(
                format!("condition \"{text}\" is not understood: {problem}"),
                format!("A condition has one of the forms {FORMS}."),
                "SELECT tally.parse_condition('> 2500');",
            ),
        }
    }

    /// `tally.condition_windows(condition jsonb) → jsonb`, strict.
    tally_condition_windows(call) {
        json(&argument::<Condition>(&call, 0, "condition").windows())
    }

    /// `tally.condition_limit(condition jsonb) → jsonb`, strict: the number a value is held against.
    tally_condition_limit(call) {
        json(&argument::<Condition>(&call, 0, "condition").limit())
    }

    /// `tally.alert_step(state jsonb, sample jsonb, rule jsonb, tick timestamptz) → jsonb`.
    tally_alert_step(call) {
        let state = call.jsonb_text(0).map_or_else(State::default, |text| read(&text, "state"));
        let sample: Sample = argument(&call, 1, "sample");
        let rule: Rule = argument(&call, 2, "rule");
        let tick = if call.is_null(3) { None } else { moment(call.i64(3)) };
        match tick {
            Some(tick) => json(&step(&state, &sample, &rule, tick)),
            None => fail(
                "tally.alert_step(): expected a finite tick, got NULL or infinity".to_owned(),
                "The tick is the scheduled time of the evaluation.".to_owned(),
                "SELECT tally.alert_step(NULL, '{\"value\": 3}', '{\"condition\": …}', now());",
            ),
        }
    }

    /// `tally.schedule_before(schedule text, at timestamptz, beats int) → timestamptz`, strict.
    tally_schedule_before(call) {
        let text = call.str(0).unwrap_or_else(|problem| raise(problem));
        let schedule = schedule::parse(text).unwrap_or_else(|problem| {
            fail(
                format!("schedule must be the five fields of cron, a name such as @daily or a number of seconds, got \"{text:.200}\": {problem}"),
                "The fields are minute (0-59), hour (0-23), day (1-31 or $), month (1-12) and weekday (0-7): *, numbers, ranges, lists and steps.".to_owned(),
                "Use for example '*/5 * * * *', '17 3 * * *', '@hourly' or, where pg_cron is 1.5 or newer, '30 seconds'.",
            )
        });
        let beats = u32::try_from(call.i32(2)).unwrap_or(0);
        let found = moment(call.i64(1)).and_then(|at| schedule.before(at.timestamp(), beats));
        match found.and_then(|at| at.checked_sub(POSTGRES_EPOCH)?.checked_mul(1_000_000)) {
            Some(micros) => call.return_i64(micros),
            None => call.return_null(),
        }
    }
}

/// A timestamptz as a moment; none for the infinities.
fn moment(micros: i64) -> Option<DateTime<Utc>> {
    if micros == i64::MIN || micros == i64::MAX {
        return None;
    }
    DateTime::from_timestamp(POSTGRES_EPOCH, 0)?.checked_add_signed(TimeDelta::microseconds(micros))
}

fn argument<T: DeserializeOwned>(call: &Call, number: usize, name: &str) -> T {
    read(&call.jsonb_text(number).unwrap_or_else(|| "null".to_owned()), name)
}

fn read<T: DeserializeOwned>(text: &str, name: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|problem| {
        fail(
            format!("expected a valid {name}, got {text}"),
            problem.to_string(),
            "SELECT tally.parse_condition('> 2500');  -- and see docs/alerting.md for states, samples and rules",
        )
    })
}

fn json<T: serde::Serialize>(value: &T) -> pgrx::pg_sys::Datum {
    match serde_json::to_string(value) {
        Ok(text) => jsonb_datum(&text),
        Err(problem) => fail(problem.to_string(), String::new(), ""),
    }
}

/// Raises an ERROR in four parts.
fn fail(message: String, detail: String, hint: &'static str) -> ! {
    raise(
        TallyError::new(SqlState::InvalidParameterValue, message)
            .detail(detail)
            .hint(hint),
    )
}
