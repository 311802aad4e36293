//! Owns the rule of GaussSuppression, to compare with (Ø. Langsrud: *Secondary Cell Suppression by Gaussian Elimination*, 2024): cells are published
//! from the greatest down, unless a small cell would then be a linear combination of published ones. It asks for no interval, and none of its code is here.

use std::collections::{BTreeMap, BTreeSet};
use tally_core::privacy::table::Table;

/// A prime: elimination is done in whole numbers below it.
const PRIME: u64 = 2_147_483_647;

type Column = BTreeMap<usize, u64>;

fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent >>= 1;
    }
    result
}

/// Each cell as the sum of inner cells that hold somebody.
fn columns(table: &Table) -> Vec<Column> {
    let mut parts = vec![None; table.people.len()];
    table.relations.iter().for_each(|r| parts[r.total] = Some(&r.parts));
    fn inner(cell: usize, parts: &[Option<&Vec<usize>>], table: &Table, into: &mut Column) {
        match parts[cell] {
            Some(of) => of.iter().for_each(|p| inner(*p, parts, table, into)),
            None if table.people[cell] > 0 => {
                into.insert(cell, 1);
            }
            None => {}
        }
    }
    (0..table.people.len())
        .map(|cell| {
            let mut column = Column::new();
            inner(cell, &parts, table, &mut column);
            column
        })
        .collect()
}

/// Which cells the rule hides.
pub fn hidden(table: &Table, k: u64) -> Vec<bool> {
    let mut hidden: Vec<bool> = table.people.iter().map(|n| (1..k).contains(n)).collect();
    let mut column = columns(table);
    let mut with_row: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); column.len()];
    for (cell, of) in column.iter().enumerate() {
        of.keys().for_each(|row| _ = with_row[*row].insert(cell));
    }
    let mut order: Vec<usize> = (0..hidden.len()).filter(|c| !hidden[*c]).collect();
    order.sort_by_key(|c| std::cmp::Reverse(table.people[*c]));
    for cell in order {
        let Some((pivot, at_pivot)) = column[cell]
            .iter()
            .map(|(r, v)| (*r, *v))
            .min_by_key(|(r, _)| with_row[*r].len())
        else {
            continue;
        };
        let inverse = power(at_pivot, PRIME - 2);
        let others: Vec<usize> = with_row[pivot].iter().copied().filter(|c| *c != cell).collect();
        let factor = |c: usize, column: &[Column]| column[c][&pivot] * inverse % PRIME;
        let shows = others
            .iter()
            .filter(|c| hidden[**c] && (1..k).contains(&table.people[**c]))
            .any(|c| {
                let f = factor(*c, &column);
                column[*c].len() == column[cell].len()
                    && column[cell]
                        .iter()
                        .all(|(r, v)| column[*c].get(r) == Some(&(v * f % PRIME)))
            });
        let used = std::mem::take(&mut column[cell]);
        used.keys().for_each(|row| _ = with_row[*row].remove(&cell));
        if shows {
            hidden[cell] = true;
            continue;
        }
        for c in others {
            let f = column[c][&pivot] * inverse % PRIME;
            for (row, value) in &used {
                let entry = column[c].entry(*row).or_insert(0);
                *entry = (*entry + PRIME - value * f % PRIME) % PRIME;
                if *entry == 0 {
                    column[c].remove(row);
                    with_row[*row].remove(&c);
                } else {
                    with_row[*row].insert(c);
                }
            }
        }
    }
    hidden
}
