//! Owns the search for a safe pattern with as few cells as there is.
//!
//! Tables of up to [`EXACT_CELLS`] cells: an integer program over cuts ([`super::cuts`]), first with shares of cells, then with whole ones.
//! It ends when no pattern can have fewer cells. A hard table gets some rounds of that ([`EFFORTS`]). Then a pattern will do
//! that has one cell more than any must have, and at last the best one, bettered around each small cell by itself. All limits count work,
//! not time, so that a table gets the same pattern on every machine. Larger tables are protected cell by cell ([`super::repair`]).

use super::cuts::{Cut, lone, violated};
use super::repair::Wanted;
use super::solver::{Found, Limits, Outcome, Program};
use super::suppress::refused;
use super::table::Table;
use crate::error::TallyError;
use crate::funnel::look_for_cancel;

/// Tables of up to so many cells get the smallest pattern.
pub const EXACT_CELLS: usize = 250;

/// Rounds of cuts, each of which asks for every small cell, before the best pattern so far is taken.
const ROUNDS: usize = 120;

/// Rounds after which the best pattern so far is bettered around small cells, for the first time.
const EARLY: usize = 30;

/// A round that makes shares of cells dearer by less hardly changes anything.
const LITTLE: f64 = 0.03;

/// Nodes of the search for whole cells, for a table of [`EXACT_CELLS`]: quickly to the end; without what only tells equally good patterns
/// apart; to within a cell. Smaller tables get more, because a node of theirs takes less time.
const EFFORTS: [(u64, f64); 3] = [(150, 0.0), (900, 0.94), (900, 1.9)];

/// Cells around a small one among which a better pattern is looked for.
const AROUND: [usize; 2] = [35, 70];

/// Most of these, and most rounds of cuts for each.
const MOST_TURNS: usize = 80;
const ROUNDS_AROUND: usize = 10;

/// What all preferences among patterns of equally many cells cost together, as a share of a cell.
const PREFERENCE: f64 = 0.04;

/// The cells to hide, without proofs: `small` ones, and as few others as let the reader think each small one k or more, and more than it is.
pub fn pattern(table: &Table, small: &[bool], k: u64) -> Result<Vec<bool>, TallyError> {
    let rows = table.rows();
    let wanted = Wanted {
        table,
        rows: &rows,
        small,
        k,
    };
    if wanted.cells() > EXACT_CELLS {
        wanted.check_together()?;
        return wanted.thin(wanted.cheapest(small.to_vec(), &|_| 1.0)?);
    }
    let goals = wanted.unsafe_cells(small, usize::MAX)?;
    if goals.is_empty() {
        return Ok(small.to_vec());
    }
    Search::new(wanted, goals).run()
}

struct Search<'a> {
    wanted: Wanted<'a>,
    /// The small cells that are not safe among the small ones alone: the others are safe in every pattern.
    goals: Vec<usize>,
    candidates: Vec<usize>,
    costs: Vec<f64>,
    cuts: Vec<Cut>,
    /// The best safe pattern so far.
    best: Option<Vec<bool>>,
}

impl<'a> Search<'a> {
    fn new(wanted: Wanted<'a>, goals: Vec<usize>) -> Search<'a> {
        let candidates = wanted.candidates();
        Search {
            costs: costs(wanted.table, &candidates),
            cuts: lone(wanted.table, wanted.rows, wanted.small),
            candidates,
            goals,
            wanted,
            best: None,
        }
    }

    fn run(mut self) -> Result<Vec<bool>, TallyError> {
        self.shares()?;
        let (mut effort, mut rounds) = (0, 0);
        let (mut least, mut bettered) = (0.0f64, false);
        while rounds < ROUNDS {
            let Some((share, bound)) = self.whole(&mut effort)? else {
                break;
            };
            least = least.max(bound);
            // One whose search takes long counts for many.
            rounds += if effort == 0 { 1 } else { 1 + self.wanted.cells() / 16 };
            let hidden: Vec<bool> = share.iter().map(|s| *s > 0.5).collect();
            let open = self.wanted.unsafe_cells(&hidden, usize::MAX)?;
            if open.is_empty() {
                return Ok(hidden);
            }
            self.learn(&share, &hidden, &open)?;
            if effort > 0 {
                self.complete(hidden, &share)?;
            }
            if effort > 0 && rounds >= EARLY && !bettered {
                bettered = true;
                self.improve(least)?;
            }
            // To prove the last cell takes longer than to find the pattern.
            let spare = if effort > 1 || bettered { 1.0 } else { 0.0 };
            if self.count_of_best() <= least + spare {
                break;
            }
        }
        if self.best.is_none() {
            let (share, _) = self.relaxed()?;
            self.complete(self.wanted.small.to_vec(), &share)?;
        }
        if self.count_of_best() > least + 1.0 {
            self.improve(least)?;
        }
        self.best.ok_or_else(impossible)
    }

    fn count_of_best(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| self.extra(best) as f64)
    }

