//! Owns the rows that the text of a definition gives: each is made a jsonb object as PostgreSQL yields it, and kept where large results go
//! to disk. So a text with a hundred million rows does not take the memory of the server, and one with too many is ended.

use pgrx::pg_sys::{self, Datum};
use std::ffi::c_int;
use tally_core::error::{SqlState, TallyError};

/// The most bytes that the rows of one text may have as jsonb.
const MOST: usize = 256 << 20;

/// A receiver of rows, as PostgreSQL wants it.
#[repr(C)]
pub struct Receiver {
    head: pg_sys::DestReceiver,
    store: *mut pg_sys::Tuplestorestate,
    descriptor: pg_sys::TupleDesc,
    /// What the columns are called: a slot may have the names of the table that it was filled from.
    columns: pg_sys::TupleDesc,
    /// Emptied before each row.
    context: pg_sys::MemoryContext,
    bytes: usize,
}

impl Receiver {
    /// # Safety
    /// `store` and `descriptor` must be those of a materialized result of one jsonb column, and outlive the receiver.
    pub unsafe fn new(store: *mut pg_sys::Tuplestorestate, descriptor: pg_sys::TupleDesc) -> Self {
        // SAFETY: the context is a child of the running one, which ends no later than the call.
        let context = unsafe {
            pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"rows of a definition's text".as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            )
        };
        Receiver {
            head: pg_sys::DestReceiver {
                receiveSlot: Some(receive),
                rStartup: Some(begin),
                rShutdown: Some(nothing),
                rDestroy: Some(nothing),
                mydest: pg_sys::CommandDest::DestTuplestore,
            },
            store,
            descriptor,
            columns: std::ptr::null_mut(),
            context,
            bytes: 0,
        }
    }

    /// What PostgreSQL is given.
    pub fn head(&mut self) -> *mut pg_sys::DestReceiver {
        (&raw mut *self).cast()
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn begin(receiver: *mut pg_sys::DestReceiver, _operation: c_int, columns: pg_sys::TupleDesc) {
    // SAFETY: PostgreSQL gives the receiver that it was given, and a description that lives until the last row. row_to_json looks the row type up
    // by its registration.
    unsafe { (*receiver.cast::<Receiver>()).columns = pg_sys::BlessTupleDesc(columns) };
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn receive(slot: *mut pg_sys::TupleTableSlot, receiver: *mut pg_sys::DestReceiver) -> bool {
    // SAFETY: PostgreSQL gives the receiver that it was given, which is the head of a `Receiver`, and a filled slot. All that is made of the
    // row lives until the next one; the store copies what it is given.
    unsafe {
        let receiver = &mut *receiver.cast::<Receiver>();
        pg_sys::MemoryContextReset(receiver.context);
        let outer = pg_sys::CurrentMemoryContext;
        pg_sys::CurrentMemoryContext = receiver.context;
        let mut own = false;
        let row = pg_sys::ExecFetchSlotHeapTuple(slot, false, &raw mut own);
        let row = pg_sys::heap_copy_tuple_as_datum(row, receiver.columns);
        let json = pgrx::fcinfo::direct_function_call_as_datum(pg_sys::row_to_json, &[Some(row)]);
        let text = pg_sys::text_to_cstring(json.map_or(std::ptr::null(), |d| d.cast_mut_ptr()));
        let jsonb = pgrx::fcinfo::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(Datum::from(text))]);
        receiver.bytes += jsonb.map_or(0, |value| pgrx::varsize_any(value.cast_mut_ptr()));
        if receiver.bytes > MOST {
            too_many();
        }
        let (mut value, mut null) = ([jsonb.unwrap_or(Datum::null())], [jsonb.is_none()]);
        pg_sys::tuplestore_putvalues(
            receiver.store,
            receiver.descriptor,
            value.as_mut_ptr(),
            null.as_mut_ptr(),
        );
        pg_sys::CurrentMemoryContext = outer;
    }
    true
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn nothing(_receiver: *mut pg_sys::DestReceiver) {}

fn too_many() -> ! {
    super::report::raise(
        TallyError::new(
            SqlState::ProgramLimitExceeded,
            format!("the query gives rows of more than {} MB, and was ended", MOST >> 20),
        )
        .detail("What a definition's text gives is kept until it ends, so that none fills the memory or the disk of the server.")
        .hint("SELECT count(*) FROM (…) q;  -- in the place of the rows; or INSERT INTO a table"),
    )
}
