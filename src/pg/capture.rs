//! Owns capture: it turns changed rows into dirty marks, in the writer's own transaction.
//!
//! Capture sits in the WHEN condition of AFTER ROW triggers (`sql/s30_capture/capture.sql`), which PostgreSQL evaluates
//! the moment a row is written, with the row at hand; it answers false, so that no trigger event is queued and no row is
//! fetched again at the end of the statement. That is most of what a row trigger costs: see `docs/architecture.md`.
//!
//! A mark is written the moment its bucket is first seen in the transaction, so a transaction sees its own marks too;
//! later rows of the bucket cost a comparison, in later statements too: what a trigger names is read once in a session.
//! Marks are written below the executor: the writer needs no rights in `tally`. A mark may name any instant of its bucket;
//! the engine aligns it, so a forged call only causes work. Only rollups that there are get marks, and no more in one
//! transaction than `Marked` lets through.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;

use pgrx::pg_sys::{self, Datum};

use super::fmgr::str_of;
use super::mark::{self, Kind};
use super::zone::RuleClock;
use tally_core::calendar::bucket::Bucket;
use tally_core::calendar::rule::Rule;
use tally_core::calendar::zone::Utc;
use tally_core::calendar::{INFINITY, MINUS_INFINITY};
use tally_core::capture::marked::{Marked, Write};
use tally_core::capture::targets;
use tally_core::error::TallyError;

thread_local! {
    // One backend is one thread; thread_local only gives the cell a home.
    pub(super) static MARKED: RefCell<Marked> = RefCell::default();
    /// What kind of marks rollups take. That there is no such rollup holds for this transaction alone.
    static KINDS: RefCell<HashMap<i32, Option<Kind>>> = RefCell::default();
    /// Whether a table was made, changed or dropped since. Rollups come and go with tables and triggers.
    static KINDS_STALE: Cell<bool> = const { Cell::new(false) };
    /// The targets of the last triggers that fired, the last one first.
    static KEPT: RefCell<Vec<Targets>> = const { RefCell::new(Vec::new()) };
}

/// How many texts of targets a session keeps: one for each source that it writes by turns.
const MOST_KEPT: usize = 16;

/// The rollups that one trigger marks, and the instants that need no mark any more.
struct Targets {
    text: Box<[u8]>,
    each: Vec<Target>,
    /// In `generation`, the buckets of the instants in [from, until) are marked for all of them.
    from: i64,
    until: i64,
    generation: u64,
}

/// One rollup on the source, as capture sees it.
struct Target {
    rollup: i32,
    rule: Rule,
    clock: RuleClock,
    /// The bucket last seen; none that holds an instant before.
    bucket: Bucket,
}

crate::pg_fn! {
    /// `tally_internal._mark(targets text, at timestamptz) → boolean`: marks the bucket of `at` for each rollup of `targets`
    /// (`tally_core::capture::targets`); always false.
    tally_mark(call)? {
        if call.is_null(0) {
            return Ok(Datum::from(false));
        }
        // NULL and infinite times are in no bucket; the one mark at infinity has such rows counted anew.
        let time = if call.is_null(1) { i64::MAX } else { call.i64(1) };
        KEPT.with_borrow_mut(|kept| {
            let targets = kept_targets(kept, call.bytes(0))?;
            if targets.generation != MARKED.with_borrow(Marked::generation) || time < targets.from || targets.until <= time {
                register_callbacks();
                super::version::check_capture()?;
                mark(targets, time);
            }
            Ok(Datum::from(false))
        })
    }

    /// `tally_internal._capture_forget()`: a refresh took marks away in this transaction, so rows that follow must mark anew.
    tally_capture_forget(_call) {
        MARKED.with_borrow_mut(Marked::forget);
        KINDS.with_borrow_mut(HashMap::clear);
        Datum::from(0usize)
    }
}

/// The targets that a text names. It is a constant of the trigger, but anybody may call.
fn kept_targets<'a>(kept: &'a mut Vec<Targets>, text: &[u8]) -> Result<&'a mut Targets, TallyError> {
    match kept.iter().position(|targets| *targets.text == *text) {
        Some(0) => {}
        Some(place) => kept[..=place].rotate_right(1),
        None => {
            let read = Targets {
                text: text.into(),
                each: read_targets(str_of(text)?)?,
                from: 0,
                until: 0,
                generation: u64::MAX,
            };
            kept.truncate(MOST_KEPT - 1);
            kept.insert(0, read);
        }
    }
    Ok(&mut kept[0])
}