    /// Cuts that a pattern of whole cells violates, in which these small cells are not safe.
    fn learn(&mut self, share: &[f64], hidden: &[bool], open: &[usize]) -> Result<(), TallyError> {
        let before = self.cuts.len();
        for goal in open {
            self.cut(share, *goal)?;
        }
        if self.cuts.len() == before {
            // Real numbers would do and whole ones do not: this pattern and all within it are cut off.
            let published = self.candidates.iter().copied().filter(|c| !hidden[*c]);
            self.cuts.push(Cut::one_of(published));
        }
        Ok(())
    }

    /// Betters the best pattern around one small cell after the other, until that gains nothing or it is as good as asked for.
    fn improve(&mut self, least: f64) -> Result<(), TallyError> {
        let goals = self.goals.clone();
        let (mut without, mut turn) = (0, 0);
        while without < AROUND.len() * goals.len() && turn < MOST_TURNS && self.count_of_best() > least + 1.0 {
            look_for_cancel();
            let Some(best) = self.best.clone() else { return Ok(()) };
            let mut free = vec![false; self.wanted.cells()];
            let around = AROUND[turn / goals.len() % AROUND.len()];
            for cell in self.wanted.near(goals[turn % goals.len()], around) {
                free[cell] = true;
            }
            turn += 1;
            without += 1;
            for _ in 0..ROUNDS_AROUND {
                let limits = Limits {
                    nodes: EFFORTS[0].0,
                    spread: EFFORTS[1].1 / self.cost(&best).max(1.0),
                    start: None,
                };
                let found = self.program(true, Some((&free, &best))).search(&limits)?;
                let (Found::Best(_, values) | Found::Some(values)) = found else {
                    break;
                };
                let share = self.over_cells(&values);
                let hidden: Vec<bool> = share.iter().map(|s| *s > 0.5).collect();
                if self.extra(&hidden) >= self.extra(&best) {
                    break;
                }
                let open = self.wanted.unsafe_cells(&hidden, usize::MAX)?;
                if open.is_empty() {
                    self.best = Some(hidden);
                    without = 0;
                    break;
                }
                self.learn(&share, &hidden, &open)?;
            }
        }
        Ok(())
    }

    /// Cuts for shares of cells, until no small cell asks for one more or they hardly change anything.
    fn shares(&mut self) -> Result<(), TallyError> {
        let (mut last, mut slow) = (0.0, 0);
        for _ in 0..ROUNDS {
            let (share, value) = self.relaxed()?;
            let before = self.cuts.len();
            slow = if value < last + LITTLE { slow + 1 } else { 0 };
            last = value;
            if slow == 3 {
                break;
            }
            for goal in self.goals.clone() {
                look_for_cancel();
                self.cut(&share, goal)?;
            }
            if self.cuts.len() == before {
                break;
            }
        }
        Ok(())
    }

    fn cut(&mut self, share: &[f64], goal: usize) -> Result<(), TallyError> {
        let wanted = &self.wanted;
        self.cuts.extend(violated(
            wanted.table,
            wanted.rows,
            wanted.small,
            share,
            goal,
            wanted.k,
        )?);
        Ok(())
    }

    /// The cheapest shares that meet all cuts, and their cost.
    fn relaxed(&self) -> Result<(Vec<f64>, f64), TallyError> {
        match self.program(false, None).solve()? {
            Outcome::Best(value, values) => Ok((self.over_cells(&values), value)),
            _ => Err(impossible()),
        }
    }

