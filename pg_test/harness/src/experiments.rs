//! Owns the random test of experiments: random experiments and metrics over random tables, random changes of exposures and events,
//! and after each of them the report and the health against plain SQL over the tables, before and after refreshes.

mod caps;
mod define;
mod events;
mod judge;
mod oracle;
mod verdict;
mod world;

use crate::rng::Rng;
use crate::server::{Server, words_of};
use define::{Experiment, Metric};
use oracle::Asked;
use postgres::Client;
use world::World;

/// The sessions of a sequence. The writer commits at once; the other one keeps transactions and snapshots open.
pub struct Sessions {
    server: Server,
    database: String,
    writer: Client,
    other: Client,
}

impl Sessions {
    /// Two sessions of one database.
    pub fn new(server: &Server, database: &str) -> Self {
        Sessions {
            server: server.clone(),
            database: database.to_string(),
            writer: server.connect(database),
            other: server.connect(database),
        }
    }
}

/// One sequence: its tables, what is defined on them, and what was done so far.
pub struct Sequence {
    rng: Rng,
    schema: String,
    world: World,
    metrics: Vec<Metric>,
    experiments: Vec<Experiment>,
    made: usize,
    /// Whether the other session is in a transaction, and the tables as it knows them, if it reads an old snapshot.
    open: bool,
    snapshot: bool,
    log: Vec<String>,
}

/// Plays the sequence of a seed in a database; the error is the story of what went wrong.
pub fn play(seed: u64, on: &mut Sessions) -> Result<(), String> {
    let mut rng = Rng::new(seed ^ 0xE0E0);
    let schema = format!("s{seed}");
    let (world, make) = World::random(&mut rng, &schema);
    let mut sequence = Sequence {
        rng,
        schema: schema.clone(),
        world,
        metrics: Vec::new(),
        experiments: Vec::new(),
        made: 0,
        open: false,
        snapshot: false,
        log: Vec::new(),
    };
    let result = sequence
        .run(on, make)
        .map_err(|error| format!("{}\n{error}", sequence.log.join(";\n")));
    let left = clear(on, &schema);
    result.and(left.map_err(|error| format!("{}\n{error}", sequence.log.join(";\n"))))
}

/// Drops all that a sequence made. What cannot be dropped is a failure too, and the next sequence would meet it.
fn clear(on: &mut Sessions, schema: &str) -> Result<(), String> {
    for client in [&mut on.other, &mut on.writer] {
        let _ = client.batch_execute("ROLLBACK");
        client.batch_execute("DISCARD ALL").map_err(|e| words_of(&e))?;
    }
    for sql in [
        "SET client_min_messages = error".to_string(),
        "SELECT tally.drop_experiment(schema || '.' || name) FROM tally.experiments".to_string(),
        "SELECT tally.drop_experiment_metric(schema || '.' || name) FROM tally.experiment_metrics".to_string(),
        format!("DROP SCHEMA {schema} CASCADE"),
        "RESET ALL".to_string(),
    ] {
        on.writer
            .batch_execute(&sql)
            .map_err(|e| format!("after the sequence: {sql}\n{}", words_of(&e)))?;
    }
    let left: i64 = on
        .writer
        .query_one(
            "SELECT (SELECT count(*) FROM tally.rollups) + (SELECT count(*) FROM tally.experiment_metrics)",
            &[],
        )
        .map_err(|e| words_of(&e))?
        .get(0);
    if left > 0 {
        return Err(format!(
            "after the sequence: {left} rollups and metrics are left of dropped experiments"
        ));
    }
    Ok(())
}

impl Sequence {
    fn execute(&mut self, client: &mut Client, sql: &str) -> Result<(), String> {
        self.log.push(sql.to_string());
        client.batch_execute(sql).map_err(|e| words_of(&e))
    }

    fn run(&mut self, on: &mut Sessions, make: Vec<String>) -> Result<(), String> {
        for sql in make.into_iter().chain(self.world.fill(&mut self.rng)) {
            self.execute(&mut on.writer, &sql)?;
        }
        for client in [&mut on.writer, &mut on.other] {
            if let Some(by_path) = on.server.connect_by_path(&on.database, &self.schema) {
                *client = by_path;
            }
            // What is refreshed at a level that may be told to try again is the business of the test of rollups.
            let settings = crate::settings::drawn(&mut self.rng)
                .replace("'serializable'", "'read committed'")
                .replace("'repeatable read'", "'read committed'");
            let path = format!("SET search_path = {}", self.schema);
            self.execute(client, &format!("{settings}; {path}"))?;
        }
        self.define(&mut on.writer)?;
        self.check(&mut on.writer)?;
        for _ in 0..5 + self.rng.below(5) {
            self.step(on)?;
            self.check(&mut on.writer)?;
        }
        self.close(&mut on.other)?;
        self.refresh(&mut on.writer)?;
        self.check(&mut on.writer)
    }

