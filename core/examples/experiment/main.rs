//! `make bench-experiment`, the truth: simulates experiments whose answer is known, and holds every test and interval of
//! `tally_core::experiment` against what it promises. Prints a table and fails where a promise is broken.
//!
//! A measured share is allowed four standard errors of its own, and half a percent more where the method is asymptotic.

mod intervals;
mod looks;
mod random;

use random::Random;
use tally_core::experiment::arm::Arm;
use tally_core::experiment::effect::{Asked, Effect, Numbers};
use tally_core::sketch::moments::Moments;

/// What is promised of a share.
pub enum Promise {
    /// It is this, but for Monte Carlo error.
    Exactly(f64),
    /// It is about this: the method is asymptotic.
    About(f64),
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Nothing: shown for comparison.
    Shown,
}

/// The table, and whether all promises were kept.
pub struct Table {
    /// Experiments of each line, before it is scaled.
    pub rounds: usize,
    broken: usize,
}

impl Table {
    /// A share of `of` events.
    pub fn share(&mut self, what: &str, hits: usize, of: usize, promise: &Promise) {
        let (share, n) = (hits as f64 / of as f64, of as f64);
        let error = |p: f64| 4.0 * (p * (1.0 - p) / n).sqrt() + 1.0 / n;
        let (words, kept) = match promise {
            Promise::Exactly(p) => (format!("{p}"), (share - p).abs() <= error(*p)),
            Promise::About(p) => (format!("about {p}"), (share - p).abs() <= error(*p) + 0.005),
            Promise::AtMost(p) => (format!("at most {p}"), share <= p + error(*p)),
            Promise::AtLeast(p) => (format!("at least {p}"), share >= p - error(*p) - 0.005),
            Promise::Shown => ("-".to_owned(), true),
        };
        self.line(what, &format!("{share:.4}"), &words, of, kept);
    }

    /// A number that should be another, within this much.
    pub fn number(&mut self, what: &str, got: f64, want: f64, within: f64, of: usize) {
        self.line(
            what,
            &format!("{got:.4}"),
            &format!("{want:.4}"),
            of,
            (got - want).abs() <= within,
        );
    }

    fn line(&mut self, what: &str, got: &str, want: &str, of: usize, kept: bool) {
        self.broken += usize::from(!kept);
        println!(
            "| {what} | {want} | {got} | {of} | {} |",
            if kept { "kept" } else { "BROKEN" }
        );
    }
}

/// The question of most lines.
pub fn asked(relative: bool) -> Asked {
    Asked::new(relative, 0.05, 5000.0).expect("a question")
}

/// The numbers of an effect; these experiments always have some.
pub fn numbers(effect: &Effect) -> Numbers {
    effect.outcome.expect("numbers")
}

/// Whether an interval holds a value.
pub fn holds(interval: (f64, f64), value: f64) -> bool {
    interval.0 <= value && value <= interval.1
}

/// The arm of n units whose K variables `unit` draws, by the sketch that SQL uses.
pub fn arm<const K: usize>(random: &mut Random, n: usize, mut unit: impl FnMut(&mut Random) -> [f64; K]) -> Arm<K> {
    let mut moments = Moments::new(K);
    for _ in 0..n {
        moments.push(&unit(random));
    }
    Arm {
        n: n as f64,
        mean: std::array::from_fn(|i| moments.mean(i).expect("a mean")),
        cov: std::array::from_fn(|i| std::array::from_fn(|j| moments.covariance(i, j).expect("a covariance"))),
    }
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let mut table = Table { rounds, broken: 0 };
    println!("| what | promised | measured | experiments | |\n|---|---|---|---|---|");
    intervals::run(&mut table);
    looks::run(&mut table);
    if table.broken > 0 {
        eprintln!("{} promises are broken", table.broken);
        std::process::exit(1);
    }
}