    /// Whole cells that meet all cuts, the cheapest or nearly so, and how many any pattern has at least; none where that takes too long.
    fn whole(&mut self, effort: &mut usize) -> Result<Option<(Vec<f64>, f64)>, TallyError> {
        let program = self.program(true, None);
        while let Some((nodes, spread)) = EFFORTS.get(*effort).copied() {
            if *effort > 0 && self.best.is_none() {
                let (share, _) = self.relaxed()?;
                self.complete(self.wanted.small.to_vec(), &share)?;
            }
            let start: Option<Vec<f64>> = self.best.as_ref().map(|best| {
                let of = |c: &usize| f64::from(u8::from(best[*c]));
                self.candidates.iter().map(of).collect()
            });
            let limits = Limits {
                nodes: match *effort {
                    0 => nodes,
                    _ => nodes * EXACT_CELLS as u64 / self.wanted.cells().max(1) as u64,
                },
                spread: self.best.as_ref().map_or(0.0, |best| spread / self.cost(best).max(1.0)),
                start: start.as_deref(),
            };
            match program.search(&limits)? {
                Found::Best(value, values) => {
                    let least = (value - spread - PREFERENCE - 1e-6).ceil();
                    return Ok(Some((self.over_cells(&values), least)));
                }
                Found::Some(_) | Found::Nothing => *effort += 1,
                Found::Impossible => return Err(impossible()),
            }
        }
        Ok(None)
    }

    /// The program over all cuts, with a variable for each candidate; those outside `free` stay as they are.
    fn program(&self, whole: bool, around: Option<(&[bool], &[bool])>) -> Program {
        let mut program = Program::new(false);
        let mut variable = vec![usize::MAX; self.wanted.cells()];
        for (cell, cost) in self.candidates.iter().zip(&self.costs) {
            let (low, high) = match around {
                Some((free, as_is)) if !free[*cell] => (i32::from(as_is[*cell]), i32::from(as_is[*cell])),
                _ => (0, 1),
            };
            variable[*cell] = if whole {
                program.whole(*cost, low, high)
            } else {
                program.variable(*cost, 0.0, 1.0)
            };
        }
        for cut in &self.cuts {
            let terms: Vec<_> = cut.weights.iter().map(|(c, w)| (variable[*c], -w)).collect();
            program.row(&terms, false, -cut.least);
        }
        program
    }

    fn over_cells(&self, values: &[f64]) -> Vec<f64> {
        let mut share: Vec<f64> = self.wanted.small.iter().map(|s| f64::from(u8::from(*s))).collect();
        for (cell, value) in self.candidates.iter().zip(values) {
            share[*cell] = value.clamp(0.0, 1.0);
        }
        share
    }

    /// Makes a pattern safe, with the cells of great shares first, and keeps it if it is the best so far.
    fn complete(&mut self, hidden: Vec<bool>, share: &[f64]) -> Result<(), TallyError> {
        let cost = |cell: usize| 1.05 - share[cell];
        let safe = self.wanted.thin(self.wanted.cheapest(hidden, &cost)?)?;
        if self.best.as_ref().is_none_or(|best| self.cost(&safe) < self.cost(best)) {
            self.best = Some(safe);
        }
        Ok(())
    }

    fn cost(&self, hidden: &[bool]) -> f64 {
        let chosen = self.candidates.iter().zip(&self.costs).filter(|(c, _)| hidden[**c]);
        chosen.map(|(_, cost)| cost).sum()
    }

    /// Cells that a pattern hides for others.
    fn extra(&self, hidden: &[bool]) -> usize {
        self.candidates.iter().filter(|c| hidden[**c]).count()
    }
}

/// What hiding a cell costs: one, and of equally many cells those of fewer people are hidden.
fn costs(table: &Table, candidates: &[usize]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|i| (table.people[candidates[*i]], candidates[*i]));
    let mut costs = vec![1.0; candidates.len()];
    let n = candidates.len() as f64;
    for (rank, i) in order.into_iter().enumerate() {
        costs[i] += PREFERENCE * rank as f64 / (n * n);
    }
    costs
}

/// No pattern at all, not even with everything hidden.
fn impossible() -> TallyError {
    refused("even with every cell hidden a small one could be concluded".into())
}
