//! Owns the tests of errors: their fields as a client gets them.

#[pgrx::pg_schema]
mod tests {
    use crate::pg::report::raise;
    use crate::pg::tests::frame::{Failure, Frame, failure, raw};
    use pgrx::pg_sys::Datum;
    use pgrx::{PgSqlErrorCode, Spi, pg_test};
    use tally_core::error::SqlState::{self, *};
    use tally_core::error::TallyError;

    /// The codes of PostgreSQL's documentation (appendix A).
    const CODES: [(SqlState, &str); 17] = [
        (InvalidParameterValue, "22023"),
        (InvalidTextRepresentation, "22P02"),
        (InvalidBinaryRepresentation, "22P03"),
        (DataCorrupted, "XX001"),
        (DatatypeMismatch, "42804"),
        (UndefinedFunction, "42883"),
        (UndefinedObject, "42704"),
        (FeatureNotSupported, "0A000"),
        (ProgramLimitExceeded, "54000"),
        (NumericValueOutOfRange, "22003"),
        (ArraySubscriptError, "2202E"),
        (NullValueNotAllowed, "22004"),
        (InvalidDatetimeFormat, "22007"),
        (OutOfMemory, "53200"),
        (InsufficientPrivilege, "42501"),
        (ObjectNotInPrerequisiteState, "55000"),
        (RaisedByText, "P0001"),
    ];

    /// The five letters of a code (MAKE_SQLSTATE of utils/elog.h: six bits each, the first letter lowest).
    fn letters(code: PgSqlErrorCode) -> String {
        (0..5)
            .map(|i| char::from(b'0' + (code as i32 >> (6 * i) & 0x3f) as u8))
            .collect()
    }

    #[pg_test]
    fn each_state_has_the_code_of_the_documentation() {
        for (state, code) in CODES {
            let full = failure(|| raise(TallyError::new(state, "what").detail("why").hint("SELECT 1;")));
            assert_eq!(letters(full.code), code);
            assert_eq!(
                (full.message.as_str(), full.detail.as_deref(), full.hint.as_deref()),
                ("what", Some("why"), Some("SELECT 1;"))
            );
        }
    }

    #[pg_test]
    fn parts_that_are_empty_are_left_out() {
        let Failure { detail, hint, .. } = failure(|| raise(TallyError::new(InvalidParameterValue, "what")));
        assert_eq!((detail, hint), (None, None));
    }

    /// What PL/pgSQL gets of the error that a statement ends with, as a client would.
    fn diagnostics(statement: &str) -> [Option<String>; 4] {
        Spi::run(
            "CREATE OR REPLACE FUNCTION pg_temp.diagnostics(statement text) RETURNS text[] LANGUAGE plpgsql AS $$
             DECLARE message text; detail text; hint text;
             BEGIN
                 EXECUTE statement;
                 RETURN NULL;
             EXCEPTION WHEN OTHERS THEN
                 GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                 RETURN ARRAY[SQLSTATE, message, nullif(detail, ''), nullif(hint, '')];
             END $$",
        )
        .unwrap();
        let frame = Frame::of(&[Some(raw(&format!("SELECT pg_temp.diagnostics($sql${statement}$sql$)")))]);
        let call = frame.call();
        let parts = call.texts(0).unwrap();
        std::array::from_fn(|i| parts[i].map(str::to_owned))
    }

    #[pg_test]
    fn an_error_of_the_glue_reaches_plpgsql_in_four_parts() {
        let [code, message, detail, hint] = diagnostics("SELECT tally.tdigest(1.0, 5)");
        assert_eq!(code.as_deref(), Some("22023"));
        assert_eq!(message.as_deref(), Some("compression expected in 20 to 5000, got 5"));
        assert_eq!(
            detail.as_deref(),
            Some("compression is the greatest number of centroids; each takes about 11 bytes.")
        );
        assert_eq!(hint.as_deref(), Some("SELECT tally.tdigest(value, 180) FROM …"));
    }

    #[pg_test]
    fn an_error_of_postgresql_passes_through_rust_whole() {
        // jsonb_in raises inside the glue's own call of it.
        let [direct @ .., _] = diagnostics(r#"SELECT jsonb '{"a": oops}'"#);
        let raised = failure(|| crate::pg::json::jsonb_datum(r#"{"a": oops}"#));
        assert_eq!(direct[0].as_deref(), Some(letters(raised.code).as_str()));
        assert_eq!(direct[1], Some(raised.message));
        assert_eq!(direct[2], raised.detail, "and without a backtrace in it");
    }

    #[pg_test]
    fn a_panic_is_an_internal_error_without_a_backtrace() {
        let panic = failure(|| -> Datum { panic!("this cannot be") });
        assert_eq!(
            (letters(panic.code).as_str(), panic.message.as_str()),
            ("XX000", "this cannot be")
        );
        assert_eq!(panic.detail.unwrap_or_default(), "");
    }

    #[pg_test]
    fn the_session_goes_on_after_errors_of_every_kind() {
        for statement in [
            "SELECT tally.tdigest(1.0, 5)",
            "SELECT 'nonsense'::tally.hll",
            "SELECT tally.window_funnel(NULL, now(), true)",
            "SELECT tally.parse_condition('fluffy')",
            "SELECT tally_internal._redeem(1)",
        ] {
            let [code, message, ..] = diagnostics(statement);
            assert!(code.is_some() && message.is_some_and(|m| !m.is_empty()), "{statement}");
            assert_eq!(Spi::get_one::<i64>("SELECT tally.count(tally.stats(1))"), Ok(Some(1)));
        }
    }
}
