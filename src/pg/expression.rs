//! Owns the look at a text before it is put into a statement: PostgreSQL's own grammar says whether it is one expression.
//!
//! A definition's text is an operand in statements that the engine writes, some of which others than its maker run: the flat view
//! of metrics, for one. A text that closes a parenthesis, ends in a comment or holds a semicolon would write a statement of its own.
//! Nothing is run here, and only `_parse_tree` looks up names: it says what a query calls before anybody runs it.

use pgrx::pg_sys::{self, Datum};
use std::ffi::{CStr, CString};
use tally_core::error::{SqlState, TallyError};

crate::pg_fn! {
    /// `tally_internal._check_expression(text)`: an error where a text is not one expression that can stand between parentheses.
    tally_check_expression(call)? {
        let text = call.str(0)?;
        // Between THEN and END stands one expression and no list; between parentheses, nothing that closes them.
        for whole in [format!("CASE WHEN true THEN {text} END"), format!("({text})::pg_catalog.text")] {
            parse(&whole)?;
        }
        Ok(Datum::from(0usize))
    }

    /// `tally_internal._check_from_item(text)`: the same for what is joined to a table.
    tally_check_from_item(call)? {
        let text = call.str(0)?;
        for tail in ["", " WHERE true"] {
            parse(&format!("true FROM pg_catalog.pg_class CROSS JOIN LATERAL {text}{tail}"))?;
        }
        Ok(Datum::from(0usize))
    }

    /// `tally_internal._statement_count(text)`: how many statements a text holds, by the grammar; a syntax error is raised as such.
    tally_statement_count(call)? {
        let text = c_text(call.str(0)?)?;
        // SAFETY: the parser reads a NUL-terminated text and allocates in the current memory context; its list is NULL where it is empty.
        let count = unsafe {
            let statements = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
            if statements.is_null() { 0 } else { (*statements).length }
        };
        Ok(Datum::from(count))
    }

    /// `tally_internal._raw_tree(text)`: the trees of a text's statements as the grammar alone makes them. String constants are in it as they are
    /// meant, whatever quotes and escapes they are written with. No name is looked up.
    tally_raw_tree(call)? {
        let text = c_text(call.str(0)?)?;
        // SAFETY: the parser reads a NUL-terminated text and allocates in the current memory context; nodeToString takes any list of
        // nodes, also an empty one, and returns a NUL-terminated text.
        let tree = unsafe {
            let statements = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
            CStr::from_ptr(pg_sys::nodeToString(statements.cast())).to_string_lossy().into_owned()
        };
        Ok(call.return_str(&tree))
    }

    /// `tally_internal._parse_tree(text)`: the trees of a text's statements as PostgreSQL's analysis makes them, views not yet replaced by their
    /// queries. Types of parameters follow from where they stand. Nothing is planned or run.
    tally_parse_tree(call)? {
        let text = c_text(call.str(0)?)?;
        let mut trees = String::new();
        // SAFETY: parser and analysis read the NUL-terminated text, which outlives them, and allocate in the current memory context;
        // each member of the parser's list is a RawStmt; nodeToString returns a NUL-terminated text.
        unsafe {
            let statements = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT);
            for i in 0..if statements.is_null() { 0 } else { (*statements).length } {
                let statement = (*(*statements).elements.add(i as usize)).ptr_value.cast::<pg_sys::RawStmt>();
                let (mut types, mut count) = (std::ptr::null_mut::<pg_sys::Oid>(), 0);
                let query = pg_sys::parse_analyze_varparams(
                    statement,
                    text.as_ptr(),
                    &raw mut types,
                    &raw mut count,
                    std::ptr::null_mut(),
                );
                trees.push_str(&CStr::from_ptr(pg_sys::nodeToString(query.cast())).to_string_lossy());
            }
        }
        Ok(call.return_str(&trees))
    }
}

/// The text as the parser takes it: ended by a NUL, and without one inside.
fn c_text(text: &str) -> Result<CString, TallyError> {
    CString::new(text).map_err(|_| TallyError::new(SqlState::InvalidParameterValue, "the text holds a NUL"))
}

/// The grammar of PL/pgSQL's expressions: what may follow SELECT, and no second statement. A syntax error is raised as such.
fn parse(text: &str) -> Result<(), TallyError> {
    let text = c_text(text)?;
    // SAFETY: the parser reads a NUL-terminated text and allocates in the current memory context.
    unsafe { pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR) };
    Ok(())
}
