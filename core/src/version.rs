//! Owns whether a library and the SQL that is installed in a database fit each other.
//!
//! A package brings the library, `ALTER EXTENSION pg_tally UPDATE` the SQL. In between, and in sessions that began before, one is
//! newer than the other: then nothing is computed, and the error says what to do.

use crate::error::{SqlState, TallyError};

/// This version, of the library and of the SQL that comes with it.
pub const LIBRARY: &str = env!("CARGO_PKG_VERSION");

/// The oldest SQL whose triggers this library serves: what they pass, and the tables of marks, have been the same since.
const OLDEST_CAPTURE: &str = "0.1.0";

/// Numbers between dots; what is no number counts as 0.
fn parts(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// An error where the installed SQL is not that of this library.
pub fn check(sql: &str) -> Result<(), TallyError> {
    if sql == LIBRARY {
        return Ok(());
    }
    let error = TallyError::new(
        SqlState::ObjectNotInPrerequisiteState,
        format!("pg_tally's library and its SQL must be of one version, got library {LIBRARY} and SQL {sql}"),
    );
    Err(if parts(sql) < parts(LIBRARY) {
        error
            .detail("The new library is installed, and this database has not been updated yet. Nothing was changed.")
            .hint("ALTER EXTENSION pg_tally UPDATE;")
    } else {
        error
            .detail(
                "This database has been updated since the session began, or the server has an older package than the one that updated it. \
                 Nothing was changed.",
            )
            .hint(format!(
                "ALTER EXTENSION pg_tally UPDATE;  -- in a new session, on a server with the package of {sql}"
            ))
    })
}

/// The same for capture, which must not stop writers without need: triggers of older SQL are served.
pub fn check_capture(sql: &str) -> Result<(), TallyError> {
    if parts(OLDEST_CAPTURE) <= parts(sql) && parts(sql) <= parts(LIBRARY) {
        return Ok(());
    }
    check(sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_version_computes() {
        assert!(check(LIBRARY).is_ok());
        let older = check("0.1.0").unwrap_err();
        assert_eq!(older.hint, "ALTER EXTENSION pg_tally UPDATE;");
        assert!(older.message.contains("SQL 0.1.0") && older.detail.contains("not been updated"));
        for newer in ["99.0.0", "0.10.0"] {
            assert!(
                check(newer).unwrap_err().detail.contains("since the session began"),
                "{newer}"
            );
        }
    }

    #[test]
    fn capture_serves_older_triggers_and_no_newer_ones() {
        assert!(check_capture(LIBRARY).is_ok());
        assert!(check_capture("0.1.0").is_ok());
        assert!(check_capture("0.0.9").is_err());
        assert!(check_capture("99.0.0").is_err());
    }
}
