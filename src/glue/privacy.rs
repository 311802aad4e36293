//! Owns the SQL-callable functions of privacy: pseudonyms, declared in `sql/s10_kernel/small.sql`, and hidden cells, in
//! `sql/s10_kernel/suppress.sql`.

use crate::pg::fmgr::Call;
use crate::pg_fn;
use std::collections::HashSet;
use tally_core::error::{SqlState, TallyError};
use tally_core::hex;
use tally_core::privacy::attack::Witness;
use tally_core::privacy::people::{complements, consistent};
use tally_core::privacy::release::{Layer, Plan, Released, release};
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
        let people = call.i64s(0)?.into_iter().enumerate().map(|(cell, n)| people_of(cell, n)).collect::<Result<_, _>>()?;
        let relations = relations_of(&call.jsonb_text(1).unwrap_or_default())?;
        let table = Table::new(people, relations)?;
        let hidden = hide(&table, u64::try_from(call.i32(2)).unwrap_or(0))?;
        Ok(call.return_jsonb(&serde_json::Value::Array(hidden.iter().map(proof).collect()).to_string()))
    }

    /// `tally_internal._protect(plan jsonb) → jsonb`, strict: what a release hides, with the proofs, numbered from 1.
    tally_protect(call)? {
        Ok(call.return_jsonb(&protect(&call.jsonb_text(0).unwrap_or_default())?))
    }
}

/// A release as SQL writes it: cells numbered from 1, people first.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPlan {
    k: u64,
    small: Vec<bool>,
    relations: Vec<WrittenTotal>,
    layers: Vec<WrittenLayer>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTotal {
    total: usize,
    parts: Vec<usize>,
    over: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLayer {
    name: String,
    counts: Counts,
    values: Vec<u64>,
}

#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Counts {
    People,
    Rows,
}

fn bad_plan(why: String) -> TallyError {
    TallyError::new(
        SqlState::InvalidParameterValue,
        format!("plan of a release expected, got what is none: {why}"),
    )
    .detail("It has k, small, relations and layers, that of people first; each layer has a value for each cell, numbered from 1.")
    .hint("SELECT * FROM tally.refresh_release('…');")
}

fn protect(text: &str) -> Result<String, TallyError> {
    let written: WrittenPlan = serde_json::from_str(text).map_err(|problem| bad_plan(problem.to_string()))?;
    let cells = written.small.len();
    let kinds: Vec<Counts> = written.layers.iter().map(|l| l.counts).collect();
    let relations: Vec<(usize, Vec<usize>)> = written
        .relations
        .iter()
        .map(|r| {
            (
                r.total.wrapping_sub(1),
                r.parts.iter().map(|p| p.wrapping_sub(1)).collect(),
            )
        })
        .collect();
    if kinds.first() != Some(&Counts::People)
        || written.layers.iter().any(|l| l.values.len() != cells)
        || relations
            .iter()
            .any(|(total, parts)| *total >= cells || parts.iter().any(|p| *p >= cells))
    {
        return Err(bad_plan(format!("{cells} cells, and a layer or relation of others")));
    }
    let all: Vec<usize> = (0..kinds.len()).filter(|l| kinds[*l] == Counts::Rows).collect();
    let most: Vec<u64> = (0..cells)
        .map(|c| {
            all.iter()
                .map(|l| written.layers[*l].values[c])
                .min()
                .unwrap_or(u64::MAX)
        })
        .collect();
    let people = consistent(&written.layers[0].values, &most, &relations);
    // People add up over a dimension where they do in every total over it.
    let adds_in = |n: usize| relations[n].1.iter().map(|p| people[*p]).sum::<u64>() == people[relations[n].0];
    let disjoint = |label: &str| (0..relations.len()).all(|n| written.relations[n].over != label || adds_in(n));
    let people_add: Vec<bool> = written.relations.iter().map(|r| disjoint(&r.over)).collect();
    let mut labels: Vec<&str> = written
        .relations
        .iter()
        .map(|r| r.over.as_str())
        .filter(|l| disjoint(l))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    // Where every cell has somebody, a reader may know that it must.
    let least = people.iter().copied().min().unwrap_or(0).min(1);
    let layers = written.layers.iter().zip(&kinds).map(|(layer, kind)| Layer {
        values: if *kind == Counts::People {
            people.clone()
        } else {
            layer.values.clone()
        },
        adds: if *kind == Counts::People {
            people_add.clone()
        } else {
            vec![true; relations.len()]
        },
        floor: if *kind == Counts::People { least } else { 1 },
    });
    let complements = complements(&people, &relations, &people_add, written.k);
    let leaves_few: HashSet<usize> = complements.iter().map(|(_, part)| *part).collect();
    let plan = Plan {
        layers: layers.collect(),
        within: (0..kinds.len())
            .filter(|l| kinds[*l] != Counts::Rows)
            .flat_map(|l| all.iter().map(move |a| (l, *a)))
            .collect(),
        small: written
            .small
            .iter()
            .zip(&people)
            .enumerate()
            .map(|(cell, (small, people))| *small || *people < written.k || leaves_few.contains(&cell))
            .collect(),
        complements,
        k: written.k,
        relations: relations.clone(),
    };
    let released = release(&plan)?;
    let names: Vec<&str> = written.layers.iter().map(|l| l.name.as_str()).collect();
    Ok(serde_json::json!({
        "hidden": released.hidden,
        "people": people,
        "disjoint": labels,
        "least": least,
        "proofs": released_proofs(&released, &names),
        "witnesses": released.witnesses.iter().map(|w| witness_by_measure(w, &names, cells)).collect::<Vec<_>>(),
    })
    .to_string())
}

fn released_proofs(released: &Released, names: &[&str]) -> Vec<serde_json::Value> {
    let one = |p: &tally_core::privacy::release::Proof| {
        serde_json::json!({
            "cell": p.cell + 1, "measure": names[p.layer], "low": p.low.0, "high": p.high, "low_table": p.low.1, "high_table": p.high_witness,
        })
    };
    released.proofs.iter().map(one).collect()
}

/// `{"people": {"4": 12}}`.
fn witness_by_measure(witness: &Witness, names: &[&str], cells: usize) -> serde_json::Value {
    let mut measures = serde_json::Map::new();
    for (variable, value) in witness {
        let numbers = measures
            .entry(names[variable / cells])
            .or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()));
        numbers[(variable % cells + 1).to_string()] = (*value).into();
    }
    serde_json::Value::Object(measures)
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
