//! Tests of hidden cells against a reader who tries every table of whole numbers.

use super::attack::{Attack, End};
use super::suppress::{Hidden, hide};
use super::table::{Relation, Table};
use proptest::prelude::*;

/// A table of two dimensions with its margins: inner cells row by row, each row followed by its total, then the totals of columns.
fn cross(inner: &[Vec<u64>]) -> Table {
    let (height, width) = (inner.len(), inner[0].len());
    let mut people = Vec::new();
    for row in inner {
        people.extend(row);
        people.push(row.iter().sum());
    }
    for column in 0..width {
        people.push(inner.iter().map(|row| row[column]).sum());
    }
    people.push(inner.iter().flatten().sum());
    let at = |r: usize, c: usize| r * (width + 1) + c;
    let mut relations = Vec::new();
    for r in 0..=height {
        relations.push(Relation {
            total: at(r, width),
            parts: (0..width).map(|c| at(r, c)).collect(),
            adds: true,
        });
    }
    for c in 0..=width {
        relations.push(Relation {
            total: at(height, c),
            parts: (0..height).map(|r| at(r, c)).collect(),
            adds: true,
        });
    }
    Table::new(people, relations).expect("margins are sums")
}

/// Whether the numbers fit the relations of which every cell is decided.
fn fits(table: &Table, people: &[u64], decided: &[bool]) -> bool {
    table.relations.iter().all(|r| {
        if !decided[r.total] || r.parts.iter().any(|p| !decided[*p]) {
            return true;
        }
        let sum: u64 = r.parts.iter().map(|p| people[*p]).sum();
        let great = r.parts.iter().map(|p| people[*p]).max().unwrap_or(0);
        let total = people[r.total];
        if r.adds {
            total == sum
        } else {
            great <= total && total <= sum
        }
    })
}

/// What every hidden cell may hold, by trying all numbers up to `most` for each.
fn tried(table: &Table, hidden: &[bool], most: u64) -> Vec<Option<(u64, u64)>> {
    struct Trial<'a> {
        table: &'a Table,
        most: u64,
        people: Vec<u64>,
        decided: Vec<bool>,
        found: Vec<Option<(u64, u64)>>,
    }
    fn go(trial: &mut Trial, cells: &[usize]) {
        let Some((cell, rest)) = cells.split_first() else {
            for (c, n) in trial.people.iter().enumerate() {
                let (low, high) = trial.found[c].unwrap_or((*n, *n));
                trial.found[c] = Some((low.min(*n), high.max(*n)));
            }
            return;
        };
        let before = trial.people[*cell];
        trial.decided[*cell] = true;
        for n in 1..=trial.most {
            trial.people[*cell] = n;
            if fits(trial.table, &trial.people, &trial.decided) {
                go(trial, rest);
            }
        }
        trial.people[*cell] = before;
        trial.decided[*cell] = false;
    }
    let cells: Vec<usize> = (0..hidden.len()).filter(|c| hidden[*c]).collect();
    let mut trial = Trial {
        table,
        most,
        people: table.people.clone(),
        decided: hidden.iter().map(|h| !h).collect(),
        found: vec![None; hidden.len()],
    };
    go(&mut trial, &cells);
    trial.found
}

fn pattern(table: &Table, hidden: &[Hidden]) -> Vec<bool> {
    let mut pattern = vec![false; table.people.len()];
    for h in hidden {
        pattern[h.cell] = true;
    }
    pattern
}

/// The fewest cells of any safe pattern, by trying all of them.
fn fewest(table: &Table, k: u64, most: u64) -> usize {
    let small: Vec<bool> = table.people.iter().map(|n| (1..k).contains(n)).collect();
    let others: Vec<usize> = (0..small.len())
        .filter(|c| !small[*c] && table.people[*c] > 0)
        .collect();
    let mut best = usize::MAX;
    for mask in 0_u32..1 << others.len() {
        let count = mask.count_ones() as usize;
        if count >= best {
            continue;
        }
        let mut hidden = small.clone();
        for (bit, cell) in others.iter().enumerate() {
            hidden[*cell] |= mask >> bit & 1 == 1;
        }
        let found = tried(table, &hidden, most);
        if (0..small.len()).all(|c| !small[c] || found[c].is_some_and(|(_, high)| high >= k)) {
            best = count;
        }
    }
    best
}

#[test]
fn a_small_cell_in_the_middle_takes_three_others() {
    let table = cross(&[vec![20, 30, 40], vec![25, 3, 35], vec![22, 33, 44]]);
    let hidden = hide(&table, 10).expect("there is a pattern");
    assert_eq!(hidden.len(), 4);
    assert_eq!(hidden.iter().filter(|h| h.small).count(), 1);
}

