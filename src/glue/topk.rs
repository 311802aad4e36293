//! Owns the SQL-callable functions of `tally.topk`. Declared in `sql/s10_kernel/topk.sql`.

use crate::pg::aggregate::{State, Working, change, merge, same};
use crate::pg::fmgr::Call;
use crate::pg::hashing::Hasher;
use crate::{pg_fn, sketch_type};
use pgrx::pg_sys::Datum;
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::topk::{DEFAULT_K, TopK, working};

struct Heavy;

impl Working for Heavy {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        working::is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        Ok(working::from_topk(&TopK::decode(bytes)?))
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        working::finish(words).encode()
    }
}

/// The state of a group's first item.
#[cold]
fn fresh(call: &Call) -> Result<State, TallyError> {
    Hasher::refuse_loose(
        call,
        1,
        "SELECT tally.topk(lower(item::text) COLLATE \"default\", 10) FROM …",
    )?;
    let k = if call.nargs() > 2 && !call.is_null(2) {
        call.i32(2)
    } else {
        i32::from(DEFAULT_K)
    };
    match u16::try_from(k).ok().filter(|k| (1..=1000).contains(k)) {
        Some(k) => Ok(State::from_words(&working::fresh(k))),
        None => Err(TallyError::new(
            SqlState::InvalidParameterValue,
            format!("k expected in 1 to 1000, got {k}"),
        )
        .hint("SELECT tally.topk(item, 10) FROM …")),
    }
}

fn weight(call: &Call) -> Result<u64, TallyError> {
    let weight = if call.nargs() > 3 { call.i64(3) } else { 1 };
    u64::try_from(weight).map_err(|_| {
        TallyError::new(
            SqlState::InvalidParameterValue,
            format!("weight expected to be 0 or more, got {weight}"),
        )
        .hint("SELECT tally.topk(item, 10, weight) FROM … WHERE weight >= 0")
    })
}

sketch_type!("topk", TopK, jsonb, from_text);

pg_fn! {
    /// Transition: `(state, item)`, `(state, item, k)`, `(state, item, k, weight)`.
    tally_topk_trans(call)? {
        if call.is_null(1) || (call.nargs() > 3 && call.is_null(3)) {
            return same(&call);
        }
        let (item, weight) = (call.str(1)?, weight(&call)?);
        change::<Heavy>(&call, fresh, |words| {
            working::fits(words, weight)?;
            Ok(working::push(words, item, weight))
        })
    }

    /// Combine and rollup.
    tally_topk_merge(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let other = TopK::decode(call.bytes(1))?;
        merge::<Heavy>(&call, |words| {
            working::fits(words, other.total)?;
            Ok(working::merge(words, &other))
        })
    }

    /// Final: the stored form. Reads the state only.
    tally_topk_final(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        Ok(call.return_bytes(&TopK::decode(call.bytes(0))?.encode()))
    }

    /// `top(topk, n)`: rows (item, count, lower, upper). The count is the estimate: a heavy item has been there from early on, so nearly all that
    /// was taken from the counts was taken from its.
    tally_topk_top(call)? {
        let topk = TopK::decode(call.bytes(0))?;
        let n = if call.nargs() > 1 { usize::try_from(call.i32(1)).unwrap_or(0) } else { usize::from(topk.k) };
        let rows = topk.top(n).into_iter().map(|(item, count)| {
            let upper = count.saturating_add(topk.error) as i64;
            [Some(call.return_str(item)), Some(Datum::from(upper)), Some(Datum::from(count as i64)), Some(Datum::from(upper))]
        });
        Ok(call.return_rows(rows))
    }

    /// `count(topk)`: the weight of all items.
    tally_topk_count(call)? {
        Ok(call.return_i64(TopK::decode(call.bytes(0))?.total as i64))
    }
}
