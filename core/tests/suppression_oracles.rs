//! Hidden cells against a reader who tries every table of whole numbers, in two, three and four dimensions and in hierarchies; and the
//! number of hidden cells against the fewest, by the lines of `oracles/suppression.tsv` and `oracles/suppression_cuts.tsv`, of tables with many small
//! cells (`oracles/suppression.py` and `oracles/suppression_cuts.py` wrote them and say how).

#[path = "oracles/suppression.rs"]
mod lines;

use lines::read;
use proptest::prelude::*;
use tally_core::privacy::suppress::{Hidden, hide};
use tally_core::privacy::table::{Relation, Table};

const LINES: &str = include_str!("oracles/suppression.tsv");
const CUTS: &str = include_str!("oracles/suppression_cuts.tsv");

#[test]
fn a_pattern_hides_at_most_one_cell_more_than_the_fewest() {
    let (mut tables, mut more) = (0, 0);
    for line in LINES.lines().chain(CUTS.lines()) {
        let (table, k, fewest) = read(line);
        let hidden = hide(&table, k).expect("there is a pattern");
        let others = hidden.iter().filter(|h| !h.small).count();
        assert!(others <= fewest + 1, "{others} and {fewest}: {line}");
        tables += 1;
        more += usize::from(others > fewest);
    }
    println!("{tables} tables, {more} of them with one cell more");
    // The files are whole.
    assert!(tables >= 120, "{tables} tables");
}

/// A dimension: each node is the set of leaves under it, the leaves first; and which nodes are the parts of a total.
type Dimension = (Vec<u32>, Vec<(usize, Vec<usize>)>);

fn flat(leaves: usize) -> Dimension {
    let mut nodes: Vec<u32> = (0..leaves).map(|l| 1 << l).collect();
    nodes.push((1 << leaves) - 1);
    (nodes, vec![(leaves, (0..leaves).collect())])
}

/// Three leaves, of which the first two have a total of their own.
fn tree() -> Dimension {
    (vec![1, 2, 4, 3, 7], vec![(3, vec![0, 1]), (4, vec![3, 2])])
}

/// A table as its reader knows it: each cell is a set of inner cells.
struct Known {
    inner: usize,
    cells: Vec<u64>,
    relations: Vec<Relation>,
}

fn product(dimensions: &[Dimension]) -> Known {
    let sizes: Vec<usize> = dimensions.iter().map(|d| d.0.len()).collect();
    let leaves: Vec<usize> = dimensions
        .iter()
        .map(|d| d.0.iter().filter(|n| n.count_ones() == 1).count())
        .collect();
    let spread =
        |mut n: usize, sizes: &[usize]| sizes.iter().map(|size| (n % size, n /= size).0).collect::<Vec<usize>>();
    let number = |at: &[usize]| at.iter().zip(&sizes).rev().fold(0, |n, (i, size)| n * size + i);
    let inner: usize = leaves.iter().product();
    let all: usize = sizes.iter().product();
    let cells = (0..all).map(|cell| {
        let at = spread(cell, &sizes);
        (0..inner)
            .filter(|i| {
                let leaf = spread(*i, &leaves);
                (0..at.len()).all(|d| dimensions[d].0[at[d]] >> leaf[d] & 1 == 1)
            })
            .fold(0u64, |set, i| set | 1 << i)
    });
    let mut relations = Vec::new();
    for cell in 0..all {
        let at = spread(cell, &sizes);
        for (d, dimension) in dimensions.iter().enumerate() {
            for (_, parts) in dimension.1.iter().filter(|(total, _)| *total == at[d]) {
                let part = |p: &usize| {
                    let mut at = at.clone();
                    at[d] = *p;
                    number(&at)
                };
                relations.push(Relation {
                    total: cell,
                    parts: parts.iter().map(part).collect(),
                    adds: true,
                });
            }
        }
    }
    Known {
        inner,
        cells: cells.collect(),
        relations,
    }
}

