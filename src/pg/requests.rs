//! Owns how often a role has asked in the present minute. The count must hold for all sessions of the role, also in transactions that only read
//! or that are rolled back, and on a standby. No table can do that. So each statement appends one byte to a file of its role and minute in
//! pg_stat_tmp, the server's folder for what may be lost, and the length of the file is the count. Appending needs no lock.

use pgrx::pg_sys::{self, Datum};
use std::cell::RefCell;
use std::fs::{OpenOptions, read_dir, remove_file};
use std::io::Write;

const FOLDER: &str = "pg_stat_tmp";
const PREFIX: &str = "pg_tally_requests.";
const MINUTE: i64 = 60_000_000;

/// No limit is higher, so a file need not grow further.
const MOST: u64 = 1_000_001;

/// What the present statement has counted already: it counts once for each role and limit.
#[derive(Default)]
struct Statement {
    at: i64,
    counted: Vec<((u32, i32), i64)>,
}

thread_local! {
    static STATEMENT: RefCell<Statement> = RefCell::default();
}

crate::pg_fn! {
    /// `tally_internal._count_request(role oid, limits_id int) → bigint`: statements of the role in this minute, this one included; 0 where they
    /// cannot be counted, and for limit 0, which is none.
    tally_count_request(call) {
        let key = (call.datum(0).value() as u32, call.i32(1));
        // SAFETY: reads variables of the backend.
        let (at, database) = unsafe { (pg_sys::GetCurrentStatementStartTimestamp(), pg_sys::MyDatabaseId.to_u32()) };
        let count = STATEMENT.with_borrow_mut(|statement| {
            if statement.at != at {
                *statement = Statement { at, counted: Vec::new() };
            }
            if let Some((_, count)) = statement.counted.iter().find(|(known, _)| *known == key) {
                return *count;
            }
            let count = if key.1 == 0 { 0 } else { counted(database, key, at.div_euclid(MINUTE)).unwrap_or(0) };
            statement.counted.push((key, count));
            count
        });
        Datum::from(count)
    }
}

/// Adds one to the file of a role, a limit and a minute. A backend's working folder is the server's data folder.
fn counted(database: u32, (role, limit): (u32, i32), minute: i64) -> std::io::Result<i64> {
    let path = format!("{FOLDER}/{PREFIX}{database}.{role}.{limit}.{minute}");
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let before = file.metadata()?.len();
    if before < MOST {
        file.write_all(b".")?;
    }
    if before == 0 {
        forget(minute - 1);
    }
    // Others may have appended since: it counts up to here, so no two statements are the same one.
    Ok(file.metadata()?.len() as i64)
}

/// Removes the files of minutes before this one. Another session may be removing them too.
fn forget(minute: i64) {
    for entry in read_dir(FOLDER).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let old = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.rsplit('.').next()?.parse::<i64>().ok())
            .is_some_and(|found| found < minute);
        if old {
            let _ = remove_file(entry.path());
        }
    }
}
