//! Owns the memory of which buckets the running transaction has marked, so that a million rows of one hour leave one
//! mark.
//!
//! The memory is as wide as the buckets a transaction touches, and forgotten with the transaction. What a rolled-back
//! subtransaction marked is forgotten with it, because its marks are rolled back too.

use std::collections::HashMap;

/// A rollup's number and a bucket's start in microseconds from PostgreSQL's epoch.
pub type Mark = (i32, i64);

/// Marks written by the running transaction.
#[derive(Default)]
pub struct Marked {
    marks: HashMap<Mark, u32>,
    generation: u64,
}

impl Marked {
    /// Counts up whenever marks are forgotten: whoever keeps a copy of "already marked" compares it.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Remembers a mark as made by a subtransaction; true where it was not there before and has to be written.
    pub fn insert(&mut self, mark: Mark, subtransaction: u32) -> bool {
        match self.marks.entry(mark) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(subtransaction);
                true
            }
        }
    }

    /// Forgets everything: at the end of a transaction, and when a refresh has taken marks away within it.
    pub fn forget(&mut self) {
        self.marks = HashMap::new();
        self.generation += 1;
    }

    /// Forgets what a rolled-back subtransaction and its children marked. Numbers of subtransactions rise, and one that
    /// began before it has either ended or is an ancestor, so the children are exactly those with a number as high.
    pub fn forget_since(&mut self, subtransaction: u32) {
        self.marks.retain(|_, made_by| *made_by < subtransaction);
        self.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_written_once_until_forgotten() {
        let mut marked = Marked::default();
        assert!(marked.insert((1, 0), 1));
        assert!(!marked.insert((1, 0), 1));
        assert!(marked.insert((2, 0), 1));
        marked.forget();
        assert!(marked.insert((1, 0), 1));
    }

    #[test]
    fn a_rolled_back_subtransaction_takes_its_marks_and_its_childrens_only() {
        let mut marked = Marked::default();
        assert!(marked.insert((1, 10), 1));
        assert!(marked.insert((1, 20), 2));
        assert!(marked.insert((1, 30), 3));
        let before = marked.generation();
        marked.forget_since(2);
        assert_ne!(marked.generation(), before);
        assert!(!marked.insert((1, 10), 1), "the parent's mark stands");
        assert!(marked.insert((1, 20), 4));
        assert!(marked.insert((1, 30), 4));
    }
}