/// The least and the most of each cell over all inner numbers up to `most` that the reader cannot rule out. Nothing of the project's rows
/// or programs is used: a published cell is a sum of inner cells, an inner cell of nobody is published, any other holds one or more.
fn tried(known: &Known, people: &[u64], hidden: &[bool], most: u64) -> Option<Vec<(u64, u64)>> {
    struct Trial<'a> {
        known: &'a Known,
        sums: Vec<(u64, u64)>,
        inner: Vec<u64>,
        zero: u64,
        most: u64,
        found: Vec<(u64, u64)>,
        steps: usize,
    }
    fn go(t: &mut Trial, i: usize) -> bool {
        t.steps += 1;
        if t.steps > 3_000_000 {
            return false;
        }
        if i == t.known.inner {
            for (c, set) in t.known.cells.iter().enumerate() {
                let n = (0..t.known.inner)
                    .filter(|i| set >> i & 1 == 1)
                    .map(|i| t.inner[i])
                    .sum::<u64>();
                t.found[c] = (t.found[c].0.min(n), t.found[c].1.max(n));
            }
            return true;
        }
        let range = if t.zero >> i & 1 == 1 { 0..=0 } else { 1..=t.most };
        for n in range {
            t.inner[i] = n;
            let fits = t.sums.iter().filter(|(set, _)| set >> i & 1 == 1).all(|(set, sum)| {
                let so_far: u64 = (0..=i).filter(|j| set >> j & 1 == 1).map(|j| t.inner[j]).sum();
                let rest = (set & !t.zero) >> (i + 1);
                so_far + u64::from(rest.count_ones()) <= *sum && (rest > 0 || so_far == *sum)
            });
            if fits && !go(t, i + 1) {
                return false;
            }
        }
        true
    }
    let mut published: Vec<(u64, u64)> = Vec::new();
    let mut zero = 0;
    for (c, set) in known.cells.iter().enumerate() {
        if people[c] == 0 {
            zero |= set;
        } else if !hidden[c] {
            published.push((*set, people[c]));
        }
    }
    let mut trial = Trial {
        known,
        sums: published,
        inner: vec![0; known.inner],
        zero,
        most,
        found: vec![(u64::MAX, 0); people.len()],
        steps: 0,
    };
    go(&mut trial, 0).then_some(trial.found)
}

fn attacked(dimensions: &[Dimension], inner: &[u64], k: u64) -> Result<bool, TestCaseError> {
    let known = product(dimensions);
    let people: Vec<u64> = known
        .cells
        .iter()
        .map(|set| (0..known.inner).filter(|i| set >> i & 1 == 1).map(|i| inner[i]).sum())
        .collect();
    let table = Table::new(people.clone(), known.relations.clone()).expect("totals are sums");
    let Ok(hidden) = hide(&table, k) else { return Ok(false) };
    let mut mask = vec![false; people.len()];
    hidden.iter().for_each(|h: &Hidden| mask[h.cell] = true);
    prop_assert!((0..people.len()).all(|c| mask[c] || people[c] == 0 || people[c] >= k));
    let most = people.iter().copied().filter(|n| *n < 1000).max().unwrap_or(0).min(12) + k;
    let Some(found) = tried(&known, &people, &mask, most) else {
        return Ok(false);
    };
    for h in &hidden {
        let (low, high) = found[h.cell];
        prop_assert!(
            high > low && high >= k,
            "cell {} is {} to {}: {:?}",
            h.cell,
            low,
            high,
            people
        );
        prop_assert!(h.low.0 <= low, "cell {}: {} and {}", h.cell, h.low.0, low);
        prop_assert!(
            h.high.as_ref().is_none_or(|(n, _)| *n >= high),
            "cell {}: {:?} and {}",
            h.cell,
            h.high,
            high
        );
    }
    Ok(!hidden.is_empty())
}

fn inner(cells: usize) -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![1 => Just(0u64), 2 => 1u64..3, 4 => 3u64..9], cells)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_reader_of_two_dimensions_concludes_a_cell(numbers in inner(9), k in 2u64..4) {
        attacked(&[flat(3), flat(3)], &numbers, k)?;
    }

    #[test]
    fn no_reader_of_a_hierarchy_concludes_a_cell(numbers in inner(9), k in 2u64..4) {
        attacked(&[tree(), flat(3)], &numbers, k)?;
    }

    #[test]
    fn no_reader_of_three_dimensions_concludes_a_cell(numbers in inner(8), k in 2u64..4) {
        attacked(&[flat(2), flat(2), flat(2)], &numbers, k)?;
    }

    #[test]
    fn no_reader_of_two_hierarchies_concludes_a_cell(numbers in inner(9), k in 2u64..4) {
        attacked(&[tree(), tree()], &numbers, k)?;
    }
}

/// The attack finds what there is to find: one cell hidden alone is concluded, and these tables do have hidden cells.
#[test]
fn the_attack_succeeds_where_it_can() {
    let known = product(&[flat(2), flat(2)]);
    let inner = [1, 5, 6, 7];
    let people: Vec<u64> = known
        .cells
        .iter()
        .map(|set| (0..4).filter(|i| set >> i & 1 == 1).map(|i| inner[i]).sum())
        .collect();
    let mut alone = vec![false; 9];
    alone[0] = true;
    assert_eq!(tried(&known, &people, &alone, 20).expect("few steps")[0], (1, 1));
    let hides = |dimensions: &[Dimension], inner: &[u64]| matches!(attacked(dimensions, inner, 3), Ok(true));
    assert!(hides(&[flat(2), flat(2)], &inner));
    assert!(hides(&[flat(2), flat(2), flat(2)], &[1, 5, 6, 7, 5, 6, 7, 8]));
}
