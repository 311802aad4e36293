//! Owns the SQL-callable functions of `tally.hll`. Declared in `sql/s10_kernel/hll.sql`.

use super::{DEFAULT_PRECISION, PRECISION, Sketch, codec, text, working};
use crate::error::{SqlState, TallyError};
use crate::pg::aggregate::{State, same};
use crate::pg::fmgr::{Answer, Call};
use crate::pg::hashing::Hasher;
use crate::pg_fn;
use crate::sketch::Grow;

fn sketch(call: &Call, i: usize) -> Result<Sketch, TallyError> {
    codec::decode(call.bytes(i))
}

fn precision(call: &Call, i: usize) -> Result<u8, TallyError> {
    if call.nargs() <= i || call.is_null(i) {
        return Ok(DEFAULT_PRECISION);
    }
    let given = call.i32(i);
    u8::try_from(given)
        .ok()
        .filter(|p| PRECISION.contains(p))
        .ok_or_else(|| {
            TallyError::new(
                SqlState::InvalidParameterValue,
                format!(
                    "precision expected in {} to {}, got {given}",
                    PRECISION.start(),
                    PRECISION.end()
                ),
            )
            .detail("precision is log2 of the number of registers; the error is 1.04 / sqrt(2^precision).")
            .hint("SELECT tally.hll(value, 13) FROM …")
        })
}

/// Runs a change on the aggregate's state in argument 0, in place where it can be, in a larger copy where it must grow.
#[inline(always)]
fn change(
    call: &Call,
    precision_arg: usize,
    mut step: impl FnMut(&mut [u64]) -> Result<Result<(), Grow>, TallyError>,
) -> Answer {
    if !call.is_null(0)
        && let Some(mut state) = State::in_place(call, 0)
        && working::is_working(state.words())
    {
        return match step(state.words())? {
            Ok(()) => Ok(state.datum()),
            Err(Grow(needed)) => Ok(state.grown(needed).until(step)?.datum()),
        };
    }
    let state = if call.is_null(0) {
        let mut state = State::new(working::FIRST_WORDS);
        working::init(state.words(), precision(call, precision_arg)?);
        state
    } else {
        State::from_words(&working::from_sketch(&sketch(call, 0)?))
    };
    let mut state = state.until(step)?;
    Ok(if call.is_aggregate() {
        state.datum()
    } else {
        call.return_bytes(&codec::encode(&working::finish(state.words())))
    })
}

pg_fn! {
    /// Transition: `(state, anyelement)` and `(state, anyelement, precision)`.
    tally_hll_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let hasher = *call.memo((), #[inline(never)] |call| Hasher::of_argument(call, 1))?;
        let hash = hasher.hash(call.datum(1), call.collation());
        change(&call, 2, #[inline(always)] |words| Ok(working::push(words, hash)))
    }

    /// Combine and rollup: `(state, sketch)`.
    tally_hll_merge(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let other = call.bytes(1);
        if call.is_null(0) {
            let other = codec::decode(other)?;
            if !call.is_aggregate() {
                return Ok(call.return_bytes(&codec::encode(&other)));
            }
            return Ok(State::from_words(&working::from_sketch(&other)).datum());
        }
        change(&call, usize::MAX, |words| working::merge_bytes(words, other))
    }

    /// Final: the stored form. Reads the state only.
    tally_hll_final(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        Ok(call.return_bytes(&codec::encode(&sketch(&call, 0)?)))
    }

    /// Final of `approx_distinct`: 0 for no rows, as `count(distinct)`.
    tally_hll_final_distinct(call)? {
        if call.is_null(0) {
            return Ok(call.return_i64(0));
        }
        Ok(call.return_i64(sketch(&call, 0)?.distinct().round() as i64))
    }

    /// `in(cstring)`.
    tally_hll_in(call)? {
        Ok(call.return_bytes(&codec::encode(&text::read(call.cstring(0)?)?)))
    }

    /// Explicit cast from text.
    tally_hll_from_text(call)? {
        Ok(call.return_bytes(&codec::encode(&text::read(call.str(0)?)?)))
    }

    /// `out(hll)`.
    tally_hll_out(call)? {
        Ok(call.return_cstring(&text::write(&sketch(&call, 0)?)))
    }

    /// `recv(internal)`.
    tally_hll_recv(call)? {
        let bytes = call.received();
        if bytes.get(1).is_none_or(|kind| *kind > 2) {
            return Err(crate::sketch::bytes::corrupt("hll", "kind 1 or 2", bytes.len()));
        }
        Ok(call.return_bytes(&codec::encode(&codec::decode(bytes)?)))
    }

    /// `send(hll)`: a bytea of the stored form.
    tally_hll_send(call)? {
        Ok(call.return_bytes(&codec::encode(&sketch(&call, 0)?)))
    }

    /// `jsonb(hll)`.
    tally_hll_jsonb(call)? {
        Ok(call.return_jsonb(&text::write(&sketch(&call, 0)?)))
    }

    /// `distinct_count(hll)`.
    tally_hll_distinct(call)? {
        Ok(call.return_i64(match codec::exact_slice(call.bytes(0)) {
            Some((hashes, _)) => hashes.len() as i64,
            None => sketch(&call, 0)?.distinct().round() as i64,
        }))
    }

    /// `relative_error(hll)`.
    tally_hll_error(call)? {
        Ok(call.return_f64(sketch(&call, 0)?.relative_error()))
    }
}
