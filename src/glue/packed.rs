//! Owns the SQL-callable functions of packed keys. Declared in `sql/s10_kernel/packed.sql`.

use crate::pg::fmgr::{Call, str_of};
use crate::pg::varlena;
use crate::pg_fn;
use tally_core::error::{SqlState, TallyError};
use tally_core::packed;

/// Argument `i`, or `None` for NULL.
#[inline(always)]
fn given(call: &Call, i: usize) -> Option<&[u8]> {
    if call.is_null(i) { None } else { Some(call.bytes(i)) }
}

fn unreadable(n: i32) -> TallyError {
    TallyError::new(
        SqlState::InvalidParameterValue,
        format!("text {n} of a packed key expected, got bytes that have none"),
    )
    .detail("tally_internal._packed() makes such bytes of up to eight texts, which are numbered from 1.")
    .hint("SELECT tally_internal._unpacked(tally_internal._packed('a', 'b'), 2)")
}

pg_fn! {
    /// `_packed(text, …) → bytea`. It is called for each row of a source.
    tally_packed(call) {
        let length = (0..call.nargs()).map(|i| packed::size(given(&call, i))).sum();
        varlena::filled(length, |mut rest| {
            for i in 0..call.nargs() {
                rest = packed::write(given(&call, i), rest);
            }
        })
    }

    /// `_unpacked(key bytea, n int) → text`.
    tally_unpacked(call)? {
        let n = call.i32(1);
        let place = usize::try_from(i64::from(n) - 1).map_err(|_| unreadable(n))?;
        Ok(match packed::text(call.bytes(0), place).ok_or_else(|| unreadable(n))? {
            None => call.return_null(),
            // No text of PostgreSQL has a zero byte.
            Some(text) if text.contains(&0) => return Err(unreadable(n)),
            Some(text) => call.return_str(str_of(text)?),
        })
    }
}
