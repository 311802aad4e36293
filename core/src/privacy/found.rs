//! Owns what has been found to be possible of a table: the ends of its numbers as far as they are known, and the tables that programs have found. A table
//! that has the greatest or least number that there can be is the proof for it, whatever it was looked for; so many programs need not be solved.

use super::attack::{Attack, End, Witness};
use super::suppress::refused;
use crate::error::TallyError;
use std::collections::HashMap;

/// What tables found so far have shown to be possible: the least and the most of each variable.
#[derive(Default)]
pub(super) struct Known(HashMap<usize, (u64, u64)>);

impl Known {
    /// Takes a table into account.
    pub fn add(&mut self, witness: &Witness) {
        for (cell, value) in witness {
            let ends = self.0.entry(*cell).or_insert((*value, *value));
            *ends = (ends.0.min(*value), ends.1.max(*value));
        }
    }

    /// The least and the most of a variable.
    pub fn ends(&self, variable: usize) -> (u64, u64) {
        self.0[&variable]
    }
}

/// Possible tables that programs have found, and which of them has the least and the most of each variable.
#[derive(Default)]
pub(super) struct Tables {
    /// The tables.
    pub witnesses: Vec<Witness>,
    least: HashMap<usize, (u64, usize)>,
    most: HashMap<usize, (u64, usize)>,
    /// The greatest numbers that have been asked for; none where there is no end.
    tops: HashMap<usize, Option<(u64, usize)>>,
}

impl Tables {
    /// Keeps a table, and gives its number.
    pub fn keep(&mut self, witness: Witness) -> usize {
        let number = self.witnesses.len();
        for (cell, value) in &witness {
            let least = self.least.entry(*cell).or_insert((*value, number));
            if *value < least.0 {
                *least = (*value, number);
            }
            let most = self.most.entry(*cell).or_insert((*value, number));
            if *value > most.0 {
                *most = (*value, number);
            }
        }
        self.witnesses.push(witness);
        number
    }

    /// The greatest number of a variable, with a table; none where there is no end.
    pub fn top(&mut self, attack: &Attack, variable: usize) -> Result<Option<(u64, usize)>, TallyError> {
        if let Some(top) = self.tops.get(&variable) {
            return Ok(*top);
        }
        let known = self
            .most
            .get(&variable)
            .filter(|(value, _)| attack.cap(variable) == Some(*value));
        let top = match known.copied() {
            Some(top) => Some(top),
            None => match attack.end(variable, true)? {
                End::At(value, witness) => Some((value, self.keep(witness))),
                End::Open => None,
            },
        };
        self.tops.insert(variable, top);
        Ok(top)
    }

    /// The least number of a variable, with a table.
    pub fn bottom(&mut self, attack: &Attack, variable: usize) -> Result<(u64, usize), TallyError> {
        let known = self
            .least
            .get(&variable)
            .filter(|(value, _)| *value == attack.floor(variable));
        if let Some(bottom) = known {
            return Ok(*bottom);
        }
        match attack.end(variable, false)? {
            End::At(value, witness) => Ok((value, self.keep(witness))),
            End::Open => Err(refused("a hidden number has no least".into())),
        }
    }
}
