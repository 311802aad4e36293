//! Tests of releases against a reader who tries every table of all measures together.

use super::people::complements;
use super::release::{Layer, Plan, Released, release};
use proptest::prelude::*;

/// Two rows and two columns with totals: cells 0 to 3, then the totals of rows, of columns, and of all.
fn relations() -> Vec<(usize, Vec<usize>)> {
    vec![
        (4, vec![0, 1]),
        (5, vec![2, 3]),
        (6, vec![0, 2]),
        (7, vec![1, 3]),
        (8, vec![4, 5]),
        (8, vec![6, 7]),
    ]
}

fn totals(inner: &[u64]) -> Vec<u64> {
    let mut cells = inner.to_vec();
    cells.extend([
        inner[0] + inner[1],
        inner[2] + inner[3],
        inner[0] + inner[2],
        inner[1] + inner[3],
        inner.iter().sum(),
    ]);
    cells
}

/// People and all their events.
fn plan(people: Vec<u64>, adds: bool, events: &[u64], k: u64) -> Plan {
    let complements = complements(&people, &relations(), &[adds; 6], k);
    let few = |(cell, p): (usize, &u64)| *p < k || complements.iter().any(|(_, part)| *part == cell);
    let small = people.iter().enumerate().map(few).collect();
    let layer = |values: Vec<u64>, adds: bool, floor: u64| Layer {
        values,
        adds: vec![adds; 6],
        floor,
    };
    Plan {
        relations: relations(),
        layers: vec![layer(people, adds, 0), layer(totals(events), true, 1)],
        within: vec![(0, 1)],
        small,
        complements,
        k,
    }
}

/// The least and the most of every hidden number, by trying all up to `most`. Written from the reader's rules, not from the plan's rows.
fn tried(plan: &Plan, hidden: &[bool], most: u64) -> Vec<Option<(u64, u64)>> {
    let n = plan.small.len();
    let mut values: Vec<u64> = plan.layers.iter().flat_map(|l| l.values.clone()).collect();
    let mut decided: Vec<bool> = (0..values.len()).map(|i| !hidden[i % n]).collect();
    let mut found = vec![None; values.len()];
    let open: Vec<usize> = (0..values.len()).filter(|i| !decided[*i]).collect();
    fn fits(plan: &Plan, n: usize, values: &[u64], decided: &[bool]) -> bool {
        plan.layers.iter().enumerate().all(|(number, layer)| {
            plan.relations.iter().zip(&layer.adds).all(|((total, parts), adds)| {
                let at = |cell: &usize| number * n + cell;
                let known: u64 = parts.iter().filter(|p| decided[at(p)]).map(|p| values[at(p)]).sum();
                let all = parts.iter().all(|p| decided[at(p)]);
                if !decided[at(total)] {
                    return true;
                }
                let sum = values[at(total)];
                let greatest = parts
                    .iter()
                    .filter(|p| decided[at(p)])
                    .map(|p| values[at(p)])
                    .max()
                    .unwrap_or(0);
                if *adds {
                    known <= sum && (!all || known == sum)
                } else {
                    greatest <= sum && (!all || sum <= known)
                }
            })
        }) && plan.within.iter().all(|(a, b)| {
            (0..n).all(|c| !decided[a * n + c] || !decided[b * n + c] || values[a * n + c] <= values[b * n + c])
        })
    }
    fn go(
        plan: &Plan,
        n: usize,
        open: &[usize],
        most: u64,
        values: &mut [u64],
        decided: &mut [bool],
        found: &mut [Option<(u64, u64)>],
    ) {
        let Some((variable, rest)) = open.split_first() else {
            for (i, v) in values.iter().enumerate() {
                let (low, high) = found[i].unwrap_or((*v, *v));
                found[i] = Some((low.min(*v), high.max(*v)));
            }
            return;
        };
        let before = values[*variable];
        decided[*variable] = true;
        for value in plan.layers[variable / n].floor..=most {
            values[*variable] = value;
            if fits(plan, n, values, decided) {
                go(plan, n, rest, most, values, decided, found);
            }
        }
        values[*variable] = before;
        decided[*variable] = false;
    }
    go(plan, n, &open, most, &mut values, &mut decided, &mut found);
    found
}

fn proof_ends(released: &Released, n: usize, variable: usize) -> (u64, Option<u64>) {
    let proof = released
        .proofs
        .iter()
        .find(|p| p.layer * n + p.cell == variable)
        .expect("each hidden number has a proof");
    (proof.low.0, proof.high)
}

