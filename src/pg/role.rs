//! Owns the type `tally.role`: the owner of a definition. A role by its number, as `regrole` is, but a name that no role has
//! is no error: it is "nobody". `pg_restore` brings the catalogue with COPY, and one owner who is not there must not lose all
//! definitions. A number is never printed and never read, because in another cluster it may be another role's.

use std::ffi::{CStr, CString};

use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{PgLogLevel, PgSqlErrorCode};

use tally_core::error::TallyError;

/// How "nobody" is written: no identifier begins so.
const NOBODY: &str = "-";

crate::pg_fn! {
    /// `in(cstring)`.
    tally_role_in(call)? {
        Ok(read(call.cstring(0)?))
    }

    /// `out(role)`.
    tally_role_out(call)? {
        Ok(call.return_cstring(&write(Oid::from(call.datum(0).value() as u32))?))
    }

    /// `recv(internal)`: the name, because a number may be another role's elsewhere.
    tally_role_recv(call)? {
        Ok(read(super::fmgr::str_of(call.received())?))
    }

    /// `send(role)`: the name.
    tally_role_send(call)? {
        Ok(call.return_bytes(write(Oid::from(call.datum(0).value() as u32))?.as_bytes()))
    }
}

/// The number of the role that the text names.
fn read(text: &str) -> Datum {
    let name = unquoted(text);
    if name == NOBODY {
        return Datum::from(pg_sys::InvalidOid);
    }
    let found = CString::new(name.as_str()).map_or(pg_sys::InvalidOid, |name| {
        // SAFETY: a look-up by a NUL-terminated name, which may find nothing.
        unsafe { pg_sys::get_role_oid(name.as_ptr(), true) }
    });
    if found == pg_sys::InvalidOid {
        pgrx::pg_sys::panic::ErrorReport::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("role \"{name}\" does not exist, so what it owned in pg_tally belongs to nobody"),
            "pg_tally",
        )
        .set_hint("SELECT name, owner FROM tally.rollups; and SELECT tally.set_owner('<rollup>', '<role>');")
        .report(PgLogLevel::WARNING);
    }
    Datum::from(found)
}

/// The name of a role as SQL writes it.
fn write(role: Oid) -> Result<String, TallyError> {
    // SAFETY: a look-up that gives a NUL-terminated copy, or null where there is no such role; quote_identifier gives
    // the same or another NUL-terminated copy.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if name.is_null() {
            return Ok(NOBODY.to_owned());
        }
        let quoted = pg_sys::quote_identifier(name);
        Ok(super::fmgr::str_of(CStr::from_ptr(quoted).to_bytes())?.to_owned())
    }
}

/// Whether there is a role of this number.
pub(super) fn exists(role: Oid) -> bool {
    // SAFETY: a look-up that may find nothing.
    unsafe { !pg_sys::GetUserNameFromId(role, true).is_null() }
}

/// What an identifier names: quotes taken away, or folded to lower case as PostgreSQL folds.
fn unquoted(text: &str) -> String {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => text.trim().to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn names_as_sql_writes_them() {
        assert_eq!(unquoted("postgres"), "postgres");
        assert_eq!(unquoted("Postgres"), "postgres");
        assert_eq!(unquoted("\"Postgres\""), "Postgres");
        assert_eq!(unquoted("\"Al \"\"the\"\" Smith\""), "Al \"the\" Smith");
    }
}
