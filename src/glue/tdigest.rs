//! Owns the SQL-callable functions of `tally.tdigest`. Declared in `sql/s10_kernel/tdigest.sql`.

use crate::pg::aggregate::{State, Working, change, finished, merge, same};
use crate::pg::fmgr::Call;
use crate::{pg_fn, sketch_type};
use tally_core::cancel::looking;
use tally_core::error::{Shown, SqlState, TallyError};
use tally_core::sketch::tdigest::{COMPRESSION, DEFAULT_COMPRESSION, Sketch, codec, working};

fn sketch(call: &Call, i: usize) -> Result<Sketch, TallyError> {
    codec::decode(call.bytes(i))
}

fn compression(call: &Call, i: usize) -> Result<u16, TallyError> {
    if call.nargs() <= i || call.is_null(i) {
        return Ok(DEFAULT_COMPRESSION);
    }
    let given = call.i32(i);
    u16::try_from(given)
        .ok()
        .filter(|c| COMPRESSION.contains(c))
        .ok_or_else(|| {
            TallyError::new(
                SqlState::InvalidParameterValue,
                format!(
                    "compression expected in {} to {}, got {given}",
                    COMPRESSION.start(),
                    COMPRESSION.end()
                ),
            )
            .detail("compression is the greatest number of centroids; each takes about 11 bytes.")
            .hint("SELECT tally.tdigest(value, 180) FROM …")
        })
}

fn share(q: f64) -> Result<f64, TallyError> {
    if (0.0..=1.0).contains(&q) {
        return Ok(q);
    }
    Err(TallyError::new(
        SqlState::InvalidParameterValue,
        format!("percentile expected in 0 to 1, got {}", Shown(q)),
    )
    .hint("SELECT tally.percentile(sketch, 0.95) FROM …"))
}

struct Digest;

impl Working for Digest {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        working::is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        if codec::is_partial(bytes) {
            // The first partial state of a group is its state.
            return working::from_bytes(bytes);
        }
        Ok(working::from_sketch(&codec::decode(bytes)?))
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        codec::encode(&working::finish(words))
    }

    fn stands(bytes: &[u8]) -> Result<bool, TallyError> {
        if codec::is_partial(bytes) {
            return Ok(false);
        }
        codec::decode(bytes).map(|_| true)
    }

    fn is_standing(bytes: &[u8]) -> bool {
        !codec::is_partial(bytes)
    }
}

/// The state of a group's first value.
fn fresh(compression: u16) -> State {
    let mut state = State::new(working::FIRST_WORDS);
    working::init(state.words(), compression);
    state
}

sketch_type!("tdigest", Sketch, jsonb);

