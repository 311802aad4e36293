//! Owns tables with the fewest cells to hide, as `core/tests/oracles/suppression.py` writes them, held against the pattern.

#[path = "../../tests/oracles/suppression.rs"]
mod lines;

use lines::read;
use std::time::Instant;
use tally_core::privacy::suppress::hide;

/// Prints one line for each table of a file: its shape, cells, small ones, others hidden, the fewest, seconds.
pub fn run(file: &str) {
    let lines = std::fs::read_to_string(file).expect("a file of tables");
    let (mut tables, mut one, mut more) = (0, 0, 0);
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let (table, k, fewest) = read(line);
        let started = Instant::now();
        let hidden = hide(&table, k).expect("there is a pattern");
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
