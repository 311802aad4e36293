//! Owns the random attack. A role without any right calls whatever PUBLIC may call, with hostile arguments, and writes whatever it can write. After
//! that everything of others is as it was, nothing that is theirs has reached it, its code has run as nobody else, and the work of others goes on.

mod draw;
mod judge;
mod value;
mod world;

use crate::rng::Rng;
use crate::server::{Server, words_of};
use postgres::{Client, SimpleQueryMessage};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use world::World;

/// A copy of this database is attacked in each round, so that a round follows from its seed alone.
const TEMPLATE: &str = "tally_attack_template";
const DATABASE: &str = "tally_attack";
/// No statement of the attacker's may take longer, whatever it is; it is told to end after two seconds. A busy machine takes its time.
const LONGEST: Duration = Duration::from_secs(30);
const OPTIONS: &str = "-c client_min_messages=error -c statement_timeout=2s -c lock_timeout=1s -c jit=off -c max_parallel_workers_per_gather=0";

/// So many rounds; true when something failed.
pub fn run(server: &Server, seed: u64, rounds: u64) -> bool {
    println!("# SEED={seed} ROUNDS={rounds}");
    if let Err(error) = set_up(server) {
        println!("not ok 1 - the victim is set up");
        error.lines().for_each(|line| println!("# {line}"));
        println!("1..1");
        return true;
    }
    let (mut failures, mut played, mut calls, mut done) = (0, 0, 0, 0);
    let mut slow = BTreeSet::new();
    for round in 0..rounds {
        played += 1;
        let mut attack = Attack::default();
        if let Err(error) = attack.round(server, seed + round) {
            failures += 1;
            // What happened is told last, where one looks first.
            attack
                .log
                .iter()
                .flat_map(|l| l.lines())
                .for_each(|line| println!("# {line}"));
            println!(
                "not ok {failures} - round {}: {}",
                seed + round,
                error.lines().next().unwrap_or_default()
            );
            println!("# play it again: SEED={} make test-attack ROUNDS=1", seed + round);
            error.lines().for_each(|line| println!("# {line}"));
        }
        calls += attack.log.len();
        done += attack.done;
        slow.append(&mut attack.slow);
        if failures >= 3 {
            break;
        }
    }
    drop_database(server, DATABASE);
    drop_database(server, TEMPLATE);
    for what in &slow {
        println!("# ended by its statement_timeout: {what}");
    }
    if failures == 0 && done > 0 {
        println!(
            "ok 1 - {played} rounds, {calls} hostile statements, of which {done} did something: all of others is as it was, and goes on"
        );
    }
    println!("1..{}", failures.max(1));
    failures > 0
}

