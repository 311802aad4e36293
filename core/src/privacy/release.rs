//! Owns which cells of a release are hidden: a table of several measures (people and their rows), where a cell is hidden in all of them.
//!
//! The reader knows the published numbers of every measure, that counts add up over each dimension, whether people do, the least that a
//! cell may hold, and which measure is within another (each person has an event). So the proof of a hidden cell is a whole table of all
//! measures, which fits all of that and gives the cell another number. The pattern is looked for in one layer, of values that add up,
//! and then held against the attack on all of them together; whatever a reader could conclude there takes one more hidden cell.

use super::attack::{Attack, End, Witness};
use super::found::{Known, Tables};
use super::search::pattern;
use super::suppress::{MOST_TOGETHER, refused};
use super::table::{MOST_PEOPLE, Relation, Row, Table};
use crate::error::TallyError;
use crate::funnel::look_for_cancel;
use std::collections::HashMap;

/// A measure of all cells.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The number of each cell.
    pub values: Vec<u64>,
    /// For each relation, whether the parts add up to the total. Where not, the total is from the greatest part to the sum.
    pub adds: Vec<bool>,
    /// The least that a cell holds, as everybody knows.
    pub floor: u64,
}

/// A table to release.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Totals and their parts.
    pub relations: Vec<(usize, Vec<usize>)>,
    /// The measures.
    pub layers: Vec<Layer>,
    /// Pairs of layers of which the first is at most the second in every cell.
    pub within: Vec<(usize, usize)>,
    /// The cells of fewer than k people, and those of [`Plan::complements`].
    pub small: Vec<bool>,
    /// Pairs of a total and a cell within it, as [`super::people::complements`] finds them.
    pub complements: Vec<(usize, usize)>,
    /// The fewest people of a published cell.
    pub k: u64,
}

/// What a reader can conclude of one measure of a hidden cell. Witnesses are numbers of [`Released::witnesses`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The cell.
    pub cell: usize,
    /// The measure.
    pub layer: usize,
    /// The least that it may hold, and a table that has it.
    pub low: (u64, usize),
    /// The most that it may hold; none where there is no end.
    pub high: Option<u64>,
    /// A table that has it, or k or more where there is no end.
    pub high_witness: usize,
}

/// What is hidden, and why that is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Whether each cell is hidden.
    pub hidden: Vec<bool>,
    /// A proof for each measure of each hidden cell.
    pub proofs: Vec<Proof>,
    /// Possible tables: numbers of the hidden cells that hang together, by layer × cells + cell.
    pub witnesses: Vec<Witness>,
}

impl Plan {
    fn cells(&self) -> usize {
        self.small.len()
    }

    /// All measures as one table, whose cells are layer × cells + cell.
    fn whole(&self) -> Result<(Table, Vec<Row>), TallyError> {
        let n = self.cells();
        let mut table = Table {
            people: Vec::new(),
            relations: Vec::new(),
            floors: Vec::new(),
        };
        let mut rows = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            if let Some(value) = layer.values.iter().find(|v| **v > MOST_PEOPLE) {
                return Err(refused(format!("a count is {value}, expected at most {MOST_PEOPLE}")));
            }
            let relations = self
                .relations
                .iter()
                .zip(&layer.adds)
                .map(|((total, parts), adds)| Relation {
                    total: *total,
                    parts: parts.clone(),
                    adds: *adds,
                });
            // Numbers that do not keep to their relations are an error.
            let one = Table::new(layer.values.clone(), relations.collect())?;
            rows.extend(one.rows().into_iter().map(|mut row| {
                row.terms.iter_mut().for_each(|(cell, _)| *cell += number * n);
                row
            }));
            table.people.extend(one.people);
            table.floors.extend(vec![layer.floor; n]);
        }
        for (inner, outer) in &self.within {
            rows.extend((0..n).map(|cell| Row {
                terms: vec![(inner * n + cell, 1), (outer * n + cell, -1)],
                exact: false,
            }));
        }
        Ok((table, rows))
    }

    /// Values that add up over every relation: those of a layer that does, or people as if nobody were in two parts.
    fn additive(&self) -> Result<Table, TallyError> {
        let layer = self
            .layers
            .iter()
            .find(|l| l.floor > 0 && l.adds.iter().all(|a| *a))
            .unwrap_or(&self.layers[0]);
        let mut values: Vec<Option<u64>> = layer.values.iter().map(|v| Some((*v).max(1))).collect();
        for (total, _) in &self.relations {
            values[*total] = None;
        }
        while values.contains(&None) {
            let before = values.iter().flatten().count();
            for (total, parts) in &self.relations {
                if values[*total].is_none() {
                    values[*total] = parts.iter().map(|p| values[*p]).sum();
                }
            }
            if before == values.iter().flatten().count() {
                return Err(refused("its totals are parts of themselves".into()));
            }
        }
        let relations = self.relations.iter().map(|(total, parts)| Relation {
            total: *total,
            parts: parts.clone(),
            adds: true,
        });
        Table::new(values.into_iter().flatten().collect(), relations.collect())
    }
}

