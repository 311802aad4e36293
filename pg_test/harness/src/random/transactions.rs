//! Owns the transactions of a sequence: open and prepared ones, subtransactions, a reader that keeps its snapshot.

use super::{Sequence, Who};
use crate::server::words_of;

impl Sequence<'_> {
    /// The holder begins a transaction, goes on with it, or ends it.
    pub(super) fn hold(&mut self) -> Result<(), String> {
        if !self.holding {
            let level = *self.rng.one(&[
                "",
                " ISOLATION LEVEL READ COMMITTED",
                " ISOLATION LEVEL REPEATABLE READ",
                " ISOLATION LEVEL SERIALIZABLE",
            ]);
            self.execute(Who::Holder, &format!("BEGIN{level}"))?;
            self.holding = true;
            self.holder_isolated = self.holder_level()? != "read committed";
        } else if self.rng.percent(35) {
            return self.end_holder();
        }
        let sql = self.source.change(&mut self.rng, 1);
        match self.rng.below(4) {
            // A subtransaction that is undone takes its marks along; the rows after it need marks of their own.
            0 => {
                let undone = self.source.change(&mut self.rng, 1);
                self.execute(
                    Who::Holder,
                    &format!("SAVEPOINT a; {undone}; ROLLBACK TO a; {sql}; RELEASE a"),
                )?;
            }
            1 => {
                let rows = self.rng.below(9) + 1;
                self.copy(Who::Holder, 1, rows)?;
            }
            _ => self.execute(Who::Holder, &sql)?,
        }
        // The live view is exact inside the transaction too. (A writer without rights in tally cannot look.)
        if self.holder_role()? != "tally_scribe" {
            self.check(Who::Holder, false)
        } else {
            Ok(())
        }
    }

    fn holder_role(&mut self) -> Result<String, String> {
        let row = self.on.holder.query_one("SELECT current_user::text", &[]);
        row.map(|r| r.get(0)).map_err(|e| words_of(&e))
    }

    fn holder_level(&mut self) -> Result<String, String> {
        let row = self.on.holder.query_one("SHOW transaction_isolation", &[]);
        row.map(|r| r.get(0)).map_err(|e| words_of(&e))
    }

    pub(super) fn end_holder(&mut self) -> Result<(), String> {
        if self.holding {
            let end = *self.rng.one(&["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"]);
            self.execute(Who::Holder, end)?;
            self.holding = false;
            self.holder_refreshed = false;
        }
        Ok(())
    }

    pub(super) fn prepare(&mut self) -> Result<(), String> {
        if self.prepared.is_some() {
            return self.end_prepared();
        }
        let (one, two) = (
            self.source.change(&mut self.rng, 2),
            self.source.change(&mut self.rng, 2),
        );
        let name = format!("tally_proof_{}_{}", self.seed, self.log.len());
        self.execute(
            Who::Preparer,
            &format!("BEGIN; {one}; {two}; PREPARE TRANSACTION '{name}'"),
        )?;
        self.prepared = Some(name);
        Ok(())
    }

    pub(super) fn end_prepared(&mut self) -> Result<(), String> {
        if let Some(name) = self.prepared.take() {
            let end = *self.rng.one(&["COMMIT", "COMMIT", "ROLLBACK"]);
            // Only who has prepared it may end it, or a superuser.
            self.execute(Who::Preparer, &format!("{end} PREPARED '{name}'"))?;
        }
        Ok(())
    }

    pub(super) fn subtransactions(&mut self) -> Result<(), String> {
        let changes: Vec<String> = (0..3).map(|_| self.source.change(&mut self.rng, 0)).collect();
        let back_to = *self.rng.one(&["a", "b"]);
        self.execute(
            Who::Writer,
            &format!(
                "BEGIN; SAVEPOINT a; {}; SAVEPOINT b; {}; ROLLBACK TO {}; {}; COMMIT",
                changes[0], changes[1], back_to, changes[2]
            ),
        )
    }

    /// A refresh in the holder's open transaction: it holds the rollups' locks from then on.
    pub(super) fn refresh_inside(&mut self) -> Result<(), String> {
        if self.holding {
            // In an older snapshot a refresh may meet rows that others wrote since: a serialization failure, as it should be.
            if self.holder_role()? != "tally_scribe" && !self.holder_isolated {
                self.remember(Who::Holder)?;
                self.execute(Who::Holder, "SELECT tally.refresh()")?;
                self.holder_refreshed = true;
                self.check(Who::Holder, true)?;
            }
        }
        Ok(())
    }

    /// The reader takes a snapshot, looks into it again later, or lets it go. What it sees agrees with itself throughout.
    pub(super) fn read(&mut self) -> Result<(), String> {
        if !self.reading {
            let level = *self.rng.one(&["REPEATABLE READ", "SERIALIZABLE"]);
            self.execute(Who::Reader, &format!("BEGIN ISOLATION LEVEL {level}"))?;
            self.reading = true;
        }
        self.check(Who::Reader, false)?;
        if self.rng.percent(50) {
            self.end_reader()
        } else {
            Ok(())
        }
    }

    pub(super) fn end_reader(&mut self) -> Result<(), String> {
        if self.reading {
            self.check(Who::Reader, false)?;
            self.execute(Who::Reader, "COMMIT")?;
            self.reading = false;
        }
        Ok(())
    }
}