/// Reads a text of targets.
fn read_targets(text: &str) -> Result<Vec<Target>, TallyError> {
    targets::read(text)?
        .into_iter()
        .map(|(rollup, rule)| {
            let rule = Rule::parse(&rule).map_err(|e| targets::bad(&e.to_string()))?;
            // A zone that PostgreSQL knows no more stops the rollup, not the writer: any instant of its bucket is a mark.
            let (rule, clock) = match RuleClock::of(&rule.zone) {
                Some(clock) => (rule, clock),
                None => (Rule::parse("fixed 3600000000")?, RuleClock::None(Utc)),
            };
            Ok(Target {
                rollup,
                rule,
                clock,
                bucket: Bucket {
                    start: 0,
                    from: 0,
                    until: 0,
                },
            })
        })
        .collect()
}

/// Marks the bucket of `time` for each of the targets for which this transaction has not.
fn mark(targets: &mut Targets, time: i64) {
    let (mut from, mut until) = (i64::MIN, i64::MAX);
    let mut all_known = true;
    let mut buckets = Vec::new();
    let mut wholes = Vec::new();
    for target in &mut targets.each {
        if time < target.bucket.from || target.bucket.until <= time {
            target.bucket = target.rule.bucket(target.clock.zone(), time);
        }
        (from, until) = (from.max(target.bucket.from), until.min(target.bucket.until));
        // Looked up before the memory is borrowed: a session that is ended here forgets its marks.
        if kind(target.rollup) != Some(Kind::Buckets) {
            all_known = false;
            continue;
        }
        // A time whose bucket PostgreSQL cannot name is counted with the infinite ones.
        let start = if target.bucket.start == MINUS_INFINITY {
            INFINITY
        } else {
            target.bucket.start
        };
        // SAFETY: SQL runs in a transaction.
        let subtransaction = unsafe { pg_sys::GetCurrentSubTransactionId() };
        match MARKED.with_borrow_mut(|marked| marked.insert((target.rollup, start), subtransaction)) {
            Write::Nothing => {}
            Write::One => buckets.push((target.rollup, start)),
            Write::All => wholes.push(target.rollup),
        }
    }
    // SAFETY: the function is PARALLEL UNSAFE, and the marks check that the transaction may write. An error here ends the
    // (sub)transaction, and its marks are forgotten.
    unsafe {
        mark::buckets(&buckets);
        wholes.iter().for_each(|rollup| mark::all(*rollup));
    }
    // A rollup that is not there may be made later in this transaction.
    targets.generation = if all_known {
        MARKED.with_borrow(Marked::generation)
    } else {
        u64::MAX
    };
    (targets.from, targets.until) = (from, until);
}

/// What kind of marks a rollup takes. Asked again once a table has changed.
pub(super) fn kind(rollup: i32) -> Option<Kind> {
    if KINDS_STALE.take() {
        KINDS.with_borrow_mut(HashMap::clear);
    }
    if let Some(known) = KINDS.with_borrow(|kinds| kinds.get(&rollup).copied()) {
        return known;
    }
    // SAFETY: SQL runs in a transaction.
    let found = unsafe { mark::kind(rollup) };
    KINDS.with_borrow_mut(|kinds| kinds.insert(rollup, found));
    found
}

/// Has the memory of marks follow the transaction; once per backend.
pub(super) fn register_callbacks() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the callbacks are functions of this library, which PostgreSQL never unloads.
    ONCE.call_once(|| unsafe {
        pg_sys::RegisterXactCallback(Some(at_transaction), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction), std::ptr::null_mut());
        pg_sys::CacheRegisterRelcacheCallback(Some(table_changed), Datum::from(0usize));
    });
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_transaction(event: pg_sys::XactEvent::Type, _arg: *mut c_void) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        MARKED.with_borrow_mut(Marked::forget);
        // What a transaction saw that does not commit, nobody else has seen.
        let committed = event == XACT_EVENT_COMMIT;
        KINDS.with_borrow_mut(|kinds| kinds.retain(|_, kind| committed && kind.is_some()));
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn table_changed(_argument: Datum, _table: pg_sys::Oid) {
    KINDS_STALE.set(true);
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
