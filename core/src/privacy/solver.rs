//! Owns the one place that speaks to the solver (the crate `microlp`): linear and integer programs over few variables.

use crate::error::{SqlState, TallyError};
use microlp::{ComparisonOp, Error, OptimizationDirection, Problem, Variable};

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
        let unsolved = |why: String| {
            TallyError::new(
                SqlState::ProgramLimitExceeded,
                "the arithmetic of hidden cells could not be solved",
            )
            .detail(why)
            .hint("Release fewer cells: leave out a dimension, or use wider buckets.")
        };
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
}
