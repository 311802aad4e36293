//! Owns the SQL-callable functions of pseudonyms. Declared in `sql/s10_kernel/small.sql`.

use crate::pg::fmgr::Call;
use crate::pg_fn;
use tally_core::error::{SqlState, TallyError};
use tally_core::hex;
use tally_core::privacy::{pseudonym, pseudonym_uuid};

/// The key. An error never shows it.
fn key(call: &Call) -> Result<&[u8], TallyError> {
    let key = call.bytes(1);
    if !key.is_empty() {
        return Ok(key);
    }
    Err(TallyError::new(
        SqlState::InvalidParameterValue,
        "key of a pseudonym expected, got the empty text",
    )
    .detail("Without a key every pseudonym can be undone by guessing names; 16 random bytes or more are a good key.")
    .hint("SELECT tally.pseudonym(name, gen_random_uuid()::text || gen_random_uuid()::text)"))
}

pg_fn! {
    /// `pseudonym(value text, key text)`.
    tally_pseudonym(call)? {
        Ok(call.return_str(&hex::encode(&pseudonym(call.bytes(0), key(&call)?))))
    }

    /// `pseudonym_uuid(value text, key text)`.
    tally_pseudonym_uuid(call)? {
        Ok(call.return_uuid(&pseudonym_uuid(call.bytes(0), key(&call)?)))
    }
}
