//! Owns what a reader can conclude about hidden cells from the published ones.
//!
//! The reader knows every published number, every relation, and that a hidden cell holds at least one person, because zeros are
//! published. What is possible is then a polytope of whole numbers. A linear program gives its bounds where the solution happens to
//! be whole (always so in tables of two dimensions); otherwise an integer program does, since the linear bound may be wider than what
//! whole numbers allow and would certify a cell that is not safe.

use super::solver::{Outcome, Program};
use super::table::{Row, Table};
use crate::error::TallyError;

/// A possible table: each hidden cell of a component with a number that fits all that is published. A proof that it may be so.
pub type Witness = Vec<(usize, u64)>;

/// An end of what a hidden cell may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// This number, with a table that has it.
    At(u64, Witness),
    /// There is no end.
    Open,
}

/// A table with some cells hidden.
pub struct Attack<'a> {
    table: &'a Table,
    rows: &'a [Row],
    hidden: &'a [bool],
    rows_of: Vec<Vec<usize>>,
}

impl<'a> Attack<'a> {
    /// The reader's view; `rows` are the table's own.
    pub fn new(table: &'a Table, rows: &'a [Row], hidden: &'a [bool]) -> Attack<'a> {
        let mut rows_of = vec![Vec::new(); table.people.len()];
        for (n, row) in rows.iter().enumerate() {
            for (cell, _) in &row.terms {
                if hidden[*cell] {
                    rows_of[*cell].push(n);
                }
            }
        }
        Attack {
            table,
            rows,
            hidden,
            rows_of,
        }
    }

    /// The hidden cells that hang together with one, and the rows that tie them.
    pub fn component(&self, cell: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut cells, mut rows) = (vec![cell], Vec::new());
        let mut seen_cells = vec![false; self.hidden.len()];
        let mut seen_rows = vec![false; self.rows.len()];
        seen_cells[cell] = true;
        let mut next = 0;
        while next < cells.len() {
            for row in &self.rows_of[cells[next]] {
                if std::mem::replace(&mut seen_rows[*row], true) {
                    continue;
                }
                rows.push(*row);
                for (other, _) in &self.rows[*row].terms {
                    if self.hidden[*other] && !std::mem::replace(&mut seen_cells[*other], true) {
                        cells.push(*other);
                    }
                }
            }
            next += 1;
        }
        (cells, rows)
    }

    /// The greatest (or least) number that a hidden cell may hold.
    pub fn end(&self, cell: usize, greatest: bool) -> Result<End, TallyError> {
        self.bound(cell, greatest, self.table.floors[cell])
    }

    /// A number that a hidden cell cannot exceed, as one row by itself tells; none where no row does. A table that has it needs no program.
    pub fn cap(&self, cell: usize) -> Option<u64> {
        let mut least: Option<i64> = None;
        for row in self.rows_of[cell].iter().map(|n| &self.rows[*n]) {
            let own = row.terms.iter().find(|(c, _)| *c == cell).map_or(0, |(_, sign)| *sign);
            // "At most 0" bounds what it adds; "0" bounds both ways.
            if own < 0 && !row.exact {
                continue;
            }
            let others = row.terms.iter().filter(|(c, _)| *c != cell).map(|(c, sign)| {
                let sign = sign * own;
                match (self.hidden[*c], sign > 0) {
                    (false, _) => Some(-sign * self.table.people[*c] as i64),
                    (true, true) => Some(-sign * self.table.floors[*c] as i64),
                    (true, false) => None,
                }
            });
            if let Some(bound) = others.sum::<Option<i64>>() {
                least = Some(least.map_or(bound, |l| l.min(bound)));
            }
        }
        least.and_then(|bound| u64::try_from(bound).ok())
    }

    /// The fewest that everybody knows a cell to hold.
    pub fn floor(&self, cell: usize) -> u64 {
        self.table.floors[cell]
    }

    /// A table in which a hidden cell holds at least so many; for cells whose greatest number has no end.
    pub fn holding(&self, cell: usize, at_least: u64) -> Result<End, TallyError> {
        self.bound(cell, false, at_least)
    }

    fn bound(&self, cell: usize, greatest: bool, from: u64) -> Result<End, TallyError> {
        let (cells, rows) = self.component(cell);
        let relaxed = self.program(&cells, &rows, (cell, from), greatest, false).solve()?;
        let answer = match relaxed {
            Outcome::Best(_, values) if self.whole(&cells, &rows, &values).is_some() => values,
            Outcome::Best(..) => match self.program(&cells, &rows, (cell, from), greatest, true).solve()? {
                Outcome::Best(_, values) => values,
                Outcome::Unbounded => return Ok(End::Open),
                Outcome::Infeasible => return Err(impossible()),
            },
            Outcome::Unbounded => return Ok(End::Open),
            Outcome::Infeasible => return Err(impossible()),
        };
        let witness = self.whole(&cells, &rows, &answer).ok_or_else(impossible)?;
        let value = witness.iter().find(|(c, _)| *c == cell).map_or(0, |(_, v)| *v);
        Ok(End::At(value, witness))
    }

    fn program(&self, cells: &[usize], rows: &[usize], goal: (usize, u64), greatest: bool, whole: bool) -> Program {
        let mut program = Program::new(greatest);
        let mut variable = vec![usize::MAX; self.hidden.len()];
        for cell in cells {
            let weight = f64::from(u8::from(*cell == goal.0));
            let least = if *cell == goal.0 {
                goal.1
            } else {
                self.table.floors[*cell]
            };
            variable[*cell] = if whole {
                program.whole(weight, i32::try_from(least).unwrap_or(i32::MAX), i32::MAX)
            } else {
                program.variable(weight, least as f64, f64::INFINITY)
            };
        }
        for row in rows {
            let (mut terms, mut value) = (Vec::new(), 0.0);
            for (cell, sign) in &self.rows[*row].terms {
                if self.hidden[*cell] {
                    terms.push((variable[*cell], *sign as f64));
                } else {
                    value -= *sign as f64 * self.table.people[*cell] as f64;
                }
            }
            program.row(&terms, self.rows[*row].exact, value);
        }
        program
    }

    /// The values as whole numbers, if they are whole and meet every row in integer arithmetic.
    fn whole(&self, cells: &[usize], rows: &[usize], values: &[f64]) -> Option<Witness> {
        let mut table: Vec<i64> = self.table.people.iter().map(|n| *n as i64).collect();
        for (cell, value) in cells.iter().zip(values) {
            if (value - value.round()).abs() > 1e-6 || value.round() < self.table.floors[*cell] as f64 {
                return None;
            }
            table[*cell] = value.round() as i64;
        }
        let fits = rows.iter().all(|row| {
            let sum: i64 = self.rows[*row].terms.iter().map(|(c, sign)| sign * table[*c]).sum();
            if self.rows[*row].exact { sum == 0 } else { sum <= 0 }
        });
        fits.then(|| cells.iter().map(|c| (*c, table[*c] as u64)).collect())
    }
}

/// The table itself is possible, so this is a fault of the solver.
fn impossible() -> TallyError {
    TallyError::new(
        crate::error::SqlState::ProgramLimitExceeded,
        "the arithmetic of hidden cells could not be solved",
    )
    .detail("The solver found no table that fits, though the true one does.")
    .hint("Release fewer cells: leave out a dimension, or use wider buckets.")
}
