//! Owns the SQL-callable functions of `tally.totals`. Declared in `sql/s10_kernel/totals.sql`.

use super::{Totals, ratio};
use crate::error::{SqlState, TallyError};
use crate::pg::aggregate::same;
use crate::pg::fmgr::Call;
use crate::pg_fn;
use serde_json::{Value, json};

fn totals(call: &Call, i: usize) -> Result<Totals, TallyError> {
    if call.is_null(i) {
        Ok(Totals::default())
    } else {
        Totals::decode(call.bytes(i))
    }
}

fn parsed(text: &str) -> Result<Value, TallyError> {
    serde_json::from_str(text).map_err(|e| {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("expected JSON, got other text: {e}"),
        )
    })
}

fn json_argument(call: &Call, i: usize) -> Result<Value, TallyError> {
    parsed(&call.jsonb_text(i).unwrap_or_default())
}

fn text(call: &Call) -> Result<String, TallyError> {
    let totals = totals(call, 0)?;
    let sums: serde_json::Map<String, Value> = totals
        .sums
        .iter()
        .map(|(key, sum)| (key.clone(), Value::from(*sum)))
        .collect();
    Ok(json!({"rows": totals.rows, "ignored": totals.ignored, "sums": sums}).to_string())
}

fn read(text: &str) -> Result<Totals, TallyError> {
    let bad = || {
        TallyError::new(
            SqlState::InvalidTextRepresentation,
            format!("invalid input for type tally.totals: {text:.80}"),
        )
        .detail("Expected {\"rows\":2,\"ignored\":0,\"sums\":{\"views\":1800}}, as tally.totals prints itself.")
        .hint("SELECT tally.jsonb_totals('{\"views\": 1}')")
    };
    let value = parsed(text).map_err(|_| bad())?;
    let count = |name: &str| value.get(name).and_then(Value::as_u64).ok_or_else(bad);
    let sums = value.get("sums").and_then(Value::as_object).ok_or_else(bad)?;
    let sums = sums
        .iter()
        .map(|(key, sum)| Ok((key.clone(), sum.as_f64().ok_or_else(bad)?)));
    Ok(Totals {
        rows: count("rows")?,
        ignored: count("ignored")?,
        sums: sums.collect::<Result<_, TallyError>>()?,
    })
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
        Ok(call.return_cstring(&text(&call)?))
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
