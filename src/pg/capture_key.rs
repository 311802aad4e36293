//! Owns capture of keys: as `capture.rs`, for rollups whose partitions are values of a key. Each such rollup has a table of
//! marks of its own (`tally.dirty_keys_<number>`), because a mark holds a key's value, which not everybody may see.

use std::ffi::CString;

use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::{self, Datum};

use super::capture::{MARKED, defined, insert_row, register_callbacks, relation};
use tally_core::error::{SqlState, TallyError};

/// The rollups that one call marks, and the key they were last marked with.
struct Targets {
    rollups: Vec<i32>,
    last: Vec<u8>,
    generation: u64,
}

crate::pg_fn! {
    /// `tally._mark_key(targets text, key text[]) → boolean`: marks a key with each rollup of `targets` (numbers, a space
    /// between); always false.
    tally_mark_key(call)? {
        if call.is_null(0) || call.is_null(1) {
            return Ok(Datum::from(false));
        }
        let targets = targets(&call)?;
        let key = call.bytes(1);
        MARKED.with_borrow_mut(|marked| {
            // Rows of one key often follow each other.
            if targets.generation == marked.generation() && targets.last == key {
                return;
            }
            // SAFETY: SQL runs in a transaction.
            let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
            for rollup in &targets.rollups {
                if marked.insert_key(*rollup, key, subtransaction) {
                    write_mark(*rollup, call.datum(1));
                }
            }
            targets.last.clear();
            targets.last.extend_from_slice(key);
            targets.generation = marked.generation();
        });
        Ok(Datum::from(false))
    }
}

/// The rollups of argument 0: read once per statement, kept in fn_extra. The argument is a constant of the trigger.
fn targets<'a>(call: &crate::pg::fmgr::Call) -> Result<&'a mut Targets, TallyError> {
    // SAFETY: flinfo lives as long as the statement, fn_extra is ours alone, and fn_mcxt drops what it holds.
    unsafe {
        let flinfo = (*call.fcinfo()).flinfo;
        if (*flinfo).fn_extra.is_null() {
            let text = call.str(0)?;
            let rollups = text.split(' ').map(str::parse).collect::<Result<_, _>>().map_err(|_| {
                TallyError::new(
                    SqlState::InvalidParameterValue,
                    format!("targets of capture: expected numbers of rollups, got \"{text}\""),
                )
                .detail("Expected \"<rollup> <rollup> …\", as tally._attach_capture() writes it.")
                .hint("SELECT tally._attach_capture('<source>');")
            })?;
            register_callbacks();
            let read = Targets {
                rollups,
                last: Vec::new(),
                generation: u64::MAX,
            };
            (*flinfo).fn_extra = PgMemoryContexts::For((*flinfo).fn_mcxt)
                .leak_and_drop_on_delete(read)
                .cast();
        }
        Ok(&mut *(*flinfo).fn_extra.cast::<Targets>())
    }
}

/// Inserts one row into a rollup's table of marks; does nothing where there is none, because nobody has defined the rollup here.
fn write_mark(rollup: i32, key: Datum) {
    let name = CString::new(format!("dirty_keys_{rollup}")).unwrap_or_default();
    // SAFETY: the function is PARALLEL UNSAFE and runs in a transaction; tally._create_marks() makes the table with exactly
    // these two columns and no index.
    unsafe {
        let table = relation(&name);
        if table == pg_sys::InvalidOid || !defined(rollup) {
            return;
        }
        insert_row(
            table,
            &mut [key, Datum::from(pg_sys::GetCurrentTransactionStartTimestamp())],
        );
    }
}
