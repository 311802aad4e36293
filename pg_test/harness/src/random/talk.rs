//! Owns how a sequence talks to its sessions: what is sent goes into the log, and what cannot be serialized is done again.

use super::{Sequence, Who};
use crate::server::words_of;
use postgres::Client;
use postgres::error::SqlState;
use std::io::Write;

impl Sequence<'_> {
    pub(super) fn client(&mut self, who: Who) -> &mut Client {
        match who {
            Who::Writer => &mut self.on.writer,
            Who::Holder => &mut self.on.holder,
            Who::Preparer => &mut self.on.preparer,
            Who::Reader => &mut self.on.reader,
        }
    }

    pub(super) fn say(&mut self, who: Who, sql: &str) {
        self.log.push(format!("/* {who:?} */ {sql}"));
    }

    pub(super) fn execute(&mut self, who: Who, sql: &str) -> Result<(), String> {
        let sql = self.names.said(sql);
        self.say(who, &sql);
        self.attempt(who, &sql, |client| client.batch_execute(&sql)).map(|_| ())
    }

    /// Something that a session does. Where PostgreSQL finds that it cannot be serialized, it is done again, as an application does;
    /// the holder's transaction is undone instead, and there is no result.
    pub(super) fn attempt<T>(
        &mut self,
        who: Who,
        sql: &str,
        mut piece: impl FnMut(&mut Client) -> Result<T, postgres::Error>,
    ) -> Result<Option<T>, String> {
        for time in 0..5 {
            let error = match piece(self.client(who)) {
                Ok(result) => return Ok(Some(result)),
                Err(error) => error,
            };
            if error.code() != Some(&SqlState::T_R_SERIALIZATION_FAILURE) {
                return Err(words_of(&error));
            }
            let client = self.client(who);
            client.batch_execute("ROLLBACK").map_err(|e| words_of(&e))?;
            let level: String = client
                .query_one("SHOW default_transaction_isolation", &[])
                .map_err(|e| words_of(&e))?
                .get(0);
            let in_holder = who == Who::Holder && self.holding;
            if level == "read committed" && !sql.contains("ISOLATION LEVEL") && !(in_holder && self.holder_isolated) {
                return Err(words_of(&error));
            }
            self.log.push(format!("/* {who:?} is told to try again */"));
            if who == Who::Holder {
                (self.holding, self.holder_refreshed) = (false, false);
                return Ok(None);
            }
            if time == 2 {
                // Those that are open may be what it fails on.
                self.end_holder()?;
                self.end_prepared()?;
            }
        }
        Err(format!("cannot be serialized, however often it is tried: {sql}"))
    }

    pub(super) fn copy(&mut self, who: Who, writer: i64, rows: u64) -> Result<(), String> {
        let text = self.source.copied(&mut self.rng, writer, rows);
        let sql = format!("COPY {} FROM STDIN", self.source.name);
        self.say(who, &format!("{sql};\n{text}\\."));
        self.attempt(who, &sql, |client| {
            let mut into = client.copy_in(&sql)?;
            // A connection that breaks here is found by finish().
            let _ = into.write_all(text.as_bytes());
            into.finish()
        })
        .map(|_| ())
    }
}
