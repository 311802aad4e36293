//! Owns what the aggregates share whose rows are sorted by time when they are finished (`tally_core::sketch::ordered::log`).

use crate::pg::aggregate::{State, Working, change, merge, same};
use crate::pg::fmgr::{Answer, Call};
use std::marker::PhantomData;
use tally_core::error::TallyError;
use tally_core::sketch::ordered::{is_time, log};
use tally_core::sketch::stored::Stored;

/// A type whose state is a log.
pub trait Logged: Stored {
    /// The stored form of a state or of stored bytes.
    fn finish(bytes: &[u8]) -> Result<Self, TallyError>;
    /// Refuses values of another kind than the state's.
    fn alike(state: u8, other: u8) -> Result<(), TallyError>;
}

struct Log<T>(PhantomData<T>);

impl<T: Logged> Working for Log<T> {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        log::kind(words).is_some()
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        // Whatever the bytes are, they are read in full here or when the state is finished.
        log::from_bytes(T::NAME, code(bytes), bytes)
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        let state: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect();
        T::finish(&state).map_or(state, |finished| finished.encode())
    }
}

/// The kind in a value's bytes, stored or state.
fn code(bytes: &[u8]) -> u8 {
    bytes.get(1).map_or(0, |code| code % log::STATE)
}

fn state_code(words: &[u64]) -> u8 {
    log::kind(words).unwrap_or(0)
}

/// Adds a row: argument 1 is the value, of which `bytes` is given, argument 2 the time. Rows without a value or a finite time are skipped.
#[inline(always)]
pub fn add<T: Logged>(call: &Call, kind: u8, bytes: &[u8]) -> Answer {
    let time = call.i64(2);
    if call.is_null(2) || !is_time(time) {
        return same(call);
    }
    let fresh = |_: &Call| {
        let mut state = State::new(log::FIRST_WORDS);
        log::init(state.words(), kind);
        Ok(state)
    };
    change::<Log<T>>(call, fresh, |words| {
        if state_code(words) != kind {
            T::alike(state_code(words), kind)?;
        }
        log::push(words, time, bytes)
    })
}

/// Combine and rollup.
pub fn combine<T: Logged>(call: &Call) -> Answer {
    if call.is_null(1) {
        return same(call);
    }
    let bytes = call.bytes(1);
    merge::<Log<T>>(call, |words| {
        T::alike(state_code(words), code(bytes))?;
        log::merge(T::NAME, words, bytes)
    })
}

/// The final function: the stored form.
pub fn finished<T: Logged>(call: &Call) -> Answer {
    if call.is_null(0) {
        return Ok(call.return_null());
    }
    Ok(call.return_bytes(&T::finish(call.bytes(0))?.encode()))
}

/// `merge(a, b)`: both as one; a NULL counts as empty.
pub fn merged<T: Logged>(call: &Call) -> Answer {
    let (some, other) = match (call.is_null(0), call.is_null(1)) {
        (true, true) => return Ok(call.return_null()),
        (false, true) => (0, None),
        (true, false) => (1, None),
        (false, false) => (0, Some(1)),
    };
    let bytes = call.bytes(some);
    let mut words = log::from_bytes(T::NAME, code(bytes), bytes)?;
    if let Some(other) = other {
        T::alike(code(bytes), code(call.bytes(other)))?;
        while let Err(grow) = log::merge(T::NAME, &mut words, call.bytes(other))? {
            words.resize(grow.0, 0);
        }
    }
    let state: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect();
    Ok(call.return_bytes(&T::finish(&state)?.encode()))
}
