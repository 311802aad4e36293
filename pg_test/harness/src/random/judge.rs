//! Owns what a sequence holds against plain SQL: live views at any moment, stored rows after a refresh.

use super::{Sequence, Who};
use crate::server::words_of;

impl Sequence<'_> {
    /// What rollups that keep emptied buckets hold before a refresh, as a session sees it.
    pub(super) fn remember(&mut self, who: Who) -> Result<(), String> {
        let names: Vec<String> = (self.rollups.iter().flatten())
            .filter(|r| r.keeps)
            .map(|r| r.name.clone())
            .collect();
        for name in names {
            let sql = format!(
                "DROP TABLE IF EXISTS pg_temp.was_{name}; CREATE TEMP TABLE was_{name} AS TABLE s{}.{name}",
                self.seed
            );
            self.execute(who, &sql)?;
        }
        Ok(())
    }

    /// Every live view, and where told so the stored rows, against the definition, as a session sees them. Stored rows are looked at
    /// after a refresh, before which they were remembered.
    pub(super) fn check(&mut self, who: Who, stored: bool) -> Result<(), String> {
        for i in 0..self.rollups.len() {
            if self.rollups[i].is_some() {
                self.check_one(who, i, stored)?;
            }
        }
        Ok(())
    }

    pub(super) fn check_one(&mut self, who: Who, place: usize, stored: bool) -> Result<(), String> {
        let Some(rollup) = &self.rollups[place] else {
            return Ok(());
        };
        let schema = format!("s{}", self.seed);
        let relation = format!("{schema}.{}", rollup.name);
        let mut relations = vec![format!("{relation}_live")];
        if stored {
            relations.push(relation);
        }
        let mut queries = Vec::new();
        for relation in relations {
            let rows = self.frozen.as_deref().unwrap_or(&self.source.name);
            let kept = if stored {
                format!("pg_temp.was_{}", rollup.name)
            } else {
                format!("{schema}.{}", rollup.name)
            };
            let sql = rollup.differences(&relation, rows, Some(&kept));
            queries.push((self.names.said(&sql), relation));
        }
        for (sql, relation) in queries {
            let rows = self
                .attempt(who, &sql, |client| client.query(&sql, &[]))
                .map_err(|e| format!("{e}\n{sql}"))?
                .unwrap_or_default();
            if !rows.is_empty() {
                let lines: Vec<String> = rows.iter().map(|r| r.get::<_, String>(0)).collect();
                return Err(format!(
                    "{relation} is not its definition, as the {who:?} sees it:\n{}\n{sql}",
                    lines.join("\n")
                ));
            }
        }
        Ok(())
    }

    pub(super) fn none(&mut self, sql: &str) -> Result<(), String> {
        let rows = self.on.writer.query(sql, &[]).map_err(|e| words_of(&e))?;
        if let Some(row) = rows.first() {
            Err(row.get(0))
        } else {
            Ok(())
        }
    }
}
