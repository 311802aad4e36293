//! Owns what must hold after a crash: live views, prepared transactions, the next refresh, and every alert's timeline.

use super::work::{control, one_tick};
use super::{Crash, DATABASE, FIRST_TICK, HOSTS, MOST_ROWS, breached};
use crate::rng::Rng;
use crate::server::words_of;
use postgres::Client;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

impl Crash<'_> {
    /// Everything that must hold after a crash.
    pub(super) fn judge(&mut self, rng: &mut Rng) -> Result<(), String> {
        let mut client = self.restarted()?;
        let errors = self
            .shared
            .errors
            .lock()
            .map(|mut e| std::mem::take(&mut *e))
            .unwrap_or_default();
        if !errors.is_empty() {
            return Err(format!("somebody failed who was not killed: {}", errors.join("; ")));
        }
        self.compare(&mut client, "_live", "right after the restart")?;
        // Prepared transactions have survived: some are ended now, one may go on into the next round.
        let left = client
            .query(
                "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()",
                &[],
            )
            .map_err(|e| words_of(&e))?;
        for row in left {
            let gid: String = row.get(0);
            let end = *rng.one(&["COMMIT", "COMMIT", "ROLLBACK", ""]);
            if !end.is_empty() {
                client
                    .batch_execute(&format!("{end} PREPARED '{gid}'"))
                    .map_err(|e| words_of(&e))?;
            }
        }
        self.compare(&mut client, "_live", "after the prepared transactions")?;
        if rng.percent(50) {
            client
                .batch_execute("SELECT tally.refresh()")
                .map_err(|e| words_of(&e))?;
        } else {
            client
                .batch_execute("CALL tally.backfill(batch_rows => 500)")
                .map_err(|e| words_of(&e))?;
        }
        self.compare(&mut client, "", "after the next refresh")?;
        let left: i64 = client
            .query_one(
                "SELECT (SELECT count(*) FROM tally.dirty) + (SELECT count(*) FROM tally.dirty_ranges)",
                &[],
            )
            .map_err(|e| words_of(&e))?
            .get(0);
        if left > 0 {
            return Err(format!("{left} marks are left after the refresh"));
        }
        self.judge_alerts(&mut client)?;
        for source in &self.sources {
            let rows: i64 = client
                .query_one(&format!("SELECT count(*) FROM {}", source.name), &[])
                .map_err(|e| words_of(&e))?
                .get(0);
            if rows > MOST_ROWS {
                // Not the rows that a prepared transaction holds. Other rows each time: were it always the same fifth that stays, the table
                // would grow for ever, and two hundred rounds took twenty minutes.
                let sql = format!(
                    "WITH gone AS (SELECT ctid, tableoid FROM {0} WHERE hashint8extended(id, {1}) % 5 <> 0 FOR UPDATE SKIP LOCKED) DELETE \
                    FROM {0} e USING gone g WHERE e.ctid = g.ctid AND e.tableoid = g.tableoid",
                    source.name,
                    self.shared.tick.load(Ordering::SeqCst)
                );
                client.batch_execute(&sql).map_err(|e| words_of(&e))?;
            }
        }
        Ok(())
    }

    /// A session of the server, once it is up again.
    fn restarted(&self) -> Result<Client, String> {
        control("start")?;
        let began = Instant::now();
        loop {
            match self.server.try_connect(DATABASE) {
                Ok(client) => return Ok(client),
                Err(error) if began.elapsed() > Duration::from_secs(60) => {
                    return Err(format!("the server does not come back: {}", words_of(&error)));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn compare(&self, client: &mut Client, suffix: &str, when: &str) -> Result<(), String> {
        for (source, rollup) in &self.rollups {
            let relation = format!("c{source}.{}{suffix}", rollup.name);
            let sql = rollup.differences(&relation, &self.sources[*source].name, None);
            let rows = client
                .query(&sql, &[])
                .map_err(|e| format!("{}\n{sql}", words_of(&e)))?;
            if !rows.is_empty() {
                let lines: Vec<String> = rows.iter().map(|r| r.get::<_, String>(0)).collect();
                return Err(format!(
                    "{relation} is not its definition {when}:\n{}\n{}\n{sql}",
                    lines.join("\n"),
                    rollup.create
                ));
            }
        }
        Ok(())
    }

    /// The tick that was cut off is evaluated again, twice; then each breach must have one incident with the right times, one
    /// entry and one message for its opening and for its recovery.
    fn judge_alerts(&self, client: &mut Client) -> Result<(), String> {
        let tick = self.shared.tick.load(Ordering::SeqCst);
        for _ in 0..2 {
            one_tick(client, tick).map_err(|e| words_of(&e))?;
        }
        self.shared.tick.store(tick + 1, Ordering::SeqCst);
        let mut expected: Vec<String> = Vec::new();
        let (mut openings, mut recoveries) = (0, 0);
        for t in 1..=tick {
            if breached(t) && !breached(t - 1) {
                openings += HOSTS;
                let end = (t..=tick).find(|&e| !breached(e));
                recoveries += if end.is_some() { HOSTS } else { 0 };
                expected.push(format!(
                    "{t} {} {HOSTS}",
                    end.map_or_else(|| "open".to_string(), |e| e.to_string())
                ));
            }
        }
        let minutes = |column: &str| format!("(extract(epoch FROM {column} - {FIRST_TICK}) / 60)::int");
        let sql = format!(
            "SELECT {0} || ' ' || COALESCE({1}::text, \
            'open') || ' ' || count(DISTINCT labels) || CASE WHEN count(*) > count(DISTINCT labels) THEN ' doubled' ELSE '' END \
            FROM tally.incidents GROUP BY {0}, {1} ORDER BY {0}, {1}",
            minutes("opened_at"),
            minutes("recovered_at")
        );
        let got: Vec<String> = client
            .query(&sql, &[])
            .map_err(|e| words_of(&e))?
            .iter()
            .map(|r| r.get(0))
            .collect();
        if got != expected {
            let odd: Vec<&String> = got.iter().filter(|g| !expected.contains(g)).collect();
            let missing: Vec<&String> = expected.iter().filter(|e| !got.contains(e)).collect();
            return Err(format!(
                "incidents (tick opened, tick recovered, label sets) are wrong at tick {tick}: unexpected {odd:?}, missing {missing:?}"
            ));
        }
        for (what, sql, expected) in [
            (
                "entries 'opened'",
                "SELECT count(*) FROM tally.incident_events WHERE event = 'opened'",
                openings,
            ),
            (
                "entries 'recovered'",
                "SELECT count(*) FROM tally.incident_events WHERE event = 'recovered'",
                recoveries,
            ),
            (
                "messages of openings",
                "SELECT count(*) FROM tally.notifications WHERE events #>> '{0,event}' = 'opened'",
                openings,
            ),
            (
                "messages of recoveries",
                "SELECT count(*) FROM tally.notifications WHERE events #>> '{0,event}' = 'recovered'",
                recoveries,
            ),
        ] {
            let got: i64 = client.query_one(sql, &[]).map_err(|e| words_of(&e))?.get(0);
            if got != expected {
                return Err(format!("{got} {what} at tick {tick}, expected {expected}"));
            }
        }
        Ok(())
    }
}