    /// One random operation.
    fn step(&mut self, on: &mut Sessions) -> Result<(), String> {
        match self.rng.below(17) {
            0..5 => {
                let sql = self.world.change(&mut self.rng);
                self.execute(&mut on.writer, &sql)
            }
            5..9 => self.refresh(&mut on.writer),
            9 if !self.open => self.define(&mut on.writer),
            10 if !self.open => {
                let sql = self.world.truncate(&mut self.rng);
                self.execute(&mut on.writer, &sql)
            }
            11 if !self.open => {
                let sql = self.world.rename(&mut self.rng);
                self.execute(&mut on.writer, &sql)
            }
            12 if !self.open && self.experiments.len() > 1 => {
                let place = self.rng.below(self.experiments.len() as u64) as usize;
                let gone = self.experiments.remove(place);
                self.execute(
                    &mut on.writer,
                    &format!("SELECT tally.drop_experiment('{}')", gone.name),
                )
            }
            13 if !self.open => {
                // A snapshot that stays while the tables change and are refreshed.
                self.execute(&mut on.other, "BEGIN ISOLATION LEVEL REPEATABLE READ")?;
                (self.open, self.snapshot) = (true, true);
                self.check(&mut on.other)
            }
            14 if !self.open => {
                let sql = self.world.change(&mut self.rng);
                self.execute(&mut on.other, &format!("BEGIN; {sql}"))?;
                self.open = true;
                self.check(&mut on.other)
            }
            15 if self.open => self.close(&mut on.other),
            16 if !self.open && !self.experiments.is_empty() => {
                let place = self.rng.below(self.experiments.len() as u64) as usize;
                let as_of = if self.rng.percent(50) {
                    "now".to_string()
                } else {
                    self.moment()
                };
                caps::moved(&mut on.writer, self, place, &as_of)
            }
            _ => {
                let (one, two) = (self.world.change(&mut self.rng), self.world.change(&mut self.rng));
                if self.open && !self.snapshot {
                    // Two writers may wait for each other's rows.
                    self.close(&mut on.other)?;
                }
                self.execute(
                    &mut on.writer,
                    &format!("BEGIN; {one}; SAVEPOINT a; {two}; ROLLBACK TO a; COMMIT"),
                )
            }
        }
    }

    /// Ends what the other session has open, after a last look.
    fn close(&mut self, other: &mut Client) -> Result<(), String> {
        if self.open {
            self.check(other)?;
            let end = *self.rng.one(&["COMMIT", "COMMIT", "ROLLBACK"]);
            self.execute(other, end)?;
            (self.open, self.snapshot) = (false, false);
        }
        Ok(())
    }

    /// A refresh of everything, of one rollup and those below it, or a backfill.
    fn refresh(&mut self, client: &mut Client) -> Result<(), String> {
        match self.rng.below(5) {
            0 => {
                let sql = format!(
                    "SELECT n.nspname || '.' || r.name FROM tally.rollups r JOIN pg_class c ON c.oid = r.relation \
                     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '{}' ORDER BY r.id",
                    self.schema
                );
                let names = client.query(&sql, &[]).map_err(|e| words_of(&e))?;
                if names.is_empty() {
                    return Ok(());
                }
                let name: String = self.rng.one(&names).get(0);
                let what = *self
                    .rng
                    .one(&["SELECT tally.refresh", "SELECT tally.repair", "CALL tally.backfill"]);
                self.execute(client, &format!("{what}('{name}')"))
            }
            1 => self.execute(client, "CALL tally.backfill(batch_rows => 20)"),
            _ => {
                let sql = "SELECT rollup || ': ' || error FROM tally.refresh() WHERE error IS NOT NULL";
                self.log.push(sql.to_string());
                let rows = client.query(sql, &[]).map_err(|e| words_of(&e))?;
                rows.first().map_or(Ok(()), |row| Err(row.get(0)))
            }
        }
    }

    /// Some metrics and an experiment that measures them.
    fn define(&mut self, client: &mut Client) -> Result<(), String> {
        if self.experiments.len() > 2 {
            return Ok(());
        }
        for _ in 0..=self.rng.below(3) {
            let metric = Metric::random(&mut self.rng, format!("m{}", self.metrics.len()));
            self.execute(client, &metric.create(&self.world))?;
            self.metrics.push(metric);
        }
        let chosen: Vec<Metric> = self.metrics.iter().filter(|_| self.rng.percent(70)).cloned().collect();
        let chosen = if chosen.is_empty() {
            self.metrics[..1].to_vec()
        } else {
            chosen
        };
        self.made += 1;
        let made = Experiment::random(
            &mut self.rng,
            format!("e{}", self.made),
            chosen,
            &self.experiments,
            &self.world,
        );
        let sql = made.create(&self.world, &mut self.rng);
        match self.execute(client, &sql) {
            Ok(()) => {
                self.experiments.push(made);
                let place = self.experiments.len() - 1;
                caps::set(client, self, place)?;
            }
            // An arm that was shown and is not declared.
            Err(error) if error.contains("got exposures of") => self.log.push("/* refused */".to_string()),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A moment to ask about.
    fn moment(&mut self) -> String {
        // Some of them half an hour after a midnight.
        let hour = self.rng.between(2 * 24, 40 * 24);
        let half = if self.rng.percent(30) { "30" } else { "00" };
        format!("{}:{half}:00+00", &self.world.moment(hour)[..13])
    }

    /// A report and the health of each experiment against the tables, as a session sees them.
    fn check(&mut self, client: &mut Client) -> Result<(), String> {
        for e in self.experiments.clone() {
            let asked = Asked {
                as_of: self.moment(),
                matured: self.rng.percent(75),
                by: e
                    .dimensions
                    .iter()
                    .map(|d| d.0)
                    .filter(|_| self.rng.percent(40))
                    .collect(),
                k: *self.rng.one(&[1, 1, 10]),
            };
            judge::report(client, &e, self, &asked)?;
            judge::health(client, &e, self, &asked.as_of)?;
        }
        Ok(())
    }
}
