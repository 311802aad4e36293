//! Owns the SQL-callable functions of `tally.timed`. Declared in `sql/s10_kernel/timed.sql`.

use crate::pg::aggregate::{State, Working, change, finished, merge, same};
use crate::pg::fmgr::{Answer, Call};
use crate::{pg_fn, sketch_type};
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::ordered::is_time;
use tally_core::sketch::stored::Stored;
use tally_core::sketch::timed::{Held, Timed, Which, is_settled, is_working, payload, push};

struct Edge;

impl Working for Edge {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        Ok(Timed::decode(bytes)?.words())
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        let bytes = payload(words);
        Timed::decode(&bytes).map_or(bytes, |timed| timed.encode())
    }
}

sketch_type!("timed", Timed, jsonb);

/// A row; `type_` is a value of its type.
#[inline(always)]
fn row(call: &Call, which: Which, type_: Held, value: impl FnOnce(&Call) -> Result<Held, TallyError>) -> Answer {
    let time = call.i64(2);
    if call.is_null(1) || call.is_null(2) || !is_time(time) {
        return same(call);
    }
    // A value is read only where its time may count.
    if !call.is_null(0)
        && let Some(mut state) = State::in_place(call, 0)
        && is_working(state.words())
        && is_settled(state.words(), &type_, time)
    {
        return Ok(state.datum());
    }
    let value = value(call)?;
    let timed = Timed { which, time, value };
    let fresh = |_: &Call| Ok(State::from_words(&timed.words()));
    change::<Edge>(call, fresh, |words| push(words, &timed))
}

fn float(call: &Call, which: Which) -> Answer {
    row(call, which, Held::Float(0.0), |call| Ok(Held::Float(call.f64(1))))
}

fn int(call: &Call, which: Which) -> Answer {
    row(call, which, Held::Int(0), |call| Ok(Held::Int(call.i64(1))))
}

fn text(call: &Call, which: Which) -> Answer {
    row(call, which, Held::Text(String::new()), |call| {
        Ok(Held::Text(call.str(1)?.to_owned()))
    })
}

pg_fn! {
    /// Transition of `first(float8, time)`.
    tally_first_float_trans(call)? {
        float(&call, Which::First)
    }

    /// Transition of `first(bigint, time)`.
    tally_first_int_trans(call)? {
        int(&call, Which::First)
    }

    /// Transition of `first(text, time)`.
    tally_first_text_trans(call)? {
        text(&call, Which::First)
    }

    /// Transition of `last(float8, time)`.
    tally_last_float_trans(call)? {
        float(&call, Which::Last)
    }

    /// Transition of `last(bigint, time)`.
    tally_last_int_trans(call)? {
        int(&call, Which::Last)
    }

    /// Transition of `last(text, time)`.
    tally_last_text_trans(call)? {
        text(&call, Which::Last)
    }

    /// Combine and rollup.
    tally_timed_merge(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let other = Timed::decode(call.bytes(1))?;
        merge::<Edge>(&call, |words| push(words, &other))
    }

    /// Final: the stored form. Reads the state only.
    tally_timed_final(call)? {
        finished::<Edge>(&call)
    }

    /// `value(timed)`: as a number.
    tally_timed_value(call)? {
        match Timed::decode(call.bytes(0))?.value {
            Held::Float(value) => Ok(call.return_f64(value)),
            Held::Int(value) => Ok(call.return_f64(value as f64)),
            Held::Text(_) => Err(TallyError::new(
                SqlState::DatatypeMismatch,
                "a value of type float8 or bigint expected, got one of type text",
            )
            .detail("tally.value() reads numbers.")
            .hint("SELECT tally.value_text(tally.last(v, t)) FROM (VALUES ('a', now())) AS x(v, t)")),
        }
    }

    /// `value_text(timed)`.
    tally_timed_text(call)? {
        Ok(call.return_str(&Timed::decode(call.bytes(0))?.value.text()))
    }

    /// `value_time(timed)`.
    tally_timed_time(call)? {
        Ok(call.return_i64(Timed::decode(call.bytes(0))?.time))
    }
}
