//! Owns distinct people in totals, who may be in several parts: estimates that keep to that, and what totals tell of who is not in a part.

use std::collections::{BTreeSet, HashSet};

/// Pairs of a total and a cell within it that has all of its people but a few (1 to k - 1): published together, they would show those few. Where
/// people add up all the way, those few are the other cells, which are hidden anyway.
pub fn complements(people: &[u64], relations: &[(usize, Vec<usize>)], adds: &[bool], k: u64) -> Vec<(usize, usize)> {
    let mut totals_of: Vec<Vec<(usize, bool)>> = vec![Vec::new(); people.len()];
    for ((total, parts), adds) in relations.iter().zip(adds) {
        parts.iter().for_each(|part| totals_of[*part].push((*total, *adds)));
    }
    let mut found = BTreeSet::new();
    for part in 0..people.len() {
        let mut seen = HashSet::new();
        let mut open = vec![(part, true)];
        while let Some((cell, so_far)) = open.pop() {
            for (total, adds) in &totals_of[cell] {
                let (few, adds) = (people[*total].saturating_sub(people[part]), so_far && *adds);
                // Totals beyond have more people.
                if few >= k || !seen.insert((*total, adds)) {
                    continue;
                }
                if few > 0 && !adds && people[*total] >= k {
                    found.insert((*total, part));
                }
                open.push((*total, adds));
            }
        }
    }
    found.into_iter().collect()
}

/// Estimates of distinct people as far as their relations allow: a total is from its greatest part to the sum of its parts, and nothing is
/// more than `most`.
pub fn consistent(estimates: &[u64], most: &[u64], relations: &[(usize, Vec<usize>)]) -> Vec<u64> {
    let mut people: Vec<u64> = estimates.iter().zip(most).map(|(e, m)| *e.min(m)).collect();
    let mut of_total: Vec<Vec<&Vec<usize>>> = vec![Vec::new(); people.len()];
    for (total, parts) in relations {
        of_total[*total].push(parts);
    }
    let mut waiting: Vec<usize> = (0..people.len()).filter(|cell| !of_total[*cell].is_empty()).collect();
    let mut open: Vec<bool> = of_total.iter().map(|parts| !parts.is_empty()).collect();
    // Parts before their totals; what is a part of itself stays as it is, and is refused with the table.
    loop {
        let ready = |cell: &usize| of_total[*cell].iter().all(|parts| parts.iter().all(|p| !open[*p]));
        let (now, later): (Vec<usize>, Vec<usize>) = waiting.into_iter().partition(ready);
        if now.is_empty() {
            return people;
        }
        for total in now {
            let sums = of_total[total]
                .iter()
                .map(|parts| parts.iter().map(|p| people[*p]).sum());
            let sum: u64 = sums.min().unwrap_or(u64::MAX);
            let greatest = of_total[total]
                .iter()
                .flat_map(|parts| parts.iter().map(|p| people[*p]))
                .max();
            people[total] = people[total].min(sum).max(greatest.unwrap_or(0));
            open[total] = false;
        }
        waiting = later;
    }
}
