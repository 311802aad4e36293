//! Owns patterns that are safe, and small as far as one cell after the other tells, for tables of any size.
//!
//! Each small cell that is not safe yet gets the cells along its cheapest deviation (J. P. Kelly, B. L. Golden, A. A. Assad: *Cell
//! suppression: disclosure protection for sensitive tabular data*, Networks 22 (1992)); what the pattern can do without is published
//! afterwards.

use super::attack::{Attack, End};
use super::cuts::target;
use super::solver::{Outcome, Program};
use super::suppress::{MOST_TOGETHER, refused};
use super::table::{Row, Table};
use crate::error::TallyError;
use crate::funnel::look_for_cancel;

/// Most cells that a pattern is tried without: each try asks for all small cells again.
const MOST_TRIES: usize = 500;

/// What is to be hidden of a table.
pub(super) struct Wanted<'a> {
    pub table: &'a Table,
    pub rows: &'a [Row],
    pub small: &'a [bool],
    pub k: u64,
}

impl Wanted<'_> {
    pub fn cells(&self) -> usize {
        self.table.people.len()
    }

    /// Refuses at once where the small cells alone hang together in too many, rather than after a search of minutes: no pattern hides fewer.
    pub fn check_together(&self) -> Result<(), TallyError> {
        let attack = Attack::new(self.table, self.rows, self.small);
        let mut seen = vec![false; self.cells()];
        for cell in (0..self.cells()).filter(|c| self.small[*c]) {
            if seen[cell] {
                continue;
            }
            let (together, _) = attack.component(cell);
            if together.len() > MOST_TOGETHER {
                return Err(refused(format!(
                    "{} small cells hang together, expected at most {MOST_TOGETHER} hidden ones",
                    together.len()
                )));
            }
            together.iter().for_each(|c| seen[*c] = true);
        }
        Ok(())
    }

    /// Cells that may be hidden for others: zeros are always published.
    pub fn candidates(&self) -> Vec<usize> {
        (0..self.cells())
            .filter(|c| self.table.people[*c] > 0 && !self.small[*c])
            .collect()
    }

    /// The small cells that cannot reach k under a pattern.
    pub fn unsafe_cells(&self, hidden: &[bool], at_most: usize) -> Result<Vec<usize>, TallyError> {
        self.unsafe_among(hidden, 0..self.cells(), at_most)
    }

    /// The same, of some cells.
    fn unsafe_among(
        &self,
        hidden: &[bool],
        cells: impl IntoIterator<Item = usize>,
        at_most: usize,
    ) -> Result<Vec<usize>, TallyError> {
        let attack = Attack::new(self.table, self.rows, hidden);
        let mut reached = vec![false; self.cells()];
        let mut found = Vec::new();
        for cell in cells.into_iter().filter(|c| self.small[*c]) {
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

    /// A safe pattern: each small cell that is not safe yet gets the cells along its cheapest deviation.
    pub fn cheapest(&self, mut hidden: Vec<bool>, cost: &dyn Fn(usize) -> f64) -> Result<Vec<bool>, TallyError> {
        loop {
            let open = self.unsafe_cells(&hidden, usize::MAX)?;
            if open.is_empty() {
                return Ok(hidden);
            }
            for goal in open {
                let path = self.deviation(&hidden, goal, cost)?;
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
    fn deviation(
        &self,
        hidden: &[bool],
        goal: usize,
        cost_of: &dyn Fn(usize) -> f64,
    ) -> Result<Vec<usize>, TallyError> {
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
                    cost_of(*cell) + people as f64 * 1e-6
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
    pub fn near(&self, goal: usize, at_most: usize) -> Vec<usize> {
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
    pub fn thin(&self, mut hidden: Vec<bool>) -> Result<Vec<bool>, TallyError> {
        let mut others: Vec<usize> = self.candidates().into_iter().filter(|c| hidden[*c]).collect();
        others.sort_by_key(|c| std::cmp::Reverse(self.table.people[*c]));
        for cell in others.into_iter().take(MOST_TRIES) {
            // Publishing it tells nothing of cells that do not hang together with it.
            let (together, _) = Attack::new(self.table, self.rows, &hidden).component(cell);
            hidden[cell] = false;
            if !self.unsafe_among(&hidden, together, 1)?.is_empty() {
                hidden[cell] = true;
            }
        }
        Ok(hidden)
    }
}
