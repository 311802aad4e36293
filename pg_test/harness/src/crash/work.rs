//! Owns what the threads of a round do, until they are told to stop or cut off, and the kill itself.

use super::{DATABASE, FIRST_TICK, Shared, breached};
use crate::rng::Rng;
use crate::server::{Server, words_of};
use crate::source::Source;
use postgres::Client;
use postgres::error::SqlState;
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many sessions there were; each is set to something else.
static SESSIONS: AtomicU64 = AtomicU64::new(0);

/// Runs a piece of work again and again on a session of its own, until told to stop or cut off. An error that is not the
/// crash's doing is kept.
pub(super) fn work(
    server: &Server,
    shared: &Shared,
    mut piece: impl FnMut(&mut Client) -> Result<(), postgres::Error>,
) {
    let Ok(mut client) = server.try_connect(DATABASE) else {
        return;
    };
    let settings = crate::settings::drawn(&mut Rng::new(SESSIONS.fetch_add(1, Ordering::SeqCst)));
    if client.batch_execute(&settings).is_err() {
        return;
    }
    while !shared.stop.load(Ordering::SeqCst) {
        if let Err(error) = piece(&mut client) {
            // Snapshots that last a transaction may meet rows that others wrote since. An application tries again.
            if error.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
                && ["repeatable read", "serializable"]
                    .iter()
                    .any(|level| settings.contains(level))
            {
                if client.batch_execute("ROLLBACK").is_ok() {
                    continue;
                }
                // The connection went in between.
                return;
            }
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
pub(super) fn write(
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
pub(super) fn refresh(
    client: &mut Client,
    rng: &mut Rng,
    names: &[&str],
    shared: &Shared,
) -> Result<(), postgres::Error> {
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
pub(super) fn one_tick(client: &mut Client, tick: i64) -> Result<(), postgres::Error> {
    client.batch_execute(&format!(
        "UPDATE public.feed SET value = {}",
        if breached(tick) { 99 } else { 1 }
    ))?;
    client.batch_execute(&format!(
        "SELECT * FROM tally.evaluate({FIRST_TICK} + interval '{tick} minutes')"
    ))
}

/// The evaluator: it goes on to the next tick when it knows that this one is committed. Waits now and then, as a clock does.
pub(super) fn evaluate(client: &mut Client, shared: &Shared) -> Result<(), postgres::Error> {
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
pub(super) fn evaluate_again(client: &mut Client, shared: &Shared) -> Result<(), postgres::Error> {
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
pub(super) fn kill(victims: &mut Client, rng: &mut Rng) -> String {
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
pub(super) fn control(verb: &str) -> Result<(), String> {
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