fn drop_database(server: &Server, database: &str) {
    let _ = server
        .connect("postgres")
        .batch_execute(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"));
}

fn set_up(server: &Server) -> Result<(), String> {
    drop_database(server, TEMPLATE);
    let mut main = server.connect("postgres");
    for role in ["tally_attacker", "tally_victim"] {
        // It may be there already.
        let _ = main.batch_execute(&format!("CREATE ROLE {role} LOGIN"));
    }
    for sql in [
        "ALTER ROLE tally_attacker NOSUPERUSER",
        &format!("CREATE DATABASE {TEMPLATE} TEMPLATE template0"),
    ] {
        main.batch_execute(sql).map_err(|e| words_of(&e))?;
    }
    let mut client = server.connect(TEMPLATE);
    client
        .batch_execute("CREATE EXTENSION pg_tally")
        .map_err(|e| words_of(&e))?;
    client
        .batch_execute(include_str!("attack/victim.sql"))
        .map_err(|e| words_of(&e))?;
    client
        .batch_execute(include_str!("attack/state.sql"))
        .map_err(|e| words_of(&e))?;
    // In a session that a superuser has begun, the attacker's code could end SET SESSION AUTHORIZATION.
    let mut attacker = server
        .try_connect_as("tally_attacker", TEMPLATE, OPTIONS)
        .map_err(|e| words_of(&e))?;
    attacker
        .batch_execute(include_str!("attack/attacker.sql"))
        .map_err(|e| words_of(&e))
}

/// What a round did.
#[derive(Default)]
struct Attack {
    log: Vec<String>,
    done: usize,
    /// What took longer than its time allows. It has ended, but perhaps it would have been without end.
    slow: BTreeSet<String>,
}

impl Attack {
    fn round(&mut self, server: &Server, seed: u64) -> Result<(), String> {
        let mut rng = Rng::new(seed);
        drop_database(server, DATABASE);
        server
            .connect("postgres")
            .batch_execute(&format!("CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE}"))
            .map_err(|e| words_of(&e))?;
        let mut judge = server.connect(DATABASE);
        judge
            .batch_execute("CREATE TABLE judge.before AS SELECT * FROM judge.state()")
            .map_err(|e| words_of(&e))?;
        let mut world = World::of(&mut judge)?;
        let mut attacker = server
            .try_connect_as("tally_attacker", DATABASE, OPTIONS)
            .map_err(|e| words_of(&e))?;
        let statements = 40 + rng.below(60);
        // Sometimes the last ones are one transaction that stays open, with all the locks that it got.
        let open_from = if rng.percent(30) { statements - 15 } else { u64::MAX };
        for i in 0..statements {
            if i % 20 == 19 {
                world.look_again(&mut judge)?;
            }
            let (what, sql) = match rng.below(10) {
                0..7 => draw::call(&mut rng, &world),
                7 => draw::write(&mut rng, &world),
                _ => draw::own(&mut rng),
            };
            if i == open_from {
                self.attempt(&mut attacker, "own", "BEGIN")?;
            }
            if i >= open_from {
                self.attempt(&mut attacker, "own", "SAVEPOINT one")?;
            }
            if !self.attempt(&mut attacker, &what, &sql)? && i >= open_from {
                self.attempt(&mut attacker, "own", "ROLLBACK TO one")?;
            }
        }
        judge::unchanged(&mut judge)?;
        judge::goes_on(&mut judge)?;
        // The definitions of the attacker have run now, on the superuser's schedule. What they found may be anywhere that he can read.
        self.attempt(&mut attacker, "own", "ROLLBACK")?;
        for (_, name, _) in &world.relations {
            self.attempt(&mut attacker, "read", &format!("TABLE {name}"))?;
        }
        judge::nothing_taken(&mut judge)
    }

    /// One statement of the attacker's: whether it did something. An error is what most of them should end with; but not any.
    fn attempt(&mut self, attacker: &mut Client, what: &str, sql: &str) -> Result<bool, String> {
        let began = Instant::now();
        let result = attacker.simple_query(sql);
        let took = began.elapsed();
        let outcome = match &result {
            Ok(_) => "done".to_string(),
            Err(e) => e.code().map_or("no session", |c| c.code()).to_string(),
        };
        self.log.push(format!("{outcome} {sql};").chars().take(3000).collect());
        if outcome == "57014" {
            self.slow.insert(what.to_string());
        }
        if took > LONGEST {
            return Err(format!("{what} heard no statement_timeout for {} s", took.as_secs()));
        }
        match result {
            Ok(messages) => {
                self.done += 1;
                for message in messages {
                    if let SimpleQueryMessage::Row(row) = message
                        && let Some(word) = (0..row.len())
                            .filter_map(|i| row.get(i))
                            .find(|v| v.contains("CANARY-"))
                    {
                        return Err(format!("{what} tells the attacker {word}"));
                    }
                }
                Ok(true)
            }
            Err(error) => {
                let words = words_of(&error);
                match outcome.as_str() {
                    "no session" => Err(format!("{what} ended the session: {words}")),
                    // What it is told is no text of a sketch from another server: this is what it says of damaged bytes.
                    "XX001" if what.starts_with("tally_internal._received(") => Ok(false),
                    code if code.starts_with("XX") || code.starts_with("57P") => {
                        Err(format!("{what} is an internal error: {words}"))
                    }
                    _ if words.contains("CANARY-") => Err(format!("{what} tells the attacker by its error: {words}")),
                    _ => Ok(false),
                }
            }
        }
    }
}