#[test]
fn a_cell_of_few_people_takes_others_although_people_do_not_add() {
    // Nobody of 20 others is in two cells but one: subtraction of people tells nothing exact, of events it does.
    let plan = plan(vec![3, 20, 20, 20, 22, 40, 23, 40, 60], false, &[5, 40, 50, 60], 10);
    let released = release(&plan).expect("there is a pattern");
    assert!(released.hidden[0]);
    assert_eq!(released.hidden.iter().filter(|h| **h).count(), 4);
}

#[test]
fn a_cell_without_people_is_hidden_too() {
    // Events of nobody known may be those of one person.
    let plan = plan(vec![0, 20, 20, 20, 20, 40, 20, 40, 60], true, &[5, 40, 50, 60], 10);
    assert!(release(&plan).expect("there is a pattern").hidden[0]);
}

#[test]
fn a_cell_of_all_but_a_few_people_of_a_total_is_hidden() {
    // Of 30 people of the first row 28 are in its first cell and 25 in its second: two are not in the first, five not in the second.
    let plan = plan(vec![28, 25, 40, 40, 30, 60, 50, 50, 80], false, &[30, 30, 50, 50], 10);
    assert_eq!(plan.complements, [(4, 0), (4, 1)]);
    let released = release(&plan).expect("there is a pattern");
    for cell in 0..2 {
        let (low, high) = proof_ends(&released, 9, cell);
        assert!(released.hidden[cell] && (released.hidden[4] || low <= 20) && high.is_none_or(|h| h >= 10));
    }
}

#[test]
fn complements_are_those_of_people_who_do_not_add_up() {
    let relations = [(2, vec![0, 1]), (3, vec![2, 4])];
    let people = [50, 48, 52, 53, 30];
    assert_eq!(complements(&people, &relations, &[true, true], 10), []);
    assert_eq!(
        complements(&people, &relations, &[false, true], 10),
        [(2, 0), (2, 1), (3, 0), (3, 1)]
    );
    assert_eq!(
        complements(&people, &relations, &[true, false], 10),
        [(3, 0), (3, 1), (3, 2)]
    );
    assert_eq!(complements(&people, &relations, &[false, false], 2), [(3, 2)]);
}

#[test]
fn witnesses_keep_people_within_their_events() {
    let plan = plan(vec![2, 12, 12, 12, 14, 24, 14, 24, 38], true, &[2, 13, 13, 13], 10);
    let released = release(&plan).expect("there is a pattern");
    for witness in &released.witnesses {
        for (variable, people) in witness.iter().filter(|(v, _)| *v < 9) {
            let events = witness
                .iter()
                .find(|(v, _)| *v == variable + 9)
                .expect("the layers hang together");
            assert!(*people <= events.1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, ..ProptestConfig::default() })]

    /// No reader who knows all rules determines a hidden number of people or events, or bounds it below k; and the stated ends are true.
    #[test]
    fn no_reader_of_all_measures_concludes_a_small_cell(
        people in prop::collection::vec(0_u64..5, 4), more in prop::collection::vec(1_u64..3, 4),
        overlap in 0_u64..2, k in 2_u64..4,
    ) {
        let events: Vec<u64> = people.iter().zip(&more).map(|(p, m)| p + m).collect();
        let mut all = totals(&people);
        // One person who is in both cells of the first row.
        let overlap = overlap.min(people[0]).min(people[1]);
        all[4] -= overlap;
        all[8] -= overlap;
        let plan = plan(all, overlap == 0, &events, k);
        let Ok(released) = release(&plan) else { return Ok(()) };
        prop_assert!(plan.small.iter().zip(&released.hidden).all(|(small, hidden)| !small || *hidden));
        prop_assume!(released.hidden.iter().filter(|h| **h).count() <= 4);
        let greatest = plan.layers.iter().flat_map(|l| l.values.iter()).max().copied().unwrap_or(0);
        let most = greatest + k;
        let found = tried(&plan, &released.hidden, most);
        for (variable, ends) in found.iter().enumerate().filter(|(v, _)| released.hidden[v % 9]) {
            let (low, high) = ends.expect("the true table fits");
            let (stated, stated_high) = proof_ends(&released, 9, variable);
            prop_assert_eq!(low, stated);
            if let Some(stated_high) = stated_high.filter(|h| *h <= most) {
                prop_assert_eq!(high, stated_high);
            }
            prop_assert!(high > low && high >= k, "{} in {} to {}", variable, low, high);
        }
    }
}
