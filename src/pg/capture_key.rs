//! Owns capture of keys: as `capture.rs`, for rollups whose partitions are values of a key. Each such rollup has a table of
//! marks of its own (`tally.dirty_keys_<number>`), because a mark holds a key's value, which not everybody may see.

use pgrx::pg_sys::{self, Datum};

use super::capture::{MARKED, kind, register_callbacks};
use super::mark::{self, Kind};
use tally_core::capture::marked::Write;
use tally_core::error::{SqlState, TallyError};

/// The rollups that one call marks, and the key they were last marked with.
struct Targets {
    text: Vec<u8>,
    rollups: Vec<i32>,
    last: Vec<u8>,
    generation: u64,
}

crate::pg_fn! {
    /// `tally_internal._mark_key(targets text, key text[]) → boolean`: marks a key with each rollup of `targets` (numbers, a space
    /// between); always false.
    tally_mark_key(call)? {
        if call.is_null(0) || call.is_null(1) {
            return Ok(Datum::from(false));
        }
        let targets = call.kept(|call| {
            register_callbacks();
            super::version::check_capture()?;
            read_targets(call.str(0)?)
        })?;
        // A constant of the trigger, but anybody may call.
        if targets.text != call.bytes(0) {
            *targets = read_targets(call.str(0)?)?;
        }
        let given = call.bytes(1);
        MARKED.with_borrow_mut(|marked| {
            // Rows of one key often follow each other.
            if targets.generation == marked.generation() && targets.last == given {
                return;
            }
            // SAFETY: SQL runs in a transaction.
            let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
            for rollup in &targets.rollups {
                let key = match kind(*rollup) {
                    Some(Kind::Keys(columns)) => mark::key(given, columns),
                    _ => None,
                };
                if let Some(key) = key {
                    match marked.insert_key(*rollup, &key, subtransaction) {
                        Write::Nothing => {}
                        // SAFETY: the function is PARALLEL UNSAFE, and the marks check that the transaction may write.
                        Write::One => unsafe { mark::key_of(*rollup, &key) },
                        // SAFETY: the same.
                        Write::All => unsafe { mark::all(*rollup) },
                    }
                }
            }
            targets.last.clear();
            targets.last.extend_from_slice(given);
            targets.generation = marked.generation();
        });
        Ok(Datum::from(false))
    }
}

crate::pg_fn! {
    /// `tally_internal._mark_whole(rollup int)`: marks all of a rollup per key, so that its keys need no marks of their own for
    /// the rest of the transaction.
    tally_mark_whole(call)? {
        register_callbacks();
        super::version::check_capture()?;
        let rollup = call.i32(0);
        if matches!(kind(rollup), Some(Kind::Keys(_))) {
            MARKED.with_borrow_mut(|marked| {
                // SAFETY: SQL runs in a transaction.
                let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
                if marked.insert_all(rollup, subtransaction) == Write::All {
                    // SAFETY: the function is PARALLEL UNSAFE, and the marks check that the transaction may write.
                    unsafe { mark::all(rollup) };
                }
            });
        }
        Ok(Datum::from(0usize))
    }
}

/// Reads the numbers of rollups, a space between.
fn read_targets(text: &str) -> Result<Targets, TallyError> {
    let rollups = text.split(' ').map(str::parse).collect::<Result<_, _>>().map_err(|_| {
        TallyError::new(
            SqlState::InvalidParameterValue,
            format!("targets of capture: expected numbers of rollups, got \"{text}\""),
        )
        .detail("Expected \"<rollup> <rollup> …\", as tally_internal._attach_capture() writes it.")
        .hint("SELECT tally_internal._attach_capture('<source>');")
    })?;
    Ok(Targets {
        text: text.as_bytes().to_vec(),
        rollups,
        last: Vec::new(),
        generation: u64::MAX,
    })
}