pg_fn! {
    /// Transition: `(state, value)` and `(state, value, compression)`.
    tally_tdigest_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let value = call.f64(1);
        change::<Digest>(&call, |call| Ok(fresh(compression(call, 2)?)), #[inline(always)] |words| Ok(working::push(words, value)))
    }

    /// Transition with a weight: `(state, value, weight, compression)`.
    tally_tdigest_trans_weighted(call)? {
        if call.is_null(1) || call.is_null(2) {
            return same(&call);
        }
        let (value, weight) = (call.f64(1), call.i64(2));
        let Ok(weight) = u64::try_from(weight) else {
            return Err(TallyError::new(
                SqlState::InvalidParameterValue,
                format!("weight expected to be 0 or more, got {weight}"),
            ));
        };
        if weight == 0 {
            return same(&call);
        }
        change::<Digest>(&call, |call| Ok(fresh(compression(call, 3)?)), |words| {
            let done = working::push_weighted(words, value, weight);
            working::fits(words)?;
            Ok(done)
        })
    }

    /// Combine and rollup: `(state, sketch)`.
    tally_tdigest_merge(call)? {
        merge::<Digest>(&call, |words| {
            let done = working::merge_bytes(words, call.bytes(1))?;
            working::fits(words)?;
            Ok(done)
        })
    }

    /// Final: the stored form. Reads the state only.
    tally_tdigest_final(call)? {
        finished::<Digest>(&call)
    }

    /// Transition of `approx_percentile(value, q)`: `(state, value, q)`. The q of a group's first value is the one asked.
    tally_tdigest_trans_percentile(call)? {
        if call.is_null(1) || call.is_null(2) {
            return same(&call);
        }
        let value = call.f64(1);
        if call.is_null(0) {
            let q = share(call.f64(2))?;
            return change::<Digest>(&call, |_| Ok(fresh(DEFAULT_COMPRESSION)), |words| {
                working::ask(words, Some(q));
                Ok(working::push(words, value))
            });
        }
        change::<Digest>(&call, |_| Ok(fresh(DEFAULT_COMPRESSION)), #[inline(always)] |words| Ok(working::push(words, value)))
    }

    /// Final of `approx_percentile(value, q)`.
    tally_tdigest_final_percentile(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        let sketch = sketch(&call, 0)?;
        Ok(call.return_opt_f64(sketch.asked.and_then(|q| sketch.percentile(q))))
    }

    /// `percentile(tdigest, float8)`.
    tally_tdigest_percentile(call)? {
        let q = share(call.f64(1))?;
        Ok(call.return_opt_f64(sketch(&call, 0)?.percentile(q)))
    }

    /// `percentile(tdigest, float8[])`.
    tally_tdigest_percentiles(call)? {
        let sketch = sketch(&call, 0)?;
        let answers = looking(call.f64s(1)?)
            .map(|q| q.map_or(Ok(None), |q| Ok(sketch.percentile(share(q)?))))
            .collect::<Result<Vec<_>, TallyError>>()?;
        Ok(call.return_f64s(&answers))
    }

    /// `percentile_rank(tdigest, float8)`.
    tally_tdigest_rank(call)? {
        Ok(call.return_opt_f64(sketch(&call, 0)?.percentile_rank(call.f64(1))))
    }

    /// `percentile_rank(tdigest, float8[])`.
    tally_tdigest_ranks(call)? {
        let sketch = sketch(&call, 0)?;
        let answers: Vec<_> = looking(call.f64s(1)?).map(|v| v.and_then(|v| sketch.percentile_rank(v))).collect();
        Ok(call.return_f64s(&answers))
    }

    /// `count(tdigest)`.
    tally_tdigest_count(call)? {
        Ok(call.return_i64(sketch(&call, 0)?.count() as i64))
    }

    /// `sum(tdigest)`.
    tally_tdigest_sum(call)? {
        Ok(call.return_opt_f64(sketch(&call, 0)?.sum()))
    }

    /// `mean(tdigest)`.
    tally_tdigest_mean(call)? {
        Ok(call.return_opt_f64(sketch(&call, 0)?.mean()))
    }

    /// `min(tdigest)`.
    tally_tdigest_min(call)? {
        Ok(call.return_opt_f64(sketch(&call, 0)?.min()))
    }

    /// `max(tdigest)`.
    tally_tdigest_max(call)? {
        Ok(call.return_opt_f64(sketch(&call, 0)?.max()))
    }

    /// `trimmed_mean(tdigest, float8, float8)`.
    tally_tdigest_trimmed_mean(call)? {
        let (low, high) = (share(call.f64(1))?, share(call.f64(2))?);
        if low >= high {
            return Err(TallyError::new(
                SqlState::InvalidParameterValue,
                format!("low share expected to be below the high one, got {low} and {high}"),
            )
            .detail("Between them lie the values whose mean is asked.")
            .hint("SELECT tally.trimmed_mean(sketch, 0.1, 0.9) FROM …"));
        }
        Ok(call.return_opt_f64(sketch(&call, 0)?.trimmed_mean(low, high)))
    }

    /// `histogram(tdigest, float8[])`.
    tally_tdigest_histogram(call)? {
        let edges = call.f64s_not_null(1)?;
        if !edges.is_sorted_by(|a, b| a < b) {
            return Err(TallyError::new(SqlState::InvalidParameterValue, "histogram edges expected in ascending order")
                .hint("SELECT tally.histogram(sketch, '{100,200,500,1000}') FROM …"));
        }
        Ok(call.return_i64s(&sketch(&call, 0)?.histogram(&edges)))
    }
}
