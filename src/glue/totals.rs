//! Owns the SQL-callable functions of `tally.totals`. Declared in `sql/s10_kernel/totals.sql`.

use crate::pg::aggregate::{State, Working, change, merge, same};
use crate::pg::fmgr::Call;
use crate::pg::json::{Leaves, is_object};
use crate::{pg_fn, sketch_type};
use serde_json::Value;
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::totals::path::is_nested;
use tally_core::sketch::totals::text::parsed;
use tally_core::sketch::totals::{Totals, entropy, ratio, working};

fn totals(call: &Call, i: usize) -> Result<Totals, TallyError> {
    if call.is_null(i) {
        Ok(Totals::default())
    } else {
        Totals::decode(call.bytes(i))
    }
}

fn json_argument(call: &Call, i: usize) -> Result<Value, TallyError> {
    parsed(&call.jsonb_text(i).unwrap_or_default())
}

struct Sums;

impl Working for Sums {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        working::is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        Ok(working::from_totals(&Totals::decode(bytes)?))
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        working::finish(words).encode()
    }
}

/// The state of a group's first object.
fn fresh(_: &Call) -> Result<State, TallyError> {
    Ok(State::from_words(&working::fresh()))
}

sketch_type!("totals", Totals, jsonb);

pg_fn! {
    /// Transition of `jsonb_totals(jsonb)`.
    tally_totals_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let leaves = call.kept(|_| Ok(Leaves::default()))?;
        leaves.read(&call, 1)?;
        change::<Sums>(&call, fresh, |words| Ok(working::add_cells(words, 1, leaves.others, leaves.numbers())))
    }

    /// Combine and rollup.
    tally_totals_merge(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let other = totals(&call, 1)?;
        merge::<Sums>(&call, |words| Ok(working::merge(words, &other)))
    }

    /// Final: the stored form. Reads the state only.
    tally_totals_final(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        Ok(call.return_bytes(&totals(&call, 0)?.encode()))
    }

    /// `count(totals)`.
    tally_totals_count(call)? {
        Ok(call.return_i64(totals(&call, 0)?.rows as i64))
    }

    /// `ignored(totals)`.
    tally_totals_ignored(call)? {
        Ok(call.return_i64(totals(&call, 0)?.ignored as i64))
    }

    /// `total(totals, key)`.
    tally_totals_total(call)? {
        Ok(call.return_opt_f64(Totals::total_of(call.bytes(0), call.str(1)?)?))
    }

    /// `entropy(totals)`.
    tally_totals_entropy(call)? {
        Ok(call.return_opt_f64(entropy::of_stored(call.bytes(0))?))
    }

    /// `entropy(jsonb)`: of the numbers under its own keys, not of those within.
    tally_jsonb_entropy(call)? {
        if !is_object(call.bytes(0)) {
            return Err(TallyError::new(
                SqlState::InvalidParameterValue,
                format!("entropy() expected a JSON object of counts by key, got {}", call.jsonb_text(0).unwrap_or_default()),
            )
            .hint("SELECT tally.entropy('{\"fight\": 3, \"flee\": 1}')"));
        }
        let leaves = call.kept(|_| Ok(Leaves::default()))?;
        leaves.read(&call, 0)?;
        let own = leaves.numbers().filter(|(path, _)| !is_nested(path));
        Ok(call.return_opt_f64(entropy::of_cells(own.map(|(_, cells)| cells))))
    }

    /// `jsonb_ratio(jsonb, jsonb)`.
    tally_jsonb_ratio(call)? {
        Ok(call.return_jsonb(&ratio(&json_argument(&call, 0)?, &json_argument(&call, 1)?).to_string()))
    }
}
