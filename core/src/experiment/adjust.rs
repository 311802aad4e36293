//! Owns p values adjusted for having asked several questions.
//!
//! S. Holm, *A simple sequentially rejective multiple test procedure* (1979): the chance of any false alarm.
//! Y. Benjamini and Y. Hochberg, *Controlling the false discovery rate* (1995): the share of false ones among the alarms.

use super::effect::invalid;
use crate::error::{Shown, TallyError};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// Any false alarm.
    Holm,
    /// Share of false alarms.
    BenjaminiHochberg,
}

/// Adjusted p values in the order given. A missing p is no question: it stays missing and is not counted.
pub fn adjust(p: &[Option<f64>], how: Adjustment) -> Result<Vec<Option<f64>>, TallyError> {
    let mut asked: Vec<(usize, f64)> = Vec::new();
    for (i, p) in p.iter().enumerate() {
        match p {
            None => {}
            Some(p) if (0.0..=1.0).contains(p) => asked.push((i, *p)),
            Some(bad) => {
                return Err(invalid(format!("p values expected in 0 to 1, got {}", Shown(*bad)))
                    .detail("NULL stands for a comparison that could not be made; it is not counted.")
                    .hint("SELECT tally.adjust_holm('{0.01, 0.04, NULL, 0.2}')"));
            }
        }
    }
    crate::cancel::sort_by(&mut asked, |a, b| a.1.total_cmp(&b.1));
    let count = asked.len() as f64;
    let mut adjusted = vec![None; p.len()];
    match how {
        Adjustment::Holm => {
            let mut least = 0f64;
            for (rank, (i, p)) in asked.iter().enumerate() {
                least = least.max(p * (count - rank as f64)).min(1.0);
                adjusted[*i] = Some(least);
            }
        }
        Adjustment::BenjaminiHochberg => {
            let mut most = 1f64;
            for (rank, (i, p)) in asked.iter().enumerate().rev() {
                most = most.min(p * count / (rank as f64 + 1.0));
                adjusted[*i] = Some(most);
            }
        }
    }
    Ok(adjusted)
}
