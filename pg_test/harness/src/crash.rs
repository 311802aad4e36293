//! Owns the crash test. Each round: writers, refreshers and evaluators at work at once; a SIGKILL at a random moment, to the
//! postmaster and all its children, or to one backend; then the live views against plain SQL, a refresh, the stored rows
//! against plain SQL, and every alert against the timeline it must have.

use crate::definition::Rollup;
use crate::rng::Rng;
use crate::server::{Server, words_of};
use crate::source::Source;
use postgres::Client;
use std::io::Write;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
            .batch_execute(&format!("CREATE DATABASE {DATABASE}"))
            .map_err(|e| words_of(&e))?;
        let mut client = server.connect(DATABASE);
        let mut run = |sql: &str| {
            client
                .batch_execute(sql)
                .map_err(|e| format!("{}\n{sql}", words_of(&e)))
        };
        run("CREATE EXTENSION pg_tally; CREATE ROLE tally_scribe")?;
        let mut sources = Vec::new();
        let mut rollups: Vec<(usize, Rollup)> = Vec::new();
        for s in 0..2 {
            let (source, make) = Source::random(&mut rng, &format!("c{s}"));
            for sql in make {
                run(&sql)?;
            }
            // Two on the source, one on each of them.
            let mut own: Vec<Rollup> = Vec::new();
            for (i, parent) in [None, None, Some(0), Some(1)].into_iter().enumerate() {
                let name = format!("r{s}_{i}");
                let rollup = Rollup::random(&mut rng, name, &source.name, source.time_type, &own, parent);
                run(&format!("SET search_path = c{s}; {}", rollup.create))?;
                own.push(rollup);
            }
            rollups.extend(own.into_iter().map(|r| (s, r)));
            sources.push(source);
        }
        run(&format!(
            "SET search_path = public; CREATE TABLE feed (host int PRIMARY KEY, value float8); INSERT INTO feed SELECT i, 1 FROM generate_series(1, {HOSTS}) i; \
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

    /// Everything that must hold after a crash.
    fn judge(&mut self, rng: &mut Rng) -> Result<(), String> {
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
                // Not the rows that a prepared transaction holds.
                let sql = format!(
                    "WITH gone AS (SELECT ctid, tableoid FROM {0} WHERE id % 5 < 4 FOR UPDATE SKIP LOCKED) DELETE FROM {0} e USING gone g WHERE e.ctid = g.ctid AND e.tableoid = g.tableoid",
                    source.name
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
            let sql = rollup.differences(&relation, &self.sources[*source].name);
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
            "SELECT {0} || ' ' || COALESCE({1}::text, 'open') || ' ' || count(DISTINCT labels) || CASE WHEN count(*) > count(DISTINCT labels) THEN ' doubled' ELSE '' END FROM tally.incidents GROUP BY {0}, {1} ORDER BY {0}, {1}",
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

/// Runs a piece of work again and again on a session of its own, until told to stop or cut off. An error that is not the
/// crash's doing is kept.
fn work(server: &Server, shared: &Shared, mut piece: impl FnMut(&mut Client) -> Result<(), postgres::Error>) {
    let Ok(mut client) = server.try_connect(DATABASE) else {
        return;
    };
    while !shared.stop.load(Ordering::SeqCst) {
        if let Err(error) = piece(&mut client) {
            // 57P0x: the server is going down. No code: the connection is gone.
            let code = error.as_db_error().map(|e| e.code().code().to_string());
            if let Some(code) = code
                && !code.starts_with("57P")
                && let Ok(mut errors) = shared.errors.lock()
            {
                errors.push(words_of(&error));
            }
            return;
        }
    }
}

/// One transaction of a writer.
fn write(
    client: &mut Client,
    rng: &mut Rng,
    sources: &mut [Source],
    writer: i64,
    shared: &Shared,
) -> Result<(), postgres::Error> {
    let place = rng.below(sources.len() as u64) as usize;
    let source = &mut sources[place];
    // The third writer prepares. What it touched before must be ended first, or it would wait for itself.
    if writer == 2 {
        let gid = format!("tally_crash_{place}");
        let open = client.query("SELECT FROM pg_prepared_xacts WHERE gid = $1", &[&gid])?;
        if open.is_empty() {
            let change = source.change(rng, writer);
            client.batch_execute(&format!("BEGIN; {change}; PREPARE TRANSACTION '{gid}'"))?;
        } else {
            client.batch_execute(&format!(
                "{} PREPARED '{gid}'",
                rng.one(&["COMMIT", "COMMIT", "ROLLBACK"])
            ))?;
        }
    } else {
        match rng.below(10) {
            0 | 1 => {
                let rows = rng.below(60) + 1;
                let text = source.copied(rng, writer, rows);
                let mut into = client.copy_in(&format!("COPY {} FROM STDIN", source.name))?;
                // A connection that breaks here is found by finish().
                let _ = into.write_all(text.as_bytes());
                into.finish()?;
            }
            2 => {
                let (one, undone, two) = (
                    source.change(rng, writer),
                    source.change(rng, writer),
                    source.change(rng, writer),
                );
                client.batch_execute(&format!(
                    "BEGIN; {one}; SAVEPOINT a; {undone}; ROLLBACK TO a; {two}; COMMIT"
                ))?;
            }
            3 => {
                let (one, two) = (source.change(rng, writer), source.change(rng, writer));
                client.batch_execute(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {one}; {two}; COMMIT"))?;
            }
            _ => {
                let change = source.change(rng, writer);
                client.batch_execute(&change)?;
            }
        }
    }
    shared.changes.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// One refresh of one kind or another.
fn refresh(client: &mut Client, rng: &mut Rng, names: &[&str], shared: &Shared) -> Result<(), postgres::Error> {
    let name = *rng.one(names);
    client.batch_execute(&match rng.below(6) {
        0 => format!("SELECT tally.refresh('{name}')"),
        1 => format!("SELECT tally.repair('{name}')"),
        2 => format!("CALL tally.backfill('{name}', batch_rows => 100)"),
        3 => "CALL tally.refresh_scheduled('*/5 * * * *')".to_string(),
        _ => "SELECT tally.refresh()".to_string(),
    })?;
    shared.refreshes.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

/// The feed of a tick, and its evaluation, each committed by itself.
fn one_tick(client: &mut Client, tick: i64) -> Result<(), postgres::Error> {
    client.batch_execute(&format!(
        "UPDATE public.feed SET value = {}",
        if breached(tick) { 99 } else { 1 }
    ))?;
    client.batch_execute(&format!(
        "SELECT * FROM tally.evaluate({FIRST_TICK} + interval '{tick} minutes')"
    ))
}

/// The evaluator: it goes on to the next tick when it knows that this one is committed. Waits now and then, as a clock does.
fn evaluate(client: &mut Client, shared: &Shared) -> Result<(), postgres::Error> {
    let tick = shared.tick.load(Ordering::SeqCst);
    one_tick(client, tick)?;
    // Another evaluator may have had the lock: then this one did nothing, and asks whether the tick is done.
    let done: bool = client
        .query_one(
            &format!(
                "SELECT EXISTS (SELECT FROM tally.evaluations WHERE tick = {FIRST_TICK} + interval '{tick} minutes')"
            ),
            &[],
        )?
        .get(0);
    if done {
        shared.evaluations.fetch_add(1, Ordering::SeqCst);
        shared.tick.store(tick + 1, Ordering::SeqCst);
    }
    std::thread::sleep(Duration::from_millis(5));
    Ok(())
}

/// A second evaluator at the same ticks: the same moment evaluated twice must be as once.
fn evaluate_again(client: &mut Client, shared: &Shared) -> Result<(), postgres::Error> {
    // Only ticks that are done: the feed of the one under way may not be set yet.
    let tick = shared.tick.load(Ordering::SeqCst) - 1;
    if tick > 0 {
        client.batch_execute(&format!(
            "SELECT * FROM tally.evaluate({FIRST_TICK} + interval '{tick} minutes')"
        ))?;
    }
    std::thread::sleep(Duration::from_millis(7));
    Ok(())
}

/// The kill: the whole server, or one backend, after which the postmaster ends the others and recovers by itself.
fn kill(victims: &mut Client, rng: &mut Rng) -> String {
    if rng.percent(50) {
        let list = victims
            .query("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY state = 'active' DESC, pid", &[])
            .unwrap_or_default();
        if !list.is_empty() {
            let pid: i32 = list[rng.below(list.len() as u64) as usize].get(0);
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            return "a backend killed".to_string();
        }
    }
    match control("kill") {
        Ok(()) => "the server killed".to_string(),
        Err(error) => error,
    }
}

/// Has the script that owns the server kill or start it.
fn control(verb: &str) -> Result<(), String> {
    let script = std::env::var("TALLY_CONTROL").map_err(|_| "TALLY_CONTROL is not set".to_string())?;
    let output = Command::new("bash")
        .args([&script, verb])
        .output()
        .map_err(|e| format!("{script}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "the server cannot be told to {verb}: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}
