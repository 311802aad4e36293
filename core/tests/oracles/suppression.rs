//! Owns the lines of tables with the fewest cells to hide, as `suppression.py` and `suppression_cuts.py` write them.

use tally_core::privacy::table::{Relation, Table};

/// A line: its table, k, and the fewest cells that are hidden for others.
pub fn read(line: &str) -> (Table, u64, usize) {
    let fields: Vec<&str> = line.split('\t').collect();
    let people: Vec<u64> = serde_json::from_str(fields[2]).expect("numbers");
    let relations: Vec<(usize, Vec<usize>)> = serde_json::from_str(fields[3]).expect("relations");
    let relations = relations.into_iter().map(|(total, parts)| Relation {
        total,
        parts,
        adds: true,
    });
    let table = Table::new(people, relations.collect()).expect("totals are sums");
    (table, fields[1].parse().expect("k"), fields[4].parse().expect("fewest"))
}
