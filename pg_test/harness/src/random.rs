//! Owns the randomized equivalence test: random definitions over a random source, random operations by several sessions, and
//! after every one of them the live view, after every refresh also the stored rows, against plain SQL.

mod judge;
mod operations;
mod talk;
mod transactions;

use crate::definition::Rollup;
use crate::names::Names;
use crate::rng::Rng;
use crate::server::Server;
use crate::source::{Layout, Source};
use postgres::Client;

/// The sessions of a sequence. The writer commits at once, the holder keeps its transactions open, the preparer leaves
/// prepared ones, the reader keeps a snapshot.
pub struct Sessions {
    server: Server,
    database: String,
    writer: Client,
    holder: Client,
    preparer: Client,
    reader: Client,
}

impl Sessions {
    /// Four sessions of one database.
    pub fn new(server: &Server, database: &str) -> Self {
        let connect = || server.connect(database);
        Sessions {
            server: server.clone(),
            database: database.to_owned(),
            writer: connect(),
            holder: connect(),
            preparer: connect(),
            reader: connect(),
        }
    }
}

/// One sequence: its source, its rollups, what is open, and what was done so far.
struct Sequence<'a> {
    rng: Rng,
    seed: u64,
    names: Names,
    on: &'a mut Sessions,
    source: Source,
    rollups: Vec<Option<Rollup>>,
    made: usize,
    holding: bool,
    holder_refreshed: bool,
    /// Whether the holder's transaction is one that may be told to try again.
    holder_isolated: bool,
    prepared: Option<String>,
    reading: bool,
    /// What the rollups are of, once their history is frozen: the rows that there were before the horizon, and those since.
    frozen: Option<String>,
    log: Vec<String>,
}

/// Who runs a statement.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Who {
    Writer,
    Holder,
    Preparer,
    Reader,
}

/// Plays the sequence of a seed in a database; the error is the story of what went wrong.
pub fn play(seed: u64, on: &mut Sessions) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let (source, make) = Source::random(&mut rng, &format!("s{seed}"));
    let mut sequence = Sequence {
        rng,
        seed,
        names: Names::drawn(seed),
        on,
        source,
        rollups: Vec::new(),
        made: 0,
        holding: false,
        holder_refreshed: false,
        holder_isolated: false,
        prepared: None,
        reading: false,
        frozen: None,
        log: Vec::new(),
    };
    let result = sequence.run(make);
    let log = std::mem::take(&mut sequence.log);
    sequence.clean_up();
    result.map_err(|error| format!("{}\n{error}", log.join(";\n")))
}

