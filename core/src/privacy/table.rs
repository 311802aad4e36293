//! Owns tables of counts of people: cells, and the relations between totals and their parts.

use crate::error::{SqlState, TallyError};

/// A total and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The cell that holds the total.
    pub total: usize,
    /// The cells that it is made of.
    pub parts: Vec<usize>,
    /// Whether the parts add up. Distinct people do not, where one person may be in two parts: then the total is at least the
    /// greatest part and at most the sum.
    pub adds: bool,
}

/// A linear row over the cells: the sum of `terms` is 0, or at most 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Cell and coefficient (1 or -1).
    pub terms: Vec<(usize, i64)>,
    /// Whether the sum is exactly 0.
    pub exact: bool,
}

/// Counts of distinct people and what ties them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// How many people are in each cell.
    pub people: Vec<u64>,
    /// The relations.
    pub relations: Vec<Relation>,
    /// The least that each cell may hold when it is hidden, as everybody knows: 1 where zeros are published.
    pub floors: Vec<u64>,
}

/// Most people of a cell: whole numbers up to here are exact in the solver.
pub const MOST_PEOPLE: u64 = i32::MAX as u64;

impl Table {
    /// A table whose numbers keep to its relations.
    pub fn new(people: Vec<u64>, relations: Vec<Relation>) -> Result<Table, TallyError> {
        let cells = people.len();
        let table = Table {
            people,
            relations,
            floors: vec![1; cells],
        };
        if let Some(cell) = table.people.iter().position(|n| *n > MOST_PEOPLE) {
            return Err(bad(format!(
                "people of a cell expected in 0 to {MOST_PEOPLE}, got {} in cell {}",
                table.people[cell],
                cell + 1
            )));
        }
        for (n, relation) in table.relations.iter().enumerate() {
            let mut named: Vec<usize> = relation.parts.clone();
            named.push(relation.total);
            if let Some(cell) = named.iter().find(|cell| **cell >= cells) {
                return Err(bad(format!(
                    "relation {} names cell {}, expected 1 to {cells}",
                    n + 1,
                    cell.wrapping_add(1)
                )));
            }
            named.sort_unstable();
            if relation.parts.is_empty() || named.windows(2).any(|w| w[0] == w[1]) {
                return Err(bad(format!(
                    "relation {} needs a total and at least one part, each cell once",
                    n + 1
                )));
            }
            let total = table.people[relation.total];
            let sum: u64 = relation.parts.iter().map(|p| table.people[*p]).sum();
            let most = relation.parts.iter().map(|p| table.people[*p]).max().unwrap_or(0);
            let fits = if relation.adds {
                total == sum
            } else {
                most <= total && total <= sum
            };
            if !fits {
                let expected = if relation.adds {
                    format!("{sum}")
                } else {
                    format!("{most} to {sum}")
                };
                return Err(bad(format!(
                    "relation {}: total expected as {expected}, got {total}",
                    n + 1
                )));
            }
        }
        Ok(table)
    }

    /// The relations as linear rows.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for relation in &self.relations {
            let mut terms: Vec<_> = relation.parts.iter().map(|p| (*p, -1)).collect();
            terms.push((relation.total, 1));
            rows.push(Row {
                terms,
                exact: relation.adds,
            });
            if !relation.adds {
                rows.extend(relation.parts.iter().map(|p| Row {
                    terms: vec![(*p, 1), (relation.total, -1)],
                    exact: false,
                }));
            }
        }
        rows
    }
}

fn bad(message: String) -> TallyError {
    TallyError::new(SqlState::InvalidParameterValue, message)
        .detail("A table is a count of people for each cell, and relations: a total, its parts, and whether the parts add up.")
        .hint("SELECT * FROM tally.hide_cells('{3,20,23}', '[{\"total\": 3, \"parts\": [1, 2]}]', 10);")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(total: usize, parts: &[usize], adds: bool) -> Relation {
        Relation {
            total,
            parts: parts.to_vec(),
            adds,
        }
    }

    #[test]
    fn numbers_must_keep_to_their_relations() {
        assert!(Table::new(vec![1, 2, 3], vec![relation(2, &[0, 1], true)]).is_ok());
        assert!(Table::new(vec![1, 2, 4], vec![relation(2, &[0, 1], true)]).is_err());
        // One person in both parts.
        assert!(Table::new(vec![1, 2, 2], vec![relation(2, &[0, 1], false)]).is_ok());
        assert!(Table::new(vec![1, 2, 1], vec![relation(2, &[0, 1], false)]).is_err());
        assert!(Table::new(vec![1, 2], vec![relation(2, &[0, 1], false)]).is_err());
        assert!(Table::new(vec![1], vec![relation(0, &[0], true)]).is_err());
    }
}
