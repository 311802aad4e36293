//! Owns which cells of a table are hidden: those of fewer than k people, and as few others as keep them hidden.
//!
//! A pattern is safe when every hidden cell, given all that is published, may hold k people or more, and more than one number. The
//! smallest safe pattern is found by an integer program over cuts ([`super::cuts`]) for tables of up to [`EXACT_CELLS`] cells; larger ones
//! are protected cell by cell along the cheapest deviation (J. P. Kelly, B. L. Golden, A. A. Assad: *Cell suppression: disclosure protection
//! for sensitive tabular data*, Networks 22 (1992)), and thinned out afterwards.

use super::attack::{Attack, End, Witness};
use super::cuts::{Cut, target, violated};
use super::solver::{Outcome, Program};
use super::table::{Row, Table};
use crate::error::{SqlState, TallyError};
use crate::funnel::look_for_cancel;

/// Tables of up to so many cells get the smallest pattern.
pub const EXACT_CELLS: usize = 250;

/// Rounds of cuts before the smallest pattern is given up for a small one.
const ROUNDS: usize = 150;

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

/// The cells to hide, without proofs: `small` ones, and as few others as let the reader think each small one k or more, and more than it is.
pub fn pattern(table: &Table, small: &[bool], k: u64) -> Result<Vec<bool>, TallyError> {
    let rows = table.rows();
    let search = Search {
        table,
        rows: &rows,
        small,
        k,
    };
    match search.smallest()? {
        Some(pattern) => Ok(pattern),
        None => search.thin(search.cheapest(small.to_vec())?),
    }
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

struct Search<'a> {
    table: &'a Table,
    rows: &'a [Row],
    small: &'a [bool],
    k: u64,
}