impl Sequence<'_> {
    fn run(&mut self, make: Vec<String>) -> Result<(), String> {
        for sql in make {
            self.execute(Who::Writer, &sql)?;
        }
        let schema = format!("s{}", self.seed);
        self.execute(Who::Writer, &format!("GRANT USAGE ON SCHEMA {schema} TO tally_scribe; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO tally_scribe"))?;
        if self.rng.percent(70) {
            let rows = self.rng.below(60);
            self.copy(Who::Writer, 0, rows)?;
        }
        // The writer also makes rollups, refreshes and backfills.
        let path = if self.rng.percent(50) {
            format!("{schema}, public")
        } else {
            format!("{schema}, pg_catalog")
        };
        if let Some(client) = self.on.server.connect_by_path(&self.on.database, &path) {
            self.on.writer = client;
        }
        // A refresh that cannot be serialized says so in its row and leaves its marks. What the writer has refreshed is looked at, so it is not serializable.
        let settings = crate::settings::drawn(&mut self.rng).replace("serializable", "repeatable read");
        self.execute(Who::Writer, &format!("SET search_path = {path}; {settings}"))?;
        for _ in 0..=self.rng.below(2) {
            self.create_rollup()?;
        }
        for who in [Who::Holder, Who::Reader, Who::Preparer] {
            let settings = crate::settings::drawn(&mut self.rng);
            self.execute(who, &settings)?;
            if self.rng.percent(30) {
                self.execute(who, "SET search_path = pg_catalog")?;
            }
            if who != Who::Reader && self.rng.percent(40) {
                self.execute(who, "SET ROLE tally_scribe")?;
            }
        }
        self.check(Who::Writer, false)?;
        for _ in 0..6 + self.rng.below(10) {
            self.step()?;
        }
        self.end_holder()?;
        self.end_prepared()?;
        self.end_reader()?;
        self.remember(Who::Writer)?;
        self.refresh_all()?;
        self.check(Who::Writer, true)?;
        // After the refresh nothing is left to do.
        self.none("SELECT 'mark left: ' || d::text FROM tally.dirty d UNION ALL SELECT 'range left: ' || g::text FROM tally.dirty_ranges g")
    }

    /// One random operation, then every live view against its definition.
    fn step(&mut self) -> Result<(), String> {
        match self.rng.below(34) {
            0..7 => {
                let sql = self.source.change(&mut self.rng, 0);
                self.execute(Who::Writer, &sql)?;
            }
            7 => {
                let rows = self.rng.below(40) + 1;
                self.copy(Who::Writer, 0, rows)?;
            }
            8..12 => self.hold()?,
            12 | 13 => self.prepare()?,
            14 => self.subtransactions()?,
            15 => {
                let sql = self.source.change(&mut self.rng, 0);
                self.execute(Who::Writer, &format!("BEGIN; {sql}; ROLLBACK"))?;
            }
            16..20 => {
                self.refresh()?;
                return self.check(Who::Writer, false);
            }
            20 => self.refresh_inside()?,
            21 if !self.holder_refreshed => {
                self.execute(Who::Writer, "BEGIN")?;
                self.execute(Who::Writer, "SELECT tally.refresh()")?;
                self.execute(Who::Writer, "ROLLBACK")?;
            }
            22 | 23 => self.backfill()?,
            24 if !self.busy() => {
                if self.frozen.is_some() || self.rng.percent(50) || self.rollups.iter().flatten().count() > 3 {
                    self.drop_rollup()?
                } else {
                    self.create_rollup()?
                }
            }
            25 if !self.busy() => {
                let name = match self.source.layout {
                    Layout::Hash if self.rng.percent(50) => format!("{}_1", self.source.name),
                    _ => self.source.name.clone(),
                };
                let after = self.source.change(&mut self.rng, 0);
                self.execute(Who::Writer, &format!("BEGIN; TRUNCATE {name}; {after}; COMMIT"))?;
            }
            26 if !self.busy() => {
                if let Some(statements) = self.source.new_partition(&mut self.rng, 0) {
                    for sql in statements {
                        self.execute(Who::Writer, &sql)?;
                    }
                }
            }
            27 => self.read()?,
            29 if !self.busy() => self.alter_rollup()?,
            30 | 31 if !self.busy() => {
                if let Some(sql) = self.source.move_partition(&mut self.rng) {
                    self.execute(Who::Writer, &sql)?;
                }
            }
            32 => self.freeze()?,
            28 => {
                // All in one transaction: change, refresh, the same buckets again.
                if !self.holder_refreshed {
                    let (one, two) = (
                        self.source.change(&mut self.rng, 0),
                        self.source.change(&mut self.rng, 0),
                    );
                    self.execute(Who::Writer, &format!("BEGIN; {one}"))?;
                    self.remember(Who::Writer)?;
                    self.execute(Who::Writer, "SELECT tally.refresh()")?;
                    self.check(Who::Writer, true)?;
                    self.execute(Who::Writer, &two)?;
                    self.check(Who::Writer, false)?;
                    self.execute(Who::Writer, "COMMIT")?;
                }
            }
            _ => {
                let (one, two) = (
                    self.source.change(&mut self.rng, 0),
                    self.source.change(&mut self.rng, 0),
                );
                self.execute(
                    Who::Writer,
                    &format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {one}; {two}; COMMIT"),
                )?;
            }
        }
        self.check(Who::Writer, false)
    }

    /// Whether somebody holds locks on the source that DDL would wait for.
    fn busy(&self) -> bool {
        self.holding || self.prepared.is_some() || self.reading
    }

    /// Leaves the database as it was, whatever happened.
    fn clean_up(&mut self) {
        for who in [Who::Holder, Who::Preparer, Who::Reader, Who::Writer] {
            let _ = self.client(who).batch_execute("ROLLBACK");
            let _ = self.client(who).batch_execute("DISCARD ALL");
        }
        if let Some(name) = self.prepared.take() {
            let _ = self
                .client(Who::Writer)
                .batch_execute(&format!("ROLLBACK PREPARED '{name}'"));
        }
        let writer = &mut self.on.writer;
        let _ = writer.batch_execute(
            "SET client_min_messages = error; DO $$ DECLARE r record; BEGIN FOR r IN SELECT b.name FROM tally.behaviours b \
            LOOP PERFORM tally.drop_sessions(r.name); END LOOP; FOR r IN SELECT name \
            FROM tally.rollups ORDER BY id DESC LOOP PERFORM tally.drop_rollup(r.name, true); END LOOP; \
             EXCEPTION WHEN undefined_object THEN NULL; END $$",
        );
        let _ = writer.batch_execute(&format!(
            "SET client_min_messages = error; DROP SCHEMA IF EXISTS s{} CASCADE; DELETE FROM tally.dirty; \
        DELETE FROM tally.dirty_ranges; RESET ALL",
            self.seed
        ));
    }
}
