//! Owns the tests of what a call changes for a while and must give back: settings, the user, the statement's timer, the environment.

#[pgrx::pg_schema]
mod tests {
    use crate::pg::tests::frame::{failure, one};
    use pgrx::pg_sys::{self, Oid};
    use pgrx::{Spi, pg_test};

    const SETTINGS: &str = "SELECT jsonb_object_agg(name, setting)::text FROM pg_settings
        WHERE name IN ('DateStyle', 'TimeZone', 'IntervalStyle', 'search_path', 'bytea_output', 'extra_float_digits', 'row_security', 'lc_time')";

    fn user_and_context() -> (Oid, i32) {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: reads two variables of the backend.
        unsafe { pg_sys::GetUserIdAndSecContext(&mut user, &mut context) };
        (user, context)
    }

    fn prepare() {
        Spi::run(
            "CREATE ROLE tally_maker;
             SET LOCAL DateStyle = 'German'; SET LOCAL TimeZone = 'Asia/Kathmandu'; SET LOCAL IntervalStyle = 'iso_8601';
             SET LOCAL bytea_output = 'escape'; SET LOCAL extra_float_digits = -3; SET LOCAL search_path = pg_catalog, pg_temp;
             CREATE FUNCTION pg_temp.runs(sql text, milliseconds int DEFAULT 0, zone text DEFAULT 'UTC') RETURNS text LANGUAGE plpgsql AS $$
             BEGIN
                 RETURN (SELECT string_agg(j::text, ' ') FROM tally.run_as('tally_maker', 'information_schema', sql, milliseconds, zone) AS j);
             EXCEPTION WHEN OTHERS THEN
                 RETURN 'error ' || SQLSTATE;
             END $$",
        )
        .unwrap();
    }

    fn runs(arguments: &str) -> String {
        one(&format!("SELECT pg_temp.runs({arguments})"))
    }

    #[pg_test]
    fn text_runs_as_its_owner_under_pinned_settings() {
        prepare();
        let seen = runs(
            "$$SELECT current_user AS who, current_setting('search_path') AS path, timestamptz '2026-03-01 12:00+00' AS at,
                      interval '1 day 2 hours' AS long, '\\x00ff'::bytea AS bytes, (0.1::float8 + 0.2::float8)::text AS sum$$, 0, 'Asia/Tokyo'",
        );
        let expected = concat!(
            r#"{"at": "2026-03-01T21:00:00+09:00", "sum": "0.30000000000000004", "who": "tally_maker", "long": "1 day 02:00:00", "#,
            r#""path": "pg_catalog, information_schema, pg_temp", "bytes": "\\x00ff"}"#
        );
        assert_eq!(seen, expected);
    }

    #[pg_test]
    fn settings_and_user_are_given_back_after_an_answer_and_after_each_error() {
        prepare();
        let (before, user) = (one::<String>(SETTINGS), user_and_context());
        for (sql, expected) in [
            ("$$SELECT 1 AS one$$", r#"{"one": 1}"#),
            ("$$SELECT 1 / 0$$", "error 22012"),
            ("$$SELECT nonsense$$", "error 42703"),
            ("$$SET ROLE postgres$$", "error 42501"),
            (
                "$$SELECT set_config('DateStyle', 'SQL', false) IS NULL AS is$$",
                r#"{"is": false}"#,
            ),
            ("$$COMMIT$$", "error XX000"),
            ("$$SELECT pg_sleep(5)$$, 50", "error 54000"),
            ("$$SELECT 1 AS one$$, 0, 'No/Zone'", "error 22023"),
        ] {
            assert_eq!(runs(sql), expected, "{sql}");
            assert_eq!(one::<String>(SETTINGS), before, "{sql}");
            assert_eq!(user_and_context(), user, "{sql}");
        }
    }

    #[pg_test]
    fn a_limit_of_a_query_leaves_the_clients_timer_as_it_was() {
        prepare();
        // A limit that ends a query must not end the statement that called it, nor the next one.
        assert_eq!(runs("$$SELECT pg_sleep(5)$$, 50"), "error 54000");
        Spi::run("SELECT pg_sleep(0.12)").unwrap();
        assert_eq!(runs("$$SELECT 1 AS one$$, 50"), r#"{"one": 1}"#);
        Spi::run("SELECT pg_sleep(0.12)").unwrap();
    }

    #[pg_test]
    fn the_refresh_timeout_is_an_interval_and_nonsense_is_an_error() {
        prepare();
        for (value, expected) in [
            ("50 ms", "error 54000"),
            ("0.05", "error 54000"),
            ("", r#"{"n": 1}"#),
            ("0", r#"{"n": 1}"#),
            ("400 years", r#"{"n": 1}"#),
            ("soon", "error 22007"),
        ] {
            Spi::run(&format!("SET LOCAL tally.refresh_timeout = '{value}'")).unwrap();
            assert_eq!(
                runs("$$SELECT 1 AS n FROM (SELECT pg_sleep(0.2)) AS slept$$"),
                expected,
                "'{value}'"
            );
            assert_eq!(
                one::<String>("SELECT current_user::text"),
                one::<String>("SELECT session_user::text"),
                "'{value}'"
            );
        }
    }

    #[pg_test]
    fn a_ticket_proves_its_drawer_once() {
        let who: Oid = one("SELECT tally_internal._redeem(tally_internal._me())::oid");
        assert_eq!(who, user_and_context().0);
        let ticket: i64 = one("SELECT tally_internal._me()");
        let redeem = format!("SELECT tally_internal._redeem({ticket})");
        Spi::run(&redeem).unwrap();
        let again = failure(|| Spi::run(&redeem));
        assert_eq!(again.code, pgrx::PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE);
    }

    #[pg_test]
    fn the_environment_is_as_the_server_was_started_with() {
        // The library asks for no backtraces when it is loaded, and must not keep others from having theirs.
        assert_eq!(std::env::var("RUST_LIB_BACKTRACE").ok(), None);
        assert!(matches!(
            std::backtrace::Backtrace::capture().status(),
            std::backtrace::BacktraceStatus::Disabled
        ));
    }
}
