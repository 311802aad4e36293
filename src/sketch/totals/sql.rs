//! Owns the SQL-callable functions of `tally.totals`. Declared in `sql/s10_kernel/totals.sql`.

use super::text::{parsed, read, write};
use super::{Totals, ratio};
use crate::error::TallyError;
use crate::pg::aggregate::same;
use crate::pg::fmgr::Call;
use crate::pg_fn;
use serde_json::Value;

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

pg_fn! {
    /// Transition of `jsonb_totals(jsonb)`.
    tally_totals_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let mut totals = totals(&call, 0)?;
        totals.push(&json_argument(&call, 1)?);
        Ok(call.return_bytes(&totals.encode()))
    }

    /// Combine and rollup.
    tally_totals_merge(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let mut state = totals(&call, 0)?;
        state.merge(&totals(&call, 1)?);
        Ok(call.return_bytes(&state.encode()))
    }

    /// `in(cstring)`.
    tally_totals_in(call)? {
        Ok(call.return_bytes(&read(call.cstring(0)?)?.encode()))
    }

    /// `out(totals)`.
    tally_totals_out(call)? {
        Ok(call.return_cstring(&write(&totals(&call, 0)?)))
    }

    /// `recv(internal)`.
    tally_totals_recv(call)? {
        Ok(call.return_bytes(&Totals::decode(call.received())?.encode()))
    }

    /// `send(totals)`.
    tally_totals_send(call)? {
        Ok(call.return_bytes(&totals(&call, 0)?.encode()))
    }

    /// `jsonb(totals)`: the sums.
    tally_totals_jsonb(call)? {
        Ok(call.return_jsonb(&totals(&call, 0)?.json().to_string()))
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
        let sum = totals(&call, 0)?.sums.get(call.str(1)?).copied();
        Ok(call.return_opt_f64(sum))
    }

    /// `jsonb_ratio(jsonb, jsonb)`.
    tally_jsonb_ratio(call)? {
        Ok(call.return_jsonb(&ratio(&json_argument(&call, 0)?, &json_argument(&call, 1)?).to_string()))
    }
}