impl Search<'_> {
    fn cells(&self) -> usize {
        self.table.people.len()
    }

    /// Cells that may be hidden for others: zeros are always published.
    fn candidates(&self) -> Vec<usize> {
        (0..self.cells())
            .filter(|c| self.table.people[*c] > 0 && !self.small[*c])
            .collect()
    }

    /// What hiding a cell costs: one, and of equally many cells those of fewer people are hidden.
    fn costs(&self, candidates: &[usize]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by_key(|i| (self.table.people[candidates[*i]], candidates[*i]));
        let mut costs = vec![1.0; candidates.len()];
        let n = candidates.len() as f64;
        for (rank, i) in order.into_iter().enumerate() {
            costs[i] += 0.4 * rank as f64 / (n * n);
        }
        costs
    }

    /// The small cells that cannot reach k under a pattern.
    fn unsafe_cells(&self, hidden: &[bool], at_most: usize) -> Result<Vec<usize>, TallyError> {
        let attack = Attack::new(self.table, self.rows, hidden);
        let mut reached = vec![false; self.cells()];
        let mut found = Vec::new();
        for cell in (0..self.cells()).filter(|c| self.small[*c]) {
            if reached[cell] {
                continue;
            }
            look_for_cancel();
            match attack.end(cell, true)? {
                End::Open => {}
                End::At(value, witness) if value >= target(self.table.people[cell], self.k) => {
                    // One possible table may prove several cells.
                    for (c, n) in witness {
                        reached[c] |= n >= target(self.table.people[c], self.k);
                    }
                }
                End::At(..) => {
                    found.push(cell);
                    if found.len() == at_most {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    /// A safe pattern with as few cells as there is; none where the table is large or the cuts do not come to an end.
    fn smallest(&self) -> Result<Option<Vec<bool>>, TallyError> {
        if self.cells() > EXACT_CELLS {
            return Ok(None);
        }
        let candidates = self.candidates();
        let costs = self.costs(&candidates);
        let mut cuts: Vec<Cut> = Vec::new();
        let mut whole = false;
        for _ in 0..ROUNDS {
            let Some(share) = self.master(&candidates, &costs, &cuts, whole)? else {
                // No pattern at all, not even with everything hidden.
                return Err(refused(
                    "even with every cell hidden a small one could be concluded".into(),
                ));
            };
            let before = cuts.len();
            if whole {
                let hidden: Vec<bool> = (0..self.cells()).map(|c| self.small[c] || share[c] > 0.5).collect();
                let open = self.unsafe_cells(&hidden, usize::MAX)?;
                if open.is_empty() {
                    return Ok(Some(hidden));
                }
                for goal in &open {
                    cuts.extend(violated(self.table, self.rows, self.small, &share, *goal, self.k)?);
                }
                if cuts.len() == before {
                    // Real numbers would do and whole ones do not: this pattern and all within it are cut off.
                    cuts.push(Cut::one_of(candidates.iter().copied().filter(|c| !hidden[*c])));
                }
            } else {
                for goal in (0..self.cells()).filter(|c| self.small[*c]) {
                    look_for_cancel();
                    cuts.extend(violated(self.table, self.rows, self.small, &share, goal, self.k)?);
                }
                whole = cuts.len() == before;
            }
        }
        Ok(None)
    }

    /// The cheapest pattern that meets all cuts; none where there is none.
    fn master(
        &self,
        candidates: &[usize],
        costs: &[f64],
        cuts: &[Cut],
        whole: bool,
    ) -> Result<Option<Vec<f64>>, TallyError> {
        let mut program = Program::new(false);
        let mut variable = vec![usize::MAX; self.cells()];
        for (cell, cost) in candidates.iter().zip(costs) {
            variable[*cell] = if whole {
                program.whole(*cost, 0, 1)
            } else {
                program.variable(*cost, 0.0, 1.0)
            };
        }
        for cut in cuts {
            let terms: Vec<_> = cut.weights.iter().map(|(c, w)| (variable[*c], -w)).collect();
            program.row(&terms, false, -1.0);
        }
        let mut share: Vec<f64> = self.small.iter().map(|s| f64::from(u8::from(*s))).collect();
        match program.solve()? {
            Outcome::Best(_, values) => {
                for (cell, value) in candidates.iter().zip(values) {
                    share[*cell] = value.clamp(0.0, 1.0);
                }
                Ok(Some(share))
            }
            _ => Ok(None),
        }
    }

    /// A safe pattern: each small cell that is not safe yet gets the cells along its cheapest deviation.
    fn cheapest(&self, mut hidden: Vec<bool>) -> Result<Vec<bool>, TallyError> {
        loop {
            let open = self.unsafe_cells(&hidden, usize::MAX)?;
            if open.is_empty() {
                return Ok(hidden);
            }
            for goal in open {
                let path = self.deviation(&hidden, goal)?;
                let mut added = false;
                for cell in path {
                    added |= !std::mem::replace(&mut hidden[cell], true);
                }
                if !added {
                    // Whole numbers ask for more than real ones: the cheapest cells of its relations.
                    let more = self
                        .neighbour(&hidden, goal)
                        .ok_or_else(|| refused(format!("cell {} cannot be kept from being concluded", goal + 1)))?;
                    hidden[more] = true;
                }
            }
        }
    }

    /// The cells of the cheapest deviation by which `goal` reaches k, hidden ones for nothing; cells far from it are left alone.
    fn deviation(&self, hidden: &[bool], goal: usize) -> Result<Vec<usize>, TallyError> {
        for reach in [300, 3000, usize::MAX] {
            let near = self.near(goal, reach);
            let all = near.len() == self.cells();
            let mut program = Program::new(false);
            let mut variable = vec![None; self.cells()];
            for cell in &near {
                let people = self.table.people[*cell];
                let cost = if hidden[*cell] {
                    1e-6
                } else {
                    1.0 + people as f64 * 1e-6
                };
                let (up, down) = match people {
                    0 => (0.0, 0.0),
                    _ if *cell == goal => (f64::INFINITY, 0.0),
                    n => (f64::INFINITY, (n - 1) as f64),
                };
                variable[*cell] = Some((program.variable(cost, 0.0, up), program.variable(cost, 0.0, down)));
            }
            for row in self.rows {
                let mut terms = Vec::new();
                for (cell, sign) in &row.terms {
                    if let Some((up, down)) = variable[*cell] {
                        terms.extend([(up, *sign as f64), (down, -*sign as f64)]);
                    }
                }
                let slack = -row
                    .terms
                    .iter()
                    .map(|(c, s)| s * self.table.people[*c] as i64)
                    .sum::<i64>() as f64;
                if !terms.is_empty() {
                    program.row(&terms, row.exact, if row.exact { 0.0 } else { slack });
                }
            }
            let Some((up, _)) = variable[goal] else { continue };
            let people = self.table.people[goal];
            program.row(&[(up, 1.0)], true, (target(people, self.k) - people) as f64);
            if let Outcome::Best(_, value) = program.solve()? {
                return Ok(near
                    .into_iter()
                    .filter(|c| variable[*c].is_some_and(|(up, down)| value[up] > 1e-7 || value[down] > 1e-7))
                    .collect());
            }
            if all {
                break;
            }
        }
        Err(refused(format!(
            "cell {} cannot be kept from being concluded",
            goal + 1
        )))
    }

    /// The cells nearest to one, by relations.
    fn near(&self, goal: usize, at_most: usize) -> Vec<usize> {
        let mut rows_of = vec![Vec::new(); self.cells()];
        for (n, row) in self.rows.iter().enumerate() {
            for (cell, _) in &row.terms {
                rows_of[*cell].push(n);
            }
        }
        let (mut cells, mut seen) = (vec![goal], vec![false; self.cells()]);
        seen[goal] = true;
        let mut next = 0;
        while next < cells.len() && cells.len() < at_most {
            for row in &rows_of[cells[next]] {
                for (cell, _) in &self.rows[*row].terms {
                    if !std::mem::replace(&mut seen[*cell], true) {
                        cells.push(*cell);
                    }
                }
            }
            next += 1;
        }
        cells
    }

    /// The published cell of fewest people that shares a relation with a hidden cell of the same component.
    fn neighbour(&self, hidden: &[bool], goal: usize) -> Option<usize> {
        let (together, _) = Attack::new(self.table, self.rows, hidden).component(goal);
        self.rows
            .iter()
            .filter(|row| row.terms.iter().any(|(c, _)| together.contains(c)))
            .flat_map(|row| row.terms.iter().map(|(c, _)| *c))
            .filter(|c| !hidden[*c] && self.table.people[*c] > 0)
            .min_by_key(|c| self.table.people[*c])
    }

    /// The pattern without the cells that it can do without, the costliest first.
    fn thin(&self, mut hidden: Vec<bool>) -> Result<Vec<bool>, TallyError> {
        let mut others: Vec<usize> = self.candidates().into_iter().filter(|c| hidden[*c]).collect();
        others.sort_by_key(|c| std::cmp::Reverse(self.table.people[*c]));
        // Each try asks for all small cells again: worth its time up to a few hundred.
        for cell in others.into_iter().take(500) {
            hidden[cell] = false;
            if !self.unsafe_cells(&hidden, 1)?.is_empty() {
                hidden[cell] = true;
            }
        }
        Ok(hidden)
    }
}
