//! The price of hiding: cells and people hidden, and time, on generated tables of world > adventure × variation with all margins, beside the
//! rule of GaussSuppression. With a file of tables: the pattern of each beside the fewest cells. Run by `make bench-privacy`.

mod gauss;
mod oracle;

use std::time::Instant;
use tally_core::privacy::attack::{Attack, End};
use tally_core::privacy::suppress::hide;
use tally_core::privacy::table::{Relation, Table};

/// A small generator with a fixed seed (splitmix64), so that the tables are the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Worlds of adventures, by variation: inner cells, totals of worlds, of all, and all of these over variations. Of `sides` inner cells two hold few,
/// and one nobody.
fn table(worlds: usize, adventures: usize, variations: usize, sides: u64) -> Table {
    let mut dice = Dice(7);
    let rows = worlds * (adventures + 1) + 1;
    let columns = variations + 1;
    let at = |row: usize, column: usize| row * columns + column;
    let mut people = vec![0_u64; rows * columns];
    for world in 0..worlds {
        for adventure in 0..adventures {
            for variation in 0..variations {
                // Most cells hold many, some few, some none.
                let n = match dice.roll() % sides {
                    0 => 0,
                    1 | 2 => 1 + dice.roll() % 12,
                    _ => 10 + dice.roll() % 200,
                };
                people[at(world * (adventures + 1) + adventure, variation)] = n;
            }
        }
    }
    let mut relations = Vec::new();
    for variation in 0..variations {
        for world in 0..worlds {
            let base = world * (adventures + 1);
            people[at(base + adventures, variation)] = (0..adventures).map(|a| people[at(base + a, variation)]).sum();
        }
        people[at(rows - 1, variation)] = (0..worlds)
            .map(|w| people[at(w * (adventures + 1) + adventures, variation)])
            .sum();
    }
    for row in 0..rows {
        people[at(row, variations)] = (0..variations).map(|v| people[at(row, v)]).sum();
        relations.push(Relation {
            total: at(row, variations),
            parts: (0..variations).map(|v| at(row, v)).collect(),
            adds: true,
        });
    }
    for column in 0..columns {
        for world in 0..worlds {
            let base = world * (adventures + 1);
            relations.push(Relation {
                total: at(base + adventures, column),
                parts: (0..adventures).map(|a| at(base + a, column)).collect(),
                adds: true,
            });
        }
        relations.push(Relation {
            total: at(rows - 1, column),
            parts: (0..worlds)
                .map(|w| at(w * (adventures + 1) + adventures, column))
                .collect(),
            adds: true,
        });
    }
    Table::new(people, relations).expect("the margins are sums")
}

/// How many small cells a pattern leaves that a reader can bound below k.
fn concluded(table: &Table, hidden: &[bool], k: u64) -> usize {
    let rows = table.rows();
    let attack = Attack::new(table, &rows, hidden);
    (0..hidden.len())
        .filter(|c| (1..k).contains(&table.people[*c]))
        .filter(|c| matches!(attack.end(*c, true), Ok(End::At(most, _)) if most < k))
        .count()
}

fn main() {
    if let Some(file) = std::env::args().nth(1) {
        return oracle::run(&file);
    }
    println!(
        "| cells | small | others hidden | people hidden | seconds | others by the rule | small cells that it leaves open | seconds |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (worlds, adventures, variations, sides) in [
        (2, 3, 3, 10),
        (4, 5, 3, 10),
        (5, 6, 4, 10),
        (8, 10, 7, 10),
        (12, 20, 11, 10),
        (24, 40, 15, 100),
        (24, 40, 15, 10),
    ] {
        let table = table(worlds, adventures, variations, sides);
        let small = table.people.iter().filter(|n| (1..10).contains(*n)).count();
        let started = Instant::now();
        let ours = match hide(&table, 10) {
            Ok(hidden) => {
                let all: u64 = table.people.iter().sum();
                let lost: u64 = hidden.iter().map(|h| table.people[h.cell]).sum();
                format!("{} | {:.1} %", hidden.len() - small, 100.0 * lost as f64 / all as f64)
            }
            Err(error) => format!("refused: {} | ", error.detail),
        };
        let seconds = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let rule = gauss::hidden(&table, 10);
        let (rule_seconds, others) = (
            started.elapsed().as_secs_f64(),
            rule.iter().filter(|h| **h).count() - small,
        );
        // The reader of a very large table takes minutes for each cell.
        let open = if table.people.len() < 5000 {
            concluded(&table, &rule, 10).to_string()
        } else {
            "not asked".into()
        };
        println!(
            "| {} | {small} | {ours} | {seconds:.2} | {others} | {open} | {rule_seconds:.2} |",
            table.people.len()
        );
    }
}
