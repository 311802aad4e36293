//! Owns the crash test. Each round: writers, refreshers and evaluators at work at once; a SIGKILL at a random moment, to the
//! postmaster and all its children, or to one backend; then the live views against plain SQL, a refresh, the stored rows
//! against plain SQL, and every alert against the timeline it must have.

mod judge;
mod work;

use crate::definition::Rollup;
use crate::rng::Rng;
use crate::server::{Server, words_of};
use crate::source::Source;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use work::{evaluate, evaluate_again, kill, refresh, work, write};

const DATABASE: &str = "tally_crash";
/// Label sets of the threshold.
const HOSTS: i64 = 5;
/// The first tick of the evaluation; tick n is n minutes later.
const FIRST_TICK: &str = "timestamptz '2026-03-01 00:00+00'";
/// Rows of a source above which a round ends with a wide DELETE, so that checks stay quick.
const MOST_ROWS: i64 = 6_000;

/// What the threads of a round share.
struct Shared {
    stop: AtomicBool,
    changes: AtomicU64,
    refreshes: AtomicU64,
    evaluations: AtomicU64,
    /// The tick that is being evaluated; it moves on when its evaluation is known to be committed.
    tick: AtomicI64,
    errors: Mutex<Vec<String>>,
}

/// The test's lasting state.
struct Crash<'a> {
    server: &'a Server,
    sources: Vec<Source>,
    rollups: Vec<(usize, Rollup)>,
    shared: Shared,
}

/// Whether the threshold is breached at a tick: pseudo-random, but the same for everybody.
fn breached(tick: i64) -> bool {
    tick > 0 && Rng::new(tick as u64).percent(50)
}

/// So many rounds; true when something failed.
pub fn run(server: &Server, seed: u64, rounds: u64) -> bool {
    println!(
        "# SEED={seed} ROUNDS={rounds} (the workload follows from the seed; the moment of the kill also from the machine)"
    );
    let mut crash = match Crash::set_up(server, seed) {
        Ok(crash) => crash,
        Err(error) => {
            println!("not ok 1 - the rollups of the crash test are made");
            error.lines().for_each(|line| println!("# {line}"));
            println!("1..1");
            return true;
        }
    };
    let mut failed = 0;
    let mut played = 0;
    for round in 0..rounds {
        let mut rng = Rng::new(seed.wrapping_mul(1_000_003).wrapping_add(round));
        let (what, result) = crash.round(&mut rng);
        played += 1;
        match result {
            Ok(()) => println!("ok {played} - round {round}: {what}"),
            Err(error) => {
                failed += 1;
                println!("not ok {played} - round {round}: {what}");
                error.lines().for_each(|line| println!("# {line}"));
                if failed >= 3 || error.starts_with("the server") {
                    break;
                }
            }
        }
    }
    println!("1..{played}");
    failed > 0
}

impl<'a> Crash<'a> {
    fn set_up(server: &'a Server, seed: u64) -> Result<Self, String> {
        let mut rng = Rng::new(seed);
        server
            .connect("postgres")
            .batch_execute("CREATE ROLE tally_scribe")
            .map_err(|e| words_of(&e))?;
        server.make_database(DATABASE).map_err(|e| words_of(&e))?;
        let mut client = server.connect(DATABASE);
        let mut run = |sql: &str| {
            client
                .batch_execute(sql)
                .map_err(|e| format!("{}\n{sql}", words_of(&e)))
        };
        let mut sources = Vec::new();
        let mut rollups: Vec<(usize, Rollup)> = Vec::new();
        for s in 0..2 {
            let (source, make) = Source::random(&mut rng, &format!("c{s}"));
            for sql in make {
                run(&sql)?;
            }
            let mut maker = server.connect_by_path(DATABASE, &format!("c{s}"));
            // Two on the source, one on each of them.
            let mut own: Vec<Rollup> = Vec::new();
            for (i, parent) in [None, None, Some(0), Some(1)].into_iter().enumerate() {
                let name = format!("r{s}_{i}");
                let rollup = Rollup::random(&mut rng, name, &source.name, source.time_type, &own, parent);
                let create = format!("SET search_path = c{s}; {}", rollup.create);
                match &mut maker {
                    Some(client) => client.batch_execute(&create).map_err(|e| words_of(&e))?,
                    None => run(&create)?,
                }
                own.push(rollup);
            }
            rollups.extend(own.into_iter().map(|r| (s, r)));
            sources.push(source);
        }
        run(&format!(
            "SET search_path = public; CREATE TABLE feed (host int PRIMARY KEY, value float8); INSERT INTO feed SELECT i, 1 FROM generate_series(1, \
            {HOSTS}) i; \
             SELECT tally.create_channel('box', kind => 'table'); \
             SELECT tally.create_threshold('t', query => 'SELECT host, value FROM public.feed', condition => '> 10', auto_resolve => true)"
        ))?;
        let shared = Shared {
            stop: AtomicBool::new(false),
            changes: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
            evaluations: AtomicU64::new(0),
            tick: AtomicI64::new(1),
            errors: Mutex::new(Vec::new()),
        };
        Ok(Crash {
            server,
            sources,
            rollups,
            shared,
        })
    }

    /// One round: what was done, and whether all was right after it.
    fn round(&mut self, rng: &mut Rng) -> (String, Result<(), String>) {
        self.shared.stop.store(false, Ordering::SeqCst);
        for counter in [&self.shared.changes, &self.shared.refreshes, &self.shared.evaluations] {
            counter.store(0, Ordering::SeqCst);
        }
        let wait = 30 + rng.below(500);
        let seeds: Vec<u64> = (0..8).map(|_| rng.next()).collect();
        let (server, shared) = (self.server, &self.shared);
        let names: Vec<&str> = self.rollups.iter().map(|r| r.1.name.as_str()).collect();
        let mut copies: Vec<Source> = self.sources.clone();
        let what = std::thread::scope(|scope| {
            let mut writers = Vec::new();
            for (writer, &seed) in seeds.iter().enumerate().take(3) {
                let mut own = self.sources.clone();
                writers.push(scope.spawn(move || {
                    work(server, shared, |client| {
                        write(client, &mut Rng::new(seed), &mut own, writer as i64, shared)
                    });
                    own
                }));
            }
            for &seed in &seeds[3..5] {
                let names = names.clone();
                scope.spawn(move || {
                    work(server, shared, |client| {
                        refresh(client, &mut Rng::new(seed), &names, shared)
                    })
                });
            }
            scope.spawn(move || work(server, shared, |client| evaluate(client, shared)));
            scope.spawn(move || work(server, shared, |client| evaluate_again(client, shared)));
            let began = Instant::now();
            let mut victims = server.connect(DATABASE);
            std::thread::sleep(Duration::from_millis(wait).saturating_sub(began.elapsed()));
            let what = kill(&mut victims, rng);
            shared.stop.store(true, Ordering::SeqCst);
            for writer in writers {
                // New keys go on where the last writer of each source was.
                for (copy, own) in copies.iter_mut().zip(writer.join().unwrap_or_default()) {
                    copy.continue_after(&own);
                }
            }
            what
        });
        self.sources = copies;
        let what = format!(
            "{what} after {wait} ms; {} changes, {} refreshes, {} evaluations before",
            self.shared.changes.load(Ordering::SeqCst),
            self.shared.refreshes.load(Ordering::SeqCst),
            self.shared.evaluations.load(Ordering::SeqCst)
        );
        let result = self.judge(rng);
        (what, result)
    }
}
