//! Owns the memory of which buckets and keys the running transaction has marked, so that a million rows of one hour leave
//! one mark.
//!
//! The memory is as wide as the buckets a transaction touches (of keys a bounded number, since a transaction may touch
//! millions), and forgotten with the transaction. What a rolled-back
//! subtransaction marked is forgotten with it, because its marks are rolled back too.

use std::collections::HashMap;

/// A rollup's number and a bucket's start in microseconds from PostgreSQL's epoch.
pub type Mark = (i32, i64);

/// How many keys are remembered: about 10 MB. Beyond it the memory begins anew, and a key may be marked twice.
const MOST_KEYS: usize = 100_000;

/// Marks written by the running transaction.
#[derive(Default)]
pub struct Marked {
    marks: HashMap<Mark, u32>,
    keys: HashMap<(i32, Box<[u8]>), u32>,
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

    /// As [`insert`](Self::insert), of a rollup's key in whatever bytes stand for it.
    pub fn insert_key(&mut self, rollup: i32, key: &[u8], subtransaction: u32) -> bool {
        let key = (rollup, key.into());
        if self.keys.contains_key(&key) {
            return false;
        }
        if self.keys.len() >= MOST_KEYS {
            self.keys = HashMap::new();
        }
        self.keys.insert(key, subtransaction);
        true
    }

    /// Forgets everything: at the end of a transaction, and when a refresh has taken marks away within it.
    pub fn forget(&mut self) {
        self.marks = HashMap::new();
        self.keys = HashMap::new();
        self.generation += 1;
    }

    /// Forgets what a rolled-back subtransaction and its children marked. Numbers of subtransactions rise, and one that
    /// began before it has either ended or is an ancestor, so the children are exactly those with a number as high.
    pub fn forget_since(&mut self, subtransaction: u32) {
        self.marks.retain(|_, made_by| *made_by < subtransaction);
        self.keys.retain(|_, made_by| *made_by < subtransaction);
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
    fn keys_are_remembered_up_to_a_bound_and_never_taken_for_marked_when_they_are_not() {
        let mut marked = Marked::default();
        for i in 0..MOST_KEYS {
            assert!(marked.insert_key(1, &i.to_le_bytes(), 1));
            assert!(!marked.insert_key(1, &i.to_le_bytes(), 1));
        }
        assert!(marked.insert_key(1, b"one more", 2));
        assert!(
            marked.insert_key(1, &0usize.to_le_bytes(), 1),
            "forgotten, so marked again"
        );
        assert!(marked.insert_key(2, b"one more", 1), "of another rollup");
        marked.forget_since(2);
        assert!(marked.insert_key(1, b"one more", 2));
        assert!(!marked.insert_key(2, b"one more", 2));
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