#[test]
fn a_table_without_small_cells_hides_nothing() {
    assert_eq!(hide(&cross(&[vec![20, 0], vec![10, 15]]), 10), Ok(vec![]));
}

#[test]
fn a_lone_total_hides_with_its_part() {
    // The grand total of one part is that part.
    let table = Table::new(
        vec![3, 3],
        vec![Relation {
            total: 1,
            parts: vec![0],
            adds: true,
        }],
    )
    .expect("a table");
    let hidden = hide(&table, 10).expect("both are small");
    assert_eq!(pattern(&table, &hidden), vec![true, true]);
    assert!(hidden.iter().all(|h| h.high.is_none()));
}

#[test]
fn people_in_two_parts_are_bounds_not_sums() {
    // 3 of 20: the total 21 tells only that the small part is between 1 and 21.
    let people = vec![3, 20, 21];
    let overlapping = Table::new(
        people,
        vec![Relation {
            total: 2,
            parts: vec![0, 1],
            adds: false,
        }],
    )
    .expect("a table");
    let hidden = hide(&overlapping, 10).expect("there is a pattern");
    assert_eq!(pattern(&overlapping, &hidden), vec![true, false, false]);
    assert_eq!(hidden[0].low.0, 1);
    assert_eq!(hidden[0].high.as_ref().map(|h| h.0), Some(21));
}

#[test]
fn linear_bounds_that_no_whole_numbers_reach_certify_nothing() {
    // 2x = 2y + odd has no whole solution beside others; the attack must answer in whole numbers.
    let table = cross(&[vec![1, 9, 12], vec![12, 2, 11], vec![11, 13, 3]]);
    let hidden = hide(&table, 10).expect("there is a pattern");
    let found = tried(&table, &pattern(&table, &hidden), 40);
    for h in &hidden {
        let (low, high) = found[h.cell].expect("the true table fits");
        assert_eq!(h.low.0, low);
        assert!(h.high.as_ref().is_none_or(|w| w.0 == high || high == 40));
        assert!(high >= 10 && high > low);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// No reader determines a hidden cell or bounds it below k, and the stated ends are what trying finds.
    #[test]
    fn every_hidden_cell_is_safe(inner in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0_u64), 1_u64..4, 4_u64..9], 3), 2), k in 2_u64..5) {
        let table = cross(&inner);
        let Ok(hidden) = hide(&table, k) else { return Ok(()) };
        let mask = pattern(&table, &hidden);
        prop_assume!(mask.iter().filter(|h| **h).count() <= 6);
        let most = 3 * table.people.iter().max().copied().unwrap_or(0) + k;
        let found = tried(&table, &mask, most);
        for h in &hidden {
            let (low, high) = found[h.cell].expect("the true table fits");
            prop_assert_eq!(h.low.0, low);
            match &h.high {
                Some((stated, _)) => prop_assert_eq!(*stated, high),
                // No end: room for one more is used.
                None => prop_assert!(tried(&table, &mask, most + 2)[h.cell].is_some_and(|(_, more)| more > high)),
            }
            prop_assert!(high >= k && high > low);
        }
    }

    /// No safe pattern hides fewer cells.
    #[test]
    fn no_pattern_is_smaller(inner in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0_u64), 1_u64..4], 2), 2), k in 2_u64..4) {
        let table = cross(&inner);
        let small = table.people.iter().filter(|n| (1..k).contains(*n)).count();
        if let Ok(hidden) = hide(&table, k) {
            let most = table.people.iter().max().copied().unwrap_or(0) + k + 2;
            prop_assert!(hidden.len() - small.min(hidden.len()) <= fewest(&table, k, most));
        }
    }

    /// In any table the attack's ends hold the true number.
    #[test]
    fn the_true_number_lies_between_the_ends(
        inner in prop::collection::vec(prop::collection::vec(1_u64..30, 4), 4),
        mask in prop::collection::vec(any::<bool>(), 25),
    ) {
        let table = cross(&inner);
        let rows = table.rows();
        let attack = Attack::new(&table, &rows, &mask);
        for cell in (0..25).filter(|c| mask[*c]) {
            let End::At(low, _) = attack.end(cell, false).expect("solved") else { panic!("no least number") };
            prop_assert!(low <= table.people[cell]);
            if let End::At(high, _) = attack.end(cell, true).expect("solved") {
                prop_assert!(high >= table.people[cell]);
            }
        }
    }
}

/// A refusal that is certain from the start comes at once: the search before it took minutes.
#[test]
fn too_many_small_cells_that_hang_together_are_refused_at_once() {
    let table = cross(&vec![vec![3; 34]; 34]);
    let error = hide(&table, 10).expect_err("1156 small cells hang together");
    assert!(
        error.detail.contains("1156 small cells hang together"),
        "{}",
        error.detail
    );
}
