//! `tally-proof random | experiments | crash | attack`: the tests that need many sessions and much chance. Prints TAP; every failure comes with the
//! seed that plays it again.

mod attack;
mod crash;
mod definition;
mod experiments;
mod names;
mod random;
mod rng;
mod server;
mod settings;
mod source;
mod time;

use server::Server;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number from the environment, or a default.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name).map(|v| v.parse()) {
        Ok(Ok(n)) => n,
        Ok(Err(_)) => panic!("{name} must be a whole number"),
        Err(_) => default,
    }
}

/// A seed that no run had before.
fn new_seed() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(1, |d| d.as_millis() as u64);
    now % 1_000_000_000 * 1000
}

fn main() {
    let seed = number("SEED", new_seed());
    let server = Server::from_environment().unwrap_or_else(|e| panic!("{e}"));
    let failed = match std::env::args().nth(1).as_deref() {
        Some("random") => run_sequences(&server, seed, &RANDOM, random::Sessions::new, random::play),
        Some("experiments") => run_sequences(
            &server,
            seed,
            &EXPERIMENTS,
            experiments::Sessions::new,
            experiments::play,
        ),
        Some("crash") => crash::run(&server, seed, number("ROUNDS", 12)),
        Some("attack") => attack::run(&server, seed, number("ROUNDS", 8)),
        other => panic!("tally-proof random | experiments | crash | attack, got {other:?}"),
    };
    std::process::exit(i32::from(failed));
}

/// What a kind of random sequence promises, and how one is played again.
struct Kind {
    /// Its databases are called after it: the kinds run at the same time.
    name: &'static str,
    promise: &'static str,
    again: &'static str,
}

const RANDOM: Kind = Kind {
    name: "random",
    promise: "live views exact at every moment, stored rows after every refresh",
    again: "make test-random SEQUENCES=1",
};
const EXPERIMENTS: Kind = Kind {
    name: "experiments",
    promise: "reports and health of experiments are those of plain SQL over exposures and events",
    again: "make test-random SEQUENCES=1 OF=experiments",
};

/// Sequences seed, seed + 1, … by so many workers, each with a database of its own. One line of TAP for all, or one per failure.
fn run_sequences<S>(
    server: &Server,
    seed: u64,
    kind: &Kind,
    sessions: impl Fn(&Server, &str) -> S + Sync,
    play: impl Fn(u64, &mut S) -> Result<(), String> + Sync,
) -> bool {
    let (sequences, jobs) = (number("SEQUENCES", 60), number("JOBS", 2));
    println!("# SEED={seed} SEQUENCES={sequences}");
    let next = AtomicU64::new(0);
    let failures: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for worker in 0..jobs {
            let (next, failures, sessions, play) = (&next, &failures, &sessions, &play);
            scope.spawn(move || {
                let database = format!("tally_proof_{}_{worker}", kind.name);
                prepare_database(server, &database);
                let mut on = sessions(server, &database);
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    // Three failures tell as much as three hundred.
                    if i >= sequences || failures.lock().map_or(true, |f| f.len() >= 3) {
                        break;
                    }
                    if let Err(story) = play(seed + i, &mut on)
                        && let Ok(mut list) = failures.lock()
                    {
                        list.push((seed + i, story));
                        on = sessions(server, &database);
                    }
                }
                drop(on);
                drop_database(server, &database);
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_default();
    let played = next.load(Ordering::Relaxed).min(sequences);
    println!("# {played} sequences in {:.1} s", began.elapsed().as_secs_f64());
    for (i, (bad, story)) in failures.iter().enumerate() {
        println!("not ok {} - sequence {bad}: {}", i + 1, kind.promise);
        println!("# play it again: SEED={bad} {}", kind.again);
        for line in story.lines() {
            println!("# {line}");
        }
    }
    if failures.is_empty() {
        println!("ok 1 - {played} random sequences from seed {seed}: {}", kind.promise);
    }
    println!("1..{}", failures.len().max(1));
    !failures.is_empty()
}

/// A fresh database with the extension, and the writer's role.
fn prepare_database(server: &Server, database: &str) {
    let run = |client: &mut postgres::Client, sql: &str| {
        client
            .batch_execute(sql)
            .unwrap_or_else(|e| panic!("{sql}: {}", server::words_of(&e)))
    };
    let mut main = server.connect("postgres");
    // A run that was killed may have left prepared transactions, which keep a database from being dropped.
    let left = main
        .query("SELECT gid FROM pg_prepared_xacts WHERE database = $1", &[&database])
        .unwrap_or_else(|e| panic!("pg_prepared_xacts: {}", server::words_of(&e)));
    if !left.is_empty() {
        let mut there = server
            .try_connect_as("postgres", database, "")
            .unwrap_or_else(|e| panic!("{database}: {}", server::words_of(&e)));
        for row in &left {
            run(
                &mut there,
                &format!("ROLLBACK PREPARED '{}'", row.get::<_, String>(0).replace('\'', "''")),
            );
        }
    }
    run(&mut main, &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"));
    // Two workers may make the role at once.
    let _ = main.batch_execute("CREATE ROLE tally_scribe");
    server
        .make_database(database)
        .unwrap_or_else(|e| panic!("{database}: {}", server::words_of(&e)));
}

fn drop_database(server: &Server, database: &str) {
    let mut main = server.connect("postgres");
    let _ = main.batch_execute(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"));
}
