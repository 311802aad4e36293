//! Owns the text in which a sketch travels between servers: the bytes that its type sends, in base 64. Its own text is JSON, and that of a bytea has two
//! digits a byte; both take longer to write and to read than the sketch takes to merge.

use super::fmgr::Call;
use super::varlena;
use pgrx::pg_sys::{self, Datum, Oid};
use tally_core::base64;
use tally_core::error::{SqlState, TallyError};

/// A type's send or receive function.
#[derive(Clone, Copy)]
struct Binary {
    function: *mut pg_sys::FmgrInfo,
    parameter: Oid,
}

impl Binary {
    /// A function for this call site.
    fn new(call: &Call, number: Oid, parameter: Oid) -> Self {
        // SAFETY: flinfo is valid, and its context lives as long as it does.
        unsafe {
            let context = (*(*call.fcinfo()).flinfo).fn_mcxt;
            let function = pg_sys::MemoryContextAlloc(context, size_of::<pg_sys::FmgrInfo>()).cast();
            pg_sys::fmgr_info_cxt(number, function, context);
            Binary { function, parameter }
        }
    }

    /// The send function of the type of argument `i`.
    fn send(call: &Call, i: usize) -> Self {
        let (mut number, mut varlena) = (Oid::INVALID, false);
        // SAFETY: a catalog look-up, which raises where a type has no such function.
        unsafe { pg_sys::getTypeBinaryOutputInfo(call.arg_type(i), &mut number, &mut varlena) };
        Binary::new(call, number, Oid::INVALID)
    }

    /// The receive function of the type of argument `i`.
    fn receive(call: &Call, i: usize) -> Self {
        let (mut number, mut parameter) = (Oid::INVALID, Oid::INVALID);
        // SAFETY: as above.
        unsafe { pg_sys::getTypeBinaryInputInfo(call.arg_type(i), &mut number, &mut parameter) };
        Binary::new(call, number, parameter)
    }
}

crate::pg_fn! {
    /// `tally_internal._sent(value anyelement) → text`: the binary form of a value, in base 64.
    tally_sent(call)? {
        let send = *call.memo((), |call| Ok(Binary::send(call, 0)))?;
        // SAFETY: the function is the send function of the argument's type, and what it gives is a bytea.
        let bytes = unsafe { varlena::payload(Datum::from(pg_sys::SendFunctionCall(send.function, call.datum(0)))) };
        Ok(call.return_str(&base64::encode(bytes)))
    }

    /// `tally_internal._received(sent text, kind anyelement) → anyelement`: the value that `sent` stands for, of the type of `kind`.
    tally_received(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        let receive = *call.memo((), |call| Ok(Binary::receive(call, 1)))?;
        let mut sent = base64::decode(call.str(0)?).ok_or_else(|| {
            TallyError::new(SqlState::DataCorrupted, "a sketch from another server expected in base 64, got other text")
                .detail("The server sent it, or somebody wrote it by hand.")
                .hint("SELECT * FROM tally.cluster_nodes;  -- which servers there are")
        })?;
        let length = sent.len() as i32;
        // A buffer ends with a zero that does not count.
        sent.push(0);
        let mut buffer = pg_sys::StringInfoData {
            data: sent.as_mut_ptr().cast(),
            len: length,
            maxlen: length + 1,
            cursor: 0,
        };
        // SAFETY: the bytes live until the call ends; the function is the type's own, and raises on bytes that are none of its values.
        Ok(unsafe { pg_sys::ReceiveFunctionCall(receive.function, &raw mut buffer, receive.parameter, -1) })
    }
}
