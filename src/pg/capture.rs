//! Owns capture: it turns changed rows into dirty marks, in the writer's own transaction.
//!
//! Capture sits in the WHEN condition of AFTER ROW triggers (`sql/s30_capture/capture.sql`), which PostgreSQL evaluates
//! the moment a row is written, with the row at hand; it answers false, so that no trigger event is queued and no row is
//! fetched again at the end of the statement. That is most of what a row trigger costs: see `docs/architecture.md`.
//!
//! A mark is written the moment its bucket is first seen in the transaction, so a transaction sees its own marks too;
//! later rows of the bucket cost a comparison. Marks are written below the executor: the writer needs no rights in
//! `tally`. A mark may name any instant of its bucket; the engine aligns it, so a forged call only causes work. Only
//! rollups that there are get marks, and no more in one transaction than `Marked` lets through.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;

use pgrx::pg_sys::{self, Datum};

use super::mark::{self, Kind};
use super::zone::RuleClock;
use tally_core::calendar::rule::Rule;
use tally_core::calendar::zone::Utc;
use tally_core::calendar::{INFINITY, MINUS_INFINITY};
use tally_core::capture::marked::{Marked, Write};
use tally_core::error::{SqlState, TallyError};

thread_local! {
    // One backend is one thread; thread_local only gives the cell a home.
    pub(super) static MARKED: RefCell<Marked> = RefCell::default();
    /// What kind of marks the rollups take that this transaction has asked about; none of one that does not exist.
    static KINDS: RefCell<HashMap<i32, Option<Kind>>> = RefCell::default();
}

/// One rollup on the source, as capture sees it for the length of a statement.
struct Target {
    rollup: i32,
    rule: Rule,
    clock: RuleClock,
    /// Instants of the bucket last seen, [from, until), already marked in `generation`.
    from: i64,
    until: i64,
    generation: u64,
}

crate::pg_fn! {
    /// `tally_internal._mark(targets text, at timestamptz) → boolean`: marks the bucket of `at` for each rollup of `targets`
    /// (`number rule; number rule; …`); always false.
    tally_mark(call)? {
        if call.is_null(0) {
            return Ok(Datum::from(false));
        }
        // NULL and infinite times are in no bucket; the one mark at infinity has such rows counted anew.
        let time = if call.is_null(1) { i64::MAX } else { call.i64(1) };
        let (text, targets) = call.kept(|call| {
            register_callbacks();
            super::version::check_capture()?;
            Ok((call.bytes(0).to_vec(), read_targets(call.str(0)?)?))
        })?;
        // A constant of the trigger, but anybody may call.
        if text != call.bytes(0) {
            *targets = read_targets(call.str(0)?)?;
            *text = call.bytes(0).to_vec();
        }
        for target in targets {
            mark(target, time);
        }
        Ok(Datum::from(false))
    }

    /// `tally_internal._capture_forget()`: a refresh took marks away in this transaction, so rows that follow must mark anew.
    tally_capture_forget(_call) {
        MARKED.with_borrow_mut(Marked::forget);
        KINDS.with_borrow_mut(HashMap::clear);
        Datum::from(0usize)
    }
}

/// Reads `number rule; number rule; …`.
fn read_targets(text: &str) -> Result<Vec<Target>, TallyError> {
    let bad = |what: String| {
        TallyError::new(SqlState::InvalidParameterValue, format!("targets of capture: {what}"))
            .detail("Expected \"<rollup> <rule>; …\", as tally_internal._attach_capture() writes it.")
            .hint("SELECT tally_internal._attach_capture('<source>');")
    };
    text.split("; ")
        .map(|target| {
            let (rollup, rule) = target.split_once(' ').ok_or_else(|| bad(format!("got \"{target}\"")))?;
            let rule = Rule::parse(rule).map_err(|e| bad(e.to_string()))?;
            // A zone that PostgreSQL knows no more stops the rollup, not the writer: any instant of its bucket is a mark.
            let (rule, clock) = match RuleClock::of(&rule.zone) {
                Some(clock) => (rule, clock),
                None => (Rule::parse("fixed 3600000000")?, RuleClock::None(Utc)),
            };
            Ok(Target {
                rollup: rollup.parse().map_err(|_| bad(format!("got rollup \"{rollup}\"")))?,
                rule,
                clock,
                from: 0,
                until: 0,
                generation: u64::MAX,
            })
        })
        .collect()
}

/// Marks the bucket of `time`, unless this transaction has.
fn mark(target: &mut Target, time: i64) {
    MARKED.with_borrow_mut(|marked| {
        if target.generation == marked.generation() && target.from <= time && time < target.until {
            return;
        }
        let bucket = target.rule.bucket(target.clock.zone(), time);
        // A time whose bucket PostgreSQL cannot name is counted with the infinite ones.
        let start = if bucket.start == MINUS_INFINITY {
            INFINITY
        } else {
            bucket.start
        };
        if kind(target.rollup) == Some(Kind::Buckets) {
            // SAFETY: SQL runs in a transaction.
            let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
            match marked.insert((target.rollup, start), subtransaction) {
                Write::Nothing => {}
                // SAFETY: the function is PARALLEL UNSAFE, and the marks check that the transaction may write.
                Write::One => unsafe { mark::bucket(target.rollup, start) },
                // SAFETY: the same.
                Write::All => unsafe { mark::all(target.rollup) },
            }
        }
        (target.from, target.until, target.generation) = (bucket.from, bucket.until, marked.generation());
    });
}

/// What kind of marks a rollup takes; asked once per transaction.
pub(super) fn kind(rollup: i32) -> Option<Kind> {
    KINDS.with_borrow_mut(|kinds| {
        // SAFETY: SQL runs in a transaction.
        *kinds.entry(rollup).or_insert_with(|| unsafe { mark::kind(rollup) })
    })
}

/// Has the memory of marks follow the transaction; once per backend.
pub(super) fn register_callbacks() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the callbacks are functions of this library, which PostgreSQL never unloads.
    ONCE.call_once(|| unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction), std::ptr::null_mut());
    });
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_transaction(event: pg_sys::XactEvent::Type, _arg: *mut c_void) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        MARKED.with_borrow_mut(Marked::forget);
        KINDS.with_borrow_mut(HashMap::clear);
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _arg: *mut c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        MARKED.with_borrow_mut(|marked| marked.forget_since(subtransaction));
        KINDS.with_borrow_mut(HashMap::clear);
    }
}
