//! Owns the one place that speaks to the solver (the crate `microlp`): linear and integer programs over few variables.

use crate::error::{SqlState, TallyError};
use crate::funnel::look_for_cancel;
use microlp::{ComparisonOp, Error, OptimizationDirection, Problem, SolveOptions, Variable};

/// Nodes of a search between two looks for a cancelled statement.
const NODES_AT_ONCE: u64 = 50;

/// How far a search for whole numbers goes.
pub struct Limits<'a> {
    /// Nodes.
    pub nodes: u64,
    /// A better answer is one that is better by this share of the answer so far.
    pub spread: f64,
    /// Values of all variables to begin with.
    pub start: Option<&'a [f64]>,
}

/// What a search gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The best value, but for `spread`, and the variables that give it.
    Best(f64, Vec<f64>),
    /// Variables that meet the rows, when the nodes were used up.
    Some(Vec<f64>),
    /// The nodes were used up before variables were found that meet the rows.
    Nothing,
    /// No assignment meets the rows.
    Impossible,
}

/// What a program gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The best value and the variables that give it.
    Best(f64, Vec<f64>),
    /// It grows without end.
    Unbounded,
    /// No assignment meets the rows.
    Infeasible,
}

/// A program: a sum to make as great or as small as possible.
pub struct Program {
    problem: Problem,
    variables: Vec<Variable>,
}

impl Program {
    /// An empty program.
    pub fn new(maximise: bool) -> Program {
        let direction = if maximise {
            OptimizationDirection::Maximize
        } else {
            OptimizationDirection::Minimize
        };
        Program {
            problem: Problem::new(direction),
            variables: Vec::new(),
        }
    }

    /// Adds a variable with its weight in the sum and its bounds, and gives its number.
    pub fn variable(&mut self, weight: f64, low: f64, high: f64) -> usize {
        self.variables.push(self.problem.add_var(weight, (low, high)));
        self.variables.len() - 1
    }

    /// Adds a variable of whole numbers.
    pub fn whole(&mut self, weight: f64, low: i32, high: i32) -> usize {
        self.variables.push(self.problem.add_integer_var(weight, (low, high)));
        self.variables.len() - 1
    }

    /// Adds the row "sum of terms is `value`" (`exact`), or "is at most `value`".
    pub fn row(&mut self, terms: &[(usize, f64)], exact: bool, value: f64) {
        let terms: Vec<_> = terms.iter().map(|(v, w)| (self.variables[*v], *w)).collect();
        let operator = if exact { ComparisonOp::Eq } else { ComparisonOp::Le };
        self.problem.add_constraint(&terms[..], operator, value);
    }

    /// Solves it. What the solver cannot answer is an error, never a guess.
    pub fn solve(&self) -> Result<Outcome, TallyError> {
        match self.problem.solve() {
            Ok(outcome) => match outcome.into_solution() {
                Ok(solution) => Ok(Outcome::Best(
                    solution.objective(),
                    self.variables.iter().map(|v| solution.var_value(*v)).collect(),
                )),
                Err(_) => Err(unsolved("The solver was interrupted.".into())),
            },
            Err(Error::Unbounded) => Ok(Outcome::Unbounded),
            Err(Error::Infeasible) => Ok(Outcome::Infeasible),
            Err(error) => Err(unsolved(error.to_string())),
        }
    }

    /// Searches for whole numbers within limits.
    pub fn search(&self, limits: &Limits) -> Result<Found, TallyError> {
        let mut options = SolveOptions::default();
        options.node_limit = Some(NODES_AT_ONCE.min(limits.nodes));
        options.tolerances.prune_epsilon = limits.spread.max(options.tolerances.prune_epsilon);
        options.warm_start = limits
            .start
            .map(|values| self.variables.iter().copied().zip(values.iter().copied()).collect());
        let mut outcome = match self.problem.solve_with(options) {
            Ok(outcome) => outcome,
            Err(Error::Infeasible) => return Ok(Found::Impossible),
            Err(error) => return Err(unsolved(error.to_string())),
        };
        while !outcome.is_optimal() && outcome.stats().nodes_solved < limits.nodes {
            look_for_cancel();
            outcome = match outcome.resume() {
                Ok(outcome) => outcome,
                Err(Error::Infeasible) => return Ok(Found::Impossible),
                Err(error) => return Err(unsolved(error.to_string())),
            };
        }
        let proved = outcome.is_optimal();
        Ok(match outcome.into_solution() {
            Err(_) => Found::Nothing,
            Ok(solution) => {
                let values = self.variables.iter().map(|v| solution.var_value(*v)).collect();
                if proved {
                    Found::Best(solution.objective(), values)
                } else {
                    Found::Some(values)
                }
            }
        })
    }
}

fn unsolved(why: String) -> TallyError {
    TallyError::new(
        SqlState::ProgramLimitExceeded,
        "the arithmetic of hidden cells could not be solved",
    )
    .detail(why)
    .hint("Release fewer cells: leave out a dimension, or use wider buckets.")
}
