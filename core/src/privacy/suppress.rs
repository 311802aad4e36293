//! Owns which cells of a table are hidden: those of fewer than k people, and as few others as keep them hidden.
//!
//! A pattern is safe when every hidden cell, given all that is published, may hold k people or more, and more than one number.
//! [`super::search`] looks for a small one; here it is proved.

use super::attack::{Attack, End, Witness};
use super::search::pattern;
use super::table::{Row, Table};
use crate::error::{SqlState, TallyError};
use crate::funnel::look_for_cancel;

/// Most hidden cells that hang together: past it the proof takes minutes.
pub const MOST_TOGETHER: usize = 1000;

/// A hidden cell, with the proof that it is safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The cell.
    pub cell: usize,
    /// Whether it holds fewer than k people, or is hidden for the sake of one that does.
    pub small: bool,
    /// The least that it may hold, with a table that has it.
    pub low: (u64, Witness),
    /// The most that it may hold, with a table that has it (or k, where there is no end).
    pub high: Option<(u64, Witness)>,
}

/// The cells to hide so that nobody concludes a number below k, each with its proof, in order of the cells.
pub fn hide(table: &Table, k: u64) -> Result<Vec<Hidden>, TallyError> {
    if k < 2 {
        return Err(TallyError::new(
            SqlState::InvalidParameterValue,
            format!("k expected as 2 or more, got {k}"),
        )
        .detail("Cells of fewer than k people are hidden; below 2 there is nobody to hide.")
        .hint("Use k => 10."));
    }
    let rows = table.rows();
    let small: Vec<bool> = table.people.iter().map(|n| (1..k).contains(n)).collect();
    if !small.contains(&true) {
        return Ok(Vec::new());
    }
    let mut hidden = pattern(table, &small, k)?;
    prove(table, &rows, &small, &mut hidden, k)
}

/// The proof of each hidden cell. A cell that is hidden for others and may hold one number only hides nothing: it is published.
fn prove(table: &Table, rows: &[Row], small: &[bool], hidden: &mut [bool], k: u64) -> Result<Vec<Hidden>, TallyError> {
    let mut proofs = Vec::new();
    let mut pointless = Vec::new();
    let attack = Attack::new(table, rows, hidden);
    for cell in (0..hidden.len()).filter(|c| hidden[*c]) {
        look_for_cancel();
        let (together, _) = attack.component(cell);
        if together.len() > MOST_TOGETHER {
            return Err(refused(format!(
                "{} hidden cells hang together, expected at most {MOST_TOGETHER}",
                together.len()
            )));
        }
        let End::At(low, low_witness) = attack.end(cell, false)? else {
            return Err(refused(format!("cell {} has no least number", cell + 1)));
        };
        let high = match attack.end(cell, true)? {
            End::At(value, witness) => Some((value, witness)),
            End::Open => None,
        };
        let most = high.as_ref().map_or(u64::MAX, |(value, _)| *value);
        if most == low && !small[cell] {
            pointless.push(cell);
            continue;
        }
        if most < k || most == low {
            return Err(refused(format!(
                "cell {} could be concluded to hold {low} to {most} people",
                cell + 1
            )));
        }
        proofs.push(Hidden {
            cell,
            small: small[cell],
            low: (low, low_witness),
            high,
        });
    }
    // What a reader can conclude anyway changes no other conclusion when it is printed.
    for cell in pointless {
        hidden[cell] = false;
    }
    Ok(proofs)
}

pub(super) fn refused(why: String) -> TallyError {
    TallyError::new(
        SqlState::FeatureNotSupported,
        "this table cannot be released: no pattern of hidden cells is proved to be safe",
    )
    .detail(why)
    .hint("Release fewer cells: leave out a dimension, or use wider buckets.")
}
