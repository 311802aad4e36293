//! Owns the SQL-callable functions of privacy: pseudonyms, declared in `sql/s10_kernel/small.sql`, and hidden cells, in
//! `sql/s10_kernel/suppress.sql`.

use crate::pg::fmgr::Call;
use crate::pg_fn;
use tally_core::error::{SqlState, TallyError};
use tally_core::hex;
use tally_core::privacy::attack::Witness;
use tally_core::privacy::suppress::{Hidden, hide};
use tally_core::privacy::table::{Relation, Table};
use tally_core::privacy::{pseudonym, pseudonym_uuid};

/// The key. An error never shows it.
fn key(call: &Call) -> Result<&[u8], TallyError> {
    let key = call.bytes(1);
    if !key.is_empty() {
        return Ok(key);
    }
    Err(TallyError::new(
        SqlState::InvalidParameterValue,
        "key of a pseudonym expected, got the empty text",
    )
    .detail("Without a key every pseudonym can be undone by guessing names; 16 random bytes or more are a good key.")
    .hint("SELECT tally.pseudonym(name, gen_random_uuid()::text || gen_random_uuid()::text)"))
}

pg_fn! {
    /// `pseudonym(value text, key text)`.
    tally_pseudonym(call)? {
        Ok(call.return_str(&hex::encode(&pseudonym(call.bytes(0), key(&call)?))))
    }

    /// `pseudonym_uuid(value text, key text)`.
    tally_pseudonym_uuid(call)? {
        Ok(call.return_uuid(&pseudonym_uuid(call.bytes(0), key(&call)?)))
    }

    /// `tally_internal._hide_cells(people bigint[], relations jsonb, k int) → jsonb`, strict: the hidden cells with their proofs, numbered
    /// from 1.
    tally_hide_cells(call)? {
        super::funnel::look_for_cancel();
        let people = call.i64s(0)?.into_iter().enumerate().map(|(cell, n)| people_of(cell, n)).collect::<Result<_, _>>()?;
        let relations = relations_of(&call.jsonb_text(1).unwrap_or_default())?;
        let table = Table::new(people, relations)?;
        let hidden = hide(&table, u64::try_from(call.i32(2)).unwrap_or(0))?;
        Ok(call.return_jsonb(&serde_json::Value::Array(hidden.iter().map(proof).collect()).to_string()))
    }
}

fn people_of(cell: usize, people: Option<i64>) -> Result<u64, TallyError> {
    people.and_then(|n| u64::try_from(n).ok()).ok_or_else(|| {
        let got = people.map_or("NULL".to_owned(), |n| n.to_string());
        TallyError::new(
            SqlState::InvalidParameterValue,
            format!("people of cell {} expected as 0 or more, got {got}", cell + 1),
        )
        .hint("SELECT * FROM tally.hide_cells('{3,20,23}', '[{\"total\": 3, \"parts\": [1, 2]}]', 10);")
    })
}

/// A relation as a caller writes it: cells numbered from 1.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    total: usize,
    parts: Vec<usize>,
    #[serde(default = "adds_up")]
    adds: bool,
}

fn adds_up() -> bool {
    true
}

fn relations_of(text: &str) -> Result<Vec<Relation>, TallyError> {
    let written: Vec<Written> = serde_json::from_str(text).map_err(|problem| {
        TallyError::new(
            SqlState::InvalidParameterValue,
            format!("relations expected as a list of totals and parts: {problem}"),
        )
        .detail("Each is {\"total\": cell, \"parts\": [cell, …], \"adds\": true or false}; cells are numbered from 1.")
        .hint("SELECT * FROM tally.hide_cells('{3,20,23}', '[{\"total\": 3, \"parts\": [1, 2]}]', 10);")
    })?;
    // Number 0 becomes one that no table has, which the check of the table names.
    let cell = |n: usize| n.wrapping_sub(1);
    Ok(written
        .into_iter()
        .map(|w| Relation {
            total: cell(w.total),
            parts: w.parts.into_iter().map(cell).collect(),
            adds: w.adds,
        })
        .collect())
}

fn proof(hidden: &Hidden) -> serde_json::Value {
    let table = |witness: &Witness| {
        let cells = witness.iter().map(|(cell, n)| ((cell + 1).to_string(), (*n).into()));
        serde_json::Value::Object(cells.collect())
    };
    serde_json::json!({
        "cell": hidden.cell + 1,
        "small": hidden.small,
        "low": hidden.low.0,
        "high": hidden.high.as_ref().map(|(n, _)| *n),
        "low_table": table(&hidden.low.1),
        "high_table": hidden.high.as_ref().map(|(_, witness)| table(witness)),
    })
}
