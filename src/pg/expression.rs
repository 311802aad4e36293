//! Owns the look at a text before it is put into a statement: PostgreSQL's own grammar says whether it is one expression.
//!
//! A definition's text is an operand in statements that the engine writes, some of which others than its maker run: the flat view
//! of metrics, for one. A text that closes a parenthesis, ends in a comment or holds a semicolon would write a statement of its own.
//! Nothing is looked up or run here.

use pgrx::pg_sys::{self, Datum};
use std::ffi::CString;
use tally_core::error::{SqlState, TallyError};

crate::pg_fn! {
    /// `tally._check_expression(text)`: an error where a text is not one expression that can stand between parentheses.
    tally_check_expression(call)? {
        let text = call.str(0)?;
        for whole in [text.to_owned(), format!("({text})::pg_catalog.text")] {
            parse(&whole)?;
        }
        Ok(Datum::from(0usize))
    }

    /// `tally._check_from_item(text)`: the same for what is joined to a table.
    tally_check_from_item(call)? {
        let text = call.str(0)?;
        for tail in ["", " WHERE true"] {
            parse(&format!("true FROM pg_catalog.pg_class CROSS JOIN LATERAL {text}{tail}"))?;
        }
        Ok(Datum::from(0usize))
    }
}

/// The grammar of PL/pgSQL's expressions: what may follow SELECT, and no second statement. A syntax error is raised as such.
fn parse(text: &str) -> Result<(), TallyError> {
    let text =
        CString::new(text).map_err(|_| TallyError::new(SqlState::InvalidParameterValue, "the text holds a NUL"))?;
    // SAFETY: the parser reads a NUL-terminated text and allocates in the current memory context.
    unsafe { pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR) };
    Ok(())
}
