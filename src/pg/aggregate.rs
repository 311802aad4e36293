//! Owns the in-place aggregate state: a varlena that a transition function changes where it lies.
//!
//! nodeAgg.c keeps the state in its own memory context. When a transition function returns the same pointer, nothing is
//! copied; when it returns another one, the executor copies it into that context and frees the old state itself. So a
//! state that must grow is a new palloc in the current (per-tuple) context: a repalloc or pfree here would be a
//! double free. Called outside an aggregate, the argument may point into a shared buffer: it is copied first.

use super::ahead;
use super::fmgr::{Answer, Call};
use super::varlena::{self, HEADER};
use pgrx::pg_sys;
use std::slice;
use tally_core::error::TallyError;
use tally_core::sketch::Grow;

/// An aggregate state as 8-byte words. The low half of word 0 is the varlena header and not the sketch's to touch.
pub struct State {
    ptr: *mut u8,
    words: usize,
}

impl State {
    /// A new state of `words` zeroed words.
    pub fn new(words: usize) -> Self {
        State {
            ptr: varlena::alloc_zeroed(words * 8),
            words,
        }
    }

    /// A new state with these words; their varlena header's half of word 0 is not taken.
    pub fn from_words(words: &[u64]) -> Self {
        let mut state = State::new(words.len());
        state.words()[1..].copy_from_slice(&words[1..]);
        state.words()[0] |= words[0] & !0xffff_ffff;
        state
    }

    /// Repeats a step in ever larger copies until it no longer asks for more words.
    #[inline(never)]
    pub fn until(
        mut self,
        mut step: impl FnMut(&mut [u64]) -> Result<Result<(), Grow>, TallyError>,
    ) -> Result<Self, TallyError> {
        while let Err(Grow(needed)) = step(self.words())? {
            self = self.grown(needed);
        }
        Ok(self)
    }

    /// The state in argument `i`, changeable in place: only inside an aggregate, and only a plain, aligned varlena of
    /// whole words. Otherwise `None`: decode the bytes and build a new state.
    #[inline(always)]
    pub fn in_place(call: &Call, i: usize) -> Option<Self> {
        if !call.is_aggregate() {
            return None;
        }
        let ptr = call.datum(i).cast_mut_ptr::<u8>();
        // SAFETY: a non-NULL varlena argument has a first byte, and 4 header bytes where the low two bits are 00.
        let header = unsafe {
            if *ptr & 3 != 0 || !(ptr as usize).is_multiple_of(8) {
                return None;
            }
            ptr.cast::<u32>().read()
        };
        let size = (header >> 2) as usize;
        (size.is_multiple_of(8) && size > 0).then_some(State { ptr, words: size / 8 })
    }

    /// The words; the low half of the first is reserved.
    #[inline(always)]
    pub fn words(&mut self) -> &mut [u64] {
        // SAFETY: `ptr` is 8-byte aligned with `words` words: either alloc_zeroed made it, or in_place checked it, and
        // inside an aggregate the executor owns the state for this call alone.
        unsafe { slice::from_raw_parts_mut(self.ptr.cast::<u64>(), self.words) }
    }

    /// A larger copy in the current context. The old one is left for the executor to free.
    #[must_use]
    pub fn grown(mut self, words: usize) -> Self {
        let mut bigger = State::new(words.max(self.words));
        let old = self.words;
        bigger.words()[1..old].copy_from_slice(&self.words()[1..]);
        bigger.words()[0] |= self.words()[0] & !0xffff_ffff;
        bigger
    }

    /// The payload: everything behind the varlena header.
    pub fn payload(&self) -> &[u8] {
        // SAFETY: as in `words`; the payload begins 4 bytes in.
        unsafe { slice::from_raw_parts(self.ptr.add(HEADER), self.words * 8 - HEADER) }
    }

    /// The datum to return.
    #[inline(always)]
    pub fn datum(&self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.ptr)
    }
}

/// What a sketch's pure code offers to be an aggregate's state.
pub trait Working {
    /// Whether the words are a working form that can be changed in place.
    fn is_working(words: &[u64]) -> bool;
    /// The working form of stored bytes, or of another working form's bytes.
    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError>;
    /// The stored form, finished. Where [`finished`] is used the words must stay as they are: a final function may run again.
    fn stored(words: &mut [u64]) -> Vec<u8>;
    /// Whether the bytes, whole, are a stored form that may stand for a state: the first sketch that is merged then stays as it is, and one that
    /// is merged with nothing is neither read into words nor written.
    fn stands(_bytes: &[u8]) -> Result<bool, TallyError> {
        Ok(false)
    }
    /// Whether the bytes of a state are such a form.
    fn is_standing(_bytes: &[u8]) -> bool {
        false
    }
}

/// Runs a change on the aggregate's state in argument 0: in place where it can be, in a larger copy where it must grow.
/// `fresh` makes the state of a group's first value. Called outside an aggregate it answers with the stored form.
#[inline(always)]
pub fn change<W: Working>(
    call: &Call,
    fresh: impl FnOnce(&Call) -> Result<State, TallyError>,
    mut step: impl FnMut(&mut [u64]) -> Result<Result<(), Grow>, TallyError>,
) -> Answer {
    ahead::next_state(call);
    if !call.is_null(0)
        && let Some(mut state) = State::in_place(call, 0)
        && W::is_working(state.words())
    {
        return match step(state.words())? {
            Ok(()) => Ok(state.datum()),
            Err(Grow(needed)) => Ok(state.grown(needed).until(step)?.datum()),
        };
    }
    let state = if call.is_null(0) {
        fresh(call)?
    } else {
        State::from_words(&W::from_stored(call.bytes(0))?)
    };
    let mut state = state.until(step)?;
    Ok(if call.is_aggregate() {
        state.datum()
    } else {
        call.return_bytes(&W::stored(state.words()))
    })
}

/// The stored form of the state in argument 0, which stays as it is: read where it lies, or decoded when it came from elsewhere.
#[inline(always)]
pub fn finished<W: Working>(call: &Call) -> Answer {
    if call.is_null(0) {
        return Ok(call.return_null());
    }
    if let Some(mut state) = State::in_place(call, 0)
        && W::is_working(state.words())
    {
        return Ok(call.return_bytes(&W::stored(state.words())));
    }
    let bytes = call.bytes(0);
    if W::is_standing(bytes) {
        return Ok(call.return_bytes(bytes));
    }
    Ok(call.return_bytes(&W::stored(&mut W::from_stored(bytes)?)))
}

/// Merges the sketch in argument 1 into the state in argument 0; the first sketch of a group becomes its state.
#[inline(always)]
pub fn merge<W: Working>(call: &Call, step: impl FnMut(&mut [u64]) -> Result<Result<(), Grow>, TallyError>) -> Answer {
    if call.is_null(1) {
        return same(call);
    }
    if !call.is_null(0) {
        return change::<W>(call, |_| unreachable!("argument 0 is not NULL"), step);
    }
    let bytes = call.bytes(1);
    if call.is_aggregate() && W::stands(bytes)? {
        return Ok(call.return_bytes(bytes));
    }
    let mut words = W::from_stored(bytes)?;
    Ok(if call.is_aggregate() {
        State::from_words(&words).datum()
    } else {
        call.return_bytes(&W::stored(&mut words))
    })
}

/// The state in argument 0 unchanged, or NULL where there is none yet: the answer to a NULL input.
#[inline(always)]
pub fn same(call: &Call) -> Answer {
    Ok(if call.is_null(0) {
        call.return_null()
    } else {
        call.datum(0)
    })
}
