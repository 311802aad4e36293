//! Owns the memory of which buckets and keys the running transaction has marked, so that a million rows of one hour leave
//! one mark.
//!
//! The memory is as wide as the buckets a transaction touches (of keys a bounded number, since a transaction may touch
//! millions), and forgotten with the transaction. What a rolled-back
//! subtransaction marked is forgotten with it, because its marks are rolled back too.

use std::collections::HashMap;

/// A rollup's number and a bucket's start in microseconds from PostgreSQL's epoch.
pub type Mark = (i32, i64);

/// How many buckets of one rollup a transaction marks one by one. Beyond it the rollup is marked as a whole: reading so many
/// buckets one by one costs more than reading all, and nobody can fill the disk with forged marks.
pub const MOST_BUCKETS: usize = 100_000;

/// The same for keys, which are cheaper to compute one by one than the whole of a large source.
pub const MOST_KEYS: usize = 1_000_000;

/// How many keys are remembered: about 10 MB. Beyond it the memory begins anew, and a key may be marked twice.
const REMEMBERED_KEYS: usize = 100_000;

/// Stands for all buckets or keys of a rollup among its marks; no bucket starts here.
const ALL: i64 = i64::MIN;

/// What is left to write for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Nothing: it is marked already.
    Nothing,
    /// A mark of this bucket or key.
    One,
    /// One mark of the whole rollup.
    All,
}

/// Marks written by the running transaction.
#[derive(Default)]
pub struct Marked {
    marks: HashMap<Mark, u32>,
    keys: HashMap<(i32, Box<[u8]>), u32>,
    /// How many marks of each rollup were written.
    written: HashMap<i32, usize>,
    generation: u64,
}

impl Marked {
    /// Counts up whenever marks are forgotten: whoever keeps a copy of "already marked" compares it.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether all of a rollup is marked.
    pub fn has_all(&self, rollup: i32) -> bool {
        self.marks.contains_key(&(rollup, ALL))
    }

    /// Counts a mark of a rollup that is to be written: by itself, or the whole rollup where there are too many.
    fn count(&mut self, rollup: i32, most: usize, subtransaction: u32) -> Write {
        let written = self.written.entry(rollup).or_default();
        *written += 1;
        if *written <= most {
            return Write::One;
        }
        self.marks.insert((rollup, ALL), subtransaction);
        Write::All
    }

    /// Remembers a mark as made by a subtransaction, and says what is left to write.
    pub fn insert(&mut self, mark: Mark, subtransaction: u32) -> Write {
        if self.has_all(mark.0) || self.marks.contains_key(&mark) {
            return Write::Nothing;
        }
        let write = self.count(mark.0, MOST_BUCKETS, subtransaction);
        if write == Write::One {
            self.marks.insert(mark, subtransaction);
        }
        write
    }

    /// As [`insert`](Self::insert), of a rollup's key in whatever bytes stand for it.
    pub fn insert_key(&mut self, rollup: i32, key: &[u8], subtransaction: u32) -> Write {
        let key = (rollup, key.into());
        if self.has_all(rollup) || self.keys.contains_key(&key) {
            return Write::Nothing;
        }
        let write = self.count(rollup, MOST_KEYS, subtransaction);
        if write == Write::One {
            if self.keys.len() >= REMEMBERED_KEYS {
                self.keys = HashMap::new();
            }
            self.keys.insert(key, subtransaction);
        }
        write
    }

    /// Remembers that all of a rollup is marked by a subtransaction, and says what is left to write.
    pub fn insert_all(&mut self, rollup: i32, subtransaction: u32) -> Write {
        if self.has_all(rollup) {
            return Write::Nothing;
        }
        self.marks.insert((rollup, ALL), subtransaction);
        Write::All
    }

    /// Forgets everything: at the end of a transaction, and when a refresh has taken marks away within it.
    pub fn forget(&mut self) {
        self.marks = HashMap::new();
        self.keys = HashMap::new();
        self.written = HashMap::new();
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
        assert_eq!(marked.insert((1, 0), 1), Write::One);
        assert_eq!(marked.insert((1, 0), 1), Write::Nothing);
        assert_eq!(marked.insert((2, 0), 1), Write::One);
        marked.forget();
        assert_eq!(marked.insert((1, 0), 1), Write::One);
    }

    #[test]
    fn keys_are_remembered_up_to_a_bound_and_never_taken_for_marked_when_they_are_not() {
        let mut marked = Marked::default();
        for i in 0..REMEMBERED_KEYS {
            assert_eq!(marked.insert_key(1, &i.to_le_bytes(), 1), Write::One);
            assert_eq!(marked.insert_key(1, &i.to_le_bytes(), 1), Write::Nothing);
        }
        assert_eq!(marked.insert_key(1, b"one more", 2), Write::One);
        assert_eq!(
            marked.insert_key(1, &0usize.to_le_bytes(), 1),
            Write::One,
            "forgotten, so marked again"
        );
        assert_eq!(marked.insert_key(2, b"one more", 1), Write::One, "of another rollup");
        marked.forget_since(2);
        assert_eq!(marked.insert_key(1, b"one more", 2), Write::One);
        assert_eq!(marked.insert_key(2, b"one more", 2), Write::Nothing);
    }

    #[test]
    fn too_many_marks_of_one_rollup_become_one_of_the_whole() {
        let mut marked = Marked::default();
        for i in 0..MOST_BUCKETS {
            assert_eq!(marked.insert((1, i as i64), 1), Write::One);
        }
        assert_eq!(marked.insert((1, 0), 2), Write::Nothing);
        assert_eq!(marked.insert((1, -1), 2), Write::All);
        assert_eq!(marked.insert((1, -2), 2), Write::Nothing);
        assert!(marked.has_all(1) && !marked.has_all(2));
        assert_eq!(marked.insert((2, -2), 2), Write::One);
        marked.forget_since(2);
        assert_eq!(marked.insert((1, -2), 3), Write::All, "rolled back, so written again");
    }

    #[test]
    fn where_the_whole_is_marked_no_key_is() {
        let mut marked = Marked::default();
        assert_eq!(marked.insert_all(1, 2), Write::All);
        assert_eq!(marked.insert_all(1, 2), Write::Nothing);
        assert_eq!(marked.insert_key(1, b"k", 2), Write::Nothing);
        assert_eq!(marked.insert_key(2, b"k", 2), Write::One, "of another rollup");
        marked.forget_since(2);
        assert_eq!(
            marked.insert_key(1, b"k", 3),
            Write::One,
            "rolled back, so written again"
        );
    }

    #[test]
    fn a_rolled_back_subtransaction_takes_its_marks_and_its_childrens_only() {
        let mut marked = Marked::default();
        assert_eq!(marked.insert((1, 10), 1), Write::One);
        assert_eq!(marked.insert((1, 20), 2), Write::One);
        assert_eq!(marked.insert((1, 30), 3), Write::One);
        let before = marked.generation();
        marked.forget_since(2);
        assert_ne!(marked.generation(), before);
        assert_eq!(marked.insert((1, 10), 1), Write::Nothing, "the parent's mark stands");
        assert_eq!(marked.insert((1, 20), 4), Write::One);
        assert_eq!(marked.insert((1, 30), 4), Write::One);
    }
}
