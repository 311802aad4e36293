//! Owns the operations of a sequence on rollups: refreshes, backfills, definitions that come and go, history that is frozen.
//! Transactions that stay open are in `transactions`.

use super::{Sequence, Who};
use crate::definition::Rollup;

impl Sequence<'_> {
    /// A refresh of everything, or of one rollup and those below, after which the stored rows equal the definition.
    pub(super) fn refresh(&mut self) -> Result<(), String> {
        if self.holder_refreshed {
            return Ok(());
        }
        self.remember(Who::Writer)?;
        match self.rng.below(4) {
            0 => {
                let there: Vec<usize> = (0..self.rollups.len()).filter(|&i| self.rollups[i].is_some()).collect();
                let Some(&chosen) = there.get(self.rng.below(there.len() as u64) as usize) else {
                    return Ok(());
                };
                let sql = format!(
                    "SELECT tally.refresh('{}')",
                    self.rollups[chosen].as_ref().map_or("", |r| &r.name)
                );
                self.execute(Who::Writer, &sql)?;
                let mut at = Some(chosen);
                while let Some(i) = at {
                    self.check_one(Who::Writer, i, true)?;
                    at = self.rollups[i].as_ref().and_then(|r| r.parent);
                }
                Ok(())
            }
            1 => {
                self.execute(Who::Writer, "CALL tally.refresh_scheduled('*/5 * * * *')")?;
                self.check(Who::Writer, true)
            }
            2 => {
                self.execute(Who::Writer, "CALL tally.backfill(batch_rows => 20)")?;
                self.check(Who::Writer, true)
            }
            _ => {
                self.refresh_all()?;
                self.check(Who::Writer, true)
            }
        }
    }

    pub(super) fn refresh_all(&mut self) -> Result<(), String> {
        let sql = "SELECT * FROM tally.refresh()";
        self.say(Who::Writer, sql);
        let rows = self.attempt(Who::Writer, sql, |client| client.query(sql, &[]))?;
        for row in rows.unwrap_or_default() {
            if let Some(error) = row.get::<_, Option<String>>("error") {
                return Err(format!("refresh of {}: {error}", row.get::<_, String>("rollup")));
            }
        }
        Ok(())
    }

    /// A range marked by hand, and of the backfill only some batches, so that the live view must join both worlds.
    pub(super) fn backfill(&mut self) -> Result<(), String> {
        if self.holder_refreshed || self.frozen.is_some() {
            return Ok(());
        }
        let names: Vec<(String, bool)> = self
            .rollups
            .iter()
            .flatten()
            .map(|r| (r.name.clone(), r.keyed))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let (name, keyed) = self.rng.one(&names).clone();
        if keyed {
            self.execute(Who::Writer, &format!("SELECT tally.repair('{name}')"))?;
            self.check(Who::Writer, false)?;
            return self.execute(Who::Writer, &format!("CALL tally.backfill('{name}')"));
        }
        let span = *self.rng.one(&[
            "",
            ", since => '2026-03-29 10:00+00'",
            ", until => '2026-10-25 12:00+00'",
        ]);
        self.execute(Who::Writer, &format!("SELECT tally.repair('{name}'{span})"))?;
        self.check(Who::Writer, false)?;
        for _ in 0..self.rng.below(3) {
            self.execute(
                Who::Writer,
                &format!("SELECT tally_internal._backfill_unit((SELECT id FROM tally.rollups WHERE name = '{name}'), 7, now())"),
            )?;
            self.check(Who::Writer, false)?;
        }
        Ok(())
    }

    pub(super) fn create_rollup(&mut self) -> Result<(), String> {
        // On the source, or on a rollup; stacks that change between keys and time more than once are planned in another way.
        let most = if self.rng.percent(30) { 5 } else { 2 };
        let deep = |i: usize| {
            let mut levels = 1;
            let mut at = self.rollups[i].as_ref().and_then(|r| r.parent);
            while let Some(p) = at {
                levels += 1;
                at = self.rollups[p].as_ref().and_then(|r| r.parent);
            }
            levels
        };
        let low: Vec<usize> = (0..self.rollups.len())
            .filter(|&i| self.rollups[i].as_ref().is_some_and(Rollup::carries) && deep(i) < most)
            .collect();
        let parent = if low.is_empty() || self.rng.percent(40) {
            None
        } else {
            Some(*self.rng.one(&low))
        };
        let name = format!("r{}_{}", self.seed, self.made);
        self.made += 1;
        // `random` looks at the parents only, but by their places.
        let others: Vec<Rollup> = self.rollups.iter().map(|r| r.clone().unwrap_or_default()).collect();
        let mut rollup = Rollup::random(
            &mut self.rng,
            name,
            &self.source.name,
            self.source.time_type,
            &others,
            parent,
        );
        if !rollup.keyed && self.rng.percent(25) {
            rollup.keep_emptied();
        }
        let sql = rollup.create.clone();
        self.execute(Who::Writer, &sql)?;
        self.rollups.push(Some(rollup));
        Ok(())
    }

    /// Rollups that no other stands on.
    fn leaves(&self) -> Vec<usize> {
        (0..self.rollups.len())
            .filter(|&i| self.rollups[i].is_some() && !self.rollups.iter().flatten().any(|r| r.parent == Some(i)))
            .collect()
    }

    /// A measure more or less, of a rollup on the source that no other stands on.
    pub(super) fn alter_rollup(&mut self) -> Result<(), String> {
        let open: Vec<usize> = (self.leaves().into_iter())
            .filter(|&i| {
                self.rollups[i]
                    .as_ref()
                    .is_some_and(|r| r.parent.is_none() && r.alterable())
            })
            .collect();
        if open.is_empty() || self.frozen.is_some() {
            return Ok(());
        }
        let chosen = *self.rng.one(&open);
        let Some(mut rollup) = self.rollups[chosen].take() else {
            return Ok(());
        };
        let sql = rollup.alter(&mut self.rng);
        self.rollups[chosen] = Some(rollup);
        self.execute(Who::Writer, &sql)
    }

    /// The history of all rollups is frozen before a moment: from then on its raw rows may change or go, and the rollups are of
    /// those that there were. Where the rollups have no such moment in common, or need old rows, it is refused, and nothing happens.
    pub(super) fn freeze(&mut self) -> Result<(), String> {
        let needs_old = self.rollups.iter().flatten().any(|r| r.keyed || r.looks_back);
        if self.busy() || self.frozen.is_some() || needs_old || self.source.time_type != "timestamptz" {
            return Ok(());
        }
        self.refresh_all()?;
        let name = self.source.name.clone();
        let sql = format!(
            "SELECT (extract(epoch FROM tally.freeze_source('{name}', before => '{}+00')) * 1000000)::bigint",
            self.source.past()
        );
        self.say(Who::Writer, &sql);
        let Ok(row) = self.on.writer.query_one(&sql, &[]) else {
            self.log.push("/* refused */".to_string());
            return Ok(());
        };
        let horizon = crate::time::text(row.get(0));
        let kept = format!("s{}.kept", self.seed);
        self.execute(
            Who::Writer,
            &format!("CREATE TABLE {kept} AS SELECT * FROM {name} WHERE t < '{horizon}+00'"),
        )?;
        self.frozen = Some(format!(
            "(TABLE {kept} UNION ALL SELECT * FROM {name} WHERE t >= '{horizon}+00') frozen_and_live"
        ));
        Ok(())
    }

    pub(super) fn drop_rollup(&mut self) -> Result<(), String> {
        let leaves = self.leaves();
        if leaves.is_empty() {
            return Ok(());
        }
        let chosen = *self.rng.one(&leaves);
        if let Some(rollup) = self.rollups[chosen].take() {
            self.execute(Who::Writer, &rollup.drop())?;
        }
        Ok(())
    }
}