/// The cells to hide, with a proof for each measure of each. An error where no pattern is proved to be safe.
pub fn release(plan: &Plan) -> Result<Released, TallyError> {
    let n = plan.cells();
    if !plan.small.contains(&true) {
        return Ok(Released {
            hidden: vec![false; n],
            ..Released::default()
        });
    }
    let (table, rows) = plan.whole()?;
    let mut hidden = pattern(&plan.additive()?, &plan.small, plan.k)?;
    // Cells that everybody can conclude although they are hidden, so hiding them is of no use.
    let mut shown = vec![false; n];
    loop {
        look_for_cancel();
        let mask: Vec<bool> = (0..table.people.len()).map(|i| hidden[i % n]).collect();
        let attack = Attack::new(&table, &rows, &mask);
        let (mut known, mut tables) = (Known::default(), Tables::default());
        let mut changed = false;
        for variable in (0..mask.len()).filter(|i| mask[*i]) {
            let cell = variable % n;
            if safe(plan, &attack, &table, (variable, &hidden), (&mut known, &mut tables))? {
                continue;
            }
            if !plan.small[cell] {
                hidden[cell] = false;
                shown[cell] = true;
            } else {
                let more = neighbour(plan, &attack, &rows, &hidden, &shown, variable).ok_or_else(|| {
                    refused("a hidden cell can be concluded, and there is no other to hide with it".into())
                })?;
                hidden[more] = true;
            }
            changed = true;
            break;
        }
        if !changed {
            return prove(&attack, &mask, hidden, plan, tables);
        }
    }
}

/// Whether the reader must think more than one number possible of a hidden cell, and k; and so of the people of a published total who are not in it.
fn safe(
    plan: &Plan,
    attack: &Attack,
    table: &Table,
    (variable, hidden): (usize, &[bool]),
    (known, tables): (&mut Known, &mut Tables),
) -> Result<bool, TallyError> {
    let value = table.people[variable];
    let least = plan
        .complements
        .iter()
        .filter(|(total, part)| *part == variable && !hidden[*total]);
    let least = least
        .map(|(total, _)| table.people[*total].saturating_sub(plan.k).max(1))
        .min()
        .unwrap_or(u64::MAX);
    let enough = |(low, high): (u64, u64)| high > low && high >= plan.k && low <= least;
    known.add(&vec![(variable, value)]);
    if enough(known.ends(variable)) {
        return Ok(true);
    }
    let (together, _) = attack.component(variable);
    if together.len() > MOST_TOGETHER {
        return Err(refused(format!(
            "{} hidden numbers hang together, expected at most {MOST_TOGETHER}",
            together.len()
        )));
    }
    match tables.top(attack, variable)? {
        None => known.add(&vec![(variable, u64::MAX)]),
        Some((_, number)) => known.add(&tables.witnesses[number]),
    }
    if enough(known.ends(variable)) {
        return Ok(true);
    }
    let (_, number) = tables.bottom(attack, variable)?;
    known.add(&tables.witnesses[number]);
    Ok(enough(known.ends(variable)))
}

/// The published cell of fewest people that shares a relation with what hangs together with a hidden one.
fn neighbour(
    plan: &Plan,
    attack: &Attack,
    rows: &[Row],
    hidden: &[bool],
    shown: &[bool],
    variable: usize,
) -> Option<usize> {
    let n = plan.cells();
    let (together, _) = attack.component(variable);
    let mut of_it = vec![false; n * plan.layers.len()];
    together.iter().for_each(|cell| of_it[*cell] = true);
    rows.iter()
        .filter(|row| row.terms.iter().any(|(c, _)| of_it[*c]))
        .flat_map(|row| row.terms.iter().map(|(c, _)| c % n))
        .filter(|cell| !hidden[*cell] && !shown[*cell])
        .min_by_key(|cell| (plan.layers[0].values[*cell], *cell))
}

/// The ends of every hidden number, each with a table. The greatest come first: their tables have the least of many others.
fn prove(
    attack: &Attack,
    mask: &[bool],
    hidden: Vec<bool>,
    plan: &Plan,
    mut tables: Tables,
) -> Result<Released, TallyError> {
    let n = plan.cells();
    let variables: Vec<usize> = (0..mask.len()).filter(|i| mask[*i]).collect();
    let mut tops = Vec::with_capacity(variables.len());
    for variable in &variables {
        look_for_cancel();
        tops.push(tables.top(attack, *variable)?);
    }
    let mut released = Released {
        hidden,
        ..Released::default()
    };
    let mut number_of = HashMap::new();
    let mut keep = |number: usize, tables: &Tables| {
        *number_of.entry(number).or_insert_with(|| {
            released.witnesses.push(tables.witnesses[number].clone());
            released.witnesses.len() - 1
        })
    };
    for (variable, top) in variables.into_iter().zip(tops) {
        look_for_cancel();
        let (low, low_table) = tables.bottom(attack, variable)?;
        let (high, high_table) = match top {
            Some((high, number)) => (Some(high), number),
            None => match attack.holding(variable, plan.k.max(low + 1))? {
                End::At(_, witness) => (None, tables.keep(witness)),
                End::Open => return Err(refused("a hidden number has no table".into())),
            },
        };
        let low = (low, keep(low_table, &tables));
        let high_witness = keep(high_table, &tables);
        released.proofs.push(Proof {
            cell: variable % n,
            layer: variable / n,
            low,
            high,
            high_witness,
        });
    }
    Ok(released)
}
