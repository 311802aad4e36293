//! Owns the one error of the project's pure code: four parts, as PostgreSQL's users know them.
//!
//! Pure modules return it and know nothing of PostgreSQL; `pg::report` is the only place that raises it.

use std::borrow::Cow;
use std::fmt;

/// An error with the four parts that a user sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyError {
    /// What kind of error it is, by PostgreSQL's classes.
    pub sqlstate: SqlState,
    /// What was expected and what was got.
    pub message: Cow<'static, str>,
    /// Circumstances, or empty.
    pub detail: Cow<'static, str>,
    /// The statement that mends it, or empty.
    pub hint: Cow<'static, str>,
}

/// The SQLSTATEs that pg_tally's Rust half raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlState {
    /// `22023`: an argument outside its domain.
    InvalidParameterValue,
    /// `22P02`: text that is not of the type.
    InvalidTextRepresentation,
    /// `22P03`: bytes from a client that are not of the type.
    InvalidBinaryRepresentation,
    /// `XX001`: stored bytes that no version of pg_tally wrote.
    DataCorrupted,
    /// `42804`: an argument of a type that cannot be used here.
    DatatypeMismatch,
    /// `42883`: a type lacks a function that is needed.
    UndefinedFunction,
    /// `42704`: a role or other object that is not there.
    UndefinedObject,
    /// `0A000`: known, and not supported.
    FeatureNotSupported,
    /// `54000`: more than a limit allows.
    ProgramLimitExceeded,
    /// `22003`: a number beyond its type.
    NumericValueOutOfRange,
    /// `2202E`: an array of the wrong shape.
    ArraySubscriptError,
    /// `22004`: a NULL where none is allowed.
    NullValueNotAllowed,
    /// `22007`: text that is no date, time or duration.
    InvalidDatetimeFormat,
    /// `53200`: the machine has no more memory.
    OutOfMemory,
    /// `42501`: a right that the caller has not proved.
    InsufficientPrivilege,
    /// `55000`: something must be done before.
    ObjectNotInPrerequisiteState,
    /// `P0001`: an error that a definition's text raised by itself.
    RaisedByText,
}

impl TallyError {
    /// An error with a message only; [`detail`](Self::detail) and [`hint`](Self::hint) add the other parts.
    pub fn new(sqlstate: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        TallyError {
            sqlstate,
            message: message.into(),
            detail: Cow::Borrowed(""),
            hint: Cow::Borrowed(""),
        }
    }

    /// Adds the circumstances.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds the statement that mends it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// A number as SQL writes it, for messages: `Infinity` where Rust writes `inf`.
pub struct Shown(pub f64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("Infinity"),
            f64::NEG_INFINITY => f.write_str("-Infinity"),
            number => number.fmt(f),
        }
    }
}

/// An empty vector with room for `n`. Where the data decide how many there are, a vector is made here: memory that is not
/// there must be an error of the statement, and Rust's own allocations end the process instead.
pub fn room_for<T>(n: usize) -> Result<Vec<T>, TallyError> {
    let mut room = Vec::new();
    match room.try_reserve_exact(n) {
        Ok(()) => Ok(room),
        Err(_) => Err(TallyError::new(SqlState::OutOfMemory, "out of memory")
            .detail(format!(
                "Failed on a request of {} bytes.",
                n.saturating_mul(size_of::<T>())
            ))
            .hint("GROUP BY what makes groups smaller, or give the server more memory.")),
    }
}

impl fmt::Display for TallyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TallyError {}
