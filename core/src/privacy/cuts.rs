//! Owns the inequalities that every safe pattern of hidden cells meets.
//!
//! M. Fischetti, J. J. Salazar-González: *Solving the cell suppression problem on tabular data with linear constraints*, Management
//! Science 47 (2001). For one small cell the reader's greatest number is a linear program in the deviations from the true table; its
//! dual bounds it by the capacities of the hidden cells, weighted. A pattern that leaves too little capacity is cut off.
//! Deviation from the paper: a cell has no upper end that the reader knows beforehand, so one hidden cell that may grow has capacity
//! enough by itself ([`FAR`]).

use super::solver::{Outcome, Program};
use super::table::{Row, Table};
use crate::error::TallyError;

/// How far a hidden cell may grow, in units of what the small cell needs.
const FAR: f64 = 1000.0;

/// What a weight without capacity costs, so that the dual has few of them.
const TRIFLE: f64 = 1e-6;

/// "The sum of weight × (1 if hidden) over these cells is at least so much."
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// Cell and weight; cells that are not named have weight 0.
    pub weights: Vec<(usize, f64)>,
    /// What the sum is at least.
    pub least: f64,
}

impl Cut {
    /// The sum for a pattern; under `least` it is cut off.
    pub fn measure(&self, share: &[f64]) -> f64 {
        self.weights.iter().map(|(cell, weight)| weight * share[*cell]).sum()
    }

    /// That one of these cells at least is hidden.
    pub fn one_of(cells: impl Iterator<Item = usize>) -> Cut {
        Cut {
            weights: cells.map(|cell| (cell, 1.0)).collect(),
            least: 1.0,
        }
    }
}

/// A cell that is hidden alone in a sum hides nothing: its number follows. So one is hidden for others only along with one of its row.
/// Rows with a small cell ask for nothing.
pub fn lone(table: &Table, rows: &[Row], small: &[bool]) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for row in rows.iter().filter(|row| row.exact) {
        let open: Vec<usize> = row.terms.iter().map(|t| t.0).filter(|c| table.people[*c] > 0).collect();
        if open.iter().any(|c| small[*c]) {
            continue;
        }
        cuts.extend(open.iter().map(|cell| Cut {
            weights: open.iter().map(|c| (*c, if c == cell { -1.0 } else { 1.0 })).collect(),
            least: 0.0,
        }));
    }
    cuts
}

/// What the reader must think possible of a cell: k people, and more than it holds.
pub fn target(people: u64, k: u64) -> u64 {
    k.max(people + 1)
}

/// The cut that a pattern (share: 1 hidden, 0 published, or between) violates because the small cell `goal` cannot reach `k`; none
/// where it can, as far as real numbers tell. `small` cells are hidden in every pattern.
pub fn violated(
    table: &Table,
    rows: &[Row],
    small: &[bool],
    share: &[f64],
    goal: usize,
    k: u64,
) -> Result<Option<Cut>, TallyError> {
    let need = (target(table.people[goal], k) - table.people[goal]) as f64;
    let capacity = |cell: usize| {
        let people = table.people[cell];
        if people == 0 {
            (0.0, 0.0)
        } else {
            (FAR, (people - 1) as f64 / need)
        }
    };
    let mut dual = Program::new(false);
    let mut columns = vec![Vec::new(); table.people.len()];
    let mut slacks = Vec::new();
    for row in rows {
        let slack = -row
            .terms
            .iter()
            .map(|(c, sign)| sign * table.people[*c] as i64)
            .sum::<i64>() as f64
            / need;
        let low = if row.exact { f64::NEG_INFINITY } else { 0.0 };
        let variable = dual.variable(if row.exact { 0.0 } else { slack }, low, f64::INFINITY);
        slacks.push((variable, if row.exact { 0.0 } else { slack }));
        for (cell, sign) in &row.terms {
            columns[*cell].push((variable, *sign as f64));
        }
    }
    let mut prices = Vec::with_capacity(columns.len());
    for (cell, mut column) in columns.into_iter().enumerate() {
        let (up, down) = capacity(cell);
        let up = dual.variable(up * share[cell] + TRIFLE, 0.0, f64::INFINITY);
        let down = dual.variable(down * share[cell] + TRIFLE, 0.0, f64::INFINITY);
        prices.push((up, down));
        column.extend([(up, 1.0), (down, -1.0)]);
        dual.row(&column, true, f64::from(u8::from(cell == goal)));
    }
    let Outcome::Best(_, value) = dual.solve()? else {
        return Ok(None);
    };
    let mut need_left = 1.0 - slacks.iter().map(|(v, slack)| value[*v] * slack).sum::<f64>();
    let mut weights = Vec::new();
    for (cell, (up, down)) in prices.iter().enumerate() {
        let (far, near) = capacity(cell);
        let weight = far * value[*up] + near * value[*down];
        if small[cell] {
            need_left -= weight;
        } else if weight > 1e-9 && table.people[cell] > 0 {
            weights.push((cell, weight));
        }
    }
    if need_left <= 1e-7 {
        return Ok(None);
    }
    for (_, weight) in &mut weights {
        // A whole cell is hidden or not, so more than what is needed counts for no more.
        *weight = (*weight / need_left).min(1.0);
    }
    let cut = Cut { weights, least: 1.0 };
    Ok((cut.measure(share) < 1.0 - 1e-6).then_some(cut))
}
