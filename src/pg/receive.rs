//! Owns the bytes that a type sends, as a bytea: between servers a sketch travels as those, because its text is JSON, which is slow to write and to read.

use super::fmgr::Call;
use pgrx::pg_sys::{self, Datum, Oid};

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
    /// `tally_internal._sent(value anyelement) → bytea`: the binary form of a value.
    tally_sent(call)? {
        let send = *call.memo((), |call| Ok(Binary::send(call, 0)))?;
        // SAFETY: the function is the send function of the argument's type.
        Ok(Datum::from(unsafe { pg_sys::SendFunctionCall(send.function, call.datum(0)) }))
    }

    /// `tally_internal._received(sent bytea, kind anyelement) → anyelement`: the value whose binary form is `sent`, of the type of `kind`.
    tally_received(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        let receive = *call.memo((), |call| Ok(Binary::receive(call, 1)))?;
        let sent = call.bytes(0);
        // SAFETY: the buffer is a copy in the current context; the function is the type's own, and raises on bytes that are none of its values.
        unsafe {
            let buffer = pg_sys::makeStringInfo();
            pg_sys::appendBinaryStringInfo(buffer, sent.as_ptr().cast(), sent.len() as i32);
            Ok(pg_sys::ReceiveFunctionCall(receive.function, buffer, receive.parameter, -1))
        }
    }
}
