//! Owns the answer to "who is calling": tickets that a SECURITY DEFINER function takes as the default of its last argument.
//!
//! Inside such a function the current user is the extension's owner, and neither `session_user` nor the setting `role` says who
//! called: under pg_cron, in `run_as()` and in other SECURITY DEFINER functions both name somebody else. PostgreSQL evaluates the
//! default of an argument before it switches the user. So `tally_internal._me()` as a default sees the caller: it draws a random number,
//! remembers for whom, and the function redeems it. A number that was not drawn here, or was redeemed before, proves nobody.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;

use pgrx::pg_sys::{self, Datum};

use tally_core::error::{SqlState, TallyError};

/// More than calls can be nested between drawing and redeeming; older tickets are forgotten.
const MOST: usize = 256;

thread_local! {
    // One backend is one thread; thread_local only gives the cell a home.
    static TICKETS: RefCell<VecDeque<(i64, pg_sys::Oid)>> = const { RefCell::new(VecDeque::new()) };
}

unsafe extern "C-unwind" {
    /// Of libpgport, which the server exports; not part of pgrx's bindings.
    fn pg_strong_random(buffer: *mut c_void, length: usize) -> bool;
}

crate::pg_fn! {
    /// `tally_internal._me() → bigint`: a ticket of the current user.
    tally_me(_call)? {
        forget_at_end();
        super::version::check()?;
        let mut number = [0u8; 8];
        // SAFETY: the buffer has as many bytes as are asked for.
        if !unsafe { pg_strong_random(number.as_mut_ptr().cast(), number.len()) } {
            return Err(TallyError::new(SqlState::OutOfMemory, "the machine gave no random number"));
        }
        let ticket = i64::from_ne_bytes(number) & i64::MAX;
        TICKETS.with_borrow_mut(|tickets| {
            if tickets.len() == MOST {
                tickets.pop_front();
            }
            tickets.push_back((ticket, current_user()));
        });
        Ok(Datum::from(ticket))
    }

    /// `tally_internal._redeem(ticket bigint) → regrole`: for whom a ticket was drawn, once.
    tally_redeem(call)? {
        let ticket = (!call.is_null(0)).then(|| call.i64(0));
        let role = TICKETS.with_borrow_mut(|tickets| {
            let place = tickets.iter().rposition(|(number, _)| Some(*number) == ticket)?;
            tickets.remove(place)
        });
        match role {
            Some((_, role)) => Ok(Datum::from(role)),
            None => Err(TallyError::new(
                SqlState::InsufficientPrivilege,
                "the argument who must be left out, got a number that proves nobody",
            )
            .detail("Its default, tally_internal._me(), tells a function who calls it: a number that is good once, in the session that drew it.")
            .hint("SELECT … the same call without the argument who;")),
        }
    }

    /// `tally_internal._current_role() → regrole`: the current user by its OID, whatever its name is.
    tally_current_role(_call) {
        Datum::from(current_user())
    }
}

fn current_user() -> pg_sys::Oid {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::GetUserId() }
}

/// Has tickets forgotten at the end of each transaction; registered once per backend.
fn forget_at_end() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the callback is a function of this library, which PostgreSQL never unloads.
    ONCE.call_once(|| unsafe { pg_sys::RegisterXactCallback(Some(at_transaction), std::ptr::null_mut()) });
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_transaction(event: pg_sys::XactEvent::Type, _arg: *mut c_void) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        TICKETS.with_borrow_mut(VecDeque::clear);
    }
}
