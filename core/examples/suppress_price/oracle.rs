//! Owns the lines of tables with the fewest cells to hide, as `core/tests/oracles/suppression.py` writes them, held against the pattern.

use std::time::Instant;
use tally_core::privacy::suppress::hide;
use tally_core::privacy::table::{Relation, Table};

/// Prints one line for each table of a file: its shape, cells, small ones, others hidden, the fewest, seconds.
pub fn run(file: &str) {
    let lines = std::fs::read_to_string(file).expect("a file of tables");
    let (mut tables, mut one, mut more) = (0, 0, 0);
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let people: Vec<u64> = serde_json::from_str(fields[2]).expect("numbers");
        let relations: Vec<(usize, Vec<usize>)> = serde_json::from_str(fields[3]).expect("relations");
        let relations = relations.into_iter().map(|(total, parts)| Relation {
            total,
            parts,
            adds: true,
        });
        let table = Table::new(people, relations.collect()).expect("totals are sums");
        let fewest: usize = fields[4].parse().expect("the fewest");
        let started = Instant::now();
        let hidden = hide(&table, fields[1].parse().expect("k")).expect("there is a pattern");
        let others = hidden.iter().filter(|h| !h.small).count();
        println!(
            "{}\t{}\t{}\t{others}\t{fewest}\t{}\t{:.2}",
            fields[0],
            table.people.len(),
            hidden.len() - others,
            fields.get(5).unwrap_or(&"="),
            started.elapsed().as_secs_f64()
        );
        tables += 1;
        one += usize::from(others == fewest + 1);
        more += usize::from(others > fewest + 1);
    }
    println!("{tables} tables: {one} with one cell more than the fewest, {more} with two or more");
}
